"""Expected limits without a signal, and goodness of fit, from toy experiments.

Toys are drawn at the Standard Model with the nuisances where the data put them; each gets the limits that the data get.
For the goodness of fit the statistic is the minimal chi^2 itself. It is that of the Standard Model, and that of the model
with its parameter free; each stands among toys drawn at its own best fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesnu.inference.interval import delta_chi2
from bayesnu.inference.toys.statistic import profiled, quantile_with_error, share_with_error
from bayesnu.inference.toys.toys import Toys, draw, observed
from bayesnu.runs.run import Run
from bayesnu.runs.task import Campaign
from bayesnu.studies.toy_tasks import fitter_of, make_task_settings, stack_tasks

BANDS = {"-2 sigma": 0.02275, "-1 sigma": 0.15866, "median": 0.5, "+1 sigma": 0.84134, "+2 sigma": 0.97725}


@dataclass(frozen=True, eq=False)
class ExpectedLimit:
    """Quantiles of one end of an interval over toys, in units of `scale * unit`, each with its Monte-Carlo error.

    `observed` is that end for the data, `below` the share of toys with a smaller one. `failed` of `toys` have none.
    """

    end: str
    one_sided: bool
    delta_chi2: float
    bands: dict[str, tuple[float, float]]
    observed: float
    below: float
    toys: int
    failed: int


@dataclass(frozen=True, eq=False)
class Goodness:
    """The minimal chi^2 of the data, and the share of toys with a larger one, with its binomial error."""

    model: str
    chi2: float
    bins: int
    p_value: float
    error: float
    toys: int
    failed: int


def plan_expected(run: Run, toys: int, seed: int, cl: float) -> Campaign:
    """The campaign of expected limits and goodness of fit."""
    delta_chi2(cl, one_sided=True)  # raises for what is no level
    settings, tasks = make_task_settings(run, toys, seed, cl=cl)
    return Campaign("expected", settings, tasks, run_task)


def list_ends(settings: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The ends reported: upper limits, two- and one-sided, of a modulus; both ends of a signed parameter."""
    signed = fitter_of(settings).model.of_interest[0].signed
    return [("lower", False), ("upper", False)] if signed else [("upper", False), ("upper", True)]


def find_limits(settings: Mapping[str, Any], toys: Toys) -> np.ndarray:
    """Ends (ends, toys) of the profile-likelihood intervals, NaN where a fit did not end."""
    fitter = fitter_of(settings)
    return np.array(
        [fitter.limit(toys, delta_chi2(settings["cl"], one_sided), end).limit for end, one_sided in list_ends(settings)]
    )


def run_task(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Limits and minimal chi^2 of the toys of one task."""
    fitter = fitter_of(settings)
    random = np.random.default_rng(seed)
    number = settings["toys_per_task"]
    null = profiled(fitter, 0.0)
    toys = draw(fitter.model, null, number, random)
    best = fitter.best_fit(observed(fitter.model)).theta[0]
    return {
        "limits": find_limits(settings, toys).T,
        "chi2_null": fitter.fit(toys, null, fitter.nuisances).chi2,
        "chi2_best": fitter.best_fit(draw(fitter.model, best, number, random)).chi2,
    }


def expected_limits(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]]) -> list[ExpectedLimit]:
    """Quantiles of the limits of a finished campaign."""
    seen = find_limits(settings, observed(fitter_of(settings).model))[:, 0]
    toys = stack_tasks(results, "limits", 0, 1).T
    found = []
    for (end, one_sided), values, at in zip(list_ends(settings), toys, seen, strict=True):
        ended = values[np.isfinite(values)]
        found.append(
            ExpectedLimit(
                end=end,
                one_sided=one_sided,
                delta_chi2=delta_chi2(settings["cl"], one_sided),
                bands={name: quantile_with_error(ended, p) for name, p in BANDS.items()},
                observed=float(at),
                below=share_with_error(ended < at)[0],
                toys=len(values),
                failed=len(values) - len(ended),
            )
        )
    return found


def goodness(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]]) -> list[Goodness]:
    """Goodness of fit of the Standard Model and of the model with its parameter free."""
    fitter = fitter_of(settings)
    data = observed(fitter.model)
    null = profiled(fitter, 0.0)
    found = []
    for model, name, fit in (
        ("Standard Model", "chi2_null", fitter.fit(data, null, fitter.nuisances)),
        (f"{fitter.model.names[0]} free", "chi2_best", fitter.best_fit(data)),
    ):
        values = stack_tasks(results, name, 0, 1)
        ended = values[np.isfinite(values)]
        p, error = share_with_error(ended >= fit.chi2[0])
        failed = len(values) - len(ended)
        found.append(Goodness(model, float(fit.chi2[0]), fitter.model.observed.size, p, error, len(values), failed))
    return found
