"""Newton's method for `LANES` toys at a time, each a lane of vector instructions."""

from __future__ import annotations

from math import inf, nan, sqrt
from typing import NamedTuple

import numpy as np

from bayesnu.inference.toys.derivatives import Counts, Form
from bayesnu.support.compiled import compiled

LANES = 64  # shorter inner loops would be unrolled instead of vectorised
ALIGNMENT = 64  # bytes: a vector that straddles two cache lines costs twice
CONVERGED = 1e-9  # decrease of chi^2 that the last step of a fit promises
NEARLY, QUADRATIC = 1e-5, 0.01  # or it is below one and a part of the one before: convergence is quadratic, the next is 1e-9
OVERSHOT = 0.5  # slope at the end of a step, in units of that at its start, beyond which the step is shortened
DAMPED, CALMED = 0.1, 0.25  # smallest addition to the diagonal after that, relative; its decrease by a good step
RANK, SADDLE = 1e-12, 0.01  # parts of a diagonal element: a pivot below one is replaced by its size, at least the other
TINY = 1e-12
SETTLED = 0.1  # chi^2 above its profile up to which the quadratic estimate tells on which side of a level the profile is
ITERATIONS = 50  # then a toy is left to slower and safer methods: the scalar minimiser, bisection
SQRT_HALF = 0x3FE6A09E667F3BCD  # bits of sqrt(1/2)
LN2 = 0.6931471805599453


class Rows(NamedTuple):
    """Where each quantity begins in the working memory (rows, LANES). One array: numba counts references to every array."""

    free: int  # numbers of rows
    variables: int
    bins: int
    x: int  # by variable, and a row of ones after it
    centres: int
    inverse_widths: int
    counts: int  # by bin
    expected: int
    excess: int
    weight: int
    monomials: int
    slopes: int  # by term
    curvatures: int  # by pair of terms
    gradient: int  # by free variable, and the Hessian after it
    hessian: int  # by place
    factor: int
    lower: int  # by free variable
    upper: int
    moves: int
    shift: int
    solution: int
    inverse: int
    newton: int
    step: int
    allowed: int  # one row each
    chi2: int
    decrement: int
    worth: int
    slope: int
    shorten: int
    damping: int
    low: int
    high: int
    before: int
    work: int  # three of them


def allocate_lanes(counts: Counts, form: Form, free: int) -> tuple[np.ndarray, Rows]:
    (terms, bins), size, places = counts.templates.shape, len(form.order), free * (free + 1) // 2
    lengths = [size + 1, size, size] + [bins] * 4 + [len(form.monomials), terms, len(counts.products), free, places, places]
    lengths += [free] * 8 + [1] * 10 + [3]
    buffer = np.zeros(sum(lengths) * LANES + ALIGNMENT // 8)
    skipped = -buffer.ctypes.data % ALIGNMENT // 8
    lanes = buffer[skipped : skipped + sum(lengths) * LANES].reshape(-1, LANES)
    return lanes, Rows(free, size, bins, *(int(n) for n in np.cumsum([0, *lengths[:-1]])))


@compiled
def _exchange(lanes, at, order, squared, counts, centres, theta, toy, change):  # type: ignore[no-untyped-def]
    """Store the free parameters of toys that leave their lanes and load the lanes' new toys.

    Rows of `change` are a lane and the toy that leaves it, -1 for none; toy[lane] is the new one, -1 for none.
    """
    for n in range(change.shape[0]):
        lane, old = change[n, 0], change[n, 1]
        new = max(toy[lane], 0)
        for b in range(at.bins):
            lanes[at.counts + b, lane] = counts[new, b]
        for k in range(at.variables):
            j = order[k]
            start = theta[new, j] * theta[new, j] if squared[k] else theta[new, j]
            if k < at.free:
                end = lanes[at.x + k, lane]
                if old >= 0:
                    theta[old, j] = sqrt(end) if squared[k] else end
                start = min(max(start, lanes[at.lower + k, lane]), lanes[at.upper + k, lane])
                lanes[at.step + k, lane] = 0.0
            lanes[at.x + k, lane] = start
            lanes[at.centres + k, lane] = centres[new, j]
        lanes[at.slope, lane] = lanes[at.low, lane] = -inf
        lanes[at.high, lane] = inf
        lanes[at.damping, lane] = lanes[at.before, lane] = 0.0


@compiled
def _multiply(matrix, start, stop, begin, end, lanes, source, target):  # type: ignore[no-untyped-def]
    """Rows start:stop of matrix times rows of lanes from `source` on, summed over begin:end; four products for a store."""
    whole = end - (end - begin) % 4
    for r in range(start, stop):
        out = lanes[target + r]
        for i in range(LANES):
            out[i] = 0.0
        for j in range(begin, whole, 4):
            a, b, c, d = matrix[r, j], matrix[r, j + 1], matrix[r, j + 2], matrix[r, j + 3]
            n = source + j
            for i in range(LANES):
                out[i] += a * lanes[n, i] + b * lanes[n + 1, i] + c * lanes[n + 2, i] + d * lanes[n + 3, i]
        for j in range(whole, end):
            a, row = matrix[r, j], lanes[source + j]
            for i in range(LANES):
                out[i] += a * row[i]


@compiled
def _expect(transposed, blocks, monomials, lanes, at):  # type: ignore[no-untyped-def]
    """Monomials and expected counts, and whether the model allows the data."""
    for r in range(monomials.shape[0]):
        out, times = at.monomials + r, float(monomials[r, 0])
        a, b, c = at.x + monomials[r, 1], at.x + monomials[r, 2], at.x + monomials[r, 3]
        for i in range(LANES):
            lanes[out, i] = times * lanes[a, i] * lanes[b, i] * lanes[c, i]
        for f in range(4, monomials.shape[1]):
            if monomials[r, f] < at.variables:
                a = at.x + monomials[r, f]
                for i in range(LANES):
                    lanes[out, i] *= lanes[a, i]
    for e in range(blocks.shape[0]):
        t0, t1, b0, b1 = blocks[e, 0], blocks[e, 1], blocks[e, 2], blocks[e, 3]
        _multiply(transposed, b0, b1, t0, t1, lanes, at.monomials, at.expected)
    allowed = lanes[at.allowed]
    for i in range(LANES):
        allowed[i] = 1.0
    for b in range(at.bins):
        n, expected = lanes[at.counts + b], lanes[at.expected + b]
        for i in range(LANES):
            possible = (expected[i] > 0.0) | ((expected[i] == 0.0) & (n[i] == 0.0))
            allowed[i] *= 1.0 if possible else 0.0  # a choice would be a masked load, which waits for the store before it


@compiled
def _log(lanes, source, target, rows):  # type: ignore[no-untyped-def]
    """Natural logarithm of rows of positive numbers, which are used up. The library's is no vector instruction.

    With m = x/2^k in [sqrt(1/2), sqrt(2)) and f = (m - 1)/(m + 1), log m = 2 artanh f; the series ends at 2e-18.
    """
    bits = lanes.view(np.int64)
    for r in range(rows):
        x, out = source + r, target + r
        for i in range(LANES):
            k = (bits[x, i] - SQRT_HALF) >> 52
            bits[x, i] -= k << 52
            lanes[out, i] = k * LN2
        for i in range(LANES):
            f = (lanes[x, i] - 1.0) / (lanes[x, i] + 1.0)
            g = f * f
            series = 1 / 15 + g * (1 / 17 + g * (1 / 19 + g / 21))
            series = 1 / 7 + g * (1 / 9 + g * (1 / 11 + g * (1 / 13 + g * series)))
            lanes[out, i] += 2.0 * f * (1.0 + g * (1 / 3 + g * (1 / 5 + g * series)))


@compiled
def _chi2(lanes, at):  # type: ignore[no-untyped-def]
    """The statistic from the expected counts: inf where the model excludes the data, NaN for counts that are none."""
    chi2, allowed = lanes[at.chi2], lanes[at.allowed]
    for b in range(at.bins):
        n, expected, ratio = lanes[at.counts + b], lanes[at.expected + b], lanes[at.excess + b]
        for i in range(LANES):
            ratio[i] = n[i] / expected[i] if (n[i] > 0.0) & (expected[i] > 0.0) else 1.0
    _log(lanes, at.excess, at.weight, at.bins)
    for i in range(LANES):
        chi2[i] = 0.0
    for b in range(at.bins):
        n, expected, log = lanes[at.counts + b], lanes[at.expected + b], lanes[at.weight + b]
        for i in range(LANES):
            chi2[i] += 2.0 * (expected[i] - n[i] + n[i] * log[i]) if n[i] >= 0.0 else nan
    for k in range(at.variables):
        x, centre, inverse = lanes[at.x + k], lanes[at.centres + k], lanes[at.inverse_widths + k]
        for i in range(LANES):
            pull = (x[i] - centre[i]) * inverse[i]
            chi2[i] += pull * pull
    for i in range(LANES):
        chi2[i] = chi2[i] if allowed[i] > 0.0 else inf


@compiled
def _derive(templates, products, blocks, linear, chain, lanes, at):  # type: ignore[no-untyped-def]
    """Gradient and Hessian of chi^2/2 in the free variables, from the expected counts."""
    for b in range(at.bins):
        counts, expected = lanes[at.counts + b], lanes[at.expected + b]
        excess, weight = lanes[at.excess + b], lanes[at.weight + b]
        for i in range(LANES):
            n, inverse = counts[i], 1.0 / expected[i] if expected[i] != 0.0 else 0.0
            excess[i] = 1.0 - n * inverse
            weight[i] = n * inverse * inverse
    for e in range(blocks.shape[0]):
        t0, t1, b0, b1, p0, p1 = blocks[e, 0], blocks[e, 1], blocks[e, 2], blocks[e, 3], blocks[e, 4], blocks[e, 5]
        _multiply(templates, t0, t1, b0, b1, lanes, at.excess, at.slopes)
        _multiply(products, p0, p1, b0, b1, lanes, at.weight, at.curvatures)
    lanes[at.hessian : at.factor] = 0.0
    for k in range(at.free):
        gradient, curvature, x = lanes[at.gradient + k], lanes[at.hessian + k * (k + 3) // 2], lanes[at.x + k]
        centre, inverse = lanes[at.centres + k], lanes[at.inverse_widths + k]
        for i in range(LANES):
            gradient[i] = (x[i] - centre[i]) * inverse[i] * inverse[i]
            curvature[i] = inverse[i] * inverse[i]
    for r in range(linear.shape[0]):
        a, slope = lanes[at.monomials + linear[r, 0]], lanes[at.slopes + linear[r, 1]]
        out = lanes[at.gradient + linear[r, 2]]
        for i in range(LANES):
            out[i] += a[i] * slope[i]
    for r in range(chain.shape[0]):
        a, b, times = lanes[at.monomials + chain[r, 0]], lanes[at.monomials + chain[r, 1]], float(chain[r, 4])
        curvature, out = lanes[at.curvatures + chain[r, 2]], lanes[at.hessian + chain[r, 3]]
        for i in range(LANES):
            out[i] += times * curvature[i] * (a[i] * b[i])


@compiled
def _hold(lanes, at, count):  # type: ignore[no-untyped-def]
    """Set `moves` to 0 for those of the first `count` variables that are at a bound and pulled outwards, else to 1."""
    for k in range(at.free):
        for i in range(LANES):
            lanes[at.moves + k, i], lanes[at.shift + k, i] = 1.0, 0.0
    for k in range(count):
        x, slope, moves = lanes[at.x + k], lanes[at.gradient + k], lanes[at.moves + k]
        low, high = lanes[at.lower + k], lanes[at.upper + k]
        for i in range(LANES):
            out = ((x[i] <= low[i]) & (slope[i] >= 0.0)) | ((x[i] >= high[i]) & (slope[i] <= 0.0))
            moves[i] = 0.0 if out else 1.0


@compiled
def _factorise(lanes, at):  # type: ignore[no-untyped-def]
    """L D L^T of the Hessian of what moves: `factor` is L, `inverse` 1/D, `solution` L^-1 (-gradient after the shifts).

    A pivot that is not positive is replaced, so that the step goes downhill whatever the curvature.
    """
    size, damping = lanes[at.work], lanes[at.damping]
    for k in range(at.free):
        row = at.factor + k * (k + 1) // 2
        solution, gradient = lanes[at.solution + k], lanes[at.gradient + k]
        moves, pivot = lanes[at.moves + k], lanes[row + k]
        for i in range(LANES):
            solution[i] = -gradient[i]
        for m in range(at.free):
            element, shift = lanes[at.hessian + max(k, m) * (max(k, m) + 1) // 2 + min(k, m)], lanes[at.shift + m]
            for i in range(LANES):
                solution[i] -= element[i] * shift[i]
        for m in range(k + 1):
            element, other, out = lanes[at.hessian + row - at.factor + m], lanes[at.moves + m], lanes[row + m]
            for i in range(LANES):
                out[i] = element[i] * (moves[i] * other[i])
        for i in range(LANES):
            solution[i] *= moves[i]
            pivot[i] += 1.0 - moves[i] + damping[i] * abs(pivot[i])
            size[i] = max(abs(pivot[i]), TINY)
        for m in range(k):
            out, column = lanes[row + m], at.factor + m * (m + 1) // 2
            for j in range(m):
                a, b = lanes[row + j], lanes[column + j]
                for i in range(LANES):
                    out[i] -= a[i] * b[i]
        for m in range(k):
            element, inverse, before = lanes[row + m], lanes[at.inverse + m], lanes[at.solution + m]
            for i in range(LANES):
                ratio = element[i] * inverse[i]
                pivot[i] -= ratio * element[i]
                solution[i] -= ratio * before[i]
                element[i] = ratio
        inverse = lanes[at.inverse + k]
        for i in range(LANES):
            inverse[i] = 1.0 / (pivot[i] if pivot[i] > RANK * size[i] else max(-pivot[i], SADDLE * size[i]))


@compiled
def _promise(lanes, at, count):  # type: ignore[no-untyped-def]
    """Decrease of chi^2 that the first `count` variables promise."""
    decrement, worth = lanes[at.decrement], lanes[at.worth]
    for i in range(LANES):
        decrement[i] = 0.0
    for k in range(count):
        solution, inverse = lanes[at.solution + k], lanes[at.inverse + k]
        for i in range(LANES):
            decrement[i] += solution[i] * solution[i] * inverse[i]
    for i in range(LANES):
        worth[i] = decrement[i]


@compiled
def _substitute_back(lanes, at, count):  # type: ignore[no-untyped-def]
    """Newton steps of the first `count` variables, given those of the others, each cut at its bounds.

    Variables eliminated earlier follow the cut ones exactly. Those eliminated later do not know of a cut: all but the last
    variable's are made into shifts of variables that do not move. Returns how many, for the system to be solved again.
    """
    cuts = 0
    for k in range(count - 1, -1, -1):
        newton, solution, inverse, x = lanes[at.newton + k], lanes[at.solution + k], lanes[at.inverse + k], lanes[at.x + k]
        moves, shift, low, high = lanes[at.moves + k], lanes[at.shift + k], lanes[at.lower + k], lanes[at.upper + k]
        for i in range(LANES):
            newton[i] = solution[i] * inverse[i]
        for m in range(k + 1, at.free):
            element, other = lanes[at.factor + m * (m + 1) // 2 + k], lanes[at.newton + m]
            for i in range(LANES):
                newton[i] -= element[i] * other[i]
        last = k == at.free - 1
        for i in range(LANES):
            step = newton[i] if moves[i] > 0.0 else shift[i]
            newton[i] = min(max(step, low[i] - x[i]), high[i] - x[i])
            cut = (newton[i] != step) & (not last)
            moves[i] = 0.0 if cut else moves[i]
            shift[i] = newton[i] if cut else shift[i]
            cuts += 1 if cut else 0
    return cuts


@compiled
def _move(lanes, at):  # type: ignore[no-untyped-def]
    """Go the Newton step, or back to where a fraction `shorten` of the last step leads; `slope` is that along the step."""
    shorten, slope = lanes[at.shorten], lanes[at.slope]
    along, fresh, kept = lanes[at.work], lanes[at.work + 1], lanes[at.work + 2]
    for i in range(LANES):
        along[i] = 0.0
        fresh[i] = 0.0 if shorten[i] < 1.0 else 1.0
        kept[i] = shorten[i] if shorten[i] < 1.0 else 0.0
    for k in range(at.free):
        x, step, newton, gradient = lanes[at.x + k], lanes[at.step + k], lanes[at.newton + k], lanes[at.gradient + k]
        low, high = lanes[at.lower + k], lanes[at.upper + k]
        for i in range(LANES):
            along[i] += newton[i] * gradient[i]
            new = kept[i] * step[i] + fresh[i] * newton[i]
            x[i] = min(max(x[i] + new - (1.0 - fresh[i]) * step[i], low[i]), high[i])
            step[i] = new
    for i in range(LANES):
        new = kept[i] * slope[i] if shorten[i] < 1.0 else along[i]
        slope[i] = new if new < 0.0 else -inf  # a step that bounds have turned uphill is not checked


@compiled
def _check_last_step(lanes, at):  # type: ignore[no-untyped-def]
    """Set `shorten` below 1 where the last step left the model's domain or went up the other side of the valley.

    The slope along the step tells, which costs no value of chi^2. What overshot is damped for the next steps, too.
    """
    before, shorten, after, allowed = lanes[at.slope], lanes[at.shorten], lanes[at.work], lanes[at.allowed]
    damping = lanes[at.damping]
    for i in range(LANES):
        after[i] = 0.0
    for k in range(at.free):
        gradient, step = lanes[at.gradient + k], lanes[at.step + k]
        for i in range(LANES):
            after[i] += gradient[i] * step[i]
    for i in range(LANES):
        fraction = min(max(before[i] / (before[i] - after[i]), 0.1), 0.7)
        fraction = fraction if after[i] > -OVERSHOT * before[i] else 1.0
        shorten[i] = fraction if allowed[i] > 0.0 else 0.25
        less, more = damping[i] * CALMED, max(damping[i] / CALMED, DAMPED)
        damping[i] = more if shorten[i] < 1.0 else (less if less > DAMPED else 0.0)


@compiled
def _aim(lanes, at, side, toy, target, reach):  # type: ignore[no-untyped-def]
    """Step of the last free variable to where the profiled chi^2 should be the toy's target.

    The factorised Hessian knows the profile nearby: its value is chi^2 less the decrement of the others, its slope and
    curvature are the last right-hand side and pivot. A step out of the bracket from low to high halves the bracket instead.
    `worth` is small where all variables rest and the level is near, and so not where only the bracket is short.
    """
    last = at.free - 1
    x, newton = lanes[at.x + last], lanes[at.newton + last]
    solution, inverse = lanes[at.solution + last], lanes[at.inverse + last]
    lows, highs, chi2, decrement, worth = lanes[at.low], lanes[at.high], lanes[at.chi2], lanes[at.decrement], lanes[at.worth]
    for i in range(LANES):
        here, low, high = side * x[i], lows[i], highs[i]
        slope, curvature = -side * solution[i], 1.0 / inverse[i]
        lack = (target[max(toy[i], 0)] - chi2[i] + decrement[i]) / 2
        if decrement[i] < SETTLED:
            low, high = (here, high) if lack > 0.0 else (low, here)
        step = 2.0 * lack / (slope + sqrt(max(slope * slope + 2.0 * curvature * lack, 0.0)))
        step = min(max(step, -reach), reach)
        if not low < here + step < high:
            step = (low + high) / 2 - here
        newton[i] = side * step
        worth[i] = decrement[i] + curvature * step * step + 4.0 * lack * lack
        lows[i], highs[i] = low, high


@compiled
def _finish(lanes, at, toy, steps, number, waiting, change):  # type: ignore[no-untyped-def]
    """End the toys that have converged or will not, and give their lanes to waiting toys.

    Fills `change` for `_exchange`; returns how many lanes change, and the next toy that waits.
    """
    worth, before, shorten, damping = lanes[at.worth], lanes[at.before], lanes[at.shorten], lanes[at.damping]
    changes = 0
    for i in range(LANES):
        steps[i] += 1
        small = worth[i] < CONVERGED or (worth[i] < NEARLY and worth[i] < QUADRATIC * before[i])
        small = small and shorten[i] == 1.0 and damping[i] == 0.0
        before[i] = worth[i]
        if toy[i] < 0 or not (small or steps[i] == ITERATIONS):
            continue
        number[toy[i]] = steps[i] if small else 0
        change[changes, 0], change[changes, 1] = i, toy[i]
        changes += 1
        steps[i] = 0
        toy[i] = waiting if waiting < number.size else -1
        waiting += 1
    return changes, waiting


@compiled
def iterate_newton(model, form, counts, centres, side, target, reach, theta, lanes, at, number):  # type: ignore[no-untyped-def]
    """Newton's method for every toy, from theta (toys, parameters), which it replaces.

    With side 0 to a minimum, else to where the profile of the last free variable crosses target (toys,), upwards of theta
    for side 1, downwards for -1. Fills the number of steps (toys,), 0 where it did not end.
    """
    templates, transposed, products, blocks = model
    order, squared, monomials, linear, chain = form
    toys, count = theta.shape[0], at.free if side == 0.0 else at.free - 1
    toy, steps, change = np.arange(LANES), np.zeros(LANES, dtype=np.int64), np.full((LANES, 2), -1)
    for i in range(LANES):  # an assignment of arrays takes numba two seconds to compile
        change[i, 0] = i
        toy[i] = i if i < toys else -1
    changes = waiting = toy.size  # not LANES, for whose type `_finish` would be compiled once more
    while waiting < toys + LANES:  # some toy has not ended
        _exchange(lanes, at, order, squared, counts, centres, theta, toy, change[:changes])
        _expect(transposed, blocks, monomials, lanes, at)
        if side != 0.0:
            _chi2(lanes, at)
        _derive(templates, products, blocks, linear, chain, lanes, at)
        _check_last_step(lanes, at)
        _hold(lanes, at, count)
        _factorise(lanes, at)
        _promise(lanes, at, count)
        for _round in range(at.free):
            if side != 0.0:
                _aim(lanes, at, side, toy, target, reach)
            if _substitute_back(lanes, at, count) == 0:
                break
            _factorise(lanes, at)
        _move(lanes, at)
        if side != 0.0:
            lanes[at.slope] = -inf  # a step to a level does not go downhill
        changes, waiting = _finish(lanes, at, toy, steps, number, waiting, change)
    if toys > 0:
        _exchange(lanes, at, order, squared, counts, centres, theta, toy, change[:changes])


@compiled
def evaluate_chi2(model, form, counts, centres, theta, lanes, at, chi2):  # type: ignore[no-untyped-def]
    """The statistic of every toy at theta (toys, parameters)."""
    transposed, blocks, order, squared, monomials = model.transposed, model.blocks, form.order, form.squared, form.monomials
    toys, toy, change = theta.shape[0], np.arange(LANES), np.full((LANES, 2), -1)
    for i in range(LANES):
        change[i, 0] = i
    for start in range(0, toys, LANES):
        for i in range(LANES):
            toy[i] = min(start + i, toys - 1)
        _exchange(lanes, at, order, squared, counts, centres, theta, toy, change)
        _expect(transposed, blocks, monomials, lanes, at)
        _chi2(lanes, at)
        for i in range(min(LANES, toys - start)):
            chi2[start + i] = lanes[at.chi2, i]
