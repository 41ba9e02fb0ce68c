"""Credible intervals and convergence diagnostics.

arviz is imported where it is needed, in functions: importing it takes longer than a fit, and quantiles need none of it.

Samples come as (ensembles, steps, walkers). Two layouts matter:

* R-hat compares independent ensembles, each flattened: walkers of one ensemble are not independent chains.
* Effective sizes and Monte-Carlo errors take every walker as a chain. Then the error of a quantile matches the scatter of
  repeated runs; an ensemble flattened step by step gives errors several times too small.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnu.inference.diagnostics import Diagnostics
from bayesnu.inference.fits import Fits
from bayesnu.inference.highest_density import Curve, choose_histogram, close_gaps, jackknife_errors, nearest_ends
from bayesnu.inference.interval import CredibleInterval, Piece
from bayesnu.inference.kinds import check_interval
from bayesnu.support.errors import BayesnuError

HDI_BATCHES = 4  # consecutive parts of each ensemble: their scatter gives the error of a highest-density interval
MOST_DRAWS = 400_000  # ranks are found by sorting: chains are thinned to this many draws for an effective size,
MOST_COMPARED = 100_000  # and to this many for R-hat, which says no more with more of them


def credible_interval(
    samples: np.ndarray,
    kind: str,
    probability: float,
    *,
    weights: np.ndarray | None = None,
    curve: Curve | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> CredibleInterval:
    """Credible interval from samples (ensembles, steps, walkers), optionally with importance weights of that shape.

    A highest-density interval has as many pieces as it needs. `curve` is the density where it is known, otherwise it is
    estimated from the samples; `bounds` are the ends of the parameter's range.
    """
    check_interval(kind, probability)
    if kind == "hdi":
        if weights is not None:
            raise BayesnuError("kind: a highest-density interval needs an unweighted chain; run again with the new prior")
        return _find_highest_density(samples, probability, curve, bounds)
    tails = _choose_tails(kind, probability)
    ends = [None if p is None else quantile(samples, p, weights) for p in tails]
    errors = [None if p is None else quantile_error(samples, p, weights) for p in tails]
    median = quantile(samples, 0.5, weights)
    return CredibleInterval(
        kind=kind,
        probability=probability,
        median=median,
        pieces=(Piece(*ends),),
        errors=(Piece(*errors),),
    )


def _choose_tails(kind: str, probability: float) -> tuple[float | None, float]:
    """The probabilities below the ends of an interval; an upper limit has no lower end."""
    tail = (1 - probability) / 2
    return (None, probability) if kind == "upper" else (tail, 1 - tail)


def parameter_interval(fits: Fits, kept: np.ndarray, index: int, kind: str, probability: float) -> CredibleInterval:
    """Credible interval of a physics parameter from samples (ensembles, steps, walkers, parameters) of a model."""
    prior = fits.model.parameters[index]
    curve = fits.curve if kind == "hdi" else None
    return credible_interval(kept[..., index], kind, probability, curve=curve, bounds=(prior.lower, prior.upper))


def drawn_interval(fits: Fits, kept: np.ndarray, index: int, kind: str, probability: float) -> CredibleInterval:
    """The same interval for a figure, which shows no errors: they take longer than the interval."""
    samples = kept[..., index]
    if kind != "hdi":
        ends = [None if p is None else quantile(samples, p) for p in _choose_tails(kind, probability)]
        pieces: tuple[Piece, ...] = (Piece(*ends),)
    elif fits.curve is not None:
        level = quantile(fits.curve.at(samples), 1 - probability)
        pieces = fits.curve.pieces_above(level)
    else:
        return parameter_interval(fits, kept, index, kind, probability)
    return CredibleInterval(kind=kind, probability=probability, median=quantile(samples, 0.5), pieces=pieces)


def quantile(samples: np.ndarray, probability: float, weights: np.ndarray | None = None) -> float:
    """Quantile of all samples together."""
    if weights is None:
        return float(np.quantile(samples, probability))
    order = np.argsort(samples, axis=None)
    cumulative = np.cumsum(weights.ravel()[order])
    place = np.searchsorted(cumulative, probability * cumulative[-1])
    return float(samples.ravel()[order[min(place, len(order) - 1)]])


def quantile_error(samples: np.ndarray, probability: float, weights: np.ndarray | None = None) -> float:
    """Monte-Carlo standard error of a quantile.

    Half the distance between the quantiles at p plus and minus the error of p is the error in x.
    """
    error = find_probability_error(samples, probability, weights)
    low, high = np.clip([probability - error, probability + error], 0, 1)
    return (quantile(samples, high, weights) - quantile(samples, low, weights)) / 2


def find_probability_error(samples: np.ndarray, probability: float, weights: np.ndarray | None = None) -> float:
    """Monte-Carlo standard error of the probability below a quantile.

    The indicator 1(x < q) - p is averaged over the chain, so its error is that of a mean, with every walker as a chain.
    """
    indicator = (samples < quantile(samples, probability, weights)) - probability
    if weights is not None:
        indicator = indicator * weights / weights.mean()
    if not np.ptp(indicator) > 0:
        return 0.0
    indicator = indicator.astype(float)
    return float(indicator.std() / np.sqrt(ess(indicator, "mean")))


def _find_highest_density(
    samples: np.ndarray, probability: float, curve: Curve | None, bounds: tuple[float, float]
) -> CredibleInterval:
    """The region of highest density; one of a single piece whose density is not known is the shortest interval."""
    if curve is not None:
        pieces, errors = _find_region(samples, probability, curve)
    else:
        pieces, errors = _estimate_region(samples, probability, bounds)
        if len(pieces) == 1:
            pieces, errors = _find_shortest(samples, probability)
    return CredibleInterval(
        kind="hdi",
        probability=probability,
        median=quantile(samples, 0.5),
        pieces=pieces,
        errors=errors,
    )


def _find_region(samples: np.ndarray, probability: float, curve: Curve) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Pieces and errors where the density is known: its level is a quantile of the samples' own densities."""
    density = curve.at(samples)
    pieces = curve.pieces_above(quantile(density, 1 - probability))
    error = find_probability_error(density, 1 - probability)
    around = np.clip([1 - probability - error, 1 - probability + error], 0, 1)
    levels = [quantile(density, p) for p in around]
    low, high = (nearest_ends(pieces, curve.pieces_above(level)) for level in levels)
    errors = np.abs(high - low) / 2
    return pieces, tuple(Piece(*map(float, each)) for each in errors)


def _estimate_region(
    samples: np.ndarray, probability: float, bounds: tuple[float, float]
) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Pieces and errors where the density is estimated, from the scatter without each part of the samples."""
    if not np.ptp(samples) > 0:
        return _find_shortest(samples, probability)
    histogram = choose_histogram(samples.ravel(), bounds)
    parts = [histogram.estimate(part) for part in _split_samples(samples)]
    whole = [np.sum(of_range, axis=0) for of_range in zip(*parts, strict=True)]
    pieces = histogram.curve(whole).region(probability)
    rests = [[all_ - one for all_, one in zip(whole, part, strict=True)] for part in parts]
    without_one = [histogram.curve(rest).region(probability) for rest in rests]
    return close_gaps(pieces, jackknife_errors(pieces, without_one))


def _split_samples(samples: np.ndarray) -> list[np.ndarray]:
    """Consecutive parts of every ensemble."""
    return [part.ravel() for ensemble in samples for part in np.array_split(ensemble, HDI_BATCHES)]


def _find_shortest(samples: np.ndarray, probability: float) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """The shortest interval and its errors, as one piece."""
    of_parts = [_find_shortest_ends(part, probability) for part in _split_samples(samples)]
    # the ends of a shortest interval converge with the cube root of the number of samples, not with the square root
    errors = np.std(np.array(of_parts, dtype=float), axis=0, ddof=1) / np.cbrt(len(of_parts))
    return (_find_shortest_ends(samples.ravel(), probability),), (Piece(float(errors[0]), float(errors[1])),)


def _find_shortest_ends(values: np.ndarray, probability: float) -> Piece:
    from bayesnu.inference import arviz_lines

    return Piece(*arviz_lines.shortest_interval(values, probability))


def as_chains(samples: np.ndarray) -> np.ndarray:
    """Every walker as a chain: (ensembles * walkers, steps) from (ensembles, steps, walkers)."""
    return np.ascontiguousarray(samples.transpose(0, 2, 1).reshape(-1, samples.shape[1]))


def diagnose(samples: np.ndarray) -> Diagnostics:
    """Diagnostics of samples (ensembles, steps, walkers)."""
    return Diagnostics(rhat=rhat(samples), ess_bulk=ess(samples, "bulk"), ess_tail=ess(samples, "tail"))


def rhat(samples: np.ndarray) -> float:
    """Rank-normalised split R-hat across independent ensembles, each flattened step by step; NaN for one ensemble."""
    if len(samples) < 2:
        return float("nan")
    from bayesnu.inference import arviz_lines

    flat = samples.reshape(len(samples), -1)
    return arviz_lines.rhat(_thin_chains(flat, MOST_COMPARED))


def ess(samples: np.ndarray, method: str) -> float:
    """Effective number of samples, `bulk`, `tail` (10 and 90 %) or for the `mean`, with every walker as a chain."""
    from bayesnu.inference import arviz_lines

    chains = as_chains(samples) if method == "mean" else _thin_chains(as_chains(samples), MOST_DRAWS)
    return arviz_lines.ess(chains, method)


def _thin_chains(chains: np.ndarray, most: int) -> np.ndarray:
    step = -(-chains.size // most)
    return np.ascontiguousarray(chains[:, ::step]) if chains.shape[1] // step >= 8 else chains


def to_arviz(samples: dict[str, np.ndarray], log_posterior: np.ndarray, attributes: dict[str, Any]) -> Any:
    """Return arviz's own object from samples (ensembles, steps, walkers) by name; every walker is a chain."""
    from bayesnu.inference import arviz_lines

    posterior = {name: as_chains(values) for name, values in samples.items()}
    statistics = {"lp": as_chains(log_posterior)}
    return arviz_lines.from_chains(posterior, statistics, attributes)
