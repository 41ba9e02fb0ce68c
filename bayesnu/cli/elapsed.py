"""A sign of life: plain lines on standard error while a command has nothing to say yet."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self

FIRST = 2.5  # seconds after which somebody would wonder; each further line comes after twice the time


class Elapsed:
    """Says for how long a command has been at work, unless it is `quiet`; a bar on a terminal stands in for that."""

    def __init__(self, name: str, quiet: bool) -> None:
        self.name = name
        self.quiet = quiet
        self.begin = time.monotonic()
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        self.resume()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pause()

    def resume(self) -> None:
        """Count from the beginning of the command."""
        if not self.quiet:
            self.ended = threading.Event()
            threading.Thread(target=self._count, args=(self.ended,), daemon=True).start()

    def pause(self) -> None:
        """Say nothing until `resume`."""
        self.ended.set()

    def _count(self, ended: threading.Event) -> None:
        wait = FIRST
        while not ended.wait(wait):
            try:
                print(f"{self.name}: at work for {time.monotonic() - self.begin:.0f} s", file=sys.stderr, flush=True)
            except (OSError, ValueError):  # nobody reads it
                return
            wait *= 2
