"""The solar fluxes, lines and endpoints against published numbers and masses of nuclei."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.constants import physical_constants

from bayesnu.model import fold
from bayesnu.model.choices import CHOICES, Analysis
from bayesnu.physics import flux
from bayesnu.physics.flux import SPECTRA
from bayesnu.physics.oscillation import PRODUCTION_POTENTIAL_EV
from bayesnu.physics.spectra import BetaPlus, Lines
from bayesnu.support.errors import BayesnuError

COMPONENTS = ("pp", "7Be", "pep", "13N", "15O", "17F", "8B", "hep")
# Vinyoles et al. 2017, Table 6: fluxes in cm^-2 s^-1 and relative errors.
PUBLISHED = {
    "B16-GS98": (
        (5.98e10, 4.93e9, 1.44e8, 2.78e8, 2.05e8, 5.29e6, 5.46e6, 7.98e3),
        (0.006, 0.06, 0.01, 0.15, 0.17, 0.20, 0.12, 0.30),
    ),
    "B16-AGSS09met": (
        (6.03e10, 4.50e9, 1.46e8, 2.04e8, 1.44e8, 3.26e6, 4.50e6, 8.25e3),
        (0.005, 0.06, 0.009, 0.14, 0.16, 0.18, 0.12, 0.30),
    ),
}
# Differences of atomic masses, AME2020, in keV: the energy of electron capture.
CAPTURE_KEV = {"13N": 2220.47, "15O": 2754.15, "17F": 2760.47, "7Be": 861.89}


def in_kev(particle: str) -> float:
    return 1e3 * float(physical_constants[f"{particle} mass energy equivalent in MeV"][0])


@pytest.mark.parametrize("name", PUBLISHED)
def test_solar_models_are_those_of_vinyoles_2017(name: str) -> None:
    totals, widths = PUBLISHED[name]
    model = flux.solar_model(name)
    assert tuple(model.fluxes) == COMPONENTS
    assert tuple(each.total for each in model.fluxes.values()) == totals
    assert tuple(each.relative_width for each in model.fluxes.values()) == widths


def test_measured_fluxes_are_those_of_borexino_and_the_others_of_a_model() -> None:
    """arXiv:1707.09279: statistical and systematic errors in quadrature, and the mean of both sides."""
    measured = {
        "pp": (6.1, np.hypot(0.5, 0.3), np.hypot(0.5, 0.5), 1e10),
        "7Be": (4.99, np.hypot(0.11, 0.06), np.hypot(0.11, 0.08), 1e9),
    }
    found = flux.solar_model("Borexino").fluxes
    for name, (value, up, down, unit) in measured.items():
        assert found[name].total == pytest.approx(value * unit)
        assert found[name].relative_width == pytest.approx((up + down) / 2 / value, abs=5e-4)
    others = flux.solar_model("B16-GS98").fluxes
    assert {name: each for name, each in found.items() if name not in measured} == {
        name: each for name, each in others.items() if name not in measured
    }


def test_every_choice_of_components_has_spectra_with_potentials() -> None:
    assert set(SPECTRA) == {*CHOICES["solar_components"].words}
    assert tuple(SPECTRA["pp-7be"]) == COMPONENTS[:2]
    assert tuple(SPECTRA["all"]) == COMPONENTS[:6]  # 8B and hep have no spectrum here
    assert set(SPECTRA["all"]) == set(PRODUCTION_POTENTIAL_EV)


def test_lines_and_endpoints_are_differences_of_masses() -> None:
    electron = in_kev("electron")
    gained = 2 * in_kev("proton") - in_kev("deuteron")
    pep, cold, beryllium = SPECTRA["all"]["pep"], SPECTRA["pp-7be"]["pp"], SPECTRA["all"]["7Be"]
    assert isinstance(pep, Lines) and isinstance(cold, BetaPlus) and isinstance(beryllium, Lines)
    assert pep.energies_kev[0] == pytest.approx(gained + electron, abs=0.1)
    assert cold.endpoint_kev == pytest.approx(gained - electron, abs=0.1)
    assert beryllium.energies_kev[0] == pytest.approx(CAPTURE_KEV["7Be"], abs=0.1)
    assert np.diff(beryllium.energies_kev) == pytest.approx(-477.6, abs=0.2)  # the excited state of 7Li
    for name in ("13N", "15O", "17F"):
        decay = SPECTRA["all"][name]
        assert isinstance(decay, BetaPlus)
        assert decay.endpoint_kev == pytest.approx(CAPTURE_KEV[name] - 2 * electron, abs=0.6)


def test_the_rate_is_linear_in_the_fluxes() -> None:
    recoil = np.array([1.0, 5.0, 20.0])
    one, other = (fold.kernel_rates(recoil, Analysis(solar_model=name, solar_components="all")) for name in PUBLISHED)
    for c, (old, new) in enumerate(zip(*(totals[:6] for totals, _ in PUBLISHED.values()), strict=True)):
        np.testing.assert_allclose(other[c], new / old * one[c], rtol=1e-13)


def test_an_unknown_solar_model_is_refused_in_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"^solar_model: found 'B16-GS9'; did you mean 'B16-GS98'\?$"):
        flux.solar_model("B16-GS9")
