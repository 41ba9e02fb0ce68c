"""Ranks of true values in their posteriors: distribution functions less the uniform one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from bayesnu.inference.ranks import LEVEL, TESTS, Uniformity, band, counts_below
from bayesnu.model.polynomial import Model
from bayesnu.plots.style import DARK, RED, label, new_figure
from bayesnu.studies.calibration import Calibration

COLUMNS = 3


def calibration_plot(model: Model, found: Calibration, path: str | Path) -> Figure:
    """Draw, for every quantity, how many ranks lie below each less what uniform ones would have, over their number.

    Grey: the band that holds all of the curve with 95 % probability; line: the wider one at the level of the verdict.
    Above: mean and second moment of the normal scores, and the p-value of all tests of the quantity.
    """
    number = len(found.ranks)
    quantities = len(found.names)
    share = np.arange(1, found.draws + 1) / (found.draws + 1)
    usual, strict = (band(number, found.draws, p) for p in (1 - LEVEL, 1 - LEVEL / (TESTS * quantities)))
    labels = {prior.name: label(prior, model.experiments).partition(" [")[0] for prior in model.parameters}
    rows = -(-quantities // COLUMNS)
    with new_figure(path, (), figsize=(2.6 * COLUMNS, 0.9 + 2 * rows), layout="constrained") as figure:
        panels = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, test, ranks in zip(panels, found.tests, found.ranks.T, strict=False):
            low, high = (edge / number - share for edge in usual)
            axes.fill_between(share, low, high, color="0.85", label=f"{1 - LEVEL:.0%} band of one quantity")
            for k, edge in enumerate(strict):
                text = "_" if k else f"band at the level of the verdict, {LEVEL / (TESTS * quantities):.2%}"
                axes.plot(share, edge / number - share, color="0.4", linewidth=0.8, label=text)
            color = RED if _is_faulty(test, quantities) else DARK
            steps = np.concatenate([[0.0], counts_below(ranks, found.draws) / number - share, [0.0]])
            axes.plot(np.linspace(0, 1, found.draws + 2), steps, color=color, linewidth=1.3)
            axes.set_title(f"{labels.get(test.name, test.name)}\n{_describe_test(test)}", fontsize=8, color=color)
        for axes in panels[quantities:]:
            axes.set_axis_off()
        for axes in panels[max(quantities - COLUMNS, 0) : quantities]:
            axes.tick_params(labelbottom=True)
        panels[0].set_xlim(0, 1)
        figure.supxlabel("Rank of the true value, as a fraction", fontsize=9)
        figure.supylabel("Share of ranks below, less the fraction", fontsize=9)
        handles, texts = panels[0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside upper center", ncols=2, fontsize=8)
    return figure


def _describe_test(test: Uniformity) -> str:
    moments = rf"$\langle z\rangle$ = {test.mean:+.2f}, $\langle z^2\rangle$ = {test.second:.2f}"
    return f"{moments}, p = {test.p_value:.2g}".replace("-", "−")


def _is_faulty(test: Uniformity, quantities: int) -> bool:
    return quantities * test.p_value < LEVEL
