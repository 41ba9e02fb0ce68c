"""Constants and cross section: relations, limits, the direct formula, the trace formula, magnetic moments."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import pytest
from scipy import constants as codata
from scipy.integrate import quad

from bayesnu.physics import constants as c
from bayesnu.physics import cross_section as cs
from bayesnu.physics import properties
from bayesnu.physics.oscillation import PRODUCTION_POTENTIAL_EV, Oscillation, mass_state_content, mixing_matrix
from bayesnu.support.errors import BayesnuError
from tests.physics import oracle

SM = cs.standard_model(cs.RADIATIVE_COUPLINGS)
PP = PRODUCTION_POTENTIAL_EV["pp"]


def codata_value(name: str) -> float:
    return float(codata.physical_constants[name][0])


def hermitian(rng: np.random.Generator, scale: float) -> np.ndarray:
    matrix = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    return scale * (matrix + matrix.conj().T) / 2


def random_couplings(rng: np.random.Generator) -> cs.Couplings:
    return cs.Couplings(*(scale * rng.normal(size=(3, 3)) for scale in (1.0, 1.0, 5.0, 1e-10)))


def per_flavour(couplings: cs.Couplings, recoil: float, energy: float) -> np.ndarray:
    """dsigma/dT, cm^2/keV, of the three flavours, off a free electron: without the photons, which belong to an atom."""
    rates: np.ndarray = cs.kernel_coefficients(couplings, couplings, np.eye(3))[:-1].T @ cs.kernels(recoil, energy)[:-1]
    return rates


def mixture(couplings: cs.Couplings, recoil: float, energy: float, mixing: np.ndarray, content: np.ndarray) -> float:
    """dsigma/dT, cm^2/keV, of an incoherent mixture of mass states."""
    weights = cs.kernel_coefficients(couplings, couplings, mixing) @ content
    return float(weights[:-1] @ cs.kernels(recoil, energy)[:-1])


# --- constants ---


def test_constants_are_codata_s() -> None:
    assert pytest.approx(codata_value("electron mass energy equivalent in MeV") * 1e3, rel=1e-8) == c.ELECTRON_MASS_KEV
    assert pytest.approx(codata_value("fine-structure constant"), rel=1e-8) == c.FINE_STRUCTURE
    assert pytest.approx(codata_value("Fermi coupling constant") * 1e-12, rel=1e-9) == c.FERMI_KEV2
    hbar_c = codata_value("reduced Planck constant times c in MeV fm") * 1e3 * 1e-13
    assert pytest.approx(hbar_c, rel=1e-9) == c.HBARC_KEV_CM
    assert codata.N_A == c.AVOGADRO


def test_prefactors_have_the_numbers_of_the_physics_reference() -> None:
    assert pytest.approx(4.3082e-48, rel=2e-5) == c.WEAK_CM2_PER_KEV
    assert pytest.approx(2.4947e-25, rel=2e-5) == c.MAGNETIC_CM2
    assert pytest.approx(0.023796, rel=3e-5) == c.RADIUS_SHIFT_PER_CM2 * 1e-32
    assert pytest.approx(5.4397e12, rel=2e-5) == c.CHARGE_SHIFT_KEV


def test_xenon_atoms_per_tonne_and_the_year() -> None:
    assert pytest.approx(4.5868e27, rel=1e-5) == c.XENON_ATOMS_PER_TONNE
    assert c.SECONDS_PER_YEAR == 31_557_600


def test_magnetic_prefactor_is_the_disc_of_the_classical_electron_radius() -> None:
    radius_cm = codata_value("classical electron radius") * 100
    assert pytest.approx(pi * radius_cm**2, rel=1e-8) == c.MAGNETIC_CM2


def test_weak_prefactor_gives_the_standard_cross_section() -> None:
    # sigma_0 = 2 G_F^2 m_e^2 / pi = 88.06e-46 cm^2 (Bahcall, Kamionkowski and Sirlin 1995, astro-ph/9502003).
    assert pytest.approx(88.06e-46, rel=2e-4) == 4 * c.WEAK_CM2_PER_KEV * c.ELECTRON_MASS_KEV


def test_radius_and_charge_shift_are_one_form_factor() -> None:
    # q + q^2 <r^2>/6 at q^2 = -2 m T: a radius acts as the charge -m T <r^2>/3.
    recoil, radius_cm2 = 7.0, 3e-32
    charge = -c.ELECTRON_MASS_KEV * recoil * radius_cm2 / 3 / c.HBARC_KEV_CM**2
    assert -c.CHARGE_SHIFT_KEV * charge / recoil == pytest.approx(c.RADIUS_SHIFT_PER_CM2 * radius_cm2, rel=1e-12)


def test_the_prefactor_is_sqrt_2_times_pi_and_not_the_square_root_of_2_pi() -> None:
    alpha_over_fermi = c.FINE_STRUCTURE / c.FERMI_KEV2 / c.ELECTRON_MASS_KEV
    assert c.CHARGE_SHIFT_KEV / alpha_over_fermi == pytest.approx(sqrt(2) * pi, rel=1e-12)
    assert c.CHARGE_SHIFT_KEV / alpha_over_fermi > 1.7 * sqrt(2 * pi)


def test_radiative_couplings_differ_between_flavours_by_their_charge_radii() -> None:
    vector = np.array(cs.RADIATIVE_COUPLINGS.vector) - [1, 0, 0]  # without the charged current
    radii = np.array([-0.83, -0.48, -0.30]) * 1e-32
    differences = c.RADIUS_SHIFT_PER_CM2 * (radii[:2] - radii[2])
    np.testing.assert_allclose(vector[:2] - vector[2], differences, atol=2e-4)


# --- kinematics and kernels ---


def test_threshold_and_endpoint_are_inverse() -> None:
    recoil = np.geomspace(1e-3, 1e4, 30)
    np.testing.assert_allclose(cs.maximum_recoil(cs.minimum_neutrino_energy(recoil)), recoil, rtol=1e-12)
    assert cs.maximum_recoil(np.array(861.3)) == pytest.approx(664.2, abs=0.3)  # the Compton-like edge of Borexino


def test_endpoint_conserves_energy_and_momentum() -> None:
    energy = 420.22
    recoil = float(cs.maximum_recoil(np.array(energy)))
    momentum = sqrt(recoil**2 + 2 * c.ELECTRON_MASS_KEV * recoil)
    assert momentum == pytest.approx(energy + (energy - recoil), rel=1e-12)  # the neutrino goes straight back


@pytest.mark.parametrize("energy", [5.0, 100.0, 420.0, 861.3])
def test_kernels_vanish_beyond_the_endpoint_and_at_no_recoil(energy: float) -> None:
    end = float(cs.maximum_recoil(np.array(energy)))
    assert np.all(cs.kernels(np.array([0.0, -1.0, end * (1 + 1e-9), 10 * end]), energy) == 0)
    inside = cs.kernels(np.array([1e-3 * end, 0.5 * end, end * (1 - 1e-9)]), energy)
    assert np.all(np.abs(inside) > 0)


def test_kernels_broadcast() -> None:
    recoil, energy = np.geomspace(0.1, 30, 4)[:, None], np.array([300.0, 400.0, 861.3])
    together = cs.kernels(recoil, energy)
    assert together.shape == (8, 4, 3)
    np.testing.assert_array_equal(together[:, 2, 1], cs.kernels(recoil[2, 0], energy[1]))


def test_magnetic_kernel_integrates_to_its_closed_form() -> None:
    energy, low = 400.0, 0.5
    high = float(cs.maximum_recoil(np.array(energy)))
    expected = oracle.MAGNETIC_SCALE * (np.log(high / low) - (high - low) / energy)
    assert quad(lambda t: cs.kernels(t, energy)[6], low, high, epsrel=1e-11)[0] == pytest.approx(expected, rel=1e-9)


# --- the cross section of the Standard Model ---


def total_cross_section(flavour: int, energy: float, weak: cs.WeakCouplings) -> float:
    sm = cs.standard_model(weak)
    end = float(cs.maximum_recoil(np.array(energy)))
    return float(quad(lambda t: per_flavour(sm, t, energy)[flavour], 0, end, epsrel=1e-10)[0])


@pytest.mark.parametrize("flavour", range(3))
def test_high_energy_cross_section_is_the_point_like_limit(flavour: int) -> None:
    weak, energy = cs.tree_couplings(0.23), 1e9
    left, right = ((weak.vector[flavour] + s * weak.axial[flavour]) / 2 for s in (1, -1))
    expected = 4 * oracle.WEAK_SCALE * energy * (left**2 + right**2 / 3)
    assert total_cross_section(flavour, energy, weak) == pytest.approx(expected, rel=1e-5)


def test_high_energy_cross_sections_are_the_published_ones() -> None:
    # sigma / E = 9.5e-45 cm^2/MeV for nu_e and 1.6e-45 for nu_mu (Formaggio and Zeller 2012, arXiv:1305.7513, sec. IV).
    weak, energy = cs.tree_couplings(0.231), 1e8
    assert total_cross_section(0, energy, weak) / (energy / 1e3) == pytest.approx(9.5e-45, rel=0.02)
    assert total_cross_section(1, energy, weak) / (energy / 1e3) == pytest.approx(1.6e-45, rel=0.05)


def test_beryllium_cross_section_in_closed_form() -> None:
    energy = 861.3
    end = oracle.max_recoil(energy)
    vector, axial = cs.RADIATIVE_COUPLINGS.vector[0], cs.RADIATIVE_COUPLINGS.axial[0]
    plus, minus = (vector + axial) ** 2, (vector - axial) ** 2
    expected = plus * end + minus * energy / 3 * (1 - (1 - end / energy) ** 3)
    expected -= (vector**2 - axial**2) * oracle.ELECTRON_MASS * end**2 / (2 * energy**2)
    found = total_cross_section(0, energy, cs.RADIATIVE_COUPLINGS)
    assert found == pytest.approx(oracle.WEAK_SCALE * expected, rel=1e-9)


def test_tree_couplings_follow_from_the_weak_mixing_angle() -> None:
    weak = cs.tree_couplings(0.23857)
    np.testing.assert_allclose(weak.vector, [0.97714, -0.02286, -0.02286], atol=1e-12)
    assert weak.axial == (0.5, -0.5, -0.5)


def test_a_neutrino_without_couplings_does_not_scatter() -> None:
    assert np.all(per_flavour(cs.Couplings(), 5.0, 300.0) == 0)


def test_at_the_left_handed_point_the_recoil_spectrum_is_flat() -> None:
    left = cs.Couplings(vector=np.eye(3), axial=np.eye(3))
    rates = [per_flavour(left, t, 300.0)[0] for t in (0.1, 10.0, 100.0)]
    np.testing.assert_allclose(rates, rates[0], rtol=1e-12)


# --- the seven kernels are the direct formula ---


@pytest.mark.parametrize("seed", range(8))
def test_contraction_is_the_direct_formula_per_flavour(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mu, q, r2 = rng.uniform(0, 1e-10, 3), rng.uniform(-4e-12, 4e-12, 3), rng.uniform(-2.5e-30, 2.5e-30, 3)
    gv, ga = rng.normal(size=(2, 3))
    weak = cs.standard_model(cs.WeakCouplings("random", tuple(gv), tuple(ga)))
    couplings = weak + cs.electromagnetic(np.diag(mu), np.diag(q), np.diag(r2))
    energy = rng.uniform(50, 900)
    recoil = rng.uniform(0, 1) * oracle.max_recoil(energy)
    expected = [oracle.cross_section(recoil, energy, gv[a], ga[a], mu[a], q[a], r2[a]) for a in range(3)]
    np.testing.assert_allclose(per_flavour(couplings, recoil, energy), expected, rtol=1e-10)


@pytest.mark.parametrize("seed", range(8))
def test_contraction_is_the_trace_formula_for_hermitian_matrices(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    q, r2 = hermitian(rng, 1e-12), hermitian(rng, 50e-32)
    s12, s13, s23 = rng.uniform(0.1, 0.9, 3)
    osc = Oscillation(s12, s13, s23, rng.uniform(0, 360))
    mixing, content = mixing_matrix(osc), rng.dirichlet([1, 1, 1])
    rho = mixing @ np.diag(content) @ mixing.conj().T
    recoil, energy = rng.uniform(0.5, 30), rng.uniform(150, 860)
    found = mixture(SM + cs.electromagnetic(q_nu=q, r2_nu=r2), recoil, energy, mixing, content)
    assert found == pytest.approx(oracle.cross_section_matrix(recoil, energy, rho, q, r2), rel=1e-11)


def test_off_diagonal_elements_interfere_linearly_through_the_mixture() -> None:
    radius = np.zeros((3, 3), complex)
    radius[0, 2] = radius[2, 0] = 1e-32
    mixing = mixing_matrix(Oscillation())
    content = mass_state_content(np.array(267.0), PP, Oscillation())
    up, down = (mixture(SM + cs.electromagnetic(r2_nu=sign * radius), 5.0, 267.0, mixing, content) for sign in (1, -1))
    assert abs(up - down) / (up + down) > 1e-3
    even = np.full(3, 1 / 3)  # an unpolarised mixture is diagonal in flavour
    up, down = (mixture(SM + cs.electromagnetic(r2_nu=sign * radius), 5.0, 267.0, mixing, even) for sign in (1, -1))
    assert up == pytest.approx(down, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_form_is_symmetric_and_bilinear(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, z = (random_couplings(rng) for _ in range(3))
    a, b = rng.normal(size=2)
    u = mixing_matrix(Oscillation())

    def form(one: cs.Couplings, other: cs.Couplings) -> np.ndarray:
        return cs.kernel_coefficients(one, other, u)

    np.testing.assert_allclose(form(x, y), form(y, x), rtol=1e-13, atol=1e-13 * np.abs(form(x, x)).max())
    left, right = form(a * x + b * y, z), a * form(x, z) + b * form(y, z)
    for k in range(7):
        np.testing.assert_allclose(left[k], right[k], rtol=1e-12, atol=1e-12 * np.abs(right[k]).max())


@pytest.mark.parametrize("seed", range(4))
def test_the_rate_of_a_physical_coupling_is_never_negative(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(50):
        couplings = random_couplings(rng)
        energy = rng.uniform(20, 900)
        recoil = rng.uniform(0, 1) * oracle.max_recoil(energy)
        total = cs.kernel_coefficients(couplings, couplings, mixing_matrix(Oscillation())).T
        assert np.all(total @ cs.kernels(recoil, energy) >= 0)


# --- signs and special points ---


def interference(parameter: str, flavour: int, recoil: float = 5.0, energy: float = 267.0) -> float:
    """Derivative of a flavour's dsigma/dT at the Standard Model point along a parameter."""
    cross = cs.kernel_coefficients(SM, properties.direction(properties.parameter_of(parameter)), np.eye(3))[:, flavour]
    return float(2 * cross @ cs.kernels(recoil, energy))


def test_positive_charge_and_negative_radius_interfere_destructively_for_electron_neutrinos() -> None:
    assert interference("q_nu_e", 0) < 0 < interference("r2_nu_e", 0)
    assert interference("mu_nu_e", 0) == 0


def test_interference_of_the_other_flavours_has_the_opposite_sign() -> None:
    for flavour, name in ((1, "mu"), (2, "tau")):
        assert interference(f"r2_nu_{name}", flavour) < 0 < interference(f"q_nu_{name}", flavour)


def zero_effect_radius(parameter: str, content: np.ndarray, recoil: float = 10.0) -> float:
    """The second value of a radius, 1e-32 cm^2, at which the rate is that of the Standard Model."""
    mixing, direction = mixing_matrix(Oscillation()), properties.direction(properties.parameter_of(parameter))

    def rate(x: cs.Couplings, y: cs.Couplings) -> float:
        return float(cs.kernel_coefficients(x, y, mixing) @ content @ cs.kernels(recoil, 350.0))

    return -2 * rate(SM, direction) / rate(direction, direction)


def test_second_zero_effect_points_of_the_radius() -> None:
    content = mass_state_content(np.array(350.0), PP, Oscillation())
    assert zero_effect_radius("r2_nu", content) == pytest.approx(-42, abs=2)
    assert zero_effect_radius("r2_nu_e", content) == pytest.approx(-83, abs=2)


# --- magnetic moments ---


def effective_moment_squared(moment: np.ndarray, mixing: np.ndarray, content: np.ndarray) -> float:
    couplings = cs.electromagnetic(mu_nu=moment)
    return float(cs.kernel_coefficients(couplings, couplings, mixing)[6] @ content)


def in_flavour_space(moment: np.ndarray, mixing: np.ndarray) -> np.ndarray:
    """A moment matrix mu[j, k] that takes mass state k to j, with the incoming index in flavour space."""
    in_flavours: np.ndarray = moment @ mixing.conj().T
    return in_flavours


@pytest.mark.parametrize("seed", range(5))
def test_majorana_moments_obey_the_transition_identity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lam = rng.normal(size=3) + 1j * rng.normal(size=3)
    levi_civita = np.zeros((3, 3, 3))
    for j, k, i in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        levi_civita[j, k, i], levi_civita[k, j, i] = 1, -1
    moment = 1j * np.einsum("jkl,l->jk", levi_civita, lam)
    mixing, content = mixing_matrix(Oscillation()), rng.dirichlet([1, 1, 1])
    expected = np.sum(np.abs(lam) ** 2) - content @ np.abs(lam) ** 2
    found = effective_moment_squared(in_flavour_space(moment, mixing), mixing, content)
    assert found == pytest.approx(expected, rel=1e-12)


def test_diagonal_dirac_moments_add_with_the_mass_state_content() -> None:
    mixing = mixing_matrix(Oscillation())
    content, moments = np.array([0.663, 0.315, 0.022]), np.array([1.0, 2.0, 5.0])
    found = effective_moment_squared(in_flavour_space(np.diag(moments), mixing), mixing, content)
    assert found == pytest.approx(content @ moments**2, rel=1e-12)


def test_a_common_moment_is_independent_of_the_mixing() -> None:
    for osc in (Oscillation(), Oscillation(0.1, 0.2, 0.9, 30.0)):
        found = effective_moment_squared(3e-11 * np.eye(3), mixing_matrix(osc), np.array([0.5, 0.3, 0.2]))
        assert found == pytest.approx(9e-22, rel=1e-12)


def test_flavour_moments_add_with_the_flavour_content() -> None:
    mixing, content, moments = mixing_matrix(Oscillation()), np.array([0.663, 0.315, 0.022]), np.array([1.0, 2.0, 4.0])
    expected = np.abs(mixing) ** 2 @ content @ moments**2
    assert effective_moment_squared(np.diag(moments), mixing, content) == pytest.approx(expected, rel=1e-12)


def test_an_unknown_set_of_couplings_is_refused_in_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"^couplings: found 'radiativ'; did you mean 'radiative'\?$"):
        cs.weak_couplings("radiativ")
    assert cs.weak_couplings("tree", 0.25).vector == (1.0, 0.0, 0.0)
