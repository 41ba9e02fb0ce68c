"""Numbers of the tables from raw repetitions. Standard library only: the page is made from the JSON alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt
from statistics import fmean, median, stdev
from typing import Any

PRECISION = 0.005  # of the reported limit


def scatter(quantiles: Sequence[float], errors: Sequence[float]) -> dict[str, float]:
    """Standard deviation of the quantile over repeated runs, over the root mean square of the errors they claim.

    1 if the errors are right, more if they are too small; `uncertainty` is that of the ratio, from the number of runs.
    """
    claimed = sqrt(fmean(error**2 for error in errors))
    return {"ratio": stdev(quantiles) / claimed, "uncertainty": 1 / sqrt(2 * (len(quantiles) - 1))}


def ratios(values: Sequence[float], others: Sequence[float]) -> tuple[float, float, float]:
    """Median, smallest and largest ratio of values to others, repetition by repetition; the longer list is cut."""
    found = [a / b for a, b in zip(values, others, strict=False)]
    return median(found), min(found), max(found)


def rates(runs: Sequence[dict[str, Any]], size: str) -> list[float]:
    """Effective samples per second of sampling, without burn-in, preparation and compilation."""
    return [run[size] / run["sampling"] for run in runs]


def seconds_to_precision(run: dict[str, Any], size: float) -> float:
    """Seconds until the error of the quantile is 0.5 % of `size`: preparation, burn-in, and as much sampling as it takes."""
    seconds: float = run["preparing"] + run["burn_in"] + run["sampling"] * (run["error"] / (PRECISION * size)) ** 2
    return seconds


def truth(samplers: dict[str, Any]) -> tuple[float, float]:
    """The quantile with its error that all samplers are compared with: integrated, else the mean of the package's runs."""
    if samplers["integrated"] is not None:
        return samplers["integrated"], 0.0
    return mean_quantile(samplers["rows"]["bayesnu"]["runs"])


def mean_quantile(runs: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Mean quantile of several runs, and the error of that mean: from the claimed errors, or the scatter if it is larger."""
    quantiles, errors = [run["quantile"] for run in runs], [run["error"] for run in runs]
    spread = stdev(quantiles) if len(runs) > 1 else 0.0
    return fmean(quantiles), max(sqrt(fmean(e**2 for e in errors)), spread) / sqrt(len(runs))


def distance(runs: Sequence[dict[str, Any]], reference: tuple[float, float]) -> float:
    """Difference of the mean quantile from the reference, in combined errors."""
    value, error = mean_quantile(runs)
    return (value - reference[0]) / hypot(error, reference[1])


def reported_size(samplers: dict[str, Any]) -> float:
    """What precision is relative to: an upper limit itself, else the width of the central 90 % interval."""
    if samplers["integrated"] is not None:
        return float(samplers["integrated"])
    return float(median(run["width"] for run in samplers["rows"]["bayesnu"]["runs"]))
