"""The autocorrelation time of chains whose own is known."""

from __future__ import annotations

import numpy as np
import pytest

from bayesnu.inference.sampling.burn_in import TAU_WALKERS, autocorrelation_time


def autoregressive(memory: float, steps: int, seed: int = 1) -> np.ndarray:
    """Samples (2, steps, TAU_WALKERS, 1) of which each keeps `memory` of the one before: its time is (1 + m) / (1 - m)."""
    noise: np.ndarray = np.random.default_rng(seed).normal(size=(steps, 2, TAU_WALKERS, 1))
    values: np.ndarray = noise / np.sqrt(1 - memory**2)
    for n in range(1, steps):
        values[n] = memory * values[n - 1] + noise[n]
    return values.transpose(1, 0, 2, 3)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_the_autocorrelation_time_of_an_autoregressive_chain(memory: float) -> None:
    assert autocorrelation_time(autoregressive(memory, 8000)) == pytest.approx((1 + memory) / (1 - memory), rel=0.05)


def test_a_walker_that_never_moved_takes_all_steps() -> None:
    samples = autoregressive(0.5, 100)
    samples[0, :, 0] = 1.0
    assert autocorrelation_time(samples) == 100
