"""Counts under shifts of the oscillation parameters as polynomials, and how far these are from folding anew.

A shift z of one parameter, in its standard deviations, adds z times a first coefficient to the counts of a term, and z^2
times a second one where data could tell. Products of two shifts are left out: they are part of the error that is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bayesnu.model.shifts import added_by, expand
from bayesnu.physics import oscillation
from bayesnu.physics.oscillation import STANDARD_DEVIATIONS, Oscillation
from bayesnu.support.errors import BayesnuError

FOLDED = np.array([-2.0, -1.0, 1.0, 2.0])  # 95 % of the prior; the content is smooth there
DEGREES = (1, 2)  # powers of a shift: fewer than folds, so that these tell how good the expansion is
LEAST_CHANGE = 1e-4  # of a term, and of the neutrinos, by one standard deviation: a smaller change is none
NOISE = 1e-13  # of the largest count of all: rounding errors
ALLOWED = 0.1  # standard deviations of the data

ALONE: tuple[Mapping[str, float], ...] = tuple({name: z} for name in STANDARD_DEVIATIONS for z in FOLDED.tolist())
PAIRS: tuple[Mapping[str, float], ...] = tuple(dict.fromkeys(pair, 1.0) for pair in combinations(STANDARD_DEVIATIONS, 2))


class Moved(NamedTuple):
    """Counts of terms (terms, bins), folded anew with some parameters shifted by so many standard deviations."""

    deviations: Mapping[str, float]
    counts: np.ndarray


@dataclass(frozen=True, eq=False)
class OscillationShifts:
    """Counts of terms at rest (terms, bins), and a function that gives them with other oscillation parameters.

    `is_signal` (terms,) marks neutrinos, `degrees` (terms,) are the highest powers of a shift that a term has room for.
    """

    where: str
    rest: np.ndarray
    is_signal: np.ndarray
    centre: Oscillation
    count: Callable[[Oscillation], np.ndarray]
    degrees: Sequence[int]

    def expand(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Coefficients (HIGHEST, terms, bins) of each parameter that has an effect, of the lowest power that will do.

        It does where the counts at these `points`, coefficients (points, terms), are wrong by at most `ALLOWED` standard
        deviations of the data, all bins together: with each parameter shifted alone, and each two at once. Raises
        `BayesnuError` where no power does, and for parameters that cannot be shifted so far.
        """
        self._check_range()
        folds = [Moved(each, self.count(oscillation.shift(self.centre, **each))) for each in (*ALONE, *PAIRS)]
        error = np.inf
        for degree in DEGREES:
            found = {name: self._fit(name, folds, degree) for name in STANDARD_DEVIATIONS}
            shifts = {name: each for name, each in found.items() if self._has_effect(each, points)}
            error = max(self._find_error(shifts, fold, points) for fold in folds)
            if error <= ALLOWED:
                return shifts
        raise BayesnuError(
            f"{self.where}: the expansion in the oscillation parameters is wrong by {error:.3g} standard deviations of the "
            f"data, where {ALLOWED:g} is allowed; set oscillation_nuisances = off"
        )

    def _check_range(self) -> None:
        """Refuse a parameter that leaves its physical range where it is folded."""
        for name, width in STANDARD_DEVIATIONS.items():
            value = getattr(self.centre, name)
            reach = FOLDED[-1] * width
            highest = np.inf if name in ("dm2_21_ev2", "delta_cp_deg") else 1.0
            if name != "delta_cp_deg" and not reach < value < highest - reach:
                raise BayesnuError(
                    f"oscillation_nuisances: found {name} = {value:g}, which is less than two standard deviations, "
                    f"{reach:.2g}, from the end of its range; set oscillation_nuisances = off"
                )

    def _fit(self, name: str, folds: Sequence[Moved], degree: int) -> np.ndarray:
        """Coefficients (HIGHEST, terms, bins) of a parameter, without those that one standard deviation does not show."""
        moved = np.array([fold.counts for fold in folds if {*fold.deviations} == {name}])
        coefficients = expand(self.rest, moved, [min(degree, most) for most in self.degrees], FOLDED)
        largest = np.abs(self.rest).max(axis=1)
        least = np.maximum(LEAST_CHANGE * largest, NOISE * largest.max())
        shown = np.abs(coefficients).max(axis=2) > least
        return np.where(shown[..., None], coefficients, 0.0)

    def _has_effect(self, coefficients: np.ndarray, points: np.ndarray) -> bool:
        """Whether a standard deviation changes the neutrinos of a bin at one of the points."""
        change = np.abs(points @ added_by(coefficients, 1.0))
        neutrinos = np.abs(points[:, self.is_signal] @ self.rest[self.is_signal])
        return bool(np.any(change > LEAST_CHANGE * neutrinos))

    def _find_error(self, shifts: Mapping[str, np.ndarray], fold: Moved, points: np.ndarray) -> float:
        """The largest error in standard deviations of the data, beside counts that were folded anew."""
        exact = points @ fold.counts
        added = sum(added_by(shifts[name], z) for name, z in fold.deviations.items() if name in shifts)
        error = (points @ (self.rest + added) - exact) / np.sqrt(np.maximum(exact, 1.0))
        return float(np.linalg.norm(error, axis=1).max())
