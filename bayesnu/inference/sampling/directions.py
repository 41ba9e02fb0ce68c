"""Directions of three physics parameters on the sphere, in cells of equal area: where data prefer some to others.

A direction n is a unit vector. Its first component is its height, which equal areas spread evenly, and the angle turns
about that axis. A table holds the density in every cell, in units of an even distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, cos, erf, pi, sin, sqrt

import numpy as np

from bayesnu.support.compiled import compiled

FIRST = (16, 32)  # heights and angles of the first table
ENOUGH = 200.0  # effective cells, so that a cell is a small part of where directions count
FINEST = 256  # heights at most
SEEN = 1e-6  # share of a cell below which it is not divided, but takes
LEAST = 1e-9  # this density at least: no direction is impossible

LogWeight = Callable[[np.ndarray], np.ndarray]


def spread_evenly() -> np.ndarray:
    """The table (1, 1) of an even distribution."""
    return np.ones((1, 1))


def tabulate(log_weight: LogWeight) -> np.ndarray:
    """The density (heights, angles) of directions whose log weight (n,) a function gives at unit vectors (n, 3).

    Cells that count are halved both ways until there are enough of them.
    """
    shape = FIRST
    known = np.ones(shape, dtype=bool)
    while True:
        weight = np.zeros(shape)
        values = log_weight(_list_centres(shape)[known.ravel()])
        weight[known] = np.exp(values - values.max())
        share = weight / weight.sum()
        effective = 1 / np.sum(share**2)
        if effective >= ENOUGH or shape[0] >= FINEST:
            density = np.maximum(share * share.size, LEAST)
            return np.asarray(density / density.mean())
        known = np.repeat(np.repeat(_with_neighbours(share > SEEN), 2, axis=0), 2, axis=1)
        shape = (2 * shape[0], 2 * shape[1])


def _list_centres(shape: tuple[int, int]) -> np.ndarray:
    """Unit vectors (cells, 3) at the centres of the cells."""
    heights, angles = shape
    height = -1 + 2 * (np.arange(heights) + 0.5) / heights
    angle = -pi + 2 * pi * (np.arange(angles) + 0.5) / angles
    height, angle = (each.ravel() for each in np.meshgrid(height, angle, indexing="ij"))
    across = np.sqrt(1 - height**2)
    return np.column_stack([height, across * np.cos(angle), across * np.sin(angle)])


def _with_neighbours(marked: np.ndarray) -> np.ndarray:
    """Mark the cells next to marked ones, too; angles go round."""
    taller = marked.copy()
    taller[1:] |= marked[:-1]
    taller[:-1] |= marked[1:]
    wider: np.ndarray = taller | np.roll(taller, 1, axis=1) | np.roll(taller, -1, axis=1)
    return wider


@compiled
def find_cell(borders, value):  # type: ignore[no-untyped-def]
    """Index of the cell between increasing borders that holds a value; the first or last one for a value outside."""
    low = 0
    high = borders.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if borders[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@compiled
def draw_direction(normals, density, below, out):  # type: ignore[no-untyped-def]
    """Fill a direction (3,) from three standard normal numbers, and return the log of its density.

    `below` (cells + 1,) is the integral of the density (heights, angles) before each cell.
    """
    heights, angles = density.shape
    # The cell, then a place in it.
    cell = find_cell(below, _find_quantile(normals[0]))
    i = cell // angles
    j = cell - i * angles
    height = -1 + 2 * (i + _find_quantile(normals[1])) / heights
    angle = -pi + 2 * pi * (j + _find_quantile(normals[2])) / angles
    across = sqrt(max(1 - height * height, 0.0))
    out[0] = height
    out[1] = across * cos(angle)
    out[2] = across * sin(angle)
    return np.log(density[i, j])


@compiled
def log_density_of(direction, density):  # type: ignore[no-untyped-def]
    """Log of the density at a direction (3,)."""
    heights, angles = density.shape
    i = int((direction[0] + 1) / 2 * heights)
    j = int((atan2(direction[2], direction[1]) + pi) / (2 * pi) * angles)
    return np.log(density[min(max(i, 0), heights - 1), min(max(j, 0), angles - 1)])


@compiled
def _find_quantile(normal):  # type: ignore[no-untyped-def]
    """The probability below a standard normal number."""
    return 0.5 * (1 + erf(normal / sqrt(2.0)))
