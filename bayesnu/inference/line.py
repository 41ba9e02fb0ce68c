"""Fits along one physics parameter: chi^2 profiled over the nuisances, and over the other physics parameters where asked.

All points of a scan are fitted together, each as a toy that has the data's counts. With other physics parameters profiled
chi^2 can have several minima at a value. Each value is fitted from several starts, then from its neighbours, and the lowest
is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import inf, nan

import numpy as np

from bayesnu.inference.profiler import Fit, Others, take_better, widen_range
from bayesnu.inference.toys.fitter import CONVERGED, EXACT, ToyFitter
from bayesnu.inference.toys.toys import observed
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.errors import BayesnuError

STEPS = 16  # of a scan where counts change by their noise
STEPS_OF_MANY = 10  # the same where other physics parameters are profiled
BETTER = 1e-7  # decrease of chi^2 for which neighbours are asked once more


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

    The other physics parameters stay as in the Standard Model, called `zero`, or are `profiled` like the nuisances.
    """

    def __init__(self, fitter: ToyFitter, index: int = 0, others: Others = "zero") -> None:
        check_index(fitter.model, index)
        self.fitter = fitter
        self.profiler = fitter.profiler
        self.index = index
        self.others = others
        self.nominal = fitter.model.nominal()
        self.data = observed(fitter.model)
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
        """The lowest chi^2 over all other parameters at increasing values (n,) of this one."""
        free = self.free
        free[self.index] = False
        start = np.repeat(self.nominal[None], len(values), axis=0)
        start[:, self.index] = values
        if not self.profiles_others:
            return self._fit_together(start, free)
        return self._fit_from_neighbours(self._fit_from_starts(start, free), free)

    def refine(self, theta: np.ndarray) -> Fit:
        """Minima of everything that is free, from theta (n, parameters)."""
        return self._fit_together(theta, self.free, EXACT)

    def cross(self, theta: np.ndarray, outside: np.ndarray, target: float) -> np.ndarray:
        """Where chi^2 crosses the target between theta (n, parameters) and `outside` (n,); NaN where it was not found."""
        targets = np.full(len(theta), target)
        return self.fitter.find_crossings(self.data.repeat(len(theta)), theta, self.free, self.index, targets, outside)

    def scan(self, factor: float = 1.0) -> Scan:
        """Scan the parameter over its range stretched by `factor`; the refined minima are points of the scan."""
        if factor not in self._scans:
            self._scans[factor] = self._make_scan(factor)
        return self._scans[factor]

    def rise_at(self, value: float) -> float:
        """chi^2 profiled at a value of this parameter, above its minimum; NaN where a fit did not end."""
        fit = self.fit(np.array([value]))
        best = self.scan()
        is_known = fit.ended[0] and not best.unended
        return max(float(fit.chi2[0]) - best.chi2_min, 0.0) if is_known else nan

    def _make_scan(self, factor: float) -> Scan:
        """Fit at the values of a scan, then refine its local minima by freeing this parameter too."""
        fit = self.fit(self._place_values(factor))
        refined = self.refine(fit.theta[find_local_minima(fit.chi2)])
        if self.profiles_others:  # it may have left for where another minimum over the others is lower
            refined = take_better(refined, self.fit(refined.theta[:, self.index]))
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
            chi2_min=lowest,
            best_theta=theta[best],
            unended=fit.unended(lowest) + refined.unended(lowest),
        )

    def _place_values(self, factor: float) -> np.ndarray:
        """Values (n,) of a scan, close where counts change within their noise, and further apart the more they change."""
        low, high = widen_range(self.parameter, *self.profiler.ranges[self.index], factor)
        shape = self.fitter.starts.parabola(self.index)
        first, last = np.arcsinh((np.array([low, high]) - shape.middle) / shape.width)
        steps = STEPS_OF_MANY if self.profiles_others else STEPS
        places = np.linspace(first, last, 2 + int((last - first) * steps))
        values = shape.middle + shape.width * np.sinh(places)
        return np.union1d(values[(values > low) & (values < high)], [low, self.nominal[self.index], high])

    def _fit_from_starts(self, start: np.ndarray, free: np.ndarray) -> Fit:
        """Fits of every row from every start of the other physics parameters, and the lowest of each row."""
        points = self._choose_starts()
        others = np.flatnonzero(free[: self.profiler.model.n_physics])
        trials = np.tile(start, (len(points), 1))
        trials[:, others] = np.repeat(points, len(start), axis=0)
        fit = self._fit_together(trials, free)
        parts = [slice(k * len(start), (k + 1) * len(start)) for k in range(len(points))]
        best = Fit(fit.theta[parts[0]], fit.chi2[parts[0]], fit.ended[parts[0]])
        for part in parts[1:]:
            best = take_better(best, Fit(fit.theta[part], fit.chi2[part], fit.ended[part]))
        return best

    def _choose_starts(self) -> np.ndarray:
        """Starts (n, others) of the others: where a moment is seen, else on either side of where counts are fewest."""
        axes = []
        for k, parameter in enumerate(self.profiler.model.of_interest):
            if k == self.index:
                continue
            shape = self.fitter.starts.parabola(k)
            axes.append([shape.middle - shape.width, shape.middle + shape.width] if parameter.signed else [shape.width])
        return np.array(list(product(*axes)))

    def _fit_from_neighbours(self, fit: Fit, free: np.ndarray) -> Fit:
        """Fit every row from where its neighbours on either side are, as long as any is better for it."""
        values = fit.theta[:, self.index].copy()
        for _ in range(len(values)):
            before = fit.chi2
            start = np.concatenate([fit.theta[:1], fit.theta[:-1], fit.theta[1:], fit.theta[-1:]])
            start[:, self.index] = np.tile(values, 2)
            trial = self._fit_together(start, free)
            size = len(values)
            fit = take_better(fit, Fit(trial.theta[:size], trial.chi2[:size], trial.ended[:size]))
            fit = take_better(fit, Fit(trial.theta[size:], trial.chi2[size:], trial.ended[size:]))
            if not np.any(fit.chi2 < before - BETTER):
                break
        return fit

    def _fit_together(self, start: np.ndarray, free: np.ndarray, enough: float = CONVERGED) -> Fit:
        """Fits from every start (n, parameters), each a copy of the data; one by one where they do not end together."""
        fit = self.fitter.fit(self.data.repeat(len(start)), start, free, enough)
        lost = ~fit.ended
        if lost.any():
            alone = self.profiler.fit(start[lost], free)
            fit.theta[lost] = alone.theta
            fit.chi2[lost] = alone.chi2
            fit.ended[lost] = alone.ended
        return fit


def check_index(model: Model, index: int) -> None:
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
