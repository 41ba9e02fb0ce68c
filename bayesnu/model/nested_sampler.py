"""For nested samplers: the unit cube mapped to the prior, and the likelihood alone. Both can be pickled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.model.kernel_arrays import LOWER, UPPER, arrange_model
from bayesnu.model.likelihood import CompiledPosterior
from bayesnu.model.polynomial import Model
from bayesnu.model.prior_kind import PriorKind
from bayesnu.model.priors import Prior
from bayesnu.support.arguments import read_points, require
from bayesnu.support.errors import BayesnuError

LAST = 1 - 2.0**-53  # the largest number below 1: a Gaussian without upper bound is infinite at 1


@dataclass(frozen=True, repr=False)
class PriorTransform:
    """The map from the unit cube to parameters: u (..., parameters) -> theta of the same shape.

    Attributes:
        priors: of the parameters, each in units of its `scale * unit`.
    """

    priors: tuple[Prior, ...]

    def __repr__(self) -> str:
        return f"<PriorTransform of {len(self.priors)} parameters>"

    def __call__(self, cube: np.ndarray) -> np.ndarray:
        u = read_points(cube, len(self.priors), "u")
        if not np.all((u >= 0) & (u <= 1)):
            raise BayesnuError("u: found a number outside of [0, 1]; must be points of the unit cube")
        inside = np.minimum(u, LAST)
        return np.stack([prior.ppf(inside[..., k]) for k, prior in enumerate(self.priors)], axis=-1)


def prior_transform(model: Model) -> PriorTransform:
    """Return the map from the unit cube to parameters, which a nested sampler takes with `likelihood_function`.

    Arguments:
        model: from `build`.

    Returns: a function of u (..., parameters), each in [0, 1], that returns theta of the same shape. It has the order of
        `model.names` and the units of `model.parameters`. Those of physics are 1e-11 mu_B, 1e-12 e or 1e-32 cm^2.

    Raises: nothing itself. The function raises `BayesnuError` for u of another length or outside of the cube.

    Source: Skilling 2006, Bayesian Analysis 1, 833, for nested sampling.

    Example:
        >>> import bayesnu, numpy
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> bayesnu.prior_transform(model)(numpy.full(len(model.names), 0.5))[:2]
        array([5., 1.])
    """
    require("model", model, Model, "build")
    return PriorTransform(model.parameters)


def likelihood_function(model: Model) -> CompiledPosterior:
    """Return the compiled log-likelihood alone, which a nested sampler takes with `prior_transform`.

    Arguments:
        model: from `build`.

    Returns: a function that gives (...,) for theta (..., parameters), and so a number for a single point. theta has the
        order of `model.names` and the units of `model.parameters`: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. Natural logarithms are
        normalised over the data, so that evidences of models of the same data can be compared. The value is -inf where the
        model excludes the data. Priors and their bounds do not enter, so a negative moment gives a number.

    Raises: nothing itself. The function raises `BayesnuError` for theta of another length.

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
    return CompiledPosterior(arrays._replace(prior_kind=flat, prior_numbers=anywhere, prior_constant=0.0))
