"""The step within bounds against scipy's least squares with bounds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from bayesnu.inference.bounded_step import aim_within


def aim(x: np.ndarray, gradient: np.ndarray, hessian: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where the step leads; it stays within the bounds and goes downhill as far as it says."""
    goal = np.empty(len(x))
    promise = aim_within(x, gradient, hessian, low, high, goal)
    assert np.all((goal >= low) & (goal <= high))
    assert promise == pytest.approx(-gradient @ (goal - x), rel=1e-12, abs=1e-300) and promise >= 0
    return goal


def rise(root: np.ndarray, aim_at: np.ndarray, x: np.ndarray) -> float:
    """The convex quadratic form |root x - aim_at|^2 / 2."""
    return float(np.sum((root @ x - aim_at) ** 2) / 2)


@pytest.mark.parametrize("rank", (8, 7, 4))
def test_it_finds_the_minimum_between_bounds_whether_or_not_there_is_one_alone(rank: int) -> None:
    random = np.random.default_rng(rank)
    bound = 0
    for _ in range(200):
        root = random.standard_normal((rank, 8)) * 10 ** random.uniform(-3, 3, 8)
        aim_at = 10 ** random.uniform(-2, 3) * random.standard_normal(rank)
        low = np.zeros(8)
        high = 10 ** random.uniform(-2, 1, 8)
        x = np.where(random.random(8) < 0.5, random.uniform(low, high), random.choice([0.0, 1.0], 8) * high)
        found = aim(x, root.T @ (root @ x - aim_at), root.T @ root, low, high)
        exact = lsq_linear(root, aim_at, (low, high), method="bvls", tol=1e-14).x
        start = rise(root, aim_at, x)
        assert rise(root, aim_at, found) <= rise(root, aim_at, exact) + 1e-9 * (start + 1e-9)
        bound += int(np.any((found == low) | (found == high)))
    assert bound > 150


def test_a_step_that_meets_no_bound_is_that_of_newton() -> None:
    random = np.random.default_rng(1)
    root = random.standard_normal((9, 6))
    gradient = random.standard_normal(6)
    far = np.full(6, 1e6)
    found = aim(np.zeros(6), gradient, root.T @ root, -far, far)
    np.testing.assert_allclose(found, -np.linalg.solve(root.T @ root, gradient), rtol=1e-9)


def test_a_saddle_is_left_downhill() -> None:
    random = np.random.default_rng(2)
    for _ in range(100):
        root = random.standard_normal((5, 5))
        hessian = root + root.T
        gradient = random.standard_normal(5)
        found = aim(np.zeros(5), gradient, hessian, -np.ones(5), np.ones(5))
        assert gradient @ found < 0


def test_what_has_neither_slope_nor_curvature_stays_where_it_is() -> None:
    found = aim(np.array([0.3, 0.5]), np.array([1.0, 0.0]), np.diag([2.0, 0.0]), np.zeros(2), np.ones(2))
    np.testing.assert_allclose(found, [0.0, 0.5], atol=1e-12)
