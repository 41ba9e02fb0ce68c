"""One set of checks, wherever it is started: scripts/test.py, the hooks before a commit, and the workflow."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHON = ".venv/bin/python -m "
HOOK_CHECKS = [line.removeprefix(PYTHON) for line in re.findall(r"^ +entry: (.+)$", HOOKS, re.MULTILINE)]


def script() -> ModuleType:
    """The module scripts/test.py, which does nothing when it is imported."""
    spec = importlib.util.spec_from_file_location("checks", ROOT / "scripts" / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started(monkeypatch: pytest.MonkeyPatch, *words: str, fails: str = "") -> tuple[list[str], bool]:
    """What scripts/test.py starts with these arguments, and whether it says that something failed."""
    found: list[str] = []

    def call(command: list[str], **_: object) -> int:
        found.append(" ".join(command[2:]))
        return int(bool(fails) and found[-1].startswith(fails))

    module = script()
    monkeypatch.setattr(module, "ensure", lambda *_: Path("python"))
    monkeypatch.setattr(module.subprocess, "call", call)
    monkeypatch.setattr(module.sys, "argv", ["test.py", *words])
    return found, module.main()


def test_everything_is_checked_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = ["ruff check", "ruff format --check", "mypy"]
    shared = "--numprocesses=logical --maxprocesses=8 --dist=worksteal"
    assert started(monkeypatch) == ([*checks, f"pytest -m not long {shared}"], False)
    assert started(monkeypatch, "--fast") == ([*checks, f"pytest -m not slow and not long {shared}"], False)
    assert started(monkeypatch, "--long") == ([*checks, f"pytest {shared}"], False)
    assert started(monkeypatch, "tests/cli", "-x") == (["pytest -m not long tests/cli -x"], False)


@pytest.mark.parametrize("check", ["ruff check", "ruff format --check", "mypy", "pytest"])
def test_a_failed_check_is_named_and_the_rest_still_runs(
    check: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found, failed = started(monkeypatch, fails=check)
    assert failed and len(found) == 4
    assert capsys.readouterr().out == f"Failed: {check}.\n"


def test_the_hooks_are_the_checks_of_the_script() -> None:
    assert tuple(HOOK_CHECKS) == script().CHECKS


def test_every_hook_is_local_and_takes_the_tool_of_the_environment() -> None:
    repositories = re.findall(r"^ *- repo: (.+)$", HOOKS, re.MULTILINE)
    languages = re.findall(r"^ +language: (.+)$", HOOKS, re.MULTILINE)
    entries = re.findall(r"^ +entry: (.+)$", HOOKS, re.MULTILINE)
    assert {*repositories} == {"local"} and languages == ["system"] * len(entries)
    assert all(entry.startswith(PYTHON) for entry in entries)


def test_every_tool_is_in_the_extra_test() -> None:
    extra = {re.split(r"[<>=]", each)[0] for each in PROJECT["optional-dependencies"]["test"]}
    assert {check.split()[0] for check in [*script().CHECKS, "pytest"]} <= extra


def test_the_workflow_runs_what_ci_runs_and_nothing_else() -> None:
    assert re.findall(r"^ +- run: (.+)$", WORKFLOW, re.MULTILINE) == ["bash .ci/run"]
    assert {*re.findall(r"scripts/\w+\.py", CI)} == {"scripts/test.py", "scripts/docs.py"}
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)


def test_the_workflow_has_every_supported_python() -> None:
    (versions,) = re.findall(r"^ +python: \[(.+)\]$", WORKFLOW, re.MULTILINE)
    lower, upper = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    assert re.findall(r"3\.(\d+)", versions) == [str(minor) for minor in range(int(lower), int(upper))]


def test_neither_names_an_address() -> None:
    assert not re.search(r"://|www\.|@[\w-]+\.", WORKFLOW + HOOKS)
