"""The design notes name every file, and files import only from what stands above them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "bayesnu"
FIRST_CELL = re.compile(r"^\| ([^|]*`[^|]*) \|", re.MULTILINE)
# the line of each file or folder in the table of the pipeline
PLACES = {
    name: line
    for line, cell in enumerate(FIRST_CELL.findall((ROOT / "docs" / "design.md").read_text(encoding="utf-8")))
    for name in re.findall(r"`(\w+)(?:\.py|/)`", cell)
}
FILES = sorted(path for path in PACKAGE.glob("*.py") if not path.name.startswith("__"))


def imported(path: Path) -> set[str]:
    """Files and folders of the package that a file imports when it is imported."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "bayesnu":
            found |= {each.name for each in node.names if not each.name.startswith("__")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bayesnu."):
            found.add(str(node.module).split(".")[1])
    return found


def test_the_design_names_every_file_once() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    cells = " ".join(FIRST_CELL.findall(text))
    for path in FILES:
        assert cells.count(f"`{path.name}`") == 1, path.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_imports_from_lines_above(path: Path) -> None:
    later = {name for name in imported(path) if PLACES[name] > PLACES[path.stem]}
    assert not later
