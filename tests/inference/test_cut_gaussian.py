"""Draws from a cut Gaussian against brute-force integrals over the box."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from bayesnu.inference.cut_gaussian import draw_within, match_cut_moments


@pytest.mark.parametrize(
    ("mean", "low", "high", "top"),
    [
        ([0.0, 0.0], [-1.0, 0.5], [2.0, np.inf], [0.3, 0.5]),  # around the mean
        ([-40.0, 3.0], [0.0, 0.0], [5.0, 6.0], [0.0, 6.0]),  # forty widths outside
        ([70.0, -70.0], [0.0, 0.0], [5.0, 6.0], [5.0, 0.0]),
        ([1.0, 2.0], [-np.inf, -np.inf], [np.inf, np.inf], [1.0, 2.0]),  # without bounds
    ],
)
def test_weighted_draws_have_the_integral_and_the_mean_of_the_cut_gaussian(
    mean: list[float], low: list[float], high: list[float], top: list[float]
) -> None:
    centre = np.array(mean)
    factor = np.array([[1.0, 0.0], [0.6, 0.8]])
    random = np.random.default_rng(1)
    points, log_density = draw_within(centre, factor, np.array(low), np.array(high), random.random((200_000, 2)))
    assert np.all((points >= low) & (points <= high))
    # The exact integral: a grid around where the Gaussian is largest within the box, relative to its value there.
    inverse = np.linalg.inv(factor @ factor.T)
    reach = 12 / np.maximum(np.abs(centre - top).max() / 4, 1)
    axes = [np.linspace(max(a, t - reach), min(b, t + reach), 1501) for a, b, t in zip(low, high, top, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    exponent = -np.einsum("...i,ij,...j->...", grid - centre, inverse, grid - centre) / 2
    peak = exponent.max()
    density = np.exp(exponent - peak)
    whole = np.trapezoid(np.trapezoid(density, axes[1], axis=1), axes[0])
    first = np.trapezoid(np.trapezoid(density * grid[..., 0], axes[1], axis=1), axes[0]) / whole
    # The draws know their density over the Gaussian's at its mean, which has the volume 2 pi |factor|.
    exact = -np.einsum("...i,ij,...j->...", points - centre, inverse, points - centre) / 2
    weight = np.exp(exact - log_density - peak) * 2 * np.pi * 0.8
    error = weight.std() / np.sqrt(len(weight)) / weight.mean()
    assert weight.mean() == pytest.approx(whole, rel=5 * error + 1e-4)
    spread = np.sqrt(np.average((points[:, 0] - first) ** 2, weights=weight))
    assert abs(np.average(points[:, 0], weights=weight) - first) < 5 * spread / np.sqrt(len(weight)) + 1e-3 * spread


def test_draws_far_in_a_tail_are_exponential() -> None:
    uniform = (np.arange(10_000)[:, None] + 0.5) / 10_000
    points, _ = draw_within(np.array([-1000.0]), np.eye(1), np.zeros(1), np.array([np.inf]), uniform)
    assert np.median(points) == pytest.approx(np.log(2) / 1000, rel=1e-3)
    assert special.ndtr(-1000.0) == 0  # what a difference of probabilities would have seen


@pytest.mark.parametrize(
    ("mean", "curvature", "low", "high", "ends"),
    [
        ([0.3, -0.2], [[1.0, 0.3], [0.3, 2.0]], [-1.0, 0.5], [2.0, np.inf], [2.0, 8.0]),
        ([1.0, 1.0], [[400.0, 399.9], [399.9, 400.0]], [0.0, 0.0], [10.0, 10.0], [3.0, 3.0]),  # twins share what is left
        ([-0.1, 0.05], [[400.0, 399.9], [399.9, 400.0]], [0.0, 0.0], [10.0, 10.0], [0.5, 0.5]),  # next to nothing is left
        ([-30.0, 5.0], [[1.0, 0.0], [0.0, 1.0]], [0.0, 5.0], [np.inf, 5.01], [1.0, 5.01]),  # a far tail, a narrow range
    ],
)
def test_matched_gaussians_have_the_moments_of_the_cut_ones(
    mean: list[float], curvature: list[list[float]], low: list[float], high: list[float], ends: list[float]
) -> None:
    centre = np.array(mean)
    inverse = np.array(curvature)
    matched, matched_curvature = match_cut_moments(centre[None], inverse[None], np.array(low), np.array(high))
    # The exact moments: a fine grid over all of the box that counts.
    axes = [np.linspace(a, b, 2001) for a, b in zip(low, ends, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    exponent = -np.einsum("ni,ij,nj->n", grid - centre, inverse, grid - centre) / 2
    weights = np.exp(exponent - exponent.max())
    exact = np.average(grid, axis=0, weights=weights)
    covariance = np.cov(grid.T, aweights=weights)
    widths = np.sqrt(np.diag(covariance))
    np.testing.assert_array_less(np.abs(matched[0] - exact), 0.1 * widths)
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(matched_curvature[0]))), widths, rtol=0.2)
