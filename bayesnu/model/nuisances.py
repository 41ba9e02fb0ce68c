"""Nuisance parameters: numbers that a model needs and nobody asks for, each with its kind and its owner.

Files choose the names of components and shared keys, so these may read like anything else. A nuisance is therefore its
kind, quantity and owner, never its name. The name says the same three, so that two nuisances never have one in common.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bayesnu.physics.properties import Parameter

Kind: TypeAlias = Literal["flux", "oscillation", "atom", "response", "background"]
RESPONSES = ("efficiency", "threshold_shift", "energy_scale")  # quantities of a detector's response
OSCILLATION_LABELS = {
    "sin2_theta12": r"\sin^2\theta_{12}",
    "dm2_21_ev2": r"\Delta m^2_{21}",
    "sin2_theta13": r"\sin^2\theta_{13}",
    "sin2_theta23": r"\sin^2\theta_{23}",
    "delta_cp_deg": r"\delta",
}


@dataclass(frozen=True)
class Nuisance(Parameter):
    """A nuisance parameter: of the Sun, the oscillation, the atom, the response, or a background's normalisation.

    `quantity` says which one of its kind. Its owner is an `experiment`, or a key that experiments have `shared`; the first
    three are common to all and have neither. `usual` is its value in a plain prediction, unless its prior has a mean.
    """

    kind: Kind
    quantity: str
    experiment: str | None = None
    shared: str | None = None
    usual: float = 1.0


def solar_flux(component: str) -> Nuisance:
    """The flux of a component, relative to the solar model's."""
    symbol = re.sub(r"^(\d+)(\w+)$", r"^{\1}\\mathrm{\2}", component)
    name = f"flux_{component.lower()}"
    return Nuisance(name, rf"\phi_{{{symbol}}}", "", 1.0, "flux", name)


def solar_luminosity() -> Nuisance:
    """The luminosity of the Sun to which the flux of pp is tied, relative to that of the solar model's fluxes."""
    return Nuisance("luminosity", r"L_\odot", "", 1.0, "flux", "luminosity")


def oscillation_shift(parameter: str) -> Nuisance:
    """A shift of an oscillation parameter, named as the choice of its value, in standard deviations."""
    return Nuisance(parameter, OSCILLATION_LABELS[parameter], "sigma", 1.0, "oscillation", parameter, usual=0.0)


def atomic_amplitude(part: str) -> Nuisance:
    """The size of a part of the atom, relative to its best value."""
    return Nuisance(part, _write_atomic(part), "", 1.0, "atom", part)


def atomic_fraction(part: str) -> Nuisance:
    """How far the atom is from its usual treatment, 0, towards another one, 1."""
    return Nuisance(part, _write_atomic(part), "", 1.0, "atom", part, usual=0.0)


def _write_atomic(part: str) -> str:
    return rf"\mathrm{{{part}}}".replace("_", r"\ ")


def efficiency_scale(experiment: str, shared: str | None) -> Nuisance:
    """The scale of the efficiency, relative to the published one."""
    return _own("response", "efficiency", r"\eta", "", experiment, shared)


def response_shift(quantity: str, experiment: str) -> Nuisance:
    """A shift of the response, `threshold_shift` or `energy_scale`, in standard deviations."""
    return _own("response", quantity, quantity.replace("_", r"\ "), "sigma", experiment, None)


def normalisation(shape: str, experiment: str, shared: str | None) -> Nuisance:
    """The normalisation of a background shape, relative to its fitted counts."""
    symbol = shape.replace("_", r"\_").replace(" ", r"\ ")
    return _own("background", shape, rf"n_{{\mathrm{{{symbol}}}}}", "", experiment, shared)


def _own(kind: Kind, quantity: str, label: str, unit: str, experiment: str, shared: str | None) -> Nuisance:
    """A nuisance of one experiment, or of all that use the shared key; the owner stands in brackets behind the name."""
    name = f"{_name_quantity(kind, quantity)}[{_name_owner(experiment, shared)}]"
    return Nuisance(name, label, unit, 1.0, kind, quantity, None if shared else experiment, shared)


def _name_quantity(kind: Kind, quantity: str) -> str:
    """The quantity; with its kind if a component is called like a number of the response. No component has a space."""
    return f"background {quantity}" if kind == "background" and quantity in RESPONSES else quantity


def _name_owner(experiment: str, shared: str | None) -> str:
    """The owner; a shared key that an experiment could be called, or that begins like this, follows the word `shared`."""
    if shared is None:
        return experiment
    return f"shared {shared}" if re.fullmatch(r"[a-z0-9-]+|shared .*", shared) else shared
