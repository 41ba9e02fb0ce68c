"""`report`: what chains say, as a page for reading, printing and keeping: the verdict first, the provenance last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from bayesnu.runs import folder
from bayesnu.runs.report.document import write_html, write_markdown
from bayesnu.runs.report.page import compare_runs, open_run, section_of
from bayesnu.support.errors import BayesnuError


def report(paths: Sequence[str], output: str | None, markdown: str | None) -> None:
    """Write the report of chains as HTML, as Markdown, or as both."""
    if output is None and markdown is None:
        if len(paths) > 1:
            raise BayesnuError("--output: a report on several chains has no folder of its own; give a FILE.html")
        output = str(folder.run_folder(paths[0]) / "report.html")
    for name, path, suffix in (("--output", output, ".html"), ("--markdown", markdown, ".md")):
        if path is not None and Path(path).suffix.lower() != suffix:
            raise BayesnuError(f"{name}: found {path}; its name must end in {suffix}")
        if path is not None and not Path(path).parent.is_dir():
            raise BayesnuError(f"{name}: found {path}; there is no such folder, create it or choose another")
    read = [open_run(f"run-{n}", path) for n, path in enumerate(paths, 1)]
    several = len(read) > 1
    title, blocks = (f"{len(read)} runs compared", compare_runs(read)) if several else (read[0].title, [])
    blocks += [block for each in read for block in section_of(each, several)]
    for path, write in ((output, write_html), (markdown, write_markdown)):
        if path is not None:
            write(Path(path), title, blocks)
            click.echo(f"wrote {path}")
