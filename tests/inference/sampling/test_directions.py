"""Directions in cells: the density that is drawn from is the one that is said, and it follows the weights."""

from __future__ import annotations

import numpy as np

from bayesnu.inference.sampling.directions import draw_direction, log_density_of, spread_evenly, tabulate

POLE = np.array([2.0, -1.0, 2.0]) / 3


def drawn(density: np.ndarray, number: int) -> np.ndarray:
    """Unit vectors (number, 3) from a table, whose density both functions have to agree on."""
    below = np.concatenate([[0.0], np.cumsum(density)]) / density.sum()
    vectors = np.empty((number, 3))
    for vector, normals in zip(vectors, np.random.default_rng(1).standard_normal((number, 3)), strict=True):
        said = draw_direction(normals, density, below, vector)
        assert said == log_density_of(vector, density)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-14)
    return vectors


def test_one_cell_is_an_even_distribution() -> None:
    vectors = drawn(spread_evenly(), 4000)
    assert np.all(np.abs(vectors.mean(axis=0)) < 5 / np.sqrt(3 * 4000))
    np.testing.assert_allclose(vectors.T @ vectors / 4000, np.eye(3) / 3, atol=0.03)


def test_draws_follow_a_density_that_is_an_exponential_about_a_pole() -> None:
    """The cosine of the angle to the pole has the density exp(kappa cos) of von Mises and Fisher."""
    kappa = 60.0
    density = tabulate(lambda vectors: kappa * vectors @ POLE)
    assert abs(density.mean() - 1) < 1e-12
    cosine = drawn(density, 8000) @ POLE
    share = np.exp(kappa * (cosine - 1))  # uniform on (0, 1), as kappa is large
    found, _ = np.histogram(share, bins=10, range=(0, 1))
    assert np.abs(found / 800 - 1).max() < 0.15


def test_a_narrow_spot_is_found_though_no_first_cell_lies_in_it() -> None:
    density = tabulate(lambda vectors: 3000 * vectors @ POLE)
    best = np.unravel_index(np.argmax(density), density.shape)
    height = -1 + 2 * (best[0] + 0.5) / density.shape[0]
    assert abs(height - POLE[0]) < 0.03 and density.shape[0] > 32
    assert density.min() > 0  # no direction is impossible
