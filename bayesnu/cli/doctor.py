"""Is this installation sound, and is this folder fit for a run: findings, each with what to do about it."""

from __future__ import annotations

import os
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bayesnu.cli.failures import with_flags
from bayesnu.support.errors import BayesnuError
from bayesnu.support.versions import __version__, package_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from bayesnu.studies.self_check import Comparison


OPTIONAL = {
    "distributed": "dask, which spreads a campaign over machines",
    "pyhf": "evaluates the workspaces that `bayesnu workspace` writes",
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PREFIX = ".bayesnu-doctor-"
WRITTEN = (".h5", ".toml", ".png", ".pdf", ".html", ".md", ".nc", ".json", ".csv")  # what commands write
DEPTH = 3  # levels that are searched: the current folder, chains/, and a run's own
SHOWN = 5  # names in a sentence
REPORT = "report it with the output of `bayesnu doctor --json`"


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do: `act` must be done, `note` may be, `ok` needs nothing."""

    check: str
    status: Literal["ok", "note", "act"]
    found: str
    do: str = ""


def examine(folder: Path) -> Iterator[Finding]:
    """Examine the installation, and `folder` as the place of a run; yields findings as they come, less than a minute."""
    checks: tuple[tuple[str, Callable[[], Iterable[Finding]]], ...] = (
        ("versions", versions),
        ("optional", optional),
        ("processors", processors),
        ("cache", cache),
        ("folder", lambda: place(folder)),
        ("leftovers", lambda: leftovers(folder)),
        ("self-check", self_check),
    )
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:  # a broken installation breaks anywhere, and the other checks still have to speak
            yield Finding(
                name,
                "act",
                f"could not be examined: {type(error).__name__}: {error}",
                f"reinstall; else {REPORT}",
            )


def versions() -> Iterator[Finding]:
    """Python and every dependency against the bounds in the package's metadata."""
    from packaging.specifiers import SpecifierSet

    try:
        needed = _requirements("")
        python = SpecifierSet(metadata.metadata("bayesnu")["Requires-Python"] or "")
    except metadata.PackageNotFoundError:
        found = "its files are here, but it is not installed, so nothing says which versions it needs"
        yield Finding("bayesnu", "act", found, "install it: python -m pip install . in its source folder")
        return
    yield Finding("bayesnu", "ok", f"{__version__} in {package_folder()}")
    here = platform.python_version()
    inside = python.contains(here, prereleases=True)
    do = "" if inside else "install bayesnu in a Python that it supports"
    yield Finding("python", "ok" if inside else "act", f"{here}, supported {_ordered(python)}", do)
    for requirement in needed:
        yield _version(requirement, "act", "")


def _requirements(extra: str) -> list[Requirement]:
    """The package's dependencies here, or those of an extra beside them."""
    from packaging.requirements import Requirement

    given = map(Requirement, metadata.requires("bayesnu") or [])
    wanted = [each for each in given if each.marker is None or each.marker.evaluate({"extra": extra})]
    return [each for each in wanted if not extra or (each.marker is not None and "extra" in str(each.marker))]


def _ordered(specifier: SpecifierSet) -> str:
    return ",".join(sorted(map(str, specifier), reverse=True))


def _version(requirement: Requirement, status: Literal["note", "act"], purpose: str) -> Finding:
    """A dependency's version against its bounds; `status` is what it is worth if it is missing or outside."""
    name = requirement.name
    bounds = _ordered(requirement.specifier)
    supported = f"supported {bounds or 'in any version'}"
    do = f"install one that is supported: python -m pip install '{name}{bounds}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, status, f"not installed, {supported}{purpose}", do)
    inside = requirement.specifier.contains(version, prereleases=True)
    return Finding(name, "ok" if inside else status, f"{version}, {supported}{purpose}", "" if inside else do)


def optional() -> Iterator[Finding]:
    """Packages that only some commands need, against the bounds of the extra that holds them."""
    from packaging.requirements import Requirement

    try:
        extras = metadata.metadata("bayesnu").get_all("Provides-Extra") or []
        known = {each.name: each for extra in extras for each in _requirements(extra)}
    except metadata.PackageNotFoundError:
        known = {}
    for name, purpose in OPTIONAL.items():
        yield _version(known.get(name, Requirement(name)), "note", f"; optional: {purpose}")


def processors() -> Iterator[Finding]:
    """Processors that this process may use, and limits on threads in the environment."""
    from bayesnu.runs.processes import count_processors

    given = [f"{name}={os.environ[name]}" for name in THREADS if name in os.environ]
    yield Finding(
        "processors", "ok", ", ".join([f"{count_processors()} of {os.cpu_count()} may be used; one chain uses one", *given])
    )


def cache() -> Iterator[Finding]:
    """The folder of compiled code: where, whether it lasts, what is in it, and what else lies about."""
    from bayesnu.support.compiled import cache_folder, is_lasting

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its warning is the finding below
        here = cache_folder()
    if not is_lasting(here):
        found = f"no folder for compiled code can be written; commands compile into {here}, which may be emptied at any time"
        yield Finding("cache", "act", found, "set the environment variable BAYESNU_CACHE_DIR to a folder you can write")
    else:
        functions = len([*here.rglob("*.nbi")])
        warm = (
            f"warm, {functions} functions in {_megabytes([here])}" if functions else "empty, so the first command compiles"
        )
        yield Finding("cache", "ok", f"{here}, writable, {warm}")
        others = sorted(each for each in here.parent.iterdir() if each.is_dir() and each != here)
        if others:
            found = f"{len(others)} folders of other versions beside it, {_megabytes(others)}"
            yield Finding("cache", "note", found, f"delete those in {here.parent} that no other installation uses")
    temporary = Path(tempfile.gettempdir())
    lost = [each for each in sorted(temporary.glob("bayesnu-*")) if each != here and _is_lost_cache(each)]
    if lost:
        found = f"{len(lost)} temporary ones left in {temporary}: {_listed(lost)}"
        yield Finding("cache", "note", found, "delete them while no command of bayesnu is running")


def _is_lost_cache(folder: Path) -> bool:
    """Whether a folder of the temporary ones is a cache of compiled code of this user."""
    try:
        mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
        return mine and folder.is_dir() and any(folder.glob("*/*.nbi"))
    except OSError:
        return False


def _megabytes(folders: Iterable[Path]) -> str:
    sizes = [each.stat().st_size for folder in folders for each in folder.rglob("*") if each.is_file()]
    return f"{sum(sizes) / 1e6:.1f} MB"


def _listed(paths: list[Path]) -> str:
    words = [str(path) for path in paths[:SHOWN]]
    return ", ".join(words) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")


def place(folder: Path) -> Iterator[Finding]:
    """Whether runs in `folder` work: files, the lock that keeps two runs apart, and a chain in HDF5."""
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as scratch:
            yield _locks(folder, Path(scratch) / "lock")
            yield _hdf5(folder, Path(scratch) / "run")
    except OSError as error:
        found = f"{folder}: cannot be written ({error.strerror or error})"
        yield Finding("folder", "act", found, "run in a folder you can write, or give --output")


def _locks(folder: Path, scratch: Path) -> Finding:
    from bayesnu.runs.folder import held

    do = "never let two runs share a folder here, or run on a local disk"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # of a file system that has no locks
            with held(scratch):
                try:
                    with held(scratch):
                        return Finding("locks", "act", f"{folder}: a locked folder can be locked again", do)
                except BayesnuError:
                    return Finding("locks", "ok", f"{folder}: a locked folder stays locked")
    except RuntimeWarning as warning:
        return Finding("locks", "act", str(warning), do)


def _hdf5(folder: Path, scratch: Path) -> Finding:
    """Sample the shortest chain, so that a file is created, replaced and read."""
    from bayesnu.runs.run import resolve
    from bayesnu.runs.sampling import sample

    shortest = {"steps": 8, "walkers": 16, "ensembles": 2}
    run = resolve(("xenonnt-sr0",), "mu_nu", choices={"background": "single"}, sampling=shortest)
    try:
        sample(run, scratch, figures=False, toys=False, progress=False)
    except (BayesnuError, OSError) as error:
        found = f"{folder}: no chain can be stored ({with_flags(str(error))})"
        return Finding("chains", "act", found, "run on a local disk")
    return Finding("chains", "ok", f"{folder}: a chain is stored and read back")


def leftovers(folder: Path) -> Iterator[Finding]:
    """Files that killed commands have left in `folder` and below: unfinished copies, and scratch folders of this check."""
    copies = sorted(each for each in _below(folder, "*.new") if _is_left_copy(each))
    if copies:
        found = f"{len(copies)} unfinished copies of killed commands: {_listed(copies)}"
        yield Finding("leftovers", "note", found, "delete them: the files that they were to replace are whole")
    scratch = sorted(_below(folder, f"{PREFIX}*"))
    if scratch:
        yield Finding("leftovers", "note", f"{len(scratch)} folders of a killed doctor: {_listed(scratch)}", "delete them")
    if not copies and not scratch:
        yield Finding("leftovers", "ok", f"{folder}: none")


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    for depth in range(DEPTH):
        yield from folder.glob("*/" * depth + pattern)


def _is_left_copy(path: Path) -> bool:
    """Whether a file is a copy of something a command writes, and no run is at work on it."""
    from bayesnu.runs.folder import LOCK, held

    if Path(path.stem).suffix not in WRITTEN or not path.is_file():
        return False
    if not (path.parent / LOCK).is_file():
        return True
    try:
        with held(path.parent):
            return True
    except (BayesnuError, OSError):
        return False


def self_check() -> Iterator[Finding]:
    """Likelihoods, limits and a short chain against the stored reference."""
    from bayesnu.studies import self_check as reference
    from bayesnu.support.compiled import cache_folder

    table = reference.stored()
    again = f"install bayesnu again, with supported versions; if it stays, {REPORT}"
    plain = _judged("likelihood", reference.likelihoods(table), again)
    yield plain
    stale = f"delete {cache_folder()} and run this again" if plain.status == "ok" else again
    yield _judged("compiled likelihood", reference.compiled(table), stale)
    yield _judged("limits", reference.limits(table), again)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as scratch:
        yield _judged("sampled limit", [reference.sampled(table, Path(scratch) / "run")], again)


def _judged(check: str, compared: Iterable[Comparison], do: str) -> Finding:
    """Compare numbers with their references: all agree, or the worst is named."""
    values = list(compared)
    worst = max(values, key=lambda each: each.off)
    wrong = sum(each.off > 1 for each in values)
    if not wrong:
        found = f"{len(values)} agree with the reference; the worst is off by {worst.off:.1g} of what is allowed"
        return Finding(check, "ok", found)
    found = f"{worst.what}: found {worst.found:.12g}, the reference is {worst.stored:.12g} +- {worst.allowed:.2g}"
    return Finding(check, "act", f"{wrong} of {len(values)} differ; {found}", do)
