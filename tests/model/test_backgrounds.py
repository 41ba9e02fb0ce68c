"""Backgrounds: no neutrino counted twice, published widths, free and shared normalisations."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import (
    AbsoluteWidth,
    Background,
    Component,
    ComponentPrior,
    Experiment,
    FreeWidth,
    GaussianPrior,
    RelativeWidth,
)
from bayesnu.model import builder, fold, polynomial, response_widths
from bayesnu.model.backgrounds import FREE_MAXIMUM, Shape, background_shapes, fitted_size
from bayesnu.model.choices import PRESETS, Analysis
from bayesnu.model.observation import observe
from bayesnu.model.priors import Flat, Gaussian
from bayesnu.physics.cross_section import standard_model, weak_couplings
from bayesnu.support.errors import BayesnuError

NAMES = [name for name in experiments.names() if experiments.load(name).background.solar_neutrinos == "included"]
CHOICES: list[dict[str, Any]] = [
    {"background": background, "solar_subtraction": subtraction, "one_nuisance_per_shape": one, "normalisations": norm}
    for background, subtraction, one, norm in product(
        ("components", "single"), ("model", "published"), (True, False), ("fit", "prior", "free")
    )
    if one or background == "components"
]
RUN0, RUN1, XENONNT = "pandax4t-run0", "pandax4t-run1", "xenonnt-sr0"


def neutrinos(experiment: Experiment, analysis: Analysis) -> np.ndarray:
    """The model's own Standard Model neutrinos, which no choice of background changes."""
    names = ("background", "background_width", "solar_subtraction", "one_nuisance_per_shape", "normalisations")
    return folded(experiment, replace(analysis, **{name: getattr(Analysis(), name) for name in names}))


@cache
def folded(experiment: Experiment, analysis: Analysis) -> np.ndarray:
    weak = standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))
    counts: np.ndarray = fold.fold(experiment, analysis).signal(weak).sum(axis=0)
    return counts


def shapes_of(experiment: Experiment, analysis: Analysis) -> dict[str, Shape]:
    return {s.name: s for s in background_shapes(observe(experiment, analysis), neutrinos(experiment, analysis))}


def summed(shapes: dict[str, Shape]) -> np.ndarray:
    total: np.ndarray = np.sum([shape.counts for shape in shapes.values()], axis=0)
    return total


def published_total(experiment: Experiment) -> np.ndarray:
    assert experiment.background.total is not None
    return experiment.background.total


def published_neutrinos(experiment: Experiment) -> np.ndarray:
    assert experiment.background.published_solar_neutrinos is not None
    return experiment.background.published_solar_neutrinos


def absent(experiment: Experiment, components: tuple[Component, ...]) -> Background:
    """A background without neutrinos."""
    return Background(experiment.exposure_tonne_years, "absent", None, None, None, components)


def with_component(experiment: Experiment, name: str, **changes: Any) -> Experiment:
    background = experiment.background
    components = tuple(replace(c, **changes) if c.name == name else c for c in background.components)
    return replace(experiment, background=replace(background, components=components))


# --- no double counting ---


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_total_at_the_standard_model_point_is_the_published_one_in_every_bin(name: str, preset: str) -> None:
    experiment = experiments.load(name, PRESETS[preset].inputs)
    for choices in CHOICES:
        analysis = replace(PRESETS[preset], **choices)
        bins = observe(experiment, analysis).bins
        own = neutrinos(experiment, analysis)
        published = published_neutrinos(experiment)[bins]
        taken_out = own if analysis.solar_subtraction == "model" else published
        # A bin whose neutrinos alone exceed the published total (XENONnT below 1 keV) keeps no background.
        expected = np.maximum(published_total(experiment)[bins], taken_out)
        np.testing.assert_allclose(summed(shapes_of(experiment, analysis)) + taken_out, expected, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_no_bin_of_the_region_of_interest_is_cut_at_zero(name: str) -> None:
    experiment, analysis = experiments.load(name), Analysis()
    total = published_total(experiment)[observe(experiment, analysis).bins]
    expected = summed(shapes_of(experiment, analysis)) + neutrinos(experiment, analysis)
    np.testing.assert_allclose(expected, total, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_model_s_total_at_its_nominal_point_is_the_published_one(name: str) -> None:
    experiment = experiments.load(name)
    built = builder.build([experiment], ["mu_nu", "q_nu", "r2_nu"])
    total = published_total(experiment)[experiment.in_region]
    np.testing.assert_allclose(built.expected(built.nominal()), total, rtol=1e-12)


def test_more_neutrinos_of_the_model_leave_less_background() -> None:
    experiment = experiments.load(XENONNT)
    radiative, tree = (shapes_of(experiment, Analysis(couplings=c)) for c in ("radiative", "tree"))
    assert summed(tree).sum() < summed(radiative).sum()
    np.testing.assert_array_equal(tree["136Xe"].counts, radiative["136Xe"].counts)


def test_without_published_neutrinos_the_components_are_the_background() -> None:
    experiment = experiments.load(RUN1)
    own = tuple(c for c in experiment.background.components if c.counts is not None)
    bare = replace(experiment, background=absent(experiment, own))
    bins = observe(bare, Analysis()).bins
    expected = np.sum([c.counts[bins] for c in own if c.counts is not None], axis=0)
    for background in ("components", "single"):
        shapes = shapes_of(bare, Analysis(background=background))
        np.testing.assert_allclose(summed(shapes), expected, rtol=1e-13)


def test_the_sun_alone_may_be_the_only_source() -> None:
    experiment = experiments.load(RUN1)
    bare = replace(experiment, background=absent(experiment, ()))
    for background in ("components", "single"):
        assert shapes_of(bare, Analysis(background=background)) == {}


# --- widths ---

PUBLISHED = {
    XENONNT: {"flat": 0.108, "136Xe": 0.032, "124Xe": 0.12},
    RUN1: {"flat": 0.066, "136Xe": 0.074, "124Xe": 0.28, "accidental": 0.27},
    RUN0: {"flat": 0.09, "136Xe": 0.074, "127Xe": 0.05, "124Xe": 0.26, "accidental": 0.27},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_widths_are_the_published_ones(name: str) -> None:
    shapes = shapes_of(experiments.load(name), Analysis())
    widths = {n: s.width for n, s in shapes.items() if s.width is not None}
    assert widths == pytest.approx(PUBLISHED[name], abs=0.0015)
    assert {n for n, s in shapes.items() if s.width is None} == ({"tritium"} if name != XENONNT else set())


def test_flat_components_of_xenonnt_add_in_quadrature() -> None:
    # 214Pb 960 +- 120, 85Kr 90 +- 60, materials 270 +- 50 (arXiv:2207.11330): 1320 +- 143, 10.8 percent.
    shapes = shapes_of(experiments.load(XENONNT), Analysis())
    assert shapes["flat"].width == pytest.approx(np.hypot(np.hypot(120, 60), 50) / 1320, abs=0.0015)


def test_without_grouping_each_component_has_its_own_width_and_shares_the_shape() -> None:
    experiment = experiments.load(XENONNT)
    grouped = shapes_of(experiment, Analysis())
    single = shapes_of(experiment, Analysis(one_nuisance_per_shape=False))
    assert set(single) == {"214Pb", "85Kr", "materials", "136Xe", "124Xe"}
    parts = [single[n] for n in ("214Pb", "85Kr", "materials")]
    assert [p.width for p in parts] == [0.125, 0.67, 0.185]
    np.testing.assert_allclose(sum(p.counts for p in parts), grouped["flat"].counts, rtol=1e-12)
    for part in parts[1:]:
        np.testing.assert_allclose(part.counts / parts[0].counts, part.counts[0] / parts[0].counts[0], rtol=1e-12)
    error = np.sqrt(sum((p.width * p.counts.sum()) ** 2 for p in parts))
    assert grouped["flat"].width == pytest.approx(error / grouped["flat"].counts.sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "error", "counts"),
    [("214Pb", 45.3, 700.3), ("212Pb", 23.8, 96.5), ("85Kr", 58.9, 272.2), ("material", 7.8, 105.9)],
)
def test_an_absolute_width_is_relative_to_the_published_counts(name: str, error: float, counts: float) -> None:
    shapes = shapes_of(experiments.load(RUN1), Analysis(one_nuisance_per_shape=False))
    assert shapes[name].width == pytest.approx(error / counts, rel=0.004)


@pytest.mark.parametrize("choices", [{"region": "all"}, {"couplings": "tree"}, {"electrons": "free"}])
def test_a_width_depends_on_neither_region_nor_signal(choices: dict[str, Any]) -> None:
    experiment = experiments.load(RUN1)
    one = shapes_of(experiment, Analysis(one_nuisance_per_shape=False))
    other = shapes_of(experiment, Analysis(one_nuisance_per_shape=False, **choices))
    assert {n: s.width for n, s in one.items()} == {n: s.width for n, s in other.items()}


def test_kinds_of_width_convert_to_relative() -> None:
    assert RelativeWidth(0.2).relative(50.0) == 0.2
    assert AbsoluteWidth(10.0).relative(50.0) == 0.2


def test_fractions_of_the_remainder_are_fractions_of_its_counts() -> None:
    experiment = experiments.load(RUN1)
    components = {c.name: c for c in experiment.background.components}
    fitted = {name: fitted_size(observe(experiment, Analysis()), c) for name, c in components.items()}
    assert fitted["214Pb"] / fitted["85Kr"] == pytest.approx(700.3 / 272.2, rel=1e-4)
    own = components["136Xe"].counts
    assert own is not None and fitted["136Xe"] == own.sum()
    everything = sum(fitted.values()) + published_neutrinos(experiment).sum()
    assert everything == pytest.approx(published_total(experiment).sum(), rel=1e-3)


def test_a_single_background_has_the_width_of_the_analysis() -> None:
    for name in NAMES:
        shapes = shapes_of(experiments.load(name), Analysis(background="single", background_width=0.031))
        assert [(s.name, s.width) for s in shapes.values()] == [("background", 0.031)]


# --- free normalisations ---


def test_tritium_is_free_on_ten_times_its_fit() -> None:
    built = builder.build([experiments.load(RUN1)])
    (prior,) = (p for p in built.nuisances if p.name.startswith("tritium"))
    assert isinstance(prior, Flat) and (prior.lower, prior.upper) == (0, 10)


@pytest.mark.parametrize("background", ["components", "single"])
def test_every_normalisation_can_be_free(background: str) -> None:
    analysis = Analysis(normalisations="free", background=background)
    built = builder.build([experiments.load(XENONNT)], ["r2_nu"], analysis)
    free = [p for p in built.nuisances if not p.name.startswith("flux")]
    assert len(free) == (3 if background == "components" else 1)
    assert all(isinstance(p, Flat) and (p.lower, p.upper) == (0, FREE_MAXIMUM) for p in free)
    np.testing.assert_allclose(built.expected(built.nominal()), published_total(experiments.load(XENONNT))[1:], rtol=1e-12)


def test_a_file_s_own_maximum_of_a_free_width_is_kept() -> None:
    experiment = with_component(experiments.load(RUN1), "tritium", width=FreeWidth(3.0))
    (prior,) = (p for p in builder.build([experiment]).nuisances if p.name.startswith("tritium"))
    assert (prior.lower, prior.upper) == (0, 3)


def test_a_group_with_a_free_member_is_free() -> None:
    experiment = with_component(experiments.load(XENONNT), "85Kr", width=FreeWidth(4.0))
    assert shapes_of(experiment, Analysis())["flat"].width is None


def test_amplitudes_with_a_width_are_truncated_at_zero() -> None:
    built = builder.build([experiments.load(n) for n in (RUN0, RUN1, XENONNT)])
    gaussian = [p for p in built.nuisances if isinstance(p, Gaussian)]
    assert len(gaussian) > 10
    assert all(p.mean == 1 and p.upper == np.inf for p in gaussian)
    # the efficiency of Run 0 and Run 1 ends where that of the wider one is zero
    widths = [experiments.load(name).efficiency.relative_width for name in (RUN0, RUN1)]
    assert widths[0] is not None and widths[1] is not None
    shared = 1 - widths[0] / max(widths[0], widths[1])
    assert all(p.lower == pytest.approx(shared if p.name.startswith("efficiency") else 0) for p in gaussian)


# --- shared nuisances of the two runs ---


def joint(correlated: bool, order: tuple[str, str] = (RUN0, RUN1)) -> polynomial.Model:
    return builder.build([experiments.load(n) for n in order], ["mu_nu"], Analysis(correlated_runs=correlated))


def test_correlated_runs_share_136xe_and_the_efficiency() -> None:
    shared, separate = set(joint(True).names), set(joint(False).names)
    assert {"136Xe[PandaX-4T 136Xe]", "efficiency[PandaX-4T efficiency]"} <= shared
    assert {f"{kind}[{run}]" for kind in ("136Xe", "efficiency") for run in (RUN0, RUN1)} <= separate
    assert len(separate) == len(shared) + 2


def test_uncorrelated_runs_have_the_widths_of_their_files() -> None:
    widths = {p.name: p.width for p in joint(False).nuisances if isinstance(p, Gaussian)}
    assert widths[f"efficiency[{RUN0}]"] == pytest.approx(0.046, abs=5e-4)
    assert widths[f"efficiency[{RUN1}]"] == pytest.approx(0.074, abs=5e-4)


def signal_ratio(built: polynomial.Model, efficiency: float) -> list[float]:
    """Signal of each experiment at an efficiency over that at one."""
    theta = built.nominal()
    moved = theta.copy()
    moved[[name.startswith("efficiency") for name in built.names]] = efficiency
    change = built.expected(moved) - built.expected(theta)
    signal = [neutrinos(e, built.analysis).sum() for e in built.experiments]
    return [1 + change[b.bins].sum() / s for b, s in zip(built.blocks, signal, strict=True)]


@pytest.mark.parametrize("correlated", [True, False])
def test_the_joint_total_at_the_nominal_point_is_the_published_one(correlated: bool) -> None:
    built = joint(correlated)
    totals = [published_total(e)[e.in_region] for e in built.experiments]
    np.testing.assert_allclose(built.expected(built.nominal()), np.concatenate(totals), rtol=1e-12)


@pytest.mark.parametrize("efficiency", [0.9, 1.0, 1.13])
def test_a_shared_efficiency_moves_each_run_by_its_own_width(efficiency: float) -> None:
    first, second = signal_ratio(joint(True), efficiency)
    ratio = (0.068 / 0.92) / (0.043 / 0.945)
    assert first == pytest.approx(efficiency, rel=1e-10)
    assert second == pytest.approx(1 + ratio * (efficiency - 1), rel=1e-5)


def test_the_order_of_the_runs_does_not_matter() -> None:
    one, other = joint(True), joint(True, (RUN1, RUN0))
    sigma = {b.name: b.width for b in (*one.nuisances, *other.nuisances) if isinstance(b, Gaussian)}
    assert sigma["efficiency[PandaX-4T efficiency]"] == pytest.approx(0.0739, abs=1e-4)  # of the last: Run 1 first
    deviations = [-1.5, 0.4, 2.0]  # in standard deviations
    for deviation in deviations:
        first, second = signal_ratio(one, 1 + deviation * 0.0455026)
        second_too, first_too = signal_ratio(other, 1 + deviation * 0.0739130)
        assert [first, second] == pytest.approx([first_too, second_too], rel=1e-9)


def test_efficiency_moves_the_signal_alone() -> None:
    built = builder.build([experiments.load(RUN1)])
    theta = built.nominal()
    theta[built.names.index("efficiency[PandaX-4T efficiency]")] = 0.0
    left = built.expected(theta)
    experiment = experiments.load(RUN1)
    expected = published_total(experiment)[experiment.in_region] - neutrinos(experiment, Analysis())
    np.testing.assert_allclose(left, expected, rtol=1e-10)


def test_efficiency_has_no_nuisance_where_none_is_published_or_wanted() -> None:
    def names(name: str, **choices: Any) -> list[str]:
        return [n for n in builder.build([experiments.load(name)], (), Analysis(**choices)).names if "efficiency" in n]

    assert names(XENONNT) == [] and names(RUN1, efficiency_nuisance="off") == []
    assert names(XENONNT, efficiency_width=0.1) == [f"efficiency[{XENONNT}]"]


def test_a_shared_component_with_two_widths_is_refused_in_one_sentence() -> None:
    other = with_component(experiments.load(RUN1), "136Xe", width=RelativeWidth(0.2))
    with pytest.raises(BayesnuError, match=r"^pandax4t-run1: the component '136Xe' shares the key [^\n]+$"):
        builder.build([experiments.load(RUN0), other])
    assert builder.build([experiments.load(RUN0), other], (), Analysis(correlated_runs=False)).names


# --- keys and what they join ---


def made_up(name: str, *components: Component, bins: tuple[float, float] = (30.0, 60.0)) -> Experiment:
    """Two bins, 30 and 60 events observed, and a background of components with counts of their own."""
    return replace(
        experiments.load(RUN1),
        name=name,
        edges_kev=np.array([2.0, 10.0, 30.0]),
        region_kev=(2.0, 30.0),
        model_values_kev=None,
        turn_on=None,
        observed=np.array(bins),
        neutrinos=None,
        background=absent(experiments.load(RUN1), components),
    )


def component(name: str, counts: list[float], **changes: Any) -> Component:
    given: dict[str, Any] = {"shape": name, "width": RelativeWidth(0.1), "shared": None} | changes
    return Component(name=name, counts=np.array(counts), fraction=None, label=name, **given)


def test_a_key_is_one_normalisation_whatever_the_components_are_called() -> None:
    one = made_up("one", component("136Xe", [10, 20], shared="xenon 136"))
    other = made_up("other", component("xe", [5, 7], shared="xenon 136"), bins=(31.0, 61.0))
    built = builder.build([one, other])
    assert [name for name in built.names if "xenon 136" in name] == ["136Xe[xenon 136]"]
    theta = built.nominal()
    theta[built.names.index("136Xe[xenon 136]")] = 1.5
    moved = built.expected(theta) - built.expected(built.nominal())
    np.testing.assert_allclose(moved, [5, 10, 2.5, 3.5], rtol=1e-12)
    apart = builder.build([one, other], (), Analysis(correlated_runs=False))
    assert {"136Xe[one]", "xe[other]"} <= {*apart.names}


def test_components_of_one_shape_with_different_keys_are_refused() -> None:
    keyed = component("a", [10, 20], shape="flat", shared="krypton")
    data = made_up("one", keyed, component("b", [5, 7], shape="flat"))
    said = r"^one: found the shared keys 'krypton' and none on components of the shape 'flat', [^\n]+$"
    with pytest.raises(BayesnuError, match=said):
        builder.build(data)
    assert "flat[one]" in builder.build(data, (), Analysis(correlated_runs=False)).names
    assert "a[shared krypton]" in builder.build(data, (), Analysis(one_nuisance_per_shape=False)).names


def test_asymmetric_errors_of_one_normalisation_add_linearly_on_each_side() -> None:
    keyed = {"shape": "flat", "shared": "krypton"}
    one = component("a", [10, 20], width=RelativeWidth(0.2, 0.5), **keyed)  # 3 below, 9 above
    other = component("b", [20, 10], width=AbsoluteWidth(3.0, -1 / 3), **keyed)  # 4 below, 2 above
    (prior,) = (p for p in builder.build(made_up("one", one, other)).nuisances if p.name.startswith("flat"))
    assert isinstance(prior, Gaussian)
    assert (prior.below, prior.above) == pytest.approx((7 / 60, 11 / 60), rel=1e-12)


def test_independent_asymmetric_errors_have_no_sum() -> None:
    parts = [component(name, [10, 20], shape="flat", width=RelativeWidth(0.2, 0.5)) for name in ("a", "b")]
    data = made_up("one", *parts)
    with pytest.raises(BayesnuError, match=r"^one: found asymmetric widths [^\n]+ of the shape 'flat', [^\n]+$"):
        builder.build(data)
    assert "a[one]" in builder.build(data, (), Analysis(one_nuisance_per_shape=False)).names
    assert "flat[one]" in builder.build(data, (), Analysis(normalisations="free")).names


def test_a_file_may_give_a_width_on_either_side(tmp_path: Path) -> None:
    text = experiments.template().replace(
        "width = { relative = 0.05 }", "width = { lower = { absolute = 0.22 }, upper = { absolute = 0.55 } }"
    )
    text = text.replace("gaussian = { mean = 90, sigma = 60 }", "gaussian = { mean = 90, lower = 40, upper = 60 }")
    path = tmp_path / "my-experiment.toml"
    path.write_text(text, encoding="utf-8")
    experiment = experiments.load(str(path))
    shapes = shapes_of(experiment, Analysis(normalisations="prior"))
    assert shapes["136Xe"].constraint == "+25 -10 %"  # of 2.2 counts
    assert shapes["85Kr"].constraint == "1.125 +75 -50 %"  # of 80 fitted ones
    priors = {p.name.split("[")[0]: p for p in builder.build(experiment, (), Analysis(normalisations="prior")).nuisances}
    assert isinstance(priors["85Kr"], Gaussian) and isinstance(priors["136Xe"], Gaussian)
    assert (priors["85Kr"].mean, priors["85Kr"].below, priors["85Kr"].above) == pytest.approx((1.125, 0.5, 0.75))
    assert (priors["136Xe"].mean, priors["136Xe"].below, priors["136Xe"].above) == pytest.approx((1.0, 0.1, 0.25))
    scaled = experiments.scale_exposure(experiment, 10.0)
    assert shapes_of(scaled, Analysis())["136Xe"].constraint == "+25 -10 %"


def test_a_shared_efficiency_without_a_width_is_refused() -> None:
    loaded = experiments.load(RUN1)
    without = replace(loaded, efficiency=replace(loaded.efficiency, relative_width=None))
    with pytest.raises(BayesnuError, match=r"^pandax4t-run1: the efficiency shares the key 'PandaX-4T efficiency' [^\n]+$"):
        builder.build([experiments.load(RUN0), without])
    assert builder.build(without).names
    assert builder.build([experiments.load(RUN0), without], (), Analysis(correlated_runs=False)).names


# --- what was known before the fit ---

# arXiv:2207.11330 Table I, 1-140 keV: known before the fit and fitted, in counts
KNOWN = {"85Kr": (90, 60, 90), "materials": (270, 50, 270), "136Xe": (1560, 60, 1550)}


def test_priors_of_xenonnt_are_the_published_ones_in_units_of_the_fit() -> None:
    shapes = shapes_of(experiments.load(XENONNT), Analysis(normalisations="prior"))
    assert set(shapes) == {"214Pb", "85Kr", "materials", "136Xe", "124Xe"}
    for name, (mean, sigma, fitted) in KNOWN.items():
        assert (shapes[name].mean, shapes[name].width) == pytest.approx((mean / fitted, sigma / fitted), rel=1e-12)
    lead = shapes["214Pb"]
    assert lead.width is None and (lead.minimum, lead.maximum) == pytest.approx((570 / 960, 1200 / 960), rel=1e-12)
    assert shapes["124Xe"].width is None and (shapes["124Xe"].minimum, shapes["124Xe"].maximum) == (0, 10)


def test_a_prior_changes_no_counts() -> None:
    experiment = experiments.load(XENONNT)
    fitted = shapes_of(experiment, Analysis())
    known = shapes_of(experiment, Analysis(normalisations="prior"))
    flat = np.sum([known[name].counts for name in ("214Pb", "85Kr", "materials")], axis=0)
    np.testing.assert_allclose(flat, fitted["flat"].counts, rtol=1e-12)
    assert known["214Pb"].counts.sum() / flat.sum() == pytest.approx(0.722, rel=1e-9)
    np.testing.assert_array_equal(known["136Xe"].counts, fitted["136Xe"].counts)


def test_priors_become_those_of_the_parameters() -> None:
    built = builder.build([experiments.load(XENONNT)], ["r2_nu"], Analysis(normalisations="prior"))
    priors = {p.name.split("[")[0]: p for p in built.nuisances}
    lead, krypton = priors["214Pb"], priors["85Kr"]
    assert isinstance(lead, Flat) and (lead.lower, lead.upper) == pytest.approx((0.59375, 1.25), rel=1e-12)
    assert isinstance(krypton, Gaussian) and (krypton.lower, krypton.mean) == (0, 1)
    assert krypton.width == pytest.approx(60 / 90, rel=1e-12)
    expected = (
        published_total(experiments.load(XENONNT))[1:]
        + 10 / 1550 * shapes_of(built.experiments[0], Analysis())["136Xe"].counts
    )
    np.testing.assert_allclose(built.expected(built.nominal()), expected, rtol=1e-12)


def test_components_without_a_prior_keep_their_fit_and_a_shape_without_one_floats_as_one() -> None:
    experiment = with_component(experiments.load(XENONNT), "214Pb", prior=None)
    shapes = shapes_of(experiment, Analysis(normalisations="prior"))
    assert (shapes["214Pb"].mean, shapes["214Pb"].width) == (1, 0.125)
    for name in ("85Kr", "materials"):
        experiment = with_component(experiment, name, prior=None)
    shapes = shapes_of(experiment, Analysis(normalisations="prior"))
    assert shapes["flat"].width == shapes_of(experiment, Analysis())["flat"].width and "214Pb" not in shapes


def test_priors_are_used_only_when_asked_for() -> None:
    experiment = experiments.load(XENONNT)
    bare = experiment
    for name in ("214Pb", "85Kr", "materials", "136Xe", "124Xe"):
        bare = with_component(bare, name, prior=None)
    unused: tuple[dict[str, Any], ...] = ({}, {"normalisations": "free"}, {"background": "single"})
    for choices in unused:
        one, other = (builder.build([each], ["r2_nu"], Analysis(**choices)) for each in (experiment, bare))
        assert one.parameters == other.parameters
        np.testing.assert_array_equal(one.templates, other.templates)


def test_a_shared_normalisation_with_two_priors_is_refused() -> None:
    one = with_component(experiments.load(XENONNT), "136Xe", shared="xenon 136")
    known = ComponentPrior(GaussianPrior(1.2, 0.1), (1.0, 30.0))
    other = with_component(experiments.load(RUN1), "136Xe", shared="xenon 136", prior=known)
    with pytest.raises(BayesnuError, match=r"^pandax4t-run1: the component '136Xe' shares the key 'xenon 136' [^\n]+$"):
        builder.build([one, other], (), Analysis(normalisations="prior"))
    same = with_component(experiments.load(XENONNT), "136Xe", shared="xenon 136", prior=known)
    names = builder.build([same, other], (), Analysis(normalisations="prior")).names
    assert sum("xenon 136" in name for name in names) == 1


# --- an efficiency that floats in every data set ---


def width_of_efficiency(experiment: Experiment, **choices: Any) -> float | None:
    return response_widths.efficiency_width(experiment, Analysis(**choices))


def test_every_data_set_can_have_an_efficiency_that_floats() -> None:
    for name in experiments.names():
        experiment = experiments.load(name)
        published = experiment.efficiency.relative_width
        found = width_of_efficiency(experiment, efficiency_nuisance="all")
        assumed = 0.043 / 0.945 if name == "pandax4t-run0-first" else 0.05
        assert found == pytest.approx(published or assumed, rel=1e-3)


def test_the_errors_of_exposure_and_efficiency_add_in_quadrature() -> None:
    experiment = experiments.load(XENONNT)
    assert experiment.exposure_width == pytest.approx(0.14 / 4.37, abs=5e-4)
    bare = replace(experiment, efficiency=replace(experiment.efficiency, assumed_width=None))
    assert width_of_efficiency(bare, efficiency_nuisance="all") == experiment.exposure_width
    published = replace(experiment, efficiency=replace(bare.efficiency, relative_width=0.04))
    assert width_of_efficiency(published, efficiency_nuisance="all") == pytest.approx(np.hypot(0.04, 0.032), rel=1e-12)
    assert width_of_efficiency(published) == 0.04


def test_a_threshold_of_the_file_shifts_with_every_efficiency_unless_the_analysis_has_its_own() -> None:
    experiment = experiments.load(XENONNT)

    def width(**choices: Any) -> float:
        return response_widths.threshold_width_kev(experiment, Analysis(**choices))

    assert (width(), width(threshold_shift_kev=0.02)) == (0, 0.02)
    assert width(efficiency_nuisance="all") == experiment.efficiency.threshold_width_kev == 0.05
    assert width(efficiency_nuisance="all", threshold_shift_kev=0.02) == 0.02


def test_the_efficiency_that_floats_is_a_parameter_of_its_width_beside_the_threshold() -> None:
    built = builder.build([experiments.load(XENONNT)], (), Analysis(efficiency_nuisance="all"))
    priors = {p.name: p for p in built.nuisances}
    scale = priors[f"efficiency[{XENONNT}]"]
    assert isinstance(scale, Gaussian) and scale.width == pytest.approx(0.05, rel=1e-3)
    assert f"threshold_shift[{XENONNT}]" in priors


def test_a_data_set_without_any_width_is_said_where_all_should_float() -> None:
    experiment = experiments.load(XENONNT)
    bare = replace(experiment, exposure_width=None, efficiency=replace(experiment.efficiency, assumed_width=None))
    built = builder.build([experiments.load(RUN1), bare], (), Analysis(efficiency_nuisance="all"))
    said = "efficiency_nuisance: no width of efficiency or exposure is known of xenonnt-sr0, so it is fixed"
    assert any(note.startswith(said) for note in built.notes)
    assert f"efficiency[{XENONNT}]" not in built.names
    analysis = Analysis(efficiency_nuisance="all", efficiency_width=0.05)
    wide = builder.build([experiments.load(RUN1), bare], (), analysis)
    (scale,) = (p for p in wide.nuisances if p.name == f"efficiency[{XENONNT}]")
    assert isinstance(scale, Gaussian) and scale.width == 0.05
    assert not any("is fixed" in note for note in wide.notes)
