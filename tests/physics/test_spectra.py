"""Spectra and their quadratures against adaptive integration, the complete Fermi function, and published numbers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import loggamma

from bayesnu.physics.flux import SPECTRA
from bayesnu.physics.spectra import BetaPlus, Lines, Spectrum
from tests.physics import oracle

PP = BetaPlus(oracle.PP_ENDPOINT, 1, "")
WARM_PP = SPECTRA["all"]["pp"]
ALL = [(choice, name) for choice, spectra in SPECTRA.items() for name in spectra]


def over_spectrum(spectrum: Spectrum, function: Callable[[np.ndarray], np.ndarray], lowest: float = 0.0) -> float:
    """Integral of a function over a spectrum above an energy, by the package's quadrature."""
    energies, weights = spectrum.above(np.array(lowest))
    return float(np.sum(weights * function(energies)))


def mean_energy(spectrum: Spectrum) -> float:
    return over_spectrum(spectrum, lambda e: e)


def mean_by_quadrature(endpoint: float, coulomb: Callable[[float, float], float]) -> float:
    """Mean neutrino energy of an allowed decay, keV; the Coulomb factor takes momentum and total energy."""

    def shape(energy: float) -> float:
        total = endpoint - energy + oracle.ELECTRON_MASS
        momentum = np.sqrt(total**2 - oracle.ELECTRON_MASS**2)
        return float(energy**2 * momentum * total * coulomb(momentum, total))

    top = endpoint - 1e-3
    moment = quad(lambda e: e * shape(e), 0, top, epsrel=1e-10, limit=200)[0]
    return float(moment / quad(shape, 0, top, epsrel=1e-10, limit=200)[0])


def penetration(charge: int) -> Callable[[float, float], float]:
    """Coulomb factor x/(e^x - 1); the charge is positive where the daughter repels the lepton."""

    def factor(momentum: float, total: float) -> float:
        x = 2 * np.pi * oracle.ALPHA * charge * total / momentum
        return float(x / np.expm1(x)) if x < 700 else 0.0

    return factor


def fermi_function(charge: int, nucleons: int) -> Callable[[float, float], float]:
    """Fermi's function of a positron at the nuclear radius 1.2 fm A^(1/3), up to a factor."""
    gamma = np.sqrt(1 - (oracle.ALPHA * charge) ** 2)
    radius = 1.2e-13 * nucleons ** (1 / 3) / oracle.HBAR_C  # 1/keV

    def factor(momentum: float, total: float) -> float:
        y = -oracle.ALPHA * charge * total / momentum
        return float(np.exp(np.pi * y + 2 * loggamma(gamma + 1j * y).real) * (momentum * radius) ** (2 * gamma - 2))

    return factor


# Every spectrum


@pytest.mark.parametrize(("choice", "name"), ALL)
def test_a_spectrum_integrates_to_one(choice: str, name: str) -> None:
    assert over_spectrum(SPECTRA[choice][name], np.ones_like) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("choice", "name"), ALL)
def test_thresholds_of_any_shape_give_the_same_as_one_by_one(choice: str, name: str) -> None:
    lowest = np.array([[10.0, 100.0, 200.0], [300.0, 400.0, 500.0]])
    _, weights = SPECTRA[choice][name].above(lowest)
    each = [over_spectrum(SPECTRA[choice][name], np.ones_like, low) for low in lowest.ravel()]
    np.testing.assert_allclose(weights.sum(axis=-1).ravel(), each, rtol=1e-13)


@pytest.mark.parametrize(("choice", "name"), ALL)
def test_nothing_is_left_above_the_end_of_a_spectrum(choice: str, name: str) -> None:
    spectrum = SPECTRA[choice][name]
    energies, _ = spectrum.above(np.array(0.0))
    assert over_spectrum(spectrum, np.ones_like, 1.02 * energies.max()) == 0


# Lines


def test_a_threshold_removes_lines_one_by_one() -> None:
    beryllium = SPECTRA["pp-7be"]["7Be"]
    below_both, between, above = (over_spectrum(beryllium, np.ones_like, low) for low in (100.0, 500.0, 900.0))
    assert below_both == pytest.approx(1) and above == 0
    assert between == pytest.approx(0.896)
    assert mean_energy(beryllium) == pytest.approx(0.896 * 861.3 + 0.104 * 384.3, rel=1e-12)


# Allowed decays


def test_mean_pp_energy_is_that_of_an_allowed_positron_decay() -> None:
    assert mean_energy(PP) == pytest.approx(264.9, abs=0.05)
    assert mean_energy(PP) == pytest.approx(oracle.pp_mean_energy(), rel=1e-9)
    assert mean_energy(PP) == pytest.approx(mean_by_quadrature(oracle.PP_ENDPOINT, penetration(+1)), rel=1e-7)
    assert SPECTRA["pp-7be"]["pp"] == BetaPlus(oracle.PP_ENDPOINT, 1, "allowed beta spectrum, endpoint of hep-ph/9710491")


def test_the_electron_s_sign_of_the_coulomb_factor_would_be_noticed() -> None:
    wrong = mean_by_quadrature(oracle.PP_ENDPOINT, penetration(-1))
    assert wrong == pytest.approx(267.2, abs=0.1)
    assert abs(wrong - mean_energy(PP)) > 2


def test_a_spectrum_vanishes_outside_its_range_and_is_positive_inside() -> None:
    outside = np.array([-10.0, 0.0, oracle.PP_ENDPOINT, oracle.PP_ENDPOINT + 1e-9, 1e4])
    assert np.all(PP.shape(outside) == 0)
    assert np.all(PP.shape(np.linspace(1, 420, 100)) > 0)


def test_a_spectrum_is_phase_space_squared_at_low_energy() -> None:
    assert PP.shape(np.array(2e-3)) / PP.shape(np.array(1e-3)) == pytest.approx(4, rel=1e-4)


def test_pp_spectrum_has_the_oracle_s_shape() -> None:
    energies = np.linspace(0.5, 420.0, 60)
    norm = quad(PP.shape, 0, oracle.PP_ENDPOINT, epsrel=1e-11, limit=300)[0]
    expected = [oracle.pp_spectrum(e) for e in energies]
    np.testing.assert_allclose(PP.shape(energies) / norm, expected, rtol=1e-8)


@pytest.mark.parametrize("lowest", [0.0, 1.8, 40.0, 90.0, 265.0, 400.0, 419.0])
@pytest.mark.parametrize("power", [-2, -1, 0, 1, 3])
def test_quadrature_above_a_threshold_is_exact(lowest: float, power: int) -> None:
    expected = oracle.integral(
        lambda e: e**power * oracle.pp_spectrum(e), lowest, oracle.PP_ENDPOINT, oracle.PP_POINTS, 1e-12
    )
    assert over_spectrum(PP, lambda e: e**power, lowest) == pytest.approx(expected, rel=1e-9)


def test_quadrature_is_converged() -> None:
    coarse, fine = (PP.above(np.array(60.0), order) for order in (48, 192))
    assert np.sum(coarse[1] / coarse[0]) == pytest.approx(np.sum(fine[1] / fine[0]), rel=1e-9)


# Mean energies of Bahcall's tables, whose 17F ends at 1740 keV; atomic masses of today put it at 1738.5 keV.
TABULATED = [("13N", 1199.0, 6, 13, 706.7), ("15O", 1732.0, 7, 15, 996.5), ("17F", 1740.0, 8, 17, 999.6)]


@pytest.mark.parametrize(("name", "endpoint", "charge", "nucleons", "mean"), TABULATED)
def test_mean_energies_of_the_nitrogen_cycle(name: str, endpoint: float, charge: int, nucleons: int, mean: float) -> None:
    own = BetaPlus(endpoint, charge, "")
    complete = mean_by_quadrature(endpoint, fermi_function(charge, nucleons))
    assert complete == pytest.approx(mean, abs=0.1)
    assert mean_energy(own) == pytest.approx(complete, rel=6e-4)
    assert mean_energy(own) == pytest.approx(mean_by_quadrature(endpoint, penetration(charge)), rel=1e-7)
    # without the Coulomb factor, or with an electron's, the mean is 8 keV and more off
    assert mean_by_quadrature(endpoint, lambda momentum, total: 1.0) > mean + 7
    shipped = SPECTRA["all"][name]
    assert isinstance(shipped, BetaPlus)
    assert shipped.daughter_charge == charge
    assert shipped.endpoint_kev == pytest.approx(endpoint, abs=2)


# The table of pp with thermal motion


def test_thermal_motion_raises_the_mean_pp_energy_to_the_published_one() -> None:
    assert mean_energy(WARM_PP) == pytest.approx(266.7, abs=0.05)


@pytest.mark.parametrize("lowest", [0.0, 1.8, 90.0, 301.7, 420.0])
def test_a_table_s_quadrature_is_that_of_straight_lines_between_its_rows(lowest: float) -> None:
    rows = np.loadtxt(str(files("bayesnu.physics") / "solar_pp_spectrum.csv"), delimiter=",", skiprows=2)
    knots = np.array([0.0, *1e3 * rows[:, 0]])
    heights = np.array([0.0, *1e-3 * rows[:, 1]])

    def integral(power: int, start: float) -> float:
        pieces = [(max(low, start), high) for low, high in pairwise(knots) if high > start]
        return float(sum(quad(lambda e: np.interp(e, knots, heights) * (e + 50) ** power, *piece)[0] for piece in pieces))

    assert integral(0, 0.0) == pytest.approx(1, abs=2e-5)
    expected = integral(-1, lowest) / integral(0, 0.0)
    assert over_spectrum(WARM_PP, lambda e: 1 / (e + 50), lowest) == pytest.approx(expected, rel=1e-6)


def test_protons_in_motion_raise_the_energy_of_a_neutrino_by_a_few_kev() -> None:
    lowest = np.linspace(40, 400, 80)
    warm, cold = (spectrum.above(lowest)[1].sum(axis=-1) for spectrum in (WARM_PP, PP))
    higher = WARM_PP.above(lowest + 4)[1].sum(axis=-1)
    assert np.all((higher < cold) & (cold < warm))


def test_a_line_of_a_decay_is_a_line() -> None:
    pep = SPECTRA["all"]["pep"]
    assert isinstance(pep, Lines) and over_spectrum(pep, np.ones_like, 1400.0) == 1
