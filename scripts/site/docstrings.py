"""Docstrings of this project as reStructuredText: sections such as `Returns: …`, and the names in a list of arguments."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

HEAD = re.compile(r"(Arguments|Attributes|Returns|Raises|Source|Example)([^:]*):(.*)")
ENTRY = re.compile(r" {4}(\w+(?:, \w+)*): (.*)")
INDENT = "    "


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def rewrite(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Rewrite the lines of a docstring in place."""
    rewritten: list[str] = []
    is_list = False
    for line in lines:
        if head := HEAD.fullmatch(line):
            is_list = head[1] in ("Arguments", "Attributes")
            ending = [""] if is_list or head[1] == "Example" else []
            rewritten += ["", f"**{head[1]}{head[2]}:**{head[3]}", *ending]
        elif is_list and (entry := ENTRY.fullmatch(line)):
            rewritten += ["", entry[1], INDENT + entry[2]]
        elif line.startswith(INDENT):
            rewritten.append(line.removeprefix(INDENT))
        else:
            is_list = is_list and not line
            rewritten.append(line)
    lines[:] = rewritten
