"""Expected limits of a count, some of them open up to the end of the range, against sums over Poisson counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq
from scipy.special import xlogy

from bayesnu.inference.toys import result
from bayesnu.inference.toys.expected import BANDS, End, find_limits, summarise_limits
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.statistic import quantile_with_error
from bayesnu.inference.toys.toys import Toys, draw
from bayesnu.physics.properties import parameter_of
from bayesnu.runs.toy_json import toys_from_json, toys_to_json
from bayesnu.runs.toy_rows import toy_rows
from tests.statistics.models import count_above

BACKGROUND = 3.0
LEVEL = 2.705543454095404
TOYS = 4000


def count_up_to(largest: float, count: float = 3.0) -> tuple[ToyFitter, float]:
    """Fits of a count with at most this root of the events of signal, and the moment at which it has one event."""
    model = count_above(BACKGROUND, count)
    unit = float(ToyFitter(model).profiler.upper[0]) / largest
    return ToyFitter(replace(model, templates=np.array([[unit**-2], [BACKGROUND]]))), unit


def exact_limit(count: int, largest: float) -> float:
    """Where chi^2 of a count is the level above its minimum within the range; infinite where it is nowhere."""

    def chi2(moment: float) -> float:
        mean = BACKGROUND + moment**2
        return float(2 * (mean - count + xlogy(count, count / mean)))

    best = min(np.sqrt(max(count - BACKGROUND, 0.0)), largest)
    if chi2(largest) <= chi2(best) + LEVEL:
        return np.inf
    return float(brentq(lambda x: chi2(x) - chi2(best) - LEVEL, best, largest))


@pytest.mark.parametrize("largest", [1.7, 2.1, 2.6])
def test_open_intervals_of_toys_are_beyond_every_limit(largest: float) -> None:
    fitter, unit = count_up_to(largest)
    ends = [End("upper", False, LEVEL)]
    toys = draw(fitter.model, fitter.model.nominal() * [0.0, 1.0], TOYS, np.random.default_rng(1))
    limits = find_limits(fitter, ends, toys)
    exact = np.array([exact_limit(n, largest) for n in range(60)])
    np.testing.assert_allclose(limits[0] / unit, exact[toys.counts[:, 0].astype(int)], rtol=1e-5)
    (found,) = summarise_limits(fitter, ends, limits)
    probability = stats.poisson.pmf(np.arange(60), BACKGROUND)
    is_open = np.isinf(exact)
    assert abs(found.open / TOYS - probability[is_open].sum()) < 4 * np.sqrt(0.25 / TOYS) and found.open > 0
    assert found.failed == 0
    cumulative = np.cumsum(probability)  # limits grow with the count
    for name, p in BANDS.items():
        place = int(np.searchsorted(cumulative, p))
        if np.min(np.abs(cumulative - p)) > 0.03:
            assert found.bands[name][0] == pytest.approx(unit * exact[place], rel=1e-5), name


def test_a_fit_that_did_not_end_is_no_open_interval() -> None:
    fitter, _ = count_up_to(2.1)
    toys = Toys(np.array([[3.0], [np.nan]]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    limits = find_limits(fitter, [End("upper", False, LEVEL)], toys)[0]
    assert np.isfinite(limits[0]) and np.isnan(limits[1])


def test_quantiles_among_infinite_values() -> None:
    values = np.array([1.0] * 60 + [2.0] * 20 + [np.inf] * 20)
    assert quantile_with_error(values, 0.5) == (1.0, 0.0)
    assert quantile_with_error(values, 0.7) == (2.0, 0.0)
    assert quantile_with_error(values, 0.79) == (2.0, np.inf)
    assert quantile_with_error(values, 0.9)[0] == np.inf
    assert quantile_with_error(-values, 0.05) == (-np.inf, np.inf)


def test_open_intervals_are_said_and_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "TOYS", 300)
    monkeypatch.setattr(result, "BELT_TOYS", 100)
    found = result.find_toy_result(count_up_to(1.7, 0.0)[0].model, 0.9, 1)
    two_sided = found.limits[0].expected[0]
    assert 150 < two_sided.open < 300 and two_sided.bands["median"][0] == np.inf
    read = toys_from_json(toys_to_json(found), [parameter_of("mu_nu")])
    assert read.limits[0].expected == found.limits[0].expected
    row = next(row for row in toy_rows(found, 0.9) if row.method == "expected")
    assert row.interval.upper is None and f"{two_sided.open} of 300 toys have none" in row.how
