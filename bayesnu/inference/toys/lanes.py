"""Newton's method for `LANES` toys at a time, each a lane of vector instructions.

A toy that has converged leaves its lane, and the next one that waits takes it.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import NamedTuple

import numpy as np

from bayesnu.inference.toys.bounded import aim_within, factorise
from bayesnu.inference.toys.chi2 import expect_counts, fill_chi2, fill_derivatives
from bayesnu.inference.toys.rows import LANES
from bayesnu.inference.toys.steps import (
    aim_at_level,
    bend_step,
    check_last_step,
    free_last,
    promise_decrease,
    substitute_back,
    take_step,
)
from bayesnu.support.compiled import compiled

# A toy has converged when the last step of its fit promises less than is asked for. It has also converged where convergence
# is seen to be quadratic, as the next step then promises that little:
NEARLY = 1e4  # the promise is below this many times as much,
QUADRATIC = 0.01  # and below this part of the promise before
ITERATIONS = 50  # then a toy is left to slower and safer methods: the scalar minimiser, bisection


class ToyArrays(NamedTuple):
    """The data of toys: `counts` (toys, bins) and the `centres` of constraints (toys, parameters)."""

    counts: np.ndarray
    centres: np.ndarray


class Goal(NamedTuple):
    """What is looked for: with side 0 a minimum, else where the profile of the last free variable crosses a level.

    The crossing of `target` (toys,) lies upwards of the start for side 1, downwards for -1. It is between `low` and `high`
    (toys,), which are mirrored for side -1; `reach` is the longest step. `bend` tells whether steps to a minimum follow the
    ellipse on which the signal's events stay. A fit ends where a step promises less than `enough` of chi^2.
    """

    side: float
    target: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reach: float
    bend: bool
    enough: float


@compiled
def _exchange_toys(lanes, at, form, toys, goal, theta, toy, change):  # type: ignore[no-untyped-def]
    """Store the free parameters of toys that leave their lanes and load the lanes' new toys.

    Rows of `change` are a lane and the toy that leaves it, -1 for none; toy[lane] is the new one, -1 for none.
    """
    order = form.order
    squared = form.squared
    counts = toys.counts
    centres = toys.centres
    for n in range(change.shape[0]):
        lane = change[n, 0]
        old = change[n, 1]
        new = max(toy[lane], 0)  # a lane without a toy works on the first one, and is not stored
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
        lanes[at.slope, lane] = -inf  # there is no last step to check
        if goal.side != 0.0:
            lanes[at.low, lane] = goal.low[new]
            lanes[at.high, lane] = goal.high[new]
        lanes[at.damping, lane] = 0.0
        lanes[at.before, lane] = 0.0


@compiled
def _end_toys(lanes, at, enough, toy, steps, number, waiting, change):  # type: ignore[no-untyped-def]
    """End the toys that have converged or will not, and give their lanes to waiting toys.

    Fills `change` for `_exchange_toys`; returns how many lanes change, and the next toy that waits.
    """
    worth = lanes[at.worth]
    before = lanes[at.before]
    shorten = lanes[at.shorten]
    damping = lanes[at.damping]
    changes = 0
    for i in range(LANES):
        steps[i] += 1
        # Converged is a toy whose last full Newton step promises next to nothing.
        small = worth[i] < enough or (worth[i] < NEARLY * enough and worth[i] < QUADRATIC * before[i])
        small = small and shorten[i] == 1.0 and damping[i] == 0.0
        before[i] = worth[i]
        if toy[i] < 0 or not (small or steps[i] == ITERATIONS):
            continue
        number[toy[i]] = steps[i] if small else 0
        change[changes, 0] = i
        change[changes, 1] = toy[i]
        changes += 1
        # The lane is the next toy's; past the last one lanes stay empty, and waiting counts on.
        steps[i] = 0
        toy[i] = waiting if waiting < number.size else -1
        waiting += 1
    return changes, waiting


@compiled
def iterate_newton(spectra, form, toys, goal, theta, lanes, at, number):  # type: ignore[no-untyped-def]
    """Newton's method for every toy, from theta (toys, parameters), which it replaces by what the goal asks for.

    Fills the number of steps (toys,), 0 where it did not end.
    """
    # Bundles stop here: numba counts references to all their arrays at every call.
    templates = spectra.templates
    transposed = spectra.transposed
    blocks = spectra.blocks
    monomials = form.monomials
    linear = form.linear
    slopes = form.slopes
    spectra_by = form.spectra
    size = theta.shape[0]
    to_level = goal.side != 0.0
    count = at.free - 1 if to_level else at.free
    # The first toys take the lanes.
    toy = np.arange(LANES)
    steps = np.zeros(LANES, dtype=np.int64)
    change = np.full((LANES, 2), -1)
    for i in range(LANES):  # an assignment of arrays takes numba two seconds to compile
        change[i, 0] = i
        toy[i] = i if i < size else -1
    changes = waiting = toy.size  # not LANES, for whose type `_end_toys` would be compiled once more
    while waiting < size + LANES:  # some toy has not ended
        _exchange_toys(lanes, at, form, toys, goal, theta, toy, change[:changes])
        # The model at where the lanes are.
        expect_counts(transposed, blocks, monomials, lanes, at)
        if to_level:
            fill_chi2(lanes, at)
        fill_derivatives(templates, blocks, linear, slopes, spectra_by, lanes, at)
        check_last_step(lanes, at)
        # The Newton step: towards the level or the minimum.
        if to_level:
            aim_within(lanes, at, count)
            promise_decrease(lanes, at, count)
            free_last(lanes, at)
            factorise(lanes, at)
            aim_at_level(lanes, at, toy, goal)
            substitute_back(lanes, at, count)
            take_step(lanes, at)
            lanes[at.slope] = -inf  # a step to a level does not go downhill
        else:
            aim_within(lanes, at, count)
            if goal.bend:
                bend_step(lanes, at)
            take_step(lanes, at)
        # Who is done makes room.
        changes, waiting = _end_toys(lanes, at, goal.enough, toy, steps, number, waiting, change)
    if size > 0:
        _exchange_toys(lanes, at, form, toys, goal, theta, toy, change[:changes])


@compiled
def evaluate_chi2(spectra, form, toys, goal, theta, lanes, at, chi2):  # type: ignore[no-untyped-def]
    """Fill the statistic (toys,) of every toy at theta (toys, parameters), for which the goal has to be a minimum."""
    transposed = spectra.transposed
    blocks = spectra.blocks
    monomials = form.monomials
    size = theta.shape[0]
    toy = np.arange(LANES)
    change = np.full((LANES, 2), -1)
    for i in range(LANES):
        change[i, 0] = i
    for start in range(0, size, LANES):
        for i in range(LANES):
            toy[i] = min(start + i, size - 1)
        _exchange_toys(lanes, at, form, toys, goal, theta, toy, change)
        expect_counts(transposed, blocks, monomials, lanes, at)
        fill_chi2(lanes, at)
        for i in range(min(LANES, size - start)):
            chi2[start + i] = lanes[at.chi2, i]
