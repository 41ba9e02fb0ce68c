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
    ("pandax4t-run1", "q_nu", 0.10, (-0.855, 1.020), 0.012),
    ("pandax4t-run1", "mu_nu", 0.10, (0.0, 2.750), 0.012),
    ("pandax4t-run1", "mu_nu", 0.15, (0.0, 2.980), 0.012),
]


@pytest.mark.parametrize(("name", "parameter", "width", "ends", "allowed"), EXACT)
def test_intervals_are_those_of_exact_folds(
    name: str, parameter: str, width: float, ends: tuple[float, float], allowed: float
) -> None:
    found = shifted(name, parameter, width)
    assert found.upper == pytest.approx(ends[1], rel=allowed)
    assert found.lower == pytest.approx(ends[0], rel=allowed)


@pytest.mark.parametrize(("width", "counts"), [(0.05, 0.23), (0.10, 0.47), (0.15, 0.70)])
def test_the_error_of_a_stepped_efficiency_is_that_of_the_methods(
    width: float, counts: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def measure(shift: Shift, points: np.ndarray) -> None:
        near = [(z, moved) for z, moved in zip(FOLDED, shift.moved, strict=True) if abs(z) <= 2]
        found.append(max(np.abs(points @ (shift.counts_at(z) - moved)).max() for z, moved in near))

    monkeypatch.setattr(Shift, "check_error", measure)
    build([experiments.load("pandax4t-run1")], ["mu_nu"], preset(threshold_shift_kev=width))
    assert max(found) == pytest.approx(counts, abs=0.006)


@pytest.mark.parametrize("parameter", ["mu_nu", "q_nu", "r2_nu"])
def test_a_shift_beyond_the_expansion_is_refused(parameter: str) -> None:
    said = r"^pandax4t-run1: threshold_shift: the expansion in the shift is wrong by 0\.\d+ of the root [^\n]+ smaller$"
    with pytest.raises(BayesnuError, match=said):
        shifted("pandax4t-run1", parameter, 0.25)


def test_a_signal_that_the_expansion_misses_is_refused_though_the_standard_model_fits() -> None:
    # Below the threshold nearly nothing is expected, but a charge brings counts that depend on it steeply.
    assert build([experiments.load("pandax4t-run1", "paper")], (), preset("paper", threshold_shift_kev=0.1))
    with pytest.raises(BayesnuError, match="the expansion in the shift is wrong by"):
        shifted("pandax4t-run1", "q_nu", 0.1, "paper")


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_a_polynomial_is_expanded_exactly(degree: int) -> None:
    rest = np.array([[50.0, 9.0]])
    added = np.array([3.0, -0.5, 0.2, 0.04])[:degree]
    moved = np.array([rest + added @ z ** np.arange(1, degree + 1) for z in FOLDED])
    shift = Shift("x", rest, moved, [degree])
    np.testing.assert_allclose(shift.coefficients[:degree, 0], np.outer(added, [1, 1]), rtol=1e-11, atol=1e-12)
    assert np.all(shift.coefficients[degree:] == 0)
    np.testing.assert_allclose(shift.counts_at(-1.2), rest + added @ (-1.2) ** np.arange(1, degree + 1), rtol=1e-12)
    shift.check_error(np.ones((1, 1)))


def test_negative_counts_and_a_kink_are_refused() -> None:
    rest = np.array([[50.0, 9.0]])
    steep = Shift("x", rest, np.array([rest + 4.0 * z for z in FOLDED]), [2])
    with pytest.raises(BayesnuError, match=r"^x: the expansion in the shift gives negative counts in bin 2 at -3\.0 "):
        steep.check_sign(np.ones(1))
    steep.check_sign(np.zeros(1))
    kink = Shift("x", rest, np.array([rest + np.array([abs(z), 0.0]) for z in FOLDED]), [2])
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


def test_a_shift_has_no_prior_beyond_where_it_was_folded() -> None:
    model = build([experiments.load("xenonnt-sr0")], ["mu_nu"], preset("default", threshold_shift_kev=0.05))
    name = "threshold_shift[xenonnt-sr0]"
    assert model.with_prior(name, "flat", lower=-2, upper=2).names == model.names
    with pytest.raises(BayesnuError, match=r"^prior of threshold_shift\[xenonnt-sr0\]: found the range -30 to 30; [^\n]+$"):
        model.with_prior(name, "flat", lower=-30, upper=30)
