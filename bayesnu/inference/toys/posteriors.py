"""Posteriors of one physics parameter for many toys at once, on a grid, for the coverage of credible intervals.

At every node the nuisances are fitted and integrated by Laplace's approximation, which leaves a hundredth of what an
interval's coverage is known to; `integrate` does better for the one data set that counts. Between nodes the likelihood is
a straight line and the prior's probability exact, so that any prior can be asked of the same grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.inference.newton import derivatives
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import Toys
from bayesnu.model.priors import Prior
from bayesnu.support.compiled import compiled

RISE = 30.0  # of chi^2 above its minimum within which the likelihood counts
SAMPLE = 256  # toys that find the range


@dataclass(frozen=True, eq=False)
class ToyPosteriors:
    """Likelihoods (toys, nodes) of the physics parameter at `values` (nodes,), in arbitrary units per toy.

    `ended` (toys,) says where every fit ended; the likelihood of the other toys is NaN.
    """

    values: np.ndarray
    likelihood: np.ndarray
    ended: np.ndarray

    def masses(self, prior: Prior) -> np.ndarray:
        """Posterior probability (toys, nodes - 1) of every cell between nodes."""
        share = np.diff(prior.cdf(self.values))
        masses = share * (self.likelihood[:, 1:] + self.likelihood[:, :-1]) / 2
        return np.asarray(masses / masses.sum(axis=1)[:, None])

    def below(self, prior: Prior, value: float) -> np.ndarray:
        """Posterior probability (toys,) below a value that is a node."""
        return np.asarray(self.masses(prior)[:, self.values[1:] <= value].sum(axis=1))

    def denser(self, prior: Prior, value: float) -> np.ndarray:
        """Posterior probability (toys,) of where the density is higher than at a value that is a node.

        The value lies in the highest-density region of a probability if this is smaller. A cell counts with the part of it
        in which its density, a straight line between nodes, is higher.
        """
        density = self.likelihood * np.exp(prior.logpdf(self.values))
        here = density[:, [int(np.searchsorted(self.values, value))]]
        left, right = density[:, :-1] - here, density[:, 1:] - here
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = np.clip(np.maximum(left, right) / np.abs(right - left), 0, 1)
        part = np.where((left > 0) & (right > 0), 1.0, np.where((left <= 0) & (right <= 0), 0.0, crossing))
        return np.asarray((part * self.masses(prior)).sum(axis=1))


def toy_posteriors(fitter: ToyFitter, toys: Toys, truth: np.ndarray, prior: Prior, nodes: int = 161) -> ToyPosteriors:
    """Likelihoods of toys on a grid that holds their support within a prior's range, with the true value as a node.

    `truth` (parameters,) is where the fits of the nuisances start.
    """
    values = np.union1d(_range(fitter, toys, truth, prior, nodes), truth[0])
    log_likelihood, ended = np.empty((len(toys), len(values))), np.ones(len(toys), dtype=bool)
    theta = np.tile(truth, (len(toys), 1))
    for k, value in enumerate(values):
        theta[:, 0] = value
        fit = fitter.fit(toys, np.where(np.isfinite(theta), theta, truth), fitter.nuisances)
        theta, ended = fit.theta, ended & fit.ended
        log_likelihood[:, k] = log_volumes(fitter, toys, fit.theta) - fit.chi2 / 2
    log_likelihood[~ended] = np.nan
    return ToyPosteriors(values, np.exp(log_likelihood - log_likelihood.max(axis=1)[:, None]), ended)


def log_volumes(fitter: ToyFitter, toys: Toys, theta: np.ndarray) -> np.ndarray:
    """Log of the volume (toys,) of the nuisances around their fits theta (toys, parameters), up to a constant; see above."""
    arrays, which = fitter.profiler.arrays, np.flatnonzero(fitter.nuisances).astype(np.int64)
    out, counts = np.empty(len(toys)), np.ascontiguousarray(toys.counts, dtype=float)
    data = (arrays.blocks, arrays.templates, arrays.factors, counts, arrays.prior_kind, arrays.prior_numbers)
    _log_volumes(np.ascontiguousarray(theta), which, *data, out)
    return out


@compiled
def _log_volumes(theta, which, blocks, templates, factors, counts, kind, numbers, out):  # type: ignore[no-untyped-def]
    """Minus half the logarithm of the Hessian's determinant; NaN where it is not positive."""
    size = which.size
    gradient, hessian = np.empty(size), np.empty((size, size))
    for i in range(theta.shape[0]):
        derivatives(theta[i], which, blocks, templates, factors, counts[i], kind, numbers, gradient, hessian)
        out[i] = 0.0
        for k in range(size):
            for m in range(k):
                for j in range(m):
                    hessian[k, m] -= hessian[k, j] * hessian[m, j]
                hessian[k, m] /= hessian[m, m]
                hessian[k, k] -= hessian[k, m] ** 2
            hessian[k, k] = np.sqrt(hessian[k, k])
            out[i] -= np.log(hessian[k, k])


def _range(fitter: ToyFitter, toys: Toys, truth: np.ndarray, prior: Prior, nodes: int) -> np.ndarray:
    """Evenly spread values where some of the first toys have a likelihood that counts, and a little beyond."""
    some = Toys(toys.counts[:SAMPLE], toys.centres[:SAMPLE])
    values = np.linspace(prior.lower, prior.upper, 401)
    for _ in range(3):
        chi2 = np.empty((len(some), len(values)))
        for k, value in enumerate(values):
            start = truth.copy()
            start[0] = value
            chi2[:, k] = fitter.fit(some, start, fitter.nuisances).chi2
        rise = np.nanmin(chi2 - np.nanmin(chi2, axis=1)[:, None], axis=0)
        inside = np.flatnonzero(rise < RISE)
        low, high = values[max(inside[0] - 1, 0)], values[min(inside[-1] + 1, len(values) - 1)]
        if len(inside) > 100:
            break
        values = np.linspace(low, high, 401)
    return np.linspace(low, high, nodes)
