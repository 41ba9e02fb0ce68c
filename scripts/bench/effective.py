"""What samples are worth: one rule for every sampler, and the check of that rule against repeated runs.

Markov chains: effective sizes in the bulk and the tails and the Monte-Carlo error of a quantile from
`bayesnu.inference.credible`, with every walker of an ensemble and every chain of NUTS as a chain of its own; samples are
(ensembles, steps, walkers). Nested samplers give independent points with weights: Kish's size (sum w)^2 / sum w^2, and the
error of a quantile from it. Neither is believed: the scatter of the quantile over repeated runs has to be the error claimed.
"""

from __future__ import annotations

import emcee
import numpy as np

from bayesnu.inference import credible

PROBABILITY = 0.9
BURN_IN_TAU = 5  # autocorrelation times left out at the start of an ensemble
WALKERS = 64  # that enter the autocorrelation time


def burn_in(samples: np.ndarray) -> int:
    """Steps to leave out of samples (ensembles, steps, walkers, parameters): five autocorrelation times, half at most."""
    steps = samples.shape[1]
    late = samples[:, steps // 5 :, :: max(samples.shape[2] // WALKERS, 1)]
    series = late.transpose(1, 0, 2, 3).reshape(late.shape[1], -1, samples.shape[-1])
    tau = float(np.max(emcee.autocorr.integrated_time(series, tol=0)))
    most: int = steps // 2
    return min(int(np.ceil(BURN_IN_TAU * tau)), most) if np.isfinite(tau) else most


def worth(values: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Effective sizes, the 90 % quantile with its error: of chains (ensembles, steps, walkers) or weighted points (n,)."""
    if weights is None:
        return {
            "bulk": credible.ess(values, "bulk"),
            "tail": credible.ess(values, "tail"),
            "quantile": credible.quantile(values, PROBABILITY),
            "error": credible.quantile_error(values, PROBABILITY),
            "width": credible.quantile(values, 0.95) - credible.quantile(values, 0.05),
        }
    size = kish(weights)
    return {
        "bulk": size,
        "tail": size,
        "quantile": credible.quantile(values, PROBABILITY, weights),
        "error": weighted_quantile_error(values, weights, size),
        "width": credible.quantile(values, 0.95, weights) - credible.quantile(values, 0.05, weights),
    }


def kish(weights: np.ndarray) -> float:
    """How many equal weights average as well as these."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def weighted_quantile_error(values: np.ndarray, weights: np.ndarray, size: float) -> float:
    """Error of the quantile of `size` independent points: half the distance between the quantiles at p +- its error."""
    error = np.sqrt(PROBABILITY * (1 - PROBABILITY) / size)
    low, high = (credible.quantile(values, p, weights) for p in (PROBABILITY - error, min(PROBABILITY + error, 1.0)))
    return (high - low) / 2
