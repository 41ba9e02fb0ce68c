"""Couplings given on the command line, and whether a prediction for them is finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnu.cli.models import choose_analysis
from bayesnu.cli.options import flag_of
from bayesnu.model.choices import Analysis
from bayesnu.physics.names import PROPERTY_NAMES
from bayesnu.physics.properties import parameter_of
from bayesnu.support.errors import BayesnuError


def choose_couplings(options: dict[str, Any]) -> tuple[Analysis, dict[str, float]]:
    """Separate couplings from choices of the analysis."""
    values = {name: value for name, value in options.items() if name.startswith(PROPERTY_NAMES)}
    for name, value in values.items():
        _check(name, value)
    rest = {name: value for name, value in options.items() if name not in values}
    return choose_analysis(rest), values


def _check(name: str, value: float) -> None:
    if not np.isfinite(value):
        raise BayesnuError(f"{flag_of(name)}: found {value}; must be a finite number")
    if value < 0 and not parameter_of(name).signed:
        raise BayesnuError(f"{flag_of(name)}: found {value}; {name} is a modulus, so give 0 or more")


def check_finite(values: np.ndarray, what: str) -> None:
    """Raise `BayesnuError` for a prediction that is not finite; `what` names the option to change."""
    if not np.all(np.isfinite(values)):
        raise BayesnuError(f"{what}: found a number so far out that the prediction is not a finite number; come nearer")
