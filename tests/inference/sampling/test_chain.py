"""A chain in memory: what it gives, and what it does not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesnu.inference.sampling.chain import Chain
from bayesnu.support.errors import BayesnuError

SAMPLES = np.arange(2.0 * 5 * 3 * 2).reshape(2, 5, 3, 2)
CHAIN = Chain(
    path=Path("chain.h5"),
    names=("mu_nu", "flux_pp"),
    units=("mu_B", ""),
    scales=(1e-11, 1.0),
    labels=("a", "b"),
    priors=("flat", "flat"),
    samples=SAMPLES,
    log_prob=SAMPLES[..., 0],
    acceptance=np.ones(2),
    fingerprint={},
    seed=1,
    config="",
    steps=10,
    thin=2,
)


@pytest.mark.parametrize("burn_in", [0.5, "3", None, np.nan, True, -1, 11, [1], []])
def test_a_burn_in_that_is_no_number_of_steps_is_refused(burn_in: Any) -> None:
    with pytest.raises(BayesnuError, match=r"^burn_in: found [^\n]+; must be an integer from 0 to the 10 stored steps$"):
        CHAIN.after(burn_in)


def test_steps_after_a_burn_in_are_the_later_ones() -> None:
    step: Any = np.int64(3)
    np.testing.assert_array_equal(CHAIN.after(step), SAMPLES[:, 2:])  # 3 steps end within the second draw
    assert CHAIN.after(10).shape[1] == 0


@pytest.mark.parametrize("name", ["mu", "", None, 0, np.nan, ["mu_nu"], np.array(["a", "b"])])
def test_a_parameter_that_the_chain_does_not_have_is_refused(name: Any) -> None:
    with pytest.raises(BayesnuError, match=r"^parameter: found [^\n]+, which the chain does not have; [^\n]+$"):
        CHAIN.of(name)
    np.testing.assert_array_equal(CHAIN.of("flux_pp"), SAMPLES[..., 1])
