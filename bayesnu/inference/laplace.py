"""Laplace's approximation: the nuisances around their maximum as a Gaussian, with and without their bounds.

Four questions, each with its own treatment of a nuisance at a bound, where the likelihood still has a slope:

- `conditional_factors`: a Gaussian to draw from. It has to be wide enough, and the draws are corrected afterwards.
- `tangent_gaussians`: Gaussians that have to be cut at the bounds. Their maxima may lie beyond.
- `log_bounded_volumes`: the integral itself, over the part of the Gaussian that lies within the bounds.
- `log_volumes`: the integral over the whole Gaussian, in compiled code for very many toys. Bounds are left out.

A constraint with two widths bends the exponent at its centre. What is drawn from is as wide as its wider side. The integrals
take each side as it is: along that nuisance, the others following, both are Gaussian.
"""

from __future__ import annotations

from math import erfc, exp, inf, log, pi, sqrt

import numpy as np
from scipy.special import log_ndtr

from bayesnu.inference.newton import derivatives
from bayesnu.inference.profiler import Profiler
from bayesnu.model.kernel_arrays import INVERSE_ABOVE, INVERSE_BELOW, MEAN, with_data
from bayesnu.model.priors import Gaussian
from bayesnu.support.compiled import compiled

SPAN = 4.0  # of a Gaussian prior, in its widths
FLATTEST = 1.0  # curvature of chi^2/2 at least, with the span of every prior as the unit
ROUNDING = 1e-13  # of the largest curvature: what a smaller one is made of
TAIL = 10.0  # standard deviations beyond which a normal probability is its series, good to 15/TAIL^6 there


def conditional_factors(profiler: Profiler, theta: np.ndarray) -> np.ndarray:
    """Lower factors (n, nuisances, nuisances) of the covariance of the nuisances around their maxima theta (n, parameters).

    At a bound, where the gradient does not vanish, its square stands for a curvature that may be zero.
    """
    which = np.flatnonzero(profiler.nuisances_free())
    low = profiler.lower[which]
    high = profiler.upper[which]
    gradient, hessian = profiler.derivatives(theta, which)
    at_bound = (theta[:, which] <= low) | (theta[:, which] >= high)
    extra = at_bound * (gradient**2 + 1 / (high - low) ** 2) + _widen_sides(profiler, theta, which)
    return invert_to_factors(_lift_flat_directions(hessian + extra[:, :, None] * np.eye(len(which)), _find_spans(profiler)))


def tangent_gaussians(profiler: Profiler, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (n, nuisances) and curvatures (n, nuisances, nuisances) of the Gaussians that touch the likelihood at theta.

    They have its slope and curvature at the maxima theta (n, parameters) within the bounds; an asymmetric constraint counts
    as its wider side.
    """
    which = np.flatnonzero(profiler.nuisances_free())
    gradient, hessian = profiler.derivatives(theta, which)
    at_bound = (theta[:, which] <= profiler.lower[which]) | (theta[:, which] >= profiler.upper[which])
    wide = hessian + _widen_sides(profiler, theta, which)[:, :, None] * np.eye(len(which))
    curvature = _lift_flat_directions(wide, _find_spans(profiler))
    beyond = np.linalg.solve(curvature, (gradient * at_bound)[:, :, None])[:, :, 0]
    return theta[:, which] - beyond, curvature


def invert_to_factors(curvature: np.ndarray) -> np.ndarray:
    """Lower factors (n, k, k) of the inverse of curvatures (n, k, k).

    Backwards the factor of a matrix is that of its inverse. So no covariance is formed, which rounding may spoil.
    """
    upper = np.linalg.inv(np.linalg.cholesky(curvature[:, ::-1, ::-1])).transpose(0, 2, 1)
    return np.ascontiguousarray(upper[:, ::-1, ::-1])


def _find_spans(profiler: Profiler) -> np.ndarray:
    """How far apart the values (nuisances,) are that the prior of each nuisance allows."""
    priors = profiler.model.nuisances
    return np.array([min(p.upper - p.lower, SPAN * p.width if isinstance(p, Gaussian) else inf) for p in priors])


def _widen_sides(profiler: Profiler, theta: np.ndarray, which: np.ndarray) -> np.ndarray:
    """What to add to the curvatures (n, nuisances) so that a constraint counts as its wider side; zero for one width."""
    here, other = _find_sides(profiler, theta, which)
    return np.asarray(np.minimum(other - here, 0.0))


def _find_sides(profiler: Profiler, theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curvatures (n, nuisances) of the constraints on the side where theta is, and on the other; equal without any."""
    numbers = profiler.arrays.prior_numbers[which]
    below = numbers[:, INVERSE_BELOW] ** 2
    above = numbers[:, INVERSE_ABOVE] ** 2
    is_above = theta[:, which] > numbers[:, MEAN]
    return np.where(is_above, above, below), np.where(is_above, below, above)


def _lift_flat_directions(hessian: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Hessians (n, k, k) whose Gaussian is in no direction wider than the priors, which span (k,).

    Backgrounds of one shape can replace each other, and only their priors tell how far.
    """
    units = np.multiply.outer(spans, spans)
    values, vectors = np.linalg.eigh(hessian * units)
    lowest = np.maximum(FLATTEST, ROUNDING * values[:, -1:])
    is_flat: np.ndarray = np.any(values < lowest, axis=1)
    lifted = (vectors * np.maximum(values, lowest)[:, None, :]) @ vectors.transpose(0, 2, 1)
    return np.where(is_flat[:, None, None], lifted / units, hessian)


def log_volumes_of(factors: np.ndarray) -> np.ndarray:
    """Log of the volume (n,) of the Gaussians with these lower factors (n, k, k), up to a constant."""
    return np.asarray(np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1))


def log_bounded_volumes(profiler: Profiler, theta: np.ndarray) -> np.ndarray:
    """Log of the integral over the nuisances of the likelihood and their priors beside its maximum at theta (n, parameters).

    Up to a constant. Along each nuisance, the others following, the exponent is g t + t^2/(2 s^2) with t the distance from
    the maximum. The slope g is zero unless the maximum lies at a bound. Within its bounds that integrates to
    exp(g^2 s^2/2) times the normal probability between them.
    """
    which = np.flatnonzero(profiler.nuisances_free())
    if not len(which):
        return np.zeros(len(theta))
    low = profiler.lower[which]
    high = profiler.upper[which]
    gradient, hessian = profiler.derivatives(theta, which)
    at_bound = (theta[:, which] <= low) | (theta[:, which] >= high)
    gradient = gradient * at_bound
    hessian = hessian + at_bound[:, :, None] * np.diag((high - low) ** -2.0)  # it may have no curvature there
    hessian = _lift_flat_directions(hessian, _find_spans(profiler))
    sigma = np.sqrt(np.diagonal(np.linalg.inv(hessian), axis1=1, axis2=2))
    below = log_ndtr((theta[:, which] - low) / sigma - gradient * sigma)
    above = log_ndtr((high - theta[:, which]) / sigma + gradient * sigma)
    sides = _log_both_sides(profiler, theta, which, sigma)
    return np.asarray((below + above + (gradient * sigma) ** 2 / 2).sum(axis=1) - np.linalg.slogdet(hessian)[1] / 2 + sides)


def _log_both_sides(profiler: Profiler, theta: np.ndarray, which: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Log of the factor (n,) by which the other sides of constraints change the volume of Gaussians as wide as sigma."""
    here, other = _find_sides(profiler, theta, which)
    distance = np.abs(theta[:, which] - profiler.arrays.prior_numbers[which, MEAN])
    total = np.zeros(len(theta))
    for i, k in np.argwhere(here != other):
        total[i] += _log_side_factor(sigma[i, k] ** -2.0, other[i, k] - here[i, k], distance[i, k])
    return total


@compiled
def _log_side_factor(curvature, change, distance):  # type: ignore[no-untyped-def]
    """Log of the integral of exp(-c t^2/2 - d (t - s)^2/2), the second term for t > s alone, over that without it.

    c is the `curvature`, d its `change` at the `distance` s from the maximum. The square is completed; the far side is then
    a tail of a Gaussian of curvature c + d.
    """
    there = curvature + change
    cut = curvature * distance / sqrt(there)
    near = 1.0 - 0.5 * erfc(sqrt(0.5 * curvature) * distance)
    if cut < TAIL:
        far = exp(-0.5 * curvature * change / there * distance**2) * 0.5 * erfc(sqrt(0.5) * cut)
    else:
        far = exp(-0.5 * curvature * distance**2) / (sqrt(2 * pi) * cut) * (1.0 - cut**-2.0 + 3.0 * cut**-4.0)
    return log(near + sqrt(curvature / there) * far)


def log_volumes(profiler: Profiler, counts: np.ndarray, centres: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Log of the volume (toys,) of the nuisances around their fits theta (toys, parameters).

    The fits are to counts (toys, bins) with centres (toys, parameters) of the constraints. Up to a constant; the bounds are
    left out.
    """
    free = np.flatnonzero(profiler.nuisances_free())
    out = np.empty(len(theta))
    counts = np.ascontiguousarray(counts, dtype=float)
    _fill_log_volumes(np.ascontiguousarray(theta), free, counts, np.ascontiguousarray(centres), profiler.arrays, out)
    return out


@compiled
def _fill_log_volumes(theta, free, counts, centres, arrays, out):  # type: ignore[no-untyped-def]
    """Minus half the logarithm of the Hessian's determinant, NaN where it is not positive; constraints on both sides."""
    size = free.size
    gradient = np.empty(size)
    hessian = np.empty((size, size))
    observed = np.empty(counts.shape[1])
    numbers = arrays.prior_numbers.copy()
    data = with_data(arrays, observed, numbers)
    for i in range(theta.shape[0]):
        for b in range(observed.size):
            observed[b] = counts[i, b]
        for k in range(centres.shape[1]):
            numbers[k, MEAN] = centres[i, k]
        derivatives(theta[i], free, data, gradient, hessian)
        # Cholesky's factor, in the lower half of the Hessian; the determinant's root is the product of its diagonal.
        out[i] = 0.0
        for k in range(size):
            for m in range(k):
                for j in range(m):
                    hessian[k, m] -= hessian[k, j] * hessian[m, j]
                hessian[k, m] /= hessian[m, m]
                hessian[k, k] -= hessian[k, m] ** 2
            hessian[k, k] = np.sqrt(hessian[k, k])
            out[i] -= np.log(hessian[k, k])
        # What constraints with two widths change.
        for k in range(size):
            below = numbers[free[k], INVERSE_BELOW] ** 2
            above = numbers[free[k], INVERSE_ABOVE] ** 2
            if below != above:
                distance = theta[i, free[k]] - numbers[free[k], MEAN]
                change = below - above if distance > 0.0 else above - below
                curvature = 0.5 / _invert_diagonal(hessian, k, gradient)
                out[i] += _log_side_factor(curvature, change, abs(distance))


@compiled
def _invert_diagonal(lower, k, scratch):  # type: ignore[no-untyped-def]
    """Element (k, k) of the inverse of the matrix whose lower factor this is."""
    total = 0.0
    for j in range(k, scratch.size):
        scratch[j] = 1.0 if j == k else 0.0
        for m in range(k, j):
            scratch[j] -= lower[j, m] * scratch[m]
        scratch[j] /= lower[j, j]
        total += scratch[j] ** 2
    return total
