"""What a chain says: limits of other priors by re-weighting, and only where that is worth anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesnu.runs import sampling
from bayesnu.runs.result import LimitRow
from bayesnu.runs.run import resolve


def rows_of(tmp_path: Path, flavour: str) -> list[LimitRow]:
    run = resolve(("xenonnt-sr0",), "mu_nu", flavour, sampling={"seed": 7})
    result = sampling.sample(run, tmp_path / "run", figures=False, toys=False)
    return [row for row in result.rows if row.method == "credible"]


def test_re_weighted_limits_agree_with_the_integrated_posteriors_of_their_own_priors(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "common")
    assert [row.prior for row in rows] == ["flat", "flat in the square", "log-uniform"]
    assert [row.how for row in rows] == ["sampled", "re-weighted", "re-weighted"]
    for row in rows:
        found = row.interval
        assert found.upper is not None and found.mcse_upper is not None
        assert row.integrated is not None and row.integrated.upper is not None
        assert abs(found.upper - row.integrated.upper) < 4 * found.mcse_upper
        assert found.mcse_upper < 0.01 * found.upper


@pytest.mark.parametrize("upper", [0.01, 0.01000001, 1e-4])
def test_a_prior_that_ends_at_the_logarithms_cut_is_sampled_and_leaves_the_logarithm_out(
    tmp_path: Path, upper: float
) -> None:
    short = {"steps": 40, "ensembles": 2, "walkers": 32}
    run = resolve(("xenonnt-sr0",), "mu_nu", prior={"upper": upper}, sampling=short)
    result = sampling.sample(run, tmp_path / "run", figures=False, toys=False)
    assert {row.prior for row in result.rows if row.method == "credible"} <= {"flat", "flat in the square"}
    limit = result.parameters["mu_nu"].interval
    assert limit.upper is not None and limit.mcse_upper is not None
    # The likelihood is constant on so short a range, so the posterior is its flat prior.
    limit = limit.scaled(1e11)
    assert limit.upper is not None and limit.mcse_upper is not None
    assert abs(limit.upper - 0.9 * upper) < 4 * limit.mcse_upper < 0.1 * upper


@pytest.mark.slow
def test_a_prior_that_leaves_too_few_effective_samples_is_not_quoted(tmp_path: Path) -> None:
    priors = {row.prior for row in rows_of(tmp_path, "all")}
    assert priors == {"flat", "flat in the square"}  # three logarithms at once need a run of their own


@pytest.mark.parametrize("upper", [0.005, 0.01, 0.0100001])
def test_a_prior_that_ends_at_the_cut_of_the_log_uniform_one_costs_no_result(upper: float, tmp_path: Path) -> None:
    short = {"steps": 12, "ensembles": 2, "walkers": 16}
    run = resolve("xenonnt-sr0", "mu_nu", choices={"background": "single"}, prior={"upper": upper}, sampling=short)
    result = sampling.sample(run, tmp_path / "run", figures=False, toys=False)
    assert "log-uniform" not in {row.prior for row in result.rows}
    limit = result.parameters["mu_nu"].cross_check
    assert limit is not None and limit.upper == pytest.approx(0.9 * upper * 1e-11, rel=0.01)  # nothing but the prior


def test_a_prior_that_excludes_the_best_fit_is_said(tmp_path: Path) -> None:
    """XENONnT fits best at a small charge of positive sign; a prior of negative ones contradicts its profile."""
    short = {"steps": 40, "ensembles": 2, "walkers": 32}
    run = resolve("xenonnt-sr0", "q_nu", prior={"lower": -4.0, "upper": -0.1}, sampling=short)
    result = sampling.sample(run, tmp_path / "run", figures=False, toys=False)
    note = result.parameters["q_nu"].note
    assert note is not None and "lies outside the prior's range, which the profile likelihood does not know" in note
