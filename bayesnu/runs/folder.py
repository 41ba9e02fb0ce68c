"""The folder of a run: claimed by its resolved configuration, filled with chain and figures, never mixed up."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bayesnu.runs.config import CONFIG, from_config, to_toml
from bayesnu.runs.run import Run, to_dict
from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file
from bayesnu.support.fingerprint import difference, flattened

if TYPE_CHECKING:
    from bayesnu.inference.diagnostics import Convergence


try:
    import fcntl
except ImportError:  # not on Windows: two processes on one folder are not kept apart there
    fcntl = None  # type: ignore[assignment]


FIGURES = ("corner.png", "spectrum.png")
CHAIN = "chain.h5"
LOCK = ".lock"
Report = Callable[["Convergence", float], None]


def default_folder(run: Run) -> Path:
    """Where a run goes if nothing else is said: below `chains/` of the current folder."""
    return Path("chains") / run.name


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, begun or finished."""
    return os.path.isfile(folder / CONFIG)


def run_folder(chain: str | Path) -> Path:
    """The folder of a run given as its folder or as its chain file; raises `BayesnuError` if it is none."""
    path = Path(chain)
    folder = path.parent if os.path.isfile(path) else path
    if not is_run(folder):
        raise BayesnuError(f"{chain}: no run there (no {CONFIG}); give a folder that `bayesnu sample` wrote, or its {CHAIN}")
    return folder


def place_beside(chain: Path, name: str) -> Path:
    """Where a file made of a chain goes: beside it, and for another chain than the run's own with its stem in front."""
    return chain.with_name(name if chain.name == CHAIN else f"{chain.stem}-{name}")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Create a folder if need be and keep other processes from running in it; raises `BayesnuError`, naming the first.

    The kernel lets go of it when the process ends, however that happens.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise BayesnuError(_refuse_folder(folder, error)) from None
    try:
        file = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError:
        yield  # what cannot be written needs no guard: a finished run can be read, all else will be refused
        return
    with file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            first = file.read(200) or "another process"
            raise BayesnuError(f"{folder}: {first} is running there; wait for it, or choose another folder") from None
        except OSError as error:
            warnings.warn(
                f"{folder}: its file system has no locks ({reason_of(error)}), so nothing keeps a second run out of it",
                RuntimeWarning,
                stacklevel=2,
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        yield


def _refuse_folder(folder: Path, error: Exception) -> str:
    """The sentence of a folder that cannot be written."""
    reason = getattr(error, "strerror", None) or error
    return f"{folder}: cannot be written ({reason}); choose another folder"


def claim(run: Run, folder: Path, overwrite: bool = False) -> Run:
    """Write the resolved configuration into the folder, or find the same one there; returns the run that is there now.

    Raises `BayesnuError` if another run is there, naming the key that differs, or if the folder cannot be written.
    """
    config = folder / CONFIG
    if config.is_file() and not overwrite:
        there = from_config(config)
        holds_data = (folder / CHAIN).is_file()  # they are compared by their content, not by file and bytes
        found = difference(_list_choices(there, holds_data), _list_choices(run, holds_data))
        if found is not None:
            raise BayesnuError(another_run(folder, found))
        return there
    if (folder / CHAIN).is_file() and not overwrite:
        raise BayesnuError(f"{folder}: holds a chain without {CONFIG}; use another `output`, or `overwrite`")
    try:
        for name in (CHAIN, *FIGURES):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise BayesnuError(_refuse_folder(folder, error)) from None
    write_config(run, folder)
    return run


def _list_choices(run: Run, holds_data: bool) -> dict[str, str]:
    """What a configuration says of a run, key by key: of data that a chain holds the names alone."""
    table = to_dict(run)
    return flattened(table | {"experiments": list(run.digests), "data": {}} if holds_data else table)


def another_run(folder: Path, found: str) -> str:
    """The sentence of a folder that holds another run, which differs in what was `found`."""
    return (
        f"{folder}: another run is there: {found}; use another `output`, or `overwrite`, "
        "or `bayesnu resume` to make the one there longer"
    )


def write_config(run: Run, folder: Path) -> None:
    """Write the resolved configuration of a run into its folder; raises `BayesnuError` if it cannot be."""
    with whole_file(folder / CONFIG, lambda error: _refuse_folder(folder, error)) as new:
        new.write_text(to_toml(run), encoding="utf-8")
