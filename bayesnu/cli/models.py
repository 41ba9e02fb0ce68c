"""From options of the command line to what they choose: a parameter, an analysis, a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesnu import experiments
from bayesnu.cli.options import require_parameter
from bayesnu.model import choices
from bayesnu.model.builder import build
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import parameters_of


def choose_parameters(options: dict[str, Any]) -> tuple[str, ...]:
    """Take property and flavour from the options; returns the names of the parameters that they are."""
    parameter = require_parameter(options.pop("parameter", None))
    flavour = options.pop("flavour", "common")
    return parameters_of(parameter, flavour)


def choose_preset(options: dict[str, Any]) -> str:
    """The name of the preset that options ask for."""
    return str(options.get("preset", "default"))


def choose_analysis(options: dict[str, Any]) -> choices.Analysis:
    """The analysis of options that are a preset and choices alone."""
    others = {name: value for name, value in options.items() if name != "preset"}
    return choices.preset(choose_preset(options), **others)


def choose_model(names: Sequence[str], parameters: Sequence[str], options: dict[str, Any]) -> Model:
    """The model of experiments and parameters, with options as those of `choose_analysis`."""
    analysis = choose_analysis(options)
    data = [experiments.load(name, analysis.inputs) for name in names]
    return build(data, parameters, analysis)
