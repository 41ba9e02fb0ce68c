"""A bin as a user names it: by its energies or by its number."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.support.errors import BayesnuError

MOST_NAMED = 40  # bins that a sentence names one by one


def find_bin(experiment: Experiment, analysis: Analysis, text: str | None) -> int:
    """Index of a bin among those of the analysis, given as its energies (`2-3keV`, `2-3`) or its number from 1.

    Raises `BayesnuError`, naming the bins or the nearest ones, for what is none.
    """
    edges = observe(experiment, analysis).edges_kev
    if text is None:
        raise BayesnuError(f"`bin`: none given; {experiment.name} has {_name_bins(edges)}, numbered from 1")
    number = r"(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)"
    if re.fullmatch(r"\d{1,9}", text.strip()):
        index = int(text) - 1
        if not 0 <= index < len(edges) - 1:
            raise BayesnuError(
                f"`bin`: found number {index + 1}; {experiment.name} has {_name_bins(edges)}, numbered from 1"
            )
        return index
    match = re.fullmatch(rf"\s*{number}\s*(?:keV)?\s*-\s*{number}\s*(?:keV)?\s*", text, re.IGNORECASE)
    if match is None:
        raise BayesnuError(f"`bin`: found '{text[:60]}'; must be energies, as 2-3keV, or the number of a bin, as 2")
    wanted = np.array([float(match[1]), float(match[2])])
    off = np.abs(np.stack([edges[:-1], edges[1:]], axis=1) - wanted)
    exact = np.flatnonzero(np.all(off <= 1e-9 * np.maximum(1.0, wanted), axis=1))
    if len(exact):
        return int(exact[0])
    raise BayesnuError(f"`bin`: found '{text[:60]}'; {_explain_miss(experiment, edges, wanted, off.sum(axis=1))}")


def _write_range(low: float, high: float) -> str:
    return f"{low:g}-{high:g}"


def _name_bins(edges: np.ndarray) -> str:
    """The bins in words."""
    words = [_write_range(low, high) for low, high in pairwise(edges)]
    if len(words) > MOST_NAMED:
        words = [*words[:2], "...", words[-1]]
    return f"{len(edges) - 1} bins: {', '.join(words)} keV"


def _explain_miss(experiment: Experiment, edges: np.ndarray, wanted: np.ndarray, distance: np.ndarray) -> str:
    """Why a bin with the wanted edges (2,) is none of the analysis: outside its region, or none at all."""
    name = experiment.name
    region = _write_range(edges[0], edges[-1])
    whole = experiment.edges_kev
    first, last = np.searchsorted(whole, wanted)
    if {*wanted} <= {*whole} and last == first + 1:
        return f"{name} has that bin outside the region of interest, {region} keV; add `region='all'`"
    near = sorted(np.argsort(distance, kind="stable")[:2])
    words = " or ".join(f"{_write_range(edges[i], edges[i + 1])}keV" for i in near)
    return f"{name} has no such bin in {region} keV; did you mean {words}?"
