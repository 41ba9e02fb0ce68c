"""The rooms: every file stands in the design notes, and imports only from files above it, at whatever depth."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bayesnu"
ROOMS = ("support", "physics", "experiments", "model", "inference", "plots", "runs", "studies", "cli")
ROW = re.compile(r"^\| `([\w/.]+)` \|", re.MULTILINE)
PLACES = ROW.findall((ROOT / "docs" / "design.md").read_text(encoding="utf-8"))
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


@dataclass(frozen=True)
class Import:
    """One import of the package: the file it stands in, its line, and the file it leads to."""

    source: Path
    line: int
    target: Path

    def __str__(self) -> str:
        source, target = (path.relative_to(PACKAGE) for path in (self.source, self.target))
        return f"{source}:{self.line} imports {target}"


def file_of(module: str) -> Path | None:
    """The file of a module of the package, None if there is no such module."""
    place = PACKAGE.joinpath(*module.split(".")[1:])
    if place.is_dir():
        return place / "__init__.py"
    return place.with_suffix(".py") if place.with_suffix(".py").is_file() else None


def imports_of(path: Path, text: str | None = None) -> Iterator[Import]:
    """All imports of the package in a file: at its top, inside functions, and those for the type checker alone."""
    for node in ast.walk(ast.parse(text or path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for each in node.names:
                target = file_of(f"{node.module}.{each.name}") or file_of(str(node.module))
                if str(node.module).split(".")[0] == "bayesnu":
                    assert target is not None
                    yield Import(path, node.lineno, target)
        elif isinstance(node, ast.Import):
            for each in node.names:
                if each.name.split(".")[0] == "bayesnu":
                    target = file_of(each.name)
                    assert target is not None
                    yield Import(path, node.lineno, target)


def place_of(path: Path) -> int:
    """Where a file stands in the order; a face stands after the files of its folder, the package's own after all."""
    name = str(path.relative_to(PACKAGE))
    if name in PLACES:
        return PLACES.index(name)
    folder = name.rpartition("/")[0] + "/"
    within = [k for k, each in enumerate(PLACES) if each.startswith(folder)]
    return max(within, default=len(PLACES))


def is_upwards(each: Import) -> bool:
    """Whether an import leads to a file that does not stand above; a face may show the files of its own folder."""
    source, target = place_of(each.source), place_of(each.target)
    if each.source.parent == each.target.parent and each.source.name == "__init__.py":
        return False
    return target >= source and each.source != each.target


def test_the_rooms_follow_each_other() -> None:
    found = list(dict.fromkeys(place.split("/")[0] for place in PLACES))
    assert tuple(found) == ROOMS


def test_the_design_names_every_file_once() -> None:
    assert len(PLACES) == len({*PLACES})
    rows = [place for place in PLACES if place.endswith("/")]
    files = {str(path.relative_to(PACKAGE)) for path in FILES if path.name != "__init__.py"}
    alone = {name for name in files if not any(name.startswith(row) for row in rows)}
    assert alone == {place for place in PLACES if place not in rows}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_above(path: Path) -> None:
    assert [str(each) for each in imports_of(path) if is_upwards(each)] == []


def test_every_room_has_a_face_that_says_what_it_holds() -> None:
    for folder in {path.parent for path in FILES}:
        face = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert face, folder
        if folder.parent == PACKAGE:
            assert re.search(r"\b[Ii]mports? ", face), f"{folder.name}: its face does not say what it imports"


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from bayesnu.inference import profile\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bayesnu.runs.run import Run\n",
        "import bayesnu.cli.main\n",
        "from bayesnu import plots\n",
        "from bayesnu import build\n",
        "class A:\n    def g(self):\n        if True:\n            from bayesnu.model.builder import build\n",
    ],
)
def test_an_import_from_below_is_found_and_named(text: str) -> None:
    path = PACKAGE / "model" / "polynomial.py"
    found = [each for each in imports_of(path, text) if is_upwards(each)]
    assert len(found) == 1
    assert str(found[0]).startswith("model/polynomial.py:")
