"""Laplace's approximation: the nuisances around their maximum as a Gaussian, with and without their bounds.

Three questions, each with its own treatment of a nuisance at a bound, where the likelihood still has a slope:

- `conditional_factors`: a Gaussian to draw from. It has to be wide enough, and the draws are corrected afterwards.
- `log_bounded_volumes`: the integral itself, over the part of the Gaussian that lies within the bounds.
- `log_volumes`: the integral over the whole Gaussian, in compiled code for very many toys. Bounds are left out.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from bayesnu.inference.newton import derivatives
from bayesnu.inference.profiler import Profiler
from bayesnu.model.kernel_arrays import with_data
from bayesnu.support.compiled import compiled


def conditional_factors(profiler: Profiler, theta: np.ndarray) -> np.ndarray:
    """Lower factors (n, nuisances, nuisances) of the covariance of the nuisances around their maxima theta (n, parameters).

    At a bound, where the gradient does not vanish, its square stands for a curvature that may be zero.
    """
    which = np.flatnonzero(profiler.nuisances_free())
    low = profiler.lower[which]
    high = profiler.upper[which]
    gradient, hessian = profiler.derivatives(theta, which)
    at_bound = (theta[:, which] <= low) | (theta[:, which] >= high)
    extra = at_bound * (gradient**2 + 1 / (high - low) ** 2)
    return np.linalg.cholesky(np.linalg.inv(hessian + extra[:, :, None] * np.eye(len(which))))


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
    sigma = np.sqrt(np.diagonal(np.linalg.inv(hessian), axis1=1, axis2=2))
    below = log_ndtr((theta[:, which] - low) / sigma - gradient * sigma)
    above = log_ndtr((high - theta[:, which]) / sigma + gradient * sigma)
    return np.asarray((below + above + (gradient * sigma) ** 2 / 2).sum(axis=1) - np.linalg.slogdet(hessian)[1] / 2)


def log_volumes(profiler: Profiler, counts: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Log of the volume (toys,) of the nuisances around their fits theta (toys, parameters) to counts (toys, bins).

    Up to a constant; the bounds are left out.
    """
    free = np.flatnonzero(profiler.nuisances_free())
    out = np.empty(len(theta))
    counts = np.ascontiguousarray(counts, dtype=float)
    _fill_log_volumes(np.ascontiguousarray(theta), free, counts, profiler.arrays, out)
    return out


@compiled
def _fill_log_volumes(theta, free, counts, arrays, out):  # type: ignore[no-untyped-def]
    """Minus half the logarithm of the Hessian's determinant; NaN where it is not positive."""
    size = free.size
    gradient = np.empty(size)
    hessian = np.empty((size, size))
    observed = np.empty(counts.shape[1])
    data = with_data(arrays, observed)
    for i in range(theta.shape[0]):
        for b in range(observed.size):
            observed[b] = counts[i, b]
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
