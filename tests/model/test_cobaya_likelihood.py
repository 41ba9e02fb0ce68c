"""The class of cobaya, read from a file by cobaya itself, against the likelihood and the posterior of the package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.support.text import plain_names

FILE = """
likelihood:
  bayesnu.model.cobaya_likelihood.XenonLikelihood:
    experiments: [xenonnt-sr0]
    parameters: [mu_nu]
    preset: paper
"""

pytestmark = pytest.mark.long


def info() -> Any:
    yaml = pytest.importorskip("yaml")
    pytest.importorskip("cobaya")
    return yaml.safe_load(FILE)


def test_cobaya_finds_the_parameters_and_the_same_likelihood_and_prior() -> None:
    from cobaya.model import get_model

    model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
    found = get_model(info())
    names = plain_names(model.names)
    assert [*found.parameterization.sampled_params()] == [*names]
    other = model.nominal(mu_nu=0.5) * np.linspace(0.95, 1.05, len(names))
    for theta in (model.nominal(mu_nu=0.1), other):
        point = dict(zip(names, theta, strict=True))
        assert found.loglike(point, return_derived=False) == pytest.approx(
            float(bayesnu.log_likelihood(model, theta)), abs=1e-9
        )
        prior = bayesnu.log_posterior(model, theta) - bayesnu.log_likelihood(model, theta)
        assert found.logprior(point) == pytest.approx(float(prior), abs=1e-6)


@pytest.mark.filterwarnings("ignore:Setting a value on a DataFrame")  # cobaya 3.6 does, and pandas 3.1 says so
def test_the_limit_that_cobaya_samples_is_the_integrated_one() -> None:
    from cobaya.run import run

    _, sampler = run(info() | {"sampler": {"mcmc": {"Rminus1_stop": 0.02, "seed": 1}}})
    chain = sampler.products()["sample"]
    late = chain[len(chain) // 3 :]
    draws = np.repeat(late["mu_nu"].to_numpy(), late["weight"].to_numpy().astype(int))
    exact = bayesnu.marginal(bayesnu.build("xenonnt-sr0", "mu_nu", "paper")).quantile(0.9)
    assert np.quantile(draws, 0.9) == pytest.approx(exact, rel=0.05)
