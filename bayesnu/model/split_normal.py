"""The split normal distribution: two halves of Gaussians that meet at the mode, each with the width of its side.

The halves meet continuously, so a side holds probability in proportion to its width. With a mean width w and an asymmetry a
the widths are w(1 - a) below and w(1 + a) above, and so are the probabilities with w = 1/2. In z, the distance from the mode
in widths of its side, nothing else matters. With a = 0 everything here is the Gaussian's, to the last bit.

Source: Wallis 2014, Statist. Sci. 29, 106, equation (1).
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri


def find_probability(z: np.ndarray, asymmetry: float) -> np.ndarray:
    """Probability below z; that above it is `find_probability(-z, -asymmetry)`, which keeps the digits of an upper tail."""
    below: np.ndarray = np.where(z < 0, (1 - asymmetry) * ndtr(z), (1 + asymmetry) * ndtr(z) - asymmetry)
    return below


def find_quantile(p: np.ndarray, asymmetry: float) -> np.ndarray:
    """The z with probability p below it."""
    if asymmetry == 0:
        return np.asarray(ndtri(p))
    below = ndtri(np.minimum(p / (1 - asymmetry), 0.5))
    above = -ndtri(np.minimum((1 - p) / (1 + asymmetry), 0.5))
    return np.asarray(below + above)  # one of them is zero


def stretch(z: np.ndarray, width: float, asymmetry: float) -> np.ndarray:
    """The distance from the mode of z, in units of the mean width `width`."""
    distance: np.ndarray = np.where(z < 0, width * (1 - asymmetry), width * (1 + asymmetry)) * z
    return distance
