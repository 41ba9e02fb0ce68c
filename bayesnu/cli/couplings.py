"""Couplings given on the command line, which takes them in mu_B, e and cm^2."""

from __future__ import annotations

from math import isfinite
from typing import Any

from bayesnu.cli.models import choose_analysis
from bayesnu.cli.options import flag_of
from bayesnu.model.choices import Analysis
from bayesnu.physics.names import ALL_NAMES
from bayesnu.physics.properties import LARGEST, SMALLEST, describe_bounds, is_unphysical, parameter_of
from bayesnu.support.errors import BayesnuError


def choose_couplings(options: dict[str, Any]) -> tuple[Analysis, dict[str, float]]:
    """Separate couplings, in mu_B, e and cm^2, from choices of the analysis."""
    values = {name: value for name, value in options.items() if name.startswith(ALL_NAMES)}
    for name, value in values.items():
        _check(name, value)
    rest = {name: value for name, value in options.items() if name not in values}
    return choose_analysis(rest), values


def in_units_of_scale(values: dict[str, float]) -> dict[str, float]:
    """The same couplings in the units of a model's parameters: 1e-11 mu_B, 1e-12 e and 1e-32 cm^2."""
    return {name: value / parameter_of(name).scale for name, value in values.items()}


def _check(name: str, value: float) -> None:
    parameter = parameter_of(name)
    if not isfinite(value):
        raise BayesnuError(f"{flag_of(name)}: found {value}; must be a finite number")
    if is_unphysical(parameter, value / parameter.scale):
        raise BayesnuError(f"{flag_of(name)}: found {value}; {name} {describe_bounds(parameter)}")
    least = SMALLEST * parameter.scale
    most = LARGEST * parameter.scale
    if value != 0 and not least <= abs(value) <= most:
        raise BayesnuError(
            f"{flag_of(name)}: found {value}; must be 0, or between {least:g} and {most:g} {parameter.unit} in size"
        )
