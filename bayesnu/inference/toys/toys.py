"""Toy experiments: counts and centres of the nuisance constraints drawn around true parameters.

A constraint is a measurement made elsewhere: of a flux, an efficiency, a background. A repetition of the experiment repeats
it too, so its centre scatters around the true value with the constraint's width. Free normalisations have no centre.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

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
    widths = constraint_widths(model)
    centres = np.where(widths > 0, theta + widths * random.standard_normal(theta.shape), 0.0)
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


def constraint_widths(model: Model) -> np.ndarray:
    """Standard deviation of every nuisance parameter's constraint (parameters,); 0 where there is none.

    A Gaussian prior of a physics parameter is a belief, not a measurement: a toy does not redraw it.
    """
    widths = [p.width if isinstance(p, Gaussian) else 0.0 for p in model.nuisances]
    return np.array([0.0] * model.n_physics + widths)


def with_data(model: Model, counts: np.ndarray, centres: np.ndarray | None = None) -> Model:
    """Return the model with other data: counts (bins,) and, where given, centres of the constraints (parameters,)."""
    counts = np.asarray(counts, dtype=float)
    if counts.shape != model.observed.shape:
        raise BayesnuError(f"counts: found {counts.size} of them; the model has {model.observed.size} bins")
    other = replace(model, observed=counts)
    if centres is None:
        return other
    moved = []
    for prior, width, centre in zip(model.parameters, constraint_widths(model), centres, strict=True):
        if width > 0 and isinstance(prior, Gaussian):
            moved.append(replace(prior, mean=float(centre)))
    return other.with_priors(*moved)


def observed(model: Model) -> Toys:
    """The one real experiment in the form of toys: its counts, and the constraints where they were measured."""
    centres = [p.mean if isinstance(p, Gaussian) else 0.0 for p in model.nuisances]
    return Toys(model.observed[None], np.array([[0.0] * model.n_physics + centres]))
