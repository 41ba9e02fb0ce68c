"""Make the project's own Python environment, once: for run.py and test.py, whichever python3 starts them.

Standard library only, and no syntax newer than Python 3.8.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ("3.13", "3.12", "3.11")
LOCKS = ("requirements.txt", "requirements-test.txt", "requirements-docs.txt")  # each holds all that the one before holds
STAMP = "bayesnu-stamp"


class SetupError(Exception):
    """What stops the set-up, in one sentence."""


def probe(python: str | Path, modules: str = "sys") -> str | None:
    """The version, such as "3.12", of a CPython that runs and has these modules; None for anything else."""
    code = f"import sys, {modules}; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    try:
        result = subprocess.run(
            [str(python), "-I", "-S", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = result.stdout.decode().split()
    return words[1] if not result.returncode and words[:1] == ["cpython"] else None


def candidates() -> Iterator[str]:
    """Where a supported Python may be, whether it runs or not: this one, PATH, pyenv."""
    yield sys.executable
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    names = [f"python{version}" for version in SUPPORTED] + ["python3", "python"]
    for name in names:
        for folder in folders:
            found = shutil.which(name, path=str(folder))
            if found:
                yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in SUPPORTED:
        for home in sorted(pyenv.glob(f"{version}.*"), reverse=True):
            yield str(home / "bin" / "python")


def find_python(newest: bool = False) -> str:
    """The first (or the newest) supported Python that runs and can make an environment."""
    found, lacking = [], []
    for python in dict.fromkeys(candidates()):
        if ROOT in Path(python).parent.resolve().parents:
            continue  # an environment of this project, perhaps about to be replaced
        version = probe(python)
        if version is None or version not in SUPPORTED:
            continue
        if not probe(python, "ensurepip, venv"):
            lacking.append(python)
            continue
        found.append((SUPPORTED.index(version), python))
        if not newest:
            break
    if found:
        return min(found, key=lambda pair: pair[0])[1]
    if lacking:
        raise SetupError(f"{lacking[0]} lacks the module venv or ensurepip: on Debian or Ubuntu, install python3-venv.")
    raise SetupError("No Python 3.11, 3.12 or 3.13 that runs was found: install one and try again.")


def digest(lock: str, version: str | None) -> str:
    """What an environment was made from; any change of it means making the environment anew."""
    parts = [f"{ROOT} {version}".encode()]
    parts += [path.read_bytes() for path in (ROOT / "scripts" / lock, ROOT / "pyproject.toml", Path(__file__))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def environment() -> dict[str, str]:
    """The environment variables for every program of the project: nothing of the caller's Python leaks in."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX")}
    return dict(kept, PYTHONNOUSERSITE="1", PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")


def call(*command: str | Path) -> None:
    """Run a program of the set-up; if it fails, show the end of what it printed."""
    result = subprocess.run(
        [str(word) for word in command],
        cwd=str(ROOT),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if result.returncode:
        print("\n".join(result.stdout.decode(errors="replace").splitlines()[-15:]), file=sys.stderr)
        raise SetupError(f"The set-up stopped because {command[2]} failed, for the reason printed above.")


def ensure(lock: str, venv: str = ".venv", python: str | None = None) -> Path:
    """Make the environment `venv` from the lock file, unless it is already there; return its Python.

    An environment made from a longer lock file will do. The stamp is written last: what an interruption leaves
    behind has none, and is made anew.
    """
    home = ROOT / venv
    executable = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = home / STAMP
    version = probe(executable)
    if python and version != probe(python):
        version = None
    held = stamp.read_text() if version and stamp.exists() else None
    stamps = [digest(name, version) for name in LOCKS]
    if held in stamps[LOCKS.index(lock) :]:
        return executable

    pip = [str(executable), "-m", "pip", "install", "--no-deps"]
    install_lock = [*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", str(ROOT / "scripts" / lock)]
    if held in stamps:  # made from a shorter lock file, and good for that one even if the next line fails
        print(f"Adding to {venv} what {lock} asks for.", file=sys.stderr)
        call(*install_lock)
    else:
        python = python or find_python()
        print(f"Setting up {venv} with Python {probe(python)}, once: a minute or two.", file=sys.stderr)
        shutil.rmtree(str(home), ignore_errors=True)
        call(python, "-m", "venv", home)
        call(*install_lock)
        # A path entry, not an import hook: else a folder named like the package hides it from whoever stands beside it.
        compat = ("--config-settings", "editable_mode=compat")
        call(*pip, "--no-build-isolation", "--no-index", *compat, "--editable", ROOT)
    stamp.write_text(digest(lock, probe(executable)))
    return executable
