"""What toys say of a model as JSON, written from the objects and read back into them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from typing import Any

from bayesnu.inference.interval import Interval, Piece
from bayesnu.inference.toys.compatibility import Compatibility
from bayesnu.inference.toys.expected import BANDS, End, ExpectedLimit
from bayesnu.inference.toys.goodness import Goodness
from bayesnu.inference.toys.result import LimitToys, ToyResult
from bayesnu.inference.toys.statistic import PValue
from bayesnu.physics.properties import PhysicsParameter, parameter_of
from bayesnu.runs.json_values import (
    Json,
    check,
    none_or_number,
    read_integer,
    read_list,
    read_number,
    read_text,
    read_value,
    shown,
)


def toys_to_json(toy_result: ToyResult) -> Json:
    """All of it, in the unit of its numbers."""
    return {**fit_to_json(toy_result), "limits": [_limit_to_json(each) for each in toy_result.limits]}


def _limit_to_json(each: LimitToys) -> Json:
    interval = each.feldman_cousins
    return {
        "parameter": each.parameter.name,
        "expected": [expected_to_json(limit) for limit in each.expected],
        "feldman_cousins": None if interval is None else _accepted_to_json(interval),
    }


def fit_to_json(toy_result: ToyResult) -> Json:
    """What toys say of the fit alone; pure numbers."""
    goodness = toy_result.goodness
    compatibility = toy_result.compatibility
    return {
        "seed": toy_result.seed,
        "goodness": None if goodness is None else goodness_to_json(goodness),
        "compatibility": None if compatibility is None else _compatibility_to_json(compatibility),
        "remarks": list(toy_result.remarks),
    }


def toys_from_json(table: Any, parameters: Sequence[PhysicsParameter]) -> ToyResult:
    """What `toys_to_json` wrote of these parameters, or an earlier version of the first; raises ValueError otherwise."""
    goodness = read_value(table, "goodness")
    compatibility = read_value(table, "compatibility")
    limits = read_list(table, "limits") if "limits" in table else [{"parameter": parameters[0].name, **table}]
    return ToyResult(
        seed=read_integer(table, "seed"),
        goodness=None if goodness is None else _goodness_from_json(goodness),
        compatibility=None if compatibility is None else _compatibility_from_json(compatibility),
        limits=tuple(_limit_from_json(each, parameters) for each in limits),
        remarks=tuple(shown(each) for each in read_list(table, "remarks")),
    )


def choose_parameter(name: str, parameters: Sequence[PhysicsParameter]) -> PhysicsParameter:
    """The parameter of this name as a result has it, which knows whether its sign can be observed."""
    return next((each for each in parameters if each.name == name), parameter_of(name))


def _limit_from_json(table: Any, parameters: Sequence[PhysicsParameter]) -> LimitToys:
    interval = read_value(table, "feldman_cousins")
    return LimitToys(
        parameter=choose_parameter(read_text(table, "parameter"), parameters),
        expected=tuple(_expected_from_json(each) for each in read_list(table, "expected")),
        feldman_cousins=None if interval is None else _accepted_from_json(interval),
    )


def goodness_to_json(found: Goodness) -> Json:
    """The goodness of a fit; pure numbers."""
    return {
        "model": found.model,
        "chi2": found.chi2,
        "bins": found.bins,
        **_p_value_to_json(found.p_value),
    }


def _goodness_from_json(table: Any) -> Goodness:
    return Goodness(
        model=read_text(table, "model"),
        chi2=read_number(table, "chi2"),
        bins=read_integer(table, "bins"),
        p_value=_p_value_from_json(table),
    )


def _p_value_to_json(found: PValue) -> Json:
    return {"p_value": found.share, "error": found.error, "toys": found.toys, "failed": found.failed}


def _p_value_from_json(table: Any) -> PValue:
    return PValue(
        share=read_number(table, "p_value"),
        error=read_number(table, "error"),
        toys=read_integer(table, "toys"),
        failed=read_integer(table, "failed"),
    )


def _compatibility_to_json(found: Compatibility) -> Json:
    return {
        "experiments": list(found.experiments),
        "delta_chi2": found.delta_chi2,
        **_p_value_to_json(found.p_value),
    }


def _compatibility_from_json(table: Any) -> Compatibility:
    return Compatibility(
        experiments=tuple(shown(each) for each in read_list(table, "experiments")),
        delta_chi2=read_number(table, "delta_chi2"),
        p_value=_p_value_from_json(table),
    )


def expected_to_json(each: ExpectedLimit) -> Json:
    """Quantiles of one end over toys, each with its error."""
    return {
        "end": each.end.name,
        "one_sided": each.end.one_sided,
        "delta_chi2": each.end.delta_chi2,
        "bands": {name: [_none_or_finite(number) for number in pair] for name, pair in each.bands.items()},
        "observed": _none_or_finite(each.observed),
        "below": each.below,
        "toys": each.toys,
        "open": each.open,
        "failed": each.failed,
    }


def _none_or_finite(number: float) -> float | None:
    return number if isfinite(number) else None


def _expected_from_json(table: Any) -> ExpectedLimit:
    one_sided = read_value(table, "one_sided")
    check(isinstance(one_sided, bool))
    bands = read_value(table, "bands")
    end = End(read_text(table, "end"), one_sided, read_number(table, "delta_chi2"))
    beyond = -inf if end.name == "lower" else inf
    observed = none_or_number(read_value(table, "observed"))
    return ExpectedLimit(
        end=end,
        bands={name: _pair(read_list(bands, name), beyond) for name in BANDS},
        observed=beyond if observed is None else observed,
        below=read_number(table, "below"),
        toys=read_integer(table, "toys"),
        open=read_integer(table, "open") if "open" in table else 0,
        failed=read_integer(table, "failed"),
    )


def _pair(values: list[Any], beyond: float) -> tuple[float, float]:
    """A quantile and its error; none is an infinite one."""
    check(len(values) == 2)
    value, error = (none_or_number(each) for each in values)
    return beyond if value is None else value, inf if error is None else error


def _accepted_to_json(interval: Interval) -> Json:
    return {
        "probability": interval.probability,
        "intervals": [list(piece) for piece in interval.pieces],
        "errors": [list(piece) for piece in interval.errors],
        "status": interval.status,
    }


def _accepted_from_json(table: Any) -> Interval:
    return Interval(
        kind="feldman-cousins",
        probability=read_number(table, "probability"),
        pieces=_pieces(table, "intervals"),
        errors=_pieces(table, "errors"),
        status=read_text(table, "status"),
    )


def _pieces(table: Any, key: str) -> tuple[Piece, ...]:
    pairs = read_list(table, key)
    check(all(isinstance(pair, list) and len(pair) == 2 for pair in pairs))
    return tuple(Piece(none_or_number(low), none_or_number(high)) for low, high in pairs)
