"""The response of a bin to a true energy: conservation, closed form against quadrature, knots, shifts, quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, skewnorm

from bayesnu.physics import detector
from bayesnu.physics.detector import Response
from bayesnu.physics.resolution import Resolution, TabulatedResolution
from tests.physics import oracle

Coefficients = tuple[float, float, float, float, float, float]
Knots = tuple[tuple[float, float], ...]

XENONNT = (0.0, 0.310, 0.0037, 0.0, 0.0, np.inf)
PANDAX = (0.073, 0.0, 0.173, -6.5e-3, 1.1e-4, 30.0)
CONSTANT = (0.5, 0.0, 0.0, 0.0, 0.0, np.inf)
KNOTS = ((0.4, 0.0), (1.0, 0.1), (2.3, 0.7), (5.0, 0.85), (12.0, 0.8))
STEPS = ((1.0, 0.2), (2.0, 0.2), (2.0, 0.6), (3.5, 0.6), (3.5, 0.9))
ALL_PASS = ((-100.0, 1.0),)


def response(edges: np.ndarray, resolution: Coefficients = XENONNT, knots: Knots = KNOTS, **choices: Any) -> Response:
    energies, values = np.array(knots).T
    return Response(np.asarray(edges, float), Resolution(*resolution), energies, values, **choices)


def width_of(coefficients: Coefficients) -> Callable[[float], float]:
    """sigma(T) in keV, written out again."""
    a, b, c, d, e, top = coefficients

    def sigma(energy: float) -> float:
        t = min(energy, top)
        return float(a + b * t**0.5 + c * t + d * t**2 + e * t**3)

    return sigma


def weights(true_kev: np.ndarray, shape: Response) -> np.ndarray:
    """W_b(T'): response of every bin to single true energies, shape (energies, bins)."""
    return np.array([detector.fold(np.ones((1, 1)), np.array([t]), shape)[0] for t in np.atleast_1d(true_kev)])


# --- resolution and efficiency ---


def test_resolutions_are_the_published_formulas() -> None:
    energies = np.array([0.5, 1.0, 5.0, 10.0, 29.0])
    expected = [oracle.xenonnt_resolution(t) for t in energies]
    np.testing.assert_allclose(Resolution(*XENONNT).sigma_kev(energies), expected, rtol=1e-14)
    expected = [oracle.pandax_resolution(t) for t in energies]
    np.testing.assert_allclose(Resolution(*PANDAX).sigma_kev(energies), expected, rtol=1e-13)


def test_resolution_is_frozen_above_its_range() -> None:
    above = Resolution(*PANDAX).sigma_kev(np.array([30.0, 30.1, 60.0, 1e4]))
    np.testing.assert_array_equal(above, above[0])
    assert above[0] == pytest.approx(oracle.pandax_resolution(30.0), rel=1e-13)
    assert oracle.pandax_resolution(60.0) > 4 * above[0]  # what the bare polynomial would do


def test_efficiency_is_linear_between_knots_zero_below_and_constant_above() -> None:
    energies, values = np.array(KNOTS).T
    x = np.array([0.0, 0.399, 0.4, 0.7, 1.65, 12.0, 13.0, 500.0])
    expected = [0, 0, 0, 0.05, 0.4, 0.8, 0.8, 0.8]
    np.testing.assert_allclose(detector.efficiency_at(x, energies, values), expected, atol=1e-14)


def test_a_repeated_knot_is_a_step() -> None:
    energies, values = np.array(STEPS).T
    x = np.array([0.999, 1.0, 1.999, 2.0, 2.001, 3.499, 3.5, 9.0])
    expected = [0, 0.2, 0.2, 0.6, 0.6, 0.6, 0.9, 0.9]
    np.testing.assert_allclose(detector.efficiency_at(x, energies, values), expected, atol=1e-14)


def test_a_single_knot_is_a_threshold() -> None:
    found = detector.efficiency_at(np.array([0.9, 1.1]), np.array([1.0]), np.array([0.7]))
    np.testing.assert_array_equal(found, [0, 0.7])


# --- conservation ---


@pytest.mark.parametrize("resolution", [XENONNT, PANDAX, CONSTANT])
@pytest.mark.parametrize("efficiency_on", ["reconstructed", "true"])
@pytest.mark.parametrize("binning", ["integrated", "centre"])
def test_no_event_is_lost_or_made(resolution: Coefficients, efficiency_on: str, binning: str) -> None:
    step = 0.02 if binning == "centre" else 5.0  # a rule of centres is exact when fine
    edges = np.arange(-10.0, 60.0 + step / 2, step)
    shape = response(edges, resolution, ALL_PASS, efficiency_on=efficiency_on, binning=binning)
    np.testing.assert_allclose(weights(np.array([0.5, 3.0, 17.2]), shape).sum(axis=1), 1, rtol=1e-9)


def test_the_mean_and_width_of_the_response_are_those_asked_for() -> None:
    edges = np.linspace(-10, 40, 5001)
    middle = (edges[1:] + edges[:-1]) / 2
    probability = weights(np.array(12.0), response(edges, PANDAX, ALL_PASS))[0]
    mean = probability @ middle
    assert mean == pytest.approx(12, abs=1e-6)
    assert np.sqrt(probability @ (middle - mean) ** 2) == pytest.approx(oracle.pandax_resolution(12.0), rel=1e-3)


def test_bins_add() -> None:
    fine, coarse = response(np.linspace(1, 9, 17)), response(np.linspace(1, 9, 5))
    true = np.array([0.8, 2.0, 4.4, 9.9])
    summed = weights(true, fine).reshape(4, 4, 4).sum(axis=2)
    np.testing.assert_allclose(summed, weights(true, coarse), rtol=1e-10, atol=1e-16)  # a probability's rounding


def test_the_fold_is_linear_in_the_rates() -> None:
    rng = np.random.default_rng(1)
    shape, true = response(np.arange(1.0, 8.0)), np.sort(rng.uniform(0.5, 10, 40))
    rates = rng.uniform(0, 1, (3, 40))
    together = detector.fold(rates, true, shape)
    np.testing.assert_allclose(together, rates @ weights(true, shape), rtol=1e-12)


@pytest.mark.parametrize("binning", ["integrated", "centre"])
def test_where_the_width_is_taken_does_not_matter_if_it_is_constant(binning: str) -> None:
    edges, true = np.arange(0.0, 8.0), np.array([0.3, 2.0, 6.9])
    places = ("true", "reconstructed")
    one, other = (weights(true, response(edges, CONSTANT, binning=binning, resolution_at=where)) for where in places)
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-15)


# --- against the oracle ---


@pytest.mark.parametrize("resolution", [XENONNT, PANDAX])
@pytest.mark.parametrize("efficiency_on", ["reconstructed", "true"])
@pytest.mark.parametrize("resolution_at", ["true", "reconstructed"])
@pytest.mark.parametrize("binning", ["integrated", "centre"])
def test_the_response_is_the_oracle_s(
    resolution: Coefficients, efficiency_on: str, resolution_at: str, binning: str
) -> None:
    edges, true = np.array([0.5, 1.0, 2.0, 3.0, 6.0]), np.array([0.2, 1.1, 2.6, 5.2])
    shape = response(edges, resolution, efficiency_on=efficiency_on, resolution_at=resolution_at, binning=binning)
    knots = KNOTS if efficiency_on == "reconstructed" else ALL_PASS

    def expected(energy: float, low: float, high: float) -> float:
        weight = oracle.acceptance(energy, low, high, width_of(resolution), knots, binning, resolution_at, "quad")
        return weight * (oracle.efficiency_at(energy, KNOTS) if efficiency_on == "true" else 1.0)

    wanted = [[expected(energy, low, high) for low, high in pairwise(edges)] for energy in true]
    np.testing.assert_allclose(weights(true, shape), wanted, rtol=1e-7, atol=1e-13)


def test_closed_form_and_quadrature_of_the_oracle_agree_with_the_package() -> None:
    edges, true = np.arange(1.0, 6.0), 2.9
    found = weights(np.array(true), response(edges))[0]
    for method in ("closed", "quad"):
        wanted = [
            oracle.acceptance(true, low, high, oracle.xenonnt_resolution, KNOTS, "integrated", "true", method)
            for low, high in pairwise(edges)
        ]
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.parametrize("true", [0.7, 1.9, 2.0, 3.4, 6.0])
def test_a_step_efficiency_inside_a_bin_is_a_sum_of_gaussian_areas(true: float) -> None:
    sigma = oracle.xenonnt_resolution(true)
    borders, plateau = np.array([1.0, 2.0, 3.5, 5.0]), np.array([0.2, 0.6, 0.9])
    expected = plateau @ np.diff(norm.cdf(borders, true, sigma))
    assert weights(np.array(true), response(np.array([0.5, 5.0]), knots=STEPS))[0, 0] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("true", [0.7, 2.0, 3.4])
def test_a_step_efficiency_with_the_width_at_the_reconstructed_energy(true: float) -> None:
    def density(x: float) -> float:
        return oracle.gaussian(x, true, oracle.xenonnt_resolution(x))

    borders, plateau = (1.0, 2.0, 3.5, 5.0), (0.2, 0.6, 0.9)
    parts = [quad(density, a, b, epsrel=1e-11)[0] for a, b in pairwise(borders)]
    shape = response(np.array([0.5, 5.0]), knots=STEPS, resolution_at="reconstructed")
    assert weights(np.array(true), shape)[0, 0] == pytest.approx(np.dot(plateau, parts), rel=1e-8)


def test_a_step_on_a_bin_edge_does_not_leak() -> None:
    shape = response(np.array([1.0, 2.0, 3.0]), knots=((1.0, 0.5), (2.0, 0.5), (2.0, 1.0)))
    low, high = weights(np.array(2.0), shape)[0]
    sigma = oracle.xenonnt_resolution(2.0)
    assert low == pytest.approx(0.5 * (0.5 - norm.cdf(-1 / sigma)), rel=1e-12)
    assert high == pytest.approx(0.5 - norm.cdf(-1 / sigma), rel=1e-12)


def test_far_tails_are_positive_and_tiny() -> None:
    found = weights(np.array([0.05, 1.0, 25.0]), response(np.arange(1.0, 31.0)))
    assert np.all(found >= -1e-16)
    assert found[0, 5:].max() < 1e-15 and found[2, :5].max() < 1e-15


# --- shifts ---


@pytest.mark.parametrize("efficiency_on", ["reconstructed", "true"])
@pytest.mark.parametrize("binning", ["integrated", "centre"])
def test_a_threshold_shift_moves_the_knots(efficiency_on: str, binning: str) -> None:
    shape = response(np.arange(1.0, 6.0), efficiency_on=efficiency_on, binning=binning)
    moved = replace(shape, efficiency_kev=shape.efficiency_kev + 0.13)
    true = np.array([0.6, 1.2, 3.3])
    shifted = weights(true, replace(shape, threshold_shift_kev=0.13))
    np.testing.assert_allclose(shifted, weights(true, moved), rtol=1e-12)
    assert np.all(shifted[:, 0] < weights(true, shape)[:, 0])


@pytest.mark.parametrize("scale", [-0.05, 0.02])
def test_an_energy_scale_moves_the_mean_and_keeps_the_width(scale: float) -> None:
    true, edges = 4.0, np.arange(1.0, 9.0)
    shape = response(edges, knots=ALL_PASS, energy_scale=scale)
    expected = np.diff(norm.cdf(edges, true * (1 + scale), oracle.xenonnt_resolution(true)))
    np.testing.assert_allclose(weights(np.array(true), shape)[0], expected, rtol=1e-10)


@pytest.mark.parametrize("shift", [-0.2, 0.3])
def test_mean_efficiency_ratio_is_that_of_the_integrals(shift: float) -> None:
    edges = np.arange(1.0, 7.0)
    found = detector.mean_efficiency_ratio(response(edges), shift)

    def mean(low: float, high: float, moved: float) -> float:
        points = [x + moved for x, _ in KNOTS]
        return oracle.integral(lambda x: oracle.efficiency_at(x - moved, KNOTS), low, high, points)

    expected = [mean(low, high, shift) / mean(low, high, 0.0) for low, high in pairwise(edges)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_no_shift_changes_no_mean_efficiency() -> None:
    np.testing.assert_allclose(detector.mean_efficiency_ratio(response(np.arange(0.0, 9.0), knots=STEPS), 0.0), 1)


# --- quadrature in true energy ---

BREAKS = np.array([0.0121, 0.2132, 1.1487, 5.1037, 34.561])


@pytest.mark.parametrize("resolution", [XENONNT, PANDAX])
@pytest.mark.parametrize("power", [-2, -1, 0, 1, 3])
def test_the_grid_integrates_the_powers_that_occur(resolution: Coefficients, power: int) -> None:
    nodes, weight = detector.true_energy_grid(response(np.arange(1.0, 31.0), resolution), 0.0121, BREAKS)
    low, high = 0.0121, nodes.max()
    total = np.sum(weight * nodes.astype(float) ** power)
    antiderivative = np.log if power == -1 else (lambda x: x ** (power + 1) / (power + 1))
    end = low + weight.sum()
    assert high < end < 1.1 * high
    assert total == pytest.approx(antiderivative(end) - antiderivative(low), rel=1e-9)


def test_the_grid_resolves_shell_edges_exactly() -> None:
    nodes, weight = detector.true_energy_grid(response(np.arange(1.0, 31.0)), 0.0121, BREAKS)
    for edge, following in pairwise([*BREAKS[:-1], 34.561]):
        assert np.sum(weight[(nodes > edge) & (nodes < following)]) == pytest.approx(following - edge, rel=1e-12)


def test_the_grid_ends_panels_at_the_knots_of_an_efficiency_on_true_energy() -> None:
    shape = response(np.arange(1.0, 31.0), knots=STEPS, efficiency_on="true", threshold_shift_kev=0.05)
    nodes, weight = detector.true_energy_grid(shape, 0.0121, BREAKS)
    passed = np.sum(weight * detector.efficiency_at(nodes, shape.efficiency_kev + 0.05, shape.efficiency))
    end = 0.0121 + weight.sum()
    assert passed == pytest.approx(0.2 * 1.0 + 0.6 * 1.5 + 0.9 * (end - 3.55), rel=1e-12)


def test_the_grid_reaches_beyond_the_last_bin_until_nothing_comes_back() -> None:
    for resolution in (XENONNT, PANDAX):
        shape = response(np.arange(1.0, 31.0), resolution, ALL_PASS)
        nodes, _ = detector.true_energy_grid(shape, 0.0121, BREAKS)
        assert weights(nodes.max(), shape).sum() < 1e-15


def test_a_lower_cut_starts_the_grid_there() -> None:
    nodes, weight = detector.true_energy_grid(response(np.arange(1.0, 31.0)), 1.0, BREAKS)
    assert nodes.min() > 1.0 and np.all(weight > 0) and np.all(np.diff(nodes) > 0)


def test_halving_doubles_the_nodes_and_keeps_the_range() -> None:
    shape = response(np.arange(1.0, 31.0))
    (coarse, w), (fine, v) = (detector.true_energy_grid(shape, 0.0121, BREAKS, halvings) for halvings in (0, 1))
    assert len(fine) == 2 * len(coarse)
    assert v.sum() == pytest.approx(w.sum(), rel=1e-12)


# --- tables and skewness ---

TABLE = TabulatedResolution((1.0, 3.0, 10.0), (0.3, 0.5, 0.9))
SKEWED = TabulatedResolution((1.0, 3.0, 10.0), (0.3, 0.5, 0.9), (0.0, 4.0, -1.5))


def shape_of(resolution: TabulatedResolution, edges: np.ndarray, **choices: Any) -> Response:
    energies, values = np.array(KNOTS).T
    return Response(edges, resolution, energies, values, **choices)


def skewed_density(x: float, energy: float, at: float) -> float:
    """scipy's skew-normal of mean `energy`, with the width and skewness that the table has `at` an energy."""
    sigma = float(np.interp(at, (1.0, 3.0, 10.0), (0.3, 0.5, 0.9)))
    alpha = float(np.interp(at, (1.0, 3.0, 10.0), (0.0, 4.0, -1.5)))
    mean, variance = skewnorm.stats(alpha, moments="mv")
    scale = sigma / np.sqrt(variance)
    return float(skewnorm.pdf(x, alpha, loc=energy - mean * scale, scale=scale))


def test_a_table_folds_like_a_gaussian_of_its_width() -> None:
    edges, true = np.array([1.0, 2.0, 3.0, 6.0]), np.array([0.8, 2.0, 4.7])
    found = weights(true, shape_of(TABLE, edges))

    def width(energy: float) -> float:
        return float(np.interp(energy, (1.0, 3.0, 10.0), (0.3, 0.5, 0.9)))

    wanted = [
        [oracle.acceptance(energy, low, high, width, KNOTS, "integrated", "true", "quad") for low, high in pairwise(edges)]
        for energy in true
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("resolution_at", ["true", "reconstructed"])
def test_a_skewed_response_is_the_integral_of_scipy_s_skew_normal(resolution_at: str) -> None:
    edges, true = np.array([1.0, 2.0, 3.0, 6.0]), np.array([0.8, 2.0, 4.7])
    found = weights(true, shape_of(SKEWED, edges, resolution_at=resolution_at))
    for energy, row in zip(true, found, strict=True):
        for (low, high), weight in zip(pairwise(edges), row, strict=True):

            def integrand(x: float, energy: float = energy) -> float:
                at = energy if resolution_at == "true" else x
                return skewed_density(x, energy, at) * oracle.efficiency_at(x, KNOTS)

            ends = [low, *(x for x, _ in KNOTS if low < x < high), high]
            expected = sum(quad(integrand, a, b, epsabs=1e-12, limit=200)[0] for a, b in pairwise(ends))
            assert weight == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_a_skewed_response_at_the_centre_is_the_density_there() -> None:
    edges, true = np.array([1.0, 2.0, 3.0]), 2.2
    found = weights(np.array(true), shape_of(SKEWED, edges, binning="centre"))[0]
    expected = [skewed_density(x, true, true) * oracle.efficiency_at(x, KNOTS) for x in (1.5, 2.5)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_vanishing_skewness_is_none() -> None:
    edges, true = np.arange(0.0, 9.0), np.array([0.4, 2.0, 6.6])
    nearly = replace(TABLE, alphas=(1e-12, 0.0, 0.0))
    for binning in ("integrated", "centre"):
        one, other = (weights(true, shape_of(each, edges, binning=binning)) for each in (TABLE, nearly))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)


def test_a_skewed_response_keeps_every_event_its_mean_and_its_width() -> None:
    edges = np.linspace(-10, 30, 8001)
    middle = (edges[1:] + edges[:-1]) / 2
    shape = Response(edges, SKEWED, np.array([-100.0]), np.array([1.0]))
    probability = weights(np.array(4.0), shape)[0]
    assert probability.sum() == pytest.approx(1, rel=1e-12)
    mean = probability @ middle
    assert mean == pytest.approx(4, abs=1e-6)
    assert probability @ (middle - mean) ** 2 == pytest.approx(float(SKEWED.sigma_kev(4.0)) ** 2, rel=1e-4)
    assert probability @ (middle - mean) ** 3 > 0  # alpha is positive at 4 keV: the longer tail lies above


def test_panels_end_at_the_knots_of_a_table() -> None:
    nodes, weight = detector.true_energy_grid(shape_of(SKEWED, np.arange(1.0, 13.0)), 0.0121, BREAKS)
    for low, high in pairwise((1.0, 3.0, 10.0)):
        assert np.sum(weight[(nodes > low) & (nodes < high)]) == pytest.approx(high - low, rel=1e-12)
