"""Limits under changed choices: single changes, the walk between the presets, and what a referee asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bayesnu import experiments as data
from bayesnu.inference import profile
from bayesnu.inference.interval import ProfileInterval
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PROPERTIES

PRESETS = ("paper", "default")
LEVEL = 0.9
Row = dict[str, Any]


def single_changes(names: tuple[str, ...], parameter: str, preset: str) -> list[Row]:
    """The common-flavour interval after each single change of a convention of this preset to that of the other."""
    other = next(name for name in PRESETS if name != preset)
    here, there = choices_of.preset(preset), choices_of.preset(other)
    out = []
    for choice, (_, value) in choices_of.differences(here, there).items():
        found = profile.interval(_common(names, parameter, replace(here, **{choice: value})), cl=LEVEL)
        out.append({"choice": choice, "value": value} | ends_of(found))
    return out


def _common(names: tuple[str, ...], parameter: str, chosen: Analysis) -> Model:
    return build([data.load(name, chosen.inputs) for name in names], (parameter,), chosen)


def ends_of(found: ProfileInterval) -> dict[str, float | None]:
    """Ends in mu_B, e or cm^2; the boundary 0 of a modulus is no lower limit."""
    lower, upper = (None if end is None else end * found.scale for end in (found.lower, found.upper))
    return {"lower": None if lower == 0 and not PROPERTIES[found.parameter].signed else lower, "upper": upper}


# The walk from one preset to the other, in an order in which each step has a meaning of its own.
WALK = (
    ("sin2_theta12",),
    ("sin2_theta13", "dm2_21_ev2"),
    ("resolution_at",),
    ("binning",),
    ("inputs", "region"),
    ("efficiency_on",),
    ("background",),
    ("efficiency_nuisance",),
)


def walk(names: tuple[str, ...], parameter: str) -> list[Row]:
    """The common-flavour interval on the way from `paper` to `default`, one choice after the other."""
    here, there = choices_of.preset("paper"), choices_of.preset("default")
    rows: list[Row] = [{"step": "preset paper"} | ends_of(profile.interval(_common(names, parameter, here), cl=LEVEL))]
    for step in WALK:
        here = replace(here, **{choice: getattr(there, choice) for choice in step})
        found = profile.interval(_common(names, parameter, here), cl=LEVEL)
        rows.append({"step": ", ".join(f"{choice} = {getattr(here, choice)}" for choice in step)} | ends_of(found))
    assert here == there, "the walk has to end at the preset default"
    return rows


# What a referee would ask for, beside the preset `default`.
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("preset default", {}),
    ("all background normalisations free", {"normalisations": "free"}),
    ("threshold shift of 0.05 keV", {"threshold_shift_kev": 0.05}),
    ("energy scale of 1 %", {"energy_scale": 0.01}),
    ("no recoils below 0.5 keV", {"lowest_true_kev": 0.5}),
    ("no recoils below 1 keV", {"lowest_true_kev": 1.0}),
    ("RRPA ratio on the weak term", {"electrons": "rrpa"}),
    ("free electrons", {"electrons": "free"}),
    ("tree couplings", {"couplings": "tree"}),
    ("B16-AGSS09met", {"solar_model": "B16-AGSS09met"}),
    ("atmospheric data left out (IC19)", {"sin2_theta23": 0.561, "delta_cp_deg": 177.0}),
    ("published neutrinos subtracted", {"solar_subtraction": "published"}),
    ("efficiency on the true energy", {"efficiency_on": "true"}),
    ("Run 0 and Run 1 uncorrelated", {"correlated_runs": False}),
)


def variants(names: tuple[str, ...], parameter: str) -> list[Row]:
    """The common-flavour interval of the preset `default` with one change at a time."""
    rows = []
    for label, choices in VARIANTS:
        if label.startswith("Run 0 and Run 1") and not {"pandax4t-run0", "pandax4t-run1"} <= {*names}:
            continue
        model = _common(names, parameter, choices_of.preset("default", **choices))
        rows.append({"variant": label} | ends_of(profile.interval(model, cl=LEVEL)))
    return rows
