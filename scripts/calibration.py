"""Calibrate analyses with planted errors, and print what is said of them. Run it with the package's own Python.

Truths and data come from the right model, posteriors from a wrong one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np

from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.runs import run
from bayesnu.studies import calibration
from bayesnu.studies.calibration import Calibration


def narrowed(model: Model, name: str, factor: float) -> Model:
    """The model with the constraint of a nuisance too narrow by a factor."""
    prior = next(prior for prior in model.nuisances if prior.name.partition("[")[0] == name)
    assert isinstance(prior, Gaussian)
    return model.with_priors(replace(prior, width=prior.width / factor))


def without_flux(model: Model, name: str) -> Model:
    """The model without the neutrinos of a flux."""
    its_terms = (model.factors == model.names.index(name)).any(axis=1)
    return replace(model, templates=np.where(its_terms[:, None], 0.0, model.templates))


# A Gaussian times itself is one narrower by sqrt(2).
PLANTED: dict[str, Callable[[Model], Model]] = {
    "none": lambda model: model,
    "width of the 124Xe constraint too small by 1.5": lambda model: narrowed(model, "124Xe", 1.5),
    "constraint of 136Xe applied twice": lambda model: narrowed(model, "136Xe", sqrt(2)),
    "pp neutrinos forgotten": lambda model: without_flux(model, "flux_pp"),
}


def calibrated(change: Callable[[Model], Model], replicas: int, seed: int = 1) -> Calibration:
    """Calibrate a changed analysis of XENONnT's moment with the right model's truths and data."""
    chosen = calibration.prepare_run(run.resolve(("xenonnt-sr0",), "mu_nu"), seed)
    truth = run.model_of(chosen)
    analysis, seeds = change(truth), np.random.SeedSequence(seed).spawn(replicas)
    found = calibration.gather_replicas(calibration.run_replica(truth, analysis, chosen.sampling, each) for each in seeds)
    return calibration.judge(truth.names, [found])


def answers(replicas: int) -> dict[str, dict[str, Any]]:
    """What is said of every planted error."""
    found = {name: calibrated(change, replicas) for name, change in PLANTED.items()}
    return {name: {"faults": each.faults, "p_value": each.p_value, "replicas": replicas} for name, each in found.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    said = answers(options.replicas)
    if options.json:
        print(json.dumps(said))
    else:
        for name, each in said.items():
            print(f"{name}: {'; '.join(each['faults']) or 'calibrated'} (p = {each['p_value']:.1g})")
