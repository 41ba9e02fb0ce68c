"""Draws from a cut Gaussian against brute-force integrals over the box."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from bayesnu.inference.cut_gaussian import draw_within


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
