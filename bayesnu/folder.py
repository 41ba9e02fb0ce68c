"""The folder of a run, step 18: claimed by its resolved configuration, filled with chain and figures, never mixed up."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesnu.errors import BayesnuError
from bayesnu.run import (
    CONFIG,
    Run,
    difference,
    fingerprint,
    flattened,
    from_config,
    load_experiments,
    priors,
    to_dict,
    to_toml,
)

try:
    import fcntl
except ImportError:  # not on Windows: two processes on one folder are not kept apart there
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from bayesnu.convergence import Convergence
    from bayesnu.model import Model

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


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Create a folder if need be and keep other processes from running in it; raises `BayesnuError`, naming the first.

    The kernel lets go of it when the process ends, however that happens.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from None
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
            raise BayesnuError(f"{folder}: {first} is running there; wait for it, or choose another --output") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        yield


def _unwritable(folder: Path, error: OSError | ValueError) -> BayesnuError:
    reason = getattr(error, "strerror", None) or error
    return BayesnuError(f"{folder}: cannot be written ({reason}); choose another --output")


def claim(run: Run, folder: Path, overwrite: bool = False) -> None:
    """Write the resolved configuration into the folder, or find the same one there.

    Raises `BayesnuError` if another run is there, naming the key that differs, or if the folder cannot be written.
    """
    config = folder / CONFIG
    if config.is_file() and not overwrite:
        there = flattened(to_dict(from_config(config)))
        found = difference(there, flattened(to_dict(run)))
        if found is not None:
            raise BayesnuError(
                f"{folder}: another run is there: {found}; use another --output, or --overwrite, "
                "or `bayesnu resume` to make the one there longer"
            )
        return
    if (folder / CHAIN).is_file() and not overwrite:
        raise BayesnuError(f"{folder}: holds a chain without {CONFIG}; use another --output, or --overwrite")
    try:
        for name in (CHAIN, *FIGURES):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    _write(run, folder)


def _write(run: Run, folder: Path) -> None:
    new = folder / f"{CONFIG}.new"
    try:
        new.write_text(to_toml(run), encoding="utf-8")
        os.replace(new, folder / CONFIG)
    except (OSError, UnicodeEncodeError) as error:
        new.unlink(missing_ok=True)
        raise _unwritable(folder, error) from None


def model_of(run: Run) -> Model:
    """Build the model of a run with its priors; raises `BayesnuError` for what cannot be sampled."""
    from bayesnu.model import build

    model = build(load_experiments(run), run.parameters, run.analysis).with_priors(*priors(run))
    run.sampling.check_walkers(len(model.parameters))
    return model


def sample(
    run: Run,
    folder: str | Path | None = None,
    *,
    overwrite: bool = False,
    report: Report | None = None,
    figures: bool = True,
) -> dict[str, Any]:
    """Sample the posterior of a run into a folder and return its summary; an identical finished run is only read.

    The folder gets the resolved configuration, the chain and the figures; by default it lies below `chains/`. Raises
    `BayesnuError` if the run cannot be, or if another one is there; then nothing is left behind and nothing replaced.
    """
    place = default_folder(run) if folder is None else Path(folder)
    begun = any(os.path.lexists(place / name) for name in (CONFIG, CHAIN))
    created = [each for each in (place, *place.parents) if not os.path.lexists(each)]
    model = model_of(run) if begun else None  # what is refused replaces nothing
    with held(place):
        claim(run, place, overwrite)
        try:
            return _carry_out(place, run, model or model_of(run), report, figures)
        except BayesnuError:
            if not begun and steps_done(place) == 0:
                _withdraw(place, created)
            raise


def steps_done(folder: Path) -> int:
    """Stored steps of the chain in a folder; 0 if there is none yet."""
    from bayesnu import chains

    return chains.steps_done(folder / CHAIN) if (folder / CHAIN).is_file() else 0


def _withdraw(folder: Path, created: list[Path]) -> None:
    """Take back the claim of a run that was refused before its first step, and the folders created for it."""
    for name in (CHAIN, CONFIG, LOCK):
        (folder / name).unlink(missing_ok=True)
    for each in created:
        with suppress(OSError):  # somebody else has put a file there
            each.rmdir()


def resume(
    chain: str | Path, *, up_to: int | None = None, report: Report | None = None, figures: bool = True
) -> dict[str, Any]:
    """Continue a run to where it was going, or up to so many stored steps; returns its summary.

    A new length becomes part of the configuration. Raises `BayesnuError` if the chain in the folder is of another model,
    prior or data set, or cannot be read or written.
    """
    folder = run_folder(chain)
    run = from_config(folder / CONFIG)
    model = model_of(run)
    with held(folder):
        done, stored = _state(folder, run, model)
        if up_to is not None and (up_to > done or stored is None):
            run = replace(run, sampling=replace(run.sampling, steps=max(up_to, done)))
            _write(run, folder)
        return _carry_out(folder, run, model, report, figures)


def _state(folder: Path, run: Run, model: Model) -> tuple[int, dict[str, Any] | None]:
    """Stored steps and stored result of a chain, which has to be of this run."""
    from bayesnu import chains

    path = folder / CHAIN
    if not path.is_file():
        return 0, None
    chains.verify(path, model, fingerprint(run))
    return chains.steps_done(path), chains.read_result(path)


def _carry_out(folder: Path, run: Run, model: Model, report: Report | None, figures: bool) -> dict[str, Any]:
    """Begin, continue or find finished the run of a folder; returns its summary, with `chain` set to its file."""
    from bayesnu import chains

    path = folder / CHAIN
    done, summary = _state(folder, run, model)
    missing = not all((folder / name).is_file() for name in FIGURES)
    if summary is None or done < (run.sampling.steps or 0):
        from bayesnu import sampling  # emcee and arviz: only when there is something to sample

        if not path.is_file():
            chains.create(path, model, fingerprint(run), run.sampling.seed, to_toml(run), run.sampling.ensembles)
        verdict = sampling.sample(model, path, run.sampling, report)
        summary, missing = summary_of(path, model, run, verdict), True
        chains.store_result(path, summary)
    if figures and missing:
        draw(folder, model, run)
    return summary | {"chain": str(path)}


def summary_of(path: Path, model: Model, run: Run, verdict: Convergence | None = None) -> dict[str, Any]:
    """Summarise the stored steps of a chain, with their verdict where it is known."""
    from bayesnu import chains, convergence, summary

    chain = chains.read(path)
    return summary.summarise(model, chain, verdict or convergence.judge(model, chain, run.sampling), run.sampling)


def draw(folder: Path, model: Model, run: Run) -> None:
    """Draw corner plot and spectrum of the stored steps into the folder."""
    from bayesnu import chains, convergence, plots

    chain = chains.read(folder / CHAIN)
    verdict = convergence.judge(model, chain, run.sampling)
    corner, spectrum = (folder / name for name in FIGURES)
    plots.corner_plot(model, chain, verdict, run.sampling, corner)
    plots.spectrum_plot(model, chain, verdict, run.sampling, spectrum)
