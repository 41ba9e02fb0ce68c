"""What campaigns of toy experiments share: the settings of a task, the fits of its model, and the statistic of a toy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.runs.config import from_dict
from bayesnu.runs.run import Run, model_of, to_dict
from bayesnu.support.errors import BayesnuError

MOST_PER_TASK = 10_000  # toys: about a second


def make_task_settings(run: Run, toys: int, seed: int, index: int = 0, **more: Any) -> tuple[dict[str, Any], int]:
    """Settings of a campaign over a physics parameter of a run, and into how many tasks the toys of a point are divided.

    Other physics parameters are fitted like nuisances. Raises `BayesnuError` for a number of toys that means nothing.
    """
    if not 100 <= toys <= 10**9:
        raise BayesnuError(f"toys: found {toys}; must lie in [100, 1000000000]")
    tasks = -(-toys // MOST_PER_TASK)
    per_task = toys if tasks == 1 else MOST_PER_TASK
    which = {"index": index} if index else {}  # campaigns of one parameter are those that they were
    return {"seed": seed, "run": to_dict(run), "toys_per_task": per_task} | which | more, tasks


def fitter_of(settings: Mapping[str, Any]) -> ToyFitter:
    """The fits of the model in the settings of a task, its parameter in the first place; made once per process."""
    return _make_fitter(json.dumps(settings["run"]), settings.get("index", 0))


@cache
def _make_fitter(run: str, index: int) -> ToyFitter:
    return ToyFitter(model_of(from_dict(json.loads(run))).with_first(index))


def stack_tasks(results: Sequence[Mapping[str, np.ndarray]], name: str, point: int, points: int) -> np.ndarray:
    """One array of the tasks of a point; task t belongs to point t mod `points`, so that more toys are more tasks.

    Only one task is in memory beside it.
    """
    tasks = range(point, len(results), points)
    first = results[point][name]
    stacked = np.empty((len(tasks), *first.shape), dtype=first.dtype)
    for row, task in zip(stacked, tasks, strict=True):
        row[:] = results[task][name]
    return stacked.reshape(-1, *first.shape[1:])
