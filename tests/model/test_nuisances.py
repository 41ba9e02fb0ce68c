"""Nuisance parameters are told apart by kind, quantity and owner, whatever a file calls its components and keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import Experiment
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.nuisances import RESPONSES, Nuisance, efficiency_scale, normalisation, response_shift
from bayesnu.model.polynomial import Model


def written(folder: Path, *changes: tuple[str, str]) -> Experiment:
    """The template with some words replaced."""
    text = experiments.template()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "data.toml"
    path.write_text(text, encoding="utf-8")
    return experiments.load(path)


def moved(model: Model, name: str) -> np.ndarray:
    """What the Standard Model's counts lose when a parameter of this name halves."""
    theta = model.nominal()
    changed = np.where([each == name for each in model.names], theta / 2, theta)
    lost: np.ndarray = model.expected(theta) - model.expected(changed)
    return lost


@pytest.mark.parametrize("word", [*RESPONSES, "flux_pp", "mu_nu", "my-experiment", "background"])
def test_a_component_takes_over_no_other_parameter(tmp_path: Path, word: str) -> None:
    shifted = Analysis(threshold_shift_kev=0.01, energy_scale=0.01)
    usual = build([written(tmp_path)], ["mu_nu"], shifted)
    called = build([written(tmp_path, ('name = "tritium"', f'name = "{word}"'))], ["mu_nu"], shifted)
    assert len({*called.names}) == len(called.names) == len(usual.names)
    parameters = [prior.parameter for prior in called.nuisances]
    (own,) = (p.name for p in parameters if isinstance(p, Nuisance) and (p.kind, p.quantity) == ("background", word))
    np.testing.assert_allclose(moved(called, own), [2.0, 2.5, 0.5], rtol=1e-12)  # half of tritium's 4, 5 and 1


def test_a_shared_key_is_no_experiment(tmp_path: Path) -> None:
    alone = written(tmp_path, ('name = "my-experiment"', 'name = "lz"'))
    own = replace(
        alone,
        observed=alone.observed + 1,
        efficiency=replace(alone.efficiency, shared=None),
        background=replace(alone.background, components=tuple(replace(c, shared=None) for c in alone.background.components)),
    )
    sharing = written(tmp_path, ("my detector efficiency", "lz"), ("my detector 136Xe", "lz"))
    model = build([own, sharing], ["mu_nu"])
    assert len({*model.names}) == len(model.names) == 3 + 2 * 4
    assert {"efficiency[lz]", "136Xe[lz]", "efficiency[shared lz]", "136Xe[shared lz]"} <= {*model.names}


def test_names_differ_wherever_nuisances_do() -> None:
    words = (*RESPONSES, "136Xe", "lz", "flux_pp")
    keys = (None, "lz", "LZ", "shared lz", "shared shared lz", "PandaX-4T efficiency")
    all_of_them = {efficiency_scale(owner, key) for owner in ("lz", "xenonnt-sr0") for key in keys}
    all_of_them |= {normalisation(word, owner, key) for word in words for owner in ("lz", "shared") for key in keys}
    all_of_them |= {response_shift(word, "lz") for word in RESPONSES[1:]}
    assert len({each.name for each in all_of_them}) == len(all_of_them)


def test_the_names_of_the_data_sets_have_no_prefix() -> None:
    loaded = [experiments.load(name) for name in ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0")]
    owners = ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0", "PandaX-4T 136Xe", "PandaX-4T efficiency")
    names = build(loaded, (), Analysis(threshold_shift_kev=0.01)).names
    assert {name.partition("[")[2].rstrip("]") for name in names if "[" in name} == {*owners}
    assert not any(name.startswith("background ") for name in names)
