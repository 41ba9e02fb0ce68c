"""The posterior of one physics parameter without sampling: the cross-check of every chain.

Integrates in u, the prior's own quantile, where the prior is constant: p(u) is proportional to the likelihood with the
nuisance parameters integrated out, which `nuisance_average.py` does. A Gaussian prior is a factor of p(u) instead, and u the
quantile of a flat one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from bayesnu.inference.few_nodes import find_between
from bayesnu.inference.highest_density import Curve, jackknife_errors
from bayesnu.inference.interval import IntegratedInterval, Piece
from bayesnu.inference.kinds import check_interval
from bayesnu.inference.laplace import log_bounded_volumes
from bayesnu.inference.line import Line, find_local_minima
from bayesnu.inference.nuisance_average import DRAWS, Average, Rule, choose_rule
from bayesnu.inference.panels import (
    draw_density,
    evaluate_density,
    integrate_up_to,
    invert_integral,
    number_stretches,
    place_nodes,
)
from bayesnu.inference.profiler import Fit, Profiler, check_ended
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.zoom import find_segments
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Gaussian, LogUniform, Prior
from bayesnu.physics.properties import check_unit, read_value
from bayesnu.support.arguments import read_array, read_probability, read_seed, require
from bayesnu.support.errors import BayesnuError

NEGLIGIBLE = 1e-9  # density at an end, in units of its maximum
FEWEST_DRAWS = 8.0  # effective ones, below which their scatter is no error,
MATTERS = 0.01  # where the density is at least this part of its maximum
PANELS = 32  # Gauss-Legendre panels in u, in each range where the likelihood counts
SUPPORT = 45.0  # chi^2 above the minimum beyond which exp(-chi^2/2) no longer counts
LOOK = 2001  # values of u per look for where the likelihood counts
ENOUGH = 400  # of them that have to lie there
LOOKS = 4  # at most
FARTHEST = 60.0  # widths of a Gaussian prior at which an infinite range is taken to end
DEEP = 0.5  # of the lower of two maxima: a minimum below it divides them
NO_SIGNAL = 1e-6  # of the largest value that counts: below it a signal changes no likelihood
EDGE = 0.01  # of its largest value: a density as high at an end of the prior is cut there
CURVE = 128  # points per panel of the density as a curve, between which it is straight


@dataclass(frozen=True, eq=False, repr=False)
class Marginal:
    """Marginal posterior of one parameter on Gauss-Legendre panels in u, the quantile of `coordinate`.

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

    @cached_property
    def coordinate(self) -> Prior:
        """The prior whose quantile u is: the parameter's own, but a flat one in place of a Gaussian."""
        return choose_coordinate(self.model.parameters[0])

    @property
    def nodes(self) -> np.ndarray:
        """Places u (nodes,) at which `density` is given."""
        return place_nodes(self.borders)

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
        u, in_u = draw_density(self.borders, density, CURVE)
        values = self.coordinate.ppf(u)
        return Curve(values, np.maximum(in_u, 0.0) * np.exp(self.coordinate.logpdf(values)))

    def _find_region_errors(self, pieces: tuple[Piece, ...], probability: float) -> tuple[Piece, ...]:
        """Standard errors of the ends of a region, from its scatter without each batch; zero for the tensor rule."""
        number = len(self.batches)
        if number == 1:
            return (Piece(0.0, 0.0),) * len(pieces)
        without_one = [self.density + (self.density - batch) / (number - 1) for batch in self.batches]
        return jackknife_errors(pieces, [self._draw_curve(each).region(probability) for each in without_one])

    def _find_quantile(self, density: np.ndarray, probability: float) -> float:
        return float(self.coordinate.ppf(np.array(invert_integral(self.borders, density, probability))))

    def probability_between(self, low: float, high: float) -> float:
        """Posterior probability, a pure number, of [low, high] in units of `scale * unit`."""
        ends = read_array("probability_between", [low, high])
        if ends.shape != (2,) or not ends[0] <= ends[1]:
            raise BayesnuError(f"probability_between: found {low} and {high}; must be two numbers, the smaller one first")
        check_unit(self.model.parameters[0].of_interest, float(np.abs(ends).max()))
        below = [integrate_up_to(self.borders, self.density, float(u)) for u in self.coordinate.cdf(ends)]
        return below[1] - below[0]

    def mean_density(self, values: np.ndarray) -> np.ndarray:
        """Posterior density in the parameter, per unit of `scale * unit`, at the given values (n,).

        Zero where it is less than exp(-`SUPPORT`/2) of its largest value in u, as there it is not known.
        """
        x = read_array("values", values)
        check_unit(self.model.parameters[0].of_interest, float(np.abs(x).max(initial=0.0)))
        in_u = evaluate_density(self.borders, self.density, self.coordinate.cdf(x))
        largest = evaluate_density(self.borders, self.density, self.nodes).max()
        known = in_u > np.exp(-SUPPORT / 2) * largest
        return np.where(known, in_u * np.exp(self.coordinate.logpdf(x)), 0.0)


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
    return integrate(Line(ToyFitter(model)), read_seed(seed))


def integrate(line: Line, seed: int = 0) -> Marginal:
    """The integration of `marginal` with the fits of a model that there already are."""
    model = line.profiler.model
    coordinate = choose_coordinate(model.parameters[0])
    borders = _place_panels(line, coordinate)
    nodes = place_nodes(borders)
    values = coordinate.ppf(nodes)
    fit = line.fit(values)
    check_ended(fit, "integrate")
    possible = np.isfinite(fit.chi2)
    fit = Fit(fit.theta[possible], fit.chi2[possible], fit.ended[possible])
    rule = choose_rule(line.profiler, fit, seed)
    average = _average_nuisances(rule, fit, nodes[possible], number_stretches(borders)[possible])
    _check_draws(line.profiler, fit, average)
    log_density = average.log_integral + _compare_priors(model.parameters[0], coordinate, values[possible])
    batches = np.zeros((len(log_density), len(values)))
    batches[:, possible] = np.exp(log_density - log_density.max())
    _check_ends(model.parameters[0], batches.mean(axis=0))
    return Marginal(model, borders, batches.mean(axis=0), batches, rule.method)


def _average_nuisances(rule: Rule, fit: Fit, nodes: np.ndarray, stretches: np.ndarray) -> Average:
    """The average of a rule at nodes (nodes,) with these fits, found at few nodes of each of the numbered `stretches`."""
    effective = np.full(len(nodes), np.inf)
    parts = []
    for number in np.unique(stretches):
        stretch = np.flatnonzero(stretches == number)

        def find(at: np.ndarray, stretch: np.ndarray = stretch) -> np.ndarray:
            here = stretch[at]
            average = rule.average(Fit(fit.theta[here], fit.chi2[here], fit.ended[here]))
            effective[here] = average.effective
            return average.log_integral

        parts.append(find_between(find, nodes[stretch]))
    return Average(np.concatenate(parts, axis=1), effective)


def _check_ends(prior: Prior, density: np.ndarray) -> None:
    """Refuse a posterior that lies against an end where a Gaussian prior was cut for the integration."""
    for end, at in ((prior.lower, density[0]), (prior.upper, density[-1])):
        if not np.isfinite(end) and at > NEGLIGIBLE * density.max():
            raise BayesnuError(
                f"integrate: the data are more than {FARTHEST:g} widths of the prior of {prior.name} away from its mean; "
                "give it a larger width, or ends"
            )


def _check_draws(profiler: Profiler, fit: Fit, average: Average) -> None:
    """Refuse an integral that a few of the draws of the nuisances decide, at a value that matters.

    Draws that miss the likelihood find next to no density. So a value matters, too, where Laplace's approximation says so.
    """
    if np.all(average.effective >= FEWEST_DRAWS):
        return
    drawn = np.exp(average.log_integral - average.log_integral.max()).mean(axis=0)
    log_approximate = log_bounded_volumes(profiler, fit.theta) - fit.chi2 / 2
    matters = (drawn > MATTERS * drawn.max()) | (log_approximate > log_approximate.max() + np.log(MATTERS))
    fewest = float(average.effective[matters].min())
    if fewest < FEWEST_DRAWS:
        raise BayesnuError(
            f"integrate: only {fewest:.1f} effective draws of the nuisances, of {DRAWS}, lie where the likelihood is; the "
            "data are far from the model, or its parameters replace each other; look at the fit with the profile likelihood"
        )


def choose_coordinate(prior: Prior) -> Prior:
    """The prior whose quantile u is integrated over: the parameter's own, but a flat one in place of a Gaussian.

    Data that contradict a Gaussian prior put the posterior where its quantiles crowd at 0 or 1.
    """
    if not isinstance(prior, Gaussian):
        return prior
    # a range without an end has to end somewhere
    low = prior.lower if np.isfinite(prior.lower) else prior.mean - FARTHEST * prior.below
    high = prior.upper if np.isfinite(prior.upper) else prior.mean + FARTHEST * prior.above
    return Flat(prior.parameter, low, high)


def _compare_priors(prior: Prior, coordinate: Prior, values: np.ndarray) -> np.ndarray:
    """Log of the prior's density over that of the coordinate at values (n,)."""
    if prior is coordinate:
        return np.zeros_like(values)
    change: np.ndarray = prior.logpdf(values) - coordinate.logpdf(values)
    return change


def describe_edges(posterior: Marginal) -> Iterator[str]:
    """Say where a posterior ends at its prior's edge, and not at the end of physics: there the prior decides quantiles."""
    prior = posterior.model.parameters[0]
    for end in (prior.lower, prior.upper):
        share = float(posterior.curve.at(np.array(end)) / posterior.curve.density.max())
        if share > EDGE and end not in prior.of_interest.bounds:
            yield (
                f"the posterior of {prior.name} ends at the edge of its prior, {end:g} in {prior.parameter.scaled_unit}, "
                f"with {100 * share:.2g} % of its largest density: the range decides its quantiles"
            )


def find_modes(posterior: Marginal) -> list[tuple[float, float]]:
    """Ranges of the parameter around each maximum of its posterior, divided at deep minima between them."""
    prior = posterior.model.parameters[0]
    nodes = posterior.density
    inner = np.flatnonzero((nodes[1:-1] < nodes[:-2]) & (nodes[1:-1] <= nodes[2:])) + 1
    deep = [i for i in inner if nodes[i] < DEEP * min(nodes[:i].max(), nodes[i:].max())]
    if not deep or not prior.of_interest.signed:
        return [(prior.lower, prior.upper)]
    cuts = [prior.lower, *(float(posterior.coordinate.ppf(posterior.nodes[i])) for i in deep), prior.upper]
    return list(pairwise(cuts))


def _place_panels(line: Line, coordinate: Prior) -> np.ndarray:
    """Borders in u of panels: `PANELS` in every range where the likelihood changes, one in each gap between two."""
    prior = line.profiler.model.parameters[0]

    def chi2_at(u: np.ndarray) -> np.ndarray:
        values = coordinate.ppf(u)
        curve: np.ndarray = line.fit(values).chi2 - 2 * _compare_priors(prior, coordinate, values)
        return curve

    segments = find_segments(chi2_at, _choose_first_look(line, coordinate), SUPPORT, ENOUGH, LOOKS)
    return np.concatenate([_divide_segment(coordinate, low, high) for low, high in segments])


def _divide_segment(coordinate: Prior, low: float, high: float) -> np.ndarray:
    """Borders of the panels in a range of u, where the likelihood changes.

    A log-uniform prior may reach down by hundreds of powers of ten, where it does not: they are one panel. Its likelihood
    changes in a small part of the rest, which has twice as many.
    """
    if isinstance(coordinate, LogUniform):
        first = float(coordinate.cdf(NO_SIGNAL * coordinate.ppf(np.array(high))))
        if low < first:
            return np.append(low, np.linspace(first, high, 2 * PANELS + 1))
    return np.linspace(low, high, PANELS + 1)


def _choose_first_look(line: Line, coordinate: Prior) -> np.ndarray:
    """Places u with a point in every mode of the likelihood and in the prior, however narrow these are in u."""
    prior = line.profiler.model.parameters[0]
    u = np.linspace(0, 1, LOOK)
    if prior is not coordinate:
        u = np.union1d(u, coordinate.cdf(prior.ppf(u)))
    usual = prior.of_interest.usual_range
    if coordinate.lower < usual[0] or coordinate.upper > usual[1]:
        u = np.union1d(u, coordinate.cdf(np.linspace(*usual, LOOK)))
    fit = line.fit(coordinate.ppf(u))
    modes = line.refine(fit.theta[find_local_minima(fit.chi2)]).theta[:, 0]
    return np.union1d(u, coordinate.cdf(modes[(modes > coordinate.lower) & (modes < coordinate.upper)]))


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
