"""Profile likelihood of one physics parameter: chi^2 scanned along it, and where it stays below a level.

The minimum of chi^2 over all other parameters is scanned on a grid over the whole range of the parameter, so that no
second minimum is missed. The ends of the interval are then bisected between two points of the scan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

import numpy as np

from bayesnu.inference.interval import Piece, ProfileInterval, delta_chi2
from bayesnu.inference.profiler import WIDER, Fit, Others, Profiler, check_ended, describe_unended, widen_range
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.arguments import require
from bayesnu.support.errors import BayesnuError

GRID = 401  # points of a scan in one parameter
COARSE_GRID = 121  # the same where other physics parameters are profiled with it
RISE = 10.0  # of chi^2 that a curve is drawn to
HALVINGS = 40  # of a grid step: they leave 1e-14 of the range
FEW_HALVINGS = 20  # the same where other physics parameters are profiled


@dataclass(frozen=True, eq=False)
class Scan:
    """chi^2 profiled over the rest at increasing values of one physics parameter, and its minimum with its place.

    `unended` is the number of fits near the minimum that did not end: with any, chi^2 is not known.
    """

    values: np.ndarray
    chi2: np.ndarray
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

    def __init__(self, profiler: Profiler, index: int = 0, others: Others = "zero") -> None:
        _check_index(profiler.model, index)
        self.profiler = profiler
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
        return self.profiler.at(self.index, values, self.others)

    def scan(self, factor: float = 1.0) -> Scan:
        """Scan the parameter over its range stretched by `factor`; the refined minima are points of the scan."""
        if factor not in self._scans:
            self._scans[factor] = self._make_scan(factor)
        return self._scans[factor]

    def _make_scan(self, factor: float) -> Scan:
        """Fit on a grid, then refine its local minima by freeing this parameter too."""
        low, high = widen_range(self.parameter, *self.profiler.ranges[self.index], factor)
        points = COARSE_GRID if self.profiles_others else GRID
        values = np.union1d(np.linspace(low, high, points), [0.0])
        usual = self.parameter.usual_range
        if low < usual[0] or high > usual[1]:  # few points of a wide range fall where the modes usually are
            values = np.union1d(values, np.linspace(*usual, points))
        fit = self.fit(values)
        refined = self.profiler.fit(fit.theta[find_local_minima(fit.chi2)], self.free)
        theta = np.concatenate([fit.theta, refined.theta])
        chi2 = np.concatenate([fit.chi2, refined.chi2])
        lowest = float(chi2.min())
        order = np.argsort(theta[:, self.index], kind="stable")
        best = int(np.argmin(chi2))
        return Scan(
            values=theta[order, self.index],
            chi2=chi2[order],
            best_value=float(theta[best, self.index]),
            chi2_min=float(chi2[best]),
            best_theta=theta[best],
            unended=fit.unended(lowest) + refined.unended(lowest),
        )


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
    return replace(coarse, values=values, chi2=fit.chi2)


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
    return interval_along(Line(Profiler(model), index, others), cl, one_sided)


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
    brackets = _bisect_brackets(line, values[steps], values[steps + 1], inside[steps], curve.chi2_min, level)
    unended = curve.unended + brackets.unended
    if unended:
        return (Piece(None, None),), unended
    begins_at_zero = inside[0] and not line.parameter.signed
    if curve.best_value == values[-1] or (curve.best_value == values[0] and line.parameter.signed):
        return (Piece(0.0 if begins_at_zero else None, None),), 0  # the minimum lies beyond the range
    lowers: list[float | None] = [float(end) for end in brackets.ends[~inside[steps]]]
    uppers: list[float | None] = [float(end) for end in brackets.ends[inside[steps]]]
    if inside[0]:
        lowers.insert(0, 0.0 if begins_at_zero else None)
    if inside[-1]:
        uppers.append(None)
    return tuple(Piece(low, high) for low, high in zip(lowers, uppers, strict=True)), 0


class _Crossings(NamedTuple):
    """Where a profile crosses a level (n,), and how many fits on the way did not end."""

    ends: np.ndarray
    unended: int


def _bisect_brackets(
    line: Line, a: np.ndarray, b: np.ndarray, a_inside: np.ndarray, lowest: float, level: float
) -> _Crossings:
    """Halve all brackets [a, b] together."""
    unended = 0
    if not len(a):
        return _Crossings(a, unended)
    for _ in range(FEW_HALVINGS if line.profiles_others else HALVINGS):
        middle = (a + b) / 2
        order = np.argsort(middle)
        fit = line.fit(middle[order])
        unended += fit.unended(lowest)
        chi2 = np.empty(len(middle))
        chi2[order] = fit.chi2
        same = (chi2 <= lowest + level) == a_inside
        a = np.where(same, middle, a)
        b = np.where(same, b, middle)
    return _Crossings((a + b) / 2, unended)


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
