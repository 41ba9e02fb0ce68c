"""Words for properties, their units and elements, and flavours: what a user types, and no numbers.

Loading it costs nothing, so that the command line can offer these words before anything is computed.
"""

from __future__ import annotations

FLAVOURS = ("e", "mu", "tau")
UNITS = {"mu_nu": "mu_B", "q_nu": "e", "r2_nu": "cm2"}  # of each property
PROPERTY_NAMES = tuple(UNITS)
# Of what the same kernels give beside the properties; a pure number has none.
FURTHER_UNITS = {"s2_w": "", "r2_total": "cm2", "a_nu": "cm2", "mu_sterile": "mu_B"}
ALL_UNITS = UNITS | FURTHER_UNITS
ALL_NAMES = tuple(ALL_UNITS)

# Elements beside the flavours: off-diagonal ones with their places, and those of the moment in the mass basis.
PAIRS = {"emu": (0, 1), "etau": (0, 2), "mutau": (1, 2)}
IMAGINARY = tuple(f"{pair}_im" for pair in PAIRS)
DIRAC = tuple(f"{j}{k}" for j in (1, 2, 3) for k in (1, 2, 3))
MAJORANA = ("lambda1", "lambda2", "lambda3")
GROUPS = {
    "common": ("common",),
    "all": FLAVOURS,
    "offdiagonal": tuple(PAIRS),
    "dirac": ("11", "22", "33"),
    "majorana": MAJORANA,
}
OF_FURTHER = {  # elements of each of the further ones
    "s2_w": ("common",),
    "r2_total": FLAVOURS,
    "a_nu": ("common", *FLAVOURS),
    "mu_sterile": ("common", *FLAVOURS),
}
# Every group and element, as `flavour` takes them.
GROUPS_AND_ELEMENTS = (
    *("common", *FLAVOURS),
    *("all", *PAIRS, *IMAGINARY, "offdiagonal"),
    *("dirac", *DIRAC, "majorana", *MAJORANA),
)
