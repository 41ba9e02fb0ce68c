"""`doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bayesnu.cli.options import json_option
from bayesnu.cli.output import json_out

if TYPE_CHECKING:
    from bayesnu.cli.doctor import Finding

MARKS = {"ok": "ok  ", "note": "note", "act": "ACT "}


@click.command()
@json_option()
def doctor(as_json: bool) -> None:
    """Check versions, cache, current folder and reference results, and say what to do; exit code 1 if anything must be."""
    from dataclasses import asdict
    from pathlib import Path

    from bayesnu.cli.doctor import examine
    from bayesnu.support.versions import __version__

    found = []
    for each in examine(Path.cwd()):
        found.append(each)
        if not as_json:
            _print(each)
    must = sum(each.status == "act" for each in found)
    if as_json:
        json_out({"version": __version__, "passed": not must, "findings": [asdict(each) for each in found]})
    else:
        click.echo(f"{must} of these must be done (ACT)" if must else "all is well")
    if must:
        raise SystemExit(1)


def _print(each: Finding) -> None:
    click.echo(f"{MARKS[each.status]}  {each.check}: {each.found}")
    if each.do:
        click.echo(f"      -> {each.do}")
