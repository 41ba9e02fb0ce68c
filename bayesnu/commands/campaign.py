"""A campaign under the command line: its progress, and one sentence when it is told to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from bayesnu.campaign import MANIFEST, Report
from bayesnu.cli import Stopped


@contextmanager
def watched(folder: Path, quiet: bool) -> Iterator[Report]:
    """Show the progress of a campaign, and end it with one sentence when it is told to stop.

    Finished tasks are stored as they come, so that there is nothing to save at that moment.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    heard = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        from bayesnu.commands.progress import TaskProgress

        with TaskProgress(quiet) as progress:
            yield progress.report
    except KeyboardInterrupt as stopped:
        begun = (folder / MANIFEST).is_file()
        how = f"; finished tasks are in {folder}, and the same command goes on from there" if begun else ""
        raise Stopped(stopped.args[0], how) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
