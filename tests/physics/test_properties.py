"""The electromagnetic properties: names, units, ranges and what a unit of each couples to."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

from bayesnu.model import priors
from bayesnu.model.choices import Analysis
from bayesnu.physics import properties
from bayesnu.physics.constants import CHARGE_SHIFT_KEV, FERMI_KEV2, HBARC_KEV_CM, RADIUS_SHIFT_PER_CM2
from bayesnu.physics.cross_section import (
    KERNELS,
    RADIATIVE_COUPLINGS,
    Couplings,
    kernel_coefficients,
    standard_model,
    tree_couplings,
)
from bayesnu.physics.oscillation import FLAVOURS, Oscillation, mixing_matrix
from bayesnu.physics.properties import couplings, direction, parameters_of
from bayesnu.support.errors import BayesnuError

PARAMETERS = [*properties.PROPERTIES, *(f"{n}_{f}" for n, f in product(properties.PROPERTIES, FLAVOURS))]


def parts(couplings: Couplings) -> np.ndarray:
    return np.stack([couplings.vector, couplings.axial, couplings.charge, couplings.moment])


def test_there_are_three_properties_with_twelve_parameters() -> None:
    assert PARAMETERS[:3] == ["mu_nu", "q_nu", "r2_nu"] and len(PARAMETERS) == 12


@pytest.mark.parametrize(
    ("name", "common", "flavour"),
    [
        ("mu_nu", (0, 1e-10), (0, 1e-10)),
        ("q_nu", (-4e-12, 4e-12), (-4e-12, 4e-12)),
        ("r2_nu", (-200e-32, 150e-32), (-250e-32, 250e-32)),
    ],
)
def test_ranges_are_those_that_hold_all_modes(name: str, common: tuple[float, float], flavour: tuple[float, float]) -> None:
    item = properties.PROPERTIES[name]
    np.testing.assert_allclose(np.array(item.range_common) * item.scale, common, rtol=1e-12)
    np.testing.assert_allclose(np.array(item.range_element) * item.scale, flavour, rtol=1e-12)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_default_prior_is_flat_in_the_property_s_units(parameter: str) -> None:
    (prior,) = priors.default_priors([parameter], Analysis())
    item = prior.of_interest.em_property
    assert (prior.name, prior.unit, prior.scale) == (parameter, item.unit, item.scale)
    wanted = item.range_common if properties.parameter_of(parameter).flavour == "common" else item.range_element
    assert (prior.lower, prior.upper) == wanted
    assert item.signed == (prior.lower < 0) == (item.name != "mu_nu")


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_labels_are_latex_and_name_the_flavour(parameter: str) -> None:
    label = priors.default_priors([parameter], Analysis())[0].label
    MathTextParser("path").parse(f"${label}$")
    flavour = properties.parameter_of(parameter).flavour
    symbol = {"common": r"\nu", "e": r"\nu_{e}", "mu": r"\nu_{\mu}", "tau": r"\nu_{\tau}"}[flavour]
    assert symbol in label


def test_labels_differ() -> None:
    assert len({priors.default_priors([parameter], Analysis())[0].label for parameter in PARAMETERS}) == 12


def test_one_unit_of_each_property_couples_as_the_cross_section_says() -> None:
    np.testing.assert_allclose(properties.direction(properties.parameter_of("mu_nu")).moment, 1e-11 * np.eye(3))
    np.testing.assert_allclose(
        properties.direction(properties.parameter_of("q_nu")).charge, -1e-12 * CHARGE_SHIFT_KEV * np.eye(3)
    )
    np.testing.assert_allclose(
        properties.direction(properties.parameter_of("r2_nu")).vector, 1e-32 * RADIUS_SHIFT_PER_CM2 * np.eye(3)
    )


@pytest.mark.parametrize("name", properties.PROPERTIES)
def test_a_common_value_is_the_same_for_all_flavours(name: str) -> None:
    flavours = sum(
        (parts(properties.direction(properties.parameter_of(f"{name}_{flavour}"))) for flavour in FLAVOURS),
        start=np.zeros(1),
    )
    np.testing.assert_array_equal(parts(properties.direction(properties.parameter_of(name))), flavours)


@pytest.mark.parametrize(("flavour", "index"), [("e", 0), ("mu", 1), ("tau", 2)])
@pytest.mark.parametrize("name", properties.PROPERTIES)
def test_a_flavour_s_value_acts_on_that_flavour_alone(name: str, flavour: str, index: int) -> None:
    matrix = np.abs(parts(properties.direction(properties.parameter_of(f"{name}_{flavour}")))).sum(axis=0)
    assert matrix[index, index] > 0 and matrix.sum() == matrix[index, index]


def test_values_in_units_of_their_scale_add_up() -> None:
    together = properties.couplings(mu_nu_e=2.0, q_nu=-0.3, r2_nu=5.0, r2_nu_tau=-1.0)
    np.testing.assert_allclose(together.moment, np.diag([2e-11, 0, 0]), rtol=1e-12)
    np.testing.assert_allclose(together.charge, 3e-13 * CHARGE_SHIFT_KEV * np.eye(3), rtol=1e-12)
    np.testing.assert_allclose(together.vector, np.diag([5e-32, 5e-32, 4e-32]) * RADIUS_SHIFT_PER_CM2, rtol=1e-12)
    assert not np.any(together.axial)


def test_no_values_are_no_couplings() -> None:
    assert not np.any(parts(properties.couplings()))


@pytest.mark.parametrize(
    ("flavour", "expected"),
    [("common", ("q_nu",)), ("mu", ("q_nu_mu",)), ("all", ("q_nu_e", "q_nu_mu", "q_nu_tau"))],
)
def test_parameters_of_a_choice_of_flavour(flavour: str, expected: tuple[str, ...]) -> None:
    assert properties.parameters_of("q_nu", flavour) == expected


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_names_go_to_property_and_flavour_and_back(parameter: str) -> None:
    item = properties.parameter_of(parameter).em_property
    flavour = properties.parameter_of(parameter).flavour
    assert properties.parameters_of(item.name, flavour) == (parameter,)


@pytest.mark.parametrize("wrong", ["mu_mu", "mu_nu_x", "q", "", "r2_nu_", "mu_nu_e_e"])
def test_an_unknown_parameter_is_refused_in_one_sentence(wrong: str) -> None:
    with pytest.raises(BayesnuError, match=r"^parameter: found '[^\n]+$"):
        properties.parameter_of(wrong)


def test_an_unknown_property_or_flavour_is_refused_in_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"^parameter: found 'munu'; did you mean 'mu_nu'\?$"):
        properties.parameters_of("munu")
    with pytest.raises(BayesnuError, match=r"^flavour: found 'muon'"):
        properties.parameters_of("mu_nu", "muon")


MIXING = mixing_matrix(Oscillation())
CONTENT = np.array([0.663, 0.315, 0.022])


def squared_moment(**values: float) -> float:
    """mu_eff^2 in mu_B^2 for mass states with the weights of CONTENT."""
    moment = couplings(MIXING, **values)
    return float(kernel_coefficients(moment, moment, MIXING)[KERNELS.index("MM")] @ CONTENT)


def test_dirac_moments_of_mass_states_weigh_with_the_content_of_the_incoming_state() -> None:
    values = {"mu_nu_11": 1.0, "mu_nu_23": 2.0, "mu_nu_32": 3.0}
    assert squared_moment(**values) == pytest.approx(1e-22 * (0.663 + 4 * 0.022 + 9 * 0.315), rel=1e-12)


def test_majorana_moments_give_the_identity_of_their_antisymmetry() -> None:
    size = np.array([1.0, 2.0, 3.0])
    found = squared_moment(**{f"mu_nu_lambda{k + 1}": value for k, value in enumerate(size)})
    assert found == pytest.approx(1e-22 * (size @ size - CONTENT @ size**2), rel=1e-12)


@pytest.mark.parametrize("name", ["q_nu", "r2_nu"])
@pytest.mark.parametrize("element", ["emu", "etau", "mutau", "emu_im", "etau_im", "mutau_im"])
def test_an_off_diagonal_element_is_hermitian(name: str, element: str) -> None:
    found = direction(properties.parameter_of(f"{name}_{element}"))
    matrix = found.charge if name == "q_nu" else found.vector
    np.testing.assert_array_equal(matrix, matrix.conj().T)
    assert np.count_nonzero(matrix) == 2


def test_a_moment_in_the_mass_basis_needs_the_mixing_matrix() -> None:
    with pytest.raises(BayesnuError, match="mu_nu_lambda1: a moment in the mass basis needs the mixing matrix"):
        direction(properties.parameter_of("mu_nu_lambda1"))


@pytest.mark.parametrize("flavour", ["emu", "offdiagonal"])
def test_an_element_that_a_property_has_not_is_refused(flavour: str) -> None:
    with pytest.raises(BayesnuError, match=f"flavour: found '{flavour}' for mu_nu"):
        parameters_of("mu_nu", flavour)


# Further properties


def test_a_mixing_angle_is_the_difference_of_two_sets_of_tree_couplings() -> None:
    found = parts(direction(properties.parameter_of("s2_w")))
    one, other = (parts(standard_model(tree_couplings(s2))) for s2 in (0.31, 0.21))
    np.testing.assert_allclose(found, (one - other) / 0.1, atol=1e-14)
    assert properties.standard_value(properties.parameter_of("s2_w"), tree_couplings(0.21)) == 0.21


def test_a_radius_is_a_mixing_angle_as_the_literature_says() -> None:
    """s^2 -> s^2 + m_W^2 <r^2> s^2/3 (Vogel and Engel 1989) at tree level, where m_W^2 s^2 = pi alpha/(sqrt(2) G_F)."""
    radius = direction(properties.parameter_of("r2_nu")).vector[0, 0].real
    angle = direction(properties.parameter_of("s2_w")).vector[0, 0].real
    mass, on_shell = 80.377e6, 0.22339  # keV, and 1 - m_W^2/m_Z^2: PDG 2024
    assert radius / angle == pytest.approx(0.0119, abs=5e-5)
    assert radius / angle == pytest.approx(mass**2 * on_shell * 1e-32 / HBARC_KEV_CM**2 / 3, rel=0.04)  # but for loops


def test_a_mixing_angle_has_no_flavour_and_lies_between_0_and_1() -> None:
    assert parameters_of("s2_w") == ("s2_w",)
    with pytest.raises(BayesnuError, match=r"^flavour: found 'e' for s2_w; must be common$|^flavour: found 'e' for s2_w"):
        parameters_of("s2_w", "e")
    with pytest.raises(BayesnuError, match=r"^s2_w: found 1\.2; it lies between 0 and 1$"):
        properties.read_coupling(properties.parameter_of("s2_w"), 1.2)


def test_standard_radii_are_those_of_the_loop() -> None:
    """-G_F/(2 sqrt(2) pi^2) [3 - 2 ln(m_l^2/m_W^2)], hep-ph/0008114, with masses of the PDG 2024 in keV."""
    masses = np.array([510.99895, 105_658.3755, 1_776_930.0])
    loop = -FERMI_KEV2 / (2 * np.sqrt(2) * np.pi**2) * (3 - 2 * np.log((masses / 80.3692e6) ** 2)) * HBARC_KEV_CM**2
    for flavour, radius in zip(FLAVOURS, loop, strict=True):
        total = properties.parameter_of(f"r2_total_{flavour}")
        assert properties.standard_value(total, RADIATIVE_COUPLINGS) == pytest.approx(radius * 1e32, abs=0.006)
        assert properties.standard_value(total, tree_couplings()) == 0


def test_radiative_couplings_of_flavours_differ_by_the_standard_radii() -> None:
    """Beside 1 for the charged current of nu_e: so these radii are what the set contains."""
    vector = np.array(RADIATIVE_COUPLINGS.vector) - [1, 0, 0]
    rest = vector - RADIUS_SHIFT_PER_CM2 * np.array(RADIATIVE_COUPLINGS.radii_cm2)
    np.testing.assert_allclose(rest, rest[1], atol=4e-4)


def test_a_total_radius_is_a_radius_and_the_standard_one() -> None:
    total = properties.couplings(None, RADIATIVE_COUPLINGS, r2_total_e=10.0)
    np.testing.assert_allclose(total.vector, properties.couplings(r2_nu_e=10.83).vector, rtol=1e-12)
    none = properties.couplings(None, tree_couplings(), r2_total_mu=10.0)
    np.testing.assert_allclose(none.vector, properties.couplings(r2_nu_mu=10.0).vector, rtol=1e-12)
    with pytest.raises(BayesnuError, match=r"^flavour: found 'common' for r2_total"):
        parameters_of("r2_total")


def test_an_anapole_moment_is_what_a_left_handed_vertex_shows() -> None:
    """(f_Q + f_A q^2 gamma_5) nu_L = (f_Q - f_A q^2) nu_L, with f_Q = q^2 <r^2>/6 and f_A = a."""
    squared, anapole = 3.0, 7.0  # q^2 and a in any units
    gamma5, left = np.diag([-1.0, -1.0, 1.0, 1.0]), np.diag([1.0, 1.0, 0.0, 0.0])  # chiral representation
    shown = (anapole * squared * gamma5 @ left)[0, 0]
    assert 6 * shown / squared == properties.RADIUS_OF_ANAPOLE * anapole
    for name in ("a_nu", "a_nu_tau"):
        radius = direction(properties.parameter_of(name.replace("a_nu", "r2_nu")))
        np.testing.assert_allclose(parts(direction(properties.parameter_of(name))), -6 * parts(radius), rtol=1e-12)
        usual = properties.parameter_of(name.replace("a_nu", "r2_nu")).usual_range
        assert properties.parameter_of(name).usual_range == pytest.approx((usual[1] / -6, usual[0] / -6))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("r2_nu_e", "r2_total_e"), "found r2_total_e beside r2_nu_e;"),
        (("r2_nu", "a_nu"), "found a_nu beside r2_nu;"),
        (("s2_w", "r2_nu"), "found r2_nu beside s2_w;"),
        (("r2_nu_e", "r2_nu_mu", "r2_nu_tau", "s2_w"), "found s2_w beside r2_nu_e and r2_nu_mu and r2_nu_tau;"),
        (("r2_nu", "q_nu", "r2_nu_e", "r2_nu_mu", "r2_nu_tau"), "found r2_nu_tau beside r2_nu and r2_nu_e and r2_nu_mu;"),
    ],
)
def test_parameters_that_make_up_another_are_refused_beside_it(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(BayesnuError, match=f"^parameter: {said} [^\n]+$"):
        properties.require_independent(map(properties.parameter_of, names), MIXING)


@pytest.mark.parametrize("names", [("s2_w", "r2_nu_e"), ("r2_nu_emu", "r2_nu_emu_im"), ("mu_nu", "q_nu", "s2_w"), ()])
def test_others_are_taken_together(names: tuple[str, ...]) -> None:
    properties.require_independent(map(properties.parameter_of, names), MIXING)
    units = [parts(direction(properties.parameter_of(name), MIXING)).ravel() for name in names]
    lengths_of_one = [unit / np.linalg.norm(unit) for unit in units]
    real = [np.concatenate([each.real, each.imag]) for each in lengths_of_one]
    assert np.linalg.matrix_rank(np.array([*real, np.zeros(72)]), tol=1e-9) == len(names)


def test_labels_of_further_properties_are_latex_and_differ() -> None:
    names = [name for item in properties.FURTHER.values() for name in _names_of(item)]
    labels = [properties.parameter_of(name).label for name in names]
    for label in labels:
        MathTextParser("path").parse(f"${label}$")
    assert len({*labels}) == len(names) == 12


def _names_of(item: properties.Property) -> list[str]:
    return [name for element in item.elements for name in parameters_of(item.name, element)]
