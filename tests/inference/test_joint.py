"""Two parameters on a grid against one-parameter results, importance sampling, emcee and closed forms."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import emcee
import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from bayesnu.experiments import load
from bayesnu.inference.joint import Joint, joint, profile_level
from bayesnu.inference.laplace import log_bounded_volumes
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profile import interval
from bayesnu.inference.profiler import Profiler
from bayesnu.model.builder import build
from bayesnu.model.likelihood import compile_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import with_kind
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import FastChi2, load_template, model_of, nuisance_limits, with_data

RING = ("r2_nu_e", "r2_nu_mu")
MOMENTS = ("mu_nu_e", "mu_nu_mu")


@cache
def found(experiment: str, *parameters: str, grid: int = 81) -> Joint:
    """The result for one experiment."""
    return joint(model_of(experiment, *parameters), grid)


def mass(result: Joint) -> np.ndarray:
    """Probability of every node by the trapezoidal rule."""
    x, y = (np.convolve(np.diff(axis), [0.5, 0.5]) for axis in (result.x, result.y))
    weight: np.ndarray = result.density * np.multiply.outer(x, y)
    return weight


def extent(result: Joint, level: float) -> list[tuple[float, float]]:
    """Range of x and of y where the profiled chi^2 is below a level, by linear interpolation."""
    ends = []
    for axis, values in enumerate((result.x, result.y)):
        lowest = result.delta_chi2.min(axis=1 - axis)
        first, last = np.flatnonzero(lowest <= level)[[0, -1]]
        low, high = values[first], values[last]
        if first > 0:
            low = np.interp(level, lowest[[first, first - 1]], values[[first, first - 1]])
        if last < len(values) - 1:
            high = np.interp(level, lowest[[last, last + 1]], values[[last, last + 1]])
        ends.append((float(low), float(high)))
    return ends


def test_levels_are_quantiles_of_two_degrees_of_freedom() -> None:
    assert profile_level(0.6827) == pytest.approx(2.30, abs=0.005)
    assert profile_level(0.9) == pytest.approx(-2 * np.log(0.1), rel=1e-12)
    with pytest.raises(BayesnuError, match="between 0 and 1"):
        profile_level(1.0)


# The profile


@pytest.mark.parametrize("parameters", [RING, MOMENTS, ("q_nu", "mu_nu")])
def test_projections_are_the_profile_intervals_of_each_parameter(parameters: tuple[str, str]) -> None:
    result = found("xenonnt-sr0", *parameters)
    for k, (low, high) in enumerate(extent(result, 2.705543)):
        expected = interval(result.model, k, others="profiled")
        step = np.diff((result.x, result.y)[k]).max()
        assert low == pytest.approx(expected.lower, abs=0.2 * step)
        assert high == pytest.approx(expected.upper, abs=0.2 * step)
        assert result.chi2_min == pytest.approx(expected.chi2_min, abs=1e-6)


@pytest.mark.parametrize("experiment", ["xenonnt-sr0", "pandax4t-run1"])
def test_the_line_where_one_is_zero_is_the_other_alone(experiment: str) -> None:
    result = found(experiment, "q_nu", "mu_nu")
    alone = Profiler(model_of(experiment, "q_nu")).at(0, result.x).chi2
    assert result.y[0] == 0
    np.testing.assert_allclose(result.delta_chi2[:, 0] + result.chi2_min, alone, atol=1e-7)


def test_the_order_of_the_parameters_only_transposes() -> None:
    one, other = found("xenonnt-sr0", "q_nu", "mu_nu"), found("xenonnt-sr0", "mu_nu", "q_nu")
    np.testing.assert_allclose(one.delta_chi2, other.delta_chi2.T, atol=1e-7)
    np.testing.assert_allclose(one.density, other.density.T, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("parameters", [RING, MOMENTS, ("q_nu", "r2_nu")])
def test_the_grid_holds_what_counts_and_little_else(parameters: tuple[str, str]) -> None:
    result = found("pandax4t-run1", *parameters)
    first = [side for side, axis in ((0, result.x), (1, result.y)) if axis[0] < 0]  # zero is a physical boundary
    edges = [result.delta_chi2.take(where, side) for where, sides in ((-1, (0, 1)), (0, first)) for side in sides]
    assert min(edge.min() for edge in edges) > 15 and not result.is_open
    assert np.mean(result.delta_chi2 < 20) > 0.3


@pytest.mark.parametrize("parameters", [RING, ("q_nu", "mu_nu")])
def test_a_likelihood_that_is_narrow_in_its_range_is_found(parameters: tuple[str, str]) -> None:
    model = model_of("xenonnt-sr0", *parameters, background="single")
    model = replace(model, templates=400 * model.templates)
    result = joint(with_data(model, model.expected(model.nominal())), 81)
    for k, ends in enumerate(extent(result, 2.705543)):
        expected = interval(result.model, k, others="profiled")
        assert ends == pytest.approx((expected.lower, expected.upper), abs=1.5 * np.diff((result.x, result.y)[k]).max())


def test_a_parameter_that_the_data_do_not_know_is_said_to_be_open() -> None:
    model = model_of("xenonnt-sr0", "q_nu", "mu_nu", background="single")
    blind = replace(model, templates=model.templates * ~np.any(model.factors == 0, axis=1)[:, None])
    result = joint(blind, 41)
    assert result.is_open and np.all(np.isfinite(result.density))
    with pytest.raises(BayesnuError, match="know neither q_nu nor mu_nu"):
        joint(replace(model, templates=model.templates * ~np.any(model.factors < 2, axis=1)[:, None]), 41)


# Best fits


def test_a_best_fit_is_a_point_a_pair_or_a_ridge() -> None:
    point, pair = found("xenonnt-sr0", "q_nu", "mu_nu"), found("xenonnt-sr0", "q_nu", "r2_nu")
    assert not point.is_ridge and len(point.best) == 1
    assert not pair.is_ridge and len(pair.best) == 2
    for result in (point, pair):
        theta = np.tile(result.model.nominal(), (len(result.best), 1))
        theta[:, :2] = result.best
        profiler = Profiler(result.model)
        chi2 = profiler.fit(theta, profiler.nuisances_free()).chi2
        assert chi2[0] == pytest.approx(result.chi2_min, abs=1e-6)
        assert np.all(np.diff(chi2) >= 0) and np.all(chi2 < result.chi2_min + 0.05)
    assert found("pandax4t-run1", *MOMENTS).is_ridge
    assert found("xenonnt-sr0", *MOMENTS).best.tolist() == [[0.0, 0.0]]


# The posterior


@pytest.mark.parametrize(
    ("experiment", "choices", "tolerance"),
    [
        ("xenonnt-sr0", {}, 0.005),
        ("pandax4t-run1", {}, 0.005),
        ("xenonnt-sr0", {"normalisations": "free"}, 0.01),
        ("pandax4t-run1", {"normalisations": "free"}, 0.1),  # three normalisations at their bound
    ],
)
def test_the_line_where_one_is_zero_has_the_integrated_posterior_of_the_other(
    experiment: str, choices: dict[str, str], tolerance: float
) -> None:
    result, one = joint(model_of(experiment, "q_nu", "mu_nu", **choices), 61), model_of(experiment, "q_nu", **choices)
    line = result.density[:, 0] / np.trapezoid(result.density[:, 0], result.x)
    exact = marginal(one).mean_density(result.x)
    np.testing.assert_allclose(line, exact, atol=tolerance * exact.max())


def importance_sampled(model: Model, theta: np.ndarray, draws: int = 20_000) -> np.ndarray:
    """Log of the integral over the nuisances at physics values of theta (n, parameters), relative to its first."""
    posterior, profiler = compile_posterior(model), Profiler(model)
    which, random, out = np.flatnonzero(profiler.nuisances_free()), np.random.default_rng(0), []
    for point in theta:
        _, (hessian,) = profiler.derivatives(point[None], which)
        factor = np.linalg.cholesky(np.linalg.inv(hessian))
        noise = random.standard_t(5, (draws, len(which)))
        trial = np.tile(point, (draws, 1))
        trial[:, which] += noise @ factor.T
        log_weight = posterior(trial) + 3 * np.log1p(noise**2 / 5).sum(axis=1)
        out.append(np.log(np.mean(np.exp(log_weight - posterior(point[None])))) + np.log(np.diagonal(factor)).sum())
    change: np.ndarray = np.array(out) - out[0]
    return change


@pytest.mark.parametrize("experiment", ["xenonnt-sr0", "pandax4t-run1"])
def test_volumes_of_the_nuisances_are_those_of_importance_sampling(experiment: str) -> None:
    model = model_of(experiment, "q_nu", "mu_nu")
    theta = np.tile(model.nominal(), (6, 1))
    theta[:, 0], theta[:, 1] = [0, 0.3, -0.3, 0, 0.6, 0.2], [0, 0.1, 0.4, 2.0, 0.5, 3.0]
    profiler = Profiler(model)
    theta = profiler.fit(theta, profiler.nuisances_free()).theta
    volumes = log_bounded_volumes(profiler, theta)
    np.testing.assert_allclose(volumes - volumes[0], importance_sampled(model, theta), atol=0.05)
    if experiment == "pandax4t-run1":  # tritium is at its bound at large moments
        assert np.any(theta[:, model.n_physics :] == 0)


def test_regions_hold_their_share_of_sampled_points() -> None:
    for parameters in (RING, ("q_nu", "mu_nu")):
        result = found("xenonnt-sr0", *parameters)
        posterior, random = compile_posterior(result.model), np.random.default_rng(3)
        cells = random.choice(result.density.size, 96, p=mass(result).ravel() / mass(result).sum())
        start = np.tile(result.model.nominal(), (96, 1)) * random.normal(1, 0.02, (96, len(result.model.names)))
        rows, columns = np.unravel_index(cells, result.density.shape)
        start[:, 0], start[:, 1] = result.x[rows] + 1e-3, result.y[columns] + 1e-3 * random.random(96)
        sampler = emcee.EnsembleSampler(96, start.shape[1], posterior, vectorize=True, moves=emcee.moves.DEMove())
        sampler._random.seed(5)
        sampler.run_mcmc(start, 3000, skip_initial_state_check=True)
        draws = sampler.get_chain(discard=200, flat=True)
        i = np.clip(np.round(np.interp(draws[:, 0], result.x, np.arange(len(result.x)))).astype(int), 0, None)
        j = np.clip(np.round(np.interp(draws[:, 1], result.y, np.arange(len(result.y)))).astype(int), 0, None)
        for probability in (0.68, 0.9):
            inside = np.mean(result.density[i, j] > result.hpd_level(probability))
            assert inside == pytest.approx(probability, abs=0.02)


def test_highest_density_levels_have_their_closed_forms() -> None:
    result = found("xenonnt-sr0", "q_nu", "r2_nu")
    x = y = np.linspace(-6, 6, 161)
    square = np.add.outer(x**2, y**2)
    for probability in (0.68, 0.9):
        disc = replace(result, x=x, y=y, density=np.exp(-square / 2))
        assert disc.hpd_level(probability) == pytest.approx(1 - probability, rel=0.003)
        quarter = replace(disc, x=x[80:], y=y[80:], density=disc.density[80:, 80:])  # cut at a physical boundary
        assert quarter.hpd_level(probability) == pytest.approx(1 - probability, rel=0.003)
        modes = np.exp(-np.add.outer((np.abs(x) - 3) ** 2, y**2) / 0.5)
        assert replace(disc, density=modes).hpd_level(probability) == pytest.approx(1 - probability, rel=0.01)


def test_priors_enter_once_and_their_ends_are_sharp() -> None:
    model = model_of("xenonnt-sr0", "q_nu", "mu_nu")
    flat, cut = found("xenonnt-sr0", "q_nu", "mu_nu"), with_kind(model.parameters[1], "flat", upper=0.5)
    other = joint(model.with_priors(cut), 81)
    assert 0.5 in other.y and np.all(other.density[:, other.y > 0.5] == 0) and np.all(other.density.max(axis=0)[:5] > 0)
    assert mass(flat).sum() == pytest.approx(1, abs=1e-9)
    square = joint(model.with_priors(with_kind(model.parameters[1], "flat-square")), 81)
    ratio = square.density[40, 1:30] / flat.density[40, 1:30] / flat.y[1:30]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    np.testing.assert_array_equal(square.delta_chi2, flat.delta_chi2)


def test_what_it_cannot_do_is_said() -> None:
    model = model_of("xenonnt-sr0", "q_nu", "mu_nu")
    with pytest.raises(BayesnuError, match="log-uniform"):
        joint(model.with_priors(with_kind(model.parameters[1], "log-uniform", lower=0.01)))
    with pytest.raises(BayesnuError, match="1 physics parameters; this needs exactly two"):
        joint(model_of("xenonnt-sr0", "q_nu"))
    with pytest.raises(BayesnuError, match="at least 21"):
        joint(model, 3)
    with pytest.raises(BayesnuError, match="exclude all"):
        joint(model.with_priors(with_kind(model.parameters[1], "flat", lower=8.0, upper=9.0)), 41)


@pytest.mark.slow
def test_all_experiments_together() -> None:
    model = build([load(name) for name in ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0")], RING)
    result = joint(model, 61)
    centre = np.abs(result.x + 41.5).argmin(), np.abs(result.y).argmin()
    assert result.delta_chi2[centre] > profile_level(0.6827)  # a ring at 68 %
    assert extent(result, 2.705543)[0] == pytest.approx(
        (interval(model, 0, others="profiled").lower, interval(model, 0, others="profiled").upper), abs=1.0
    )


# Two properties, by brute force


def brute_force(model: Model, x: float, y: float, chi2_of: FastChi2) -> float:
    """chi^2 with the first two parameters held, minimised over the rest by scipy from two starts."""

    def held(nuisances: np.ndarray) -> float:
        return chi2_of(np.array([x, y, *nuisances]))

    nominal = model.nominal()[2:]
    bounds = [(max(low, 1e-6), min(high, 50.0)) for low, high in nuisance_limits(model)]
    fits = [minimize(held, scale * nominal, bounds=bounds, method="L-BFGS-B") for scale in (1.0, 0.8)]
    return float(min(fit.fun for fit in fits))


@pytest.mark.parametrize(
    "parameters",
    [
        ("q_nu", "r2_nu"),
        pytest.param(("mu_nu", "r2_nu"), marks=pytest.mark.slow),
        pytest.param(("mu_nu", "q_nu"), marks=pytest.mark.slow),
    ],
)
def test_two_properties_of_a_made_up_set_are_profiled_as_by_scipy(parameters: tuple[str, str]) -> None:
    model = build([load_template()], parameters)
    result, chi2_of = joint(model, 41), FastChi2(model)
    near = np.argwhere(result.delta_chi2 < 15)
    for i, j in near[:: max(len(near) // 4, 1)]:
        expected = brute_force(model, result.x[i], result.y[j], chi2_of)
        assert result.delta_chi2[i, j] + result.chi2_min == pytest.approx(expected, abs=2e-4)


@pytest.mark.long
def test_a_charge_beside_a_radius_ends_where_no_radius_helps() -> None:
    """The profile of the charge on a grid of radii, each minimised by scipy: the two replace each other in part."""
    model = build([load_template()], ("q_nu", "r2_nu"))
    found, chi2_of = interval(model, 0, others="profiled"), FastChi2(model)
    assert found.lower is not None and found.upper is not None
    radii = np.linspace(-150, 100, 13)
    for end, outwards in ((found.lower, -1.0), (found.upper, 1.0)):
        for step, is_inside in ((0.0, None), (-0.02, True), (0.02, False)):
            charge = end + outwards * step
            coarse = [brute_force(model, charge, radius, chi2_of) for radius in radii]
            middle = radii[int(np.argmin(coarse))]
            fine = minimize_scalar(
                lambda radius, charge=charge: brute_force(model, charge, radius, chi2_of),
                bounds=(middle - 21, middle + 21),
                method="bounded",
            )
            rise = fine.fun - found.chi2_min - 2.705543454095404
            assert rise == pytest.approx(0, abs=2e-3) if is_inside is None else (rise < 0) == is_inside
