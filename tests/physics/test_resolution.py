"""Widths of the response: polynomial and table, what they refuse, and how far a response reaches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm, skewnorm

from bayesnu.physics.resolution import REACH, Resolution, TabulatedResolution, reach_of
from bayesnu.support.errors import BayesnuError

TABLE = TabulatedResolution((1.0, 3.0, 10.0), (0.3, 0.5, 0.9), (0.0, 2.0, -1.0))


def test_a_table_is_linear_between_its_knots_and_constant_beyond() -> None:
    energies = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 6.5, 10.0, 200.0])
    np.testing.assert_allclose(TABLE.sigma_kev(energies), [0.3, 0.3, 0.3, 0.4, 0.5, 0.7, 0.9, 0.9], rtol=1e-14)
    np.testing.assert_allclose(TABLE.alpha_at(energies), [0, 0, 0, 1, 2, 0.5, -1, -1], atol=1e-14)
    assert TABLE.kinks_kev == (1.0, 3.0, 10.0) and TABLE.largest_alpha == 2


def test_a_table_without_skewness_is_gaussian() -> None:
    gaussian = TabulatedResolution((2.0,), (0.4,))
    assert gaussian.largest_alpha == 0
    np.testing.assert_array_equal(gaussian.alpha_at(np.array([0.1, 5.0])), [0, 0])
    np.testing.assert_array_equal(gaussian.sigma_kev(np.array([0.1, 5.0])), [0.4, 0.4])


def test_a_polynomial_with_many_knots_is_its_table() -> None:
    polynomial = Resolution(sqrt_kev=0.31, linear=0.0037, valid_to_kev=20.0)
    knots = np.linspace(0.01, 20, 4000)
    table = TabulatedResolution(tuple(knots), tuple(0.31 * np.sqrt(knots) + 0.0037 * knots))
    energies = np.array([1.0, 7.3, 20.0, 45.0])
    np.testing.assert_allclose(table.sigma_kev(energies), polynomial.sigma_kev(energies), rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.5, -3.0, 10.0])
def test_nothing_is_left_beyond_the_reach(alpha: float) -> None:
    reach = reach_of(Resolution(constant_kev=0.5, alpha=alpha))
    x, location, scale = azzalini(alpha, np.array([-reach, reach]))
    assert skewnorm.cdf(x[0], alpha) + skewnorm.sf(x[1], alpha) < 1e-15
    assert reach == REACH if alpha == 0 else REACH < reach < 1.66 * REACH
    assert norm.sf(REACH) < 1e-16 and scale * reach > 0 and np.isfinite(location)


def azzalini(alpha: float, z: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The variable of scipy's skew-normal for z of mean 0 and variance 1, with its location and scale."""
    mean, variance = skewnorm.stats(alpha, moments="mv")
    scale = 1 / np.sqrt(variance)
    return (z + mean * scale) / scale, float(-mean * scale), float(scale)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Resolution(alpha=11.0), "alpha = 11; must be within 10 of 0"),
        (lambda: Resolution(alpha=np.nan), "resolution: alpha: found nan"),
        (lambda: TabulatedResolution((), ()), "found 0 energies"),
        (lambda: TabulatedResolution((1.0, 2.0), (0.1,)), "found 2 energies, 1 widths"),
        (lambda: TabulatedResolution((1.0, 2.0), (0.1, 0.2), (1.0,)), "1 alphas"),
        (lambda: TabulatedResolution((2.0, 1.0), (0.1, 0.2)), "must increase"),
        (lambda: TabulatedResolution((1.0, 2.0), (0.1, 0.0)), "found a width of 0 keV"),
        (lambda: TabulatedResolution((1.0, 2.0), (0.1, 0.2), (1.0, -12.0)), "alpha = -12"),
    ],
)
def test_a_response_that_cannot_be_is_refused(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BayesnuError, match=sentence):
        make()
