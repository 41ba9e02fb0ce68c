"""The integrated posterior against brute-force grids, closed forms and its own second method."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import special, stats
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from bayesnu.experiments import load, scale_exposure
from bayesnu.inference import marginal as integration
from bayesnu.inference import nuisance_average
from bayesnu.inference.marginal import bayes_factor, find_modes, marginal
from bayesnu.inference.profile import interval
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.polynomial import Block, Model
from bayesnu.model.priors import Flat, Gaussian, LogUniform, Prior, with_kind
from bayesnu.physics.constants import LOW_ENERGY_SIN2_THETA_W, RADIUS_SHIFT_PER_CM2
from bayesnu.physics.properties import Parameter, parameter_of
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import chi2, counting, model_of, without_data, xenonnt_with

PROBABILITIES = (0.05, 0.5, 0.9, 0.95)
RANGES = {"mu_nu": (0.0, 1.8), "q_nu": (-0.6, 1.0), "r2_nu": (-95.0, 50.0)}


@cache
def likelihood_on_a_grid(parameter: str, ends: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Values of a parameter and its likelihood with the three nuisances summed over a grid."""
    model = model_of("xenonnt-sr0", parameter, background="single")
    steps = np.arange(-8.25, 8.3, 0.75)  # in widths: the trapezoidal rule of a Gaussian is exact to 1e-14 here
    axes = [prior.mean + prior.width * steps for prior in model.nuisances if isinstance(prior, Gaussian)]
    nuisances = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = np.linspace(*(ends or RANGES[parameter]), 161)
    rows = [chi2(model, np.insert(nuisances, 0, value, axis=1)) for value in values]
    lowest = min(row.min() for row in rows)
    return values, np.array([np.exp(-(row - lowest) / 2).sum() for row in rows])


def quantiles_of(values: np.ndarray, density: np.ndarray) -> list[float]:
    """Quantiles of a density on a grid, by its cubic spline."""
    below = CubicSpline(values, density).antiderivative()
    total = below(values[-1])
    return [float(brentq(lambda x, p=p: below(x) - p * total, values[0], values[-1])) for p in PROBABILITIES]


@pytest.mark.parametrize(
    ("parameter", "mean", "width", "ends"),
    [("mu_nu", 2.0, 0.1, (1.0, 2.5)), ("mu_nu", 3.0, 0.1, (1.8, 3.3)), ("q_nu", -1.5, 0.1, (-1.9, 0.1))],
)
def test_a_gaussian_prior_that_the_data_contradict_enters_as_it_is(
    parameter: str, mean: float, width: float, ends: tuple[float, float]
) -> None:
    """The posterior lies far out in such a prior, where its own quantiles crowd at 0 or 1."""
    model = model_of("xenonnt-sr0", parameter, background="single")
    found = marginal(model.with_priors(with_kind(model.parameters[0], "gaussian", mean=mean, width=width)))
    values, likelihood = likelihood_on_a_grid(parameter, ends)
    density = likelihood * stats.norm.pdf(values, mean, width)
    assert density[[0, -1]].max() < 1e-9 * density.max()  # the grid holds the whole
    expected = quantiles_of(values, density)
    assert abs(expected[1] - mean) > 2 * width
    assert [found.quantile(p) for p in PROBABILITIES] == pytest.approx(expected, abs=2e-3 * width)
    curve = CubicSpline(values, density)
    at_median = curve(expected[1]) / curve.integrate(*ends)
    assert found.mean_density(np.array(expected[1:2]))[0] == pytest.approx(at_median, rel=1e-4)


@pytest.mark.parametrize("parameter", RANGES)
def test_quantiles_are_those_of_a_brute_force_grid(parameter: str) -> None:
    result = marginal(model_of("xenonnt-sr0", parameter, background="single"))
    exact = quantiles_of(*likelihood_on_a_grid(parameter))
    assert "tensor" in result.method and result.error(0.9) == 0
    np.testing.assert_allclose([result.quantile(p) for p in PROBABILITIES], exact, atol=1e-4 * (exact[3] - exact[0]))


PRIORS = [
    ("mu_nu", "flat-square", {}),
    ("mu_nu", "log-uniform", {"lower": 0.01}),
    ("mu_nu", "gaussian", {"mean": 0.5, "width": 0.2}),
    ("q_nu", "gaussian", {"mean": 0.3, "width": 0.1}),
    ("r2_nu", "flat", {"lower": -60.0, "upper": 10.0}),
    ("mu_nu", "flat", {"upper": 0.5}),
]


@pytest.mark.parametrize(("parameter", "kind", "changes"), PRIORS)
def test_the_prior_of_the_parameter_enters_once(parameter: str, kind: str, changes: dict[str, float]) -> None:
    model = model_of("xenonnt-sr0", parameter, background="single")
    prior = with_kind(model.parameters[0], kind, **changes)
    values, likelihood = likelihood_on_a_grid(parameter)
    inside = np.linspace(max(values[0], prior.lower), min(values[-1], prior.upper), 4001)
    density = np.exp(CubicSpline(values, np.log(likelihood))(inside) + prior.logpdf(inside))
    exact = quantiles_of(inside, density)
    found = [marginal(model.with_priors(prior)).quantile(p) for p in PROBABILITIES]
    np.testing.assert_allclose(found, exact, atol=2e-4 * (exact[3] - exact[0]))


@pytest.mark.parametrize("parameter", RANGES)
def test_importance_sampling_agrees_with_the_tensor_rule(parameter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("pandax4t-run1", parameter, preset="paper", background_width=0.1)
    tensor = marginal(model)
    monkeypatch.setattr(nuisance_average, "TENSOR_DIMENSIONS", 0)
    drawn = marginal(model, seed=3)
    assert "tensor" in tensor.method and "importance" in drawn.method
    width = tensor.quantile(0.95) - tensor.quantile(0.05)
    for p in PROBABILITIES:
        assert 0 < drawn.error(p) < 0.01 * width
        assert abs(drawn.quantile(p) - tensor.quantile(p)) < 5 * drawn.error(p) + 1e-5 * width


@pytest.mark.slow
def test_error_of_importance_sampling_is_the_scatter_of_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("pandax4t-run1", "mu_nu", preset="paper", background_width=0.1)
    monkeypatch.setattr(nuisance_average, "TENSOR_DIMENSIONS", 0)
    monkeypatch.setattr(integration, "PANELS", 12)
    runs = [marginal(model, seed=seed) for seed in range(30)]
    scatter = np.std([run.quantile(0.9) for run in runs], ddof=1)
    claimed = np.sqrt(np.mean([run.error(0.9) ** 2 for run in runs]))
    assert 0.65 < claimed / scatter < 1.5  # the scatter of 30 is known to 13 %, 16 batches add 3 %


def on_off(n: int, m: int, size: float) -> Model:
    """n events where s + b are expected, m where b is: s flat, b = size * nuisance flat on [0, 10 size]."""
    priors: list[Prior] = [
        Flat(replace(parameter_of("mu_nu"), scale=1.0), 0.0, 200.0),
        Flat(Parameter("b", "", "", 1.0), 0.0, 10.0),
    ]
    return counting(np.array([1.0, 0.0]), np.array([size, size]), np.array([n, m]), priors)


def on_off_quantile(n: int, m: int, probability: float, power: int = 0) -> float:
    """Closed form, with a prior of b that goes as a power of it.

    p(s) is a sum of gamma densities s^(n-j) e^-s with weights C(n,j) Gamma(k) / 2^k, where k = j + m + power + 1.
    """
    j = np.arange(n + 1)
    k = j + m + power + 1
    log_weight = special.gammaln(n + 1) - special.gammaln(j + 1) + special.gammaln(k) - k * np.log(2)
    weight = np.exp(log_weight - log_weight.max())  # (n-j)! of C(n,j) cancels against the norm of the gamma density
    weight /= weight.sum()
    return float(brentq(lambda s: weight @ stats.gamma.cdf(s, n - j + 1) - probability, 0, 200))


@pytest.mark.parametrize(("n", "m"), [(60, 50), (40, 50), (150, 100)])
@pytest.mark.parametrize("probability", (0.05, 0.5, 0.9))
def test_free_background_has_the_closed_form_of_on_and_off_counts(n: int, m: int, probability: float) -> None:
    result = marginal(on_off(n, m, float(m)))
    assert result.quantile(probability) == pytest.approx(on_off_quantile(n, m, probability), rel=2e-4)


@pytest.mark.parametrize(("n", "m"), [(3, 1), (8, 3), (2, 4)])
def test_a_background_near_zero_has_the_closed_form_within_the_error(n: int, m: int) -> None:
    result = marginal(on_off(n, m, 5.0), seed=2)
    exact = on_off_quantile(n, m, 0.9)
    assert "importance" in result.method and 0 < result.error(0.9) < 0.03 * exact
    assert abs(result.quantile(0.9) - exact) < 5 * result.error(0.9)


def twice_the_background(n: int, m: int, size: float) -> Model:
    """The same with the background as the sum of two halves of one shape: the prior of b goes as b, up to 5 size."""
    model = on_off(n, m, size)
    (other,) = model.nuisances
    factors = np.full((3, 6), 3)
    factors[:, 0] = 0, 1, 2
    return replace(
        model,
        parameters=(*model.parameters, Flat(Parameter("c", "", "", 1.0), other.lower, other.upper)),
        templates=np.array([[1.0, 0.0], [size / 2, size / 2], [size / 2, size / 2]]),
        factors=factors,
        is_signal=np.array([True, False, False]),
        blocks=(Block("counting", slice(0, 3), slice(0, 2)),),
    )


@pytest.mark.parametrize(("n", "m"), [(60, 50), (8, 3)])
def test_backgrounds_that_replace_each_other_have_the_closed_form_within_the_error(n: int, m: int) -> None:
    result = marginal(twice_the_background(n, m, float(m)), seed=1)
    for probability in (0.05, 0.5, 0.9):
        exact = on_off_quantile(n, m, probability, power=1)
        error = result.error(probability)
        assert 0 < error < 0.02 * exact and abs(result.quantile(probability) - exact) < 5 * error


def test_signal_alone_is_a_gamma_distribution() -> None:
    priors: list[Prior] = [
        Flat(replace(parameter_of("mu_nu"), scale=1.0), 0.0, 100.0),
        Gaussian(Parameter("b", "", "", 1.0), 0.0, 2.0, mean=1.0, width=0.1),
    ]
    result = marginal(counting(np.array([1.0]), np.array([0.0]), np.array([7]), priors))
    for p in PROBABILITIES:
        assert result.quantile(p) == pytest.approx(stats.gamma.ppf(p, 8), rel=1e-6)


def test_probability_between_quantiles_is_their_difference() -> None:
    result = marginal(model_of("pandax4t-run1", "q_nu"))
    between = result.probability_between(result.quantile(0.2), result.quantile(0.7))
    assert between == pytest.approx(0.5, abs=1e-9)


def test_density_is_normalised_and_its_mean_is_that_of_the_quantiles() -> None:
    result = marginal(model_of("xenonnt-sr0", "r2_nu", background="single"))
    values = np.linspace(-110, 70, 121)
    density = result.mean_density(values)
    assert np.trapezoid(density, values) == pytest.approx(1, abs=1e-3)
    p = (np.arange(200) + 0.5) / 200
    assert np.trapezoid(density * values, values) == pytest.approx(np.mean([result.quantile(x) for x in p]), abs=0.1)


def test_one_prior_range_wider_than_the_likelihood_by_a_thousand_changes_nothing() -> None:
    model = model_of("xenonnt-sr0", "q_nu", background="single")
    wide = model.with_priors(with_kind(model.parameters[0], "flat", lower=-1500.0, upper=1000.0))
    for p in PROBABILITIES:
        assert marginal(wide).quantile(p) == pytest.approx(marginal(model).quantile(p), abs=1e-5)


def squared_signal(lower: float, upper: float, events: float) -> Model:
    """So many events where s^2 + 1 are expected, the one known to a millionth: modes at plus and minus a root."""
    priors: list[Prior] = [
        Flat(replace(parameter_of("q_nu"), scale=1.0), lower, upper),
        Gaussian(Parameter("b", "", "", 1.0), 0.0, 2.0, mean=1.0, width=1e-6),
    ]
    model = counting(np.array([1.0]), np.array([1.0]), np.array([events]), priors)
    factors = model.factors.copy()
    factors[0, :2] = 0
    return replace(model, factors=factors)


@pytest.mark.parametrize("wide", (50.0, 5e3, 5e6, 5e9))
def test_modes_are_found_however_wide_the_prior_is(wide: float) -> None:
    model = squared_signal(-0.7 * wide, wide, 400.0)
    s = np.linspace(15.0, 25.0, 20_001)
    below = np.cumsum(np.exp(400 * np.log((s**2 + 1) / 401) - s**2 + 400))
    quantiles = np.interp([0.2, 0.8], below / below[-1], s)  # of one mode; each holds half of the posterior
    result = marginal(model)
    assert len(find_modes(result)) == 2
    np.testing.assert_allclose([result.quantile(0.6), result.quantile(0.9)], quantiles, atol=2e-3)
    np.testing.assert_allclose([result.quantile(0.4), result.quantile(0.1)], -quantiles, atol=2e-3)
    pieces = interval(model).pieces
    assert len(pieces) == 2 and pieces[0].lower == pytest.approx(-(pieces[1].upper or 0.0), rel=1e-6)


def test_free_backgrounds_without_any_event_are_integrated_or_refused_in_words() -> None:
    model = xenonnt_with("mu_nu", choices={"normalisations": "free"}, observed=np.zeros(30))
    try:
        limit = marginal(model).quantile(0.9)
    except BayesnuError:
        return  # refused in words: as good
    # without events signal and backgrounds factorise: p(mu) ~ exp(-mu^2 counts), up to the fluxes' per cent
    per_unit = sum(t.sum() for t, f in zip(model.templates, model.factors, strict=True) if np.sum(f == 0) == 2)
    assert limit == pytest.approx(stats.halfnorm.ppf(0.9) / np.sqrt(2 * per_unit), rel=0.01)


@pytest.mark.parametrize("parameters", [(), ("mu_nu", "q_nu")])
def test_it_needs_exactly_one_physics_parameter(parameters: tuple[str, ...]) -> None:
    with pytest.raises(BayesnuError, match="needs exactly one"):
        marginal(model_of("xenonnt-sr0", *parameters))


@pytest.mark.slow
def test_free_normalisations_at_their_bounds_are_integrated_as_a_long_chain_samples_them() -> None:
    result = marginal(model_of("pandax4t-run1", "r2_nu", normalisations="free"))
    # 16,000 stored steps of 512 walkers, 170,000 effective samples in the tails: -152.4 and 110.0, each +- 0.14
    for probability, sampled in ((0.05, -152.4), (0.95, 110.0)):
        assert result.error(probability) < 0.1
        assert abs(result.quantile(probability) - sampled) < 3 * np.hypot(result.error(probability), 0.14)


def test_a_density_between_separate_modes_is_not_known() -> None:
    """With a hundred times the data the posterior between its two modes is many orders of magnitude below them."""
    scaled = scale_exposure(load("xenonnt-sr0"), 116.0)
    model = build([scaled], ["r2_nu"], preset("default", background="single", background_width=0.001))
    posterior = marginal(replace(model, observed=model.expected(model.nominal())))
    assert len(find_modes(posterior)) == 2
    assert bayes_factor(posterior, 0.0) < 1
    with pytest.raises(BayesnuError, match="not known"):
        bayes_factor(posterior, -20.0)


def count_of(prior: Prior, count: float) -> Model:
    """A count above a background of 100 known exactly: 20 events at a value of one, their square with the value."""
    factors = np.full((2, 6), 1)
    factors[0, :2] = 0
    return replace(
        without_data((prior,), 1),
        observed=np.array([count]),
        templates=np.array([[20.0], [100.0]]),
        factors=factors,
        is_signal=np.array([True, False]),
        blocks=(Block("one", slice(0, 2), slice(0, 1)),),
    )


@pytest.mark.parametrize("count", [90.0, 120.0])
def test_a_model_without_nuisances_is_its_likelihood(count: float) -> None:
    found = marginal(count_of(Flat(parameter_of("q_nu"), -4.0, 4.0), count))
    values = np.linspace(-4, 4, 20_001)
    density = np.exp(stats.poisson.logpmf(count, 100 + 20 * values**2))
    assert [found.quantile(p) for p in PROBABILITIES] == pytest.approx(quantiles_of(values, density), abs=1e-6)
    assert found.method == "no nuisances" and found.error(0.9) == 0


@pytest.mark.parametrize("cut", [1e-2, 1e-12, 1e-50, 1e-300])
@pytest.mark.parametrize("count", [90.0, 150.0, 180.0])
def test_a_log_uniform_prior_may_reach_down_as_far_as_numbers_do(cut: float, count: float) -> None:
    """Below 1e-9 there is no signal: that part of the posterior is a rectangle in the logarithm."""
    found = marginal(count_of(LogUniform(parameter_of("mu_nu"), cut, 10.0), count))
    floor = max(cut, 1e-9)
    logs = np.linspace(np.log(floor), np.log(10), 100_001)
    density = np.exp(stats.poisson.logpmf(count, 100 + 20 * np.exp(2 * logs)))
    above = CubicSpline(logs, density).antiderivative()
    rectangle = density[0] * np.log(floor / cut)
    for p in (0.5, 0.9, 0.95):
        part = p * (rectangle + above(logs[-1])) - rectangle
        exact = logs[0] + part / density[0]
        if part > 0:
            exact = brentq(lambda x, part=part: above(x) - part, logs[0], logs[-1])
        assert np.log(found.quantile(p)) == pytest.approx(exact, abs=2e-6)


@pytest.mark.parametrize("ends", [(-100.82, 95.54), (-1003.21, 923.17), (-1e4, 1e4)])
def test_a_gaussian_prior_on_a_wide_range_is_that_on_a_narrow_one(ends: tuple[float, float]) -> None:
    model = model_of("xenonnt-sr0", "q_nu")

    def integrated(low: float, high: float) -> list[float]:
        prior = with_kind(model.parameters[0], "gaussian", mean=0.1, width=0.05, lower=low, upper=high)
        return [marginal(model.with_priors(prior)).quantile(p) for p in (0.05, 0.5, 0.95)]

    np.testing.assert_allclose(integrated(*ends), integrated(-4.0, 4.0), atol=1e-7)


def test_a_posterior_at_a_cut_that_nobody_gave_is_refused() -> None:
    parameter = replace(parameter_of("q_nu"), scale=1.0)
    model = replace(
        without_data((Gaussian(parameter, -np.inf, np.inf, mean=-100.0, width=0.1),), 1),
        observed=np.array([30.0]),
        templates=np.array([[5.0], [-11.0], [8.0]]),
        factors=np.array([[1] * 6, [0, *[1] * 5], [0, 0, *[1] * 4]]),
        is_signal=np.array([False, True, True]),
        blocks=(Block("one bin", slice(0, 3), slice(0, 1)),),
    )
    with pytest.raises(BayesnuError, match="more than 60 widths of the prior of q_nu away"):
        marginal(model)


def test_the_posterior_of_a_mixing_angle_is_that_of_the_radius_it_replaces() -> None:
    """Flat in one is flat in the other: quantiles follow each other where both have the same range."""
    step = RADIUS_SHIFT_PER_CM2 * 1e-32 / 2
    radius = model_of("xenonnt-sr0", "r2_nu")
    ends = (np.array([0.0, 1.0]) - LOW_ENERGY_SIN2_THETA_W) / step
    one = marginal(model_of("xenonnt-sr0", "s2_w"))
    other = marginal(radius.with_priors(Flat(radius.parameters[0].parameter, *ends)))
    for p in (0.05, 0.5, 0.95):
        assert one.quantile(p) == pytest.approx(LOW_ENERGY_SIN2_THETA_W + step * other.quantile(p), abs=2e-5)
