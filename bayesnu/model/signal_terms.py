"""The signal of an experiment as products of parameters: fluxes, doubtful parts of the atom, and physics parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bayesnu.model import fold
from bayesnu.model.choices import Analysis
from bayesnu.model.nuisances import Nuisance, atomic_amplitude, atomic_fraction, solar_flux
from bayesnu.physics import atom
from bayesnu.physics.cross_section import Couplings, WeakCouplings, standard_model, weak_couplings
from bayesnu.physics.properties import Parameter, PhysicsParameter, direction, standard_value

NOISE = 1e-13  # of the largest: a product that vanishes by symmetry leaves rounding errors, not a term

Products: TypeAlias = dict[tuple[Parameter, ...], np.ndarray]


@dataclass(frozen=True, eq=False)
class SignalTerms:
    """What the signal is expanded in: physics parameters, and fluxes of which some are `tied` to other parameters.

    A tied flux is a sum: parameters, each with its share.
    """

    analysis: Analysis
    physics: tuple[PhysicsParameter, ...]
    tied: Mapping[str, Mapping[Parameter, float]]

    @property
    def weak(self) -> WeakCouplings:
        """The weak couplings of the Standard Model."""
        return weak_couplings(self.analysis.couplings, self.analysis.sin2_theta_w)

    @property
    def parts(self) -> fold.Parts:
        """The parts of the atom that are folded each by itself."""
        return atom.atomic_parts(self.analysis.millicharge) if self.analysis.is_atom_floating else fold.WHOLE

    def expand(self, folds: Sequence[fold.Fold]) -> Products:
        """The counts of every product of a flux with 0, 1 or 2 physics parameters, from the fold of each of the `parts`.

        Products of a part that is known only within an error have its nuisance too.
        """
        products: Products = {}
        for part, folded in zip(self.parts, folds, strict=True):
            products |= self._expand_fold(folded, multiply_part(part))
        return products

    def _expand_fold(self, folded: fold.Fold, others: tuple[Parameter, ...]) -> Products:
        """The counts of every product of a flux, the other parameters of a fold, and 0, 1 or 2 physics parameters."""
        basis = self._choose_basis(folded.mixing)
        products: Products = {}
        for i, (factor_i, x) in enumerate(basis):
            for j, (factor_j, y) in enumerate(basis[i:], start=i):
                counts = (1 if i == j else 2) * folded.bilinear(x, y)
                for c, component in enumerate(folded.components):
                    for flux_of, share in self._find_flux(component).items():
                        factors = (flux_of, *factor_i, *factor_j, *others)
                        products[factors] = products.get(factors, 0.0) + share * counts[c]
        return products

    def _choose_basis(self, mixing: np.ndarray) -> list[tuple[tuple[Parameter, ...], Couplings]]:
        """What is left of the Standard Model with every parameter at zero, and a unit of each parameter."""
        rest = standard_model(self.weak)
        basis: list[tuple[tuple[Parameter, ...], Couplings]] = []
        for parameter in self.physics:
            unit = direction(parameter, mixing)
            rest = rest + -standard_value(parameter, self.weak) * unit
            basis.append(((parameter,), unit))
        return [((), rest), *basis]

    def _find_flux(self, component: str) -> Mapping[Parameter, float]:
        """The relative flux of a component as a sum."""
        return self.tied.get(component, {solar_flux(component): 1.0})


def drop_noise(products: Products) -> Products:
    """The products without those that vanish by symmetry."""
    largest = max(np.abs(counts).max() for counts in products.values())
    return {factors: counts for factors, counts in products.items() if np.abs(counts).max() > NOISE * largest}


def multiply_part(part: atom.AtomicPart | None) -> tuple[Nuisance, ...]:
    """What multiplies a part of the atom: its nuisance, or nothing where it is certain."""
    if part is None or part.name is None:
        return ()
    return (atomic_fraction(part.name) if part.width is None else atomic_amplitude(part.name),)
