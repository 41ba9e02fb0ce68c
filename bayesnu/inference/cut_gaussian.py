"""Draws from a Gaussian that is cut at bounds: one variable after the other, each within its own.

The draws have a density that is known and smooth, but not quite that of the cut Gaussian: importance weights make up for it
(the sampler of Geweke, Hajivassiliou and Keane).
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtri, ndtri_exp

FAR = 5.0  # standard deviations from a bound at which a variable does not have to know of it


def draw_within(
    mean: np.ndarray, factor: np.ndarray, low: np.ndarray, high: np.ndarray, uniform: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, k) of the Gaussian with this mean (k,) and lower factor (k, k) of the covariance, between low and high.

    Made from numbers (n, k) uniform on (0, 1). Also the log of the points' density (n,) over that of the Gaussian at its
    mean. What begins `FAR` from its bounds is not held to them.
    """
    sigma = np.sqrt(np.sum(factor**2, axis=1))
    is_near = np.minimum(mean - low, high - mean) < FAR * sigma
    normal = ndtri(uniform)
    log_density = np.zeros(len(uniform))
    points = np.empty_like(uniform)
    for k in range(len(mean)):
        centre = mean[k] + normal[:, :k] @ factor[k, :k]
        width = factor[k, k]
        if is_near[k]:
            normal[:, k], log_share = _draw_between((low[k] - centre) / width, (high[k] - centre) / width, uniform[:, k])
            log_density -= log_share
        points[:, k] = centre + width * normal[:, k]
        if is_near[k]:
            points[:, k] = np.clip(points[:, k], low[k], high[k])  # rounding
    return points, log_density - np.sum(normal**2, axis=1) / 2


def _draw_between(low: np.ndarray, high: np.ndarray, uniform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal numbers (n,) between low and high, and the log of the probability (n,) that lies there.

    Mirrored where more of the range is negative, so that probabilities far out are those of an upper tail, which logarithms
    keep.
    """
    is_mirrored = -low > high
    near = np.where(is_mirrored, -high, low)
    far = np.where(is_mirrored, -low, high)
    log_above = log_ndtr(-near)
    less = np.expm1(log_ndtr(-far) - log_above)  # minus the part of what lies above `near` that lies below `far`
    normal = np.clip(-ndtri_exp(log_above + np.log1p(uniform * less)), near, far)
    return np.where(is_mirrored, -normal, normal), log_above + np.log(-less)
