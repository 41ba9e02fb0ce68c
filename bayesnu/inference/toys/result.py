"""Where a limit stands: the goodness of the fit, what was expected, and an interval with critical values from toys.

All of it is of one model and one seed: the same bits on any machine, whatever was asked before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesnu.inference.interval import Interval
from bayesnu.inference.pulls import find_largest_pull, remark_on_nuisances
from bayesnu.inference.toys.belt import TESTED, belt, statistics, tested_values
from bayesnu.inference.toys.compatibility import Compatibility, find_compatibility
from bayesnu.inference.toys.expected import ExpectedLimit, find_limits, list_ends, summarise_limits
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.goodness import POOR, TOO_GOOD, Goodness, count_bins, find_goodness
from bayesnu.inference.toys.statistic import profiled_null
from bayesnu.inference.toys.toys import draw, observed
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.arguments import read_seed
from bayesnu.support.errors import BayesnuError

TOYS = 10_000  # of goodness, compatibility and expected limits: a p-value of 0.01 is then known to 10 %
TOYS_OF_LOOK = 500  # that tell a p-value which is worth no remark
BELT_POINTS = 21
BELT_TOYS = 4_000  # at each tested value
TOYS_OF_SEVERAL = 1_000  # with several physics parameters, each of whose fits has several starts, or with many terms
BELT_POINTS_OF_SEVERAL = 13
BELT_TOYS_OF_SEVERAL = 2_000
HOPELESS = 10.0  # widths of a constraint: with a fit further away, toys of it are like no data and hard to fit,
TOYS_OF_HOPELESS = 100  # and so many tell that it is poor
MOST_STARTS = 4  # of a fit of several physics parameters: with more, their limits take a minute and are made when asked for
ASK = "no limits from toys, whose fits of these parameters are slow: ask `bayesnu expected` and `bayesnu feldman-cousins`"
MOST_TERMS = 150  # of a model whose toys are fitted in a tenth of a millisecond each
MOST_FAILED = 1e-3  # of the toys: with more of them quantiles of the rest would be too small


@dataclass(frozen=True)
class LimitToys:
    """What toys say of the limit of one physics parameter, in units of its `scale * unit`.

    Others are fitted like nuisances.

    Attributes:
        parameter: the physics parameter.
        expected: limits of toys of the Standard Model; empty where they were not found.
        feldman_cousins: the interval, its Monte-Carlo error per end, and its toys in the `status`; None where there is none.
    """

    parameter: PhysicsParameter
    expected: tuple[ExpectedLimit, ...] = ()
    feldman_cousins: Interval | None = None

    def in_units(self) -> LimitToys:
        """The same in mu_B, e or cm^2."""
        factor = self.parameter.scale
        interval = self.feldman_cousins
        return replace(
            self,
            expected=tuple(each.scaled(factor) for each in self.expected),
            feldman_cousins=None if interval is None else interval.scaled(factor),
        )


@dataclass(frozen=True)
class ToyResult:
    """What toys say of one model.

    Attributes:
        seed: of all toys.
        goodness: of the best fit; None where that fit did not end or no bin holds data.
        compatibility: of the data sets; None for a single one.
        limits: of every physics parameter, in the model's order; empty where they were not asked for.
        remarks: sentences on what a reader of the limit has to know.
    """

    seed: int
    goodness: Goodness | None
    compatibility: Compatibility | None
    limits: tuple[LimitToys, ...]
    remarks: tuple[str, ...]

    def in_units(self) -> ToyResult:
        """The same with every limit in mu_B, e or cm^2."""
        return replace(self, limits=tuple(each.in_units() for each in self.limits))


def judge_fit(fitter: ToyFitter, seed: int) -> ToyResult:
    """How good the fit is, whether data sets agree and what is at an edge, without limits: in less than a second."""
    try:
        return _judge_fit(fitter, _make_streams(seed), seed)
    except BayesnuError as error:
        return _no_result(seed, error)


def remark_on_fit(fitter: ToyFitter, seed: int) -> tuple[str, ...]:
    """The remarks of `judge_fit` alone: where few toys tell that none depends on them, no more are drawn."""
    try:
        found = _judge_fit(fitter, _make_streams(seed), seed, TOYS_OF_LOOK)
    except BayesnuError as error:
        return _no_result(seed, error).remarks
    tested = [(found.goodness, (POOR, TOO_GOOD)), (found.compatibility, (POOR,))]
    is_clear = all(each is None or (each.remark is None and each.p_value.is_far_from(*ends)) for each, ends in tested)
    return found.remarks if is_clear else judge_fit(fitter, seed).remarks


def find_toy_result(model: Model, cl: float, seed: int) -> ToyResult:
    """Draw the toys and fit them: about three seconds for one physics parameter, and more for each of several."""
    streams = _make_streams(seed)
    fitter = ToyFitter(model)
    try:
        judged = _judge_fit(fitter, streams, seed)
    except BayesnuError as error:
        return _no_result(seed, error)
    remarks = [*judged.remarks]
    if _is_hopeless(fitter):
        sentence = (
            f"no limits from toys: the fit is more than {HOPELESS:g} widths of a constraint away, so its toys mean nothing"
        )
        return replace(judged, remarks=(*remarks, sentence))
    if len(fitter.starts.place(observed(model))) > MOST_STARTS:
        return replace(judged, remarks=(*remarks, ASK))
    limits = []
    for index in range(model.n_physics):
        found, said = _find_limit_toys(model.with_first(index), cl, streams[2:])
        limits.append(found)
        remarks += [f"{found.parameter.name}: {each}" if model.n_physics > 1 else each for each in said]
    return replace(judged, limits=tuple(limits), remarks=tuple(remarks))


def _is_fast(model: Model) -> bool:
    """Whether fits of toys take so little that there may be many."""
    return model.n_physics == 1 and len(model.templates) <= MOST_TERMS


def _is_hopeless(fitter: ToyFitter) -> bool:
    """Whether the best fit is too far from where its nuisances were measured."""
    best = fitter.best_fit(observed(fitter.model)).theta[0]
    return find_largest_pull(fitter.model, best) > HOPELESS


def _find_limit_toys(model: Model, cl: float, streams: list[np.random.Generator]) -> tuple[LimitToys, list[str]]:
    """What toys say of the first physics parameter, and what they could not find."""
    fitter = ToyFitter(model)
    found = LimitToys(model.of_interest[0])
    remarks = []
    try:
        found = replace(found, expected=tuple(_expect_limits(fitter, cl, streams[0])))
    except BayesnuError as error:
        remarks.append(f"no expected limits: {error}")
    try:
        found = replace(found, feldman_cousins=_find_interval(fitter, cl, streams[1]))
    except BayesnuError as error:
        remarks.append(f"no Feldman-Cousins interval: {error}")
    return found, remarks


def _make_streams(seed: int) -> list[np.random.Generator]:
    """Random numbers of goodness, compatibility, expected limits and belt."""
    return [np.random.default_rng(each) for each in np.random.SeedSequence(read_seed(seed)).spawn(4)]


def _no_result(seed: int, error: BayesnuError) -> ToyResult:
    return ToyResult(seed, None, None, (), (f"nothing from toys: {error}",))


def _judge_fit(fitter: ToyFitter, streams: list[np.random.Generator], seed: int, most: int = TOYS) -> ToyResult:
    """The same with so many toys at `most`; raises `BayesnuError` where the fit of the data did not end."""
    model = fitter.model
    toys = min(most, TOYS if _is_fast(model) else TOYS_OF_SEVERAL)
    if _is_hopeless(fitter):
        toys = TOYS_OF_HOPELESS
    goodness = find_goodness(fitter, toys, streams[0]) if count_bins(fitter) else None
    compatibility = find_compatibility(fitter, toys, streams[1]) if len(model.blocks) > 1 else None
    best = fitter.best_fit(observed(model)).theta[0]
    remarks = [each.remark for each in (goodness, compatibility) if each and each.remark]
    remarks += remark_on_nuisances(model, best)
    return ToyResult(seed, goodness, compatibility, (), tuple(remarks))


def _expect_limits(fitter: ToyFitter, cl: float, random: np.random.Generator) -> list[ExpectedLimit]:
    """Limits of toys of the Standard Model, the nuisances where the data put them."""
    ends = list_ends(fitter, cl)
    number = TOYS if _is_fast(fitter.model) else TOYS_OF_SEVERAL
    toys = draw(fitter.model, profiled_null(fitter), number, random)
    found = summarise_limits(fitter, ends, find_limits(fitter, ends, toys))
    for each in found:
        if np.isnan([each.observed, each.below]).any():
            raise BayesnuError(f"the {each.end.name} end at Δχ² = {each.end.delta_chi2:.2f} is not found in data and toys")
        if each.failed > MOST_FAILED * each.toys:
            raise BayesnuError(f"the {each.end.name} end is not found in {each.failed / each.toys:.1%} of the toys")
    return found


def _find_interval(fitter: ToyFitter, cl: float, random: np.random.Generator) -> Interval:
    """The Feldman-Cousins interval with the nuisances profiled at each tested value."""
    is_fast = _is_fast(fitter.model)
    points = BELT_POINTS if is_fast else BELT_POINTS_OF_SEVERAL
    number = BELT_TOYS if is_fast else BELT_TOYS_OF_SEVERAL
    values = tested_values(fitter.model, points, max(TESTED, 1 - (1 - cl) / 30))
    toys = [statistics(fitter, value, number, random) for value in values]
    found = belt(fitter, values, toys, cl)
    held = "nuisances" if fitter.model.n_physics == 1 else "nuisances and other parameters"
    how = f"{found.toys} toys at {len(values)} tested values; coverage is exact only at the profiled {held}"
    if found.discrete:
        how += "; the counts are so few that an end lies anywhere between two tested values"
    return replace(found.interval, status=how)
