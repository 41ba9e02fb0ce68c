"""Poisson likelihood and log-posterior, step 10: the plain definition, and the same compiled for many parameter values.

The plain definition is the oracle of the tests. The compiled one takes walkers in groups of `LANES`, so that every inner
loop runs over contiguous walkers as vector instructions, and replaces the logarithms of integer counts by the logarithm of
one product of powers: sum n ln(lambda/n) = ln prod (lambda/n)^n, kept in range or else summed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

import numpy as np
from scipy.special import gammaln, xlogy

from bayesnu.compiled import compiled
from bayesnu.model import Model
from bayesnu.priors import Gaussian

LANES = 64
LARGEST_POWER = 150.0  # a factor (lambda/n)^n leaves [e^-150, e^150]: sum the logarithms instead
LARGEST_PRODUCT = 1e150


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
    return np.sum([prior.logpdf(theta[..., k]) for k, prior in enumerate(model.parameters)], axis=0)


def log_posterior(model: Model, theta: np.ndarray) -> np.ndarray:
    """Log of prior times likelihood, shape (...,): the plain definition."""
    prior = log_prior(model, theta)
    return np.where(np.isfinite(prior), prior + log_likelihood(model, theta), -np.inf)


@dataclass(frozen=True, eq=False)
class CompiledPosterior:
    """The log-posterior of a model as one call of compiled code: theta (walkers, parameters) -> (walkers,).

    Equal to `log_posterior` to 1e-12 of its largest terms. Holds only arrays; building it compiles nothing.
    """

    blocks: np.ndarray
    templates: np.ndarray
    factors: np.ndarray
    observed: np.ndarray
    prior_kind: np.ndarray
    prior_numbers: np.ndarray
    constants: tuple[float, float]
    integer_counts: bool

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        theta = np.ascontiguousarray(theta, dtype=float)
        out = np.empty(len(theta))
        _log_posterior(
            theta,
            self.blocks,
            self.templates,
            self.factors,
            self.observed,
            self.prior_kind,
            self.prior_numbers,
            self.constants,
            self.integer_counts,
            out,
        )
        return out


def compile_posterior(model: Model) -> CompiledPosterior:
    """Arrange a model for compiled code. Constants of the Poisson terms and of the priors are summed once."""
    observed = model.observed
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
    return CompiledPosterior(
        blocks=np.array(
            [[b.templates.start, b.templates.stop, b.bins.start, b.bins.stop] for b in model.blocks], dtype=np.int64
        ),
        templates=np.ascontiguousarray(model.templates),
        factors=model.factors.astype(np.int64),
        observed=observed,
        prior_kind=kinds.astype(np.int64),
        prior_numbers=numbers,
        constants=(poisson, constant),
        integer_counts=bool(np.all(observed == np.round(observed))),
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


@compiled
def _log_prior_shape(x, kind, numbers):  # type: ignore[no-untyped-def]
    if not (numbers[0] <= x <= numbers[1]):
        return -inf
    if kind == 1:
        return log(x)
    if kind == 2:
        return -log(x)
    if kind == 3:
        z = (x - numbers[2]) * numbers[3]
        return -0.5 * z * z
    return 0.0


@compiled
def _exact_log_ratio(expected, observed):  # type: ignore[no-untyped-def]
    """n ln(lambda/n), or -inf where the model excludes the data."""
    if expected > 0:
        return observed * log(expected / observed) if observed > 0 else 0.0
    return 0.0 if expected == 0 and observed == 0 else -inf


@compiled
def _exact_sum(coefficient, blocks, templates, observed):  # type: ignore[no-untyped-def]
    """The sum over bins of n ln(lambda/n) - lambda for one walker, logarithm by logarithm."""
    total = 0.0
    for e in range(blocks.shape[0]):
        for b in range(blocks[e, 2], blocks[e, 3]):
            expected = 0.0
            for t in range(blocks[e, 0], blocks[e, 1]):
                expected += coefficient[t] * templates[t, b]
            total += _exact_log_ratio(expected, observed[b]) - expected
    return total


@compiled
def _multiply_by_power(product, power, exponent):  # type: ignore[no-untyped-def]
    """Multiply every lane of product with its power to an integer exponent >= 1, by squaring; power is used up."""
    while True:
        if exponent & 1:
            for i in range(LANES):
                product[i] *= power[i]
        exponent >>= 1
        if exponent == 0:
            break
        for i in range(LANES):
            power[i] *= power[i]


@compiled
def _log_posterior(  # type: ignore[no-untyped-def]
    theta, blocks, templates, factors, observed, prior_kind, prior_numbers, constants, integer_counts, out
):
    parameters = theta.shape[1]
    lanes = np.ones((parameters + 1, LANES))
    coefficient = np.empty((factors.shape[0], LANES))
    expected, ratio, power = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    product, total, in_range = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for start in range(0, theta.shape[0], LANES):
        count = min(LANES, theta.shape[0] - start)
        for k in range(parameters):
            for i in range(LANES):
                lanes[k, i] = theta[start + min(i, count - 1), k]
        for t in range(factors.shape[0]):
            coefficient[t] = lanes[factors[t, 0]]
            for f in range(1, factors.shape[1]):
                if factors[t, f] < parameters:
                    coefficient[t] *= lanes[factors[t, f]]
        total[:] = 0.0
        product[:] = 1.0
        in_range[:] = 1.0 if integer_counts else 0.0
        for e in range(blocks.shape[0]):
            for b in range(blocks[e, 2], blocks[e, 3]):
                expected[:] = 0.0
                for t in range(blocks[e, 0], blocks[e, 1]):
                    c = templates[t, b]
                    for i in range(LANES):
                        expected[i] += coefficient[t, i] * c
                n = observed[b]
                if n == 0 or not integer_counts:
                    for i in range(LANES):
                        total[i] += expected[i]
                        in_range[i] = in_range[i] if expected[i] >= 0.0 else 0.0
                    continue
                inverse = 1.0 / n
                low, high = np.exp(-LARGEST_POWER / n), np.exp(LARGEST_POWER / n)
                for i in range(LANES):
                    total[i] += expected[i]
                    ratio[i] = expected[i] * inverse
                    inside = (ratio[i] > low) & (ratio[i] < high)
                    in_range[i] = in_range[i] if inside else 0.0
                    power[i] = ratio[i]
                _multiply_by_power(product, power, int(n))
                for i in range(LANES):
                    inside = (product[i] > 1 / LARGEST_PRODUCT) & (product[i] < LARGEST_PRODUCT)
                    in_range[i] = in_range[i] if inside else 0.0
        for i in range(count):
            value = constants[1]
            for k in range(parameters):
                value += _log_prior_shape(lanes[k, i], prior_kind[k], prior_numbers[k])
            if value == -inf:
                out[start + i] = -inf
                continue
            if in_range[i] > 0.0:
                out[start + i] = value + constants[0] + log(product[i]) - total[i]
                continue
            value += constants[0] + _exact_sum(coefficient[:, i], blocks, templates, observed)
            out[start + i] = value
