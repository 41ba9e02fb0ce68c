"""Own limits beside published ones: conventions, labels, formats and the figure."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import fields, replace
from importlib import resources
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

from bayesnu import experiments as data
from bayesnu.cli.main import main
from bayesnu.experiments import load, published
from bayesnu.experiments.published import PAPER_DATA_SETS, UNCHECKED, published_for, published_limits
from bayesnu.inference.interval import Interval, Piece
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profile import interval
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.physics.properties import PROPERTIES
from bayesnu.runs.run import resolve
from bayesnu.runs.sampling import sample
from bayesnu.studies import compare, comparison_text
from bayesnu.studies.compare import KINDS, OWN, Row
from bayesnu.studies.figures.comparison import comparison_plot
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import tex

# The flavour-common intervals of arXiv:2510.12449, in units of each property's scale.
PAPER: dict[str, dict[str, tuple[float | None, float]]] = {
    "pandax4t-run0": {"mu_nu": (None, 2.41), "q_nu": (-0.88, 1.06), "r2_nu": (-75.44, 33.92)},
    "pandax4t-run1": {"mu_nu": (None, 1.37), "q_nu": (-0.36, 0.47), "r2_nu": (-70.01, 28.52)},
    "xenonnt-sr0": {"mu_nu": (None, 0.72), "q_nu": (-0.16, 0.37), "r2_nu": (-54.36, 12.90)},
}


def from_csv(text: str) -> list[Row]:
    """Rows from what `to_csv` wrote."""
    rows = []
    for record in csv.DictReader(io.StringIO(text)):
        pieces, errors = (tuple(Piece(*ends) for ends in json.loads(record[name])) for name in ("pieces", "errors"))
        probability = float(record["cl_percent"]) / 100 if record["cl_percent"] else None
        values: dict[str, Any] = {field.name: record[field.name] for field in fields(Row)}
        values["interval"] = Interval(kind=record["interval"], probability=probability, pieces=pieces, errors=errors)
        values["drawn"] = record["drawn"] == "True"
        rows.append(Row(**values))
    return rows


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Everything, with own limits of one data set and preset."""
    return compare.compare(names=["xenonnt-sr0"], presets=["paper"])


def table() -> list[dict[str, str]]:
    with resources.files("bayesnu.experiments").joinpath("published_limits.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("parameter", PROPERTIES)
def test_the_paper_is_quoted_as_it_is(name: str, parameter: str) -> None:
    (found,) = (p for p in published_for((name,), parameter, "common") if "Demirci" in p.experiment)
    scale = PROPERTIES[parameter].scale
    for end, expected in zip((found.lower, found.upper), PAPER[name][parameter], strict=True):
        assert end is None if expected is None else end == pytest.approx(expected * scale)
    assert found.cl_percent == 90
    assert found.reference == "arXiv:2510.12449"


def test_the_collaborations_are_quoted_as_they_are() -> None:
    runs = ("pandax4t-run0", "pandax4t-run1")
    assert [p.upper for p in published_for(runs, "mu_nu", "common")] == [2.3e-11]
    assert 6.4e-12 in [p.upper for p in published_for(("xenonnt-sr0",), "mu_nu", "common")]


def test_the_table_itself_says_which_neutrinos_and_which_data_set_a_limit_is_of() -> None:
    of = {(limit.experiment, limit.kind) for limit in published_limits()}
    assert {("GEMMA", "reactor"), ("LSND", "accelerator"), ("Borexino (Canas 2016)", "solar")} <= of
    assert {("SN1987A (Kuznetsov 2009)", "astrophysics"), ("Standard Model prediction", "theory")} <= of
    known = {*data.names()}
    assert all({*limit.data_set.split("+")} <= known for limit in published_limits() if limit.data_set)
    assert published_for(("my-experiment",), "mu_nu", "common") == ()
    row = table()[0] | {"kind": "lunar"}
    with pytest.raises(BayesnuError, match=r"^published_limits\.csv: found the kind 'lunar' of [^\n]+ reactor, [^\n]+$"):
        published._read_limit(row)


def test_the_factor_between_conventions_is_applied_once() -> None:
    read = {(limit.experiment, limit.flavour): limit for limit in published_limits() if limit.parameter == "r2_nu"}
    factors = set()
    for row in (row for row in table() if row["observable"] == "r2_nu"):
        limit = read[row["experiment"], row["flavour"]]
        factor = float(row["cr_scale"]) if limit.checked else 1.0
        factors.add(factor)
        assert limit.upper == (pytest.approx(factor * float(row["upper"]) * 1e-32) if row["upper"] else None)
        assert ("twice" in limit.remark) == (factor == 2)
    assert factors == {1.0, 2.0}
    assert (read["TEXONO CsI", "e"].lower, read["TEXONO CsI", "e"].upper) == (-4.2e-32, 6.6e-32)
    assert (read["LSND", "e"].lower, read["LSND", "e"].upper) == (-5.94e-32, 8.28e-32)
    assert (read["CHARM-II", "mu"].lower, read["CHARM-II", "mu"].upper) == (-1.2e-32, 1.2e-32)


def test_rows_of_unchecked_convention_are_in_the_table_and_not_on_the_figure(rows: list[Row], tmp_path: Path) -> None:
    radii = [row for row in rows if row.parameter == "r2_nu"]
    unchecked = [row for row in radii if row.remark.startswith(UNCHECKED)]
    assert {row.name for row in unchecked} >= {"Krasnoyarsk", "CCFR (Hirsch 2003)", "combined nu_e e (Barranco 2008)"}
    assert not any(row.drawn for row in unchecked)
    assert all(row.drawn == (row.value() != "not obtained") for row in radii if row not in unchecked)
    figure = comparison_plot(radii, tmp_path / "radii.png")
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    assert not any(row.name in said for row in unchecked)
    assert "TEXONO CsI" in said


def test_every_published_row_is_there_and_of_a_kind(rows: list[Row]) -> None:
    wanted = [limit for limit in published_limits() if limit.parameter in PROPERTIES]
    published = [row for row in rows if row.kind != OWN]
    assert len(published) == len(wanted)
    assert {row.kind for row in rows} == set(KINDS)
    for parameter in PROPERTIES:
        kinds = [row.kind for row in rows if row.parameter == parameter]
        assert kinds == sorted(kinds, key=list(KINDS).index)
    names = " ".join(row.name for row in published)
    for name in ("LZ", "XMASS-I", "Borexino", "TEXONO", "GEMMA", "CONUS ", "CONUS+", "COHERENT", "Dresden-II"):
        assert name in names
    for name in ("CHARM-II", "LSND", "DONUT", "TRGB", "SN1987A"):
        assert name in names


def test_every_row_is_labelled(rows: list[Row]) -> None:
    for row in rows:
        cells = dict(zip(comparison_text.COLUMNS, comparison_text.cells(row), strict=True))
        assert cells["kind"] in ("credible", "profile", "published")
        assert cells["unit"].endswith(PROPERTIES[row.parameter].unit)
        assert cells["reference"]
        assert re.search(r"\d", cells["value"]) or cells["value"] == "not obtained"
        assert cells["CL [%]"] or "no confidence level" in row.remark or "not obtained" in row.remark
        assert cells["bound electrons"] or row.kind not in (OWN, "solar", "reactor")
        assert row.method != "credible" or "prior flat on [" in row.remark


def test_own_limits_are_those_of_profile_and_integration(rows: list[Row]) -> None:
    analysis = preset("paper")
    for parameter, item in PROPERTIES.items():
        model = build([load("xenonnt-sr0", "paper")], [parameter], analysis)
        credible, profile, *one_sided = [row for row in rows if row.kind == OWN and row.parameter == parameter]
        assert credible.interval.upper == pytest.approx(marginal(model).quantile(0.95 if item.signed else 0.9) * item.scale)
        limit = interval(model).upper
        assert limit is not None and profile.interval.upper == pytest.approx(limit * item.scale)
        assert (profile.interval.lower is None) == (not item.signed)
        assert interval(model).status in profile.remark
        assert [row.drawn for row in one_sided] == [False] * (not item.signed)
        assert credible.what == "XENONnT SR0, preset paper"
        assert ("beyond the Standard Model" in credible.remark) == (parameter == "r2_nu")


def test_every_row_says_how_bound_electrons_were_treated() -> None:
    said = {row.name: row.electrons for row in compare.published_rows("q_nu")}
    assert said["XENONnT SR0 (Demirci 2025)"] == "stepped"
    assert said["LZ WS2022 (Atzori Corona 2023) EPA"] == "equivalent photons"
    assert said["TEXONO Ge MCRRPA (Chen 2014)"] == "many-body"
    assert said["LZ WS2022"] == said["CONUS"] == "not checked"
    assert said["SN1987A (Barbiellini 1987)"] == ""
    for millicharge, words in {"epa": "equivalent photons", "matched": "equivalent photons below 14 keV"}.items():
        analysis = preset("default", millicharge=millicharge)
        assert compare._describe_electrons("q_nu", analysis) == words
        assert compare._describe_electrons("r2_nu", analysis) == "stepped"
    assert compare._describe_electrons("q_nu", preset("default", electrons="free", millicharge="electrons")) == "free"


@pytest.mark.parametrize("reference", ["2208.02144", "2208.06415", "2309.17380", "2511.17350"])
def test_an_article_that_could_not_be_read_has_no_numbers(reference: str) -> None:
    found = [row for name in PROPERTIES for row in compare.published_rows(name) if row.reference == f"arXiv:{reference}"]
    assert found
    for row in found:
        assert row.value() == "not obtained"
        assert row.remark.startswith("not obtained")
        assert not row.drawn


def test_several_experiments_are_taken_one_by_one_and_together() -> None:
    assert compare._combinations(["b", "a", "b"]) == (("b",), ("a",), ("b", "a"))
    assert compare._combinations(["a"]) == (("a",),)
    assert compare._combinations([]) == PAPER_DATA_SETS
    titles = [load(name).short_title for name in ("pandax4t-run0", "pandax4t-run1", "xenonnt-sr0")]
    assert compare.joined(titles) == "PandaX-4T Run 0 + Run 1 + XENONnT SR0"


def test_a_title_keeps_its_comma_and_brackets_inside_it() -> None:
    assert load("pandax4t-run0-first").short_title == "PandaX-4T Run 0, first analysis"
    short = {"A (new) one, 2026": "A (new) one, 2026", "A (b) (c)": "A (b)", "(x)": "(x)"}
    assert {title: replace(load("xenonnt-sr0"), title=title).short_title for title in short} == short


def test_a_flavour_leaves_out_limits_of_others() -> None:
    flavours = {row.flavour for row in compare.published_rows("mu_nu", "mu")}
    assert flavours == {"mu", "any", "Dirac"}
    assert {row.flavour for row in compare.published_rows("r2_nu", "tau")} == {"tau", "mu;tau"}
    own = [row for row in compare.compare(["q_nu"], "e", ["xenonnt-sr0"], ["paper"]) if row.kind == OWN]
    assert {row.flavour for row in own} == {"e"}


def profile_of(*pieces: Piece, probability: float | None = 0.9) -> Interval:
    return Interval(kind="profile", probability=probability, pieces=pieces)


def example(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "kind": OWN,
        "name": "x",
        "parameter": "q_nu",
        "flavour": "common",
        "preset": "",
        "method": "profile",
    }
    values |= {"interval": profile_of(Piece(-1e-12, -0.5e-12), Piece(0.1e-12, None)), "unit": "e", "electrons": "stepped"}
    return Row(**(values | {"reference": "r", "remark": "", "drawn": True} | changes))


def test_values_in_words() -> None:
    assert example().value() == "-1 … -0.5 and > 0.1"
    assert example(interval=profile_of(Piece(None, 2.5e-13))).value() == "< 0.25"
    assert example(interval=profile_of(Piece(None, None))).value() == "none found"
    assert example(interval=profile_of(Piece(1e-12, 1e-12))).value() == "1"
    assert (example().interval.lower, example().interval.upper) == (-1e-12, None)


def test_csv_round_trips(rows: list[Row]) -> None:
    some = [*rows, example(name='a "b", c', remark="two\nlines", interval=profile_of(Piece(0.0, 1e-12), probability=None))]
    text = comparison_text.to_csv(some)
    assert from_csv(text) == some
    first = next(csv.DictReader(text.splitlines()))
    assert float(first["upper"]) == some[0].interval.upper


def test_json_has_no_nan(rows: list[Row]) -> None:
    text = json.dumps(comparison_text.as_dicts(rows), allow_nan=False)
    for row in json.loads(text):
        assert all(end is None or isfinite(end) for piece in row["pieces"] for end in piece)


def test_markdown_tables_keep_their_columns(rows: list[Row]) -> None:
    lines = [line for line in comparison_text.to_markdown(rows).splitlines() if line.startswith("|")]
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    assert set(bars) == {len(comparison_text.COLUMNS) + 1}
    assert len(lines) == len(rows) + 2 * len(PROPERTIES)


def check_latex(text: str) -> None:
    """What a TeX engine would stumble over outside the commands: specials, unbalanced braces and dollars."""
    assert text.isascii()
    plain = re.sub(r"\\[&%$#_{}\\]", "", re.sub(r"(?m)^%.*$", "", text))
    depth = np.cumsum([{"{": 1, "}": -1}.get(c, 0) for c in plain])
    assert depth.min() >= 0
    assert depth[-1] == 0
    assert plain.count("$") % 2 == 0
    outside = "".join(plain.split("$")[::2])
    assert not re.search(r"[#_^~<>|%]", outside)
    for formula in set(plain.split("$")[1::2]):
        MathTextParser("path").parse(f"${formula}$")  # raises for what is not a formula
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", plain) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)


def test_latex_is_escaped(rows: list[Row]) -> None:
    some = [*rows, example(name=r"50 % of $x_1$ & {a}\b ~^#<>|é", remark="Δχ² … ⟨r²⟩ μν")]
    text = comparison_text.to_latex(some)
    check_latex(text)
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 4
    lines = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(lines) == len(some)
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {8}
    assert len(re.sub(r"\{.*?\}", "", comparison_text.TEX_COLUMNS)) == 9
    assert r"$< 3.9\times 10^{4}$" in text
    assert r"$10^{-11}\,\mu_\mathrm{B}$" in text
    assert tex("a_b & 5 %") == r"a\_b \& 5 \%"
    assert tex("Δχ² = 1, $< é") == r"$\Delta\chi^2$ = 1, \$$<$ e"


def test_the_figure_has_units_and_no_overlaps(rows: list[Row], tmp_path: Path) -> None:
    for parameter, some in comparison_text.by_parameter(rows):
        figure = comparison_plot(some, tmp_path / f"{parameter}.pdf")
        assert (tmp_path / f"{parameter}.pdf").read_bytes().startswith(b"%PDF")
        FigureCanvasAgg(figure).draw()
        (axes,) = figure.axes
        assert "[$10^{" in axes.get_xlabel()
        low, high = axes.get_xlim()
        assert (low > 0) if parameter == "mu_nu" else (low == -high)
        for labels, ends in ((axes.get_xticklabels(), ("x0", "x1")), (axes.get_yticklabels()[::-1], ("y0", "y1"))):
            boxes = [t.get_window_extent() for t in labels if t.get_text() and t.get_visible()]
            boxes = [box for box in boxes if axes.bbox.x0 - 1 <= box.x1 or ends[0] == "y0"]
            assert all(getattr(a, ends[1]) <= getattr(b, ends[0]) + 1 for a, b in pairwise(boxes))
        beside = [text.get_window_extent() for text in axes.texts if text.get_text()]
        assert not any(a.overlaps(b) for k, a in enumerate(beside) for b in beside[:k])
        headings = [t.get_text() for t in axes.get_yticklabels() if t.get_fontweight() == "bold"]
        assert headings == [KINDS[kind] for kind in dict.fromkeys(row.kind for row in some if row.drawn)]


def test_a_figure_shows_one_property(rows: list[Row], tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match="one property"):
        comparison_plot(rows, tmp_path / "all.png")
    result = CliRunner().invoke(main, ["compare", "--plot", "x.png"])
    assert result.exit_code == 2
    assert "--plot: a figure shows one property; give --parameter" in result.stderr


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sampling = {"steps": 16, "ensembles": 2, "walkers": 16}
    run = resolve(("xenonnt-sr0",), "mu_nu", preset="paper", sampling=sampling)
    place = tmp_path_factory.mktemp("compare") / "chain"
    sample(run, place, figures=False, toys=False)
    return place


def test_a_chain_stands_beside_the_rest(chain: Path) -> None:
    found = compare.compare(["mu_nu"], None, ["xenonnt-sr0"], ["paper"], [chain])
    sampled = [row for row in found if row.name == "XENONnT SR0, sampled"]
    assert sampled
    assert all(row.method == "credible" and row.kind == OWN and row.preset == "paper" for row in sampled)
    assert "NOT CONVERGED" in sampled[0].remark
    assert not any(row.drawn for row in sampled)
    with pytest.raises(BayesnuError, match="is a run of mu_nu, this comparison is of q_nu"):
        compare.compare(["q_nu"], None, ["xenonnt-sr0"], ["paper"], [chain])


def test_the_command_prints_every_format(tmp_path: Path) -> None:
    command = ["compare", "xenonnt-sr0", "--preset", "paper", "--parameter", "mu_nu", "--flavour", "common", "--format"]
    run = CliRunner()
    outputs = {how: run.invoke(main, [*command, how]) for how in ("table", "markdown", "latex", "csv", "json")}
    assert all(result.exit_code == 0 for result in outputs.values())
    assert json.loads(outputs["json"].stdout)["rows"][0]["parameter"] == "mu_nu"
    assert from_csv(outputs["csv"].stdout)[0].kind == OWN
    check_latex(outputs["latex"].stdout)
    assert "credible" in outputs["table"].stdout
    result = run.invoke(main, [*command, "csv", "--plot", str(tmp_path / "mu.png")])
    assert (tmp_path / "mu.png").stat().st_size > 10_000
    assert from_csv(result.stdout)
    assert "wrote" in result.stderr


def test_mistakes_are_one_sentence() -> None:
    with pytest.raises(BayesnuError, match="flavour: found 'electron'"):
        compare.compare(["mu_nu"], "electron")
    result = CliRunner().invoke(main, ["compare", "xenonnt-sr1", "--parameter", "mu_nu"])
    assert result.exit_code == 2
    assert "xenonnt-sr1" in result.stderr
