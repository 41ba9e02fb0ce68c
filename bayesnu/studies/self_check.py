"""Numbers that every installation has to give, computed now and compared with `self_check.toml` beside this file.

Likelihoods of every data set, as defined and as compiled; ends of profile intervals; limits from the
integrated posterior; and a limit from a sampled chain. `scripts/self_check.py` writes the table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu import experiments
from bayesnu.inference import marginal, profile
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS
from bayesnu.model.likelihood import compile_posterior, log_posterior
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PROPERTIES
from bayesnu.runs import run, sampling

# Properties in units of their scale, with the nuisances off their centres, so that every term of the model counts.
POINTS = {
    "Standard Model": (0.0, 0.0, 0.0),
    "moment": (1.0, 0.0, 0.0),
    "charge": (0.0, -0.5, 0.0),
    "radius": (0.0, 0.0, -60.0),
    "everything": (1.0, 0.3, 20.0),
}
OFF_CENTRE = 1.02
PROFILES = (
    ("xenonnt-sr0", "mu_nu", "default"),
    ("xenonnt-sr0", "q_nu", "default"),
    ("xenonnt-sr0", "r2_nu", "default"),
    ("pandax4t-run1", "q_nu", "paper"),
)
POSTERIORS = (("xenonnt-sr0", "mu_nu", "default"), ("xenonnt-sr0", "mu_nu", "paper"))
PROBABILITY = 0.9
STEPS = 96  # of the sampled run, whose limit has to be the first of POSTERIORS: its error is then 0.4 %
LIKELIHOOD = 1e-10  # relative: machines differ in the last bits of a logarithm
LIMIT = 1e-6  # of the limit or of the interval's width: a root and an integral have no other error
ERRORS = 5.0  # Monte-Carlo standard errors


@dataclass(frozen=True)
class Comparison:
    """A number found now beside the stored one, and how far apart they may be."""

    what: str
    found: float
    stored: float
    allowed: float

    @property
    def off(self) -> float:
        """The difference in units of what is allowed; infinite for what is no number."""
        off = abs(self.found - self.stored) / self.allowed
        return off if off == off else float("inf")


def stored() -> dict[str, Any]:
    """The table of the package."""
    return tomllib.loads(resources.files("bayesnu.studies").joinpath("self_check.toml").read_text(encoding="utf-8"))


def computed() -> dict[str, Any]:
    """What the table should hold: log-posteriors per point, ends of intervals, and limits with their error."""
    return {
        "likelihood": {name: dict(zip(POINTS, _evaluate_plain(model), strict=True)) for name, model in _load_models()},
        "profile": {_name_case(*case): list(_find_ends(*case)) for case in PROFILES},
        "posterior": {_name_case(*case): list(_find_limit(*case)) for case in POSTERIORS},
    }


def likelihoods(table: dict[str, Any]) -> Iterator[Comparison]:
    """Log-posteriors by the plain definition."""
    return _compare_likelihoods(table, _evaluate_plain)


def compiled(table: dict[str, Any]) -> Iterator[Comparison]:
    """The same by compiled code."""
    return _compare_likelihoods(table, lambda model: compile_posterior(model)(_place_points(model)).tolist())


def limits(table: dict[str, Any]) -> Iterator[Comparison]:
    """Ends of profile intervals and limits of integrated posteriors, in units of the property's scale."""
    for case in PROFILES:
        ends = table["profile"][_name_case(*case)]
        for what, end, expected in zip(("lower", "upper"), _find_ends(*case), ends, strict=True):
            yield Comparison(f"{_name_case(*case)}, {what} end", end, expected, LIMIT * (ends[1] - ends[0]))
    for case in POSTERIORS:
        expected, error = table["posterior"][_name_case(*case)]
        value, error_now = _find_limit(*case)
        allowed = max(LIMIT * expected, ERRORS * sqrt(error**2 + error_now**2))
        yield Comparison(f"{_name_case(*case)}, credible limit", value, expected, allowed)


def sampled(table: dict[str, Any], place: Path) -> Comparison:
    """The limit of a chain sampled into the folder `place` beside that of the integrated posterior."""
    name, parameter, preset = POSTERIORS[0]
    expected, error = table["posterior"][_name_case(*POSTERIORS[0])]
    chosen = run.resolve((name,), parameter, preset=preset, sampling={"steps": STEPS, "probability": PROBABILITY})
    found = sampling.sample(chosen, place, figures=False, toys=False, progress=False).parameters[parameter].interval
    assert found.upper is not None and found.mcse_upper is not None  # it is a limit
    scale = PROPERTIES[parameter].scale
    allowed = ERRORS * sqrt(error**2 + (found.mcse_upper / scale) ** 2)
    return Comparison(f"{_name_case(*POSTERIORS[0])}, sampled", found.upper / scale, expected, allowed)


def _name_case(experiment: str, parameter: str, preset: str) -> str:
    return f"{experiment}, {parameter}, preset {preset}"


def _load_case(experiment: str, parameters: tuple[str, ...], preset: str) -> Model:
    return build(experiment, parameters, PRESETS[preset])


def _load_models() -> Iterator[tuple[str, Model]]:
    """Every data set in the presets of the paper and of the package, and one in the others, with all properties."""
    cases = [(experiment, preset) for experiment in experiments.names() for preset in ("default", "paper")]
    cases += [("xenonnt-sr0", preset) for preset in PRESETS if preset not in ("default", "paper")]
    for experiment, preset in cases:
        yield f"{experiment}, preset {preset}", _load_case(experiment, tuple(PROPERTIES), preset)


def _place_points(model: Model) -> np.ndarray:
    """The points (points, parameters) of a model."""
    nuisances = OFF_CENTRE * model.nominal()[model.n_physics :]
    return np.array([[*point, *nuisances] for point in POINTS.values()])


def _evaluate_plain(model: Model) -> list[float]:
    values: list[float] = log_posterior(model, _place_points(model)).tolist()
    return values


def _compare_likelihoods(table: dict[str, Any], how: Callable[[Model], list[float]]) -> Iterator[Comparison]:
    for name, model in _load_models():
        for point, value in zip(POINTS, how(model), strict=True):
            expected = table["likelihood"][name][point]
            yield Comparison(f"{name}, {point}", value, expected, LIKELIHOOD * abs(expected))


def _find_ends(experiment: str, parameter: str, preset: str) -> tuple[float, float]:
    found = profile.interval(_load_case(experiment, (parameter,), preset))
    assert found.lower is not None and found.upper is not None  # the cases have both
    return found.lower, found.upper


def _find_limit(experiment: str, parameter: str, preset: str) -> tuple[float, float]:
    """Credible upper limit and its error."""
    posterior = marginal.marginal(_load_case(experiment, (parameter,), preset))
    return posterior.quantile(PROBABILITY), posterior.error(PROBABILITY)
