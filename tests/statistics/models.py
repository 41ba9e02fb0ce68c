"""Models for the tests of the statistics, and their chi^2 and posterior written out again in plain numpy and scipy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.special import xlogy

from bayesnu.experiments import Experiment, FreeWidth, load, template
from bayesnu.inference.sampling import chain
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS
from bayesnu.model.polynomial import Block, Model
from bayesnu.model.priors import Flat, Gaussian, Prior
from bayesnu.physics.properties import Parameter, parameter_of
from bayesnu.runs import chain_file

EXPERIMENTS = ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0")
PARAMETERS = ("mu_nu", "q_nu", "r2_nu")


def append(path: Path, pieces: list[chain.Piece]) -> None:
    """Add a piece to every ensemble of a chain."""
    with chain_file.extending(path) as add:
        for n, piece in enumerate(pieces):
            add(n, piece)


@cache
def model_of(experiment: str, *parameters: str, preset: str = "default", **choices: Any) -> Model:
    """Return the model of one experiment under a preset with some choices changed."""
    analysis = replace(PRESETS[preset], **choices)
    return build([load(experiment, analysis.inputs)], parameters, analysis)


def xenonnt_with(*parameters: str, choices: dict[str, Any] | None = None, **changes: Any) -> Model:
    """Return the model of XENONnT with fields of the experiment replaced."""
    experiment: Experiment = replace(load("xenonnt-sr0"), **changes)
    return build([experiment], parameters, replace(PRESETS["default"], **(choices or {})))


def load_template() -> Experiment:
    """The made-up experiment of the template."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "my-experiment.toml"
        path.write_text(template(), encoding="utf-8")
        return load(str(path))


def with_a_twin(difference: float, parameter: str = "mu_nu") -> Model:
    """The template's experiment with its free background halved into two, whose last bins differ by this part."""
    experiment = load_template()
    components = experiment.background.components
    free = next(c for c in components if isinstance(c.width, FreeWidth))
    assert free.counts is not None
    half = replace(free, counts=free.counts / 2)
    twin = replace(half, name="twin", shape="twin", counts=half.counts * np.array([1.0, 1.0, 1.0, 1.0 + difference]))
    others = [c for c in components if c is not free]
    background = replace(experiment.background, components=(*others, half, twin))
    return build([replace(experiment, background=background)], [parameter], PRESETS["default"])


def with_data(model: Model, observed: np.ndarray) -> Model:
    """Return the model with other counts."""
    return replace(model, observed=np.asarray(observed, dtype=float))


def without_data(priors: Sequence[Prior], n_physics: int = 0) -> Model:
    """A model whose posterior is its prior: one bin with a fixed expectation of 5 and 5 events."""
    return Model(
        experiments=(),
        analysis=PRESETS["default"],
        parameters=tuple(priors),
        n_physics=n_physics,
        observed=np.array([5.0]),
        templates=np.array([[5.0]]),
        factors=np.full((1, 6), len(priors)),
        is_signal=np.array([False]),
        blocks=(Block("none", slice(0, 1), slice(0, 1)),),
    )


def counting(signal: np.ndarray, background: np.ndarray, observed: np.ndarray, priors: Sequence[Prior]) -> Model:
    """A model of counts s * signal + b * background whose two parameters have the given priors; s is the physics."""
    factors = np.full((2, 6), 2)
    factors[:, 0] = 0, 1
    return replace(
        without_data(priors, 1),
        observed=np.asarray(observed, dtype=float),
        templates=np.array([signal, background], dtype=float),
        factors=factors,
        is_signal=np.array([True, False]),
        blocks=(Block("counting", slice(0, 2), slice(0, len(observed))),),
    )


def expected(model: Model, theta: np.ndarray) -> np.ndarray:
    """Expected counts for theta (..., parameters), term by term."""
    theta = np.asarray(theta, dtype=float)
    total = np.zeros((*theta.shape[:-1], len(model.observed)))
    for row, counts in zip(model.factors, model.templates, strict=True):
        product = np.ones(theta.shape[:-1])
        for index in row[row < theta.shape[-1]]:
            product = product * theta[..., index]
        total += product[..., None] * counts
    return total


def chi2(model: Model, theta: np.ndarray) -> np.ndarray:
    """Poisson chi^2 with the pulls of Gaussian nuisances, for theta (..., parameters) inside the domain."""
    theta = np.asarray(theta, dtype=float)
    rate, n = expected(model, theta), model.observed
    value = 2 * np.sum(rate - n + xlogy(n, np.where(n > 0, n, 1.0)) - xlogy(n, rate), axis=-1)
    for k, prior in enumerate(model.parameters):
        if isinstance(prior, Gaussian):
            value = value + ((theta[..., k] - prior.mean) / prior.width) ** 2
    return np.asarray(value)


class FastChi2:
    """The same chi^2 of one point, for minimisers that ask thousands of times."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.n = model.observed
        self.constant = 2 * np.sum(xlogy(self.n, np.where(self.n > 0, self.n, 1.0)) - self.n)
        pulled = [(k, p.mean, p.width) for k, p in enumerate(model.parameters) if isinstance(p, Gaussian)]
        self.which = np.array([k for k, _, _ in pulled])
        self.mean, self.width = (np.array([p[i] for p in pulled]) for i in (1, 2))

    def __call__(self, theta: np.ndarray) -> float:
        rate = np.append(theta, 1.0)[self.model.factors].prod(axis=1) @ self.model.templates
        if np.any(rate <= 0):
            return 1e9
        pulls = (np.asarray(theta)[self.which] - self.mean) / self.width
        return float(2 * (rate.sum() - self.n @ np.log(rate)) + self.constant + pulls @ pulls)


def nuisance_limits(model: Model) -> list[tuple[float, float]]:
    """Bounds of the nuisance parameters."""
    return [(prior.lower, prior.upper) for prior in model.nuisances]


def count_above(background: float, count: float, width: float = 1e-7) -> Model:
    """One bin with mu^2 expected events of signal above a background known to a relative width."""
    moment = Flat(replace(parameter_of("mu_nu"), scale=1.0), 0.0, 10.0)
    known = Gaussian(Parameter("b", "b", "", 1.0), 0.0, np.inf, mean=1.0, width=width)
    factors = np.full((2, 6), 2)
    factors[0, :2], factors[1, 0] = 0, 1
    return replace(
        without_data((moment, known), 1),
        observed=np.array([count]),
        templates=np.array([[1.0], [background]]),
        factors=factors,
        is_signal=np.array([True, False]),
        blocks=(Block("one bin", slice(0, 2), slice(0, 1)),),
    )
