"""The log-posterior as a function of JAX, for samplers that differentiate and compile it (the only import of jax).

JAX computes in single precision unless it is told otherwise, and single precision is too little for a likelihood. This
function is double precision in any case, by a context of JAX that leaves the user's settings alone. What JAX transforms has
to be transformed in that context, too; elsewhere it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from bayesnu.model.kernel_arrays import INVERSE_ABOVE, INVERSE_BELOW, LOWER, MEAN, UPPER, arrange_model
from bayesnu.model.polynomial import Model
from bayesnu.model.prior_kind import PriorKind
from bayesnu.support.errors import BayesnuError

JaxFunction: TypeAlias = Callable[[Any], Any]


def jax_posterior(model: Model) -> JaxFunction:
    """Return the log-posterior as a function of JAX, which `jax.grad`, `jax.jit` and `jax.vmap` take.

    Arguments:
        model: from `build`; later changes of its priors need another call.

    Returns: a function of one theta (parameters,) that returns `log_posterior`, a number in double precision. theta has the
        order of `model.names` and the units of `model.parameters`: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. It is -inf outside the
        prior, and where the model excludes the data.

    Raises: `BayesnuError` where JAX is not installed. The function raises it where JAX transforms it in single precision;
        `with jax.enable_x64(True):` around sampler or transformation mends that and leaves the settings as they are.

    Source: JAX, Bradbury et al. 2018; `examples/` has samplings with blackjax and numpyro.

    Example, where JAX is installed (`pip install 'bayesnu[jax]'`):
        >>> import bayesnu, importlib.util
        >>> model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
        >>> theta = model.nominal(mu_nu=0.5)
        >>> if importlib.util.find_spec("jax"):
        ...     import jax
        ...     with jax.enable_x64(True):
        ...         value, gradient = jax.value_and_grad(bayesnu.jax_posterior(model))(theta)
        ...     assert abs(value - bayesnu.log_posterior(model, theta)) < 1e-10
    """
    arrays = arrange_model(model)
    try:
        import jax
    except ImportError:
        raise BayesnuError("jax is missing; install it with `pip install 'bayesnu[jax]'`") from None
    is_gaussian = arrays.prior_kind == PriorKind.GAUSSIAN
    power = np.where(arrays.prior_kind == PriorKind.FLAT_IN_SQUARE, 1.0, 0.0)
    power -= np.where(arrays.prior_kind == PriorKind.LOG_UNIFORM, 1.0, 0.0)
    numbers = arrays.prior_numbers
    observed = arrays.observed
    reference = np.where(observed > 0, observed, 1.0)
    is_count = np.arange(len(observed)) < arrays.counted  # the others are constraints
    constant = arrays.data_constant + arrays.prior_constant

    def evaluate(theta: Any) -> Any:
        if isinstance(theta, jax.core.Tracer) and theta.dtype != np.float64:
            raise BayesnuError(
                f"theta: found {theta.dtype} within a transformation of JAX; must be float64; put "
                "`with jax.enable_x64(True):` around it, which leaves the settings as they are"
            )
        with jax.enable_x64(True):
            xp = jax.numpy
            point = xp.asarray(theta, dtype=xp.float64)
            if point.shape != numbers.shape[:1]:
                raise BayesnuError(
                    f"theta: found the shape {point.shape}; must be {numbers.shape[:1]}; use `jax.vmap` for more"
                )
            inside = xp.all((point >= numbers[:, LOWER]) & (point <= numbers[:, UPPER]) & ((power == 0) | (point > 0)))
            distance = xp.where(is_gaussian, point - numbers[:, MEAN], 0.0)
            pull = distance * xp.where(distance > 0, numbers[:, INVERSE_ABOVE], numbers[:, INVERSE_BELOW])
            prior = xp.sum(power * xp.log(xp.where((power != 0) & (point > 0), point, 1.0)) - pull**2 / 2)
            extended = xp.concatenate([point, xp.ones(1)])
            expected = xp.prod(extended[arrays.factors], axis=-1) @ xp.asarray(arrays.templates)
            is_positive = (expected > 0) & xp.isfinite(expected)
            possible = inside & xp.all(~is_count | is_positive | ((expected == 0) & (observed == 0)))
            safe = xp.where(is_positive, expected, 1.0)
            poisson = observed * xp.log(safe / reference) - xp.where(is_positive, expected, 0.0)
            likelihood = xp.sum(xp.where(is_count, poisson, -((expected - observed) ** 2) / 2))
            return xp.where(possible, likelihood + prior + constant, -xp.inf)

    return evaluate
