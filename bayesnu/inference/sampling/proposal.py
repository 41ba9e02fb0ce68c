"""A proposal built from the problem: close enough to the posterior to be drawn from independently.

One physics parameter is drawn from the density of its profiled posterior on a grid. Of several, the recoil spectrum fixes
little more than one number, the signal, which is a quadratic form in them: a shell. So they are drawn as the radius of that
ellipsoid, from a grid averaged over directions, and a direction at random. Where data tell directions of three parameters
apart, the ellipsoid is centred anew and directions have a density. Nuisance parameters follow from the Gaussian around their
conditional maximum there. None of this has to be exact: `moves.IndependenceMove` corrects it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, ndtri

from bayesnu.inference.laplace import conditional_factors, log_volumes_of
from bayesnu.inference.profiler import Fit, Profiler
from bayesnu.inference.sampling.directions import (
    LogWeight,
    draw_direction,
    find_cell,
    log_density_of,
    spread_evenly,
    tabulate,
)
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import observed
from bayesnu.inference.zoom import find_support
from bayesnu.model.polynomial import Model
from bayesnu.support.compiled import compiled

COARSE = 513  # radii per look for the support
LOOKS = 5  # at most
NODES = 48  # of each kind that tabulate the proposal
DIRECTIONS = 48  # at a node
FEW_DIRECTIONS = 8  # at a radius, while the support is sought
SUPPORT = 20.0  # of the log-posterior below its maximum
UNEVEN = 2.0  # of the log-posterior between directions, from which on they have a density
CENTRINGS = 3  # of the ellipsoid
THROUGH = 7  # radii through the shell at which a direction is weighed


Fits = Callable[[np.ndarray, np.ndarray], Fit]


class Proposal(NamedTuple):
    """A distribution of all parameters: physics = centre + radius * axes @ direction, nuisances Gaussian at that radius.

    `centre` (d,), `axes` (d, d) and their `inverse`; `folded` (d,) marks parameters without a sign, whose modulus is
    taken. At increasing `radius` (nodes,) there are the `density` of the radius and its integral from the left, `below`.
    The nuisances there have a `mean` (nodes, K), which changes by `tilt` (nodes, K, d) with the direction, and a covariance
    with the lower `factor` (nodes, K, K). All are interpolated linearly. Directions have the density of `directions`
    (heights, angles) and its integral `directions_below`; a single cell is an even distribution. For d = 1 the radius is
    the parameter itself, with its sign. Compiled code takes it as it is.
    """

    centre: np.ndarray
    axes: np.ndarray
    inverse: np.ndarray
    folded: np.ndarray
    radius: np.ndarray
    density: np.ndarray
    below: np.ndarray
    mean: np.ndarray
    tilt: np.ndarray
    factor: np.ndarray
    directions: np.ndarray
    directions_below: np.ndarray


def build(profiler: Profiler) -> Proposal | None:
    """Build the proposal of a model; None where it has no physics parameter or the signal is no ellipsoid in them."""
    model = profiler.model
    shape = _find_ellipsoid(model)
    if shape is None:
        return None
    centre, axes = shape
    folded = np.array([not parameter.signed for parameter in model.of_interest])
    posterior = _Posterior(profiler, centre, axes, _spread_directions(model.n_physics, folded), profiler.fit)
    radius = posterior.choose_nodes()
    log_density, theta = posterior.profile_along(radius, DIRECTIONS)
    directions = spread_evenly()
    is_uneven = model.n_physics == 3 and not folded.any() and _find_unevenness(log_density) > UNEVEN
    if is_uneven:
        posterior = _centre_anew(posterior)
        radius = posterior.choose_nodes()
        log_density, theta = posterior.profile_along(radius, DIRECTIONS)
        directions = tabulate(posterior.weigh_through(radius, log_density))
    factors = conditional_factors(posterior.profiler, theta)
    log_density = log_density + log_volumes_of(factors).reshape(log_density.shape)
    mean, tilt, factor = _average_moments(log_density, theta[:, model.n_physics :], factors, posterior.directions, is_uneven)
    # The density of the radius: averaged over directions, times the area of a shell; and its integral by trapezoids.
    share = np.exp(logsumexp(log_density, axis=1) - logsumexp(log_density))
    density = share * np.abs(radius) ** (model.n_physics - 1)
    cells = np.diff(radius) * (density[1:] + density[:-1]) / 2
    below = np.concatenate([[0.0], np.cumsum(cells)])
    return Proposal(
        centre=posterior.centre,
        axes=axes,
        inverse=np.linalg.inv(axes),
        folded=folded,
        radius=radius,
        density=density / below[-1],
        below=below / below[-1],
        mean=mean,
        tilt=tilt,
        factor=factor,
        directions=directions,
        directions_below=np.concatenate([[0.0], np.cumsum(directions)]) / directions.sum(),
    )


def _find_unevenness(log_density: np.ndarray) -> float:
    """By how much the log-posterior (radii, directions) at the best radius differs between directions."""
    return float(np.ptp(log_density.max(axis=0)))


def _centre_anew(posterior: _Posterior) -> _Posterior:
    """The posterior with its shell as round as can be: what its radius has in common with the direction moves the centre.

    It has far more points to fit from now on, and fits them together.
    """
    posterior = replace(posterior, fit=_fit_in_lanes(posterior.profiler.model))
    for _ in range(CENTRINGS):
        nodes = posterior.choose_nodes()
        radius = np.linspace(nodes[0], nodes[-1], 2 * NODES)
        log_density = posterior.profile_along(radius, DIRECTIONS)[0]
        weight = np.exp(log_density - log_density.max(axis=0)) * radius[:, None] ** 2
        mean = (weight * radius[:, None]).sum(axis=0) / weight.sum(axis=0)
        root = np.exp((log_density.max(axis=0) - log_density.max()) / 4)  # directions that count decide
        columns = np.column_stack([np.ones(DIRECTIONS), posterior.directions])
        shift = np.linalg.lstsq(columns * root[:, None], mean * root, rcond=None)[0][1:]
        posterior = replace(posterior, centre=posterior.centre + posterior.axes @ shift)
    return posterior


def _find_ellipsoid(model: Model) -> tuple[np.ndarray, np.ndarray] | None:
    """Centre and axes of the surfaces of equal signal; trivial for one parameter.

    The signal of each bin b is phi Q_b phi + l_b phi. It is weighted as a search for its own shape would do, with its size
    over the expected counts. Completing the square gives the centre. There is none where constraints by other laboratories
    cut the shell that several signed parameters make.
    """
    d = model.n_physics
    if d < 2:
        return (np.zeros(1), np.eye(1)) if d else None
    if model.constraints and any(parameter.signed for parameter in model.of_interest):
        return None
    model = model.without_constraints()
    expected = model.expected(model.nominal())
    quadratic = np.zeros((d, d, expected.size))
    linear = np.zeros((d, expected.size))
    nominal = np.append(model.nominal(), 1.0)
    for term, counts in zip(model.factors, model.templates, strict=True):
        physics = term[term < d]
        size = np.prod(nominal[term[term >= d]])
        if len(physics) == 1:
            linear[physics[0]] += size * counts
        elif len(physics) == 2:
            quadratic[physics[0], physics[1]] += size * counts / 2
            quadratic[physics[1], physics[0]] += size * counts / 2
    weight = np.trace(quadratic) / np.maximum(expected, 1e-9)
    form = quadratic @ weight
    if not all(parameter.signed for parameter in model.of_interest):
        form = np.diag(np.diagonal(form))  # a modulus can be folded about an axis only
    values, vectors = np.linalg.eigh(form)
    if not values.min() > 1e-9 * values.max():
        return None
    axes = vectors @ np.diag(np.sqrt(values.mean() / values)) @ vectors.T
    return -np.linalg.solve(form, linear @ weight) / 2, np.ascontiguousarray(axes)


def _spread_directions(d: int, folded: np.ndarray) -> np.ndarray:
    """Evenly spread unit vectors (DIRECTIONS, d): a lattice of irrational steps as quantiles of a Gaussian."""
    if d == 1:
        return np.ones((1, 1))
    ratio = 2.0
    for _ in range(60):  # the root of x^(d+1) = x + 1, whose powers are the steps
        ratio = (1 + ratio) ** (1 / (d + 1))
    steps = ratio ** -np.arange(1.0, d + 1)
    points = ndtri((0.5 + np.arange(1, DIRECTIONS + 1)[:, None] * steps) % 1)
    points /= np.linalg.norm(points, axis=1)[:, None]
    vectors: np.ndarray = np.where(folded, np.abs(points), points)
    return vectors


def _fit_in_lanes(model: Model) -> Fits:
    """Fits of many points as toys that have the data's counts."""
    fitter = ToyFitter(model)
    data = observed(model)

    def fit(start: np.ndarray, free: np.ndarray) -> Fit:
        return fitter.fit(data.repeat(len(start)), start, free)

    return fit


@dataclass(frozen=True, eq=False)
class _Posterior:
    """The posterior profiled over the nuisances by `fit`, along directions of the ellipsoid."""

    profiler: Profiler
    centre: np.ndarray
    axes: np.ndarray
    directions: np.ndarray
    fit: Fits

    def profile_along(self, radius: np.ndarray, directions: int) -> tuple[np.ndarray, np.ndarray]:
        """Log of the profiled posterior (radii, directions), and the fitted parameters (radii * directions, parameters)."""
        model = self.profiler.model
        few = self.directions[:directions]
        physics = self.centre + (radius[:, None, None] * (few @ self.axes.T)).reshape(-1, model.n_physics)
        start = np.tile(model.nominal(), (len(physics), 1))
        start[:, : model.n_physics] = physics
        fit = self.fit(start, self.profiler.nuisances_free())
        log_prior = np.sum([p.logpdf(physics[:, k]) for k, p in enumerate(model.physics)], axis=0)
        chi2 = np.where(fit.ended, fit.chi2, np.inf)
        return (log_prior - chi2 / 2).reshape(len(radius), -1), np.where(fit.ended[:, None], fit.theta, start)

    def weigh_through(self, radius: np.ndarray, log_density: np.ndarray) -> LogWeight:
        """A function that gives the log of the posterior of directions (n, 3), from radii through the shell."""
        share = np.exp(log_density - log_density.max()).sum(axis=1) * radius**2
        middle = np.average(radius, weights=share * np.gradient(radius))
        width = np.sqrt(np.average((radius - middle) ** 2, weights=share * np.gradient(radius)))
        through = middle + width * np.linspace(-3, 3, THROUGH)

        def log_weight(vectors: np.ndarray) -> np.ndarray:
            along = replace(self, directions=vectors).profile_along(through, len(vectors))[0]
            return np.asarray(logsumexp(along, axis=0))

        return log_weight

    def choose_nodes(self) -> np.ndarray:
        """Radii that cover the support, evenly spread in the radius, in probability, and for one parameter in its prior."""
        physics = self.profiler.model.physics
        d = len(self.centre)

        def rise_at(radius: np.ndarray) -> np.ndarray:
            log_density = self.profile_along(radius, FEW_DIRECTIONS)[0].max(axis=1)
            return np.asarray(log_density.max() - log_density)

        # One parameter is first looked for in its prior's quantiles, a radius up to where the prior ends.
        first = physics[0].ppf(np.linspace(0, 1, COARSE)) if d == 1 else np.linspace(0, self._find_farthest(), COARSE)
        support = find_support(rise_at, first, SUPPORT, COARSE / 2, LOOKS)
        low = support.low
        high = support.high
        radius = support.values
        density = np.exp(-support.rise) * np.abs(radius) ** (d - 1)
        share = np.cumsum(density * np.gradient(radius))
        likely = np.interp(np.linspace(0, share[-1], NODES), share, radius)
        even = np.union1d(np.linspace(low, high, NODES), np.clip(likely, low, high))
        if d > 1:
            return even
        lowest, highest = physics[0].cdf(np.array([low, high]))
        return np.union1d(even, physics[0].ppf(np.linspace(lowest, highest, NODES)))

    def _find_farthest(self) -> float:
        """The radius at which the farthest corner of the prior lies."""
        ends = np.array([[p.lower, p.upper] for p in self.profiler.model.physics])
        corners = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, len(ends)) - self.centre
        return float(np.linalg.norm(np.linalg.solve(self.axes, corners.T), axis=0).max())


def _average_moments(
    log_density: np.ndarray, nuisances: np.ndarray, factors: np.ndarray, vectors: np.ndarray, is_uneven: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, tilt and lower factor of the covariance of the nuisances at each radius, over all directions together.

    The tilt is how the mean changes with the direction, a unit vector (directions, d); zero unless that matters.
    """
    radii, directions = log_density.shape
    top = np.where(np.isfinite(log_density.max(axis=1)), log_density.max(axis=1), 0.0)
    weight = np.exp(log_density - top[:, None]) + 1e-300  # a radius outside the prior still needs some Gaussian
    weight /= weight.sum(axis=1)[:, None]
    nuisances = nuisances.reshape(radii, directions, -1)
    tilt = np.zeros((radii, nuisances.shape[2], vectors.shape[1]))
    if is_uneven:
        tilt = _fit_tilt(weight, nuisances, vectors)
        nuisances = nuisances - np.einsum("rkj,dj->rdk", tilt, vectors)
    mean = np.einsum("rd,rdk->rk", weight, nuisances)
    apart = nuisances - mean[:, None]
    # The covariance: that at each direction, and how far the means of the directions lie apart.
    lower = factors.reshape(radii, directions, *factors.shape[1:])
    within = np.einsum("rd,rdkj,rdlj->rkl", weight, lower, lower)
    between = np.einsum("rd,rdk,rdl->rkl", weight, apart, apart)
    return mean, tilt, np.linalg.cholesky(within + between)


def _fit_tilt(weight: np.ndarray, nuisances: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Slopes (radii, K, d) of nuisances (radii, directions, K) along unit vectors (directions, d), by least squares."""
    columns = np.column_stack([np.ones(len(vectors)), vectors])
    slopes = []
    for share, values in zip(weight, nuisances, strict=True):
        root = np.sqrt(share)[:, None]
        slopes.append(np.linalg.lstsq(columns * root, values * root, rcond=None)[0][1:].T)
    return np.array(slopes)


@compiled
def _log_density_in_cell(i, t, r, square, dimensions, density, factor):  # type: ignore[no-untyped-def]
    """Log of the density at radius r, a part t into cell i, where the normal numbers of the nuisances have this square."""
    # The volume that a unit of radius and of normal numbers stands for: a shell's, times the factor's diagonal.
    log_volume = 0.0
    volume = 1.0
    for _k in range(dimensions - 1):
        volume *= r
    for k in range(factor.shape[1]):
        volume *= (1 - t) * factor[i, k, k] + t * factor[i + 1, k, k]
        if volume < 1e-200:  # one logarithm of the product, not one per factor, unless it would underflow
            log_volume += np.log(volume)
            volume = 1.0
    return np.log(((1 - t) * density[i] + t * density[i + 1]) / volume) - log_volume - 0.5 * square


@compiled
def propose(u, normals, proposal, theta, out):  # type: ignore[no-untyped-def]
    """Draw theta (walkers, parameters) from uniform u (walkers,) and standard normal numbers of theta's shape.

    `out` (walkers,) is the log of the density there, as `log_density` gives it.
    """
    centre = proposal.centre
    axes = proposal.axes
    folded = proposal.folded
    radius = proposal.radius
    density = proposal.density
    below = proposal.below
    mean = proposal.mean
    tilt = proposal.tilt
    factor = proposal.factor
    directions = proposal.directions
    directions_below = proposal.directions_below
    is_uneven = directions.size > 1
    d = centre.size
    nuisances = mean.shape[1]
    direction = np.zeros(d)
    for w in range(theta.shape[0]):
        # The radius: invert its integral, a parabola in the cell as its density is a straight line.
        i = find_cell(below, u[w])
        width = radius[i + 1] - radius[i]
        left = density[i]
        right = density[i + 1]
        area = (u[w] - below[i]) / width
        root = left + np.sqrt(max(left * left + 2 * (right - left) * area, 0.0))
        t = min(2 * area / root, 1.0) if root > 0 else 0.0
        r = radius[i] + t * width
        # The direction: that of the first normal numbers, or one from the table; for one parameter the radius is all.
        log_direction = 0.0
        length = 0.0
        for k in range(d):
            direction[k] = normals[w, k]
            length += normals[w, k] ** 2
        if is_uneven:
            log_direction = draw_direction(normals[w], directions, directions_below, direction)
            length = 1.0
        for k in range(d):
            x = 0.0
            for j in range(d):
                x += axes[k, j] * direction[j]
            x = centre[k] + r * x / np.sqrt(length) if d > 1 else r
            theta[w, k] = abs(x) if folded[k] else x
        # The nuisances: the Gaussian at that radius, and in that direction.
        square = 0.0
        for k in range(nuisances):
            x = (1 - t) * mean[i, k] + t * mean[i + 1, k]
            if is_uneven:
                for j in range(d):
                    x += ((1 - t) * tilt[i, k, j] + t * tilt[i + 1, k, j]) * direction[j]
            for j in range(k + 1):
                x += ((1 - t) * factor[i, k, j] + t * factor[i + 1, k, j]) * normals[w, d + j]
            theta[w, d + k] = x
            square += normals[w, d + k] ** 2
        out[w] = _log_density_in_cell(i, t, r, square, d, density, factor) + log_direction


@compiled
def log_density(theta, proposal, out):  # type: ignore[no-untyped-def]
    """Log of the proposal's density, up to a constant, at theta (walkers, parameters); -inf outside its grid."""
    centre = proposal.centre
    inverse = proposal.inverse
    radius = proposal.radius
    mean = proposal.mean
    tilt = proposal.tilt
    factor = proposal.factor
    directions = proposal.directions
    is_uneven = directions.size > 1
    d = centre.size
    nuisances = mean.shape[1]
    z = np.empty(nuisances)
    direction = np.zeros(d)
    for w in range(theta.shape[0]):
        # The radius, with its sign for one parameter.
        r = 0.0
        length = 0.0
        for k in range(d):
            r = 0.0
            for j in range(d):
                r += inverse[k, j] * (theta[w, j] - centre[j])
            direction[k] = r
            length += r * r
        r = np.sqrt(length) if d > 1 else r
        if not (radius[0] <= r <= radius[-1]):
            out[w] = -np.inf
            continue
        log_direction = 0.0
        if is_uneven:
            for k in range(d):
                direction[k] /= r
            log_direction = log_density_of(direction, directions)
        # The normal numbers of the nuisances: solve factor z = theta - mean.
        i = find_cell(radius, r)
        t = (r - radius[i]) / (radius[i + 1] - radius[i])
        square = 0.0
        for k in range(nuisances):
            z[k] = theta[w, d + k] - (1 - t) * mean[i, k] - t * mean[i + 1, k]
            if is_uneven:
                for j in range(d):
                    z[k] -= ((1 - t) * tilt[i, k, j] + t * tilt[i + 1, k, j]) * direction[j]
            for j in range(k):
                z[k] -= ((1 - t) * factor[i, k, j] + t * factor[i + 1, k, j]) * z[j]
            z[k] /= (1 - t) * factor[i, k, k] + t * factor[i + 1, k, k]
            square += z[k] * z[k]
        out[w] = _log_density_in_cell(i, t, r, square, d, proposal.density, factor) + log_direction
