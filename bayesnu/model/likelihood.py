"""Likelihood and log-posterior: the plain definition, and the same compiled for many parameter values.

The plain definition is the oracle of the tests; `likelihood_kernel.py` is the same in compiled code.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
from scipy.special import gammaln, xlogy

from bayesnu.model import likelihood_kernel
from bayesnu.model.kernel_arrays import ModelArrays, arrange_model
from bayesnu.model.polynomial import Model
from bayesnu.support.arguments import read_points, require


def log_likelihood(model: Model, theta: np.ndarray) -> np.ndarray:
    """Return the log-probability of the data, Poisson for counts and Gaussian for constraints: the plain definition.

    Arguments:
        model: from `build`.
        theta: (..., parameters), in the order of `model.names` and the units of `model.parameters`: 1e-11 mu_B, 1e-12 e
            or 1e-32 cm^2. The last axis has to have just that length. No size is refused: 7e-12 is nearly no moment.

    Returns: (...,), the natural logarithm summed over bins, normalised over the data; for a constraint over its value in
        units of its error. It is -inf where the model excludes
        the data: a negative expectation, one that is not finite, or none where events were seen. Pulls and priors are not
        in it.

    Raises: `BayesnuError` for theta of another length.

    Source: minus half of the Poisson chi^2 of Baker and Cousins 1984, Nucl. Instrum. Meth. 221, 437, up to a constant of the
        data.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> round(float(bayesnu.log_likelihood(model, model.nominal())), 3)
        -76.791
    """
    require("model", model, Model, "build")
    expected, quantities = np.split(model.expected(theta), [model.counted], axis=-1)
    counts, measured = np.split(model.observed, [model.counted])
    is_positive = (expected > 0) & np.isfinite(expected)
    possible = np.all(is_positive | ((expected == 0) & (counts == 0)), axis=-1)
    safe = np.where(is_positive, expected, 1.0)
    terms = xlogy(counts, safe) - np.where(is_positive, expected, 0.0) - gammaln(counts + 1)
    pulls = (quantities - measured) ** 2 + log(2 * pi)
    return np.where(possible, terms.sum(axis=-1) - pulls.sum(axis=-1) / 2, -np.inf)


def log_prior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of the joint prior density, shape (...,), for theta (..., parameters); another length is refused."""
    require("model", model, Model, "build")
    points = read_points(theta, len(model.parameters))
    densities = [prior.logpdf(points[..., k]) for k, prior in enumerate(model.parameters)]
    total: np.ndarray = np.sum(densities, axis=0)
    return total


def log_posterior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Return the log of prior times likelihood: the plain definition, in numpy.

    Arguments:
        model: from `build`.
        theta: (..., parameters), in the order of `model.names` and the units of `model.parameters`: 1e-11 mu_B, 1e-12 e
            or 1e-32 cm^2. The last axis has to have just that length.

    Returns: (...,), natural logarithms. The prior density is per unit of the parameter's scale, so the constant depends on
        it; the evidence is not divided out. It is -inf outside the prior, and where the model excludes the data.

    Raises: `BayesnuError` for theta of another length.

    Source: priors in docs/methods.md. `compile_posterior` gives the same much faster.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> round(float(bayesnu.log_posterior(model, model.nominal())), 3)
        -67.98
    """
    prior = log_prior(model, theta)
    return np.where(np.isfinite(prior), prior + log_likelihood(model, theta), -np.inf)


@dataclass(frozen=True, eq=False, repr=False)
class CompiledPosterior:
    """The log-posterior of a model as one call of compiled code: theta (..., parameters) -> natural logarithms (...,).

    theta has the order of `model.names` and the units of `model.parameters`. The result equals `log_posterior` to 1e-12 of
    its largest terms; of a single point it is a number. Another length raises `BayesnuError`. No size does, as samplers go
    everywhere: 7e-12 is nearly no moment, and 0.7 is 7e-12 mu_B. It can be pickled, and compiles again in another process.

    Attributes:
        arrays: the model's polynomial, data and priors; building them compiles nothing, the first call does.
    """

    arrays: ModelArrays

    def __repr__(self) -> str:
        return f"<CompiledPosterior of {len(self.arrays.prior_kind)} parameters and {len(self.arrays.observed)} bins>"

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        points = read_points(theta, len(self.arrays.prior_kind))
        rows = points.reshape(-1, points.shape[-1])
        out = np.empty(len(rows))
        likelihood_kernel.log_posterior(rows, self.arrays, out)
        values: np.ndarray = out.reshape(points.shape[:-1])[()]  # of a single point a number
        return values


def compile_posterior(model: Model) -> CompiledPosterior:
    """Arrange a model for compiled code: one call for many parameter values, which is what samplers take.

    Arguments:
        model: from `build`; later changes of its priors need another call.

    Returns: a `CompiledPosterior`. It takes theta (..., parameters), in the order of `model.names` and the units of
        `model.parameters`: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. It returns `log_posterior` (...,) to 1e-12 of its largest
        terms, and can be pickled.

    Raises: nothing itself. The result raises `BayesnuError` for theta of another length.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> round(float(bayesnu.compile_posterior(model)(model.nominal())), 3)
        -67.98
    """
    return CompiledPosterior(arrange_model(model))
