"""A sample of the campaign that compares made-up experiments with an independent minimiser and integration."""

from __future__ import annotations

import numpy as np
import pytest

from scripts import differential

SAMPLE = (0, 2, 20, 4, 5, 8, 9)  # free, twin, huge and tight backgrounds, one to three data sets, two pieces


@pytest.mark.parametrize("number", [*SAMPLE[:2], pytest.param(SAMPLE[2], marks=pytest.mark.long)])
def test_limits_of_a_made_up_experiment_are_those_of_the_oracle(number: int) -> None:
    comparison = differential.compare(number)
    assert comparison.rows and comparison.agrees, differential.describe(comparison)


@pytest.mark.slow
@pytest.mark.parametrize("number", SAMPLE[3:5])
def test_limits_of_more_made_up_experiments_are_those_of_the_oracle(number: int) -> None:
    comparison = differential.compare(number)
    assert comparison.rows and comparison.agrees, differential.describe(comparison)


@pytest.mark.long
@pytest.mark.parametrize("number", SAMPLE[5:])
def test_limits_of_most_made_up_experiments_are_those_of_the_oracle(number: int) -> None:
    comparison = differential.compare(number)
    assert comparison.rows and comparison.agrees, differential.describe(comparison)


def test_the_oracle_s_slopes_are_finite_differences() -> None:
    oracle = differential.Oracle(differential.make_up(8).model)
    nuisances = oracle.start * 1.1
    slopes = oracle.slopes(nuisances, 0.7)
    for k in range(len(nuisances)):
        step = np.zeros(len(nuisances))
        step[k] = 1e-6
        difference = (oracle.residuals(nuisances + step, 0.7) - oracle.residuals(nuisances - step, 0.7)) / 2e-6
        np.testing.assert_allclose(slopes[:, k], difference, rtol=1e-5, atol=1e-6 * np.abs(slopes[:, k]).max())


def test_the_numbers_make_experiments_of_every_kind() -> None:
    words = " ".join(differential.make_up(number).words for number in range(30))
    assert all(kind in words for kind in (*differential.KINDS, "mu_nu", "q_nu"))


def test_a_difference_is_reported() -> None:
    comparison = differential.Comparison("7: made up", (("profile 1", 2e-3, 1e-3),))
    assert not comparison.agrees and differential.describe(comparison).startswith("DIFFERS profile 1: +2.0e-03 of 1.0e-03")
