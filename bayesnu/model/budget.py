"""What the expected counts of a file are made of, bin by bin: neutrinos, components, and what is left for the remainder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.experiments import Component, Experiment
from bayesnu.model.backgrounds import own_counts, sum_own, take_out
from bayesnu.model.choices import Analysis
from bayesnu.model.consistency import NeutrinoCheck, compare_neutrinos, count_neutrinos
from bayesnu.model.observation import observe


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
        check=_choose_check(compare_neutrinos(experiment, analysis)),
    )


def _choose_check(checks: list[NeutrinoCheck]) -> NeutrinoCheck | None:
    """The comparison that contradicts the file, or else the first; None where the file states no neutrinos."""
    return next((each for each in checks if each.is_contradiction), checks[0] if checks else None)
