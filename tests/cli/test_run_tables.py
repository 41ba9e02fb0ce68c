"""Tables and JSON of a posterior with separate modes: every piece is shown, and no interval looks connected that is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bayesnu import expected_counts, load_experiment, preset
from tests.commands import answer, invoke, refusal, sampled

EDGES = [1, 2, 3, 4, 6, 8, 10, 15, 20, 30]
BACKGROUND = [2000.0, 2000.0, 2000.0, 4000.0, 4000.0, 4000.0, 10000.0, 10000.0, 20000.0]
TEXT = """
format = 1
name = "two-modes"
title = "Two modes"
references = []
incompatible = []
[exposure]
tonne_years = 2000.0
source = "made up"
quality = "assumed"
[bins]
edges_kev = {edges}
observed = {observed}
source = "made up"
quality = "assumed"
[region]
kev = [1, 30]
source = "made up"
quality = "assumed"
[resolution]
sqrt_kev = 0.31
linear = 0.0037
source = "made up"
quality = "assumed"
[efficiency]
energy = "reconstructed"
energies_kev = [0.5, 2, 30]
values = [0.0, 0.8, 0.8]
source = "made up"
quality = "assumed"
[background]
solar_neutrinos = "absent"
source = "made up"
quality = "assumed"
[[background.components]]
name = "flat"
counts = {background}
width = {{ relative = 0.001 }}
source = "made up"
quality = "assumed"
"""
PIECES = r"-4\d\.\d+ … -4\d\.\d+ and -?\d[\d.]* … \d[\d.]*"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A huge exposure with the counts of the Standard Model: <r^2> has a mode at 0 and one near -42."""
    path = tmp_path_factory.mktemp("data") / "two-modes.toml"
    path.write_text(TEXT.format(edges=EDGES, observed=BACKGROUND, background=BACKGROUND))
    counts = expected_counts(load_experiment(path), preset()).expected
    path.write_text(TEXT.format(edges=EDGES, observed=np.round(counts).tolist(), background=BACKGROUND))
    return path


@pytest.fixture(scope="module")
def run(data: Path) -> Path:
    """A short run of it."""
    folder = data.parent / "run"
    short = ("--steps", "40", "--walkers", "64", "--ensembles", "2", "--no-figures", "--quiet")
    invoke("sample", data, "--parameter", "r2_nu", *short, "--output", folder)
    return folder


def joined(text: str) -> str:
    """A table's text in one line, however its cells are broken."""
    return " ".join(text.split())


def test_the_pieces_stand_beside_an_equal_tailed_interval_across_the_gap(run: Path) -> None:
    result = answer("summary", run, "--json")
    tails, densest = (row for row in result["rows"] if row["method"] == "credible")
    assert (tails["kind"], densest["kind"]) == ("eti", "hdi")
    assert len(tails["intervals"]) == 1 and len(densest["intervals"]) == 2
    (first, second) = densest["intervals"]
    assert tails["lower"] < first[1] < second[0] < tails["upper"]
    assert "2 separate modes" in tails["note"] and f"{first[1] / 1e-32:.4g}" in tails["note"]
    assert all(error > 0 for piece in densest["mcse"] for error in piece)


@pytest.mark.parametrize("kind", ["upper", "eti", "hdi"])
def test_the_integrated_interval_is_of_the_kind_of_the_value_beside_it(run: Path, kind: str) -> None:
    result = answer("summary", run, "--kind", kind, "--json")
    for row in result["rows"]:
        if row["method"] == "credible":
            assert row["integrated"]["kind"] == row["kind"]
            there = np.array(row["integrated"]["intervals"], dtype=float)
            here = np.array(row["intervals"], dtype=float)
            np.testing.assert_allclose(here, there, atol=0.3e-32, equal_nan=True)  # few steps
    (parameter,) = result["parameters"].values()
    assert parameter["cross_check"]["kind"] == parameter["kind"] == kind


def test_tables_show_every_piece(run: Path, data: Path) -> None:
    summary = joined(invoke("summary", run, "--kind", "hdi").stdout)
    assert re.search(PIECES, summary) and "2 separate modes" in summary
    page = run / "page.md"
    invoke("report", run, "--markdown", page)
    assert (
        len(re.findall(PIECES.replace("-", r"\\?-"), page.read_text(encoding="utf-8"))) >= 2
    )  # highest density, and profile
    assert re.search(PIECES, joined(invoke("limits", data, "--parameter", "r2_nu").stdout))


def test_an_expected_limit_shows_the_pieces_of_the_observed_interval(data: Path, tmp_path: Path) -> None:
    words = ("expected", data, "--parameter", "r2_nu", "--toys", "100", "--quiet", "--output", tmp_path / "toys")
    assert re.search(rf"the observed interval is {PIECES}; the table holds outermost ends", invoke(*words).stdout)
    assert len(answer(*words, "--json")["observed"]["intervals"]) == 2


def test_derived_quantities_say_what_their_intervals_are(tmp_path: Path) -> None:
    sampled(tmp_path / "run", "--flavour", "all")
    said = joined(invoke("summary", tmp_path / "run", "--no-toys").stdout)
    assert "derived: 90% credible upper limit, prior inherited from the flavour values" in said
    assert "quantity median interval MC error the prior's own" in said


def test_a_profile_row_of_several_flavours_says_that_the_others_are_profiled(run: Path, tmp_path: Path) -> None:
    rows = sampled(tmp_path / "run", "--flavour", "all")["rows"]
    profile = [row["what"] for row in rows if row["method"] == "profile"]
    assert len(profile) == 6 and all(what.startswith("profile likelihood, all others profiled, Δχ² = ") for what in profile)
    said = joined(invoke("summary", tmp_path / "run", "--no-toys").stdout)
    assert said.count("all others profiled, Δχ² = ") >= 6
    alone = [row["what"] for row in answer("summary", run, "--no-toys", "--json")["rows"] if row["method"] == "profile"]
    assert alone and not any("others" in what for what in alone)  # there are none


def test_a_kind_of_no_probability_is_refused(run: Path) -> None:
    assert "probability: found 90; must lie between 0 and 1" in refusal("summary", run, "--probability", "90")


def test_a_comparison_remarks_on_an_interval_across_the_gap(data: Path) -> None:
    found = answer("compare", data, "--parameter", "r2_nu", "--preset", "default", "--format", "json")
    (own,) = (row for row in found["rows"] if row["method"] == "credible")
    assert "2 separate modes: this interval holds also -4" in own["remark"]


def test_an_expected_interval_says_that_its_ends_are_outermost() -> None:
    said = joined(invoke("limits", "xenonnt-sr0", "--parameter", "r2_nu", "--background", "single").stdout)
    assert "expected without a signal, Δχ² = 2.71: medians of the outermost ends of 10000 toys" in said


def test_files_of_another_chain_in_a_folder_bear_its_name(tmp_path: Path) -> None:
    sampled(tmp_path / "run")
    own = tmp_path / "run" / "chain.h5"
    backup = own.with_name("backup.h5")
    backup.write_bytes(own.read_bytes())
    for command, name in (("corner", "corner.png"), ("spectrum", "spectrum.png"), ("report", "report.html")):
        invoke(command, backup)
        assert (tmp_path / "run" / f"backup-{name}").stat().st_size > 5_000
        assert not (tmp_path / "run" / name).exists()
    assert "backup.h5, config.toml, backup-corner.png, backup-spectrum.png" in invoke("summary", backup, "--no-toys").stdout
    invoke("corner", own)
    assert (tmp_path / "run" / "corner.png").is_file()
