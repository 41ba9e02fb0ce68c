"""Credible intervals and their Monte-Carlo errors on samples whose distribution is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import emcee
import numpy as np
import pytest
from scipy import stats

from bayesnu.experiments import load
from bayesnu.inference.credible import (
    credible_interval,
    drawn_interval,
    ess,
    parameter_interval,
    quantile,
    quantile_error,
    rhat,
    to_arviz,
)
from bayesnu.inference.fits import Fits
from bayesnu.model.builder import build
from bayesnu.support.errors import BayesnuError

SHAPE = (4, 500, 32)
KNOWN = {"normal": stats.norm(1.0, 2.0), "exponential": stats.expon(), "uniform": stats.uniform(-1, 2)}


def draws(distribution: object, seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Independent samples of a scipy distribution."""
    return np.asarray(distribution.rvs(size=shape, random_state=np.random.default_rng(seed)))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["upper", "eti", "hdi"])
def test_a_figure_shows_the_interval_that_is_reported_without_its_errors(kind: str) -> None:
    fits = Fits(build([load("xenonnt-sr0")], ["mu_nu"]))
    samples = draws(stats.halfnorm(0, 0.4), 3)[..., None]
    drawn = drawn_interval(fits, samples, 0, kind, 0.9)
    reported = parameter_interval(fits, samples, 0, kind, 0.9)
    assert drawn.errors == () and reported.errors
    assert drawn == replace(reported, errors=())


def textbook_error(distribution: object, p: float, n: int) -> float:
    """Standard error of a quantile of n independent samples: sqrt(p (1 - p) / n) / f(x_p)."""
    density = distribution.pdf(distribution.ppf(p))  # type: ignore[attr-defined]
    return float(np.sqrt(p * (1 - p) / n) / density)


@pytest.mark.parametrize("name", KNOWN)
def test_upper_limit_and_equal_tails_are_quantiles(name: str) -> None:
    known = KNOWN[name]
    samples = draws(known, seed=1)
    upper = credible_interval(samples, "upper", 0.9)
    tails = credible_interval(samples, "eti", 0.9)
    for found, p in ((upper.upper, 0.9), (tails.lower, 0.05), (tails.upper, 0.95), (tails.median, 0.5)):
        assert found is not None and abs(found - known.ppf(p)) < 4.5 * textbook_error(known, p, samples.size)
    assert upper.lower is None and upper.mcse_lower is None


@pytest.mark.parametrize("name", KNOWN)
def test_error_of_a_quantile_is_the_textbook_one_for_independent_samples(name: str) -> None:
    samples = draws(KNOWN[name], seed=2)
    for p in (0.05, 0.5, 0.9):
        assert quantile_error(samples, p) == pytest.approx(textbook_error(KNOWN[name], p, samples.size), rel=0.12)


def test_highest_density_is_the_shortest_interval() -> None:
    result = credible_interval(draws(stats.expon(), seed=3, shape=(4, 2000, 32)), "hdi", 0.9)
    assert result.lower == pytest.approx(0, abs=0.01)
    assert result.upper == pytest.approx(np.log(10), abs=0.03)


def test_two_modes_have_two_pieces() -> None:
    random = np.random.default_rng(4)
    samples = random.normal(0, 1, (4, 1000, 32)) + np.where(random.random((4, 1000, 32)) < 0.5, 0.0, 12.0)
    result = credible_interval(samples, "hdi", 0.9)
    half = stats.norm.ppf(0.95)  # 90 % of each of two equal modes
    expected = np.array([[-half, half], [12 - half, 12 + half]])
    np.testing.assert_allclose(np.array(result.pieces, dtype=float), expected, atol=0.1)


def scatter_and_claim(make: Callable[[int], np.ndarray], kind: str, repeats: int) -> tuple[np.ndarray, np.ndarray]:
    """Scatter of both ends over repeated runs, and the root mean square of the claimed errors."""
    results = [credible_interval(make(seed), kind, 0.9) for seed in range(repeats)]
    scatter = np.std(np.array([[r.lower, r.upper] for r in results], dtype=float), axis=0, ddof=1)
    errors = np.array([[r.mcse_lower, r.mcse_upper] for r in results], dtype=float)
    claim = np.sqrt(np.mean(errors**2, axis=0))
    return scatter, claim


def normal(seed: int) -> np.ndarray:
    """Samples of a unit normal distribution."""
    return draws(stats.norm(), 1000 + seed, (4, 200, 32))


def test_claimed_error_of_equal_tails_is_the_scatter_of_repeated_runs() -> None:
    scatter, claim = scatter_and_claim(normal, "eti", 60)
    assert np.all((claim / scatter > 0.75) & (claim / scatter < 1.35)), claim / scatter  # 60 runs: 9 %


def flat_topped(seed: int) -> np.ndarray:
    """Samples of a density with two shoulders, like <r^2> of XENONnT: the shortest interval is nearly undetermined."""
    random = np.random.default_rng(seed)
    centre = np.where(random.random((4, 200, 32)) < 0.5, -1.0, 1.0)
    return centre + 0.6 * random.standard_normal(centre.shape)


@pytest.mark.parametrize("make", (normal, flat_topped))
def test_claimed_error_of_a_highest_density_interval_is_not_too_small(make: Callable[[int], np.ndarray]) -> None:
    # the ends of a shortest interval converge as n^(-1/3), not n^(-1/2): no simple error is exact, but none may flatter
    scatter, claim = scatter_and_claim(make, "hdi", 60)
    assert np.all((claim / scatter > 0.75) & (claim / scatter < 2)), claim / scatter


@cache
def emcee_runs() -> np.ndarray:
    """30 runs of emcee's stretch move on a 5-D unit Gaussian, first coordinate: (runs, 1, steps, walkers)."""
    runs = []
    for seed in range(30):
        sampler = emcee.EnsembleSampler(32, 5, lambda x: -0.5 * (x**2).sum(axis=1), vectorize=True)
        start = emcee.State(
            np.random.default_rng(seed).standard_normal((32, 5)), random_state=np.random.RandomState(seed).get_state()
        )
        sampler.run_mcmc(start, 500, skip_initial_state_check=True)
        runs.append(sampler.get_chain()[None, :, :, 0])
    return np.array(runs)


def test_walkers_as_chains_give_the_error_of_repeated_runs_and_the_flattened_ensemble_does_not() -> None:
    runs = emcee_runs()
    scatter = np.std([quantile(run, 0.9) for run in runs], ddof=1)
    walkers = np.mean([quantile_error(run, 0.9) for run in runs])
    flattened = np.mean([quantile_error(run.reshape(1, -1, 1), 0.9) for run in runs])
    assert 0.65 < walkers / scatter < 1.5  # 30 runs: 13 %
    assert flattened / scatter < 0.4


def test_flattening_an_ensemble_inflates_the_effective_size() -> None:
    run = emcee_runs()[0]
    assert ess(run.reshape(1, -1, 1), "bulk") > 5 * ess(run, "bulk")


def test_weights_turn_a_flat_prior_into_one_flat_in_the_square() -> None:
    samples = draws(stats.uniform(), seed=5)
    for p in (0.05, 0.5, 0.9):
        error = quantile_error(samples, p, samples)
        assert abs(quantile(samples, p, samples) - np.sqrt(p)) < 4.5 * error


def test_error_of_a_weighted_quantile_is_the_scatter_of_repeated_runs() -> None:
    runs = [draws(stats.halfnorm(), seed, (4, 100, 32)) for seed in range(60)]
    scatter = np.std([quantile(run, 0.9, run) for run in runs], ddof=1)
    claim = np.mean([quantile_error(run, 0.9, run) for run in runs])
    assert 0.75 < claim / scatter < 1.35  # 60 runs: 9 %


def test_weighted_half_normal_is_a_rayleigh_distribution() -> None:
    samples = draws(stats.halfnorm(), seed=6)
    result = credible_interval(samples, "upper", 0.9, weights=samples)
    assert result.upper is not None and result.mcse_upper is not None
    assert abs(result.upper - stats.rayleigh.ppf(0.9)) < 4.5 * result.mcse_upper


def test_unit_weights_change_nothing() -> None:
    samples = draws(stats.norm(), seed=7)
    one = credible_interval(samples, "eti", 0.9, weights=np.ones(SHAPE))
    plain = credible_interval(samples, "eti", 0.9)
    assert one.upper == pytest.approx(plain.upper, abs=1e-3) and one.mcse_upper == pytest.approx(plain.mcse_upper, rel=0.02)


def test_rhat_accepts_equal_and_flags_separated_ensembles() -> None:
    samples = draws(stats.norm(), seed=8)
    assert rhat(samples) < 1.003
    samples[0] += 0.5
    assert rhat(samples) > 1.01
    assert np.isnan(rhat(samples[:1]))


def test_rhat_flags_an_ensemble_that_is_too_narrow() -> None:
    samples = draws(stats.norm(), seed=9)
    samples[0] *= 0.5
    assert rhat(samples) > 1.01


def test_walkers_that_stay_in_their_mode_have_a_large_error() -> None:
    samples = 0.1 * draws(stats.norm(), seed=10)
    samples += np.where(np.arange(SHAPE[2]) < 16, 0.0, 10.0)  # no walker ever crosses
    assert rhat(samples) < 1.01, "R-hat cannot see it"
    assert ess(samples, "mean") < 2 * SHAPE[0] * SHAPE[2]


@pytest.mark.parametrize(
    ("kind", "probability", "message"),
    [("uper", 0.9, "kind: found 'uper'"), ("hdi", 1.0, "probability: found"), ("eti", 90.0, "probability: found")],
)
def test_bad_requests_are_refused(kind: str, probability: float, message: str) -> None:
    with pytest.raises(BayesnuError, match=message):
        credible_interval(np.zeros(SHAPE), kind, probability)


def test_weighted_highest_density_is_refused() -> None:
    with pytest.raises(BayesnuError, match="unweighted"):
        credible_interval(np.zeros(SHAPE), "hdi", 0.9, weights=np.ones(SHAPE))


def test_arviz_object_has_every_walker_as_a_chain() -> None:
    samples = draws(stats.norm(), seed=11)
    data = to_arviz({"x": samples}, samples, {"seed": 1})
    assert data.posterior["x"].shape == (4 * 32, 500)
    np.testing.assert_array_equal(data.posterior["x"].values[33], samples[1, :, 1])
