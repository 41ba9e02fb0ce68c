"""LZ WS2022 as a user writes it: backgrounds by what they are, and arrays in CSV files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesnu import experiments
from bayesnu.inference import profile
from bayesnu.model.budget import budget_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis

FILE = Path(__file__).parent / "lz-ws2022" / "lz-ws2022.toml"

# 90 % profile intervals of an independent calculation with stepped electrons, in 1e-11 mu_B, 1e-12 e and 1e-32 cm^2.
# The shapes of its backgrounds are not known in detail.
INDEPENDENT = {"mu_nu": (0.0, 1.370), "q_nu": (-0.449, 0.776), "r2_nu": (-79.8, 37.7)}


@pytest.mark.parametrize("parameter", INDEPENDENT)
def test_limits_are_near_those_of_an_independent_calculation(parameter: str) -> None:
    found = profile.interval(build(FILE, parameter))
    assert (found.lower, found.upper) == pytest.approx(INDEPENDENT[parameter], rel=0.03)


def test_the_components_are_those_of_the_published_table() -> None:
    experiment = experiments.load(FILE)
    budget = budget_of(experiment, Analysis())
    counts = {name: float(each.sum()) for name, each in budget.components.items()}
    assert counts == pytest.approx({"flat": 335, "136Xe": 21, "37Ar": 52.5, "124Xe": 5.0, "127Xe": 9.2})
    assert budget.total.sum() == pytest.approx(463.4, rel=0.01)  # of the published fit
    assert budget.components["37Ar"][1:3].sum() > 0.8 * counts["37Ar"]  # 2-4 keV
