"""The skew-normal distribution of mean 0 and variance 1: density, and integrals up to a point, in closed form.

It is that of Azzalini (1985, Scand. J. Stat. 12, 171), density 2 phi(x) Phi(alpha x), moved and scaled. A positive alpha
has its longer tail above.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from scipy.special import ndtr, owens_t


def _standardise(z: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azzalini's variable x of z, with z = location + scale x; returns x, location and scale."""
    mean = sqrt(2 / pi) * alpha / np.sqrt(1 + alpha**2)  # of x
    scale = 1 / np.sqrt(1 - mean**2)
    location = -mean * scale
    return (z - location) / scale, location, scale


def density(z: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Density at z; shapes are broadcast."""
    x, _, scale = _standardise(z, alpha)
    found: np.ndarray = 2 / scale * np.exp(-0.5 * x**2) / sqrt(2 * pi) * ndtr(alpha * x)
    return found


def probability_below(z: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Probability below z, by Owen's function T: Phi(x) - 2 T(x, alpha)."""
    x, _, _ = _standardise(z, alpha)
    found: np.ndarray = ndtr(x) - 2 * owens_t(x, alpha)
    return found


def moment_below(z: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Integral of z times the density up to z, by parts; 0 at infinity."""
    x, location, scale = _standardise(z, alpha)
    root = np.sqrt(1 + alpha**2)
    of_x = sqrt(2 / pi) * (alpha / root * ndtr(x * root) - np.exp(-0.5 * x**2) * ndtr(alpha * x))
    found: np.ndarray = location * probability_below(z, alpha) + scale * of_x
    return found
