"""Data sets and choices that do not fit together are refused; what is remarkable is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from bayesnu import experiments
from bayesnu.experiments import FreeWidth, StatedNeutrinos, scale_exposure
from bayesnu.model import fold
from bayesnu.model.budget import budget_of
from bayesnu.model.builder import build
from bayesnu.model.choices import CHOICES, Analysis, preset
from bayesnu.model.consistency import NeutrinoCheck, compare_neutrinos
from bayesnu.model.polynomial import Model
from bayesnu.model.predict import expected_counts
from bayesnu.physics.cross_section import electromagnetic
from bayesnu.support.errors import BayesnuError
from tests.robustness.fuzz import BARE

RUN0, RUN1, XENONNT = "pandax4t-run0", "pandax4t-run1", "xenonnt-sr0"


def build_of(*names: str, name: str = "default", **choices: Any) -> tuple[str, ...]:
    """The notes of a model of data sets that are loaded as the analysis reads them."""
    analysis = preset(name, **choices)
    return build([experiments.load(each, analysis.inputs) for each in names], ["mu_nu"], analysis).notes


# --- neutrinos ---


@pytest.mark.parametrize("name", experiments.names())
def test_the_data_sets_agree_with_the_model(name: str) -> None:
    for reading in ("default", "paper", "digitised", "as-drawn"):
        experiment = experiments.load(name, reading)
        checks = compare_neutrinos(experiment, Analysis(inputs=reading))
        assert checks and not any(check.is_contradiction or check.is_remarkable for check in checks), checks


def test_ten_times_the_exposure_is_refused_with_both_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data.toml"
    text = experiments.template()
    path.write_text(text.replace("tonne_years = 2.0", "tonne_years = 20.0"), encoding="utf-8")
    said = r"^my-experiment: the model has 210\.\d solar neutrinos in 1-6 keV, the file states 20 \+- 2; correct [^\n]+$"
    with pytest.raises(BayesnuError, match=said):
        build([experiments.load(path)], ["mu_nu"])
    with pytest.raises(BayesnuError, match=said):
        expected_counts(experiments.load(path))
    path.write_text(text, encoding="utf-8")
    assert build([experiments.load(path)], ["mu_nu"]).notes == ()


def test_without_a_stated_number_the_published_neutrinos_are_compared() -> None:
    loaded = experiments.load(RUN0)
    assert loaded.neutrinos is None
    published = loaded.background.published_solar_neutrinos
    assert published is not None
    fewer = replace(loaded, background=replace(loaded.background, published_solar_neutrinos=published / 2.5))
    with pytest.raises(
        BayesnuError, match=r"^pandax4t-run0: the model has 27\.1 [^\n]+ in 1-20 keV, the file states 11\.34;"
    ):
        build([fewer], ["mu_nu"])


def test_neutrinos_per_bin_that_contradict_the_model_are_shown_beside_a_number_that_does_not(tmp_path: Path) -> None:
    path = tmp_path / "data.toml"
    text = experiments.template().replace("solar_neutrinos = [0.0, 2.5, 8.5, 9.5]", "solar_neutrinos = [0.0, 0.7, 2.5, 2.9]")
    path.write_text(text, encoding="utf-8")
    loaded = experiments.load(path)
    check = budget_of(loaded, Analysis()).check
    assert check is not None and check.is_contradiction and check.stated == pytest.approx(6.1)
    with pytest.raises(BayesnuError, match=r"the file states 6\.1;"):
        build([loaded], ["mu_nu"])


def test_a_difference_is_said_once() -> None:
    loaded = experiments.load(RUN0)
    assert loaded.background.published_solar_neutrinos is not None
    fewer = 0.6 * loaded.background.published_solar_neutrinos
    changed = replace(loaded, background=replace(loaded.background, published_solar_neutrinos=fewer))
    notes = build([changed], ["mu_nu"]).notes
    assert len(notes) == len({*notes})


def test_a_single_background_says_which_keys_are_lost() -> None:
    data = [experiments.load(name) for name in (RUN0, "pandax4t-run1")]
    said = "background: 'single' has one normalisation per data set, so the shared PandaX-4T 136Xe is not shared"
    assert said in build(data, ["mu_nu"], Analysis(background="single")).notes
    assert said not in build(data, ["mu_nu"]).notes


def test_keys_that_differ_by_a_capital_are_said() -> None:
    data = [experiments.load(name) for name in (RUN0, "pandax4t-run1")]
    components = tuple(
        replace(each, shared="PandaX-4T  136xe") if each.shared == "PandaX-4T 136Xe" else each
        for each in data[1].background.components
    )
    data[1] = replace(data[1], background=replace(data[1].background, components=components))
    said = "shared: the keys 'PandaX-4T  136xe' and 'PandaX-4T 136Xe' differ, so what has them is not shared"
    assert any(note.startswith(said) for note in build(data, ["mu_nu"]).notes)


@pytest.mark.parametrize("electrons", ["stepped", "free"])
def test_the_comparison_is_made_in_the_stated_range(electrons: str) -> None:
    loaded = replace(experiments.load(XENONNT), neutrinos=StatedNeutrinos(25.0, 2.0, (1.0, 10.0)))
    check = compare_neutrinos(loaded, Analysis(electrons=electrons))[0]
    assert check.model == pytest.approx({"stepped": 22.4, "free": 24.9}[electrons], abs=0.06)  # by hand, 1-10 keV
    cut = compare_neutrinos(loaded, Analysis(electrons=electrons, lowest_true_kev=8.0))[0]
    assert cut.model == check.model  # a question to the data, not to the file


@pytest.mark.parametrize(
    ("model", "stated", "error", "contradicts", "remarkable"),
    [
        (449.0, 39.0, None, True, True),
        (20.0, 10.0, None, True, True),
        (10.0, 20.0, None, True, True),
        (19.9, 10.0, None, False, True),
        (19.9, 10.0, 3.5, False, True),
        (13.5, 10.0, 1.0, True, True),  # 3.5 errors and 35 %
        (12.5, 10.0, 0.5, False, True),  # 5 errors, but 25 %
        (13.5, 10.0, 2.0, False, False),  # 35 %, within two errors
        (12.0, 10.0, None, False, False),
        (0.4, 0.1, None, False, False),  # less than half a count
        (22.4, 25.0, 2.0, False, False),
    ],
)
def test_what_contradicts(model: float, stated: float, error: float | None, contradicts: bool, remarkable: bool) -> None:
    check = NeutrinoCheck("x", (1.0, 10.0), model, stated, error)
    assert (check.is_contradiction, check.is_remarkable) == (contradicts, remarkable)


def test_a_smaller_difference_is_said() -> None:
    loaded = replace(experiments.load(XENONNT), neutrinos=StatedNeutrinos(27.0, 2.0, (1.0, 10.0)))
    assert build([loaded], ["mu_nu"]).notes == (
        "xenonnt-sr0: the model has 22.43 solar neutrinos in 1-10 keV, the file states 27 +- 2",
    )
    assert expected_counts(loaded).notes == build([loaded], ["mu_nu"]).notes


# --- cuts at zero ---


def test_what_is_cut_at_zero_is_said() -> None:
    # XENONnT below 1 keV: few recoils are smeared in, and no background is published.
    (note,) = build_of(XENONNT, name="paper")
    assert note.startswith("xenonnt-sr0: the background is cut at zero in 0-1 keV, where ") and note.endswith(
        "0.00195 counts"
    )
    assert build_of(XENONNT) == build_of(RUN0) == build_of(RUN1) == ()


def test_widths_that_a_free_component_of_their_shape_makes_void_are_said() -> None:
    loaded = experiments.load(RUN1)
    flat = [each.name for each in loaded.background.components if each.shape == "flat"]
    components = tuple(replace(c, width=FreeWidth()) if c.name == flat[0] else c for c in loaded.background.components)
    changed = replace(loaded, background=replace(loaded.background, components=components))
    (note,) = build([changed], ["mu_nu"]).notes
    assert note == (
        f"pandax4t-run1: the shape 'flat' is free because of {flat[0]}, so the published widths of {', '.join(flat[1:])} "
        "are not used"
    )
    for choices in ({"one_nuisance_per_shape": False}, {"background": "single"}, {"normalisations": "free"}):
        assert build([changed], ["mu_nu"], Analysis(**choices)).notes == ()


def test_components_that_leave_no_room_for_neutrinos_are_said() -> None:
    loaded = experiments.load(XENONNT)
    total = loaded.background.total
    assert total is not None
    less = total.copy()
    less[4] -= 11.0  # of 9.4 flat counts in 4-5 keV
    (note,) = build([replace(loaded, background=replace(loaded.background, total=less))], ["mu_nu"]).notes
    assert note.startswith("xenonnt-sr0: the background is cut at zero in 4-5 keV")
    model = expected_counts(loaded)
    excess = 11.0 - model.backgrounds["flat"][3]
    assert float(note.split(" by ")[1].split()[0]) == pytest.approx(excess, abs=0.005)


# --- choices ---


VOID: list[tuple[dict[str, Any], str]] = [
    ({"sin2_theta_w": 0.231}, "couplings = tree"),
    ({"delta_cp_deg": 0.0, "flavour_content": "shortcut"}, "flavour_content = exact"),
    ({"background_width": 0.05}, "background = single and normalisations = fit or prior"),
    (
        {"background_width": 0.05, "background": "single", "normalisations": "free"},
        "background = single and normalisations = fit or prior",
    ),
    ({"one_nuisance_per_shape": False, "background": "single"}, "background = components"),
    ({"efficiency_width": 0.03, "efficiency_nuisance": "off"}, "efficiency_nuisance = published or all"),
]


@pytest.mark.parametrize(("choices", "needed"), VOID)
def test_a_choice_that_another_makes_void_is_refused(choices: dict[str, Any], needed: str) -> None:
    name = next(iter(choices))
    with pytest.raises(
        BayesnuError, match=rf"^{name}: found [^\n]+, which has no effect with [^\n]+; choose {needed}, or [^\n]+$"
    ):
        preset(**choices)


def test_measured_fluxes_are_called_circular_and_refused_beside_their_own_data() -> None:
    (said,) = (note for note in build_of(XENONNT, solar_model="Borexino") if note.startswith("solar_model"))
    assert "scattering on electrons with Standard Model couplings" in said and said.endswith("circular")
    assert not any(note.startswith("solar_model") for note in build_of(XENONNT))
    own = replace(experiments.load(XENONNT), name="borexino-phase2")
    with pytest.raises(
        BayesnuError, match=r"^solar_model: found 'Borexino' with borexino-phase2, whose events [^\n]+ B16-GS98$"
    ):
        build([own], ["mu_nu"], preset(solar_model="Borexino"))


def test_every_choice_is_known_to_change_a_model_or_to_need_another() -> None:
    """Each choice alone, or with what it needs, changes the model of some data set: none is without any effect."""
    other: dict[str, Any] = {name: choice.words[1] for name, choice in CHOICES.items() if choice.words}
    other |= {name: not choice.default for name, choice in CHOICES.items() if isinstance(choice.default, bool)}
    other |= {"inputs": "paper", "sin2_theta_w": 0.231, "sin2_theta12": 0.32, "sin2_theta13": 0.03, "sin2_theta23": 0.6}
    other |= {
        "delta_cp_deg": 90.0,
        "dm2_21_ev2": 8e-5,
        "efficiency_on": "true",
        "lowest_true_kev": 1.0,
        "background_width": 0.05,
        "neutrino_mass_ev": 0.01,
    }
    other |= {"efficiency_on": "true", "efficiency_width": 0.05, "threshold_shift_kev": 0.02, "energy_scale": 0.01}
    other |= {"sterile_mass_kev": 50.0, "constraints": "gemma-q"}
    assert {*other} == {*CHOICES}
    for name, value in other.items():
        needed: Any = {key: words if isinstance(words, str) else words[0] for key, words in CHOICES[name].needs.items()}
        one, two = (all_of(preset(**choices)) for choices in (needed, {**needed, name: value}))
        assert one.parameters != two.parameters or not np.array_equal(one.templates, two.templates), name


def test_components_without_a_prior_are_named_where_priors_are_asked_for() -> None:
    assert build_of(XENONNT, normalisations="prior") == ()
    (note,) = build_of(RUN1, XENONNT, normalisations="prior")
    assert note == "pandax4t-run1: no prior is known of any component, so the constraint of the fit is used"
    assert build_of(XENONNT, normalisations="prior", background="single") == ()  # it has a width of its own


def test_what_the_lower_cut_takes_from_a_bin_is_said() -> None:
    """The charge loses most, as its rate falls with 1/T^2: a cut at 1 keV takes a large part of 1-2 keV."""
    cut = [note for note in build_of(XENONNT, lowest_true_kev=1.0) if "lowest_true_kev" in note]
    (said,) = (note for note in cut if "q_nu" in note)
    assert said.startswith("xenonnt-sr0: the cut lowest_true_kev = 1 takes away ")
    share = float(said.split("takes away ")[1].split(" %")[0]) / 100
    charge = electromagnetic(q_nu=np.eye(3))
    loaded = experiments.load(XENONNT)
    whole, kept = (fold.fold(loaded, preset(lowest_true_kev=low)).signal(charge).sum(axis=0)[0] for low in (0.0121, 1.0))
    assert share == pytest.approx(1 - kept / whole, abs=0.006)
    for name in (RUN0, RUN1, "lz-ws2022", "lz-ws2024"):
        assert not any("takes away" in note for note in build_of(name, lowest_true_kev=0.5))


def all_of(analysis: Analysis) -> Model:
    """A model that every choice can change."""
    return build(
        [experiments.load(name, analysis.inputs) for name in (RUN0, RUN1, XENONNT)], ["mu_sterile_mu", "q_nu"], analysis
    )


@pytest.mark.parametrize("name", ["default", "paper", "complete"])
@pytest.mark.parametrize("data_sets", [(RUN0,), (RUN1,), (XENONNT,), (RUN0, RUN1, XENONNT), ("pandax4t-run0-first",)])
def test_the_presets_are_never_refused(name: str, data_sets: tuple[str, ...]) -> None:
    notes = build_of(*data_sets, name=name)
    if name == "paper" and data_sets == ("pandax4t-run0-first",):
        assert notes == ("inputs: no reading 'paper' in pandax4t-run0-first, read by the tables at the top of the file",)
    else:
        assert not any(note.startswith("inputs") for note in notes)


def test_a_data_set_loaded_with_another_reading_is_refused() -> None:
    with pytest.raises(BayesnuError, match=r"^pandax4t-run0: is loaded with the reading 'default', [^\n]+ 'paper', or "):
        build([experiments.load(RUN0)], ["mu_nu"], preset("paper"))
    with pytest.raises(BayesnuError, match=r"^pandax4t-run1: is loaded with the reading 'digitised', [^\n]+$"):
        expected_counts(experiments.load(RUN1, "digitised"))


def test_a_reading_that_no_data_set_has_is_refused() -> None:
    with pytest.raises(BayesnuError, match=r"^inputs: found 'digitised', which none of pandax4t-run0 has; [^\n]+ paper$"):
        build_of(RUN0, inputs="digitised")
    void = "inputs: no reading 'digitised' in pandax4t-run0, read by the tables at the top of the file"
    assert build_of(RUN0, RUN1, inputs="digitised") == (void,)


def test_a_width_that_every_file_has_is_refused() -> None:
    with pytest.raises(BayesnuError, match=r"^efficiency_width: found 0\.5, which has no effect on pandax4t-run0, pand"):
        build_of(RUN0, RUN1, efficiency_width=0.5)
    void = "efficiency_width: 0.05 has no effect on pandax4t-run1, whose file has a width"
    assert build_of(RUN1, XENONNT, efficiency_width=0.05) == (void,)


def test_a_subtraction_from_a_background_without_neutrinos_is_refused() -> None:
    loaded = experiments.load(RUN1)
    own = tuple(c for c in loaded.background.components if c.counts is not None)
    bare = replace(loaded.background, solar_neutrinos="absent", total=None, published_solar_neutrinos=None, components=own)
    with pytest.raises(BayesnuError, match=r"^solar_subtraction: found 'published', which has no effect on pandax4t-run1, "):
        build([replace(loaded, background=bare, neutrinos=None)], (), Analysis(solar_subtraction="published"))


def test_a_projection_is_no_contradiction_and_no_data() -> None:
    scaled = scale_exposure(experiments.load(XENONNT), 200.0)
    said = "xenonnt-sr0-scaled: the counts of all bins are made up or scaled and no data; the result is a projection"
    assert build([scaled], ["mu_nu"]).notes == (said,)
    assert expected_counts(scaled).notes == (said,)
    assert not scaled.is_data.any()


def test_an_exposure_that_could_not_be_checked_is_said(tmp_path: Path) -> None:
    path = tmp_path / "bare.toml"
    path.write_text(tomli_w.dumps(BARE), encoding="utf-8")
    said = "bare: the file states no number of solar neutrinos, so its exposure could not be checked"
    assert build(path, "mu_nu").notes == (said,)
    assert expected_counts(path).notes == (said,)
