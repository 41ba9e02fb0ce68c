"""The result of a run as JSON: written from the objects, and read back into them, in this file alone.

A result that another program wrote or changed is refused: every value has the type that a table needs, and text is text
that can be shown. Further keys are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayesnu.inference.diagnostics import Diagnostics, Verdict
from bayesnu.inference.interval import (
    CredibleInterval,
    DerivedInterval,
    IntegratedInterval,
    Interval,
    Piece,
    outermost_errors,
)
from bayesnu.inference.toys.result import ToyResult
from bayesnu.physics.properties import parameter_of
from bayesnu.runs.json_values import (
    Json,
    check,
    is_table,
    none_or_number,
    read_end,
    read_integer,
    read_items,
    read_list,
    read_number,
    read_optional_text,
    read_text,
    read_value,
    shown,
)
from bayesnu.runs.result import LimitRow, NuisanceResult, ParameterResult, RunResult
from bayesnu.runs.toy_json import choose_parameter, toys_from_json, toys_to_json


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
        "toys": None if result.toys is None else toys_to_json(result.toys),
        "fingerprint": result.fingerprint,
        "notes": list(result.notes),
    }
    return table if result.chain is None else table | {"chain": str(result.chain)}


def result_from_json(table: Any) -> RunResult:
    """The result that `result_to_json` wrote; raises ValueError for anything else."""
    check(is_table(table))
    parameters = read_items(table, "parameters", _parameter_from_json)
    check(len(parameters) > 0 or read_value(table, "rows") == [])
    found = RunResult(
        parameters=parameters,
        derived=read_items(table, "derived", lambda name, each: _derived_from_json(each)),
        nuisances=read_items(table, "nuisances", lambda name, each: _nuisance_from_json(each)),
        verdict=Verdict(
            steps=read_integer(table, "steps"),
            burn_in=read_integer(table, "burn_in"),
            tau=read_end(table, "autocorrelation_time") or 0.0,
            missing=tuple(shown(each) for each in read_list(table, "missing")),
        ),
        thinned_by=read_integer(table, "thinned_by") if "thinned_by" in table else 1,
        acceptance=read_number(table, "acceptance"),
        rows=tuple(_row_from_json(each, parameters) for each in read_list(table, "rows")),
        toys=_toys_from_json(table.get("toys"), parameters),
        fingerprint=read_text(table, "fingerprint"),
        notes=tuple(shown(each) for each in read_list(table, "notes")) if "notes" in table else (),
        chain=Path(read_text(table, "chain")) if "chain" in table else None,
    )
    check(table.get("converged") is found.converged)
    return found


def _toys_from_json(table: Any, parameters: Mapping[str, ParameterResult]) -> ToyResult | None:
    """What toys say; None where they were left out, as by a version that made none."""
    if table is None:
        return None
    check(len(parameters) > 0)
    return toys_from_json(table, [each.parameter for each in parameters.values()])


def has_smoothed_modes(table: Json) -> bool:
    """Whether a result holds highest-density intervals of a version that smoothed over separate modes."""
    return any(each["kind"] == "hdi" and "mcse" not in each for each in table["parameters"].values())


# a physics parameter


def _parameter_to_json(each: ParameterResult) -> Json:
    return {
        **_interval_to_json(each.interval),
        "kind": each.interval.kind,
        "probability": each.interval.probability,
        **_diagnostics_to_json(each.diagnostics),
        "unit": each.parameter.unit,
        "modulus": not each.parameter.signed,
        "prior": each.prior,
        "flavour": each.parameter.flavour,
        "others": each.others,
        "note": each.note,
        "cross_check": None if each.cross_check is None else _integrated_to_json(each.cross_check),
    }


def _parameter_from_json(name: str, table: Any) -> ParameterResult:
    interval = _interval_from_json(table, read_text(table, "kind"), read_number(table, "probability"))
    exact = table.get("cross_check")
    parameter = parameter_of(name)
    modulus = table.get("modulus", not parameter.signed)
    check(isinstance(modulus, bool))
    return ParameterResult(
        parameter=parameter.without_interference() if modulus else parameter,
        interval=interval,
        diagnostics=_diagnostics_from_json(table),
        prior=read_text(table, "prior"),
        others=read_text(table, "others"),
        note=read_optional_text(table, "note"),
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
    kind = read_text(table, "kind") if "kind" in table else "eti"
    probability = read_number(table, "probability") if "probability" in table else 0.9
    return NuisanceResult(
        interval=_interval_from_json(table, kind, probability),
        diagnostics=_diagnostics_from_json(table),
        prior=read_text(table, "prior"),
    )


# a derived quantity


def _derived_to_json(each: DerivedInterval) -> Json:
    return {
        "median": each.median,
        **ends_to_json(each),
        "kind": each.kind,
        "probability": each.probability,
        "unit": each.unit,
        "prior": each.prior,
        "prior_lower": each.of_prior.lower,
        "prior_upper": each.of_prior.upper,
    }


def _derived_from_json(table: Any) -> DerivedInterval:
    return DerivedInterval(
        kind=read_text(table, "kind"),
        probability=read_number(table, "probability"),
        pieces=_pieces_from_json(table),
        errors=_errors_from_json(table),
        median=read_number(table, "median"),
        unit=read_text(table, "unit"),
        prior=read_text(table, "prior"),
        of_prior=Piece(read_end(table, "prior_lower"), read_end(table, "prior_upper")),
    )


# a row of the table of limits


def _row_to_json(row: LimitRow) -> Json:
    table: Json = {
        "parameter": row.parameter.name,
        "method": row.method,
        "what": row.what,
        "how": row.how,
        "prior": row.prior,
        **ends_to_json(row.interval),
        "unit": row.parameter.unit,
        "kind": row.interval.kind,
        "probability": row.interval.probability,
    }
    if row.integrated is not None:
        table["integrated"] = _integrated_to_json(row.integrated)
    if row.is_sampled:
        table["note"] = row.note
    return table


def _row_from_json(table: Any, parameters: Mapping[str, ParameterResult]) -> LimitRow:
    """A row of the table; one of a version that wrote no kind and probability has those of the run's own interval."""
    check(is_table(table))
    credible = next(iter(parameters.values())).interval
    parameter = choose_parameter(read_text(table, "parameter"), [each.parameter for each in parameters.values()])
    read_text(table, "unit")
    method = read_text(table, "method")
    usual = {"credible": credible.kind}.get(method, method)
    exact = table.get("integrated")
    return LimitRow(
        parameter=parameter,
        method=method,
        what=read_text(table, "what"),
        how=read_text(table, "how"),
        prior=read_optional_text(table, "prior"),
        interval=Interval(
            kind=read_text(table, "kind") if "kind" in table else usual,
            probability=read_end(table, "probability") if "probability" in table else credible.probability,
            pieces=_pieces_from_json(table),
            errors=_errors_from_json(table),
        ),
        integrated=None if exact is None else _integrated_from_json(exact, credible.probability),
        note=read_optional_text(table, "note") if "note" in table else None,
    )


# intervals and diagnostics


def interval_to_json(found: Interval) -> Json:
    """An interval alone, in the unit of its numbers."""
    return {"kind": found.kind, "probability": found.probability, "status": found.status, **ends_to_json(found)}


def interval_from_json(table: Any) -> Interval:
    """The interval that `interval_to_json` wrote; raises ValueError for anything else."""
    check(is_table(table))
    return Interval(
        kind=read_text(table, "kind"),
        probability=read_end(table, "probability"),
        pieces=_pieces_from_json(table),
        errors=_errors_from_json(table),
        status=read_text(table, "status"),
    )


def _interval_to_json(interval: CredibleInterval) -> Json:
    return {
        "median": interval.median,
        **ends_to_json(interval),
    }


def _interval_from_json(table: Any, kind: str, probability: float) -> CredibleInterval:
    return CredibleInterval(
        kind=kind,
        probability=probability,
        median=read_number(table, "median"),
        pieces=_pieces_from_json(table),
        errors=_errors_from_json(table),
    )


def ends_to_json(interval: Interval) -> Json:
    """The outermost ends with their errors, then every piece and the errors of its ends."""
    return {
        "lower": interval.lower,
        "upper": interval.upper,
        "mcse_lower": interval.mcse_lower,
        "mcse_upper": interval.mcse_upper,
        "intervals": _pairs_to_json(interval.pieces),
        "mcse": _pairs_to_json(interval.errors),
    }


def _pieces_from_json(table: Any) -> tuple[Piece, ...]:
    """The pieces; older versions wrote the outermost ends alone."""
    ends = Piece(read_end(table, "lower"), read_end(table, "upper"))
    pieces = _pairs_from_json(table, "intervals") if "intervals" in table else (ends,)
    check(len(pieces) > 0)
    return pieces


def _errors_from_json(table: Any, prefix: str = "mcse") -> tuple[Piece, ...]:
    """The errors of the ends of every piece; older versions wrote those of the outermost ends alone."""
    pieces = len(_pieces_from_json(table))
    outermost = outermost_errors(pieces, read_end(table, f"{prefix}_lower"), read_end(table, f"{prefix}_upper"))
    errors = _pairs_from_json(table, prefix) if prefix in table else outermost
    check(len(errors) in (0, pieces))
    return errors


def _pairs_to_json(pieces: tuple[Piece, ...]) -> list[list[float | None]]:
    return [[piece.lower, piece.upper] for piece in pieces]


def _pairs_from_json(table: Any, key: str) -> tuple[Piece, ...]:
    pairs = read_list(table, key)
    check(all(isinstance(pair, list) and len(pair) == 2 for pair in pairs))
    return tuple(Piece(none_or_number(low), none_or_number(high)) for low, high in pairs)


def _integrated_to_json(interval: IntegratedInterval) -> Json:
    return {
        "method": interval.method,
        "kind": interval.kind,
        "lower": interval.lower,
        "upper": interval.upper,
        "error_lower": interval.mcse_lower,
        "error_upper": interval.mcse_upper,
        "intervals": _pairs_to_json(interval.pieces),
        "error": _pairs_to_json(interval.errors),
    }


def _integrated_from_json(table: Any, probability: float) -> IntegratedInterval:
    return IntegratedInterval(
        kind=read_text(table, "kind"),
        probability=probability,
        pieces=_pieces_from_json(table),
        errors=_errors_from_json(table, "error"),
        method=read_text(table, "method"),
    )


def _diagnostics_to_json(found: Diagnostics) -> Json:
    return {"rhat": found.rhat, "ess_bulk": found.ess_bulk, "ess_tail": found.ess_tail}


def _diagnostics_from_json(table: Any) -> Diagnostics:
    rhat = read_end(table, "rhat")
    return Diagnostics(
        rhat=float("nan") if rhat is None else rhat,
        ess_bulk=read_number(table, "ess_bulk"),
        ess_tail=read_number(table, "ess_tail"),
    )
