"""For nested samplers, and Bayes factors: the unit cube mapped to the prior, the likelihood alone, evidence ratios."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayesnu.model.kernel_arrays import LOWER, UPPER, arrange_model
from bayesnu.model.likelihood import CompiledPosterior
from bayesnu.model.polynomial import Model
from bayesnu.model.prior_kind import PriorKind

Function = Callable[[np.ndarray], np.ndarray]
LAST = 1 - 2.0**-53  # the largest number below 1: a Gaussian without upper bound is infinite at 1


def prior_transform(model: Model) -> Function:
    """Return the map from the unit cube to parameters, which a nested sampler takes with `likelihood_function`.

    Arguments:
        model: from `build`.

    Returns: a function of u (..., parameters), each in [0, 1], that returns theta of the same shape. It has the order of
        `model.names` and the units of `model.parameters`. Those of physics are 1e-11 mu_B, 1e-12 e or 1e-32 cm^2.

    Source: Skilling 2006, Bayesian Analysis 1, 833, for nested sampling.

    Example:
        >>> import bayesnu, numpy
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> bayesnu.prior_transform(model)(numpy.full(len(model.names), 0.5))[:2]
        array([5., 1.])
    """

    def transform(cube: np.ndarray) -> np.ndarray:
        u = np.minimum(cube, LAST)
        return np.stack([prior.ppf(u[..., k]) for k, prior in enumerate(model.parameters)], axis=-1)

    return transform


def likelihood_function(model: Model) -> Function:
    """Return the compiled log-likelihood alone, which a nested sampler takes with `prior_transform`.

    Arguments:
        model: from `build`.

    Returns: a function that gives a number for theta (parameters,), and (n,) for theta (n, parameters). theta has the order
        of `model.names` and the units of `model.parameters`. Natural logarithms are normalised over the data, so that
        evidences of models of the same data can be compared. The value is -inf where the model excludes the data. Priors and
        their bounds do not enter, so a negative moment gives a number.

    Raises: nothing itself. The function raises `BayesnuError` for theta of another shape.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> round(float(bayesnu.likelihood_function(model)(model.nominal())), 3)
        -76.791
    """
    arrays = arrange_model(model)
    anywhere = np.zeros_like(arrays.prior_numbers)
    anywhere[:, LOWER] = -np.inf
    anywhere[:, UPPER] = np.inf
    flat = np.full_like(arrays.prior_kind, PriorKind.FLAT)
    alone = CompiledPosterior(arrays._replace(prior_kind=flat, prior_numbers=anywhere, prior_constant=0.0))

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        values = alone(np.atleast_2d(theta))
        return values if np.ndim(theta) > 1 else values[0]

    return log_likelihood
