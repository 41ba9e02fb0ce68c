"""What the expected counts of a file are made of, bin by bin: neutrinos, components, and what is left for the remainder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bayesnu.experiments import Component, Experiment
from bayesnu.model.backgrounds import (
    Shape,
    background_shapes,
    find_merged_shapes,
    find_priors,
    own_counts,
    sum_own,
    take_out,
)
from bayesnu.model.choices import Analysis
from bayesnu.model.consistency import NeutrinoCheck, compare_neutrinos, count_neutrinos
from bayesnu.model.observation import observe


@dataclass(frozen=True)
class Constraint:
    """How the counts of a component are constrained.

    Attributes:
        component: its name.
        normalisation: the name of what floats, a component or a shape that several have.
        kind: `prior`, what was known before the fit to the data; `fit`, what that gave; or `free`.
        words: the constraint relative to the fitted counts: one standard deviation, a range, or free.
        range_kev: the energies for which a prior was published, both ends in keV; None for another kind.
    """

    component: str
    normalisation: str
    kind: str
    words: str
    range_kev: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Budget:
    """The counts (bins,) of an experiment in the bins of an analysis.

    Attributes:
        experiment: the data set.
        edges_kev: (bins + 1,), edges in reconstructed energy, keV.
        observed: (bins,), events.
        total: (bins,), what the file expects: its total, or the sum of neutrinos and components where it has none.
        neutrinos: (bins,), Standard Model neutrinos of the model.
        published: (bins,), neutrinos that the file holds, or None.
        remainder: (bins,), total less neutrinos and components with counts of their own, before a cut at zero; None where
            every component has counts.
        components: name of a component: (bins,), counts; a fraction of the remainder is cut at zero.
        constraints: one per component that floats in these bins, with the kind that the analysis uses.
        check: the neutrinos beside those that the file states; None where it states none.
    """

    experiment: Experiment
    edges_kev: np.ndarray
    observed: np.ndarray
    total: np.ndarray
    neutrinos: np.ndarray
    published: np.ndarray | None
    remainder: np.ndarray | None
    components: dict[str, np.ndarray]
    constraints: tuple[Constraint, ...]
    check: NeutrinoCheck | None


def budget_of(experiment: Experiment, analysis: Analysis) -> Budget:
    """Split the expected counts of an experiment; raises `BayesnuError` for one that was loaded with another reading."""
    observation = observe(experiment, analysis)
    background = experiment.background
    neutrinos = count_neutrinos(experiment, analysis)
    own = sum_own(observation)
    published = background.published_solar_neutrinos
    total = neutrinos + own if background.total is None else observation.cut(background.total)
    remainder = None if background.total is None else total - take_out(observation, neutrinos) - own

    def counts(component: Component) -> np.ndarray:
        alone = own_counts(observation, component)
        if alone is not None:
            return observation.cut(alone)
        assert remainder is not None
        share: np.ndarray = (component.fraction or 0.0) * np.maximum(remainder, 0.0)
        return share

    return Budget(
        experiment=experiment,
        edges_kev=observation.edges_kev,
        observed=observation.observed,
        total=total,
        neutrinos=neutrinos,
        published=None if published is None else observation.cut(published),
        remainder=remainder,
        components={component.name: counts(component) for component in background.components},
        constraints=tuple(_list_constraints(experiment, analysis, background_shapes(observation, neutrinos))),
        check=_choose_check(compare_neutrinos(experiment, analysis)),
    )


def _list_constraints(experiment: Experiment, analysis: Analysis, shapes: list[Shape]) -> Iterator[Constraint]:
    """Yield how each component is constrained; with a single background they have no constraints of their own."""
    floating = {shape.name: shape for shape in shapes}
    merged = find_merged_shapes(experiment, analysis)
    priors = find_priors(experiment, analysis)
    for component in experiment.background.components:
        shape = floating.get(component.shape if component.shape in merged else component.name)
        if analysis.background == "single" or shape is None:
            continue
        fitted = "free" if shape.width is None else "fit"
        prior = priors.get(component.name)
        kind = fitted if prior is None else "prior"
        yield Constraint(component.name, shape.name, kind, shape.constraint, None if prior is None else prior.range_kev)


def _choose_check(checks: list[NeutrinoCheck]) -> NeutrinoCheck | None:
    """The comparison that contradicts the file, or else the first; None where the file states no neutrinos."""
    return next((each for each in checks if each.is_contradiction), checks[0] if checks else None)
