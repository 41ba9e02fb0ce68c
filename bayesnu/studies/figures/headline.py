"""The limits of all data sets, each alone and all together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesnu.experiments import load
from bayesnu.inference.interval import Interval
from bayesnu.model.priors import usual_prior
from bayesnu.physics.properties import parameter_of
from bayesnu.plots.style import DARK, LIGHT, RED, label, new_figure
from bayesnu.studies.headline import HeadlineRow
from bayesnu.support.errors import BayesnuError

OFFSETS = {"profile": -0.24, "feldman-cousins": 0.0, "credible": 0.24}  # of a line, in which each has its own place
STYLES: dict[str, dict[str, Any]] = {
    "profile": {"color": RED, "marker": "s", "markersize": 3.5, "markerfacecolor": "white", "linewidth": 0.9},
    "feldman-cousins": {"color": "black", "marker": "o", "markersize": 3, "linewidth": 1.2},
    "credible": {"color": DARK, "marker": "D", "markersize": 3, "linewidth": 2.0},
}
NAMES = {
    "profile": r"profile, $\Delta\chi^2=2.71$",
    "feldman-cousins": "Feldman-Cousins",
    "credible": "credible, flat prior",
}
HALF = 0.42  # height of the band of what was expected, above and below the middle of a line


def headline_plot(rows: Sequence[HeadlineRow], path: str | Path) -> Figure:
    """Draw 90 % limits of one property, in units of `scale * unit`, with what toys of the Standard Model expect.

    Upper limits of a modulus are points, other intervals are lines with ends. Raises `BayesnuError` for rows of several
    properties.
    """
    if len({row.parameter.em_property.name for row in rows}) != 1:
        raise BayesnuError("headline: a figure shows the limits on one property; give rows of one")
    lines = [*_list_lines(rows)]
    with new_figure(path, (), figsize=(6.4, 0.9 + 0.27 * len(lines)), layout="constrained") as figure:
        axes = figure.subplots()
        for y, (_, row) in enumerate(lines):
            if row is None:
                axes.axhspan(y - 0.5, y + 0.5, color="0.92", linewidth=0, zorder=0)
            else:
                _draw_row(axes, row, y)
        axes.set_yticks(range(len(lines)), [text for text, _ in lines], fontsize=7)
        for tick, (_, row) in zip(axes.get_yticklabels(), lines, strict=True):
            tick.set_fontweight("bold" if row is None else "normal")
        parameter = parameter_of(rows[0].parameter.em_property.name)
        axes.set(ylim=(len(lines) - 0.5, -0.5), xlabel=label(usual_prior(parameter)))
        if not any(row.parameter.signed for row in rows):
            axes.set_xlim(left=0)
        else:
            axes.axvline(0, color="0.6", linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="0.88", linewidth=0.5)
        axes.set_axisbelow(True)
        handles: list[Any] = [Line2D([], [], label=NAMES[method], **STYLES[method]) for method in STYLES]
        handles.append(Patch(color=LIGHT, label="median and 68 % of toys, profile"))
        figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=7)
    return figure


def _list_lines(rows: Sequence[HeadlineRow]) -> list[tuple[str, HeadlineRow | None]]:
    """Text and row of each line: a line without a row is the heading of a flavour."""
    lines: list[tuple[str, HeadlineRow | None]] = []
    for (flavour, others), some in groupby(rows, key=lambda row: (row.parameter.flavour, row.others)):
        symbols = {"common": "common", "e": r"$\nu_e$", "mu": r"$\nu_\mu$", "tau": r"$\nu_\tau$"}
        lines.append((symbols[flavour] + (", others profiled" if others == "profiled" else ""), None))
        lines += [(_name_data(row), row) for row in some]
    return lines


def _name_data(row: HeadlineRow) -> str:
    if len(row.experiments) > 1:
        return f"{len(row.experiments)} data sets together"
    return load(row.experiments[0]).short_title


def _draw_row(axes: Axes, row: HeadlineRow, y: int) -> None:
    scale = row.parameter.scale
    for end in row.expected:
        begin = end.bands["-1 sigma"][0] / scale
        stop = end.bands["+1 sigma"][0] / scale
        axes.barh(y, stop - begin, height=2 * HALF, left=begin, color=LIGHT, linewidth=0, zorder=1)
        median = end.bands["median"][0] / scale
        axes.plot([median, median], [y - HALF, y + HALF], color="white", linewidth=1.2, zorder=2)
    drawn: dict[str, Interval | None] = {"profile": row.profile, "feldman-cousins": row.feldman_cousins}
    drawn["credible"] = row.credible[0].interval if row.credible else None
    for method, found in drawn.items():
        for low, high in found.pieces if found else ():
            ends = [each / scale for each in (low, high) if each]
            axes.plot(ends, [y + OFFSETS[method]] * len(ends), zorder=3, **STYLES[method])
