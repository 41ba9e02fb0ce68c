"""Mass-state and flavour content: unitarity, limits, numerical diagonalisation and published numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayesnu.physics.oscillation import (
    PRODUCTION_POTENTIAL_EV,
    Oscillation,
    cos_2theta12_matter,
    flavour_content,
    mass_state_content,
    mixing_matrix,
)
from tests.physics import oracle

PP, BERYLLIUM = PRODUCTION_POTENTIAL_EV["pp"], PRODUCTION_POTENTIAL_EV["7Be"]
PP_MEAN_KEV = 267.0
DEFAULT = Oscillation()


def random_oscillation(rng: np.random.Generator) -> Oscillation:
    s12, s13, s23 = rng.uniform(0, 1, 3)
    return Oscillation(s12, s13, s23, rng.uniform(-180, 360), 10 ** rng.uniform(-5, -4))


def levels(hamiltonian: np.ndarray) -> np.ndarray:
    """|<flavour|level>|^2 with the levels in ascending order, shape (3, 3)."""
    content: np.ndarray = np.abs(np.linalg.eigh(hamiltonian)[1]) ** 2
    return content


def vacuum_hamiltonian(energy_kev: float, osc: Oscillation, dm2_31_ev2: float) -> np.ndarray:
    u = mixing_matrix(osc)
    vacuum: np.ndarray = u @ np.diag([0, osc.dm2_21_ev2, dm2_31_ev2]) @ u.conj().T / (2 * energy_kev * 1e3)
    return vacuum


@pytest.mark.parametrize("seed", range(5))
def test_mixing_matrix_is_unitary_and_has_the_angles(seed: int) -> None:
    osc = random_oscillation(np.random.default_rng(seed))
    u = mixing_matrix(osc)
    np.testing.assert_allclose(u @ u.conj().T, np.eye(3), atol=1e-14)
    assert abs(u[0, 2]) ** 2 == pytest.approx(osc.sin2_theta13, rel=1e-12)
    assert abs(u[0, 1] / u[0, 0]) ** 2 == pytest.approx(osc.sin2_theta12 / (1 - osc.sin2_theta12), rel=1e-12)
    assert abs(u[1, 2] / u[2, 2]) ** 2 == pytest.approx(osc.sin2_theta23 / (1 - osc.sin2_theta23), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_mixing_matrix_is_the_product_of_three_rotations(seed: int) -> None:
    osc = random_oscillation(np.random.default_rng(seed))
    expected = oracle.mixing_matrix(osc.sin2_theta12, osc.sin2_theta13, osc.sin2_theta23, osc.delta_cp_deg)
    np.testing.assert_allclose(mixing_matrix(osc), expected, atol=1e-14)


@pytest.mark.parametrize("delta_deg", [0.0, 90.0, 212.0, 300.0])
def test_jarlskog_invariant_has_the_sign_of_sin_delta(delta_deg: float) -> None:
    osc = replace(DEFAULT, delta_cp_deg=delta_deg)
    u = mixing_matrix(osc)
    sin2 = np.array([osc.sin2_theta12, osc.sin2_theta13, osc.sin2_theta23])
    (s12, s13, s23), (c12, c13, c23) = np.sqrt(sin2), np.sqrt(1 - sin2)
    expected = s12 * c12 * s23 * c23 * s13 * c13**2 * np.sin(np.deg2rad(delta_deg))
    found = (u[1, 2] * u[0, 1] * u[1, 1].conj() * u[0, 2].conj()).imag
    assert found == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_sum_to_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    osc, energies = random_oscillation(rng), rng.uniform(0.1, 2e4, (3, 4))
    for content in (mass_state_content(energies, 7e-12, osc), flavour_content(energies, 7e-12, osc)):
        assert content.shape == (3, 3, 4)
        assert np.all((content >= 0) & (content <= 1))
        np.testing.assert_allclose(content.sum(axis=0), 1, atol=1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_without_matter_the_content_is_the_averaged_vacuum_one(seed: int) -> None:
    osc = random_oscillation(np.random.default_rng(seed))
    squared = np.abs(mixing_matrix(osc)) ** 2
    np.testing.assert_allclose(mass_state_content(np.array(300.0), 0.0, osc), squared[0], atol=1e-13)
    np.testing.assert_allclose(flavour_content(np.array(300.0), 0.0, osc), squared @ squared[0], atol=1e-13)


def test_at_high_density_the_neutrino_is_born_as_the_second_state() -> None:
    s12, s13 = DEFAULT.sin2_theta12, DEFAULT.sin2_theta13
    content = flavour_content(np.array(1e9), PP, DEFAULT)
    assert content[0] == pytest.approx((1 - s13) ** 2 * s12 + s13**2, rel=1e-5)


def test_without_mixing_nothing_converts() -> None:
    """The Hamiltonian is diagonal at every density: an electron neutrino stays one, across any resonance."""
    unmixed = Oscillation(sin2_theta12=0.0, sin2_theta13=0.0, dm2_21_ev2=1e-6)
    content = flavour_content(np.array([10.0, 420.0, 15e3]), 6.16e-12, unmixed)
    np.testing.assert_allclose(content, [[1, 1, 1], [0, 0, 0], [0, 0, 0]], atol=1e-15)


def test_mixing_is_maximal_at_the_resonance() -> None:
    resonance_ev = DEFAULT.dm2_21_ev2 * (1 - 2 * DEFAULT.sin2_theta12) / (2 * PP * (1 - DEFAULT.sin2_theta13))
    assert cos_2theta12_matter(np.array(resonance_ev / 1e3), PP, DEFAULT) == pytest.approx(0, abs=1e-12)
    assert cos_2theta12_matter(np.array(resonance_ev / 2e3), PP, DEFAULT) > 0


@pytest.mark.parametrize(("energy", "potential"), [(50.0, PP), (267.0, PP), (420.0, PP), (861.3, BERYLLIUM)])
def test_survival_probability_is_the_textbook_formula(energy: float, potential: float) -> None:
    s13, cos2 = DEFAULT.sin2_theta13, 1 - 2 * DEFAULT.sin2_theta12
    angle = np.arctan2(
        np.sqrt(1 - cos2**2), cos2 - 2 * energy * 1e3 * potential * (1 - s13) / DEFAULT.dm2_21_ev2
    )  # 2 theta12 at the production point
    expected = (1 - s13) ** 2 * (1 + cos2 * np.cos(angle)) / 2 + s13**2
    assert flavour_content(np.array(energy), potential, DEFAULT)[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("energy", "potential"), [(100.0, PP), (267.0, PP), (861.3, BERYLLIUM), (1e4, PP)])
def test_mass_states_are_the_levels_of_the_hamiltonian_in_matter(energy: float, potential: float) -> None:
    # A heavy third state makes the two-flavour reduction exact; at the true splitting it holds to 2EV/dm2_31.
    matter = np.diag([potential, 0, 0])
    exact = levels(vacuum_hamiltonian(energy, DEFAULT, 1e3) + matter)[0]
    found = mass_state_content(np.array(energy), potential, DEFAULT)
    np.testing.assert_allclose(found, exact, atol=1e-6)
    true_splitting = levels(vacuum_hamiltonian(energy, DEFAULT, 2.5e-3) + matter)[0]
    np.testing.assert_allclose(found, true_splitting, atol=3 * energy * 1e3 * potential / 2.5e-3)


def test_pp_numbers_at_267_kev() -> None:
    energy = np.array(PP_MEAN_KEV)
    np.testing.assert_allclose(mass_state_content(energy, PP, DEFAULT), [0.663, 0.315, 0.022], atol=6e-4)
    np.testing.assert_allclose(flavour_content(energy, PP, DEFAULT), [0.544, 0.220, 0.237], atol=6e-4)


def test_density_matrix_elements_at_267_kev() -> None:
    u = mixing_matrix(DEFAULT)
    rho = u @ np.diag(mass_state_content(np.array(PP_MEAN_KEV), PP, DEFAULT)) @ u.conj().T
    found = np.abs([rho[0, 1], rho[0, 2], rho[1, 2]])
    np.testing.assert_allclose(found, [0.076, 0.160, 0.195], atol=1e-3)


def test_the_split_of_mu_and_tau_follows_the_nufit_edition() -> None:
    with_sk = flavour_content(np.array(PP_MEAN_KEV), PP, DEFAULT)
    without = flavour_content(np.array(PP_MEAN_KEV), PP, replace(DEFAULT, sin2_theta23=0.561, delta_cp_deg=177.0))
    assert with_sk[1] / with_sk[1:].sum() == pytest.approx(0.48, abs=0.005)
    assert without[1] / without[1:].sum() == pytest.approx(0.40, abs=0.005)


def test_the_shortcut_without_interference_is_ten_percent_off() -> None:
    content = flavour_content(np.array(PP_MEAN_KEV), PP, DEFAULT)
    shortcut = (1 - content[0]) * (1 - DEFAULT.sin2_theta23)
    assert 0.07 < shortcut / content[1] - 1 < 0.13


@pytest.mark.parametrize("delta_deg", [0.0, 90.0, 177.0, 270.0])
@pytest.mark.parametrize("sin2_theta23", [0.4, 0.561])
def test_mass_states_and_electron_flavour_do_not_know_theta23_and_delta(delta_deg: float, sin2_theta23: float) -> None:
    energies = np.linspace(10, 900, 5)
    other = replace(DEFAULT, sin2_theta23=sin2_theta23, delta_cp_deg=delta_deg)
    mine, theirs = (mass_state_content(energies, PP, osc) for osc in (DEFAULT, other))
    np.testing.assert_array_equal(mine, theirs)
    mine, theirs = (flavour_content(energies, PP, osc) for osc in (DEFAULT, other))
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-13)
    assert np.all(np.abs(mine[1] - theirs[1]) > 1e-3)


def test_matter_lowers_the_survival_probability_of_beryllium_more() -> None:
    pp = flavour_content(np.array(PP_MEAN_KEV), PP, DEFAULT)[0]
    beryllium = flavour_content(np.array(861.3), BERYLLIUM, DEFAULT)[0]
    vacuum = flavour_content(np.array(PP_MEAN_KEV), 0.0, DEFAULT)[0]
    assert beryllium < pp < vacuum
    # Borexino 2018 (Nature 562, 505): P_ee(pp) = 0.57 +- 0.09, P_ee(7Be) = 0.53 +- 0.05.
    assert pp == pytest.approx(0.57, abs=0.09)
    assert beryllium == pytest.approx(0.53, abs=0.05)


@pytest.mark.parametrize(("energy", "potential"), [(267.0, PP), (861.3, BERYLLIUM)])
def test_regeneration_in_the_earth_is_negligible(energy: float, potential: float) -> None:
    # Averaged passage through a mantle of 4.5 g/cm^3, half an electron per nucleon: the package leaves it out.
    u = mixing_matrix(DEFAULT)
    mantle_ev = 7.63e-14 * 0.5 * 4.5
    _, inside = np.linalg.eigh(vacuum_hamiltonian(energy, DEFAULT, 2.5e-3) + np.diag([mantle_ev, 0, 0]))
    from_mass_states = np.abs(inside) ** 2 @ np.abs(inside.conj().T @ u) ** 2
    night = from_mass_states @ mass_state_content(np.array(energy), potential, DEFAULT)
    change = night - flavour_content(np.array(energy), potential, DEFAULT)
    # Below the resonance (cos 2 theta > 0) the Earth lowers P_ee; the reference estimates 2e-4 for pp.
    assert change.sum() == pytest.approx(0, abs=1e-12)
    assert -1.7 * 2e-4 * energy / 267 < change[0] < 0
    assert np.all(np.abs(change) < 5e-4)


def test_defaults_of_the_oracle_and_the_package_are_one_set() -> None:
    expected = (oracle.SIN2_12, oracle.SIN2_13, oracle.SIN2_23, oracle.DELTA_DEG, oracle.DELTA_M2_21)
    assert (
        DEFAULT.sin2_theta12,
        DEFAULT.sin2_theta13,
        DEFAULT.sin2_theta23,
        DEFAULT.delta_cp_deg,
        DEFAULT.dm2_21_ev2,
    ) == expected


def test_potentials_are_those_of_de_holanda_2004() -> None:
    published = {"pp": 4.68e-12, "7Be": 6.16e-12, "pep": 5.13e-12, "13N": 6.22e-12, "15O": 6.69e-12}
    assert published.items() <= PRODUCTION_POTENTIAL_EV.items()
    assert published["15O"] <= PRODUCTION_POTENTIAL_EV["17F"] <= 6.81e-12  # made between 15O and 8B
