"""When a chain has converged: the rule, and what is missing where it has not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bayesnu.inference import credible
from bayesnu.inference.diagnostics import Convergence
from bayesnu.inference.fits import Fits
from bayesnu.inference.marginal import find_modes
from bayesnu.inference.sampling.burn_in import FEWEST_DRAWS, find_burn_in
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings

RHAT_BELOW = 1.01  # across ensembles
STEPS_PER_TAU = 50  # stored steps after the burn-in, in autocorrelation times
SAMPLES_PER_WALKER = 10  # effective samples: fewer mean that walkers stay where they are
SAMPLES_BEYOND = 50  # effective samples beyond a bound: with fewer its error is not known
LARGEST_PULL = 5.0  # standard errors between a sampled and an integrated quantile
ERROR_BELOW = 0.01  # of the limit for an upper limit, of the width for an interval
MODE_FROM = 0.01  # a mode with less posterior probability than this need not be visited
MODE_TOLERANCE = 0.25  # relative difference allowed between a mode's probability and the share of samples in it


def judge(fits: Fits, chain: Chain, settings: Settings) -> Convergence:
    """Apply the rule to a chain.

    Converged means all of these:

    * R-hat across independent ensembles is below 1.01.
    * There are more than 50 autocorrelation times after the burn-in.
    * The walkers mix, and none of them stands still.
    * More than 50 effective samples lie beyond every reported bound.
    * The Monte-Carlo error of every bound is below 1 % of an upper limit, or of the interval's width.
    * Every mode of a single physics parameter is visited by its share of samples.
    * The bounds of a single physics parameter agree with the integrated posterior.
    """
    samples = chain.samples
    thin = chain.thin
    start, tau = find_burn_in(samples)
    kept = samples[:, start:]
    if kept.shape[1] < FEWEST_DRAWS:
        return Convergence(
            steps=chain.steps,
            burn_in=start * thin,
            tau=tau * thin,
            missing=("too few steps to judge: give more",),
            rhat=np.inf,
            error=np.inf,
        )
    largest = max(credible.rhat(kept[..., k]) for k in range(samples.shape[-1]))
    errors = [find_bound_error(fits, kept, k, settings) for k in range(fits.model.n_physics)]
    error = max(errors, default=0.0)
    missing = [
        *_check_rhat(largest),
        *_check_length(kept, tau, thin),
        *_check_samples(kept, settings),
        *_check_error(error),
        *_check_movement(kept),
        *compare_modes(fits, kept),
        *compare_bounds(fits, kept, settings),
    ]
    return Convergence(
        steps=chain.steps, burn_in=start * thin, tau=tau * thin, missing=tuple(missing), rhat=largest, error=error
    )


def steps_needed(verdict: Convergence) -> float:
    """Stored steps that a chain will probably take: as many as the slower of two rules still needs."""
    by_error = verdict.steps * (min(verdict.error, 1.0) / ERROR_BELOW) ** 2
    return max(by_error, 1.1 * STEPS_PER_TAU * verdict.tau, verdict.steps)


def _check_rhat(largest: float) -> Iterator[str]:
    """Whether the ensembles agree."""
    if not largest < RHAT_BELOW:
        yield f"R-hat across ensembles is {largest:.4f}, needs < {RHAT_BELOW}"


def _check_length(kept: np.ndarray, tau: float, thin: int) -> Iterator[str]:
    """Whether the steps are many in units of the autocorrelation time, tau draws."""
    draws = kept.shape[1]
    if not draws > STEPS_PER_TAU * tau:
        yield f"{draws * thin} steps are {draws / tau:.0f} autocorrelation times, needs > {STEPS_PER_TAU}"


def _check_samples(kept: np.ndarray, settings: Settings) -> Iterator[str]:
    """Whether there are enough effective samples of every parameter: per walker, and beyond the bounds."""
    walkers = kept.shape[0] * kept.shape[2]
    smallest = min(credible.ess(kept[..., k], "bulk") for k in range(kept.shape[-1]))
    if not smallest > SAMPLES_PER_WALKER * walkers:
        yield f"{walkers} walkers do not mix: {smallest:.0f} effective samples, needs > {SAMPLES_PER_WALKER} each"
    beyond = smallest * min(min(p, 1 - p) for p in list_quantiles(settings))
    if not beyond > SAMPLES_BEYOND:
        yield f"{beyond:.0f} effective samples lie beyond a bound, needs > {SAMPLES_BEYOND}"


def _check_error(error: float) -> Iterator[str]:
    """Whether the bounds are known well."""
    if not error < ERROR_BELOW:
        yield f"the Monte-Carlo error of a bound is {error:.2%}, needs < {ERROR_BELOW:.0%}"


def _check_movement(kept: np.ndarray) -> Iterator[str]:
    """Whether every walker has moved."""
    stuck = np.ptp(kept, axis=1).max(axis=-1) == 0
    if stuck.any():
        yield f"{int(stuck.sum())} walkers never moved"


def find_bound_error(fits: Fits, kept: np.ndarray, index: int, settings: Settings) -> float:
    """Largest Monte-Carlo error of the bounds of one parameter: relative to a limit, or to an interval's width."""
    result = credible.parameter_interval(fits, kept, index, settings.kind, settings.probability)
    size = result.length(fits.model.parameters[index].lower)
    assert size is not None and result.largest_error is not None
    return result.largest_error / size if size > 0 else np.inf


def compare_modes(fits: Fits, kept: np.ndarray) -> list[str]:
    """Compare the modes of a single physics parameter with the share of samples of every ensemble in them."""
    if fits.model.n_physics != 1:
        return []
    exact = fits.marginal
    missing = []
    for low, high in find_modes(exact):
        expected = exact.probability_between(low, high)
        shares = ((kept[..., 0] >= low) & (kept[..., 0] < high)).mean(axis=(1, 2))
        if expected > MODE_FROM and np.any(np.abs(shares - expected) > MODE_TOLERANCE * expected):
            found = ", ".join(f"{share:.3f}" for share in shares)
            missing.append(
                f"the mode of {fits.model.names[0]} in [{low:.3g}, {high:.3g}] holds {expected:.3f} of the posterior, "
                f"the ensembles have {found} there"
            )
    return missing


def compare_bounds(fits: Fits, kept: np.ndarray, settings: Settings) -> list[str]:
    """Compare the quantiles that bound a single physics parameter with those of its integrated posterior."""
    if fits.model.n_physics != 1:
        return []
    exact = fits.marginal
    values = kept[..., 0]
    missing = []
    for p in list_quantiles(settings):
        sampled = credible.quantile(values, p)
        error = credible.quantile_error(values, p)
        if abs(sampled - exact.quantile(p)) > LARGEST_PULL * np.hypot(error, exact.error(p)):
            missing.append(
                f"the {p:.0%} quantile of {fits.model.names[0]} is {sampled:.4g} +- {error:.1g} sampled "
                f"and {exact.quantile(p):.4g} integrated: they disagree"
            )
    return missing


def list_quantiles(settings: Settings) -> tuple[float, ...]:
    """Probabilities below the bounds of the reported interval; for a highest-density one those of equal tails."""
    tail = (1 - settings.probability) / 2
    return (settings.probability,) if settings.kind == "upper" else (tail, 1 - tail)
