"""The log-posterior with its gradient, in plain numpy: for samplers and fits that follow a slope.

A coefficient is a product of parameters, and its derivative the sum of the products without one of its factors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.model.kernel_arrays import INVERSE_ABOVE, INVERSE_BELOW, LOWER, MEAN, UPPER, ModelArrays, arrange_model
from bayesnu.model.polynomial import Model
from bayesnu.model.prior_kind import PriorKind
from bayesnu.support.arguments import read_points


@dataclass(frozen=True, eq=False, repr=False)
class GradientPosterior:
    """The log-posterior and its gradient: theta (..., parameters) -> natural logarithms (...,) and (..., parameters).

    theta has the order of `model.names` and the units of `model.parameters`; the gradient is per these units. Where the
    posterior is zero, the logarithm is -inf and the gradient NaN. Another length raises `BayesnuError`. It can be pickled.

    Attributes:
        arrays: the model's polynomial, data and priors.
    """

    arrays: ModelArrays

    def __repr__(self) -> str:
        return f"<GradientPosterior of {len(self.arrays.prior_kind)} parameters and {len(self.arrays.observed)} bins>"

    def __call__(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        arrays = self.arrays
        points = read_points(theta, len(arrays.prior_kind))
        products, slopes = self._multiply(points)
        expected = products @ arrays.templates
        is_count = np.arange(len(arrays.observed)) < arrays.counted  # the others are constraints
        is_positive = (expected > 0) & np.isfinite(expected)
        safe = np.where(is_positive, expected, 1.0)
        prior, prior_slope, inside = self._evaluate_prior(points)
        possible = inside & np.all(~is_count | is_positive | ((expected == 0) & (arrays.observed == 0)), axis=-1)
        reference = np.where(arrays.observed > 0, arrays.observed, 1.0)
        poisson = arrays.observed * np.log(safe / reference) - np.where(is_positive, expected, 0.0)
        pull = expected - arrays.observed
        terms = np.where(is_count, poisson, -(pull**2) / 2)
        value = np.where(possible, terms.sum(axis=-1) + arrays.data_constant + prior, -np.inf)
        by_template = np.where(is_count, arrays.observed / safe - 1, -pull) @ arrays.templates.T
        gradient = np.einsum("...t,...tp->...p", by_template, slopes) + prior_slope
        return value[()], np.where(possible[..., np.newaxis], gradient, np.nan)

    def _multiply(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (..., terms) and their derivatives (..., terms, parameters)."""
        factors = self.arrays.factors
        extended = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
        values = extended[..., factors]
        slopes = np.zeros((*values.shape[:-1], extended.shape[-1]))
        rows = np.arange(len(factors))
        for k in range(factors.shape[1]):
            others = np.prod(np.delete(values, k, axis=-1), axis=-1)
            slopes[..., rows, factors[:, k]] += others
        return np.prod(values, axis=-1), slopes[..., :-1]

    def _evaluate_prior(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log-density (...,), its gradient (..., parameters), and whether a point lies inside (...,)."""
        kind = self.arrays.prior_kind
        numbers = self.arrays.prior_numbers
        inside = (points >= numbers[:, LOWER]) & (points <= numbers[:, UPPER])
        power = np.where(kind == PriorKind.FLAT_IN_SQUARE, 1.0, 0.0) - np.where(kind == PriorKind.LOG_UNIFORM, 1.0, 0.0)
        has_logarithm = power != 0
        inside &= ~has_logarithm | (points > 0)
        positive = np.where(has_logarithm & (points > 0), points, 1.0)
        distance = np.where(kind == PriorKind.GAUSSIAN, points - numbers[:, MEAN], 0.0)
        inverse = np.where(distance > 0, numbers[:, INVERSE_ABOVE], numbers[:, INVERSE_BELOW])
        density = np.sum(power * np.log(positive) - (distance * inverse) ** 2 / 2, axis=-1) + self.arrays.prior_constant
        slope = power / positive - distance * inverse**2
        return density, slope, np.all(inside, axis=-1)


def gradient_function(model: Model) -> GradientPosterior:
    """Return the log-posterior with its gradient, as samplers and fits take it that follow a slope.

    Arguments:
        model: from `build`; later changes of its priors need another call.

    Returns: a function of theta (..., parameters) that returns `log_posterior` (...,) and its gradient (..., parameters).
        theta has the order of `model.names` and the units of `model.parameters`: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. Where
        the posterior is zero the gradient is NaN.

    Raises: nothing itself. The function raises `BayesnuError` for theta of another length.

    Source: the derivative of the polynomial of `model/polynomial.py`; `jax_posterior` gives the same for JAX.

    Example, the slope of the posterior in each parameter, and the same by small steps:
        >>> import bayesnu, numpy
        >>> model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
        >>> value, gradient = bayesnu.gradient_function(model)(model.nominal(mu_nu=0.5))
        >>> above, below = (bayesnu.log_posterior(model, model.nominal(mu_nu=x)) for x in (0.5001, 0.4999))
        >>> bool(abs(gradient[0] - (above - below) / 2e-4) < 1e-4)
        True
    """
    return GradientPosterior(arrange_model(model))
