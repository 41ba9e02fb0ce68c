"""Where fits of toys start in the physics parameters, so that every minimum of chi^2 is found."""

from __future__ import annotations

from itertools import product

import numpy as np

from bayesnu.inference.parabola import Parabola, fit_parabola
from bayesnu.inference.toys.toys import Toys
from bayesnu.model.polynomial import Model


class Starts:
    """Starts of the fits of one model, from the parabolas that its counts are; `squared` (parameters,) marks moments."""

    def __init__(self, model: Model, squared: np.ndarray) -> None:
        self.model = model
        self.squared = squared
        self._parabolas: dict[int, Parabola] = {}

    def parabola(self, k: int) -> Parabola:
        """The counts as a parabola in physics parameter k, made once."""
        if k not in self._parabolas:
            self._parabolas[k] = fit_parabola(self.model, k)
        return self._parabolas[k]

    def find_reach(self, k: int) -> float:
        """Distance from zero at which the signal has as many counts more than at its fewest as the noise."""
        shape = self.parabola(k)
        return float(np.sqrt(shape.middle**2 + shape.noise)) if shape.curved > 0 else shape.width

    def place(self, toys: Toys, first: int = 0) -> list[np.ndarray]:
        """Where fits start in the physics parameters from the place `first` on, (toys, parameters) each.

        Every start of one with every start of the others; but muon and tau neutrinos scatter alike. So counts know three
        charges (or radii) by q_e, by the mean of the other two, and by the square of their difference. In these chi^2 is
        nearly convex, with q_e or without. Then two starts on opposite sides are enough.
        """
        axes = [self._choose_starts(toys, k) for k in range(first, self.model.n_physics)]
        alike = [self._find_alike(first + k, first) for k in range(len(axes))]
        starts = []
        for sides in product(*(range(len(axis)) for axis in axes)):
            is_needed = all(sides[k] != sides[other - first] for k, other in enumerate(alike) if other >= first)
            if is_needed:
                starts.append(np.column_stack([axis[side] for axis, side in zip(axes, sides, strict=True)]))
        return starts

    def _choose_starts(self, toys: Toys, k: int) -> list[np.ndarray]:
        """Where to start in physics parameter k, (toys,) each: chi^2 has one minimum in a square, up to two else.

        The counts of the signal are a parabola in the parameter, so one minimum mirrors another at its middle. Starts are
        where the parabola gives the toy's counts, or as far out as counts can tell: between the minima there is a saddle.
        """
        shape = self.parabola(k)
        if shape.curved == 0:
            return [np.full(len(toys), shape.middle + sign * shape.width) for sign in (-1, 1)]
        excess = shape.excess(toys.counts)
        if self.squared[k]:
            return [np.sqrt(np.where(excess > 2 * shape.noise, excess, 0.0))]
        distance = np.sqrt(np.maximum(excess, shape.noise))
        return [shape.middle - distance, shape.middle + distance]

    def find_pairs(self, free: np.ndarray) -> list[tuple[int, int]]:
        """Places of charges or radii of the muon and the tau neutrino that are both free."""
        pairs = []
        for tau, parameter in enumerate(self.model.of_interest):
            muon = self._find_alike(tau)
            if parameter.flavour == "tau" and muon >= 0 and free[tau] and free[muon]:
                pairs.append((muon, tau))
        return pairs

    def exchange(self, theta: np.ndarray, muon: int, tau: int) -> np.ndarray:
        """Where muon and tau neutrinos have changed parts, and the counts next to nothing: theta (toys, parameters).

        Their mean, weighted by their numbers, and the square of their difference stay.
        """
        share = self.parabola(muon).curved / (self.parabola(muon).curved + self.parabola(tau).curved)
        difference = theta[:, muon] - theta[:, tau]
        other = theta.copy()
        other[:, muon] -= 2 * (1 - share) * difference
        other[:, tau] += 2 * share * difference
        return other

    def _find_alike(self, k: int, first: int = 0) -> int:
        """The place of the physics parameter on whose other side parameter k starts, -1 where it may start on either.

        A charge or radius of the tau neutrino starts opposite to that of the muon neutrino, and so does the electron
        neutrino's where there are both. What stands before the place `first` is not fitted.
        """
        fitted = enumerate(self.model.of_interest[first:], first)
        places = {(p.em_property.name, p.flavour): i for i, p in fitted}
        here = self.model.of_interest[k]
        muon = places.get((here.em_property.name, "mu"), -1)
        tau = places.get((here.em_property.name, "tau"), -1)
        opposite = {"tau": muon, "e": muon if tau >= 0 else -1}
        return opposite.get(here.flavour, -1) if here.signed else -1
