"""The table of all data sets: its numbers are those of separate functions, it goes on where it was, and it says why."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from bayesnu.cli import main
from bayesnu.experiments import load
from bayesnu.inference import profile
from bayesnu.inference.interval import Interval, Piece
from bayesnu.inference.marginal import marginal
from bayesnu.inference.toys.result import find_toy_result
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import parameter_of, parameters_of
from bayesnu.studies import headline
from bayesnu.studies.collaborations import PLAIN
from bayesnu.studies.figures.headline import headline_plot
from bayesnu.studies.headline import HeadlineRow, find_headline, find_weaker, make_rows, read_row
from bayesnu.studies.headline_text import LIMITS, limit_cells, list_remarks, to_markdown
from scripts.results import LZ_CUT_KEV, count_between

ONE = (("xenonnt-sr0",),)


@cache
def model_of(parameter: str, flavour: str = "common", names: tuple[str, ...] = ("xenonnt-sr0",)) -> Model:
    analysis = preset("paper")
    return build([load(name, analysis.inputs) for name in names], parameters_of(parameter, flavour), analysis)


@cache
def row_of(parameter: str) -> HeadlineRow:
    return make_rows(model_of(parameter), 0)[0]


def made_up(names: tuple[str, ...], upper: float, best: float) -> HeadlineRow:
    """A row of a moment with this upper limit and best fit, in 1e-11 mu_B."""
    interval = Interval(kind="profile", probability=0.9, pieces=(Piece(None, upper * 1e-11),))
    return HeadlineRow(names, parameter_of("mu_nu"), "zero", interval, best * 1e-11, (), None, ())


@pytest.mark.parametrize("parameter", ["mu_nu", "r2_nu"])
def test_a_row_has_the_numbers_of_the_functions_for_each(parameter: str) -> None:
    model = model_of(parameter)
    row = row_of(parameter)
    scale = row.parameter.scale
    alone = profile.interval(model)
    assert row.profile.upper == pytest.approx((alone.upper or np.nan) * scale, rel=1e-12)
    assert row.best_fit == pytest.approx((alone.best_fit or 0.0) * scale, rel=1e-9)
    exact = marginal(model).interval("eti" if row.parameter.signed else "upper", 0.9)
    assert row.credible[0].interval.upper == pytest.approx((exact.upper or np.nan) * scale, rel=1e-12)
    assert len(row.credible) == (1 if row.parameter.signed else 3)
    toys = find_toy_result(model, 0.9, 0).in_units()
    assert row.toys == toys and row.feldman_cousins == toys.limits[0].feldman_cousins


def test_a_row_is_read_back_as_it_was() -> None:
    row = row_of("mu_nu")
    table = json.loads(json.dumps(row.as_json()))
    assert read_row(table) == row
    assert read_row(table | {"modulus": True}).parameter == parameter_of("mu_nu").without_interference()
    with pytest.raises(ValueError, match="not what a run stores"):
        read_row(table | {"others": None})


def test_each_flavour_has_the_others_profiled() -> None:
    model = model_of("mu_nu", "all")
    rows = make_rows(model, 0)
    assert [row.parameter.flavour for row in rows] == ["e", "mu", "tau"]
    for k, row in enumerate(rows):
        found = profile.interval(model, k, others="profiled")
        assert row.others == "profiled" and row.best_fit is None
        assert row.profile.upper == pytest.approx((found.upper or np.nan) * 1e-11, rel=1e-9)


def test_a_table_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(said: list[str]) -> list[HeadlineRow]:
        return find_headline(tmp_path, False, said.append, preset="paper", combinations=ONE, parameters=["mu_nu"])

    told: list[str] = []
    rows = search(told)
    assert [row.parameter.flavour for row in rows] == ["common", "e", "mu", "tau"]
    assert told[-1].startswith("2 of 2: ")
    assert replace(rows[0], notes=()) == replace(row_of("mu_nu"), notes=())
    monkeypatch.setattr(headline, "make_rows", lambda model, seed: pytest.fail("what is stored is not made again"))
    assert search([]) == rows


def test_where_all_together_are_weaker_the_best_fits_say_why() -> None:
    first = made_up(("a",), 0.7, 0.0)
    second = made_up(("b",), 1.4, 0.9)
    strong = made_up(("a", "b"), 0.6, 0.0)
    weak = made_up(("a", "b"), 0.8, 0.3)
    assert find_weaker([first, second, strong]) == []
    (found,) = find_weaker([first, second, weak])
    assert (found.best, found.together) == (first, weak)
    assert found.sentence == "mu_nu, profile: all together < 0.8 is weaker than a < 0.7"
    assert found.reason == "best fits of a common value are 0 (a), 0.9 (b), 0.3 (all together)"
    remarks = list_remarks([first, second, weak])
    assert remarks[:2] == ["all together: a + b", f"{found.sentence}; {found.reason}"]


def test_rows_of_different_parameters_are_not_compared() -> None:
    flavour = replace(made_up(("a",), 0.1, 0.0), parameter=parameter_of("mu_nu_e"), others="profiled")
    assert find_weaker([flavour, made_up(("a", "b"), 0.8, 0.3)]) == []


def test_the_page_names_kind_prior_and_errors_and_the_treatment_of_the_atom() -> None:
    page = to_markdown([row_of("mu_nu")], "default")
    for prior in ("flat", "flat in the square", "log-uniform"):
        assert page.count(f"upper, {prior}: < ") == 1
    cells = dict(zip(LIMITS, limit_cells(row_of("mu_nu")), strict=True))
    assert cells["Feldman-Cousins"].startswith("< ") and " ± " in cells["Feldman-Cousins"]
    assert "goodness of fit" in page and "| xenonnt-sr0 | χ² = " in page
    charge = made_up(("a",), 0.7, 0.0)
    charge = replace(charge, parameter=parameter_of("q_nu"))
    assert "charge" in to_markdown([charge], "default").splitlines()[0]


def test_a_chain_that_has_not_converged_says_so() -> None:
    row = row_of("mu_nu")
    credible = row.credible[0]
    status = "NOT CONVERGED: too short"
    unfinished = replace(row, credible=(replace(credible, interval=replace(credible.interval, status=status)),))
    assert "NOT CONVERGED" in limit_cells(unfinished)[5]
    assert any(status in remark for remark in list_remarks([unfinished]))


def test_the_figure_has_every_limit_at_its_number(tmp_path: Path) -> None:
    rows = [made_up(("xenonnt-sr0",), 0.7, 0.0), made_up(("xenonnt-sr0", "lz-ws2024"), 0.8, 0.3)]
    figure = headline_plot(rows, tmp_path / "limits.png")
    (axes,) = figure.axes
    drawn = [float(np.asarray(line.get_xdata())[0]) for line in axes.lines if line.get_marker() == "s"]
    assert drawn == pytest.approx([0.7, 0.8])
    assert [tick.get_text() for tick in axes.get_yticklabels()][1:] == ["XENONnT SR0", "2 data sets together"]


def test_the_command_prints_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(folder: Path, chains: bool, report: Any, processes: int, preset: str) -> list[HeadlineRow]:
        assert (folder, chains) == (Path(f"chains/headline-{preset}"), False)
        return [row_of("mu_nu")]

    monkeypatch.setattr(headline, "find_headline", find)
    printed = CliRunner().invoke(main.main, ["reproduce", "--beyond", "--quick", "--quiet"])
    assert printed.exit_code == 0 and "mu_nu [1e-11 mu_B], 90 %" in printed.stdout
    found = CliRunner().invoke(main.main, ["reproduce", "--beyond", "--quick", "--quiet", "--json"])
    (table,) = json.loads(found.stdout)
    assert read_row(table) == row_of("mu_nu") and table["preset"] == "default"
    other = CliRunner().invoke(main.main, ["reproduce", "--beyond", "--quick", "--quiet", "--json", "--preset", "complete"])
    assert json.loads(other.stdout)[0]["preset"] == "complete"
    refused = CliRunner().invoke(main.main, ["reproduce", "--preset", "paper"])
    assert refused.exit_code == 2 and "add --beyond" in refused.stderr


def test_all_data_sets_together_share_the_sun_and_lz_its_efficiency() -> None:
    model = model_of("mu_nu", names=headline.TOGETHER)
    assert len(model.blocks) == len(headline.TOGETHER)
    assert sum(name.startswith("flux_pp") for name in model.names) == 1
    analysis = preset("default", **PLAIN | {"efficiency_width": 0.05})
    names = build(headline.TOGETHER, ["mu_nu"], analysis).names
    assert [name for name in names if name.startswith("efficiency")] == [
        "efficiency[xenonnt-sr0]",
        "efficiency[xenon1t-sr1]",
        "efficiency[PandaX-4T efficiency]",
        "efficiency[LZ efficiency]",
    ]


@pytest.mark.slow
def test_processes_change_no_bit_of_the_table(tmp_path: Path) -> None:
    combinations = (("pandax4t-run1",), ("xenonnt-sr0",))
    alone, shared = (
        find_headline(
            tmp_path / str(processes),
            False,
            processes=processes,
            preset="paper",
            combinations=combinations,
            parameters=["mu_nu"],
        )
        for processes in (1, 2)
    )
    assert shared == alone
    assert [row.experiments[0] for row in alone[:2]] == ["pandax4t-run1", "xenonnt-sr0"]


def test_neutrinos_of_lz_are_those_published_within_the_treatments_of_the_atom() -> None:
    ranges: dict[str, tuple[tuple[float, float], float, float]] = {  # arXiv:2511.17350 and arXiv:2207.03764 (second hand)
        "lz-ws2024": ((1.0, 20.0), 151.0, 9.0),
        "lz-ws2022": (LZ_CUT_KEV, 27.2, 1.6),
    }
    for name, (kev, published, error) in ranges.items():
        stepped = count_between(name, kev, electrons="stepped")
        many_body = count_between(name, kev, electrons="rrpa")
        assert many_body - 2 * error < published < stepped + 2 * error
