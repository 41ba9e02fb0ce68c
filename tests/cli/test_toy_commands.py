"""`feldman-cousins`, `expected` and `coverage` as commands: their JSON, tables, figures and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import answer, invoke, refusal

MOMENT = ("xenonnt-sr0", "--parameter", "mu_nu", "--background", "single")
FEW = (*MOMENT, "--toys", "200", "--quiet")


def test_a_belt_is_computed_once_for_every_confidence_level(tmp_path: Path) -> None:
    words = ("feldman-cousins", *FEW, "--points", "7", "--output", tmp_path / "belt")
    ninety = answer(*words, "--figure", tmp_path / "belt.png", "--json")
    ((low, high),) = ninety["intervals"]
    assert low == {"value": 0.0, "mc_error": 0.0} and 5e-12 < high["value"] < 9e-12 and high["mc_error"] > 0
    assert ninety["unit"] == "mu_B" and ninety["toys"] == 1400 and ninety["failed"] == 0
    assert len(ninety["values"]) == len(ninety["critical"]) == len(ninety["p_value"]) == 7
    assert (tmp_path / "belt.png").stat().st_size > 10_000
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "belt").rglob("*.npz")}
    less = answer(*words, "--cl", "0.68", "--json")
    assert less["intervals"][0][1]["value"] < high["value"] and len(files) == 7
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "belt").rglob("*.npz")} == files
    said = invoke(*words).stdout
    assert "90% Feldman-Cousins" in said and "Δχ² = 2.71 gives 0 … 0.7" in said and "p-value" in said


def test_expected_limits_stand_beside_the_observed_one(tmp_path: Path) -> None:
    words = ("expected", *FEW, "--output", tmp_path / "toys")
    found = answer(*words, "--json")
    two, one = found["limits"]
    assert two["delta_chi2"] == pytest.approx(2.706, abs=1e-3) and one["delta_chi2"] == pytest.approx(1.642, abs=1e-3)
    assert two["bands"]["-1 sigma"][0] < two["bands"]["median"][0] < two["bands"]["+1 sigma"][0] < 2e-11
    assert [fit["model"] for fit in found["fits"]] == ["Standard Model", "mu_nu free"]
    said = invoke(*words).stdout
    assert "200 toys of the" in said and "goodness of fit" in said and "median" in said


def test_coverage_names_every_interval(tmp_path: Path) -> None:
    words = ("coverage", *FEW, "--points", "2", "--output", tmp_path / "toys")
    found = answer(*words, "--figure", tmp_path / "coverage.pdf", "--json")
    names = [each["interval"] for each in found["intervals"]]
    assert len(names) == 3 + 3 * 3 and all(0 <= share <= 1 for each in found["intervals"] for share in each["coverage"])
    assert all(len(each["coverage"]) == 2 and each["toys"] == 200 for each in found["intervals"])
    assert "nuisances nominal" in invoke(*words).stdout and (tmp_path / "coverage.pdf").is_file()
    moved = invoke("coverage", *FEW, "--points", "2", "--nuisance-shift", "1", "--output", tmp_path / "moved").stdout
    assert "nuisances +1 widths off" in moved


def test_every_flavour_has_a_belt_limits_and_coverage_of_its_own(tmp_path: Path) -> None:
    names = ["mu_nu_e", "mu_nu_mu", "mu_nu_tau"]
    few = (*MOMENT, "--flavour", "all", "--toys", "100", "--quiet")
    belt = ("feldman-cousins", *few, "--points", "7", "--output", tmp_path / "belt", "--figure", tmp_path / "belt.png")
    belts = answer(*belt, "--json")
    assert [each["parameter"] for each in belts] == names
    for each in belts:
        assert 0 < each["intervals"][0][1]["value"] < 1.5 * each["wilks"][0][1]
        assert (tmp_path / f"belt-{each['parameter']}.png").is_file() and (tmp_path / "belt" / each["parameter"]).is_dir()
    said = invoke(*belt).stdout
    assert all(f"{name} [1e-11 mu_B], 90% Feldman-Cousins" in said for name in names)
    limits = answer("expected", *few, "--output", tmp_path / "expected", "--json")
    assert [each["observed"]["others"] for each in limits] == ["profiled"] * 3
    medians = [each["limits"][0]["bands"]["median"][0] for each in limits]
    assert medians[0] < medians[2] < medians[1]  # electron neutrinos are the most
    covered = answer("coverage", *few, "--points", "2", "--output", tmp_path / "coverage", "--json")
    kinds = [[row["interval"] for row in each["intervals"]] for each in covered]
    assert kinds == [["profile, Δχ² = 2.71", "profile, Δχ² = 1.64, upper limit", "Feldman-Cousins"]] * 3


def test_results_go_to_a_folder_that_names_the_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke("expected", *FEW)
    (folder,) = (tmp_path / "chains").iterdir()
    assert folder.name.startswith("expected_xenonnt-sr0_mu_nu_flat_default_")
    invoke("expected", *FEW, "--seed", "2")
    assert len(list((tmp_path / "chains").iterdir())) == 2


def test_mistakes_are_sentences(tmp_path: Path) -> None:
    out = ("--output", tmp_path / "x")
    assert "--parameter: none given" in refusal("expected", "xenonnt-sr0", *out)
    assert "toys: found 5; must lie in" in refusal("expected", *MOMENT, "--toys", "5", *out)
    assert "points: found 3" in refusal("feldman-cousins", *FEW, "--points", "3", *out)
    for command in ("expected", "coverage", "feldman-cousins"):
        assert "cl: found 1.5" in refusal(command, *FEW, "--cl", "1.5", *out)
    assert "nuisance shift: found 9" in refusal("coverage", *FEW, "--nuisance-shift", "9", *out)
    assert "--workers: found 0" in refusal("expected", *FEW, "--workers", "0", *out)
    for command in ("coverage", "feldman-cousins", "calibrate"):  # before anything is computed
        words = (command, *MOMENT, "--quiet", *out, "--figure")
        assert "cannot be written as '.svg'; use .png or .pdf" in refusal(*words, tmp_path / "a.svg")
        assert f"there is no folder {tmp_path / 'y'}" in refusal(*words, tmp_path / "y" / "a.png")
    assert not (tmp_path / "x").exists()
    invoke("expected", *FEW, *out)
    assert "another campaign is there: settings.seed" in refusal("expected", *FEW, "--seed", "2", *out)
