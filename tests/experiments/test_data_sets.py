"""The data sets of the package against the sums that were published, and against one another."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import AbsoluteWidth, Experiment, FreeWidth, RelativeWidth
from bayesnu.support.errors import BayesnuError

NAMES = experiments.names()
READINGS = ("default", "paper", "digitised", "as-drawn")
QUALITIES = {"official", "published", "digitised", "derived", "assumed"}


def counts(experiment: Experiment, name: str) -> np.ndarray:
    """Return the counts (bins,) of a component that has its own."""
    (component,) = (c for c in experiment.background.components if c.name == name)
    assert component.counts is not None
    return component.counts


def remainder(experiment: Experiment) -> np.ndarray:
    """Return total - published neutrinos - components with counts, shape (bins,)."""
    background = experiment.background
    assert background.total is not None and background.published_solar_neutrinos is not None
    own = [c.counts for c in background.components if c.counts is not None]
    left: np.ndarray = background.total - background.published_solar_neutrinos - np.sum(own, axis=0)
    return left


def curve(experiment: Experiment, energies: np.ndarray) -> np.ndarray:
    """Return the efficiency between knots, the first value held below the first knot."""
    return np.asarray(np.interp(energies, experiment.efficiency.energies_kev, experiment.efficiency.values))


def test_the_names_are_those_of_the_files() -> None:
    pandax4t = ("pandax4t-run0", "pandax4t-run0-first", "pandax4t-run1")
    xenonnt = ("xenonnt-sr0", "xenonnt-sr0-wide")
    assert list(NAMES) == ["lz-ws2022", "lz-ws2024", *pandax4t, "xenon1t-sr1", *xenonnt]
    assert all(experiments.load(name).name == name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reading", READINGS)
def test_every_reading_of_every_file_is_consistent(name: str, reading: str) -> None:
    experiment = experiments.load(name, reading)
    bins = len(experiment.edges_kev) - 1
    assert experiment.observed.shape == (bins,) and not experiment.observed.flags.writeable
    assert experiment.in_region.any() and np.all(np.diff(experiment.edges_kev) > 0)
    fractions = [c.fraction for c in experiment.background.components if c.fraction is not None]
    assert not fractions or sum(fractions) == pytest.approx(1, abs=1e-12)
    if experiment.background.total is not None:
        assert experiment.background.total.shape == (bins,)
        assert np.all(remainder(experiment)[experiment.in_region] >= 0)


def test_xenonnt_has_the_published_sums() -> None:
    experiment = experiments.load("xenonnt-sr0")
    inside, background = experiment.in_region, experiment.background
    assert experiment.region_kev == (1, 30) and inside.sum() == 29
    assert experiment.exposure_tonne_years == 1.16
    assert experiment.observed[inside].sum() == 433
    assert background.total is not None and background.published_solar_neutrinos is not None
    assert background.total[inside].sum() == pytest.approx(426.5, abs=0.05)
    assert background.published_solar_neutrinos[inside].sum() == pytest.approx(78.8, abs=0.05)
    rate = background.total[inside].sum() / experiment.exposure_tonne_years / 29
    assert rate == pytest.approx(15.8 * 0.8, rel=0.02)  # arXiv:2207.11330 quotes 15.8 / (t yr keV) before efficiency


def test_pandax_run1_has_the_published_sums() -> None:
    experiment = experiments.load("pandax4t-run1")
    assert experiment.exposure_tonne_years == pytest.approx(363.3 / 365.25, rel=1e-12)
    assert experiment.observed.sum() == 1431
    assert experiment.background.total is not None
    assert experiment.background.total.sum() == pytest.approx(1439.1, abs=0.05)
    # The published table, 0-30 keV: the counts per bin were scaled to the figure, so they follow it within 2 percent.
    assert remainder(experiment).sum() == pytest.approx(700.3 + 96.5 + 272.2 + 105.9, rel=0.003)
    assert counts(experiment, "tritium").sum() == pytest.approx(118.4, rel=0.02)
    assert counts(experiment, "136Xe").sum() == pytest.approx(62.3, rel=0.01)


def test_the_flat_part_of_run1_has_the_published_width() -> None:
    experiment = experiments.load("pandax4t-run1")
    flat = remainder(experiment).sum()
    parts = [(c.fraction, c.width) for c in experiment.background.components if c.shape == "flat"]
    absolute = []
    for fraction, width in parts:
        assert fraction is not None and isinstance(width, RelativeWidth | AbsoluteWidth)
        absolute.append(fraction * flat * width.relative(fraction * flat))
    assert absolute == pytest.approx([45.3, 23.8, 58.9, 7.8])
    assert np.linalg.norm(absolute) / flat == pytest.approx(0.066, abs=0.001)


def test_exposures_in_days_become_years() -> None:
    assert experiments.load("pandax4t-run0").exposure_tonne_years == pytest.approx(198.9 / 365.25, rel=1e-12)
    assert experiments.load("pandax4t-run0-first").exposure_tonne_years == 0.63


def test_the_paper_reading_adds_the_bins_outside_the_region() -> None:
    for name in ("xenonnt-sr0", "pandax4t-run1", "pandax4t-run0"):
        experiment = experiments.load(name, "paper")
        assert experiment.region_kev == (0, 30) and experiment.in_region.sum() == 30 and experiment.reading == "paper"
    assert experiments.load("pandax4t-run0").region_kev == (1, 20)


def test_run0_paper_bins_are_the_stand_in_and_the_model() -> None:
    default, paper = experiments.load("pandax4t-run0"), experiments.load("pandax4t-run0", "paper")
    assert paper.background.total is not None and paper.turn_on is None
    assert paper.observed[0] == 3
    np.testing.assert_array_equal(paper.observed[1:20], default.observed)
    np.testing.assert_array_equal(paper.observed[20:], paper.background.total[20:])
    assert [c.name for c in paper.background.components] == ["background"]


def test_run0_paper_efficiency_is_the_product_of_three_curves() -> None:
    paper, drawn = experiments.load("pandax4t-run0", "paper"), experiments.load("pandax4t-run0")
    second, first = experiments.load("pandax4t-run1", "paper"), experiments.load("pandax4t-run1", "as-drawn")
    knots = paper.efficiency.energies_kev
    ratio = np.clip(curve(second, knots) / curve(first, knots), 0, 2)
    np.testing.assert_allclose(paper.efficiency.values, curve(drawn, knots) * ratio, atol=6e-6)
    assert set(drawn.efficiency.energies_kev) <= set(knots)


def test_a_fitted_polynomial_is_held_above_its_data() -> None:
    for name in NAMES:
        top = 30 if name.startswith("pandax4t") else np.inf
        assert experiments.load(name).resolution.kinks_kev == (top,)


def test_run1_default_efficiency_is_a_step_per_bin() -> None:
    efficiency = experiments.load("pandax4t-run1").efficiency
    np.testing.assert_array_equal(efficiency.energies_kev, np.repeat(np.arange(31.0), 2)[1:-1])
    np.testing.assert_array_equal(efficiency.values[::2], efficiency.values[1::2])


def test_run1_digitised_efficiency_holds_the_plateau() -> None:
    held, drawn = experiments.load("pandax4t-run1", "digitised"), experiments.load("pandax4t-run1", "as-drawn")
    assert held.efficiency.energy == drawn.efficiency.energy == "true"
    assert held.efficiency.energies_kev[-1] == 21.5 and held.efficiency.values[-1] == 0.92
    low = drawn.efficiency.energies_kev < 21.5
    np.testing.assert_array_equal(held.efficiency.values[:-1], drawn.efficiency.values[low])


def poisson_fit(observed: np.ndarray, shapes: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return the amplitudes (shapes,) of greatest Poisson likelihood, by Newton's method."""
    amplitudes = np.full(len(shapes), 0.9)
    for _ in range(50):
        expected = held + amplitudes @ shapes
        curvature = (shapes * observed / expected**2) @ shapes.T
        amplitudes = amplitudes + np.linalg.solve(curvature, shapes @ (observed / expected - 1))
    return amplitudes


@pytest.mark.parametrize("name", ["pandax4t-run0", "pandax4t-run0-first"])
def test_run0_tritium_and_flat_are_the_fit_to_its_own_bins(name: str) -> None:
    experiment = experiments.load(name)
    shapes = np.array([counts(experiment, "tritium"), remainder(experiment)])
    assert experiment.background.total is not None
    held = experiment.background.total - shapes.sum(axis=0)
    assert poisson_fit(experiment.observed, shapes, held) == pytest.approx([1, 1], abs=2e-5)


def test_run0_turn_on_describes_both_analyses_of_the_run() -> None:
    for name in ("pandax4t-run0", "pandax4t-run0-first"):
        experiment = experiments.load(name)
        total, observed = experiment.background.total, experiment.observed
        assert total is not None and experiment.turn_on is not None
        np.testing.assert_array_equal(experiment.turn_on, [0.76] + [1.0] * 18)
        deviance = 2 * np.sum(total - observed + observed * np.log(observed / total))
        assert deviance < 2 * 17  # 17 degrees of freedom


def test_run0_says_that_it_is_a_stand_in() -> None:
    for reading in ("default", "paper"):
        experiment = experiments.load("pandax4t-run0", reading)
        assert "stand-in" in experiment.note and "stand-in" in experiment.title
    assert "guess" in experiments.load("pandax4t-run0", "paper").note


def test_both_runs_share_what_one_detector_has_once() -> None:
    runs = [experiments.load(name) for name in ("pandax4t-run0", "pandax4t-run1")]
    assert {run.efficiency.shared for run in runs} == {"PandaX-4T efficiency"}
    assert [run.efficiency.relative_width for run in runs] == pytest.approx([0.043 / 0.945, 0.068 / 0.92], rel=1e-5)
    for run in runs:
        assert [(c.name, c.shared) for c in run.background.components if c.shared] == [("136Xe", "PandaX-4T 136Xe")]


def test_tritium_is_free() -> None:
    for name in ("pandax4t-run0", "pandax4t-run0-first", "pandax4t-run1"):
        tritium = [c.width for c in experiments.load(name).background.components if c.name == "tritium"]
        assert tritium == [FreeWidth(10.0)]


@pytest.mark.parametrize("name", [*NAMES, "template"])
def test_every_number_has_source_and_quality(name: str) -> None:
    file = resources.files("bayesnu.experiments").joinpath(f"{name}.toml")
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    assert raw.pop("format") == 1
    assert list(numbers_without_source(raw)) == []


def numbers_without_source(value: object, path: str = "", sourced: bool = False) -> list[str]:
    """Return the paths of all numbers that lie in no table with source and quality."""
    if isinstance(value, dict):
        sourced = sourced or (bool(value.get("source")) and value.get("quality") in QUALITIES)
        return [bad for key, item in value.items() for bad in numbers_without_source(item, f"{path}.{key}", sourced)]
    if isinstance(value, list):
        return [bad for i, item in enumerate(value) for bad in numbers_without_source(item, f"{path}[{i}]", sourced)]
    return [path] if isinstance(value, int | float) and not sourced else []


def test_provenance_lists_every_table_and_component() -> None:
    experiment = experiments.load("xenonnt-sr0")
    assert [p.table for p in experiment.provenance][:7] == [
        *("exposure", "bins", "region", "resolution", "efficiency", "background", "neutrinos")
    ]
    tables = [p.table for p in experiment.provenance][7:]
    assert tables[:2] == ["exposure error", "efficiency assumed"]
    assert tables[2:] == [f"background {c.name}{of}" for c in experiment.background.components for of in ("", " prior")]
    assert {p.quality for p in experiment.provenance} <= QUALITIES


def test_the_template_is_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(experiments.template(), encoding="utf-8")
    experiment = experiments.load(path)
    assert (experiment.name, experiment.path, experiment.exposure_tonne_years) == ("my-experiment", str(path), 2.0)
    assert experiments.load(str(path), "paper").region_kev == (0, 6)
    assert "made-up" in experiment.note and experiment.text == experiments.template()


def test_a_reading_the_file_lacks_is_its_default() -> None:
    assert experiments.load("xenonnt-sr0", "digitised").reading == "default"


def test_widths_are_relative_to_the_counts() -> None:
    assert RelativeWidth(0.1).relative(50.0) == 0.1
    assert AbsoluteWidth(5.0).relative(50.0) == 0.1


def test_the_digest_is_that_of_the_bytes() -> None:
    import hashlib

    data = resources.files("bayesnu.experiments").joinpath("xenonnt-sr0.toml").read_bytes()
    experiment = experiments.load("xenonnt-sr0")
    assert experiment.digest == hashlib.sha256(data).hexdigest() and experiment.text.encode() == data


def test_runs_can_be_combined_once() -> None:
    *lz, run0, first, run1, xenon1t, xenonnt, wide = map(experiments.load, NAMES)
    for either in (xenonnt, wide):
        experiments.check_combination([*lz, run0, run1, xenon1t, either])
    for pair in ([run0, first], [first, run1, run0], [xenonnt, wide], [wide, xenonnt]):
        with pytest.raises(BayesnuError, match="hold the same events"):
            experiments.check_combination(pair)
    with pytest.raises(BayesnuError, match="'xenonnt-sr0' twice"):
        experiments.check_combination([xenonnt, experiments.load("xenonnt-sr0", "paper")])
    one_sided = replace(xenonnt, name="reanalysis", incompatible=("xenonnt-sr0",))
    with pytest.raises(BayesnuError, match="hold the same events"):
        experiments.check_combination([xenonnt, one_sided])


def test_importing_the_objects_does_not_import_pydantic() -> None:
    import subprocess
    import sys

    code = "import sys, bayesnu.experiments; print('pydantic' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "False"


def test_the_same_text_is_read_once_and_a_changed_file_again(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(experiments.template(), encoding="utf-8")
    first = experiments.load(file)
    assert experiments.load(file) is first
    text = experiments.template().replace("tonne_years = 2.0", "tonne_years = 2.1")
    file.write_text(text, encoding="utf-8")
    assert (first.exposure_tonne_years, experiments.load(file).exposure_tonne_years) == (2.0, 2.1)
