"""Experiments never change after they are made, whoever made them."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import Experiment
from bayesnu.model.choices import Analysis
from bayesnu.model.fold import fold
from bayesnu.support.errors import BayesnuError

EXPERIMENT = experiments.load("xenonnt-sr0")


def test_a_replaced_array_is_a_copy_that_cannot_be_written() -> None:
    counts = np.ones(len(EXPERIMENT.observed))
    view = counts.view()
    view.setflags(write=False)
    for given in (counts, view):
        changed = replace(EXPERIMENT, observed=given)
        counts[:] = 7.0
        assert changed.observed.sum() == len(counts)
        with pytest.raises(ValueError, match="read-only"):
            changed.observed[0] = 3.0
        counts[:] = 1.0


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_cannot_be_written(again: object) -> None:
    assert callable(again)
    made: Experiment = again(EXPERIMENT)
    for array in (made.edges_kev, made.observed, made.efficiency.values, made.background.total):
        assert array is not None and not array.flags.writeable


def test_a_fold_is_of_the_efficiency_that_stands_in_the_experiment() -> None:
    values = np.full(len(EXPERIMENT.efficiency.values), 0.8)
    data = replace(EXPERIMENT, efficiency=replace(EXPERIMENT.efficiency, values=values))
    before = fold(data, Analysis()).counts.sum()
    values[:] = 0.4
    assert fold(data, Analysis()).counts.sum() == before
    halved = replace(data, efficiency=replace(data.efficiency, values=values))
    assert fold(halved, Analysis()).counts.sum() == pytest.approx(before / 2, rel=1e-12)


@pytest.mark.parametrize("given", ["counts", [None], [True, False], [[1, 2], [3]], {"a": 1}])
def test_an_array_of_anything_but_numbers_is_refused(given: object) -> None:
    with pytest.raises(BayesnuError, match=r"^observed: found [^\n]+; must be numbers, as a list or an array$"):
        replace(EXPERIMENT, observed=given)  # type: ignore[arg-type]


def test_a_list_is_an_array() -> None:
    changed = replace(EXPERIMENT, observed=[2] * len(EXPERIMENT.observed))  # type: ignore[arg-type]
    assert changed.observed.dtype == np.float64 and changed.observed.sum() == 2 * len(EXPERIMENT.observed)
