"""Regions of highest density against integrals by scipy, and their errors against the scatter of repeated samples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from scipy.interpolate import CubicSpline

from bayesnu.inference import nuisance_average
from bayesnu.inference.credible import credible_interval
from bayesnu.inference.highest_density import Curve, close_gaps
from bayesnu.inference.interval import Piece
from bayesnu.inference.marginal import marginal
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Gaussian, LogUniform, Prior
from bayesnu.physics.properties import Parameter, parameter_of
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import counting, model_of

SHAPE = (4, 500, 32)
APART = 42.0  # between the two values of <r^2> that predict the same counts
WIDTH = 0.01  # of the background's normalisation


@dataclass(frozen=True)
class Mixture:
    """A sum of Gaussians."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    widths: tuple[float, ...]

    def pdf(self, x: np.ndarray | float) -> np.ndarray:
        """Density at x."""
        parts = zip(self.weights, self.means, self.widths, strict=True)
        return np.asarray(sum(w * stats.norm.pdf(x, m, s) for w, m, s in parts))

    def draw(self, seed: int) -> np.ndarray:
        """Independent samples."""
        random = np.random.default_rng(seed)
        which = random.choice(len(self.weights), p=self.weights, size=SHAPE)
        return np.asarray(np.array(self.means)[which] + np.array(self.widths)[which] * random.standard_normal(SHAPE))

    def grid(self) -> np.ndarray:
        """Values that resolve every Gaussian."""
        parts = [np.linspace(m - 9 * s, m + 9 * s, 2001) for m, s in zip(self.means, self.widths, strict=True)]
        return np.unique(np.concatenate(parts))


def ends_of(x: np.ndarray, density: np.ndarray, probability: float) -> np.ndarray:
    """Ends (pieces, 2) of the region of highest density: where a cubic spline has the level of the probability."""
    curve = CubicSpline(x, density / density.max())
    below = curve.antiderivative()
    whole = below(x[-1]) - below(x[0])

    def ends_at(level: float) -> np.ndarray:
        above = curve(x) > level
        brackets = np.flatnonzero(above[1:] != above[:-1])
        found = [optimize.brentq(lambda value: curve(value) - level, x[i], x[i + 1]) for i in brackets]
        return np.array(found).reshape(-1, 2)

    def missing_at(level: float) -> float:
        ends = ends_at(level)
        return float(np.sum(below(ends[:, 1]) - below(ends[:, 0])) / whole - probability)

    return ends_at(optimize.brentq(missing_at, 1e-4, 0.9999))


CASES = {
    "equal modes": Mixture((0.5, 0.5), (0.0, 12.0), (1.0, 1.0)),
    "a mode twenty times narrower": Mixture((0.3, 0.7), (-43.0, 0.0), (0.05, 1.0)),
    "three modes": Mixture((0.2, 0.3, 0.5), (-5.0, 0.0, 8.0), (0.5, 1.0, 0.7)),
    "a shallow minimum": Mixture((0.6, 0.4), (-2.0, 2.0), (1.0, 1.0)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("is_known", [True, False], ids=["density known", "density from samples"])
def test_claimed_errors_are_those_of_every_end(name: str, is_known: bool) -> None:
    case = CASES[name]
    x = case.grid()
    exact = ends_of(x, case.pdf(x), 0.9)
    curve = Curve(x, case.pdf(x)) if is_known else None
    found = [credible_interval(case.draw(seed), "hdi", 0.9, curve=curve) for seed in range(20)]
    assert {len(each.pieces) for each in found} == {len(exact)}
    ends = np.array([each.pieces for each in found], dtype=float)
    errors = np.array([each.errors for each in found], dtype=float)
    pulls = (ends - exact) / errors
    assert np.all(np.abs(pulls.mean(axis=0)) < 1)
    assert 0.7 < np.sqrt(np.mean(pulls**2)) < 1.4  # with a known level all ends move together: 20 seeds, 16 %
    inner = pulls.reshape(20, -1)[:, 1:-1]
    assert 0.7 < np.sqrt(np.mean(inner**2)) < 1.4


def test_a_shallow_minimum_divides_the_region_of_a_small_probability_alone() -> None:
    case = Mixture((0.5, 0.5), (-1.0, 1.0), (0.6, 0.6))
    x = case.grid()
    samples = case.draw(1)
    half = credible_interval(samples, "hdi", 0.5)
    np.testing.assert_allclose(np.array(half.pieces, dtype=float), ends_of(x, case.pdf(x), 0.5), atol=0.05)
    assert len(credible_interval(samples, "hdi", 0.9).pieces) == 1


def test_a_gap_within_the_errors_of_its_ends_is_closed_and_another_is_not() -> None:
    pieces = (Piece(0.0, 1.0), Piece(1.1, 2.0), Piece(5.0, 6.0))
    errors = (Piece(0.1, 0.2), Piece(0.3, 0.1), Piece(0.1, 0.1))
    kept, of_kept = close_gaps(pieces, errors)
    assert kept == (Piece(0.0, 2.0), Piece(5.0, 6.0))
    assert of_kept == (Piece(0.1, 0.1), Piece(0.1, 0.1))


def test_a_density_that_falls_from_a_bound_has_a_region_that_begins_there() -> None:
    x = np.linspace(0, 30, 30_001)
    samples = np.asarray(stats.expon.rvs(size=SHAPE, random_state=np.random.default_rng(3)))
    found = credible_interval(samples, "hdi", 0.9, curve=Curve(x, stats.expon.pdf(x)))
    assert found.lower == 0 and found.mcse_lower == 0
    assert found.upper is not None and found.mcse_upper is not None
    assert abs(found.upper - np.log(10)) < 4 * found.mcse_upper < 0.1


def test_a_constant_density_is_its_own_region() -> None:
    assert Curve(np.array([0.0, 1.0, 3.0]), np.ones(3)).region(0.5) == (Piece(0.0, 3.0),)


def test_a_density_that_is_constant_but_for_rounding_is_one_piece() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    posterior = marginal(model.with_priors(Flat(model.parameters[0].parameter, 0.0, 1e-5)))
    samples = np.random.default_rng(4).uniform(0, 1e-5, SHAPE)
    sampled = credible_interval(samples, "hdi", 0.9, curve=posterior.curve)
    for pieces in (posterior.interval("hdi", 0.9).pieces, sampled.pieces):
        np.testing.assert_allclose(np.array(pieces, dtype=float), [[0.0, 1e-5]], rtol=1e-6)


def two_modes(counts: float, slope: float) -> Model:
    """One bin with `counts` events where counts * b + slope * r * (r + 42) are expected: the same at r = 0 and r = -42."""
    priors: list[Prior] = [
        Flat(replace(parameter_of("r2_nu"), scale=1.0), -200.0, 150.0),
        Gaussian(Parameter("b", "", "", 1.0), 0.5, 1.5, mean=1.0, width=WIDTH),
    ]
    model = counting(np.array([APART * slope]), np.array([counts]), np.array([counts]), priors)
    square = np.array([[0, 0, 2, 2, 2, 2]])
    return replace(
        model,
        templates=np.concatenate([model.templates, [[slope]]]),
        factors=np.concatenate([model.factors, square]),
        is_signal=np.array([True, False, True]),
        blocks=(replace(model.blocks[0], templates=slice(0, 3)),),
    )


def density_of_two_modes(r: np.ndarray, counts: float, slope: float) -> np.ndarray:
    """Posterior of r, the background's normalisation summed over +- 6 widths."""
    b = 1 + WIDTH * np.linspace(-6, 6, 121)
    rate = np.maximum(counts * b + slope * (r * (r + APART))[:, None], 1e-300)
    log = counts * np.log(rate) - rate - ((b - 1) / WIDTH) ** 2 / 2
    return np.asarray(np.exp(log - log.max()).sum(axis=1))


@pytest.mark.parametrize(
    ("counts", "slope", "probability", "pieces"),
    [(10_000, 20.0, 0.9, 2), (10_000, 2.0, 0.9, 2), (100, 0.02, 0.5, 2), (100, 0.02, 0.9, 1), (10_000, 2.0, 0.99, 2)],
)
def test_pieces_of_the_integrated_posterior_are_those_of_a_fine_grid(
    counts: float, slope: float, probability: float, pieces: int
) -> None:
    near = np.linspace(-6, 6, 2_401)
    r = np.unique(np.concatenate([np.linspace(-120, 80, 2_001), near, near - APART]).round(9))
    exact = ends_of(r, density_of_two_modes(r, counts, slope), probability)
    found = marginal(two_modes(counts, slope)).interval("hdi", probability)
    assert found.kind == "hdi" and len(exact) == pieces
    np.testing.assert_allclose(np.array(found.pieces, dtype=float), exact, atol=2e-4 * np.ptp(exact[0]))


def test_the_sampled_region_of_a_known_posterior_holds_its_probability() -> None:
    posterior = marginal(two_modes(10_000, 20.0))
    random = np.random.default_rng(5)
    p = np.linspace(0, 1, 4001)
    samples = np.interp(random.random(SHAPE), p, [posterior.quantile(each) for each in p])
    found = credible_interval(samples, "hdi", 0.9, curve=posterior.curve)
    pieces = np.array(found.pieces, dtype=float)
    inside = sum(np.mean((samples >= low) & (samples <= high)) for low, high in pieces)
    assert inside == pytest.approx(0.9, abs=1e-3)


def test_the_error_of_importance_sampling_covers_every_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("xenonnt-sr0", "r2_nu", background="single")
    tensor = marginal(model).interval("hdi", 0.68)
    monkeypatch.setattr(nuisance_average, "TENSOR_DIMENSIONS", 0)
    drawn = marginal(model, seed=3).interval("hdi", 0.68)
    assert len(tensor.pieces) == len(drawn.pieces) == 2
    assert set(tensor.errors) == {Piece(0.0, 0.0)}
    difference = np.array(drawn.pieces, dtype=float) - np.array(tensor.pieces, dtype=float)
    errors = np.array(drawn.errors, dtype=float)
    assert np.all(errors > 0) and np.all(np.abs(difference) < 5 * errors + 1e-3)


def test_a_region_is_in_the_parameter_whatever_the_prior_is_flat_in() -> None:
    # log-uniform: the density in the parameter falls from the cut, while that in its logarithm does not
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    prior = LogUniform(model.parameters[0].parameter, 0.01, 10.0)
    found = marginal(model.with_priors(prior)).interval("hdi", 0.5)
    flat = marginal(model.with_priors(Flat(prior.parameter, 0.0, 10.0)))
    x = np.geomspace(0.01, 2, 20_001)
    density = flat.mean_density(x) / x
    mass = integrate.cumulative_trapezoid(density, x, initial=0.0)
    upper = optimize.brentq(lambda end: np.interp(end, x, mass) - 0.5 * mass[-1], 0.01, 2)
    assert found.lower == pytest.approx(0.01) and found.upper == pytest.approx(upper, rel=1e-3)


@pytest.mark.parametrize("probability", [2.0, 90, -1, np.nan])
def test_a_quantile_of_no_probability_is_refused(probability: float) -> None:
    posterior = marginal(model_of("xenonnt-sr0", "mu_nu", background="single"))
    for ask in (posterior.quantile, posterior.error):
        with pytest.raises(BayesnuError, match=r"^probability: found .*; must (lie between 0 and 1|be a finite number)"):
            ask(probability)


@pytest.mark.parametrize(
    ("kind", "probability", "message"),
    [("upper", 90, "probability"), ("hdi", 0.0, "probability"), ("eti", np.nan, "probability"), ("xyz", 0.9, "kind")],
)
def test_an_interval_of_no_kind_or_probability_is_refused(kind: str, probability: float, message: str) -> None:
    posterior = marginal(model_of("xenonnt-sr0", "mu_nu", background="single"))
    with pytest.raises(BayesnuError, match=f"^{message}: found"):
        posterior.interval(kind, probability)
