"""The transition to a sterile neutrino against the trace of its amplitude, its kinematics, and the active moment."""

from __future__ import annotations

import numpy as np
import pytest

from bayesnu.physics import cross_section, sterile
from bayesnu.physics.constants import ELECTRON_MASS_KEV as M_E
from bayesnu.physics.constants import FINE_STRUCTURE, HBARC_KEV_CM

ENERGIES = (150.0, 420.0, 862.0, 1442.0)
MASSES = (0.0, 3.0, 60.0, 250.0)

# Dirac's matrices in the chiral representation.
ONE, NIL = np.eye(2), np.zeros((2, 2))
PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
GAMMA = np.array([np.block([[NIL, ONE], [ONE, NIL]]), *(np.block([[NIL, s], [-s, NIL]]) for s in PAULI)])
LEFT = np.diag([1.0, 1.0, 0.0, 0.0])
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])


def slash(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("a,abc->bc", METRIC @ p, GAMMA))


def sigma(q: np.ndarray) -> np.ndarray:
    """sigma^{ab} q_b, shape (4, 4, 4)."""
    products = np.einsum("aij,bjk->abik", GAMMA, GAMMA)
    return np.asarray(np.einsum("abij,b->aij", 0.5j * (products - products.swapaxes(0, 1)), METRIC @ q))


def cross_section_by_trace(recoil: float, energy: float, mass: float) -> float:
    """dsigma/dT in cm^2/keV for a moment of one mu_B: |M|^2 of one photon between (mu/2) N sigma F nu and an electron."""
    momentum = np.sqrt(recoil**2 + 2 * M_E * recoil)
    cosine = (mass**2 + 2 * M_E * recoil + 2 * energy * recoil) / (2 * energy * momentum)
    k = np.array([energy, 0, 0, energy])
    p = np.array([M_E, 0.0, 0.0, 0.0])
    after = np.array([M_E + recoil, momentum * np.sqrt(1 - cosine**2), 0, momentum * cosine])
    q = after - p
    new = k - q
    assert new[0] ** 2 - new[1:] @ new[1:] == pytest.approx(mass**2, abs=1e-6 * energy**2)
    vertex = sigma(q)
    neutrino = np.einsum("ij,ajk,kl,bli->ab", slash(new) + mass * np.eye(4), vertex, LEFT @ slash(k), vertex)
    lower = np.einsum("ab,bij->aij", METRIC, GAMMA)
    electron = np.einsum("ij,ajk,kl,bli->ab", slash(after) + M_E * np.eye(4), lower, slash(p) + M_E * np.eye(4), lower)
    moment = 4 * np.pi * FINE_STRUCTURE / (4 * M_E**2)  # mu_B^2, with mu_B = e/(2 m)
    squared = (
        abs(np.einsum("ab,ab->", neutrino, electron)) / 2 * moment * 4 * np.pi * FINE_STRUCTURE / (2 * M_E * recoil) ** 2
    )
    return float(squared / (32 * np.pi * M_E * energy**2) * HBARC_KEV_CM**2)


def allowed_recoils(energy: float, mass: float) -> np.ndarray:
    low, high = sterile.find_recoils(energy, mass)
    return low + (high - low) * np.array([0.01, 0.1, 0.4, 0.9])


@pytest.mark.parametrize("mass", MASSES)
@pytest.mark.parametrize("energy", ENERGIES)
def test_the_kernel_is_the_trace(energy: float, mass: float) -> None:
    if not sterile.find_recoils(energy, mass):
        return
    recoils = allowed_recoils(energy, mass)
    expected = [cross_section_by_trace(recoil, energy, mass) for recoil in recoils]
    np.testing.assert_allclose(sterile.transition_kernel(recoils, np.array(energy), mass), expected, rtol=1e-9)


def test_without_a_mass_it_is_the_active_moment() -> None:
    recoil, energy = np.geomspace(0.01, 500, 60)[:, None], np.geomspace(5, 1500, 50)
    active = cross_section.kernels(recoil, energy)[cross_section.KERNELS.index("MM")]
    np.testing.assert_array_equal(sterile.transition_kernel(recoil, energy, 0.0), active)
    np.testing.assert_array_equal(sterile.least_energy(recoil, 0.0), cross_section.minimum_neutrino_energy(recoil))


@pytest.mark.parametrize("mass", MASSES)
@pytest.mark.parametrize("energy", ENERGIES)
def test_recoils_end_where_the_energy_is_the_least(energy: float, mass: float) -> None:
    ends = sterile.find_recoils(energy, mass)
    possible = np.sqrt(M_E**2 + 2 * M_E * energy) >= M_E + mass
    assert bool(ends) == possible
    for end in ends[mass == 0 :]:  # without a mass recoils begin at zero
        assert sterile.least_energy(np.array(end), mass) == pytest.approx(energy, rel=1e-9)
    if mass == 0:
        assert ends == pytest.approx((0.0, float(cross_section.maximum_recoil(np.array(energy)))), abs=1e-9)


@pytest.mark.parametrize("mass", MASSES)
def test_the_kernel_is_nowhere_negative_and_zero_where_kinematics_forbid(mass: float) -> None:
    recoil, energy = np.geomspace(1e-3, 1e3, 300)[:, None], np.geomspace(1, 2e3, 300)
    kernel = sterile.transition_kernel(recoil, energy, mass)
    assert np.all(kernel >= 0)
    np.testing.assert_array_equal(kernel == 0, energy < sterile.least_energy(recoil, mass))
