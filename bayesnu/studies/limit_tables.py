"""The limits of a result for papers: as a data frame, as LaTeX whose citations match the BibTeX, and for HEPData."""

from __future__ import annotations

from math import isnan, nan
from pathlib import Path
from typing import Any

from bayesnu.inference.interval import Interval
from bayesnu.runs.posterior import Posterior
from bayesnu.runs.result import LimitRow, RunResult
from bayesnu.studies import bibliography
from bayesnu.support.arguments import plain
from bayesnu.support.errors import BayesnuError
from bayesnu.support.frames import make_frame
from bayesnu.support.text import TEX_UNITS, number, tex
from bayesnu.support.versions import __version__

HEAD = ("parameter", "value", "unit", "what it is", "how")


def interval_table(result: RunResult | Posterior) -> Any:
    """Return the limits of a result as a data frame: a row per limit, sampled, profiled, from toys and published.

    Arguments:
        result: from `sample`.

    Returns: a `pandas.DataFrame`. `lower`, `upper` and their Monte-Carlo errors are in units of `scale` times `unit`, as
        1e-11 mu_B; an end that is missing is NaN. `pieces` has every connected part, and `converged` is that of the chain.
        What has to be known beside the limits, as results of other laboratories in them, is the attribute `attrs["notes"]`.

    Raises: `BayesnuError` for anything but a result.

    Example, of a chain that is too short for a limit to quote:
        >>> import bayesnu
        >>> model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
        >>> few = {"steps": 12, "ensembles": 2, "walkers": 16}
        >>> table = bayesnu.interval_table(bayesnu.sample(model, sampling=few, progress=False))
        >>> [*table.columns[:6]]
        ['parameter', 'scale', 'unit', 'method', 'kind', 'probability']
        >>> bool(table.converged.any())
        False
    """
    found = _read_result(result)
    table = make_frame([_describe_row(row, found.converged) for row in found.rows])
    table.attrs["notes"] = found.notes
    return table


def latex_table(result: RunResult | Posterior) -> str:
    r"""Return the limits of a result as a table in LaTeX, published ones with a `\cite`.

    Arguments:
        result: from `sample`.

    Returns: the text of a `tabular`, with units in the head of each parameter's rows. Keys of citations are those of
        `bayesnu bibliography`. A chain that has not converged says so in the first line. What has
        to be known beside the limits, as results of other laboratories in them, stands in comments.

    Raises: `BayesnuError` for anything but a result.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
        >>> few = {"steps": 12, "ensembles": 2, "walkers": 16}
        >>> text = bayesnu.latex_table(bayesnu.sample(model, sampling=few, progress=False))
        >>> [line.rpartition("&")[2].strip() for line in text.splitlines() if "cite" in line]
        ['\\cite{Demirci2025} \\\\', '\\cite{Aprile2022} \\\\']
    """
    found = _read_result(result)
    verdict = [] if found.converged else [f"% {found.verdict.words}"]
    notes = [f"% {note}" for note in found.notes]
    lines = [*verdict, *notes, r"\begin{tabular}{lllll}", r"\hline", " & ".join(HEAD) + r" \\", r"\hline"]
    lines += [" & ".join(_write_cells(row)) + r" \\" for row in found.rows]
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _read_result(result: RunResult | Posterior) -> RunResult:
    given = result.result if isinstance(result, Posterior) else result
    if not isinstance(given, RunResult):
        raise BayesnuError(f"result: found {plain(result)!r:.60}; must come from `sample`")
    return given


def _describe_row(row: LimitRow, converged: bool) -> dict[str, Any]:
    """A row by names, with ends in units of the parameter's scale; `converged` is said of what was sampled alone."""
    scaled = row.interval.scaled(1 / row.parameter.scale)
    return {
        "parameter": row.parameter.name,
        "scale": row.parameter.scale,
        "unit": row.parameter.unit,
        "method": row.method,
        "kind": scaled.kind,
        "probability": scaled.probability,
        "lower": _number(scaled.lower),
        "upper": _number(scaled.upper),
        "error_lower": _number(scaled.mcse_lower),
        "error_upper": _number(scaled.mcse_upper),
        "pieces": tuple(map(tuple, scaled.pieces)),
        "what": row.what,
        "how": row.how,
        "prior": row.prior,
        "note": row.note,
        "converged": converged if row.method == "credible" else None,
    }


def _number(end: float | None) -> float:
    """An end as a number of a column: NaN where there is none."""
    return nan if end is None else end


def _write_cells(row: LimitRow) -> list[str]:
    scaled = row.interval.scaled(1 / row.parameter.scale)
    exponent = int(f"{row.parameter.scale:e}".partition("e")[2])
    unit = TEX_UNITS.get(row.parameter.unit, "")
    power = rf"$10^{{{exponent}}}\,{unit}$" if unit else ""
    how = bibliography.cite(row.how) if row.method == "published" else tex(row.how)
    return [f"${row.parameter.label}$", _write_value(scaled), power, tex(row.what), how]


def _write_value(interval: Interval) -> str:
    """Every piece of an interval with the Monte-Carlo error of its outermost ends."""
    pieces = [_write_piece(low, high) for low, high in interval.pieces]
    error = interval.largest_error
    return "$" + r" \cup ".join(pieces or [r"\emptyset"]) + "$" + (rf" ($\pm {number(error, 1)}$)" if error else "")


def _write_piece(low: float | None, high: float | None) -> str:
    if low is None:
        return "-" if high is None else f"< {number(high)}"
    return f"> {number(low)}" if high is None else f"[{number(low)}, {number(high)}]"


def write_hepdata(result: RunResult | Posterior, folder: str | Path) -> None:
    """Write the limits of a result as a submission to HEPData, one table per parameter.

    Arguments:
        result: from `sample`, converged.
        folder: where `submission.yaml` and the tables go.

    Returns: nothing. Limits are in units of the parameters' scale, with their Monte-Carlo errors.

    Raises: `BayesnuError` for a chain that has not converged, and where hepdata_lib is not installed.

    Source: hepdata_lib; the format is that of HEPData, Maguire et al. 2017, arXiv:1704.05473.

    Example, of what is refused:
        >>> import bayesnu
        >>> model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper")
        >>> few = bayesnu.sample(model, sampling={"steps": 12, "ensembles": 2, "walkers": 16}, progress=False)
        >>> try:
        ...     bayesnu.write_hepdata(few, "submission")
        ... except bayesnu.BayesnuError as mistake:
        ...     print(str(mistake)[:36])
        hepdata: the chain has not converged
    """
    found = _read_result(result)
    if not found.converged:
        raise BayesnuError("hepdata: the chain has not converged; sample more steps before the limits are published")
    try:
        import hepdata_lib
    except ImportError:
        raise BayesnuError("hepdata_lib is missing; install it with `pip install 'bayesnu[formats]'`") from None
    submission = hepdata_lib.Submission()
    submission.comment = "; ".join([f"Limits found with bayesnu {__version__}", *found.notes])
    for name in dict.fromkeys(row.parameter.name for row in found.rows):
        rows = [row for row in found.rows if row.parameter.name == name and row.method != "published"]
        submission.add_table(_make_hepdata_table(hepdata_lib, name, rows))
    submission.create_files(str(folder), remove_old=False)


def _make_hepdata_table(hepdata_lib: Any, name: str, rows: list[LimitRow]) -> Any:
    """A table of the limits on one parameter: what each is, and its outermost ends with their errors."""
    table = hepdata_lib.Table(f"Limits on {name}")
    table.description = f"Intervals of {name} in units of {rows[0].parameter.scaled_unit or 'one'}, with Monte-Carlo errors"
    what = hepdata_lib.Variable("interval", is_independent=True, is_binned=False)
    what.values = [row.what for row in rows]
    table.add_variable(what)
    described = [_describe_row(row, True) for row in rows]
    for end in ("lower", "upper"):
        ends = hepdata_lib.Variable(f"{name} {end} end", is_independent=False, is_binned=False)
        ends.units = rows[0].parameter.scaled_unit
        ends.values = ["-" if isnan(each[end]) else each[end] for each in described]
        if not all(isnan(each[f"error_{end}"]) for each in described):
            error = hepdata_lib.Uncertainty("Monte Carlo", is_symmetric=True)
            error.values = [0.0 if isnan(each[f"error_{end}"]) else each[f"error_{end}"] for each in described]
            ends.add_uncertainty(error)
        table.add_variable(ends)
    return table
