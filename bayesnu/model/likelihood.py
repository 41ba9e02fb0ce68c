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
    """Return the Poisson log-probability of the data: the plain definition, in numpy.

    Arguments:
        model: from `build`.
        theta: (..., parameters), in the order of `model.names` and the units of `model.parameters`. The last axis has to
            have just that length.

    Returns: (...,), the natural logarithm summed over bins, normalised over the data. It is -inf where the model excludes
        the data: a negative expectation, or none where events were seen. Pulls and priors are not in it.

    Source: minus half of the Poisson chi^2 of Baker and Cousins 1984, Nucl. Instrum. Meth. 221, 437, up to a constant of the
        data.

    Example:
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
    """Return the log of prior times likelihood: the plain definition, in numpy.

    Arguments:
        model: from `build`.
        theta: (..., parameters), in the order of `model.names` and the units of `model.parameters`. The last axis has to
            have just that length.

    Returns: (...,), natural logarithms. The prior density is per unit of the parameter's scale, so the constant depends on
        it; the evidence is not divided out. It is -inf outside the prior, and where the model excludes the data.

    Source: priors in docs/methods.md. `compile_posterior` gives the same much faster.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> round(float(bayesnu.log_posterior(model, model.nominal())), 3)
        -67.98
    """
    prior = log_prior(model, theta)
    return np.where(np.isfinite(prior), prior + log_likelihood(model, theta), -np.inf)


@dataclass(frozen=True, eq=False)
class CompiledPosterior:
    """The log-posterior of a model as one call of compiled code: theta (n, parameters) -> natural logarithms (n,).

    theta has the order of `model.names` and the units of `model.parameters`. The result equals `log_posterior` to 1e-12 of
    its largest terms. Another shape raises `BayesnuError`.

    Attributes:
        arrays: the model's polynomial, data and priors; building them compiles nothing, the first call does.
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

    Arguments:
        model: from `build`; later changes of its priors need another call.

    Returns: a `CompiledPosterior`. It takes theta (n, parameters), in the order of `model.names` and the units of
        `model.parameters`, and returns `log_posterior` (n,) to 1e-12 of its largest terms.

    Raises: nothing itself. The result raises `BayesnuError` for theta of another shape.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> bayesnu.compile_posterior(model)(model.nominal()[None]).round(3)
        array([-67.98])
    """
    return CompiledPosterior(arrange_model(model))
