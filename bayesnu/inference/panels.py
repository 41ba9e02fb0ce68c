"""Gauss-Legendre panels side by side: a density at their nodes, its integral, the inverse of that, and values between.

A density is given at the nodes (panels * ORDER,) of panels with `borders` (panels + 1,). In a panel it is the polynomial
through its nodes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.polynomial import legendre

from bayesnu.support.quadrature import gauss_legendre

ORDER = 8  # nodes per panel
EVEN = 1e-6  # of a panel's width: a smaller difference from its neighbour's is rounding
PARTS = 64  # of a panel, and then of the part in which the integral is as large as wanted,
CLOSER = 8  # so many times


def place_nodes(borders: np.ndarray) -> np.ndarray:
    """Nodes (panels * ORDER,) of Gauss and Legendre in all panels."""
    nodes, _ = gauss_legendre(ORDER)
    middle = (borders[1:] + borders[:-1])[:, None] / 2
    half = np.diff(borders)[:, None] / 2
    places: np.ndarray = (middle + half * nodes).ravel()
    return places


def number_stretches(borders: np.ndarray) -> np.ndarray:
    """The stretch of every node (panels * ORDER,), as a number: neighbouring panels of one width are one stretch."""
    widths = np.diff(borders)
    is_new = ~np.isclose(widths[1:], widths[:-1], rtol=EVEN, atol=0.0)
    return np.repeat(np.cumsum(np.append(0, is_new)), ORDER)


def evaluate_density(borders: np.ndarray, density: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The density at any u, the whole being one; zero outside the panels."""
    panel = np.clip(np.searchsorted(borders, u, side="right") - 1, 0, len(borders) - 2)
    fraction = (u - borders[panel]) / np.diff(borders)[panel]
    found = legendre.legval(2 * fraction - 1, _find_series(density)[:, panel], tensor=False)
    inside = (u >= borders[0]) & (u <= borders[-1])
    whole = _integrate_panels(_by_panel(density), borders).sum()
    return np.where(inside, found / whole, 0.0)


def draw_density(borders: np.ndarray, density: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (panels * points + 1,) evenly in every panel, the last border among them, and the density there."""
    parts = np.arange(points) / points
    series = _find_series(density)
    u = borders[:-1, None] + np.diff(borders)[:, None] * parts
    found = np.append(legendre.legval(2 * parts - 1, series), legendre.legval(1.0, series[:, -1]))
    return np.append(u, borders[-1]), found


def _by_panel(density: np.ndarray) -> np.ndarray:
    return density.reshape(-1, ORDER)


def _find_series(density: np.ndarray) -> np.ndarray:
    """Legendre series (ORDER, panels) of the density in every panel."""
    series: np.ndarray = legendre.legfit(gauss_legendre(ORDER)[0], _by_panel(density).T, ORDER - 1)
    return series


def _integrate_panels(density: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """Integral of each panel (panels,) from the density at its nodes (panels, ORDER)."""
    weights = gauss_legendre(ORDER)[1]
    integrals: np.ndarray = density @ weights * np.diff(borders) / 2
    return integrals


@cache
def _build_primitive() -> np.ndarray:
    """Matrix (ORDER, ORDER + 1) from values at the nodes of [-1, 1] to the Legendre series of their integral from -1."""
    nodes, weights = gauss_legendre(ORDER)
    series = legendre.legvander(nodes, ORDER - 1) * weights[:, None] * (np.arange(ORDER) + 0.5)
    return np.asarray(legendre.legint(series.T, lbnd=-1).T)


def _integrate_part(series: np.ndarray, width: float, fraction: float) -> float:
    """Integral of a panel's density from its left end to `fraction` of its width; `series` is that of `_build_primitive`."""
    return float(legendre.legval(2 * fraction - 1, series)) * width / 2


def integrate_up_to(borders: np.ndarray, density: np.ndarray, u: float) -> float:
    """Part of the whole integral that lies below u: the panels before that of u, and a part of that one."""
    density = _by_panel(density)
    whole = _integrate_panels(density, borders)
    if u <= borders[0]:
        return 0.0
    if u >= borders[-1]:
        return 1.0
    panel = int(np.searchsorted(borders, u, side="right")) - 1
    width = borders[panel + 1] - borders[panel]
    part = _integrate_part(density[panel] @ _build_primitive(), width, (u - borders[panel]) / width)
    return float((whole[:panel].sum() + part) / whole.sum())


def invert_integral(borders: np.ndarray, density: np.ndarray, probability: float) -> float:
    """The u below which this part of the whole integral lies: its panel first, then smaller and smaller parts of it."""
    density = _by_panel(density)
    whole = _integrate_panels(density, borders)
    target = probability * whole.sum()
    before = np.concatenate([[0.0], np.cumsum(whole)])
    panel = min(int(np.searchsorted(before, target, side="right")) - 1, len(whole) - 1)
    width = borders[panel + 1] - borders[panel]
    series = density[panel] @ _build_primitive() * width / 2
    low = 0.0
    high = 1.0
    for _ in range(CLOSER):
        parts = np.linspace(low, high, PARTS + 1)
        is_below = legendre.legval(2 * parts - 1, series) < target - before[panel]
        first = min(max(int(np.argmin(np.append(is_below, False))), 1), PARTS)
        low = float(parts[first - 1])
        high = float(parts[first])
    return float(borders[panel] + width * (low + high) / 2)
