"""The public names: the same object whenever they are asked for, and nothing loaded before.

A face that shows a function named like its module gives the function first, and the module after that module's first import.
"""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import bayesnu

FACES = ("bayesnu", "bayesnu.plots", "bayesnu.experiments")

# Run in a fresh process: every name before any other import of the package, again, and after every module of it.
ASK = """
import importlib, json, pkgutil, sys, types
faces = [importlib.import_module(name) for name in sys.argv[1:]]
def ask():
    return {f"{face.__name__}.{name}": getattr(face, name) for face in faces for name in face.__all__}
first, again = ask(), ask()
for module in pkgutil.walk_packages(faces[0].__path__, "bayesnu."):
    if not module.name.endswith(("__main__", "cobaya_likelihood")):  # cobaya may be missing
        importlib.import_module(module.name)
last = ask()
changed = [name for name in first if not first[name] is again[name] is last[name]]
modules = [name for name in last if isinstance(last[name], types.ModuleType)]
print(json.dumps([changed, modules, len(last)]))
"""


def answer(code: str, *arguments: str) -> list[object]:
    """The list that a fresh process prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def test_a_name_is_the_same_object_before_and_after_every_import_and_never_a_module() -> None:
    changed, modules, names = answer(ASK, *FACES)
    assert changed == [] and modules == []
    assert names == sum(len(importlib.import_module(face).__all__) for face in FACES)


@pytest.mark.parametrize("face", FACES)
def test_dir_shows_every_name(face: str) -> None:
    shown = importlib.import_module(face)
    assert len({*shown.__all__}) == len(shown.__all__)
    assert {*shown.__all__} <= {*dir(shown)}


def test_there_are_twenty_eight_names_and_a_version() -> None:
    assert len(bayesnu.__all__) == 28
    assert {*dir(bayesnu)} == {*bayesnu.__all__, "__version__"}


def test_a_name_that_is_not_there_is_refused_as_python_does() -> None:
    name = "smaple"
    with pytest.raises(AttributeError, match=f"module 'bayesnu' has no attribute '{name}'"):
        getattr(bayesnu, name)


def test_the_type_checker_and_python_read_the_same_names() -> None:
    tree = ast.parse(Path(bayesnu.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (each.asname or each.name): f"{node.module}:{each.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    assert typed == {name: f"bayesnu.{home}" for name, home in bayesnu._HOME.items()}
    assert sorted(typed) == sorted(bayesnu.__all__)


def test_importing_the_package_loads_nothing() -> None:
    code = "import bayesnu, json, sys; print(json.dumps([*sys.modules]))"
    loaded = {str(name) for name in answer(code)}
    own = {name for name in loaded if name.split(".")[0] == "bayesnu"}
    assert own == {"bayesnu", "bayesnu.support", "bayesnu.support.versions"}
    assert not {"numpy", "numba", "scipy", "click", "pydantic"} & loaded


def test_the_command_is_the_group_of_commands() -> None:
    (command,) = entry_points(group="console_scripts", name="bayesnu")
    assert command.value == "bayesnu.cli.main:main"
    assert callable(command.load())
