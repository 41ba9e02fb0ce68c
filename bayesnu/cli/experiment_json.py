"""An experiment as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bayesnu.experiments import Experiment


def as_dict(each: Experiment) -> dict[str, Any]:
    """An experiment as JSON: its data, and where every table of it comes from."""
    return {
        "name": each.name,
        "title": each.title,
        "note": each.note,
        "reading": each.reading,
        "exposure_tonne_years": each.exposure_tonne_years,
        "edges_kev": each.edges_kev,
        "region_kev": each.region_kev,
        "observed": each.observed,
        "references": each.references,
        "components": [component.name for component in each.background.components],
        "solar_neutrinos_in_background": each.background.solar_neutrinos,
        "provenance": [asdict(item) for item in each.provenance],
        "digest": each.digest,
    }
