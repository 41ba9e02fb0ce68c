"""What the project is given out as: a source distribution with everything, and recipes that say what pyproject.toml says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from bayesnu.support.versions import __version__

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
RECIPE = (ROOT / "packaging" / "recipe.yaml").read_text(encoding="utf-8")
CONDA = {"matplotlib": "matplotlib-base"}  # names that differ there


def list_tracked() -> list[str]:
    """The files of the repository; none where it is not one, as in a source distribution."""
    if not (ROOT / ".git").exists():
        return []
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")
    return [name for name in found if name and (ROOT / name).is_file()]


@pytest.mark.slow
def test_the_source_distribution_holds_every_file(tmp_path: Path) -> None:
    tracked = list_tracked()
    if not tracked:
        pytest.skip("not a repository")
    for name in tracked:
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "source" / name)
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "source", check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(tmp_path / f"bayesnu-{__version__}.tar.gz") as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {*tracked} - held == set()


def test_the_conda_recipe_has_the_bounds_of_pyproject() -> None:
    run = RECIPE.partition("  run:\n")[2].partition("\n\n")[0]
    found = {name: bounds for name, bounds in re.findall(r"^ +- ([\w-]+) ([^ #\n]+)", run, re.MULTILINE)}
    wanted = {"python": PROJECT["requires-python"]}
    for each in map(Requirement, PROJECT["dependencies"]):
        if each.name != "arviz":  # two bounds, one per Python: a recipe without a Python of its own takes both
            wanted[CONDA.get(each.name, each.name)] = str(each.specifier)
    assert found.pop("arviz") == ">=0.23,<2"
    assert {name: {*bounds.split(",")} for name, bounds in found.items()} == {
        name: {*bounds.split(",")} for name, bounds in wanted.items()
    }
    host = re.findall(r"^ +- setuptools (\S+)", RECIPE, re.MULTILINE)
    assert host == [each.removeprefix("setuptools") for each in PYPROJECT["build-system"]["requires"]]


def test_recipes_bear_the_version_the_licence_and_the_command() -> None:
    assert re.findall(r'^  version: "(.+)"$', RECIPE, re.MULTILINE) == [__version__]
    assert f"  license: {PROJECT['license']}\n" in RECIPE
    assert f"- bayesnu = {PROJECT['scripts']['bayesnu']}\n" in RECIPE
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    assert zenodo["license"] == PROJECT["license"] and zenodo["title"] == PROJECT["name"]
    assert zenodo["creators"] == PROJECT["authors"]


@pytest.mark.parametrize("recipe", ["Dockerfile", "bayesnu.def"])
def test_containers_install_the_lock_and_say_that_they_were_not_built(recipe: str) -> None:
    text = (ROOT / "packaging" / recipe).read_text(encoding="utf-8")
    assert "has not been built" in text
    assert "--require-hashes" in text and "scripts/requirements.txt" in text
    (version,) = re.findall(r"python:(3\.\d+)-slim", text)
    assert f"<{version[:2]}{int(version[2:]) + 1}" in PROJECT["requires-python"], "the newest supported Python"
