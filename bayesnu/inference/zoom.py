"""Zooming in: where a curve is near its minimum, found by looking closer and closer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
