"""Minima of chi^2: a damped Newton method with analytic gradient and Hessian, inside the parameters' bounds.

chi^2 is the Poisson one with pulls, 2 sum[lambda - n + n ln(n/lambda)] + sum((theta - mean)/width)^2. Every term of the
expected counts is a product of parameters, so its derivatives are products of the others. A constraint may be wider on one
side of its mean: there the Hessian jumps and the gradient does not, which Newton's method bears. All functions are compiled;
their `arrays` are a `ModelArrays`, and `free` (k,) are the indices of the parameters that may move.
"""

from __future__ import annotations

from math import inf, log

import numpy as np

from bayesnu.inference.bounded_step import aim_within
from bayesnu.model.kernel_arrays import END_BIN, END_TERM, FIRST_BIN, FIRST_TERM, INVERSE_ABOVE, INVERSE_BELOW, MEAN
from bayesnu.model.prior_kind import PriorKind
from bayesnu.support.compiled import compiled

ITERATIONS = 1000  # then a fit is given up; ten are the rule, hundreds a curved valley of several physics parameters
TOLERANCE = 1e-10  # predicted decrease of chi^2 at which a fit ends
GOOD_ENOUGH = 1e-6  # the same where rounding lets no step go downhill any more
HALVINGS = 60  # of a step that does not decrease chi^2
ROUNDING = 1e-14  # of chi^2: a smaller decrease is none


@compiled
def _find_inverse_width(x, k, numbers):  # type: ignore[no-untyped-def]
    """One over the width of the constraint of parameter k, on the side where x is."""
    return numbers[k, INVERSE_ABOVE] if x > numbers[k, MEAN] else numbers[k, INVERSE_BELOW]


@compiled
def _chi2(theta, arrays):  # type: ignore[no-untyped-def]
    """Poisson chi^2 plus the pulls of constraints and Gaussian nuisances; inf where the model excludes the data."""
    blocks = arrays.blocks
    templates = arrays.templates
    factors = arrays.factors
    observed = arrays.observed
    counted = arrays.counted
    kind = arrays.prior_kind
    numbers = arrays.prior_numbers
    parameters = theta.size
    value = 0.0
    for k in range(parameters):
        if kind[k] == PriorKind.GAUSSIAN:
            value += ((theta[k] - numbers[k, MEAN]) * _find_inverse_width(theta[k], k, numbers)) ** 2
    coefficient = np.ones(factors.shape[0])
    for t in range(factors.shape[0]):
        for f in range(factors.shape[1]):
            if factors[t, f] < parameters:
                coefficient[t] *= theta[factors[t, f]]
    for e in range(blocks.shape[0]):
        for b in range(blocks[e, FIRST_BIN], blocks[e, END_BIN]):
            expected = 0.0
            for t in range(blocks[e, FIRST_TERM], blocks[e, END_TERM]):
                expected += coefficient[t] * templates[t, b]
            n = observed[b]
            if b >= counted:  # a constraint
                value += (expected - n) ** 2
                continue
            if expected < 0 or (expected == 0 and n > 0):
                return inf
            value += 2 * (expected - n)
            if n > 0:
                value += 2 * n * log(n / expected)
    return value


@compiled
def _list_involved(factors, place, involved):  # type: ignore[no-untyped-def]
    """Fill the places of the free parameters that terms with these factors (terms, n) know, in order; returns how many."""
    is_involved = np.zeros(involved.size + 1, dtype=np.bool_)  # the last for what is not free, whose place is -1
    for t in range(factors.shape[0]):
        for f in range(factors.shape[1]):
            is_involved[place[factors[t, f]]] = True
    number = 0
    for k in range(involved.size):
        if is_involved[k]:
            involved[number] = k
            number += 1
    return number


@compiled
def derivatives(theta, free, arrays, gradient, hessian):  # type: ignore[no-untyped-def]
    """Fill the gradient (k,) and Hessian (k, k) of chi^2 in the free parameters at theta, which must lie in the domain."""
    blocks = arrays.blocks
    templates = arrays.templates
    factors = arrays.factors
    observed = arrays.observed
    counted = arrays.counted
    numbers = arrays.prior_numbers
    parameters = theta.size
    size = free.size
    # Where each parameter stands among the free ones; -1 for the others, and for the constant 1 after the last.
    place = np.full(parameters + 1, -1)
    for k in range(size):
        place[free[k]] = k
    # The pulls.
    gradient[:] = 0.0
    hessian[:, :] = 0.0
    for k in range(size):
        if arrays.prior_kind[free[k]] == PriorKind.GAUSSIAN:
            inverse = _find_inverse_width(theta[free[k]], free[k], numbers)
            gradient[k] = 2 * (theta[free[k]] - numbers[free[k], MEAN]) * inverse**2
            hessian[k, k] = 2 * inverse**2
    # Every term, and its first derivatives: by a factor, the product of the other factors.
    first = np.zeros((factors.shape[0], size))
    value = np.ones(factors.shape[0])
    for t in range(factors.shape[0]):
        for f in range(factors.shape[1]):
            if factors[t, f] < parameters:
                value[t] *= theta[factors[t, f]]
            if place[factors[t, f]] < 0:
                continue
            rest = 1.0
            for g in range(factors.shape[1]):
                if g != f and factors[t, g] < parameters:
                    rest *= theta[factors[t, g]]
            first[t, place[factors[t, f]]] += rest
    slope = np.empty(size)
    weight = np.zeros(factors.shape[0])
    involved = np.empty(size, dtype=np.int64)
    for e in range(blocks.shape[0]):
        number = _list_involved(factors[blocks[e, FIRST_TERM] : blocks[e, END_TERM]], place, involved)
        for b in range(blocks[e, FIRST_BIN], blocks[e, END_BIN]):
            # Expected counts of the bin, and their slopes in the free parameters.
            expected = 0.0
            slope[:number] = 0.0
            for t in range(blocks[e, FIRST_TERM], blocks[e, END_TERM]):
                expected += value[t] * templates[t, b]
                for i in range(number):
                    slope[i] += first[t, involved[i]] * templates[t, b]
            # First and second derivative of chi^2/2 by the expected counts.
            n = observed[b]
            excess = 1.0 - n / expected if n > 0 else 1.0
            curvature = n / expected**2 if n > 0 else 0.0
            if b >= counted:  # a constraint
                excess = expected - n
                curvature = 1.0
            # The chain rule: the slopes' part of the Hessian, and what each term's second derivative will weigh.
            for t in range(blocks[e, FIRST_TERM], blocks[e, END_TERM]):
                weight[t] += excess * templates[t, b]
            for i in range(number):
                k = involved[i]
                gradient[k] += 2 * excess * slope[i]
                for j in range(number):
                    hessian[k, involved[j]] += 2 * curvature * slope[i] * slope[j]
        # Second derivatives of the terms: by two factors, the product of the others.
        for t in range(blocks[e, FIRST_TERM], blocks[e, END_TERM]):
            for f in range(factors.shape[1]):
                for g in range(factors.shape[1]):
                    k = place[factors[t, f]]
                    m = place[factors[t, g]]
                    if f == g or k < 0 or m < 0:
                        continue
                    rest = 1.0
                    for h in range(factors.shape[1]):
                        if h != f and h != g and factors[t, h] < parameters:
                            rest *= theta[factors[t, h]]
                    hessian[k, m] += 2 * weight[t] * rest


@compiled
def all_derivatives(theta, free, arrays, gradient, hessian):  # type: ignore[no-untyped-def]
    """Fill gradients (n, k) and Hessians (n, k, k) for every row of theta (n, parameters)."""
    for i in range(theta.shape[0]):
        derivatives(theta[i], free, arrays, gradient[i], hessian[i])


@compiled
def minimise(theta, free, low, high, arrays, chi2, ended):  # type: ignore[no-untyped-def]
    """Move the free parameters of every row of theta (n, parameters) to a minimum between low and high (parameters,).

    Fills chi2 (n,) and whether each fit ended (n,).
    """
    size = free.size
    lowest = low[free]
    highest = high[free]
    gradient = np.empty(size)
    hessian = np.empty((size, size))
    here = np.empty(size)
    goal = np.empty(size)
    trial = np.empty(theta.shape[1])
    for i in range(theta.shape[0]):
        # Begin within the bounds.
        x = theta[i]
        for k in range(size):
            x[free[k]] = min(max(x[free[k]], lowest[k]), highest[k])
        now = _chi2(x, arrays)
        ended[i] = size == 0
        for _iteration in range(ITERATIONS):
            if ended[i] or now == inf:
                break
            derivatives(x, free, arrays, gradient, hessian)
            for k in range(size):
                here[k] = x[free[k]]
            # The fit ends when the next step promises nothing.
            promise = aim_within(here, gradient, hessian, lowest, highest, goal)
            if abs(promise) < TOLERANCE:
                ended[i] = True
                break
            # Go there; halve the step until chi^2 decreases.
            length = 1.0
            moved = False
            for j in range(x.size):
                trial[j] = x[j]
            for _halving in range(HALVINGS):
                for k in range(size):
                    trial[free[k]] = goal[k] if length == 1.0 else here[k] + length * (goal[k] - here[k])
                after = _chi2(trial, arrays)
                if after < now - ROUNDING * abs(now):
                    for j in range(x.size):
                        x[j] = trial[j]
                    now = after
                    moved = True
                    break
                length *= 0.5
            if not moved:
                ended[i] = abs(promise) < GOOD_ENOUGH
                break
        chi2[i] = now
