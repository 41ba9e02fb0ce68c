"""A campaign under the command line: its progress, and one sentence when it is told to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayesnu.cli.failures import Stopped
from bayesnu.cli.stopping import stoppable
from bayesnu.runs.campaign import MANIFEST, Report


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
