"""Fits of one model: chi^2 minimised over any of its parameters, with the model arranged for compiled code once.

The statistic is the Poisson chi^2 with pulls, 2 sum[lambda - n + n ln(n/lambda)] + sum((theta - mean)/width)^2. It is
minimised by a damped Newton method with analytic gradient and Hessian, inside the parameters' bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from bayesnu.inference.newton import all_derivatives, minimise
from bayesnu.model.kernel_arrays import arrange_model
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.errors import BayesnuError

WIDER = 1e3  # how far a parameter may be fitted, in units of the range that holds all modes
FAR_ABOVE = 100.0  # chi^2 above its minimum where no statement asks whether a fit has ended
TIED = 1e-6  # chi^2 by which a fit that has ended may lie above one that has not, and is still preferred

Others: TypeAlias = Literal["zero", "profiled"]  # what becomes of the other physics parameters


@dataclass(frozen=True, eq=False)
class Fit:
    """Minima of chi^2: `theta` (n, parameters), `chi2` (n,), and whether each fit ended (n,).

    Where the model excludes the data chi^2 is inf, and there is nothing to fit.
    """

    theta: np.ndarray
    chi2: np.ndarray
    ended: np.ndarray

    def unended(self, lowest: float | None = None) -> int:
        """How many fits did not end that may lie near the lowest chi^2, by default that of these."""
        if self.ended.all():
            return 0
        lowest = float(np.min(self.chi2)) if lowest is None else lowest
        return int(np.sum(~self.ended & (self.chi2 < lowest + FAR_ABOVE)))


def describe_unended(number: int) -> str:
    """Why fits that did not end make no statement, in words."""
    return (
        f"{number} fits near the minimum of chi^2 did not end; parameters that can replace each other have to be merged or "
        "given a width"
    )


def check_ended(fit: Fit, what: str) -> None:
    """Raise `BayesnuError` in the name of `what` if a fit that matters did not end."""
    number = fit.unended()
    if number:
        raise BayesnuError(f"{what}: {describe_unended(number)}")


class Profiler:
    """Fits of one model. `free` marks the parameters a fit may move; the rest stay at the given start."""

    def __init__(self, model: Model) -> None:
        self.model = model
        # a profile likelihood knows no prior of a physics parameter, only its physical range
        self.ranges = [choose_range(prior) for prior in model.physics]
        self.arrays = arrange_model(model.with_flat_physics())
        self.lower = np.array([p.lower for p in model.parameters])
        self.upper = np.array([p.upper for p in model.parameters])
        for k, (low, high) in enumerate(self.ranges):
            self.lower[k], self.upper[k] = widen_range(model.of_interest[k], low, high, WIDER)

    def fit(self, start: np.ndarray, free: np.ndarray) -> Fit:
        """Minimise chi^2 from each start (n, parameters) over the parameters marked in `free` (parameters,)."""
        theta = np.array(np.atleast_2d(start), dtype=float)
        chi2 = np.empty(len(theta))
        ended = np.empty(len(theta), dtype=np.bool_)
        minimise(theta, np.flatnonzero(free), self.lower, self.upper, self.arrays, chi2, ended)
        return Fit(theta, chi2, ended)

    def chi2(self, theta: np.ndarray) -> np.ndarray:
        """The statistic itself, shape (n,), for theta (n, parameters)."""
        return self.fit(theta, np.zeros(len(self.lower), dtype=bool)).chi2

    def derivatives(self, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradients (n, k) and Hessians (n, k, k) of chi^2/2 at theta (n, parameters) in the k parameters `which`."""
        n = len(theta)
        k = len(which)
        gradient = np.empty((n, k))
        hessian = np.empty((n, k, k))
        all_derivatives(np.ascontiguousarray(theta), which, self.arrays, gradient, hessian)
        return gradient / 2, hessian / 2

    def nuisances_free(self) -> np.ndarray:
        """Mark the nuisance parameters."""
        return np.arange(len(self.lower)) >= self.model.n_physics

    def at(self, index: int, values: np.ndarray) -> Fit:
        """Profile over the nuisances at values (n,) of physics parameter `index`; others are as in the Standard Model."""
        start = np.tile(self.model.nominal(), (len(values), 1))
        start[:, index] = values
        return self.fit(start, self.nuisances_free())


def _is_better(one: Fit, other: Fit) -> np.ndarray:
    """Whether a fit (n,) is lower than another, or has ended where the other has not and is as low."""
    return np.asarray((one.chi2 < other.chi2) | (one.ended & ~other.ended & (one.chi2 < other.chi2 + TIED)))


def take_better(one: Fit, other: Fit) -> Fit:
    """The lower of two fits, row by row."""
    take = _is_better(other, one)
    return Fit(
        np.where(take[:, None], other.theta, one.theta),
        np.where(take, other.chi2, one.chi2),
        np.where(take, other.ended, one.ended),
    )


def choose_range(prior: Prior) -> tuple[float, float]:
    """The range to scan: the one that holds all modes, and the prior's where that is wider."""
    lower, upper = prior.of_interest.usual_range
    return min(lower, prior.lower), max(upper, prior.upper)


def widen_range(parameter: PhysicsParameter, low: float, high: float, factor: float) -> tuple[float, float]:
    """A range `factor` times as wide about its middle, within physical bounds; a modulus keeps its lower end."""
    if not parameter.signed:
        return 0.0, high * factor
    middle = (low + high) / 2
    half = (high - low) / 2
    lowest, highest = parameter.bounds
    return max(middle - factor * half, lowest), min(middle + factor * half, highest)
