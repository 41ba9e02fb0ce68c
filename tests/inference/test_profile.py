"""Profile likelihood against iminuit, scipy and finite differences, with chi^2 written out again in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from iminuit import Minuit
from scipy.optimize import brentq, minimize, minimize_scalar

from bayesnu.experiments import load
from bayesnu.inference import newton
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import delta_chi2
from bayesnu.inference.joint import joint
from bayesnu.inference.line import Line
from bayesnu.inference.marginal import marginal
from bayesnu.inference.parabola import fit_parabola
from bayesnu.inference.profile import fine_scan, interval
from bayesnu.inference.profiler import Fit, Profiler
from bayesnu.inference.sampling.ensembles import starts
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import observed
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS
from bayesnu.model.likelihood import compile_posterior
from bayesnu.model.polynomial import Block, Model
from bayesnu.model.priors import Flat, Gaussian, with_kind
from bayesnu.physics.constants import LOW_ENERGY_SIN2_THETA_W, RADIUS_SHIFT_PER_CM2
from bayesnu.physics.properties import Parameter, parameter_of
from bayesnu.support.errors import BayesnuError
from tests.commands import answer
from tests.statistics.models import (
    EXPERIMENTS,
    PARAMETERS,
    FastChi2,
    chi2,
    count_above,
    counting,
    expected,
    model_of,
    nuisance_limits,
    with_a_twin,
    with_data,
    without_data,
    xenonnt_with,
)

CL_90 = 2.705543454095404  # 90 % quantile of chi^2 with one degree of freedom
CASES = [(e, p, preset) for e in EXPERIMENTS for p in PARAMETERS for preset in ("default", "paper")]


def random_points(model: Model, count: int, seed: int) -> np.ndarray:
    """Points within three standard deviations of the nuisances and half the range of the physics parameters."""
    random = np.random.default_rng(seed)
    theta = np.empty((count, len(model.parameters)))
    for k, prior in enumerate(model.parameters):
        if k < model.n_physics:
            theta[:, k] = random.uniform(prior.lower / 2, prior.upper / 2, count)
        elif isinstance(prior, Gaussian):
            low, high = max(prior.lower, prior.mean - 3 * prior.width), min(prior.upper, prior.mean + 3 * prior.width)
            theta[:, k] = random.uniform(low, high, count)
        else:
            theta[:, k] = random.uniform(0.2, 2.0, count)
    return theta


def derivatives(model: Model, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of chi^2 in all parameters, as the fits use them."""
    size = len(theta)
    gradient, hessian = np.empty(size), np.empty((size, size))
    newton.derivatives(theta, np.arange(size), Profiler(model).arrays, gradient, hessian)
    return gradient, hessian


def central_differences(function: Callable[[np.ndarray], np.ndarray], theta: np.ndarray) -> np.ndarray:
    """First derivatives of an array-valued function, by Richardson's extrapolation of central differences."""
    out = []
    for k in range(len(theta)):
        step = np.zeros(len(theta))
        step[k] = 1e-3 * max(abs(theta[k]), 0.1)
        one = (function(theta + step) - function(theta - step)) / (2 * step[k])
        half = (function(theta + step / 2) - function(theta - step / 2)) / step[k]
        out.append((4 * half - one) / 3)
    return np.array(out)


ALL_TERMS = {"efficiency_width": 0.05, "threshold_shift_kev": 0.05, "energy_scale": 0.02}
MODELS: dict[str, Callable[[], Model]] = {
    "mu and q and r2": lambda: model_of("xenonnt-sr0", "mu_nu", "q_nu", "r2_nu"),
    "three flavours": lambda: model_of("pandax4t-run1", "r2_nu_e", "r2_nu_mu", "r2_nu_tau"),
    "all nuisances": lambda: model_of("xenonnt-sr0", "q_nu", **ALL_TERMS),
    "two runs": lambda: build(
        [load("pandax4t-run0"), load("pandax4t-run1"), load("xenonnt-sr0")], ["mu_nu", "r2_nu"], PRESETS["default"]
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_gradient_and_hessian_are_finite_differences(name: str) -> None:
    model = MODELS[name]()
    for theta in random_points(model, 6, seed=11):
        gradient, hessian = derivatives(model, theta)
        slope = central_differences(lambda x: chi2(model, x), theta)
        curvature = central_differences(lambda x: derivatives(model, x)[0], theta)
        scale = np.sqrt(np.diagonal(np.abs(hessian)))
        assert np.all(np.abs(gradient - slope) < 1e-6 * scale * np.maximum(np.abs(gradient / scale).max(), 1))
        assert np.all(np.abs(hessian - curvature) < 1e-6 * np.outer(scale, scale))


@pytest.mark.parametrize("name", MODELS)
def test_chi2_is_the_plain_definition(name: str) -> None:
    model = MODELS[name]()
    theta = random_points(model, 50, seed=12)
    np.testing.assert_allclose(Profiler(model).chi2(theta), chi2(model, theta), rtol=1e-12)


def migrad(model: Model, index: int, value: float | None, start: np.ndarray) -> Minuit:
    """Fit with iminuit over the nuisances, and over physics parameter `index` unless it is fixed at a value."""
    theta = start.copy()
    theta[index] = start[index] if value is None else value
    minuit = Minuit(FastChi2(model), theta)
    minuit.errordef, minuit.strategy, minuit.tol = Minuit.LEAST_SQUARES, 1, 1e-4
    for k, prior in enumerate(model.parameters):
        minuit.fixed[k] = k < model.n_physics and (k != index or value is not None)
        minuit.limits[k] = (prior.lower, prior.upper)
        minuit.errors[k] = prior.width / 3 if isinstance(prior, Gaussian) else 0.05 * max(abs(theta[k]), 0.1)
    minuit.migrad()
    if not minuit.valid:
        minuit.simplex()
        minuit.migrad()
    return minuit


@pytest.mark.parametrize(("experiment", "parameter"), [(e, p) for e in EXPERIMENTS for p in PARAMETERS])
def test_profiled_chi2_is_that_of_iminuit(experiment: str, parameter: str) -> None:
    model = model_of(experiment, parameter)
    values = np.quantile([model.physics[0].lower, model.physics[0].upper], [0.05, 0.3, 0.55, 0.9])
    fit = Profiler(model).at(0, values)
    assert fit.ended.all()
    for value, minimum in zip(values, fit.chi2, strict=True):
        oracle = migrad(model, 0, float(value), model.nominal())
        # a true minimum cannot lie above one that was found, and migrad's own tolerance is 2e-7 of the error definition
        assert minimum <= oracle.fval + 1e-9
        assert minimum == pytest.approx(oracle.fval, abs=2e-3)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_best_fit_is_that_of_iminuit(experiment: str, parameter: str) -> None:
    model = model_of(experiment, parameter)
    curve = Line(ToyFitter(model)).scan()
    starts = np.quantile([model.physics[0].lower, model.physics[0].upper], [0.02, 0.3, 0.45, 0.6, 0.9])
    fits = [migrad(model, 0, None, np.append(x, model.nominal()[1:])) for x in starts]
    best = min(fits, key=lambda fit: fit.fval)
    assert curve.chi2_min == pytest.approx(best.fval, abs=1e-4)
    assert curve.best_value == pytest.approx(best.values[0], abs=0.03 * max(best.errors[0], 0.1))


def scipy_profile(model: Model, value: float) -> float:
    """chi^2 minimised over the nuisances by scipy, in units of their widths."""
    function = FastChi2(model)
    widths = np.array([p.width if isinstance(p, Gaussian) else 0.2 for p in model.nuisances])
    centre = model.nominal()[1:]
    limits = [((a - c) / w, (b - c) / w) for (a, b), c, w in zip(nuisance_limits(model), centre, widths, strict=True)]

    def scaled(z: np.ndarray) -> float:
        return function(np.append(value, centre + widths * z))

    best = minimize(scaled, np.zeros(len(centre)), method="L-BFGS-B", bounds=limits, options={"ftol": 1e-15})
    return float(best.fun)


def ends_of_an_independent_scan(model: Model, lower: float, upper: float) -> list[float]:
    """Where scipy's own profile crosses its minimum plus 2.71, on a grid that reaches well beyond the given ends."""
    profile = partial(scipy_profile, model)
    grid = np.linspace(0.0 if model.names[0] == "mu_nu" else 1.6 * lower, 1.6 * upper, 25)
    values = np.array([profile(x) for x in grid])
    near = int(np.argmin(values))
    around = (grid[max(near - 1, 0)], grid[min(near + 1, 24)])
    target = min(values.min(), minimize_scalar(profile, bounds=around, method="bounded").fun) + CL_90
    crossings = np.flatnonzero(np.diff(np.sign(values - target)))
    return [float(brentq(lambda x: profile(x) - target, grid[i], grid[i + 1], rtol=1e-6)) for i in crossings]


def check_interval(experiment: str, parameter: str, preset: str) -> None:
    model = model_of(experiment, parameter, preset=preset)
    result = interval(model, cl=0.9)
    assert result.lower is not None and result.upper is not None and len(result.pieces) == 1
    found = ends_of_an_independent_scan(model, result.lower, result.upper)
    power = 2 if parameter == "mu_nu" else 1
    expected_ends = np.array([0.0, *found] if parameter == "mu_nu" else found) ** power
    ends = np.array([result.lower, result.upper]) ** power
    np.testing.assert_allclose(ends, expected_ends, atol=1e-3 * (ends[1] - ends[0]), rtol=0)


@pytest.mark.parametrize(
    ("experiment", "parameter", "preset"), [c for c in CASES if c[0] == "xenonnt-sr0" and c[2] == "paper"]
)
def test_interval_is_that_of_an_independent_scan(experiment: str, parameter: str, preset: str) -> None:
    check_interval(experiment, parameter, preset)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "parameter", "preset"), [c for c in CASES if c[0] != "xenonnt-sr0" or c[2] != "paper"]
)
def test_every_interval_is_that_of_an_independent_scan(experiment: str, parameter: str, preset: str) -> None:
    check_interval(experiment, parameter, preset)


@pytest.mark.parametrize("parameter", ("q_nu", "r2_nu"))
def test_interval_is_that_of_minos(parameter: str) -> None:
    model = model_of("pandax4t-run1", parameter, preset="paper")
    result = interval(model, cl=0.9)
    assert result.best_fit is not None
    fit = migrad(model, 0, None, np.append(result.best_fit, model.nominal()[1:]))
    fit.minos(fit.parameters[0], cl=0.9)
    errors = fit.merrors[fit.parameters[0]]
    minos = fit.values[0] + np.array([errors.lower, errors.upper])
    assert errors.is_valid and result.lower is not None and result.upper is not None
    np.testing.assert_allclose([result.lower, result.upper], minos, atol=1e-3 * (minos[1] - minos[0]))


def test_delta_chi2_are_the_quantiles_of_a_chi_square() -> None:
    assert delta_chi2(0.9) == pytest.approx(CL_90, abs=1e-12)
    assert delta_chi2(0.9, one_sided=True) == pytest.approx(1.6423744151498, abs=1e-12)
    assert delta_chi2(0.6826894921370859) == pytest.approx(1, abs=1e-12)
    assert delta_chi2(0.8) == pytest.approx(delta_chi2(0.9, one_sided=True), abs=1e-12)


@pytest.mark.parametrize(("cl", "one_sided"), [(0.0, False), (1.0, False), (90.0, False), (0.5, True), (0.4, True)])
def test_impossible_confidence_level_is_refused(cl: float, one_sided: bool) -> None:
    with pytest.raises(BayesnuError, match="cl: found"):
        delta_chi2(cl, one_sided)


def parabola(background: float = 1e4, width: float = 1e-6) -> Model:
    """Counts s + b in one bin with b fixed by a narrow prior: chi^2 in s is known in closed form."""
    return counting(
        np.array([1.0]),
        np.array([background]),
        np.array([background]),
        [
            Flat(replace(parameter_of("q_nu"), scale=1.0), -2000.0, 2000.0),
            Gaussian(Parameter("b", "", "", 1.0), 0.0, 2.0, mean=1.0, width=width),
        ],
    )


def test_a_counting_experiment_has_the_textbook_interval() -> None:
    result = interval(parabola(), cl=0.9)
    rate = brentq(lambda s: 2 * (s - 1e4 * np.log1p(s / 1e4)) - CL_90, 1.0, 500.0, xtol=1e-10)
    assert result.upper == pytest.approx(rate, rel=1e-6)
    assert result.best_fit == pytest.approx(0.0, abs=1e-3)


def test_a_one_sided_limit_of_a_moment_is_the_upper_end_of_a_smaller_level() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    one, two, eighty = interval(model, one_sided=True), interval(model), interval(model, cl=0.8)
    assert one.upper is not None and two.upper is not None and eighty.upper is not None
    assert one.upper < two.upper and one.upper == pytest.approx(eighty.upper, rel=1e-9)
    assert one.one_sided and one.delta_chi2 == pytest.approx(1.6423744151498)


@pytest.mark.parametrize("parameter", ("q_nu", "r2_nu", "q_nu_e", "mu_nu_lambda1", "mu_nu_12"))
def test_a_one_sided_limit_is_only_that_of_a_parameter_without_a_sign(parameter: str) -> None:
    model = model_of("xenonnt-sr0", parameter)
    if model.of_interest[0].signed:
        with pytest.raises(BayesnuError, match=f"`one_sided`: found {parameter}, which has a sign"):
            interval(model, one_sided=True)
    else:
        assert interval(model, one_sided=True).upper is not None


@pytest.mark.parametrize("index", (-1, 1, 0.0, "0", True, None))
def test_an_index_that_the_model_does_not_have_is_refused(index: object) -> None:
    with pytest.raises(BayesnuError, match=r"index: found .*; must be a place among 1 physics"):
        interval(model_of("xenonnt-sr0", "mu_nu"), index)  # type: ignore[arg-type]  # the mistake itself


def test_an_index_of_numpy_is_one() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", "q_nu")
    assert interval(model, np.int64(1)) == interval(model, 1)  # type: ignore[arg-type]  # numpy's numbers are numbers


def test_a_model_without_physics_parameters_has_no_interval() -> None:
    with pytest.raises(BayesnuError, match="the model has no physics parameter"):
        interval(model_of("xenonnt-sr0"))


def test_limit_at_the_boundary_says_so() -> None:
    result = interval(model_of("xenonnt-sr0", "mu_nu"))
    assert result.lower == 0 and result.best_fit == 0
    assert "upper limit" in result.status and "where the best fit lies" in result.status


def test_interval_of_a_found_moment_leaves_the_boundary() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    truth = np.append(2.0, model.nominal()[1:])
    result = interval(with_data(model, expected(model, truth)))
    assert result.best_fit == pytest.approx(2.0, abs=1e-4)
    assert result.lower is not None and 1 < result.lower < 2 and "upper limit" not in result.status


def test_standard_model_data_without_noise_fit_at_zero() -> None:
    for parameter in ("q_nu", "r2_nu"):
        model = model_of("xenonnt-sr0", parameter)
        fitter = ToyFitter(with_data(model, expected(model, model.nominal())))
        assert fitter.profiler.at(0, np.array([0.0])).chi2[0] == pytest.approx(0, abs=1e-10)
        assert Line(fitter).scan().chi2_min == pytest.approx(0, abs=1e-8)


def test_disjoint_interval_has_its_two_pieces() -> None:
    model = model_of("xenonnt-sr0", "r2_nu", background="single")
    truth = np.append(20.0, model.nominal()[1:])
    exposure = 20.0
    toy = with_data(xenonnt_scaled(model, exposure), exposure * expected(model, truth))
    result = interval(toy, cl=0.9)
    assert len(result.pieces) == 2 and "2 disjoint intervals" in result.status
    (a, b), (c, d) = result.pieces
    assert a is not None and b is not None and c is not None and d is not None
    assert a < b < -21 < c < 20 < d and (result.lower, result.upper) == (a, d)
    level = Line(ToyFitter(toy)).scan().chi2_min + CL_90
    for end in (a, b, c, d):
        assert scipy_profile(toy, end) == pytest.approx(level, abs=1e-5)
    assert scipy_profile(toy, (b + c) / 2) > level


def xenonnt_scaled(model: Model, factor: float) -> Model:
    """The same model with all expectations scaled, as by a longer exposure."""
    return replace(model, templates=factor * model.templates)


def test_nothing_found_is_said_and_not_invented() -> None:
    for parameter in PARAMETERS:
        model = model_of("xenonnt-sr0", parameter)
        result = interval(replace(model, templates=np.where(model.is_signal[:, None], 1e-9, 1.0) * model.templates))
        assert result.upper is None and result.status.startswith("not found")
        assert result.lower == 0 if parameter == "mu_nu" else result.lower is None


def test_interval_beyond_the_prior_range_is_found() -> None:
    model = model_of("xenonnt-sr0", "q_nu")
    narrow = model.with_priors(with_kind(model.parameters[0], "flat", lower=-0.1, upper=0.1))
    whole, found = interval(model), interval(narrow)
    assert found.lower == pytest.approx(whole.lower, rel=1e-6) and found.upper == pytest.approx(whole.upper, rel=1e-6)


@pytest.mark.parametrize(("lower", "upper"), [(-4.0, -0.3), (-4.0, -0.1), (0.2, 4.0), (0.2, 0.3)])
def test_interval_does_not_depend_on_a_prior_range_beside_it(lower: float, upper: float) -> None:
    model = model_of("xenonnt-sr0", "q_nu")
    beside = model.with_priors(with_kind(model.parameters[0], "flat", lower=lower, upper=upper))
    whole, found = interval(model), interval(beside)
    assert found.lower == pytest.approx(whole.lower, rel=1e-6) and found.upper == pytest.approx(whole.upper, rel=1e-6)


@pytest.mark.parametrize("kind", ("flat-square", "log-uniform", "gaussian"))
def test_profile_limit_does_not_depend_on_the_prior_of_the_physics_parameter(kind: str) -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    changes = {"log-uniform": {"lower": 0.01}, "gaussian": {"mean": 0.0, "width": 0.2}}.get(kind, {})
    other = interval(model.with_priors(with_kind(model.parameters[0], kind, **changes)))
    flat = interval(model)
    assert other.upper == pytest.approx(flat.upper, rel=1e-6)
    assert other.lower == 0 and other.status == flat.status


def test_nuisances_stay_inside_their_bounds() -> None:
    model = model_of("xenonnt-sr0", "r2_nu", normalisations="free")
    profiler = Profiler(model)
    fit = profiler.at(0, np.linspace(-200, 150, 71))
    assert fit.ended.all()
    for k, prior in enumerate(model.nuisances, start=1):
        assert np.all((fit.theta[:, k] >= prior.lower) & (fit.theta[:, k] <= prior.upper))
    flat = [k for k, prior in enumerate(model.parameters) if k and isinstance(prior, Flat)]
    assert np.any(fit.theta[:, flat] == 0.0), "no fit reaches a bound: the test would show nothing"


def test_a_fit_at_a_bound_is_a_minimum_there() -> None:
    model = model_of("xenonnt-sr0", "r2_nu", normalisations="free")
    fit = Profiler(model).at(0, np.array([-200.0, 150.0]))
    for theta, minimum in zip(fit.theta, fit.chi2, strict=True):
        assert scipy_profile(model, float(theta[0])) == pytest.approx(minimum, abs=1e-4)
        assert minimum <= scipy_profile(model, float(theta[0])) + 1e-9


def test_zero_counts_everywhere_still_give_a_limit() -> None:
    model = xenonnt_with("mu_nu", choices={"normalisations": "free"}, observed=np.zeros(30))
    result = interval(model)
    assert result.upper is not None
    # without events chi^2 is 2 lambda, every free background is 0 and mu adds its own counts in mu^2
    fluxes_fit = scipy_profile(model, result.upper) - scipy_profile(model, 0.0)
    assert fluxes_fit == pytest.approx(CL_90, abs=1e-4)


def test_every_fit_of_a_scan_ends() -> None:
    for experiment in EXPERIMENTS:
        for parameter in PARAMETERS:
            given = {"efficiency_width": 0.0} if load(experiment).efficiency.relative_width else {}
            model = model_of(experiment, parameter, normalisations="free", **(ALL_TERMS | given))
            prior = model.physics[0]
            fit = Profiler(model).at(0, np.linspace(prior.lower, prior.upper, 101))
            assert fit.ended.all() and np.isfinite(fit.chi2).all()


def test_others_is_checked() -> None:
    with pytest.raises(BayesnuError, match="others: found"):
        interval(model_of("xenonnt-sr0", "q_nu"), others="marginalised")  # type: ignore[arg-type]  # the mistake itself


def flavour_profile_by_brute_force(model: Model, value: float, starts: np.ndarray) -> float:
    """Minimum over two flavours and the nuisances: scipy from many starts, the best of them kept."""
    function = FastChi2(model)
    widths = np.array([p.width if isinstance(p, Gaussian) else 0.2 for p in model.nuisances])
    scale = np.concatenate([[30.0, 30.0], widths])
    centre = np.concatenate([[0.0, 0.0], model.nominal()[3:]])

    def scaled(z: np.ndarray) -> float:
        return function(np.append(value, centre + scale * z))

    limits = [(None, None)] * 2 + [
        ((a - c) / w, (b - c) / w) for (a, b), c, w in zip(nuisance_limits(model), centre[2:], widths, strict=True)
    ]
    return min(
        float(minimize(scaled, start, method="L-BFGS-B", bounds=limits, options={"ftol": 1e-14}).fun)
        for start in np.pad(starts / 30.0, ((0, 0), (0, len(widths))))
    )


@pytest.mark.slow
def test_three_flavour_interval_is_that_of_a_brute_force_search() -> None:
    model = model_of("xenonnt-sr0", "r2_nu_e", "r2_nu_mu", "r2_nu_tau", preset="paper")
    result = interval(model, 0, others="profiled")
    assert len(result.pieces) == 1 and result.lower is not None and result.upper is not None
    starts = np.random.default_rng(5).uniform(-150, 150, (16, 2))
    inner = np.linspace(result.lower, result.upper, 10)
    lowest = min(flavour_profile_by_brute_force(model, x, starts) for x in inner)
    width = result.upper - result.lower
    assert result.chi2_min <= lowest + 1e-6
    for end, outward in ((result.lower, -1), (result.upper, 1)):
        assert flavour_profile_by_brute_force(model, end, starts) == pytest.approx(result.chi2_min + CL_90, abs=5e-3)
        beyond = flavour_profile_by_brute_force(model, end + outward * 1e-3 * width, starts)
        assert beyond > result.chi2_min + CL_90


@pytest.mark.parametrize("name", ("q_nu", "r2_nu"))
def test_profiling_the_other_flavours_never_raises_chi2(name: str) -> None:
    model = model_of("xenonnt-sr0", f"{name}_e", f"{name}_mu", f"{name}_tau")
    fitter, values = ToyFitter(model), np.linspace(model.physics[0].lower, model.physics[0].upper, 41)
    alone, profiled = Line(fitter).fit(values), Line(fitter, 0, "profiled").fit(values)
    assert profiled.ended.all() and np.all(profiled.chi2 <= alone.chi2 + 1e-9)
    if name == "r2_nu":  # with one charge at the data the others have nothing to add
        assert np.max(alone.chi2 - profiled.chi2) > 1


def test_an_interval_says_what_became_of_the_other_flavours() -> None:
    model = model_of("xenonnt-sr0", "q_nu_e", "q_nu_mu", "q_nu_tau")
    alone, profiled = interval(model, 1), interval(model, 1, others="profiled")
    assert (alone.others, profiled.others) == ("zero", "profiled")
    assert alone.parameter == parameter_of("q_nu_mu") and alone.parameter.flavour == "mu"


def test_a_ridge_of_moments_has_no_best_fit_per_flavour() -> None:
    result = interval(model_of("xenonnt-sr0", "mu_nu_e", "mu_nu_mu", "mu_nu_tau"), 0, others="profiled")
    assert result.best_fit is None and "ridge" in result.status and result.upper is not None


@pytest.mark.parametrize("difference", (0.5, 0.2, 0.1, 0.01, 1e-3, 1e-6, 0.0))
def test_two_free_backgrounds_of_nearly_one_shape_have_the_interval_of_one(difference: float) -> None:
    model = with_a_twin(difference)
    assert Profiler(model).at(0, np.linspace(0, 10, 101)).ended.all()
    result = interval(model)
    assert result.upper is not None and len(result.pieces) == 1
    # what the difference of the shapes may change is small: 0.9550 with one shape, and 0.9605 with a half more in a bin
    assert 0.9549 < result.upper < 0.955 + 0.011 * difference + 1e-4
    assert scipy_profile(model, result.upper) == pytest.approx(result.chi2_min + CL_90, abs=1e-5)


@pytest.mark.parametrize("exposure", [0.1, 1.0, 1e3])
@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_points_of_a_fine_scan_are_where_the_interval_says(experiment: str, parameter: str, exposure: float) -> None:
    model = model_of(experiment, parameter)
    model = replace(model, templates=exposure * model.templates)
    random = np.random.default_rng(41)
    width = fit_parabola(model, 0).width
    for truth in (0.0, 2 * width, -1.5 * width):
        theta = model.nominal()
        theta[0] = abs(truth) if parameter == "mu_nu" else truth
        toy = with_data(model, random.poisson(expected(model, theta)).astype(float))
        found = interval(toy)
        outermost = [found.pieces[0].lower, found.pieces[-1].upper]
        low, high = (float(end or 0.0) for end in outermost)
        margin = 0.0 if parameter == "mu_nu" else high - low
        values = np.linspace(low - margin, 2 * high - low, 1501)
        rise = Profiler(toy).at(0, values).chi2 - found.chi2_min
        pieces = [(float(piece.lower or 0.0), float(piece.upper or 0.0)) for piece in found.pieces]
        inside = np.any([(values >= low) & (values <= high) for low, high in pieces], axis=0)
        near = np.abs(rise - CL_90) < 1e-6
        assert rise.min() > -1e-8
        assert np.array_equal(inside[~near], rise[~near] <= CL_90)


def test_a_moment_far_below_its_range_is_found_where_counts_are_many() -> None:
    model = count_above(1e8, 1e8 + 1e4)
    model = replace(model, templates=np.full((2, 1), 1e8))
    found = interval(model)
    # one standard deviation of the count, and of the background's width of 10 counts, is as much as is seen
    sigma = np.sqrt(1e8 + 1e4 + 10**2)
    assert found.best_fit == pytest.approx(np.sqrt(1e4 / 1e8), rel=1e-4)
    assert found.lower == 0
    assert found.upper == pytest.approx(np.sqrt((1e4 + np.sqrt(CL_90) * sigma) / 1e8), rel=1e-4)


@pytest.mark.parametrize("background", [0.0, 3.0, 50.0])
def test_no_event_and_no_nuisance_give_the_limit_of_a_straight_line(background: float) -> None:
    moment = Flat(replace(parameter_of("mu_nu"), scale=1.0), 0.0, 10.0)
    model = replace(
        without_data((moment,), 1),
        observed=np.zeros(1),
        templates=np.array([[1.0], [background]]),
        factors=np.array([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]),
        is_signal=np.array([True, False]),
        blocks=(Block("one bin", slice(0, 2), slice(0, 1)),),
    )
    limit = np.sqrt(CL_90 / 2)  # chi^2 is 2 mu^2 above its minimum
    assert interval(model).upper == pytest.approx(limit, rel=1e-9)
    fitter = ToyFitter(model)
    assert fitter.limit(observed(model), CL_90).limit[0] == pytest.approx(limit, rel=1e-6)


def test_a_minimum_that_left_its_basin_opens_no_gap() -> None:
    energy = np.arange(5)
    flavours = [np.append(x * np.exp(-energy / 3), np.zeros(6)) for x in (1.454, 0.2237, 4.002)]
    other = np.arange(6)
    second = [np.append(np.zeros(5), x * np.exp(-other / 4.3)) for x in (8.845, 15.30, 7.276)]
    model = build([load("xenonnt-sr0")], ["mu_nu_e", "mu_nu_mu", "mu_nu_tau"])
    background = [np.append(43.18 * np.exp(-energy / 3), np.zeros(6)), np.append(np.zeros(5), 12.23 * np.exp(-other / 4.8))]
    scale = Gaussian(Parameter("n0", "", "", 1.0), 0.0, np.inf, mean=1.0, width=0.2)
    free = Flat(Parameter("n1", "", "", 1.0), 0.0, 10.0)
    rows = [[4, 5, 5], [0, 0, 3], [1, 1, 3], [2, 2, 3]]
    constant = [[3, 5, 5], [0, 0, 3], [1, 1, 3], [2, 2, 3]]
    made = replace(
        model,
        experiments=(),
        parameters=(*model.physics, scale, free),
        observed=np.array([43.0, 33, 23, 20, 18, 11, 7, 3, 6, 3, 1]),
        templates=np.array([background[0], *flavours, background[1], *second]),
        factors=np.array([[*row, 5, 5, 5] for row in (*rows, *constant)]),
        is_signal=np.array([False, True, True, True] * 2),
        blocks=(Block("one", slice(0, 4), slice(0, 5)), Block("other", slice(4, 8), slice(5, 11))),
    )
    for index in range(3):
        found = interval(made, index, others="profiled")
        assert len(found.pieces) == 1 and found.lower == 0


@pytest.fixture
def unended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits of which the last one near the minimum does not end, neither with the others nor alone."""
    fit_alone = Profiler.fit
    fit_together = ToyFitter.fit

    def stop_one(found: Fit) -> Fit:
        near = np.flatnonzero(found.chi2 < found.chi2.min() + 1)
        found.ended[near[-1]] = False
        return found

    monkeypatch.setattr(Profiler, "fit", lambda *arguments: stop_one(fit_alone(*arguments)))
    monkeypatch.setattr(ToyFitter, "fit", lambda *arguments: stop_one(fit_together(*arguments)))


@pytest.mark.usefixtures("unended")
def test_fits_that_do_not_end_make_no_interval() -> None:
    for parameter, one_sided in (("mu_nu", False), ("mu_nu", True), ("r2_nu", False)):
        result = interval(model_of("xenonnt-sr0", parameter), one_sided=one_sided)
        assert result.pieces == ((None, None),) and result.best_fit is None
        assert result.status.startswith("not found: ") and "did not end" in result.status


@pytest.mark.usefixtures("unended")
def test_fits_that_do_not_end_make_no_curve_no_posterior_and_no_chain() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    profiler = Profiler(model)
    with pytest.raises(BayesnuError, match=r"^curve: \d+ fits near the minimum of chi\^2 did not end"):
        fine_scan(Line(ToyFitter(model)))
    with pytest.raises(BayesnuError, match=r"^integrate: \d+ fits"):
        marginal(model)
    with pytest.raises(BayesnuError, match=r"^start: \d+ fits"):
        starts(profiler, compile_posterior(model), Settings("upper", 0.9))
    with pytest.raises(BayesnuError, match=r"^joint: \d+ fits"):
        joint(model_of("xenonnt-sr0", "mu_nu", "q_nu"), 41)


@pytest.mark.usefixtures("unended")
def test_limits_prints_no_number_where_fits_did_not_end() -> None:
    found = answer("limits", "xenonnt-sr0", "--parameter", "mu_nu", "--json")
    assert found["lower"] is None and found["upper"] is None and found["best_fit"] is None
    assert "did not end" in found["status"]


def test_the_minimum_of_a_range_that_ends_too_early_has_no_interval_around_it() -> None:
    model = counting(
        np.array([1.0]),
        np.array([1.0]),
        np.array([1e9]),
        [
            Flat(replace(parameter_of("q_nu"), scale=1.0), -1.0, 1.0),
            Gaussian(Parameter("b", "", "", 1.0), 0.0, 2.0, mean=1.0, width=1e-6),
        ],
    )
    result = interval(model)  # a billion events are a thousand times farther than is looked
    assert result.pieces == ((None, None),) and result.status.startswith("not found: the chi^2 difference")


# A parameter that ends where physics does


@pytest.mark.parametrize("experiment", ["xenonnt-sr0", "pandax4t-run1"])
def test_a_mixing_angle_is_a_radius_within_its_bounds(experiment: str) -> None:
    found = interval(model_of(experiment, "s2_w"))
    values = np.linspace(0, 1, 4001)
    radii = (values - LOW_ENERGY_SIN2_THETA_W) / (RADIUS_SHIFT_PER_CM2 * 1e-32 / 2)
    chi2 = Profiler(model_of(experiment, "r2_nu")).at(0, radii).chi2
    inside = values[chi2 <= chi2.min() + CL_90]
    assert np.all(np.diff(inside) < 3e-4) and len(found.pieces) == 1
    assert (found.lower, found.upper) == pytest.approx((inside[0], inside[-1]), abs=2.5e-4)
    assert (found.best_fit, found.chi2_min) == pytest.approx((values[chi2.argmin()], chi2.min()), abs=2.5e-4)
    assert found.lower == 0 and found.status == "found inside the range, up to a physical boundary"


def test_a_toy_ends_at_a_boundary_where_its_profile_does() -> None:
    fitter = ToyFitter(model_of("xenonnt-sr0", "s2_w"))
    found = interval(fitter.model)
    ends = [fitter.limit(observed(fitter.model), CL_90, side).limit[0] for side in ("lower", "upper")]
    assert ends == pytest.approx([found.lower, found.upper], abs=1e-7)
    everything = [fitter.limit(observed(fitter.model), 1e4, side).limit[0] for side in ("lower", "upper")]
    assert everything == [0, 1]


def test_a_total_radius_is_shifted_and_says_how_far_zero_is() -> None:
    total, radius = (Fits(model_of("xenonnt-sr0", name)) for name in ("r2_total_e", "r2_nu_e"))
    found, expected = total.interval(cl=0.9), radius.interval(cl=0.9)
    ends, shifted = (np.array(each.pieces, dtype=float) for each in (found, expected))
    np.testing.assert_allclose(ends, shifted - 0.83, atol=1e-6)
    test = total.value_test()
    assert test is not None and radius.value_test() is None
    chi2_at_zero = Profiler(radius.model).at(0, np.array([0.83])).chi2[0]
    assert test.delta_chi2 == pytest.approx(chi2_at_zero - expected.chi2_min, abs=1e-8)
    assert test.significance == pytest.approx(np.sqrt(test.delta_chi2))
    assert test.sentence.startswith("r2_total_e = 0: Δχ² = ") and test.sentence.endswith("by Wilks' theorem")


def test_zero_of_one_total_radius_is_compared_with_the_others_fitted() -> None:
    total, radius = (Fits(model_of("xenonnt-sr0", f"{name}_e", f"{name}_mu")) for name in ("r2_total", "r2_nu"))
    test = total.value_test(1, "profiled")
    assert test is not None
    line = radius.line(1, "profiled")
    assert test.delta_chi2 == pytest.approx(line.rise_at(0.48), abs=1e-6)


def test_an_anapole_moment_has_the_interval_of_its_radius() -> None:
    found, radius = (interval(model_of("xenonnt-sr0", name)) for name in ("a_nu", "r2_nu"))
    ends, radii = (np.array(each.pieces, dtype=float) for each in (found, radius))
    np.testing.assert_allclose(ends, radii[::-1, ::-1] / -6, atol=1e-6)
    assert found.chi2_min == pytest.approx(radius.chi2_min, abs=1e-9)
