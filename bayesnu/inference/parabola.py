"""The counts as a parabola in a physics parameter, bin by bin: where they are fewest, and how far their noise hides it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt

import numpy as np

from bayesnu.model.polynomial import Model


@dataclass(frozen=True, eq=False)
class Parabola:
    """Counts + slope x + square x^2, each (bins,), in a physics parameter x; every bin counts by its `weight` (bins,)."""

    counts: np.ndarray
    slope: np.ndarray
    square: np.ndarray
    weight: np.ndarray

    @cached_property
    def curved(self) -> float:
        """How fast the squared term leaves the noise: x^4 times this is a chi^2."""
        return float(np.sum(self.weight * self.square**2))

    @cached_property
    def middle(self) -> float:
        """The value of fewest counts."""
        return -float(np.sum(self.weight * self.square * self.slope)) / (2 * self.curved) if self.curved > 0 else 0.0

    @cached_property
    def noise(self) -> float:
        """The square of the distance from the middle at which the squared term is as large as the noise."""
        return self.curved**-0.5 if self.curved > 0 else inf

    @cached_property
    def width(self) -> float:
        """The distance from the middle at which counts change by their noise; 1 where they never do."""
        straight = float(np.sum(self.weight * (self.slope + 2 * self.middle * self.square) ** 2))
        width = min(sqrt(self.noise), straight**-0.5 if straight > 0 else inf)
        return width if width < inf else 1.0

    def excess(self, counts: np.ndarray) -> np.ndarray:
        """The square (n,) of the distance from the middle that fits counts (n, bins) best; negative where these lack."""
        least = self.counts + self.middle * self.slope + self.middle**2 * self.square
        found: np.ndarray = (counts - least) @ (self.weight * self.square) / self.curved
        return found


def fit_parabola(model: Model, index: int) -> Parabola:
    """The parabola of physics parameter `index`, all others as in the Standard Model and the nuisances as published.

    The noise of a bin is that of the data, where these are fewer than expected.
    """
    nominal = model.nominal()
    unit = np.eye(len(nominal))[index]
    rest = nominal - nominal[index] * unit
    counts, up, down = (model.expected(rest + sign * unit) for sign in (0, 1, -1))
    weight = 1 / np.maximum(np.minimum(model.expected(nominal), model.observed), 1.0)
    return Parabola(counts, (up - down) / 2, (up + down) / 2 - counts, weight)
