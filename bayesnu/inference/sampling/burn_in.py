"""How long walkers remember where they started: the autocorrelation time of samples, and the burn-in that follows."""

from __future__ import annotations

import numpy as np

BURN_IN_TAU = 5  # autocorrelation times that are left out at the start
FEWEST_DRAWS = 8  # with fewer nothing can be judged
TAU_WALKERS = 32  # walkers per ensemble that enter the autocorrelation time


def autocorrelation_time(samples: np.ndarray) -> float:
    """Largest integrated autocorrelation time over the parameters, in draws; samples as in `Chain`."""
    from emcee.autocorr import integrated_time  # brings scipy.stats along, which a run without chains does not need

    steps = samples.shape[1]
    if steps < FEWEST_DRAWS:
        return float(steps)
    stride = max(samples.shape[2] // TAU_WALKERS, 1)
    walkers = samples[:, :, ::stride].transpose(1, 0, 2, 3).reshape(steps, -1, samples.shape[-1])
    moving = np.ptp(walkers, axis=(0, 1)) > 0
    if not moving.all():
        return float(steps)  # a parameter that never moved
    with np.errstate(invalid="ignore", divide="ignore"):
        tau = integrated_time(walkers, tol=0)
    return float(np.max(np.where(np.isfinite(tau), tau, steps)))


def find_burn_in(samples: np.ndarray) -> tuple[int, float]:
    """Draws to leave out at the start, and the autocorrelation time that decides it."""
    tau = autocorrelation_time(samples[:, samples.shape[1] // 5 :])
    return min(int(np.ceil(BURN_IN_TAU * tau)), samples.shape[1] // 2), tau
