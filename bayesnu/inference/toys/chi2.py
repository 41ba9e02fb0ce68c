"""Expected counts, chi^2 and its derivatives for a toy in each lane.

Functions are compiled and work on the rows of `lanes`; `at` says where each quantity begins in them.
"""

from __future__ import annotations

from math import inf, nan

import numpy as np

from bayesnu.inference.toys.derivatives import END_SLOPE, FIRST_SLOPE, OF_EXPERIMENT, OF_VARIABLE
from bayesnu.inference.toys.rows import LANES
from bayesnu.model.kernel_arrays import END_BIN, END_TERM, FIRST_BIN, FIRST_TERM
from bayesnu.support.compiled import compiled

SQRT_HALF = 0x3FE6A09E667F3BCD  # bits of sqrt(1/2)
MANTISSA_BITS = 52  # of a double
LN2 = 0.6931471805599453  # ln 2


@compiled
def place_of(k, m):  # type: ignore[no-untyped-def]
    """Row of element (k, m), m <= k, among those of a symmetric matrix."""
    return k * (k + 1) // 2 + m


@compiled
def multiply_rows(matrix, start, stop, begin, end, lanes, source, target):  # type: ignore[no-untyped-def]
    """Rows start:stop of matrix times rows of lanes from `source` on, summed over begin:end; four products for a store."""
    whole = end - (end - begin) % 4
    for r in range(start, stop):
        out = lanes[target + r]
        for i in range(LANES):
            out[i] = 0.0
        for j in range(begin, whole, 4):
            a = matrix[r, j]
            b = matrix[r, j + 1]
            c = matrix[r, j + 2]
            d = matrix[r, j + 3]
            n = source + j
            for i in range(LANES):
                out[i] += a * lanes[n, i] + b * lanes[n + 1, i] + c * lanes[n + 2, i] + d * lanes[n + 3, i]
        for j in range(whole, end):
            a = matrix[r, j]
            row = lanes[source + j]
            for i in range(LANES):
                out[i] += a * row[i]


@compiled
def add_products(lanes, one, other, rows, target):  # type: ignore[no-untyped-def]
    """Add the sum of so many products of rows, from `one` and from `other` on, to a row; two products for a store."""
    out = lanes[target]
    whole = rows - rows % 2
    for j in range(0, whole, 2):
        a = one + j
        b = other + j
        for i in range(LANES):
            out[i] += lanes[a, i] * lanes[b, i] + lanes[a + 1, i] * lanes[b + 1, i]
    if whole < rows:
        a = one + whole
        b = other + whole
        for i in range(LANES):
            out[i] += lanes[a, i] * lanes[b, i]


@compiled
def expect_counts(transposed, blocks, monomials, lanes, at):  # type: ignore[no-untyped-def]
    """Fill monomials and expected counts, and whether the model allows the data."""
    # Monomials: a number times the first three variables, which are at times the row of ones, and what follows.
    for r in range(monomials.shape[0]):
        out = at.monomials + r
        times = float(monomials[r, 0])
        a = at.x + monomials[r, 1]
        b = at.x + monomials[r, 2]
        c = at.x + monomials[r, 3]
        for i in range(LANES):
            lanes[out, i] = times * lanes[a, i] * lanes[b, i] * lanes[c, i]
        for f in range(4, monomials.shape[1]):
            if monomials[r, f] < at.variables:
                a = at.x + monomials[r, f]
                for i in range(LANES):
                    lanes[out, i] *= lanes[a, i]
    # Expected counts, experiment by experiment: the first monomials are the terms.
    for e in range(blocks.shape[0]):
        t0 = blocks[e, FIRST_TERM]
        t1 = blocks[e, END_TERM]
        b0 = blocks[e, FIRST_BIN]
        b1 = blocks[e, END_BIN]
        multiply_rows(transposed, b0, b1, t0, t1, lanes, at.monomials, at.expected)
    # Allowed are counts above zero, and none where none are expected.
    allowed = lanes[at.allowed]
    for i in range(LANES):
        allowed[i] = 1.0
    for b in range(at.counted):
        n = lanes[at.counts + b]
        expected = lanes[at.expected + b]
        for i in range(LANES):
            possible = (expected[i] > 0.0) | ((expected[i] == 0.0) & (n[i] == 0.0))
            allowed[i] *= 1.0 if possible else 0.0  # a choice would be a masked load, which waits for the store before it


@compiled
def fill_logarithms(lanes, source, target, rows):  # type: ignore[no-untyped-def]
    """Natural logarithm of rows of positive numbers, which are used up. The library's is no vector instruction.

    With m = x/2^k in [sqrt(1/2), sqrt(2)) and f = (m - 1)/(m + 1), log m = 2 artanh f; the series ends at 2e-18.
    """
    bits = lanes.view(np.int64)
    for r in range(rows):
        x = source + r
        out = target + r
        # Take the exponent k off, and begin with its logarithm.
        for i in range(LANES):
            k = (bits[x, i] - SQRT_HALF) >> MANTISSA_BITS
            bits[x, i] -= k << MANTISSA_BITS
            lanes[out, i] = k * LN2
        # Add the series of the mantissa.
        for i in range(LANES):
            f = (lanes[x, i] - 1.0) / (lanes[x, i] + 1.0)
            g = f * f
            series = 1 / 15 + g * (1 / 17 + g * (1 / 19 + g / 21))
            series = 1 / 7 + g * (1 / 9 + g * (1 / 11 + g * (1 / 13 + g * series)))
            lanes[out, i] += 2.0 * f * (1.0 + g * (1 / 3 + g * (1 / 5 + g * series)))


@compiled
def fill_chi2(lanes, at):  # type: ignore[no-untyped-def]
    """The statistic from the expected counts: inf where the model excludes the data, NaN for counts that are none."""
    chi2 = lanes[at.chi2]
    allowed = lanes[at.allowed]
    # Logarithms of all n/lambda at once; the rows of `excess` and `weight` are free until the derivatives.
    for b in range(at.counted):
        n = lanes[at.counts + b]
        expected = lanes[at.expected + b]
        ratio = lanes[at.excess + b]
        for i in range(LANES):
            ratio[i] = n[i] / expected[i] if (n[i] > 0.0) & (expected[i] > 0.0) else 1.0
    fill_logarithms(lanes, at.excess, at.weight, at.counted)
    # The Poisson terms.
    for i in range(LANES):
        chi2[i] = 0.0
    for b in range(at.counted):
        n = lanes[at.counts + b]
        expected = lanes[at.expected + b]
        log = lanes[at.weight + b]
        for i in range(LANES):
            chi2[i] += 2.0 * (expected[i] - n[i] + n[i] * log[i]) if n[i] >= 0.0 else nan
    # Constraints by other laboratories, in units of their errors.
    for b in range(at.counted, at.bins):
        measured = lanes[at.counts + b]
        expected = lanes[at.expected + b]
        for i in range(LANES):
            pull = expected[i] - measured[i]
            chi2[i] += pull * pull
    # The pulls; without a constraint the inverse widths are zero.
    for k in range(at.variables):
        x = lanes[at.x + k]
        centre = lanes[at.centres + k]
        below = lanes[at.inverse_below + k]
        above = lanes[at.inverse_above + k]
        for i in range(LANES):
            distance = x[i] - centre[i]
            low = below[i]
            high = above[i]  # both are loaded, so that the choice is none of memory
            pull = distance * (high if distance > 0.0 else low)
            chi2[i] += pull * pull
    for i in range(LANES):
        chi2[i] = chi2[i] if allowed[i] > 0.0 else inf


@compiled
def fill_derivatives(templates, blocks, linear, slopes, spectra, lanes, at):  # type: ignore[no-untyped-def]
    """Gradient and Hessian of chi^2/2 in the free variables, from the expected counts."""
    # By the expected counts of a bin: first and second derivative.
    for b in range(at.counted):
        counts = lanes[at.counts + b]
        expected = lanes[at.expected + b]
        excess = lanes[at.excess + b]
        weight = lanes[at.weight + b]
        for i in range(LANES):
            n = counts[i]
            inverse = 1.0 / expected[i] if expected[i] != 0.0 else 0.0
            excess[i] = 1.0 - n * inverse
            weight[i] = n * inverse * inverse
    for b in range(at.counted, at.bins):
        measured = lanes[at.counts + b]
        expected = lanes[at.expected + b]
        excess = lanes[at.excess + b]
        weight = lanes[at.weight + b]
        for i in range(LANES):
            excess[i] = expected[i] - measured[i]
            weight[i] = 1.0
    # By terms: sums over the bins of an experiment.
    for e in range(blocks.shape[0]):
        t0 = blocks[e, FIRST_TERM]
        t1 = blocks[e, END_TERM]
        b0 = blocks[e, FIRST_BIN]
        b1 = blocks[e, END_BIN]
        multiply_rows(templates, t0, t1, b0, b1, lanes, at.excess, at.slopes)
    # By variables. First the pulls, which fill the gradient and the Hessian's diagonal.
    lanes[at.hessian : at.factor] = 0.0
    for k in range(at.free):
        gradient = lanes[at.gradient + k]
        curvature = lanes[at.hessian + place_of(k, k)]
        x = lanes[at.x + k]
        centre = lanes[at.centres + k]
        below = lanes[at.inverse_below + k]
        above = lanes[at.inverse_above + k]
        for i in range(LANES):
            distance = x[i] - centre[i]
            low = below[i]
            high = above[i]
            inverse = high if distance > 0.0 else low
            gradient[i] = distance * inverse * inverse
            curvature[i] = inverse * inverse
    # Then derivatives of the terms times the slope by the term. Rows of the Hessian follow those of the gradient.
    for r in range(linear.shape[0]):
        a = lanes[at.monomials + linear[r, 0]]
        slope = lanes[at.slopes + linear[r, 1]]
        out = lanes[at.gradient + linear[r, 2]]
        for i in range(LANES):
            out[i] += a[i] * slope[i]
    # Then the products of two slopes of the counts.
    for r in range(slopes.shape[0]):
        e = slopes[r, OF_EXPERIMENT]
        b0 = blocks[e, FIRST_BIN]
        b1 = blocks[e, END_BIN]
        k = slopes[r, OF_VARIABLE]
        counts_by_k = at.counts_by + k * at.bins
        multiply_rows(spectra, b0, b1, slopes[r, FIRST_SLOPE], slopes[r, END_SLOPE], lanes, at.monomials, counts_by_k)
        for b in range(b0, b1):
            slope = lanes[counts_by_k + b]
            weight = lanes[at.weight + b]
            weighted = lanes[at.weighted + b]
            for i in range(LANES):
                weighted[i] = weight[i] * slope[i]
        s = r
        while s >= 0 and slopes[s, OF_EXPERIMENT] == e:
            m = slopes[s, OF_VARIABLE]
            add_products(lanes, at.weighted + b0, at.counts_by + m * at.bins + b0, b1 - b0, at.hessian + place_of(k, m))
            s -= 1
