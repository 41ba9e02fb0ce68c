"""The folder of a run, step 18: claimed by its resolved configuration, filled with chain and figures, never mixed up."""

from __future__ import annotations

import os
from collections.abc import Callable
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

if TYPE_CHECKING:
    from bayesnu.convergence import Convergence
    from bayesnu.model import Model

FIGURES = ("corner.png", "spectrum.png")
CHAIN = "chain.h5"

Report = Callable[["Convergence", float], None]


def default_folder(run: Run) -> Path:
    """Where a run goes if nothing else is said: below `chains/` of the current folder."""
    return Path("chains") / run.name


def run_folder(chain: str | Path) -> Path:
    """The folder of a run given as its folder or as its chain file; raises `BayesnuError` if it is none."""
    path = Path(chain)
    folder = path.parent if path.is_file() else path
    if not (folder / CONFIG).is_file():
        raise BayesnuError(f"{chain}: no run there (no {CONFIG}); give a folder that `bayesnu sample` wrote, or its {CHAIN}")
    return folder


def claim(run: Run, folder: Path, overwrite: bool = False) -> None:
    """Write the resolved configuration into the folder, or find the same one there; imports nothing heavy.

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
        folder.mkdir(parents=True, exist_ok=True)
        for name in (CHAIN, *FIGURES):
            (folder / name).unlink(missing_ok=True)
        new = config.with_name(CONFIG + ".new")
        new.write_text(to_toml(run), encoding="utf-8")
        os.replace(new, config)
    except OSError as error:
        raise BayesnuError(f"{folder}: cannot be written ({error.strerror}); choose another --output") from None


def model_of(run: Run) -> Model:
    """Build the model of a run with its priors."""
    from bayesnu.model import build

    return build(load_experiments(run), run.parameters, run.analysis).with_priors(*priors(run))


def carry_out(folder: Path, report: Report | None = None, steps: int | None = None, figures: bool = True) -> dict[str, Any]:
    """Begin, continue or find finished the run of a folder; returns its summary, with `chain` set to its file.

    `steps` makes the chain that long instead of as long as its configuration says. Raises `BayesnuError` if the chain in
    the folder is of another model, prior or data set, or cannot be read or written.
    """
    from bayesnu import chains

    run, path = from_config(folder / CONFIG), folder / CHAIN
    model = model_of(run)
    if path.is_file():
        chains.verify(path, model, fingerprint(run))
        stored = chains.read_result(path)
        if stored is not None and (steps is None or steps <= stored["steps"]):
            return stored | {"chain": str(path)}
    else:
        chains.create(path, model, fingerprint(run), run.sampling.seed, to_toml(run), run.sampling.ensembles)
    from bayesnu import sampling  # emcee and arviz: only when there is something to sample

    settings = run.sampling if steps is None else replace(run.sampling, steps=steps)
    sampling.sample(model, path, settings, report)
    summary = summary_of(path, model, run)
    chains.store_result(path, summary)
    if figures:
        draw(folder, model, run)
    return summary | {"chain": str(path)}


def summary_of(path: Path, model: Model, run: Run) -> dict[str, Any]:
    """Summarise the stored steps of a chain."""
    from bayesnu import chains, summary

    return summary.summarise(model, chains.read(path), run.sampling)


def draw(folder: Path, model: Model, run: Run) -> None:
    """Draw corner plot and spectrum of the stored steps into the folder."""
    from bayesnu import chains, convergence, plots

    chain = chains.read(folder / CHAIN)
    verdict = convergence.judge(model, chain.samples, run.sampling)
    corner, spectrum = (folder / name for name in FIGURES)
    plots.corner_plot(model, chain, verdict, run.sampling, corner)
    plots.spectrum_plot(model, chain, verdict, run.sampling, spectrum)


def sample(
    run: Run, folder: str | Path | None = None, *, overwrite: bool = False, report: Report | None = None
) -> dict[str, Any]:
    """Sample the posterior of a run into a folder and return its summary; an identical finished run is only read.

    The folder gets the resolved configuration, the chain and the figures; by default it lies below `chains/`.
    """
    place = default_folder(run) if folder is None else Path(folder)
    claim(run, place, overwrite)
    return carry_out(place, report)
