"""Posterior and profile likelihood of two physics parameters on a grid, without sampling.

The grid covers where chi^2, profiled over the nuisances, is near its minimum. The posterior integrates the nuisances by
Laplace's approximation at every node; a nuisance near a bound contributes the part of its Gaussian within the bound. With
published widths that is right to half a per cent of the density's maximum, with several free normalisations at zero to 10 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.ndimage import label
from scipy.special import chdtri

from bayesnu.inference.laplace import log_bounded_volumes
from bayesnu.inference.profiler import WIDER, Profiler, check_ended, widen_range
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import LogUniform, Prior
from bayesnu.support.errors import BayesnuError

GRID = 161  # nodes per axis of the result
COARSE = 81  # the same while its box is sought
SUPPORT = 20.0  # chi^2 above the minimum that the box holds: exp(-10) of the density
LOOKS = 12  # at most, to find the box
MARGIN = 0.04  # of the box, around what it has to hold
TIED = 0.05  # chi^2 above the minimum that no data tell from it
RIDGE_LENGTH = 0.3  # tied nodes over more of the 68 % region than this are no point
PROBABILITIES = (0.68, 0.90)  # of the posterior's regions
PROFILE_PROBABILITIES = (0.6827, 0.90, 0.95)  # what the customary 2.30, 4.61 and 5.99 stand for


def profile_level(probability: float) -> float:
    """Quantile of chi^2 with two degrees of freedom: 2.30 at 68.27 %, 4.61 at 90 %, 5.99 at 95 %."""
    if not 0 < probability < 1:
        raise BayesnuError(f"probability: found {probability:g}; must lie between 0 and 1, for example 0.9")
    return float(chdtri(2, 1 - probability))


@dataclass(frozen=True, eq=False)
class Joint:
    """Two physics parameters together, in units of `scale * unit`: x (nx,) and y (ny,) are the grid.

    `delta_chi2` (nx, ny) is profiled over the nuisances, above its minimum `chi2_min`. `density` (nx, ny) is the
    posterior density, zero outside the prior. `best` (n, 2) are the best fits, lowest first: several if separate ones are
    within `TIED`. `is_ridge` says that they are points of a line or an area of equally good ones, `is_open` that the grid
    ends before chi^2 has risen.
    """

    model: Model
    x: np.ndarray
    y: np.ndarray
    delta_chi2: np.ndarray
    density: np.ndarray
    best: np.ndarray
    chi2_min: float
    is_ridge: bool
    is_open: bool

    def hpd_level(self, probability: float) -> float:
        """Density above which this much posterior probability lies: the edge of the highest-density region."""
        if not 0 < probability < 1:
            raise BayesnuError(f"probability: found {probability:g}; must lie between 0 and 1, for example 0.9")
        fine, mass = self._refine_cells()
        order = np.argsort(-fine, axis=None)
        return float(np.interp(probability, np.cumsum(mass.ravel()[order]), fine.ravel()[order]))

    def _refine_cells(self, times: int = 4) -> tuple[np.ndarray, np.ndarray]:
        """Density and probability of cells finer than the grid, so that their number makes no error of its own."""
        density = _interpolate_middles(_interpolate_middles(self.density, times, 0), times, 1)
        x_step = np.repeat(np.diff(self.x), times)
        y_step = np.repeat(np.diff(self.y), times)
        mass = density * np.multiply.outer(x_step, y_step)
        return density, mass / mass.sum()


def _interpolate_middles(values: np.ndarray, times: int, axis: int) -> np.ndarray:
    """Linear interpolation at the middles of `times` parts of every step along an axis."""
    steps = np.arange(values.shape[axis] - 1)
    low = np.take(values, steps, axis)
    high = np.take(values, steps + 1, axis)
    parts = [low + (k + 0.5) / times * (high - low) for k in range(times)]
    shape = [*low.shape]
    shape[axis] *= times
    return np.stack(parts, axis=axis + 1).reshape(shape)


def joint(model: Model, grid: int = GRID) -> Joint:
    """Profile and posterior of a model with exactly two physics parameters."""
    _check_model(model, grid)
    profiler = Profiler(model)
    box, is_open = _find_box(profiler)
    x, y = (_place_nodes(prior, low, high, grid) for prior, (low, high) in zip(model.physics, box, strict=True))
    theta, chi2 = _profile_grid(profiler, x, y)
    minima, values = _find_minima(profiler, theta, chi2)
    delta = np.maximum(chi2 - values.min(), 0.0)
    if delta.max() < TIED:
        raise BayesnuError(f"joint: the data know neither {model.names[0]} nor {model.names[1]}; there is nothing to draw")
    # Nodes that are tied with the minimum, in connected groups numbered from 1; neighbours may touch at a corner.
    groups, count = label(delta < TIED, structure=np.ones((3, 3)))
    region = delta < profile_level(PROFILE_PROBABILITIES[0])
    return Joint(
        model=model,
        x=x,
        y=y,
        delta_chi2=delta,
        density=_integrate_nuisances(profiler, x, y, theta, chi2),
        best=_select_best(groups, x, y, minima, values),
        chi2_min=float(values.min()),
        is_ridge=any(_extends_beyond(groups == k + 1, region) for k in range(count)),
        is_open=is_open,
    )


def _check_model(model: Model, grid: int) -> None:
    if model.n_physics != 2:
        raise BayesnuError(f"joint: the model has {model.n_physics} physics parameters; this needs exactly two")
    if grid < 21:
        raise BayesnuError(f"grid: found {grid}; needs at least 21 nodes per axis")
    for prior in model.physics:
        if isinstance(prior, LogUniform):
            raise BayesnuError(
                f"joint: the prior of {prior.name} is log-uniform, whose density a uniform grid does not resolve; sample it"
            )


def _place_nodes(prior: Prior, low: float, high: float, grid: int) -> np.ndarray:
    """Nodes of an axis; ends of the prior are among them, which keeps them sharp."""
    edges = [edge for edge in (prior.lower, prior.upper) if low < edge < high]
    return np.union1d(np.linspace(low, high, grid), np.array(edges))


def _profile_grid(profiler: Profiler, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Conditional maxima (nx, ny, parameters) and their chi^2 (nx, ny)."""
    theta = np.tile(profiler.model.nominal(), (len(x), len(y), 1))
    theta[..., 0], theta[..., 1] = np.meshgrid(x, y, indexing="ij")
    fit = profiler.fit(theta.reshape(-1, theta.shape[-1]), profiler.nuisances_free())
    check_ended(fit, "joint")
    return fit.theta.reshape(theta.shape), fit.chi2.reshape(theta.shape[:2])


def _find_minima(profiler: Profiler, theta: np.ndarray, chi2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minima (n, parameters) over all parameters and their chi^2, from the local minima of the grid."""
    padded = np.pad(chi2, 1, constant_values=np.inf)
    rows, columns = chi2.shape
    around = [padded[1 + i : 1 + i + rows, 1 + j : 1 + j + columns] for i, j in product((-1, 0, 1), repeat=2)]
    lowest = (chi2 <= np.min(around, axis=0)) & np.isfinite(chi2)
    fit = profiler.fit(theta[lowest], np.ones(theta.shape[-1], dtype=bool))
    check_ended(fit, "joint")
    return fit.theta, fit.chi2


def _find_box(profiler: Profiler) -> tuple[np.ndarray, bool]:
    """Ranges (2, 2) that hold all of a small chi^2, and whether they end before it has risen.

    Starts from the usual ranges. A side where chi^2 is small is moved out, the others are drawn in; if there is no end to
    it, the usual range is what remains.
    """
    parameters = profiler.model.of_interest
    box = np.array(profiler.ranges, dtype=float)
    farthest = [widen_range(each, low, high, WIDER) for each, (low, high) in zip(parameters, box, strict=True)]
    last = np.array(farthest)
    walls = np.array([each.bounds for each in parameters])
    outwards = np.array([-1.0, 1.0])
    for _ in range(LOOKS):
        held = _bound_support(profiler, box)
        width = np.diff(box, axis=1)
        moved_out = (outwards * (held - box) > -width / COARSE) & (box != walls)
        margin = np.maximum(width / (COARSE - 1), MARGIN * np.diff(held, axis=1))
        moves = outwards * np.where(moved_out, 2 * width, margin)
        new = np.clip(held + moves, last[:, :1], last[:, 1:])
        settled = not moved_out.any() and bool(np.all(np.diff(new, axis=1) > 0.8 * width))
        if settled or np.any(moved_out & (box == last)):
            break
        box = new
    is_open = moved_out.any(axis=1, keepdims=True)
    return np.where(is_open, profiler.ranges, new), bool(is_open.any())


def _bound_support(profiler: Profiler, box: np.ndarray) -> np.ndarray:
    """Ranges (2, 2) of the nodes and of the minima found from them whose chi^2 is small."""
    x, y = (np.linspace(low, high, COARSE) for low, high in box)
    theta, chi2 = _profile_grid(profiler, x, y)
    minima, values = _find_minima(profiler, theta, chi2)
    near_nodes = theta[chi2 < chi2.min() + SUPPORT]
    near_minima = minima[values < values.min() + SUPPORT]
    near = np.concatenate([near_nodes, near_minima])[:, :2]
    return np.stack([near.min(axis=0), near.max(axis=0)], axis=1)


def _select_best(groups: np.ndarray, x: np.ndarray, y: np.ndarray, minima: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The lowest minimum, and that of every other group of connected nodes that are tied with it, lowest first."""
    # The group of each minimum is that of the node nearest to it.
    row = np.abs(np.subtract.outer(minima[:, 0], x)).argmin(axis=1)
    column = np.abs(np.subtract.outer(minima[:, 1], y)).argmin(axis=1)
    group = groups[row, column]
    order = np.argsort(values)
    lowest = int(order[0])
    chosen = [lowest]
    for k in np.unique(group):
        first = int(order[group[order] == k][0])
        if k > 0 and k != group[lowest] and values[first] < values.min() + TIED:
            chosen.append(first)
    return minima[sorted(chosen, key=lambda i: float(values[i])), :2]


def _extends_beyond(nodes: np.ndarray, region: np.ndarray) -> bool:
    """Whether nodes extend far beside a region."""
    size = np.ptp(np.argwhere(nodes), axis=0) + 1
    whole = np.ptp(np.argwhere(region), axis=0) + 1
    return bool(np.any(size > RIDGE_LENGTH * whole))


def _integrate_nuisances(
    profiler: Profiler, x: np.ndarray, y: np.ndarray, theta: np.ndarray, chi2: np.ndarray
) -> np.ndarray:
    """Normalised posterior density (nx, ny): prior times likelihood with the nuisances integrated out."""
    first, second = profiler.model.physics
    log_prior = np.add.outer(first.logpdf(x), second.logpdf(y))
    log_density = log_prior - chi2 / 2
    if not np.isfinite(log_density.max()):
        raise BayesnuError("joint: the priors exclude all that the data allow; widen them")
    counts = log_density > log_density.max() - 1.5 * SUPPORT
    log_density[~counts] = -np.inf
    log_density[counts] += log_bounded_volumes(profiler, theta[counts])
    density = np.exp(log_density - log_density.max())
    normalised: np.ndarray = density / np.trapezoid(np.trapezoid(density, y, axis=1), x)
    return normalised
