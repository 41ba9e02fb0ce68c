"""The log-posterior of `likelihood.py` for many walkers in compiled code, step 10: walkers are vector lanes.

Every inner loop runs over up to `LANES` contiguous walkers, so that it becomes vector instructions. Per bin there is one
contraction and no logarithm: sum n ln(lambda/n) = ln prod (lambda/n)^n. The powers of all bins share their squarings. With n
in binary, the ratios whose n has bit k are multiplied into P_k, and the product is ((P_2^2 P_1)^2 P_0) and so on. What the
sum of all lambda and of all ratios needs is linear in the coefficients and costs no loop over bins.

A walker whose products could leave the range of doubles, or data that are no integers, are summed logarithm by logarithm.
"""

from __future__ import annotations

from math import inf, log

import numpy as np

from bayesnu.support.compiled import compiled

LANES = 128
BINS_PER_PRODUCT = 32
SMALLEST_RATIO, LARGEST_SUM = 1e-4, 1e6  # 32 ratios lambda/n between them multiply to a number in [1e-128, 1e192]
LARGEST_PRODUCT = 1e150  # its square times such a product is finite; more, or less than its inverse, is summed exactly
LARGEST_COUNT = 2**20  # more squarings would amplify rounding errors


@compiled
def log_posterior(theta, arrays, out):  # type: ignore[no-untyped-def]
    """Fill out (walkers,) for theta (walkers, parameters); `arrays` as in `likelihood.CompiledPosterior`."""
    blocks, templates, factors, observed, ratios, sums, counts, bits, kind, numbers, constants = arrays
    parameters, terms = theta.shape[1], factors.shape[0]
    lanes, coefficient = np.ones((parameters + 1, LANES)), np.empty((terms, LANES))
    ratio, total, in_range, product = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.ones((bits, LANES))
    smallest, largest = np.empty(LANES), np.empty(LANES)
    for start in range(0, theta.shape[0], LANES):
        width = min(LANES, theta.shape[0] - start)
        for i in range(width):
            for k in range(parameters):
                lanes[k, i] = theta[start + i, k]
            total[i], largest[i] = constants[0] + constants[1], 0.0
            smallest[i], in_range[i] = 1.0, 1.0 if bits > 0 else 0.0
        _add_log_prior(lanes, kind, numbers, total, width)
        _multiply_factors(lanes, factors, coefficient, width)
        for t in range(terms):
            for i in range(width):
                total[i] -= sums[0, t] * coefficient[t, i]
                largest[i] += sums[1, t] * coefficient[t, i]
        seen = 0
        for e in range(blocks.shape[0] if bits > 0 else 0):
            for b in range(blocks[e, 2], blocks[e, 3]):
                _contract(coefficient, ratios, blocks[e, 0], blocks[e, 1], b, ratio, width)
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
        for i in range(width):
            inside = (in_range[i] > 0.0) & (smallest[i] > SMALLEST_RATIO) & (largest[i] < LARGEST_SUM)
            if inside:
                out[start + i] = total[i]
                continue
            out[start + i] = constants[0] + constants[1] + _log_prior(theta[start + i], kind, numbers)
            if out[start + i] > -inf:
                out[start + i] += _exact_sum(coefficient[:, i], blocks, templates, observed)


@compiled
def _add_log_prior(lanes, kind, numbers, total, width):  # type: ignore[no-untyped-def]
    for k in range(kind.size):
        low, high, mean, inverse = numbers[k, 0], numbers[k, 1], numbers[k, 2], numbers[k, 3]
        if kind[k] == 3:
            for i in range(width):
                z = (lanes[k, i] - mean) * inverse
                total[i] -= 0.5 * z * z
        elif kind[k] != 0:
            sign = 1.0 if kind[k] == 1 else -1.0
            for i in range(width):
                total[i] += sign * log(lanes[k, i]) if lanes[k, i] > 0.0 else -inf
        for i in range(width):
            total[i] = total[i] if (lanes[k, i] >= low) & (lanes[k, i] <= high) else -inf


@compiled
def _log_prior(theta, kind, numbers):  # type: ignore[no-untyped-def]
    """The same for one walker."""
    value = 0.0
    for k in range(kind.size):
        if not (numbers[k, 0] <= theta[k] <= numbers[k, 1]):
            return -inf
        if kind[k] == 3:
            z = (theta[k] - numbers[k, 2]) * numbers[k, 3]
            value -= 0.5 * z * z
        elif kind[k] != 0:
            value += (1.0 if kind[k] == 1 else -1.0) * log(theta[k])
    return value


@compiled
def _multiply_factors(lanes, factors, coefficient, width):  # type: ignore[no-untyped-def]
    one = lanes.shape[0] - 1
    for t in range(factors.shape[0]):
        for i in range(width):
            coefficient[t, i] = lanes[factors[t, 0], i]
        for f in range(1, factors.shape[1]):
            if factors[t, f] < one:
                for i in range(width):
                    coefficient[t, i] *= lanes[factors[t, f], i]


@compiled
def _contract(coefficient, ratios, first, last, b, ratio, width):  # type: ignore[no-untyped-def]
    """Sum over templates for one bin; four at a time, as loading and storing the sum costs more than the arithmetic."""
    t, rest = first, (last - first) % 4
    if rest == 0:
        for i in range(width):
            ratio[i] = 0.0
    elif rest == 1:
        a = ratios[b, t]
        for i in range(width):
            ratio[i] = a * coefficient[t, i]
    elif rest == 2:
        a, c = ratios[b, t], ratios[b, t + 1]
        for i in range(width):
            ratio[i] = a * coefficient[t, i] + c * coefficient[t + 1, i]
    else:
        a, c, d = ratios[b, t], ratios[b, t + 1], ratios[b, t + 2]
        for i in range(width):
            ratio[i] = a * coefficient[t, i] + c * coefficient[t + 1, i] + d * coefficient[t + 2, i]
    t += rest
    while t < last:
        a, c, d, e = ratios[b, t], ratios[b, t + 1], ratios[b, t + 2], ratios[b, t + 3]
        for i in range(width):
            pair = a * coefficient[t, i] + c * coefficient[t + 1, i]
            ratio[i] += pair + (d * coefficient[t + 2, i] + e * coefficient[t + 3, i])
        t += 4


@compiled
def _multiply_by_bits(product, ratio, count, width):  # type: ignore[no-untyped-def]
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
def _exact_sum(coefficient, blocks, templates, observed):  # type: ignore[no-untyped-def]
    """The sum over bins of n ln(lambda/n) - lambda for one walker, logarithm by logarithm; -inf where it is excluded."""
    total = 0.0
    for e in range(blocks.shape[0]):
        for b in range(blocks[e, 2], blocks[e, 3]):
            expected = 0.0
            for t in range(blocks[e, 0], blocks[e, 1]):
                expected += coefficient[t] * templates[t, b]
            n = observed[b]
            if expected < 0.0 or (expected == 0.0 and n > 0.0):
                return -inf
            total += (n * log(expected / n) if n > 0.0 else 0.0) - expected
    return total
