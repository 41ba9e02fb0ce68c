"""Progress of a run on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from bayesnu.commands.output import console
from bayesnu.convergence import ERROR_BELOW, STEPS_PER_TAU

if TYPE_CHECKING:
    from bayesnu.convergence import Convergence


class Progress:
    """Shows each look of a run at itself: acceptance, autocorrelation so far, error of the limit, and time left.

    The clock is only shown, never asked: decisions are made from steps.
    """

    def __init__(self, quiet: bool, steps: int | None = None) -> None:
        self.quiet, self.steps = quiet, steps
        self.begin = time.monotonic()
        self.console = console(stderr=True)
        self.bar = Bar(BarColumn(), TextColumn("{task.description}"), console=self.console, transient=True)
        self.task = self.bar.add_task("preparing the model and its first steps", total=None)
        self.watched = not quiet and self.console.is_terminal

    def __enter__(self) -> Progress:
        if self.watched:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.watched:
            self.bar.stop()

    def report(self, verdict: Convergence, acceptance: float) -> None:
        """Say where the run is."""
        if self.quiet:
            return
        needed = self._needed(verdict)
        left = (time.monotonic() - self.begin) * (needed / verdict.steps - 1)
        state = "converged" if verdict.converged else f"about {left:.0f} s left; {verdict.missing[0]}"
        line = (
            f"step {verdict.steps}: acceptance {acceptance:.2f}, tau {verdict.tau:.1f}, R-hat {verdict.rhat:.4f}, "
            f"error of the limit {verdict.error:.2%}: {state}"
        )
        if self.watched:
            self.bar.update(self.task, description=line, total=needed, completed=verdict.steps)
        else:
            self.console.print(line, markup=False, soft_wrap=True)

    def _needed(self, verdict: Convergence) -> float:
        """Steps the run will take: as many as were asked for, or as the slower of two rules still needs."""
        if self.steps is not None:
            return max(self.steps, verdict.steps)
        by_error = verdict.steps * (min(verdict.error, 1.0) / ERROR_BELOW) ** 2
        return max(by_error, 1.1 * STEPS_PER_TAU * verdict.tau, verdict.steps)
