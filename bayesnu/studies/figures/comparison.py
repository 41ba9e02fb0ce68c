"""Own limits beside published ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayesnu.model.priors import usual_prior
from bayesnu.physics.properties import PROPERTIES, Property, parameter_of
from bayesnu.plots.style import DARK, RED, label, new_figure
from bayesnu.studies.compare import KINDS as KINDS_COMPARED
from bayesnu.studies.compare import Row
from bayesnu.support.errors import BayesnuError

COMPARED: dict[str, tuple[str, dict[str, Any]]] = {
    "credible": ("credible, prior flat if not said", {"color": DARK, "marker": "o", "markersize": 3.5, "linewidth": 2.2}),
    "profile": (
        r"profile likelihood, $\Delta\chi^2=2.71$",
        {"color": RED, "marker": "s", "markersize": 3.5, "markerfacecolor": "white", "linewidth": 0.9},
    ),
    "published": ("published", {"color": "black", "marker": "|", "markersize": 6, "linewidth": 1.2}),
}
COLUMNS = {"credible": 4, "profile": 72, "published": 4}  # where the numbers stand, in points beside the axes


def comparison_plot(rows: Sequence[Row], path: str | Path) -> Figure:
    """Draw own and published limits on one property, by kind, in units of `scale * unit`; rows not to be drawn are left out.

    Moments are upper limits on a logarithmic axis, charges and radii intervals on an axis that is linear about zero and
    logarithmic outside. The numbers stand on the right; what is not at 90 % says so.
    """
    drawn = [row for row in rows if row.drawn]
    if len({row.parameter for row in drawn}) != 1:
        raise BayesnuError("compare: a figure shows the limits on one property; give rows of one parameter")
    item = PROPERTIES[drawn[0].parameter]
    lines = list(_group_lines(drawn))
    with new_figure(path, (), figsize=(7, 0.8 + 0.17 * len(lines)), layout="constrained") as figure:
        axes = figure.subplots()
        _set_axis(axes, item, drawn)
        beside: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        beside |= {"va": "center", "fontsize": 6.5, "annotation_clip": False}
        for y, (_, entries) in enumerate(lines):
            if not entries:
                axes.axhspan(y - 0.5, y + 0.5, color="0.9", linewidth=0, zorder=0)
            for n, row in enumerate(entries):
                _mark_row(axes, row, y + 0.4 * (n - (len(entries) - 1) / 2) / max(len(entries) - 1, 1), item)
                axes.annotate(row.value(3).replace("-", "−"), (1, y), (COLUMNS[row.method], 0), **beside)
        methods = [method for method in COMPARED if any(row.method == method for row in drawn)]
        for method in (each for each in methods if each != "published"):
            axes.annotate(method, (1, 0), (COLUMNS[method], 0), **beside)  # own limits come first
        axes.set_yticks(range(len(lines)), [text for text, _ in lines], fontsize=7)
        for tick, (_, entries) in zip(axes.get_yticklabels(), lines, strict=True):
            tick.set_fontweight("normal" if entries else "bold")
        axes.set(ylim=(len(lines) - 0.5, -0.5), xlabel=label(usual_prior(parameter_of(item.name))))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="0.88", linewidth=0.5)
        axes.set_axisbelow(True)
        handles = [Line2D([], [], label=COMPARED[method][0], **COMPARED[method][1]) for method in methods]
        handles.append(Line2D([], [], linestyle="none", label="90 % if not said"))
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=7)
    return figure


def _group_lines(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Text and rows of each line: a line without rows is the heading of a kind."""
    for kind, some in groupby(rows, key=lambda row: row.kind):
        yield KINDS_COMPARED[kind], []
        for text, entries in groupby(some, key=_label_row):
            yield text, list(entries)


def _label_row(row: Row) -> str:
    symbols = {"e": r"$\nu_e$", "mu": r"$\nu_\mu$", "tau": r"$\nu_\tau$", "Dirac": "Dirac"}
    flavour = f", {symbols[row.flavour]}" if row.flavour in symbols else ""
    level = "" if row.cl_percent == 90 or row.interval.lower == row.interval.upper else " (no CL)"
    return row.what + flavour + (f" ({row.cl_percent:g} %)" if level and row.cl_percent else level)


def _set_axis(axes: Axes, item: Property, rows: Sequence[Row]) -> None:
    """A range that holds every end; a signed axis is symmetric about zero."""
    ends = np.abs([end / item.scale for row in rows for piece in row.interval.pieces for end in piece if end])
    top = 1.7 * float(ends.max())
    if not item.signed:
        axes.set_xscale("log")
        axes.set_xlim(0.4 * float(ends.min()), top)
        return
    highest = int(np.floor(np.log10(top)))
    lowest = max(int(np.floor(np.log10(ends.min()))), highest - 4)
    axes.set_xscale("symlog", linthresh=10.0**lowest)
    decades = 10.0 ** np.arange(highest, lowest - 1, -2 if highest - lowest > 2 else -1)
    axes.set_xticks([*-decades, 0.0, *decades[::-1]])
    axes.set_xlim(-top, top)
    axes.axvline(0, color="0.6", linewidth=0.6)


def _mark_row(axes: Axes, row: Row, y: float, item: Property) -> None:
    style = COMPARED[row.method][1] | {"zorder": 3}
    for low, high in row.interval.pieces:
        if low is None and high is not None and not item.signed:
            x = high / item.scale
            axes.plot([x], [y], **style)
            arrow = {"arrowstyle": "->", "color": style["color"], "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (0.6 * x, y), (x, y), arrowprops=arrow, zorder=3)
            continue
        left, right = axes.get_xlim()
        ends = [left if low is None else low / item.scale, right if high is None else high / item.scale]
        axes.plot(ends, [y, y], **(style | {"marker": "D", "markersize": 3} if low == high else style))
