"""A signal put into the data is found again: every property and flavour, by fits of toys, by integration, by sampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayesnu.inference.fits import Fits
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profile import interval
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import draw, with_data
from bayesnu.model.polynomial import Model
from bayesnu.physics.oscillation import FLAVOURS
from bayesnu.physics.properties import parameter_of
from bayesnu.runs import chain_file
from bayesnu.runs.extension import extend_chain
from tests.statistics.models import model_of

NAMES = [name + suffix for name in ("mu_nu", "q_nu", "r2_nu") for suffix in ("", *(f"_{flavour}" for flavour in FLAVOURS))]
MIXED = ["q_nu_emu", "r2_nu_mutau", "r2_nu_etau_im", "mu_nu_12", "mu_nu_33", "mu_nu_lambda2"]


def injected(name: str) -> tuple[Model, np.ndarray]:
    """A model of XENONnT and true parameters: one and a half times the upper limit that the data set."""
    model = model_of("xenonnt-sr0", name, background="single")
    upper = interval(model, cl=0.9).upper
    assert upper is not None
    truth = model.nominal()
    truth[0] = 1.5 * upper
    return model, truth


@pytest.mark.parametrize("name", NAMES + MIXED)
def test_the_fit_of_what_is_expected_is_the_truth(name: str) -> None:
    model, truth = injected(name)
    profiler = Profiler(with_data(model, model.expected(truth)))
    fit = profiler.fit(truth * np.where(np.arange(len(truth)) == 0, 1.1, 1.02), np.ones(len(truth), dtype=bool))
    assert fit.ended[0] and fit.chi2[0] < 1e-8
    np.testing.assert_allclose(fit.theta[0], truth, rtol=1e-4)
    found = interval(profiler.model, cl=0.68)
    assert any(low < truth[0] < high for low, high in found.pieces if low is not None and high is not None)


@pytest.mark.parametrize("name", NAMES + MIXED)
def test_toys_with_a_signal_give_it_back(name: str) -> None:
    """The median of the best fits in the mode of the truth is the truth, and nuisances stay where they were."""
    model, truth = injected(name)
    toys = draw(model, truth, 1500, np.random.default_rng(1))
    fit = ToyFitter(model).best_fit(toys)
    assert fit.ended.all()
    value = fit.theta[:, 0] if not parameter_of(name).signed else fit.theta[fit.theta[:, 0] > 0, 0]
    assert len(value) > 0.45 * len(toys)  # the other mode may fit as well, never much better
    assert abs(np.median(value) / truth[0] - 1) < 0.1
    assert np.all(np.abs(np.median(fit.theta[:, 1:], axis=0) - truth[1:]) < 0.05)


@pytest.mark.parametrize("name", ("mu_nu", "q_nu_e", "r2_nu_tau"))
def test_posteriors_hold_the_truth(name: str) -> None:
    model, truth = injected(name)
    toys = draw(model, truth, 40, np.random.default_rng(2))
    inside = 0
    for counts, centres in zip(toys.counts, toys.centres, strict=True):
        posterior = marginal(with_data(model, counts, centres))
        inside += posterior.quantile(0.05) <= truth[0] <= posterior.quantile(0.95)
    assert 30 <= inside <= 40  # 36 expected: either side of these has a probability below one per cent


@pytest.mark.parametrize("property_name", ("mu_nu", "q_nu", "r2_nu"))
def test_a_sampled_shell_holds_the_injected_signal(property_name: str, tmp_path: Path) -> None:
    names = [f"{property_name}_{flavour}" for flavour in FLAVOURS]
    model = model_of("xenonnt-sr0", *names, background="single")
    truth = model.nominal()
    for k, name in enumerate(names):
        limit = interval(model_of("xenonnt-sr0", name, background="single"), cl=0.9).upper
        assert limit is not None
        truth[k] = 0.8 * limit
    counts = model.expected(truth)
    data = with_data(model, counts)
    chain_file.create(tmp_path / "chain.h5", data, {}, 5, "", 4)
    verdict = extend_chain(Fits(data), tmp_path / "chain.h5", Settings("eti", seed=5, most_steps=600))
    kept = chain_file.read(tmp_path / "chain.h5").after(verdict.burn_in).reshape(-1, len(truth))
    expected = model.expected(kept)
    for b in range(len(counts)):  # the truth is well inside the posterior of every bin's expectation
        assert 0.02 < np.mean(expected[:, b] < counts[b]) < 0.98
    assert all(np.quantile(kept[:, k], 0.001) < truth[k] < np.quantile(kept[:, k], 0.999) for k in range(len(truth)))
