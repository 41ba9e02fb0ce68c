"""The exported workspace, evaluated and fitted by pyhf itself, against this package and against a likelihood in numpy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyhf
import pytest
from click.testing import CliRunner
from iminuit import Minuit
from scipy.optimize import brentq
from scipy.special import xlogy

from bayesnu.cli.main import main
from bayesnu.experiments import load
from bayesnu.inference import profile
from bayesnu.inference.line import Line
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model import pyhf_workspace
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian, Prior, with_kind
from bayesnu.physics.properties import parameters_of
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import EXPERIMENTS, PARAMETERS, chi2, expected, model_of, with_data

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")  # pyhf's

RANGES = {"mu_nu": (0.0, 4.0), "q_nu": (-2.0, 2.0), "r2_nu": (-120.0, 80.0)}  # where random points lie


class Evaluated:
    """A workspace after a way through JSON, as pyhf sees it: its log-density at points of the model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.workspace = pyhf.Workspace(json.loads(json.dumps(pyhf_workspace.workspace(model), allow_nan=False)))
        self.pyhf = self.workspace.model()
        self.data = self.workspace.data(self.pyhf)

    def log_density(self, theta: np.ndarray) -> float:
        """What pyhf finds at theta (parameters,)."""
        values = pyhf_workspace.parameters(self.model, theta)
        return float(self.pyhf.logpdf([values[name] for name in self.pyhf.config.par_names], self.data)[0])

    def chi2(self, theta: np.ndarray) -> float:
        """-2 log-density, finite where the model is impossible."""
        with np.errstate(invalid="ignore"):
            value = -2 * self.log_density(theta)
        return value if np.isfinite(value) else 1e9


@cache
def combination(parameters: tuple[str, ...], *names: str, **choices: Any) -> Model:
    """The model of several experiments."""
    return build([load(name) for name in names], parameters, preset("default", **choices))


def random_points(model: Model, size: int = 40) -> np.ndarray:
    """Points all over the priors of the nuisances and near the data in the physics, shape (size, parameters)."""
    random = np.random.default_rng(11)
    theta = np.stack([p.ppf(random.uniform(1e-5, 1 - 1e-5, size)) for p in model.parameters], axis=1)
    for k, prior in enumerate(model.physics):
        item = next(name for name in RANGES if prior.name.startswith(name))
        theta[:, k] = random.uniform(*RANGES[item], size)
    return theta


def assert_equal(model: Model) -> None:
    """Differences of pyhf's log-density are those of the likelihood with its constraints."""
    theta, evaluated = random_points(model), Evaluated(model)
    ours = -chi2(model, theta) / 2
    theirs = np.array([evaluated.log_density(point) for point in theta])
    assert np.ptp(ours) > 10
    np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("name", ["default", "paper"])
@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_log_likelihoods_differ_by_a_constant(experiment: str, parameter: str, name: str) -> None:
    assert_equal(model_of(experiment, parameter, preset=name))


CHOICES: list[dict[str, Any]] = [
    {"normalisations": "free"},
    {"background": "single"},
    {"efficiency_width": 0.05},
    {"one_nuisance_per_shape": False},
    {"couplings": "tree", "electrons": "free"},
]


@pytest.mark.parametrize("choices", CHOICES, ids=lambda choices: next(iter(choices)))
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_they_do_for_other_choices_and_three_flavours(parameter: str, choices: dict[str, Any]) -> None:
    assert_equal(model_of("xenonnt-sr0", *parameters_of(parameter, "all"), **choices))


@pytest.mark.parametrize("names", [EXPERIMENTS[:2], EXPERIMENTS[1:], EXPERIMENTS])
@pytest.mark.parametrize("parameter", ["mu_nu", "q_nu_mu", "r2_nu"])
def test_they_do_for_combinations(parameter: str, names: tuple[str, ...]) -> None:
    assert_equal(combination((parameter,), *names))


def test_they_do_for_several_properties_and_counts_that_are_not_whole() -> None:
    model = model_of("xenonnt-sr0", "q_nu", "r2_nu", "mu_nu_e")
    assert_equal(with_data(model, model.expected(model.nominal())))


def test_where_counts_would_be_negative_pyhf_finds_no_density() -> None:
    model = model_of("xenonnt-sr0", "q_nu", background="single")
    theta = np.append(0.4, np.full(3, 1.0))
    theta[-1] = -1.0
    assert np.any(expected(model, theta) < 0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(Evaluated(model).log_density(theta))


def minimum(statistic: Callable[[np.ndarray], float], model: Model, start: np.ndarray, fixed: int | None = None) -> Minuit:
    """Fit all parameters, or all but one, with iminuit."""
    fit = Minuit(statistic, start)
    fit.errordef, fit.tol, fit.strategy = 1.0, 1e-4, 1
    for k, prior in enumerate(model.parameters):
        fit.errors[k] = prior.width / 2 if isinstance(prior, Gaussian) else 0.1
        if k >= model.n_physics:
            fit.limits[k] = prior.lower, prior.upper
    if fixed is not None:
        fit.fixed[fixed] = True
    return fit.migrad()


def assert_same_interval(statistic: Callable[[np.ndarray], float], model: Model) -> None:
    """iminuit finds the best fit and both ends of the interval of `profile.interval`, to 1e-3 of its width."""
    found = profile.interval(model)
    assert found.best_fit is not None and found.upper is not None and len(found.pieces) == 1
    lower = 0.0 if found.lower is None else found.lower
    width = found.upper - lower
    best = minimum(statistic, model, np.append(found.best_fit + 0.1 * width, model.nominal()[1:]))
    value = best.values[0] if found.parameter.signed else abs(best.values[0])  # minuit does not know it is a modulus
    assert abs(value - found.best_fit) < (0.02 if found.best_fit == 0 else 1e-3) * width
    assert statistic(Line(ToyFitter(model)).scan().best_theta) == pytest.approx(best.fval, abs=1e-4)

    def above(value: float) -> float:
        start = np.append(value, np.array(best.values)[1:])
        return float(minimum(statistic, model, start, fixed=0).fval - best.fval) - found.delta_chi2

    for end in {lower, found.upper} - {0.0}:
        near = brentq(above, end - 0.05 * width, end + 0.05 * width, xtol=1e-5 * width)
        assert abs(near - end) < 1e-3 * width


CASES = [
    ("xenonnt-sr0", "mu_nu"),
    ("xenonnt-sr0", "q_nu"),
    ("xenonnt-sr0", "r2_nu"),
    ("pandax4t-run1", "mu_nu"),
    ("pandax4t-run1", "q_nu"),
    ("pandax4t-run0", "r2_nu"),
]


@pytest.mark.parametrize(("experiment", "parameter"), CASES)
def test_a_fit_of_the_workspace_finds_the_interval(experiment: str, parameter: str) -> None:
    model = model_of(experiment, parameter)
    assert_same_interval(Evaluated(model).chi2, model)


@pytest.mark.parametrize("experiment", ["xenonnt-sr0", "pandax4t-run1"])
def test_pyhf_alone_finds_the_limit_on_a_moment(experiment: str) -> None:
    model = model_of(experiment, "mu_nu")
    found, evaluated = profile.interval(model), Evaluated(model)
    assert found.upper is not None and found.best_fit is not None
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-4))
    try:
        best, lowest = pyhf.infer.mle.fit(evaluated.data, evaluated.pyhf, return_fitted_val=True)
        poi = best[evaluated.pyhf.config.poi_index]
        ends = [
            pyhf.infer.mle.fixed_poi_fit(end**2, evaluated.data, evaluated.pyhf, return_fitted_val=True)[1] - lowest
            for end in (0.999 * found.upper, 1.001 * found.upper)
        ]
    finally:
        pyhf.set_backend("numpy", "scipy")
    assert evaluated.pyhf.config.poi_name == "mu_nu_squared"
    assert poi == pytest.approx(found.best_fit**2, abs=2e-3 * found.upper**2)
    assert ends[0] < found.delta_chi2 < ends[1]


def poisson_chi2(model: Model, theta: np.ndarray) -> float:
    """The Poisson part alone."""
    rate, n = expected(model, theta), model.observed
    if np.any(rate <= 0):
        return 1e9
    return float(2 * np.sum(rate - n + xlogy(n, np.where(n > 0, n, 1.0)) - xlogy(n, rate)))


class SharedByHand:
    """The likelihood of a combination from models of single experiments: parameters of one name are one parameter.

    An efficiency that runs share is the first run's; the next has 1 + r (x - 1), r the ratio of their widths.
    """

    def __init__(self, parameter: str, *names: str) -> None:
        self.singles = [model_of(name, parameter) for name in names]
        self.priors = {p.name: p for single in reversed(self.singles) for p in single.parameters}

    def __call__(self, names: tuple[str, ...], theta: np.ndarray) -> float:
        values = dict(zip(names, theta, strict=True))
        total = 0.0
        for single in self.singles:
            total += poisson_chi2(single, np.array([self._own(prior, values[prior.name]) for prior in single.parameters]))
        pulled = [p for p in self.priors.values() if isinstance(p, Gaussian)]
        return float(total + sum(((values[p.name] - p.mean) / p.width) ** 2 for p in pulled))

    def _own(self, prior: Prior, value: float) -> float:
        shared = self.priors[prior.name]
        if prior == shared:
            return value
        assert isinstance(prior, Gaussian) and isinstance(shared, Gaussian)
        return 1 + prior.width / shared.width * (value - 1)


@pytest.mark.parametrize("names", [EXPERIMENTS[:2], EXPERIMENTS])
def test_a_combination_is_its_experiments_with_shared_parameters(names: tuple[str, ...]) -> None:
    model, by_hand = combination(("q_nu",), *names), SharedByHand("q_nu", *names)
    assert set(by_hand.priors) == set(model.names)
    evaluated, theta = Evaluated(model), random_points(model)
    ours = np.array([-by_hand(model.names, point) / 2 for point in theta])
    theirs = np.array([evaluated.log_density(point) for point in theta])
    np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("names", [EXPERIMENTS[:2], EXPERIMENTS[1:], EXPERIMENTS])
def test_the_interval_of_a_combination_is_that_of_a_likelihood_by_hand(names: tuple[str, ...], parameter: str) -> None:
    model, by_hand = combination((parameter,), *names), SharedByHand(parameter, *names)
    assert_same_interval(lambda theta: by_hand(model.names, theta), model)


REFUSED: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    (("xenonnt-sr0",), {"energy_scale": 0.01}, "enters with its square"),
    (("pandax4t-run1",), {"threshold_shift_kev": 0.02}, "enters with its square"),
    (("xenonnt-sr0",), {"oscillation_nuisances": "on"}, "set oscillation_nuisances = off"),
    (EXPERIMENTS[1:], {"efficiency_width": 0.02}, "one Gaussian factor that multiplies others"),
    (EXPERIMENTS[:2], {"correlated_runs": False}, "one Gaussian factor that multiplies others"),
]


@pytest.mark.parametrize(("names", "choices", "message"), REFUSED)
def test_what_pyhf_cannot_express_is_refused(names: tuple[str, ...], choices: dict[str, Any], message: str) -> None:
    with pytest.raises(BayesnuError, match=message):
        pyhf_workspace.workspace(combination(("mu_nu",), *names, **choices))


def test_runs_with_efficiencies_of_their_own_can_be_exported_one_by_one() -> None:
    for name in EXPERIMENTS[:2]:
        assert_equal(combination(("mu_nu",), name, correlated_runs=False))


def test_an_asymmetric_constraint_is_refused() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    flux = model.nuisances[0]
    assert isinstance(flux, Gaussian)
    bent = replace(flux, asymmetry=0.2)
    with pytest.raises(BayesnuError, match=r"flux_pp is asymmetric, 1 \+0.0072 -0.0048, and pyhf rounds off the bend"):
        pyhf_workspace.workspace(model.with_priors(bent))


def test_a_model_without_physics_or_with_another_prior_is_refused() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    with pytest.raises(BayesnuError, match="no expected counts depend on a physics parameter"):
        pyhf_workspace.workspace(model_of("xenonnt-sr0"))
    other = with_kind(model.nuisances[0], "log-uniform", lower=0.5, upper=2.0)
    with pytest.raises(BayesnuError, match="flux_pp is log-uniform"):
        pyhf_workspace.workspace(model.with_priors(other))


def test_a_prior_of_the_physics_is_not_part_of_the_likelihood() -> None:
    model = model_of("xenonnt-sr0", "q_nu")
    informed = model.with_priors(with_kind(model.parameters[0], "gaussian", mean=0.3, width=0.1))
    assert pyhf_workspace.workspace(informed) == pyhf_workspace.workspace(model)
    theta = model.nominal() + 0.1
    assert pyhf_workspace.parameters(informed, theta) == pyhf_workspace.parameters(model, theta)


def test_notes_say_units_ties_and_where_the_truncation_begins() -> None:
    text = " ".join(pyhf_workspace.notes(model_of("pandax4t-run1", "q_nu")))
    assert "q_nu_squared is (q_nu / (1e-12 e))^2." in text
    assert "cannot tie q_nu_squared" in text
    assert "lumi is efficiency[PandaX-4T efficiency] itself" in text
    assert "3.6 widths from the mean or farther (124Xe[pandax4t-run1])" in text  # 1 / 0.28
    assert "tie" not in " ".join(pyhf_workspace.notes(model_of("xenonnt-sr0", "mu_nu")))


def test_the_command_writes_the_workspace_to_a_file_or_alone_on_standard_output(tmp_path: Path) -> None:
    command = ["workspace", "xenonnt-sr0", "--parameter", "r2_nu", "--flavour", "mu", "--preset", "paper"]
    printed = CliRunner().invoke(main, command)
    written = CliRunner().invoke(main, [*command, "--output", str(tmp_path / "w.json")])
    assert printed.exit_code == written.exit_code == 0
    model = model_of("xenonnt-sr0", "r2_nu_mu", preset="paper")
    assert json.loads(printed.stdout) == json.loads((tmp_path / "w.json").read_text()) == pyhf_workspace.workspace(model)
    assert printed.stderr == written.stdout.partition("\n")[2] and "cannot tie" in printed.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["w.json"]


@pytest.mark.parametrize("place", [".", "missing/w.json"])
def test_a_file_that_cannot_be_written_is_a_mistake_in_one_line(place: str, tmp_path: Path) -> None:
    output = place if place == "." else str(tmp_path / place)
    result = CliRunner().invoke(main, ["workspace", "xenonnt-sr0", "--parameter", "mu_nu", "--output", output])
    assert result.exit_code == 2 and "cannot be written" in result.stderr and result.stderr.count("\n") == 1


def test_the_parameter_has_to_be_named() -> None:
    result = CliRunner().invoke(main, ["workspace", "xenonnt-sr0"])
    assert result.exit_code == 2 and "--parameter: none given" in result.stderr
