"""The likelihood: scipy's Poisson, exclusions, and the compiled log-posterior against the plain one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import gammaln, xlogy
from scipy.stats import norm, poisson

from bayesnu import experiments
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS, Analysis
from bayesnu.model.likelihood import compile_posterior, log_likelihood, log_posterior, log_prior
from bayesnu.model.likelihood_kernel import LANES
from bayesnu.model.nested_sampler import likelihood_function, prior_transform
from bayesnu.model.polynomial import FACTORS, Block, Model
from bayesnu.model.priors import Flat, FlatInSquare, Gaussian, LogUniform, Prior, with_kind
from bayesnu.physics.properties import Parameter, parameters_of
from bayesnu.support.errors import BayesnuError

RUN0, RUN1, XENONNT = "pandax4t-run0", "pandax4t-run1", "xenonnt-sr0"
THREE = ("mu_nu", "q_nu", "r2_nu")
NINE = tuple(p for name in THREE for p in parameters_of(name, "all"))


def made_up(observed: np.ndarray, templates: np.ndarray, *priors: Prior, factors: np.ndarray | None = None) -> Model:
    """A model of one block: by default each template is multiplied with the parameter of its row."""
    templates = np.atleast_2d(np.asarray(templates, float))
    if factors is None:
        factors = np.full((len(templates), FACTORS), len(priors))
        factors[:, 0] = range(len(templates))
    blocks = (Block("made up", slice(0, len(templates)), slice(0, len(observed))),)
    signal = np.ones(len(templates), bool)
    return Model((), Analysis(), priors, 0, np.asarray(observed, float), templates, factors, signal, blocks)


def amplitude(name: str = "x", upper: float = 1e9) -> Flat:
    return Flat(Parameter(name, name, "", 1.0), 0.0, upper)


def random_model(seed: int, blocks: int) -> Model:
    """A made-up polynomial with every kind of prior, several experiments, and counts from 0 to thousands."""
    rng = np.random.default_rng(seed)
    priors: tuple[Prior, ...] = (
        Flat(Parameter("flat", "a", "", 1.0), 0.0, 3.0),
        FlatInSquare(Parameter("square", "b", "", 1.0), 0.0, 5.0),
        LogUniform(Parameter("log", "c", "", 1.0), 1e-3, 10.0),
        *(
            Gaussian(Parameter(f"g{k}", "d", "", 1.0), 0.0, np.inf, mean=1.0, width=width)
            for k, width in enumerate((0.006, 0.06, 0.7))
        ),
    )
    factors, templates, parts, row, column = [], [], [], 0, 0
    for n in range(blocks):
        terms, bins = int(rng.integers(1, 12)), int(rng.integers(1, 40))
        parts.append(Block(f"block {n}", slice(row, row + terms), slice(column, column + bins)))
        templates.append(10 ** rng.uniform(-3, 3, (terms, 1)) * rng.uniform(0.01, 1, (terms, bins)))
        for _ in range(terms):
            used = rng.integers(0, len(priors), rng.integers(1, FACTORS + 1))
            factors.append(sorted([*used, *[len(priors)] * (FACTORS - len(used))]))
        row, column = row + terms, column + bins
    matrix = np.zeros((row, column))
    for part, template in zip(parts, templates, strict=True):
        matrix[part.templates, part.bins] = template
    model = Model((), Analysis(), priors, 0, np.zeros(column), matrix, np.array(factors), np.ones(row, bool), tuple(parts))
    expected = model.expected(draws(model, rng, 1)[0])
    return replace(model, observed=rng.poisson(expected * rng.uniform(0, 1.5, column)).astype(float))


def draws(model: Model, rng: np.random.Generator, walkers: int) -> np.ndarray:
    """Parameters drawn from the priors, shape (walkers, parameters)."""
    return np.stack([prior.ppf(rng.uniform(0.001, 0.999, walkers)) for prior in model.parameters], axis=-1)


def far_out(model: Model, rng: np.random.Generator, walkers: int) -> np.ndarray:
    """Parameters across the whole prior ranges, amplitudes down to 1e-8 and up to 1e5 of their fit."""
    columns = []
    for prior in model.parameters:
        top = min(prior.upper, 1e5)
        wide = np.exp(rng.uniform(np.log(1e-8), np.log(top), walkers))
        whole = prior.lower + rng.uniform(size=walkers) * (top - prior.lower)
        columns.append(np.where(rng.uniform(size=walkers) < 0.5, np.clip(wide, prior.lower, top), whole))
    return np.stack(columns, axis=-1)


def largest_terms(model: Model, theta: np.ndarray) -> np.ndarray:
    """The largest sum among those that make up the log-posterior, per walker: what rounding is relative to."""
    expected = np.abs(model.expected(theta))
    logs = xlogy(model.observed, np.where(expected > 0, expected, 1.0))
    prior = log_prior(model, theta)
    sums = [
        expected.sum(axis=-1),
        np.abs(logs).sum(axis=-1),
        np.full(len(theta), gammaln(model.observed + 1).sum()),
        np.where(np.isfinite(prior), np.abs(prior), 0.0),
    ]
    largest: np.ndarray = np.maximum(np.max(sums, axis=0), 1.0)
    return largest


def check_compiled(model: Model, theta: np.ndarray) -> np.ndarray:
    """Compare the compiled log-posterior with the plain one, and return it."""
    plain, fast = log_posterior(model, theta), compile_posterior(model)(theta)
    assert fast.shape == plain.shape == (len(theta),)
    np.testing.assert_array_equal(np.isfinite(fast), np.isfinite(plain))
    assert np.all(plain[~np.isfinite(plain)] == -np.inf) and np.all(fast[~np.isfinite(fast)] == -np.inf)
    error = np.where(np.isfinite(plain), np.abs(np.where(np.isfinite(fast), fast, 0) - plain), 0.0)
    assert np.all(error[np.isfinite(plain)] <= 1e-12 * largest_terms(model, theta)[np.isfinite(plain)])
    return fast


@cache
def shipped(preset: str, *parameters: str) -> Model:
    loaded = [experiments.load(name, PRESETS[preset].inputs) for name in (RUN0, RUN1, XENONNT)]
    return build(loaded, parameters, PRESETS[preset])


# --- the plain definition ---


@pytest.mark.parametrize("seed", range(5))
def test_plain_likelihood_is_scipy_s_poisson(seed: int) -> None:
    model = random_model(seed, blocks=3)
    theta = draws(model, np.random.default_rng(seed), 20)
    expected = poisson.logpmf(model.observed, model.expected(theta)).sum(axis=-1)
    np.testing.assert_allclose(log_likelihood(model, theta), expected, rtol=1e-11)


def test_shipped_experiments_at_the_standard_model_have_scipy_s_likelihood() -> None:
    model = shipped("default", "mu_nu")
    theta = model.nominal()
    expected = poisson.logpmf(model.observed, model.expected(theta)).sum()
    assert log_likelihood(model, theta) == pytest.approx(expected, rel=1e-12)
    assert np.isfinite(expected) and expected < 0


def test_probabilities_of_all_counts_sum_to_one() -> None:
    counts = np.arange(0, 60)
    models = [made_up(np.array([n]), np.ones((1, 1)), amplitude()) for n in counts]
    total = sum(np.exp(log_likelihood(model, np.array([12.3]))) for model in models)
    assert total == pytest.approx(1, rel=1e-12)


def test_the_likelihood_is_largest_where_the_model_expects_the_data() -> None:
    model = made_up(np.array([7.0, 3.0]), np.array([[7.0, 3.0]]), amplitude())
    values = log_likelihood(model, np.linspace(0.5, 1.5, 101)[:, None])
    assert np.argmax(values) == 50


def test_minus_twice_the_log_likelihood_ratio_is_the_poisson_chi_square() -> None:
    rng = np.random.default_rng(1)
    observed, expected = rng.poisson(20, 10).astype(float), rng.uniform(10, 30, 10)
    model = made_up(observed, expected[None], amplitude())
    saturated = made_up(observed, observed[None], amplitude())
    ratio = -2 * (log_likelihood(model, np.ones(1)) - log_likelihood(saturated, np.ones(1)))
    chi_square = 2 * np.sum(expected - observed + observed * np.log(observed / expected))
    assert ratio == pytest.approx(chi_square, rel=1e-10)


def test_many_counts_become_a_gaussian() -> None:
    model = made_up(np.array([1e6]), np.array([[1e6]]), amplitude())
    x = 1 + np.array([-2.0, 0.0, 1.0]) * 1e-3
    found = log_likelihood(model, x[:, None])
    np.testing.assert_allclose(found - found[1], [-2, 0, -0.5], atol=3e-3)  # the skewness
    assert found[1] == pytest.approx(norm.logpdf(0, scale=1e3), abs=1e-6)


def test_experiments_multiply() -> None:
    both = build([experiments.load(n) for n in (RUN1, XENONNT)], ("mu_nu",))
    theta = both.nominal()
    total = 0.0
    for name in (RUN1, XENONNT):
        alone = build([experiments.load(name)], ("mu_nu",))
        total += float(log_likelihood(alone, alone.nominal()))
    assert log_likelihood(both, theta) == pytest.approx(total, rel=1e-13)


def test_the_log_prior_is_the_sum_of_the_priors() -> None:
    model = random_model(0, blocks=1)
    theta = draws(model, np.random.default_rng(0), 5)
    total = sum(prior.logpdf(theta[:, k]) for k, prior in enumerate(model.parameters))
    np.testing.assert_allclose(log_prior(model, theta), total, rtol=1e-13)
    np.testing.assert_allclose(log_posterior(model, theta), total + log_likelihood(model, theta), rtol=1e-12)


# --- exclusions: plain and compiled ---


def both_ways(model: Model, *theta: float) -> tuple[float, float]:
    point = np.array(theta, float)
    return float(log_posterior(model, point)), float(compile_posterior(model)(point[None])[0])


def test_no_expectation_and_no_event_are_certain() -> None:
    model = made_up(np.array([0.0, 4.0]), np.array([[0.0, 4.0]]), amplitude(upper=1.0))
    assert both_ways(model, 1.0) == pytest.approx((poisson.logpmf(4, 4),) * 2, rel=1e-13)


def test_an_event_where_none_is_expected_excludes() -> None:
    model = made_up(np.array([1.0, 4.0]), np.array([[0.0, 4.0]]), amplitude())
    assert both_ways(model, 1.0) == (-np.inf, -np.inf)
    model = made_up(np.array([1.5]), np.array([[0.0]]), amplitude())
    assert both_ways(model, 1.0) == (-np.inf, -np.inf)


@pytest.mark.parametrize("observed", [0.0, 3.0, 2.5])
def test_a_negative_expectation_excludes(observed: float) -> None:
    signed = Flat(Parameter("x", "x", "", 1.0), -10.0, 10.0)
    model = made_up(np.array([5.0, observed]), np.array([[0.0, 1.0], [5.0, 0.0]]), signed, amplitude("y"))
    assert both_ways(model, -0.1, 1.0) == (-np.inf, -np.inf)
    assert np.isfinite(both_ways(model, 0.1, 1.0)).all()


def test_two_negative_expectations_do_not_cancel() -> None:
    signed = Flat(Parameter("x", "x", "", 1.0), -10.0, 10.0)
    model = made_up(np.array([3.0, 3.0]), np.array([[1.0, 1.0]]), signed)
    assert both_ways(model, -3.0) == (-np.inf, -np.inf)
    even = made_up(np.array([2.0]), np.array([[1.0]]), signed)
    assert both_ways(even, -2.0) == (-np.inf, -np.inf)


@pytest.mark.parametrize("outside", [-1e-9, 1.0 + 1e-9, np.nan, 1e200, -1e200])
@pytest.mark.parametrize("prior", [amplitude(upper=1.0), with_kind(amplitude(upper=1.0), "gaussian", mean=1, width=0.1)])
def test_outside_the_prior_is_impossible(prior: Prior, outside: float) -> None:
    model = made_up(np.array([3.0]), np.array([[3.0]]), prior)
    with np.errstate(over="ignore"):  # the square of 1e200
        assert both_ways(model, outside) == (-np.inf, -np.inf)


def test_the_ends_of_the_prior_are_inside() -> None:
    model = made_up(np.array([3.0]), np.array([[3.0]]), Flat(Parameter("x", "x", "", 1.0), 0.5, 1.0))
    for x in (0.5, 1.0):
        plain, fast = both_ways(model, x)
        assert np.isfinite(plain) and fast == pytest.approx(plain, rel=1e-12)


def test_zero_is_impossible_when_flat_in_the_square() -> None:
    model = made_up(
        np.array([3.0, 3.0]),
        np.array([[1.0, 1.0], [3.0, 3.0]]),
        FlatInSquare(Parameter("x", "x", "", 1.0), 0, 9),
        amplitude("y"),
    )
    assert both_ways(model, 0.0, 1.0) == (-np.inf, -np.inf)
    assert np.isfinite(both_ways(model, 1e-9, 1.0)).all()


# --- compiled against plain ---


@pytest.mark.parametrize("seed", range(20))
def test_compiled_is_plain_for_random_polynomials(seed: int) -> None:
    model = random_model(seed, blocks=1 + seed % 5)
    rng = np.random.default_rng(1000 + seed)
    assert np.isfinite(check_compiled(model, draws(model, rng, 150))).any()
    check_compiled(model, far_out(model, rng, 150))


@pytest.mark.parametrize("seed", range(6))
def test_compiled_is_plain_for_counts_that_are_no_integers(seed: int) -> None:
    model = random_model(seed, blocks=2)
    rng = np.random.default_rng(seed)
    some = replace(model, observed=model.observed + np.where(np.arange(len(model.observed)) % 3 == 0, 0.37, 0))
    check_compiled(some, draws(some, rng, 90))
    check_compiled(some, far_out(some, rng, 90))


@pytest.mark.parametrize("observed", [0.0, 1.0, 2.0, 7.0, 64.0, 149.0, 151.0, 1000.0, 65535.0, 3e6])
def test_compiled_is_plain_for_any_number_of_counts(observed: float) -> None:
    model = made_up(
        np.array([observed, 3.0]), np.array([[max(observed, 1.0), 0.0], [0.0, 3.0]]), amplitude(), amplitude("y")
    )
    x = np.concatenate([1 + np.linspace(-0.5, 0.5, 31), np.geomspace(1e-12, 1e8, 60)])
    assert np.isfinite(check_compiled(model, np.stack([x, np.ones_like(x)], axis=-1))).all()


def test_compiled_is_plain_without_any_event() -> None:
    model = random_model(3, blocks=2)
    empty = replace(model, observed=np.zeros_like(model.observed))
    check_compiled(empty, draws(empty, np.random.default_rng(3), 70))


@pytest.mark.parametrize("bins", [1, 30, 400])
def test_the_product_of_many_bins_does_not_overflow(bins: int) -> None:
    model = made_up(np.full(bins, 50.0), np.full((1, bins), 50.0), amplitude())
    x = np.concatenate([np.geomspace(1e-6, 1e6, 101), 1 + np.linspace(-0.1, 0.1, 21)])[:, None]
    assert np.isfinite(check_compiled(model, x)).all()


def test_products_that_leave_the_range_and_come_back_are_summed_exactly() -> None:
    # Half of the bins expect too much, half too little: partial products of e^300 cancel in the end.
    model = made_up(np.full(40, 20.0), np.concatenate([np.full(20, 400.0), np.full(20, 1.0)])[None], amplitude())
    check_compiled(model, np.linspace(0.2, 5, 65)[:, None])


@pytest.mark.parametrize("walkers", [0, 1, 2, 63, 64, 65, 127, 128, 129, 200])
def test_any_number_of_walkers_is_the_same_one_by_one(walkers: int) -> None:
    model = shipped("default", *THREE)
    theta = draws(model, np.random.default_rng(walkers), walkers)
    posterior = compile_posterior(model)
    together = posterior(theta)
    assert together.shape == (walkers,)
    for i in range(0, walkers, max(1, walkers // 7)):
        assert together[i] == posterior(theta[i : i + 1])[0]


def test_walkers_do_not_disturb_their_neighbours() -> None:
    model = shipped("default", "q_nu")
    rng = np.random.default_rng(12)
    good, bad = draws(model, rng, 2 * LANES + 1), draws(model, rng, 2 * LANES + 1)
    bad[::2] = np.nan
    bad[1::4, 0] = 3.9  # inside the prior and far from the data: summed exactly
    mixed = np.where((np.arange(len(good)) % 3 == 0)[:, None], bad, good)
    posterior = compile_posterior(model)
    kept = np.arange(len(good)) % 3 != 0
    np.testing.assert_array_equal(posterior(mixed)[kept], posterior(good)[kept])


@pytest.mark.parametrize("parameters", [("mu_nu",), THREE, NINE], ids=["one", "three", "nine"])
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_compiled_is_plain_for_the_shipped_experiments(preset: str, parameters: tuple[str, ...]) -> None:
    model = shipped(preset, *parameters)
    rng = np.random.default_rng(5)
    assert np.isfinite(check_compiled(model, draws(model, rng, 200))).all()
    check_compiled(model, far_out(model, rng, 200))


@pytest.mark.parametrize("name", [RUN0, RUN1, XENONNT])
def test_compiled_is_plain_with_shifts_and_free_normalisations(name: str) -> None:
    analysis = Analysis(threshold_shift_kev=0.1, energy_scale=0.01, normalisations="free")
    model = build([experiments.load(name)], THREE, analysis)
    rng = np.random.default_rng(9)
    theta = draws(model, rng, 150)
    assert np.isfinite(check_compiled(model, theta)).any()
    check_compiled(model, theta + 5 * rng.normal(size=theta.shape))


@pytest.mark.parametrize("kind", ["flat", "flat-square", "log-uniform", "gaussian"])
def test_compiled_is_plain_for_every_kind_of_prior(kind: str) -> None:
    model = shipped("default", "mu_nu")
    changes = {"log-uniform": {"lower": 0.01}, "gaussian": {"mean": 0.3, "width": 2.0}}.get(kind, {})
    model = model.with_priors(with_kind(model.parameters[0], kind, **changes))
    check_compiled(model, draws(model, np.random.default_rng(2), 130))


def test_the_sign_of_a_signed_moment_has_no_effect() -> None:
    model = shipped("default", "mu_nu")
    signed = with_kind(model.parameters[0], "flat", lower=-10.0)  # `with_priors` refuses it
    model = replace(model, parameters=(signed, *model.nuisances))
    theta = draws(model, np.random.default_rng(4), 50)
    mirrored = theta.copy()
    mirrored[:, 0] *= -1
    posterior = compile_posterior(model)
    np.testing.assert_array_equal(posterior(theta), posterior(mirrored))


def test_a_row_of_a_larger_array_or_of_integers_is_the_same() -> None:
    model = shipped("default", "mu_nu")
    theta = draws(model, np.random.default_rng(4), 20)
    posterior, wide = compile_posterior(model), np.zeros((40, 2 * theta.shape[1]))
    wide[::2, ::2] = theta
    np.testing.assert_array_equal(posterior(wide[::2, ::2]), posterior(theta))
    ones = np.ones((1, theta.shape[1]), dtype=int)
    np.testing.assert_array_equal(posterior(ones), posterior(ones.astype(float)))


def small() -> Model:
    """XENONnT with one background: four parameters."""
    return build("xenonnt-sr0", "mu_nu", "paper")


FUNCTIONS: dict[str, Callable[[Model], Callable[[Any], object]]] = {
    "expected counts": lambda model: model.expected,
    "coefficients": lambda model: model.coefficients,
    "log-likelihood": lambda model: partial(log_likelihood, model),
    "log-posterior": lambda model: partial(log_posterior, model),
    "compiled posterior": compile_posterior,
    "compiled likelihood": likelihood_function,
    "prior transform": prior_transform,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (5,), (2, 3), (2, 5), (4, 2), (1, 2, 3), (0,), (4, 0)])
def test_another_length_is_refused_by_every_function_of_parameters(name: str, shape: tuple[int, ...]) -> None:
    model = small()
    assert len(model.names) == 4
    with pytest.raises(BayesnuError, match=r"^(theta|u): found the shape .* must be \(4,\) for one point or \(n, 4\)"):
        FUNCTIONS[name](model)(np.ones(shape))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "wrong", ["0.7", None, [1.0, [1.0]], {"mu_nu": 0.7}, ["0.7", "1", "1", "1"], [1j, 1, 1, 1]], ids=str
)
def test_what_is_no_array_of_numbers_is_refused(name: str, wrong: object) -> None:
    with pytest.raises(BayesnuError, match=r"^(theta|u): found .*; must be numbers, as a list or an array$"):
        FUNCTIONS[name](small())(wrong)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_point_alone_in_a_list_or_in_a_pile_gives_the_same(name: str) -> None:
    model = small()
    function = FUNCTIONS[name](model)
    pile = np.random.default_rng(6).uniform(0.2, 0.9, (2, 3, 4))
    found = np.asarray(function(pile))
    assert found.shape[:2] == (2, 3)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(np.asarray(function(pile[i, j])), found[i, j], rtol=1e-14)
        np.testing.assert_allclose(np.asarray(function(list(pile[i, j]))), found[i, j], rtol=1e-14)
    assert np.ndim(compile_posterior(model)(pile[0, 0])) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("index", range(4))
def test_a_parameter_that_is_not_finite_has_no_probability(value: float, index: int) -> None:
    model = small()
    theta = model.nominal()
    theta[index] = value
    with np.errstate(invalid="ignore"):
        for function in (partial(log_likelihood, model), partial(log_posterior, model)):
            assert function(theta) == -np.inf
    assert compile_posterior(model)(theta) == -np.inf and likelihood_function(model)(theta) == -np.inf


def test_a_kind_of_prior_that_compiled_code_does_not_know_never_counts_as_another() -> None:
    model = small()
    posterior = compile_posterior(model)
    kinds = posterior.arrays.prior_kind.copy()
    kinds[0] = 7
    odd = replace(posterior, arrays=posterior.arrays._replace(prior_kind=kinds))
    inside = model.nominal()
    inside[0] = 0.5
    far = inside.copy()
    far[1] = 1e-7  # its ratios are summed logarithm by logarithm
    assert np.isfinite(posterior(inside)) and np.isfinite(posterior(far))
    assert np.isnan(odd(inside)) and np.isnan(odd(far))


@dataclass(frozen=True)
class Oddity(Flat):
    """A kind of prior that nobody has told the compiled code."""

    kind: ClassVar[Any] = 7


def test_an_unknown_kind_of_prior_is_refused_before_anything_is_compiled() -> None:
    model = small()
    prior = model.parameters[0]
    with pytest.raises(BayesnuError, match=r"^prior of mu_nu: found the kind 7, which compiled code does not know"):
        compile_posterior(model.with_priors(Oddity(prior.parameter, 0.0, 10.0)))


def test_evaluating_changes_no_input() -> None:
    model = shipped("default", "mu_nu")
    theta = draws(model, np.random.default_rng(4), 20)
    before = theta.copy(), model.templates.copy()
    compile_posterior(model)(theta)
    np.testing.assert_array_equal(theta, before[0])
    np.testing.assert_array_equal(model.templates, before[1])
