"""A chain in memory: what it gives, and what it does not take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import getdist
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


def moving() -> Chain:
    """A chain of two parameters, of which the second has a name that other programs refuse, with a burn-in of ten steps."""
    samples = np.abs(np.random.default_rng(5).normal(size=(2, 200, 4, 2)))
    names = ("mu_nu", "124Xe[xenonnt-sr0]")
    words = ("flat on [0, 10] 1e-11 mu_B", "Gaussian 1 +- 0.1 on [0, inf]")
    return replace(CHAIN, names=names, priors=words, samples=samples, log_prob=-samples.sum(axis=-1), steps=200, thin=1)


def test_a_chain_goes_to_numpy_and_pandas_without_its_burn_in() -> None:
    chain = moving()
    assert 0 < chain.burn_in < 20
    kept = chain.samples[:, chain.burn_in :]
    np.testing.assert_array_equal(chain.to_numpy(), kept.reshape(-1, 2))
    frame = chain.to_pandas()
    assert [*frame.columns] == ["mu_nu", "n_124Xe_xenonnt_sr0", "log_posterior"]
    np.testing.assert_array_equal(frame["n_124Xe_xenonnt_sr0"], kept[..., 1].ravel())
    np.testing.assert_allclose(frame["log_posterior"], -frame["mu_nu"] - frame["n_124Xe_xenonnt_sr0"])


def test_a_chain_goes_to_arviz_with_every_walker_as_a_chain() -> None:
    chain = moving()
    data = chain.to_arviz()
    values = np.asarray(data["posterior"]["n_124Xe_xenonnt_sr0"])
    assert values.shape == (8, 200 - chain.burn_in)
    np.testing.assert_array_equal(values[5], chain.samples[1, chain.burn_in :, 1, 1])
    found = data.attrs if hasattr(data, "attrs") else {}
    if found:
        assert found["name of n_124Xe_xenonnt_sr0"] == "124Xe[xenonnt-sr0]" and found["unit of mu_nu"] == "1e-11 mu_B"


def test_a_chain_goes_to_getdist_with_the_ends_of_its_priors(tmp_path: Path) -> None:
    chain = moving()
    direct = chain.to_getdist()
    written = chain.write_getdist(tmp_path / "run")
    assert [path.name for path in written] == ["run.paramnames", "run.ranges", "run_1.txt", "run_2.txt"]
    read = getdist.loadMCSamples(str(tmp_path / "run"), settings={"ignore_rows": 0})
    for samples in (direct, read):
        assert samples.getParamNames().list() == ["mu_nu", "n_124Xe_xenonnt_sr0"]
        assert samples.numrows == len(chain.to_numpy())
        np.testing.assert_allclose(np.mean(samples.samples, axis=0), chain.to_numpy().mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(np.sort(samples.loglikes), np.sort(-chain.to_pandas()["log_posterior"]), rtol=1e-12)
        assert (samples.ranges.getLower("mu_nu"), samples.ranges.getUpper("mu_nu")) == (0.0, 10.0)
        assert samples.ranges.getUpper("n_124Xe_xenonnt_sr0") is None
