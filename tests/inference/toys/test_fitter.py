"""Fits of many toys against the fits of single ones, iminuit and dense scans; no toy may feel its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from iminuit import Minuit
from scipy.optimize import minimize
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import kstest

from bayesnu.experiments import load
from bayesnu.inference.interval import delta_chi2
from bayesnu.inference.profile import interval
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.toys import chi2 as lane_chi2
from bayesnu.inference.toys import lanes
from bayesnu.inference.toys.compatibility import find_compatibility
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.rows import ALIGNMENT, DECLARED, LANES, allocate_lanes
from bayesnu.inference.toys.toys import Toys, draw, find_constraints, observed, with_data
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS
from bayesnu.model.polynomial import Block, Model
from bayesnu.model.priors import Flat, Gaussian
from bayesnu.physics.properties import Parameter, parameter_of
from bayesnu.support.errors import BayesnuError
from scripts.differential import Oracle
from tests.statistics.models import PARAMETERS, FastChi2, chi2, model_of, nuisance_limits, with_a_twin, without_data

CL_90 = delta_chi2(0.9)
SINGLE = {"background": "single", "efficiency_width": 0.05}
ALL_TERMS = {"efficiency_width": 0.05, "threshold_shift_kev": 0.05, "energy_scale": 0.02}
TRUTHS = {"mu_nu": 1.5, "q_nu": 0.6, "r2_nu": 15.0}


@cache
def combined(parameter: str) -> Model:
    names = ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0")
    return build([load(name) for name in names], [parameter], PRESETS["default"])


MODELS: dict[str, Callable[..., Model]] = {
    "xenonnt": partial(model_of, "xenonnt-sr0"),
    "run1": partial(model_of, "pandax4t-run1"),
    "combined": combined,
}
CASES = [(name, parameter) for name in MODELS for parameter in PARAMETERS]


def toys_of(model: Model, number: int, seed: int, *values: float) -> Toys:
    """Toys with the first physics parameters at some values, the rest at zero and the nuisances as published."""
    theta = model.nominal()
    theta[: len(values)] = values
    return draw(model, theta, number, np.random.default_rng(seed))


def alone(model: Model, toys: Toys, i: int) -> Model:
    """The model with a toy as its data."""
    return with_data(model, toys.counts[i], toys.centres[i])


def some(toys: Toys, which: Any) -> Toys:
    return Toys(toys.counts[which], toys.centres[which])


def repeated(toys: Toys, times: int) -> Toys:
    return Toys(np.repeat(toys.counts, times, axis=0), np.repeat(toys.centres, times, axis=0))


@pytest.mark.parametrize("name", MODELS)
def test_the_statistic_is_the_plain_definition(name: str) -> None:
    model = MODELS[name]("q_nu")
    toys = toys_of(model, 70, 1, 0.5)
    theta = toys.centres + 0.01
    theta[:, 0] = np.linspace(-1, 1, 70)
    found = ToyFitter(model).chi2(toys, theta)
    np.testing.assert_allclose(found, [chi2(alone(model, toys, i), theta[i]) for i in range(70)], rtol=1e-12)


def test_the_logarithm_is_that_of_the_library() -> None:
    random = np.random.default_rng(2)
    ranges = (np.exp(random.uniform(-300, 300, 50 * LANES)), np.exp(random.uniform(-1, 1, 200 * LANES)))
    x = np.concatenate([*ranges, 1 + 1e-6 * random.uniform(-1, 1, 10 * LANES)])
    rows = np.concatenate([x, np.full(x.size, np.nan)]).reshape(-1, LANES)
    lane_chi2.fill_logarithms(rows, 0, len(rows) // 2, len(rows) // 2)
    found, expected = rows[len(rows) // 2 :].ravel(), np.log(x)
    assert np.all(np.abs(found - expected) <= 3 * np.finfo(float).eps * np.abs(expected))


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_a_fit_of_the_nuisances_is_that_of_the_profiler(name: str, parameter: str) -> None:
    model = MODELS[name](parameter)
    fitter, toys, start = ToyFitter(model), toys_of(model, 12, 3, TRUTHS[parameter]), model.nominal()
    start[0] = TRUTHS[parameter] / 2
    fit = fitter.fit(toys, start, fitter.nuisances)
    assert fit.ended.all() and np.all(fit.theta[:, 0] == start[0])
    for i in range(len(toys)):
        single = Profiler(alone(model, toys, i)).fit(start, fitter.nuisances)
        assert fit.chi2[i] == pytest.approx(single.chi2[0], abs=1e-8)
        np.testing.assert_allclose(fit.theta[i], single.theta[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("name", "parameter"), CASES)
def test_best_fit_and_limits_are_those_of_the_interval(name: str, parameter: str) -> None:
    model = MODELS[name](parameter)
    fitter, toys = ToyFitter(model), toys_of(model, 3, 4)
    upper, lower = (fitter.limit(toys, CL_90, side) for side in ("upper", "lower"))
    assert upper.ended.all() and lower.ended.all() and upper.best.ended.all()
    for i in range(len(toys)):
        single = interval(alone(model, toys, i))
        assert single.upper is not None and single.lower is not None
        assert upper.best.chi2[i] == pytest.approx(single.chi2_min, abs=1e-8)
        assert upper.limit[i] == pytest.approx(single.upper, rel=1e-6)
        assert lower.limit[i] == pytest.approx(single.lower, rel=1e-6)


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("choices", [{}, {"normalisations": "free"}], ids=["published", "free"])
def test_the_profile_at_every_limit_is_on_the_level(parameter: str, choices: dict[str, Any]) -> None:
    model = model_of("pandax4t-run1", parameter, **choices)
    fitter, toys = ToyFitter(model), toys_of(model, 400, 20, TRUTHS[parameter])
    for side in ("upper", "lower"):
        found = fitter.limit(toys, CL_90, side)
        assert found.ended.all()
        theta = found.best.theta.copy()
        theta[:, 0] = found.limit
        above = fitter.fit(toys, theta, fitter.nuisances).chi2 - found.best.chi2 - CL_90
        at_boundary = (parameter == "mu_nu") & (found.limit == 0)
        assert np.all(np.abs(above[~at_boundary]) < 1e-6) and np.all(above[at_boundary] <= 0)


def test_a_moment_that_is_seen_has_a_lower_limit() -> None:
    model = model_of("pandax4t-run1", "mu_nu")
    toys = toys_of(model, 60, 5, 2.0)
    found = ToyFitter(model).limit(toys, CL_90, "lower").limit
    assert 0.1 < np.mean(found > 0) < 0.9
    for i in (int(np.argmax(found)), int(np.argmin(found))):
        assert found[i] == pytest.approx(interval(alone(model, toys, i)).lower, rel=1e-6)


@pytest.mark.parametrize(("parameter", "truth"), [("mu_nu", 1.0), ("q_nu", -0.4), ("r2_nu", -60.0)])
def test_best_fit_is_that_of_iminuit(parameter: str, truth: float) -> None:
    model = model_of("xenonnt-sr0", parameter, **SINGLE)
    toys = toys_of(model, 3, 6, truth)
    best = ToyFitter(model).best_fit(toys)
    for i in range(len(toys)):
        start = np.append(best.theta[i, 0] * 1.1 + 0.05, model.nominal()[1:])
        minuit = Minuit(FastChi2(alone(model, toys, i)), start)
        minuit.tol, minuit.errors[0] = 1e-4, 0.1
        minuit.limits[0] = (0.0, None) if parameter == "mu_nu" else None
        minuit.migrad()
        assert best.chi2[i] == pytest.approx(minuit.fval, abs=2e-4)
        assert best.chi2[i] <= minuit.fval + 1e-8


@pytest.mark.parametrize(("parameter", "truth"), [("q_nu", 0.0), ("q_nu", 1.5), ("r2_nu", 0.0), ("r2_nu", -120.0)])
def test_no_point_of_a_dense_scan_is_below_the_best_fit_or_beyond_the_limits(parameter: str, truth: float) -> None:
    model, points, number = model_of("pandax4t-run1", parameter, background="single"), 201, 40
    fitter, toys = ToyFitter(model), toys_of(model, number, 7, truth)
    upper, lower = (fitter.limit(toys, CL_90, side) for side in ("upper", "lower"))
    margin = upper.limit.max() - lower.limit.min()
    values = np.linspace(lower.limit.min() - margin / 2, upper.limit.max() + margin / 2, points)
    start = np.repeat(upper.best.theta, points, axis=0)
    start[:, 0] = np.tile(values, number)
    scan = fitter.fit(repeated(toys, points), start, fitter.nuisances).chi2.reshape(number, points)
    assert np.all(scan >= upper.best.chi2[:, None] - 1e-8)
    inside = scan < upper.best.chi2[:, None] + CL_90
    outside = (values > upper.limit[:, None] + 1e-9) | (values < lower.limit[:, None] - 1e-9)
    assert inside.any(axis=1).all() and not np.any(inside & outside)


def test_several_parameters_are_fitted_together() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", "r2_nu", **SINGLE)
    fitter, toys = ToyFitter(model), toys_of(model, 4, 8, 0.8, 10.0)
    best = fitter.best_fit(toys)
    starts = np.tile(model.nominal(), (60, 1))
    starts[:, 0], starts[:, 1] = np.random.default_rng(9).uniform([0.1, -80], [2, 40], (60, 2)).T
    for i in range(len(toys)):
        fits = Profiler(alone(model, toys, i)).fit(starts, np.ones(starts.shape[1], dtype=bool))
        assert best.chi2[i] == pytest.approx(fits.chi2.min(), abs=1e-8)


def test_moments_of_three_flavours_end_in_their_lanes_at_the_minimum_of_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("xenonnt-sr0", "mu_nu_e", "mu_nu_mu", "mu_nu_tau")
    fitter, toys = ToyFitter(model), toys_of(model, 200, 31)
    monkeypatch.setattr(fitter, "_fit_alone", None)  # no toy may need the slower method
    best = fitter.best_fit(toys)
    assert best.ended.all()
    bounds = [(0.0, None)] * model.n_physics + nuisance_limits(model)
    for i in range(0, len(toys), 25):
        one = FastChi2(alone(model, toys, i))
        start = np.concatenate([np.full(3, 0.1), model.nominal()[3:]])
        found = minimize(
            lambda x, one=one: one(np.concatenate([np.sqrt(x[:3]), x[3:]])), start, bounds=bounds, method="L-BFGS-B"
        )
        assert best.chi2[i] <= found.fun + 1e-8
        assert best.chi2[i] == pytest.approx(found.fun, abs=1e-3)


def test_radii_of_three_flavours_end_at_the_lowest_of_many_starts() -> None:
    model = model_of("xenonnt-sr0", "r2_nu_e", "r2_nu_mu", "r2_nu_tau")
    fitter, toys = ToyFitter(model), toys_of(model, 6, 32, 20.0, -30.0, 10.0)
    best = fitter.best_fit(toys)
    starts = np.tile(model.nominal(), (40, 1))
    starts[:, :3] = np.random.default_rng(33).uniform(-60, 60, (40, 3))
    for i in range(len(toys)):
        fits = Profiler(alone(model, toys, i)).fit(starts, np.ones(starts.shape[1], dtype=bool))
        assert best.chi2[i] <= fits.chi2.min() + 1e-6


def two_sets(counts: tuple[float, float, float]) -> Model:
    """10 + 40(x - 1.4)^2 and 10 + 40(x - 1.6)^2 events beside a free background of 1e7 and 3000(x - 0.2)^2."""
    charge = Flat(replace(parameter_of("q_nu"), scale=1.0), -10.0, 10.0)
    efficiency = Gaussian(Parameter("n0", "", "", 1.0), 0.0, np.inf, mean=1.0, width=1e-3)
    free = Flat(Parameter("n1", "", "", 1.0), 0.0, 10.0)
    templates = np.zeros((7, 3))
    for b, (least, square, middle) in enumerate([(10.0, 40.0, 1.4), (10.0, 40.0, 1.6), (0.0, 3000.0, 0.2)]):
        first = 0 if b < 2 else 3
        templates[first : first + 3, b] = [least + square * middle**2, -2 * square * middle, square]
    templates[6, 2] = 1e7
    factors = np.full((7, 6), 3)
    for row, power in enumerate((0, 1, 2, 0, 1, 2)):
        factors[row, : power + 1] = [*[0] * power, 1]
    factors[6, 0] = 2
    return replace(
        without_data((charge, efficiency, free), 1),
        observed=np.array(counts),
        templates=templates,
        factors=factors,
        is_signal=np.array([True] * 6 + [False]),
        blocks=(Block("sharp", slice(0, 3), slice(0, 2)), Block("dull", slice(3, 7), slice(2, 3))),
    )


def test_a_large_data_set_does_not_hide_the_minimum_of_a_sharp_one() -> None:
    model = two_sets((112.0, 88.0, 1e7 + 120))
    best = ToyFitter(model).best_fit(observed(model))
    assert best.chi2[0] < 1e-3 and best.theta[0, 0] == pytest.approx(3.0, abs=0.01)
    compatibility = find_compatibility(ToyFitter(model), 500, np.random.default_rng(1))
    assert compatibility.delta_chi2 == pytest.approx(0, abs=1e-3) and compatibility.remark is None


def test_agreement_counts_a_shared_pull_once() -> None:
    shared = Gaussian(Parameter("b", "", "", 1.0), 0.0, np.inf, mean=1.0, width=0.05)
    moment = Flat(replace(parameter_of("mu_nu"), scale=1.0), 0.0, 50.0)
    templates = np.zeros((4, 4))
    templates[0, :2], templates[1, :2], templates[2, 2:], templates[3, 2:] = 1000, (1, 0), 1000, (1, 0)
    model = replace(
        without_data((moment, shared), 1),
        observed=np.array([900.0, 750, 750, 750]),
        templates=templates,
        factors=np.array([[1, *[2] * 5], [0, 0, *[2] * 4]] * 2),
        is_signal=np.array([False, True] * 2),
        blocks=(Block("one", slice(0, 2), slice(0, 2)), Block("other", slice(2, 4), slice(2, 4))),
    )

    def lowest(number: int) -> float:
        def chi2_of(x: np.ndarray) -> float:
            rate = x[-1] * 1000 + np.array([x[0], 0, x[number - 1], 0])
            return float(2 * np.sum(rate - model.observed * np.log(rate)) + ((x[-1] - 1) / 0.05) ** 2)

        start = np.append(np.full(number, 50.0), 0.8)
        options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 10_000, "maxfev": 10_000}
        return float(
            minimize(chi2_of, start, method="Nelder-Mead", bounds=[(0, 2500)] * number + [(0, 5)], options=options).fun
        )

    found = find_compatibility(ToyFitter(model), 2000, np.random.default_rng(2))
    assert found.delta_chi2 == pytest.approx(lowest(1) - lowest(2), abs=1e-4)
    assert found.delta_chi2 > 5 and found.remark is not None


@pytest.mark.parametrize("choices", [SINGLE, {"normalisations": "free"}, ALL_TERMS], ids=["single", "free", "shifts"])
@pytest.mark.parametrize("parameter", ["mu_nu", "q_nu"])
def test_a_toy_does_not_feel_its_neighbours(parameter: str, choices: dict[str, Any]) -> None:
    model = model_of("xenonnt-sr0", parameter, **choices)
    fitter, toys = ToyFitter(model), toys_of(model, 3 * LANES + 5, 10)
    toys.counts[7] = np.nan
    order = np.random.default_rng(11).permutation(len(toys))
    whole, shuffled = fitter.limit(toys, CL_90), fitter.limit(some(toys, order), CL_90)
    for batch in (slice(3, 4), slice(5, LANES + 5), slice(0, LANES + 1)):
        part = fitter.limit(some(toys, batch), CL_90)
        np.testing.assert_array_equal(part.limit, whole.limit[batch])
        np.testing.assert_array_equal(part.best.theta, whole.best.theta[batch])
        np.testing.assert_array_equal(part.best.chi2, whole.best.chi2[batch])
    np.testing.assert_array_equal(shuffled.limit, whole.limit[order])
    np.testing.assert_array_equal(shuffled.best.theta, whole.best.theta[order])
    assert np.flatnonzero(~whole.ended).tolist() == [7]


def test_free_backgrounds_end_at_their_bounds() -> None:
    model = model_of("pandax4t-run1", "q_nu", normalisations="free")
    fitter, toys, start = ToyFitter(model), toys_of(model, 40, 12), model.nominal()
    start[0] = 1.0
    fit = fitter.fit(toys, start, fitter.nuisances)
    free = [k for k, prior in enumerate(model.parameters) if k and isinstance(prior, Flat)]
    assert fit.ended.all() and np.all(fit.theta[:, free] >= 0) and np.mean(fit.theta[:, free] == 0) > 0.05
    for i in range(0, len(toys), 4):
        single = Profiler(alone(model, toys, i)).fit(start, fitter.nuisances)
        assert fit.chi2[i] == pytest.approx(single.chi2[0], abs=1e-8)


def test_shifts_are_fitted_as_by_the_profiler() -> None:
    model = model_of("xenonnt-sr0", "r2_nu", **ALL_TERMS)
    fitter, toys, start = ToyFitter(model), toys_of(model, 15, 13, -70.0), model.nominal()
    start[0] = 20.0
    fit = fitter.fit(toys, start, fitter.nuisances)
    assert fit.ended.all()
    for i in range(len(toys)):
        single = Profiler(alone(model, toys, i)).fit(start, fitter.nuisances)
        assert fit.chi2[i] == pytest.approx(single.chi2[0], abs=1e-8)


@pytest.mark.parametrize("counts", ["none", "fractions", "a million times as many"])
def test_extreme_counts(counts: str) -> None:
    model = model_of("xenonnt-sr0", "mu_nu", normalisations="free")
    data = {"none": 0.0 * model.observed, "fractions": model.observed + 0.3, "a million times as many": 1e6 * model.observed}
    centres = np.zeros((1, len(model.parameters)))
    centres[:, [*find_constraints(model)]] = 1.0
    toys = Toys(data[counts][None, :], centres)
    fitter, start = ToyFitter(model), model.nominal()
    fit, single = fitter.fit(toys, start, fitter.nuisances), Profiler(alone(model, toys, 0)).fit(start, fitter.nuisances)
    assert fit.chi2[0] == pytest.approx(single.chi2[0], rel=1e-12, abs=1e-8)
    if counts != "a million times as many":  # a moment of 1e-8 mu_B
        limit = fitter.limit(toys, CL_90).limit[0]
        assert limit == pytest.approx(interval(alone(model, toys, 0)).upper, rel=1e-6)


def test_what_cannot_be_fitted_is_flagged_and_nothing_else() -> None:
    model = model_of("xenonnt-sr0", "q_nu", **SINGLE)
    fitter, toys = ToyFitter(model), toys_of(model, 6, 14)
    toys.counts[0], toys.counts[1], toys.counts[2], toys.centres[3, 1] = np.nan, -toys.counts[1], np.inf, np.nan
    found = fitter.limit(toys, CL_90)
    assert found.ended.tolist() == found.best.ended.tolist() == [False] * 4 + [True] * 2
    for values in (found.limit, found.best.chi2, found.best.theta[:, 0]):
        assert np.array_equal(np.isnan(values), ~found.ended)


def test_no_sensitivity_is_no_limit() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", **SINGLE)
    weak = model.templates.copy()
    weak[(model.factors == 0).any(axis=1)] *= 1e-12
    model = Model(**{**vars(model), "templates": weak})
    found = ToyFitter(model).limit(toys_of(model, 5, 15), CL_90)
    assert found.best.ended.all() and not found.ended.any() and np.isnan(found.limit).all()


@pytest.mark.parametrize(("parameter", "index"), [("mu_nu", 0), ("q_nu", 0), ("q_nu", 1), ("r2_nu", 2)])
def test_limits_of_a_flavour_are_those_of_a_scan_of_each_toy(parameter: str, index: int) -> None:
    names = [f"{parameter}_{flavour}" for flavour in ("e", "mu", "tau")]
    model = build([load("pandax4t-run1")], names, PRESETS["default"])
    toys = toys_of(model, 8, 41)
    order = [index, *(k for k in range(len(model.parameters)) if k != index)]
    fitter = ToyFitter(model.with_first(index))
    assert fitter.model.names == tuple(model.names[k] for k in order)
    first = Toys(toys.counts, toys.centres[:, order])
    upper = fitter.limit(first, CL_90)
    lower = fitter.limit(first, CL_90, "lower")
    for i in range(len(toys)):
        scanned = interval(alone(model, toys, i), index, others="profiled")
        assert scanned.lower is not None and scanned.upper is not None
        tolerance = 1e-4 * (scanned.upper - scanned.lower)
        assert upper.limit[i] == pytest.approx(scanned.upper, abs=tolerance)
        assert lower.limit[i] == pytest.approx(scanned.lower, abs=tolerance)


def test_no_start_of_three_flavours_ends_far_above_the_others() -> None:
    """Muon and tau neutrinos scatter alike, so that chi^2 is nearly convex in what the counts tell of three charges."""
    parameters = [f"q_nu_{flavour}" for flavour in ("e", "mu", "tau")]
    model = build([load("pandax4t-run1")], parameters, PRESETS["default"])
    minima = ToyFitter(model)._find_minima(toys_of(model, 300, 0, 0.0, 0.6, -0.6))
    chi2 = np.array([each.chi2 for each in minima])
    assert np.nanmax(chi2 - np.nanmin(chi2, axis=0)) < 1.0


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_the_slower_methods_agree(parameter: str) -> None:
    model = model_of("xenonnt-sr0", parameter, **SINGLE)
    fitter, toys = ToyFitter(model), toys_of(model, 4, 16, TRUTHS[parameter])
    free = np.ones(len(model.parameters), dtype=bool)
    start = np.append(0.0 if parameter == "mu_nu" else TRUTHS[parameter], model.nominal()[1:])
    fit, found = fitter.fit(toys, start, free), fitter.limit(toys, CL_90)
    for i in range(len(toys)):
        theta, ended = fitter._fit_alone(toys, i, start, free)
        assert ended and fitter.chi2(some(toys, [i]), theta)[0] == pytest.approx(fit.chi2[i], abs=1e-8)
    inside = found.best.theta.copy()
    inside[:, 0] = 0.9 * found.limit  # the best fit may be in another piece of the interval
    searched = fitter._search_ends(toys, inside, found.best.chi2 + CL_90, 1.0)
    np.testing.assert_allclose(searched, found.limit, rtol=1e-8)


@pytest.mark.parametrize(("parameter", "truth"), [("mu_nu", 5.0), ("q_nu", 2.0), ("r2_nu", 80.0)])
def test_wilks_theorem_holds_within_one_minimum(parameter: str, truth: float) -> None:
    model = model_of("pandax4t-run1", parameter, background="single")
    fitter, toys, start = ToyFitter(model), toys_of(model, 4000, 17, truth), model.nominal()
    start[0] = truth
    here, near = fitter.fit(toys, start, fitter.nuisances), fitter.fit(toys, start, np.ones(len(start), dtype=bool))
    best = fitter.best_fit(toys)
    assert kstest(here.chi2 - near.chi2, chi2_distribution(1).cdf).pvalue > 0.01
    assert np.all(best.chi2 <= near.chi2 + 1e-8)
    # a charge or a radius of the other sign can be as good or better: then the ratio is larger than Wilks' theorem says
    mirrored = np.mean(best.chi2 < near.chi2 - 1e-3)
    assert mirrored == 0 if parameter == "mu_nu" else mirrored > 0.1


def test_the_rows_of_the_lanes_follow_each_other_as_declared() -> None:
    fitter = ToyFitter(model_of("xenonnt-sr0", "mu_nu", **ALL_TERMS))
    form = fitter._arrange_form(fitter.nuisances)
    free = int(fitter.nuisances.sum())
    memory, at = allocate_lanes(fitter.spectra, form, free, fitter.model.counted)
    first = [getattr(at, name) for name in DECLARED]
    lengths = dict(zip(DECLARED, np.diff([*first, len(memory)]), strict=True))
    assert first[0] == 0 and memory.ctypes.data % ALIGNMENT == 0
    assert min(lengths.values()) >= 1
    assert lengths["x"] == lengths["centres"] == at.variables and lengths["hessian"] == free * (free + 1) // 2
    assert at.one == at.x + at.variables, "monomials point to it as the variable after the last"
    assert at.hessian == at.gradient + free and at.factor == at.hessian + lengths["hessian"], (
        "derivatives are added in one list"
    )


def test_building_compiles_nothing_and_no_toys_are_no_error() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    before = [len(kernel.signatures) for kernel in (lanes.iterate_newton, lanes.evaluate_chi2)]
    fitter = ToyFitter(model)
    assert [len(kernel.signatures) for kernel in (lanes.iterate_newton, lanes.evaluate_chi2)] == before
    assert fitter.limit(toys_of(model, 0, 18), CL_90).limit.shape == (0,)


def test_mistakes_are_named() -> None:
    model, other = model_of("xenonnt-sr0", "mu_nu"), model_of("pandax4t-run0", "mu_nu")
    fitter, toys = ToyFitter(model), toys_of(model, 2, 19)
    with pytest.raises(BayesnuError, match="toys: found counts"):
        fitter.best_fit(toys_of(other, 2, 19))
    with pytest.raises(BayesnuError, match="side: found 'both'"):
        fitter.limit(toys, CL_90, "both")
    with pytest.raises(BayesnuError, match="level: found -1"):
        fitter.limit(toys, -1.0)


@pytest.mark.parametrize("difference", (0.2, 1e-3))
def test_toys_with_two_free_backgrounds_of_nearly_one_shape_end_at_the_minimum_of_scipy(difference: float) -> None:
    model = with_a_twin(difference)
    toys = draw(model, model.nominal(), 60, np.random.default_rng(3))
    fitter = ToyFitter(model)
    fit = fitter.fit(toys, model.nominal(), fitter.nuisances)
    assert fit.ended.all() and fitter.limit(toys, 2.7).ended.all()
    for i in range(0, 60, 10):
        oracle = Oracle(replace(model, observed=toys.counts[i]))
        oracle.mean = toys.centres[i, 1:][oracle.which]
        assert fit.chi2[i] == pytest.approx(oracle.chi2(0.0), abs=1e-7)
