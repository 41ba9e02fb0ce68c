"""Pages that follow something else: the public names, the help of every command, and pages at the top of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import click
from sphinx.application import Sphinx

import bayesnu
from bayesnu.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 80
TOP = {"contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}  # page of the site: page of the repository


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", fill_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill_page(_: Sphinx, name: str, source: list[str]) -> None:
    """Append to a reference page what the code says, and give a page of the repository its links within the site."""
    if name in PAGES:
        source[0] += "\n" + PAGES[name]()
    if name in TOP:
        source[0] = (ROOT / TOP[name]).read_text(encoding="utf-8").replace("](docs/", "](")
    for page, file in TOP.items():
        source[0] = source[0].replace(f"](../{file})", f"]({page}.md)").replace(f"]({file})", f"]({page}.md)")


def list_names() -> str:
    """Every public name with its docstring, under the headings of the package's own list."""
    lines = []
    for line in (bayesnu.__doc__ or "").splitlines():
        if heading := re.fullmatch(r"(\w[\w ]*):", line):
            lines.append(f"## {heading[1]}\n")
        elif (name := re.match(r" {4}(\w+) {2}", line)) and name[1] in bayesnu.__all__:
            lines.append(f"```{{eval-rst}}\n.. {_directive(name[1])}:: bayesnu.{name[1]}\n```\n")
    return "\n".join(lines)


def _directive(name: str) -> str:
    value = getattr(bayesnu, name)
    if not isinstance(value, type):
        return "autofunction"
    return "autoexception" if issubclass(value, Exception) else "autoclass"


def list_commands() -> str:
    """The help of every command, as a terminal of 80 columns shows it."""
    lines = []
    group = click.Context(main, info_name="bayesnu", terminal_width=WIDTH)
    for name in main.list_commands(group):
        command = main.get_command(group, name)
        assert command is not None
        help_text = command.get_help(click.Context(command, info_name=name, parent=group, terminal_width=WIDTH))
        lines.append(f"## {name}\n\n```text\n{help_text}\n```\n")
    return "\n".join(lines)


PAGES = {"reference/python": list_names, "reference/commands": list_commands}
