"""Every common-flavour interval of the reproduction against iminuit's MINOS, moments as mu^2 >= 0."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from iminuit import Minuit

from bayesnu.experiments import load
from bayesnu.experiments.published import PAPER_DATA_SETS
from bayesnu.inference.profile import interval
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from tests.statistics.models import PARAMETERS, chi2

RESULTS = list(product(PAPER_DATA_SETS, PARAMETERS, ["default", "paper"]))


def minuit_of(model: Model, start: np.ndarray, squared: bool) -> Minuit:
    """The plain chi^2 as iminuit sees it: the first parameter is the physics one, or its square."""

    def function(theta: np.ndarray) -> float:
        point = np.array(theta)
        point[0] = np.sqrt(max(point[0], 0.0)) if squared else point[0]
        return float(chi2(model, point[None])[0])

    first = np.append(start[0] ** 2 if squared else start[0], start[1:])
    fit = Minuit(function, first)
    fit.errordef, fit.strategy, fit.tol = Minuit.LEAST_SQUARES, 2, 1e-4
    fit.limits[0] = (0, None) if squared else None
    fit.errors[0] = 0.3 * max(abs(first[0]), 0.3)
    for k, prior in enumerate(model.nuisances, start=1):
        fit.limits[k] = (prior.lower, prior.upper)
        fit.errors[k] = prior.width if isinstance(prior, Gaussian) else 0.1
    fit.migrad()
    return fit


@pytest.mark.parametrize(("names", "parameter", "preset"), RESULTS, ids=["-".join((*n, p, c)) for n, p, c in RESULTS])
def test_every_common_interval_is_that_of_minos(names: tuple[str, ...], parameter: str, preset: str) -> None:
    analysis = PRESETS[preset]
    model = build([load(name, analysis.inputs) for name in names], (parameter,), analysis)
    found = interval(model, cl=0.9)
    assert found.best_fit is not None and found.lower is not None and found.upper is not None
    squared = parameter == "mu_nu"
    fit = minuit_of(model, np.append(found.best_fit, model.nominal()[1:]), squared)
    fit.minos(fit.parameters[0], cl=0.9)
    errors = fit.merrors[fit.parameters[0]]
    power = 2 if squared else 1
    ours = np.array([found.lower, found.upper]) ** power
    width = ours[1] - ours[0]
    assert errors.upper_valid
    assert fit.values[0] + errors.upper == pytest.approx(ours[1], abs=1e-3 * width)
    if found.lower != 0 or not squared:
        assert errors.lower_valid
        assert fit.values[0] + errors.lower == pytest.approx(ours[0], abs=1e-3 * width)
