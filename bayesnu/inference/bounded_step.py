"""The step of Newton's method within bounds: where the quadratic model of a function is smallest between them.

A step that is cut at its bounds one variable at a time may go uphill, and does so where two variables can replace each
other. Here the others take into account what has been cut: an active-set method for the convex quadratic programme.
"""

from __future__ import annotations

import numpy as np

from bayesnu.support.compiled import compiled

ROUNDS = 10  # per variable: far more than are needed to find which variables end at their bounds
SMALLEST_DIAGONAL = 1e-12  # of a Hessian that is damped
SMALLEST_PIVOT = 1e-14  # of the diagonal element
FLAT = 1e-8  # of the diagonal element: a pivot below minus this is that of a saddle
DAMPED_FLAT = 1e-12  # first addition to the diagonal where a direction has no curvature but what rounding leaves of it
DAMPED_SADDLE = 1e-3  # the same at a saddle
MORE = 4.0  # times as much damping where that does not make the Hessian positive
DAMPINGS = 40  # of a Hessian, at most
WORTHLESS = 1e-13  # decrease for which no variable leaves its bound


@compiled
def aim_within(x, gradient, hessian, low, high, goal):  # type: ignore[no-untyped-def]
    """Fill where the quadratic model around x (k,) is smallest between low and high (k,), and return the promised decrease.

    The promise is minus the slope along the step from x to `goal` (k,). A Hessian that is not positive is damped until it
    is, so that the step goes downhill. Only where that happens after something is held may the promise be negative.
    """
    size = x.size
    lower = np.empty((size, size))
    newton = np.empty(size)
    diagonal = np.empty(size)
    held = np.empty(size, dtype=np.bool_)
    for k in range(size):
        diagonal[k] = max(abs(hessian[k, k]), SMALLEST_DIAGONAL)
        held[k] = (x[k] <= low[k] and gradient[k] >= 0) or (x[k] >= high[k] and gradient[k] <= 0)
        goal[k] = x[k]
    damping = 0.0
    for _round in range(ROUNDS * size):
        damping = _factorise(hessian, diagonal, held, damping, lower)
        _solve(x, gradient, hessian, held, lower, goal, newton)
        if _approach(newton, low, high, held, goal):
            continue  # one more is held at its bound
        if not _release(x, gradient, hessian, diagonal, damping, low, held, goal):
            break
    promise = 0.0
    for k in range(size):
        promise -= gradient[k] * (goal[k] - x[k])
    return promise


@compiled
def _factorise(hessian, diagonal, held, damping, lower):  # type: ignore[no-untyped-def]
    """Fill Cholesky's factor, where held variables have the rows of a diagonal matrix, and return the damping it took."""
    size = diagonal.size
    for _attempt in range(DAMPINGS):
        positive = True
        first = DAMPED_FLAT
        for k in range(size):
            for m in range(k + 1):
                total = 0.0
                if not held[k] and not held[m]:
                    total = hessian[k, m]
                if k == m:
                    total = diagonal[k] if held[k] else total + damping * diagonal[k]
                for j in range(m):
                    total -= lower[k, j] * lower[m, j]
                if k == m:
                    if total <= SMALLEST_PIVOT * diagonal[k]:
                        positive = False
                        first = DAMPED_SADDLE if total < -FLAT * diagonal[k] else DAMPED_FLAT
                        break
                    lower[k, k] = total**0.5
                else:
                    lower[k, m] = total / lower[m, m]
            if not positive:
                break
        if positive:
            break
        damping = max(first, MORE * damping)
    return damping


@compiled
def _solve(x, gradient, hessian, held, lower, goal, newton):  # type: ignore[no-untyped-def]
    """Fill where the model is smallest (k,) while the held variables stay at their goals."""
    size = x.size
    # L y = -gradient, which the steps of the held variables have changed; then L^T step = y.
    for k in range(size):
        total = 0.0
        if not held[k]:
            total = -gradient[k]
            for m in range(size):
                if held[m] and goal[m] != x[m]:
                    total -= hessian[k, m] * (goal[m] - x[m])
        for j in range(k):
            total -= lower[k, j] * newton[j]
        newton[k] = total / lower[k, k]
    for k in range(size - 1, -1, -1):
        total = newton[k]
        for j in range(k + 1, size):
            total -= lower[j, k] * newton[j]
        newton[k] = total / lower[k, k]
    for k in range(size):
        newton[k] = goal[k] if held[k] else x[k] + newton[k]


@compiled
def _approach(newton, low, high, held, goal):  # type: ignore[no-untyped-def]
    """Move the goal (k,) towards the smallest value, to the first bound on the way; hold what meets it. Tells if any did."""
    size = goal.size
    first = -1
    length = 1.0
    for k in range(size):
        if held[k] or low[k] <= newton[k] <= high[k]:
            continue
        bound = low[k] if newton[k] < low[k] else high[k]
        fraction = (bound - goal[k]) / (newton[k] - goal[k])
        if first < 0 or fraction < length:
            first = k
            length = fraction
    for k in range(size):
        if not held[k]:
            goal[k] = newton[k] if first < 0 else goal[k] + length * (newton[k] - goal[k])
    if first >= 0:
        goal[first] = low[first] if newton[first] < low[first] else high[first]
        held[first] = True
    return first >= 0


@compiled
def _release(x, gradient, hessian, diagonal, damping, low, held, goal):  # type: ignore[no-untyped-def]
    """Let go of the held variable whose way back from its bound promises most. Tells if there is one."""
    size = x.size
    first = -1
    most = WORTHLESS
    for k in range(size):
        if not held[k]:
            continue
        slope = gradient[k] + damping * diagonal[k] * (goal[k] - x[k])
        for m in range(size):
            slope += hessian[k, m] * (goal[m] - x[m])
        inwards = slope < 0 if goal[k] <= low[k] else slope > 0
        if inwards and slope**2 / diagonal[k] > most:
            most = slope**2 / diagonal[k]
            first = k
    if first >= 0:
        held[first] = False
    return first >= 0
