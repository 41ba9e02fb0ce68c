"""Progress of a run or a campaign on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from bayesnu.cli.elapsed import Elapsed
from bayesnu.cli.output import console

if TYPE_CHECKING:
    from bayesnu.inference.diagnostics import Convergence


class Shown:
    """A bar on a terminal, plain lines elsewhere, nothing if `quiet`."""

    def __init__(self, quiet: bool, description: str) -> None:
        self.quiet = quiet
        self.console = console(stderr=True)
        columns = (BarColumn(bar_width=12), TimeElapsedColumn(), TextColumn("{task.description}"))
        self.bar = Bar(*columns, console=self.console, transient=True)
        self.task = self.bar.add_task(description, total=None)
        self.watched = not quiet and self.console.is_terminal and not self.console.is_dumb_terminal
        context = click.get_current_context(silent=True)
        self.elapsed = context.find_object(Elapsed) if context else None

    def __enter__(self) -> Self:
        if self.watched:
            if self.elapsed is not None:
                self.elapsed.pause()
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.watched:
            self.bar.stop()
            if self.elapsed is not None:
                self.elapsed.resume()


class TaskProgress(Shown):
    """Shows how many tasks, or what else, are finished, and the time left; a plain line for each tenth of them."""

    def __init__(self, quiet: bool, what: str = "tasks") -> None:
        super().__init__(quiet, f"preparing the {what}")
        self.what = what
        self.tenths = -1

    def report(self, done: int, total: int, left: float | None = None) -> None:
        """Say where the campaign is."""
        line = f"{done} of {total} {self.what}" + (
            "" if left is None or done == total else f", about {_duration(left)} left"
        )
        if self.watched:
            self.bar.update(self.task, description=line, total=total, completed=done)
        elif not self.quiet and 10 * done // total != self.tenths:
            self.tenths = 10 * done // total
            self.console.print(line, markup=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class Progress(Shown):
    """Shows each look of a run at itself: acceptance, autocorrelation so far, error of the limit, and time left.

    The clock is only shown, never asked: decisions are made from steps.
    """

    def __init__(self, quiet: bool, steps: int | None = None) -> None:
        super().__init__(quiet, "preparing the model and its first steps")
        self.steps = steps
        self.begin = time.monotonic()

    def report(self, verdict: Convergence, acceptance: float) -> None:
        """Say where the run is."""
        needed = self._needed(verdict)
        left = (time.monotonic() - self.begin) * (needed / verdict.steps - 1)
        state = "converged" if verdict.converged else f"about {left:.0f} s left; {verdict.missing[0]}"
        line = (
            f"step {verdict.steps}, {state}; error of the limit {verdict.error:.2%}, R-hat {verdict.rhat:.4f}, "
            f"tau {verdict.tau:.1f}, acceptance {acceptance:.2f}"
        )
        if self.watched:
            self.bar.update(self.task, description=line, total=needed, completed=verdict.steps)
        else:
            self.console.print(line, markup=False, soft_wrap=True)

    def _needed(self, verdict: Convergence) -> float:
        """Steps the run will take: as many as were asked for, or as the slower of two rules still needs."""
        from bayesnu.inference.sampling.convergence import steps_needed  # what samples has it; a campaign needs no arviz

        return max(self.steps or steps_needed(verdict), verdict.steps)
