"""Whole commands in child processes: CPU time beside that of their imports, with an empty cache, and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.bench.timing import progress

CHILD = Path(__file__).resolve().parent / "child.py"
BAYESNU = (sys.executable, "-m", "bayesnu")
JOB = ("xenonnt-sr0", "--parameter", "mu_nu")
# What `sample` imports, matplotlib among it, and the package's own modules of runs.
IMPORTS = (
    "import click, emcee, h5py, numba, pydantic, rich.console; "
    "import bayesnu.inference.arviz_lines, bayesnu.plots.posterior, bayesnu.runs.sampling"
)
KERNEL = """\
import numba

@numba.njit(cache=True)
def total(values):
    out = 0.0
    for value in values:
        out += value
    return out
"""
ONE_KERNEL = "import numpy, one_kernel; one_kernel.total(numpy.ones(3))"


def run(command: tuple[str, ...], folder: Path, cache: Path) -> dict[str, float]:
    """Wall and CPU seconds and largest memory of a command; raises RuntimeError if it fails."""
    environment = dict(os.environ, BAYESNU_CACHE_DIR=str(cache), NUMBA_CACHE_DIR="", PYTHONPATH=str(folder))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or every process compiles the package's Python anew
    launched = subprocess.run(
        [sys.executable, "-I", "-S", str(CHILD), *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    measured: dict[str, float] = json.loads(launched.stdout)
    if measured.pop("code") != 0:
        raise RuntimeError(f"{' '.join(command[1:4])} failed: {launched.stderr.strip().splitlines()[-1:]}")
    return measured


def commands(folder: Path, run_number: str) -> dict[str, tuple[str, ...]]:
    """What is timed, by name; the baselines among them."""
    (folder / "one_kernel.py").write_text(KERNEL, encoding="utf-8")
    run = str(folder / f"run-{run_number}")
    alone = ("--no-toys", "--quiet", "--output", f"{run}-alone")
    return {
        "sample": (*BAYESNU, "sample", *JOB, "--quiet", "--output", run),
        "sample --no-toys": (*BAYESNU, "sample", *JOB, *alone),
        "imports": (sys.executable, "-c", IMPORTS),
        "report": (*BAYESNU, "report", run),
        "compare": (*BAYESNU, "compare"),
        "counts": (*BAYESNU, "counts", "xenonnt-sr0"),
        "limits": (*BAYESNU, "limits", *JOB),
        "one kernel": (sys.executable, "-c", ONE_KERNEL),
        "--help": (*BAYESNU, "--help"),
    }


def measure_commands(repetitions: int) -> dict[str, Any]:
    """Every command with an empty cache of compiled code, then `repetitions` times in turn with a full one."""
    cold: dict[str, dict[str, float]] = {}
    warm: dict[str, list[dict[str, float]]] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        for word in ("sample", "counts", "limits"):
            progress(f"bayesnu {word} with an empty cache")
            cold[word] = run(commands(folder, f"cold-{word}")[word], folder, folder / f"cache-{word}")
        cache = folder / "cache"
        for n in range(repetitions + 1):
            progress(f"commands, {n} of {repetitions}" if n else "commands, filling the cache")
            for word, command in commands(folder, f"warm-{n}").items():
                measured = run(command, folder, cache)
                if n:  # the first filled the cache
                    warm.setdefault(word, []).append(measured)
    return {"cold": cold, "warm": warm}


def measure_memory(steps: list[int]) -> list[dict[str, float]]:
    """Largest memory of `sample` and `summary` against the length of the chain."""
    out = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        for n in [16, *steps]:  # the first fills the cache: compiling takes memory too
            progress(f"memory, {n} stored steps")
            place = ("--output", str(folder / f"run-{n}"))
            command = (*BAYESNU, "sample", *JOB, "--steps", str(n), "--no-figures", "--quiet", *place)
            sampled = run(command, folder, folder / "cache")
            # another probability, so that everything is computed again from the stored chain
            summary = run((*BAYESNU, "summary", place[1], "--probability", "0.95"), folder, folder / "cache")
            megabytes = sum(path.stat().st_size for path in (folder / f"run-{n}").iterdir()) / 1e6
            out.append({"steps": n, "sample_mb": sampled["rss_mb"], "summary_mb": summary["rss_mb"], "file_mb": megabytes})
    return out[1:]
