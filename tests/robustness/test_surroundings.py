"""A hostile environment costs no result and prints no traceback: homes, locks, versions, forced colours."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

import bayesnu
from bayesnu.cli.output import table
from bayesnu.cli.progress import TaskProgress
from bayesnu.runs import folder as folders
from bayesnu.support.versions import __version__
from tests.commands import SAMPLE, answer, summary, without_path

PACKAGE = Path(bayesnu.__file__).parent


def command(*words: str | Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command as a process, in an environment of just these variables."""
    whole = [sys.executable, "-m", "bayesnu", *map(str, words)]
    return subprocess.run(whole, capture_output=True, text=True, env=env, check=False)


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """The least that a process has, with a temporary folder of the test's own."""
    return {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), **more}


def without_signs_of_life(errors: str) -> str:
    """What a process says of mistakes: on a busy machine it also says that it is at work."""
    return re.sub(r"^\w+: at work for [^\n]+\n", "", errors, flags=re.MULTILINE)


@pytest.mark.slow
def test_without_a_writable_home_a_run_is_what_it_is_with_one_and_leaves_one_place(run: Path, tmp_path: Path) -> None:
    env = environment(tmp_path, HOME="/proc/nowhere")
    for name in ("one", "two"):
        done = command(*SAMPLE, "--steps", "12", "--output", tmp_path / name, env=env)
        assert (done.returncode, without_signs_of_life(done.stderr)) == (0, "")
        assert without_path(json.loads(done.stdout)) == summary(run)
    left = {path.name for path in tmp_path.iterdir()} - {"one", "two"}
    assert left == {f"bayesnu-{os.getuid()}"}
    export = command("export", tmp_path / "one", tmp_path / "chain.nc", env=env)
    assert (export.returncode, without_signs_of_life(export.stderr)) == (0, "")


UNKNOWN = """
import pwd, sys
def refuse(number): raise KeyError(number)
pwd.getpwuid = refuse
"""
COMMAND = "from bayesnu.cli.main import main; main()"
LIBRARY = "import bayesnu; bayesnu.read_chain(sys.argv[2]); import bayesnu.plots, bayesnu.inference.credible"


@pytest.mark.slow
@pytest.mark.parametrize("code", [COMMAND, LIBRARY], ids=["command", "library"])
def test_a_user_whom_nobody_knows_gets_a_result(code: str, run: Path, tmp_path: Path) -> None:
    """As in many containers: there is neither HOME nor an entry for the user."""
    words = ("export", run, tmp_path / "chain.nc")
    whole = [sys.executable, "-c", UNKNOWN + code, *map(str, words)]
    done = subprocess.run(whole, capture_output=True, text=True, env=environment(tmp_path), check=False)
    assert (done.returncode, without_signs_of_life(done.stderr)) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} <= {"chain.nc", f"bayesnu-{os.getuid()}"}


def test_importing_arviz_leaves_no_stamp_for_other_processes_to_trip_over(tmp_path: Path) -> None:
    code = "import bayesnu.inference.arviz_lines"
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "BAYESNU_CACHE_DIR": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "arviz").exists()


# Locks


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_costs_a_warning(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    sentence = f"its file system has no locks .{os.strerror(number)}., so nothing keeps"
    with pytest.warns(RuntimeWarning, match=sentence), folders.held(tmp_path):
        (tmp_path / "result").touch()
    assert (tmp_path / "result").exists()


def test_a_chain_is_read_and_written_without_locks_of_its_library(copy: Path, run: Path) -> None:
    """The library takes locks of the same kind as this one, which it would find taken."""
    with (copy / "chain.h5").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="lock"):
            h5py.File(copy / "chain.h5", "r", locking=True)
        assert summary(copy) == summary(run)
        answer("resume", copy, "--more", "4", "--quiet", "--no-figures", "--no-toys", "--json")


# Versions


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH with the package's sources, their version changed, and metadata of yet another one."""
    place = tmp_path / "sources"
    shutil.copytree(PACKAGE, place / "bayesnu", ignore=shutil.ignore_patterns("__pycache__"))
    file = place / "bayesnu" / "support" / "versions.py"
    file.write_text(file.read_text().replace(f'"{__version__}"', '"7.8.9"'))
    return place


@pytest.mark.parametrize("installed", ["1.2.3", None])
def test_the_version_that_runs_is_the_one_recorded(installed: str | None, sources: Path) -> None:
    if installed:
        (sources / f"bayesnu-{installed}.dist-info").mkdir()
        (sources / f"bayesnu-{installed}.dist-info" / "METADATA").write_text(f"Name: bayesnu\nVersion: {installed}\n")
    hide = (
        ""
        if installed
        else "import importlib.metadata as m; m.Distribution.discover = classmethod(lambda *a, **k: iter(()))\n"
    )
    code = f"{hide}import json, numpy; from bayesnu.support.versions import versions; print(json.dumps(versions()))"
    env = os.environ | {"PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False, cwd=sources)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["bayesnu"] == "7.8.9"
    assert found["numpy"][0].isdigit()
    assert (found["emcee"] == "unknown") == (installed is None)


# Colours

FORCED = ("FORCE_COLOR=1", "FORCE_COLOR=0", "TTY_COMPATIBLE=1", "TTY_INTERACTIVE=1", "CLICOLOR_FORCE=1")


@pytest.mark.parametrize("forced", FORCED)
def test_forced_colours_put_no_codes_into_a_file(
    forced: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(*forced.split("="))
    with TaskProgress(quiet=False) as progress:
        for done in range(11):
            progress.report(done, 10, 1.0)
    table("title", ("name", "value"), [("mu_nu", "0.7")])
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert printed.out.split() == ["title", "name", "value", "mu_nu", "0.7"]
    assert printed.err.splitlines()[-1] == "10 of 10 tasks" and printed.err.count("\n") == 11
