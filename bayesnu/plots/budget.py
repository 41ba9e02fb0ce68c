"""What the expected counts of a file are made of, stacked, beside its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesnu.model.budget import Budget
from bayesnu.plots.style import LIMIT, RED, Sheet, count_unit, formula_text, garwood, new_figure, plain_text

FILLS = ("#d9c7dd", "#7d9bb5", "#e3d3a2", "#8fb59d", "#c9c9c9", "#a3a9d6")  # neighbours differ as greys, too
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx")
PUBLISHED: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 1.2}


def budget_plot(budget: Budget, path: str | Path | None = None, *, on: Sheet | None = None) -> Figure:
    """Draw components stacked on the model's neutrinos with the data, and below the neutrinos beside the published ones.

    Counts are per bin over the whole exposure, or per keV where bins differ in width. Where the stack is above the file's
    total, the remainder is cut at zero.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    """
    unit, unit_label = count_unit(budget.edges_kev)
    with new_figure(path, (), on, figsize=(7.4, 6.0), layout="constrained") as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        _draw_stack(above, budget, unit)
        _draw_neutrinos(below, budget, unit)
        above.set(title=plain_text(budget.experiment.title), xlim=(budget.edges_kev[0], budget.edges_kev[-1]))
        below.set(xlabel="Reconstructed energy [keV]")
        for axes in (above, below):
            axes.set_ylim(0)
            axes.set_ylabel(unit_label)
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        figure.align_ylabels([above, below])
    return figure


def _draw_stack(axes: Axes, budget: Budget, unit: np.ndarray) -> None:
    """Neutrinos at the bottom, then the components from the largest to the smallest, the published total and the data."""
    labels = {component.name: formula_text(component.label) for component in budget.experiment.background.components}
    order = sorted(budget.components, key=lambda name: -float(budget.components[name].sum()))
    bottom = budget.neutrinos / unit
    axes.stairs(bottom, budget.edges_kev, fill=True, color=RED, label="solar ν of the model")
    for n, name in enumerate(order):
        top = bottom + budget.components[name] / unit
        style: dict[str, Any] = {"facecolor": FILLS[n % len(FILLS)], "hatch": HATCHES[n % len(HATCHES)]}
        style |= {"edgecolor": "white", "linewidth": 0.0, "label": labels[name]}
        axes.stairs(top, budget.edges_kev, baseline=bottom, fill=True, **style)
        bottom = top
    total = budget.total / unit
    axes.stairs(total, budget.edges_kev, baseline=None, color="black", linewidth=1.2, label="total of the file")
    middles = (budget.edges_kev[1:] + budget.edges_kev[:-1]) / 2
    observed = budget.observed / unit
    errors = np.abs(garwood(budget.observed) / unit - observed)
    axes.errorbar(middles, observed, errors, fmt="o", color="black", markersize=3, linewidth=0.8, label="observed")


def _draw_neutrinos(axes: Axes, budget: Budget, unit: np.ndarray) -> None:
    """The neutrinos of the model and of the file."""
    axes.stairs(budget.neutrinos / unit, budget.edges_kev, baseline=None, label="solar ν of the model", **LIMIT)
    if budget.published is not None:
        axes.stairs(budget.published / unit, budget.edges_kev, baseline=None, label="solar ν of the file", **PUBLISHED)
