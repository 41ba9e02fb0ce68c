"""What is written of a data set is read back to the last digit, and arrays make the data set of a file."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.experiments import (
    AbsoluteWidth,
    Experiment,
    GaussianPrior,
    RelativeWidth,
    load,
    names,
    parse,
    scale_exposure,
    template,
)
from bayesnu.experiments.writing import to_toml
from bayesnu.physics.resolution import Resolution
from bayesnu.support.errors import BayesnuError

OF_THE_FILE = ("path", "text", "digest", "reading", "readings")
READINGS = [(name, reading) for name in names() for reading in ("default", *load(name).readings)]

SPECTRA: list[dict[str, Any]] = [
    {"name": "lines", "lines": {"energies_kev": [5.0, 8.1], "ratios": [1.0, 0.3]}, "events": {"in_region": 7.3}},
    {"name": "flat", "flat": True, "events": {"per_tonne_year_kev": 3.3}},
    {"name": "beta", "beta": {"endpoint_kev": 687.0, "daughter_charge": 37}, "events": {"per_tonne_year": 31.7}},
    {"name": "two", "double_beta": {"endpoint_kev": 2457.8, "daughter_charge": 56}, "events": {"in_all_bins": 4.1}},
    {"name": "rates", "table": {"energies_kev": [0.0, 30.0], "per_tonne_year_kev": [1.1, 2.3]}},
    {"name": "shape", "table": {"energies_kev": [0.0, 30.0], "shape": [1.1, 2.3]}, "events": {"in_region": 3.0}},
    {"name": "counted", "counts": np.linspace(0.1, 3.7, 29)},
]


def find_differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Every field in which two data sets differ, to the last digit, but for where they are from."""
    found = []
    for field in fields(one):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        if field.name == "components":
            for component, same in zip(mine, its, strict=True):
                found += find_differences(component, same, f"{where}{component.name}.")
        elif hasattr(mine, "__dataclass_fields__"):
            found += find_differences(mine, its, f"{where}{field.name}.")
        elif field.name not in OF_THE_FILE and not np.array_equal(mine, its):
            found.append(f"{where}{field.name}: {mine} and {its}")
    return found


@pytest.mark.parametrize(("name", "reading"), READINGS)
def test_every_data_set_is_read_back_to_the_last_digit(name: str, reading: str) -> None:
    experiment = load(name, reading)
    text = to_toml(experiment)
    again = parse(text, "default", "written")
    assert find_differences(experiment, again) == []
    assert to_toml(again) == text


def test_the_example_is_read_back_to_the_last_digit() -> None:
    example = parse(template(), "default", "example")
    assert find_differences(example, parse(to_toml(example), "default", "written")) == []


def make(**changes: Any) -> Experiment:
    given: dict[str, Any] = {
        "exposure_tonne_years": 1.3,
        "edges_kev": np.arange(1.0, 31.0),
        "observed": np.arange(29),
        "resolution": Resolution(sqrt_kev=0.31, linear=0.0037),
        "efficiency": ([0.0, 2.0, 30.0], [0.0, 0.85, 0.9]),
        "backgrounds": [each | {"width": {"relative": 0.1}} for each in SPECTRA],
    }
    return bayesnu.make_experiment("mine", **(given | changes))


def test_an_experiment_from_arrays_is_written_and_read_back(tmp_path: Path) -> None:
    experiment = make(region_kev=(2.0, 20.0), efficiency_width=0.03, title="Mine")
    bayesnu.write_experiment(experiment, tmp_path / "mine.toml")
    again = bayesnu.load_experiment(tmp_path / "mine.toml")
    assert find_differences(experiment, again) == []
    assert again.exposure_tonne_years == 1.3 and again.region_kev == (2.0, 20.0)
    np.testing.assert_array_equal(again.observed, np.arange(29))
    before = bayesnu.build(experiment, "mu_nu", "paper")
    after = bayesnu.build(again, "mu_nu", "paper")
    np.testing.assert_array_equal(before.templates, after.templates)


def test_widths_per_bin_are_knots_at_the_middles() -> None:
    widths = 0.3 * np.sqrt(np.arange(1.5, 30.5))
    np.testing.assert_array_equal(make(resolution=widths).resolution.sigma_kev(np.arange(1.5, 30.5)), widths)


def test_a_change_in_memory_is_what_is_written(tmp_path: Path) -> None:
    changed = replace(scale_exposure(load("xenonnt-sr0"), 20.0), observed=np.full(30, 100.0))
    bayesnu.write_experiment(changed, tmp_path / "scaled.toml")
    assert find_differences(changed, bayesnu.load_experiment(tmp_path / "scaled.toml")) == []


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match=r"found the ending '\.json'; a data set is a file that ends in \.toml"):
        bayesnu.write_experiment(make(), tmp_path / "mine.json")
    with pytest.raises(BayesnuError, match="cannot be written"):
        bayesnu.write_experiment(make(), tmp_path / "no" / "mine.toml")
    with pytest.raises(BayesnuError, match=r"^mine from arrays: \[bins\] observed: found a list of 3; must be 29 long"):
        make(observed=[1, 2, 3])
    with pytest.raises(BayesnuError, match="unknown key 'widht'"):
        make(backgrounds=[SPECTRA[1] | {"widht": {"relative": 0.1}}])
    with pytest.raises(BayesnuError, match=r"^edges_kev: found numbers of shape \(2, 2\); must be a list"):
        make(edges_kev=[[1, 2], [3, 4]])


def test_unequal_widths_and_priors_are_read_back(tmp_path: Path) -> None:
    experiment = load("lz-ws2022")
    first, second, *others = experiment.background.components
    changed = (replace(first, width=RelativeWidth(0.225, 7 / 9)), replace(second, width=AbsoluteWidth(6.0, 2 / 3)))
    background = replace(experiment.background, components=(*changed, *others))
    again = parse(to_toml(replace(experiment, background=background)), "default", "again.toml").background.components
    relative = again[0].width
    absolute = again[1].width
    assert isinstance(relative, RelativeWidth) and isinstance(absolute, AbsoluteWidth)
    assert [relative.value, relative.asymmetry] == pytest.approx([0.225, 7 / 9], rel=1e-15)
    assert [absolute.counts, absolute.asymmetry] == pytest.approx([6.0, 2 / 3], rel=1e-15)
    prior = next(each for each in load("xenonnt-sr0").background.components if each.name == "85Kr").prior
    assert prior is not None and isinstance(prior.known, GaussianPrior)
    xenonnt = load("xenonnt-sr0")
    unequal = replace(prior, known=replace(prior.known, asymmetry=0.25))
    components = tuple(
        replace(each, prior=unequal) if each.name == "85Kr" else each for each in xenonnt.background.components
    )
    text = to_toml(replace(xenonnt, background=replace(xenonnt.background, components=components)))
    read = next(each for each in parse(text, "default", "again.toml").background.components if each.name == "85Kr").prior
    assert read is not None and isinstance(read.known, GaussianPrior)
    assert read.known.asymmetry == pytest.approx(0.25, rel=1e-14)
    assert read.known.width == pytest.approx(prior.known.width, rel=1e-14)


def test_a_detector_stays_one() -> None:
    again = parse(to_toml(load("xlzd")), "default", "again.toml")
    assert again.is_detector
    with pytest.raises(BayesnuError, match=r"nothing is observed|detector"):
        bayesnu.build(again, "mu_nu")
