"""Nuisances that the data push away from where they were measured: said in words beside a limit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian

FAR = 3.0  # widths of its constraint from which a nuisance is remarked on
EDGE = 0.01  # of its range: nearer to an end the end decides


def find_largest_pull(model: Model, theta: np.ndarray) -> float:
    """How many widths of its constraint a nuisance of a fit at theta (parameters,) is away from it, at most."""
    fitted = zip(model.nuisances, theta[model.n_physics :], strict=True)
    return max((abs(float(p.pull(value))) for p, value in fitted if isinstance(p, Gaussian)), default=0.0)


def remark_on_nuisances(model: Model, theta: np.ndarray) -> Iterator[str]:
    """Yield a sentence for every nuisance of a fit at theta (parameters,) that is far from its constraint, or at an end."""
    for prior, value in zip(model.nuisances, theta[model.n_physics :], strict=True):
        if isinstance(prior, Gaussian) and abs(prior.pull(value)) > FAR:
            yield f"{prior.name} is fitted {prior.pull(value):+.1f} of its widths away from its constraint"
        elif np.isfinite(prior.upper) and prior.upper - value < EDGE * (prior.upper - prior.lower):
            yield (
                f"{prior.name} is fitted at {value:.4g}, the end of its range [{prior.lower:g}, {prior.upper:g}]: the range "
                "decides the limit"
            )
        elif value - prior.lower < EDGE * (prior.upper - prior.lower) and np.isfinite(prior.upper):
            yield f"{prior.name} is fitted at {value:.4g}, the lower end of its range [{prior.lower:g}, {prior.upper:g}]"
