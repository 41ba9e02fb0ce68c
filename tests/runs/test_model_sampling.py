"""A model that Python has changed is sampled as it is, in memory or into a folder."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.experiments import scale_exposure
from bayesnu.model.polynomial import Model
from bayesnu.runs.posterior import Posterior
from bayesnu.runs.stored import open_stored
from bayesnu.support.errors import BayesnuError

FEW: dict[str, Any] = {"steps": 64, "ensembles": 2, "walkers": 64, "seed": 3}


@cache
def changed() -> Model:
    """A model with a prior of its own and one more background, whose counts the data share with the flat one."""
    model = bayesnu.build("xenonnt-sr0", "mu_nu", "paper").with_prior("flux_pp", "gaussian", mean=1.0, width=0.02)
    return model.with_nuisance("leak", np.full(30, 1.0), "gaussian", mean=1.0, width=0.3)


@cache
def posterior() -> Posterior:
    return bayesnu.sample(changed(), sampling=FEW, progress=False)


def test_the_limit_is_that_of_the_changed_model_by_integration() -> None:
    found = posterior().interval()
    exact = bayesnu.marginal(changed()).interval("upper", 0.9)
    assert found.upper is not None and found.mcse_upper is not None and exact.upper is not None
    assert abs(found.upper - exact.upper) < 4 * found.mcse_upper
    usual = bayesnu.marginal(bayesnu.build("xenonnt-sr0", "mu_nu", "paper")).quantile(0.9)
    assert abs(exact.upper - usual) > 0.02  # the changes are seen


def test_nuisances_have_the_priors_that_were_given() -> None:
    draws = posterior().chain.to_pandas()
    assert draws["leak"].std() == pytest.approx(0.3, rel=0.2)
    assert draws["flux_pp"].std() == pytest.approx(0.02, rel=0.2)


def test_what_it_shows_says_the_verdict_and_what_the_interval_is() -> None:
    short = bayesnu.sample(changed(), sampling=FEW | {"steps": 12}, progress=False)
    shown = repr(short)
    assert shown.startswith("<Posterior of xenonnt-sr0, NOT CONVERGED: ") and "\n" not in shown and len(shown) < 500
    for word in ("mu_nu [1e-11 mu_B] < ", " +- ", "90% credible upper limit", "prior flat on [0, 10] 1e-11 mu_B"):
        assert word in shown
    page = short._repr_html_()
    assert page.startswith("<table><caption>Posterior: NOT CONVERGED: ") and len(page) < 2000


def test_the_same_seed_gives_the_same_samples_in_memory_and_in_a_folder(tmp_path: Path) -> None:
    stored = bayesnu.sample(changed(), tmp_path / "run", sampling=FEW, progress=False)
    np.testing.assert_array_equal(stored.chain.samples, posterior().chain.samples)
    again = bayesnu.sample(changed(), tmp_path / "run", sampling=FEW, progress=False)
    np.testing.assert_array_equal(bayesnu.read_chain(tmp_path / "run").samples, again.chain.samples)
    assert posterior().chain.path == Path("memory") and again.chain.path == tmp_path / "run" / "chain.h5"
    longer = bayesnu.sample(changed(), tmp_path / "run", sampling=FEW | {"steps": 72}, progress=False)
    np.testing.assert_array_equal(longer.chain.samples[:, :64], again.chain.samples)
    other = changed().with_prior("flux_pp", "gaussian", mean=1.0, width=0.03)
    with pytest.raises(BayesnuError, match=r"priors\.flux_pp\.width is \S+ there and \S+ here"):
        bayesnu.sample(other, tmp_path / "run", sampling=FEW, progress=False)
    with pytest.raises(BayesnuError, match="found a model that was built in Python, which no configuration describes"):
        open_stored(tmp_path / "run")
    replaced = bayesnu.sample(other, tmp_path / "run", sampling=FEW, overwrite=True, progress=False)
    assert "0.03" in replaced.chain.priors[other.names.index("flux_pp")]


def test_an_experiment_that_was_changed_in_memory_is_sampled_as_it_is() -> None:
    scaled = scale_exposure(bayesnu.load_experiment("xenonnt-sr0", "paper"), 20.0)
    fake = replace(scaled, observed=np.round(scaled.background.total), model_values_kev=None)  # type: ignore[arg-type]
    model = bayesnu.build(fake, "mu_nu", "paper")
    found = bayesnu.sample(model, sampling=FEW, progress=False).interval()
    exact = bayesnu.marginal(model).quantile(0.9)
    assert found.upper == pytest.approx(exact, rel=0.1) and exact < 0.6


def test_the_table_of_limits_is_that_of_a_run() -> None:
    result = posterior().result
    assert result.converged and {row.method for row in result.rows} == {"credible", "profile", "published"}
    assert result.parameters["mu_nu"].interval.upper == pytest.approx(1e-11 * (posterior().interval().upper or 0))


@pytest.mark.long
def test_toys_add_their_rows() -> None:
    rows = posterior().result_with_toys.rows
    assert {row.method for row in rows} == {"credible", "profile", "feldman-cousins", "expected", "published"}
    assert rows[: len(posterior().result.rows) - 2] == posterior().result.rows[:-2]


def test_a_bar_or_lines_say_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    few = FEW | {"steps": 12}
    bayesnu.sample(changed(), sampling=few)
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines()[0] == "preparing the model and its first steps"
    assert said.err.splitlines()[-1].startswith("[########################] step 12, error of the limit ")
    bayesnu.sample(changed(), sampling=few, progress=False)
    assert capsys.readouterr().err == ""


def test_what_cannot_be_sampled_is_refused(run: Path) -> None:
    with pytest.raises(BayesnuError, match=r"^model: has no physics parameter"):
        bayesnu.sample(bayesnu.build("xenonnt-sr0", (), "paper"))
    with pytest.raises(BayesnuError, match=r"holds the run of a configuration"):
        bayesnu.sample(changed(), run, sampling=FEW, progress=False)
    with pytest.raises(BayesnuError, match=r"^\[sampling\] stepps: unknown key; did you mean 'steps'\?"):
        bayesnu.sample(changed(), sampling={"stepps": 3})
    with pytest.raises(BayesnuError, match=r"^parameter: found 'q_nu'"):
        posterior().interval("q_nu")
