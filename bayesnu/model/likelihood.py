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
from bayesnu.support.errors import BayesnuError


def log_likelihood(model: Model, theta: np.ndarray) -> np.ndarray:
    """Poisson log-probability of the data, shape (...,), for theta (..., parameters): the plain definition.

    Theta is in the order and units of `model.parameters`. The result is -inf where the model excludes the data: a negative
    expectation, or none where events were seen.

    >>> import bayesnu
    >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
    >>> round(float(bayesnu.log_likelihood(model, model.nominal())), 3)
    -76.791
    """
    expected = model.expected(theta)
    possible = np.all((expected > 0) | ((expected == 0) & (model.observed == 0)), axis=-1)
    safe = np.where(expected > 0, expected, 1.0)
    terms = xlogy(model.observed, safe) - expected - gammaln(model.observed + 1)
    return np.where(possible, terms.sum(axis=-1), -np.inf)


def log_prior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of the joint prior density, shape (...,), for theta (..., parameters)."""
    theta = np.asarray(theta, dtype=float)
    densities = [prior.logpdf(theta[..., k]) for k, prior in enumerate(model.parameters)]
    total: np.ndarray = np.sum(densities, axis=0)
    return total


def log_posterior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of prior times likelihood, shape (...,), for theta (..., parameters): the plain definition.

    Theta is in the order and units of `model.parameters`. The result is -inf outside the prior, and where the model
    excludes the data. `compile_posterior` gives the same much faster.

    >>> import bayesnu
    >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
    >>> round(float(bayesnu.log_posterior(model, model.nominal())), 3)
    -67.98
    """
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
        if theta.ndim != 2 or theta.shape[1] != len(self.arrays.prior_kind):
            parameters = len(self.arrays.prior_kind)
            raise BayesnuError(f"theta: found the shape {theta.shape}; must be (n, {parameters}), one row per point")
        out = np.empty(len(theta))
        likelihood_kernel.log_posterior(theta, self.arrays, out)
        return out


def compile_posterior(model: Model) -> CompiledPosterior:
    """Arrange a model for compiled code: one call for many parameter values, which is what samplers take.

    The result takes theta (n, parameters) in the order and units of `model.parameters`, and returns (n,). It equals
    `log_posterior` to 1e-12 of its largest terms. It raises `BayesnuError` for another shape.

    >>> import bayesnu
    >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
    >>> bayesnu.compile_posterior(model)(model.nominal()[None]).round(3)
    array([-67.98])
    """
    return CompiledPosterior(arrange_model(model))
