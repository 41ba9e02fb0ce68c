"""Detectors and their settings: what their files hold, and what exposure, threshold and factors change."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest

import bayesnu
from bayesnu.experiments import (
    AbsoluteWidth,
    Rated,
    RelativeWidth,
    Setting,
    check_combination,
    detectors,
    load,
    names,
    project,
    scale_exposure,
    template,
)
from bayesnu.experiments.experiment import Counted
from bayesnu.physics.background_spectra import DoubleBetaSpectrum
from bayesnu.support.errors import BayesnuError
from tests.commands import answer, refusal

DETECTORS = ("lz-full", "nexo-like", "pandax-xt", "xenonnt-20ty", "xlzd", "xlzd-depleted", "xlzd-ionisation")
ATOMS_PER_TONNE = 6.02214076e23 / 131.293 * 1e6
HALF_LIFE_YEARS = 2.165e21  # EXO-200


def component(name: str, of: bayesnu.experiments.Experiment) -> bayesnu.experiments.Component:
    return next(each for each in of.background.components if each.name == name)


def test_detectors_are_files_in_which_nothing_is_observed() -> None:
    assert detectors() == DETECTORS and not {*detectors()} & {*names()}
    for name in DETECTORS:
        detector = load(name)
        assert detector.name == name and detector.is_detector and not detector.is_data.any()
        assert all(each.source and each.quality for each in detector.provenance)
        assert not any(each.spectrum is None for each in detector.background.components)
    listed = answer("experiments", "--detectors", "--json")
    assert [each["name"] for each in listed] == [*DETECTORS]


@pytest.mark.parametrize(("name", "abundance"), [("xlzd", 0.0886), ("xlzd-depleted", 0.000886), ("nexo-like", 0.9)])
def test_the_double_beta_decay_follows_from_half_life_and_abundance(name: str, abundance: float) -> None:
    found = component("136Xe", load(name))
    assert isinstance(found.size, Rated) and isinstance(found.spectrum, DoubleBetaSpectrum)
    assert found.size.rate == pytest.approx(log(2) * ATOMS_PER_TONNE * abundance / HALF_LIFE_YEARS, rel=2e-3)


def test_the_rate_of_natural_xenon_at_10_kev_is_that_of_the_fermi_function() -> None:
    found = component("136Xe", load("xlzd"))
    assert isinstance(found.size, Rated) and isinstance(found.spectrum, DoubleBetaSpectrum)
    rate = found.size.rate * found.spectrum.density(np.array([10.0]))[0]
    assert rate == pytest.approx(1.50, rel=0.02)  # per t yr keV, from XENON1T's release


def test_curves_shared_with_data_sets_are_the_same() -> None:
    for detector, data_set in (("xlzd", "lz-ws2024"), ("xenonnt-20ty", "xenonnt-sr0")):
        ours, theirs = load(detector).efficiency, load(data_set).efficiency
        assert np.array_equal(ours.energies_kev, theirs.energies_kev) and np.array_equal(ours.values, theirs.values)


def test_what_needs_observed_counts_refuses_a_detector() -> None:
    said = refusal("limits", "lz-full", "--parameter", "mu_nu")
    assert said.startswith("lz-full: is a detector without observed counts") and "forecast" in said


def test_a_file_without_observed_may_hold_no_values_of_a_model(tmp_path: Path) -> None:
    lines = [line for line in template().splitlines() if not line.startswith("observed")]
    file = tmp_path / "mine.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert load(file).is_detector
    file.write_text("\n".join(lines).replace("# model_values_kev", "model_values_kev"), encoding="utf-8")
    assert "model_values_kev" in refusal("check", str(file))


def test_exposure_changes_counts_and_no_width_unless_asked() -> None:
    own = load("xlzd")
    fixed = project(own, Setting(tonne_years=800))
    root = project(own, Setting(tonne_years=800, constraints="sqrt"))
    assert fixed.exposure_tonne_years == 800 and fixed.name == "xlzd" and not fixed.is_detector
    for each in own.background.components:
        assert component(each.name, fixed).size == each.size and component(each.name, fixed).width == each.width
        width, narrowed = each.width, component(each.name, root).width
        assert isinstance(width, RelativeWidth) and isinstance(narrowed, RelativeWidth)
        assert narrowed.value == pytest.approx(width.value / 2)


def test_a_factor_scales_one_rate_and_no_relative_width() -> None:
    own = load("lz-full")
    scaled = project(own, Setting(factors={"214Pb": 0.1}))
    for each in own.background.components:
        factor = 0.1 if each.name == "214Pb" else 1.0
        before, after = each.size, component(each.name, scaled).size
        assert isinstance(before, Rated) and isinstance(after, Rated)
        assert after.rate == pytest.approx(factor * before.rate)
        assert component(each.name, scaled).width == each.width
    lead = replace(component("214Pb", own), width=AbsoluteWidth(1.0))
    absolute = replace(own, background=replace(own.background, components=(lead,)))
    assert project(absolute, Setting(factors={"214Pb": 0.1})).background.components[0].width == AbsoluteWidth(0.1)


@pytest.mark.parametrize(("moved", "at"), [("shift", 1.5), ("stretch", 2.0)])
def test_the_efficiency_follows_the_threshold(moved: str, at: float) -> None:
    own = load("xlzd")
    found = project(own, Setting(threshold_kev=0.5, moved=moved))  # type: ignore[arg-type]
    assert found.region_kev == (0.5, 140.0) and 0.5 in found.edges_kev
    where = 1.0  # keV, which was at 1.5 before a shift by 0.5 and at 2 before a stretch by one half
    new = np.interp(where, found.efficiency.energies_kev, found.efficiency.values)
    assert new == pytest.approx(np.interp(at, own.efficiency.energies_kev, own.efficiency.values))


def test_a_step_is_the_plateau_from_the_threshold_on() -> None:
    found = project(load("xlzd"), Setting(threshold_kev=0.7, moved="step")).efficiency
    assert found.energies_kev.tolist() == [0.7] and found.values.tolist() == [0.96]


def test_a_curve_that_crosses_zero_begins_there() -> None:
    own = load("xlzd")
    found = project(own, Setting(threshold_kev=0.1)).efficiency
    assert found.energies_kev[0] == 0.0 and np.all(np.diff(found.energies_kev) > 0)
    assert found.values[0] == pytest.approx(np.interp(0.9, own.efficiency.energies_kev, own.efficiency.values))


@pytest.mark.parametrize(
    ("name", "setting", "said"),
    [
        ("xenonnt-sr0", {"threshold_kev": 0.5}, "counts per bin"),
        ("xenonnt-sr0", {"factors": {"124Xe": 0.5}}, "part of a published total"),
        ("xlzd", {"threshold_kev": 140.0}, "must lie above 0 and below 140"),
        ("xlzd", {"tonne_years": 0.0}, "must be above 0"),
        ("xlzd", {"factors": {"222Rn": 0.0}}, "factor on 222Rn"),
        ("xlzd", {"constraints": "root"}, "constraints: found 'root'"),
    ],
)
def test_what_cannot_be_changed_is_refused(name: str, setting: dict[str, object], said: str) -> None:
    with pytest.raises(BayesnuError, match=said):
        project(load(name), Setting(**setting))  # type: ignore[arg-type]


def test_unequal_widths_stay_unequal() -> None:
    detector = load("xlzd")
    first, *others = detector.background.components
    for width, narrow in ((AbsoluteWidth(6.0, 0.5), 3.0), (RelativeWidth(0.2, 0.5), 0.1)):
        components = (replace(first, width=width), *others)
        changed = replace(detector, background=replace(detector.background, components=components))
        assert project(changed, Setting()).background.components[0].width == width
        narrowed = project(changed, Setting(tonne_years=4 * detector.exposure_tonne_years, constraints="sqrt"))
        found = narrowed.background.components[0].width
        assert isinstance(found, type(width)) and found.asymmetry == 0.5
        assert (found.value if isinstance(found, RelativeWidth) else found.counts) == pytest.approx(narrow)


def test_a_number_of_events_has_no_other_threshold() -> None:
    detector = load("xlzd")
    first, *others = detector.background.components
    components = (replace(first, size=Counted(290.0, "region")), *others)
    changed = replace(detector, background=replace(detector.background, components=components))
    with pytest.raises(BayesnuError, match=rf"^threshold_kev: [^\n]+ {first.name} is a number of events [^\n]+ as a rate$"):
        project(changed, Setting(threshold_kev=10.0))


def test_what_excludes_one_data_set_excludes_each_other() -> None:
    for pair in (("xenonnt-20ty", "xenonnt-sr0-wide"), ("xlzd-depleted", "xlzd-ionisation")):
        with pytest.raises(BayesnuError, match="hold the same events"):
            check_combination(map(load, pair))
    scaled = scale_exposure(load("xenonnt-sr0"), 20.0)
    with pytest.raises(BayesnuError, match="hold the same events"):
        check_combination([scaled, load("xenonnt-sr0-wide")])
