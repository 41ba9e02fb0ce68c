"""Numbers at the edge: results are finite or refused whatever the experiment and the parameters; both likelihoods agree."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from scipy.special import gammaln, xlogy

from bayesnu import experiments
from bayesnu.inference import interval, marginal, profile
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.likelihood import compile_posterior, log_likelihood, log_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Gaussian
from bayesnu.physics.properties import PROPERTIES
from bayesnu.support.errors import BayesnuError
from tests.robustness.fuzz import BARE, SOURCED

NO_BACKGROUND = {"solar_neutrinos": "absent", "components": [], **SOURCED}
EDGES_10000 = [round(1 + 29 * i / 10_000, 6) for i in range(10_001)]
CASES: dict[str, dict[str, dict[str, Any]]] = {
    "as it is": {},
    "empty bins": {"bins": {"observed": [0, 0]}},
    "an empty bin beside a full one": {"bins": {"observed": [0, 10**6]}},
    "a billion events": {"bins": {"observed": [10**9, 10**9]}},
    "a billionth of an event": {"bins": {"observed": [1e-9, 70]}},
    "no background": {"background": NO_BACKGROUND},
    "no background and no event": {"background": NO_BACKGROUND, "bins": {"observed": [0, 0]}},
    "one bin": {
        "bins": {"edges_kev": [1, 30], "observed": [80]},
        "background": {
            **NO_BACKGROUND,
            "components": [{"name": "a", "counts": [70], "width": {"relative": 0.1}, **SOURCED}],
        },
    },
    "one narrow bin": {
        "bins": {"edges_kev": [5, 5.000001], "observed": [0]},
        "region": {"kev": [5, 5.000001]},
        "background": NO_BACKGROUND,
    },
    "a grain of xenon": {"exposure": {"tonne_years": 1e-6}},
    "a megatonne": {"exposure": {"tonne_years": 1e6}},
    "a megatonne, as many events": {"exposure": {"tonne_years": 1e6}, "bins": {"observed": [40_000_000, 90_000_000]}},
    "a fine resolution": {"resolution": {"sqrt_kev": 5e-3}},
    "a poor resolution": {"resolution": {"sqrt_kev": 30.0}},
    "a width of a millionth": {
        "background": {
            **NO_BACKGROUND,
            "components": [{"name": "a", "counts": [9, 60], "width": {"relative": 1e-6}, **SOURCED}],
        }
    },
    "a width of one": {
        "background": {
            **NO_BACKGROUND,
            "components": [{"name": "a", "counts": [9, 60], "width": {"relative": 1.0}, **SOURCED}],
        }
    },
    "a free background": {
        "background": {**NO_BACKGROUND, "components": [{"name": "a", "counts": [9, 60], "width": {"free": 1e6}, **SOURCED}]}
    },
}


Changes = dict[str, dict[str, Any]]


def experiment(tmp_path: Path, changes: Changes) -> experiments.Experiment:
    """The bare experiment with some keys changed; a background is replaced whole."""
    raw = copy.deepcopy(BARE)
    for table, keys in changes.items():
        raw[table] = keys if table == "background" else raw[table] | keys
    path = tmp_path / "edge.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    return experiments.load(path)


def wide(model: Model) -> Model:
    """The model with priors that end nowhere near, so that the likelihood alone decides."""

    def reaching(prior: Any) -> Any:
        low = 0.0 if isinstance(prior, Gaussian) and prior.lower == 0 else -1e12
        return Flat(prior.parameter, low, 1e12)

    return replace(model, parameters=tuple(map(reaching, model.parameters)))


def points(model: Model) -> np.ndarray:
    """Parameters (points, parameters) from nothing to a million scales, with nuisances from none to a thousand."""
    random = np.random.default_rng(5)
    sizes = np.array([0.0, 1e-12, 1e-3, 1.0, 30.0, 1e3, 1e6])
    values = np.unique(np.concatenate([-sizes, sizes]) if model.of_interest[0].signed else sizes)
    theta = np.tile(model.nominal(), (6 * len(values), 1))
    theta[:, 0] = np.repeat(values, 6)
    for k in range(1, len(model.parameters)):
        theta[1::6, k] = 0.0
        theta[2::6, k] = 1e3
        theta[3::6, k] = 1e-12
        theta[4::6, k] = random.uniform(0, 3, len(values))
        theta[5::6, k] = random.choice([0.0, 1.0, 1e3], len(values))
    return theta


def terms(model: Model, theta: np.ndarray) -> np.ndarray:
    """The size (points,) of the largest terms of the log-likelihood: rounding is a part of these."""
    expected = np.abs(model.coefficients(theta)) @ np.abs(model.templates)
    logarithms = np.abs(xlogy(model.observed, np.where(expected > 0, expected, 1.0)))
    return np.asarray((logarithms + expected + gammaln(model.observed + 1)).sum(axis=-1))


def assert_likelihoods_agree(model: Model) -> None:
    """Both likelihoods are numbers, -inf only where the model excludes the data, and the same."""
    model = wide(model)
    theta = points(model)
    expected = model.expected(theta)
    excluded = np.any((expected < 0) | ((expected == 0) & (model.observed > 0)), axis=-1)
    plain = log_likelihood(model, theta)
    np.testing.assert_array_equal(np.isneginf(plain), excluded)
    assert np.all(np.isfinite(plain[~excluded]))
    one, other = log_posterior(model, theta), compile_posterior(model)(theta)
    np.testing.assert_array_equal(np.isneginf(one), np.isneginf(other))
    inside = np.isfinite(one)
    assert inside.any() == (~excluded).any() and np.all(np.isfinite(other[inside]))
    assert np.all(np.abs(one[inside] - other[inside]) <= 1e-12 * (terms(model, theta)[inside] + 1e3))


def assert_an_interval_or_none(found: interval.ProfileInterval) -> None:
    """Ends are finite and in order; where one is missing the status says so."""
    assert math.isfinite(found.chi2_min)
    ends = [end for piece in found.pieces for end in piece]
    assert ends and all(math.isfinite(end) for end in ends if end is not None)
    assert all(a < b or a == b == 0 for a, b in found.pieces if a is not None and b is not None)
    assert ("not found" in found.status) == (None in (ends[0], ends[-1]))


@pytest.mark.parametrize("parameter", PROPERTIES)
@pytest.mark.parametrize("name", CASES)
def test_likelihoods_and_limits_at_the_edge(name: str, parameter: str, tmp_path: Path) -> None:
    model = build([experiment(tmp_path, CASES[name])], [parameter])
    assert np.all(np.isfinite(model.templates)) and np.all(np.isfinite(model.factors))
    assert_likelihoods_agree(model)
    for one_sided in (False,) if model.of_interest[0].signed else (False, True):
        assert_an_interval_or_none(profile.interval(model, one_sided=one_sided))
    try:
        limit = marginal.marginal(model).quantile(0.9)
    except BayesnuError as error:
        assert str(error).isprintable()
    else:
        prior = model.parameters[0]
        assert prior.lower <= limit <= prior.upper


@pytest.mark.parametrize("choice", [{"background": "single"}, {"normalisations": "free"}, {"energy_scale": 0.1}], ids=str)
def test_choices_at_the_edge(choice: dict[str, Any], tmp_path: Path) -> None:
    for name in ("empty bins", "no background", "a megatonne"):
        try:
            model = build([experiment(tmp_path, CASES[name])], ["q_nu"], Analysis(**choice))
        except BayesnuError as error:
            assert "expansion" in str(error)  # a shift that would make counts negative
            continue
        assert_likelihoods_agree(model)
        assert_an_interval_or_none(profile.interval(model))


def test_no_efficiency_in_the_region_is_no_signal(tmp_path: Path) -> None:
    changes: Changes = {"efficiency": {"energies_kev": [31, 32, 33], "values": [0, 0.5, 0.9]}}
    with pytest.raises(BayesnuError, match="q_nu: no bin of the region has any of its signal"):
        build([experiment(tmp_path, changes)], ["q_nu"])


def test_ten_thousand_bins(tmp_path: Path) -> None:
    observed = np.random.default_rng(3).poisson(0.02, 10_000).tolist()
    changes: Changes = {"bins": {"edges_kev": EDGES_10000, "observed": observed}, "background": NO_BACKGROUND}
    model = build([experiment(tmp_path, changes)], ["mu_nu"])
    assert model.templates.shape[1] == 10_000
    assert_likelihoods_agree(model)
    found = profile.interval(model)
    assert_an_interval_or_none(found)
    # one bin of the same events knows their number alone: its limit is weaker, and of the same size
    one: Changes = {"bins": {"edges_kev": [1, 30], "observed": [sum(observed)]}, "background": NO_BACKGROUND}
    whole = build([experiment(tmp_path, one)], ["mu_nu"])
    np.testing.assert_allclose(model.expected(model.nominal()).sum(), whole.expected(whole.nominal()).sum(), rtol=1e-4)
    wider = profile.interval(whole)
    assert found.upper is not None and wider.upper is not None and 0.3 < found.upper / wider.upper < 1.5


def test_a_limit_scales_with_the_exposure(tmp_path: Path) -> None:
    """Without background and events the limit on mu^2 goes as 1 / exposure, as long as neutrinos themselves are rare."""

    def limit(size: float) -> interval.ProfileInterval:
        changes: Changes = {"background": NO_BACKGROUND, "bins": {"observed": [0, 0]}, "exposure": {"tonne_years": size}}
        return profile.interval(build([experiment(tmp_path, changes)], ["mu_nu"]), one_sided=True)

    few, more, many = limit(1e-6).upper, limit(1e-4).upper, limit(1e6)
    assert few is not None and more is not None and few / more == pytest.approx(10, rel=1e-6)
    # where millions of neutrinos are missing, no flux is left that could set a limit
    assert many.upper is None and "not found" in many.status
