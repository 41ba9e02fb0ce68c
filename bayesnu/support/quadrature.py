"""Gauss-Legendre rules, computed once per order: numpy solves an eigenvalue problem for each."""

from __future__ import annotations

from functools import cache

import numpy as np


@cache
def gauss_legendre(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (order,) on [-1, 1], read-only."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights
