"""Bayesian inference of neutrino electromagnetic properties from solar-neutrino recoils in xenon.

Importing this package does no work; each name below is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bayesnu.analysis import Analysis as Analysis
    from bayesnu.analysis import preset as preset
    from bayesnu.chains import read as read_chain  # noqa: F401
    from bayesnu.errors import BayesnuError as BayesnuError
    from bayesnu.experiments import load as load_experiment  # noqa: F401
    from bayesnu.folder import sample as sample
    from bayesnu.grid_check import certify as certify
    from bayesnu.integrate import marginal as marginal
    from bayesnu.likelihood import compile_posterior as compile_posterior
    from bayesnu.likelihood import log_likelihood as log_likelihood
    from bayesnu.likelihood import log_posterior as log_posterior
    from bayesnu.model import build as build
    from bayesnu.nested import bayes_factor as bayes_factor
    from bayesnu.nested import likelihood_function as likelihood_function
    from bayesnu.nested import prior_transform as prior_transform
    from bayesnu.predict import expected_counts as expected_counts
    from bayesnu.predict import rate as rate
    from bayesnu.profile import interval as profile_interval  # noqa: F401
    from bayesnu.properties import parameters_of as parameters_of
    from bayesnu.run import resolve as resolve

_HOME = {
    "Analysis": "analysis.Analysis",
    "BayesnuError": "errors.BayesnuError",
    "bayes_factor": "nested.bayes_factor",
    "build": "model.build",
    "certify": "grid_check.certify",
    "compile_posterior": "likelihood.compile_posterior",
    "expected_counts": "predict.expected_counts",
    "likelihood_function": "nested.likelihood_function",
    "load_experiment": "experiments.load",
    "log_likelihood": "likelihood.log_likelihood",
    "log_posterior": "likelihood.log_posterior",
    "marginal": "integrate.marginal",
    "parameters_of": "properties.parameters_of",
    "preset": "analysis.preset",
    "prior_transform": "nested.prior_transform",
    "profile_interval": "profile.interval",
    "rate": "predict.rate",
    "read_chain": "chains.read",
    "resolve": "run.resolve",
    "sample": "folder.sample",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bayesnu' has no attribute '{name}'")
    from importlib import import_module

    module, attribute = _HOME[name].split(".")
    return getattr(import_module(f"bayesnu.{module}"), attribute)


def __dir__() -> list[str]:
    return [*_HOME, "__version__"]
