"""Coverage: how often the intervals of toy experiments hold the value that was true.

Toys redraw counts and constraints around the truth. An interval covers if the true value is in it, which needs no
interval. The statistic at the true value is compared with its level, and the posterior probability below it with the tails.

The nuisances may be moved away from their nominal values. The critical values of Feldman and Cousins still are those of the
nominal ones then: that is the case in which profiling is an approximation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bayesnu.inference.interval import delta_chi2
from bayesnu.inference.profile import interval
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.posteriors import toy_posteriors
from bayesnu.inference.toys.statistic import find_tie, share_with_error, statistic
from bayesnu.inference.toys.toys import draw, find_constraints, with_data
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior, comparison_priors, describe, usual_prior
from bayesnu.runs.run import Run
from bayesnu.runs.task import Campaign
from bayesnu.studies.toy_tasks import fitter_of, make_task_settings
from bayesnu.support.errors import BayesnuError

Point = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Coverage:
    """Coverage of one kind of interval at true values (points,), in units of `scale * unit`, with its binomial error.

    `failed` (points,) counts toys whose fits did not end; they are in no coverage.
    """

    interval: str
    values: np.ndarray
    coverage: np.ndarray
    error: np.ndarray
    toys: int
    failed: np.ndarray


def plan_coverage(run: Run, points: int, toys: int, seed: int, cl: float, shift: float, index: int = 0) -> Campaign:
    """The campaign of the coverage curve of a physics parameter.

    `shift` moves every true nuisance by so many widths of its constraint.
    """
    if not 0.5 < cl < 1:
        raise BayesnuError(f"cl: found {cl:g}; must lie between 0.5 and 1, for example 0.9")
    if not abs(shift) <= 3:
        raise BayesnuError(f"nuisance shift: found {shift:g}; must lie in [-3, 3] standard deviations")
    settings, tasks = make_task_settings(run, toys, seed, index, cl=cl, shift=shift)
    values = true_values(fitter_of(settings).model, points)
    return Campaign("coverage", settings | {"values": values.tolist()}, tasks * points, run_task)


def true_values(model: Model, points: int) -> np.ndarray:
    """True values (points,): a modulus from 0 to twice its expected limit, a signed parameter across all its modes."""
    if not 2 <= points <= 1000:
        raise BayesnuError(f"points: found {points}; must lie in [2, 1000]")
    asimov = interval(with_data(model, model.expected(model.nominal())), 0, cl=0.9, others="profiled")
    if asimov.upper is None:
        raise BayesnuError(f"{model.names[0]}: the expected limit is not found, so no range of true values suggests itself")
    if not model.of_interest[0].signed:
        return np.linspace(0.0, 2 * asimov.upper, points)
    assert asimov.lower is not None
    extra = (asimov.upper - asimov.lower) / 4
    low, high = model.of_interest[0].bounds
    return np.linspace(max(asimov.lower - extra, low), min(asimov.upper + extra, high), points)


def priors_of(model: Model) -> dict[str, Prior]:
    """The priors whose credible intervals are tested, by their words; none for one of several physics parameters."""
    if model.n_physics > 1:
        return {}
    return {describe(prior): prior for prior in comparison_priors(usual_prior(model.of_interest[0]))}


def run_task(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Statistics and posterior probabilities at the true value, for the toys of one task."""
    value = settings["values"][task % len(settings["values"])]
    random = np.random.default_rng(seed)
    return at_truth(fitter_of(settings), value, settings["shift"], settings["toys_per_task"], random)


def at_truth(
    fitter: ToyFitter, value: float, shift: float, number: int, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """What decides whether intervals cover a true value: statistics and posterior probabilities (number,) of toys."""
    nominal = fitter.model.nominal()
    nominal[0] = value
    truth = nominal.copy()
    for k, held in find_constraints(fitter.model).items():
        truth[k] += shift * (held.above if shift > 0 else held.below)
    toys = draw(fitter.model, truth, number, random)
    found, best, _ = statistic(fitter, toys, truth)
    out = {
        "statistic": found,
        "excess": best - nominal[0],
        "at_nominal": statistic(fitter, draw(fitter.model, nominal, number, random), nominal)[0],
    }
    priors = priors_of(fitter.model)
    if not priors:
        return out
    grid = toy_posteriors(fitter, toys, truth, usual_prior(fitter.model.of_interest[0]))
    for k, prior in enumerate(priors.values()):
        out[f"below_{k}"] = grid.below(prior, nominal[0])
        out[f"denser_{k}"] = grid.denser(prior, nominal[0])
    return out


def coverages_of(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]]) -> list[Coverage]:
    """The coverage of every kind of interval of a finished campaign."""
    values = np.array(settings["values"])
    points = (_join_tasks(results[k :: len(values)]) for k in range(len(values)))
    return coverages(fitter_of(settings).model, values, points, settings["cl"])


def _join_tasks(tasks: Sequence[Mapping[str, np.ndarray]]) -> Point:
    """The arrays of all tasks of a point, joined by name."""
    return {name: np.concatenate([task[name] for task in tasks]) for name in tasks[0]}


def coverages(model: Model, values: np.ndarray, points: Iterable[Point], cl: float) -> list[Coverage]:
    """The coverage of every kind of interval, from what `at_truth` gave at every value."""
    signed = model.of_interest[0].signed
    rules = dict(_make_profile_rules(cl, signed, find_tie(model)))
    for k, words in enumerate(priors_of(model)):
        rules |= _make_credible_rules(cl, signed, f"below_{k}", f"denser_{k}", words)
    counted: dict[str, list[_Counted]] = {words: [] for words in rules}
    for point in points:  # one at a time: they may be larger than memory together
        for words, covers in rules.items():
            counted[words].append(_count_covered(covers(point)))
    return [_gather_points(words, values, each) for words, each in counted.items()]


class _Counted(NamedTuple):
    """The share of a point's toys that an interval covers, its error, the toys, and how many fits did not end."""

    share: float
    error: float
    toys: int
    failed: int


def _count_covered(covered: np.ndarray) -> _Counted:
    ended = covered[np.isfinite(covered)]
    return _Counted(*share_with_error(ended), len(covered), len(covered) - len(ended))


def _gather_points(words: str, values: np.ndarray, counted: list[_Counted]) -> Coverage:
    share, error, toys, failed = zip(*counted, strict=True)
    return Coverage(words, values, np.array(share), np.array(error), toys[0], np.array(failed))


def _mark_covered(known: np.ndarray, covers: np.ndarray) -> np.ndarray:
    """1 and 0 for yes and no, NaN where a fit did not end."""
    return np.where(np.isfinite(known), covers, np.nan)


def _make_profile_rules(cl: float, signed: bool, tie: float) -> dict[str, Any]:
    two = delta_chi2(cl)
    one = delta_chi2(cl, one_sided=True)

    def wilks(p: Point) -> np.ndarray:
        return _mark_covered(p["statistic"], p["statistic"] <= two)

    def upper(p: Point) -> np.ndarray:  # a value below the best fit is below the limit
        return _mark_covered(p["statistic"], (p["statistic"] <= one) | (p["excess"] >= 0))

    def feldman_cousins(p: Point) -> np.ndarray:
        return _mark_covered(p["statistic"], p["statistic"] <= np.nanquantile(p["at_nominal"], cl) + tie)

    rules: dict[str, Any] = {f"profile, Δχ² = {two:.2f}": wilks}
    if not signed:
        rules[f"profile, Δχ² = {one:.2f}, upper limit"] = upper
    return rules | {"Feldman-Cousins": feldman_cousins}


def _make_credible_rules(cl: float, signed: bool, below: str, denser: str, words: str) -> dict[str, Any]:
    tail = (1 - cl) / 2

    def upper(p: Point) -> np.ndarray:
        return _mark_covered(p[below], p[below] <= cl)

    def equal_tails(p: Point) -> np.ndarray:
        return _mark_covered(p[below], (p[below] >= tail) & (p[below] <= 1 - tail))

    def highest_density(p: Point) -> np.ndarray:
        return _mark_covered(p[denser], p[denser] <= cl)

    rules: dict[str, Any] = {} if signed else {f"credible upper limit, prior {words}": upper}
    rules[f"credible, equal tails, prior {words}"] = equal_tails
    return rules | {f"credible, highest density, prior {words}": highest_density}
