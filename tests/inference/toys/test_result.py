"""Goodness of fit, agreement of data sets, expected limits and their remarks: exact sums over Poisson counts as oracles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import xlogy

from bayesnu import experiments
from bayesnu.experiments import scale_exposure
from bayesnu.inference.profile import interval
from bayesnu.inference.pulls import remark_on_nuisances
from bayesnu.inference.toys import result
from bayesnu.inference.toys.compatibility import find_compatibility
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.goodness import Goodness, find_goodness
from bayesnu.inference.toys.result import ToyResult, find_toy_result, judge_fit, remark_on_fit
from bayesnu.inference.toys.statistic import rank_among_toys
from bayesnu.inference.toys.toys import observed
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.polynomial import Block, Model
from bayesnu.model.priors import Flat
from tests.statistics.models import count_above, model_of, without_data

TOYS = 20_000


def poisson_chi2(count: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Twice the log of the likelihood ratio to a perfect description, by its definition."""
    found: np.ndarray = 2 * (mean - count + xlogy(count, count / mean))
    return found


# --- goodness of fit ---


@pytest.mark.parametrize("count", [8, 11, 14])
def test_the_p_value_of_one_bin_below_its_background_is_that_of_poisson(count: int) -> None:
    """No signal lowers a count: mu fits to 0, and chi^2 grows the further the count is below the background."""
    found = find_goodness(ToyFitter(count_above(20.0, float(count), width=1e-9)), TOYS, np.random.default_rng(count))
    exact = stats.poisson.cdf(count, 20)
    assert found.chi2 == pytest.approx(poisson_chi2(np.array(count), np.array(20.0)), abs=1e-4)
    assert abs(found.p_value.share - exact) < 4 * max(found.p_value.error, np.sqrt(exact * (1 - exact) / TOYS))
    assert (found.bins, found.p_value.failed) == (1, 0)
    assert (found.remark is not None) == (exact < 0.01)


def test_a_toy_redraws_the_centre_of_a_constraint() -> None:
    """With a background known to 50 % the spread of the count is that of both, not of Poisson alone."""
    wide = find_goodness(ToyFitter(count_above(100.0, 40.0, width=0.5)), TOYS, np.random.default_rng(1))
    assert 0.05 < wide.p_value.share < 0.3  # 0.6 below, with widths of 0.5 from the constraint and 0.06 from Poisson
    narrow = find_goodness(ToyFitter(count_above(100.0, 40.0)), TOYS, np.random.default_rng(1))
    assert narrow.p_value.share == 0 and narrow.remark is not None and "p < 0.0001" in narrow.remark


def test_a_fit_better_than_chance_is_remarked_on() -> None:
    of_toys = np.linspace(10, 50, 1001)
    found = Goodness("x free", 10.1, 29, rank_among_toys(10.1, of_toys))
    assert found.p_value.share > 0.99 and found.remark is not None and "fitted to the same data" in found.remark
    assert Goodness("x free", 30.0, 29, rank_among_toys(30.0, of_toys)).remark is None


def test_bins_that_hold_a_model_s_values_are_not_in_the_statistic() -> None:
    """Run 0 in preset paper has ten bins with the background model itself; without them fewer bins fit worse."""
    model = model_of("pandax4t-run0", "mu_nu", preset="paper")
    found = find_goodness(ToyFitter(model), 2000, np.random.default_rng(1))
    all_bins = find_goodness(ToyFitter(replace(model, is_data=None)), 2000, np.random.default_rng(1))
    assert (found.bins, all_bins.bins) == (20, 30)
    best = ToyFitter(model).best_fit(observed(model)).theta[0]
    expected = model.expected(best)[20:]
    of_model = poisson_chi2(model.observed[20:], expected).sum()
    assert found.chi2 == pytest.approx(all_bins.chi2 - of_model, abs=1e-6)
    assert found.p_value.share < all_bins.p_value.share


def test_a_toy_that_did_not_end_is_counted_and_left_out() -> None:
    found = rank_among_toys(2.0, np.array([1.0, np.nan, 3.0, 2.0]))
    assert (found.toys, found.failed) == (4, 1) and found.share == pytest.approx(2 / 3)


# --- agreement of data sets ---


def two_bins(backgrounds: tuple[float, float], counts: tuple[float, float]) -> Model:
    """Two experiments of one bin each that share a moment, above exactly known backgrounds."""
    one = count_above(1.0, 0.0)
    factors = np.full((4, 6), 1)
    factors[0, :2] = factors[2, :2] = 0
    (moment,) = one.physics
    return replace(
        without_data((moment,), 1),
        experiments=tuple(map(experiments.load, ("pandax4t-run0", "xenonnt-sr0"))),  # any two: only the blocks count
        observed=np.array(counts),
        templates=np.array([[1.0, 0], [backgrounds[0], 0], [0, 1.0], [0, backgrounds[1]]]),
        factors=factors,
        is_signal=np.array([True, False, True, False]),
        blocks=(Block("one", slice(0, 2), slice(0, 1)), Block("two", slice(2, 4), slice(1, 2))),
    )


@pytest.mark.parametrize("counts", [(20.0, 45.0), (22.0, 41.0), (25.0, 36.0)])
def test_the_p_value_of_two_counts_is_the_exact_sum(counts: tuple[float, float]) -> None:
    background = 20.0
    found = find_compatibility(ToyFitter(two_bins((background, background), counts)), TOYS, np.random.default_rng(3))
    n = np.arange(120.0)
    first, second = np.meshgrid(n, n, indexing="ij")

    def cost(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        common = np.maximum((one + two) / 2, background)
        together = poisson_chi2(one, common) + poisson_chi2(two, common)
        apart = poisson_chi2(one, np.maximum(one, background)) + poisson_chi2(two, np.maximum(two, background))
        difference: np.ndarray = together - apart
        return difference

    seen = cost(np.array(counts[0]), np.array(counts[1]))
    mean = max(sum(counts) / 2, background)
    weights = stats.poisson.pmf(first, mean) * stats.poisson.pmf(second, mean)
    exact = weights[cost(first, second) >= seen - 1e-6].sum()
    assert found.delta_chi2 == pytest.approx(float(seen), abs=1e-5)
    assert abs(found.p_value.share - exact) < 4 * found.p_value.error
    assert (found.remark is not None) == (exact < 0.01)


def test_an_experiment_alone_expects_what_it_does_among_others() -> None:
    names = ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0")
    model = build([experiments.load(name) for name in names], ["q_nu"])
    random = np.random.default_rng(5)
    theta = model.nominal() + 0.1 * random.standard_normal((7, len(model.parameters)))
    for k, block in enumerate(model.blocks):
        part = model.alone(k)
        own = [model.names.index(name) for name in part.names]
        np.testing.assert_allclose(part.expected(theta[:, own]), model.expected(theta)[:, block.bins], rtol=1e-13)
        assert part.names == model_of(names[k], "q_nu").names or k < 2  # the runs of PandaX-4T share names
        np.testing.assert_array_equal(part.observed, model.experiments[k].observed[model.experiments[k].in_region])


# --- nuisances ---


def test_a_nuisance_far_from_its_constraint_or_at_an_end_is_named() -> None:
    model = model_of("pandax4t-run1", "mu_nu", normalisations="published")
    theta = model.nominal()
    assert list(remark_on_nuisances(model, theta)) == []
    far = model.names.index("flux_7be")
    width = model.parameters[far].width  # type: ignore[union-attr]
    theta[far] += 3.5 * width
    free = next(k for k, prior in enumerate(model.nuisances, 1) if isinstance(prior, Flat))
    theta[free] = model.parameters[free].upper - 0.001
    remarks = list(remark_on_nuisances(model, theta))
    assert len(remarks) == 2
    assert "flux_7be is fitted +3.5 of its widths" in remarks[0]
    assert model.names[free] in remarks[1] and "the range decides the limit" in remarks[1]


# --- all of it ---


@pytest.fixture(scope="module")
def xenonnt() -> ToyResult:
    return find_toy_result(model_of("xenonnt-sr0", "mu_nu"), 0.9, 1)


def test_the_expected_limit_of_xenonnt_is_above_the_observed(xenonnt: ToyResult) -> None:
    """By an independent calculation the observed 0.76 stands against a median of 1.01."""
    two_sided, one_sided = xenonnt.limits[0].expected
    assert two_sided.observed == pytest.approx(0.762, abs=0.001)
    assert two_sided.bands["median"][0] == pytest.approx(1.01, abs=0.02)
    assert one_sided.bands["median"][0] < two_sided.bands["median"][0]
    assert 0.1 < two_sided.below < 0.25
    assert xenonnt.remarks == () and xenonnt.compatibility is None
    assert isinstance(xenonnt.goodness, Goodness) and 0.6 < xenonnt.goodness.p_value.share < 0.9


def test_what_toys_say_is_the_same_for_the_same_seed(xenonnt: ToyResult, monkeypatch: pytest.MonkeyPatch) -> None:
    again = find_toy_result(model_of("xenonnt-sr0", "mu_nu"), 0.9, 1)
    assert again == xenonnt
    monkeypatch.setattr(result, "TOYS", 500)
    monkeypatch.setattr(result, "BELT_TOYS", 200)
    other = find_toy_result(model_of("xenonnt-sr0", "mu_nu"), 0.9, 2)
    assert other.goodness != xenonnt.goodness


def test_the_end_of_a_belt_agrees_with_one_of_many_more_points(xenonnt: ToyResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "BELT_POINTS", 61)
    fine = find_toy_result(model_of("xenonnt-sr0", "mu_nu"), 0.9, 7).limits[0].feldman_cousins
    coarse = xenonnt.limits[0].feldman_cousins
    assert fine is not None and coarse is not None and fine.upper is not None and coarse.upper is not None
    assert fine.mcse_upper is not None and coarse.mcse_upper is not None
    assert abs(fine.upper - coarse.upper) < 4 * np.hypot(fine.mcse_upper, coarse.mcse_upper)


def test_a_belt_of_separate_modes_keeps_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a hundred times the data two charge radii that give nearly the same rate stay, with a gap between."""
    monkeypatch.setattr(result, "TOYS", 300)
    monkeypatch.setattr(result, "BELT_TOYS", 600)
    scaled = scale_exposure(experiments.load("xenonnt-sr0"), 116.0)
    model = build([scaled], ["r2_nu"], preset("default", background="single", background_width=0.001))
    asimov = replace(model, observed=model.expected(model.nominal()))
    profiled = interval(asimov).pieces
    found = find_toy_result(asimov, 0.9, 1).limits[0].feldman_cousins
    assert found is not None and len(found.pieces) == len(profiled) == 2
    for piece, expected in zip(found.pieces, profiled, strict=True):
        assert piece == pytest.approx(expected, abs=0.3 * (expected[1] - expected[0]))  # type: ignore[operator]


def test_limits_that_take_a_minute_are_made_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "TOYS_OF_SEVERAL", 50)
    found = find_toy_result(model_of("xenonnt-sr0", "q_nu_emu", "q_nu_etau", "q_nu_mutau"), 0.9, 1)
    assert found.limits == () and "ask `bayesnu expected` and `bayesnu feldman-cousins`" in found.remarks[-1]


def test_a_fit_far_from_its_constraints_has_no_limits_from_toys() -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    far = replace(model, observed=3000 * model.observed)
    found = find_toy_result(far, 0.9, 1)
    assert found.limits == () and "no limits from toys: the fit is more than 10 widths" in found.remarks[-1]
    assert found.goodness is not None and found.goodness.p_value.share == 0
    assert any(remark.startswith("POOR FIT") for remark in found.remarks)


def test_every_one_of_several_parameters_has_limits_of_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "TOYS_OF_SEVERAL", 200)
    monkeypatch.setattr(result, "BELT_TOYS_OF_SEVERAL", 200)
    model = model_of("xenonnt-sr0", "r2_nu_e", "r2_nu_mu", "r2_nu_tau", background="single")
    found = find_toy_result(model, 0.9, 1)
    assert found.goodness is not None
    assert found.goodness.model == "r2_nu_e, r2_nu_mu, r2_nu_tau free" and 0.5 < found.goodness.p_value.share < 0.95
    assert [each.parameter.name for each in found.limits] == ["r2_nu_e", "r2_nu_mu", "r2_nu_tau"]
    for index, each in enumerate(found.limits):
        profiled = interval(model, index, others="profiled")
        assert [limit.observed for limit in each.expected] == pytest.approx([profiled.lower, profiled.upper], rel=1e-4)
        assert profiled.lower is not None and profiled.upper is not None
        width = profiled.upper - profiled.lower
        medians = [limit.bands["median"][0] for limit in each.expected]
        assert medians == pytest.approx([profiled.lower, profiled.upper], abs=0.3 * width)
        accepted = each.feldman_cousins
        assert accepted is not None and accepted.largest_error is not None
        assert accepted.upper == pytest.approx(profiled.upper, abs=0.15 * width)


@pytest.mark.parametrize(
    ("wave", "toys", "says"),
    [
        (0.0, [500, 10_000], "a fit this good"),
        (0.9, [500], None),
        (1.25, [500, 10_000], None),
        (1.6, [500, 10_000], "POOR FIT"),
    ],
)
def test_remarks_alone_take_few_toys_where_these_tell_enough(
    wave: float, toys: list[int], says: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts that are so many widths above and below the expected ones in turn: chi^2 is about wave^2 per bin."""
    model = model_of("xenonnt-sr0", "mu_nu")
    expected = model.expected(model.nominal())
    signs = np.where(np.arange(expected.size) % 2, 1, -1)
    fitter = ToyFitter(replace(model, observed=expected + wave * signs * np.sqrt(expected)))
    drawn: list[int] = []

    def count_toys(fitter: ToyFitter, toys: int, random: np.random.Generator) -> Goodness:
        drawn.append(toys)
        return find_goodness(fitter, toys, random)

    monkeypatch.setattr(result, "find_goodness", count_toys)
    remarks = remark_on_fit(fitter, seed=1)
    assert drawn == toys
    assert [*remarks] == [] if says is None else says in remarks[0]


def test_charges_beside_radii_have_no_statement_from_toys() -> None:
    """Minima along their diagonal are found from no start, so neither limits nor the goodness of fit are known."""
    model = model_of("xenonnt-sr0", "q_nu", "r2_nu", millicharge="electrons")
    said = judge_fit(ToyFitter(model), seed=1)
    assert said.goodness is None and said.limits == ()
    assert said.remarks == (
        "nothing from toys: toys: found q_nu and r2_nu together; take one of them, or `profile_interval`",
    )
    assert find_toy_result(model, 0.9, seed=1) == said
