"""The working memory of toy fits: rows of `LANES` numbers, one lane per toy, and where each quantity begins in them."""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias, get_type_hints

import numpy as np

from bayesnu.inference.toys.derivatives import Form, Spectra

LANES = 64  # shorter inner loops would be unrolled instead of vectorised
ALIGNMENT = 64  # bytes: a vector that straddles two cache lines costs twice
BYTES = 8  # of a number

# The first row of a quantity, with what it has a row for.
PerVariable: TypeAlias = Annotated[int, "variable"]
PerFree: TypeAlias = Annotated[int, "free variable"]
PerPlace: TypeAlias = Annotated[int, "place in a symmetric matrix of the free variables"]
PerBin: TypeAlias = Annotated[int, "bin"]
PerTerm: TypeAlias = Annotated[int, "term"]
PerSlope: TypeAlias = Annotated[int, "free variable and bin"]
PerMonomial: TypeAlias = Annotated[int, "monomial"]
Single: TypeAlias = Annotated[int, "toy"]


class Rows(NamedTuple):
    """Where each quantity begins in the working memory (rows, LANES), in this order.

    One array with offsets, because numba counts references to every array.
    """

    # Numbers of rows.
    free: int
    variables: int
    bins: int
    counted: int  # bins of counts; the others are constraints
    # The toys; `one` follows `x` as the variable of monomials that have fewer.
    x: PerVariable
    one: Single
    centres: PerVariable
    inverse_below: PerVariable  # one over the constraint's width below its centre, 0 without one; and above
    inverse_above: PerVariable
    counts: PerBin
    # Expected counts; chi^2/2 by them, by terms, by variables: the Hessian follows the gradient.
    expected: PerBin
    excess: PerBin
    weight: PerBin
    monomials: PerMonomial
    slopes: PerTerm
    counts_by: PerSlope  # expected counts by the variables
    weighted: PerBin
    gradient: PerFree
    hessian: PerPlace
    # The Newton step: L of L D L^T after the Hessian, bounds, what moves or is shifted to a bound, right-hand side, 1/D.
    factor: PerPlace
    lower: PerFree
    upper: PerFree
    moves: PerFree
    shift: PerFree
    solution: PerFree
    inverse: PerFree
    aim: PerFree  # where the quadratic model is smallest while what is held stays
    newton: PerFree
    step: PerFree  # the last one
    # The ellipse along which a step is bent.
    middle: PerFree
    metric: PerFree
    # The fit.
    chi2: Single
    decrement: Single  # decrease of chi^2 that the step promises
    worth: Single  # what is small when a toy has converged
    slope: Single  # of chi^2/2 along the last step, at its start
    shorten: Single  # fraction of the last step that should have been gone
    damping: Single  # relative addition to the Hessian's diagonal
    low: Single  # bracket of a level
    high: Single
    before: Single  # `worth` of the last step
    allowed: Single  # whether the model allows the data
    # Scratch.
    fraction: Single  # of the way to the aim, up to the first bound
    first: Single  # the variable that meets its bound; -1 for none
    most: Single
    sound: Single  # 0 where a pivot was replaced
    pivot_size: Single
    slope_after: Single
    along: Single
    fresh: Single
    kept: Single


DECLARED = {name: kind for name, kind in get_type_hints(Rows, include_extras=True).items() if kind is not int}


def allocate_lanes(spectra: Spectra, form: Form, free: int, counted: int) -> tuple[np.ndarray, Rows]:
    """Working memory (rows, LANES) of zeros, and what is where in it; the first `counted` bins hold counts."""
    terms, bins = spectra.templates.shape
    variables = len(form.order)
    sizes = {
        PerVariable: variables,
        PerFree: free,
        PerPlace: free * (free + 1) // 2,
        PerBin: bins,
        PerTerm: terms,
        PerSlope: free * bins,
        PerMonomial: len(form.monomials),
        Single: 1,
    }
    lengths = [sizes[kind] for kind in DECLARED.values()]
    ends = [int(end) for end in np.cumsum(lengths)]
    first = dict(zip(DECLARED, [0, *ends[:-1]], strict=True))
    lanes = _allocate_aligned(ends[-1])
    lanes[:] = 0.0
    return lanes, Rows(free=free, variables=variables, bins=bins, counted=counted, **first)


def copy_lanes(lanes: np.ndarray) -> np.ndarray:
    """A copy of working memory."""
    copy = _allocate_aligned(len(lanes))
    copy[:] = lanes
    return copy


def _allocate_aligned(rows: int) -> np.ndarray:
    """Memory (rows, LANES) that begins where a cache line does."""
    buffer = np.empty(rows * LANES + ALIGNMENT // BYTES)
    skipped = -buffer.ctypes.data % ALIGNMENT // BYTES
    return buffer[skipped : skipped + rows * LANES].reshape(rows, LANES)
