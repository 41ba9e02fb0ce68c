"""Spectra of backgrounds against closed forms, independent sums, and a published table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from bayesnu.physics.background_spectra import (
    BetaSpectrum,
    DoubleBetaSpectrum,
    FlatSpectrum,
    LineSpectrum,
    TabulatedSpectrum,
)
from tests.physics import decays
from tests.physics.oracle import ELECTRON_MASS

TRITIUM = BetaSpectrum(18.59, 2)
XENON136 = DoubleBetaSpectrum(2457.0, 56)  # the end of the table below

# Summed energy of both electrons of 136Xe, per decay and keV: XENON1T's release, Zenodo 4088778, unsmeared.
RELEASED = {
    3.0: 3.6748e-06,
    5.0: 5.8273e-06,
    9.0: 1.034e-05,
    11.0: 1.2806e-05,
    19.0: 2.2471e-05,
    29.0: 3.4845e-05,
    49.0: 6.0276e-05,
    65.0: 8.1338e-05,
    99.0: 0.00012816,
    139.0: 0.00018626,
    199.0: 0.00027838,
}


def midpoints(endpoint: float, parts: int) -> tuple[np.ndarray, float]:
    """Energies of the midpoint rule up to an endpoint, and its step."""
    step = endpoint / parts
    return (np.arange(parts) + 0.5) * step, step


@pytest.mark.parametrize(("endpoint", "charge"), [(18.59, 2), (1018.0, 83)])
def test_a_beta_spectrum_is_that_of_the_complete_fermi_function(endpoint: float, charge: int) -> None:
    energies, step = midpoints(endpoint, 200_000)
    shape = decays.beta(energies, endpoint, charge)
    some = slice(500, None, 9_973)
    found = BetaSpectrum(endpoint, charge).density(energies[some])
    np.testing.assert_allclose(found, shape[some] / (shape.sum() * step), rtol=2e-6)


def test_without_a_charge_the_normalisation_has_a_closed_form() -> None:
    # f(W0) = p0 (W0^4/30 - 3 W0^2/20 - 2/15) + W0 ln(W0 + p0)/4, the integral of p W (W0 - W)^2.
    for endpoint in (18.59, 500.0, 3000.0):
        end = 1 + endpoint / ELECTRON_MASS
        momentum = np.sqrt(end**2 - 1)
        integral = momentum * (end**4 / 30 - 3 * end**2 / 20 - 2 / 15) + end / 4 * np.log(end + momentum)
        energy = endpoint / 3
        total = 1 + energy / ELECTRON_MASS
        shape = np.sqrt(total**2 - 1) * total * (end - total) ** 2
        found = BetaSpectrum(endpoint, 0).density(np.array([energy]))[0]
        assert found * ELECTRON_MASS == pytest.approx(shape / integral, rel=1e-8 if endpoint > 100 else 1e-5)


def test_a_shape_factor_multiplies_the_spectrum() -> None:
    energies = np.linspace(0.5, 18.0, 36)
    plain = TRITIUM.density(energies)
    bent = BetaSpectrum(18.59, 2, (1.0, -0.02, 0.003)).density(energies)
    factor = 1 - 0.02 * energies + 0.003 * energies**2
    ratio = bent / (plain * factor)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
    mean = quad(lambda t: float(TRITIUM.density(np.array([t]))[0] * (1 - 0.02 * t + 0.003 * t**2)), 0, 18.59, epsrel=1e-9)[0]
    assert ratio[0] == pytest.approx(1 / mean, rel=1e-8)


def test_a_double_beta_spectrum_is_the_plain_sum_over_both_electrons() -> None:
    energies, step = midpoints(2457.0, 1500)
    shape = decays.double_beta(energies, 2457.0, 56)
    expected = shape / (shape.sum() * step)
    np.testing.assert_allclose(XENON136.density(energies[:140]), expected[:140], rtol=2e-4)


def test_low_energies_of_xenon_136_are_those_of_a_published_table() -> None:
    ratio = XENON136.density(np.array([*RELEASED])) / [*RELEASED.values()]
    smooth = np.array([*RELEASED]) > 15  # below, the slope of the table itself jumps by several per cent
    np.testing.assert_allclose(ratio[smooth], 1, atol=0.005)
    np.testing.assert_allclose(ratio[~smooth], 1, atol=0.05)


def test_events_of_xenon_136_are_those_that_were_counted() -> None:
    # 1.16 t yr of natural xenon: 1.3e5 decays per t yr for a half-life of 2.165e21 yr and 8.86 % of 136Xe.
    atoms = 6.02214076e23 / 131.293 * 1e6 * 0.0886
    decays_per_tonne_year = atoms * np.log(2) / 2.165e21
    assert decays_per_tonne_year == pytest.approx(1.3e5, rel=0.005)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    energies = 1 + 139 * (nodes + 1) / 2
    events = 1.16 * decays_per_tonne_year * float(weights @ XENON136.density(energies)) * 139 / 2
    assert events == pytest.approx(1899, rel=0.01)


def test_the_form_of_primakoff_and_rosen_is_a_sixth_too_low_at_low_energies() -> None:
    def primakoff_rosen(kinetic: np.ndarray) -> np.ndarray:
        k, end = kinetic / ELECTRON_MASS, 2457.0 / ELECTRON_MASS
        shape: np.ndarray = k * (end - k) ** 5 * (1 + 2 * k + 4 * k**2 / 3 + k**3 / 3 + k**4 / 30)
        return shape

    energies, step = midpoints(2457.0, 20_000)
    low = energies < 140
    other = primakoff_rosen(energies)
    share = other[low].sum() / other.sum()
    assert share / (XENON136.density(energies[low]).sum() * step) == pytest.approx(0.84, abs=0.01)


def test_a_density_ends_where_its_spectrum_does() -> None:
    energies = np.array([0.0, 18.59, 20.0])
    assert np.all(TRITIUM.density(energies) == 0)
    assert np.all(XENON136.density(np.array([0.0, 2457.0, 3000.0])) == 0)
    table = TabulatedSpectrum((1.0, 3.0, 3.0, 5.0), (2.0, 4.0, 1.0, 3.0))
    np.testing.assert_allclose(
        table.density(np.array([0.9, 1.0, 2.0, 2.999, 3.0, 4.0, 5.0, 5.1])), [0, 2, 3, 3.999, 1, 2, 3, 0]
    )
    assert np.all(FlatSpectrum().density(energies) == 1)


def test_lines_are_nodes_of_their_own() -> None:
    lines = LineSpectrum((2.82, 0.27), (0.902, 0.087))
    energies, weights = lines.weigh(np.linspace(0, 1, 5), np.ones(5))
    assert [*energies] == [2.82, 0.27] and [*weights] == [0.902, 0.087]
