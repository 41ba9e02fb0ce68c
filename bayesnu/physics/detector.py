"""The detector: what a rate at true energy T' becomes in bins of reconstructed energy T.

A bin collects the integral over T' of rate(T') W_b(T') with W_b(T') = integral over the bin of eps(T) G(T; T', sigma) dT.
With the width taken at T' and an efficiency that is linear between its knots, W_b has a closed form in error functions.
So only the integral over T' needs a quadrature. A skew-normal has one too, with Owen's function.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import erf, exp, pi, sqrt

import numpy as np

from bayesnu.physics import skew_normal
from bayesnu.physics.resolution import REACH, AnyResolution, reach_of
from bayesnu.support.compiled import compiled
from bayesnu.support.interpolation import interpolate_steps
from bayesnu.support.quadrature import gauss_legendre

ORDER = 8  # Gauss-Legendre nodes per panel
PANEL_IN_SIGMA = 1.0  # largest width of a panel, in standard deviations of the response
PANEL_RATIO = 1.5  # largest ratio of a panel's ends: the millicharge brings 1/T^2
MOST_WEIGHTS = 1 << 20  # of true energies times places that are held at a time


@dataclass(frozen=True)
class Response:
    """How true energy becomes counts in bins: every array in keV.

    `efficiency_kev` and `efficiency` are the knots of a piecewise linear curve: a repeated energy is a step, it is zero
    below and constant above.
    """

    edges_kev: np.ndarray
    resolution: AnyResolution
    efficiency_kev: np.ndarray
    efficiency: np.ndarray
    efficiency_on: str = "reconstructed"  # or "true"
    binning: str = "integrated"  # or "centre": bin width times the value at the bin's centre
    resolution_at: str = "true"  # or "reconstructed": the energy at which sigma is taken
    threshold_shift_kev: float = 0.0  # moves the efficiency curve to higher energy
    energy_scale: float = 0.0  # relative shift of the mean reconstructed energy


def efficiency_at(energy_kev: np.ndarray, knots_kev: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Efficiency at an energy: linear between knots, zero below the first, constant above the last."""
    energy = np.asarray(energy_kev, dtype=float)
    return np.where(energy < knots_kev[0], 0.0, interpolate_steps(energy, knots_kev, values))


def true_energy_grid(
    response: Response, lowest_kev: float, breaks_kev: np.ndarray, halvings: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights in true energy, keV, for every bin of the response.

    Panels end at `breaks_kev` (shell edges) and at the knots of an efficiency on true energy. They are no wider than
    sigma(T') and no longer than a ratio of `PANEL_RATIO`. `halvings` halves them that many times.
    """
    highest = _find_highest_energy(response)
    fixed = [lowest_kev, highest, *response.resolution.kinks_kev, *breaks_kev]
    if response.efficiency_on == "true":
        fixed.extend(response.efficiency_kev + response.threshold_shift_kev)
    ends = np.unique([end for end in fixed if lowest_kev <= end <= highest])
    panels = [_place_panels(a, b, response.resolution) for a, b in itertools.pairwise(ends)]
    borders = np.concatenate([*(p[:-1] for p in panels), ends[-1:]])
    for _ in range(halvings):
        borders = np.sort(np.concatenate([borders, (borders[1:] + borders[:-1]) / 2]))
    nodes, weights = gauss_legendre(ORDER)
    half = np.diff(borders)[:, None] / 2
    middle = (borders[1:] + borders[:-1])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()


def _find_highest_energy(response: Response) -> float:
    """Where the Gaussian tail no longer reaches down into the last bin; at most ten times its edge."""
    top = response.edges_kev[-1] / (1 + response.energy_scale)
    candidates = np.linspace(top, 10 * top, 1801)
    reaches = candidates - reach_of(response.resolution) * response.resolution.sigma_kev(candidates) <= top
    return float(candidates[min(np.flatnonzero(reaches).max() + 1, len(candidates) - 1)])


def _place_panels(start: float, stop: float, resolution: AnyResolution) -> np.ndarray:
    """Ends of panels between two fixed ends: evenly spread on a short way, else each as long as it may be."""
    ends = [start]
    while ends[-1] < stop:
        width = PANEL_IN_SIGMA * float(resolution.sigma_kev(ends[-1]))
        ends.append(min(ends[-1] + width, ends[-1] * PANEL_RATIO))
    if stop / start < 1.2:
        return np.linspace(start, stop, len(ends))
    return np.array([*ends[:-1], stop])


def fold(rates: np.ndarray, true_kev: np.ndarray, response: Response) -> np.ndarray:
    """Fold rates (n, nodes), already multiplied with quadrature weights, into bins: shape (n, bins)."""
    out = np.zeros((rates.shape[0], len(response.edges_kev) - 1))
    is_there = rates.any(axis=1)
    out[is_there] = _fold_present(rates[is_there], true_kev, response)
    return out


def _fold_present(rates: np.ndarray, true_kev: np.ndarray, response: Response) -> np.ndarray:
    """The same for rates that are not zero everywhere."""
    by_bin = np.zeros((len(response.edges_kev) - 1, rates.shape[0]))
    knots = response.efficiency_kev + response.threshold_shift_kev
    values = response.efficiency
    if response.efficiency_on == "true":
        rates = rates * efficiency_at(true_kev, knots, values)
        knots = np.array([min(0.0, response.edges_kev[0])])
        values = np.array([1.0])
    rates = np.ascontiguousarray(rates.T)
    mean = true_kev * (1 + response.energy_scale)
    sigma = response.resolution.sigma_kev(true_kev)
    is_skewed = response.resolution.largest_alpha > 0
    # The closed form, where there is one.
    if response.binning == "integrated" and response.resolution_at == "true":
        borders, intercept, slope, bins = _split_bins(response.edges_kev, knots, values)
        if is_skewed:
            weigh = partial(_weigh_segments, response=response, borders=borders, intercept=intercept, slope=slope)
            _add_parts(rates, true_kev, bins, weigh, by_bin)
        else:
            _fold_segments(rates, mean, sigma, borders, intercept, slope, bins, by_bin)
        return by_bin.T
    # Else a sum over nodes in reconstructed energy.
    nodes, weights, bins = _place_nodes(response)
    weights = weights * efficiency_at(nodes, knots, values)
    if is_skewed:
        weigh = partial(_weigh_nodes, response=response, nodes=nodes, weights=weights)
        _add_parts(rates, true_kev, bins, weigh, by_bin)
        return by_bin.T
    width = np.full_like(nodes, -1.0)
    if response.resolution_at == "reconstructed":
        width = response.resolution.sigma_kev(nodes)
    _fold_nodes(rates, mean, sigma, nodes, weights, width, bins, by_bin)
    return by_bin.T


def _split_bins(edges: np.ndarray, knots: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Split the bins at the knots: borders, and per segment the efficiency a + b T and the bin it belongs to."""
    inner = knots[(knots > edges[0]) & (knots < edges[-1])]
    borders = np.unique(np.concatenate([edges, inner]))
    middle = (borders[1:] + borders[:-1]) / 2
    quarter = np.diff(borders) / 4
    low, high = (efficiency_at(middle + side * quarter, knots, values) for side in (-1, 1))
    slope = (high - low) / (2 * quarter)
    bins = np.searchsorted(edges, middle, side="right") - 1
    return borders, (low + high) / 2 - slope * middle, slope, bins


def _place_nodes(response: Response) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes in reconstructed energy: the bin centre with the bin's width, or a rule between bin edges and knots."""
    edges = response.edges_kev
    if response.binning == "centre":
        return (edges[1:] + edges[:-1]) / 2, np.diff(edges), np.arange(len(edges) - 1)
    knots = response.efficiency_kev + response.threshold_shift_kev
    inner = knots[(knots > edges[0]) & (knots < edges[-1])]
    fine = []
    for low, high in itertools.pairwise(np.unique(np.concatenate([edges, inner]))):
        width = max(0.5 * float(response.resolution.sigma_kev((low + high) / 2)), 1e-3)
        fine.append(np.linspace(low, high, 2 + int((high - low) / width)))
    borders = np.unique(np.concatenate(fine))
    nodes, weights = gauss_legendre(ORDER)
    half = np.diff(borders)[:, None] / 2
    middle = (borders[1:] + borders[:-1])[:, None] / 2
    energies = (middle + half * nodes).ravel()
    return energies, (half * weights).ravel(), np.searchsorted(edges, energies, side="right") - 1


@compiled
def _fold_segments(rates, mean, sigma, borders, intercept, slope, bins, by_bin):  # type: ignore[no-untyped-def]
    """Add rates[t] times the closed form of the segment integral of (a + b T) G(T; mean, sigma)."""
    for t in range(mean.size):
        # Segments too far below this energy get nothing.
        first = 0
        while first < bins.size and borders[first + 1] < mean[t] - REACH * sigma[t]:
            first += 1
        # Each segment is the difference of the Gaussian's integral, and of its density, between its two borders.
        z = (borders[first] - mean[t]) / sigma[t]
        below = 0.5 * (1 + erf(z / sqrt(2.0)))
        density = exp(-0.5 * z * z) / sqrt(2 * pi)
        for s in range(first, bins.size):
            z = (borders[s + 1] - mean[t]) / sigma[t]
            above = 0.5 * (1 + erf(z / sqrt(2.0)))
            density_above = exp(-0.5 * z * z) / sqrt(2 * pi)
            at_mean = intercept[s] + slope[s] * mean[t]
            weight = at_mean * (above - below) - slope[s] * sigma[t] * (density_above - density)
            for r in range(rates.shape[1]):
                by_bin[bins[s], r] += rates[t, r] * weight
            below = above
            density = density_above
            if z > REACH:
                break


@compiled
def _fold_nodes(rates, mean, sigma, nodes, weights, width, bins, by_bin):  # type: ignore[no-untyped-def]
    """Add rates[t] times the sum over nodes of weight G(node; mean, width); a negative width means sigma[t]."""
    for t in range(mean.size):
        for n in range(nodes.size):
            s = width[n] if width[n] > 0 else sigma[t]
            z = (nodes[n] - mean[t]) / s
            if abs(z) < REACH:
                weight = weights[n] * exp(-0.5 * z * z) / (sqrt(2 * pi) * s)
                for r in range(rates.shape[1]):
                    by_bin[bins[n], r] += rates[t, r] * weight


def _add_parts(
    rates: np.ndarray,
    true_kev: np.ndarray,
    bins: np.ndarray,
    weigh: Callable[[np.ndarray], np.ndarray],
    by_bin: np.ndarray,
) -> None:
    """Add rates (energies, n) times weights (energies, places) to the places' bins, a part of the energies at a time."""
    size = max(1, MOST_WEIGHTS // len(bins))
    for start in range(0, len(rates), size):
        part = slice(start, start + size)
        np.add.at(by_bin, bins, weigh(true_kev[part]).T @ rates[part])


def _weigh_segments(
    true_kev: np.ndarray, response: Response, borders: np.ndarray, intercept: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    """Integrals (energies, segments) of (a + b T) times the skew-normal, in closed form."""
    mean = true_kev[:, None] * (1 + response.energy_scale)
    sigma = response.resolution.sigma_kev(true_kev)[:, None]
    alpha = response.resolution.alpha_at(true_kev)[:, None]
    z = (borders - mean) / sigma
    probability = np.diff(skew_normal.probability_below(z, alpha))
    moment = np.diff(skew_normal.moment_below(z, alpha))
    weights: np.ndarray = (intercept + slope * mean) * probability + slope * sigma * moment
    return weights


def _weigh_nodes(true_kev: np.ndarray, response: Response, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights (energies, nodes) of nodes in reconstructed energy times the skew-normal."""
    mean = true_kev[:, None] * (1 + response.energy_scale)
    at = nodes if response.resolution_at == "reconstructed" else true_kev[:, None]
    sigma = response.resolution.sigma_kev(at)
    density = skew_normal.density((nodes - mean) / sigma, response.resolution.alpha_at(at))
    out: np.ndarray = weights * density / sigma
    return out


def mean_efficiency_ratio(response: Response, shift_kev: float) -> np.ndarray:
    """Mean efficiency of each bin with the curve shifted, over that without: shape (bins,); 1 where both vanish."""

    def integrate(shift: float) -> np.ndarray:
        knots = response.efficiency_kev + shift
        borders, intercept, slope, bins = _split_bins(response.edges_kev, knots, response.efficiency)
        middle = (borders[1:] + borders[:-1]) / 2
        width = np.diff(borders)
        return np.bincount(bins, (intercept + slope * middle) * width)

    shifted = integrate(shift_kev)
    nominal = integrate(0.0)
    return np.where(nominal > 0, shifted / np.where(nominal > 0, nominal, 1.0), 1.0)
