"""The skew-normal of mean 0 and variance 1 against scipy's, and its integrals against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, skewnorm

from bayesnu.physics import skew_normal

POINTS = np.array([-6.0, -1.3, -0.2, 0.0, 0.7, 2.1, 5.0])


def reference(alpha: float) -> object:
    """scipy's distribution, moved to mean 0 and scaled to variance 1."""
    mean, variance = skewnorm.stats(alpha, moments="mv")
    return skewnorm(alpha, loc=-mean / np.sqrt(variance), scale=1 / np.sqrt(variance))


@pytest.mark.parametrize("alpha", [-7.0, -1.0, 0.3, 2.0, 10.0])
def test_it_is_scipy_s(alpha: float) -> None:
    expected = reference(alpha)
    at = np.full_like(POINTS, alpha)
    np.testing.assert_allclose(skew_normal.density(POINTS, at), expected.pdf(POINTS), rtol=1e-9, atol=1e-15)  # type: ignore[attr-defined]
    np.testing.assert_allclose(skew_normal.probability_below(POINTS, at), expected.cdf(POINTS), atol=1e-13)  # type: ignore[attr-defined]
    assert expected.mean() == pytest.approx(0, abs=1e-12) and expected.var() == pytest.approx(1, rel=1e-12)  # type: ignore[attr-defined]


@pytest.mark.parametrize("alpha", [-7.0, 0.3, 2.0])
def test_the_moment_is_the_integral_of_its_density(alpha: float) -> None:
    known = reference(alpha)
    for z in POINTS:
        expected = quad(lambda t: t * known.pdf(t), -15, z, epsabs=1e-12, limit=200)[0]  # type: ignore[attr-defined]
        assert skew_normal.moment_below(np.array(z), np.array(alpha)) == pytest.approx(expected, abs=1e-10)
    assert abs(skew_normal.moment_below(np.array(40.0), np.array(alpha))) < 1e-15


def test_without_skewness_it_is_a_gaussian() -> None:
    none = np.zeros_like(POINTS)
    np.testing.assert_allclose(skew_normal.density(POINTS, none), norm.pdf(POINTS), rtol=1e-14)
    np.testing.assert_allclose(skew_normal.probability_below(POINTS, none), norm.cdf(POINTS), rtol=1e-14)
    np.testing.assert_allclose(skew_normal.moment_below(POINTS, none), -norm.pdf(POINTS), rtol=1e-13)
