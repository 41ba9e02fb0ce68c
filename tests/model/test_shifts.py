"""Shifts of the response: the expansion against exact folds, and where it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.inference import profile
from bayesnu.inference.interval import ProfileInterval
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.shifts import FOLDED, Shift, find_values
from bayesnu.support.errors import BayesnuError


def shifted(data_set: str, parameter: str, width: float, preset_name: str = "default") -> ProfileInterval:
    analysis = preset(preset_name, threshold_shift_kev=width)
    return profile.interval(build([experiments.load(data_set, analysis.inputs)], [parameter], analysis))


# 90 % profile intervals with the response folded anew at 49 shifts, each fitted by itself and the smallest chi^2 taken.
EXACT = [
    ("xenonnt-sr0", "q_nu", 0.10, (-0.196, 0.496), 0.005),
    ("xenonnt-sr0", "mu_nu", 0.15, (0.0, 0.834), 0.005),
    ("pandax4t-run1", "q_nu", 0.05, (-0.745, 0.910), 0.012),  # its efficiency is a step in every bin
    ("pandax4t-run1", "q_nu", 0.10, (-0.855, 1.020), 0.02),
    ("pandax4t-run1", "mu_nu", 0.10, (0.0, 2.750), 0.015),
]


@pytest.mark.parametrize(("name", "parameter", "width", "ends", "allowed"), EXACT)
def test_intervals_are_those_of_exact_folds(
    name: str, parameter: str, width: float, ends: tuple[float, float], allowed: float
) -> None:
    found = shifted(name, parameter, width)
    assert found.upper == pytest.approx(ends[1], rel=allowed)
    assert found.lower == pytest.approx(ends[0], rel=allowed)


@pytest.mark.parametrize("parameter", ["mu_nu", "q_nu", "r2_nu"])
def test_a_shift_beyond_the_expansion_is_refused(parameter: str) -> None:
    said = r"^pandax4t-run1: threshold_shift: the expansion in the shift is wrong by 0\.\d+ of the root [^\n]+ smaller$"
    with pytest.raises(BayesnuError, match=said):
        shifted("pandax4t-run1", parameter, 0.15)


def test_a_signal_that_the_expansion_misses_is_refused_though_the_standard_model_fits() -> None:
    # Below the threshold nearly nothing is expected, but a charge brings counts that depend on it steeply.
    assert build([experiments.load("pandax4t-run1", "paper")], (), preset("paper", threshold_shift_kev=0.05))
    with pytest.raises(BayesnuError, match="the expansion in the shift is wrong by"):
        shifted("pandax4t-run1", "q_nu", 0.05, "paper")


def test_a_parabola_is_expanded_exactly_and_a_kink_is_not() -> None:
    rest = np.array([[50.0, 9.0]])
    parabola = Shift("x", rest, np.array([rest + z * 3.0 - 0.5 * z**2 for z in FOLDED]))
    np.testing.assert_allclose(parabola.slope, [[3.0, 3.0]], rtol=1e-13)
    np.testing.assert_allclose(parabola.curvature, [[-0.5, -0.5]], rtol=1e-13)
    parabola.check_error(np.ones((1, 1)))
    with pytest.raises(BayesnuError, match=r"^x: the expansion in the shift gives negative counts in bin 2 at -3\.0 "):
        parabola.check_sign(np.ones(1))
    kink = Shift("x", rest, np.array([rest + np.array([abs(z), 0.0]) for z in FOLDED]))
    with pytest.raises(BayesnuError, match=r"^x: [^\n]+ of the count in bin 1 at [^\n]+, where 0\.1 is allowed; "):
        kink.check_error(np.full((1, 1), 4.0))
    kink.check_error(np.full((1, 1), 0.1))


def test_a_signal_is_tried_where_data_could_show_it() -> None:
    linear, quadratic, background = np.array([1.0, 0.0]), np.array([0.0, 2.0]), np.array([100.0, 25.0])
    values = [*find_values(linear, quadratic, background, (-10.0, 10.0))]
    assert [np.sign(x) for x in values] == [-1, 1]
    for x in values:
        strength = np.hypot(x / 10, 2 * x**2 / 5)
        assert 2 <= strength < 2 * 1.45  # the next part of the range
    assert [*find_values(linear, quadratic, background, (0.0, 10.0))] == values[1:]
