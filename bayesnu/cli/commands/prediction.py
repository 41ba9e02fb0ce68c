"""`rate` and `counts`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnu import experiments
from bayesnu.cli.couplings import analysis_and_couplings, check_finite
from bayesnu.cli.output import json_out, table
from bayesnu.model import predict
from bayesnu.physics.flux import COMPONENTS
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import number


def rate(energies: str, as_json: bool, options: dict[str, Any]) -> None:
    """Print recoil rates at true energies."""
    try:
        energy = np.array([float(word) for word in energies.split(",")])
    except ValueError:
        raise BayesnuError(f"--energy-kev: found '{energies[:60]}'; must be numbers with commas, as 2,10,20") from None
    analysis, values = analysis_and_couplings(options)
    with np.errstate(all="ignore"):
        parts = predict.rate(energy, analysis, **values)
    check_finite(parts, "--energy-kev or a property")
    if as_json:
        json_out(
            {
                "energy_kev": energy,
                "rate_per_tonne_year_kev": parts.sum(axis=0),
                "components": dict(zip(COMPONENTS, parts, strict=True)),
                "couplings": values,
            }
        )
        return
    rows = [(number(t), *(number(r, 6) for r in (*column, column.sum()))) for t, column in zip(energy, parts.T, strict=True)]
    table("Recoil rate [1/(t yr keV)] at true energy", ("T [keV]", *COMPONENTS, "total"), rows)


def counts(name: str, as_json: bool, options: dict[str, Any]) -> None:
    """Print expected and observed counts per bin."""
    analysis, values = analysis_and_couplings(options)
    with np.errstate(all="ignore"):
        result = predict.expected_counts(experiments.load(name, analysis.inputs), analysis, **values)
    check_finite(result.expected, "a property")
    signal = result.signal.sum(axis=0)
    if as_json:
        json_out(
            {
                "experiment": name,
                "edges_kev": result.edges_kev,
                "observed": result.observed,
                "signal": signal,
                "background": result.background,
                "expected": result.expected,
                "components": dict(zip(COMPONENTS, result.signal, strict=True)),
                "backgrounds": result.backgrounds,
                "couplings": values,
            }
        )
        return
    rows = [
        (f"{low:g}-{high:g}", f"{n:g}", number(s, 5), number(b, 5), number(s + b, 5))
        for low, high, n, s, b in zip(
            result.edges_kev[:-1], result.edges_kev[1:], result.observed, signal, result.background, strict=True
        )
    ]
    total = (
        "all",
        f"{result.observed.sum():g}",
        *(number(x.sum(), 5) for x in (signal, result.background, result.expected)),
    )
    table("Counts per bin", ("T [keV]", "observed", "neutrinos", "background", "expected"), [*rows, total])
