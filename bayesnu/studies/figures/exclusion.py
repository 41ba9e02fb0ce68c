"""The transition moment against the mass of the sterile neutrino."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bayesnu.plots.style import DARK, LIGHT, new_figure
from bayesnu.studies.exclusion import MassLimit
from bayesnu.support.errors import BayesnuError


def exclusion_plot(limits: Sequence[MassLimit], title: str, path: str | Path) -> Figure:
    """Draw the upper limits, in mu_B, over the mass in keV, with what they exclude.

    Raises `BayesnuError` where none was found.
    """
    drawn = [each for each in limits if each.interval is not None and each.interval.upper is not None]
    found = [each.interval for each in drawn if each.interval is not None]
    if not found:
        raise BayesnuError("exclusion: no limit was found at any mass; there is nothing to draw")
    masses = [each.mass_kev for each in drawn]
    ends = [each.scaled(each.parameter.scale).upper or 0.0 for each in found]
    parameter = found[0].parameter
    with new_figure(path, (), figsize=(5.2, 4.2), layout="constrained") as figure:
        axes = figure.subplots()
        axes.plot(masses, ends, color=DARK, linewidth=1.6, marker=".", markersize=4, label=f"limit, {found[0].side}")
        axes.set(xscale="log", yscale="log", xlabel="$m_4$ [keV]", ylabel=rf"${parameter.label}$ [$\mu_\mathrm{{B}}$]")
        top = 3 * max(ends)
        axes.fill_between(masses, ends, top, color=LIGHT, label="excluded")
        axes.set_ylim(min(ends) / 3, top)
        axes.margins(x=0)
        axes.set_title(title, loc="left")
        axes.legend(loc="upper left", fontsize=8, frameon=True)
    return figure
