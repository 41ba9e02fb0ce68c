"""Every answer in JSON says what it is about, and every table names the choices that were changed."""

from __future__ import annotations

from pathlib import Path

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
