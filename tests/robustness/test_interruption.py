"""A run that is stopped or killed at any moment goes on by its folder, and ends bit for bit as if it had not been."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from bayesnu.inference.sampling import chain
from bayesnu.runs import chain_file, sampling
from bayesnu.support.errors import BayesnuError
from tests.commands import SAMPLE, answer, refusal, sampled, without_path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

STEPS = 300  # looks after 128, 192 and 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing has stopped."""
    place = tmp_path_factory.mktemp("whole") / "run"
    sampled(place, steps=STEPS)
    return place


@contextmanager
def running(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A process of the command line; killed at the end if it has not ended."""
    # a test run in the background may have been told to ignore Ctrl-C, and its children would inherit that
    heard = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from bayesnu.cli.main import main; main()"
    )
    command = [sys.executable, "-c", heard, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def waited_for(path: Path, steps: int = 0) -> None:
    """Wait until a file is there, and has so many stored steps."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(BayesnuError):  # another process writes it: between two looks at it, it may be another file
            if path.is_file() and (not steps or chain_file.steps_done(path) >= steps):
                return
        time.sleep(0.01)
    raise AssertionError(f"{path.name} has not appeared")


def assert_same(one: Path, other: Path) -> None:
    """Both folders hold the same chain, the same configuration and the same result."""
    a, b = chain_file.read(one), chain_file.read(other)
    np.testing.assert_array_equal(a.samples, b.samples)
    np.testing.assert_array_equal(a.log_prob, b.log_prob)
    np.testing.assert_array_equal(a.acceptance, b.acceptance)
    assert (one / "config.toml").read_text() == (other / "config.toml").read_text()
    assert chain_file.read_result(one / "chain.h5") == chain_file.read_result(other / "chain.h5")


def go_on(place: Path) -> None:
    """Resume a run to where it was going."""
    answer("resume", place, "--quiet", "--no-figures", "--no-toys", "--json")


# In this process: stopped at every kind of moment


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("write", range(5))  # an empty chain, three pieces, and the result
@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_run_ended_at_a_write_goes_on(
    write: int, when: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, copyfile, done = Path.replace, shutil.copyfile, 0

    def counted(self: Path, target: Path) -> Path:
        nonlocal done
        if target.name != "chain.h5":
            return replace(self, target)
        done += 1
        if done - 1 != write:
            return replace(self, target)
        if when == "after":
            replace(self, target)
        if when == "within":
            copyfile(self, self.with_name("chain.h5.new.half"))
            os.truncate(self, self.stat().st_size // 2)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "replace", counted)
        sampled(tmp_path / "run", steps=STEPS)
    go_on(tmp_path / "run")
    assert_same(tmp_path / "run", whole)


def test_an_interrupted_longer_run_goes_on_to_its_length(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled(tmp_path / "run", steps=20)
    extending = chain_file.extending

    @contextmanager
    def once(path: Path, numbers: int) -> Iterator[Callable[[int, chain.Piece], None]]:
        with extending(path, numbers) as add:
            yield add
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(chain_file, "extending", once)
        sampling.resume(tmp_path / "run", up_to=STEPS, figures=False)
    assert 20 < chain_file.steps_done(tmp_path / "run" / "chain.h5") < STEPS
    go_on(tmp_path / "run")
    assert_same(tmp_path / "run", whole)


def test_a_run_until_convergence_goes_on_to_the_same_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--most-steps", "400", "--probability", "0.999")
    sampled(tmp_path / "whole", *words, steps=None)
    extending, left = chain_file.extending, 2

    @contextmanager
    def twice(path: Path, numbers: int) -> Iterator[Callable[[int, chain.Piece], None]]:
        nonlocal left
        with extending(path, numbers) as add:
            yield add
        left -= 1
        if left == 0:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(chain_file, "extending", twice)
        sampled(tmp_path / "run", *words, steps=None)
    go_on(tmp_path / "run")
    assert_same(tmp_path / "run", tmp_path / "whole")


# Processes


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_killed_process_goes_on(seed: int, whole: Path, tmp_path: Path) -> None:
    dice, place = random.Random(seed), tmp_path / "run"
    for attempt in range(3):
        words = (
            (*SAMPLE, "--steps", str(STEPS), "--output", place)
            if attempt == 0
            else ("resume", place, "--no-figures", "--no-toys")
        )
        with running(*words):
            waited_for(place / "config.toml")
            time.sleep(dice.uniform(0, 4))
        # the process has been killed
    go_on(place)
    assert_same(place, whole)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_stopped_process_says_how_to_go_on(number: signal.Signals, code: int, whole: Path, tmp_path: Path) -> None:
    place = tmp_path / "a run"
    with running(*SAMPLE, "--steps", str(10**7), "--output", place) as process:
        waited_for(place / "chain.h5", steps=1)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code and output == ""
    assert errors.strip() == f"Error: stopped by {number.name}; `bayesnu resume '{place}'` goes on from there"
    assert {each.name for each in place.iterdir()} == {"config.toml", "chain.h5", ".lock"}
    done = chain_file.steps_done(place / "chain.h5")
    np.testing.assert_array_equal(chain_file.read(place).samples[:, :100], chain_file.read(whole).samples[:, :100])
    assert answer("summary", place, "--json")["steps"] == done


@pytest.mark.slow
def test_a_stopped_reproduction_says_how_to_go_on_and_leaves_its_chains(tmp_path: Path) -> None:
    place = tmp_path / "runs"
    with running("reproduce", "--output", place) as process:
        end = time.monotonic() + 300
        while not any(place.glob("*/chain.h5")) and time.monotonic() < end:
            time.sleep(0.1)
        waited_for(next(place.glob("*/chain.h5")), steps=1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and output == ""
    sentence = f"Error: stopped by SIGINT; chains are in {place}, and the same command goes on from there"
    assert errors.splitlines()[-1] == sentence and "Traceback" not in errors
    assert max(map(chain_file.steps_done, place.glob("*/chain.h5"))) >= 1


def test_an_interruption_during_a_clean_up_is_neither_printed_nor_lost() -> None:
    program = """
import os, signal, time, weakref
from bayesnu.cli.stopping import stoppable

def clean_up(_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0)

class Thing: pass

thing = Thing()
kept = weakref.ref(thing, clean_up)
try:
    with stoppable():
        del thing
        print("goes on", flush=True)
        time.sleep(30)
except KeyboardInterrupt as stopped:
    print("stopped by", stopped.args[0])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"goes on\nstopped by {signal.SIGTERM.value}\n", "")


@pytest.mark.slow
def test_a_run_in_the_background_does_not_hear_ctrl_c(tmp_path: Path) -> None:
    place = tmp_path / "run"
    command = f"trap '' INT; exec '{sys.executable}' -m bayesnu {' '.join(SAMPLE)} --steps 10000000 --output '{place}'"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        waited_for(place / "chain.h5")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 143


def test_two_at_once_are_kept_apart(tmp_path: Path) -> None:
    place = tmp_path / "run"
    words = (*SAMPLE, "--steps", str(10**7), "--output", place)
    with running(*words) as process:
        waited_for(place / "chain.h5", steps=1)
        before = (place / "config.toml").read_bytes()
        for second in (words, (*words, "--overwrite"), ("resume", place), ("resume", place, "--more", "5")):
            sentence = refusal(*second)
            assert re.search(rf"process {process.pid} on \S+ is running there", sentence)
        assert process.poll() is None and (place / "config.toml").read_bytes() == before
        assert answer("summary", place, "--json")["steps"] >= 128  # reading is allowed
    done = answer("resume", place, "--up-to", "8", "--quiet", "--no-figures", "--no-toys", "--json")[
        "steps"
    ]  # the first is gone
    assert done == chain_file.steps_done(place / "chain.h5")


def test_a_folder_is_free_after_a_refusal_and_after_a_run(tmp_path: Path) -> None:
    first = sampled(tmp_path / "run")
    assert "another run" in refusal(*SAMPLE, "--seed", "3", "--output", tmp_path / "run")
    assert without_path(sampled(tmp_path / "run")) == without_path(first)
