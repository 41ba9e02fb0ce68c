"""A model with another prior, or with one more nuisance: the rest of it stays what it was."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.model.polynomial import Model
from bayesnu.support.errors import BayesnuError


@cache
def model() -> Model:
    return bayesnu.build(["xenonnt-sr0", "pandax4t-run1"], "mu_nu", "paper")


@pytest.mark.parametrize("experiment", [None, "xenonnt-sr0", "pandax4t-run1"])
def test_a_nuisance_adds_its_counts_times_its_value_and_nothing_else(experiment: str | None) -> None:
    blocks = [block for block in model().blocks if experiment in (None, block.experiment)]
    bins = np.concatenate([np.arange(block.bins.start, block.bins.stop) for block in blocks])
    counts = np.random.default_rng(1).normal(size=len(bins))
    more = model().with_nuisance("distortion", counts, "gaussian", experiment, lower=-5, mean=0, width=1)
    theta = np.random.default_rng(2).uniform(0.5, 1.5, (4, len(model().names)))
    values = np.array([-1.0, 0.0, 0.5, 2.0])
    added = more.expected(np.column_stack([theta, values])) - model().expected(theta)
    wanted = np.zeros((4, len(model().observed)))
    wanted[:, bins] = values[:, np.newaxis] * counts
    np.testing.assert_allclose(added, wanted, atol=1e-12)
    assert more.names == (*model().names, "distortion") and more.nominal()[-1] == 0


@pytest.mark.parametrize("index", [0, 1])
def test_a_data_set_alone_keeps_its_part_of_a_nuisance(index: int) -> None:
    counts = np.arange(1.0, 61.0)
    more = model().with_nuisance("leak", counts, "flat")
    block = model().blocks[index]
    alone = more.alone(index)
    theta = alone.nominal()
    theta[-1] = 2.0
    before = model().alone(index)
    np.testing.assert_allclose(alone.expected(theta) - before.expected(before.nominal()), 2 * counts[block.bins])


def test_the_compiled_posterior_of_a_model_with_a_nuisance_is_the_plain_one() -> None:
    more = model().with_nuisance("leak", np.full(60, 0.3), "gaussian", mean=1, width=0.5)
    points = more.nominal() * np.random.default_rng(3).uniform(0.9, 1.1, (5, len(more.names)))
    points[:, 0] = 0.4
    np.testing.assert_allclose(bayesnu.compile_posterior(more)(points), bayesnu.log_posterior(more, points), rtol=1e-12)


def test_a_prior_is_changed_by_name() -> None:
    cut = model().with_prior("mu_nu", "gaussian", mean=0.2, width=0.1, upper=3)
    assert repr(cut.parameters[0]) == "<Gaussian prior of mu_nu: Gaussian 0.2 +- 0.1 on [0, 3] 1e-11 mu_B>"
    assert cut.parameters[1:] == model().parameters[1:]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "taken": ({"name": "flux_pp"}, "nuisance: the model has a parameter 'flux_pp' already"),
    "kind": ({"kind": "log-uniform"}, "prior of leak: found 'log-uniform'; a nuisance takes 'flat' or 'gaussian'"),
    "shape": ({"counts": np.ones(3)}, r"counts: found numbers of shape \(3,\); must be finite, one per bin, \(60,\)"),
    "empty": ({"counts": np.zeros(60)}, "counts: found numbers of shape"),
    "nan": ({"counts": np.full(60, np.nan)}, "counts: found numbers of shape"),
    "data set": ({"experiment": "xenonnt"}, "nuisance: the model has no data set 'xenonnt'; did you mean 'xenonnt-sr0'"),
    "no width": ({"mean": 1.0}, "prior of leak: a gaussian prior needs a mean and a width"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_nuisance_that_cannot_be_is_refused(what: str) -> None:
    changes, sentence = REFUSED[what]
    given: dict[str, Any] = {"name": "leak", "counts": np.ones(60), "kind": "gaussian"}
    numbers = {} if what == "no width" else {"mean": 1.0, "width": 0.1}
    with pytest.raises(BayesnuError, match=f"^{sentence}"):
        model().with_nuisance(**(given | numbers | changes))


def test_a_prior_of_no_parameter_is_refused() -> None:
    with pytest.raises(BayesnuError, match=r"^parameter: found 'flux_p', which the model does not have; did you"):
        model().with_prior("flux_p", "gaussian", mean=1, width=0.1)
