"""The posterior of a model that Python has built or changed, sampled in memory or into a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import tomli_w

from bayesnu.inference.fits import Fits
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.runs import chain_file
from bayesnu.runs.config import CONFIG, IN_PYTHON
from bayesnu.runs.extension import extend_chain
from bayesnu.runs.folder import CHAIN, Report, held
from bayesnu.runs.posterior import Posterior
from bayesnu.support.errors import BayesnuError
from bayesnu.support.fingerprint import flattened


def sample_model(
    model: Model, folder: Path | None, settings: Settings, overwrite: bool = False, report: Report | None = None
) -> Posterior:
    """Sample a model, or go on with its chain in a folder; raises `BayesnuError` where another chain is there."""
    settings.check_walkers(len(model.parameters))
    fits = Fits(model)
    if model.n_physics == 1:
        _ = fits.marginal  # what cannot be integrated is refused before anything is written
    with _place_of(folder) as place:
        path = place / CHAIN
        if overwrite:
            path.unlink(missing_ok=True)
        keys = fingerprint_model(model, settings)
        if path.is_file():
            chain_file.verify(path, model, keys)
        else:
            chain_file.create(path, model, keys, settings.seed, _describe_model(model, settings), settings.ensembles)
        verdict = extend_chain(fits, path, settings, report)
        chain = chain_file.read(path)
    return Posterior(model, chain if folder else replace(chain, path=Path("memory")), verdict, settings)


@contextmanager
def _place_of(folder: Path | None) -> Iterator[Path]:
    """The folder, held against other processes; without one a place that is gone afterwards."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="bayesnu-") as place:
            yield Path(place)
        return
    if (folder / CONFIG).exists():
        raise BayesnuError(f"{folder}: holds the run of a configuration; choose another folder for a model built in Python")
    with held(folder):
        yield folder


def fingerprint_model(model: Model, settings: Settings) -> dict[str, str]:
    """What defines the posterior and the chain, key by key, beside the numbers of the polynomial, which the chain holds."""
    priors = {
        prior.name: {name: repr(value) for name, value in vars(prior).items() if name != "parameter"}
        | {"kind": prior.description}
        for prior in model.parameters
    }
    sampling = {name: value for name, value in asdict(settings).items() if name not in ("steps", "most_steps")}
    return flattened({"built": IN_PYTHON, "priors": priors, "sampling": sampling})


def _describe_model(model: Model, settings: Settings) -> str:
    """What is known of a model's origin, in the place of a configuration."""
    table = {
        "built": IN_PYTHON,
        "parameters": [*model.names],
        "sampling": {key: value for key, value in asdict(settings).items() if value is not None},
        "analysis": asdict(model.analysis),
    }
    return tomli_w.dumps(table)
