"""Campaigns of Feldman-Cousins belts: toys at every tested value, in tasks. `inference/toys/belt.py` makes the belt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesnu.inference.toys.belt import Belt, belt, statistics, tested_values
from bayesnu.runs.run import Run
from bayesnu.runs.task import Campaign
from bayesnu.studies.toy_tasks import fitter_of, make_task_settings, stack_tasks


def plan_belt(run: Run, points: int, toys: int, seed: int, index: int = 0) -> Campaign:
    """The campaign of the belt of a physics parameter: a task is a share of the toys of one tested value.

    The confidence level enters later.
    """
    settings, tasks = make_task_settings(run, toys, seed, index)
    values = tested_values(fitter_of(settings).model, points)
    return Campaign("feldman-cousins", settings | {"values": values.tolist()}, tasks * len(values), run_task)


def run_task(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Statistics of the toys of one task."""
    values = settings["values"]
    random = np.random.default_rng(seed)
    return {"statistic": statistics(fitter_of(settings), values[task % len(values)], settings["toys_per_task"], random)}


def belt_of(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]], cl: float) -> Belt:
    """The belt of a finished campaign."""
    values = np.array(settings["values"])
    toys = (stack_tasks(results, "statistic", k, len(values)) for k in range(len(values)))
    return belt(fitter_of(settings), values, toys, cl)
