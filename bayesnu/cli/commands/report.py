"""`report`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    from bayesnu.runs.report.document import Block


@click.command()
@click.argument("chains", nargs=-1, required=True, metavar="CHAIN...")
@click.option("--output", type=str, metavar="FILE.html", help="The page [default: report.html in the run's folder].")
@click.option("--markdown", type=str, metavar="FILE.md", help="The same as Markdown, its figures in a folder beside it.")
def report(chains: tuple[str, ...], output: str | None, markdown: str | None) -> None:
    """Write a page on one chain or several: verdict, intervals, figures, diagnostics, provenance; nothing is loaded."""
    from pathlib import Path

    from bayesnu.runs.report.document import write_html, write_markdown

    if output is None and markdown is None:
        output = _default_page(chains)
    _check_place("--output", output, ".html")
    _check_place("--markdown", markdown, ".md")
    title, blocks = _page(chains)
    for path, write in ((output, write_html), (markdown, write_markdown)):
        if path is not None:
            write(Path(path), title, blocks)
            click.echo(f"wrote {path}")


def _default_page(chains: Sequence[str]) -> str:
    from bayesnu.runs.folder import run_folder

    if len(chains) > 1:
        raise BayesnuError("--output: a report on several chains has no folder of its own; give a FILE.html")
    return str(run_folder(chains[0]) / "report.html")


def _check_place(flag: str, path: str | None, suffix: str) -> None:
    from pathlib import Path

    if path is None:
        return
    if Path(path).suffix.lower() != suffix:
        raise BayesnuError(f"{flag}: found {path}; its name must end in {suffix}")
    if not Path(path).parent.is_dir():
        raise BayesnuError(f"{flag}: found {path}; there is no such folder, create it or choose another")


def _page(chains: Sequence[str]) -> tuple[str, list[Block]]:
    """Title and blocks: of several runs a comparison first, then each run's own section."""
    from bayesnu.runs.report.page import compare_runs, open_run, section_of

    read = [open_run(f"run-{n}", path) for n, path in enumerate(chains, 1)]
    several = len(read) > 1
    title = f"{len(read)} runs compared" if several else read[0].title
    blocks = compare_runs(read) if several else []
    for each in read:
        blocks += section_of(each, several)
    return title, blocks
