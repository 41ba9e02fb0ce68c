"""The posterior of one physics parameter without sampling: the cross-check of every chain.

Integrates in u, the prior's own quantile, where the prior is constant: p(u) is proportional to the likelihood with the
nuisance parameters integrated out. At each node that integral is a Gauss-Hermite tensor rule around the conditional
maximum (up to four nuisances), or Laplace's approximation corrected by importance sampling, with its error. Where a
nuisance may reach a bound, the approximation is cut there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from math import pi
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre

from bayesnu.inference.cut_gaussian import draw_within
from bayesnu.inference.highest_density import Curve, jackknife_errors
from bayesnu.inference.interval import IntegratedInterval, Piece
from bayesnu.inference.kinds import check_interval
from bayesnu.inference.laplace import conditional_factors, log_volumes_of, tangent_gaussians
from bayesnu.inference.profile import find_local_minima
from bayesnu.inference.profiler import Fit, Profiler, check_ended
from bayesnu.inference.zoom import find_segments
from bayesnu.model.likelihood import CompiledPosterior, compile_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.physics.properties import read_value
from bayesnu.support.arguments import read_array, read_probability, read_seed, require
from bayesnu.support.errors import BayesnuError
from bayesnu.support.quadrature import gauss_legendre

PANELS = 64  # Gauss-Legendre panels in u, in each range where the likelihood counts
ORDER = 8  # nodes per panel
SUPPORT = 45.0  # chi^2 above the minimum beyond which exp(-chi^2/2) no longer counts
LOOK = 2001  # values of u per look for where the likelihood counts
ENOUGH = 400  # of them that have to lie there
LOOKS = 4  # at most
TENSOR_DIMENSIONS = 4  # nuisances up to which a tensor rule is used
TENSOR_ORDER = 7  # points of that rule per nuisance
DRAWS = 2048  # importance samples per node
BATCHES = 16  # of them, whose scatter gives the error
WIDER = 1.15  # times the cut Gaussian's widths for draws, as a likelihood may have wider tails
SMALLEST = 1e-15  # of a number drawn from the unit interval
FAR = 3.0  # widths of a Gaussian prior beyond which its quantiles crowd at 0 and 1
TAILS = (0.05, 0.95)
HALVINGS = 50  # of a panel, to find a quantile in it
DEEP = 0.5  # of the lower of two maxima: a minimum below it divides them
CURVE = 128  # points per panel of the density as a curve, between which it is straight
BOUNDARY_SIGMA = 5.0  # a nuisance closer to its bound than this is not Gaussian, but cut


@dataclass(frozen=True, eq=False, repr=False)
class Marginal:
    """Marginal posterior of one parameter on Gauss-Legendre panels in u, the prior's own quantile.

    Values of the parameter are in units of its scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. u, and densities in u, are pure
    numbers.

    Attributes:
        model: the model that was integrated.
        borders: (panels + 1,), the ends of the panels in u.
        density: (nodes,), the posterior density in u at `nodes`, not normalised.
        batches: (batches, nodes), independent estimates whose mean is `density`; one row if the rule is deterministic.
        method: how the nuisances were integrated, in words.
    """

    model: Model
    borders: np.ndarray
    density: np.ndarray
    batches: np.ndarray
    method: str

    def __repr__(self) -> str:
        prior = self.model.parameters[0]
        return f"<Marginal posterior of {prior.column}: median {self.quantile(0.5):.4g}, {self.method}; {self.model!r}>"

    @property
    def nodes(self) -> np.ndarray:
        """Prior quantiles u (nodes,) at which `density` is given."""
        return _place_nodes(self.borders)

    def quantile(self, probability: float) -> float:
        """Value, in units of `scale * unit`, with this much posterior probability below it.

        Raises `BayesnuError` unless the probability lies in [0, 1].
        """
        return self._find_quantile(self.density, read_probability("probability", probability))

    def error(self, probability: float) -> float:
        """Monte-Carlo standard error of `quantile`, in units of `scale * unit`; zero for the tensor rule."""
        wanted = read_probability("probability", probability)
        if len(self.batches) == 1:
            return 0.0
        values = [self._find_quantile(batch, wanted) for batch in self.batches]
        return float(np.std(values, ddof=1) / np.sqrt(len(values)))

    def interval(self, kind: str, probability: float) -> IntegratedInterval:
        """Upper limit (`upper`), equal-tailed (`eti`) or highest-density interval (`hdi`), with the error of the method.

        `probability` lies between 0 and 1; ends and errors are in units of `scale * unit`. A highest-density interval has
        as many pieces as the posterior asks for. Raises `BayesnuError` for another kind or probability.
        """
        check_interval(kind, probability)
        if kind == "hdi":
            pieces = self.curve.region(probability)
            errors = self._find_region_errors(pieces, probability)
        else:
            tail = (1 - probability) / 2
            ends = (None, probability) if kind == "upper" else (tail, 1 - tail)
            pieces = (Piece(*(None if p is None else self.quantile(p) for p in ends)),)
            errors = (Piece(*(None if p is None else self.error(p) for p in ends)),)
        return IntegratedInterval(
            kind=kind,
            probability=probability,
            pieces=pieces,
            errors=errors,
            method=self.method,
        )

    @cached_property
    def curve(self) -> Curve:
        """The density in the parameter at many values, for regions of highest density."""
        return self._draw_curve(self.density)

    def _draw_curve(self, density: np.ndarray) -> Curve:
        """A density in u at `nodes` as a curve in the parameter."""
        prior = self.model.parameters[0]
        parts = np.arange(CURVE) / CURVE
        series = legendre.legfit(gauss_legendre(ORDER)[0], density.reshape(-1, ORDER).T, ORDER - 1)
        in_panels = legendre.legval(2 * parts - 1, series)
        u = self.borders[:-1, None] + np.diff(self.borders)[:, None] * parts
        last = legendre.legval(1.0, series[:, -1])
        values = prior.ppf(np.append(u, self.borders[-1]))
        return Curve(values, np.maximum(np.append(in_panels, last), 0.0) * np.exp(prior.logpdf(values)))

    def _find_region_errors(self, pieces: tuple[Piece, ...], probability: float) -> tuple[Piece, ...]:
        """Standard errors of the ends of a region, from its scatter without each batch; zero for the tensor rule."""
        number = len(self.batches)
        if number == 1:
            return (Piece(0.0, 0.0),) * len(pieces)
        without_one = [self.density + (self.density - batch) / (number - 1) for batch in self.batches]
        return jackknife_errors(pieces, [self._draw_curve(each).region(probability) for each in without_one])

    def _find_quantile(self, density: np.ndarray, probability: float) -> float:
        u = _invert_integral(self.borders, density.reshape(-1, ORDER), probability)
        return float(self.model.parameters[0].ppf(np.array(u)))

    def probability_between(self, low: float, high: float) -> float:
        """Posterior probability, a pure number, of [low, high] in units of `scale * unit`."""
        ends = read_array("probability_between", [low, high])
        if not ends[0] <= ends[1]:
            raise BayesnuError(f"probability_between: found {low} and {high}; must be two numbers, the smaller one first")
        u = self.model.parameters[0].cdf(ends)
        below = [_integrate_up_to(self.borders, self.density.reshape(-1, ORDER), float(each)) for each in u]
        return below[1] - below[0]

    def mean_density(self, values: np.ndarray) -> np.ndarray:
        """Posterior density in the parameter, per unit of `scale * unit`, at the given values (n,)."""
        prior = self.model.parameters[0]
        u = prior.cdf(read_array("values", values))
        panel = np.clip(np.searchsorted(self.borders, u, side="right") - 1, 0, len(self.borders) - 2)
        left = self.borders[panel]
        width = np.diff(self.borders)[panel]
        nodes, _ = gauss_legendre(ORDER)
        panels = self.density.reshape(-1, ORDER)
        series = legendre.legfit(nodes, panels.T, ORDER - 1)[:, panel]
        density = legendre.legval(2 * (u - left) / width - 1, series, tensor=False)
        inside = (u >= self.borders[0]) & (u <= self.borders[-1])
        whole = _integrate_panels(panels, self.borders).sum()
        return np.where(inside, density / whole * np.exp(prior.logpdf(values)), 0.0)


def marginal(model: Model, seed: int = 0) -> Marginal:
    """Integrate the posterior of a model over its nuisances, without sampling.

    Arguments:
        model: from `build`, with exactly one physics parameter. Its prior may be replaced by `model.with_priors`.
        seed: of the importance sampling, which is used with more than four nuisances or with one near its bound.

    Returns: a `Marginal`. Its `quantile`, `error` and `interval` are in units of the parameter's scale: 1e-11 mu_B, 1e-12 e
        or 1e-32 cm^2; `mean_density` is per such a unit. `interval(...).scaled(scale)` is in mu_B, e or cm^2.

    Raises: `BayesnuError` for a model with no or several physics parameters, and where fits of the nuisances did not end.

    Source: Gauss-Hermite rule, or Laplace's approximation corrected by importance sampling; see docs/methods.md.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> posterior = bayesnu.marginal(model)
        >>> round(posterior.quantile(0.9), 3)  # in 1e-11 mu_B
        0.707
        >>> f"{posterior.interval('upper', 0.9).scaled(1e-11).upper:.2e} mu_B"
        '7.07e-12 mu_B'
    """
    require("model", model, Model, "build")
    if model.n_physics != 1:
        raise BayesnuError(f"integrate: the model has {model.n_physics} physics parameters; this needs exactly one")
    found = integrate(Profiler(model), read_seed(seed))
    _check_pull(found)
    return found


def _check_pull(found: Marginal) -> None:
    """Refuse a posterior in the far tail of a Gaussian prior, where panels in its quantile do not resolve it."""
    prior = found.model.parameters[0]
    if isinstance(prior, Gaussian):
        ends = np.array([found.quantile(tail) for tail in TAILS])
        if np.any(np.abs(ends - prior.mean) > FAR * prior.width):
            raise BayesnuError(
                f"integrate: the data pull {prior.name} more than {FAR:g} widths from its Gaussian prior, where this "
                "integration is not exact; sample it, or give a wider prior"
            )


def integrate(profiler: Profiler, seed: int = 0) -> Marginal:
    """The integration of `marginal` with the fits of a model that there already are."""
    model = profiler.model
    prior = model.parameters[0]
    borders = _place_panels(profiler)
    u = _place_nodes(borders)
    fit = profiler.at(0, prior.ppf(u))
    check_ended(fit, "integrate")
    possible = np.isfinite(fit.chi2)
    average = _integrate_nuisances(profiler, Fit(fit.theta[possible], fit.chi2[possible], fit.ended[possible]), seed)
    batches = np.zeros((len(average.batches), len(u)))
    batches[:, possible] = average.batches
    return Marginal(model, borders, batches.mean(axis=0), batches, average.method)


class _Average(NamedTuple):
    """The likelihood integrated over the nuisances (batches, nodes), in arbitrary units, and how."""

    batches: np.ndarray
    method: str


def _integrate_nuisances(profiler: Profiler, fit: Fit, seed: int) -> _Average:
    """Laplace's approximation at every node, times the average over it of the posterior divided by it."""
    posterior = compile_posterior(profiler.model.with_flat_physics())
    which = np.flatnonzero(profiler.nuisances_free())
    random = np.random.default_rng(seed)
    factors = conditional_factors(profiler, fit.theta)
    if not _is_far_from_bounds(profiler, fit.theta, factors, which):
        means, factors = tangent_gaussians(profiler, fit.theta)
        factors = WIDER * factors
        ratio = _divide_by_cut_gaussian(profiler, posterior, fit.theta, means, factors, which, random)
        average = _Average(_average_batches(ratio), f"cut Gaussian corrected by importance sampling ({DRAWS} draws)")
    elif len(which) <= TENSOR_DIMENSIONS:
        points, rule = _build_hermite_rule(len(which))
        ratio = _divide_by_gaussian(posterior, fit.theta, factors, which, points)
        average = _Average((ratio @ rule)[None], f"tensor rule of {TENSOR_ORDER}^{len(which)} points")
    else:
        points = random.standard_normal((DRAWS // 2, len(which)))
        antithetic = np.concatenate([points, -points])  # the slope of the ratio cancels in every pair
        ratio = _divide_by_gaussian(posterior, fit.theta, factors, which, antithetic)
        pairs = (ratio[:, : DRAWS // 2] + ratio[:, DRAWS // 2 :]) / 2
        average = _Average(_average_batches(pairs), f"Laplace corrected by importance sampling ({DRAWS} draws)")
    log_laplace = -fit.chi2 / 2 + log_volumes_of(factors)
    return average._replace(batches=average.batches * np.exp(log_laplace - log_laplace.max()))


def _average_batches(ratio: np.ndarray) -> np.ndarray:
    """Averages (BATCHES, nodes) of the batches of a ratio (nodes, draws)."""
    averages: np.ndarray = ratio.reshape(len(ratio), BATCHES, -1).mean(axis=2).T
    return averages


def _divide_by_cut_gaussian(
    profiler: Profiler,
    posterior: CompiledPosterior,
    theta: np.ndarray,
    means: np.ndarray,
    factors: np.ndarray,
    which: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Posterior over the density of draws within bounds, in units of its maximum at theta: shape (nodes, DRAWS)."""
    uniform = _shift_lattices(len(which), random)
    low = profiler.lower[which]
    high = profiler.upper[which]
    at_mode = posterior(theta)
    ratio = np.empty((len(theta), DRAWS))
    for i, (mean, factor) in enumerate(zip(means, factors, strict=True)):
        trial = np.tile(theta[i], (DRAWS, 1))
        trial[:, which], log_density = draw_within(mean, factor, low, high, uniform)
        ratio[i] = np.exp(posterior(trial) - at_mode[i] - log_density)
    return ratio


def _shift_lattices(dimensions: int, random: np.random.Generator) -> np.ndarray:
    """Points (DRAWS, dimensions) of the unit cube, a batch after the other: one lattice of irrational steps, shifted."""
    ratio = 2.0
    for _ in range(60):  # the root of x^(d+1) = x + 1, whose powers are the steps
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    lattice = np.arange(1, DRAWS // BATCHES + 1)[:, None] * ratio ** -np.arange(1.0, dimensions + 1)
    shifts = random.random((BATCHES, 1, dimensions))
    return np.clip((lattice + shifts) % 1, SMALLEST, 1 - SMALLEST).reshape(DRAWS, dimensions)


def find_modes(posterior: Marginal) -> list[tuple[float, float]]:
    """Ranges of the parameter around each maximum of its posterior, divided at deep minima between them."""
    prior = posterior.model.parameters[0]
    nodes = posterior.density
    inner = np.flatnonzero((nodes[1:-1] < nodes[:-2]) & (nodes[1:-1] <= nodes[2:])) + 1
    deep = [i for i in inner if nodes[i] < DEEP * min(nodes[:i].max(), nodes[i:].max())]
    if not deep or not prior.of_interest.signed:
        return [(prior.lower, prior.upper)]
    cuts = [prior.lower, *(float(prior.ppf(posterior.nodes[i])) for i in deep), prior.upper]
    return list(pairwise(cuts))


def _place_nodes(borders: np.ndarray) -> np.ndarray:
    """Nodes (panels * ORDER,) of Gauss and Legendre in all panels."""
    nodes, _ = gauss_legendre(ORDER)
    middle = (borders[1:] + borders[:-1])[:, None] / 2
    half = np.diff(borders)[:, None] / 2
    places: np.ndarray = (middle + half * nodes).ravel()
    return places


def _place_panels(profiler: Profiler) -> np.ndarray:
    """Borders in u of panels: `PANELS` in every range where the likelihood counts, one in each gap between two."""
    prior = profiler.model.parameters[0]

    def chi2_at(u: np.ndarray) -> np.ndarray:
        return profiler.at(0, prior.ppf(u)).chi2

    segments = find_segments(chi2_at, _choose_first_look(profiler), SUPPORT, ENOUGH, LOOKS)
    return np.concatenate([np.linspace(low, high, PANELS + 1) for low, high in segments])


def _choose_first_look(profiler: Profiler) -> np.ndarray:
    """Quantiles u of the prior with a point in every mode, however narrow the modes are in it."""
    prior = profiler.model.parameters[0]
    u = np.linspace(0, 1, LOOK)
    usual = prior.of_interest.usual_range
    if prior.lower < usual[0] or prior.upper > usual[1]:
        u = np.union1d(u, prior.cdf(np.linspace(*usual, LOOK)))
    fit = profiler.at(0, prior.ppf(u))
    free = profiler.nuisances_free()
    free[0] = True
    modes = profiler.fit(fit.theta[find_local_minima(fit.chi2)], free).theta[:, 0]
    return np.union1d(u, prior.cdf(modes[(modes > prior.lower) & (modes < prior.upper)]))


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
    grids = np.meshgrid(*[nodes] * dimensions, indexing="ij")
    products = np.meshgrid(*[normalised] * dimensions, indexing="ij")
    points = np.stack([grid.ravel() for grid in grids], axis=1)
    return points, np.prod([product.ravel() for product in products], axis=0)


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


def _integrate_panels(density: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """Integral of each panel (panels,) from the density at its nodes (panels, ORDER)."""
    weights = gauss_legendre(ORDER)[1]
    integrals: np.ndarray = density @ weights * np.diff(borders) / 2
    return integrals


@cache
def _build_primitive() -> np.ndarray:
    """Matrix (ORDER, ORDER + 1) from values at the nodes of [-1, 1] to the Legendre series of their integral from -1."""
    nodes, weights = gauss_legendre(ORDER)
    series = legendre.legvander(nodes, ORDER - 1) * weights[:, None] * (np.arange(ORDER) + 0.5)
    return np.asarray(legendre.legint(series.T, lbnd=-1).T)


def _integrate_part(series: np.ndarray, width: float, fraction: float) -> float:
    """Integral of a panel's density from its left end to `fraction` of its width; `series` is that of `_build_primitive`."""
    return float(legendre.legval(2 * fraction - 1, series)) * width / 2


def _integrate_up_to(borders: np.ndarray, density: np.ndarray, u: float) -> float:
    """Part of the whole integral that lies below u: the panels before that of u, and a part of that one."""
    whole = _integrate_panels(density, borders)
    if u <= borders[0]:
        return 0.0
    if u >= borders[-1]:
        return 1.0
    panel = int(np.searchsorted(borders, u, side="right")) - 1
    width = borders[panel + 1] - borders[panel]
    part = _integrate_part(density[panel] @ _build_primitive(), width, (u - borders[panel]) / width)
    return float((whole[:panel].sum() + part) / whole.sum())


def _invert_integral(borders: np.ndarray, density: np.ndarray, probability: float) -> float:
    """The u below which this part of the whole integral lies: its panel first, then halvings within the panel."""
    whole = _integrate_panels(density, borders)
    target = probability * whole.sum()
    before = np.concatenate([[0.0], np.cumsum(whole)])
    panel = min(int(np.searchsorted(before, target, side="right")) - 1, len(whole) - 1)
    width = borders[panel + 1] - borders[panel]
    series = density[panel] @ _build_primitive()
    low = 0.0
    high = 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _integrate_part(series, width, middle) < target - before[panel]:
            low = middle
        else:
            high = middle
    return float(borders[panel] + width * (low + high) / 2)


def bayes_factor(posterior: Marginal, value: float = 0.0) -> float:
    """Return the evidence of a model with its parameter free over that with the parameter fixed at a value.

    Arguments:
        posterior: from `marginal`.
        value: the fixed value in units of the parameter's scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2.

    Returns: a pure number; below one the data prefer the fixed value. It falls as the prior gets wider, so the prior
        belongs beside it.

    Raises: `BayesnuError` where the prior has no density, and where the posterior's is too small to be known. A prior
        flat in the square has no density at 0. A value in mu_B, e or cm^2, which its size betrays, is refused, too.

    Source: Savage-Dickey density ratio, Dickey 1971, Ann. Math. Statist. 42, 204. It is exact here, as the nuisance priors
        do not depend on the parameter.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["mu_nu"])
        >>> round(bayesnu.bayes_factor(bayesnu.marginal(model)), 3)  # prior flat on [0, 10] 1e-11 mu_B
        0.059
    """
    require("posterior", posterior, Marginal, "marginal")
    prior = posterior.model.parameters[0]
    at = np.array([read_value(prior.of_interest, value)])
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
