"""What an answer in JSON is about: data sets, preset, the choices changed in it, and the version that gave it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bayesnu.inference.toys.result import ToyResult
from bayesnu.model.choices import PRESETS, Analysis, differences
from bayesnu.model.polynomial import Model
from bayesnu.runs.run import Run
from bayesnu.runs.toy_json import fit_to_json
from bayesnu.support.versions import __version__


def about(experiments: Iterable[str], preset: str, analysis: Analysis) -> dict[str, Any]:
    """The head of an answer on data sets by their names, under a preset with the choices of an analysis."""
    changed = differences(PRESETS[preset], analysis)
    return {
        "experiments": list(experiments),
        "preset": preset,
        "choices": {name: value for name, (_, value) in changed.items()},
        "version": __version__,
    }


def about_model(model: Model, preset: str) -> dict[str, Any]:
    """The same of a model that was built under a preset."""
    return about([each.name for each in model.experiments], preset, model.analysis)


def about_fit(model: Model, judged: ToyResult) -> dict[str, Any]:
    """What has to be known beside the numbers of a fitted model: of data and choices, and how good the fit is."""
    return {"notes": model.notes, "fit": fit_to_json(judged)}


def about_run(run: Run) -> dict[str, Any]:
    """The same of a run, whose data sets are those that it has read."""
    return about(run.digests, run.preset, run.analysis)
