"""What a file's expected counts are made of: every count in one place, and none hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.model.budget import budget_of
from bayesnu.model.choices import PRESETS, Analysis


@pytest.mark.parametrize("name", experiments.names())
def test_neutrinos_and_components_are_the_published_total(name: str) -> None:
    experiment = experiments.load(name)
    budget = budget_of(experiment, Analysis())
    total = experiment.background.total
    assert total is not None and budget.remainder is not None
    parts = budget.neutrinos + np.sum([*budget.components.values()], axis=0)
    np.testing.assert_allclose(parts, total[experiment.in_region], rtol=1e-12)
    own = [budget.components[c.name] for c in experiment.background.components if c.fraction is None]
    left = total[experiment.in_region] - budget.neutrinos - np.sum(own, axis=0)
    np.testing.assert_allclose(budget.remainder, left, rtol=1e-11, atol=1e-11)


def test_xenonnt_is_made_of_the_published_parts() -> None:
    budget = budget_of(experiments.load("xenonnt-sr0"), Analysis())
    sums = {name: counts.sum() for name, counts in budget.components.items()}
    assert budget.total.sum() == pytest.approx(426.5, abs=0.05) and budget.observed.sum() == 433
    assert budget.published is not None and budget.published.sum() == pytest.approx(78.8, abs=0.05)
    assert sums["214Pb"] / sums["85Kr"] == pytest.approx(0.722 / 0.071, rel=1e-9)
    assert sums["136Xe"] == pytest.approx(65.6, abs=0.1)


def test_a_remainder_that_is_cut_shows_what_is_missing() -> None:
    budget = budget_of(experiments.load("xenonnt-sr0", "paper"), PRESETS["paper"])
    assert budget.remainder is not None
    assert budget.remainder[0] == pytest.approx(-0.00195, abs=5e-6)
    assert budget.components["214Pb"][0] == 0


def test_a_file_without_neutrinos_has_no_total_of_its_own() -> None:
    loaded = experiments.load("pandax4t-run1")
    own = tuple(c for c in loaded.background.components if c.counts is not None)
    bare = replace(loaded.background, solar_neutrinos="absent", total=None, published_solar_neutrinos=None, components=own)
    budget = budget_of(replace(loaded, background=bare, neutrinos=None), Analysis())
    assert budget.remainder is None and budget.published is None and budget.check is None
    np.testing.assert_allclose(budget.total, budget.neutrinos + np.sum([*budget.components.values()], axis=0), rtol=1e-13)


def kinds(name: str, **choices: str) -> dict[str, tuple[str, str, str]]:
    """What each component floats as, by which kind of constraint, and its words."""
    constraints = budget_of(experiments.load(name), Analysis(**choices)).constraints  # type: ignore[arg-type]
    return {each.component: (each.normalisation, each.kind, each.words) for each in constraints}


def test_every_component_says_by_what_it_is_constrained() -> None:
    fitted = kinds("xenonnt-sr0")
    assert set(fitted) == {"214Pb", "85Kr", "materials", "136Xe", "124Xe"}
    assert fitted["214Pb"] == fitted["materials"] == ("flat", "fit", "+- 10.9 %")
    assert fitted["136Xe"] == ("136Xe", "fit", "+- 3.2 %")
    known = kinds("xenonnt-sr0", normalisations="prior")
    assert known["214Pb"] == ("214Pb", "prior", "0.594 to 1.25")
    assert known["85Kr"] == ("85Kr", "prior", "+- 66.7 %")
    assert known["136Xe"] == ("136Xe", "prior", "1.006 +- 3.87 %")
    assert known["124Xe"] == ("124Xe", "prior", "free")
    assert {row[1:] for row in kinds("xenonnt-sr0", normalisations="free").values()} == {("free", "free")}
    assert kinds("pandax4t-run1")["tritium"] == ("tritium", "free", "free")
    assert kinds("xenonnt-sr0", background="single") == {}


def test_a_prior_says_for_which_energies_it_was_published() -> None:
    constraints = budget_of(experiments.load("xenonnt-sr0"), Analysis(normalisations="prior")).constraints
    assert {each.range_kev for each in constraints} == {(1, 140)}
    assert {each.range_kev for each in budget_of(experiments.load("xenonnt-sr0"), Analysis()).constraints} == {None}
