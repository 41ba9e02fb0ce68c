"""The posterior of one physics parameter without sampling: the cross-check of every chain.

Integrates in u, the prior's own quantile, where the prior is constant: p(u) is proportional to the likelihood with the
nuisance parameters integrated out. At each node that integral is a Gauss-Hermite tensor rule around the conditional
maximum (up to four nuisances), or Laplace's approximation corrected by importance sampling, with its error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import pi

import numpy as np
from numpy.polynomial import legendre

from bayesnu.inference.interval import IntegratedInterval, Piece
from bayesnu.inference.laplace import conditional_factors, log_volumes_of
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.zoom import find_support
from bayesnu.model.likelihood import CompiledPosterior, compile_posterior
from bayesnu.model.polynomial import Model
from bayesnu.support.errors import BayesnuError
from bayesnu.support.quadrature import gauss_legendre

PANELS, ORDER = 64, 8  # Gauss-Legendre panels and nodes in u
SUPPORT = 45.0  # chi^2 above the minimum beyond which exp(-chi^2/2) no longer counts
LOOK, ENOUGH, LOOKS = 2001, 400, 4  # values of u per look at where it counts, how many have to lie there, looks at most
TENSOR_DIMENSIONS, TENSOR_ORDER = 4, 7
DRAWS, BATCHES = 2048, 16  # importance samples per node, in batches that give the error
DEEP = 0.5  # of the lower of two maxima: a minimum below it divides them
BOUNDARY_SIGMA = 5.0  # a nuisance closer to its bound than this is not Gaussian: importance sampling then


@dataclass(frozen=True, eq=False)
class Marginal:
    """Marginal posterior of one parameter on Gauss-Legendre panels in the prior quantile u.

    `batches` (batches, nodes) are independent estimates of the density in u whose mean is `density`; one row if the rule
    is deterministic. `method` says how the nuisances were integrated.
    """

    model: Model
    borders: np.ndarray
    density: np.ndarray
    batches: np.ndarray
    method: str

    @property
    def nodes(self) -> np.ndarray:
        """Prior quantiles u (nodes,) at which `density` is given."""
        return _nodes(self.borders)

    def quantile(self, probability: float) -> float:
        """Value, in units of `scale * unit`, with this much posterior probability below it."""
        return self._quantile(self.density, probability)

    def error(self, probability: float) -> float:
        """Monte-Carlo standard error of `quantile`; zero for the tensor rule."""
        if len(self.batches) == 1:
            return 0.0
        values = [self._quantile(batch, probability) for batch in self.batches]
        return float(np.std(values, ddof=1) / np.sqrt(len(values)))

    def interval(self, kind: str, probability: float) -> IntegratedInterval:
        """Upper limit (`upper`) or equal-tailed interval (any other kind), with the error of the method."""
        is_limit = kind == "upper"
        tail = (1 - probability) / 2
        low = None if is_limit else tail
        high = probability if is_limit else 1 - tail
        return IntegratedInterval(
            kind="upper" if is_limit else "eti",
            probability=probability,
            pieces=(Piece(None if low is None else self.quantile(low), self.quantile(high)),),
            errors=(Piece(None if low is None else self.error(low), self.error(high)),),
            method=self.method,
        )

    def _quantile(self, density: np.ndarray, probability: float) -> float:
        u = _invert(self.borders, density.reshape(-1, ORDER), probability)
        return float(self.model.parameters[0].ppf(np.array(u)))

    def probability_between(self, low: float, high: float) -> float:
        """Posterior probability of [low, high]."""
        u = self.model.parameters[0].cdf(np.array([low, high]))
        below = [_cumulative(self.borders, self.density.reshape(-1, ORDER), float(each)) for each in u]
        return below[1] - below[0]

    def mean_density(self, values: np.ndarray) -> np.ndarray:
        """Posterior density in the parameter, per unit of `scale * unit`, at the given values (n,)."""
        prior = self.model.parameters[0]
        u = prior.cdf(values)
        panel = np.clip(np.searchsorted(self.borders, u, side="right") - 1, 0, PANELS - 1)
        left, width = self.borders[panel], np.diff(self.borders)[panel]
        nodes, _ = gauss_legendre(ORDER)
        panels = self.density.reshape(-1, ORDER)
        series = legendre.legfit(nodes, panels.T, ORDER - 1)[:, panel]
        density = legendre.legval(2 * (u - left) / width - 1, series, tensor=False)
        inside = (u >= self.borders[0]) & (u <= self.borders[-1])
        whole = _integrals(panels, self.borders).sum()
        return np.where(inside, density / whole * np.exp(prior.logpdf(values)), 0.0)


def marginal(model: Model, seed: int = 0) -> Marginal:
    """Integrate the posterior of a model over its nuisances, without sampling.

    The model has exactly one physics parameter; otherwise `BayesnuError` is raised. With few nuisances a tensor rule is
    used. With more it is importance sampling around the Laplace approximation, and `seed` drives its draws. The result
    gives quantiles, intervals with their Monte-Carlo errors, and the density, in units of the parameter's `scale * unit`.

    >>> import bayesnu
    >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
    >>> limit = bayesnu.marginal(model).interval("upper", 0.9)
    >>> f"{limit.scaled(1e-11).upper:.2e} mu_B"
    '7.07e-12 mu_B'
    """
    if model.n_physics != 1:
        raise BayesnuError(f"integrate: the model has {model.n_physics} physics parameters; this needs exactly one")
    return integrate(Profiler(model), seed)


def integrate(profiler: Profiler, seed: int = 0) -> Marginal:
    """The integration of `marginal` with the fits of a model that there already are."""
    model = profiler.model
    prior = model.parameters[0]
    borders = _panels(profiler)
    u = _nodes(borders)
    fit = profiler.at(0, prior.ppf(u))
    which = np.flatnonzero(profiler.nuisances_free())
    factors = conditional_factors(profiler, fit.theta)
    log_laplace = -fit.chi2 / 2 + log_volumes_of(factors)
    log_laplace -= log_laplace.max()
    flat = compile_posterior(model.with_flat_physics())
    if len(which) <= TENSOR_DIMENSIONS and _far_from_bounds(profiler, fit.theta, factors, which):
        points, rule = _hermite(len(which))
        ratio = _ratios(flat, fit.theta, factors, which, points) @ rule
        batches, method = (np.exp(log_laplace) * ratio)[None], f"tensor rule of {TENSOR_ORDER}^{len(which)} points"
    else:
        points = np.random.default_rng(seed).standard_normal((DRAWS // 2, len(which)))
        ratio = _ratios(flat, fit.theta, factors, which, np.concatenate([points, -points]))
        pairs = (ratio[:, : DRAWS // 2] + ratio[:, DRAWS // 2 :]) / 2
        means = pairs.reshape(len(u), BATCHES, -1).mean(axis=2).T
        batches = np.exp(log_laplace) * means
        method = f"Laplace corrected by importance sampling ({DRAWS} draws)"
    return Marginal(model, borders, batches.mean(axis=0), batches, method)


def modes(posterior: Marginal) -> list[tuple[float, float]]:
    """Ranges of the parameter around each maximum of its posterior, divided at deep minima between them."""
    prior = posterior.model.parameters[0]
    nodes = posterior.density
    inner = np.flatnonzero((nodes[1:-1] < nodes[:-2]) & (nodes[1:-1] <= nodes[2:])) + 1
    deep = [i for i in inner if nodes[i] < DEEP * min(nodes[:i].max(), nodes[i:].max())]
    if not deep or not prior.of_interest.signed:
        return [(prior.lower, prior.upper)]
    cuts = [prior.lower, *(float(prior.ppf(posterior.nodes[i])) for i in deep), prior.upper]
    return list(pairwise(cuts))


def _nodes(borders: np.ndarray) -> np.ndarray:
    nodes, _ = gauss_legendre(ORDER)
    places: np.ndarray = ((borders[1:] + borders[:-1])[:, None] / 2 + np.diff(borders)[:, None] / 2 * nodes).ravel()
    return places


def _panels(profiler: Profiler) -> np.ndarray:
    """Borders in u of panels that cover where the likelihood counts, finer where it is larger."""
    prior = profiler.model.parameters[0]

    def rise_at(u: np.ndarray) -> np.ndarray:
        chi2 = profiler.at(0, prior.ppf(u)).chi2
        return np.asarray(chi2 - chi2.min())

    support = find_support(rise_at, np.linspace(0, 1, LOOK), SUPPORT, ENOUGH, LOOKS)
    return np.linspace(support.low, support.high, PANELS + 1)


def _far_from_bounds(profiler: Profiler, theta: np.ndarray, factors: np.ndarray, which: np.ndarray) -> bool:
    sigma = np.sqrt((factors**2).sum(axis=2))
    low = (theta[:, which] - profiler.lower[which]) / sigma
    high = (profiler.upper[which] - theta[:, which]) / sigma
    return bool(np.all(low > BOUNDARY_SIGMA) and np.all(high > BOUNDARY_SIGMA))


def _hermite(dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, dimensions) and weights (n,) that average over a standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(TENSOR_ORDER)
    grids = np.meshgrid(*[nodes] * dimensions, indexing="ij")
    products = np.meshgrid(*[weights / np.sqrt(2 * pi)] * dimensions, indexing="ij")
    return np.stack([g.ravel() for g in grids], axis=1), np.prod([p.ravel() for p in products], axis=0)


def _ratios(
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


def _integrals(density: np.ndarray, borders: np.ndarray) -> np.ndarray:
    weights = gauss_legendre(ORDER)[1]
    integrals: np.ndarray = density @ weights * np.diff(borders) / 2
    return integrals


@cache
def _primitive() -> np.ndarray:
    """Matrix (ORDER, ORDER + 1) from values at the nodes of [-1, 1] to the Legendre series of their integral from -1."""
    nodes, weights = gauss_legendre(ORDER)
    series = legendre.legvander(nodes, ORDER - 1) * weights[:, None] * (np.arange(ORDER) + 0.5)
    return np.asarray(legendre.legint(series.T, lbnd=-1).T)


def _within(series: np.ndarray, width: float, fraction: float) -> float:
    """Integral of one panel's density from its left end to `fraction` of its width, from the series of `_primitive`."""
    return float(legendre.legval(2 * fraction - 1, series)) * width / 2


def _cumulative(borders: np.ndarray, density: np.ndarray, u: float) -> float:
    whole = _integrals(density, borders)
    if u <= borders[0]:
        return 0.0
    if u >= borders[-1]:
        return 1.0
    panel = int(np.searchsorted(borders, u, side="right")) - 1
    width = borders[panel + 1] - borders[panel]
    part = _within(density[panel] @ _primitive(), width, (u - borders[panel]) / width)
    return float((whole[:panel].sum() + part) / whole.sum())


def _invert(borders: np.ndarray, density: np.ndarray, probability: float) -> float:
    whole = _integrals(density, borders)
    target = probability * whole.sum()
    before = np.concatenate([[0.0], np.cumsum(whole)])
    panel = min(int(np.searchsorted(before, target, side="right")) - 1, len(whole) - 1)
    width = borders[panel + 1] - borders[panel]
    series, low, high = density[panel] @ _primitive(), 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _within(series, width, middle) < target - before[panel]:
            low = middle
        else:
            high = middle
    return float(borders[panel] + width * (low + high) / 2)


def bayes_factor(posterior: Marginal, value: float = 0.0) -> float:
    """Evidence of the model with its parameter free over that with the parameter fixed at `value`, in the prior's units.

    It is the density of the prior over that of the posterior at `value` (Savage and Dickey). That is exact, as the nuisance
    priors do not depend on the parameter. It falls as the prior gets wider, so the prior belongs beside it.

    >>> import bayesnu
    >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
    >>> round(bayesnu.bayes_factor(bayesnu.marginal(model)), 3)
    0.059
    """
    prior, at = posterior.model.parameters[0], np.array([value])
    log_prior = prior.logpdf(at)[0]
    if not np.isfinite(log_prior):
        raise BayesnuError(
            f"bayes_factor: the prior of {prior.name} has no density at {value:g}; take the nearest value where it has, "
            f"in [{prior.lower:g}, {prior.upper:g}]"
        )
    density = posterior.mean_density(at)[0]
    if not density > 0:
        raise BayesnuError(
            f"bayes_factor: the posterior of {prior.name} at {value:g} is below exp(-{SUPPORT / 2:g}) of its peak and not "
            "known; take a value nearer to the peak"
        )
    return float(np.exp(log_prior) / density)
