"""Backgrounds that are spectra: folded as an independent sum does it, of the size that is stated, moved as the signal is."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tomli_w
from scipy.stats import norm

from bayesnu import experiments
from bayesnu.experiments import Experiment, scale_exposure
from bayesnu.model.background_fold import fold_component
from bayesnu.model.backgrounds import background_shapes, shift_counts
from bayesnu.model.budget import budget_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.grid_check import certify
from bayesnu.model.observation import observe
from bayesnu.support.errors import BayesnuError
from tests.physics import decays

EXAMPLE = {"source": "made up", "quality": "assumed"}
EDGES = [0.0, 1.0, 2.0, 4.0, 8.0, 14.0, 20.0, 30.0]
KNOTS = [(0.5, 0.0), (2.0, 0.7), (6.0, 0.85), (30.0, 0.8)]
EXPOSURE = 2.0
SHAPE = [(0.0, 0.5), (10.0, 3.0), (10.0, 1.0), (25.0, 0.0)]  # a table with a step

KINDS: dict[str, dict[str, Any]] = {
    "37Ar": {"lines": {"energies_kev": [2.82, 0.27], "ratios": [0.902, 0.087]}, "events": {"per_tonne_year": 40.0}},
    "flat": {"flat": True, "events": {"in_region": 100.0}},
    "tritium": {"beta": {"endpoint_kev": 18.59, "daughter_charge": 2}, "events": {"in_all_bins": 60.0}},
    "136Xe": {"double_beta": {"endpoint_kev": 2457.0, "daughter_charge": 56}, "events": {"in_region": 20.0}},
    "table": {"table": {"energies_kev": [e for e, _ in SHAPE], "per_tonne_year_kev": [v for _, v in SHAPE]}},
}


def write(components: list[dict[str, Any]], knots: list[tuple[float, float]] = KNOTS, **efficiency: Any) -> str:
    """A made-up file with these components, in which no neutrinos are."""
    energies, values = map(list, zip(*knots, strict=True))
    curve = {"energy": "reconstructed", "energies_kev": energies, "values": values, **efficiency}
    table = {
        "format": 1,
        "name": "made-up",
        "title": "Made up",
        "references": [],
        "incompatible": [],
        "exposure": {"tonne_years": EXPOSURE, **EXAMPLE},
        "bins": {"edges_kev": EDGES, "observed": [1, 9, 30, 60, 80, 80, 130], **EXAMPLE},
        "region": {"kev": [1.0, 20.0], **EXAMPLE},
        "resolution": {"sqrt_kev": 0.31, "linear": 0.0037, **EXAMPLE},
        "efficiency": {**curve, **EXAMPLE},
        "background": {"solar_neutrinos": "absent", "components": components, **EXAMPLE},
    }
    return tomli_w.dumps(table)


def make(*components: dict[str, Any], **efficiency: Any) -> Experiment:
    return experiments.parse(write([*components], **efficiency), "default", "made-up.toml")


def component(name: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "width": {"relative": 0.1}, **EXAMPLE, **(keys or KINDS[name])}


def counts_of(experiment: Experiment, **shift: float) -> np.ndarray:
    """Counts per bin of the file of its only component."""
    (only,) = experiment.background.components
    return fold_component(experiment, Analysis(), only, **shift)


def sum_plainly(true_kev: np.ndarray, events: np.ndarray, knots: list[tuple[float, float]] = KNOTS) -> np.ndarray:
    """Events at true energies in bins: midpoints in reconstructed energy, with the Gaussian and the curve written out."""
    sigma = 0.31 * np.sqrt(true_kev) + 0.0037 * true_kev
    energies, values = map(np.array, zip(*knots, strict=True))
    counts = []
    for low, high in pairwise(EDGES):
        step = (high - low) / 300
        seen = low + (np.arange(300) + 0.5) * step
        efficiency = np.where(seen < energies[0], 0.0, np.interp(seen, energies, values))
        counts.append(step * float(events @ norm.pdf(seen, true_kev[:, None], sigma[:, None]) @ efficiency))
    return np.array(counts)


def midpoints(end: float, parts: int = 1600) -> tuple[np.ndarray, float]:
    step = end / parts
    return (np.arange(parts) + 0.5) * step, step


@cache
def count_independently(name: str) -> np.ndarray:
    """Counts per bin of one of `KINDS` without anything of the package."""
    if name == "37Ar":
        return EXPOSURE * 40.0 * sum_plainly(np.array([2.82, 0.27]), np.array([0.902, 0.087]))
    energies, step = midpoints({"tritium": 18.59, "table": 25.0}.get(name, 48.0))
    if name == "table":
        rates = np.where(energies < 10, np.interp(energies, [0, 10], [0.5, 3]), np.interp(energies, [10, 25], [1, 0]))
        return EXPOSURE * sum_plainly(energies, rates * step)
    if name == "flat":
        counts = sum_plainly(energies, np.ones_like(energies))
        return np.asarray(100.0 * counts / counts[1:6].sum())
    if name == "tritium":
        counts = sum_plainly(energies, decays.beta(energies, 18.59, 2))
        return np.asarray(60.0 * counts / counts.sum())
    counts = sum_plainly(energies, decays.double_beta(energies, 2457.0, 56, 100))
    return np.asarray(20.0 * counts / counts[1:6].sum())


@pytest.mark.parametrize("name", KINDS)
def test_a_spectrum_has_the_counts_of_an_independent_sum(name: str) -> None:
    np.testing.assert_allclose(counts_of(make(component(name))), count_independently(name), rtol=2e-4, atol=2e-4)


def test_a_file_by_kinds_is_the_model_of_the_same_file_by_counts() -> None:
    by_kinds = make(*map(component, KINDS))
    by_counts = make(*(component(name, counts=[*count_independently(name)]) for name in KINDS))
    one, other = (build(each, "mu_nu") for each in (by_kinds, by_counts))
    assert one.names == other.names
    np.testing.assert_allclose(one.templates, other.templates, rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(one.factors, other.factors)


def test_lines_with_a_constant_efficiency_are_error_functions() -> None:
    experiment = make(component("37Ar"), knots=[(0.0, 0.8)])
    expected = np.zeros(len(EDGES) - 1)
    for energy, ratio in ((2.82, 0.902), (0.27, 0.087)):
        sigma = 0.31 * np.sqrt(energy) + 0.0037 * energy
        expected += EXPOSURE * 40.0 * ratio * 0.8 * np.diff(norm.cdf(EDGES, energy, sigma))
    np.testing.assert_allclose(counts_of(experiment), expected, rtol=1e-12, atol=1e-15)


def test_decays_in_a_tonne_year_all_appear_where_nothing_is_lost() -> None:
    for name in ("tritium", "37Ar"):
        keys = KINDS[name] | {"events": {"per_tonne_year": 40.0}}
        found = counts_of(make(component(name, **keys), knots=[(0.0, 1.0)])).sum()
        # below zero nothing is reconstructed: of the slowest electrons a part is lost there
        assert found == pytest.approx(EXPOSURE * 40 * (0.989 if name == "37Ar" else 1.0), rel=0.006)


def test_a_flat_rate_is_per_kev() -> None:
    experiment = make(component("flat", flat=True, events={"per_tonne_year_kev": 20.0}), knots=[(0.0, 0.5)])
    edges = np.array(EDGES)[3:7]
    # A width that grows with energy gathers events: to first order by half the second derivative of its square.
    slope = 2 * 0.31 * 0.0037 * 1.5 * np.sqrt(edges) + 2 * 0.0037**2 * edges
    expected = EXPOSURE * 20 * 0.5 * (np.diff(edges) + np.diff(slope) / 2)
    np.testing.assert_allclose(counts_of(experiment)[3:6], expected, rtol=5e-6)


@pytest.mark.parametrize("name", KINDS)
def test_the_size_is_the_one_that_is_stated(name: str) -> None:
    keys = {key: value for key, value in KINDS[name].items() if key != "events"}
    if name == "table":
        keys["table"] = {"energies_kev": keys["table"]["energies_kev"], "shape": keys["table"]["per_tonne_year_kev"]}
    inside = make(component(name, **keys, events={"in_region": 33.0}), turn_on=[1, 0.5, 1, 1, 1, 2, 1])
    everywhere = make(component(name, **keys, events={"in_all_bins": 33.0}))
    assert counts_of(inside)[1:6].sum() == pytest.approx(33.0, rel=1e-12)
    assert counts_of(everywhere).sum() == pytest.approx(33.0, rel=1e-12)
    assert counts_of(inside).sum() > 33.0


def test_the_turn_on_is_that_of_the_signal() -> None:
    factors = np.array([1, 0.5, 1, 1, 1, 2, 1])
    plain = counts_of(make(component("37Ar")))
    np.testing.assert_allclose(counts_of(make(component("37Ar"), turn_on=[*factors])), plain * factors, rtol=1e-12)


def test_an_absolute_width_is_in_the_unit_of_the_events() -> None:
    stated = {"in_region": 50.0}, {"in_all_bins": 50.0}, {"per_tonne_year": 50.0}
    for events in stated:
        keys = KINDS["37Ar"] | {"events": events, "width": {"absolute": 5.0}}
        experiment = make(component("37Ar", **keys))
        (shape,) = background_shapes(observe(experiment, Analysis()), np.zeros(5))
        assert shape.width == pytest.approx(0.1, rel=1e-14)


def test_the_remainder_is_what_a_spectrum_leaves_of_a_published_total() -> None:
    raw = tomllib.loads(experiments.template())
    raw["background"]["components"].append(component("37Ar", **KINDS["37Ar"] | {"events": {"in_region": 3.0}}))
    experiment = experiments.parse(tomli_w.dumps(raw), "default", "made-up.toml")
    without = experiments.parse(experiments.template(), "default", "made-up.toml")
    with_lines, plain = (budget_of(each, Analysis()) for each in (experiment, without))
    assert with_lines.remainder is not None and plain.remainder is not None
    lines = with_lines.components["37Ar"]
    assert lines.sum() == pytest.approx(3.0)
    np.testing.assert_allclose(with_lines.remainder, plain.remainder - lines, rtol=1e-12)
    np.testing.assert_allclose(build(experiment).expected(build(experiment).nominal()), plain.total, rtol=1e-9)


@pytest.mark.parametrize("background", ["components", "single"])
@pytest.mark.parametrize("shift", [{"threshold_shift_kev": 0.1}, {"energy_scale": 0.02}])
def test_a_shifted_response_moves_spectra_and_not_their_size(background: str, shift: dict[str, float]) -> None:
    (name, width), *_ = shift.items()
    experiment = make(*map(component, KINDS), component("accidentals", counts=[1.0] * 7))
    analysis = Analysis(background=background, **shift)  # type: ignore[arg-type]
    built = build(experiment, "mu_nu", analysis)
    (place,) = (k for k, each in enumerate(built.names) if each.startswith(("threshold_shift", "energy_scale")))
    flux = [k for k, each in enumerate(built.names) if each.startswith("flux")]
    point = built.nominal()
    point[flux] = 0
    point[place] = 1.5
    shifted = [
        fold_component(experiment, analysis, each, **{name: 1.5 * width})
        for each in experiment.background.components
        if each.spectrum is not None
    ]
    alone = make(component("accidentals", counts=[1.0] * 7))
    observation = observe(alone, Analysis())
    (shape,) = background_shapes(observation, np.zeros(5))
    expected = np.sum(shifted, axis=0)[1:6] + shift_counts(observation, shape, **{name: 1.5 * width})
    np.testing.assert_allclose(built.expected(point), expected, rtol=2e-3)
    assert np.abs(built.expected(point) / (built.expected(point * (np.arange(len(point)) != place))) - 1).max() > 0.01


def test_a_shifted_curve_is_an_efficiency_of_shifted_knots() -> None:
    moved = counts_of(make(component("37Ar")), threshold_shift_kev=0.2)
    np.testing.assert_allclose(
        moved,
        EXPOSURE * 40 * sum_plainly(np.array([2.82, 0.27]), np.array([0.902, 0.087]), [(e + 0.2, v) for e, v in KNOTS]),
        rtol=1e-3,
        atol=1e-6,
    )


def test_a_spectrum_without_events_where_its_size_is_stated_is_refused() -> None:
    beyond: dict[str, Any] = {"lines": {"energies_kev": [60.0]}, "events": {"in_region": 5.0}}
    with pytest.raises(
        BayesnuError, match=r"^made-up: found no events of the background 'line' in the region; must be some"
    ):
        build(make(component("line", **beyond)))
    beyond["lines"] = {"energies_kev": [900.0]}
    for events in ({"in_all_bins": 5.0}, {"per_tonne_year": 5.0}):
        with pytest.raises(BayesnuError, match=r"^made-up: found no events of the background 'line' in any bin;"):
            build(make(component("line", **beyond | {"events": events})))


def test_another_exposure_has_more_of_every_spectrum() -> None:
    experiment = make(*map(component, KINDS))
    scaled = scale_exposure(experiment, 10 * EXPOSURE)
    one, ten = (budget_of(each, Analysis()).components for each in (experiment, scaled))
    for name in KINDS:
        np.testing.assert_allclose(ten[name], 10 * one[name], rtol=1e-12)


def test_all_choices_of_the_response_fold_a_spectrum() -> None:
    experiment = make(component("tritium"))
    usual = counts_of(experiment)
    (only,) = experiment.background.components
    for choice in ({"resolution_at": "reconstructed"}, {"binning": "centre"}, {"efficiency_on": "true"}):
        counts = fold_component(experiment, replace(Analysis(), **choice), only)  # type: ignore[arg-type]
        assert counts.sum() == pytest.approx(60.0, rel=1e-12)
        assert 1e-4 < np.abs(counts / usual - 1)[1:6].max() < 0.5


@pytest.mark.slow
def test_the_grid_of_every_spectrum_is_certified() -> None:
    table = {"energies_kev": [0.0, 0.9, 0.9, 1.1, 30.0], "shape": [0.0, 9.0, 0.0, 2.0, 1.0]}
    jagged = component("jagged", table=table, events={"in_region": 20.0})
    certificate = certify(make(*map(component, KINDS), jagged, turn_on=[1, 0.5, 1, 1, 1, 2, 1]))
    names = {name.removeprefix("background ") for name in certificate.changes if name.startswith("background ")}
    assert names == {*KINDS, "jagged"} - {"37Ar"}
    assert certificate.passed
