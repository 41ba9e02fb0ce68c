"""`report`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bayesnu.cli.completion import complete_file
from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    from bayesnu.runs.report.document import Block
    from bayesnu.runs.report.page import Read


@click.command()
@click.argument("chains", nargs=-1, required=True, metavar="CHAIN...", shell_complete=complete_file)
@click.option("--output", type=str, metavar="FILE.html", help="The page [default: report.html beside the chain].")
@click.option("--markdown", type=str, metavar="FILE.md", help="The same as Markdown, its figures in a folder beside it.")
def report(chains: tuple[str, ...], output: str | None, markdown: str | None) -> None:
    """Write a page on one chain or several: verdict, intervals, figures, diagnostics, provenance; nothing is loaded."""
    from pathlib import Path

    from bayesnu.runs.report.document import write_html, write_markdown

    if output is None and markdown is None:
        output = _default_page(chains)
    _check_place("--output", output, ".html")
    _check_place("--markdown", markdown, ".md")
    read, left_out = _open_runs(chains)
    title, blocks = _page(read, left_out)
    for sentence in left_out:
        click.echo(f"left out: {sentence}", err=True)
    for path, write in ((output, write_html), (markdown, write_markdown)):
        if path is not None:
            write(Path(path), title, blocks)
            click.echo(f"wrote {path}")


def _default_page(chains: Sequence[str]) -> str:
    from bayesnu.runs.chain_file import find_chain
    from bayesnu.runs.folder import place_beside

    if len(chains) > 1:
        raise BayesnuError("--output: a report on several chains has no folder of its own; give a FILE.html")
    return str(place_beside(find_chain(chains[0]), "report.html"))


def _check_place(flag: str, path: str | None, suffix: str) -> None:
    from pathlib import Path

    if path is None:
        return
    if Path(path).suffix.lower() != suffix:
        raise BayesnuError(f"{flag}: found {path}; its name must end in {suffix}")
    if not Path(path).parent.is_dir():
        raise BayesnuError(f"{flag}: found {path}; there is no such folder, create it or choose another")


def _open_runs(chains: Sequence[str]) -> tuple[list[Read], list[str]]:
    """The runs that can be read, and a sentence on each of the others; raises `BayesnuError` if there is none to read."""
    from pathlib import Path

    from bayesnu.runs.report.page import open_run

    read = []
    left_out = []
    for n, path in enumerate(chains, 1):
        try:
            read.append(open_run(f"run-{n}", path))
        except BayesnuError as error:
            if len(chains) == 1 or not Path(path).exists():
                raise
            left_out.append(str(error))
    if not read:
        raise BayesnuError(f"found no run among {len(chains)} that can be read: {left_out[0]}")
    return read, left_out


def _page(read: Sequence[Read], left_out: Sequence[str]) -> tuple[str, list[Block]]:
    """Title and blocks: of several runs a comparison first, then each run's own section."""
    from bayesnu.runs.report.document import Text
    from bayesnu.runs.report.page import compare_runs, section_of

    several = len(read) > 1
    title = f"{len(read)} runs compared" if several else read[0].title
    blocks = compare_runs(read) if several else []
    blocks += [Text(f"Left out: {sentence}.") for sentence in left_out]
    for each in read:
        blocks += section_of(each, several)
    return title, blocks
