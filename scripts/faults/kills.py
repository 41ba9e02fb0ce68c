"""The kill campaign: a run ended at random moments loses nothing that was finished, and goes on to the same last bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.inference.sampling import chain
from bayesnu.runs import chain_file
from bayesnu.support.errors import BayesnuError
from scripts.faults.fuzzing import environ

STEPS = 3000  # writes after 128, 192, 320, 512, 768, 1152, 1728, 2624 and 3000 steps
SMALL = ("pandax4t-run1", "--parameter", "mu_nu", "--background", "single", "--walkers", "16", "--ensembles", "2")
SAMPLE = ("sample", *SMALL, "--steps", str(STEPS), "--quiet", "--no-figures", "--json")
TOYS = ("expected", *SMALL[:5], "--toys", "60000", "--quiet", "--json")  # six tasks of a second
WRITES = 13  # of a run: its configuration, the empty chain, its move, nine pieces, the result
PATIENCE = 5.0  # seconds to wait for a file being written
MAY_STAY = {"config.toml", "config.toml.new", "chain.h5", "chain.h5.new", ".lock"}
# a campaign in the background is told to ignore Ctrl-C, and its children would inherit that
HEARD = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from bayesnu.cli.main import main; main()"


@dataclass
class Result:
    """Signals sent, by name and by what they met, and everything that was wrong."""

    campaign: str
    signals: int = 0
    trials: int = 0
    met: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can hold it."""
        return {**vars(self), "met": dict(sorted(self.met.items())), "seconds": round(self.seconds, 1)}


def start(words: tuple[str, ...], scratch: Path) -> subprocess.Popen[str]:
    """A process of the command line, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", HEARD, *words],
        cwd=scratch,
        env=environ(scratch),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def command(words: tuple[str, ...], scratch: Path) -> tuple[int, str, str]:
    """Run a command to its end: its exit code, and what it printed."""
    process = start(words, scratch)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def wait_for_moment(process: subprocess.Popen[str], place: Path, dice: random.Random) -> None:
    """Wait until a random number of files have been replaced, and then a little or for the next file being written."""
    replaced, seconds, at_write = dice.randrange(-1, WRITES), dice.uniform(0, 0.2), dice.random() < 1 / 3
    seen: set[tuple[int, int]] = set()
    while process.poll() is None and replaced > len(seen) - 1:
        for name in ("config.toml", "chain.h5"):
            with suppress(OSError):
                found = (place / name).stat()
                seen.add((found.st_ino, found.st_mtime_ns))  # the number of a file that was replaced is used again
        time.sleep(0.001)
    end = time.monotonic() + (PATIENCE if at_write else seconds)
    while process.poll() is None and time.monotonic() < end and not (at_write and any(place.glob("*.new"))):
        time.sleep(0.0002)


def state(place: Path, whole: chain.Chain) -> tuple[int, str, list[str]]:
    """Steps stored in a folder, what was found, and what is wrong with it."""
    problems = []
    if place.is_dir() and (strange := {each.name for each in place.iterdir()} - MAY_STAY):
        problems.append(f"left behind: {sorted(strange)}")
    if not (place / "chain.h5").is_file():
        return 0, "before the first file" if not (place / "config.toml").is_file() else "before the chain", problems
    try:
        chain = chain_file.read(place)
    except BayesnuError as error:
        return 0, "a damaged chain", [*problems, str(error)]
    if chain.steps and not np.array_equal(chain.samples, whole.samples[:, : chain.steps]):
        problems.append(f"the first {chain.steps} steps are others")
    kind = "before the first step" if chain.steps == 0 else "between two pieces"
    if chain.steps == whole.steps:
        kind = "before the result" if chain_file.read_result(place / "chain.h5") is None else "after the result"
    if any(place.glob("*.new")):
        kind += ", while a file was written"
    return chain.steps, kind, problems


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs."""
    a, b = chain_file.read(one), chain_file.read(other)
    found = [
        name for name in ("samples", "log_prob", "acceptance") if not np.array_equal(getattr(a, name), getattr(b, name))
    ]
    if (one / "config.toml").read_bytes() != (other / "config.toml").read_bytes():
        found.append("config.toml")
    if chain_file.read_result(one / "chain.h5") != chain_file.read_result(other / "chain.h5"):
        found.append("result")
    left = {each.name for each in one.iterdir()} - {"config.toml", "chain.h5", ".lock"}
    return [f"{name} differs from the uninterrupted run's" for name in found] + [f"left behind: {name}" for name in left]


def campaign(
    count: int = 100, seed: int = 0, numbers: tuple[signal.Signals, ...] = (signal.SIGKILL,), log: Any = None
) -> Result:
    """Send `count` signals to runs of three seconds, one to three to each, at random moments, a third while it writes."""
    dice, began = random.Random(seed), time.monotonic()
    result = Result("kill" if numbers == (signal.SIGKILL,) else "stop")
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        scratch = Path(name)
        code, _, errors = command((*SAMPLE, "--output", "whole"), scratch)
        assert code == 0, errors
        whole = chain_file.read(scratch / "whole")
        while result.signals < count:
            place = scratch / f"run-{result.trials}"
            _trial(place, whole, dice, numbers, min(dice.choice([1, 2, 3]), count - result.signals), result)
            if log:
                print(
                    f"{result.signals} signals, {len(result.failures)} failures", *result.failures[-1:], file=log, flush=True
                )
    result.seconds = time.monotonic() - began
    return result


def _trial(
    place: Path,
    whole: chain.Chain,
    dice: random.Random,
    numbers: tuple[signal.Signals, ...],
    signals: int,
    result: Result,
) -> None:
    """Begin a run, end it so many times, go on each time, and compare the end with an uninterrupted run."""
    scratch, done, problems = place.parent, 0, []
    for _ in range(signals):
        process = start(_next_words(place), scratch)
        wait_for_moment(process, place, dice)
        number = dice.choice(numbers)
        running, living = _runs(process, place), process.poll() is None
        if living:
            os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=120)
        steps, kind, wrong = state(place, whole)
        if living:
            result.signals += 1
            result.met[kind] += 1
        problems += wrong
        heard = running and kind != "after the result"
        problems += _ending(number, process.returncode, errors, heard, place.name)
        if steps < done:
            problems.append(f"{done} steps were stored, now {steps}")
        done = steps
        problems += summary(place, steps)
        if not living:
            break
    code, _, errors = command(_next_words(place), scratch)
    problems += differences(place, scratch / "whole") if code == 0 else [f"cannot go on: {errors[-500:]}"]
    result.trials += 1
    result.failures += [f"{place.name}: {problem}" for problem in problems]


def _next_words(place: Path) -> tuple[str, ...]:
    """The command that begins a run, or goes on with one that has begun."""
    if (place / "config.toml").is_file():
        return ("resume", place.name, "--quiet", "--no-figures", "--json")
    return (*SAMPLE, "--output", place.name)


def _runs(process: subprocess.Popen[str], place: Path) -> bool:
    """Whether a process has got as far as holding its folder; before, it is Python that hears a signal."""
    try:
        return (place / ".lock").read_text().startswith(f"process {process.pid} ")
    except OSError:
        return False


def _ending(number: signal.Signals, code: int, errors: str, heard: bool, name: str) -> list[str]:
    """What is wrong with how a process ended: a run that is not yet at its end says how to go on."""
    if code == 0 or (number == signal.SIGKILL and code == -number):
        return []
    if not heard and code in (1, -number, 128 + number):
        return []
    sentence = f"Error: stopped by {number.name}; `bayesnu resume {name}` goes on from there"
    return [] if code == 128 + number and errors.strip() == sentence else [f"{number.name}: {code}, {errors[-600:]!r}"]


def toys(count: int = 20, seed: int = 0, log: Any = None) -> Result:
    """Kill campaigns of toy experiments `count` times, one to three times each: no finished task is lost or changed."""
    dice, began, result = random.Random(seed), time.monotonic(), Result("kill-toys")
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        scratch = Path(name)
        code, said, errors = command((*TOYS, "--output", "whole"), scratch)
        assert code == 0, errors
        whole = tasks(scratch / "whole")
        while result.signals < count:
            place, problems = scratch / f"run-{result.trials}", list[str]()
            before: dict[str, bytes] = {}
            for _ in range(min(dice.choice([1, 2, 3]), count - result.signals)):
                process = start((*TOYS, "--output", place.name), scratch)
                wanted, at_write, end = dice.randrange(-1, len(whole)), dice.random() < 1 / 3, time.monotonic() + 120
                while process.poll() is None and len(tasks(place)) < wanted and time.monotonic() < end:
                    time.sleep(0.002)
                end = time.monotonic() + (PATIENCE if at_write else dice.uniform(0, 1))
                while process.poll() is None and time.monotonic() < end and not (at_write and any(place.rglob("*.new"))):
                    time.sleep(0.0005)
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    result.signals += 1
                    result.met[f"{len(tasks(place))} of {len(whole)} tasks"] += 1
                process.communicate(timeout=120)
                found = tasks(place)
                problems += [f"task {key} is lost" for key in before.keys() - found.keys()]
                problems += [f"task {key} is another" for key in found if found[key] != whole.get(key)]
                before = found
            code, again, errors = command((*TOYS, "--output", place.name), scratch)
            if code or again != said or tasks(place) != whole:
                problems.append(f"it does not end the same: {code} {errors[-300:]}")
            result.trials += 1
            result.failures += [f"{place.name}: {problem}" for problem in problems]
            if log:
                print(
                    f"{result.signals} signals, {len(result.failures)} failures", *result.failures[-1:], file=log, flush=True
                )
    result.seconds = time.monotonic() - began
    return result


def tasks(place: Path) -> dict[str, bytes]:
    """The finished tasks of a campaign by name, as they are on disk."""
    return {path.name: path.read_bytes() for path in sorted(place.rglob("*.npz"))}


def summary(place: Path, steps: int) -> list[str]:
    """The command that reads a run works on it, or says in a sentence why it cannot."""
    from scripts.faults.fuzzing import call

    code, _, errors, problems = call(("summary", str(place), "--json"), 120.0)
    if problems or (steps and code != 0) or (not steps and (code != 2 or not errors.startswith("Error: "))):
        return [f"summary of {steps} steps ends with {code}: {errors[-300:]} {problems}"]
    return []
