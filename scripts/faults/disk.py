"""Disks that fail: full, read-only, and one that loses the end of what was written."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.runs import chain_file
from bayesnu.support.errors import BayesnuError
from scripts.faults import fuzzing, kills
from scripts.faults.fuzzing import inside

DISK = 24_576  # kB of the small disk: several times what a run and its copy take
PATIENCE = 120.0  # seconds of processor time for one command
LEAST, MOST = 4, 11_000  # kB left free: from less than a configuration to more than a run and its copies
GO_ON = ("--quiet", "--no-figures", "--json")


def call(words: tuple[str, ...]) -> tuple[int, str, str, list[str]]:
    """Run a command that samples."""
    return fuzzing.call(words, PATIENCE)


@contextmanager
def mounted(place: Path, size: int = DISK) -> Iterator[None]:
    """A file system of so many kB in memory; raises OSError where none can be mounted."""
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode:
        raise OSError(made.stderr.decode().strip() or "cannot mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def can_mount(scratch: Path) -> bool:
    """Whether this process may mount a file system."""
    if shutil.which("mount") is None:
        return False
    try:
        with mounted(scratch / "trial"):
            return True
    except OSError:
        return False
    finally:
        (scratch / "trial").rmdir()


@contextmanager
def full(disk: Path, free: int) -> Iterator[None]:
    """Fill a disk up to so many kB."""
    ballast = disk / "ballast"
    status = os.statvfs(disk)
    with ballast.open("wb") as file:
        file.write(bytes(status.f_bavail * status.f_frsize - free * 1024))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_file_larger(disk: Path, free: int) -> Iterator[None]:
    """Where nothing can be mounted: no file may become larger; the error is another one, its place is the same."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free * 1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run_on_full_disk(disk: Path, free: int, whole: Path, limit: Any = full) -> tuple[str, list[str]]:
    """Sample until the disk is full, free some space, and go on; returns how far it came, and what was wrong."""
    place, problems = disk / "run", []
    reference = chain_file.read(whole)
    with inside(disk):
        with limit(disk, free):
            code, output, errors, escaped = call((*kills.SAMPLE, "--output", "run"))
        problems += escaped
        steps, kind, wrong = kills.state(place, reference)
        problems += wrong
        if code == 0:
            return "no failure", problems + kills.differences(place, whole)
        if code != 2 or output or errors.count("\n") != 1 or "cannot be written" not in errors:
            problems.append(f"ends with {code}: {errors[-400:]!r}")
        if place.is_dir() and any(place.glob("*.new")):
            problems.append("a copy is left behind and takes space")
        if steps:
            problems += kills.summary(place, steps)
        begun = (place / "config.toml").is_file()
        words = ("resume", "run", *GO_ON) if begun else (*kills.SAMPLE, "--output", "run")
        code, _, errors, escaped = call(words)
        problems += escaped + (kills.differences(place, whole) if code == 0 else [f"cannot go on: {errors[-400:]}"])
    return kind, problems


def full_disks(scratch: Path, amounts: list[int]) -> dict[str, Any]:
    """Run on disks with so many kB free; with a limit on files where no disk can be mounted."""
    result = kills.Result("full disk")
    began, how = time.monotonic(), "a mounted file system" if can_mount(scratch) else "a limit on the size of files"
    code, _, errors, _ = call((*kills.SAMPLE, "--output", str(scratch / "whole")))
    assert code == 0, errors
    for n, free in enumerate(amounts):
        disk = scratch / f"disk-{n}"
        if how == "a mounted file system":
            with mounted(disk):
                kind, problems = run_on_full_disk(disk, free, scratch / "whole")
        else:
            disk.mkdir()
            kind, problems = run_on_full_disk(disk, max(free // 2, 1), scratch / "whole", no_file_larger)
        result.trials += 1
        result.met[kind] += 1
        result.failures += [f"{free} kB free: {problem}" for problem in problems]
    result.seconds = time.monotonic() - began
    return result.as_dict() | {"how": how}


def read_only(scratch: Path) -> list[str]:
    """What is wrong with a run on a disk that was made read-only: it can be read, and everything else is refused."""
    disk, problems = scratch / "read-only", []
    with mounted(disk), inside(scratch):
        code, before, errors, _ = call((*kills.SAMPLE, "--output", str(disk / "run")))
        assert code == 0, errors
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        words: tuple[str, ...]
        for words in (("summary", str(disk / "run"), "--json"), (*kills.SAMPLE, "--output", str(disk / "run"))):
            code, output, errors, escaped = call(words)
            if escaped or code or output != before:
                problems.append(f"{words[0]} cannot be read: {code} {errors[-300:]} {escaped}")
        run = str(disk / "run")
        for words in (
            ("resume", run, "--more", "8", *GO_ON),
            (*kills.SAMPLE, "--output", run, "--seed", "2", "--overwrite"),
            (*kills.SAMPLE, "--output", str(disk / "new")),
            ("export", run, str(disk / "chain.nc")),
            ("corner", run),
            ("report", run),
            ("workspace", *kills.SMALL[:5], "--output", str(disk / "workspace.json")),
        ):
            code, output, errors, escaped = call(words)
            if escaped or code != 2 or errors.count("\n") != 1 or "Read-only file system" not in errors:
                problems.append(f"{words[0]} is not refused: {code} {errors[-300:]} {escaped}")
    return problems


# The end of a file is lost


def truncations(run: Path, scratch: Path, offsets: list[int], how: str = "cut") -> list[str]:
    """Lose the end of a chain from each offset, cut or as zeros: it is refused in a sentence, and left as it is."""
    problems, place = [], Path(shutil.copytree(run, scratch / f"lost-{how}"))
    path = place / "chain.h5"
    content = path.read_bytes()
    for n, offset in enumerate(offsets):
        lost = content[:offset] + (b"" if how == "cut" else bytes(len(content) - offset))
        path.write_bytes(lost)
        words = ("resume", str(place), "--no-toys", *GO_ON) if n % 8 == 0 else ("summary", str(place), "--json")
        code, output, errors, escaped = call(words)
        good = code == 2 and not output and errors.count("\n") == 1 and f"{path}: " in errors
        if lost == content:
            good = code == 0
        if escaped or not good:
            problems.append(f"{how} at {offset}, {words[0]}: {code} {errors[-300:]!r} {escaped}")
        if path.read_bytes() != lost:
            problems.append(f"{how} at {offset}: the file was changed")
    return problems


def spread(size: int, count: int, seed: int = 0) -> list[int]:
    """Offsets over a whole file, closer in its header and at its end, where bytes mean most."""
    dice = random.Random(seed)
    few = count // 4
    offsets = {
        0,
        1,
        size - 1,
        size,
        *(dice.randrange(600) for _ in range(few)),
        *(size - dice.randrange(600) for _ in range(few)),
    }
    while len(offsets) < count:
        offsets.add(dice.randrange(size))
    return sorted(offsets)


def earlier_states(run: Path, scratch: Path, offsets: list[int]) -> list[str]:
    """A copy that was not complete when the machine stopped: the chain before it is read, and the run goes on."""
    problems, whole = [], chain_file.read(run)
    place = Path(shutil.copytree(run, scratch / "earlier"))
    content = (run / "chain.h5").read_bytes()
    for offset in offsets:
        (place / "chain.h5.new").write_bytes(content[:offset])
        try:
            if not np.array_equal(chain_file.read(place).samples, whole.samples):
                problems.append(f"a copy of {offset} bytes changes the chain")
        except BayesnuError as error:
            problems.append(f"a copy of {offset} bytes is in the way: {error}")
    code, _, errors, escaped = call(("resume", str(place), "--more", "4", *GO_ON))
    if code or escaped or any(place.glob("*.new")):
        problems.append(f"the run does not go on: {errors[-300:]} {escaped}")
    return problems


def campaign(seed: int = 0, disks: int = 24, offsets: int = 240) -> dict[str, Any]:
    """Everything here, many times: full disks, a read-only one, and files without their end."""
    import tempfile

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        scratch = Path(name)
        step = (MOST - LEAST) / (disks - 1)
        found = full_disks(scratch, [round(LEAST + i * step) for i in range(disks)])
        failures = list(found["failures"])
        if found["how"] == "a mounted file system":
            failures += [f"read-only: {each}" for each in read_only(scratch)]
        size = (scratch / "whole" / "chain.h5").stat().st_size
        places = spread(size, offsets, seed)
        for how in ("cut", "zeros"):
            failures += truncations(scratch / "whole", scratch, places, how)
        failures += earlier_states(scratch / "whole", scratch, places[:: max(offsets // 40, 1)])
    return {
        "campaign": "disk",
        "full_disks": disks,
        "how": found["how"],
        "met": dict(Counter(found["met"])),
        "read_only": found["how"] == "a mounted file system",
        "offsets_cut": len(places),
        "offsets_zeroed": len(places),
        "failures": failures,
        "seconds": round(time.monotonic() - began, 1),
    }
