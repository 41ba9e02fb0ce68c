"""A model as one bundle of arrays: what every kernel of likelihood and fits takes.

Compiled code reads the fields of a NamedTuple by name, so a kernel takes the bundle and picks what it needs.
"""

from __future__ import annotations

from math import log, pi
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, xlogy

from bayesnu.model.polynomial import Model
from bayesnu.model.prior_kind import PriorKind
from bayesnu.model.priors import Gaussian, Prior
from bayesnu.support.arguments import require
from bayesnu.support.compiled import compiled
from bayesnu.support.errors import BayesnuError

# Columns of `blocks`: first and last + 1 of an experiment's terms, and of its bins.
FIRST_TERM, END_TERM, FIRST_BIN, END_BIN = range(4)
# Columns of `prior_numbers`; the last two are one over the widths of a Gaussian below and above its mean.
LOWER, UPPER, MEAN, INVERSE_BELOW, INVERSE_ABOVE = range(5)

LARGEST_COUNT = 2**20  # more squarings would amplify rounding errors


class ModelArrays(NamedTuple):
    """The polynomial, the data and the priors of a model.

    The polynomial: `templates` (terms, bins), `factors` (terms, FACTORS) and a row of `blocks` (experiments and
    constraints, 4) for each of them. The data: `observed` (bins,), of which the first `counted` are counts and the others
    Gaussian with an error of one; the counts as integers `counts` (counted,) with the number of `bits` of the largest; 0 if
    the data are no integers, then every logarithm is summed. The priors: `prior_kind` (parameters,) and `prior_numbers`
    (parameters, 5).

    Computed once: `ratios` (bins, terms), templates over counts; `sums` (2, terms), of templates and of ratios over counted
    bins; `data_constant` and `prior_constant`, what the data and the priors add for every theta.
    """

    blocks: np.ndarray
    templates: np.ndarray
    factors: np.ndarray
    observed: np.ndarray
    counted: int
    ratios: np.ndarray
    sums: np.ndarray
    counts: np.ndarray
    bits: int
    prior_kind: np.ndarray
    prior_numbers: np.ndarray
    data_constant: float
    prior_constant: float


def arrange_model(model: Model) -> ModelArrays:
    """Arrange a model for compiled code; compiles nothing. Raises `BayesnuError` for anything but a model."""
    require("model", model, Model, "build")
    observed = model.observed
    templates = np.ascontiguousarray(model.templates)
    counted = model.counted
    seen = observed[:counted]
    is_seen = np.append(seen > 0, np.zeros(len(model.constraints), dtype=bool))
    reference = np.where(is_seen, observed, 1.0)
    ratios = templates / reference
    counts, bits = _count_bits(seen)
    kinds, numbers, prior_constant = _arrange_priors(model.parameters)
    data_constant = float(np.sum(xlogy(seen, reference[:counted]) - gammaln(seen + 1)))
    data_constant -= len(model.constraints) * log(2 * pi) / 2
    blocks = [[b.templates.start, b.templates.stop, b.bins.start, b.bins.stop] for b in (*model.blocks, *model.constraints)]
    return ModelArrays(
        blocks=np.array(blocks, dtype=np.int64),
        templates=templates,
        factors=model.factors.astype(np.int64),
        observed=observed,
        counted=counted,
        ratios=np.ascontiguousarray(ratios.T),
        sums=np.stack([templates[:, :counted].sum(axis=1), np.where(is_seen, ratios, 0.0).sum(axis=1)]),
        counts=counts,
        bits=bits,
        prior_kind=kinds,
        prior_numbers=numbers,
        data_constant=data_constant,
        prior_constant=prior_constant,
    )


def _count_bits(observed: np.ndarray) -> tuple[np.ndarray, int]:
    """Counts (bins,) as integers and the bits of the largest; zeros and no bits for data that are none."""
    is_whole = bool(np.all(observed == np.round(observed)))
    if not is_whole or observed.max(initial=0.0) >= LARGEST_COUNT:
        return np.zeros_like(observed, dtype=np.int64), 0
    counts = observed.astype(np.int64)
    return counts, max(int(counts.max(initial=0)).bit_length(), 1)


def _arrange_priors(priors: tuple[Prior, ...]) -> tuple[np.ndarray, np.ndarray, float]:
    """Kinds (parameters,) and numbers (parameters, 5) of priors, and the sum of what they add for every theta."""
    kinds = np.array([prior.kind for prior in priors], dtype=np.int64)
    numbers = np.zeros((len(priors), 5))
    constant = 0.0
    for row, prior in zip(numbers, priors, strict=True):
        row[LOWER] = prior.lower
        row[UPPER] = prior.upper
        row[MEAN] = prior.mean if isinstance(prior, Gaussian) else 0.0
        row[INVERSE_BELOW] = 1 / prior.below if isinstance(prior, Gaussian) else 1.0
        row[INVERSE_ABOVE] = 1 / prior.above if isinstance(prior, Gaussian) else 1.0
        # the constant is the same everywhere: take it where the density is certainly positive
        middle = prior.ppf(np.array(0.5))
        constant += float(prior.logpdf(middle)) - _evaluate_shape(prior, float(middle))
    return kinds, numbers, constant


def _evaluate_shape(prior: Prior, x: float) -> float:
    """The part of a log-density that depends on x, as the compiled code computes it."""
    if prior.kind == PriorKind.FLAT_IN_SQUARE:
        return log(x)
    if prior.kind == PriorKind.LOG_UNIFORM:
        return -log(x)
    if isinstance(prior, Gaussian):
        return -0.5 * float(prior.pull(np.array(x))) ** 2
    if prior.kind == PriorKind.FLAT:
        return 0.0
    raise BayesnuError(
        f"prior of {prior.name}: found the kind {prior.kind!r}, which compiled code does not know; add it there"
    )


@compiled
def with_data(arrays, observed, prior_numbers):  # type: ignore[no-untyped-def]
    """The same for fits of other data (bins,) and constraints (parameters, 5): compiled code knows no `_replace`.

    What the likelihood alone needs of the data stays as it was.
    """
    return ModelArrays(
        arrays.blocks,
        arrays.templates,
        arrays.factors,
        observed,
        arrays.counted,
        arrays.ratios,
        arrays.sums,
        arrays.counts,
        arrays.bits,
        arrays.prior_kind,
        prior_numbers,
        arrays.data_constant,
        arrays.prior_constant,
    )
