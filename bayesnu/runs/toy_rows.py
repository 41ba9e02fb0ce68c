"""The rows of a table of limits that toys make: the Feldman-Cousins interval, and what was expected without a signal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite

from bayesnu.inference.interval import Interval, Piece, without_boundary
from bayesnu.inference.toys.expected import ExpectedLimit
from bayesnu.inference.toys.result import LimitToys, ToyResult
from bayesnu.runs.result import LimitRow
from bayesnu.support.text import percent

Levels = dict[float, list[ExpectedLimit]]


def toy_rows(toy_result: ToyResult, cl: float) -> Iterator[LimitRow]:
    """Yield the rows of every physics parameter, in its `scale * unit`; none for what the toys have not made."""
    held = "nuisances" if len(toy_result.limits) == 1 else "all others"
    for each in toy_result.limits:
        yield from _rows_of(each, held, cl)


def _rows_of(limit_toys: LimitToys, held: str, cl: float) -> Iterator[LimitRow]:
    parameter = limit_toys.parameter
    found = limit_toys.feldman_cousins
    if found is not None:
        what = f"Feldman-Cousins ({percent(cl)}), {held} profiled at each tested value"
        shown = found if parameter.signed else without_boundary(found)
        yield LimitRow(parameter, "feldman-cousins", what, found.status, None, shown.bare())
    for level, ends in _by_level(limit_toys.expected).items():
        ends_named = "medians of the outermost ends" if parameter.signed else "median"
        what = f"expected without a signal, Δχ² = {level:.2f}: {ends_named} of {ends[0].toys} toys"
        how = "; ".join(_compare_with_expected(each, parameter.signed) for each in ends)
        yield LimitRow(parameter, "expected", what, how, None, _median(ends, cl))


def _by_level(expected: Iterable[ExpectedLimit]) -> Levels:
    levels: Levels = {}
    for each in expected:
        levels.setdefault(each.end.delta_chi2, []).append(each)
    return levels


def _median(ends: list[ExpectedLimit], cl: float) -> Interval:
    """The interval between the median ends; a limit has one, and an infinite one is none."""
    medians = {each.end.name: each.bands["median"] for each in ends if isfinite(each.bands["median"][0])}
    low, low_error = medians.get("lower", (None, None))
    high, high_error = medians.get("upper", (None, None))
    return Interval(
        kind="expected",
        probability=cl,
        pieces=(Piece(low, high),),
        errors=(Piece(low_error, high_error),),
    )


def _compare_with_expected(each: ExpectedLimit, has_two_ends: bool) -> str:
    """Where the observed end lies among those of the toys."""
    name = f"{each.end.name} end: " if has_two_ends else ""
    low, high, observed = (_say_end(x) for x in (each.bands["-1 sigma"][0], each.bands["+1 sigma"][0], each.observed))
    place = f"{name}the observed {observed} is above {each.below:.0%} of the toys"
    without = f"; {each.open} of {each.toys} toys have none" if each.open else ""
    return f"{place}; 68% of all toys lie in {low} … {high}{without}"


def _say_end(value: float) -> str:
    """An end of an interval, or that there is none."""
    return f"{value:.4g}" if isfinite(value) else "none"
