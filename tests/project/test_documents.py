"""What the documents name is there: files, names of the package, pages that they link to, commands."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from bayesnu.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(page for folder in (".", "docs", "chains", "chains/reference") for page in (ROOT / folder).glob("*.md"))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
# What a reader or a run writes, and what stands for many files.
MADE = {"slurm.py", "condor.py", "local.py", "config.toml"}
MADE |= {"NAME.toml", "experiments/DATA_SET.toml", "cli/commands/COMMAND.py", "__init__.py"}
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@each_page
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = {*re.findall(r"`([\w/.-]+\.(?:py|toml|csv|bib|md))`", CODE.sub("", page.read_text(encoding="utf-8")))}
    rooms = [place for top in ("bayesnu", "tests") for place in (ROOT / top).iterdir() if place.is_dir()]
    places = [ROOT, ROOT / "bayesnu", ROOT / "docs", *rooms]
    assert {name for name in named - MADE if not any((place / name).is_file() for place in places)} == set()


@each_page
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@each_page
def test_every_import_of_the_package_works(page: Path) -> None:
    found = re.findall(r"^ *from (bayesnu[\w.]*) import (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    pairs = [(module, name.strip()) for module, names in found for name in names.split(",")]
    assert [pair for pair in pairs if not hasattr(importlib.import_module(pair[0]), pair[1])] == []


@each_page
def test_every_dotted_name_of_the_package_is_there(page: Path) -> None:
    for name in re.findall(r"`bayesnu\.([\w.]+)[`(]", page.read_text(encoding="utf-8")):
        found: object = importlib.import_module("bayesnu")
        for part in name.split("."):
            assert hasattr(found, part), f"bayesnu.{name}"
            found = getattr(found, part)


@each_page
def test_every_command_that_is_named_is_one(page: Path) -> None:
    known = {*main.list_commands(click.Context(main))}
    named = {*re.findall(r"(?:`|^|\$ )bayesnu ([a-z][a-z-]*)(?![\w/.])", page.read_text(encoding="utf-8"), re.MULTILINE)}
    assert named - known == set()


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^bayesnu ([a-z|-]+)", text, re.MULTILINE)
    assert {word for line in lines for word in line.split("|")} == {*main.list_commands(click.Context(main))}
