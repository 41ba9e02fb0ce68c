"""A run under the command line: what its options ask for, its progress, and one sentence when it is told to stop."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bayesnu.cli.failures import Stopped
from bayesnu.cli.options import require_parameter
from bayesnu.cli.stopping import stoppable
from bayesnu.runs import folder as folders
from bayesnu.runs import run as runs
from bayesnu.runs.run import Run
from bayesnu.support.errors import BayesnuError

PRIOR = ("kind", "lower", "upper", "mean", "width")
SAMPLING = ("kind", "probability", "seed", "steps", "most_steps", "ensembles", "walkers")


def choose_run(experiments: tuple[str, ...], options: dict[str, Any], base: Mapping[str, Any] | None = None) -> Run:
    """Resolve what options ask for; they win over the tables of a configuration in `base`."""
    base = base or {}
    _check_parameter(base, options.get("parameter"))
    prior = dict(base.get("prior", {}))
    prior |= {name: options.pop(f"prior_{name}") for name in PRIOR if f"prior_{name}" in options}
    sampling = dict(base.get("sampling", {}))
    sampling |= {name: options.pop(name) for name in SAMPLING if name in options}
    parameter = require_parameter(options.pop("parameter", base.get("parameter")))
    flavour = options.pop("flavour", base.get("flavour", "common"))
    chosen = {} if "preset" in options else dict(base.get("analysis", {}))  # another preset replaces all its choices
    preset = options.pop("preset", base.get("preset", "default"))
    choices = chosen | options
    return runs.configure(
        experiments or tuple(base.get("experiments", ())), parameter, flavour, preset, choices, prior, sampling
    )


def _check_parameter(base: Mapping[str, Any], parameter: str | None) -> None:
    """Refuse a configuration of one property for a run of another: its prior is in another unit."""
    written = base.get("parameter")
    if parameter is not None and written not in (None, parameter) and ("prior" in base or "sampling" in base):
        raise BayesnuError(
            f"--parameter: found {parameter}, the configuration is of {written}; its prior and its kind of interval are not "
            "those of another property, so write one of its own"
        )


@contextmanager
def watched_run(folder: Path, steps: int | None, quiet: bool, figures: bool, toys: bool) -> Iterator[dict[str, Any]]:
    """Show the progress of a run, and end it with one sentence when it is told to stop.

    Yields the arguments by which a run reports and draws. Files are replaced when they are complete, so that there is
    nothing to save at the moment of a stop.
    """
    try:
        with stoppable():
            from bayesnu.cli.progress import Progress

            with Progress(quiet, steps) as progress:
                yield {"report": None if quiet else progress.report, "figures": figures, "toys": toys}
    except KeyboardInterrupt as stopped:
        how = f"; `bayesnu resume {shlex.quote(str(folder))}` goes on from there" if folders.is_run(folder) else ""
        raise Stopped(stopped.args[0], how) from None
