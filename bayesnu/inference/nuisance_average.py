"""The likelihood with the nuisances integrated out, at many values of the physics parameters.

At each value that integral is Laplace's approximation times an average of the posterior divided by it. The average is a
Gauss-Hermite tensor rule for up to four nuisances. Beyond, or where a constraint has two widths, it is importance sampling.
Where a nuisance may reach a bound, the approximation is cut there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import inf, pi

import numpy as np

from bayesnu.inference.cut_gaussian import draw_within, match_cut_moments
from bayesnu.inference.laplace import conditional_factors, invert_to_factors, log_volumes_of, tangent_gaussians
from bayesnu.inference.profiler import Fit, Profiler
from bayesnu.model.likelihood import CompiledPosterior, compile_posterior
from bayesnu.model.priors import Gaussian

TENSOR_DIMENSIONS = 4  # nuisances up to which a tensor rule is used
TENSOR_ORDER = 7  # points of that rule per nuisance
DRAWS = 2048  # importance samples per node
BATCHES = 16  # of them, whose scatter gives the error
WIDER = 1.15  # times the cut Gaussian's widths for draws, as a likelihood may have wider tails
SMALLEST = 1e-15  # of a number drawn from the unit interval
BOUNDARY_SIGMA = 5.0  # a nuisance closer to its bound than this is not Gaussian, but cut


@dataclass(frozen=True, eq=False)
class Average:
    """The log of the integral over the nuisances, `log_integral` (batches, nodes), up to a constant of the model.

    Batches are independent estimates; a deterministic rule has one. `effective` (nodes,) is the effective number of draws,
    infinite without any.
    """

    log_integral: np.ndarray
    effective: np.ndarray


@dataclass(frozen=True, eq=False)
class Rule:
    """How the nuisances are integrated. It has the same points at every node, so that the integral is smooth along them.

    Attributes:
        profiler: of the model.
        posterior: of the model, without the priors of its physics parameters.
        points: (n, nuisances), of the unit cube if the Gaussian is cut at bounds, else of a standard normal distribution.
        weights: (n,) of a deterministic rule; None for draws.
        is_cut: whether a nuisance may reach a bound at any node.
        method: the rule in words.
    """

    profiler: Profiler
    posterior: CompiledPosterior
    points: np.ndarray
    weights: np.ndarray | None
    is_cut: bool
    method: str

    def average(self, fit: Fit) -> Average:
        """Integrate around the fits of some nodes."""
        which = np.flatnonzero(self.profiler.nuisances_free())
        if self.is_cut:
            draws, factors = _divide_by_cut_gaussian(self.profiler, self.posterior, fit.theta, which, self.points)
            ratio = _average_batches(draws)
        else:
            factors = conditional_factors(self.profiler, fit.theta)
            draws = _divide_by_gaussian(self.posterior, fit.theta, factors, which, self.points)
            if self.weights is not None:
                ratio = (draws @ self.weights)[None]
            else:
                ratio = _average_batches((draws[:, : DRAWS // 2] + draws[:, DRAWS // 2 :]) / 2)
        with np.errstate(divide="ignore"):  # draws that miss the likelihood
            log_integral = np.log(ratio) - fit.chi2 / 2 + log_volumes_of(factors)
        effective = np.full(len(fit.theta), inf) if self.weights is not None else _count_effective(draws)
        return Average(log_integral, effective)


def choose_rule(profiler: Profiler, fit: Fit, seed: int) -> Rule:
    """The rule for a model whose fits at all nodes are these."""
    posterior = compile_posterior(profiler.model.with_flat_physics())
    which = np.flatnonzero(profiler.nuisances_free())
    random = np.random.default_rng(seed)
    if not _is_far_from_bounds(profiler, fit.theta, conditional_factors(profiler, fit.theta), which):
        method = f"cut Gaussian corrected by importance sampling ({DRAWS} draws)"
        return Rule(profiler, posterior, _shift_lattices(len(which), random), None, True, method)
    if len(which) <= TENSOR_DIMENSIONS and not _is_any_asymmetric(profiler):
        points, weights = _build_hermite_rule(len(which))
        method = f"tensor rule of {TENSOR_ORDER}^{len(which)} points" if len(which) else "no nuisances"
        return Rule(profiler, posterior, points, weights, False, method)
    half = random.standard_normal((DRAWS // 2, len(which)))
    antithetic = np.concatenate([half, -half])  # the slope of the ratio cancels in every pair
    method = f"Laplace corrected by importance sampling ({DRAWS} draws)"
    return Rule(profiler, posterior, antithetic, None, False, method)


def _is_any_asymmetric(profiler: Profiler) -> bool:
    """Whether a constraint has two widths: there its density has a bend, which a tensor rule of few points does not see."""
    return any(isinstance(prior, Gaussian) and prior.asymmetry != 0 for prior in profiler.model.nuisances)


def _count_effective(ratio: np.ndarray) -> np.ndarray:
    """Effective number (nodes,) of the draws of a ratio (nodes, draws), after Kish; 0 where all of them are."""
    total = ratio.sum(axis=1)
    squares = np.sum(ratio**2, axis=1)
    effective: np.ndarray = np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
    return effective


def _average_batches(ratio: np.ndarray) -> np.ndarray:
    """Averages (BATCHES, nodes) of the batches of a ratio (nodes, draws)."""
    averages: np.ndarray = ratio.reshape(len(ratio), BATCHES, -1).mean(axis=2).T
    return averages


def _divide_by_cut_gaussian(
    profiler: Profiler, posterior: CompiledPosterior, theta: np.ndarray, which: np.ndarray, uniform: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior over the density of draws within bounds, in units of its maximum at theta: shape (nodes, DRAWS).

    Also the factors (nodes, nuisances, nuisances) of the Gaussians that are cut.
    """
    low = profiler.lower[which]
    high = profiler.upper[which]
    means, curvatures = match_cut_moments(*tangent_gaussians(profiler, theta), low, high)
    factors = WIDER * invert_to_factors(curvatures)
    at_mode = posterior(theta)
    ratio = np.empty((len(theta), DRAWS))
    for i, (mean, factor) in enumerate(zip(means, factors, strict=True)):
        trial = np.tile(theta[i], (DRAWS, 1))
        trial[:, which], log_density = draw_within(mean, factor, low, high, uniform)
        ratio[i] = np.exp(posterior(trial) - at_mode[i] - log_density)
    return ratio, factors


def _shift_lattices(dimensions: int, random: np.random.Generator) -> np.ndarray:
    """Points (DRAWS, dimensions) of the unit cube, a batch after the other: one lattice of irrational steps, shifted."""
    ratio = 2.0
    for _ in range(60):  # the root of x^(d+1) = x + 1, whose powers are the steps
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    lattice = np.arange(1, DRAWS // BATCHES + 1)[:, None] * ratio ** -np.arange(1.0, dimensions + 1)
    shifts = random.random((BATCHES, 1, dimensions))
    return np.clip((lattice + shifts) % 1, SMALLEST, 1 - SMALLEST).reshape(DRAWS, dimensions)


def _is_far_from_bounds(profiler: Profiler, theta: np.ndarray, factors: np.ndarray, which: np.ndarray) -> bool:
    """Whether the Gaussian of every nuisance lies within its bounds, at every node."""
    sigma = np.sqrt((factors**2).sum(axis=2))
    low = (theta[:, which] - profiler.lower[which]) / sigma
    high = (profiler.upper[which] - theta[:, which]) / sigma
    return bool(np.all(low > BOUNDARY_SIGMA) and np.all(high > BOUNDARY_SIGMA))


def _build_hermite_rule(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, dimensions) and weights (n,) that average over a standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(TENSOR_ORDER)
    normalised = weights / np.sqrt(2 * pi)
    points = np.array(list(product(nodes, repeat=dimensions)))
    return points, np.array(list(product(normalised, repeat=dimensions))).prod(axis=1)


def _divide_by_gaussian(
    posterior: CompiledPosterior,
    theta: np.ndarray,
    factors: np.ndarray,
    which: np.ndarray,
    points: np.ndarray,
) -> np.ndarray:
    """Posterior over its Gaussian approximation at points (n, dimensions) of the latter: shape (nodes, n)."""
    out = np.empty((len(theta), len(points)))
    exponent = (points**2).sum(axis=1) / 2
    at_mode = posterior(theta)
    for i, (centre, factor) in enumerate(zip(theta, factors, strict=True)):
        trial = np.tile(centre, (len(points), 1))
        trial[:, which] += points @ factor.T
        out[i] = np.exp(posterior(trial) - at_mode[i] + exponent)
    return out
