"""The luminosity of the Sun as a constraint on the fluxes: what pp has to be, beside the others.

The light of the Sun is the heat of its reactions, of which every neutrino is a tally: the sum of heat times flux is the
solar constant (Bahcall 2002, hep-ph/0108148).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import pi
from types import MappingProxyType

from bayesnu.physics.flux import SolarModel

ERG_PER_MEV = 1.602_176_634e-6  # exact, SI 2019
ASTRONOMICAL_UNIT_CM = 1.495_978_707e13  # exact, IAU 2012 resolution B2
LUMINOSITY_ERG_PER_S = 3.828e33  # nominal, IAU 2015 resolution B3
RELATIVE_WIDTH = 0.004  # the distance to 3.842e33 erg/s, which the fluxes of B16-GS98 add up to
CONSTANT_MEV = LUMINOSITY_ERG_PER_S / ERG_PER_MEV / (4 * pi * ASTRONOMICAL_UNIT_CM**2)  # per cm^2 and s

# Heat in MeV per neutrino, without what the neutrino takes away. On the pp chain it is half of 4 p + 2 e -> 4He, 26.7310 MeV
# (CODATA 2022), less the mean energy of the neutrino. 13N and 17F: one capture and the decay; 15O: the rest of the cycle, by
# differences of atomic masses (AME2020). Mean energies are those of the spectra in `flux.py`; of 8B 6.74, of hep 9.63 MeV.
# For 7Be lists in use have 12.60, which would be a mean energy of 0.765 MeV instead of 0.812.
HEAT_MEV: Mapping[str, float] = MappingProxyType(
    {
        "pp": 13.099,
        "7Be": 12.553,
        "pep": 11.923,
        "13N": 3.457,
        "15O": 21.571,
        "17F": 2.361,
        "8B": 6.63,
        "hep": 3.74,
    }
)


@dataclass(frozen=True)
class TiedFlux:
    """The flux of pp, relative to a solar model's, as a sum: a share times the luminosity, and shares of other fluxes.

    That luminosity is of pp and the other fluxes, relative to the solar model's: a Gaussian of `mean` and `width` by the
    solar constant. Shares of others are negative: the heat that they make is not made by pp.
    """

    mean: float
    width: float
    of_luminosity: float
    of_others: Mapping[str, float]


def tie_pp(sun: SolarModel, floating: Collection[str]) -> TiedFlux:
    """The flux of pp that goes with the solar constant, beside `floating` fluxes; all others are the solar model's."""
    heat = {name: HEAT_MEV[name] * each.total for name, each in sun.fluxes.items()}
    moving = sum(heat[name] for name in {*floating, "pp"})
    fixed = sum(heat.values()) - moving
    return TiedFlux(
        mean=(CONSTANT_MEV - fixed) / moving,
        width=RELATIVE_WIDTH * CONSTANT_MEV / moving,
        of_luminosity=moving / heat["pp"],
        of_others={name: -heat[name] / heat["pp"] for name in floating if name != "pp"},
    )
