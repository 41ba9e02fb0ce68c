"""A background known with another width below than above, in every kind of statement, against its definition in scipy."""

from __future__ import annotations

from itertools import pairwise

import emcee
import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from scipy.special import xlogy

from bayesnu.inference.laplace import log_bounded_volumes, log_volumes
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profile import interval
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.pulls import find_largest_pull, remark_on_nuisances
from bayesnu.inference.sampling import proposal
from bayesnu.inference.sampling.ensembles import advance
from bayesnu.inference.sampling.moves import IndependenceMove, SweepMove
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.posteriors import toy_posteriors
from bayesnu.inference.toys.toys import Toys, draw, observed, with_data
from bayesnu.model.likelihood import compile_posterior, log_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Gaussian
from bayesnu.physics.properties import Parameter, parameter_of
from tests.statistics.models import counting

SIGNAL = np.array([2.0, 1.0, 0.3])
BACKGROUND = np.array([20.0, 25.0, 30.0])
COUNTS = np.array([27.0, 29.0, 26.0])
BELOW = 0.05
ABOVE = 0.25
NODES, WEIGHTS = leggauss(100)
NAME = Parameter("b", "b", "", 1.0)


def known(below: float, above: float, mean: float = 1.0) -> Gaussian:
    """A normalisation with two widths."""
    return Gaussian(NAME, 0.0, np.inf, mean=mean, width=(below + above) / 2, asymmetry=(above - below) / (above + below))


def model_with(below: float = BELOW, above: float = ABOVE, counts: np.ndarray = COUNTS) -> Model:
    """A radius whose signal is linear in it, above a background that is known so well."""
    return counting(SIGNAL, BACKGROUND, counts, [Flat(parameter_of("r2_nu"), -8.0, 20.0), known(below, above)])


def chi2_at(s: float, b: np.ndarray, counts: np.ndarray, below: float, above: float, centre: float = 1.0) -> np.ndarray:
    """chi^2 (...,) at a signal and backgrounds (...,): Poisson terms and the pull, in widths of its side."""
    rate = s * SIGNAL + np.multiply.outer(b, BACKGROUND)
    poisson = 2 * np.sum(rate - counts + xlogy(counts, counts) - xlogy(counts, rate), axis=-1)
    pull = (b - centre) / np.where(b > centre, above, below)
    return np.asarray(poisson + pull**2)


def profiled(s: float, counts: np.ndarray, below: float, above: float, centre: float = 1.0) -> float:
    """chi^2 at its minimum in the background."""
    lowest = max(0.0, float(np.max(-s * SIGNAL / BACKGROUND))) + 1e-9
    found = minimize_scalar(
        lambda b: float(chi2_at(s, b, counts, below, above, centre)),
        bounds=(lowest, 4.0),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(found.fun)


def integrated(s: float, counts: np.ndarray, below: float, above: float, centre: float = 1.0) -> float:
    """The likelihood integrated over the background with its prior, by Gauss-Legendre on either side of the bend."""
    lowest = max(0.0, float(np.max(-s * SIGNAL / BACKGROUND)))
    total = 0.0
    for low, high in ((lowest, centre), (max(centre, lowest), centre + 10 * above)):
        if high > low:
            b = (low + high) / 2 + (high - low) / 2 * NODES
            total += (high - low) / 2 * float(WEIGHTS @ np.exp(-chi2_at(s, b, counts, below, above, centre) / 2))
    return total


@pytest.mark.parametrize(("below", "above"), [(0.05, 0.25), (0.25, 0.05), (0.1, 0.1)])
@pytest.mark.parametrize("counts", [COUNTS, COUNTS - 8, COUNTS + 15])
def test_the_profile_is_that_of_scipy(counts: np.ndarray, below: float, above: float) -> None:
    found = interval(model_with(below, above, counts))
    best = minimize_scalar(
        lambda s: profiled(s, counts, below, above), bounds=(-8.0, 20.0), method="bounded", options={"xatol": 1e-8}
    )

    def rise(s: float) -> float:
        return profiled(s, counts, below, above) - float(best.fun) - found.delta_chi2

    assert found.best_fit == pytest.approx(best.x, abs=1e-3)
    assert found.lower == pytest.approx(brentq(rise, best.x - 9, best.x), abs=1e-4)
    assert found.upper == pytest.approx(brentq(rise, best.x, best.x + 25), abs=1e-4)


@pytest.mark.parametrize(("below", "above"), [(0.05, 0.25), (0.25, 0.05)])
def test_the_integrated_posterior_is_that_of_a_quadrature(below: float, above: float) -> None:
    posterior = marginal(model_with(below, above))
    s, step = np.linspace(-8.0, 20.0, 1121, retstep=True)
    density = np.array([integrated(each, COUNTS, below, above) for each in s])
    share = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * step)])
    assert "importance sampling" in posterior.method  # a rule of few points would not see the bend
    for probability in (0.05, 0.5, 0.95):
        exact = np.interp(probability * share[-1], share, s)
        assert abs(posterior.quantile(probability) - exact) < 4 * posterior.error(probability) + 1e-3
        assert posterior.error(probability) < 0.05


@pytest.mark.parametrize(("below", "above"), [(0.05, 0.25), (0.25, 0.05)])
def test_a_sampled_posterior_is_the_integrated_one(below: float, above: float) -> None:
    model = model_with(below, above)
    posterior = compile_posterior(model)
    approximation = proposal.build(Profiler(model))
    assert approximation is not None
    start = np.random.default_rng(1).uniform([0.0, 0.95], [3.0, 1.1], size=(128, 2))
    state = emcee.State(start, random_state=np.random.RandomState(2).get_state())
    state, _ = advance(posterior, SweepMove(posterior, 16), state, 20)
    for move in (SweepMove(posterior, 16), IndependenceMove(posterior, approximation)):
        _, piece = advance(posterior, move, state, 150)
        # walkers are independent, so their scatter gives the error
        below_it = (piece.coords[..., 0] < marginal(model).quantile(0.9)).mean(axis=0)
        assert abs(below_it.mean() - 0.9) < 4 * below_it.std() / np.sqrt(len(below_it))
    assert piece.accepted.mean() > 0.6 * 150


def test_compiled_and_plain_posterior_agree_on_both_sides_of_the_bend() -> None:
    model = model_with()
    theta = np.random.default_rng(3).uniform([-1.0, 0.8], [4.0, 1.5], size=(400, 2))
    np.testing.assert_allclose(compile_posterior(model)(theta), log_posterior(model, theta), rtol=1e-12)
    difference = log_posterior(model, np.array([[1.0, 1.05]])) + chi2_at(1.0, np.array([1.05]), COUNTS, BELOW, ABOVE) / 2
    other = log_posterior(model, np.array([[2.0, 0.97]])) + chi2_at(2.0, np.array([0.97]), COUNTS, BELOW, ABOVE) / 2
    assert difference[0] == pytest.approx(other[0], abs=1e-12)


def test_centres_of_toys_scatter_so_that_the_truth_is_as_far_as_the_constraint_says() -> None:
    """The pull of the truth, seen from a centre, is a split normal number: its square follows chi^2 exactly."""
    model = model_with()
    truth = np.array([1.0, 1.3])
    centres = draw(model, truth, 40_000, np.random.default_rng(4)).centres[:, 1]
    pull = (truth[1] - centres) / np.where(truth[1] > centres, ABOVE, BELOW)
    assert stats.kstest(pull**2, stats.chi2(1).cdf).pvalue > 0.01
    part = ABOVE / (ABOVE + BELOW)  # of the centres lie below the truth
    assert abs(np.mean(centres < truth[1]) - part) < 4 * np.sqrt(part * (1 - part) / len(centres))
    # the density of the centre is the constraint, read as a function of the truth
    edges = np.linspace(0.8, 1.4, 13)
    found = np.histogram(centres, edges)[0]
    expected = [len(centres) * quad_of_constraint(truth[1], low, high) for low, high in pairwise(edges)]
    assert stats.chi2(len(found)).sf(np.sum((found - expected) ** 2 / expected)) > 0.01


def quad_of_constraint(truth: float, low: float, high: float) -> float:
    """Probability of a centre between two ends: of the normalised constraint at the truth, integrated over the centre."""
    total = 0.0
    for a, b in ((low, min(high, truth)), (max(low, truth), high)):
        if b > a:
            centres = (a + b) / 2 + (b - a) / 2 * NODES
            pull = (truth - centres) / np.where(truth > centres, ABOVE, BELOW)
            total += (b - a) / 2 * float(WEIGHTS @ np.exp(-(pull**2) / 2)) * np.sqrt(2 / np.pi) / (ABOVE + BELOW)
    return total


def test_intervals_of_toys_cover_as_often_as_they_say() -> None:
    """Wilks' theorem holds as well as for one width: 90 % within the error of 4000 toys and the few events."""
    model = model_with()
    truth = np.array([3.0, 1.1])
    toys = draw(model, truth, 4000, np.random.default_rng(5))
    fitter = ToyFitter(model)
    free = np.array([True, True])
    best = fitter.fit(toys, truth, free)
    fixed = fitter.fit(toys, truth, fitter.nuisances)
    assert best.ended.all() and fixed.ended.all()
    covered = np.mean(fixed.chi2 - best.chi2 < stats.chi2(1).ppf(0.9))
    assert abs(covered - 0.9) < 4 * np.sqrt(0.09 / 4000)


def test_lanes_fit_what_a_single_fit_and_scipy_do() -> None:
    model = model_with()
    toys = draw(model, np.array([2.0, 1.0]), 60, np.random.default_rng(6))
    fitter = ToyFitter(model)
    start = np.array([2.0, 1.0])
    fit = fitter.fit(toys, start, fitter.nuisances)
    for i, (counts, centre) in enumerate(zip(toys.counts, toys.centres[:, 1], strict=True)):
        single = Profiler(with_data(model, counts, toys.centres[i])).fit(start, fitter.nuisances)
        assert fit.chi2[i] == pytest.approx(single.chi2[0], abs=1e-8)
        assert fit.chi2[i] == pytest.approx(profiled(2.0, counts, BELOW, ABOVE, centre), abs=1e-6)


@pytest.mark.parametrize("shift", [-3.0, 0.0, 2.0])
def test_laplace_takes_both_sides_into_account(shift: float) -> None:
    """A likelihood that is Gaussian in the background: with many events only the bend is left of what is not."""
    scale = 400.0
    centre = 1.0 + shift * 0.002
    model = counting(
        SIGNAL, scale * BACKGROUND, scale * BACKGROUND, [Flat(parameter_of("r2_nu"), -8.0, 20.0), known(0.004, 0.02, centre)]
    )
    profiler = Profiler(model)
    fit = profiler.at(0, np.array([0.0, 1.0]))
    b = np.linspace(0.9, 1.1, 400_001)
    exact = []
    for s in (0.0, 1.0):
        rate = s * SIGNAL + np.multiply.outer(b, scale * BACKGROUND)
        chi2 = 2 * np.sum(rate - model.observed + xlogy(model.observed, model.observed / rate), axis=1)
        chi2 += ((b - centre) / np.where(b > centre, 0.02, 0.004)) ** 2
        exact.append(np.log(np.trapezoid(np.exp(-chi2 / 2), b)))
    found = log_bounded_volumes(profiler, fit.theta) - fit.chi2 / 2 + np.log(2 * np.pi) / 2
    np.testing.assert_allclose(found, exact, atol=2e-3)
    toys = observed(model).repeat(2)
    in_lanes = log_volumes(profiler, toys.counts, toys.centres, fit.theta) + np.log(4 * np.pi) / 2 - fit.chi2 / 2
    np.testing.assert_allclose(in_lanes, exact, atol=2e-3)


def test_posteriors_of_toys_know_the_centre_of_each() -> None:
    model = model_with()
    toys = Toys(np.tile(COUNTS, (2, 1)), np.array([[0.0, 0.9], [0.0, 1.15]]))
    grid = toy_posteriors(ToyFitter(model), toys, np.array([1.0, 1.0]), model.parameters[0], nodes=81)
    for row, centre in zip(grid.likelihood, (0.9, 1.15), strict=True):
        exact = np.array([integrated(s, COUNTS, BELOW, ABOVE, centre) for s in grid.values])
        # Laplace's approximation with 80 events
        np.testing.assert_allclose(row, exact / exact.max() * row.max(), atol=0.02)


def test_a_pull_is_in_widths_of_its_side() -> None:
    model = model_with()
    assert find_largest_pull(model, np.array([0.0, 1.5])) == pytest.approx(2.0)
    assert find_largest_pull(model, np.array([0.0, 0.8])) == pytest.approx(4.0)
    assert not [*remark_on_nuisances(model, np.array([0.0, 1.5]))]
    (remark,) = remark_on_nuisances(model, np.array([0.0, 0.8]))
    assert "-4.0 of its widths" in remark
