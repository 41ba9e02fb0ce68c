"""The width of the energy response, and its skewness, against energy: a polynomial, or a table.

The response is centred on the true energy and has the standard deviation sigma, whatever its skewness.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi, sqrt
from typing import TypeAlias

import numpy as np

from bayesnu.support.arguments import read_number
from bayesnu.support.errors import BayesnuError

REACH = 8.5  # standard deviations beyond which a Gaussian holds less than 1e-16 of its area
MOST_SKEWED = 10.0  # |alpha|: the edge of the response is then a tenth of its width


@dataclass(frozen=True)
class Resolution:
    """Width of the energy response, sigma(T) = a + b sqrt(T) + c T + d T^2 + e T^3, all in keV.

    Constant above `valid_to_kev`: a polynomial explodes outside the range of its fit. The response is a skew-normal of
    parameter `alpha`, a Gaussian where that is 0.
    """

    constant_kev: float = 0.0
    sqrt_kev: float = 0.0
    linear: float = 0.0
    quadratic_per_kev: float = 0.0
    cubic_per_kev2: float = 0.0
    valid_to_kev: float = inf
    alpha: float = 0.0

    def __post_init__(self) -> None:
        for name in ("constant_kev", "sqrt_kev", "linear", "quadratic_per_kev", "cubic_per_kev2"):
            read_number(f"resolution: {name}", getattr(self, name))
        if self.valid_to_kev != inf:
            read_number("resolution: valid_to_kev", self.valid_to_kev)
        _check_alpha(self.alpha)

    def sigma_kev(self, energy_kev: np.ndarray | float) -> np.ndarray:
        """Standard deviation, keV, of the reconstructed energy at an energy T in keV, of the same shape."""
        t = np.minimum(np.asarray(energy_kev, dtype=float), self.valid_to_kev)
        sigma: np.ndarray = (
            self.constant_kev
            + self.sqrt_kev * np.sqrt(t)
            + t * (self.linear + t * (self.quadratic_per_kev + t * self.cubic_per_kev2))
        )
        return sigma

    def alpha_at(self, energy_kev: np.ndarray | float) -> np.ndarray:
        """Parameter of the skew-normal at an energy T in keV, of the same shape."""
        return np.full_like(np.asarray(energy_kev, dtype=float), self.alpha)

    @property
    def kinks_kev(self) -> tuple[float, ...]:
        """Energies at which sigma has a kink: a quadrature ends its panels there."""
        return (self.valid_to_kev,)

    @property
    def largest_alpha(self) -> float:
        """The largest |alpha|; 0 for a Gaussian."""
        return abs(self.alpha)


@dataclass(frozen=True)
class TabulatedResolution:
    """Width of the energy response as a table: `sigmas_kev` at rising `energies_kev`, linear between, constant beyond them.

    `alphas`, of the skew-normal, are one per knot or none: then the response is a Gaussian.
    """

    energies_kev: tuple[float, ...]
    sigmas_kev: tuple[float, ...]
    alphas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        knots = len(self.energies_kev)
        if not knots or len(self.sigmas_kev) != knots or len(self.alphas) not in (0, knots):
            raise BayesnuError(
                f"resolution: found {knots} energies, {len(self.sigmas_kev)} widths and {len(self.alphas)} alphas; must be "
                "one of each per knot, or no alphas"
            )
        energies = [read_number("resolution: energies_kev", each) for each in self.energies_kev]
        if np.any(np.diff(energies) <= 0):
            raise BayesnuError("resolution: found energies_kev out of order; must increase")
        for each in self.sigmas_kev:
            if read_number("resolution: sigmas_kev", each) <= 0:
                raise BayesnuError(f"resolution: found a width of {each:g} keV; must be above 0")
        for each in self.alphas:
            _check_alpha(each)

    def sigma_kev(self, energy_kev: np.ndarray | float) -> np.ndarray:
        """Standard deviation, keV, of the reconstructed energy at an energy T in keV, of the same shape."""
        return np.asarray(np.interp(energy_kev, self.energies_kev, self.sigmas_kev))

    def alpha_at(self, energy_kev: np.ndarray | float) -> np.ndarray:
        """Parameter of the skew-normal at an energy T in keV, of the same shape."""
        return np.asarray(np.interp(energy_kev, self.energies_kev, self.alphas or np.zeros_like(self.energies_kev)))

    @property
    def kinks_kev(self) -> tuple[float, ...]:
        """Energies at which sigma has a kink: a quadrature ends its panels there."""
        return self.energies_kev

    @property
    def largest_alpha(self) -> float:
        """The largest |alpha|; 0 for a Gaussian."""
        return max(map(abs, self.alphas), default=0.0)


AnyResolution: TypeAlias = Resolution | TabulatedResolution


def reach_of(resolution: AnyResolution) -> float:
    """Standard deviations beyond which the response holds less than 1e-16 of its area.

    The longer tail of a skew-normal falls like a Gaussian of its scale, which is up to 1.66 standard deviations.
    """
    alpha = resolution.largest_alpha
    return REACH / sqrt(1 - 2 / pi * alpha**2 / (1 + alpha**2))


def _check_alpha(alpha: float) -> None:
    if abs(read_number("resolution: alpha", alpha)) > MOST_SKEWED:
        raise BayesnuError(f"resolution: found alpha = {alpha:g}; must be within {MOST_SKEWED:g} of 0")
