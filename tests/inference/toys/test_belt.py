"""Belts of few counts, where the statistic has steps, against sums over Poisson counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bayesnu.inference.toys.belt import Belt, belt, statistics
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import observed
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import count_above, model_of

COUNTS = range(11)
SIGNALS = np.linspace(0, 20, 51)  # events, where belts are tested
FINE = np.linspace(0, 20, 2001)
TOYS = 1500


def accepts(count: int, background: float, signal: float) -> bool:
    """Whether the counts with a larger likelihood ratio hold less than 90 % at this signal."""
    n = np.arange(100)
    log_probability = stats.poisson.logpmf(n, signal + background)
    log_ratio = log_probability - stats.poisson.logpmf(n, np.maximum(n, background))
    return bool(np.exp(log_probability[log_ratio > log_ratio[count] + 1e-9]).sum() < 0.9)


def make_belts(background: float) -> list[Belt]:
    """The belt of every count, all from the same toys."""
    random = np.random.default_rng(1)
    values = np.sqrt(SIGNALS)
    first = ToyFitter(count_above(background, 0.0))
    toys = [statistics(first, value, TOYS, random) for value in values]
    return [belt(ToyFitter(count_above(background, float(n))), values, toys, 0.9) for n in COUNTS]


@pytest.mark.parametrize("background", [0.5, 3.0, 10.0])
def test_belts_of_few_counts_are_those_of_exact_sums(background: float) -> None:
    for count, found in zip(COUNTS, make_belts(background), strict=True):
        accepted = FINE[[accepts(count, background, signal) for signal in FINE]]
        low, high = found.interval.lower, found.interval.upper
        error = found.interval.errors[-1].upper
        assert found.discrete and low is not None and high is not None and error is not None
        # the place of an end, in events; between two tested values it may be anywhere
        step = 2 * (SIGNALS[1] - SIGNALS[0])
        assert abs(low**2 - accepted.min()) < step and abs(high**2 - accepted.max()) < step
        assert abs(high - np.sqrt(accepted.max())) < 3 * error < 1.0


def test_a_count_that_ties_with_the_critical_value_is_accepted() -> None:
    """Without a background zero events end where exp(-s) is 10 %, though they are themselves the critical value before."""
    values = np.sqrt(np.linspace(0, 4, 41))
    fitter = ToyFitter(count_above(1e-9, 0.0))
    random = np.random.default_rng(2)
    found = belt(fitter, values, [statistics(fitter, value, 4000, random) for value in values], 0.9)
    exact = [accepts(0, 1e-9, signal) for signal in values**2]
    clear = np.abs(found.p_value - 0.1) > 5 * np.sqrt(0.09 / 4000)
    np.testing.assert_array_equal((found.p_value > 0.1)[clear], np.array(exact)[clear])
    assert found.interval.upper is not None
    assert abs(found.interval.upper**2 - 2.44) < 0.2  # Feldman and Cousins 1998, table IV


def test_many_counts_have_no_steps() -> None:
    fitter = ToyFitter(count_above(1000.0, 1010.0, width=0.02))
    values = np.linspace(0, 10, 6)
    random = np.random.default_rng(3)
    found = belt(fitter, values, [statistics(fitter, value, 1000, random) for value in values], 0.9)
    assert not found.discrete


def test_a_flavour_that_others_can_replace_is_accepted_at_zero() -> None:
    """There the statistic of data and toys is 0 up to the rounding of fits, and a tie is accepted."""
    model = model_of("xenonnt-sr0", "mu_nu_e", "mu_nu_mu", "mu_nu_tau")
    counts = "8 13 19 12 14 15 17 20 15 13 19 13 12 13 18 15 16 19 8 25 8 18 13 18 20 14 15 20 17"
    fitter = ToyFitter(replace(model, observed=np.array(counts.split(), dtype=float)).with_first(2))
    random = np.random.default_rng(1)
    values = np.linspace(0, 3.5, 8)
    found = belt(fitter, values, [statistics(fitter, value, 300, random) for value in values], 0.9)
    assert found.observed[0] < 1e-9 and found.critical[0] < 1e-9 and found.p_value[0] == 1
    (piece,) = found.interval.pieces
    assert piece.lower == 0 and piece.upper == pytest.approx(2.5, abs=0.2)


def test_a_difference_below_what_fits_are_sure_of_is_a_tie() -> None:
    """XENON1T's excess has any flavour: at 0 both the statistic and its critical value are below 0.001 of chi^2."""
    fitter = ToyFitter(model_of("xenon1t-sr1", "mu_nu_e", "mu_nu_mu", "mu_nu_tau"))
    random = np.random.default_rng(5)
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    found = belt(fitter, values, [statistics(fitter, value, 1000, random) for value in values], 0.9)
    assert found.critical[0] < found.observed[0] < 2e-3
    assert list(found.accepted) == [True, True, True, True, False]
    (piece,) = found.interval.pieces
    assert piece.lower == 0


def test_charges_beside_radii_have_no_toys_that_could_miss_a_minimum() -> None:
    fitter = ToyFitter(model_of("xenonnt-sr0", "q_nu", "r2_nu"))
    with pytest.raises(BayesnuError, match="toys: found q_nu and r2_nu together"):
        fitter.limit(observed(fitter.model), 2.71)
    with pytest.raises(BayesnuError, match="take one of them"):
        statistics(fitter, 0.1, 100, np.random.default_rng(1))


def test_few_toys_place_no_critical_value_of_a_high_level() -> None:
    fitter = ToyFitter(count_above(1000.0, 1010.0, width=0.02))
    values = np.linspace(0, 10, 6)
    random = np.random.default_rng(3)
    toys = [statistics(fitter, value, 1000, random) for value in values]
    with pytest.raises(BayesnuError, match=r"cl: found 99\.9%; fewer than 5 of 1,000 toys .* and 5,000 would place it"):
        belt(fitter, values, toys, 0.999)
    # Where the toys reach, a higher level has the longer interval and the larger error.
    lower, higher = (belt(fitter, values, toys, cl) for cl in (0.9, 0.995))
    assert np.all(lower.critical < higher.critical) and np.all(lower.critical_error < higher.critical_error)
