"""Limits on a transition moment against the mass of the sterile neutrino."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from matplotlib.text import Text

from bayesnu.experiments import load
from bayesnu.inference.profile import interval
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.studies.exclusion import exclude
from bayesnu.studies.figures.exclusion import exclusion_plot
from bayesnu.support.errors import BayesnuError
from tests.commands import answer, invoke, refusal

SINGLE = ("--background", "single")


def test_a_curve_begins_at_the_active_limit_and_rises_until_no_recoil_is_left() -> None:
    analysis = Analysis(background="single")
    found = [*exclude([load("xenonnt-sr0")], analysis, masses_kev=(1e-3, 30.0, 100.0, 300.0, 900.0))]
    active = interval(build("xenonnt-sr0", "mu_nu", analysis))
    ends = [each.interval.upper for each in found if each.interval is not None]
    assert ends[0] == pytest.approx(active.upper, rel=1e-6)
    assert all(one is not None and other is not None and one < other for one, other in itertools.pairwise(ends))
    assert [each.mass_kev for each in found if each.interval is None] == [900.0]


def test_flavours_have_curves_of_their_own(tmp_path: Path) -> None:
    found = answer("exclusion", "pandax4t-run1", "--flavour", "tau", "--masses", "10,1000", *SINGLE, "--json")
    near, far = found["limits"]
    assert (near["mass_kev"], near["flavour"], near["unit"]) == (10, "tau", "mu_B") and 1e-11 < near["upper"] < 1e-10
    assert far["upper"] is None and far["status"].startswith("no recoil reaches the bins")
    alone = answer(
        "limits",
        "pandax4t-run1",
        "--parameter",
        "mu_sterile",
        "--flavour",
        "tau",
        "--sterile-mass-kev",
        "10",
        *SINGLE,
        "--json",
        "--no-toys",
    )
    assert alone["upper"] == pytest.approx(near["upper"], rel=1e-9) and alone["choices"]["sterile_mass_kev"] == 10
    place = tmp_path / "curve.png"
    said = invoke("exclusion", "pandax4t-run1", "--masses", "10,100", *SINGLE, "--output", place).stdout
    assert place.is_file() and re.search(r"^100 +0 … \d", said, re.MULTILINE)
    assert "90% two-sided, 95% as an upper limit" in " ".join(said.split())


def test_a_figure_says_what_it_shows(tmp_path: Path) -> None:
    found = [*exclude([load("xenonnt-sr0")], Analysis(background="single"), "e", (10.0, 100.0), one_sided=True)]
    figure = exclusion_plot(found, "XENONnT SR0", tmp_path / "curve.png")
    said = {text.get_text() for text in figure.findobj(Text)}
    assert {"XENONnT SR0", "$m_4$ [keV]", "limit, 90% one-sided", "excluded"} <= said
    with pytest.raises(BayesnuError, match="no limit was found at any mass"):
        exclusion_plot([], "none", tmp_path / "none.png")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--masses", "1,two"), "--masses: found '1,two'; must be numbers in keV with commas, as 1,10,100"),
        (("--masses", "0,1"), "masses: must be 1 to 1000 numbers above 0, in keV"),
        (("--masses", "2000"), "sterile_mass_kev: found 2000.0; must be a number in [0, 1000]"),
        (("--sterile-mass-kev", "3"), "sterile_mass_kev: found 3; a curve takes many"),
    ],
)
def test_what_is_no_mass_is_refused(words: tuple[str, ...], said: str) -> None:
    assert said in refusal("exclusion", "xenonnt-sr0", *words)
