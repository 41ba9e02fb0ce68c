"""Experiments never change after they are made, whoever made them."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import (
    AbsoluteWidth,
    Counted,
    Experiment,
    FreeWidth,
    GaussianPrior,
    Rated,
    RelativeWidth,
    Resolution,
    StatedNeutrinos,
    UniformPrior,
)
from bayesnu.model.choices import Analysis
from bayesnu.model.fold import fold
from bayesnu.physics.background_spectra import FlatSpectrum
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


EDGES = EXPERIMENT.edges_kev
CURVE = EXPERIMENT.efficiency


def with_curve(**changes: np.ndarray) -> Experiment:
    """Return the experiment with another efficiency."""
    return replace(EXPERIMENT, efficiency=replace(CURVE, **changes))  # type: ignore[arg-type]


IMPOSSIBLE: dict[str, tuple[Callable[[], object], str]] = {
    "edges that decrease": (lambda: replace(EXPERIMENT, edges_kev=EDGES[::-1]), "edges_kev that make no bins"),
    "an edge twice": (lambda: replace(EXPERIMENT, edges_kev=np.repeat(EDGES[1:], 2)), "edges_kev that make no bins"),
    "an edge that is no number": (lambda: replace(EXPERIMENT, edges_kev=EDGES * np.nan), "edges_kev that make no bins"),
    "negative edges": (lambda: replace(EXPERIMENT, edges_kev=EDGES - 10), "edges_kev that make no bins"),
    "one edge": (lambda: replace(EXPERIMENT, edges_kev=EDGES[:1]), "edges_kev of shape"),
    "edges in two dimensions": (lambda: replace(EXPERIMENT, edges_kev=EDGES[None]), "edges_kev of shape"),
    "an edge too few": (lambda: replace(EXPERIMENT, edges_kev=EDGES[:-1]), "observed of shape"),
    "a turn-on too short": (lambda: replace(EXPERIMENT, turn_on=np.ones(2)), "turn_on of shape"),
    "a turn-on below zero": (lambda: replace(EXPERIMENT, turn_on=-np.ones(len(EDGES) - 1)), "turn_on with what is no"),
    "a model's values off the edges": (lambda: replace(EXPERIMENT, model_values_kev=(1.01, 2.0)), "model_values_kev"),
    "no exposure": (lambda: replace(EXPERIMENT, exposure_tonne_years=0.0), "exposure of 0 tonne-years"),
    "a negative exposure": (lambda: replace(EXPERIMENT, exposure_tonne_years=-1.0), "exposure of -1 tonne-years"),
    "an exposure of words": (
        lambda: replace(EXPERIMENT, exposure_tonne_years="1"),  # type: ignore[arg-type]
        "exposure_tonne_years: found '1'",
    ),
    "fewer efficiencies than energies": (
        lambda: with_curve(values=CURVE.values[1:]),
        "efficiency with energies_kev of shape",
    ),
    "no efficiency": (
        lambda: with_curve(values=np.ones(0), energies_kev=np.ones(0)),
        "efficiency with energies_kev of shape",
    ),
    "energies that decrease": (lambda: with_curve(energies_kev=CURVE.energies_kev[::-1]), "energies_kev out of order"),
    "an efficiency above one": (lambda: with_curve(values=CURVE.values + 1), "outside [0, 1]"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_experiment_that_cannot_be_is_refused(case: str) -> None:
    make, sentence = IMPOSSIBLE[case]
    with pytest.raises(BayesnuError) as caught:
        make()
    assert sentence in str(caught.value) and str(caught.value).isprintable()


def test_a_list_is_an_array() -> None:
    changed = replace(EXPERIMENT, observed=[2] * len(EXPERIMENT.observed))  # type: ignore[arg-type]
    assert changed.observed.dtype == np.float64 and changed.observed.sum() == 2 * len(EXPERIMENT.observed)


PARTS = replace(EXPERIMENT.background.components[0], counts=None, fraction=0.4)
BACKGROUND = EXPERIMENT.background


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RelativeWidth(0.0), "a relative width: found 0; must be above 0 and up to 1"),
        (lambda: RelativeWidth(5.0), "a relative width: found 5; must be above 0 and up to 1"),
        (lambda: RelativeWidth(0.1, 1.0), "the asymmetry of a width: found 1; must lie between -1 and 1"),
        (lambda: AbsoluteWidth(-3.0), "an absolute width, in counts: found -3; must be above 0"),
        (lambda: FreeWidth(1.0), "the maximum of a free normalisation: found 1; must be above 1"),
        (lambda: replace(PARTS, fraction=None), "needs one of counts, a fraction of the remainder and a spectrum"),
        (
            lambda: replace(PARTS, fraction=None, spectrum=FlatSpectrum()),
            "a spectrum needs a size, and nothing else has one",
        ),
        (lambda: Counted(0.0, "region"), "the counts of a spectrum: found 0; must be above 0"),
        (lambda: Rated(np.inf), "the rate of a spectrum: found inf; must be a finite number"),
        (lambda: replace(PARTS, fraction=1.4), "fraction: found 1.4; must be above 0 and up to 1"),
        (lambda: replace(BACKGROUND, components=BACKGROUND.components * 2), "each name may stand once"),
        (lambda: replace(BACKGROUND, components=(PARTS,)), "that sum to 0.4; must sum to 1"),
        (lambda: replace(BACKGROUND, solar_neutrinos="some"), "must be included or absent"),  # type: ignore[arg-type]
        (lambda: replace(EXPERIMENT.efficiency, energy="visible"), "reconstructed or true"),  # type: ignore[arg-type]
        (lambda: replace(EXPERIMENT.efficiency, relative_width=-0.1), "found -0.1; must be above 0 and up to 1"),
        (
            lambda: Resolution(sqrt_kev=np.nan),
            "resolution: sqrt_kev: found nan; must be a finite number",
        ),
        (lambda: replace(EXPERIMENT.efficiency, assumed_width=2.0), "assumed_width: found 2; must be above 0 and up to 1"),
        (lambda: replace(EXPERIMENT.efficiency, threshold_width_kev=0.0), "threshold_width_kev: found 0; must be above 0"),
        (lambda: replace(EXPERIMENT, exposure_width=-0.1), "exposure_width: found -0.1; must be above 0 and up to 1"),
        (lambda: GaussianPrior(0.0, 0.1), "the mean of a prior, in fitted counts: found 0; must be above 0"),
        (lambda: GaussianPrior(1.0, -0.1), "the width of a prior, in fitted counts: found -0.1; must be above 0"),
        (lambda: UniformPrior(1.2, 3.0), "found 1.2 to 3; must be 0 or more and hold 1, the fit"),
        (lambda: UniformPrior(1.0, 1.0), "found 1 to 1; must be 0 or more and hold 1, the fit"),
        (lambda: StatedNeutrinos(np.nan, None, (1.0, 10.0)), "neutrinos: counts: found nan"),
        (lambda: StatedNeutrinos(300.0, 0.0, (1.0, 10.0)), "neutrinos: error: found 0; must be above 0"),
    ],
)
def test_a_part_that_no_file_could_hold_is_refused(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BayesnuError, match=re.escape(sentence)):
        make()
