"""Priors: proper, with distribution function and inverse, against quadrature and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import loguniform, truncnorm

from bayesnu.model.priors import (
    LOG_CUT,
    PRIORS,
    Flat,
    FlatInSquare,
    Gaussian,
    LogUniform,
    Prior,
    comparison_priors,
    describe,
    with_kind,
)
from bayesnu.physics.properties import Parameter, parameter_of
from bayesnu.support.errors import BayesnuError

HEAD = parameter_of("mu_nu")
CASES: dict[str, Prior] = {
    "flat": Flat(HEAD, -2.0, 5.0),
    "flat in the square": FlatInSquare(HEAD, 0.0, 10.0),
    "flat in the square above a cut": FlatInSquare(HEAD, 2.0, 10.0),
    "log-uniform": LogUniform(HEAD, 1e-3, 10.0),
    "narrow Gaussian": Gaussian(HEAD, 0.0, np.inf, mean=1.0, width=0.05),
    "truncated Gaussian": Gaussian(HEAD, 0.0, np.inf, mean=1.0, width=0.8),
    "Gaussian from both sides": Gaussian(HEAD, -0.5, 0.7, mean=1.0, width=1.0),
    "split Gaussian": Gaussian(HEAD, 0.0, np.inf, mean=1.0, width=0.2, asymmetry=0.75),
    "split Gaussian from both sides": Gaussian(HEAD, -0.5, 2.0, mean=1.0, width=1.0, asymmetry=-0.5),
    "upper tail of a split Gaussian": Gaussian(HEAD, 7.0, 9.0, mean=1.0, width=1.0, asymmetry=-0.2),
    "lower tail of a split Gaussian": Gaussian(HEAD, -9.0, -7.0, mean=1.0, width=1.0, asymmetry=0.2),
    "upper tail": Gaussian(HEAD, 7.0, 9.0, mean=1.0, width=1.0),
    "lower tail": Gaussian(HEAD, -9.0, -7.0, mean=1.0, width=1.0),
}
each = pytest.mark.parametrize("prior", CASES.values(), ids=CASES.keys())


def support(prior: Prior) -> tuple[float, float]:
    """A finite range that holds all but 1e-16 of the probability."""
    if isinstance(prior, Gaussian) and not np.isfinite(prior.upper):
        return max(prior.lower, prior.mean - 9 * prior.below), prior.mean + 9 * prior.above
    return prior.lower, prior.upper


@each
def test_density_integrates_to_one(prior: Prior) -> None:
    low, high = support(prior)
    area, _ = quad(lambda x: np.exp(prior.logpdf(x)), low, high, epsrel=1e-11, limit=200)
    assert area == pytest.approx(1, abs=1e-9)


@each
def test_cdf_is_the_integral_of_the_density(prior: Prior) -> None:
    low, high = support(prior)
    for x in low + (high - low) * np.array([0.05, 0.4, 0.8]):
        area, _ = quad(lambda y: np.exp(prior.logpdf(y)), low, x, epsrel=1e-11, limit=200)
        assert prior.cdf(x) == pytest.approx(area, abs=1e-9)


@each
def test_ppf_inverts_the_cdf(prior: Prior) -> None:
    p = np.linspace(0.001, 0.999, 57)
    x = prior.ppf(p)
    assert np.all(np.diff(x) > 0)
    np.testing.assert_allclose(prior.cdf(x), p, atol=1e-12)


@each
def test_ends_of_the_range_have_no_and_all_probability(prior: Prior) -> None:
    low, high = support(prior)
    np.testing.assert_allclose(prior.cdf(np.array([low - 1, low, high, high + 1])), [0, 0, 1, 1], atol=1e-14)
    assert prior.ppf(np.array(0.0)) == pytest.approx(prior.lower, abs=1e-6)
    if np.isfinite(prior.upper):
        assert prior.ppf(np.array(1.0)) == pytest.approx(prior.upper, abs=1e-6)


@each
def test_density_is_zero_outside_the_range(prior: Prior) -> None:
    outside = np.array([prior.lower - 1e-9, -1e9, np.nan] + ([prior.upper + 1e-9] if prior.upper < 1e9 else []))
    assert np.all(prior.logpdf(outside) == -np.inf)
    assert np.isfinite(prior.logpdf(np.array(prior.ppf(np.array(0.5)))))


@each
def test_draws_by_inversion_follow_the_density(prior: Prior) -> None:
    low, high = support(prior)
    draws = prior.ppf(np.random.default_rng(3).uniform(size=40_000))
    for power in (1, 2):
        moment, _ = quad(lambda x, n=power: x**n * np.exp(prior.logpdf(x)), low, high, limit=200)
        error = np.std(draws**power) / np.sqrt(len(draws))
        assert abs(np.mean(draws**power) - moment) < 4.5 * error


def test_gaussian_is_scipy_s_truncated_normal() -> None:
    prior = CASES["Gaussian from both sides"]
    theirs = truncnorm(-1.5, -0.3, loc=1.0, scale=1.0)
    x = np.linspace(-0.4, 0.6, 11)
    np.testing.assert_allclose(prior.logpdf(x), theirs.logpdf(x), rtol=1e-10)
    np.testing.assert_allclose(prior.cdf(x), theirs.cdf(x), rtol=1e-10)


def test_a_split_gaussian_is_continuous_with_a_width_on_either_side() -> None:
    """sqrt(2/pi)/(1 + 3) exp(-z^2/2): Wallis 2014, Statist. Sci. 29, 106."""
    prior = Gaussian(HEAD, -np.inf, np.inf, mean=5.0, width=2.0, asymmetry=0.5)
    assert (prior.below, prior.above) == (1.0, 3.0)
    for x, z in ((3.0, -2.0), (5.0, 0.0), (5.0 + 1e-12, 0.0), (9.5, 1.5)):
        assert np.exp(prior.logpdf(np.array(x))) == pytest.approx(np.sqrt(2 / np.pi) / 4 * np.exp(-(z**2) / 2), rel=1e-9)
    assert prior.cdf(np.array([5.0, 8.0])) == pytest.approx([0.25, 0.25 + 0.75 * 0.6826894921], rel=1e-9)
    assert prior.pull(np.array([3.0, 9.5])) == pytest.approx([-2.0, 1.5])
    assert "5 +3 -1" in describe(prior)
    with pytest.raises(BayesnuError, match="asymmetry 1; must lie between"):
        Gaussian(HEAD, 0.0, np.inf, asymmetry=1.0)


def test_a_gaussian_keeps_its_digits_in_both_tails() -> None:
    p = np.linspace(0.1, 0.9, 9)
    upper, lower = CASES["upper tail"], CASES["lower tail"]
    np.testing.assert_allclose(upper.ppf(p), truncnorm(6.0, 8.0, loc=1.0, scale=1.0).ppf(p), rtol=1e-9)
    np.testing.assert_allclose(lower.ppf(p), truncnorm(-10.0, -8.0, loc=1.0, scale=1.0).ppf(p), rtol=1e-9)


def test_log_uniform_is_scipy_s() -> None:
    prior, theirs = CASES["log-uniform"], loguniform(1e-3, 10.0)
    x = np.geomspace(2e-3, 9, 9)
    np.testing.assert_allclose(prior.logpdf(x), theirs.logpdf(x), rtol=1e-12)


def test_flat_in_the_square_is_flat_in_the_square() -> None:
    squares = CASES["flat in the square"].ppf(np.linspace(0, 1, 11)) ** 2
    np.testing.assert_allclose(np.diff(squares), 10.0, rtol=1e-12)


def test_zero_has_no_density_when_flat_in_the_square() -> None:
    assert CASES["flat in the square"].logpdf(np.array(0.0)) == -np.inf


@pytest.mark.parametrize("kind", PRIORS)
@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (1.0, 1.0), (np.nan, 1.0), (0.5, np.nan), (-np.inf, 1.0)])
def test_a_bad_range_is_refused_in_one_sentence(kind: str, low: float, high: float) -> None:
    with pytest.raises(BayesnuError, match=r"^prior of mu_nu: [^\n]+$"):
        PRIORS[kind](HEAD, low, high)


@pytest.mark.parametrize(("kind", "low"), [("flat-square", -1.0), ("log-uniform", 0.0), ("log-uniform", -1.0)])
def test_a_range_outside_the_domain_is_refused_in_one_sentence(kind: str, low: float) -> None:
    with pytest.raises(BayesnuError, match=r"^prior of mu_nu: found the range"):
        PRIORS[kind](HEAD, low, 1.0)


@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (-np.inf, np.inf)])
def test_an_improper_flat_prior_is_refused(low: float, high: float) -> None:
    with pytest.raises(BayesnuError, match="finite bounds"):
        Flat(HEAD, low, high)


@pytest.mark.parametrize(
    ("mean", "width"), [(1.0, 0.0), (1.0, -0.1), (np.nan, 1.0), (np.inf, 1.0), (1.0, np.inf), (1.0, np.nan)]
)
def test_a_gaussian_without_a_shape_is_refused_in_one_sentence(mean: float, width: float) -> None:
    with pytest.raises(BayesnuError, match=r"^prior of mu_nu: [^\n]+width > 0$"):
        Gaussian(HEAD, 0.0, 1.0, mean=mean, width=width)


def test_a_range_without_probability_is_refused_in_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"holds no probability of a Gaussian 100 \+- 1"):
        Gaussian(HEAD, 0.0, 1.0, mean=100.0, width=1.0)


def test_a_prior_of_another_kind_keeps_the_parameter() -> None:
    flat = Flat(HEAD, 0.0, 10.0)
    square = with_kind(flat, "flat-square")
    log = with_kind(flat, "log-uniform", lower=0.01)
    gauss = with_kind(flat, "gaussian", mean=3.0, width=1.0)
    for other in (square, log, gauss):
        assert (other.parameter, other.upper) == (HEAD, 10.0)
    assert isinstance(gauss, Gaussian)
    assert (log.lower, gauss.mean, gauss.width) == (0.01, 3.0, 1.0)


def test_an_unknown_kind_or_a_gaussian_without_width_is_refused() -> None:
    flat = Flat(HEAD, 0.0, 10.0)
    with pytest.raises(BayesnuError, match="did you mean 'log-uniform'"):
        with_kind(flat, "loguniform", lower=0.1)
    with pytest.raises(BayesnuError, match="needs a mean and a width"):
        with_kind(flat, "gaussian", mean=1.0)


@pytest.mark.parametrize("value", ["5", None, np.nan, np.inf, True, [5], [], np.array([5.0])])
def test_an_end_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(BayesnuError, match=r"^upper of the prior of [^\n]+: found [^\n]+; must be a finite number"):
        with_kind(Flat(HEAD, 0.0, 10.0), "flat", upper=value)


def test_a_number_that_a_kind_does_not_have_is_refused() -> None:
    with pytest.raises(BayesnuError, match=r": found 'mean'; a flat prior has lower, upper$"):
        with_kind(Flat(HEAD, 0.0, 10.0), "flat", mean=3.0)
    assert with_kind(Flat(HEAD, 0.0, 10.0), "flat", upper=np.float32(5)).upper == 5.0  # type: ignore[arg-type]


def test_priors_say_themselves_with_unit_and_range() -> None:
    assert describe(Flat(HEAD, 0.0, 10.0)) == "flat on [0, 10] 1e-11 mu_B"
    assert describe(LogUniform(HEAD, 0.01, 10.0)) == "log-uniform on [0.01, 10] 1e-11 mu_B"
    assert (
        describe(Gaussian(Parameter("n", "n", "", 1.0), 0.0, np.inf, mean=1.0, width=0.1)) == "Gaussian 1 +- 0.1 on [0, inf]"
    )


@pytest.mark.parametrize(
    ("unit", "scale", "column"), [("mu_B", 1e-11, "x [1e-11 mu_B]"), ("", 1.0, "x"), ("sigma", 1.0, "x [sigma]")]
)
def test_the_head_of_a_column_has_the_unit(unit: str, scale: float, column: str) -> None:
    assert Flat(Parameter("x", "x", unit, scale), 0.0, 1.0).column == column


@pytest.mark.parametrize("kind", [Flat, FlatInSquare, LogUniform])
def test_a_prior_on_an_infinite_range_is_refused_because_it_cannot_be_normalised(kind: type) -> None:
    with pytest.raises(BayesnuError, match="needs finite bounds"):
        kind(HEAD, 1.0, np.inf)


@pytest.mark.parametrize(("upper", "kinds"), [(10.0, [Flat, FlatInSquare, LogUniform]), (LOG_CUT, [Flat, FlatInSquare])])
def test_a_range_below_the_cut_has_no_log_uniform_prior_beside_it(upper: float, kinds: list[type]) -> None:
    assert [type(each) for each in comparison_priors(Flat(parameter_of("mu_nu"), 0.0, upper))] == kinds


def test_no_quantile_lies_beyond_the_ends() -> None:
    random = np.random.default_rng(51)
    for _ in range(2000):
        low = round(random.uniform(-1.0, 0.0), 2)
        high = round(random.uniform(0.01, 1.0), 2)
        flat = Flat(parameter_of("q_nu"), low, high)
        square = FlatInSquare(parameter_of("mu_nu"), 0.0, high)
        for prior in (flat, square, LogUniform(parameter_of("mu_nu"), 1e-9 * high, high)):
            ends = prior.ppf(np.array([0.0, 1.0]))
            assert prior.lower <= ends[0] and ends[1] <= prior.upper
