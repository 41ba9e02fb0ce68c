"""Best fits of toys of three flavours against a minimiser with many starts, a sample of the campaign in scripts."""

from __future__ import annotations

import numpy as np
import pytest

from scripts import many_starts
from scripts.bench.fits import plain_chi2, plain_gradient

TOYS = 12
CASES = [(data, name) for data in many_starts.DATA for name in many_starts.PROPERTIES]


@pytest.mark.parametrize(("data", "name"), CASES[:3])
def test_no_start_finds_a_lower_minimum(data: tuple[str, ...], name: str) -> None:
    found = many_starts.compare(data, name, TOYS, seed=2)
    assert found.toys > TOYS / 2 and found.differ <= 1 and found.excess < many_starts.HARMLESS, found


@pytest.mark.slow
@pytest.mark.parametrize(("data", "name"), CASES[3:])
def test_no_start_finds_a_lower_minimum_in_other_data(data: tuple[str, ...], name: str) -> None:
    found = many_starts.compare(data, name, TOYS, seed=2)
    assert found.toys > TOYS / 2 and found.differ <= 1 and found.excess < many_starts.HARMLESS, found


def test_the_minimiser_s_gradient_is_that_of_its_chi2() -> None:
    model = many_starts.three_flavours(("xenonnt-sr0",), "q_nu")
    theta = model.nominal() * 1.1
    theta[:3] = (0.2, -0.3, 0.4)
    centres = np.zeros(len(theta))
    data = (model.templates, model.factors, model.observed, centres, np.full(len(theta), 0.3), 0.0)
    gradient = plain_gradient(theta, *data)
    for k in range(len(theta)):
        step = np.zeros(len(theta))
        step[k] = 1e-5
        difference = (plain_chi2(theta + step, *data) - plain_chi2(theta - step, *data)) / 2e-5
        assert gradient[k] == pytest.approx(difference, rel=1e-5, abs=1e-5)
