"""Every result of the paper and its Bayesian half: rows, reasons, the walk between the presets."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from bayesnu.cli import main
from bayesnu.experiments import load
from bayesnu.inference import profile
from bayesnu.inference.interval import Interval, Piece
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.physics.properties import PROPERTIES
from bayesnu.studies import paper, variations

KEYS = {
    *("experiment", "parameter", "flavour", "preset", "method", "prior", "lower", "upper", "unit", "mcse"),
    *("paper_lower", "paper_upper", "difference_percent"),
}


def common(name: str, parameter: str, chosen: str) -> list[paper.PaperRow]:
    analysis = preset(chosen)
    return paper.single(build([load(name, analysis.inputs)], [parameter], analysis), chosen)


def test_a_row_has_the_keys_that_were_promised() -> None:
    for row in common("xenonnt-sr0", "mu_nu", "paper"):
        assert row.as_json().keys() >= KEYS


def test_the_moment_has_one_profile_limit_and_a_credible_limit_per_prior() -> None:
    rows = common("xenonnt-sr0", "mu_nu", "default")
    assert [row.method for row in rows] == ["profile", "credible", "credible", "credible"]
    flat, square, log = (row.interval.upper for row in rows[1:])
    assert log is not None and flat is not None and square is not None
    assert log < flat < square  # more prior weight at zero, a lower limit


def test_a_large_difference_from_the_paper_comes_with_the_effect_of_each_single_choice() -> None:
    row = common("pandax4t-run1", "mu_nu", "default")[0]
    upper = row.interval.upper
    assert row.difference_percent is not None and upper is not None
    assert abs(row.difference_percent) > paper.EXPLAINED_FROM
    changed = {change.choice: change.interval.upper or 0.0 for change in row.reasons}
    assert changed["background"] < 0.7 * upper  # the paper's tight background is what makes its limit
    assert changed["sin2_theta13"] == pytest.approx(upper, rel=1e-3)


@pytest.mark.parametrize("parameter", PROPERTIES)
def test_the_walk_begins_at_the_paper_s_conventions_and_ends_at_the_default(parameter: str) -> None:
    steps = variations.walk(("xenonnt-sr0",), parameter)
    scale = PROPERTIES[parameter].scale
    for chosen, step in (("paper", steps[0]), ("default", steps[-1])):
        analysis = preset(chosen)
        found = profile.interval(build([load("xenonnt-sr0", analysis.inputs)], [parameter], analysis))
        assert found.upper is not None and step.interval.upper == pytest.approx(found.upper * scale, rel=1e-9)


def test_free_normalisations_give_the_longest_interval_of_the_variants() -> None:
    rows = {row.label: row.interval.upper or 0.0 for row in variations.variants(("xenonnt-sr0",), "mu_nu")}
    assert max(rows, key=lambda name: rows[name]) == "all background normalisations free"


def test_correlated_runs_are_a_variant_only_where_both_are_combined() -> None:
    alone = [row.label for row in variations.variants(("pandax4t-run1",), "r2_nu")]
    assert not any("uncorrelated" in label for label in alone)


def test_a_row_says_what_is_to_be_known_of_its_data() -> None:
    rows = common("pandax4t-run0", "mu_nu", "paper")
    assert len(rows) == 4
    assert all("10 bins hold a model's values" in " ".join(row.as_json()["notes"]) for row in rows)


def test_a_row_in_json_has_every_piece_of_its_interval() -> None:
    row = common("xenonnt-sr0", "r2_nu", "default")[1]
    two = Interval(kind="hdi", probability=0.9, pieces=(Piece(1.0, 2.0), Piece(3.0, 4.0)), errors=(Piece(0.1, 0.2),) * 2)
    table = replace(row, interval=two).as_json()
    assert (table["kind"], table["probability"]) == ("hdi", 0.9)
    assert table["intervals"] == [[1.0, 2.0], [3.0, 4.0]]
    assert table["mcse"] == [[0.1, 0.2], [0.1, 0.2]]


@pytest.mark.slow
def test_the_quick_reproduction_prints_one_list_of_finite_rows() -> None:
    result = CliRunner().invoke(main.main, ["reproduce", "--quick", "--quiet", "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert len(rows) == 5 * 2 * (4 + 2 + 2)
    assert all(row["upper"] is not None and np.isfinite(row["upper"]) for row in rows)


@pytest.mark.slow
def test_processes_change_no_bit_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "PAPER_DATA_SETS", (("pandax4t-run1",), ("xenonnt-sr0",)))
    told: list[str] = []
    alone = list(paper.reproduce(None))
    shared = list(paper.reproduce(None, told.append, processes=2))
    assert shared == alone
    assert [row.experiments[0] for row in shared] == 16 * ["pandax4t-run1"] + 16 * ["xenonnt-sr0"]
    assert len(told) == 12 and told[-1].startswith("12 of 12: ")
