"""The result of a run as JSON: written from the objects, and read back into them, in this file alone.

A result that another program wrote or changed is refused: every value has the type that a table needs, and text is text
that can be shown. Further keys are passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from bayesnu.inference.diagnostics import Diagnostics, Verdict
from bayesnu.inference.interval import (
    CredibleInterval,
    DerivedInterval,
    IntegratedInterval,
    Interval,
    Piece,
    outermost_errors,
)
from bayesnu.physics.properties import parameter_of
from bayesnu.runs.result import LimitRow, NuisanceResult, ParameterResult, RunResult

Json: TypeAlias = dict[str, Any]
Item = TypeVar("Item")


def result_to_json(result: RunResult) -> Json:
    """A result as JSON, with `chain` where it is known."""
    table = {
        "parameters": {name: _parameter_to_json(each) for name, each in result.parameters.items()},
        "derived": {name: _derived_to_json(each) for name, each in result.derived.items()},
        "nuisances": {name: _nuisance_to_json(each) for name, each in result.nuisances.items()},
        "converged": result.verdict.converged,
        "missing": list(result.verdict.missing),
        "steps": result.verdict.steps,
        "burn_in": result.verdict.burn_in,
        "thinned_by": result.thinned_by,
        "autocorrelation_time": result.verdict.tau,
        "acceptance": result.acceptance,
        "rows": [_row_to_json(row) for row in result.rows],
        "fingerprint": result.fingerprint,
    }
    return table if result.chain is None else table | {"chain": str(result.chain)}


def result_from_json(table: Any) -> RunResult:
    """The result that `result_to_json` wrote; raises ValueError for anything else."""
    _check(_is_table(table))
    parameters = _items(table, "parameters", _parameter_from_json)
    _check(len(parameters) > 0 or _value(table, "rows") == [])
    found = RunResult(
        parameters=parameters,
        derived=_items(table, "derived", lambda name, each: _derived_from_json(each)),
        nuisances=_items(table, "nuisances", lambda name, each: _nuisance_from_json(each)),
        verdict=Verdict(
            steps=_integer(table, "steps"),
            burn_in=_integer(table, "burn_in"),
            tau=_end(table, "autocorrelation_time") or 0.0,
            missing=tuple(_shown(each) for each in _list(table, "missing")),
        ),
        thinned_by=_integer(table, "thinned_by") if "thinned_by" in table else 1,
        acceptance=_number(table, "acceptance"),
        rows=tuple(_row_from_json(each, next(iter(parameters.values())).interval) for each in _list(table, "rows")),
        fingerprint=_text(table, "fingerprint"),
        chain=Path(_text(table, "chain")) if "chain" in table else None,
    )
    _check(table.get("converged") is found.converged)
    return found


# a physics parameter


def _parameter_to_json(each: ParameterResult) -> Json:
    return {
        **_interval_to_json(each.interval),
        "kind": each.interval.kind,
        "probability": each.interval.probability,
        **_diagnostics_to_json(each.diagnostics),
        "unit": each.parameter.unit,
        "prior": each.prior,
        "flavour": each.parameter.flavour,
        "others": each.others,
        "note": each.note,
        "cross_check": None if each.cross_check is None else _integrated_to_json(each.cross_check),
    }


def _parameter_from_json(name: str, table: Any) -> ParameterResult:
    interval = _interval_from_json(table, _text(table, "kind"), _number(table, "probability"))
    exact = table.get("cross_check")
    return ParameterResult(
        parameter=parameter_of(name),
        interval=interval,
        diagnostics=_diagnostics_from_json(table),
        prior=_text(table, "prior"),
        others=_text(table, "others"),
        note=_optional_text(table, "note"),
        cross_check=None if exact is None else _integrated_from_json(exact, interval.probability),
    )


# a nuisance parameter


def _nuisance_to_json(each: NuisanceResult) -> Json:
    return {
        **_interval_to_json(each.interval),
        "kind": each.interval.kind,
        "probability": each.interval.probability,
        **_diagnostics_to_json(each.diagnostics),
        "prior": each.prior,
    }


def _nuisance_from_json(table: Any) -> NuisanceResult:
    kind = _text(table, "kind") if "kind" in table else "eti"
    probability = _number(table, "probability") if "probability" in table else 0.9
    return NuisanceResult(
        interval=_interval_from_json(table, kind, probability),
        diagnostics=_diagnostics_from_json(table),
        prior=_text(table, "prior"),
    )


# a derived quantity


def _derived_to_json(each: DerivedInterval) -> Json:
    return {
        "median": each.median,
        "lower": each.lower,
        "upper": each.upper,
        "mcse_lower": each.mcse_lower,
        "mcse_upper": each.mcse_upper,
        "kind": each.kind,
        "probability": each.probability,
        "unit": each.unit,
        "prior": each.prior,
        "prior_lower": each.of_prior.lower,
        "prior_upper": each.of_prior.upper,
    }


def _derived_from_json(table: Any) -> DerivedInterval:
    return DerivedInterval(
        kind=_text(table, "kind"),
        probability=_number(table, "probability"),
        pieces=(Piece(_end(table, "lower"), _end(table, "upper")),),
        errors=(Piece(_end(table, "mcse_lower"), _end(table, "mcse_upper")),),
        median=_number(table, "median"),
        unit=_text(table, "unit"),
        prior=_text(table, "prior"),
        of_prior=Piece(_end(table, "prior_lower"), _end(table, "prior_upper")),
    )


# a row of the table of limits


def _row_to_json(row: LimitRow) -> Json:
    table: Json = {
        "parameter": row.parameter.name,
        "method": row.method,
        "what": row.what,
        "how": row.how,
        "prior": row.prior,
        "lower": row.interval.lower,
        "upper": row.interval.upper,
        "mcse_lower": row.interval.mcse_lower,
        "mcse_upper": row.interval.mcse_upper,
        "unit": row.parameter.unit,
        "kind": row.interval.kind,
        "probability": row.interval.probability,
        "intervals": _pieces_to_json(row.interval),
    }
    if row.integrated is not None:
        table["integrated"] = _integrated_to_json(row.integrated)
    if row.is_sampled:
        table["note"] = row.note
    return table


def _row_from_json(table: Any, credible: CredibleInterval) -> LimitRow:
    """A row of the table; one of a version that wrote no kind and probability has those of the run's own interval."""
    _check(_is_table(table))
    _text(table, "unit")
    method = _text(table, "method")
    usual = {"credible": credible.kind}.get(method, method)
    exact = table.get("integrated")
    ends = Piece(_end(table, "lower"), _end(table, "upper"))
    pieces = _pieces_from_json(table) if "intervals" in table else (ends,)
    return LimitRow(
        parameter=parameter_of(_text(table, "parameter")),
        method=method,
        what=_text(table, "what"),
        how=_text(table, "how"),
        prior=_optional_text(table, "prior"),
        interval=Interval(
            kind=_text(table, "kind") if "kind" in table else usual,
            probability=_end(table, "probability") if "probability" in table else credible.probability,
            pieces=pieces,
            errors=outermost_errors(len(pieces), _end(table, "mcse_lower"), _end(table, "mcse_upper")),
        ),
        integrated=None if exact is None else _integrated_from_json(exact, credible.probability),
        note=_optional_text(table, "note") if "note" in table else None,
    )


# intervals and diagnostics


def _interval_to_json(interval: CredibleInterval) -> Json:
    return {
        "median": interval.median,
        "lower": interval.lower,
        "upper": interval.upper,
        "intervals": _pieces_to_json(interval),
        "mcse_lower": interval.mcse_lower,
        "mcse_upper": interval.mcse_upper,
    }


def _interval_from_json(table: Any, kind: str, probability: float) -> CredibleInterval:
    ends = Piece(_end(table, "lower"), _end(table, "upper"))
    pieces = _pieces_from_json(table) if "intervals" in table else (ends,)
    return CredibleInterval(
        kind=kind,
        probability=probability,
        median=_number(table, "median"),
        pieces=pieces,
        errors=outermost_errors(len(pieces), _end(table, "mcse_lower"), _end(table, "mcse_upper")),
    )


def _pieces_to_json(interval: Interval) -> list[list[float | None]]:
    return [[piece.lower, piece.upper] for piece in interval.pieces]


def _pieces_from_json(table: Any) -> tuple[Piece, ...]:
    pairs = _list(table, "intervals")
    _check(len(pairs) > 0 and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs))
    return tuple(Piece(_none_or_number(low), _none_or_number(high)) for low, high in pairs)


def _integrated_to_json(interval: IntegratedInterval) -> Json:
    return {
        "method": interval.method,
        "kind": interval.kind,
        "lower": interval.lower,
        "upper": interval.upper,
        "error_lower": interval.mcse_lower,
        "error_upper": interval.mcse_upper,
    }


def _integrated_from_json(table: Any, probability: float) -> IntegratedInterval:
    return IntegratedInterval(
        kind=_text(table, "kind"),
        probability=probability,
        pieces=(Piece(_end(table, "lower"), _end(table, "upper")),),
        errors=(Piece(_end(table, "error_lower"), _end(table, "error_upper")),),
        method=_text(table, "method"),
    )


def _diagnostics_to_json(found: Diagnostics) -> Json:
    return {"rhat": found.rhat, "ess_bulk": found.ess_bulk, "ess_tail": found.ess_tail}


def _diagnostics_from_json(table: Any) -> Diagnostics:
    rhat = _end(table, "rhat")
    return Diagnostics(
        rhat=float("nan") if rhat is None else rhat,
        ess_bulk=_number(table, "ess_bulk"),
        ess_tail=_number(table, "ess_tail"),
    )


# values of one type, each refused where it has another


def _check(is_right: bool) -> None:
    if not is_right:
        raise ValueError("its stored result is not what a run stores")


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _value(table: Any, key: str) -> Any:
    _check(_is_table(table) and key in table)
    return table[key]


def _items(table: Json, key: str, read: Callable[[str, Any], Item]) -> dict[str, Item]:
    found = _value(table, key)
    _check(_is_table(found))
    return {_shown(name): read(name, each) for name, each in found.items()}


def _list(table: Any, key: str) -> list[Any]:
    found = _value(table, key)
    _check(isinstance(found, list))
    return list(found)


def _none_or_number(value: Any) -> float | None:
    _check(value is None or (isinstance(value, int | float) and not isinstance(value, bool)))
    return None if value is None else float(value)


def _end(table: Any, key: str) -> float | None:
    return _none_or_number(_value(table, key))


def _number(table: Any, key: str) -> float:
    found = _end(table, key)
    _check(found is not None)
    assert found is not None
    return found


def _integer(table: Any, key: str) -> int:
    found = _value(table, key)
    _check(isinstance(found, int) and not isinstance(found, bool))
    return int(found)


def _shown(value: Any) -> str:
    """Text that a terminal can show."""
    _check(isinstance(value, str) and value.isprintable())
    return str(value)


def _text(table: Any, key: str) -> str:
    return _shown(_value(table, key))


def _optional_text(table: Any, key: str) -> str | None:
    found = _value(table, key)
    return None if found is None else _shown(found)
