"""arviz in its two lines: 0.23 on Python 3.11, and 1.x beyond, of which the parts are imported that are needed.

This is the only import of arviz, and it takes longer than a fit: `credible.py` imports this module when it is needed.
The lines differ in argument names and in their default interval, so probability and kind are always explicit.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bayesnu.support.backend import any_backend
from bayesnu.support.compiled import compiling_when_called

ARVIZ_1 = sys.version_info >= (3, 12)


@contextmanager
def _stamp_of_its_own() -> Iterator[None]:
    """Let arviz 0.23 leave the stamp of its daily announcement, which it does at import, in a folder of its own.

    In the user's cache it ends the process where nothing can be written, and where another one replaces the same stamp.
    """
    try:
        import platformdirs
    except ImportError:  # what needs it is arviz 0.23
        yield
        return
    usual = platformdirs.user_cache_dir
    with TemporaryDirectory(prefix="bayesnu-", ignore_cleanup_errors=True) as folder:
        platformdirs.user_cache_dir = lambda *names, **more: folder
        try:
            yield
        finally:
            platformdirs.user_cache_dir = usual


with warnings.catch_warnings(), any_backend(), _stamp_of_its_own(), compiling_when_called():
    warnings.simplefilter("ignore", FutureWarning)  # that announcement
    if sys.version_info >= (3, 12):
        import arviz_base
        import arviz_stats
    else:
        import arviz as arviz_base

        arviz_stats = arviz_base


@contextmanager
def _without_numba() -> Iterator[None]:
    """Keep arviz 0.23 from compiling a variance anew in every process, which takes longer than all its sums."""
    switch = None if ARVIZ_1 else arviz_base.utils.Numba
    if switch is None or not switch.numba_flag:
        yield
        return
    switch.disable_numba()
    try:
        yield
    finally:
        switch.enable_numba()


def rhat(chains: np.ndarray) -> float:
    """Rank-normalised split R-hat of chains (chains, draws)."""
    with _without_numba():
        return float(np.asarray(arviz_stats.rhat(chains)))


def ess(chains: np.ndarray, method: str) -> float:
    """Effective number of draws of chains (chains, draws): `bulk`, `tail` (10 and 90 %) or for the `mean`."""
    extra = {"prob": 0.9} if method == "tail" else {}
    with _without_numba():
        return float(np.asarray(arviz_stats.ess(chains, method=method, **extra)))


def shortest_interval(values: np.ndarray, probability: float) -> tuple[float, float]:
    """The shortest interval that holds this part of the values (n,)."""
    arguments: dict[str, Any] = {"prob" if ARVIZ_1 else "hdi_prob": probability}
    low, high = np.asarray(arviz_stats.hdi(values, **arguments), dtype=float).ravel()
    return float(low), float(high)


def from_chains(posterior: dict[str, np.ndarray], statistics: dict[str, np.ndarray], attributes: dict[str, Any]) -> Any:
    """arviz's own object from chains (chains, draws) by name."""
    with warnings.catch_warnings():
        # every walker is a chain, so there may well be more chains than draws
        warnings.filterwarnings("ignore", message="More chains|Found chain dimension", category=UserWarning)
        if ARVIZ_1:
            return arviz_base.from_dict({"posterior": posterior, "sample_stats": statistics}, attrs={"/": attributes})
        return arviz_base.from_dict(posterior=posterior, sample_stats=statistics, attrs=attributes)
