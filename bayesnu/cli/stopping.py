"""Being told to stop: SIGINT and SIGTERM end what runs, for certain."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 0.5  # seconds after which an interruption that was not heard is repeated


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn the signals into `KeyboardInterrupt` with the number of the first, raised again until it leaves this block.

    One that arrives while a library cleans up (a weak reference, a destructor) is printed and lost otherwise.
    """
    told: list[int] = []
    repeats = hasattr(signal, "setitimer")
    printed = sys.unraisablehook

    def lost(found: sys.UnraisableHookArgs) -> None:
        if not (repeats and issubclass(found.exc_type, KeyboardInterrupt)):
            printed(found)

    def stop(number: int, frame: FrameType | None) -> None:
        told.append(number)
        if repeats:
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        raise KeyboardInterrupt(told[0])

    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    if repeats:
        heard.append(signal.SIGALRM)
    before = {number: signal.signal(number, stop) for number in heard}
    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = printed
        if repeats:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
