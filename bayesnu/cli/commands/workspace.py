"""`workspace`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from bayesnu import experiments
from bayesnu.model import choices as choices_of
from bayesnu.model import pyhf_workspace
from bayesnu.model.builder import build
from bayesnu.physics.properties import PROPERTIES, parameters_of
from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import whole_file


def workspace(names: tuple[str, ...], output: str | None, options: dict[str, Any]) -> None:
    """Write a likelihood for pyhf; what there is to know about it goes where the file does not."""
    parameter, flavour = options.pop("parameter", None), options.pop("flavour", "common")
    if parameter is None:
        raise BayesnuError(f"--parameter: none given; choose one of {', '.join(PROPERTIES)}")
    analysis = choices_of.preset(options.pop("preset", "default"), **options)
    model = build([experiments.load(name, analysis.inputs) for name in names], parameters_of(parameter, flavour), analysis)
    text = json.dumps(pyhf_workspace.workspace(model), indent=1, allow_nan=False)
    if output:
        with whole_file(Path(output)) as file:
            file.write_text(text + "\n", encoding="utf-8")
        click.echo(f"wrote {output}")
    else:
        click.echo(text)
    for note in pyhf_workspace.notes(model):
        click.echo(note, err=not output)
