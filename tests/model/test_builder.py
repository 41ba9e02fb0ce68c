"""The model is the fold, the backgrounds and the nuisances: one polynomial, whatever the parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import Experiment, scale_exposure
from bayesnu.inference import profile
from bayesnu.model import fold, predict
from bayesnu.model.backgrounds import background_shapes
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS, Analysis
from bayesnu.model.observation import observe
from bayesnu.model.polynomial import FACTORS, Model
from bayesnu.model.priors import Flat, Gaussian, LogUniform
from bayesnu.physics import detector
from bayesnu.physics.cross_section import Couplings, standard_model, tree_couplings, weak_couplings
from bayesnu.physics.properties import couplings, parameter_of, parameters_of
from bayesnu.support.errors import BayesnuError

RUN0, RUN1, XENONNT = "pandax4t-run0", "pandax4t-run1", "xenonnt-sr0"
SETS = {
    "none": (),
    "moment": ("mu_nu",),
    "charge of one flavour": ("q_nu_mu",),
    "three common": ("mu_nu", "q_nu", "r2_nu"),
    "nine": tuple(p for name in ("mu_nu", "q_nu", "r2_nu") for p in parameters_of(name, "all")),
    "common and one flavour": ("r2_nu", "r2_nu_e"),
    "mixing angle": ("s2_w", "q_nu_e", "mu_nu"),
}


def random_theta(built: Model, rng: np.random.Generator) -> np.ndarray:
    """Parameters drawn from the priors."""
    return np.array([float(prior.ppf(np.array(rng.uniform(0.02, 0.98)))) for prior in built.parameters])


def couplings_at(built: Model, theta: np.ndarray) -> Couplings:
    """Standard Model plus electromagnetic couplings at a point, in physical units."""
    weak = weak_couplings(built.analysis.couplings, built.analysis.sin2_theta_w)
    values = dict(zip(built.names, theta, strict=True))
    return standard_model(weak) + couplings(None, weak, **{p.name: values[p.name] for p in built.physics})


def refolded(built: Model, theta: np.ndarray, experiment: Experiment, **shift: float) -> np.ndarray:
    """Expected counts of one experiment from the fold and the shapes, without the polynomial."""
    analysis, at = built.analysis, dict(zip(built.names, theta, strict=True))
    weak = standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))
    (folded,) = fold.fold_parts(experiment, analysis, fold.WHOLE, **shift)
    fluxes = np.array([at[f"flux_{component.lower()}"] for component in folded.components])
    signal = fluxes @ folded.signal(couplings_at(built, theta))
    ratio: np.ndarray | float = 1.0
    if "threshold_shift_kev" in shift:
        ratio = detector.mean_efficiency_ratio(observe(experiment, analysis).response, shift["threshold_shift_kev"])
    neutrinos = fold.fold(experiment, analysis).signal(weak).sum(axis=0)
    shapes = background_shapes(observe(experiment, analysis), neutrinos)
    background = sum(nuisance(at, shape.name, shape.shared, experiment.name) * shape.counts * ratio for shape in shapes)
    counts: np.ndarray = signal * efficiency(built, at, experiment) + background
    return counts


def nuisance(at: dict[str, float], name: str, shared: str | None, experiment: str) -> float:
    return at.get(f"{name}[{experiment}]", at.get(f"{name}[{shared}]", np.nan))


def efficiency(built: Model, at: dict[str, float], experiment: Experiment) -> float:
    """1 plus the file's width times the deviation of the nuisance in standard deviations."""
    curve = experiment.efficiency
    if built.analysis.efficiency_nuisance == "off" or curve.relative_width is None:
        return 1.0
    (prior,) = (p for p in built.nuisances if p.name in (f"efficiency[{curve.shared}]", f"efficiency[{experiment.name}]"))
    assert isinstance(prior, Gaussian)
    return 1 + curve.relative_width * (at[prior.name] - 1) / prior.width


def check_against_folds(built: Model, seed: int) -> None:
    theta = random_theta(built, np.random.default_rng(seed))
    found = built.expected(theta)
    for block, experiment in zip(built.blocks, built.experiments, strict=True):
        np.testing.assert_allclose(found[block.bins], refolded(built, theta, experiment), rtol=1e-9)


@pytest.mark.parametrize("parameters", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_three_experiments_together_are_their_folds_and_backgrounds(preset: str, parameters: tuple[str, ...]) -> None:
    loaded = [experiments.load(n, PRESETS[preset].inputs) for n in (RUN0, RUN1, XENONNT)]
    check_against_folds(build(loaded, parameters, PRESETS[preset]), seed=7)


@pytest.mark.parametrize(
    "choices",
    [
        {"correlated_runs": False},
        {"normalisations": "free"},
        {"one_nuisance_per_shape": False},
        {"background": "single", "solar_subtraction": "published"},
        {"couplings": "tree", "sin2_theta_w": 0.231},
        {"electrons": "rrpa", "region": "all"},
        {"solar_model": "B16-AGSS09met", "sin2_theta23": 0.561},
        {"solar_components": "all"},
    ],
)
def test_every_choice_goes_through_the_polynomial(choices: dict[str, Any]) -> None:
    built = build([experiments.load(RUN1), experiments.load(RUN0)], SETS["three common"], Analysis(**choices))
    check_against_folds(built, seed=11)


@pytest.mark.parametrize("name", experiments.names())
def test_at_the_nominal_point_the_model_is_the_standard_one(name: str) -> None:
    experiment = experiments.load(name)
    built = build([experiment], SETS["nine"])
    bare = build([experiment])
    np.testing.assert_allclose(built.expected(built.nominal()), bare.expected(bare.nominal()), rtol=1e-13)


def test_parameters_are_the_physics_in_the_order_given_then_fluxes_then_experiments() -> None:
    built = build([experiments.load(XENONNT), experiments.load(RUN1)], ("r2_nu_e", "mu_nu"))
    assert built.names[:4] == ("r2_nu_e", "mu_nu", "flux_pp", "flux_7be")
    assert built.n_physics == 2 and built.physics + built.nuisances == built.parameters
    owners = [name.partition("[")[2] for name in built.names[4:]]
    assert owners == sorted(owners, key=lambda o: o != f"{XENONNT}]")
    assert len(set(built.names)) == len(built.names)


@pytest.mark.parametrize(("sun", "widths"), [("B16-GS98", (0.006, 0.06)), ("B16-AGSS09met", (0.005, 0.06))])
def test_fluxes_have_the_solar_model_s_widths_and_are_shared(sun: str, widths: tuple[float, float]) -> None:
    built = build([experiments.load(XENONNT), experiments.load(RUN1)], (), Analysis(solar_model=sun))
    fluxes = [p for p in built.nuisances if p.name.startswith("flux")]
    assert [(p.mean, p.width) for p in fluxes if isinstance(p, Gaussian)] == [(1, w) for w in widths]


def test_expected_counts_are_a_quadratic_polynomial_in_a_physics_parameter() -> None:
    built = build([experiments.load(XENONNT)], SETS["nine"])
    theta = np.tile(random_theta(built, np.random.default_rng(2)), (4, 1))
    for k in range(built.n_physics):
        line = theta.copy()
        line[:, k] = [0.0, 1.0, 2.0, 3.0]
        counts = built.expected(line)
        third = np.diff(counts, n=3, axis=0)
        assert np.abs(third).max() < 1e-11 * np.abs(counts).max()


def test_expected_counts_are_linear_in_every_nuisance() -> None:
    built = build([experiments.load(RUN0), experiments.load(RUN1)], ("q_nu",))
    theta = np.tile(random_theta(built, np.random.default_rng(3)), (3, 1))
    for k in range(built.n_physics, len(built.parameters)):
        line = theta.copy()
        line[:, k] = [0.2, 0.9, 1.6]
        counts = built.expected(line)
        assert np.abs(np.diff(counts, n=2, axis=0)).max() < 1e-11 * counts.max()
        assert np.ptp(counts, axis=0).max() > 0  # every nuisance moves something


def test_moments_enter_as_a_sum_of_squares() -> None:
    built = build([experiments.load(XENONNT)], parameters_of("mu_nu", "all"))
    theta = built.nominal()

    def excess(*moments: float) -> np.ndarray:
        theta[:3] = moments
        change: np.ndarray = built.expected(theta) - built.expected(built.nominal())
        return change

    alone = [excess(*row) for row in 2.0 * np.eye(3)]
    np.testing.assert_allclose(excess(2.0, 2.0, 2.0), sum(alone), rtol=1e-9)
    np.testing.assert_allclose(excess(-2.0, 2.0, -2.0), sum(alone), rtol=1e-9)
    common = build([experiments.load(XENONNT)], ("mu_nu",))
    point = common.nominal()
    point[0] = 2.0
    np.testing.assert_allclose(common.expected(point) - common.expected(common.nominal()), sum(alone), rtol=1e-9)


def test_coefficients_are_products_of_the_named_factors() -> None:
    built = build([experiments.load(RUN1)], ("mu_nu", "q_nu"), Analysis(threshold_shift_kev=0.1, energy_scale=0.01))
    theta = random_theta(built, np.random.default_rng(5))
    extended = [*theta, 1.0]
    expected = [np.prod([extended[f] for f in row]) for row in built.factors]
    np.testing.assert_allclose(built.coefficients(theta), expected, rtol=1e-13)
    assert built.factors.shape[1] == FACTORS
    assert built.factors.min() >= 0 and built.factors.max() == len(built.parameters)
    used = np.sum(built.factors < len(built.parameters), axis=1)
    assert used.max() == 6 and used.min() == 1  # flux x charge^2 x efficiency x shift^2, and a background


def test_blocks_divide_terms_and_bins_and_no_term_reaches_another_experiment() -> None:
    built = build([experiments.load(n) for n in (RUN0, RUN1, XENONNT)], SETS["three common"])
    rows, columns = np.zeros(len(built.templates)), np.zeros(len(built.observed))
    outside = built.templates.copy()
    for block in built.blocks:
        rows[block.templates] += 1
        columns[block.bins] += 1
        outside[block.templates, block.bins] = 0
    assert np.all(rows == 1) and np.all(columns == 1) and not outside.any()
    assert [b.experiment for b in built.blocks] == [RUN0, RUN1, XENONNT]


def test_data_are_the_bins_of_the_region() -> None:
    loaded = [experiments.load(n) for n in (RUN0, XENONNT)]
    built = build(loaded)
    np.testing.assert_array_equal(built.observed, np.concatenate([e.observed[e.in_region] for e in loaded]))
    assert built.observed[built.blocks[1].bins].sum() == 433  # the published events of 1 to 30 keV


def test_adding_an_experiment_does_not_change_the_others() -> None:
    alone = build([experiments.load(XENONNT)], ("r2_nu",))
    both = build([experiments.load(RUN1), experiments.load(XENONNT)], ("r2_nu",))
    theta = random_theta(both, np.random.default_rng(8))
    at = dict(zip(both.names, theta, strict=True))
    mine = np.array([at[name] for name in alone.names])
    np.testing.assert_allclose(both.expected(theta)[both.blocks[1].bins], alone.expected(mine), rtol=1e-12)


def test_parameters_of_any_shape_are_evaluated_one_by_one() -> None:
    built = build([experiments.load(XENONNT)], ("mu_nu",))
    rng = np.random.default_rng(4)
    theta = np.array([[random_theta(built, rng) for _ in range(3)] for _ in range(2)])
    together = built.expected(theta)
    assert together.shape == (2, 3, len(built.observed))
    np.testing.assert_allclose(together[1, 2], built.expected(theta[1, 2]), rtol=1e-13)


# --- shifts of threshold and energy scale ---

SHIFTS = {"threshold_shift": "threshold_shift_kev", "energy_scale": "energy_scale"}


def shifted_model(name: str, kind: str, width: float) -> Model:
    changed: dict[str, Any] = {SHIFTS[kind]: width}
    return build([experiments.load(name)], ("mu_nu", "r2_nu"), Analysis(**changed))


def shifted_theta(built: Model, kind: str, name: str, deviation: float) -> np.ndarray:
    theta = random_theta(built, np.random.default_rng(6))
    theta[built.names.index(f"{kind}[{name}]")] = deviation
    return theta


@pytest.mark.parametrize("deviation", [-2.0, -1.0, -0.3, 0.0, 0.7, 1.0, 1.7, 2.0])
@pytest.mark.parametrize(("kind", "width"), [("threshold_shift", 0.05), ("threshold_shift", 0.1), ("energy_scale", 0.01)])
@pytest.mark.parametrize("name", [XENONNT, RUN0, RUN1])
def test_a_shift_is_a_new_fold_within_a_tenth_of_the_poisson_error(
    name: str, kind: str, width: float, deviation: float
) -> None:
    built = shifted_model(name, kind, width)
    theta = built.nominal()
    theta[:2] = 0.5, -3.0  # 1e-11 mu_B and 1e-32 cm^2
    theta[built.names.index(f"{kind}[{name}]")] = deviation
    shift = {f"{kind}_kev" if kind == "threshold_shift" else kind: deviation * width}
    exact = refolded(built, theta, built.experiments[0], **shift)
    error = np.abs(built.expected(theta) - exact) / np.sqrt(exact)
    assert error.max() < (1e-12 if deviation == 0 else 0.1 if name == RUN1 and kind == "threshold_shift" else 0.02)


def test_a_higher_threshold_takes_events_from_the_first_bin() -> None:
    built = shifted_model(XENONNT, "threshold_shift", 0.1)
    counts = [built.expected(shifted_theta(built, "threshold_shift", XENONNT, d))[0] for d in (-1, 0, 1)]
    assert counts[0] > counts[1] > counts[2]


def test_shifts_are_standard_normal_and_off_by_default() -> None:
    built = build([experiments.load(XENONNT)], (), Analysis(threshold_shift_kev=0.1, energy_scale=0.01))
    shifts = [p for p in built.nuisances if p.name.startswith(("threshold", "energy"))]
    assert [(p.mean, p.width) for p in shifts if isinstance(p, Gaussian)] == [(0, 1), (0, 1)]
    assert not [n for n in build([experiments.load(XENONNT)]).names if n.startswith(("threshold", "energy"))]


# --- refusals and replacements ---


def test_incompatible_experiments_are_refused_in_one_sentence() -> None:
    with pytest.raises(BayesnuError, match="can never be combined"):
        build([experiments.load(RUN0), experiments.load("pandax4t-run0-first")])
    with pytest.raises(BayesnuError, match="twice"):
        build([experiments.load(RUN0), experiments.load(RUN0)])


def test_no_experiment_a_double_or_an_unknown_parameter_are_refused_in_one_sentence() -> None:
    loaded = [experiments.load(XENONNT)]
    for arguments, words in (
        (([], ["mu_nu"]), "experiments: none given"),
        ((loaded, ["mu_nu", "mu_nu"]), "named twice"),
        ((loaded, ["mu_mu"]), "did you mean 'mu_nu'"),
    ):
        with pytest.raises(BayesnuError, match=words) as caught:
            build(*arguments)
        assert "\n" not in str(caught.value)


def test_priors_are_replaced_by_name_and_nothing_else_changes() -> None:
    built = build([experiments.load(XENONNT)], ("mu_nu",))
    log = LogUniform(parameter_of("mu_nu"), 0.01, 10.0)
    other = built.with_priors(log)
    assert other.parameters == (log, *built.parameters[1:])
    theta = built.nominal()
    np.testing.assert_array_equal(other.expected(theta), built.expected(theta))
    with pytest.raises(BayesnuError, match="no parameter 'q_nu'"):
        built.with_priors(Flat(replace(parameter_of("q_nu"), scale=1.0), 0.0, 1.0))


@pytest.mark.parametrize("name", [XENONNT, RUN1])
@pytest.mark.parametrize("subtraction", ["model", "published"])
def test_a_model_of_another_exposure_has_all_counts_scaled_and_the_same_widths(name: str, subtraction: str) -> None:
    experiment = experiments.load(name)
    analysis = Analysis(solar_subtraction=subtraction)
    one = build([experiment], ("mu_nu",), analysis)
    other = build([scale_exposure(experiment, 2 * experiment.exposure_tonne_years)], ("mu_nu",), analysis)
    np.testing.assert_allclose(other.templates, 2 * one.templates, rtol=1e-12)
    np.testing.assert_allclose(other.observed, 2 * one.observed, rtol=1e-12)
    widths = [[p.width for p in model.nuisances if isinstance(p, Gaussian)] for model in (one, other)]
    assert widths[0] == pytest.approx(widths[1], rel=1e-12)


def test_an_exposure_leaves_no_background_behind() -> None:
    experiment = experiments.load(XENONNT)
    with pytest.raises(BayesnuError, match=r"^xenonnt-sr0: found an exposure of 20 tonne-years and [^\n]+ of 1\.16;"):
        replace(experiment, exposure_tonne_years=20.0)
    with pytest.raises(BayesnuError, match=r"^experiments: found 'xenonnt-sr0' with 'xenonnt-sr0-scaled', which"):
        build([experiment, scale_exposure(experiment, 20.0)])
    for wrong in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(BayesnuError, match=r"^tonne_years: found"):
            scale_exposure(experiment, wrong)


def test_a_projection_has_the_limit_of_the_whole_data_set_scaled() -> None:
    scaled = scale_exposure(experiments.load(XENONNT), 20.0)
    expected = predict.expected_counts(scaled, Analysis(region="all"))
    assert expected.background[1:].sum() == pytest.approx((426.5 - 77.16) * 20 / 1.16, rel=2e-3)
    found = profile.interval(build([replace(scaled, observed=expected.expected)], ("mu_nu",)))
    assert found.upper == pytest.approx(0.525, abs=5e-4)  # from an independent fit; 0.291 with the background of 1.16 t yr


@pytest.mark.parametrize("value", [0.0, 0.31, 1.0])
def test_a_mixing_angle_is_the_one_that_couplings_have_by_choice(value: float) -> None:
    built = build(XENONNT, "s2_w", Analysis(couplings="tree", sin2_theta_w=0.25))
    signal = built.coefficients(built.nominal(s2_w=value)) * built.is_signal @ built.templates
    chosen = fold.fold(experiments.load(XENONNT), built.analysis).signal(standard_model(tree_couplings(value))).sum(axis=0)
    np.testing.assert_allclose(signal, chosen, rtol=1e-9)


@pytest.mark.parametrize("choices", [{}, {"couplings": "tree", "sin2_theta_w": 0.2}], ids=str)
def test_a_model_with_a_mixing_angle_is_the_standard_one_where_it_is_nominal(choices: dict[str, Any]) -> None:
    built, plain = (build(XENONNT, parameters, Analysis(**choices)) for parameters in ("s2_w", ()))
    assert built.standard == (choices.get("sin2_theta_w", 0.23857),) == (built.nominal()[0],)
    np.testing.assert_allclose(built.expected(built.nominal()), plain.expected(plain.nominal()), rtol=1e-12)
    shifted = build(XENONNT, "s2_w", Analysis(**choices, threshold_shift_kev=0.05))
    np.testing.assert_allclose(shifted.expected(shifted.nominal()), plain.expected(plain.nominal()), rtol=1e-12)


def test_a_mixing_angle_beside_a_radius_is_refused() -> None:
    with pytest.raises(BayesnuError, match=r"^parameter: found s2_w beside r2_nu; they shift the same couplings"):
        build(XENONNT, ("r2_nu", "s2_w"))
