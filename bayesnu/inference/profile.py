"""Profile likelihood, step 11: maxima over the nuisance parameters and intervals of one physics parameter.

The statistic is the Poisson chi^2 with pulls, 2 sum[lambda - n + n ln(n/lambda)] + sum((theta - mean)/width)^2, minimised
over the free parameters by a damped Newton method with analytic gradient and Hessian inside the parameters' bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from bayesnu.inference.interval import ProfileInterval, delta_chi2
from bayesnu.inference.newton import all_derivatives, minimise
from bayesnu.model.likelihood import CompiledPosterior, compile_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Prior
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.errors import BayesnuError

GRID, COARSE_GRID = 401, 121  # points of a scan in one parameter; where others are profiled with it
WIDER = 1e3  # how far a parameter may be fitted, in units of the range that holds all modes
RISE = 10.0  # of chi^2 that a curve is drawn to


@dataclass(frozen=True, eq=False)
class Fit:
    """Minima of chi^2: `theta` (n, parameters), `chi2` (n,), and whether each fit ended (n,)."""

    theta: np.ndarray
    chi2: np.ndarray
    ended: np.ndarray


class Profiler:
    """Fits of one model. `free` marks the parameters a fit may move; the rest stay at the given start."""

    def __init__(self, model: Model) -> None:
        self.model = model
        # a profile likelihood knows no prior of a physics parameter, only its physical range
        self.ranges = [scan_range(prior) for prior in model.physics]
        flat = [Flat(p.parameter, -1e300, 1e300) for p in model.physics]
        self.arrays = compile_posterior(model.with_priors(*flat))
        self.lower = np.array([p.lower for p in model.parameters])
        self.upper = np.array([p.upper for p in model.parameters])
        for k, (low, high) in enumerate(self.ranges):
            self.lower[k], self.upper[k] = widened(model.of_interest[k], low, high, WIDER)

    def fit(self, start: np.ndarray, free: np.ndarray) -> Fit:
        """Minimise chi^2 from each start (n, parameters) over the parameters marked in `free` (parameters,)."""
        theta = np.array(np.atleast_2d(start), dtype=float)
        chi2, ended = np.empty(len(theta)), np.empty(len(theta), dtype=np.bool_)
        which = np.flatnonzero(free).astype(np.int64)
        minimise(theta, which, self.lower, self.upper, *_arrays(self.arrays), chi2, ended)
        return Fit(theta, chi2, ended)

    def chi2(self, theta: np.ndarray) -> np.ndarray:
        """The statistic itself, shape (n,), for theta (n, parameters)."""
        return self.fit(theta, np.zeros(len(self.lower), dtype=bool)).chi2

    def derivatives(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradients (n, k) and Hessians (n, k, k) of chi^2/2 at theta (n, parameters) in the k parameters `which`."""
        n, k = len(theta), len(which)
        gradient, hessian = np.empty((n, k)), np.empty((n, k, k))
        all_derivatives(np.ascontiguousarray(theta), which.astype(np.int64), *_arrays(self.arrays), gradient, hessian)
        return gradient / 2, hessian / 2

    def conditional_factors(self, theta: np.ndarray) -> np.ndarray:
        """Lower factors (n, nuisances, nuisances) of the covariance of the nuisances around their maxima theta.

        At a bound, where the gradient does not vanish, its square stands for a curvature that may be zero.
        """
        which = np.flatnonzero(self.nuisances_free())
        gradient, hessian = self.derivatives(theta, which)
        at_bound = (theta[:, which] <= self.lower[which]) | (theta[:, which] >= self.upper[which])
        spans = self.upper[which] - self.lower[which]
        extra = at_bound * (gradient**2 + 1 / spans**2)
        return np.linalg.cholesky(np.linalg.inv(hessian + extra[:, :, None] * np.eye(len(which))))

    def nuisances_free(self) -> np.ndarray:
        """Mark the nuisance parameters."""
        return np.arange(len(self.lower)) >= self.model.n_physics

    def at(self, index: int, values: np.ndarray, others: str = "zero") -> Fit:
        """Profile at given values (n,) of physics parameter `index`; the others stay at zero or are profiled too.

        With profiled others chi^2 can have several minima, so each value is fitted from several starts and from its
        neighbours' results, and the best is kept.
        """
        start = np.tile(self.model.nominal(), (len(values), 1))
        start[:, index] = values
        free = self.nuisances_free()
        if others == "zero" or self.model.n_physics == 1:
            return self.fit(start, free)
        free[: self.model.n_physics] = True
        free[index] = False
        best = self._best_of(start, free, index)
        for order in (slice(None), slice(None, None, -1)):
            best = self._continued(best, values, free, index, order)
        return best

    def _best_of(self, start: np.ndarray, free: np.ndarray, index: int) -> Fit:
        best: Fit | None = None
        for point in self._starts(index):
            trial = start.copy()
            trial[:, : self.model.n_physics] = np.where(
                np.arange(self.model.n_physics) == index, trial[:, : self.model.n_physics], point
            )
            best = _better(best, self.fit(trial, free))
        assert best is not None
        return best

    def _starts(self, index: int) -> np.ndarray:
        """Starts for the other physics parameters: a coarse grid over their ranges that avoids exact zeros."""
        axes = [[0.0] if k == index else np.quantile(ends, [0.03, 0.35, 0.55, 0.9]) for k, ends in enumerate(self.ranges)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))

    def _continued(self, fit: Fit, values: np.ndarray, free: np.ndarray, index: int, order: slice) -> Fit:
        theta, chi2, ended = fit.theta[order].copy(), fit.chi2[order].copy(), fit.ended[order].copy()
        for i, value in enumerate(values[order][1:], start=1):
            start = theta[i - 1].copy()
            start[index] = value
            trial = self.fit(start, free)
            if trial.chi2[0] < chi2[i]:
                theta[i], chi2[i], ended[i] = trial.theta[0], trial.chi2[0], trial.ended[0]
        return Fit(theta[order], chi2[order], ended[order])


def _better(one: Fit | None, other: Fit) -> Fit:
    if one is None:
        return other
    take = other.chi2 < one.chi2
    return Fit(
        np.where(take[:, None], other.theta, one.theta),
        np.where(take, other.chi2, one.chi2),
        np.where(take, other.ended, one.ended),
    )


@dataclass(frozen=True, eq=False)
class Scan:
    """chi^2 profiled over the rest at increasing values of one physics parameter, and its minimum with its place."""

    values: np.ndarray
    chi2: np.ndarray
    best_value: float
    chi2_min: float
    best_theta: np.ndarray


def scan_range(prior: Prior) -> tuple[float, float]:
    """The range to scan: the one that holds all modes, and the prior's where that is wider."""
    lower, upper = prior.of_interest.usual_range
    return min(lower, prior.lower), max(upper, prior.upper)


def widened(parameter: PhysicsParameter, low: float, high: float, factor: float) -> tuple[float, float]:
    """A range `factor` times as wide about its middle; a modulus keeps its lower end."""
    if not parameter.signed:
        return 0.0, high * factor
    middle, half = (low + high) / 2, (high - low) / 2
    return middle - factor * half, middle + factor * half


def scan(profiler: Profiler, index: int = 0, others: str = "zero", grid: int = GRID, factor: float = 1.0) -> Scan:
    """Scan a physics parameter over its range, stretched by `factor`; the refined minima are points of the scan."""
    low, high = widened(profiler.model.of_interest[index], *profiler.ranges[index], factor)
    values = np.union1d(np.linspace(low, high, grid), [0.0])
    fit = profiler.at(index, values, others)
    free = profiler.nuisances_free()
    free[index] = True
    if others == "profiled":
        free[: profiler.model.n_physics] = True
    refined = profiler.fit(fit.theta[_local_minima(fit.chi2)], free)
    theta, chi2 = np.concatenate([fit.theta, refined.theta]), np.concatenate([fit.chi2, refined.chi2])
    order = np.argsort(theta[:, index], kind="stable")
    best = int(np.argmin(chi2))
    return Scan(theta[order, index], chi2[order], float(theta[best, index]), float(chi2[best]), theta[best])


def fine_scan(model: Model) -> Scan:
    """Scan the one physics parameter of a model where chi^2 has risen by less than `RISE`, for a smooth curve."""
    profiler = Profiler(model)
    coarse = scan(profiler)
    low, high = coarse.values[coarse.chi2 < coarse.chi2_min + RISE][[0, -1]]
    step = coarse.values[1] - coarse.values[0]
    low = low - step if model.of_interest[0].signed else max(low - step, 0.0)
    values = np.union1d(np.linspace(low, high + step, GRID), [coarse.best_value])
    return replace(coarse, values=values, chi2=profiler.at(0, values).chi2)


def _local_minima(chi2: np.ndarray) -> np.ndarray:
    padded = np.concatenate([[inf], chi2, [inf]])
    return np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]))


def interval(
    model: Model, index: int = 0, *, cl: float = 0.9, one_sided: bool = False, others: str = "zero"
) -> ProfileInterval:
    """Profile-likelihood interval of a physics parameter: where chi^2 exceeds its minimum by less than the quantile.

    The minimum is taken over the physical range (moments >= 0). Pieces of a disjoint interval are kept apart. A range
    that does not hold the interval is widened; what is still open then is None, and the status says so.
    """
    if others not in ("zero", "profiled"):
        raise BayesnuError(f"others: found '{others}'; must be 'zero' or 'profiled'")
    level, profiler = delta_chi2(cl, one_sided), Profiler(model)
    factor = 1.0
    while True:
        curve = scan(profiler, index, others, GRID if others == "zero" or model.n_physics == 1 else COARSE_GRID, factor)
        above = curve.chi2 - curve.chi2_min > level
        closed = above[-1] and (above[0] or not model.of_interest[index].signed)
        if closed or factor >= WIDER:
            break
        factor *= 10
    ends = _crossings(profiler, index, others, curve, level)
    if one_sided and not model.of_interest[index].signed:
        ends = ((0.0, ends[-1][1]),)  # a one-sided limit has no lower end
    return _described(model, index, cl, one_sided, level, others, curve, ends)


def _crossings(
    profiler: Profiler, index: int, others: str, curve: Scan, level: float
) -> tuple[tuple[float | None, float | None], ...]:
    """Pieces where the profiled chi^2 stays below its minimum plus `level`."""
    values, inside = curve.values, curve.chi2 - curve.chi2_min <= level
    steps = np.flatnonzero(inside[1:] != inside[:-1])
    ends = _bisect(profiler, index, others, values[steps], values[steps + 1], inside[steps], curve.chi2_min + level)
    lowers: list[float | None] = [float(e) for e, was_inside in zip(ends, inside[steps], strict=True) if not was_inside]
    uppers: list[float | None] = [float(e) for e, was_inside in zip(ends, inside[steps], strict=True) if was_inside]
    if inside[0]:
        at_boundary = not profiler.model.of_interest[index].signed
        lowers.insert(0, float(values[0]) if at_boundary else None)
    if inside[-1]:
        uppers.append(None)
    return tuple(zip(lowers, uppers, strict=True))


def _bisect(
    profiler: Profiler, index: int, others: str, a: np.ndarray, b: np.ndarray, a_inside: np.ndarray, target: float
) -> np.ndarray:
    """Halve all brackets [a, b] together; 40 halvings of a grid step leave 1e-14 of the range."""
    a, b = a.copy(), b.copy()
    if not len(a):
        return a
    for _ in range(40 if others == "zero" else 20):
        middle = (a + b) / 2
        order = np.argsort(middle)
        chi2 = np.empty(len(middle))
        chi2[order] = profiler.at(index, middle[order], others).chi2
        same = (chi2 <= target) == a_inside
        a, b = np.where(same, middle, a), np.where(same, b, middle)
    return (a + b) / 2


def _described(
    model: Model,
    index: int,
    cl: float,
    one_sided: bool,
    level: float,
    others: str,
    curve: Scan,
    pieces: tuple[tuple[float | None, float | None], ...],
) -> ProfileInterval:
    prior, item = model.parameters[index], model.of_interest[index].em_property
    ridge = others == "profiled" and not item.signed and model.n_physics > 1
    return ProfileInterval(
        parameter=item.name,
        flavour=prior.of_interest.flavour,
        others=others,
        unit=prior.unit,
        scale=prior.scale,
        cl=cl,
        one_sided=one_sided,
        delta_chi2=level,
        best_fit=None if ridge else curve.best_value,
        chi2_min=curve.chi2_min,
        intervals=pieces,
        status=_status(item.signed, pieces, curve, ridge),
    )


def _status(signed: bool, pieces: Sequence[tuple[float | None, float | None]], curve: Scan, ridge: bool) -> str:
    low, high = curve.values[0], curve.values[-1]
    if pieces[0][0] is None or pieces[-1][1] is None:
        return f"not found: the chi^2 difference stays below the level up to the end of the range [{low:g}, {high:g}]"
    parts = [f"{len(pieces)} disjoint intervals" if len(pieces) > 1 else "found inside the range"]
    if not signed and pieces[0][0] == 0:
        parts.append("an upper limit: the interval begins at the physical boundary 0")
        if curve.best_value == 0:
            parts.append("where the best fit lies")
    if ridge:
        parts.append("the best fit is a ridge, so no value per flavour is quoted")
    return ", ".join(parts)


def _arrays(arrays: CompiledPosterior) -> tuple[np.ndarray, ...]:
    a = arrays
    return a.blocks, a.templates, a.factors, a.observed, a.prior_kind, a.prior_numbers
