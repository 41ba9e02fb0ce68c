"""Belts, expected limits and coverage: published tables, exact probabilities, Gaussian limits, and what they predict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesnu.inference.interval import delta_chi2
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profile import interval
from bayesnu.inference.toys import belt as belts
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.posteriors import toy_posteriors
from bayesnu.inference.toys.statistic import crossings, profiled, quantile_with_error
from bayesnu.inference.toys.toys import Toys, draw, observed, with_data
from bayesnu.model.priors import with_kind
from bayesnu.runs import run
from bayesnu.studies import coverage, expected, feldman_cousins
from bayesnu.studies.toy_tasks import fitter_of, make_task_settings
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import count_above, model_of

# Feldman and Cousins 1998, table II: 90 % intervals of the signal's mean for n0 events above a known mean background of 3.
# They lengthen the intervals of few events so that limits fall with the background: those are not compared.
TABLE = {0: None, 2: None, 4: (0.0, 5.60), 6: (0.15, 8.47), 8: (1.51, 10.99), 10: (2.63, 13.50)}


def acceptance(signal: float, background: float, cl: float, most: int = 80) -> np.ndarray:
    """Counts that Feldman and Cousins' ordering accepts at a true signal, by their own construction."""
    n = np.arange(most)
    here = stats.poisson.pmf(n, signal + background)
    ratio = here / stats.poisson.pmf(n, np.maximum(n, background))
    order = np.argsort(-ratio, kind="stable")
    enough = int(np.searchsorted(np.cumsum(here[order]), cl)) + 1
    return np.sort(order[:enough])


@pytest.mark.parametrize("count", TABLE)
def test_the_table_of_feldman_and_cousins(count: int) -> None:
    fitter = ToyFitter(count_above(3.0, float(count)))
    signal = np.linspace(0, 16, 81)
    random = np.random.default_rng(count)
    toys = [belts.statistics(fitter, value, 20_000, random) for value in np.sqrt(signal)]
    found = belts.belt(fitter, np.sqrt(signal), toys, 0.9)
    assert found.failed == 0
    # a count is accepted where the share of toys at least as far exceeds 10 %: as in the construction of the paper
    accepted = np.array([count in acceptance(s, 3.0, 0.9) for s in signal])
    clear = np.abs(found.p_value - 0.1) > 5 * np.sqrt(0.09 / 20_000)
    assert np.array_equal((found.p_value > 0.1)[clear], accepted[clear]) and clear.mean() > 0.95
    ends = TABLE[count]
    if ends is None:
        return
    low, high = ends
    inside = signal[found.p_value > 0.1]
    assert inside.min() == pytest.approx(low, abs=0.25) and inside.max() == pytest.approx(high, abs=0.25)


def test_far_from_the_boundary_the_critical_value_is_that_of_chi_square() -> None:
    fitter = ToyFitter(count_above(1000.0, 1400.0, width=0.02))
    t = belts.statistics(fitter, 20.0, 40_000, np.random.default_rng(1))
    for cl in (0.68, 0.9, 0.99):
        critical, error = quantile_with_error(t, cl)
        assert abs(critical - delta_chi2(cl)) < 4.5 * error
    assert stats.kstest(t, stats.chi2(1).cdf).pvalue > 1e-4


def test_at_the_boundary_half_of_the_toys_fit_best_there() -> None:
    # Chernoff: the statistic is 0 for half of the toys, and chi^2 of one degree of freedom for the others
    fitter = ToyFitter(count_above(10_000.0, 10_000.0, width=0.02))
    t = belts.statistics(fitter, 0.0, 40_000, np.random.default_rng(2))
    assert np.mean(t < 1e-9) == pytest.approx(0.5, abs=0.02)
    critical, error = quantile_with_error(t, 0.9)
    assert abs(critical - stats.chi2(1).ppf(0.8)) < 4.5 * error


def test_a_belt_gives_the_data_their_interval() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    fitter, values = ToyFitter(model), np.linspace(0, 1.2, 13)
    random = np.random.default_rng(3)
    toys = [belts.statistics(fitter, value, 4000, random) for value in values]
    found = belts.belt(fitter, values, toys, 0.9)
    ((low, high),) = found.interval.pieces
    ((low_error, high_error),) = found.interval.errors
    assert low == 0.0 and low_error == 0.0
    assert high is not None and high_error is not None
    narrow, wide = interval(model, cl=0.9, one_sided=True).upper, interval(model, cl=0.9).upper
    assert narrow is not None and wide is not None
    assert narrow - 3 * high_error < high < wide  # the critical value grows from 1.64 at the boundary to 2.71 inside
    at = np.interp(high, values, found.p_value)
    assert at == pytest.approx(0.1, abs=0.03)
    np.testing.assert_allclose(found.observed, np.interp(values, values, found.observed))


def test_failed_fits_are_counted_and_in_no_quantile() -> None:
    fitter = ToyFitter(count_above(3.0, 3.0))
    values = np.array([0.0, 1.0, 2.0])
    toys = [belts.statistics(fitter, value, 1000, np.random.default_rng(4)) for value in values]
    whole = belts.belt(fitter, values, toys, 0.9)
    toys[1] = np.append(toys[1], [np.nan] * 7)
    spoiled = belts.belt(fitter, values, toys, 0.9)
    assert (spoiled.failed, spoiled.toys) == (7, whole.toys + 7)
    np.testing.assert_array_equal(spoiled.critical, whole.critical)
    with pytest.raises(BayesnuError, match="mu_nu = 1: none of its toys could be fitted"):
        belts.belt(fitter, values, [toys[0], np.full(9, np.nan), toys[2]], 0.9)


def test_where_every_fit_failed_all_are_counted_and_nothing_is_claimed() -> None:
    made = expected.plan_expected(run_of(), 100, 1, 0.9)
    failed = [{"limits": np.full((100, 2), np.nan), **{name: np.full(100, np.nan) for name in ("chi2_null", "chi2_best")}}]
    for limit in expected.expected_limits(made.settings, failed):
        assert limit.failed == limit.toys == 100 and np.isnan([limit.below, *limit.bands["median"]]).all()
    for fit in expected.goodness(made.settings, failed):
        assert fit.p_value.failed == fit.p_value.toys == 100 and np.isnan([fit.p_value.share, fit.p_value.error]).all()
    fitter = ToyFitter(count_above(3.0, 3.0))
    point = {name: np.full(50, np.nan) for name in coverage.at_truth(fitter, 1.0, 0.0, 50, np.random.default_rng(2))}
    point["at_nominal"] = np.ones(50)
    for each in coverage.coverages(fitter.model, np.array([1.0]), [point], 0.9):
        assert each.failed[0] == each.toys == 50 and np.isnan([each.coverage[0], each.error[0]]).all(), each.interval


def test_an_end_beside_a_tie_is_open_up_to_where_the_data_lead() -> None:
    """The line begins at 0, where data and toys tie, and the statistic of the data leads to 0.5: no toy says where."""
    ((place, error),) = belts._widen_ties([(0.5, 1e-5)], [(1e-4, 1e-5)], np.array([0.0]))
    assert place == 0.5 and error == pytest.approx(0.5, rel=1e-3)
    assert belts._widen_ties([(0.5, 0.01)], [(0.45, 0.01)], np.array([0.0])) == [(0.5, 0.01)]
    assert belts._widen_ties([(0.5, 0.01)], [(0.45, 0.01)], np.array([])) == [(0.5, 0.01)]


def test_true_values_of_a_mixing_angle_are_physical() -> None:
    values = coverage.true_values(model_of("xenonnt-sr0", "s2_w"), 5)
    assert values.min() == 0.0 and values.max() <= 1.0


def test_crossings_of_straight_lines() -> None:
    values, above = np.array([0.0, 1.0, 2.0, 3.0]), np.array([-1.0, 1.0, 1.0, -3.0])
    (one, error), (two, _) = crossings(values, above, np.full(4, 0.1))
    assert one == pytest.approx(0.5) and two == pytest.approx(2.25)
    assert error == pytest.approx(0.5 * 0.1 / np.sqrt(2))


@pytest.mark.parametrize("name", ("mu_nu", "q_nu", "r2_nu"))
def test_toys_and_their_limits_are_those_of_profile(name: str) -> None:
    model = model_of("xenonnt-sr0", name, background="single")
    fitter = ToyFitter(model)
    toys = draw(model, profiled(fitter, 0.0), 4, np.random.default_rng(5))
    limit = fitter.limit(toys, delta_chi2(0.9)).limit
    for counts, centres, upper in zip(toys.counts, toys.centres, limit, strict=True):
        assert interval(with_data(model, counts, centres), cl=0.9).upper == pytest.approx(upper, rel=1e-5)
    data = fitter.limit(observed(model), delta_chi2(0.9)).limit[0]
    assert interval(model, cl=0.9).upper == pytest.approx(data, rel=1e-5)


def run_of(name: str = "mu_nu", **more: str) -> run.Run:
    return run.resolve(("xenonnt-sr0",), name, choices={"background": "single", **more})


def test_expected_limits_are_quantiles_of_limits_in_toys() -> None:
    chosen = run_of()
    made = expected.plan_expected(chosen, 400, 1, 0.9)
    assert made.tasks == 1
    results = [made.work(dict(made.settings), 0, np.random.SeedSequence(1, spawn_key=(0,)))]
    two, one = expected.expected_limits(made.settings, results)
    assert (two.end.one_sided, one.end.one_sided) == (False, True) and two.failed == one.failed == 0
    for each in (two, one):
        order = [value for value, _ in each.bands.values()]
        assert order == sorted(order) and all(error > 0 for _, error in each.bands.values())
    assert one.bands["median"][0] < two.bands["median"][0]
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    assert two.observed == pytest.approx(interval(model, cl=0.9).upper, rel=1e-5)
    # the median of the limits is near the limit of the experiment that sees what is expected
    asimov = interval(with_data(model, model.expected(profiled(ToyFitter(model), 0.0))), cl=0.9).upper
    assert asimov == pytest.approx(two.bands["median"][0], rel=0.08)
    null, free = expected.goodness(made.settings, results)
    assert null.chi2 > free.chi2 - 1e-9 and 0.4 < null.p_value.share < 1 and null.bins == 29


def test_the_goodness_of_fit_notices_a_line_that_the_model_has_not() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    counts = model.observed.copy()
    counts[10] += 40
    fitter = ToyFitter(with_data(model, counts))
    null = profiled(fitter, 0.0)
    toys = draw(fitter.model, null, 500, np.random.default_rng(6))
    chi2 = fitter.fit(toys, null, fitter.nuisances).chi2
    assert np.mean(chi2 >= fitter.fit(observed(fitter.model), null, fitter.nuisances).chi2) < 0.01


@pytest.mark.parametrize("name", ("mu_nu", "q_nu", "r2_nu"))
def test_the_posterior_of_a_toy_is_the_integrated_one(name: str) -> None:
    model = model_of("xenonnt-sr0", name, background="single")
    fitter, truth = ToyFitter(model), model.nominal()
    prior = model.parameters[0]
    toys = draw(model, truth, 2, np.random.default_rng(7))
    for i in range(2):
        exact = marginal(with_data(model, toys.counts[i], toys.centres[i]))
        for p in (0.1, 0.5, 0.9):
            truth[0] = exact.quantile(p)
            grid = toy_posteriors(fitter, Toys(toys.counts[i : i + 1], toys.centres[i : i + 1]), truth, prior)
            assert grid.below(prior, truth[0])[0] == pytest.approx(p, abs=3e-3)


def test_other_priors_come_from_the_same_grid() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    truth = model.nominal()
    for kind, more in (("flat-square", {}), ("log-uniform", {"lower": 0.01})):
        prior = with_kind(model.parameters[0], kind, **more)
        truth[0] = marginal(model.with_priors(prior)).quantile(0.9)
        grid = toy_posteriors(ToyFitter(model), observed(model), truth, model.parameters[0])
        assert grid.below(prior, truth[0])[0] == pytest.approx(0.9, abs=4e-3)


def test_the_denser_part_is_the_smallest_region() -> None:
    model = model_of("xenonnt-sr0", "r2_nu", background="single")
    truth, prior = model.nominal(), model.parameters[0]
    grid = toy_posteriors(ToyFitter(model), observed(model), truth, prior, nodes=1601)
    density = grid.likelihood[0]
    above = density[1:-1] > density[np.searchsorted(grid.values, 0.0)]
    mass = density[1:-1][above].sum() / density[1:-1].sum()
    assert grid.denser(prior, 0.0)[0] == pytest.approx(mass, abs=3e-3)
    coarse = toy_posteriors(ToyFitter(model), observed(model), truth, prior)
    assert coarse.denser(prior, 0.0)[0] == pytest.approx(mass, abs=5e-3)


def test_coverage_of_a_gaussian_measurement_is_nominal() -> None:
    # far from the boundary every interval covers as it says, but for a few counts that are whole numbers
    fitter = ToyFitter(count_above(20.0, 69.0, width=0.02))
    point = coverage.at_truth(fitter, 7.0, 0.0, 6000, np.random.default_rng(8))
    for each in coverage.coverages(fitter.model, np.array([7.0]), [point], 0.9):
        assert abs(each.coverage[0] - 0.9) < 4.5 * each.error[0] + 0.015, each.interval
        assert each.failed[0] == 0 and each.toys == 6000


def test_at_the_boundary_upper_limits_of_a_flat_prior_always_cover() -> None:
    fitter = ToyFitter(model_of("xenonnt-sr0", "mu_nu", background="single"))
    point = coverage.at_truth(fitter, 0.0, 0.0, 1000, np.random.default_rng(9))
    found = {each.interval: each.coverage[0] for each in coverage.coverages(fitter.model, np.zeros(1), [point], 0.9)}
    assert all(share == 1 for words, share in found.items() if "upper limit, prior" in words)
    assert all(share == 0 for words, share in found.items() if "equal tails" in words)
    # chi^2 with half a degree of freedom: 2.71 is exceeded by 5 % and 1.64 by 10 %
    assert found["profile, Δχ² = 2.71"] == pytest.approx(0.95, abs=0.035)
    assert found["Feldman-Cousins"] == pytest.approx(0.9, abs=0.035)


def test_profile_intervals_of_a_flavour_cover_with_the_others_profiled() -> None:
    """Moments of the other flavours begin at their boundary, so that the level 2.71 covers more than 90 %."""
    settings, _ = make_task_settings(run.resolve(("xenonnt-sr0",), "mu_nu", "all"), 1000, 1, index=1)
    fitter = fitter_of(settings)
    assert fitter.model.names[:3] == ("mu_nu_mu", "mu_nu_e", "mu_nu_tau")
    point = coverage.at_truth(fitter, 2.0, 0.0, 1500, np.random.default_rng(3))
    shares = {each.interval: each.coverage[0] for each in coverage.coverages(fitter.model, np.array([2.0]), [point], 0.9)}
    assert [*shares] == ["profile, Δχ² = 2.71", "profile, Δχ² = 1.64, upper limit", "Feldman-Cousins"]
    assert 0.9 < shares["profile, Δχ² = 2.71"] < 1.0
    assert shares["Feldman-Cousins"] == pytest.approx(0.9, abs=0.03)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(BayesnuError, match="toys: found 3; must lie in"):
        make_task_settings(run_of(), 3, 1)
    with pytest.raises(BayesnuError, match="nuisance shift"):
        coverage.plan_coverage(run_of(), 5, 1000, 1, 0.9, 7.0)
    with pytest.raises(BayesnuError, match="points"):
        feldman_cousins.plan_belt(run_of(), 2, 1000, 1)


def test_more_toys_are_more_tasks_of_the_same_campaign() -> None:
    few, many = (feldman_cousins.plan_belt(run_of(), 5, toys, 1) for toys in (20_000, 50_000))
    assert few.settings == many.settings and (few.tasks, many.tasks) == (10, 25)
