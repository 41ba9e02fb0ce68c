"""Poisson likelihood and log-posterior, step 10: the plain definition, and the same compiled for many parameter values.

The plain definition is the oracle of the tests; `batched.py` is the same in compiled code.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import log
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy

from bayesnu.model import likelihood_kernel
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian


def log_likelihood(model: Model, theta: np.ndarray) -> np.ndarray:
    """Poisson log-probability of the data, shape (...,), for theta (..., parameters): the plain definition.

    -inf where the model excludes the data: a negative expectation, or none where events were seen.
    """
    expected = model.expected(theta)
    possible = np.all((expected > 0) | ((expected == 0) & (model.observed == 0)), axis=-1)
    safe = np.where(expected > 0, expected, 1.0)
    terms = xlogy(model.observed, safe) - expected - gammaln(model.observed + 1)
    return np.where(possible, terms.sum(axis=-1), -np.inf)


def log_prior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of the joint prior density, shape (...,), for theta (..., parameters)."""
    theta = np.asarray(theta, dtype=float)
    total: np.ndarray = np.sum([prior.logpdf(theta[..., k]) for k, prior in enumerate(model.parameters)], axis=0)
    return total


def log_posterior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of prior times likelihood, shape (...,): the plain definition."""
    prior = log_prior(model, theta)
    return np.where(np.isfinite(prior), prior + log_likelihood(model, theta), -np.inf)


@dataclass(frozen=True, eq=False)
class CompiledPosterior:
    """The log-posterior of a model as one call of compiled code: theta (walkers, parameters) -> (walkers,).

    Equal to `log_posterior` to 1e-12 of its largest terms. Holds only arrays; building it compiles nothing. `ratios` (bins,
    terms) are templates over counts, `sums` (2, terms) the sums of templates and of ratios over bins, `counts` (bins,)
    integers and `bits` of the largest, 0 if the data are none: then every logarithm is summed.
    """

    blocks: np.ndarray
    templates: np.ndarray
    factors: np.ndarray
    observed: np.ndarray
    ratios: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    bits: int
    prior_kind: np.ndarray
    prior_numbers: np.ndarray
    constants: tuple[float, float]

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Everything in the order of the fields, for compiled code."""
        return tuple(getattr(self, each.name) for each in fields(self))

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        theta = np.ascontiguousarray(theta, dtype=float)
        out = np.empty(len(theta))
        likelihood_kernel.log_posterior(theta, self.arrays, out)
        return out


def compile_posterior(model: Model) -> CompiledPosterior:
    """Arrange a model for compiled code. Constants of the Poisson terms and of the priors are summed once."""
    observed, templates = model.observed, np.ascontiguousarray(model.templates)
    reference = np.where(observed > 0, observed, 1.0)
    poisson = float(np.sum(xlogy(observed, reference) - gammaln(observed + 1)))
    kinds = np.array([prior.kind for prior in model.parameters])
    numbers = np.zeros((len(kinds), 4))
    constant = 0.0
    for k, prior in enumerate(model.parameters):
        middle = prior.ppf(np.array(0.5))
        shape = _shape(kinds[k], float(middle), prior)
        constant += float(prior.logpdf(middle)) - shape
        mean, width = (prior.mean, prior.width) if isinstance(prior, Gaussian) else (0.0, 1.0)
        numbers[k] = prior.lower, prior.upper, mean, 1 / width
    integers = bool(np.all(observed == np.round(observed)) and observed.max(initial=0.0) < likelihood_kernel.LARGEST_COUNT)
    counts = (observed if integers else np.zeros_like(observed)).astype(np.int64)
    ratios = templates / reference
    return CompiledPosterior(
        blocks=np.array(
            [[b.templates.start, b.templates.stop, b.bins.start, b.bins.stop] for b in model.blocks], dtype=np.int64
        ),
        templates=templates,
        factors=model.factors.astype(np.int64),
        observed=observed,
        ratios=np.ascontiguousarray(ratios.T),
        sums=np.stack([templates.sum(axis=1), np.where(observed > 0, ratios, 0.0).sum(axis=1)]),
        counts=counts,
        bits=max(int(counts.max(initial=0)).bit_length(), 1) if integers else 0,
        prior_kind=kinds.astype(np.int64),
        prior_numbers=numbers,
        constants=(poisson, constant),
    )


def _shape(kind: int, x: float, prior: object) -> float:
    """The part of a log-density that depends on x, as the compiled code computes it."""
    if kind == 1:
        return log(x)
    if kind == 2:
        return -log(x)
    if isinstance(prior, Gaussian):
        return -0.5 * ((x - prior.mean) / prior.width) ** 2
    return 0.0
