"""Bayesian inference of neutrino electromagnetic properties from solar-neutrino recoils in xenon.

Data:
    load_experiment      a data set by its name, or from a TOML file
    make_experiment      a data set from arrays
    write_experiment     a data set as a TOML file
    scale_exposure       a data set with another exposure
    BayesnuError         a mistake in what was given, in one sentence

Model:
    Analysis             all choices that change a number
    preset               the choices `default` or `paper`, with some changed
    parameters_of        names of the physics parameters of a property
    build                the model of data sets and parameters
    certify              whether an integration grid is fine enough

Predictions:
    rate                 recoils per tonne, year and keV before the detector
    expected_counts      expected and observed counts per bin
    log_likelihood       log-probability of the data, the plain definition
    log_posterior        log of prior times likelihood, the plain definition
    compile_posterior    the same as fast code for many parameter values
    gradient_function    the same with its gradient, in numpy
    jax_posterior        the same as a function of JAX

Intervals:
    profile_interval     where the profiled chi^2 is less than a level above its minimum
    marginal             the posterior of one parameter by integration
    bayes_factor         evidence of a free parameter over a fixed one

Sampling:
    resolve              a run with every default filled in and checked
    sample               a run carried out, with chain, figures, verdict and what toys say
    read_chain           the samples of a run
    interval_table       the limits of a result as a data frame
    latex_table          the same for a paper, with citations
    write_hepdata        the same as a submission to HEPData
    prior_transform      the unit cube mapped to parameters, for nested samplers
    likelihood_function  the compiled log-likelihood alone, for nested samplers

Values of properties are in units of their scale, 1e-11 mu_B, 1e-12 e and 1e-32 cm^2: couplings, parameters, priors, chains
and intervals. Only what `sample` returns, the record of a run, is in mu_B, e and cm^2, as on the command line.

Importing this package does no work; each name above is loaded when it is first used. Its nine rooms, each importing only
from those before it: support, physics, experiments, model, inference, plots, runs, studies, cli.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesnu.support.versions import __version__ as __version__

if TYPE_CHECKING:
    from bayesnu.experiments import load as load_experiment
    from bayesnu.experiments import scale_exposure
    from bayesnu.experiments.arrays import make_experiment
    from bayesnu.experiments.writing import write_experiment
    from bayesnu.inference.marginal import bayes_factor, marginal
    from bayesnu.inference.profile import interval as profile_interval
    from bayesnu.model.builder import build
    from bayesnu.model.choices import Analysis, preset
    from bayesnu.model.gradient import gradient_function
    from bayesnu.model.grid_check import certify
    from bayesnu.model.jax_posterior import jax_posterior
    from bayesnu.model.likelihood import compile_posterior, log_likelihood, log_posterior
    from bayesnu.model.nested_sampler import likelihood_function, prior_transform
    from bayesnu.model.predict import expected_counts, rate
    from bayesnu.physics.properties import parameters_of
    from bayesnu.runs.chain_file import read as read_chain
    from bayesnu.runs.run import resolve
    from bayesnu.runs.sampling import sample
    from bayesnu.studies.limit_tables import interval_table, latex_table, write_hepdata
    from bayesnu.support.errors import BayesnuError

__all__ = [
    "Analysis",
    "BayesnuError",
    "bayes_factor",
    "build",
    "certify",
    "compile_posterior",
    "expected_counts",
    "gradient_function",
    "interval_table",
    "jax_posterior",
    "latex_table",
    "likelihood_function",
    "load_experiment",
    "log_likelihood",
    "log_posterior",
    "make_experiment",
    "marginal",
    "parameters_of",
    "preset",
    "prior_transform",
    "profile_interval",
    "rate",
    "read_chain",
    "resolve",
    "sample",
    "scale_exposure",
    "write_experiment",
    "write_hepdata",
]

# Where each public name is defined: "module:attribute".
_HOME = {
    "Analysis": "model.choices:Analysis",
    "BayesnuError": "support.errors:BayesnuError",
    "bayes_factor": "inference.marginal:bayes_factor",
    "build": "model.builder:build",
    "certify": "model.grid_check:certify",
    "compile_posterior": "model.likelihood:compile_posterior",
    "expected_counts": "model.predict:expected_counts",
    "gradient_function": "model.gradient:gradient_function",
    "interval_table": "studies.limit_tables:interval_table",
    "jax_posterior": "model.jax_posterior:jax_posterior",
    "latex_table": "studies.limit_tables:latex_table",
    "likelihood_function": "model.nested_sampler:likelihood_function",
    "load_experiment": "experiments:load",
    "make_experiment": "experiments.arrays:make_experiment",
    "log_likelihood": "model.likelihood:log_likelihood",
    "log_posterior": "model.likelihood:log_posterior",
    "marginal": "inference.marginal:marginal",
    "parameters_of": "physics.properties:parameters_of",
    "preset": "model.choices:preset",
    "prior_transform": "model.nested_sampler:prior_transform",
    "profile_interval": "inference.profile:interval",
    "rate": "model.predict:rate",
    "read_chain": "runs.chain_file:read",
    "resolve": "runs.run:resolve",
    "sample": "runs.sampling:sample",
    "scale_exposure": "experiments:scale_exposure",
    "write_experiment": "experiments.writing:write_experiment",
    "write_hepdata": "studies.limit_tables:write_hepdata",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bayesnu' has no attribute '{name}'")
    from importlib import import_module

    from bayesnu.support.places import settle_home

    settle_home()
    module, _, attribute = _HOME[name].partition(":")
    return getattr(import_module(f"bayesnu.{module}"), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
