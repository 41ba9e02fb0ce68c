"""The choices of an analysis: presets, refusals, differences."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest

from bayesnu.model.choices import CHOICES, PRESETS, Analysis, differences, preset, with_former_words
from bayesnu.physics.oscillation import Oscillation
from bayesnu.support.errors import BayesnuError
from scripts.choices import PAGE, page

WORDS = [name for name, value in asdict(Analysis()).items() if isinstance(value, str) and name != "inputs"]
NUMBERS = [name for name, value in asdict(Analysis()).items() if isinstance(value, float)]
SWITCHES = [name for name, value in asdict(Analysis()).items() if isinstance(value, bool)]


def test_there_are_four_presets_and_default_is_the_bare_analysis() -> None:
    assert set(PRESETS) == {"default", "paper", "complete", "forecast"}
    assert preset() == preset("default") == Analysis() == PRESETS["default"]
    assert preset("paper") == PRESETS["paper"]


def test_a_forecast_floats_what_decides_at_its_precision() -> None:
    chosen = preset("forecast")
    assert (chosen.oscillation_nuisances, chosen.luminosity_constraint, chosen.solar_components) == ("on", "on", "all")
    assert chosen.atomic_nuisances and chosen.millicharge == "matched" and chosen.efficiency_nuisance == "all"


def test_paper_holds_the_conventions_of_the_physics_reference() -> None:
    paper = preset("paper")
    assert (paper.sin2_theta12, paper.sin2_theta13, paper.dm2_21_ev2) == (0.318, 0.0220, 7.50e-5)
    assert (paper.binning, paper.resolution_at, paper.efficiency_on) == ("centre", "reconstructed", "reconstructed")
    assert (paper.region, paper.background, paper.background_width) == ("all", "single", 0.025)
    assert (paper.couplings, paper.electrons, paper.lowest_true_kev) == ("radiative", "stepped", 0.0121)
    assert (paper.solar_model, paper.solar_subtraction, paper.efficiency_nuisance) == ("B16-GS98", "model", "off")


def test_default_is_the_physically_preferred_analysis() -> None:
    default = preset()
    assert (default.binning, default.resolution_at, default.region) == ("integrated", "true", "interest")
    assert (default.background, default.normalisations) == ("components", "fit")
    assert (default.threshold_shift_kev, default.energy_scale) == (0, 0)


def test_complete_is_the_default_with_the_doubt_about_sun_atom_backgrounds_and_efficiency() -> None:
    assert differences(preset(), preset("complete")) == {
        "solar_components": ("pp-7be", "all"),
        "millicharge": ("electrons", "matched"),
        "atomic_nuisances": (False, True),
        "lowest_true_kev": (0.0121, 0.5),
        "normalisations": ("fit", "prior"),
        "efficiency_nuisance": ("published", "all"),
    }


def test_doubt_about_the_atom_is_that_of_stepped_electrons() -> None:
    assert preset("complete").is_atom_floating
    assert not preset("complete", electrons="rrpa").is_atom_floating
    assert not preset().is_atom_floating


def test_presets_differ_in_the_conventions_and_share_theta23_and_delta() -> None:
    found = differences(PRESETS["default"], PRESETS["paper"])
    assert found["binning"] == ("integrated", "centre")
    assert not {"sin2_theta23", "delta_cp_deg", "solar_model", "couplings"} & found.keys()


def test_oscillation_defaults_are_one_set() -> None:
    analysis, osc = asdict(Analysis()), asdict(Oscillation())
    assert osc == {name: analysis[name] for name in osc}


def test_differences_are_none_of_an_analysis_with_itself_and_antisymmetric() -> None:
    one, other = preset(), preset("paper", couplings="tree", sin2_theta_w=0.231)
    assert differences(one, one) == {}
    assert {k: v[::-1] for k, v in differences(one, other).items()} == differences(other, one)


def test_choices_change_a_preset_and_nothing_else() -> None:
    changed = preset("paper", electrons="free", background_width=0.05)
    assert differences(PRESETS["paper"], changed) == {
        "electrons": ("stepped", "free"),
        "background_width": (0.025, 0.05),
    }


def test_an_analysis_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        preset().electrons = "free"  # type: ignore[misc]


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("value", ["nonsense", "", 3, None, 1.5])
def test_a_word_that_is_not_allowed_is_refused_in_one_sentence(name: str, value: object) -> None:
    with pytest.raises(BayesnuError, match=rf"^{name}: found [^\n]+$"):
        preset(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e9, -1e9, "0.1", None, True])
def test_a_number_that_is_not_allowed_is_refused_in_one_sentence(name: str, value: object) -> None:
    with pytest.raises(BayesnuError, match=rf"^{name}: found [^\n]+$"):
        preset(**{name: value})


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("value", ["true", 1, 0, None])
def test_a_switch_takes_true_or_false_alone(name: str, value: object) -> None:
    with pytest.raises(BayesnuError, match=rf"^{name}: found [^\n]+; must be true or false$"):
        preset(**{name: value})


def test_every_choice_is_checked() -> None:
    assert len(WORDS) + len(NUMBERS) + len(SWITCHES) + 1 == len(asdict(Analysis()))
    with pytest.raises(BayesnuError, match=r"^inputs: found"):
        preset(inputs=3)


def test_unknown_presets_and_choices_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(BayesnuError, match=r"^preset: found 'papers'; did you mean 'paper'\?$"):
        preset("papers")
    with pytest.raises(BayesnuError, match=r"electron.*; did you mean 'electrons'\?$"):
        preset(electron="free")


def test_numbers_of_numpy_and_integers_are_numbers() -> None:
    assert preset(delta_cp_deg=np.float64(10.0), threshold_shift_kev=0) == replace(Analysis(), delta_cp_deg=10.0)


def test_a_former_word_is_read_as_today_s_and_kept_for_fingerprints() -> None:
    assert preset(normalisations="published") == preset()
    assert with_former_words(preset())["normalisations"] == "published"
    for word in ("prior", "free"):
        assert with_former_words(preset(normalisations=word))["normalisations"] == word
    assert {name: value for name, value in with_former_words(preset()).items() if value != asdict(preset())[name]} == {
        "normalisations": "published"
    }


def test_the_page_of_choices_says_what_help_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    for name, choice in CHOICES.items():
        assert f"| `{name}` | {choice.help} |" in page()
