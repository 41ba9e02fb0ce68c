"""Minima of chi^2, step 11: a damped Newton method with analytic gradient and Hessian, inside the parameters' bounds.

chi^2 is the Poisson one with pulls, 2 sum[lambda - n + n ln(n/lambda)] + sum((theta - mean)/width)^2. Every term of the
expected counts is a product of parameters, so its derivatives are products of the others. All functions are compiled and
take the arrays of `likelihood.CompiledPosterior`.
"""

from __future__ import annotations

from math import inf, log

import numpy as np

from bayesnu.support.compiled import compiled

ITERATIONS = 100
TOLERANCE = 1e-10  # predicted decrease of chi^2 at which a fit ends


@compiled
def _chi2(theta, blocks, templates, factors, observed, kind, numbers):  # type: ignore[no-untyped-def]
    """Poisson chi^2 plus the pulls of the Gaussian nuisances; inf where the model excludes the data."""
    parameters = theta.size
    value = 0.0
    for k in range(parameters):
        if kind[k] == 3:
            value += ((theta[k] - numbers[k, 2]) * numbers[k, 3]) ** 2
    for e in range(blocks.shape[0]):
        for b in range(blocks[e, 2], blocks[e, 3]):
            expected = 0.0
            for t in range(blocks[e, 0], blocks[e, 1]):
                c = templates[t, b]
                for f in range(factors.shape[1]):
                    if factors[t, f] < parameters:
                        c *= theta[factors[t, f]]
                expected += c
            n = observed[b]
            if expected < 0 or (expected == 0 and n > 0):
                return inf
            value += 2 * (expected - n)
            if n > 0:
                value += 2 * n * log(n / expected)
    return value


@compiled
def derivatives(theta, which, blocks, templates, factors, observed, kind, numbers, gradient, hessian):  # type: ignore[no-untyped-def]
    """Gradient and Hessian of chi^2 in the parameters `which`; theta has to be inside the model's domain."""
    parameters, free = theta.size, which.size
    place = np.full(parameters + 1, -1)
    for k in range(free):
        place[which[k]] = k
    gradient[:] = 0.0
    hessian[:, :] = 0.0
    for k in range(free):
        if kind[which[k]] == 3:
            inverse = numbers[which[k], 3]
            gradient[k] = 2 * (theta[which[k]] - numbers[which[k], 2]) * inverse**2
            hessian[k, k] = 2 * inverse**2
    first = np.zeros((factors.shape[0], free))
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
    slope = np.empty(free)
    for e in range(blocks.shape[0]):
        weight = np.zeros(factors.shape[0])
        for b in range(blocks[e, 2], blocks[e, 3]):
            expected = 0.0
            slope[:] = 0.0
            for t in range(blocks[e, 0], blocks[e, 1]):
                expected += value[t] * templates[t, b]
                for k in range(free):
                    slope[k] += first[t, k] * templates[t, b]
            n = observed[b]
            excess = 1.0 - n / expected if n > 0 else 1.0
            curvature = n / expected**2 if n > 0 else 0.0
            for t in range(blocks[e, 0], blocks[e, 1]):
                weight[t] += excess * templates[t, b]
            for k in range(free):
                gradient[k] += 2 * excess * slope[k]
                for m in range(free):
                    hessian[k, m] += 2 * curvature * slope[k] * slope[m]
        for t in range(blocks[e, 0], blocks[e, 1]):
            for f in range(factors.shape[1]):
                for g in range(factors.shape[1]):
                    k, m = place[factors[t, f]], place[factors[t, g]]
                    if f == g or k < 0 or m < 0:
                        continue
                    rest = 1.0
                    for h in range(factors.shape[1]):
                        if h != f and h != g and factors[t, h] < parameters:
                            rest *= theta[factors[t, h]]
                    hessian[k, m] += 2 * weight[t] * rest


@compiled
def all_derivatives(theta, which, blocks, templates, factors, observed, kind, numbers, gradient, hessian):  # type: ignore[no-untyped-def]
    """`derivatives` for every row of theta."""
    for i in range(theta.shape[0]):
        derivatives(theta[i], which, blocks, templates, factors, observed, kind, numbers, gradient[i], hessian[i])


@compiled
def _newton_step(gradient, hessian, held, step):  # type: ignore[no-untyped-def]
    """Solve for the step of the parameters that are not held, raising the diagonal until the matrix is positive."""
    free = gradient.size
    diagonal = np.empty(free)
    for k in range(free):
        diagonal[k] = max(abs(hessian[k, k]), 1e-12)
    damping = 0.0
    lower = np.empty((free, free))
    for _attempt in range(40):
        positive = True
        for k in range(free):
            for m in range(k + 1):
                total = 0.0
                if not held[k] and not held[m]:
                    total = hessian[k, m]
                if k == m:
                    total = diagonal[k] if held[k] else total + damping * diagonal[k]
                for j in range(m):
                    total -= lower[k, j] * lower[m, j]
                if k == m:
                    if total <= 1e-14 * diagonal[k]:
                        positive = False
                        break
                    lower[k, k] = total**0.5
                else:
                    lower[k, m] = total / lower[m, m]
            if not positive:
                break
        if positive:
            break
        damping = max(1e-3, 4 * damping)
    for k in range(free):
        total = 0.0 if held[k] else -gradient[k]
        for j in range(k):
            total -= lower[k, j] * step[j]
        step[k] = total / lower[k, k]
    for k in range(free - 1, -1, -1):
        total = step[k]
        for j in range(k + 1, free):
            total -= lower[j, k] * step[j]
        step[k] = total / lower[k, k]


@compiled
def minimise(  # type: ignore[no-untyped-def]
    theta, which, low, high, blocks, templates, factors, observed, kind, numbers, chi2, ended
):
    """Move the parameters `which` of every row of theta to a minimum between low and high; fills chi2 and ended."""
    free = which.size
    gradient, hessian, step = np.empty(free), np.empty((free, free)), np.empty(free)
    held, trial = np.empty(free, dtype=np.bool_), np.empty(theta.shape[1])
    for i in range(theta.shape[0]):
        x = theta[i]
        for k in range(free):
            x[which[k]] = min(max(x[which[k]], low[which[k]]), high[which[k]])
        now = _chi2(x, blocks, templates, factors, observed, kind, numbers)
        ended[i] = free == 0
        for _iteration in range(ITERATIONS):
            if ended[i] or now == inf:
                break
            derivatives(x, which, blocks, templates, factors, observed, kind, numbers, gradient, hessian)
            for k in range(free):
                at_low = x[which[k]] <= low[which[k]] and gradient[k] >= 0
                at_high = x[which[k]] >= high[which[k]] and gradient[k] <= 0
                held[k] = at_low or at_high
            _newton_step(gradient, hessian, held, step)
            predicted = 0.0
            for k in range(free):
                if not held[k]:
                    predicted -= gradient[k] * step[k]
            if predicted < TOLERANCE:
                ended[i] = True
                break
            length, moved = 1.0, False
            for _halving in range(60):
                for j in range(x.size):
                    trial[j] = x[j]
                for k in range(free):
                    j = which[k]
                    trial[j] = min(max(x[j] + length * step[k], low[j]), high[j])
                after = _chi2(trial, blocks, templates, factors, observed, kind, numbers)
                if after < now - 1e-14 * abs(now):
                    for j in range(x.size):
                        x[j] = trial[j]
                    now, moved = after, True
                    break
                length *= 0.5
            if not moved:
                ended[i] = predicted < 1e-6
                break
        chi2[i] = now
