"""Posteriors of one physics parameter for many toys at once, on a grid, for the coverage of credible intervals.

At every node the nuisances are fitted and integrated by Laplace's approximation, which leaves a hundredth of what an
interval's coverage is known to; `marginal` does better for the one data set that counts. Between nodes the likelihood is
a straight line and the prior's probability exact, so that any prior can be asked of the same grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.inference.laplace import log_volumes
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import Toys
from bayesnu.inference.zoom import find_support
from bayesnu.model.priors import Prior

RISE = 30.0  # of chi^2 above its minimum within which the likelihood counts
SAMPLE = 256  # toys that find the range
LOOK = 401  # values per look for the range
ENOUGH = 100  # of them that have to lie in it
LOOKS = 3  # at most


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
        left = density[:, :-1] - here
        right = density[:, 1:] - here
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = np.clip(np.maximum(left, right) / np.abs(right - left), 0, 1)
        part = np.where((left <= 0) & (right <= 0), 0.0, crossing)
        part = np.where((left > 0) & (right > 0), 1.0, part)
        return np.asarray((part * self.masses(prior)).sum(axis=1))


def toy_posteriors(fitter: ToyFitter, toys: Toys, truth: np.ndarray, prior: Prior, nodes: int = 161) -> ToyPosteriors:
    """Likelihoods of toys on a grid that holds their support within a prior's range, with the true value as a node.

    `truth` (parameters,) is where the fits of the nuisances start.
    """
    values = np.union1d(np.linspace(*_find_range(fitter, toys, truth, prior), nodes), truth[0])
    log_likelihood = np.empty((len(toys), len(values)))
    ended = np.ones(len(toys), dtype=bool)
    theta = np.tile(truth, (len(toys), 1))
    for k, value in enumerate(values):
        theta[:, 0] = value
        fit = fitter.fit(toys, np.where(np.isfinite(theta), theta, truth), fitter.nuisances)
        theta = fit.theta
        ended = ended & fit.ended
        log_likelihood[:, k] = log_volumes(fitter.profiler, toys.counts, toys.centres, fit.theta) - fit.chi2 / 2
    log_likelihood[~ended] = np.nan
    return ToyPosteriors(values, np.exp(log_likelihood - log_likelihood.max(axis=1)[:, None]), ended)


def _find_range(fitter: ToyFitter, toys: Toys, truth: np.ndarray, prior: Prior) -> tuple[float, float]:
    """Where some of the first toys have a likelihood that counts, and a little beyond."""
    some = Toys(toys.counts[:SAMPLE], toys.centres[:SAMPLE])

    def rise_at(values: np.ndarray) -> np.ndarray:
        chi2 = np.empty((len(some), len(values)))
        for k, value in enumerate(values):
            start = truth.copy()
            start[0] = value
            chi2[:, k] = fitter.fit(some, start, fitter.nuisances).chi2
        return np.asarray(np.nanmin(chi2 - np.nanmin(chi2, axis=1)[:, None], axis=0))

    support = find_support(rise_at, np.linspace(prior.lower, prior.upper, LOOK), RISE, ENOUGH, LOOKS)
    return support.low, support.high
