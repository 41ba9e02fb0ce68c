"""The solar fluxes and spectra against adaptive quadrature and published numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad

from bayesnu.model import fold
from bayesnu.model.choices import Analysis
from bayesnu.physics import flux
from bayesnu.support.errors import BayesnuError
from tests.physics import oracle


def over_spectrum(component: str, function: Callable[[np.ndarray], np.ndarray], lowest: float = 0.0) -> float:
    """Integral of a function over a component's spectrum above an energy, by the package's quadrature."""
    energies, weights = flux.spectrum_above(component, np.array(lowest))
    return float(np.sum(weights * function(energies)))


def mean_with_coulomb_factor(sign: int) -> float:
    """Mean pp energy, keV, with the Coulomb factor of a positron (+1) or of an electron (-1), by quadrature."""

    def shape(energy: float) -> float:
        total = flux.PP_ENDPOINT_KEV - energy + oracle.ELECTRON_MASS
        momentum = np.sqrt(total**2 - oracle.ELECTRON_MASS**2)
        x = sign * 2 * np.pi * oracle.ALPHA * total / momentum
        return float(energy**2 * momentum * total * x / np.expm1(x)) if x < 700 else 0.0

    top = flux.PP_ENDPOINT_KEV - 1e-9
    moment = quad(lambda e: e * shape(e), 0, top, epsrel=1e-10, limit=200)[0]
    return float(moment / quad(shape, 0, top, limit=200)[0])


@pytest.mark.parametrize("component", flux.COMPONENTS)
def test_a_spectrum_integrates_to_one(component: str) -> None:
    assert over_spectrum(component, np.ones_like) == pytest.approx(1, abs=1e-12)


def test_mean_pp_energy_is_that_of_an_allowed_positron_decay() -> None:
    mean = over_spectrum("pp", lambda e: e)
    assert mean == pytest.approx(264.9, abs=0.05)
    assert mean == pytest.approx(oracle.pp_mean_energy(), rel=1e-9)
    assert mean == pytest.approx(mean_with_coulomb_factor(+1), rel=1e-7)


def test_the_electron_s_sign_of_the_coulomb_factor_would_be_noticed() -> None:
    wrong = mean_with_coulomb_factor(-1)
    assert wrong == pytest.approx(267.2, abs=0.1)
    assert abs(wrong - over_spectrum("pp", lambda e: e)) > 2


def test_pp_spectrum_vanishes_outside_its_range_and_is_positive_inside() -> None:
    outside = np.array([-10.0, 0.0, flux.PP_ENDPOINT_KEV, flux.PP_ENDPOINT_KEV + 1e-9, 1e4])
    assert np.all(flux.pp_shape(outside) == 0)
    assert np.all(flux.pp_shape(np.linspace(1, 420, 100)) > 0)


def test_pp_spectrum_is_phase_space_squared_at_low_energy() -> None:
    assert flux.pp_shape(np.array(2e-3)) / flux.pp_shape(np.array(1e-3)) == pytest.approx(4, rel=1e-4)


def test_pp_spectrum_has_the_oracle_s_shape() -> None:
    energies = np.linspace(0.5, 420.0, 60)
    norm = quad(flux.pp_shape, 0, flux.PP_ENDPOINT_KEV, epsrel=1e-11, limit=300)[0]
    expected = [oracle.pp_spectrum(e) for e in energies]
    np.testing.assert_allclose(flux.pp_shape(energies) / norm, expected, rtol=1e-8)


@pytest.mark.parametrize("lowest", [0.0, 1.8, 40.0, 90.0, 265.0, 400.0, 419.0])
@pytest.mark.parametrize("power", [-2, -1, 0, 1, 3])
def test_quadrature_above_a_threshold_is_exact(lowest: float, power: int) -> None:
    expected = oracle.integral(
        lambda e: e**power * oracle.pp_spectrum(e), lowest, flux.PP_ENDPOINT_KEV, oracle.PP_POINTS, 1e-12
    )
    assert over_spectrum("pp", lambda e: e**power, lowest) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("lowest", [flux.PP_ENDPOINT_KEV, 500.0])
def test_nothing_is_left_above_the_endpoint(lowest: float) -> None:
    assert over_spectrum("pp", np.ones_like, lowest) == 0


def test_quadrature_is_converged() -> None:
    coarse, fine = (flux.spectrum_above("pp", np.array(60.0), order) for order in (48, 192))
    assert np.sum(coarse[1] / coarse[0]) == pytest.approx(np.sum(fine[1] / fine[0]), rel=1e-9)


def test_thresholds_of_any_shape_give_the_same_as_one_by_one() -> None:
    lowest = np.array([[10.0, 100.0, 200.0], [300.0, 400.0, 500.0]])
    for component in flux.COMPONENTS:
        _, weights = flux.spectrum_above(component, lowest)
        each = [over_spectrum(component, np.ones_like, low) for low in lowest.ravel()]
        np.testing.assert_allclose(weights.sum(axis=-1).ravel(), each, rtol=1e-13)


def test_beryllium_has_two_lines_that_a_threshold_removes_one_by_one() -> None:
    below_both, between, above = (over_spectrum("7Be", np.ones_like, low) for low in (100.0, 500.0, 900.0))
    assert below_both == pytest.approx(1) and above == 0
    assert between == pytest.approx(0.896)
    assert over_spectrum("7Be", lambda e: e) == pytest.approx(0.896 * 861.3 + 0.104 * 384.3, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "fluxes", "widths"),
    [("B16-GS98", (5.98e10, 4.93e9), (0.006, 0.06)), ("B16-AGSS09met", (6.03e10, 4.50e9), (0.005, 0.06))],
)
def test_solar_models_are_those_of_vinyoles_2017(
    name: str, fluxes: tuple[float, float], widths: tuple[float, float]
) -> None:
    model = flux.solar_model(name)
    assert (model.fluxes, model.relative_widths) == (fluxes, widths)


def test_the_fluxes_are_consistent_with_the_solar_luminosity() -> None:
    # Each pp neutrino carries 13.098 MeV of photons, each 7Be 12.60 MeV (Bahcall 2002, hep-ph/0108148); they make 99 %.
    luminosity_mev = 8.5272e11  # per cm^2 and s at 1 au, the same source
    for model in flux.SOLAR_MODELS.values():
        share = (13.0987 * model.fluxes[0] + 12.6008 * model.fluxes[1]) / luminosity_mev
        assert 0.975 < share < 1


def test_the_rate_is_linear_in_the_fluxes() -> None:
    recoil = np.array([1.0, 5.0, 20.0])
    one, other = (fold.kernel_rates(recoil, Analysis(solar_model=name)) for name in flux.SOLAR_MODELS)
    for c, ratio in enumerate((6.03 / 5.98, 4.50 / 4.93)):
        np.testing.assert_allclose(other[c], ratio * one[c], rtol=1e-13)


def test_an_unknown_solar_model_is_refused_in_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"^solar_model: found 'B16-GS9'; did you mean 'B16-GS98'\?$"):
        flux.solar_model("B16-GS9")
