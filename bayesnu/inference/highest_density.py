"""Where a density is highest: the pieces of a region that holds a given probability, from the density as a curve.

The density of one physics parameter is known by integration. That of several is estimated from their samples: the range
is cut at deep minima, and between cuts a histogram is smoothed over a fraction of the width of what stands there. What is
narrower than that fraction, or separated by a shallower minimum than the samples resolve, is not told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayesnu.inference.interval import Piece

EQUAL = 1e-6  # of the highest density: smaller differences are rounding, so a constant density is one piece
HALVINGS = 60  # of the density, to find the level of a probability
SMOOTHING = 0.2  # of the width of a mode, in standard deviations of a Gaussian: an error of the density below 1e-3
PASSES = 3  # of the smoothing, each over what the ones before have lost
CELLS_PER_WIDTH = 10  # cells of the histogram per width of the smoothing
MOST_CELLS = 20_000
NARROW = 0.1  # part of the samples whose shortest interval measures a mode: the others may be far away
NARROW_OF_NORMAL = 0.25132  # length of that interval for a Gaussian, in standard deviations
DEEP = 0.2  # of the lower of two maxima: a minimum below it divides the range
SMALLEST_MODE = 0.01  # part of the samples that a mode has to hold for a range of its own,
FEWEST_SAMPLES = 100  # and how many at least
UNRESOLVED = 2.0  # errors of its ends: a gap that is narrower is not told from none


@dataclass(frozen=True, eq=False)
class Curve:
    """The density of a parameter as straight lines between points; zero outside.

    Attributes:
        values: (n,), increasing, in units of the parameter's `scale * unit`.
        density: (n,), not negative, per such a unit; it need not be normalised.
    """

    values: np.ndarray
    density: np.ndarray

    def at(self, values: np.ndarray) -> np.ndarray:
        """Density at values of any shape."""
        found: np.ndarray = np.interp(values, self.values, self.density, left=0.0, right=0.0)
        return found

    def level_of(self, probability: float) -> float:
        """The density above which this part of the whole lies; where the density is constant, all of that is above."""
        before = self.density[:-1]
        after = self.density[1:]
        low = np.minimum(before, after)
        high = np.maximum(before, after)
        width = np.diff(self.values)
        rise = np.where(high > low, high - low, 1.0)
        target = probability * np.sum(width * (low + high) / 2)
        level = 0.0
        too_high = float(high.max())
        for _ in range(HALVINGS):
            middle = (level + too_high) / 2
            part = np.where(low >= middle, 1.0, np.clip(high - middle, 0, rise) / rise)
            above = np.sum(part * width * (high + np.maximum(low, middle)) / 2)
            if above >= target:
                level = middle
            else:
                too_high = middle
        return level

    def pieces_above(self, level: float) -> tuple[Piece, ...]:
        """Where the density is at least `level`, or equal to it but for rounding; lowest first."""
        level -= EQUAL * float(self.density.max())
        inside = np.concatenate([[False], self.density >= level, [False]])
        begins = np.flatnonzero(inside[1:] & ~inside[:-1])  # the first point inside
        stops = np.flatnonzero(inside[:-1] & ~inside[1:]) - 1  # the last one
        return tuple(
            Piece(self._cross(begin, begin - 1, level), self._cross(stop, stop + 1, level))
            for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)
        )

    def _cross(self, inside: int, outside: int, level: float) -> float:
        """Value between two points where the density has the level; that of the inner one at the end of the curve."""
        if not 0 <= outside < len(self.values):
            return float(self.values[inside])
        part = (self.density[inside] - level) / (self.density[inside] - self.density[outside])
        return float(self.values[inside] + part * (self.values[outside] - self.values[inside]))

    def region(self, probability: float) -> tuple[Piece, ...]:
        """Pieces of the region of highest density that holds this part of the whole."""
        return self.pieces_above(self.level_of(probability))


def nearest_ends(pieces: Sequence[Piece], others: Sequence[Piece]) -> np.ndarray:
    """For every end (pieces, 2) the nearest end of the same side among other pieces, which may be more or fewer."""
    ends = np.array(pieces, dtype=float)
    there = np.array(others, dtype=float)
    nearest = np.abs(ends[:, None] - there[None]).argmin(axis=1)
    return np.take_along_axis(there, nearest, axis=0)


def jackknife_errors(pieces: Sequence[Piece], without_one: Sequence[Sequence[Piece]]) -> tuple[Piece, ...]:
    """Standard errors of the ends from the same region with each part of the samples left out."""
    ends = np.array([nearest_ends(pieces, others) for others in without_one])
    errors = np.sqrt(len(ends) - 1) * ends.std(axis=0)
    return tuple(Piece(float(low), float(high)) for low, high in errors)


def close_gaps(pieces: Sequence[Piece], errors: Sequence[Piece]) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Pieces and errors without the gaps that are not resolved within the errors of their ends."""
    kept = [pieces[0]]
    of_kept = [errors[0]]
    for piece, error in zip(pieces[1:], errors[1:], strict=True):
        before = kept[-1].upper
        of_before = of_kept[-1].upper
        assert before is not None and of_before is not None and piece.lower is not None and error.lower is not None
        if piece.lower - before > UNRESOLVED * np.hypot(of_before, error.lower):
            kept.append(piece)
            of_kept.append(error)
        else:
            kept[-1] = Piece(kept[-1].lower, piece.upper)
            of_kept[-1] = Piece(of_kept[-1].lower, error.upper)
    return tuple(kept), tuple(of_kept)


@dataclass(frozen=True, eq=False)
class _Range:
    """Cells of equal width of a histogram.

    Attributes:
        edges: (cells + 1,), in units of `scale * unit`.
        smoothing: its width in cells.
        goes_on: whether the density goes on up to the lower and to the upper edge, or ends with the last sample.
    """

    edges: np.ndarray
    smoothing: float
    goes_on: tuple[bool, bool]

    def estimate(self, values: np.ndarray) -> np.ndarray:
        """Samples per unit of the parameter, (cells,)."""
        from scipy.ndimage import gaussian_filter1d  # a third of a second, which a curve without samples does not need

        counts = np.histogram(values, len(self.edges) - 1, (self.edges[0], self.edges[-1]))[0].astype(float)
        smooth = np.zeros_like(counts)
        for _ in range(PASSES):
            smooth += gaussian_filter1d(counts - smooth, self.smoothing, mode="reflect")
        density: np.ndarray = smooth / np.diff(self.edges)
        return density

    @property
    def middles(self) -> np.ndarray:
        """Middles of the cells, (cells,)."""
        middles: np.ndarray = (self.edges[1:] + self.edges[:-1]) / 2
        return middles


@dataclass(frozen=True, eq=False)
class Histogram:
    """How samples become a curve: ranges with cells of their own, chosen once for all parts of the samples."""

    ranges: tuple[_Range, ...]

    def estimate(self, values: np.ndarray) -> list[np.ndarray]:
        """Samples per unit of the parameter, (cells,) of every range; they add up over parts of the samples."""
        return [each.estimate(values) for each in self.ranges]

    def curve(self, estimates: Sequence[np.ndarray]) -> Curve:
        """The curve of an estimate, which falls to zero at the edge of a range that it does not go on to."""
        values = []
        density = []
        for each, estimate in zip(self.ranges, estimates, strict=True):
            at_ends = np.where(each.goes_on, estimate[[0, -1]], 0.0)
            values += [each.edges[:1], each.middles, each.edges[-1:]]
            density += [at_ends[:1], estimate, at_ends[1:]]
        return Curve(np.concatenate(values), np.maximum(np.concatenate(density), 0.0))


def choose_histogram(values: np.ndarray, bounds: tuple[float, float]) -> Histogram:
    """Choose ranges and cells from samples (n,) of a parameter between `bounds`, which may be infinite."""
    ordered = np.sort(values)
    return Histogram(tuple(_divide(ordered, len(ordered), bounds)))


def estimate_curve(values: np.ndarray, bounds: tuple[float, float]) -> Curve:
    """The density of samples (n,) of a parameter between `bounds`, as a curve."""
    histogram = choose_histogram(values, bounds)
    return histogram.curve(histogram.estimate(values))


def _divide(ordered: np.ndarray, total: int, bounds: tuple[float, float]) -> list[_Range]:
    """Ranges of samples in order: one, or those on either side of the deepest minimum."""
    spread = float(ordered.std())
    coarse = _choose_cells(ordered, spread, bounds)
    density = np.maximum(coarse.estimate(ordered), 0.0)
    lower_maximum = np.minimum(np.maximum.accumulate(density), np.maximum.accumulate(density[::-1])[::-1])
    below = np.searchsorted(ordered, coarse.middles)
    divides = np.minimum(below, len(ordered) - below) > max(SMALLEST_MODE * total, FEWEST_SAMPLES)
    divides &= density < DEEP * lower_maximum
    deepest = np.argmin(np.where(divides, density, np.inf))
    cut = coarse.middles[deepest]
    left = ordered[: below[deepest]]
    right = ordered[below[deepest] :]
    if divides.any() and np.ptp(left) > 0 and np.ptp(right) > 0:
        return _divide(left, total, (bounds[0], cut)) + _divide(right, total, (cut, bounds[1]))
    return [_choose_cells(ordered, min(_measure_mode(ordered), spread) or spread, bounds)]


def _measure_mode(ordered: np.ndarray) -> float:
    """Standard deviation of the narrowest mode of samples in order, from the shortest interval with a part of them."""
    few = int(NARROW * len(ordered))
    return float(np.min(ordered[few:] - ordered[: len(ordered) - few])) / NARROW_OF_NORMAL


def _choose_cells(ordered: np.ndarray, mode: float, bounds: tuple[float, float]) -> _Range:
    """Cells for a mode of this standard deviation.

    They go on to a bound where the samples come nearer to it than the width of the smoothing, else to the last sample.
    """
    width = SMOOTHING * mode
    goes_on = (bool(ordered[0] - bounds[0] < width), bool(bounds[1] - ordered[-1] < width))
    low = bounds[0] if goes_on[0] else ordered[0]
    high = bounds[1] if goes_on[1] else ordered[-1]
    cells = min(int(CELLS_PER_WIDTH * (high - low) / width) + 1, MOST_CELLS)
    edges = np.linspace(low, high, cells + 1)
    return _Range(edges, width / float(edges[1] - edges[0]), goes_on)
