"""Poor fits, contradicting data and what is to be known of a file are said beside all that is read off a fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayesnu import expected_counts, load_experiment, preset
from tests.cli.test_run_tables import BACKGROUND, EDGES, TEXT
from tests.commands import SMALL, answer, invoke

NOTE = "the file states no number of solar neutrinos"
PULLS = np.resize([4.0, -4.0], len(BACKGROUND))  # standard deviations of the counts: no smooth recoil spectrum follows them
MOMENT = ("--parameter", "mu_nu")
FEW = (*MOMENT, "--toys", "100", "--quiet")


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Counts that jump from bin to bin by eight standard deviations, around those of the Standard Model."""
    path = tmp_path_factory.mktemp("poor") / "two-modes.toml"
    counts = count_expected(path)
    observed = np.round(counts + PULLS * np.sqrt(counts)).tolist()
    path.write_text(TEXT.format(edges=EDGES, observed=observed, background=BACKGROUND))
    return path


def count_expected(path: Path) -> np.ndarray:
    """Write the data set with counts that are none, and return those of the Standard Model."""
    path.write_text(TEXT.format(edges=EDGES, observed=BACKGROUND, background=BACKGROUND))
    return expected_counts(load_experiment(path), preset()).expected


def commands(place: Path) -> dict[str, tuple[str | Path, ...]]:
    """Commands that read something off the fit of one parameter, without the data set."""
    return {
        "curve": (*MOMENT, "--output", place / "curve.png"),
        "contours": ("--parameters", "mu_nu,q_nu", "--output", place / "contours.png"),
        "expected": (*FEW, "--output", place / "expected"),
        "feldman-cousins": (*FEW, "--points", "5", "--output", place / "belt"),
        "limits": MOMENT,
    }


@pytest.mark.parametrize("command", commands(Path()))
def test_every_command_says_that_a_fit_is_poor(command: str, poor: Path, tmp_path: Path) -> None:
    said = invoke(command, poor, *commands(tmp_path)[command]).stdout
    assert "POOR FIT: χ² = " in said and NOTE in said


@pytest.mark.parametrize("command", ["curve", "contours"])
def test_the_answer_of_a_figure_has_the_goodness_of_its_fit(command: str, poor: Path, tmp_path: Path) -> None:
    found = answer(command, poor, *commands(tmp_path)[command], "--json")
    goodness = found["fit"]["goodness"]
    assert goodness["bins"] == 9
    assert 0.8 * np.sum(PULLS**2) < goodness["chi2"] < 1.02 * np.sum(PULLS**2)  # a smooth spectrum follows few of the jumps
    assert goodness["p_value"] < 0.001
    assert any("POOR FIT" in each for each in found["fit"]["remarks"])
    assert any(NOTE in each for each in found["notes"])


def test_the_rows_of_a_comparison_say_that_a_fit_is_poor(poor: Path) -> None:
    rows = answer("compare", poor, *MOMENT, "--preset", "default", "--format", "json")["rows"]
    own = [row["remark"] for row in rows if row["method"] != "published"]
    assert len(own) == 3 and all("POOR FIT: χ² = " in each and NOTE in each for each in own)


def test_a_good_fit_is_told_without_an_alarm(tmp_path: Path) -> None:
    found = answer("curve", "xenonnt-sr0", *MOMENT, "--json")
    assert not any("edge" in each for each in found["notes"])
    assert found["fit"]["remarks"] == [] and 0.01 < found["fit"]["goodness"]["p_value"] < 0.99
    of_limits = answer("limits", "xenonnt-sr0", *MOMENT, "--json")["toys"]["goodness"]
    assert found["fit"]["goodness"] == of_limits
    assert "POOR FIT" not in invoke("curve", "xenonnt-sr0", *MOMENT, "--output", tmp_path / "a.png").stdout


def test_what_is_to_be_known_of_a_file_is_said_where_its_likelihood_is_written(poor: Path, tmp_path: Path) -> None:
    words = ("workspace", poor, *MOMENT, "--normalisations", "free")
    beside = invoke(*words)
    assert NOTE in beside.stderr and NOTE not in beside.stdout
    assert NOTE in invoke(*words, "--output", tmp_path / "workspace.json").stdout
    assert NOTE in invoke("signals", poor, "--output", tmp_path / "signals.png").stdout


def test_what_is_to_be_known_of_a_chain_is_said_where_it_is_drawn(poor: Path, tmp_path: Path) -> None:
    invoke("sample", poor, *MOMENT, *SMALL, "--steps", "12", "--output", tmp_path / "run")
    for figure in ("corner", "spectrum"):
        assert NOTE in invoke(figure, tmp_path / "run").stdout


def test_a_curve_says_where_a_posterior_ends_at_the_edge_of_its_prior() -> None:
    """Nothing holds the radius of tau neutrinos where every background is free."""
    words = (
        "pandax4t-run1",
        "--parameter",
        "r2_nu",
        "--flavour",
        "tau",
        "--normalisations",
        "free",
        "--background",
        "single",
    )
    found = answer("curve", *words, "--json")
    notes = [each for each in found["notes"] if "ends at the edge of its prior" in each]
    assert ["-250 in 1e-32 cm2" in each for each in notes] == [True, False]
    density = found["posterior_density"]
    for note, value in zip(notes, (-2.5e-30, 2.5e-30), strict=True):
        share = 100 * np.interp(value, found["values"], density) / max(density)
        assert f"with {share:.0f} % of its largest density" in note
