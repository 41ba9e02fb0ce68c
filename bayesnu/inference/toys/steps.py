"""The step for a toy in each lane: bent along the valley, or towards a level of chi^2; how it is taken, and checked.

Functions are compiled and work on the rows of `lanes`; `at` says where each quantity begins in them. Towards a level the
last free variable goes to it, and the first `count` variables, all the others, are minimised over.
"""

from __future__ import annotations

from math import inf, sqrt

from bayesnu.inference.toys.chi2 import place_of
from bayesnu.inference.toys.rows import LANES
from bayesnu.support.compiled import compiled

OVERSHOT = 0.5  # slope at the end of a step, in units of that at its start, beyond which the step is shortened
SHORTEST = 0.1  # smallest fraction to which a step is shortened
LONGEST = 0.7  # largest one
INSIDE = 0.9  # fraction of a step that left the model's domain: far above the data, the data are near the border
BACK = 0.25  # fraction of what is left of it, where that left the domain as well
DAMPED = 0.1  # smallest relative addition to the Hessian's diagonal after a step that was shortened
CALMED = 0.25  # factor by which a good step decreases it, and another shortened one divides it
INNERMOST = 0.1  # part of the signal's events that a bent step leaves at least
SETTLED = 0.1  # chi^2 above its profile up to which the quadratic estimate tells on which side of a level the profile is


@compiled
def check_last_step(lanes, at):  # type: ignore[no-untyped-def]
    """Set `shorten` below 1 where the last step left the model's domain or went up the other side of the valley.

    The slope along the step tells, which costs no value of chi^2. What overshot is damped for the next steps, too.
    """
    before = lanes[at.slope]
    after = lanes[at.slope_after]
    shorten = lanes[at.shorten]
    allowed = lanes[at.allowed]
    damping = lanes[at.damping]
    for i in range(LANES):
        after[i] = 0.0
    for k in range(at.free):
        gradient = lanes[at.gradient + k]
        step = lanes[at.step + k]
        for i in range(LANES):
            after[i] += gradient[i] * step[i]
    for i in range(LANES):
        # Between the two slopes the valley's bottom is where a straight line is zero.
        fraction = min(max(before[i] / (before[i] - after[i]), SHORTEST), LONGEST)
        fraction = fraction if after[i] > -OVERSHOT * before[i] else 1.0
        outside = INSIDE if shorten[i] == 1.0 else BACK
        shorten[i] = fraction if allowed[i] > 0.0 else outside
        less = damping[i] * CALMED
        more = max(damping[i] / CALMED, DAMPED)
        damping[i] = more if shorten[i] < 1.0 else (less if less > DAMPED else 0.0)


@compiled
def promise_decrease(lanes, at, count):  # type: ignore[no-untyped-def]
    """Decrease of chi^2 that the step of the first `count` variables promises, by slope and curvature."""
    decrement = lanes[at.decrement]
    for i in range(LANES):
        decrement[i] = 0.0
    for k in range(count):
        gradient = lanes[at.gradient + k]
        newton = lanes[at.newton + k]
        slope = lanes[at.slope_after]
        for i in range(LANES):
            slope[i] = 2.0 * gradient[i]
        for m in range(count):
            element = lanes[at.hessian + place_of(max(k, m), min(k, m))]
            other = lanes[at.newton + m]
            for i in range(LANES):
                slope[i] += element[i] * other[i]
        for i in range(LANES):
            decrement[i] -= slope[i] * newton[i]


@compiled
def free_last(lanes, at):  # type: ignore[no-untyped-def]
    """Let the last free variable move: the others have been minimised over while it stayed."""
    moves = lanes[at.moves + at.free - 1]
    for i in range(LANES):
        moves[i] = 1.0


@compiled
def aim_at_level(lanes, at, toy, goal):  # type: ignore[no-untyped-def]
    """Step of the last free variable to where the profiled chi^2 should be the toy's target.

    The factorised Hessian knows the profile nearby: its value is chi^2 less the decrement of the others, its slope and
    curvature are the last right-hand side and pivot. A step out of the bracket from low to high halves the bracket instead.
    `worth` is small where all variables rest and the level is near, and so not where only the bracket is short.
    """
    side = goal.side
    target = goal.target
    reach = goal.reach
    enough = goal.enough
    last = at.free - 1
    x = lanes[at.x + last]
    newton = lanes[at.newton + last]
    solution = lanes[at.solution + last]
    inverse = lanes[at.inverse + last]
    lows = lanes[at.low]
    highs = lanes[at.high]
    chi2 = lanes[at.chi2]
    decrement = lanes[at.decrement]
    worth = lanes[at.worth]
    for i in range(LANES):
        # All is mirrored for a lower end, so that the level is always above.
        here = side * x[i]
        slope = -side * solution[i]
        curvature = 1.0 / inverse[i]
        lack = (target[max(toy[i], 0)] - chi2[i] + decrement[i]) / 2
        # The bracket: this point bounds it once the profile's value is known well.
        low = lows[i]
        high = highs[i]
        if abs(decrement[i]) < SETTLED:
            low, high = (here, high) if lack > 0.0 else (low, here)
        # The root of lack = slope step + curvature step^2/2, no further than the reach and within the bracket.
        step = 2.0 * lack / (slope + sqrt(max(slope * slope + 2.0 * curvature * lack, 0.0)))
        step = min(max(step, -reach), reach)
        if not low < here + step < high and not 4.0 * lack * lack < enough:  # on the level there is nothing to halve
            step = (low + high) / 2 - here
        newton[i] = side * step
        worth[i] = abs(decrement[i]) + curvature * step * step + 4.0 * lack * lack
        lows[i] = low
        highs[i] = high


@compiled
def substitute_back(lanes, at, count):  # type: ignore[no-untyped-def]
    """Newton steps of the first `count` variables, given those of the others, each cut at its bounds.

    Variables eliminated earlier follow the cut ones exactly. Those eliminated later do not know of a cut, until the next
    step.
    """
    for k in range(count - 1, -1, -1):
        newton = lanes[at.newton + k]
        solution = lanes[at.solution + k]
        inverse = lanes[at.inverse + k]
        x = lanes[at.x + k]
        moves = lanes[at.moves + k]
        shift = lanes[at.shift + k]
        low = lanes[at.lower + k]
        high = lanes[at.upper + k]
        # Row k of L^T newton = D^-1 solution.
        for i in range(LANES):
            newton[i] = solution[i] * inverse[i]
        for m in range(k + 1, at.free):
            element = lanes[at.factor + place_of(m, k)]
            other = lanes[at.newton + m]
            for i in range(LANES):
                newton[i] -= element[i] * other[i]
        # Cut it at the bounds; what is cut stands still from now on, shifted to its bound.
        for i in range(LANES):
            step = newton[i] if moves[i] > 0.0 else shift[i]
            newton[i] = min(max(step, low[i] - x[i]), high[i] - x[i])


@compiled
def bend_step(lanes, at):  # type: ignore[no-untyped-def]
    """Turn the step into an arc along which the events of the signal change as they do along the step at first.

    Signed parameters that can replace each other have a valley that is an ellipse, `metric` its axes, around `middle`: a
    straight step leaves it.
    """
    before = lanes[at.along]
    change = lanes[at.fresh]
    after = lanes[at.kept]
    for i in range(LANES):
        before[i] = 0.0
        change[i] = 0.0
        after[i] = 0.0
    for k in range(at.free):
        metric = lanes[at.metric + k]
        x = lanes[at.x + k]
        middle = lanes[at.middle + k]
        newton = lanes[at.newton + k]
        for i in range(LANES):
            y = x[i] - middle[i]
            end = y + newton[i]
            before[i] += metric[i] * y * y
            change[i] += 2.0 * metric[i] * y * newton[i]
            after[i] += metric[i] * end * end
    # The step ends on the ellipse that it means.
    for i in range(LANES):
        meant = max(before[i] + change[i], INNERMOST * before[i])
        after[i] = sqrt(meant / after[i]) if after[i] > meant else 1.0
    for k in range(at.free):
        metric = lanes[at.metric + k]
        x = lanes[at.x + k]
        middle = lanes[at.middle + k]
        newton = lanes[at.newton + k]
        for i in range(LANES):
            y = x[i] - middle[i]
            bent = (y + newton[i]) * after[i] - y
            newton[i] = bent if metric[i] > 0.0 else newton[i]


@compiled
def take_step(lanes, at):  # type: ignore[no-untyped-def]
    """Go the Newton step, or back to where a fraction `shorten` of the last step leads; `slope` is that along the step."""
    shorten = lanes[at.shorten]
    slope = lanes[at.slope]
    along = lanes[at.along]
    fresh = lanes[at.fresh]
    kept = lanes[at.kept]
    # Either a fresh step and nothing kept of the last one, or that fraction of the last one.
    for i in range(LANES):
        along[i] = 0.0
        fresh[i] = 0.0 if shorten[i] < 1.0 else 1.0
        kept[i] = shorten[i] if shorten[i] < 1.0 else 0.0
    for k in range(at.free):
        x = lanes[at.x + k]
        step = lanes[at.step + k]
        newton = lanes[at.newton + k]
        gradient = lanes[at.gradient + k]
        low = lanes[at.lower + k]
        high = lanes[at.upper + k]
        for i in range(LANES):
            along[i] += newton[i] * gradient[i]
            new = kept[i] * step[i] + fresh[i] * newton[i]
            x[i] = min(max(x[i] + new - (1.0 - fresh[i]) * step[i], low[i]), high[i])
            step[i] = new
    for i in range(LANES):
        new = kept[i] * slope[i] if shorten[i] < 1.0 else along[i]
        slope[i] = new if new < 0.0 else -inf  # a step that bounds have turned uphill is not checked
