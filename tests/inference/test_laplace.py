"""The Gaussian around a maximum against numpy's inverse, and where there is no Gaussian."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayesnu.inference.laplace import conditional_factors, log_bounded_volumes
from bayesnu.inference.profiler import Profiler
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from tests.statistics.models import model_of


def factors_at(model: Model, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors (n, k, k) at fits of the nuisances, and their Hessians (n, k, k) of chi^2/2."""
    profiler = Profiler(model)
    theta = profiler.at(0, values).theta
    return conditional_factors(profiler, theta), profiler.derivatives(theta, np.flatnonzero(profiler.nuisances_free()))[1]


def test_the_factor_is_lower_and_its_square_the_inverse_of_the_hessian() -> None:
    factors, hessians = factors_at(model_of("xenonnt-sr0", "mu_nu"), np.linspace(0, 2, 7))
    np.testing.assert_array_equal(factors, np.tril(factors))
    for factor, hessian in zip(factors, hessians, strict=True):
        np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(hessian), rtol=1e-9)


@pytest.mark.parametrize("times", (1.0, 1e6, 1e9))
def test_backgrounds_that_replace_each_other_are_as_uncertain_as_their_bounds(times: float) -> None:
    model = model_of("xenonnt-sr0", "mu_nu", normalisations="free", one_nuisance_per_shape=False)
    model = replace(model, templates=times * model.templates, observed=times * model.observed)
    factors, _ = factors_at(model, np.linspace(0, 2, 7))
    spans = [min(p.upper - p.lower, 4 * p.width if isinstance(p, Gaussian) else np.inf) for p in model.nuisances]
    sigmas = np.sqrt(np.sum(factors**2, axis=2)) / spans
    assert np.all(np.isfinite(factors)) and np.all(sigmas < 1.1) and np.any(sigmas > 0.1)
    profiler = Profiler(model)
    assert np.all(np.isfinite(log_bounded_volumes(profiler, profiler.at(0, np.linspace(0, 2, 7)).theta)))
