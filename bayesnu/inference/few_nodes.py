"""A smooth curve along many nodes, found at few of them: it is costly at each, and known between once enough are found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SPARSEST = 16  # nodes per one that is found first
NEAREST = 8  # found nodes that a polynomial goes through: at half their distance it is 250 times better
CLOSE = 1e-3  # of found values to the polynomial through those before; what is then left is a hundredth of it


def find_between(find: Callable[[np.ndarray], np.ndarray], places: np.ndarray) -> np.ndarray:
    """Curves (curves, nodes) at nodes with increasing `places` (nodes,), which lie about evenly.

    `find` takes the indices of some nodes (n,) and returns the curves there (curves, n). It is asked for nodes halfway
    between those known, until polynomials through the latter foresee what it finds. So it is asked for all nodes of curves
    that are not smooth, or not finite.
    """
    every = np.arange(len(places))
    if len(every) < SPARSEST * NEAREST:
        return find(every)
    known = np.union1d(every[::SPARSEST], every[-1:])
    found = find(known)
    curves = np.empty((len(found), len(every)))
    curves[:, known] = found
    step = SPARSEST
    while step > 1:
        step //= 2
        between = np.setdiff1d(every[::step], known)
        foreseen = _draw_through(places[known], curves[:, known], places[between])
        curves[:, between] = find(between)
        known = np.union1d(known, between)
        if np.all(np.abs(curves[:, between] - foreseen) < CLOSE):
            break
    rest = np.setdiff1d(every, known)
    curves[:, rest] = _draw_through(places[known], curves[:, known], places[rest])
    return curves


def _draw_through(places: np.ndarray, curves: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Values (curves, n) at `where` (n,) of polynomials through the nearest points of curves (curves, known).

    NaN where one of these is infinite.
    """
    first = np.clip(np.searchsorted(places, where) - NEAREST // 2, 0, len(places) - NEAREST)
    near = first[:, None] + np.arange(NEAREST)
    weights = np.ones(near.shape)
    for k in range(NEAREST):
        others = np.delete(places[near], k, axis=1)
        weights[:, k] = np.prod((where[:, None] - others) / (places[near[:, k], None] - others), axis=1)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = np.sum(curves[:, near] * weights, axis=2)
    return found
