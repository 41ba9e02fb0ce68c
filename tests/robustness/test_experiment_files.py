"""Whatever is in a file, the user reads one sentence that names file and key, never a traceback."""

from __future__ import annotations

import copy
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayesnu import experiments
from bayesnu.experiments.sentences import FileMistakes
from bayesnu.support.errors import BayesnuError
from tests.commands import invoke

TEMPLATE: dict[str, Any] = tomllib.loads(experiments.template())


def refused(path: Path, reading: str = "default") -> str:
    """Return the sentence with which a file is refused, after checking its form."""
    with pytest.raises(BayesnuError) as caught:
        experiments.load(path, reading)
    return checked(str(caught.value), path)


def checked(sentence: str, path: Path) -> str:
    """Return a sentence that is one printable line of bearable length and names the file."""
    assert sentence.startswith(f"{path}: ")
    rest = sentence.removeprefix(f"{path}: ")
    assert rest.isprintable() and len(rest) < 500
    return rest


def broken(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> str:
    """Return the sentence for the template after a change."""
    raw = copy.deepcopy(TEMPLATE)
    change(raw)
    path = tmp_path / "bad.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    return refused(path)


def put(*where: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change that sets the last of `where` at the place the others name."""
    *path, key, value = where

    def change(raw: Any) -> None:
        for step in path:
            raw = raw[step]
        raw[key] = value

    return change


def drop(*where: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change that deletes a key."""
    *path, key = where

    def change(raw: Any) -> None:
        for step in path:
            raw = raw[step]
        del raw[key]

    return change


PARTS = ("background", "components")
EXAMPLE = {"source": "example", "quality": "assumed"}
TABLE = {**EXAMPLE, "energies_kev": [1, 5], "sigma_kev": [0.3, 0.7]}
BAD: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (put("format", 2), "format: found 2; must be less than or equal to 1"),
    (put("format", True), "format: found true; must be a valid integer"),
    (put("format", "1"), "format: found '1'"),
    (put("name", "../evil"), "name: found '../evil'; must be lower-case letters, digits and hyphens; rename it"),
    (put("name", "line\nbreak"), "name: found"),
    (put("name", "a" * 65), "name: found"),
    (put("name", ""), "name: found ''"),
    (put("title", ""), "title: found ''"),
    (put("title", "t" * 5000), "title: found"),
    (drop("title"), "title: found nothing; must be given"),
    (put("references", "arXiv"), "references: found 'arXiv'"),
    (put("incompatible", ["A B"]), "incompatible 1: found 'A B'"),
    (put("exposur", 1), "unknown key 'exposur'; did you mean 'exposure'?"),
    (put("exposure", 1.0), "[exposure]: found 1.0; must be a table"),
    (drop("exposure"), "exposure"),
    (
        put("exposure", "tonne_years", 0),
        "[exposure] tonne_years: found 0; must be greater than or equal to 0.000000001",
    ),
    (put("exposure", "tonne_years", -1.0), "[exposure] tonne_years: found -1.0"),
    (put("exposure", "tonne_years", 1e300), "[exposure] tonne_years: found 1e+300"),
    (put("exposure", "tonne_years", 10**400), "[exposure] tonne_years: found an integer of more than 30 digits"),
    (put("exposure", "tonne_years", float("nan")), "[exposure] tonne_years: found nan"),
    (put("exposure", "tonne_years", float("inf")), "[exposure] tonne_years: found inf"),
    (put("exposure", "tonne_years", True), "[exposure] tonne_years: found true"),
    (put("exposure", "tonne_years", "2"), "[exposure] tonne_years: found '2'"),
    (put("exposure", "tonne_years", [2]), "[exposure] tonne_years: found a list of 1"),
    (put("exposure", "tonne_days", 2.0), "[exposure]: found tonne_years and tonne_days"),
    (drop("exposure", "tonne_years"), "[exposure]: found none of tonne_years and tonne_days"),
    (drop("exposure", "source"), "[exposure] source: found nothing"),
    (put("exposure", "quality", "good"), "[exposure] quality: found 'good'; must be 'official'"),
    (put("exposure", "tonneyears", 1), "[exposure]: unknown key 'tonneyears'; did you mean 'tonne_years'?"),
    (put("bins", "edges_kev", [0, 1, 1, 4, 6]), "[bins] edges_kev: found 1 after 1; must increase"),
    (put("bins", "edges_kev", [0, 1, 3, 2, 6]), "[bins] edges_kev: found 2 after 3"),
    (put("bins", "edges_kev", [-1, 1, 2, 4, 6]), "[bins] edges_kev 1: found -1"),
    (put("bins", "edges_kev", [0]), "[bins] edges_kev: found a list of 1; must have at least 2 items"),
    (put("bins", "edges_kev", []), "[bins] edges_kev: found a list of 0"),
    (put("bins", "edges_kev", [float(i) for i in range(20_002)]), "[bins] edges_kev: found a list of 20002"),
    (put("bins", "edges_kev", [0, 1, 2, 4, 1e9]), "[bins] edges_kev 5: found 1000000000.0"),
    (put("bins", "observed", [0, 12, 25]), "[bins] observed: found a list of 3; must be 4 long"),
    (put("bins", "observed", [0, 12, 25, -1]), "[bins] observed 4: found -1"),
    (put("bins", "observed", [0, 12, 25, float("nan")]), "[bins] observed 4: found nan"),
    (put("bins", "observed", [0, 12, 25, False]), "[bins] observed 4: found false"),
    (put("bins", "observed", [0, 12, 25, "many"]), "[bins] observed 4: found 'many'"),
    (put("bins", "observed", ["x" * 10_000] * 4), "[bins] observed 1: found 'xxx"),
    (put("bins", "observed", {"a": 1}), "[bins] observed: found a table of 1"),
    (put("region", "kev", [1.5, 6]), "[region] kev: found 1.5; must be one of [bins] edges_kev"),
    (put("region", "kev", [1, 7]), "[region] kev: found 7"),
    (put("region", "kev", [6, 1]), "[region] kev: found [6, 1]; must be [low, high]"),
    (put("region", "kev", [1, 1]), "[region] kev: found [1, 1]"),
    (put("region", "kev", [1, 2, 4]), "[region] kev: found a list of 3"),
    (put("resolution", "sqrt_kev", -0.3), "[resolution]: found a width of -"),
    (put("resolution", EXAMPLE), "[resolution]: found a width of 0 keV"),
    (put("resolution", "constant_kev", -0.1), "[resolution] constant_kev: found -0.1; must be at least 0"),
    (put("resolution", "quadratic_per_kev", -0.1), "[resolution]: found a width of -"),
    (put("resolution", "valid_to_kev", 0), "[resolution] valid_to_kev: found 0; must be greater than 0"),
    (put("resolution", "sigma", 0.1), "[resolution]: unknown key 'sigma'"),
    (put("resolution", "alpha", 11), "[resolution] alpha: found 11; must be less than or equal to 10"),
    (put("resolution", "sigma_kev", [0.1]), "[resolution]: found sigma_kev without energies_kev"),
    (put("resolution", "energies_kev", [1, 2]), "[resolution]: found none of sigma_kev and relative"),
    (put("resolution", {**TABLE, "relative": [0.3, 0.1]}), "[resolution]: found sigma_kev and relative of sigma_kev and"),
    (put("resolution", {**TABLE, "linear": 0.1}), "[resolution]: found energies_kev and linear; must be a table or a poly"),
    (put("resolution", {**TABLE, "energies_kev": [5, 1]}), "[resolution]: found the energy 1 after 5; must increase"),
    (
        put("resolution", {**TABLE, "sigma_kev": [0.3]}),
        "[resolution]: found 1 of sigma_kev; must be 2, one per energies_kev",
    ),
    (put("resolution", {**TABLE, "sigma_kev": [0.3, 0]}), "[resolution] sigma_kev 2: found 0; must be greater than or"),
    (put("resolution", {**TABLE, "alphas": [1]}), "[resolution]: found 1 of alphas; must be 2, one per energies_kev"),
    (put("resolution", {**TABLE, "alpha": 1, "alphas": [1, 2]}), "[resolution]: found alpha and alphas; must be one number"),
    (put("efficiency", "energy", "visible"), "[efficiency] energy: found 'visible'; must be 'reconstructed' or 'true'"),
    (put("efficiency", "energies_kev", [2, 0.5, 6]), "[efficiency] energies_kev: found 0.5 after 2"),
    (put("efficiency", "energies_kev", [2, 2, 2]), "[efficiency] energies_kev: found 2 three times"),
    (put("efficiency", "values", [0, 0.5]), "[efficiency] values: found a list of 2; must be 3 long"),
    (put("efficiency", "values", [0, 0.5, 1.1]), "[efficiency] values 3: found 1.1; must be less than or equal to 1"),
    (put("efficiency", "values", [0, 0, 0]), "[efficiency] values: found zeros alone"),
    (put("efficiency", "turn_on", [1]), "[efficiency] turn_on: found a list of 1; must be 4 long"),
    (put("efficiency", "relative_width", 0), "[efficiency] relative_width: found 0"),
    (put("efficiency", "shared", "a\tb"), "[efficiency] shared: found"),
    (put("exposure", "error", "relative", 3.0), "[exposure] error.relative: found 3.0; must be less than or equal to 1"),
    (drop("exposure", "error", "source"), "[exposure] error.source: found nothing"),
    (
        put("efficiency", "assumed", "relative_width", 0.1),
        "[efficiency]: found relative_width published and assumed; what is published needs no assumption; keep one",
    ),
    (
        put("efficiency", "assumed", "threshold_kev", 0),
        "[efficiency] assumed.threshold_kev: found 0; must be greater than 0",
    ),
    (put("efficiency", "assumed", "width", 0.1), "[efficiency] assumed: unknown key 'width'"),
    (drop("efficiency", "assumed", "source"), "[efficiency] assumed.source: found nothing"),
    (put("background", "solar_neutrinos", "maybe"), "[background] solar_neutrinos: found 'maybe'"),
    (
        put("background", "solar_neutrinos", "absent"),
        "[background]: found solar_neutrinos = 'absent', which forbids total",
    ),
    (drop("background", "total"), "[background]: found solar_neutrinos = 'included', which needs total"),
    (drop("background", "published_solar_neutrinos"), "which needs published_solar_neutrinos"),
    (drop("background", "remainder"), "which needs remainder"),
    (put("background", "total", [0.5, 13.0]), "[background] total: found a list of 2; must be 4 long"),
    (
        put("background", "total", [0.5, 3.0, 24.5, 22.0]),
        "[background] total: found 3 in bin 2; must be at least the sum",
    ),
    (
        put("background", "remainder", "rising"),
        "[background.components 1] shape: found 'flat'; the remainder 'rising'",
    ),
    (
        put(*PARTS, 0, "width", {"relative": -0.1}),
        "[background.components 1] width.relative: found -0.1; must be greater",
    ),
    (put(*PARTS, 0, "width", {"relative": 11}), "[background.components 1] width.relative: found 11"),
    (
        put(*PARTS, 0, "width", {"relative": 0.1, "free": 2}),
        "width: found relative and free of relative, absolute, free and lower",
    ),
    (put(*PARTS, 0, "width", {}), "[background.components 1] width: found none of relative, absolute, free and lower"),
    (
        put(*PARTS, 0, "width", {"upper": {"relative": 0.1}}),
        "[background.components 1] width: found one of lower and upper; must be a width on either side",
    ),
    (
        put(*PARTS, 0, "width", {"lower": {"absolute": 3}, "upper": {"relative": 0.1}}),
        "[background.components 1] width: found a relative and an absolute side; must be two of a kind",
    ),
    (
        put(*PARTS, 0, "width", {"lower": {"relative": 0.1}, "upper": {"relative": 3}}),
        "[background.components 1] width.upper.relative: found 3",
    ),
    (
        put(*PARTS, 0, "width", {"lower": 0.1, "upper": 0.2}),
        "[background.components 1] width.lower: found 0.1; must be a table",
    ),
    (put(*PARTS, 0, "width", {"percent": 3}), "[background.components 1] width: unknown key 'percent'"),
    (put(*PARTS, 0, "width", 0.1), "[background.components 1] width: found 0.1; must be a table"),
    (put(*PARTS, 1, "width", {"absolute": 0}), "[background.components 2] width.absolute: found 0"),
    (put(*PARTS, 2, "width", {"free": 1}), "[background.components 3] width.free: found 1; must be greater than 1"),
    (put(*PARTS, 2, "shared", "key"), "[background.components 3]: found shared with a free width"),
    (put(*PARTS, 2, "counts", [0, 0, 0, 0]), "[background.components 3] counts: found no counts"),
    (put(*PARTS, 2, "counts", [5, 0, 0, 0]), "[background.components 3] counts: found no counts inside the region"),
    (put(*PARTS, 2, "counts", [1, 2]), "[background.components 3] counts: found a list of 2; must be 4 long"),
    (put(*PARTS, 2, "fraction", 0.1), "[background.components 3]: found counts and fraction"),
    (put(*PARTS, 2, "shape", "flat"), "[background.components 3] shape: found 'flat'"),
    (put(*PARTS, 2, "name", "136Xe"), "[background.components 3] name: found '136Xe' 2 times"),
    (put(*PARTS, 2, "name", "$(rm)"), "[background.components 3] name: found '$(rm)'; must be a letter or digit, then"),
    (put(*PARTS, 0, "fraction", 0.7), "[background.components] fraction: found fractions of 'flat' that sum to 0.95"),
    (put(*PARTS, 0, "fraction", 0), "[background.components 1] fraction: found 0"),
    (drop(*PARTS, 0, "fraction"), "[background.components 1]: found none of counts, fraction, lines, flat, beta"),
    (drop(*PARTS, 0, "quality"), "[background.components 1] quality: found nothing"),
    (put(*PARTS, []), "[background.components] fraction: found fractions of 'flat' that sum to 0"),
    (put(*PARTS, {"name": "x"}), "[background] components: found a table of 1; must be a valid list"),
    (put(*PARTS, 1, "prior", 0.1), "[background.components 2] prior: found 0.1; must be a table"),
    (drop(*PARTS, 1, "prior", "source"), "[background.components 2] prior.source: found nothing"),
    (drop(*PARTS, 1, "prior", "fitted_counts"), "[background.components 2] prior.fitted_counts: found nothing"),
    (put(*PARTS, 1, "prior", "free", 10), "prior: found gaussian and free of gaussian, uniform and free"),
    (drop(*PARTS, 1, "prior", "gaussian"), "prior: found none of gaussian, uniform and free"),
    (
        put(*PARTS, 1, "prior", "gaussian", {"mean": 9}),
        "[background.components 2] prior.gaussian: found none of sigma and lower",
    ),
    (
        put(*PARTS, 1, "prior", "gaussian", {"mean": 9, "lower": 3}),
        "[background.components 2] prior.gaussian: found one of lower and upper; must be a width on either side",
    ),
    (
        put(*PARTS, 1, "prior", "gaussian", {"mean": 90, "lower": 1, "upper": 60}),
        "[background.components 2] prior: found fitted_counts = 80, which the prior does not hold",
    ),
    (put(*PARTS, 1, "prior", "kev", [140, 1]), "prior: found kev = [140, 1]; must be [low, high]"),
    (put(*PARTS, 1, "prior", "fitted_counts", 800), "prior: found fitted_counts = 800, which the prior does not hold"),
    (
        put(*PARTS, 2, "prior", {**EXAMPLE, "kev": [1, 6], "fitted_counts": 5, "uniform": {"lowest": 6, "highest": 9}}),
        "[background.components 3] prior: found fitted_counts = 5, which the prior does not hold",
    ),
    (
        put(*PARTS, 2, "prior", {**EXAMPLE, "kev": [1, 6], "fitted_counts": 5, "uniform": {"lowest": 9, "highest": 6}}),
        "[background.components 3] prior.uniform: found 9 to 6; must increase",
    ),
    (
        put(*PARTS, 2, "prior", {**EXAMPLE, "kev": [1, 6], "fitted_counts": 12, "free": 10}),
        "[background.components 3] prior.fitted_counts: found 12; must be the component's counts in 1-6 keV, 10;",
    ),
    (put(*PARTS, 0, "name", "tritium"), "[background.components 1] name: found 'tritium' 2 times"),
    (put("neutrinos", "kev", [1, 5]), "[neutrinos] kev: found 5; must be one of [bins] edges_kev"),
    (put("neutrinos", "counts", 0), "[neutrinos] counts: found 0; must be greater than 0"),
    (put("neutrinos", "error", -1), "[neutrinos] error: found -1; must be greater than 0"),
    (put("neutrinos", "width", 1), "[neutrinos]: unknown key 'width'"),
    (put("readings", "default", {"note": "n"}), "[readings]: found the name 'default'"),
    (put("readings", "B\nC", {"note": "n"}), "readings"),
    (put("readings", "paper", "region", "kev", [0, 7]), "[readings.paper.region] kev: found 7"),
    (put("readings", "paper", "region", {}), "[readings.paper.region] source: found nothing"),
    (put("readings", "paper", "regions", {}), "[readings.paper]: unknown key 'regions'; did you mean 'region'?"),
    (put("readings", "other", {}), "[readings.other] note: found nothing"),
    (
        put("readings", "other", {"note": "n", "bins": {**EXAMPLE, "edges_kev": [1, 6], "observed": [9]}}),
        "turn_on: found a list of 4; must be 1 long",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), BAD, ids=[sentence[:60] for _, sentence in BAD])
def test_a_bad_value_is_one_sentence_with_its_key(
    change: Callable[[dict[str, Any]], None], sentence: str, tmp_path: Path
) -> None:
    assert sentence in broken(tmp_path, change)


BETA = {"endpoint_kev": 18.59, "daughter_charge": 2}
REGION = {"in_region": 3.0}
RATES = {"energies_kev": [0, 5, 9], "per_tonne_year_kev": [1, 2, 0]}
BAD_SPECTRA: list[tuple[dict[str, Any], str]] = [
    ({"beta": BETA}, ": found beta without events; must be given as in_region or in_all_bins or per_tonne_year; add events"),
    (
        {"counts": [1, 2, 3, 4], "events": REGION},
        ": found events in_region; must be left out, as the counts are there already",
    ),
    ({"counts": [1, 2, 3, 4], "flat": True, "events": REGION}, ": found counts and flat of counts, fraction, lines"),
    (
        {"flat": True, "events": {"per_tonne_year": 3}},
        ": found events per_tonne_year; must be in_region or in_all_bins or per",
    ),
    ({"flat": False, "events": REGION}, " flat: found false; must be True"),
    ({"flat": True, "events": {}}, " events: found none of in_region, in_all_bins, per_tonne_year and per_tonne_year_kev"),
    ({"flat": True, "events": {"in_region": 0}}, " events.in_region: found 0; must be greater than 0"),
    ({"lines": {"energies_kev": [1, 2]}, "events": REGION}, " lines: found 1 ratios; must be 2, one per energies_kev"),
    (
        {"lines": {"energies_kev": [0]}, "events": REGION},
        " lines.energies_kev 1: found 0; must be greater than or equal to 0.001",
    ),
    ({"lines": {"energies_kev": []}, "events": REGION}, " lines.energies_kev: found a list of 0"),
    ({"beta": {"endpoint": 3, **BETA}, "events": REGION}, " beta: unknown key 'endpoint'; did you mean 'endpoint_kev'?"),
    ({"beta": BETA | {"daughter_charge": 0}, "events": REGION}, " beta.daughter_charge: found 0; must be greater than or"),
    (
        {"beta": BETA | {"daughter_charge": 2.0}, "events": REGION},
        " beta.daughter_charge: found 2.0; must be a valid integer",
    ),
    ({"beta": BETA | {"shape_factor": [1, -0.1]}, "events": REGION}, " beta: found a shape_factor of -0.00"),
    ({"beta": BETA | {"shape_factor": [0, 0]}, "events": REGION}, " beta: found a shape_factor of 0 at 0 keV"),
    (
        {"double_beta": {"endpoint_kev": 2457}, "events": REGION},
        " double_beta.daughter_charge: found nothing; must be given",
    ),
    ({"table": RATES, "events": REGION}, ": found events in_region; must be left out, as the counts are there already"),
    ({"table": RATES, "width": {"absolute": 1}}, ": found an absolute width of a table of rates; must be relative or free"),
    ({"table": RATES | {"shape": [1, 2, 0]}}, " table: found per_tonne_year_kev and shape of per_tonne_year_kev and shape"),
    ({"table": RATES | {"energies_kev": [0, 5]}}, " table: found 3 values; must be 2, one per energies_kev"),
    ({"table": RATES | {"energies_kev": [0, 5, 4]}}, " table.energies_kev: found 4 after 5; must not decrease"),
    ({"table": RATES | {"energies_kev": [5, 5, 5]}}, " table.energies_kev: found 5 three times"),
    (
        {"table": {"energies_kev": [5, 5], "shape": [1, 1]}, "events": REGION},
        " table: found no events; must be some between",
    ),
    ({"table": RATES | {"per_tonne_year_kev": [0, 0, 0]}}, " table: found no events; must be some between"),
    ({"table": RATES | {"per_tonne_year_kev": [0, -1, 0]}}, " table.per_tonne_year_kev 2: found -1"),
]


@pytest.mark.parametrize(("keys", "sentence"), BAD_SPECTRA, ids=[sentence[:60] for _, sentence in BAD_SPECTRA])
def test_a_bad_spectrum_is_one_sentence_with_its_key(keys: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    component = {"name": "spectrum", "width": {"relative": 0.1}, **EXAMPLE, **keys}

    def change(raw: dict[str, Any]) -> None:
        raw["background"]["components"].append(component)

    assert broken(tmp_path, change).startswith(f"[background.components 5]{sentence}")


def test_every_spectrum_that_the_template_shows_is_right(tmp_path: Path) -> None:
    text = experiments.template()
    spectra = re.findall(r"^# {3}((?:lines|beta|double_beta|table) = .+?\}|flat = true)", text, re.MULTILINE)
    assert len(spectra) == 6
    (block,) = re.findall(r"^# (\[\[background\.components\]\]\n(?:# .+\n)+)", text, re.MULTILINE)
    example = block.replace("# ", "").replace("absolute = 1.5", "relative = 0.5")
    path = tmp_path / "shown.toml"
    for spectrum in spectra:
        component = re.sub(r"^lines = .*", spectrum, example, flags=re.MULTILINE)
        if "per_tonne_year_kev" in spectrum:
            component = re.sub(r"^events = .*", "", component, flags=re.MULTILINE)
        path.write_text(text.replace("[neutrinos]", f"{component}\n[neutrinos]"), encoding="utf-8")
        assert experiments.load(path).background.components[-1].spectrum is not None


def test_all_mistakes_are_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = experiments.template().replace("tonne_years = 2.0", "tonneyears = 2.0").replace("12, 25, 21]", "-1, 25, -2]")
    path.write_text(text.replace('quality = "assumed"', 'quality = "good"', 1), encoding="utf-8")
    with pytest.raises(FileMistakes, match=r"; this is the first of 4 mistakes, `bayesnu check` lists them$") as caught:
        experiments.load(path)
    beginnings = ("[exposure]: unknown key", "[exposure] quality:", "[bins] observed 2:", "[bins] observed 4:")
    assert len(caught.value.sentences) == 4
    for sentence, beginning in zip(caught.value.sentences, beginnings, strict=True):
        assert checked(sentence, path).startswith(beginning)


def test_all_mistakes_between_tables_are_found_at_once_and_each_one_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = experiments.template().replace("kev = [1, 6]", "kev = [1, 7]").replace("= [1, 0.9, 1, 1]", "= [1]")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileMistakes) as caught:
        experiments.load(path)
    beginnings = ("[efficiency] turn_on: found a list of 1", "[region] kev: found 7", "[neutrinos] kev: found 7")
    for sentence, beginning in zip(caught.value.sentences, beginnings, strict=True):
        assert checked(sentence, path).startswith(beginning)


def test_a_mistake_inside_a_table_hides_none_between_others(tmp_path: Path) -> None:
    raw = copy.deepcopy(TEMPLATE)
    raw["exposure"]["tonne_years"] = -1
    raw["region"]["kev"] = [1, 7]
    raw["efficiency"]["values"] = [0, 0.5]
    raw["readings"]["paper"]["region"]["kev"] = [0, 8]
    assert list_mistakes(tmp_path, raw) == [
        "[exposure] tonne_years: found -1",
        "[efficiency] values: found a list of 2",
        "[region] kev: found 7",
        "[readings.paper.region] kev: found 8",
    ]


def test_a_table_with_a_mistake_inside_is_compared_with_no_other(tmp_path: Path) -> None:
    raw = copy.deepcopy(TEMPLATE)
    raw["bins"]["edges_kev"] = [0, 2, 1]
    raw["efficiency"]["values"] = [0, 0.5]
    raw["readings"]["paper"]["region"] = {**raw["region"], "kev": [0, -7]}
    assert list_mistakes(tmp_path, raw) == [
        "[bins] edges_kev: found 1 after 2",
        "[readings.paper.region] kev 2: found -7",
        "[efficiency] values: found a list of 2",
    ]


def list_mistakes(tmp_path: Path, raw: dict[str, Any]) -> list[str]:
    """Return the beginnings of all sentences with which a document is refused."""
    path = tmp_path / "bad.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    with pytest.raises(FileMistakes) as caught:
        experiments.load(path)
    return [checked(sentence, path).split(";")[0] for sentence in caught.value.sentences]


def test_a_component_joins_the_shape_of_another_only_if_it_says_so(tmp_path: Path) -> None:
    raw = copy.deepcopy(TEMPLATE)
    second, third = raw["background"]["components"][2:4]
    second["shape"] = third["name"]
    (sentence,) = list_mistakes(tmp_path, raw)
    assert sentence.startswith(f"[background.components 4] name: found '{third['name']}', which is also the shape of")
    third["shape"] = third["name"]
    path = tmp_path / "joined.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    shapes = [each.shape for each in experiments.load(path).background.components]
    assert shapes.count(third["name"]) == 2


def test_a_component_beside_a_prior_is_not_called_like_another_shape(tmp_path: Path) -> None:
    raw = copy.deepcopy(TEMPLATE)
    first = raw["background"]["components"][0]
    third = raw["background"]["components"][2]
    first["name"] = "hydrogen"
    third["shape"] = "hydrogen"
    (sentence,) = list_mistakes(tmp_path, raw)
    assert sentence.startswith("[background.components 1] name: found 'hydrogen', which is also the shape of 'tritium'")


@pytest.mark.parametrize(
    ("table", "sigmas", "alphas"),
    [
        (TABLE, (0.3, 0.7), ()),
        ({**EXAMPLE, "energies_kev": [1, 5], "relative": [0.3, 0.2]}, (0.3, 1.0), ()),
        ({**TABLE, "alpha": 2}, (0.3, 0.7), (2, 2)),
        ({**TABLE, "alphas": [0, -1]}, (0.3, 0.7), (0, -1)),
    ],
)
def test_a_resolution_may_be_a_table(
    table: dict[str, Any], sigmas: tuple[float, ...], alphas: tuple[float, ...], tmp_path: Path
) -> None:
    path = tmp_path / "table.toml"
    path.write_text(tomli_w.dumps({**TEMPLATE, "resolution": table}), encoding="utf-8")
    assert experiments.load(path).resolution == experiments.TabulatedResolution((1, 5), sigmas, alphas)


def test_check_prints_every_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(experiments.template().replace("[0, 12, 25, 21]", "[0, -1, true, -2]"), encoding="utf-8")
    result = invoke("check", path)
    assert result.exit_code == 2 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line.split("; ")[0] for line in lines] == [
        f"Error: {path}: [bins] observed {place}: found {value}" for place, value in ((2, -1), (3, "true"), (4, -2))
    ]


def test_a_date_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "date.toml"
    path.write_text(experiments.template().replace("tonne_years = 2.0", "tonne_years = 2020-01-01"), encoding="utf-8")
    assert "[exposure] tonne_years: found datetime.date(2020, 1, 1); must be a valid number" in refused(path)


def test_absent_neutrinos_need_no_total(tmp_path: Path) -> None:
    path = absent(tmp_path, TEMPLATE["background"]["components"][2:])
    background = experiments.load(path).background
    assert background.total is None and background.remainder is None and len(background.components) == 2


def test_absent_neutrinos_leave_no_remainder(tmp_path: Path) -> None:
    path = absent(tmp_path, TEMPLATE["background"]["components"])
    assert "[background.components 1] fraction: found a fraction of no remainder" in refused(path)


def absent(tmp_path: Path, components: list[dict[str, Any]]) -> Path:
    """Return a file whose background holds no solar neutrinos."""
    path = tmp_path / "absent.toml"
    background = {**EXAMPLE, "solar_neutrinos": "absent", "components": components}
    path.write_text(tomli_w.dumps({**TEMPLATE, "background": background}), encoding="utf-8")
    return path


def test_rounded_fractions_are_normalised(tmp_path: Path) -> None:
    raw = copy.deepcopy(TEMPLATE)
    raw["background"]["components"][0]["fraction"] = 0.7505
    path = tmp_path / "rounded.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    fractions = [c.fraction for c in experiments.load(path).background.components if c.fraction is not None]
    assert sum(fractions) == pytest.approx(1, abs=1e-14)


RAW_BYTES = {
    "not TOML": (b"format = = 1", "line 1"),
    "a key twice": (b"format = 1\nformat = 1\n", "line 2"),
    "not UTF-8": (b'title = "\xff\xfe"', "not UTF-8 at offset 9"),
    "null bytes": (b"\x00" * 100, "line 1"),
    "an endless integer": (b"format = " + b"9" * 6000, "not TOML"),
    "deep nesting": (b"format = " + b"[" * 100_000, "nested too deeply"),
    "deep tables": (b"format = " + b"{a=" * 5000, "nested too deeply"),
    "deep dotted keys": (b"a." * 3000 + b"a = 1", "unknown key 'a'"),
    "nothing": (b"", "found nothing"),
    "a huge exponent": (b"format = 1e999", "format: found inf; must be a valid integer"),
    "Windows line ends": (experiments.template().replace("= 2.0 ", "= -2 ").replace("\n", "\r\n").encode(), "found -2"),
    "control characters": (b'"\\u001b[31m" = 1', "unknown key"),
}


@pytest.mark.parametrize("case", RAW_BYTES)
def test_bytes_that_are_no_experiment_are_one_sentence(case: str, tmp_path: Path) -> None:
    data, sentence = RAW_BYTES[case]
    path = tmp_path / "bad.toml"
    path.write_bytes(data)
    assert sentence in refused(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_text(experiments.template(), encoding="utf-8-sig")
    assert experiments.load(path).name == "my-experiment"


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(20_000_001)
    assert "20000001 bytes, more than 20000000" in refused(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "not a regular file" in refused(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    assert "not a regular file" in refused(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.toml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.toml"
    path.touch(mode=0)
    assert "Permission denied" in refused(path)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("xenonnt-sr1", "did you mean 'xenonnt-sr0'?"),
        ("", "not a regular file"),
        ("no such thing", "neither a data set of the package nor a file; known: lz-full, lz-ws2022,"),
        ("a\x00b", "null"),
        ("a" * 5000, "File name too long"),
        ("line\nbreak", "neither"),
        ("\udcff.toml", ""),
        ("template", "neither"),
    ],
)
def test_a_word_that_is_no_data_set_is_one_sentence(word: str, sentence: str) -> None:
    with pytest.raises(BayesnuError) as caught:
        experiments.load(word)
    assert sentence in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_an_unknown_reading_is_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"xenonnt-sr0.toml: \[readings\]: found no reading 'papr'; did you mean"):
        experiments.load("xenonnt-sr0", "papr")


WORDS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([0, -1, 1e308, "", "default", [], {}, [[]], [{}], {"relative": 0.1}, [1, 2, 3, 4]]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in [(*path, key), *places(item, (*path, key))]]


@settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.sampled_from(places(TEMPLATE)), WORDS), min_size=1, max_size=3))
def test_a_mutated_file_is_an_experiment_or_one_sentence(changes: list[tuple[Any, Any]], tmp_path: Path) -> None:
    raw = copy.deepcopy(TEMPLATE)
    for where, value in changes:
        mutate(raw, where, value)
    path = tmp_path / "mutated.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    try:
        experiment = experiments.load(path)
    except BayesnuError as error:
        checked(str(error), path)
    else:
        assert np.all(np.isfinite(experiment.observed)) and experiment.in_region.any()


def mutate(raw: Any, where: tuple[Any, ...], value: Any) -> None:
    """Set what `where` names to a value, or delete it for None; do nothing where an earlier change removed it."""
    *path, last = where
    try:
        for step in path:
            raw = raw[step]
        raw[last]
    except (KeyError, IndexError, TypeError):
        return
    if isinstance(raw, str):
        return
    if value is None:
        del raw[last]
    else:
        raw[last] = copy.deepcopy(value)


@settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, len(experiments.template())), length=st.integers(0, 40), junk=st.binary(max_size=6))
def test_a_damaged_file_is_an_experiment_or_one_sentence(start: int, length: int, junk: bytes, tmp_path: Path) -> None:
    data = experiments.template().encode()
    path = tmp_path / "damaged.toml"
    path.write_bytes(data[:start] + junk + data[start + length :])
    try:
        experiments.load(path)
    except BayesnuError as error:
        checked(str(error), path)
