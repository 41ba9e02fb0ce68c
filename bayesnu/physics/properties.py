"""The electromagnetic properties that can be inferred: their names, units, ranges and directions in coupling space.

A parameter is a property, or the property with an element: `mu_nu`, `q_nu_e`, `r2_nu_mutau_im`, `mu_nu_lambda2`. Elements
are matrices in flavour space; those of the moment in the mass basis carry digits.

* nothing: one common value; `e`, `mu`, `tau`: that flavour's own.
* `emu`, `etau`, `mutau`: real part of an off-diagonal element of a Hermitian charge or radius matrix; `_im` its imaginary
  part.
* `11` ... `33`: mu_jk of the Dirac moment matrix in the mass basis, k the incoming state:
  mu_eff^2 = sum_k P_ek sum_j |mu_jk|^2.
* `lambda1` ... `lambda3`: Majorana transition moments, mu_jk = i epsilon_jkl Lambda_l.

A flavour-wise moment mu_alpha means (mu^dagger mu)_alpha,alpha with the off-diagonal elements zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesnu.physics.cross_section import Couplings, electromagnetic
from bayesnu.physics.oscillation import FLAVOURS
from bayesnu.support.errors import BayesnuError, did_you_mean

PAIRS = {"emu": (0, 1), "etau": (0, 2), "mutau": (1, 2)}
DIRAC = tuple(f"{j}{k}" for j in (1, 2, 3) for k in (1, 2, 3))
MAJORANA = ("lambda1", "lambda2", "lambda3")
GROUPS = {
    "common": ("",),
    "all": FLAVOURS,
    "offdiagonal": tuple(PAIRS),
    "dirac": ("11", "22", "33"),
    "majorana": MAJORANA,
}
_SYMBOL = {"e": "e", "mu": r"\mu", "tau": r"\tau", "emu": r"e\mu", "etau": r"e\tau", "mutau": r"\mu\tau"}


@dataclass(frozen=True)
class Property:
    """A property: parameters are in units of `scale * unit`; `range_common` and `range_element` hold all modes."""

    name: str
    unit: str
    scale: float
    range_common: tuple[float, float]
    range_element: tuple[float, float]
    elements: tuple[str, ...]
    label: Callable[[str], str]

    @property
    def signed(self) -> bool:
        """Whether the sign can be observed: the charge and the radius interfere with the weak amplitude."""
        return self.range_common[0] < 0


_SIGNED = ("", *FLAVOURS, *PAIRS, *(f"{pair}_im" for pair in PAIRS))
PROPERTIES = {
    item.name: item
    for item in (
        Property("mu_nu", "mu_B", 1e-11, (0, 10), (0, 10), ("", *FLAVOURS, *DIRAC, *MAJORANA), lambda s: rf"\mu_{s}"),
        Property("q_nu", "e", 1e-12, (-4, 4), (-4, 4), _SIGNED, lambda s: rf"q_{s}"),
        Property("r2_nu", "cm2", 1e-32, (-200, 150), (-250, 250), _SIGNED, lambda s: rf"\langle r_{s}^2\rangle"),
    )
}


def property_of(parameter: str) -> Property:
    """Return the property that a parameter such as `mu_nu` or `r2_nu_tau` belongs to."""
    for item in PROPERTIES.values():
        if parameter in [_name(item.name, element) for element in item.elements]:
            return item
    known = [_name(item.name, element) for item in PROPERTIES.values() for element in item.elements]
    raise BayesnuError(f"parameter: found '{parameter}'{did_you_mean(parameter, known)}")


def _name(name: str, element: str) -> str:
    return f"{name}_{element}" if element else name


def parameters_of(name: str, flavour: str = "common") -> tuple[str, ...]:
    """Names of the physics parameters of a property: a group of elements (`common`, `all`, ...) or a single one."""
    if name not in PROPERTIES:
        raise BayesnuError(f"parameter: found '{name}'{did_you_mean(name, PROPERTIES)}")
    elements = GROUPS.get(flavour, (flavour,))
    known = PROPERTIES[name].elements
    if not {*elements} <= {*known}:
        allowed = [group for group, members in GROUPS.items() if {*members} <= {*known}] + [each for each in known if each]
        raise BayesnuError(f"flavour: found '{flavour}' for {name}{did_you_mean(flavour, allowed)}")
    return tuple(_name(name, element) for element in elements)


def flavour_of(parameter: str) -> str:
    """`common`, or the element of the property."""
    return parameter[len(property_of(parameter).name) + 1 :] or "common"


def label_of(item: Property, element: str) -> str:
    if element in MAJORANA:
        return rf"\Lambda_{{{element[-1]}}}"
    if element in DIRAC or element == "common":
        return item.label(r"\nu" if element == "common" else f"{{{element}}}")
    pair = element.removesuffix("_im")
    if pair in PAIRS:
        return (r"\mathrm{Im}\," if pair != element else "") + item.label(f"{{{_SYMBOL[pair]}}}")
    return item.label(rf"{{\nu_{{{_SYMBOL[element]}}}}}")


def needs_mass_states(parameter: str) -> bool:
    """Whether a parameter has a meaning only for an incoherent mixture of mass states."""
    return flavour_of(parameter) not in ("common", *FLAVOURS)


def direction(parameter: str, mixing: np.ndarray | None = None) -> Couplings:
    """Couplings of one unit (`scale * unit`) of a parameter in flavour space.

    `mixing` is U (3, 3), needed for moments in the mass basis: a matrix M there becomes M U^dagger, for then
    (U^dagger X^dagger X U)_kk is sum_j |M_jk|^2. Raises `BayesnuError` where it is needed and missing.
    """
    item, element = property_of(parameter), flavour_of(parameter)
    matrix = _matrix(element)
    if element in DIRAC or element in MAJORANA:
        if mixing is None:
            raise BayesnuError(f"{parameter}: a moment in the mass basis needs the mixing matrix")
        matrix = matrix @ mixing.conj().T
    return electromagnetic(**{item.name: item.scale * matrix})


def _matrix(element: str) -> np.ndarray:
    matrix = np.zeros((3, 3), dtype=complex)
    if element == "common":
        return np.eye(3, dtype=complex)
    if element in FLAVOURS:
        place = FLAVOURS.index(element)
        matrix[place, place] = 1
    elif element in DIRAC:
        matrix[int(element[0]) - 1, int(element[1]) - 1] = 1
    elif element in MAJORANA:
        k = int(element[-1]) - 1
        matrix[(k + 1) % 3, (k + 2) % 3], matrix[(k + 2) % 3, (k + 1) % 3] = 1j, -1j
    else:
        row, column = PAIRS[element.removesuffix("_im")]
        matrix[row, column] = 1j if element.endswith("_im") else 1
        matrix[column, row] = np.conj(matrix[row, column])
    return matrix


def couplings(mixing: np.ndarray | None = None, **values: float) -> Couplings:
    """Electromagnetic couplings from parameter values in mu_B, e and cm^2; a common value and an element's add up."""
    total = Couplings()
    for parameter, value in values.items():
        total = total + value / property_of(parameter).scale * direction(parameter, mixing)
    return total
