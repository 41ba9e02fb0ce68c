"""Profile likelihood of one physics parameter: chi^2 scanned along it, and where it stays below a level.

The minimum of chi^2 over all other parameters is scanned on a grid over the whole range of the parameter, so that no
second minimum is missed. The ends of the interval are then bisected between two points of the scan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from bayesnu.inference.interval import Piece, ProfileInterval, delta_chi2
from bayesnu.inference.profiler import WIDER, Fit, Others, Profiler, widen_range
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.arguments import plain, require
from bayesnu.support.errors import BayesnuError

GRID = 401  # points of a scan in one parameter
COARSE_GRID = 121  # the same where other physics parameters are profiled with it
RISE = 10.0  # of chi^2 that a curve is drawn to
HALVINGS = 40  # of a grid step: they leave 1e-14 of the range
FEW_HALVINGS = 20  # the same where other physics parameters are profiled


@dataclass(frozen=True, eq=False)
class Scan:
    """chi^2 profiled over the rest at increasing values of one physics parameter, and its minimum with its place."""

    values: np.ndarray
    chi2: np.ndarray
    best_value: float
    chi2_min: float
    best_theta: np.ndarray

    @property
    def rise(self) -> np.ndarray:
        """chi^2 above its minimum at the values."""
        return self.chi2 - self.chi2_min


class Line:
    """The physics parameter `index` of a model, along which chi^2 is profiled; its scans are made once.

    The other physics parameters stay at `zero`, or are `profiled` like the nuisances.
    """

    def __init__(self, profiler: Profiler, index: int = 0, others: Others = "zero") -> None:
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
        fit = self.fit(values)
        refined = self.profiler.fit(fit.theta[_find_local_minima(fit.chi2)], self.free)
        theta = np.concatenate([fit.theta, refined.theta])
        chi2 = np.concatenate([fit.chi2, refined.chi2])
        order = np.argsort(theta[:, self.index], kind="stable")
        best = int(np.argmin(chi2))
        return Scan(
            values=theta[order, self.index],
            chi2=chi2[order],
            best_value=float(theta[best, self.index]),
            chi2_min=float(chi2[best]),
            best_theta=theta[best],
        )


def _find_local_minima(chi2: np.ndarray) -> np.ndarray:
    """Places in a scan that are not above their neighbours; the ends of the scan have one neighbour."""
    padded = np.concatenate([[inf], chi2, [inf]])
    return np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))


def fine_scan(line: Line) -> Scan:
    """Scan a parameter where chi^2 has risen by less than `RISE`, for a smooth curve."""
    coarse = line.scan()
    low, high = coarse.values[coarse.rise < RISE][[0, -1]]
    step = coarse.values[1] - coarse.values[0]
    low = low - step if line.parameter.signed else max(low - step, 0.0)
    values = np.union1d(np.linspace(low, high + step, GRID), [coarse.best_value])
    return replace(coarse, values=values, chi2=line.fit(values).chi2)


def interval(
    model: Model, index: int = 0, *, cl: float = 0.9, one_sided: bool = False, others: Others = "zero"
) -> ProfileInterval:
    """Find the profile-likelihood interval of a physics parameter: where chi^2 is less than a level above its minimum.

    Arguments:
        model: from `build`. Priors of physics parameters do not enter; one that is wider than usual widens the scan.
        index: the place of the parameter among the physics parameters of the model, from 0.
        cl: the confidence level, between 0 and 1. At 0.9 the level is 2.71.
        one_sided: take the level of a one-sided limit, 1.64 at 0.9. A moment then has an upper limit alone; the interval of
            a charge or radius keeps both ends, and is then an 80 % interval.
        others: `zero` fixes the other physics parameters at zero, `profiled` fits them like the nuisances.

    Returns: a `ProfileInterval`, in units of the parameter's scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. `scaled(scale)` is in
        mu_B, e or cm^2. `pieces` keeps disjoint parts apart, `best_fit` is the minimum over the physical range, `status`
        says how the search ended. An end that was not found is None.

    Raises: `BayesnuError` for a level outside (0, 1) and for another word in `others`.

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
    if plain(index) not in range(model.n_physics):
        raise BayesnuError(f"index: found {index!r:.60}; must be a place among {model.n_physics} physics parameters, from 0")
    delta_chi2(cl, one_sided)  # a mistake is found before anything is compiled
    return interval_along(Line(Profiler(model), index, others), cl, one_sided)


def interval_along(line: Line, cl: float, one_sided: bool = False) -> ProfileInterval:
    """The interval of `interval` from the scans of a line."""
    level = delta_chi2(cl, one_sided)
    curve = _scan_until_closed(line, level)
    pieces = _find_pieces(line, curve, level)
    if one_sided and not line.parameter.signed:
        pieces = (Piece(0.0, pieces[-1].upper),)  # a one-sided limit has no lower end
    is_ridge = line.profiles_others and not line.parameter.signed
    return ProfileInterval(
        probability=cl,
        pieces=pieces,
        status=_describe_search(line, pieces, curve, is_ridge),
        parameter=line.parameter,
        others=line.others,
        one_sided=one_sided,
        delta_chi2=level,
        best_fit=None if is_ridge else curve.best_value,
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


def _find_pieces(line: Line, curve: Scan, level: float) -> tuple[Piece, ...]:
    """Pieces where the profiled chi^2 stays below its minimum plus `level`."""
    values = curve.values
    inside = curve.rise <= level
    steps = np.flatnonzero(inside[1:] != inside[:-1])
    ends = _bisect_brackets(line, values[steps], values[steps + 1], inside[steps], curve.chi2_min + level)
    lowers: list[float | None] = [float(end) for end in ends[~inside[steps]]]
    uppers: list[float | None] = [float(end) for end in ends[inside[steps]]]
    if inside[0]:
        lowers.insert(0, None if line.parameter.signed else float(values[0]))
    if inside[-1]:
        uppers.append(None)
    return tuple(Piece(low, high) for low, high in zip(lowers, uppers, strict=True))


def _bisect_brackets(line: Line, a: np.ndarray, b: np.ndarray, a_inside: np.ndarray, target: float) -> np.ndarray:
    """Halve all brackets [a, b] together."""
    if not len(a):
        return a
    for _ in range(HALVINGS if line.others == "zero" else FEW_HALVINGS):
        middle = (a + b) / 2
        order = np.argsort(middle)
        chi2 = np.empty(len(middle))
        chi2[order] = line.fit(middle[order]).chi2
        same = (chi2 <= target) == a_inside
        a = np.where(same, middle, a)
        b = np.where(same, b, middle)
    crossings: np.ndarray = (a + b) / 2
    return crossings


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
