"""What the campaigns of the tests compute: here because workers import it, in processes of their own."""

from __future__ import annotations

import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.inference.toys import toys
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.physics.properties import Parameter
from bayesnu.runs.task import Campaign, blas
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import without_data

Arrays = dict[str, np.ndarray]


@cache
def model() -> Model:
    """One bin with 5 expected events, and a constraint."""
    return without_data([Gaussian(Parameter("shift", "shift", "", 1.0), 0.0, 2.0, mean=1.0, width=0.1)])


def draw(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> Arrays:
    """Toy experiments and their sums; says in the file `log` that it was called, by which process."""
    if "log" in settings:
        with Path(settings["log"]).open("a") as file:
            file.write(f"{task} {os.getpid()}\n")
    time.sleep(settings.get("seconds", 0.0))
    drawn = toys.draw(model(), np.array([1.0]), 100, np.random.default_rng(seed))
    return {"counts": drawn.counts.astype(np.int16), "sum": drawn.counts.sum(), "centre": drawn.centres.mean(axis=0)}


def crash(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> Arrays:
    """End the process in task 3."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(settings, task, seed)


def refuse(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> Arrays:
    """Raise in task 3 what the settings name."""
    if task == 3:
        kinds = {
            "mistake": BayesnuError("prior: found 3; must be 4"),
            "file": FileNotFoundError(2, "gone"),
            "bug": KeyError("x"),
        }
        raise kinds[settings["how"]]
    return draw(settings, task, seed)


def objects(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> Arrays:
    """What only pickling could store."""
    return {"objects": np.array([{}], dtype=object)}


def threads(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> Arrays:
    """Threads of every BLAS library, while the task runs."""
    return {"threads": np.array([library["num_threads"] for library in blas().info()])}


def product(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> Arrays:
    """A product of matrices whose last bits depend on the number of threads that compute it."""
    random = np.random.default_rng(seed)
    return {"product": random.standard_normal((20_011, 37)) @ random.standard_normal((37, 29))}


def kernel(x: np.ndarray) -> float:
    """Sum of the squares of x; is compiled."""
    total = 0.0
    for value in x:
        total += value * value
    return total


def compiled(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> Arrays:
    """A sum by a compiled function, which comes from the cache on disk if it is there."""
    from bayesnu.support.compiled import compiled

    total = compiled(kernel)(np.random.default_rng(seed).standard_normal(1000))
    return {"squares": np.array(total)} | draw(settings, task, seed)


def campaign(tasks: int, work: Any = draw, **settings: Any) -> Campaign:
    """A campaign of these."""
    return Campaign("test", {"seed": 5, **settings}, tasks, work)


def attach() -> None:
    """Add a command for a campaign to the command line, as `try-campaign FOLDER TASKS SECONDS WORKERS SCHEDULER`."""
    import click

    from bayesnu.cli.campaigns import watched
    from bayesnu.cli.main import main
    from bayesnu.runs.campaign import run

    @main.command("try-campaign")
    @click.argument("folder", type=Path)
    @click.argument("tasks", type=int)
    @click.argument("seconds", type=float)
    @click.argument("workers", type=int)
    @click.argument("scheduler", default="")
    def command(folder: Path, tasks: int, seconds: float, workers: int, scheduler: str) -> None:
        """Say how many results there are."""
        planned = campaign(tasks, log=str(folder.with_suffix(".log")), seconds=seconds)
        with watched(folder, quiet=False) as report:
            results = run(planned, folder, scheduler or None, None if scheduler else workers, report)
        click.echo(f"{len(list(results))} results")
