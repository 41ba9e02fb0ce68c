"""`doctor`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from bayesnu.cli.doctor import Finding, examine
from bayesnu.cli.output import json_out

MARKS = {"ok": "ok  ", "note": "note", "act": "ACT "}


def doctor(as_json: bool) -> None:
    """Examine the installation and the current folder; exit code 1 if something must be done."""
    found = []
    for each in examine(Path.cwd()):
        found.append(each)
        if not as_json:
            _print(each)
    must = sum(each.status == "act" for each in found)
    if as_json:
        json_out({"passed": not must, "findings": [asdict(each) for each in found]})
    else:
        click.echo(f"{must} of these must be done (ACT)" if must else "all is well")
    if must:
        raise SystemExit(1)


def _print(each: Finding) -> None:
    click.echo(f"{MARKS[each.status]}  {each.check}: {each.found}")
    if each.do:
        click.echo(f"      -> {each.do}")
