"""Calibration: exact tests of ranks, an exact toy, planted errors that have to be found, a right analysis that passes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from bayesnu.inference import ranks
from bayesnu.inference.ranks import FEWEST, LEVEL, POWER, TESTS, Uniformity, uniformity
from bayesnu.runs import campaign, run
from bayesnu.studies import calibration
from bayesnu.studies.calibration import Calibration
from bayesnu.studies.figures.calibration import calibration_plot
from bayesnu.support.errors import BayesnuError
from scripts.calibration import PLANTED, calibrated, narrowed
from tests.commands import answer, invoke, refusal
from tests.statistics.models import model_of

DRAWS = calibration.DRAWS
SINGLE = {"background": "single"}


def arrays(found: np.ndarray, converged: bool = True) -> dict[str, np.ndarray]:
    """Results of a task with these ranks (replicas, quantities)."""
    rest = {"converged": converged, "steps": 64, "tau": 1.0, "independence": True}
    return {"ranks": found} | {name: np.full(len(found), value) for name, value in rest.items()}


def simulated(sets: int, number: int, draws: int, shift: float = 0.0, width: float = 1.0) -> np.ndarray:
    """Ranks (sets, number) among draws of a standard normal posterior where truths are Gaussian (shift, width)."""
    random = np.random.default_rng(3)
    return np.asarray(random.binomial(draws, ndtr(shift + width * random.standard_normal((sets, number)))))


@pytest.mark.parametrize(("number", "draws"), [(3, 2), (4, 3), (5, 2)])
def test_the_probability_of_a_band_is_that_of_all_rank_vectors(number: int, draws: int) -> None:
    vectors = [ranks.counts_below(np.array(each), draws) for each in product(range(draws + 1), repeat=number)]
    tails = ranks._tabulate_tails(number, draws)
    smallest = np.array([tails[np.arange(draws), counts].min() for counts in vectors])
    levels = np.unique(smallest)
    for level in np.concatenate([levels, levels * 0.999, [0.0]]):
        assert ranks.inside(number, draws, level) == pytest.approx(np.mean(smallest > level), abs=1e-13)
    assert len(levels) > 3


@pytest.mark.parametrize(("number", "draws"), [(20, 15), (200, 127), (1000, 127)])
def test_a_band_holds_uniform_ranks_with_its_probability(number: int, draws: int) -> None:
    sets = 20_000
    low, high = ranks.band(number, draws, 0.95)
    random = np.random.default_rng(5)
    counts = np.cumsum(random.multinomial(number, np.full(draws + 1, 1 / (draws + 1)), size=sets), axis=1)[:, :-1]
    held = np.mean(np.all((counts >= low) & (counts <= high), axis=1))
    # counts are integers, so the band holds a little more than asked for
    assert 0.95 - 4 * np.sqrt(0.05 * 0.95 / sets) < held < 0.96
    assert np.array_equal(low, number - high[::-1])


def test_uniform_ranks_are_called_wrong_as_often_as_the_level_says() -> None:
    sets, number = 2000, 200
    random = np.random.default_rng(11)
    found = [uniformity("x", random.integers(0, DRAWS + 1, number), DRAWS) for _ in range(sets)]
    for name in ("p_band", "p_mean", "p_second"):
        p = np.array([getattr(each, name) for each in found])
        for level in (0.5, 0.05, 0.005):
            assert abs(np.mean(p < level) - level) < 4 * np.sqrt(level / sets), (name, level)
    assert 0.02 < np.mean([each.p_value < LEVEL for each in found]) < LEVEL


def test_scores_have_the_moments_that_are_stated() -> None:
    random = np.random.default_rng(2)
    z = ranks.normal_scores(DRAWS)[random.integers(0, DRAWS + 1, 400_000)]
    stated = uniformity("x", np.arange(DRAWS + 1), DRAWS)
    assert stated.mean == pytest.approx(0, abs=1e-12) and stated.second == pytest.approx(stated.second_expected, rel=1e-12)
    root = np.sqrt(DRAWS + 1)
    assert abs(np.mean(z**2) - stated.second_expected) < 4 * np.std(z**2) / np.sqrt(len(z))
    assert stated.mean_error * root == pytest.approx(np.std(z), rel=0.005)
    assert stated.second_error * root == pytest.approx(np.std(z**2), rel=0.01)


@pytest.mark.parametrize(
    ("number", "quantities"), [(100, 1), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((300, 7), (1000, 9)))]
)
def test_stated_errors_are_found_with_the_stated_probability(number: int, quantities: int) -> None:
    least, level, sets = ranks.sensitivity(number, DRAWS, quantities), LEVEL / (TESTS * quantities), 600

    def found(shift: float, width: float) -> tuple[float, float]:
        tests = [uniformity("x", each, DRAWS) for each in simulated(sets, number, DRAWS, shift, width)]
        return tuple(np.mean([getattr(test, name) < level for test in tests]) for name in ("p_mean", "p_second"))

    tolerance = 5 * np.sqrt(POWER * (1 - POWER) / sets)
    assert abs(found(least.shift, 1.0)[0] - POWER) < tolerance
    assert abs(found(0.0, 1 / (1 - least.narrow))[1] - POWER) < tolerance
    assert abs(found(0.0, 1 / (1 + least.wide))[1] - POWER) < tolerance
    assert max(found(least.shift / 2, 1.0)) < 0.6


def test_more_replicas_find_smaller_errors_and_too_few_find_none() -> None:
    few, many = (ranks.sensitivity(number, DRAWS, 7) for number in (100, 10_000))
    assert few.shift > 5 * many.shift and few.narrow > 5 * many.narrow and few.wide > 5 * many.wide
    assert np.isnan(ranks.sensitivity(1, DRAWS, 7).wide)


def conjugate(random: np.random.Generator, shape: float, replicas: int) -> np.ndarray:
    """Ranks of rate and log-likelihood: rate Gamma(3), a count of exposure 4, draws from Gamma(shape + count) / 5."""
    rate = random.gamma(3.0, size=replicas)
    count = random.poisson(4 * rate)
    draws = random.gamma(shape + count[:, None], 1 / 5, size=(replicas, DRAWS))
    return np.stack([(draws < rate[:, None]).sum(axis=1), likelier(draws, rate, count)], axis=1)


def likelier(draws: np.ndarray, rate: np.ndarray, count: np.ndarray) -> np.ndarray:
    """How many draws have a smaller likelihood than the truth."""
    here, there = (count[:, None] * np.log(x) - 4 * x for x in (rate[:, None], draws))
    return np.asarray((there < here).sum(axis=1))


def test_exact_draws_of_a_conjugate_posterior_are_calibrated_and_others_are_not() -> None:
    right = calibration.judge(("rate",), [arrays(conjugate(np.random.default_rng(1), 3.0, 1000))])
    assert right.p_value > LEVEL and not right.faults
    wrong = calibration.judge(("rate",), [arrays(conjugate(np.random.default_rng(1), 4.0, 1000))])
    assert wrong.p_value < 1e-6 and "rate: truths lie below the draws" in wrong.faults[0]


def test_only_the_likelihood_sees_that_data_are_ignored() -> None:
    random = np.random.default_rng(4)
    rate = random.gamma(3.0, size=1000)
    draws = random.gamma(3.0, size=(1000, DRAWS))
    found = np.stack([(draws < rate[:, None]).sum(axis=1), likelier(draws, rate, random.poisson(4 * rate))], axis=1)
    tests = calibration.judge(("rate",), [arrays(found)]).tests
    assert tests[0].p_value > 0.05 and tests[1].name == "log-likelihood" and tests[1].p_value < 1e-12


def test_chains_that_have_not_converged_are_counted_and_ranked() -> None:
    found = np.random.default_rng(6).integers(0, DRAWS + 1, (100, 2))
    parts = [arrays(found[:60]), arrays(np.full((40, 2), DRAWS), converged=False)]
    judged = calibration.judge(("x",), parts)
    assert judged.unconverged == 40 and judged.ranks.shape == (100, 2) and judged.faults
    first = calibration.judge(("x",), parts, number=60)
    assert first.unconverged == 0 and not first.faults and np.array_equal(first.ranks, found[:60])


def test_a_fault_says_what_is_wrong() -> None:
    good = np.arange(0, DRAWS + 1).repeat(8)
    z = ranks.normal_scores(DRAWS)
    shifted, narrow, wide = (np.searchsorted(z, x) for x in (z[good] + 0.6, z[good] * 1.5, z[good] / 1.5))
    for values, said in ((shifted, "above the draws"), (narrow, "too narrow"), (wide, "too wide")):
        judged = calibration.judge(("x",), [arrays(np.stack([np.minimum(values, DRAWS), good], axis=1))])
        assert len(judged.faults) == 1 and judged.faults[0].startswith("x: ") and said in judged.faults[0]


def test_the_usual_prior_ends_at_three_expected_limits() -> None:
    from bayesnu.inference.profile import interval

    for parameter, flavour in (("mu_nu", "common"), ("q_nu", "common"), ("mu_nu", "all")):
        asked = run.resolve(("xenonnt-sr0",), parameter, flavour, choices=SINGLE)
        chosen = calibration.prepare_run(asked, 1)
        model = model_of("xenonnt-sr0", *asked.parameters, background="single")
        asimov = replace(model, observed=model.expected(model.nominal()))
        ends = [end for k in range(model.n_physics) for end in (interval(asimov, k).lower, interval(asimov, k).upper)]
        limit = max(abs(end) for end in ends if end is not None) * model.parameters[0].scale
        assert chosen.prior.upper is not None
        assert chosen.prior.upper == pytest.approx(3 / np.sqrt(model.n_physics) * limit, rel=0.05)
        assert chosen.prior.lower == (0 if parameter == "mu_nu" else -chosen.prior.upper)


@pytest.mark.parametrize("prior", [{"upper": 2.0}, {"kind": "gaussian", "mean": 0.0, "width": 1.0}])
def test_a_prior_that_was_asked_for_stays(prior: dict[str, Any]) -> None:
    asked = run.resolve(("xenonnt-sr0",), "mu_nu", choices=SINGLE, prior=prior)
    assert calibration.prepare_run(asked, 1).prior == asked.prior


def test_replicas_are_reproducible_and_differ() -> None:
    chosen = calibration.prepare_run(run.resolve(("xenonnt-sr0",), "mu_nu", choices=SINGLE), 1)
    model, seeds = run.model_of(chosen), np.random.SeedSequence(8)
    one, other = (calibration.run_replica(model, model, chosen.sampling, np.random.SeedSequence(8)) for _ in range(2))
    third = calibration.run_replica(model, model, chosen.sampling, seeds.spawn(1)[0])
    assert np.array_equal(one.ranks, other.ranks) and not np.array_equal(one.ranks, third.ranks)
    for each in (one, third):
        assert each.converged and each.independence and each.tau < 3
        assert each.ranks.shape == (len(model.names) + 1,) and np.all((each.ranks >= 0) & (each.ranks <= DRAWS))


def test_truths_stay_where_the_model_allows_them() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    half = replace(model, templates=np.where(model.is_signal[:, None], -model.templates, model.templates))
    random = np.random.default_rng(1)
    truths = np.array([calibration._draw_from_prior(half, random) for _ in range(100)])
    assert np.all(half.expected(truths) >= 0)
    assert np.ptp(truths[:, 0]) > 0.3
    nowhere = replace(model, templates=-model.templates)
    with pytest.raises(BayesnuError, match="negative counts nearly everywhere"):
        calibration._draw_from_prior(nowhere, random)


def test_the_command_prints_draws_and_continues(tmp_path: Path) -> None:
    asked = ("calibrate", "xenonnt-sr0", "--parameter", "mu_nu", "--background", "single", "--quiet")
    words = (*asked, "--output", tmp_path / "run")
    found = answer(*words, "--replicas", "20", "--json")
    assert found["calibrated"] and found["replicas"] == 20 and found["unconverged"] == 0 and found["faults"] == []
    assert set(found["quantities"]) == {"mu_nu", "flux_pp", "flux_7be", "background[xenonnt-sr0]", "log-likelihood"}
    assert found["quantities"]["mu_nu"]["prior"] == "flat on [0, 2.8] 1e-11 mu_B"
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "tasks").rglob("*.npz")}
    said = invoke(*words, "--replicas", "25", "--figure", tmp_path / "ranks.png").stdout
    assert len(files) == 2 and all(path.stat().st_mtime_ns == time for path, time in files.items())
    said = " ".join(said.split())
    assert "25 replicas" in said and "background[xenonnt-sr0]" in said
    assert "calibrated: p-value" in said and "0 of 25 chains had not converged" in said and "errors that so many" in said
    assert (tmp_path / "ranks.png").stat().st_size > 20_000


def test_a_command_refuses_with_one_sentence() -> None:
    words = ("calibrate", "xenonnt-sr0")
    assert refusal(*words) == "--parameter: none given; choose one of mu_nu, q_nu, r2_nu, s2_w, r2_total, a_nu, mu_sterile"
    asked = (*words, "--parameter", "mu_nu", "--prior-upper", "1e-11")
    assert refusal(*asked, "--replicas", "19") == f"--replicas: found 19; must be at least {FEWEST}"
    assert "seed" in refusal(*asked, "--seed", "-1")


def drawn(found: np.ndarray, path: Path) -> tuple[Calibration, list[list[float]]]:
    """A calibration with these ranks, and the curves of its figure."""
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    judged = calibration.judge(model.names, [arrays(found)])
    figure = calibration_plot(model, judged, path)
    panels = [axes for axes in figure.axes if axes.lines]
    assert len(panels) == len(judged.names)
    return judged, [np.asarray(axes.lines[-1].get_ydata()).tolist() for axes in panels]


def test_a_figure_shows_every_quantity_and_marks_faults(tmp_path: Path) -> None:
    found = np.random.default_rng(9).integers(0, DRAWS + 1, (200, 5))
    found[:, 1] //= 2
    judged, curves = drawn(found, tmp_path / "a.pdf")
    for k, curve in enumerate(curves):
        below = [np.mean(found[:, k] < rank) - rank / (DRAWS + 1) for rank in range(DRAWS + 2)]
        assert curve == pytest.approx(below, abs=1e-12)
    assert [fault.partition(":")[0] for fault in judged.faults] == ["flux_pp"]


@pytest.mark.slow
def test_one_process_and_two_give_the_same_bits(tmp_path: Path) -> None:
    chosen = calibration.prepare_run(run.resolve(("xenonnt-sr0",), "mu_nu", choices=SINGLE), 3)
    made = calibration.plan_calibration(chosen, 20, 3)
    one, two = (list(campaign.run(made, tmp_path / str(workers), workers=workers)) for workers in (1, 2))
    for here, there in zip(one, two, strict=True):
        assert json.dumps({k: v.tolist() for k, v in here.items()}) == json.dumps({k: v.tolist() for k, v in there.items()})


@pytest.mark.slow
def test_the_package_is_calibrated() -> None:
    found = calibrated(PLANTED["none"], 150)
    assert found.p_value > LEVEL, found.faults
    assert found.unconverged == 0 and found.sweeps == 0


@pytest.mark.long
def test_wrong_widths_of_constraints_are_found_and_named() -> None:
    """Two at once: a width off by 1.5, and a constraint applied twice. The same seeds as in the test that passes."""
    found = calibrated(lambda model: narrowed(narrowed(model, "124Xe", 1.5), "136Xe", np.sqrt(2)), 150)
    assert {fault.partition("[")[0] for fault in found.faults} == {"124Xe", "136Xe"}
    assert all("too narrow" in fault for fault in found.faults)


@pytest.mark.slow
def test_a_forgotten_flux_is_found() -> None:
    found = calibrated(PLANTED["pp neutrinos forgotten"], 40)
    tests: dict[str, Uniformity] = {test.name: test for test in found.tests}
    assert tests["mu_nu"].p_value < 1e-6 and tests["mu_nu"].mean < 0
    assert tests["log-likelihood"].p_value < 1e-6
