"""Toy experiments: counts and centres of the nuisance constraints drawn around true parameters.

A constraint is a measurement made elsewhere: of a flux, an efficiency, a background. A repetition of the experiment repeats
it too, so its centre scatters around the true value with the constraint's width. Free normalisations have no centre.

A constraint with two widths lets the truth lie further on one side of its centre than on the other. So the centre of a toy
is drawn from the mirrored split normal around the truth: with the width `above` below the truth, and `below` above it. As a
function of the truth that density is the constraint itself. The squared pull of the truth follows chi^2 of one degree of
freedom exactly, so the interval between two opposite pulls covers as that of a Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from bayesnu.model import split_normal
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.support.errors import BayesnuError


@dataclass(frozen=True, eq=False)
class Toys:
    """Toy experiments of one model: `counts` (toys, bins), `centres` (toys, parameters).

    Behind the counts are the values of constraints by other laboratories, in units of their errors.
    The centre of a parameter without a Gaussian constraint is 0 and means nothing.
    """

    counts: np.ndarray
    centres: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    def repeat(self, number: int) -> Toys:
        """Every toy so many times."""
        return Toys(np.repeat(self.counts, number, axis=0), np.repeat(self.centres, number, axis=0))


def draw(model: Model, theta: np.ndarray, number: int, random: np.random.Generator) -> Toys:
    """Draw toy experiments at true parameters theta (parameters,), or one per row of theta (number, parameters).

    Raises `BayesnuError` where the model expects a negative number of events.
    """
    theta = np.broadcast_to(np.asarray(theta, dtype=float), (number, len(model.parameters)))
    normal = random.standard_normal(theta.shape)
    centres = np.zeros_like(theta)
    for k, prior in find_constraints(model).items():
        centres[:, k] = theta[:, k] + _scatter(prior, normal[:, k])
    return Toys(draw_data(model, theta, random), centres)


def draw_data(model: Model, theta: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw data (..., bins) at true parameters theta (..., parameters): counts, and values of constraints.

    Raises `BayesnuError` where the model expects a negative number of events.
    """
    expected, quantities = np.split(model.expected(theta), [model.counted], axis=-1)
    if np.any(expected < 0):
        raise BayesnuError(
            f"toys: the expected counts of bin {int(np.argmin(expected) % model.counted) + 1} are negative at the true "
            "parameters; choose values that the model allows"
        )
    counts = random.poisson(expected).astype(float)
    return np.concatenate([counts, random.normal(quantities)], axis=-1)


def _scatter(prior: Gaussian, normal: np.ndarray) -> np.ndarray:
    """How far the centres of a constraint lie from the truth, made of standard normal numbers."""
    if prior.asymmetry == 0:
        return prior.width * normal
    mirrored = -prior.asymmetry
    return split_normal.stretch(split_normal.find_quantile(ndtr(normal), mirrored), prior.width, mirrored)


def find_constraints(model: Model) -> dict[int, Gaussian]:
    """The constraints of a model, by the place of their nuisance among the parameters.

    A Gaussian prior of a physics parameter is a belief, not a measurement: a toy does not redraw it.
    """
    nuisances = enumerate(model.nuisances, start=model.n_physics)
    return {k: prior for k, prior in nuisances if isinstance(prior, Gaussian)}


def with_data(model: Model, counts: np.ndarray, centres: np.ndarray | None = None) -> Model:
    """Return the model with other data: counts (bins,) and, where given, centres of the constraints (parameters,)."""
    counts = np.asarray(counts, dtype=float)
    if counts.shape != model.observed.shape:
        raise BayesnuError(f"counts: found {counts.size} of them; the model has {model.observed.size} bins")
    other = replace(model, observed=counts)
    if centres is None:
        return other
    return other.with_priors(*(replace(prior, mean=float(centres[k])) for k, prior in find_constraints(model).items()))


def observed(model: Model) -> Toys:
    """The one real experiment in the form of toys: its counts, and the constraints where they were measured."""
    centres = np.zeros((1, len(model.parameters)))
    for k, prior in find_constraints(model).items():
        centres[0, k] = prior.mean
    return Toys(model.observed[None], centres)
