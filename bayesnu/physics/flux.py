"""Solar neutrinos: total fluxes of the solar models, and the spectra of the components at Earth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from bayesnu.physics.spectra import BetaPlus, Lines, Spectrum, Table
from bayesnu.support.errors import BayesnuError, did_you_mean


class Flux(NamedTuple):
    """A total flux in cm^-2 s^-1, and its relative standard deviation."""

    total: float
    relative_width: float


@dataclass(frozen=True)
class SolarModel:
    """The total flux of every component of the solar neutrinos.

    `measured_by` names the experiment that measured some, by scattering on electrons with Standard Model couplings.
    """

    name: str
    fluxes: Mapping[str, Flux]
    source: str = "Vinyoles et al. 2017, arXiv:1611.09867, Table 6"
    measured_by: str | None = None


B16_GS98 = MappingProxyType(
    {
        "pp": Flux(5.98e10, 0.006),
        "7Be": Flux(4.93e9, 0.06),
        "pep": Flux(1.44e8, 0.01),
        "13N": Flux(2.78e8, 0.15),
        "15O": Flux(2.05e8, 0.17),
        "17F": Flux(5.29e6, 0.20),
        "8B": Flux(5.46e6, 0.12),
        "hep": Flux(7.98e3, 0.30),
    }
)
# pp (6.1 +- 0.5 +0.3 -0.5)e10 and 7Be (4.99 +- 0.11 +0.06 -0.08)e9: statistical and systematic errors in quadrature, and the
# mean of both sides.
BOREXINO = MappingProxyType({**B16_GS98, "pp": Flux(6.1e10, 0.106), "7Be": Flux(4.99e9, 0.026)})

SOLAR_MODELS = {
    model.name: model
    for model in (
        SolarModel("B16-GS98", B16_GS98),
        SolarModel(
            "B16-AGSS09met",
            MappingProxyType(
                {
                    "pp": Flux(6.03e10, 0.005),
                    "7Be": Flux(4.50e9, 0.06),
                    "pep": Flux(1.46e8, 0.009),
                    "13N": Flux(2.04e8, 0.14),
                    "15O": Flux(1.44e8, 0.16),
                    "17F": Flux(3.26e6, 0.18),
                    "8B": Flux(4.50e6, 0.12),
                    "hep": Flux(8.25e3, 0.30),
                }
            ),
        ),
        SolarModel(
            "Borexino",
            BOREXINO,
            source="Borexino, arXiv:1707.09279, for pp and 7Be; B16-GS98, arXiv:1611.09867, for the others",
            measured_by="Borexino",
        ),
    )
}


def solar_model(name: str) -> SolarModel:
    """Return a solar model by name; raises `BayesnuError` for an unknown one."""
    try:
        return SOLAR_MODELS[name]
    except KeyError:
        raise BayesnuError(f"solar_model: found '{name}'{did_you_mean(name, SOLAR_MODELS)}") from None


BERYLLIUM = "lines of Bahcall 1994, Phys. Rev. D 49, 3923"
BERYLLIUM_SHARES = (0.896, 0.104)  # to the ground and first excited state of 7Li, same source
NITROGEN_CYCLE = "allowed beta spectrum, endpoint as in Bahcall and Ulrich 1988, doi:10.1103/RevModPhys.60.297"

# The spectra of the components that each choice of `solar_components` has. No table of 8B and hep with a free licence was
# at hand, so no choice has these two: `model/left_out.py` bounds what they would add.
SPECTRA: Mapping[str, Mapping[str, Spectrum]] = {
    "pp-7be": {
        "pp": BetaPlus(420.22, 1, "allowed beta spectrum, endpoint of hep-ph/9710491"),
        "7Be": Lines((861.3, 384.3), BERYLLIUM_SHARES, BERYLLIUM),
    },
    "all": {
        "pp": Table("solar_pp_spectrum.csv", "with the thermal motion of the protons, table of hep-ph/9710491"),
        "7Be": Lines((861.8, 384.3), BERYLLIUM_SHARES, BERYLLIUM),
        "pep": Lines((1442.2,), (1.0,), "line at 2 m_p + m_e - m_d, CODATA 2022"),
        "13N": BetaPlus(1199.0, 6, NITROGEN_CYCLE),
        "15O": BetaPlus(1732.0, 7, NITROGEN_CYCLE),
        "17F": BetaPlus(1738.5, 8, "allowed beta spectrum, endpoint from today's atomic masses"),
    },
}
