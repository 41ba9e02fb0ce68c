"""The set-up in scripts/, the lock files, and the wheel."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [ROOT / "scripts" / name for name in ("requirements.txt", "requirements-test.txt", "requirements-docs.txt")]

posix = pytest.mark.skipif(os.name == "nt", reason="writes POSIX shell scripts and links")


@pytest.fixture
def setup() -> Any:
    """A fresh copy of the module scripts/_setup.py."""
    spec = importlib.util.spec_from_file_location("_setup", ROOT / "scripts" / "_setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Finding a Python


def write_script(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)
    return str(path)


@posix
def test_a_shim_that_only_fails_is_skipped(setup: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shim = write_script(tmp_path / "shims" / "python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    real = write_script(tmp_path / "real" / "python3.13", f'exec "{sys.executable}" "$@"')
    monkeypatch.setattr(sys, "executable", shim)
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}{os.pathsep}{tmp_path / 'real'}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert setup.probe(shim) is None
    assert setup.find_python() == real


@posix
def test_pythons_of_pyenv_are_found_without_shims(setup: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = tmp_path / "versions" / "3.11.7" / "bin" / "python"
    real.parent.mkdir(parents=True)
    real.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert setup.find_python() == str(real)


def pretend(
    setup: Any, monkeypatch: pytest.MonkeyPatch, versions: Mapping[str, str | None], with_venv: Collection[str]
) -> None:
    """Let the machine have Pythons of these versions, of which those in `with_venv` can make environments."""
    monkeypatch.setattr(setup, "candidates", lambda: list(versions))

    def probe(python: str, modules: str = "sys") -> str | None:
        return versions[python] if modules == "sys" or python in with_venv else None

    monkeypatch.setattr(setup, "probe", probe)


def test_the_running_python_comes_first_unless_the_newest_is_asked_for(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"running": "3.11", "old": "3.10", "new": "3.13", "too new": "3.14", "broken": None}
    pretend(setup, monkeypatch, versions, with_venv=versions)
    assert setup.find_python() == "running"
    assert setup.find_python(newest=True) == "new"


def test_a_python_without_venv_is_passed_over(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(setup, monkeypatch, {"bare": "3.13", "whole": "3.12"}, with_venv=["whole"])
    assert setup.find_python() == "whole"


def test_no_python_with_venv_is_one_sentence(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(setup, monkeypatch, {"bare": "3.12"}, with_venv=[])
    with pytest.raises(setup.SetupError, match=r"^bare lacks the module venv or ensurepip: .* python3-venv\.$"):
        setup.find_python()


def test_no_python_at_all_is_one_sentence(setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(setup, monkeypatch, {"old": "3.10"}, with_venv=["old"])
    with pytest.raises(setup.SetupError, match=r"^No Python 3\.11, 3\.12 or 3\.13"):
        setup.find_python()


# Making the environment once


@pytest.fixture
def project(setup: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """An empty project, in which programs are not run but recorded in `project.calls`."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    for lock in setup.LOCKS:
        (tmp_path / "scripts" / lock).write_text(lock)

    def call(*command: str) -> None:
        step = command[2] if command[2] == "venv" else command[-2]
        setup.calls.append(step)
        if step == setup.fails_at:
            raise setup.SetupError("no")
        if step == "venv":
            python = Path(command[3]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)

    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "call", call)
    monkeypatch.setattr(setup, "find_python", lambda: sys.executable)
    setup.calls, setup.fails_at = [], None
    return setup


def steps(project: Any, lock: str) -> list[str]:
    """The programs that `ensure` runs for this lock file."""
    project.calls.clear()
    project.ensure(lock)
    return list(project.calls)


WHOLE = ["venv", "--requirement", "--editable"]


@posix
def test_the_environment_is_made_once_and_longer_locks_add_to_it(project: Any) -> None:
    run, test, docs = project.LOCKS
    assert steps(project, run) == WHOLE
    assert steps(project, run) == []
    assert steps(project, test) == ["--requirement"]
    assert steps(project, test) == []
    assert steps(project, docs) == ["--requirement"]
    assert steps(project, run) == [], "the longer environments hold all that a run needs"


@posix
@pytest.mark.parametrize("changed", ["scripts/requirements.txt", "pyproject.toml"])
def test_a_changed_file_makes_the_environment_anew(project: Any, changed: str) -> None:
    steps(project, project.LOCKS[0])
    (project.ROOT / changed).write_text("changed")
    assert steps(project, project.LOCKS[0]) == WHOLE


@posix
@pytest.mark.parametrize("step", WHOLE)
def test_a_half_made_environment_is_made_anew(project: Any, step: str) -> None:
    project.fails_at = step
    with pytest.raises(project.SetupError):
        project.ensure(project.LOCKS[0])
    project.fails_at = None
    assert steps(project, project.LOCKS[0]) == WHOLE


@posix
def test_a_test_lock_that_cannot_be_added_leaves_the_run_environment(project: Any) -> None:
    run, test, _ = project.LOCKS
    steps(project, run)
    project.fails_at = "--requirement"
    with pytest.raises(project.SetupError):
        project.ensure(test)
    assert steps(project, run) == []


@posix
def test_an_environment_whose_python_is_gone_is_made_anew(project: Any) -> None:
    steps(project, project.LOCKS[0])
    python = project.ROOT / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("nothing")
    assert steps(project, project.LOCKS[0]) == WHOLE


def test_a_program_that_fails_shows_its_last_lines(setup: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(setup.SetupError, match="reason printed above"):
        setup.call(sys.executable, "-c", "print('first\\n' * 20 + 'no such wheel'); raise SystemExit(1)")
    printed = capfd.readouterr().err
    assert printed.endswith("no such wheel\n")
    assert printed.count("\n") == 15


# The lock files


def requirements(lock: Path) -> list[list[str]]:
    """The requirements of a lock file, each with its lines of hashes."""
    blocks = re.split(r"\n(?=\S)", lock.read_text().rstrip())
    return [block.split(" \\\n") for block in blocks if not block.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_name_no_host_and_hash_everything(lock: Path) -> None:
    assert not re.search(r"http|://| @ |^-", lock.read_text(), re.MULTILINE)  # no host, and no option that names one
    for requirement, *hashes in requirements(lock):
        assert re.match(r"^[a-z0-9][a-z0-9-]*==[^ ]+( ; .*)?$", requirement)
        assert hashes
        assert all(re.fullmatch(r"\s*--hash=sha256:[0-9a-f]{64}", line) for line in hashes)


def test_each_lock_holds_the_one_before() -> None:
    # What a longer lock adds may need a package on more systems, which its marker then says.
    run, test, docs = ({requirement.partition(" ; ")[0] for requirement, *_ in requirements(lock)} for lock in LOCKS)
    assert run < test < docs


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_locks_satisfy_pyproject(python: str) -> None:
    environment = {"python_version": python, "python_full_version": python + ".0", "extra": ""}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run = project["build-system"]["requires"] + project["project"]["dependencies"]
    extras = project["project"]["optional-dependencies"]
    test = run + extras["test"]
    for lock, wanted in zip(LOCKS, (run, test, test + extras["docs"]), strict=True):
        locked = [Requirement(requirement) for requirement, *_ in requirements(lock)]
        locked = [r for r in locked if not r.marker or r.marker.evaluate(environment)]
        versions = {r.name: str(r.specifier).removeprefix("==") for r in locked}
        assert len(versions) == len(locked)
        for requirement in map(Requirement, wanted):
            if not requirement.marker or requirement.marker.evaluate(environment):
                assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


# The wheel


@pytest.mark.slow
def test_wheel_carries_its_data(tmp_path: Path) -> None:
    """A wheel, installed elsewhere, works in an empty folder without the source tree."""
    source, target, empty = tmp_path / "source", tmp_path / "target", tmp_path / "empty"
    empty.mkdir()
    shutil.copytree(ROOT / "bayesnu", source / "bayesnu", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def python(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, *arguments], cwd=empty, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    offline = ("--quiet", "--no-deps", "--no-index")
    python("-m", "pip", "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source))
    (wheel,) = tmp_path.glob("bayesnu-*.whl")
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert top == {"bayesnu", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}
    python("-m", "pip", "install", *offline, "--target", str(target), str(wheel))

    assert Path(python("-c", "import bayesnu; print(bayesnu.__file__)").strip()).is_relative_to(target)
    assert json.loads(python("-m", "bayesnu", "counts", "xenonnt-sr0", "--json"))
    assert json.loads(python("-m", "bayesnu", "limits", "xenonnt-sr0", "--parameter", "mu_nu", "--json"))
