"""Counts under shifts of the oscillation parameters as polynomials, and how far these are from folding anew.

A shift z of one parameter, in its standard deviations, adds z times a first coefficient to the counts of a term, and z^2
times a second one where data could tell. Products of two shifts are left out: they are part of the error that is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from bayesnu.model.shifts import added_by, expand
from bayesnu.physics import oscillation
from bayesnu.physics.oscillation import STANDARD_DEVIATIONS, Oscillation
from bayesnu.support.errors import BayesnuError

FOLDED = np.array([-2.0, -1.0, 1.0, 2.0])  # 95 % of the prior; the content is smooth there
DEGREES = (1, 2)  # powers of a shift: fewer than folds, so that these tell how good the expansion is
LEAST_CHANGE = 1e-4  # of a term's largest count, by one standard deviation: a smaller change is none
NOISE = 1e-13  # of the largest count of all: rounding errors
ALLOWED = 0.1  # standard deviations of the data


@dataclass(frozen=True, eq=False)
class OscillationShifts:
    """Counts of terms at rest (terms, bins), and a function that gives them with other oscillation parameters.

    `degrees` (terms,) are the highest powers of a shift that each term has room for.
    """

    where: str
    rest: np.ndarray
    centre: Oscillation
    count: Callable[[Oscillation], np.ndarray]
    degrees: Sequence[int]

    def expand(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Coefficients (HIGHEST, terms, bins) of each parameter that has an effect, of the lowest power that will do.

        It does where the counts at these `points`, coefficients (points, terms), are wrong by at most `ALLOWED` standard
        deviations of the data, all bins together. Raises `BayesnuError` where no power does, and for parameters that cannot
        be shifted so far.
        """
        self._check_range()
        moved = {name: np.array([self._count(**{name: z}) for z in FOLDED]) for name in STANDARD_DEVIATIONS}
        error = np.inf
        for degree in DEGREES:
            degrees = [min(degree, most) for most in self.degrees]
            found = {name: self._drop_small(expand(self.rest, each, degrees, FOLDED)) for name, each in moved.items()}
            shifts = {name: coefficients for name, coefficients in found.items() if np.any(coefficients)}
            error = self._find_error(shifts, points)
            if error <= ALLOWED:
                return shifts
        raise BayesnuError(
            f"{self.where}: the expansion in the oscillation parameters is wrong by {error:.3g} standard deviations of the "
            f"data, where {ALLOWED:g} is allowed; set oscillation_nuisances = off"
        )

    def _count(self, **deviations: float) -> np.ndarray:
        return self.count(oscillation.shift(self.centre, **deviations))

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

    def _drop_small(self, coefficients: np.ndarray) -> np.ndarray:
        """Coefficients (HIGHEST, terms, bins) without those that one standard deviation does not show."""
        change = np.abs(coefficients).max(axis=2)
        least = np.maximum(LEAST_CHANGE * np.abs(self.rest).max(axis=1), NOISE * np.abs(self.rest).max())
        return np.where((change > least)[..., None], coefficients, 0.0)

    def _find_error(self, shifts: dict[str, np.ndarray], points: np.ndarray) -> float:
        """The largest error in standard deviations of the data: each shifted alone, and all that matter at once."""
        alone = [{name: float(z)} for name in STANDARD_DEVIATIONS for z in FOLDED]
        corners = [dict(zip(shifts, signs, strict=True)) for signs in product((-1.0, 1.0), repeat=len(shifts))]
        worst = 0.0
        for deviations in (*alone, *corners):
            exact = points @ self._count(**deviations)
            added = sum(added_by(shifts[name], z) for name, z in deviations.items() if name in shifts)
            error = (points @ (self.rest + added) - exact) / np.sqrt(np.maximum(exact, 1.0))
            worst = max(worst, float(np.linalg.norm(error, axis=1).max()))
        return worst
