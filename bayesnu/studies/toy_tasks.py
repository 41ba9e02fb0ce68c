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


def make_task_settings(run: Run, toys: int, seed: int, **more: Any) -> tuple[dict[str, Any], int]:
    """Settings of a campaign over a run's model, and into how many tasks the toys of a point are divided.

    Raises `BayesnuError` for a model that toys cannot be fitted of, or a number of toys that means nothing.
    """
    if len(run.parameters) != 1:
        raise BayesnuError(
            f"flavour: found '{run.flavour}', which has {len(run.parameters)} parameters; toys are fitted for one at a "
            "time: give common or a single element"
        )
    if not 100 <= toys <= 10**9:
        raise BayesnuError(f"toys: found {toys}; must lie in [100, 1000000000]")
    tasks = -(-toys // MOST_PER_TASK)
    per_task = toys if tasks == 1 else MOST_PER_TASK
    return {"seed": seed, "run": to_dict(run), "toys_per_task": per_task} | more, tasks


def fitter_of(settings: Mapping[str, Any]) -> ToyFitter:
    """The fits of the model in the settings of a task; made once per process."""
    return _make_fitter(json.dumps(settings["run"]))


@cache
def _make_fitter(run: str) -> ToyFitter:
    return ToyFitter(model_of(from_dict(json.loads(run))))


def stack_tasks(results: Sequence[Mapping[str, np.ndarray]], name: str, point: int, points: int) -> np.ndarray:
    """One array of the tasks of a point; task t belongs to point t mod `points`, so that more toys are more tasks."""
    return np.concatenate([each[name] for each in results[point::points]])
