"""The choices of an analysis, each with its default, and the two presets: named sets of the same choices.

`default` is the physically preferred analysis. `paper` holds the conventions that reproduce arXiv:2510.12449; they were
inferred from its published limits and are not known to be the authors' own (see docs/methods.md).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from bayesnu.support.errors import BayesnuError, did_you_mean

# Allowed words, or the closed range of a number.
WORDS = {
    "couplings": ("radiative", "tree"),
    "solar_model": ("B16-GS98", "B16-AGSS09met"),
    "flavour_content": ("exact", "shortcut"),
    "electrons": ("stepped", "free", "rrpa"),
    "region": ("interest", "all"),
    "binning": ("integrated", "centre"),
    "resolution_at": ("true", "reconstructed"),
    "efficiency_on": ("file", "reconstructed", "true"),
    "background": ("components", "single"),
    "normalisations": ("published", "free"),
    "solar_subtraction": ("model", "published"),
    "efficiency_nuisance": ("published", "off"),
}
RANGES = {
    "sin2_theta_w": (0.0, 1.0),
    "sin2_theta12": (0.0, 1.0),
    "sin2_theta13": (0.0, 1.0),
    "sin2_theta23": (0.0, 1.0),
    "delta_cp_deg": (-360.0, 360.0),
    "dm2_21_ev2": (1e-6, 1e-3),
    "lowest_true_kev": (0.001, 100.0),
    "background_width": (1e-6, 10.0),
    "efficiency_width": (0.0, 1.0),
    "threshold_shift_kev": (0.0, 1.0),
    "energy_scale": (0.0, 0.2),
}


@dataclass(frozen=True)
class Analysis:
    """All choices that change a number; the defaults are the preset `default`."""

    inputs: str = "default"  # which reading of the experiment files' tables; files without it use their default
    region: str = "interest"  # bins of the published region of interest, or all bins of the file
    couplings: str = "radiative"  # includes the SM charge radii, so <r^2> is the non-standard part; or tree
    sin2_theta_w: float = 0.23857  # for tree couplings: MS-bar at low energy, PDG 2024
    solar_model: str = "B16-GS98"
    sin2_theta12: float = 0.308  # NuFIT 6.0, normal ordering, with SK atmospheric data (IC24), arXiv:2410.05380
    sin2_theta13: float = 0.02215
    sin2_theta23: float = 0.470
    delta_cp_deg: float = 212.0
    dm2_21_ev2: float = 7.49e-5
    flavour_content: str = "exact"  # from mass states and the full mixing matrix; or the shortcut (1-P_ee) cos^2 theta23
    electrons: str = "stepped"
    lowest_true_kev: float = 0.0121  # the outermost xenon shell: no lower cut
    binning: str = "integrated"
    resolution_at: str = "true"
    efficiency_on: str = "file"
    background: str = "components"  # the published components, or their sum as one
    background_width: float = 0.025  # relative width of the single background
    normalisations: str = "published"  # published widths, or every background normalisation free
    one_nuisance_per_shape: bool = True  # components of one shape float together, widths in quadrature
    solar_subtraction: str = "model"  # what is taken out of a published total: the model's own neutrinos, or the published
    correlated_runs: bool = True  # nuisances that runs of one detector share are one nuisance
    efficiency_nuisance: str = "published"  # the width in the experiment file, if it has one, or off
    efficiency_width: float = 0.0  # relative width for experiments whose file has none; 0 is off
    threshold_shift_kev: float = 0.0  # standard deviation of a shift of the efficiency curve; 0 is off
    energy_scale: float = 0.0  # relative standard deviation of the energy scale; 0 is off

    def __post_init__(self) -> None:
        if not isinstance(self.inputs, str):
            raise BayesnuError(f"inputs: found {self.inputs!r:.60}; must be the name of a reading, as default or paper")
        for name, allowed in WORDS.items():
            value = getattr(self, name)
            if value not in allowed:
                raise BayesnuError(f"{name}: found {value!r:.60}{did_you_mean(str(value)[:60], allowed)}")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise BayesnuError(f"{name}: found {value!r:.60}; must be a number in [{low:g}, {high:g}]")
            object.__setattr__(self, name, float(value))  # 0 and 0.0 are the same choice
        for name in ("one_nuisance_per_shape", "correlated_runs"):
            if not isinstance(getattr(self, name), bool):
                raise BayesnuError(f"{name}: found {getattr(self, name)!r:.60}; must be true or false")


PRESETS = {
    "default": Analysis(),
    "paper": Analysis(
        inputs="paper",
        region="all",
        sin2_theta12=0.318,
        sin2_theta13=0.0220,
        dm2_21_ev2=7.50e-5,
        binning="centre",
        resolution_at="reconstructed",
        efficiency_on="reconstructed",
        background="single",
        efficiency_nuisance="off",
    ),
}


def preset(name: str = "default", /, **choices: Any) -> Analysis:
    """Return a preset with some choices changed; raises `BayesnuError` for an unknown name or value."""
    if name not in PRESETS:
        raise BayesnuError(f"preset: found '{name[:60]}'{did_you_mean(name[:60], PRESETS)}")
    known = {field.name for field in fields(Analysis)}
    for choice in choices:
        if choice not in known:
            raise BayesnuError(f"[analysis] {choice[:60]}: unknown key{did_you_mean(choice[:60], known)}")
    return replace(PRESETS[name], **choices)


def differences(one: Analysis, other: Analysis) -> dict[str, tuple[Any, Any]]:
    """Return the choices in which two analyses differ, as name: (one's value, other's value)."""
    a, b = asdict(one), asdict(other)
    return {name: (a[name], b[name]) for name in a if a[name] != b[name]}
