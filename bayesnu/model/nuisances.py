"""Nuisance parameters: numbers that a model needs and nobody asks for, each with its owner."""

from __future__ import annotations

from dataclasses import dataclass

from bayesnu.physics.properties import Parameter


@dataclass(frozen=True)
class Nuisance(Parameter):
    """A nuisance parameter: a flux, an efficiency, a shift or the normalisation of a background shape, called `quantity`.

    Its owner is an `experiment`, or a key that experiments have `shared`; a flux has neither, as it belongs to the Sun.
    """

    quantity: str
    experiment: str | None = None
    shared: str | None = None


def solar_flux(component: str) -> Nuisance:
    """The flux of a component, relative to the solar model's."""
    isotope = "pp" if component == "pp" else r"^{7}\mathrm{Be}"
    name = f"flux_{component.lower()}"
    return Nuisance(name, rf"\phi_{{{isotope}}}", "", 1.0, quantity=name)


def owned(quantity: str, label: str, experiment: str, shared: str | None = None, unit: str = "") -> Nuisance:
    """A nuisance of one experiment, or of all that use the shared key; the owner stands in brackets behind the name."""
    name = f"{quantity}[{shared or experiment}]"
    return Nuisance(name, label, unit, 1.0, quantity, None if shared else experiment, shared)
