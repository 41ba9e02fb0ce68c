"""Feldman-Cousins intervals with profiled nuisances: critical values of the likelihood ratio from toy experiments.

At each tested value of the first physics parameter toys are drawn with all others where the observed data put them at that
value. Which values those truly have is not known, so the coverage is exact only there, and approximate elsewhere
(`coverage` measures how far). Feldman and Cousins, Phys. Rev. D 57, 3873 (1998); nuisances as in Karbach, arXiv:1109.0714,
and Acero et al. (NOvA), arXiv:2207.14353.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np

from bayesnu.inference.interval import Interval, Piece
from bayesnu.inference.profile import interval
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.statistic import crossings, find_tie, profiled, quantile_with_error, statistic
from bayesnu.inference.toys.toys import draw, observed
from bayesnu.model.polynomial import Model
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import percent

NEARLY_TIED = 0.01  # of the next critical value's error: so near to the critical value is a tie
FINER = 17  # values between two tested ones where the statistic of the data is followed to an end
STEP = 0.01  # of chi^2, or of a smaller critical value: toys of few counts crowd at values that lie further apart,
CROWD = 0.02  # and this share of them, many times that of a smooth distribution, so near the critical value is a crowd
FEWEST_BEYOND = 5  # toys beyond a critical value: of fewer neither the quantile nor its error means anything
CLOSE = 1e-6  # rounding of that number
TESTED = 0.997  # values are tested across the profile-likelihood interval of this level


@dataclass(frozen=True, eq=False)
class Belt:
    """Critical values of the statistic at tested values, all (points,), in units of `scale * unit` of the parameter.

    `observed` is the statistic of the data and `p_value` the share of toys at least as far; `critical_error` is the
    Monte-Carlo error. `interval` holds the accepted pieces: an end outside the tested range is None, and one at a boundary
    has the error 0. `failed` of `toys` fits did not end and are left out of the quantiles. `discrete` tells that the counts
    are so few that the statistic has steps; then the p-value places the ends, somewhere between two tested values. A
    statistic that exceeds its critical value by less than `tie` is accepted.
    """

    parameter: str
    values: np.ndarray
    observed: np.ndarray
    critical: np.ndarray
    critical_error: np.ndarray
    p_value: np.ndarray
    interval: Interval
    toys: int
    failed: int
    discrete: bool
    tie: float

    @property
    def accepted(self) -> np.ndarray:
        """Which tested values (points,) are accepted."""
        accepted: np.ndarray = self.observed <= self.critical + self.tie
        return accepted

    @property
    def cl(self) -> float:
        """The confidence level."""
        assert self.interval.probability is not None  # only a published interval may have none
        return self.interval.probability


def tested_values(model: Model, points: int, cl: float = TESTED) -> np.ndarray:
    """Values of the first physics parameter that span its profile-likelihood interval at `cl`, with the Standard Model's.

    So many `points` for each piece of the interval, with one more on either side of separate ones.
    """
    if not 5 <= points <= 10_000:
        raise BayesnuError(f"points: found {points}; must lie in [5, 10000]")
    wide = interval(model, 0, cl=cl, others="profiled")
    if wide.upper is None or (wide.lower is None and model.of_interest[0].signed):
        raise BayesnuError(f"{model.names[0]}: the {cl:.1%} profile interval is not closed, so no range suggests itself")
    standard = model.standard[0]
    if len(wide.pieces) == 1:
        values = np.linspace(wide.lower or 0.0, wide.upper, points)
        if not values[0] <= standard <= values[-1]:
            return np.union1d(values, [standard])
        values[np.argmin(np.abs(values - standard))] = standard
        return values
    parts = [_surround(low or 0.0, high, points) for low, high in wide.pieces if high is not None]
    values = np.concatenate([*parts, [standard]])
    return np.unique(np.clip(values, *model.of_interest[0].bounds))


def _surround(low: float, high: float, points: int) -> np.ndarray:
    """Values across a piece, and one more on either side."""
    step = (high - low) / (points - 1)
    return np.linspace(low - step, high + step, points + 2)


def statistics(fitter: ToyFitter, value: float, number: int, random: np.random.Generator) -> np.ndarray:
    """Statistic (number,) of toys at a true value with all else profiled on the data; NaN where a fit did not end."""
    theta = profiled(fitter, value)
    return statistic(fitter, draw(fitter.model, theta, number, random), theta)[0]


def belt(fitter: ToyFitter, values: np.ndarray, toys: Iterable[np.ndarray], cl: float) -> Belt:
    """The belt at a confidence level, from statistics of toys at every value, and where the data lie in it."""
    if not 0 < cl < 1:
        raise BayesnuError(f"cl: found {cl:g}; must lie between 0 and 1, for example 0.9")
    model = fitter.model
    tie = find_tie(model)
    seen = _of_data(fitter, values)
    points = []
    for value, of_toys, at in zip(values, toys, seen, strict=True):  # all toys together may be larger than memory
        points.append(_judge_point(f"{model.names[0]} = {value:g}", of_toys, at, cl, tie))
    critical, error, p_value, crowded, number, failed = (np.array(each) for each in zip(*points, strict=True))
    discrete = bool(crowded.any())
    if discrete:
        excess = 1 - cl - p_value
        places = _place_between(values, excess, np.sqrt(cl * (1 - cl) / (number - failed)))
    else:
        excess = seen - critical
        excess[np.abs(excess) < tie] = -tie  # a tie is accepted, whatever the fits round to
        ends = crossings(values, excess, error)
        places = [(_sharpen(fitter, values, critical, place), place_error) for place, place_error in ends]
        tied = np.abs(excess[:-1]) < NEARLY_TIED * error[1:]
        places = _widen_ties(places, ends, values[:-1][tied])
    if np.all(excess > 0):  # the best fit is accepted at any level
        raise BayesnuError("no tested value is accepted, so the best fit lies between two; test more `points`")
    return Belt(
        parameter=model.names[0],
        values=values,
        observed=seen,
        critical=critical,
        critical_error=error,
        p_value=p_value,
        interval=_accept(excess <= 0, places, values, model.of_interest[0].bounds, cl),
        toys=int(number.sum()),
        failed=int(failed.sum()),
        discrete=discrete,
        tie=tie,
    )


class _Judged(NamedTuple):
    """What the toys of a tested value say: see `Belt`; `crowded` where many share the critical value."""

    critical: float
    critical_error: float
    p_value: float
    crowded: bool
    toys: int
    failed: int


def _judge_point(where: str, of_toys: np.ndarray, seen: float, cl: float, tie: float) -> _Judged:
    """Judge the statistics (toys,) of a tested value, and that of the data among them."""
    ended = of_toys[np.isfinite(of_toys)]
    if not len(ended):
        raise BayesnuError(
            f"{where}: none of its toys could be fitted, so it has no critical value; look at the experiment with "
            "`bayesnu check`"
        )
    _check_number(cl, len(ended))
    critical, error = quantile_with_error(ended, cl)
    p_value = float(np.mean(ended >= seen - tie))
    return _Judged(critical, error, p_value, _is_crowded(ended, critical), len(of_toys), len(of_toys) - len(ended))


def _check_number(cl: float, number: int) -> None:
    """Raise `BayesnuError` where so many toys of a tested value do not reach as far as its critical value lies."""
    if number * (1 - cl) < FEWEST_BEYOND - CLOSE:
        most = percent(1 - FEWEST_BEYOND / number)
        needed = ceil(FEWEST_BEYOND / (1 - cl))
        raise BayesnuError(
            f"cl: found {percent(cl)}; fewer than {FEWEST_BEYOND} of {number:,} toys of a tested value lie beyond that "
            f"level; so many place at most {most}, and {needed:,} would place it"
        )


def _is_crowded(of_toys: np.ndarray, critical: float) -> bool:
    """Whether the critical value is one that many toys (toys,) share, as those with the same few counts do.

    Zero says nothing: every toy with its best fit at the tested boundary has it.
    """
    near = np.count_nonzero(np.abs(of_toys - critical) < STEP * min(critical, 1.0))
    return bool(critical > STEP and near > max(CROWD * len(of_toys), 2))


def _place_between(values: np.ndarray, excess: np.ndarray, error: np.ndarray) -> list[tuple[float, float]]:
    """Ends by the p-value, which may jump anywhere between two tested values: half of that is part of their errors."""
    steps = np.diff(values)
    ends = []
    for place, place_error in crossings(values, excess, error):
        step = steps[np.searchsorted(values[1:-1], place)]
        ends.append((place, float(np.hypot(place_error, step / 2))))
    return ends


def _sharpen(fitter: ToyFitter, values: np.ndarray, critical: np.ndarray, place: float) -> float:
    """Where the statistic of the data itself, not a line between tested values, meets the line of the critical value."""
    after = int(np.clip(np.searchsorted(values, place), 1, len(values) - 1))
    between = np.linspace(values[after - 1], values[after], FINER)
    excess = _of_data(fitter, between) - np.interp(between, values, critical)
    found = crossings(between, excess, np.zeros(FINER))
    return found[0][0] if found else place


def _widen_ties(
    places: list[tuple[float, float]], ends: list[tuple[float, float]], tied: np.ndarray
) -> list[tuple[float, float]]:
    """Places with errors, wider where the line between tested values begins at one of those `tied`.

    Data and toys have the same statistic there, so that the next tested value alone says how far the line leads.
    """
    widened = []
    for (place, error), (line, _) in zip(places, ends, strict=True):
        begins_at_tie = len(tied) > 0 and bool(np.min(np.abs(tied - line)) < abs(place - line))
        widened.append((place, float(np.hypot(error, place - line)) if begins_at_tie else error))
    return widened


def _of_data(fitter: ToyFitter, values: np.ndarray) -> np.ndarray:
    """The statistic (points,) of the data at values of the physics parameter."""
    data = observed(fitter.model)
    return np.array([statistic(fitter, data, profiled(fitter, value))[0][0] for value in values])


def _accept(
    accepted: np.ndarray,
    places: Sequence[tuple[float, float]],
    values: np.ndarray,
    bounds: tuple[float, float],
    cl: float,
) -> Interval:
    """The pieces between `places`, ends with their errors; `accepted` (points,) says which `values` lie within.

    An interval may reach the bounds of physics, which have no error.
    """
    first, last = ((float(end), 0.0) if end in bounds else (None, None) for end in values[[0, -1]])
    ends: list[tuple[float | None, float | None]] = list(places)
    if accepted[0]:
        ends.insert(0, first)
    if accepted[-1]:
        ends.append(last)
    pairs = list(zip(ends[::2], ends[1::2], strict=True))
    return Interval(
        kind="feldman-cousins",
        probability=cl,
        pieces=tuple(Piece(low, high) for (low, _), (high, _) in pairs),
        errors=tuple(Piece(low, high) for (_, low), (_, high) in pairs),
    )
