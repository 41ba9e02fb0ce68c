"""Predictions as they are asked for: units, what is refused, and what is accepted with its obvious meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bayesnu.experiments import load
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.explain.stages import explain
from bayesnu.model.predict import Counts, expected_counts, rate
from bayesnu.support.errors import BayesnuError
from tests.commands import answer

# What each property's wrong unit, size and sign are answered with.
REFUSED = [
    ({"mu_nu": 7e-12}, "mu_nu: found 7e-12 in units of 1e-11 mu_B; give 0.7 if 7e-12 mu_B is meant, or 0"),
    ({"q_nu_e": -2e-13}, "q_nu_e: found -2e-13 in units of 1e-12 e; give -0.2 if -2e-13 e is meant, or 0"),
    ({"r2_nu": 3e-31}, "r2_nu: found 3e-31 in units of 1e-32 cm2; give 30 if 3e-31 cm2 is meant, or 0"),
    ({"mu_nu": 1e11}, r"mu_nu: found 1e\+11 in units of 1e-11 mu_B; must be at most 1e\+06 in size"),
    ({"mu_nu": float("nan")}, "mu_nu: found nan; must be a finite number in units of 1e-11 mu_B"),
    ({"q_nu": float("-inf")}, "q_nu: found -inf; must be a finite number in units of 1e-12 e"),
    ({"r2_nu": "30"}, "r2_nu: found '30'; must be a finite number in units of 1e-32 cm2"),
    ({"q_nu": [0.1, 0.2]}, r"q_nu: found \[0.1, 0.2\]; must be a finite number in units of 1e-12 e"),
    ({"mu_nu": True}, "mu_nu: found True; must be a finite number in units of 1e-11 mu_B"),
    ({"mu_nu": -1.0}, "mu_nu: found -1; it is a modulus, so give 0 or more"),
    ({"munu": 1.0}, "parameter: found 'munu'; did you mean 'mu_nu'\\?"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED, ids=lambda each: str(each)[:30])
def test_a_coupling_that_cannot_be_is_one_sentence_with_its_unit(values: dict[str, Any], sentence: str) -> None:
    experiment = load("xenonnt-sr0")
    for ask in (
        lambda: rate([2.0], **values),
        lambda: expected_counts(experiment, **values),
        lambda: explain(experiment, preset(), 1, **values),
    ):
        with pytest.raises(BayesnuError, match=f"^{sentence}$"):
            ask()


@pytest.mark.parametrize(("name", "scale"), [("mu_nu", 1e-11), ("q_nu_mu", 1e-12), ("r2_nu", 1e-32)])
def test_python_takes_units_of_the_scale_where_the_command_line_takes_physical_ones(name: str, scale: float) -> None:
    flag = f"--{name.replace('_', '-')}"
    here = expected_counts("xenonnt-sr0", None, **{name: 2.0})
    there = answer("counts", "xenonnt-sr0", flag, str(2 * scale), "--json")
    np.testing.assert_allclose(here.signal.sum(axis=0), there["signal"], rtol=1e-14)
    assert there["couplings"] == {name: 2 * scale}
    rates = answer("rate", "--energy-kev", "2", flag, str(2 * scale), "--json")
    assert rate(2.0, None, **{name: 2.0}).sum() == pytest.approx(rates["rate_per_tonne_year_kev"][0], rel=1e-14)


def test_the_moment_adds_its_cross_section_in_mu_b() -> None:
    """pi alpha^2/m^2 (1/T - 1/E) per electron and mu_B^2, at an energy above all shells and below both lines of 7Be."""
    energy = 40.0
    added = (rate(energy, mu_nu=3.0) - rate(energy))[1]
    per_square = 2.4951e-25 * (1 / energy - 0.897 / 862.3 - 0.103 / 384.3)  # cm^2/keV
    electrons = 54 * 6.02214e23 / 131.293 * 1e6  # per tonne
    expected = (3e-11) ** 2 * per_square * electrons * 4.93e9 * 365.25 * 86400
    assert added == pytest.approx(expected, rel=1e-3)


def test_energies_are_a_number_a_list_or_an_array() -> None:
    grid = rate([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]], mu_nu=1)
    assert grid.shape == (2, 2, 3) and rate(4, mu_nu=1).shape == (2,)
    np.testing.assert_allclose(rate(4, mu_nu=1), grid[:, 0, 2], rtol=1e-14)
    one: Any = np.int64(1)
    np.testing.assert_allclose(rate(np.float32(8.0), mu_nu=one), grid[:, 1, 0], rtol=1e-14)


@pytest.mark.parametrize("energy", [0.0, -1.0, [1.0, np.nan], np.inf, "2", None, [], 1e-320])
def test_energies_that_cannot_be_are_one_sentence(energy: Any) -> None:
    if energy == []:
        assert rate(energy).shape == (2, 0)
        return
    with pytest.raises(BayesnuError, match=r"^energy: found "):
        rate(energy)


@pytest.mark.parametrize("name", ["mu_nu_11", "mu_nu_lambda2", "q_nu_emu", "r2_nu_mutau_im"])
def test_the_shortcut_has_no_off_diagonal_elements_anywhere(name: str) -> None:
    analysis = preset(flavour_content="shortcut")
    for ask in (
        lambda: build("xenonnt-sr0", name, analysis),
        lambda: expected_counts("xenonnt-sr0", analysis, **{name: 1.0}),
        lambda: rate(2.0, analysis, **{name: 1.0}),
    ):
        with pytest.raises(BayesnuError, match=r"^flavour_content: found 'shortcut', which has no mass states; .* 'exact'$"):
            ask()
    exact = expected_counts("xenonnt-sr0", None, **{name: 1.0})
    model = build("xenonnt-sr0", name)
    np.testing.assert_allclose(model.expected(model.nominal(**{name: 1.0})), exact.expected, rtol=1e-12)


def test_a_point_of_a_model_is_given_by_names_in_units_of_the_scale() -> None:
    model = build("xenonnt-sr0", ("q_nu_e", "q_nu_tau"))
    theta = model.nominal(q_nu_tau=-0.7)
    assert list(theta[:2]) == [0.0, -0.7] and list(theta[2:]) == list(model.nominal()[2:])
    with pytest.raises(
        BayesnuError, match=r"^q_nu_e: found -7e-13 in units of 1e-12 e; give -0.7 if -7e-13 e is meant, or 0$"
    ):
        model.nominal(q_nu_e=-7e-13)
    with pytest.raises(BayesnuError, match=r"^parameter: the model has no 'mu_nu'; it has q_nu_e, q_nu_tau$"):
        model.nominal(mu_nu=1.0)


def same(one: Counts, other: Counts) -> bool:
    return np.array_equal(one.expected, other.expected)


def test_a_name_stands_for_its_data_set_and_a_preset_for_its_choices() -> None:
    analysis = preset("paper")
    loaded = load("pandax4t-run1", analysis.inputs)
    assert same(expected_counts("pandax4t-run1", "paper"), expected_counts(loaded, analysis))
    assert same(expected_counts("pandax4t-run1"), expected_counts(load("pandax4t-run1"), preset()))
    asked = build("pandax4t-run1", "q_nu", "paper")
    told = build([loaded], ["q_nu"], analysis)
    assert asked.names == told.names
    np.testing.assert_array_equal(asked.templates, told.templates)
    both = build(["pandax4t-run1", load("xenonnt-sr0")], ("mu_nu_e", "mu_nu_tau"))
    assert [block.experiment for block in both.blocks] == ["pandax4t-run1", "xenonnt-sr0"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((None,), "experiment: found None; must be a data set from `load_experiment`, a name or a file"),
        (([],), "experiments: none given; name at least one"),
        (("xenonnt-sr1",), "experiment: found 'xenonnt-sr1', which is neither"),
        (("xenonnt-sr0", ["mu_nu", "mu_nu"]), "parameter: one of mu_nu, mu_nu is named twice; name each once"),
        (("xenonnt-sr0", "mu"), "parameter: found 'mu'"),
        (("xenonnt-sr0", None), "parameter: found None"),
        (("xenonnt-sr0", [["mu_nu"]]), "parameter: found \\['mu_nu'\\]"),
        (("xenonnt-sr0", "mu_nu", "papr"), "preset: found 'papr'; did you mean 'paper'\\?"),
        (("xenonnt-sr0", "mu_nu", 3), "preset: found 3; known: complete, default, forecast, paper"),
    ],
    ids=str,
)
def test_what_cannot_be_built_is_one_sentence(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(BayesnuError, match=f"^{sentence}"):
        build(*arguments)
