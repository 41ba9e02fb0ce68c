"""The gradient against small steps of the plain definition, and the function of JAX against both."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import bayesnu
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.support.errors import BayesnuError

STEP = 1e-5  # of a parameter, relative: the error of a central difference is its square


@cache
def models() -> tuple[Model, ...]:
    """Models with every kind of prior, several flavours, a shift that enters squared, another laboratory, unequal widths."""
    moment = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
    shifted = bayesnu.preset("paper", threshold_shift_kev=0.05)
    return (
        moment.with_prior("mu_nu", "flat-square"),
        moment.with_prior("mu_nu", "log-uniform", lower=0.01),
        moment.with_prior("mu_nu", "gaussian", mean=0.4, width=0.3),
        bayesnu.build(["xenonnt-sr0", "pandax4t-run1"], bayesnu.parameters_of("r2_nu", "all"), "paper"),
        bayesnu.build("pandax4t-run1", "q_nu", shifted),
        bayesnu.build(
            "xenonnt-sr0", bayesnu.parameters_of("r2_nu", "all"), bayesnu.preset("paper", constraints="charm2-r2")
        ),
        replace(
            moment,
            parameters=(*moment.physics, *(replace(p, asymmetry=0.3) for p in moment.nuisances if isinstance(p, Gaussian))),
        ),
    )


def points(model: Model, many: int) -> np.ndarray:
    """Points (many, parameters) within every prior, of radii and charges near its middle."""
    random = np.random.default_rng(4)
    shares = random.uniform(0.1, 0.9, (many, len(model.names)))
    signed = [prior.lower < 0 for prior in model.physics]
    shares[:, : model.n_physics][:, signed] = random.uniform(0.45, 0.55, (many, sum(signed)))
    columns = [prior.ppf(shares[:, k]) for k, prior in enumerate(model.parameters)]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("which", range(7))
def test_the_gradient_is_the_slope_of_the_plain_definition(which: int) -> None:
    model = models()[which]
    here = points(model, 3)
    value, gradient = bayesnu.gradient_function(model)(here)
    np.testing.assert_allclose(value, bayesnu.log_posterior(model, here), rtol=1e-12)
    for k in range(len(model.names)):
        step = np.zeros(len(model.names))
        step[k] = STEP * max(abs(here[0, k]), 0.1)
        slope = (bayesnu.log_posterior(model, here + step) - bayesnu.log_posterior(model, here - step)) / (2 * step[k])
        np.testing.assert_allclose(gradient[:, k], slope, rtol=1e-5, atol=1e-5)


def test_where_the_posterior_is_zero_there_is_no_slope() -> None:
    model = models()[0]
    theta = model.nominal(mu_nu=0.5)
    theta[1] = -0.1
    value, gradient = bayesnu.gradient_function(model)(theta)
    assert value == -np.inf and np.all(np.isnan(gradient))
    with pytest.raises(BayesnuError, match=r"^theta: found the shape \(3,\)"):
        bayesnu.gradient_function(model)(theta[:3])


def test_it_can_be_pickled_and_takes_one_point_or_many() -> None:
    model = models()[0]
    function = pickle.loads(pickle.dumps(bayesnu.gradient_function(model)))
    many = points(model, 4).reshape(2, 2, -1)
    value, gradient = function(many)
    assert value.shape == (2, 2) and gradient.shape == many.shape
    one, slope = function(many[1, 0])
    np.testing.assert_allclose(one, value[1, 0], rtol=1e-14)
    np.testing.assert_allclose(slope, gradient[1, 0], rtol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("which", range(7))
def test_the_function_of_jax_is_the_plain_definition(which: int) -> None:
    jax = pytest.importorskip("jax")
    model = models()[which]
    here = points(model, 3)
    value, gradient = bayesnu.gradient_function(model)(here)
    function = bayesnu.jax_posterior(model)
    np.testing.assert_allclose([np.asarray(function(each)) for each in here], value, rtol=0, atol=1e-10)
    with jax.enable_x64(True):
        found, slopes = jax.jit(jax.vmap(jax.value_and_grad(function)))(here)
    np.testing.assert_allclose(np.asarray(found), value, rtol=0, atol=1e-10)
    np.testing.assert_allclose(np.asarray(slopes), gradient, rtol=1e-10, atol=1e-10)
    assert not jax.config.jax_enable_x64  # the settings are as they were


@pytest.mark.long
def test_jax_refuses_single_precision_and_is_zero_outside_the_prior() -> None:
    jax = pytest.importorskip("jax")
    model = models()[0]
    function = bayesnu.jax_posterior(model)
    theta = model.nominal(mu_nu=0.5)
    with pytest.raises(BayesnuError, match=r"^theta: found float32 within a transformation of JAX; must be float64; put "):
        jax.grad(function)(theta)
    theta[1] = -0.1
    assert float(function(theta)) == -np.inf
    with pytest.raises(BayesnuError, match=r"^theta: found the shape \(3,\); must be \("):
        function(theta[:3])
