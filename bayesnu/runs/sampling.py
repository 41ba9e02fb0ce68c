"""A run from its configuration to its summary: begun, continued, summarised and drawn in its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from bayesnu.inference.diagnostics import Verdict
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.runs.config import CONFIG, from_config, to_toml
from bayesnu.runs.folder import (
    CHAIN,
    FIGURES,
    LOCK,
    Report,
    another_run,
    claim,
    default_folder,
    held,
    run_folder,
    write_config,
)
from bayesnu.runs.result import RunResult
from bayesnu.runs.run import Run, fingerprint, model_of, read_settings
from bayesnu.support.arguments import require
from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    from bayesnu.runs.posterior import Posterior


@overload
def sample(
    run: Run,
    folder: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: bool = True,
    report: Report | None = None,
    figures: bool = True,
    toys: bool = True,
) -> RunResult: ...


@overload
def sample(
    run: Model,
    folder: str | Path | None = None,
    *,
    sampling: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: bool = True,
    report: Report | None = None,
) -> Posterior: ...


def sample(
    run: Run | Model,
    folder: str | Path | None = None,
    *,
    sampling: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: bool = True,
    report: Report | None = None,
    figures: bool = True,
    toys: bool = True,
) -> RunResult | Posterior:
    """Sample the posterior of a model, or of a run into its folder; what is finished there is only read.

    Arguments:
        run: a model from `build`, with whatever was changed in it; or a run from `resolve`.
        folder: where the chain goes, of a run with configuration and figures. Without one a model is sampled in memory, and
            a run goes to `chains/` and its name, below the current folder.
        sampling: of a model: `kind` and `probability` of the interval, `seed`, `steps`, `most_steps`, `ensembles`,
            `walkers`. A run holds its own.
        overwrite: replace another chain or run that is there.
        progress: show a bar on standard error.
        report: in the place of the bar, a function of the verdict so far and the accepted part of the proposals.
        figures: of a run: draw the corner plot and the spectrum.
        toys: of a run: make toy experiments for the goodness of fit, the expected limits and a Feldman-Cousins interval.

    Returns: for a model a `Posterior`, in units of its parameters: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. For a run a
        `RunResult`, with every number in mu_B, e or cm^2. `converged` has to be asked: what stops at its number of steps
        gives a result too, and `verdict.words` says what is missing.

    Raises: `BayesnuError` for what cannot be sampled, or if another chain is there. Then nothing is left behind or replaced.

    Source: emcee, Foreman-Mackey et al. 2013, arXiv:1202.3665; moves and the rule of convergence in docs/methods.md.

    Example, a model with a prior of its own, and with so few steps that it does not converge; leave out `sampling`:
        >>> import bayesnu, tempfile
        >>> model = bayesnu.build("xenonnt-sr0", "mu_nu").with_prior("flux_pp", "gaussian", mean=1, width=0.02)
        >>> few = {"steps": 12, "ensembles": 2, "walkers": 32}
        >>> posterior = bayesnu.sample(model, sampling=few, progress=False)
        >>> posterior.converged, posterior.verdict.words[:13], posterior.chain.to_numpy().shape[1] == len(model.names)
        (False, 'NOT CONVERGED', True)

    Example of a run:
        >>> run = bayesnu.resolve("xenonnt-sr0", "mu_nu", "common", "paper", sampling=few)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = bayesnu.sample(run, folder, figures=False, toys=False, progress=False)
        >>> result.converged
        False
        >>> f"{result.parameters['mu_nu'].cross_check.upper:.2e} mu_B"  # the same limit by integration
        '6.45e-12 mu_B'
    """
    if isinstance(run, Model):
        return _sample_model(run, None if folder is None else Path(folder), sampling, overwrite, progress, report)
    require("run", run, Run, "resolve` or `build")
    if sampling is not None:
        raise BayesnuError("sampling: a run holds its own; give it to `resolve`")
    place = default_folder(run) if folder is None else Path(folder)
    begun = any(os.path.lexists(place / name) for name in (CONFIG, CHAIN))
    created = [each for each in (place, *place.parents) if not os.path.lexists(each)]
    model = model_of(run) if begun and overwrite else None  # what is refused replaces nothing
    shown = _choose_report(progress, report, run.sampling)
    with held(place):
        there = claim(run, place, overwrite)
        try:
            return _carry_out(place, there, model or _model_in(place, there, run), shown, figures, toys)
        except BayesnuError:
            if not begun and steps_done(place) == 0:
                _withdraw(place, created)
            raise


def _sample_model(
    model: Model,
    folder: Path | None,
    sampling: Mapping[str, Any] | None,
    overwrite: bool,
    progress: bool,
    report: Report | None,
) -> Posterior:
    """The posterior of a model with at least one physics parameter."""
    from bayesnu.runs.model_sampling import sample_model  # emcee and arviz: only when there is something to sample

    if not model.n_physics:
        raise BayesnuError("model: has no physics parameter, so there is nothing to infer; name one in `build`")
    settings = read_settings(model.of_interest[0], sampling)
    return sample_model(model, folder, settings, overwrite, _choose_report(progress, report, settings))


def _choose_report(progress: bool, report: Report | None, settings: Settings) -> Report | None:
    """The function that is told where a chain is: the one given, or a bar, or none."""
    if report is not None or not progress:
        return report
    from bayesnu.runs.progress import StepLine

    return StepLine(settings)


def _model_in(folder: Path, run: Run, asked: Run, refuse: Callable[[Path, str], str] = another_run) -> Model:
    """The model of the run in a folder: of the data in its chain, once there is one.

    Raises `BayesnuError` with the sentence of `refuse` if the data of the run that is `asked` for have another content.
    """
    if not (folder / CHAIN).is_file():
        return model_of(run)
    from bayesnu.runs.stored import find_change, open_stored  # h5py: not for a plan

    stored = open_stored(folder / CHAIN)
    found = find_change(asked, stored.experiments)
    if found is not None:
        raise BayesnuError(refuse(folder, found))
    return model_of(run, stored.experiments)


def _data_changed(folder: Path, found: str) -> str:
    """The sentence of a run that cannot go on, as its data file is not what it began with."""
    return (
        f"{folder}: the data have changed since the run began: {found}; restore the file, or begin a run in another folder"
    )


def steps_done(folder: Path) -> int:
    """Stored steps of the chain in a folder; 0 if there is none yet."""
    from bayesnu.runs import chain_file

    return chain_file.steps_done(folder / CHAIN) if (folder / CHAIN).is_file() else 0


def _withdraw(folder: Path, created: list[Path]) -> None:
    """Take back the claim of a run that was refused before its first step, and the folders created for it."""
    for name in (CHAIN, CONFIG, LOCK):
        (folder / name).unlink(missing_ok=True)
    for each in created:
        with suppress(OSError):  # somebody else has put a file there
            each.rmdir()


def resume(
    chain: str | Path,
    *,
    up_to: int | None = None,
    report: Report | None = None,
    figures: bool = True,
    toys: bool = True,
) -> RunResult:
    """Continue a run to where it was going, or up to so many stored steps; returns its result.

    The data are those in the chain. A new length becomes part of the configuration. Raises `BayesnuError` if the chain in
    the folder is of another model or prior, if the data that it was made from have changed in content, if it cannot be
    read or written, and for another chain file than that of the run.
    """
    folder = run_folder(chain)
    if os.path.isfile(chain) and Path(chain).name != CHAIN:
        raise BayesnuError(f"{chain}: a run goes on from {folder / CHAIN}; give the folder, or put this file in that place")
    run = from_config(folder / CONFIG)
    with held(folder):
        model = _model_in(folder, run, run, _data_changed)
        done, stored = _state(folder, run, model)
        if up_to is not None and (up_to > done or stored is None):
            run = replace(run, sampling=replace(run.sampling, steps=max(up_to, done)))
            write_config(run, folder)
        return _carry_out(folder, run, model, report, figures, toys)


def _state(folder: Path, run: Run, model: Model) -> tuple[int, RunResult | None]:
    """Stored steps and stored result of a chain, which has to be of this run."""
    from bayesnu.runs import chain_file

    path = folder / CHAIN
    if not path.is_file():
        return 0, None
    chain_file.verify(path, model, fingerprint(run))
    return chain_file.steps_done(path), chain_file.read_result(path)


def _carry_out(folder: Path, run: Run, model: Model, report: Report | None, figures: bool, toys: bool) -> RunResult:
    """Begin, continue or find finished the run of a folder; returns its result, with `chain` set to its file."""
    path = folder / CHAIN
    from bayesnu.runs import chain_file

    done, result = _state(folder, run, model)
    undrawn = not all((folder / name).is_file() for name in FIGURES)
    if result is None or done < (run.sampling.steps or 0):
        result = _extended(path, run, model, report)
        undrawn = True
    if toys and result.toys is None:
        result = with_toys(result, model, run.sampling)
        chain_file.store_result(path, result, to_toml(run))
    if figures and undrawn:
        draw(folder, model, run, result.verdict)
    return replace(result, chain=path)


def _extended(path: Path, run: Run, model: Model, report: Report | None) -> RunResult:
    """Begin or continue the chain of a run until it ends; its result is stored with it."""
    from bayesnu.inference.fits import Fits
    from bayesnu.runs import chain_file, extension, summary  # emcee and arviz: only when there is something to sample

    fits = Fits(model)
    if model.n_physics == 1:
        _ = fits.marginal  # what cannot be integrated is refused before anything is written
    if not path.is_file():
        chain_file.create(path, model, fingerprint(run), run.sampling.seed, to_toml(run), run.sampling.ensembles)
    verdict = extension.extend_chain(fits, path, run.sampling, report)
    result = summary.summarise(fits, chain_file.read(path), verdict, run.sampling)
    chain_file.store_result(path, result, to_toml(run))
    return result


def summary_of(path: Path, model: Model, settings: Settings) -> RunResult:
    """The result of the stored steps of a chain, with a verdict of now."""
    from bayesnu.inference.fits import Fits
    from bayesnu.inference.sampling.convergence import judge
    from bayesnu.runs import chain_file, summary

    fits = Fits(model)
    chain = chain_file.read(path)
    return summary.summarise(fits, chain, judge(fits, chain, settings), settings)


def with_toys(result: RunResult, model: Model, settings: Settings) -> RunResult:
    """The result with what toys say of the model: drawn with the run's seed, they are the same whenever they are made."""
    from bayesnu.inference.toys.result import find_toy_result
    from bayesnu.runs.summary import add_toys

    return add_toys(result, find_toy_result(model, settings.probability, settings.seed))


def draw(folder: Path, model: Model, run: Run, verdict: Verdict) -> None:
    """Draw corner plot and spectrum of the stored steps into the folder."""
    from bayesnu import plots
    from bayesnu.runs import chain_file

    chain = chain_file.read(folder / CHAIN)
    corner, spectrum = (folder / name for name in FIGURES)
    plots.corner_plot(model, chain, verdict, run.sampling, corner)
    plots.spectrum_plot(model, chain, verdict, run.sampling, spectrum)
