"""Campaigns of expected limits without a signal, and of the goodness of fit.

Toys are drawn at the Standard Model with the nuisances where the data put them; each gets the limits that the data get.
For the goodness of fit the statistic is the minimal chi^2 itself. It is that of the Standard Model, and that of the model
with its parameters free; each stands among toys drawn at its own best fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesnu.inference.interval import delta_chi2
from bayesnu.inference.toys.expected import ExpectedLimit, find_limits, list_ends, summarise_limits
from bayesnu.inference.toys.goodness import Goodness, chi2_of_data, count_bins
from bayesnu.inference.toys.statistic import profiled_null, rank_among_toys
from bayesnu.inference.toys.toys import draw, observed
from bayesnu.runs.run import Run
from bayesnu.runs.task import Campaign
from bayesnu.studies.toy_tasks import fitter_of, make_task_settings, stack_tasks


def plan_expected(run: Run, toys: int, seed: int, cl: float, index: int = 0) -> Campaign:
    """The campaign of expected limits of a physics parameter, and of goodness of fit."""
    delta_chi2(cl, one_sided=True)  # raises for what is no level
    settings, tasks = make_task_settings(run, toys, seed, index, cl=cl)
    return Campaign("expected", settings, tasks, run_task)


def run_task(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Limits and minimal chi^2 of the toys of one task."""
    fitter = fitter_of(settings)
    random = np.random.default_rng(seed)
    number = settings["toys_per_task"]
    null = profiled_null(fitter)
    toys = draw(fitter.model, null, number, random)
    best = fitter.best_fit(observed(fitter.model)).theta[0]
    of_best = draw(fitter.model, best, number, random)
    return {
        "limits": find_limits(fitter, list_ends(fitter, settings["cl"]), toys).T,
        "chi2_null": chi2_of_data(fitter, toys, fitter.fit(toys, null, fitter.nuisances)),
        "chi2_best": chi2_of_data(fitter, of_best, fitter.best_fit(of_best)),
    }


def expected_limits(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]]) -> list[ExpectedLimit]:
    """Quantiles of the limits of a finished campaign."""
    fitter = fitter_of(settings)
    return summarise_limits(fitter, list_ends(fitter, settings["cl"]), stack_tasks(results, "limits", 0, 1).T)


def goodness(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]]) -> list[Goodness]:
    """Goodness of fit of the Standard Model and of the model with its parameters free."""
    fitter = fitter_of(settings)
    data = observed(fitter.model)
    null = fitter.fit(data, profiled_null(fitter), fitter.nuisances)
    best = fitter.best_fit(data)
    bins = count_bins(fitter)
    free = f"{', '.join(prior.name for prior in fitter.model.physics)} free"
    seen_null, seen_best = (float(chi2_of_data(fitter, data, fit)[0]) for fit in (null, best))
    return [
        Goodness("Standard Model", seen_null, bins, rank_among_toys(seen_null, stack_tasks(results, "chi2_null", 0, 1))),
        Goodness(free, seen_best, bins, rank_among_toys(seen_best, stack_tasks(results, "chi2_best", 0, 1))),
    ]
