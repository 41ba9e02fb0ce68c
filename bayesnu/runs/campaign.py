"""Many independent tasks, as toy experiments for a belt: the same numbers wherever and in whatever order they are computed.

A campaign is a function of settings, a task's number and that task's own seed. Results come to this process, which alone
writes: one file with a checksum per finished task. What is in the folder is not computed again, so that a campaign which
was stopped or killed goes on by being run again.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

from bayesnu.runs.folder import held, is_run
from bayesnu.runs.processes import perform_each
from bayesnu.runs.task import Campaign, name_of, perform, versions
from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file
from bayesnu.support.fingerprint import difference, digest, flattened

FORMAT = 1
MANIFEST = "campaign.json"
TASKS = "tasks"
Report = Callable[[int, int, float | None], None]


class Results(Sequence[dict[str, np.ndarray]]):
    """The arrays of every task of a finished campaign, in order of tasks, read when one is asked for.

    A campaign may be larger than memory. Raises `BayesnuError` where the file of a task is missing or damaged.
    """

    def __init__(self, campaign: Campaign, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.tasks = range(campaign.tasks)
        self.key = fingerprint(campaign)

    def __len__(self) -> int:
        return len(self.tasks)

    @overload
    def __getitem__(self, place: int) -> dict[str, np.ndarray]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[dict[str, np.ndarray]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, np.ndarray] | Sequence[dict[str, np.ndarray]]:
        if isinstance(place, slice):
            return [self._read(task) for task in self.tasks[place]]
        return self._read(self.tasks[place])

    def _read(self, task: int) -> dict[str, np.ndarray]:
        packed = _read_stored(self.folder, task, self.key)
        if packed is None:
            raise BayesnuError(f"{_locate_task(self.folder, task)}: missing or damaged; run the campaign again")
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            return dict(arrays)


def run(
    campaign: Campaign,
    folder: str | Path,
    scheduler: str | None = None,
    workers: int | None = None,
    report: Report | None = None,
) -> Results:
    """Perform the tasks that the folder does not hold yet; returns the arrays of every task, in order of tasks.

    Tasks are performed in this process, by so many `workers` on this machine, or by those of the dask `scheduler` at an
    address such as tcp://host:8786. On one kind of processor the result is the same to the last bit. A script that uses
    workers needs `if __name__ == "__main__":`. `report` is called with finished tasks, all tasks and seconds left.

    Raises `BayesnuError` if another campaign is in the folder, if a task does, or if workers are lost.
    """
    folder = Path(folder)
    if scheduler is not None and workers is not None:
        raise BayesnuError("`workers` and `scheduler`: found both; a scheduler has its own workers, so give one")
    if workers is not None and workers < 1:
        raise BayesnuError(f"`workers`: found {workers}; must be at least 1")
    with held(folder):
        _claim_folder(campaign, folder)
        key = fingerprint(campaign)
        missing = [task for task in range(campaign.tasks) if _read_stored(folder, task, key) is None]
        if missing:
            _perform_missing(
                campaign, folder, missing, _choose_performer(scheduler, min(workers or 1, len(missing))), report
            )
        elif report is not None:
            report(campaign.tasks, campaign.tasks, 0.0)
    return Results(campaign, folder)


Performer = Callable[[Campaign, list[int]], Generator[tuple[int, bytes], None, None]]


def _choose_performer(scheduler: str | None, workers: int) -> Performer:
    """What performs tasks and yields their results, in any order."""
    if scheduler is None:
        return lambda campaign, tasks: _perform_here(campaign, tasks, workers)
    try:
        from bayesnu.runs import cluster
    except ModuleNotFoundError as error:
        raise BayesnuError(
            f"`scheduler`: {error.name} is not installed; install bayesnu with its extra `cluster` (`bayesnu[cluster]`), "
            "or leave the option out to compute on this machine"
        ) from None
    return lambda campaign, tasks: cluster.perform_tasks(campaign, tasks, scheduler)


def _perform_here(campaign: Campaign, tasks: list[int], workers: int) -> Generator[tuple[int, bytes], None, None]:
    """Tasks on this machine, with the number of each."""
    work = partial(perform, name_of(campaign.work), json.dumps(campaign.settings))
    with closing(perform_each(work, tasks, workers)) as performed:
        for place, packed in performed:
            yield tasks[place], packed


def _perform_missing(
    campaign: Campaign, folder: Path, missing: list[int], performer: Performer, report: Report | None
) -> None:
    """Store each missing task as it comes."""
    report = report or (lambda done, total, left: None)
    key = fingerprint(campaign)
    before = campaign.tasks - len(missing)
    begin = time.monotonic()
    report(before, campaign.tasks, None)
    with closing(performer(campaign, missing)) as performed:
        for done, (task, packed) in enumerate(performed, 1):
            _store_whole(_locate_task(folder, task), _make_head(task, key, packed) + packed)
            per_task = (time.monotonic() - begin) / done
            report(before + done, campaign.tasks, per_task * (len(missing) - done))


def _identify(campaign: Campaign) -> dict[str, Any]:
    """What decides the result of a task, as the manifest holds it."""
    work = name_of(campaign.work)
    known = {"format": FORMAT, "kind": campaign.kind, "work": work, "settings": campaign.settings}
    return known | {"versions": versions(work)}


def fingerprint(campaign: Campaign) -> str:
    """What decides the results of a campaign, versions among it, as one word."""
    return digest(flattened(_identify(campaign)))


def _claim_folder(campaign: Campaign, folder: Path) -> None:
    """Write the manifest, or find that of the same campaign; one without any result is replaced."""
    path = folder / MANIFEST
    here = _identify(campaign)
    if is_run(folder):
        raise BayesnuError(f"{folder}: a sampled chain is there; use another `output`")
    if path.exists():
        found = difference(flattened(_read_manifest(path)), flattened(here))
        if found is not None and any((folder / TASKS).rglob("*.npz")):
            raise BayesnuError(f"{folder}: another campaign is there: {found}; use another `output`")
    elif (folder / TASKS).exists():
        raise BayesnuError(f"{folder}: holds results without {MANIFEST}; use another `output`")
    manifest = here | {"fingerprint": fingerprint(campaign), "tasks": campaign.tasks}
    _store_whole(path, (json.dumps(manifest, indent=2, allow_nan=False) + "\n").encode())


def _read_manifest(path: Path) -> dict[str, Any]:
    """What decides the results of the campaign that a manifest describes."""
    try:
        there = json.loads(path.read_bytes())
        return {key: there[key] for key in ("format", "kind", "work", "settings", "versions")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise BayesnuError(f"{path}: cannot be read ({reason}); restore it, or use another `output`") from None


def _locate_task(folder: Path, task: int) -> Path:
    """The file of a task; a thousand share a folder, as a file system may be slow with more."""
    return folder / TASKS / f"{task // 1000:06d}" / f"{task:09d}.npz"


def _make_head(task: int, key: str, packed: bytes) -> bytes:
    """The line before the arrays of a task, which makes its file useless for any other task, campaign or content."""
    return f"bayesnu task {task} of {key} sha256 {hashlib.sha256(packed).hexdigest()}\n".encode()


def _read_stored(folder: Path, task: int, key: str) -> bytes | None:
    """The arrays of a task as an npz file; None if they are not there, damaged, or of another campaign."""
    try:
        head, end, packed = _locate_task(folder, task).read_bytes().partition(b"\n")
    except OSError:
        return None
    return packed if head + end == _make_head(task, key, packed) else None


def _store_whole(path: Path, content: bytes) -> None:
    """Put a file in place once it is complete and on disk; raises `BayesnuError` if it cannot be."""

    def sentence(error: Exception) -> str:
        return (
            f"{path}: cannot be written ({reason_of(error)}); what was stored before is unharmed: "
            "free some space, or choose another `output`"
        )

    with whole_file(path, sentence, on_disk=True) as new:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
