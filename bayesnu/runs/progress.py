"""Where a chain is, in one line of standard error: for who samples in Python, where no command line shows a bar."""

from __future__ import annotations

import sys
import time

from bayesnu.inference.diagnostics import Convergence
from bayesnu.inference.sampling.convergence import steps_needed
from bayesnu.inference.settings import Settings

CELLS = 24  # of the bar
SHORTEST = 78  # characters of a line that has to cover the one before


class StepLine:
    """A bar that each look of a chain at itself moves; the line is rewritten on a terminal and in a notebook.

    Elsewhere every look is a line. The clock is only shown, never asked: decisions are made from steps.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.begin = time.monotonic()
        self.is_rewritten = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._write("preparing the model and its first steps", False)

    def __call__(self, verdict: Convergence, acceptance: float) -> None:
        """Show the verdict so far, with the time that is left; `acceptance` is accepted proposals per proposal."""
        steps = self.settings.steps
        share = verdict.steps / (steps or steps_needed(verdict))
        bar = "#" * int(CELLS * share)
        spent = time.monotonic() - self.begin
        ends = verdict.steps >= (steps or self.settings.most_steps)
        is_last = ends or (steps is None and verdict.converged)
        left = f"{spent:.0f} s" if is_last else f"about {spent * (1 / share - 1):.0f} s left"
        self._write(f"[{bar:.<{CELLS}}] step {verdict.steps}, error of the limit {verdict.error:.1%}, {left}", is_last)

    def _write(self, line: str, is_last: bool) -> None:
        begin = "\r" if self.is_rewritten else ""
        end = "\n" if is_last or not self.is_rewritten else ""
        sys.stderr.write(f"{begin}{line:<{SHORTEST}}{end}" if self.is_rewritten else f"{line}{end}")
        sys.stderr.flush()
