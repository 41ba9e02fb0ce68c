"""The lock that processes wait for, and that kernels are compiled once for all of them."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bayesnu.support.exclusive import exclusive


def _count_up(folder: Path) -> None:
    """Raise a number in a file, slowly enough that another process would come between."""
    for _ in range(20):
        with exclusive(folder), exclusive(folder):
            value = int((folder / "number").read_text())
            os.sched_yield()
            (folder / "number").write_text(str(value + 1))


def test_processes_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_count_up, args=(tmp_path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "number").read_text() == "60"


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    threads = [threading.Thread(target=_count_up, args=(tmp_path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "number").read_text() == "60"


def test_what_is_raised_inside_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"), exclusive(tmp_path):
        raise OSError("mine")
    with exclusive(tmp_path):
        pass


@pytest.mark.parametrize("lost", ["no such folder", "no locks"])
def test_where_no_lock_can_be_had_work_goes_on(lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if lost == "no locks":

        def flock(*_: object) -> None:
            raise OSError("Function not implemented")

        monkeypatch.setattr("fcntl.flock", flock)
    done = []
    with exclusive(tmp_path / "nowhere" if lost == "no such folder" else tmp_path):
        done.append(True)
    assert done


BITS = """
import numpy as np
from bayesnu import build, compile_posterior, load_experiment
model = build([load_experiment("xenonnt-sr0")], ["mu_nu"])
theta = model.nominal() * np.random.default_rng(1).uniform(0.9, 1.1, (50, len(model.parameters)))
print(compile_posterior(model)(theta).tobytes().hex())
"""


@pytest.mark.slow
def test_processes_that_start_with_an_empty_cache_compile_once(tmp_path: Path) -> None:
    environment = os.environ | {"BAYESNU_CACHE_DIR": str(tmp_path)}
    started = [
        subprocess.Popen([sys.executable, "-c", BITS], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    found = [process.communicate()[0] for process in started]
    assert len({*found}) == 1 and len(found[0]) > 800
    # A process that finds nothing compiles, and numba then writes the index of the function anew.
    indices = [path for path in tmp_path.rglob("*.nbi")]
    codes = [path for path in tmp_path.rglob("*.nbc")]
    assert indices and len(codes) == len({path.name.rsplit(".", 2)[0] for path in codes})
