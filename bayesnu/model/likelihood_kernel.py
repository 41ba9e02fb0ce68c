"""The log-posterior of `likelihood.py` for many walkers in compiled code: walkers are vector lanes.

Every inner loop runs over up to `LANES` contiguous walkers, so that it becomes vector instructions. Per bin there is one
contraction and no logarithm: sum n ln(lambda/n) = ln prod (lambda/n)^n. The powers of all bins share their squarings. With n
in binary, the ratios whose n has bit k are multiplied into P_k, and the product is ((P_2^2 P_1)^2 P_0) and so on. What the
sum of all lambda and of all ratios needs is linear in the coefficients and costs no loop over bins.

A walker whose products could leave the range of doubles, or data that are no integers, are summed logarithm by logarithm.
"""

from __future__ import annotations

from math import inf, log, nan

import numpy as np

from bayesnu.model.kernel_arrays import (
    END_BIN,
    END_TERM,
    FIRST_BIN,
    FIRST_TERM,
    INVERSE_ABOVE,
    INVERSE_BELOW,
    LOWER,
    MEAN,
    UPPER,
)
from bayesnu.model.prior_kind import PriorKind
from bayesnu.support.compiled import compiled

LANES = 128  # walkers at a time
BINS_PER_PRODUCT = 32  # ratios lambda/n that are multiplied before a logarithm is taken
# Ratios between these two multiply to a number in [1e-128, 1e192].
SMALLEST_RATIO = 1e-4
LARGEST_SUM = 1e6  # of all ratios, and so larger than each of them
LARGEST_PRODUCT = 1e150  # its square times such a product is finite; more, or less than its inverse, is summed exactly


@compiled
def log_posterior(theta, arrays, out):  # type: ignore[no-untyped-def]
    """Fill out (walkers,) for theta (walkers, parameters); `arrays` is a `ModelArrays`."""
    blocks = arrays.blocks
    ratios = arrays.ratios
    sums = arrays.sums
    counts = arrays.counts
    bits = arrays.bits
    counted = arrays.counted
    observed = arrays.observed
    constant = arrays.data_constant + arrays.prior_constant
    parameters = theta.shape[1]
    terms = arrays.factors.shape[0]
    lanes = np.ones((parameters + 1, LANES))  # the last row stays 1: the factor of terms with fewer factors
    coefficient = np.empty((terms, LANES))
    ratio = np.empty(LANES)
    total = np.empty(LANES)
    in_range = np.empty(LANES)
    product = np.ones((bits, LANES))
    smallest = np.empty(LANES)
    largest = np.empty(LANES)
    for start in range(0, theta.shape[0], LANES):
        # A group of walkers is transposed into lanes.
        width = min(LANES, theta.shape[0] - start)
        for i in range(width):
            for k in range(parameters):
                lanes[k, i] = theta[start + i, k]
            total[i] = constant
            largest[i] = 0.0
            smallest[i] = 1.0
            in_range[i] = 1.0 if bits > 0 else 0.0
        # What is linear in the coefficients: minus the sum of all counts, and a bound of all ratios.
        _add_log_prior(lanes, arrays.prior_kind, arrays.prior_numbers, total, width)
        _multiply_factors(lanes, arrays.factors, coefficient, width)
        for t in range(terms):
            for i in range(width):
                total[i] -= sums[0, t] * coefficient[t, i]
                largest[i] += sums[1, t] * coefficient[t, i]
        # The products of powers, bin by bin.
        seen = 0
        for e in range(blocks.shape[0] if bits > 0 else 0):
            for b in range(blocks[e, FIRST_BIN], blocks[e, END_BIN]):
                _contract_templates(coefficient, ratios, blocks[e, FIRST_TERM], blocks[e, END_TERM], b, ratio, width)
                if b >= counted:  # a constraint
                    for i in range(width):
                        total[i] -= 0.5 * (ratio[i] - observed[b]) ** 2
                    continue
                if counts[b] == 0:
                    for i in range(width):
                        in_range[i] = in_range[i] if ratio[i] >= 0.0 else 0.0
                    continue
                for i in range(width):
                    smallest[i] = ratio[i] if ratio[i] < smallest[i] else smallest[i]
                _multiply_by_bits(product, ratio, counts[b], width)
                seen += 1
                if seen % BINS_PER_PRODUCT == 0:
                    _add_log_product(product, ratio, total, in_range, width)
        if seen % BINS_PER_PRODUCT != 0:
            _add_log_product(product, ratio, total, in_range, width)
        # Walkers whose products stayed in range are done; the others are summed one by one.
        for i in range(width):
            inside = (in_range[i] > 0.0) & (smallest[i] > SMALLEST_RATIO) & (largest[i] < LARGEST_SUM)
            if inside:
                out[start + i] = total[i]
                continue
            out[start + i] = constant + _log_prior(theta[start + i], arrays.prior_kind, arrays.prior_numbers)
            if out[start + i] > -inf:
                out[start + i] += _sum_logarithms(coefficient[:, i], arrays)


@compiled
def _add_log_prior(lanes, kind, numbers, total, width):  # type: ignore[no-untyped-def]
    """Add what depends on theta of every prior's log-density; -inf outside its range, and NaN for an unknown kind."""
    for k in range(kind.size):
        if kind[k] == PriorKind.GAUSSIAN:
            mean = numbers[k, MEAN]
            below = numbers[k, INVERSE_BELOW]
            above = numbers[k, INVERSE_ABOVE]
            for i in range(width):
                distance = lanes[k, i] - mean
                z = distance * (above if distance > 0.0 else below)
                total[i] -= 0.5 * z * z
        elif kind[k] == PriorKind.FLAT_IN_SQUARE or kind[k] == PriorKind.LOG_UNIFORM:
            sign = 1.0 if kind[k] == PriorKind.FLAT_IN_SQUARE else -1.0
            for i in range(width):
                total[i] += sign * log(lanes[k, i]) if lanes[k, i] > 0.0 else -inf
        elif kind[k] != PriorKind.FLAT:
            for i in range(width):
                total[i] = nan
        low = numbers[k, LOWER]
        high = numbers[k, UPPER]
        for i in range(width):
            total[i] = total[i] if (lanes[k, i] >= low) & (lanes[k, i] <= high) else -inf


@compiled
def _log_prior(theta, kind, numbers):  # type: ignore[no-untyped-def]
    """The same for one walker."""
    value = 0.0
    for k in range(kind.size):
        if not (numbers[k, LOWER] <= theta[k] <= numbers[k, UPPER]):
            return -inf
        if kind[k] == PriorKind.GAUSSIAN:
            distance = theta[k] - numbers[k, MEAN]
            z = distance * (numbers[k, INVERSE_ABOVE] if distance > 0.0 else numbers[k, INVERSE_BELOW])
            value -= 0.5 * z * z
        elif kind[k] == PriorKind.FLAT_IN_SQUARE:
            value += log(theta[k])
        elif kind[k] == PriorKind.LOG_UNIFORM:
            value -= log(theta[k])
        elif kind[k] != PriorKind.FLAT:
            return nan
    return value


@compiled
def _multiply_factors(lanes, factors, coefficient, width):  # type: ignore[no-untyped-def]
    """The coefficient of every term: the product of its factors."""
    one = lanes.shape[0] - 1
    for t in range(factors.shape[0]):
        for i in range(width):
            coefficient[t, i] = lanes[factors[t, 0], i]
        for f in range(1, factors.shape[1]):
            if factors[t, f] < one:
                for i in range(width):
                    coefficient[t, i] *= lanes[factors[t, f], i]


@compiled
def _contract_templates(coefficient, ratios, first, end, b, ratio, width):  # type: ignore[no-untyped-def]
    """Sum over templates for one bin; four at a time, as loading and storing the sum costs more than the arithmetic."""
    rest = (end - first) % 4
    t = first
    if rest == 0:
        for i in range(width):
            ratio[i] = 0.0
    elif rest == 1:
        a = ratios[b, t]
        for i in range(width):
            ratio[i] = a * coefficient[t, i]
    elif rest == 2:
        a = ratios[b, t]
        c = ratios[b, t + 1]
        for i in range(width):
            ratio[i] = a * coefficient[t, i] + c * coefficient[t + 1, i]
    else:
        a = ratios[b, t]
        c = ratios[b, t + 1]
        d = ratios[b, t + 2]
        for i in range(width):
            ratio[i] = a * coefficient[t, i] + c * coefficient[t + 1, i] + d * coefficient[t + 2, i]
    t += rest
    while t < end:
        a = ratios[b, t]
        c = ratios[b, t + 1]
        d = ratios[b, t + 2]
        e = ratios[b, t + 3]
        for i in range(width):
            pair = a * coefficient[t, i] + c * coefficient[t + 1, i]
            ratio[i] += pair + (d * coefficient[t + 2, i] + e * coefficient[t + 3, i])
        t += 4


@compiled
def _multiply_by_bits(product, ratio, count, width):  # type: ignore[no-untyped-def]
    """Multiply the ratios of a bin into the products of the bits of its count."""
    bit = 0
    while count > 0:
        if count & 1:
            for i in range(width):
                product[bit, i] *= ratio[i]
        count >>= 1
        bit += 1


@compiled
def _add_log_product(product, power, total, in_range, width):  # type: ignore[no-untyped-def]
    """Add the logarithm of the product of powers and set all products to 1 again; `power` is a scratch array."""
    for i in range(width):
        power[i] = 1.0
    for bit in range(product.shape[0] - 1, -1, -1):
        for i in range(width):
            power[i] = power[i] * power[i] * product[bit, i]
            product[bit, i] = 1.0
            inside = (power[i] > 1 / LARGEST_PRODUCT) & (power[i] < LARGEST_PRODUCT)
            in_range[i] = in_range[i] if inside else 0.0
    for i in range(width):
        total[i] += log(power[i]) if in_range[i] > 0.0 else 0.0


@compiled
def _sum_logarithms(coefficient, arrays):  # type: ignore[no-untyped-def]
    """What depends on theta of the log-likelihood of one walker, logarithm by logarithm; -inf where it is excluded."""
    blocks = arrays.blocks
    templates = arrays.templates
    total = 0.0
    for e in range(blocks.shape[0]):
        for b in range(blocks[e, FIRST_BIN], blocks[e, END_BIN]):
            expected = 0.0
            for t in range(blocks[e, FIRST_TERM], blocks[e, END_TERM]):
                expected += coefficient[t] * templates[t, b]
            n = arrays.observed[b]
            if b >= arrays.counted:  # a constraint
                total -= 0.5 * (expected - n) ** 2
                continue
            if not 0.0 <= expected < inf or (expected == 0.0 and n > 0.0):
                return -inf
            total += (n * log(expected / n) if n > 0.0 else 0.0) - expected
    return total
