"""Limits under changed choices: single changes, the walk between the presets, and what a referee asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bayesnu import experiments as data
from bayesnu.inference import profile
from bayesnu.inference.interval import Interval, ProfileInterval
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis

PRESETS = ("paper", "default")
LEVEL = 0.9


@dataclass(frozen=True)
class SingleChange:
    """The interval, in mu_B, e or cm^2, after one choice alone has taken another value."""

    choice: str
    value: object
    interval: Interval


@dataclass(frozen=True)
class Variation:
    """The interval, in mu_B, e or cm^2, of a changed analysis, and what was changed in words."""

    label: str
    interval: Interval


def single_changes(names: tuple[str, ...], parameter: str, preset: str) -> tuple[SingleChange, ...]:
    """The common-flavour interval after each single change of a convention of this preset to that of the other."""
    other = next(name for name in PRESETS if name != preset)
    here = choices_of.preset(preset)
    changes = choices_of.differences(here, choices_of.preset(other))
    return tuple(
        SingleChange(choice, value, interval_of(names, parameter, replace(here, **{choice: value})))
        for choice, (_, value) in changes.items()
    )


def interval_of(names: tuple[str, ...], parameter: str, chosen: Analysis) -> Interval:
    """The profile interval of a physics parameter, such as `mu_nu` for the common value or `mu_nu_e`."""
    model = build([data.load(name, chosen.inputs) for name in names], (parameter,), chosen)
    return in_units(profile.interval(model, cl=LEVEL))


def in_units(found: ProfileInterval) -> ProfileInterval:
    """An interval in mu_B, e or cm^2; the boundary 0 of a modulus is no lower limit."""
    return found.scaled(found.parameter.scale).without_boundary()


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


def walk(names: tuple[str, ...], parameter: str) -> list[Variation]:
    """The common-flavour interval on the way from `paper` to `default`, one choice after the other."""
    here = choices_of.preset("paper")
    there = choices_of.preset("default")
    steps = [Variation("preset paper", interval_of(names, parameter, here))]
    for step in WALK:
        here = replace(here, **{choice: getattr(there, choice) for choice in step})
        label = ", ".join(f"{choice} = {getattr(here, choice)}" for choice in step)
        steps.append(Variation(label, interval_of(names, parameter, here)))
    assert here == there, "the walk has to end at the preset default"
    return steps


class Variant(NamedTuple):
    """A change of the preset `default` in words and as choices; it needs all of the data sets `only`, if any are named."""

    label: str
    choices: dict[str, Any]
    only: frozenset[str] = frozenset()


# What a referee would ask for, beside the preset `default`.
VARIANTS = (
    Variant("preset default", {}),
    Variant("background normalisations as known before the fit", {"normalisations": "prior"}, frozenset({"xenonnt-sr0"})),
    Variant("all background normalisations free", {"normalisations": "free"}),
    Variant("efficiency, exposure and threshold float in every data set", {"efficiency_nuisance": "all"}),
    Variant("threshold shift of 0.05 keV", {"threshold_shift_kev": 0.05}),
    Variant("energy scale of 1 %", {"energy_scale": 0.01}),
    Variant("no recoils below 0.5 keV", {"lowest_true_kev": 0.5}),
    Variant("no recoils below 1 keV", {"lowest_true_kev": 1.0}),
    Variant("RRPA ratio on the weak term", {"electrons": "rrpa"}),
    Variant("free electrons", {"electrons": "free"}),
    Variant("weak terms and moment within the RRPA ratio", {"atomic_nuisances": True}),
    Variant("charge by photo-absorption, m_nu = 1 eV", {"millicharge": "epa"}),
    Variant("charge by photo-absorption, m_nu = 10 meV", {"millicharge": "epa", "neutrino_mass_ev": 0.01}),
    Variant("charge by photo-absorption below 14 keV", {"millicharge": "matched"}),
    Variant("the same, the atom within its errors", {"millicharge": "matched", "atomic_nuisances": True}),
    Variant("tree couplings", {"couplings": "tree"}),
    Variant("B16-AGSS09met", {"solar_model": "B16-AGSS09met"}),
    Variant("fluxes that Borexino measured", {"solar_model": "Borexino"}),
    Variant("the luminosity of the Sun holds pp", {"luminosity_constraint": "on"}),
    Variant("all solar components", {"solar_components": "all"}),
    Variant("oscillation parameters within their errors", {"oscillation_nuisances": "on"}),
    Variant("atmospheric data left out (IC19)", {"sin2_theta23": 0.561, "delta_cp_deg": 177.0}),
    Variant("published neutrinos subtracted", {"solar_subtraction": "published"}),
    Variant("efficiency on the true energy", {"efficiency_on": "true"}),
    Variant("Run 0 and Run 1 uncorrelated", {"correlated_runs": False}, frozenset({"pandax4t-run0", "pandax4t-run1"})),
)


def variants(names: tuple[str, ...], parameter: str) -> list[Variation]:
    """The common-flavour interval of the preset `default` with one change at a time."""
    asked = (variant for variant in VARIANTS if variant.only <= {*names})
    return [
        Variation(variant.label, interval_of(names, parameter, choices_of.preset("default", **variant.choices)))
        for variant in asked
    ]
