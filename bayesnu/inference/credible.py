"""Credible intervals and convergence diagnostics: the only import of arviz, and one adapter for its two lines.

arviz 0.23 (Python 3.11) and 1.x differ in argument names and in their default interval, so probability and kind are
always explicit. Samples come as (ensembles, steps, walkers). Two layouts matter:

* R-hat compares independent ensembles, each flattened: walkers of one ensemble are not independent chains.
* Effective sizes and Monte-Carlo errors take every walker as a chain. Then the error of a quantile matches the scatter of
  repeated runs; an ensemble flattened step by step gives errors several times too small.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bayesnu.inference.diagnostics import Diagnostics
from bayesnu.inference.interval import CredibleInterval, Piece, outermost_errors
from bayesnu.inference.kinds import KINDS
from bayesnu.support.errors import BayesnuError, did_you_mean

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # arviz 0.23 announces 1.0 once a day
    import arviz


ARVIZ_1 = int(arviz.__version__.split(".")[0]) >= 1
HDI_BATCHES = 4  # consecutive parts of each ensemble: their scatter gives the error of a highest-density interval
MOST_DRAWS = 400_000  # ranks are found by sorting: chains are thinned to this many draws for an effective size,
MOST_COMPARED = 100_000  # and to this many for R-hat, which says no more with more of them


def credible_interval(
    samples: np.ndarray, kind: str, probability: float, *, weights: np.ndarray | None = None, multimodal: bool = False
) -> CredibleInterval:
    """Credible interval from samples (ensembles, steps, walkers), optionally with importance weights of that shape.

    `multimodal` keeps the pieces of a highest-density region apart.
    """
    if kind not in KINDS:
        raise BayesnuError(f"kind: found '{kind}'{did_you_mean(kind, KINDS)}")
    if not 0 < probability < 1:
        raise BayesnuError(f"probability: found {probability:g}; must lie between 0 and 1, for example 0.9")
    if kind == "hdi":
        if weights is not None:
            raise BayesnuError("kind: a highest-density interval needs an unweighted chain; run again with the new prior")
        return _find_highest_density(samples, probability, multimodal)
    tail = (1 - probability) / 2
    low = None if kind == "upper" else tail
    high = probability if kind == "upper" else 1 - tail
    ends = [None if p is None else quantile(samples, p, weights) for p in (low, high)]
    errors = [None if p is None else quantile_error(samples, p, weights) for p in (low, high)]
    median = quantile(samples, 0.5, weights)
    return CredibleInterval(
        kind=kind,
        probability=probability,
        median=median,
        pieces=(Piece(*ends),),
        errors=(Piece(*errors),),
    )


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

    The indicator 1(x < q) - p is averaged over the chain, so its error is that of a mean, with every walker as a chain.
    Half the distance between the quantiles at p plus and minus that error is the error in x.
    """
    q = quantile(samples, probability, weights)
    indicator = (samples < q) - probability
    if weights is not None:
        indicator = indicator * weights / weights.mean()
    if not np.ptp(indicator) > 0:
        return 0.0
    indicator = indicator.astype(float)
    error = float(indicator.std() / np.sqrt(ess(indicator, "mean")))
    low, high = np.clip([probability - error, probability + error], 0, 1)
    return (quantile(samples, high, weights) - quantile(samples, low, weights)) / 2


def _find_highest_density(samples: np.ndarray, probability: float, multimodal: bool) -> CredibleInterval:
    pieces = _find_pieces(samples.ravel(), probability, multimodal)
    parts = [part.ravel() for ensemble in samples for part in np.array_split(ensemble, HDI_BATCHES)]
    of_parts = [_find_pieces(part, probability, multimodal) for part in parts]
    ends = np.array([[found[0].lower, found[-1].upper] for found in of_parts])
    # the ends of a shortest interval converge with the cube root of the number of samples, not with the square root
    errors = ends.std(axis=0, ddof=1) / np.cbrt(len(parts))
    return CredibleInterval(
        kind="hdi",
        probability=probability,
        median=quantile(samples, 0.5),
        pieces=pieces,
        errors=outermost_errors(len(pieces), float(errors[0]), float(errors[1])),
    )


def _find_pieces(values: np.ndarray, probability: float, multimodal: bool) -> tuple[Piece, ...]:
    arguments: dict[str, Any] = {"prob" if ARVIZ_1 else "hdi_prob": probability}
    if multimodal:
        arguments |= {"method": "multimodal"} if ARVIZ_1 else {"multimodal": True}
    found = np.atleast_2d(np.asarray(arviz.hdi(values, **arguments), dtype=float))
    kept = found[~np.isnan(found).any(axis=1)]
    return tuple(Piece(float(low), float(high)) for low, high in kept)


def as_chains(samples: np.ndarray) -> np.ndarray:
    """Every walker as a chain: (ensembles * walkers, steps) from (ensembles, steps, walkers)."""
    return np.ascontiguousarray(samples.transpose(0, 2, 1).reshape(-1, samples.shape[1]))


@contextmanager
def _without_numba() -> Iterator[None]:
    """Keep arviz 0.23 from compiling a variance anew in every process, which takes longer than all its sums."""
    switch = None if ARVIZ_1 else arviz.utils.Numba
    if switch is None or not switch.numba_flag:
        yield
        return
    switch.disable_numba()
    try:
        yield
    finally:
        switch.enable_numba()


def diagnose(samples: np.ndarray) -> Diagnostics:
    """Diagnostics of samples (ensembles, steps, walkers)."""
    return Diagnostics(rhat=rhat(samples), ess_bulk=ess(samples, "bulk"), ess_tail=ess(samples, "tail"))


def rhat(samples: np.ndarray) -> float:
    """Rank-normalised split R-hat across independent ensembles, each flattened step by step; NaN for one ensemble."""
    if len(samples) < 2:
        return float("nan")
    flat = samples.reshape(len(samples), -1)
    with _without_numba():
        return float(np.asarray(arviz.rhat(_thin_chains(flat, MOST_COMPARED))))


def ess(samples: np.ndarray, method: str) -> float:
    """Effective number of samples, `bulk`, `tail` (5 and 95 %) or for the `mean`, with every walker as a chain."""
    extra = {"prob": 0.9} if method == "tail" else {}
    chains = as_chains(samples) if method == "mean" else _thin_chains(as_chains(samples), MOST_DRAWS)
    with _without_numba():
        return float(np.asarray(arviz.ess(chains, method=method, **extra)))


def _thin_chains(chains: np.ndarray, most: int) -> np.ndarray:
    step = -(-chains.size // most)
    return np.ascontiguousarray(chains[:, ::step]) if chains.shape[1] // step >= 8 else chains


def to_arviz(samples: dict[str, np.ndarray], log_posterior: np.ndarray, attributes: dict[str, Any]) -> Any:
    """Return arviz's own object from samples (ensembles, steps, walkers) by name; every walker is a chain."""
    posterior = {name: as_chains(values) for name, values in samples.items()}
    statistics = {"lp": as_chains(log_posterior)}
    with warnings.catch_warnings():
        # every walker is a chain, so there may well be more chains than draws
        warnings.filterwarnings("ignore", message="More chains|Found chain dimension", category=UserWarning)
        if ARVIZ_1:
            return arviz.from_dict({"posterior": posterior, "sample_stats": statistics}, attrs={"/": attributes})
        return arviz.from_dict(posterior=posterior, sample_stats=statistics, attrs=attributes)
