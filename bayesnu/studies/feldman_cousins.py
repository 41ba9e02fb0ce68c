"""Feldman-Cousins intervals with profiled nuisances: critical values of the likelihood ratio from toy experiments.

At each tested value toys are drawn with the nuisances where the observed data put them at that value. Which values those
truly have is not known, so the coverage is exact only there, and approximate elsewhere (`coverage` measures how far).
Feldman and Cousins, Phys. Rev. D 57, 3873 (1998); nuisances as in Karbach, arXiv:1109.0714, and Acero et al. (NOvA),
arXiv:2207.14353.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnu.inference.interval import Interval, Piece
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.statistic import crossings, profiled, quantile_with_error, statistic
from bayesnu.inference.toys.toys import draw, observed
from bayesnu.runs.run import Run
from bayesnu.runs.task import Campaign
from bayesnu.studies.toy_tasks import fitter_of, make_task_settings, stack_tasks, tested_values
from bayesnu.support.errors import BayesnuError

TIE = 1e-6  # of chi^2: toys with the counts of the data are as far as the data, whatever the fits round to


@dataclass(frozen=True, eq=False)
class Belt:
    """Critical values of the statistic at tested values, all (points,), in units of `scale * unit` of the parameter.

    `observed` is the statistic of the data and `p_value` the share of toys at least as far; `critical_error` is the
    Monte-Carlo error. `interval` holds the accepted pieces: an end outside the tested range is None, and one at a boundary
    has the error 0. `failed` of `toys` fits did not end and are left out of the quantiles.
    """

    parameter: str
    values: np.ndarray
    observed: np.ndarray
    critical: np.ndarray
    critical_error: np.ndarray
    p_value: np.ndarray
    interval: Interval
    toys: int
    failed: int

    @property
    def cl(self) -> float:
        """The confidence level."""
        assert self.interval.probability is not None  # only a published interval may have none
        return self.interval.probability


def plan_belt(run: Run, points: int, toys: int, seed: int) -> Campaign:
    """The campaign of a belt: a task is a share of the toys of one tested value. The confidence level enters later."""
    settings, tasks = make_task_settings(run, toys, seed)
    values = tested_values(fitter_of(settings).model, points)
    return Campaign("feldman-cousins", settings | {"values": values.tolist()}, tasks * points, run_task)


def run_task(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Statistics of the toys of one task."""
    values = settings["values"]
    random = np.random.default_rng(seed)
    return {"statistic": statistics(fitter_of(settings), values[task % len(values)], settings["toys_per_task"], random)}


def statistics(fitter: ToyFitter, value: float, number: int, random: np.random.Generator) -> np.ndarray:
    """Statistic (number,) of toys at a true value with the nuisances profiled on the data; NaN where a fit did not end."""
    theta = profiled(fitter, value)
    return statistic(fitter, draw(fitter.model, theta, number, random), theta)[0]


def belt_of(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]], cl: float) -> Belt:
    """The belt of a finished campaign."""
    values = np.array(settings["values"])
    toys = [stack_tasks(results, "statistic", k, len(values)) for k in range(len(values))]
    return belt(fitter_of(settings), values, toys, cl)


def belt(fitter: ToyFitter, values: np.ndarray, toys: Sequence[np.ndarray], cl: float) -> Belt:
    """The belt at a confidence level, from statistics of toys at every value, and where the data lie in it."""
    if not 0 < cl < 1:
        raise BayesnuError(f"cl: found {cl:g}; must lie between 0 and 1, for example 0.9")
    model = fitter.model
    data = observed(fitter.model)
    seen = np.array([statistic(fitter, data, profiled(fitter, value))[0][0] for value in values])
    ended = [each[np.isfinite(each)] for each in toys]
    for value, each in zip(values, ended, strict=True):
        if not len(each):
            raise BayesnuError(
                f"{model.names[0]} = {value:g}: none of its toys could be fitted, so it has no critical value; "
                "look at the experiment with `bayesnu check`"
            )
    critical, error = np.array([quantile_with_error(each, cl) for each in ended]).T
    return Belt(
        parameter=model.names[0],
        values=values,
        observed=seen,
        critical=critical,
        critical_error=error,
        p_value=np.array([np.mean(each >= t - TIE) for each, t in zip(ended, seen, strict=True)]),
        interval=_accept(values, seen - critical, error, not model.of_interest[0].signed, cl),
        toys=sum(map(len, toys)),
        failed=sum(map(len, toys)) - sum(map(len, ended)),
    )


def _accept(values: np.ndarray, excess: np.ndarray, error: np.ndarray, boundary: bool, cl: float) -> Interval:
    """Where the statistic of the data stays below its critical value; a modulus may begin at its boundary 0."""
    outside = (None, None)
    ends: list[tuple[float | None, float | None]] = list(crossings(values, excess, error))
    if excess[0] <= 0:
        ends.insert(0, (0.0, 0.0) if boundary else outside)
    if excess[-1] <= 0:
        ends.append(outside)
    pairs = list(zip(ends[::2], ends[1::2], strict=True))
    return Interval(
        kind="feldman-cousins",
        probability=cl,
        pieces=tuple(Piece(low, high) for (low, _), (high, _) in pairs),
        errors=tuple(Piece(low, high) for (_, low), (_, high) in pairs),
    )
