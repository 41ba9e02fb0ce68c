"""Couplings given on the command line, and whether a prediction for them is finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesnu.model import choices as choices_of
from bayesnu.physics.properties import PROPERTIES, parameter_of
from bayesnu.support.errors import BayesnuError


def analysis_and_couplings(options: dict[str, Any]) -> tuple[choices_of.Analysis, dict[str, float]]:
    """Separate couplings from choices of the analysis."""
    values = {name: value for name, value in options.items() if name.startswith(tuple(PROPERTIES))}
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if not np.isfinite(value):
            raise BayesnuError(f"{flag}: found {value}; must be a finite number")
        if value < 0 and not parameter_of(name).signed:
            raise BayesnuError(f"{flag}: found {value}; {name} is a modulus, so give 0 or more")
    rest = {name: value for name, value in options.items() if name not in values}
    return choices_of.preset(rest.pop("preset", "default"), **rest), values


def check_finite(values: np.ndarray, what: str) -> None:
    """Raise `BayesnuError` for a prediction that is not finite; `what` names the option to change."""
    if not np.all(np.isfinite(values)):
        raise BayesnuError(f"{what}: found a number so far out that the prediction is not a finite number; come nearer")
