"""The step of Newton's method within bounds for a toy in each lane: the active-set method of `inference/bounded_step.py`.

Functions are compiled and work on the rows of `lanes`; `at` says where each quantity begins in them. What is held does not
move, and stands at its `shift` from where it was. A lane that is done repeats itself, so no lane feels how long others take.
"""

from __future__ import annotations

from math import inf

from bayesnu.inference.toys.chi2 import place_of
from bayesnu.inference.toys.rows import LANES
from bayesnu.support.compiled import compiled

ROUNDS = 4  # per variable: more than are needed to find which variables end at their bounds
RANK = 1e-12  # part of a diagonal element up to which a pivot counts as not positive
SADDLE = 0.01  # smallest part of a diagonal element that takes the place of such a pivot
TINY = 1e-12  # smallest size of a diagonal element
WORTHLESS = 1e-13  # decrease for which no variable leaves its bound


@compiled
def aim_within(lanes, at, count):  # type: ignore[no-untyped-def]
    """Fill `newton`, the step to where the quadratic model is smallest within the bounds, and `worth`, what it promises.

    The first `count` variables take it, and the others stay.
    """
    _hold_at_bounds(lanes, at, count)
    for k in range(at.free):
        newton = lanes[at.newton + k]
        for i in range(LANES):
            newton[i] = 0.0
    for _round in range(ROUNDS * at.free):
        factorise(lanes, at)
        any_beyond = _solve(lanes, at)
        if any_beyond:
            _approach(lanes, at)
        if not (_release(lanes, at, count) or any_beyond):
            break
    if _promise(lanes, at):
        _step_alone(lanes, at)
        _promise(lanes, at)


@compiled
def _promise(lanes, at):  # type: ignore[no-untyped-def]
    """Fill `worth`, the decrease of chi^2 that the slope along the step promises. Tells if any lane's step goes uphill."""
    worth = lanes[at.worth]
    for i in range(LANES):
        worth[i] = 0.0
    for k in range(at.free):
        gradient = lanes[at.gradient + k]
        newton = lanes[at.newton + k]
        for i in range(LANES):
            worth[i] -= gradient[i] * newton[i]
    any_uphill = False
    for i in range(LANES):
        any_uphill |= worth[i] < 0.0
    return any_uphill


@compiled
def _step_alone(lanes, at):  # type: ignore[no-untyped-def]
    """Replace steps that go uphill by steps of every variable alone, within its bounds.

    Where the model is not convex, what is held may turn the others uphill.
    """
    worth = lanes[at.worth]
    for k in range(at.free):
        x = lanes[at.x + k]
        newton = lanes[at.newton + k]
        gradient = lanes[at.gradient + k]
        curvature = lanes[at.hessian + place_of(k, k)]
        low = lanes[at.lower + k]
        high = lanes[at.upper + k]
        for i in range(LANES):
            alone = -gradient[i] / max(at.free * abs(curvature[i]), TINY)
            alone = min(max(alone, low[i] - x[i]), high[i] - x[i])
            newton[i] = alone if worth[i] < 0.0 else newton[i]


@compiled
def _hold_at_bounds(lanes, at, count):  # type: ignore[no-untyped-def]
    """Set `moves` to 1 for those of the first `count` variables that are not at a bound and pulled outwards, else to 0."""
    for k in range(at.free):
        for i in range(LANES):
            lanes[at.moves + k, i] = 0.0
            lanes[at.shift + k, i] = 0.0
    for k in range(count):
        x = lanes[at.x + k]
        slope = lanes[at.gradient + k]
        moves = lanes[at.moves + k]
        low = lanes[at.lower + k]
        high = lanes[at.upper + k]
        for i in range(LANES):
            out = ((x[i] <= low[i]) & (slope[i] >= 0.0)) | ((x[i] >= high[i]) & (slope[i] <= 0.0))
            moves[i] = 0.0 if out else 1.0


@compiled
def factorise(lanes, at):  # type: ignore[no-untyped-def]
    """L D L^T of the Hessian of what moves: `factor` is L, `inverse` 1/D, `solution` L^-1 (-gradient after the shifts).

    A pivot that is not positive is replaced, so that the step goes downhill whatever the curvature; `sound` is then 0.
    """
    size = lanes[at.pivot_size]
    damping = lanes[at.damping]
    sound = lanes[at.sound]
    for i in range(LANES):
        sound[i] = 1.0
    for k in range(at.free):
        row = at.factor + place_of(k, 0)
        pivot = lanes[row + k]
        moves = lanes[at.moves + k]
        solution = lanes[at.solution + k]
        gradient = lanes[at.gradient + k]
        # The right-hand side: minus the gradient where the shifts lead.
        for i in range(LANES):
            solution[i] = -gradient[i]
        for m in range(at.free):
            element = lanes[at.hessian + place_of(max(k, m), min(k, m))]
            shift = lanes[at.shift + m]
            for i in range(LANES):
                solution[i] -= element[i] * shift[i]
        # Row k of the matrix: zero where something does not move, which gets a unit diagonal.
        for m in range(k + 1):
            element = lanes[at.hessian + place_of(k, m)]
            other = lanes[at.moves + m]
            out = lanes[row + m]
            for i in range(LANES):
                out[i] = element[i] * (moves[i] * other[i])
        for i in range(LANES):
            solution[i] *= moves[i]
            pivot[i] += 1.0 - moves[i] + damping[i] * abs(pivot[i])
            size[i] = max(abs(pivot[i]), TINY)
        # Row k of L D, column by column.
        for m in range(k):
            out = lanes[row + m]
            column = at.factor + place_of(m, 0)
            for j in range(m):
                a = lanes[row + j]
                b = lanes[column + j]
                for i in range(LANES):
                    out[i] -= a[i] * b[i]
        # Divide by D for row k of L; the pivot and the right-hand side lose what the rows before explain.
        for m in range(k):
            element = lanes[row + m]
            inverse = lanes[at.inverse + m]
            before = lanes[at.solution + m]
            for i in range(LANES):
                ratio = element[i] * inverse[i]
                pivot[i] -= ratio * element[i]
                solution[i] -= ratio * before[i]
                element[i] = ratio
        inverse = lanes[at.inverse + k]
        for i in range(LANES):
            sound[i] = sound[i] if pivot[i] > RANK * size[i] else 0.0
            inverse[i] = 1.0 / (pivot[i] if pivot[i] > RANK * size[i] else max(-pivot[i], SADDLE * size[i]))


@compiled
def _solve(lanes, at):  # type: ignore[no-untyped-def]
    """Fill `aim`, where the model is smallest while what is held stays: L^T aim = D^-1 solution.

    Where no lane aims beyond a bound that is the step. Tells if any does.
    """
    first = lanes[at.first]
    beyond = lanes[at.most]
    for i in range(LANES):
        first[i] = -1.0
        beyond[i] = 0.0
    for k in range(at.free - 1, -1, -1):
        aim = lanes[at.aim + k]
        solution = lanes[at.solution + k]
        inverse = lanes[at.inverse + k]
        moves = lanes[at.moves + k]
        shift = lanes[at.shift + k]
        for i in range(LANES):
            aim[i] = solution[i] * inverse[i]
        for m in range(k + 1, at.free):
            element = lanes[at.factor + place_of(m, k)]  # 0 for what is held
            other = lanes[at.aim + m]
            for i in range(LANES):
                aim[i] -= element[i] * other[i]
        x = lanes[at.x + k]
        low = lanes[at.lower + k]
        high = lanes[at.upper + k]
        for i in range(LANES):
            aim[i] = aim[i] if moves[i] > 0.0 else shift[i]
            end = x[i] + aim[i]
            beyond[i] += 1.0 if (moves[i] > 0.0) & ((end < low[i]) | (end > high[i])) else 0.0
    number = 0.0
    for i in range(LANES):
        number += beyond[i]
    if number > 0.0:
        return True
    for k in range(at.free):
        aim = lanes[at.aim + k]
        newton = lanes[at.newton + k]
        for i in range(LANES):
            newton[i] = aim[i]
    return False


@compiled
def _approach(lanes, at):  # type: ignore[no-untyped-def]
    """Move the step towards the aim, up to the first bound on the way; hold what meets it."""
    fraction = lanes[at.fraction]
    first = lanes[at.first]
    for i in range(LANES):
        fraction[i] = 1.0
    # The bound that is met first.
    for k in range(at.free):
        x = lanes[at.x + k]
        newton = lanes[at.newton + k]
        aim = lanes[at.aim + k]
        moves = lanes[at.moves + k]
        low = lanes[at.lower + k]
        high = lanes[at.upper + k]
        number = float(k)
        for i in range(LANES):
            end = x[i] + aim[i]
            outside = (moves[i] > 0.0) & ((end < low[i]) | (end > high[i]))
            bound = low[i] - x[i] if end < low[i] else high[i] - x[i]
            part = (bound - newton[i]) / (aim[i] - newton[i]) if outside else 1.0
            meets = part < fraction[i]
            fraction[i] = part if meets else fraction[i]
            first[i] = number if meets else first[i]
    # Up to there.
    for k in range(at.free):
        x = lanes[at.x + k]
        newton = lanes[at.newton + k]
        aim = lanes[at.aim + k]
        moves = lanes[at.moves + k]
        shift = lanes[at.shift + k]
        low = lanes[at.lower + k]
        high = lanes[at.upper + k]
        number = float(k)
        for i in range(LANES):
            bound = low[i] if aim[i] < newton[i] else high[i]
            gone = newton[i] + fraction[i] * (aim[i] - newton[i]) if fraction[i] < 1.0 else aim[i]
            meets = 1.0 if first[i] == number else 0.0
            newton[i] = bound - x[i] if first[i] == number else gone
            moves[i] *= 1.0 - meets
            shift[i] += meets * newton[i]


@compiled
def _release(lanes, at, count):  # type: ignore[no-untyped-def]
    """Let go of the held one of the first `count` variables whose way back promises most. Tells if any lane has one.

    A lane that has met a bound is solved again before. Where a pivot was replaced the Hessian does not tell what a way is
    worth, and nothing is let go.
    """
    first = lanes[at.first]
    sound = lanes[at.sound]
    most = lanes[at.most]
    freed = lanes[at.fraction]
    slope = lanes[at.slope_after]
    for i in range(LANES):
        most[i] = WORTHLESS if (sound[i] > 0.0) & (first[i] < 0.0) else inf
        freed[i] = -1.0
    for k in range(count):
        moves = lanes[at.moves + k]
        any_held = False
        for i in range(LANES):
            any_held |= moves[i] == 0.0
        if not any_held:
            continue
        # The slope of the quadratic model where the step ends.
        gradient = lanes[at.gradient + k]
        for i in range(LANES):
            slope[i] = gradient[i]
        for m in range(at.free):
            element = lanes[at.hessian + place_of(max(k, m), min(k, m))]
            newton = lanes[at.newton + m]
            for i in range(LANES):
                slope[i] += element[i] * newton[i]
        x = lanes[at.x + k]
        newton = lanes[at.newton + k]
        low = lanes[at.lower + k]
        curvature = lanes[at.hessian + place_of(k, k)]
        number = float(k)
        for i in range(LANES):
            inwards = slope[i] < 0.0 if newton[i] <= low[i] - x[i] else slope[i] > 0.0
            promise = slope[i] * slope[i] / max(abs(curvature[i]), TINY)
            frees = (moves[i] == 0.0) & inwards & (promise > most[i])
            most[i] = promise if frees else most[i]
            freed[i] = number if frees else freed[i]
    for k in range(at.free):
        moves = lanes[at.moves + k]
        shift = lanes[at.shift + k]
        number = float(k)
        for i in range(LANES):
            frees = 1.0 if freed[i] == number else 0.0
            moves[i] += frees
            shift[i] *= 1.0 - frees
    any_freed = False
    for i in range(LANES):
        any_freed |= freed[i] >= 0.0
    return any_freed
