"""A campaign under the command line: what is asked of it, its progress, and one sentence when it is told to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bayesnu.cli.failures import Stopped
from bayesnu.cli.runs import choose_run
from bayesnu.cli.stopping import stoppable
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior
from bayesnu.runs import campaign as campaigns
from bayesnu.runs.campaign import MANIFEST, Report, Results
from bayesnu.runs.run import Run, preset_note
from bayesnu.runs.task import Campaign


@dataclass(frozen=True)
class Asked:
    """The run that a campaign is about, and how it is carried out."""

    run: Run
    seed: int
    workers: int | None
    scheduler: str | None
    output: str | None
    quiet: bool


def choose_campaign(experiments: tuple[str, ...], options: dict[str, Any]) -> Asked:
    """Separate the options of every campaign from those that resolve to its run."""
    names = ("seed", "workers", "scheduler", "output", "quiet")
    how = {name: options.pop(name, None) for name in names}
    return Asked(run=choose_run(experiments, options), **how)


def carry_out(made: Campaign, asked: Asked, index: int = 0) -> Results:
    """Results of all tasks, computed or found in the folder. Each of several physics parameters has its own."""
    word = campaigns.fingerprint(made)[:8]  # other settings or another version are another campaign
    folder = Path(asked.output or Path("chains") / f"{made.kind}_{asked.run.name}_{word}")
    if asked.output and len(asked.run.parameters) > 1:
        folder /= asked.run.parameters[index]
    with watched(folder, asked.quiet) as report:
        return campaigns.run(made, folder, asked.scheduler, asked.workers, report)


def name_figure(figure: str, chosen: Run, index: int) -> Path:
    """The file of a figure; each of several physics parameters has its own, which bears its name."""
    path = Path(figure)
    if len(chosen.parameters) == 1:
        return path
    return path.with_stem(f"{path.stem}-{chosen.parameters[index]}")


@contextmanager
def watched(folder: Path, quiet: bool) -> Iterator[Report]:
    """Show the progress of a campaign, and end it with one sentence when it is told to stop.

    Finished tasks are stored as they come, so that there is nothing to save at that moment.
    """
    try:
        with stoppable():
            from bayesnu.cli.progress import TaskProgress

            with TaskProgress(quiet) as progress:
                yield progress.report
    except KeyboardInterrupt as stopped:
        begun = (folder / MANIFEST).is_file()
        how = f"; finished tasks are in {folder}, and the same command goes on from there" if begun else ""
        raise Stopped(stopped.args[0], how) from None


def title_of(prior: Prior, chosen: Run) -> str:
    """What a table of toy experiments is about."""
    return f"{prior.column}, {' + '.join(chosen.experiments)}, preset {preset_note(chosen)}"


def print_remarks(model: Model, failed: int, toys: int) -> None:
    """Say what has to be known of the model, and how many fits of toys are left out, if any are."""
    for note in model.notes:
        click.echo(note)
    if failed:
        click.echo(f"{failed} of {toys} fits of toys did not end and are left out")
