"""The electromagnetic properties that can be inferred: their names, units, ranges and directions in coupling space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.cross_section import Couplings, electromagnetic
from bayesnu.errors import BayesnuError, did_you_mean
from bayesnu.oscillation import FLAVOURS
from bayesnu.priors import Flat


@dataclass(frozen=True)
class Property:
    """A property: parameters are in units of `scale * unit`; `range_common` and `range_flavour` hold all modes."""

    name: str
    label: str
    unit: str
    scale: float
    range_common: tuple[float, float]
    range_flavour: tuple[float, float]

    @property
    def signed(self) -> bool:
        """Whether the sign can be observed: the charge and the radius interfere with the weak amplitude."""
        return self.range_common[0] < 0


PROPERTIES = {
    item.name: item
    for item in (
        Property("mu_nu", r"\mu_\nu", "mu_B", 1e-11, (0.0, 10.0), (0.0, 10.0)),
        Property("q_nu", r"q_\nu", "e", 1e-12, (-4.0, 4.0), (-4.0, 4.0)),
        Property("r2_nu", r"\langle r_\nu^2\rangle", "cm2", 1e-32, (-200.0, 150.0), (-250.0, 250.0)),
    )
}
_FLAVOUR_LABEL = {"e": "e", "mu": r"\mu", "tau": r"\tau"}


def property_of(parameter: str) -> Property:
    """Return the property that a parameter such as `mu_nu` or `r2_nu_tau` belongs to."""
    for name, item in PROPERTIES.items():
        if parameter == name or parameter in [f"{name}_{flavour}" for flavour in FLAVOURS]:
            return item
    known = [*PROPERTIES, *(f"{name}_{flavour}" for name in PROPERTIES for flavour in FLAVOURS)]
    raise BayesnuError(f"parameter: found '{parameter}'{did_you_mean(parameter, known)}")


def parameters_of(name: str, flavour: str = "common") -> tuple[str, ...]:
    """Names of the physics parameters of a property: one common value, one flavour's, or all three."""
    if name not in PROPERTIES:
        raise BayesnuError(f"parameter: found '{name}'{did_you_mean(name, PROPERTIES)}")
    if flavour == "common":
        return (name,)
    if flavour == "all":
        return tuple(f"{name}_{each}" for each in FLAVOURS)
    if flavour not in FLAVOURS:
        raise BayesnuError(f"flavour: found '{flavour}'{did_you_mean(flavour, ('common', 'all', *FLAVOURS))}")
    return (f"{name}_{flavour}",)


def flavour_of(parameter: str) -> str:
    """`common`, `e`, `mu` or `tau`."""
    return parameter[len(property_of(parameter).name) + 1 :] or "common"


def default_prior(parameter: str) -> Flat:
    """The prior flat in the parameter on the range that holds all its modes."""
    item, flavour = property_of(parameter), flavour_of(parameter)
    low, high = item.range_common if flavour == "common" else item.range_flavour
    subscript = "" if flavour == "common" else _FLAVOUR_LABEL[flavour]
    label = item.label.replace(r"\nu", rf"{{\nu_{{{subscript}}}}}") if subscript else item.label
    return Flat(parameter, label, item.unit, item.scale, low, high)


def direction(parameter: str) -> Couplings:
    """Couplings of one unit (`scale * unit`) of a parameter, in flavour space."""
    item, flavour = property_of(parameter), flavour_of(parameter)
    diagonal = np.ones(3) if flavour == "common" else np.array([float(each == flavour) for each in FLAVOURS])
    return electromagnetic(**{item.name: item.scale * np.diag(diagonal)})


def couplings(**values: float) -> Couplings:
    """Electromagnetic couplings from parameter values in mu_B, e and cm^2; a common value and a flavour's add up."""
    total = Couplings()
    for parameter, value in values.items():
        total = total + value / property_of(parameter).scale * direction(parameter)
    return total
