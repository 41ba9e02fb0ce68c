"""Poisson likelihood and log-posterior: the plain definition, and the same compiled for many parameter values.

The plain definition is the oracle of the tests; `likelihood_kernel.py` is the same in compiled code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, xlogy

from bayesnu.model import likelihood_kernel
from bayesnu.model.kernel_arrays import ModelArrays, arrange_model
from bayesnu.model.polynomial import Model


def log_likelihood(model: Model, theta: np.ndarray) -> np.ndarray:
    """Poisson log-probability of the data, shape (...,), for theta (..., parameters): the plain definition.

    -inf where the model excludes the data: a negative expectation, or none where events were seen.
    """
    expected = model.expected(theta)
    possible = np.all((expected > 0) | ((expected == 0) & (model.observed == 0)), axis=-1)
    safe = np.where(expected > 0, expected, 1.0)
    terms = xlogy(model.observed, safe) - expected - gammaln(model.observed + 1)
    return np.where(possible, terms.sum(axis=-1), -np.inf)


def log_prior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of the joint prior density, shape (...,), for theta (..., parameters)."""
    theta = np.asarray(theta, dtype=float)
    total: np.ndarray = np.sum([prior.logpdf(theta[..., k]) for k, prior in enumerate(model.parameters)], axis=0)
    return total


def log_posterior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of prior times likelihood, shape (...,): the plain definition."""
    prior = log_prior(model, theta)
    return np.where(np.isfinite(prior), prior + log_likelihood(model, theta), -np.inf)


@dataclass(frozen=True, eq=False)
class CompiledPosterior:
    """The log-posterior of a model as one call of compiled code: theta (walkers, parameters) -> (walkers,).

    Equal to `log_posterior` to 1e-12 of its largest terms. Holds only arrays; building it compiles nothing.
    """

    arrays: ModelArrays

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        theta = np.ascontiguousarray(theta, dtype=float)
        out = np.empty(len(theta))
        likelihood_kernel.log_posterior(theta, self.arrays, out)
        return out


def compile_posterior(model: Model) -> CompiledPosterior:
    """Arrange a model for compiled code."""
    return CompiledPosterior(arrange_model(model))
