"""What would give a wrong number without a word: each is refused in a sentence, or said beside the number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.experiments import Experiment, load, scale_exposure, template
from bayesnu.inference.line import Line
from bayesnu.inference.marginal import _check_draws
from bayesnu.inference.nuisance_average import choose_rule
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model.priors import Flat, with_kind
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import percent
from scripts import differential
from tests.commands import answer, invoke, refusal
from tests.robustness.fuzz import BARE, SOURCED, text_of
from tests.statistics.models import model_of


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda p: with_kind(p, "flat", lower=-5.0), "it is a modulus"),
        (lambda p: with_kind(p, "gaussian", lower=-10.0, mean=0.0, width=1.0), "it is a modulus"),
        (lambda p: Flat(p.parameter, 0.0, 5e-11), "give 5 if 5e-11 mu_B is meant"),
        (lambda p: with_kind(p, "gaussian", mean=0.0, width=7e-12), "give 0.7 if 7e-12 mu_B is meant"),
    ],
)
def test_a_prior_of_negative_moments_or_in_another_unit_is_refused(change: Callable[[Any], Any], sentence: str) -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    with pytest.raises(BayesnuError, match=sentence):
        model.with_priors(change(model.parameters[0]))


def test_a_prior_flat_in_the_square_of_what_has_a_sign_is_refused_in_python_too() -> None:
    model = model_of("xenonnt-sr0", "r2_nu")
    with pytest.raises(BayesnuError, match="needs a parameter that has no sign; r2_nu has one"):
        model.with_priors(with_kind(model.parameters[0], "flat-square", lower=0.0, upper=150.0))


@pytest.mark.parametrize("names", [("mu_nu", "mu_nu_e"), ("mu_sterile_tau", "mu_sterile")])
def test_moduli_that_add_up_are_not_inferred_together(names: tuple[str, str]) -> None:
    with pytest.raises(BayesnuError, match="moduli know no opposite signs"):
        bayesnu.build(["xenonnt-sr0"], names, bayesnu.preset(sterile_mass_kev=10.0 if "sterile" in names[0] else 0.0))


@pytest.mark.parametrize(
    "names",
    [
        ("mu_nu", "mu_nu_11"),
        ("mu_nu_e", "mu_nu_lambda2"),
        ("mu_nu_11", "mu_nu_lambda1"),
        ("mu_nu_e", "mu_sterile"),
    ],
)
def test_moments_without_a_defined_interference_are_refused_together(names: tuple[str, str]) -> None:
    with pytest.raises(BayesnuError, match="have no interference that is defined"):
        bayesnu.build(["xenonnt-sr0"], names)
    with pytest.raises(BayesnuError, match="have no interference that is defined"):
        bayesnu.rate([1.0], "default", **dict.fromkeys(names, 1.0))
    alone = bayesnu.rate([1.0], "default", **{names[0]: 1.0, names[1]: 0.0})  # a moment of zero is none
    np.testing.assert_array_equal(alone, bayesnu.rate([1.0], "default", **{names[0]: 1.0}))


def test_an_integrated_posterior_takes_no_value_in_mu_b() -> None:
    found = bayesnu.marginal(model_of("xenonnt-sr0", "mu_nu"))
    with pytest.raises(BayesnuError, match=r"give 0\.7 if 7e-12 mu_B is meant"):
        found.probability_between(0.0, 7e-12)
    with pytest.raises(BayesnuError, match=r"give 0\.5 if 5e-12 mu_B is meant"):
        found.mean_density(np.array([0.0, 5e-12]))
    assert 0.85 < found.probability_between(0.0, 0.7) < 0.9


def test_a_list_of_priors_is_refused_as_one() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    with pytest.raises(BayesnuError, match="found a list of priors; give them one by one"):
        model.with_priors([model.parameters[0]])  # type: ignore[arg-type]


def _with_background(experiment: Experiment, total: np.ndarray) -> Experiment:
    return replace(experiment, background=replace(experiment.background, total=total))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: replace(x, observed=x.observed - 100),
        lambda x: replace(x, observed=np.where(x.observed > 10, np.nan, x.observed)),
        lambda x: replace(x, observed=x.observed[:-1]),
        lambda x: _with_background(x, np.full(len(x.observed), np.nan)),
        lambda x: _with_background(x, x.background.total[:-1]),
        lambda x: replace(x, region_kev=(1.4, 30.0)),
        lambda x: replace(x, region_kev=(30.0, 1.0)),
        lambda x: replace(x, efficiency=replace(x.efficiency, values=x.efficiency.values * np.nan)),
        lambda x: replace(x, efficiency=replace(x.efficiency, values=x.efficiency.values * 2)),
    ],
)
def test_an_experiment_that_no_file_could_hold_is_refused(change: Callable[[Experiment], Experiment]) -> None:
    with pytest.raises(BayesnuError, match="xenonnt-sr0: found "):
        change(load("xenonnt-sr0"))


def test_the_same_counts_under_another_name_are_the_same_events() -> None:
    experiment = load("xenonnt-sr0")
    with pytest.raises(BayesnuError, match="have the same counts in the same ranges of energy"):
        bayesnu.build([experiment, replace(experiment, name="copy")], "mu_nu")
    scaled = [scale_exposure(load(name), 5.0) for name in ("pandax4t-run0", "pandax4t-run0-first")]
    with pytest.raises(BayesnuError, match="hold the same events"):
        bayesnu.build(scaled, "mu_nu")


def _rebin(experiment: Experiment) -> Experiment:
    """The same data in bins of twice the width."""

    def pair(counts: np.ndarray | None) -> np.ndarray | None:
        return None if counts is None else np.add.reduceat(counts, np.arange(0, len(counts), 2))

    background = experiment.background
    components = tuple(replace(each, counts=pair(each.counts)) for each in background.components)
    return replace(
        experiment,
        name="rebinned",
        edges_kev=experiment.edges_kev[::2],
        region_kev=(2.0, 30.0),
        observed=np.add.reduceat(experiment.observed, np.arange(0, len(experiment.observed), 2)),
        background=replace(
            background,
            total=pair(background.total),
            published_solar_neutrinos=pair(background.published_solar_neutrinos),
            components=components,
        ),
    )


def test_the_same_events_in_other_bins_are_the_same_events() -> None:
    experiment = load("xenonnt-sr0")
    with pytest.raises(BayesnuError, match="events count once"):
        bayesnu.build([experiment, _rebin(experiment)], "mu_nu")
    changed = experiment.observed.copy()
    changed[0] += 1  # below the region
    with pytest.raises(BayesnuError, match="events count once"):
        bayesnu.build([experiment, replace(experiment, name="changed", observed=changed)], "mu_nu")


def test_a_signal_that_no_bin_has_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "in-ev.toml"
    file.write_bytes(text_of(BARE | {"efficiency": BARE["efficiency"] | {"energies_kev": [500, 2000, 30000]}}))
    with pytest.raises(BayesnuError, match="mu_nu: no bin of the region has any of its signal"):
        bayesnu.build(file, "mu_nu")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [("relative_width = 0.05", "relative_width = 3.6", "3.6"), ("{ relative = 0.1 }", "{ relative = 3.2 }", "3.2")],
)
def test_a_percentage_is_no_width(tmp_path: Path, old: str, new: str, found: str) -> None:
    file = tmp_path / "percent.toml"
    file.write_text(template().replace(old, new))
    assert f"found {found}" in refusal("check", str(file))


def test_data_far_from_every_model_push_the_posterior_to_the_end_of_its_range() -> None:
    model = model_of("pandax4t-run1", "mu_nu")
    far = replace(model, observed=300 * model.observed)
    posterior = bayesnu.marginal(far)
    # There the likelihood is an exponential, whose slope is that of the profile.
    chi2 = differential.Oracle(far).chi2
    slope = (chi2(10 - 1e-5) - chi2(10)) / 1e-5 / 2
    for p in (0.05, 0.5, 0.95):
        assert (10 - posterior.quantile(p)) * slope == pytest.approx(-np.log(p), rel=0.02)


def test_an_integral_that_a_few_draws_decide_is_refused() -> None:
    line = Line(ToyFitter(model_of("pandax4t-run1", "mu_nu")))
    fit = line.fit(np.linspace(0, 3, 7))
    average = choose_rule(line.profiler, fit, seed=1).average(fit)
    few = replace(average, effective=np.where(np.arange(7) == np.argmin(fit.chi2), 3.0, average.effective))
    _check_draws(line.profiler, fit, average)
    with pytest.raises(BayesnuError, match=r"only 3\.0 effective draws of the nuisances"):
        _check_draws(line.profiler, fit, few)


def _write_pair(folder: Path, widths: tuple[float, float]) -> list[Path]:
    """Two data sets that share an efficiency, with the widths that they say."""
    files = []
    for name, width, counts in (("one", widths[0], [10, 70]), ("other", widths[1], [3, 90])):
        efficiency = BARE["efficiency"] | {"relative_width": width, "shared": "key"}
        document = BARE | {"name": name, "efficiency": efficiency, "bins": BARE["bins"] | {"observed": counts}}
        files.append(folder / f"{name}.toml")
        files[-1].write_bytes(text_of(document))
    return files


def test_no_shared_efficiency_is_negative_in_any_order(tmp_path: Path) -> None:
    files = _write_pair(tmp_path, (0.02, 0.5))
    for order in (files, files[::-1]):
        model = bayesnu.build(order, "mu_nu")
        scale = next(k for k, name in enumerate(model.names) if "key" in name)
        lowest = model.nominal(mu_nu=1.0)
        lowest[scale] = model.parameters[scale].lower
        signal = model.expected(lowest) - [9, 60, 9, 60]
        assert signal.min() == pytest.approx(0, abs=1e-9)


def test_parts_of_one_shared_normalisation_have_its_width(tmp_path: Path) -> None:
    halves = [
        {"name": name, "shape": "flat", "shared": "key", "counts": counts, "width": {"relative": 0.1}, **SOURCED}
        for name, counts in (("left", [9, 0]), ("right", [0, 60]))
    ]
    file = tmp_path / "halves.toml"
    file.write_bytes(text_of(BARE | {"background": BARE["background"] | {"components": halves}}))
    model = bayesnu.build(file, "mu_nu")
    [width] = [prior.width for prior in model.nuisances if "key" in prior.name and hasattr(prior, "width")]
    assert width == pytest.approx(0.1, rel=1e-12)


def test_a_level_is_not_taken_for_another() -> None:
    with pytest.raises(BayesnuError, match="one_sided: found 'no'"):
        bayesnu.profile_interval(model_of("xenonnt-sr0", "mu_nu"), one_sided="no")  # type: ignore[arg-type]
    assert [percent(p) for p in (0.9, 0.95, 0.9973, 0.975)] == ["90%", "95%", "99.73%", "97.5%"]
    said = invoke("limits", "xenonnt-sr0", "--parameter", "mu_nu", "--cl", "0.99", "--no-toys").stdout
    assert "99% two-sided, 99.5% as an upper limit" in said


def test_neutrinos_per_bin_are_compared_with_the_model_though_the_file_states_a_number(tmp_path: Path) -> None:
    text = template()
    line = next(line for line in text.splitlines() if line.startswith("published_solar_neutrinos"))
    file = tmp_path / "mine.toml"
    file.write_text(text.replace(line, "published_solar_neutrinos = [0, 0, 0, 0]"), encoding="utf-8")
    assert "solar neutrinos in 1-6 keV, the file states 0" in refusal("limits", file, "--parameter", "mu_nu")


def test_a_configuration_of_one_property_is_none_of_another(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    words = ("sample", "xenonnt-sr0", "--parameter", "mu_nu", "--prior-upper", "5e-11", "--dry-run")
    file.write_text(invoke(*words).stdout, encoding="utf-8")
    assert "the configuration is of mu_nu" in refusal("sample", "--config", file, "--parameter", "q_nu", "--dry-run")
    planned = answer("sample", "--config", file, "--preset", "paper", "--dry-run", "--json")
    assert planned["preset"] == "paper" and planned["analysis"]["inputs"] == "paper"


def test_notes_stand_beside_every_limit(tmp_path: Path) -> None:
    """Run 0 in preset paper has bins without data: that is said with and without toys, and in the comparison."""
    words = ("pandax4t-run0", "--parameter", "mu_nu", "--preset", "paper")
    assert any("hold a model's values" in note for note in answer("limits", *words, "--no-toys", "--json")["notes"])
    found = answer("expected", *words, "--toys", "100", "--quiet", "--output", tmp_path / "toys", "--json")
    assert any("hold a model's values" in note for note in found["notes"])
    rows = answer("compare", *words, "--format", "json")
    own = [row for row in rows["rows"] if row["kind"] == "this package"]
    assert own and all("hold a model's values" in row["remark"] for row in own)
