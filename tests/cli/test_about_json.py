"""Every answer in JSON says what it is about, and every table names the choices that were changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayesnu.support.versions import __version__
from tests.commands import answer, invoke, sampled

CHANGED = ("--electrons", "free", "--background", "single")
SAID = "preset default with electrons = free, background = single"
LIMITS = ("limits", "xenonnt-sr0", "--parameter", "mu_nu", "--no-toys")
TOYS = ("--toys", "100", "--quiet")
ANSWERS = {
    "limits": LIMITS,
    "counts": ("counts", "xenonnt-sr0"),
    "explain": ("explain", "xenonnt-sr0", "--bin", "2-3keV"),
    "curve": ("curve", "xenonnt-sr0", "--parameter", "mu_nu"),
    "contours": ("contours", "xenonnt-sr0", "--parameters", "mu_nu,q_nu"),
    "check": ("check", "xenonnt-sr0"),
    "sample": ("sample", "xenonnt-sr0", "--parameter", "mu_nu", "--dry-run"),
}
CAMPAIGNS = {
    "expected": ("expected", "xenonnt-sr0", "--parameter", "mu_nu", *TOYS),
    "feldman-cousins": ("feldman-cousins", "xenonnt-sr0", "--parameter", "mu_nu", "--points", "5", *TOYS),
    "coverage": ("coverage", "xenonnt-sr0", "--parameter", "mu_nu", "--points", "3", *TOYS),
}
HEAD = {
    "experiments": ["xenonnt-sr0"],
    "preset": "default",
    "choices": {"electrons": "free", "background": "single"},
    "version": __version__,
}


@pytest.mark.parametrize("command", ANSWERS)
def test_an_answer_says_what_it_is_about(command: str) -> None:
    found = answer(*ANSWERS[command], *CHANGED, "--json")
    assert {key: found[key] for key in HEAD} == HEAD


@pytest.mark.parametrize("command", CAMPAIGNS)
def test_an_answer_of_a_campaign_says_what_it_is_about(command: str, tmp_path: Path) -> None:
    found = answer(*CAMPAIGNS[command], *CHANGED, "--json", "--output", tmp_path / "toys")
    assert {key: found[key] for key in HEAD} == HEAD


@pytest.mark.parametrize("name", ["profile", "credible"])
def test_an_interval_of_a_curve_says_all_of_itself(name: str) -> None:
    found = answer(*ANSWERS["curve"], "--json")
    each = found["profile"][0] if name == "profile" else found["credible"]
    ((low, high),) = each["intervals"]
    assert each["probability"] == 0.9
    assert each["kind"] == {"profile": "profile", "credible": "upper"}[name]
    assert each["prior"] == {"profile": None, "credible": "flat on [0, 10] 1e-11 mu_B"}[name]
    assert (low, high) == (each["lower"], each["upper"])
    assert each["unit"] == "mu_B" and each["status"]
    if name == "credible":
        density, values = np.array(found["posterior_density"]), np.array(found["values"])
        inside = values <= high
        share = np.trapezoid(density[inside], values[inside]) / np.trapezoid(density, values)
        assert share == pytest.approx(0.9, abs=0.01)
        assert each["mcse"][0][1] < 0.01 * high


def test_a_contour_says_its_probability_kind_and_priors() -> None:
    found = answer(*ANSWERS["contours"], "--json")
    assert found["priors"] == ["flat on [0, 10] 1e-11 mu_B", "flat on [-4, 4] 1e-12 e"]
    assert {each["kind"] for each in found["profile_levels"]} == {"profile"}
    assert {each["kind"] for each in found["posterior_levels"]} == {"hdi"}


def test_the_list_of_data_sets_names_the_version() -> None:
    assert {each["version"] for each in answer("experiments", "--json")} == {__version__}


def test_a_rate_is_of_no_data_set() -> None:
    found = answer("rate", "--energy-kev", "2", *CHANGED, "--json")
    assert {key: found[key] for key in HEAD} == HEAD | {"experiments": []}


def test_every_limit_of_several_parameters_says_what_it_is_about() -> None:
    for found in answer("limits", "xenonnt-sr0", "--parameter", "r2_nu", "--flavour", "all", "--no-toys", "--json"):
        assert {key: found[key] for key in HEAD} == HEAD | {"choices": {}}


def test_a_summary_says_what_it_is_about(tmp_path: Path) -> None:
    sampled(tmp_path / "run")
    found = answer("summary", tmp_path / "run", "--no-toys", "--json")
    here = {"experiments": ["pandax4t-run1"], "choices": {"background": "single"}}
    assert {key: found[key] for key in HEAD} == HEAD | here


@pytest.mark.parametrize("words", [LIMITS, ANSWERS["counts"], ANSWERS["explain"], ("rate", "--energy-kev", "2")])
def test_a_table_names_the_choices_that_were_changed(words: tuple[str, ...]) -> None:
    changed = " ".join(invoke(*words, *CHANGED).stdout.split())
    plain = " ".join(invoke(*words).stdout.split())
    assert SAID in changed
    assert "preset default" in plain and "preset default with" not in plain
