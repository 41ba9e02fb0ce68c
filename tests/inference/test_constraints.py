"""Fits with results of other laboratories, against scipy's minimisation and plain quadrature of the same chi^2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pytest
from scipy.integrate import cumulative_simpson
from scipy.optimize import least_squares
from scipy.special import xlogy

import bayesnu
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profile import interval
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.sampling.proposal import _find_ellipsoid
from bayesnu.inference.toys.compatibility import find_compatibility
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.goodness import chi2_of_data, count_bins
from bayesnu.inference.toys.toys import draw, observed, with_data
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.physics.properties import parameters_of
from bayesnu.studies.calibration import _draw_from_prior

PLAIN: dict[str, Any] = {"solar_components": "pp-7be", "normalisations": "fit", "efficiency_nuisance": "published"}
PLAIN |= {"millicharge": "electrons", "atomic_nuisances": False}
ANALYSIS = preset("default", **PLAIN)
Z90 = 1.6448536269514722  # standard deviations of a central interval of 90 %
LEVEL = Z90**2  # of two sides; 2.71

Pulls: TypeAlias = Callable[[np.ndarray], np.ndarray]
Residuals: TypeAlias = Callable[[np.ndarray], np.ndarray]


def gemma(theta: np.ndarray) -> np.ndarray:
    return np.array([theta[0] ** 2 * Z90 / 2.9**2])


def radii(theta: np.ndarray) -> np.ndarray:
    return np.array([theta[1] * Z90 / 1.2, (theta[0] - 1.2) * Z90 / 5.4])


def model_of(parameter: str, flavour: str, constraint: str, *names: str) -> Model:
    return build(names or ("xenonnt-sr0",), parameters_of(parameter, flavour), replace(ANALYSIS, constraints=constraint))


def write_residuals(alone: Model, pulls: Pulls) -> Residuals:
    """What chi^2 is the sum of squares of, in numpy: of a model without constraints, and of constraints."""
    nuisances = [(k, p.mean, p.width) for k, p in enumerate(alone.parameters) if isinstance(p, Gaussian)]
    places, means, widths = (np.array(each) for each in zip(*nuisances, strict=True))
    counts = alone.observed

    def residuals(theta: np.ndarray) -> np.ndarray:
        expected = np.maximum(alone.expected(theta), 1e-9)
        logarithms = xlogy(counts, np.where(counts > 0, counts, 1.0) / expected)
        of_counts = np.sqrt(np.maximum(2 * (expected - counts + logarithms), 0.0)) * np.sign(expected - counts)
        return np.concatenate([of_counts, (theta[places] - means) / widths, pulls(theta)])

    return residuals


def add_squares(residuals: Residuals, theta: np.ndarray) -> float:
    return float(np.sum(residuals(theta) ** 2))


def minimise(residuals: Residuals, start: np.ndarray, fixed: dict[int, float]) -> float:
    """The lowest chi^2 that scipy finds over all that is not fixed; moduli may go negative, which changes nothing."""
    free = [k for k in range(len(start)) if k not in fixed]
    theta = start.copy()
    theta[[*fixed]] = [*fixed.values()]

    def of_free(values: np.ndarray) -> np.ndarray:
        here = theta.copy()
        here[free] = values
        return residuals(here)

    return float(2 * least_squares(of_free, start[free], x_scale="jac", xtol=1e-12, ftol=1e-12).cost)


@pytest.mark.parametrize(
    ("parameter", "constraint", "pulls", "index", "starts"),
    [
        ("mu_nu", "gemma-mu", gemma, 0, [(0.1, 0.1, 0.1)]),
        ("r2_nu", "charm2-r2+texono-r2", radii, 2, [(1.0, 0.0, 0.0), (1.0, 0.0, -40.0), (1.0, 0.0, 40.0)]),
    ],
)
def test_profiled_limits_of_three_flavours_are_those_of_scipy(
    parameter: str, constraint: str, pulls: Pulls, index: int, starts: list[tuple[float, float, float]]
) -> None:
    residuals = write_residuals(model_of(parameter, "all", "none"), pulls)
    model = model_of(parameter, "all", constraint)
    found = interval(model, index, others="profiled")
    points = [np.concatenate([start, model.nominal()[3:]]) for start in starts]
    lowest = min(minimise(residuals, point, {}) for point in points)
    for end in (found.lower, found.upper):
        if end:  # the lower end of a modulus is its boundary
            assert min(minimise(residuals, point, {index: end}) for point in points) - lowest == pytest.approx(
                LEVEL, abs=1e-4
            )
    without = interval(model_of(parameter, "all", "none"), index, others="profiled")
    assert found.upper is not None and without.upper is not None and found.upper < without.upper


def test_the_posterior_is_that_of_the_data_times_a_gaussian() -> None:
    """The constraint is of the only physics parameter, so that nuisances are integrated out as without it."""
    alone = marginal(model_of("r2_nu", "e", "none"))
    found = marginal(model_of("r2_nu", "e", "texono-r2"))
    values = np.linspace(-20, 25, 20001)
    density = alone.curve.at(values) * np.exp(-(((values - 1.2) * Z90 / 5.4) ** 2) / 2)
    below = cumulative_simpson(density, x=values, initial=0.0)
    for probability in (0.05, 0.5, 0.95):
        expected = np.interp(probability, below / below[-1], values)
        assert found.quantile(probability) == pytest.approx(expected, abs=2e-4)


def test_derivatives_are_those_of_the_chi2() -> None:
    model = model_of("r2_nu", "all", "charm2-r2+texono-r2")
    profiler = Profiler(model)
    residuals = write_residuals(model_of("r2_nu", "all", "none"), radii)
    theta = model.nominal()
    theta[:3] = (3.0, -2.0, 5.0)
    assert profiler.chi2(theta[None])[0] == pytest.approx(add_squares(residuals, theta), rel=1e-12)
    gradient, hessian = profiler.derivatives(theta[None], np.arange(3))
    step = 1e-3
    for k, unit in enumerate(step * np.eye(len(theta))[:3]):
        slope = (add_squares(residuals, theta + unit) - add_squares(residuals, theta - unit)) / (2 * step) / 2
        assert gradient[0, k] == pytest.approx(slope, rel=1e-6)
        change = profiler.derivatives(np.array([theta + unit, theta - unit]), np.arange(3))[0]
        np.testing.assert_allclose(hessian[0, k], (change[0] - change[1]) / (2 * step), rtol=1e-5)


def test_toys_repeat_the_measurement_of_another_laboratory() -> None:
    model = model_of("r2_nu", "e", "texono-r2")
    truth = model.nominal(r2_nu_e=4.0)
    toys = draw(model, truth, 4000, np.random.default_rng(2))
    measured = toys.counts[:, -1]
    assert measured.mean() == pytest.approx(4.0 * Z90 / 5.4, abs=4 / 4000**0.5)
    assert measured.std() == pytest.approx(1.0, abs=4 / 8000**0.5)
    without = draw(model_of("r2_nu", "e", "none"), truth, 4000, np.random.default_rng(2))
    np.testing.assert_array_equal(toys.counts[:, :-1], without.counts)


@pytest.mark.parametrize(("parameter", "constraint"), [("r2_nu", "texono-r2"), ("mu_nu", "gemma-mu"), ("q_nu", "conus-q")])
def test_fits_of_toys_in_lanes_are_those_of_the_scalar_minimiser(parameter: str, constraint: str) -> None:
    model = model_of(parameter, "e", constraint)
    fitter = ToyFitter(model)
    toys = draw(model, model.nominal(), 20, np.random.default_rng(4))
    fit = fitter.best_fit(toys)
    assert fit.ended.all()
    everything = np.ones(len(model.names), dtype=bool)
    for counts, centres, theta, lowest in zip(toys.counts, toys.centres, fit.theta, fit.chi2, strict=True):
        alone = Profiler(with_data(model, counts, centres))
        again = alone.fit(np.array([theta, model.nominal() + 0.3 * (np.arange(len(theta)) == 0)]), everything)
        assert alone.chi2(theta[None])[0] == pytest.approx(lowest, abs=1e-8)
        assert again.chi2.min() == pytest.approx(lowest, abs=1e-6)


def test_goodness_counts_the_pull_and_not_a_bin() -> None:
    model = model_of("r2_nu", "e", "texono-r2")
    fitter = ToyFitter(model)
    fit = fitter.best_fit(observed(model))
    assert count_bins(fitter) == model.counted == len(model.observed) - 1
    residuals = write_residuals(model_of("r2_nu", "e", "none"), lambda theta: np.array([(theta[0] - 1.2) * Z90 / 5.4]))
    assert chi2_of_data(fitter, observed(model), fit)[0] == pytest.approx(add_squares(residuals, fit.theta[0]), rel=1e-9)


def test_compatibility_is_that_of_the_data_sets() -> None:
    names = ("pandax4t-run1", "xenonnt-sr0")
    costs = [
        find_compatibility(ToyFitter(model_of("mu_nu", "e", each, *names)), 30, np.random.default_rng(1))
        for each in ("none", "gemma-mu")
    ]
    assert costs[0] == costs[1]
    assert costs[1].experiments == names


def test_a_calibration_asks_for_no_positive_radius() -> None:
    model = model_of("r2_nu", "e", "texono-r2")
    drawn = [_draw_from_prior(model, np.random.default_rng(seed))[0] for seed in range(12)]
    assert min(drawn) < 0 < max(drawn)


def test_the_shell_of_a_signal_is_that_of_the_data_unless_a_constraint_cuts_it() -> None:
    alone = _find_ellipsoid(model_of("mu_nu", "all", "none"))
    found = _find_ellipsoid(model_of("mu_nu", "all", "gemma-mu"))
    assert alone is not None and found is not None
    np.testing.assert_array_equal(np.vstack(alone), np.vstack(found))
    assert _find_ellipsoid(model_of("r2_nu", "all", "texono-r2")) is None
    assert _find_ellipsoid(model_of("r2_nu", "all", "none")) is not None


def test_a_nuisance_of_one_s_own_leaves_a_constraint_where_it_is() -> None:
    """A tiny background in all bins changes no limit; compiled code and the plain definition see the same model."""
    for parameters, constraints in ((("r2_nu_mu",), "charm2-r2"), (("r2_nu_e", "r2_nu_mu"), "charm2-r2+texono-r2")):
        model = bayesnu.build("xenonnt-sr0", parameters, bayesnu.preset(constraints=constraints))
        leak = np.full(model.counted, 1e-9)
        wider = model.with_nuisance("leak", leak, "gaussian", mean=1, width=0.3)
        theta = wider.nominal()[None] * [[1.01]]
        np.testing.assert_allclose(bayesnu.compile_posterior(wider)(theta), bayesnu.log_posterior(wider, theta), rtol=1e-12)
        before, after = (np.array(bayesnu.profile_interval(each).pieces, dtype=float) for each in (model, wider))
        np.testing.assert_allclose(after, before, rtol=1e-5)


def test_a_radius_with_the_standard_model_in_it_takes_no_constraint() -> None:
    with pytest.raises(bayesnu.BayesnuError, match=r"^constraints: found charm2-r2 with couplings = tree, [^\n]+$"):
        bayesnu.build("xenonnt-sr0", "r2_nu_mu", bayesnu.preset(couplings="tree", constraints="charm2-r2"))


def test_two_results_of_one_laboratory_are_said() -> None:
    model = bayesnu.build("xenonnt-sr0", ("mu_nu", "q_nu"), bayesnu.preset(constraints="gemma-mu+gemma-q"))
    assert any(note.startswith("constraints: gemma-mu and gemma-q are of one laboratory") for note in model.notes)
