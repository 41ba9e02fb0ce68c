"""Zooming in: where a curve is near its minimum, found by looking closer and closer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np


@dataclass(frozen=True, eq=False)
class Support:
    """A range that holds where a curve counts, with the values (n,) of the last look and the curve's `rise` (n,) there."""

    low: float
    high: float
    values: np.ndarray
    rise: np.ndarray


def find_support(
    rise_at: Callable[[np.ndarray], np.ndarray], values: np.ndarray, most: float, enough: float, looks: int
) -> Support:
    """Look at increasing values (n,), and again between those where the curve has risen by less than `most`.

    `rise_at` gives the rise above the minimum. A wide prior may leave few values where the likelihood lives; a look that
    finds more than `enough` is the last, and so is the last of `looks`.
    """
    for look in range(looks):
        rise = rise_at(values)
        inside = np.flatnonzero(rise < most)
        low = values[max(inside[0] - 1, 0)]
        high = values[min(inside[-1] + 1, len(values) - 1)]
        if len(inside) > enough or look == looks - 1:
            break
        values = np.linspace(low, high, len(values))
    return Support(low, high, values, rise)


def find_segments(
    curve_at: Callable[[np.ndarray], np.ndarray], values: np.ndarray, most: float, enough: float, looks: int
) -> list[tuple[float, float]]:
    """Separate ranges, lowest first, in which a curve is less than `most` above its minimum.

    The first look is at `values`, which have to hold a point of every range. A range that holds no more than `enough` points
    is looked at again, at as many points as there were values, up to so many `looks`.
    """
    segments = [values]
    lowest = inf
    for look in range(looks):
        curves = [curve_at(each) for each in segments]
        lowest = min(lowest, *(float(each.min()) for each in curves))
        insides = [each < lowest + most for each in curves]
        found = [_bound_runs(x, inside) for x, inside in zip(segments, insides, strict=True)]
        runs = _join_touching([run for each in found for run in each])
        is_enough = all(inside.sum() > enough for inside in insides)
        if (is_enough and len(runs) <= len(segments)) or look == looks - 1:
            break
        # What lies inside is looked at again: a finer grid may still be too wide to meet it.
        known = np.concatenate([x[inside] for x, inside in zip(segments, insides, strict=True)])
        near = [known[(known > low) & (known < high)] for low, high in runs]
        grids = [np.linspace(low, high, len(values)) for low, high in runs]
        segments = [np.union1d(grid, points) for grid, points in zip(grids, near, strict=True)]
    return runs


def _bound_runs(values: np.ndarray, inside: np.ndarray) -> list[tuple[float, float]]:
    """Ranges of neighbouring values that are inside, each up to the first value outside."""
    steps = np.diff(np.concatenate([[0], inside.astype(int), [0]]))
    firsts = np.maximum(np.flatnonzero(steps == 1) - 1, 0)
    lasts = np.minimum(np.flatnonzero(steps == -1), len(values) - 1)
    return [(float(values[a]), float(values[b])) for a, b in zip(firsts, lasts, strict=True)]


def _join_touching(runs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same ranges in order, those that touch as one."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted(runs):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
