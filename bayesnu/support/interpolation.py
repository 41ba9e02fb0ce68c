"""Straight lines between knots, and steps where a knot is repeated."""

from __future__ import annotations

import numpy as np


def interpolate_steps(x: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate values (knots,) at x, linearly between increasing knots (knots,) and constant beyond them.

    A repeated knot is a step, and x on it gets the side above; `np.interp` leaves that open.
    """
    if len(knots) == 1:
        return np.full_like(x, values[0])
    right = np.clip(np.searchsorted(knots, x, side="right"), 1, len(knots) - 1)
    left = right - 1
    width = knots[right] - knots[left]
    fraction = np.where(width > 0, (x - knots[left]) / np.where(width > 0, width, 1.0), 1.0)
    return np.asarray(values[left] + np.clip(fraction, 0.0, 1.0) * (values[right] - values[left]))
