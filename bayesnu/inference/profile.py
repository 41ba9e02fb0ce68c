"""Profile likelihood of one physics parameter: chi^2 scanned along it, and where it stays below a level.

The minimum of chi^2 over all other parameters is scanned over the whole range of the parameter, so that no second minimum
is missed. The values lie close where counts change within their noise. All are fitted together, each as a toy that has the
data's counts. The ends of the interval are then found between two points of the scan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, nan
from typing import NamedTuple

import numpy as np

from bayesnu.inference.interval import Piece, ProfileInterval, delta_chi2
from bayesnu.inference.profiler import WIDER, Fit, Others, check_ended, describe_unended, widen_range
from bayesnu.inference.toys.fitter import CONVERGED, EXACT, ToyFitter
from bayesnu.inference.toys.toys import Toys, observed
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.arguments import require
from bayesnu.support.errors import BayesnuError

GRID = 401  # points of a curve to be drawn
STEPS = 16  # of a scan where counts change by their noise
STEPS_OF_MANY = 10  # the same where other physics parameters are profiled
RISE = 10.0  # of chi^2 that a curve is drawn to
HALVINGS = 40  # of a grid step: they leave 1e-14 of the range
FEW_HALVINGS = 20  # the same where other physics parameters are profiled


@dataclass(frozen=True, eq=False)
class Scan:
    """chi^2 profiled over the rest at increasing values of one physics parameter, and its minimum with its place.

    `theta` (values, parameters) is where each profile was found. `unended` is the number of fits near the minimum that did
    not end: with any, chi^2 is not known.
    """

    values: np.ndarray
    chi2: np.ndarray
    theta: np.ndarray
    best_value: float
    chi2_min: float
    best_theta: np.ndarray
    unended: int

    @property
    def rise(self) -> np.ndarray:
        """chi^2 above its minimum at the values."""
        return self.chi2 - self.chi2_min


class Line:
    """The physics parameter `index` of a model, along which chi^2 is profiled; its scans are made once.

    The other physics parameters stay at `zero`, or are `profiled` like the nuisances.
    """

    def __init__(self, fitter: ToyFitter, index: int = 0, others: Others = "zero") -> None:
        _check_index(fitter.model, index)
        self.fitter = fitter
        self.profiler = fitter.profiler
        self.index = index
        self.others = others
        self._scans: dict[float, Scan] = {}

    @property
    def parameter(self) -> PhysicsParameter:
        """The physics parameter."""
        return self.profiler.model.of_interest[self.index]

    @property
    def profiles_others(self) -> bool:
        """Whether other physics parameters are fitted at every value."""
        return self.others == "profiled" and self.profiler.model.n_physics > 1

    @property
    def free(self) -> np.ndarray:
        """Mark (parameters,) what a fit of all may move: this parameter, the nuisances, and the others if profiled."""
        free = self.profiler.nuisances_free()
        free[self.index] = True
        if self.others == "profiled":
            free[: self.profiler.model.n_physics] = True
        return free

    def fit(self, values: np.ndarray) -> Fit:
        """Fits of all other parameters at increasing values (n,) of this one."""
        if self.profiles_others:
            return self.profiler.at(self.index, values, self.others)
        start = np.tile(self.profiler.model.nominal(), (len(values), 1))
        start[:, self.index] = values
        return self._fit_together(start, self.profiler.nuisances_free())

    def refine(self, theta: np.ndarray) -> Fit:
        """Fits of everything that is free, from theta (n, parameters)."""
        if self.profiles_others:
            return self.profiler.fit(theta, self.free)
        return self._fit_together(theta, self.free, EXACT)

    def cross(self, theta: np.ndarray, outside: np.ndarray, target: float) -> np.ndarray:
        """Where chi^2 crosses the target between theta (n, parameters) and `outside` (n,); NaN where it was not found."""
        if self.profiles_others:
            return np.full(len(theta), nan)
        return self.fitter.find_crossings(self._repeat(len(theta)), theta, self.free, np.full(len(theta), target), outside)

    def _fit_together(self, start: np.ndarray, free: np.ndarray, enough: float = CONVERGED) -> Fit:
        """Fits from every start (n, parameters), each a copy of the data; one by one where they do not end together."""
        fit = self.fitter.fit(self._repeat(len(start)), start, free, enough)
        lost = ~fit.ended
        if lost.any():
            alone = self.profiler.fit(start[lost], free)
            fit.theta[lost] = alone.theta
            fit.chi2[lost] = alone.chi2
            fit.ended[lost] = alone.ended
        return fit

    def _repeat(self, number: int) -> Toys:
        """The data, once for every fit."""
        data = observed(self.profiler.model)
        return Toys(np.repeat(data.counts, number, axis=0), np.repeat(data.centres, number, axis=0))

    def scan(self, factor: float = 1.0) -> Scan:
        """Scan the parameter over its range stretched by `factor`; the refined minima are points of the scan."""
        if factor not in self._scans:
            self._scans[factor] = self._make_scan(factor)
        return self._scans[factor]

    def _make_scan(self, factor: float) -> Scan:
        """Fit on a grid, then refine its local minima by freeing this parameter too."""
        fit = self.fit(self._place_values(factor))
        refined = self.refine(fit.theta[find_local_minima(fit.chi2)])
        theta = np.concatenate([fit.theta, refined.theta])
        chi2 = np.concatenate([fit.chi2, refined.chi2])
        lowest = float(chi2.min())
        order = np.argsort(theta[:, self.index], kind="stable")
        best = int(np.argmin(chi2))
        return Scan(
            values=theta[order, self.index],
            chi2=chi2[order],
            theta=theta[order],
            best_value=float(theta[best, self.index]),
            chi2_min=float(chi2[best]),
            best_theta=theta[best],
            unended=fit.unended(lowest) + refined.unended(lowest),
        )

    def _place_values(self, factor: float) -> np.ndarray:
        """Values (n,) of a scan, close where counts change within their noise, and further apart the more they change."""
        low, high = widen_range(self.parameter, *self.profiler.ranges[self.index], factor)
        middle, width = find_scale(self.profiler.model, self.index)
        first, last = np.arcsinh((np.array([low, high]) - middle) / width)
        steps = STEPS_OF_MANY if self.profiles_others else STEPS
        places = np.linspace(first, last, 2 + int((last - first) * steps))
        values = middle + width * np.sinh(places)
        return np.union1d(values[(values > low) & (values < high)], [low, 0.0, high])


def find_scale(model: Model, index: int) -> tuple[float, float]:
    """Where physics parameter `index` gives the fewest counts, and how far from there they change by their noise.

    The counts are a parabola in the parameter, bin by bin; every bin counts by its noise.
    """
    nominal = model.nominal()
    unit = np.eye(len(nominal))[index]
    counts, up, down = (model.expected(nominal + sign * unit) for sign in (0, 1, -1))
    square = (up + down) / 2 - counts
    slope = (up - down) / 2
    weight = 1 / np.maximum(counts, 1.0)
    curved = float(np.sum(weight * square**2))
    middle = 0.0 if curved == 0 else -float(np.sum(weight * square * slope)) / (2 * curved)
    straight = float(np.sum(weight * (slope + 2 * middle * square) ** 2))
    widths = []
    if curved > 0:
        widths.append(curved**-0.25)
    if straight > 0:
        widths.append(straight**-0.5)
    return middle, min(widths, default=1.0)


def _check_index(model: Model, index: int) -> None:
    """Raise `BayesnuError` for an index that is no place of a physics parameter."""
    if model.n_physics == 0:
        raise BayesnuError("profile_interval: the model has no physics parameter; build it with one, for example mu_nu")
    if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < model.n_physics:
        raise BayesnuError(
            f"index: found {index!r:.60}; must be a place among {model.n_physics} physics parameters, counted from 0"
        )


def find_local_minima(chi2: np.ndarray) -> np.ndarray:
    """Places in a scan that are not above their neighbours; the ends of the scan have one neighbour."""
    padded = np.concatenate([[inf], chi2, [inf]])
    return np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))


def fine_scan(line: Line) -> Scan:
    """Scan a parameter where chi^2 has risen by less than `RISE`, for a smooth curve.

    Raises `BayesnuError` where fits did not end.
    """
    coarse = line.scan()
    low, high = coarse.values[coarse.rise < RISE][[0, -1]]
    step = coarse.values[1] - coarse.values[0]
    low = low - step if line.parameter.signed else max(low - step, 0.0)
    values = np.union1d(np.linspace(low, high + step, GRID), [coarse.best_value])
    fit = line.fit(values)
    check_ended(fit, "curve")
    return replace(coarse, values=values, chi2=fit.chi2, theta=fit.theta)


def interval(
    model: Model, index: int = 0, *, cl: float = 0.9, one_sided: bool = False, others: Others = "zero"
) -> ProfileInterval:
    """Find the profile-likelihood interval of a physics parameter: where chi^2 is less than a level above its minimum.

    Arguments:
        model: from `build`. Priors of physics parameters do not enter; one that is wider than usual widens the scan.
        index: the place of the parameter among the physics parameters of the model, from 0.
        cl: the confidence level, between 0 and 1. At 0.9 the level is 2.71.
        one_sided: take the level of a one-sided limit, 1.64 at 0.9, for the upper limit of a moment. A charge or a radius
            has two ends, and is refused.
        others: `zero` fixes the other physics parameters at zero, `profiled` fits them like the nuisances.

    Returns: a `ProfileInterval`, in units of the parameter's scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. `scaled(scale)` is in
        mu_B, e or cm^2. `pieces` keeps disjoint parts apart, `best_fit` is the minimum over the physical range, `status`
        says how the search ended. An end that was not found is None. So are all ends where fits did not end.

    Raises: `BayesnuError` for a level outside (0, 1), another word in `others` and an index that the model does not have;
        for a one-sided limit of a parameter that has a sign.

    Source: Poisson chi^2 of Baker and Cousins 1984, Nucl. Instrum. Meth. 221, 437, with a pull per Gaussian nuisance;
        level of Wilks 1938, Ann. Math. Statist. 9, 60. How often it covers is in docs/methods.md.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["r2_nu"])
        >>> found = bayesnu.profile_interval(model)
        >>> f"{found.lower:.1f} to {found.upper:.1f} {found.parameter.scaled_unit}"
        '-61.7 to 19.6 1e-32 cm2'
        >>> round(found.delta_chi2, 2)
        2.71
    """
    require("model", model, Model, "build")
    if not isinstance(others, str) or others not in ("zero", "profiled"):
        raise BayesnuError(f"others: found {others!r:.60}; must be 'zero' or 'profiled'")
    if not isinstance(one_sided, bool | np.bool_):
        raise BayesnuError(f"one_sided: found {one_sided!r:.60}; must be True or False")
    _check_index(model, index)
    delta_chi2(cl, one_sided)  # a mistake is found before anything is compiled
    return interval_along(Line(ToyFitter(model), index, others), cl, one_sided)


def interval_along(line: Line, cl: float, one_sided: bool = False) -> ProfileInterval:
    """The interval of `interval` from the scans of a line."""
    if one_sided and line.parameter.signed:
        raise BayesnuError(
            f"`one_sided`: found {line.parameter.name}, which has a sign and so two ends; take the two-sided interval, or a "
            "moment's limit"
        )
    level = delta_chi2(cl, one_sided)
    curve = _scan_until_closed(line, level)
    pieces, unended = _find_pieces(line, curve, level)
    if one_sided and not unended:
        pieces = (Piece(0.0, pieces[-1].upper),)  # a one-sided limit has no lower end
    is_ridge = line.profiles_others and not line.parameter.signed
    return ProfileInterval(
        probability=cl,
        pieces=pieces,
        status=f"not found: {describe_unended(unended)}" if unended else _describe_search(line, pieces, curve, is_ridge),
        parameter=line.parameter,
        others=line.others,
        one_sided=one_sided,
        delta_chi2=level,
        best_fit=None if is_ridge or unended else curve.best_value,
        chi2_min=curve.chi2_min,
    )


def _scan_until_closed(line: Line, level: float) -> Scan:
    """The scan over the narrowest range at whose ends chi^2 has risen above the level, or over the widest one."""
    factor = 1.0
    while True:
        curve = line.scan(factor)
        above = curve.rise > level
        closed = above[-1] and (above[0] or not line.parameter.signed)
        if closed or factor >= WIDER:
            return curve
        factor *= 10


def _find_pieces(line: Line, curve: Scan, level: float) -> tuple[tuple[Piece, ...], int]:
    """Pieces where the profiled chi^2 stays below its minimum plus `level`, and the number of fits that did not end.

    With any of those there is no end.
    """
    values = curve.values
    inside = curve.rise <= level
    steps = np.flatnonzero(inside[1:] != inside[:-1])
    below = np.where(inside[steps], steps, steps + 1)
    above = np.where(inside[steps], steps + 1, steps)
    crossings = _find_crossings(line, curve, level, below, above)
    unended = curve.unended + crossings.unended
    if unended:
        return (Piece(None, None),), unended
    begins_at_zero = inside[0] and not line.parameter.signed
    if curve.best_value == values[-1] or (curve.best_value == values[0] and line.parameter.signed):
        return (Piece(0.0 if begins_at_zero else None, None),), 0  # the minimum lies beyond the range
    lowers: list[float | None] = [float(end) for end in crossings.ends[~inside[steps]]]
    uppers: list[float | None] = [float(end) for end in crossings.ends[inside[steps]]]
    if inside[0]:
        lowers.insert(0, 0.0 if begins_at_zero else None)
    if inside[-1]:
        uppers.append(None)
    return tuple(Piece(low, high) for low, high in zip(lowers, uppers, strict=True)), 0


class _Crossings(NamedTuple):
    """Where a profile crosses a level (n,), and how many fits on the way did not end."""

    ends: np.ndarray
    unended: int


def _find_crossings(line: Line, curve: Scan, level: float, inside: np.ndarray, outside: np.ndarray) -> _Crossings:
    """Crossings between points of a scan (n,) below the level and their neighbours (n,) above it."""
    target = curve.chi2_min + level
    ends = line.cross(curve.theta[inside], curve.values[outside], target)
    lost = np.isnan(ends)
    halved = _halve_brackets(line, curve.values[inside[lost]], curve.values[outside[lost]], target)
    ends[lost] = halved.ends
    return _Crossings(ends, halved.unended)


def _halve_brackets(line: Line, inside: np.ndarray, outside: np.ndarray, target: float) -> _Crossings:
    """The same by halving all brackets (n,) together."""
    unended = 0
    for _ in range(FEW_HALVINGS if line.profiles_others else HALVINGS):
        if not len(inside):
            break
        middle = (inside + outside) / 2
        order = np.argsort(middle)
        fit = line.fit(middle[order])
        unended += fit.unended(target)
        chi2 = np.empty(len(middle))
        chi2[order] = fit.chi2
        below = chi2 <= target
        inside = np.where(below, middle, inside)
        outside = np.where(below, outside, middle)
    return _Crossings((inside + outside) / 2, unended)


def _describe_search(line: Line, pieces: tuple[Piece, ...], curve: Scan, is_ridge: bool) -> str:
    """How the search for an interval ended, in words."""
    if pieces[0].lower is None or pieces[-1].upper is None:
        ends = f"[{curve.values[0]:g}, {curve.values[-1]:g}]"
        return f"not found: the chi^2 difference stays below the level up to the end of the range {ends}"
    parts = [f"{len(pieces)} disjoint intervals" if len(pieces) > 1 else "found inside the range"]
    if not line.parameter.signed and pieces[0].lower == 0:
        parts.append("an upper limit: the interval begins at the physical boundary 0")
        if curve.best_value == 0:
            parts.append("where the best fit lies")
    if is_ridge:
        parts.append("the best fit is a ridge, so no value per flavour is quoted")
    return ", ".join(parts)
