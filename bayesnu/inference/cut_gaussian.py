"""Gaussians that are cut at bounds: what is left of their moments, and draws of one variable after the other.

The draws have a density that is known and smooth, but not quite that of the cut Gaussian: importance weights make up for it
(the sampler of Geweke, Hajivassiliou and Keane).
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from scipy.special import log_ndtr, ndtri, ndtri_exp

FAR = 5.0  # standard deviations from a bound at which a variable does not have to know of it
FARTHEST = 38.0  # standard deviations beyond which a normal density is zero
STEEP = 20.0  # standard deviations from the mean beyond which a normal density is an exponential,
NARROW = 0.1  # and the width of a range within which it is flat
ROUNDS = 30  # of matching; models met so far need ten
HASTE = 0.7  # part of every change that a round makes, so that variables which depend on each other do not oscillate


def match_cut_moments(
    mean: np.ndarray, curvature: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means (n, k) and curvatures (n, k, k) of Gaussians with nearly the moments that others have within bounds (k,).

    The bounds of a variable become a Gaussian factor of it. In turn each factor is chosen so that with it the variable has
    the moments that it has with its bounds (expectation propagation: Cunningham, Hennig, Lacoste-Julien, arXiv:1111.6832).
    """
    slope = np.einsum("nij,nj->ni", curvature, mean)
    factor_curvature = np.zeros_like(mean)
    factor_slope = np.zeros_like(mean)
    matched = curvature
    centre = mean
    for _ in range(ROUNDS):
        # Each variable without its own factor.
        variance = np.diagonal(np.linalg.inv(matched), axis1=1, axis2=2)
        bare_curvature = 1 / variance - factor_curvature
        bare_slope = centre / variance - factor_slope
        bare_mean = bare_slope / bare_curvature
        width = 1 / np.sqrt(bare_curvature)
        # The factor that does to it what the bounds do.
        shift, share = _find_moments_between((low - bare_mean) / width, (high - bare_mean) / width)
        wanted = bare_curvature / share
        factor_curvature += HASTE * (wanted - bare_curvature - factor_curvature)
        factor_slope += HASTE * (wanted * (bare_mean + width * shift) - bare_slope - factor_slope)
        matched = curvature + factor_curvature[:, :, None] * np.eye(mean.shape[1])
        centre = np.linalg.solve(matched, (slope + factor_slope)[:, :, None])[:, :, 0]
    return centre, matched


def _find_moments_between(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of standard normal numbers between low and high, to a few per cent in far tails."""
    is_mirrored = -low > high
    near = np.where(is_mirrored, -high, low)
    far = np.where(is_mirrored, -low, high)
    width = far - near
    # Near the mean by the densities at both ends.
    inner = np.clip(near, -FARTHEST, STEEP)
    outer = np.clip(far, inner + NARROW, FARTHEST)
    log_share = _log_probability(inner, outer)
    at_inner = _divide_density(inner, log_share)
    at_outer = _divide_density(outer, log_share)
    mean = at_inner - at_outer
    variance = 1 + inner * at_inner - outer * at_outer - mean**2
    # Far out, and in a narrow range, that is a difference of large numbers.
    step = 1 / np.maximum(near, 1.0)
    is_simple = (near > STEEP) | (width < NARROW)
    mean = np.where(is_simple, near + np.minimum(step, width / 2), mean)
    variance = np.where(is_simple, np.minimum(step**2, width**2 / 12), variance)
    return np.where(is_mirrored, -mean, mean), variance


def _divide_density(x: np.ndarray, log_share: np.ndarray) -> np.ndarray:
    """Standard normal density at x over a probability."""
    part: np.ndarray = np.exp(-(x**2) / 2 - log_share) / sqrt(2 * pi)
    return part


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
    less = _lose_beyond(near, far)
    normal = np.clip(-ndtri_exp(log_above + np.log1p(uniform * less)), near, far)
    return np.where(is_mirrored, -normal, normal), _log_probability(near, far)


def _lose_beyond(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Minus the part of the normal probability above `near` that lies below `far`."""
    part: np.ndarray = np.expm1(log_ndtr(-far) - log_ndtr(-near))
    return part


def _log_probability(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Log of the normal probability between `near` and `far`."""
    log_share: np.ndarray = log_ndtr(-near) + np.log(-_lose_beyond(near, far))
    return log_share
