"""Marginals and traces of every parameter of a chain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesnu.inference.diagnostics import Verdict
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.plots.style import (
    BACKGROUND,
    DARK,
    EXCLUDED,
    KINDS,
    LIMIT,
    MOST_DRAWS,
    PRIOR,
    Sheet,
    find_intervals,
    label,
    mark_edges,
    mark_interval,
    new_figure,
    place_legend,
    shown_range,
    take_draws,
)


def marginal_plot(
    model: Model,
    chain: Chain,
    verdict: Verdict,
    settings: Settings,
    path: str | Path | None = None,
    *,
    on: Sheet | None = None,
) -> Figure:
    """Draw the marginal posterior of every parameter over its prior, in units of `scale * unit`.

    Physics parameters get the credible interval of the settings, and moduli the physical boundary at zero.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    """
    draws = take_draws(chain, verdict, MOST_DRAWS)
    priors = model.parameters
    intervals = find_intervals(model, chain, verdict, settings)
    columns = 2 if len(priors) < 10 else 3
    rows = -(-len(priors) // columns)
    with new_figure(path, verdict.missing, on, figsize=(3 * columns, 0.6 + 1.9 * rows), layout="constrained") as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, prior, draw in zip(panels, priors, draws.T, strict=False):
            shown = shown_range(draw, prior)
            x = np.linspace(*shown, 201)
            axes.fill_between(x, np.exp(prior.logpdf(x)), color="0.88", label="prior")
            axes.plot(x, np.exp(prior.logpdf(x)), **PRIOR)
            axes.hist(draw, bins=60, range=shown, density=True, histtype="step", color=DARK, label="marginal posterior")
            mark_edges([axes], [], prior, shown)
            if prior.name in intervals:
                mark_interval(axes, intervals[prior.name], f"{settings.probability * 100:g} % {KINDS[settings.kind]}")
                if prior.lower == 0 and not prior.of_interest.signed:
                    axes.axvline(0, color="black", linewidth=2.4, zorder=5, label="physical boundary 0")
            axes.set(xlabel=label(prior, model.experiments), yticks=[])
            axes.set_ylim(0)
        for axes in panels[len(priors) :]:
            axes.set_axis_off()
        entries = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
        entries["outside the prior"] = Patch(**EXCLUDED)
        figure.legend(entries.values(), entries.keys(), loc=place_legend(figure, "lower center"), ncols=3, fontsize=8)
    return figure


def trace_plot(
    model: Model,
    chain: Chain,
    verdict: Verdict,
    settings: Settings,
    path: str | Path | None = None,
    *,
    on: Sheet | None = None,
) -> Figure:
    """Draw every parameter against the stored step: of each ensemble one walker (thin) and the median of all (thick).

    The burn-in is shaded; physics parameters get the credible interval of the settings.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    """
    intervals = find_intervals(model, chain, verdict, settings)
    step = -(-chain.samples.shape[1] // 500)  # more steps than these are not seen
    steps = np.arange(0, chain.steps, step * chain.thin)
    colors = [style[0] for style in BACKGROUND]
    columns = 1 if len(chain.names) < 10 else 2
    rows = -(-len(chain.names) // columns)
    width = 3 + 3 * columns
    height = 0.9 + 1.25 * rows
    with new_figure(path, verdict.missing, on, figsize=(width, height)) as figure:
        place = {"left": 0.9 / width, "right": 1.0, "bottom": 0.9 / height, "top": 1.0, "hspace": 0.12, "wspace": 0.25}
        panels = figure.subplots(rows, columns, sharex=True, squeeze=False, gridspec_kw=place).ravel()
        for axes, prior in zip(panels, model.parameters, strict=False):
            for n, values in enumerate(chain.of(prior.name)[:, ::step]):
                color = colors[n % len(colors)]
                axes.plot(steps, values[:, 0], color=color, linewidth=0.4, alpha=0.6)
                text = f"ensemble {n + 1}" if n < len(colors) else None
                axes.plot(steps, np.median(values, axis=1), color=color, linewidth=1.3, label=text)
            axes.axvspan(0, verdict.burn_in, color="0.85", zorder=0, label="burn-in, left out")
            for piece in intervals[prior.name].pieces if prior.name in intervals else ():
                for end in (end for end in piece if end is not None):
                    axes.axhline(end, **LIMIT)
            axes.set(xlim=(0, chain.steps), ylabel=label(prior, model.experiments).replace(" [", "\n["))
            axes.yaxis.set_label_coords(-0.12, 0.5)
        for axes in panels[len(chain.names) :]:
            axes.set_axis_off()
        for axes in panels[len(chain.names) - columns : len(chain.names)]:
            axes.set_xlabel("Stored step")
            axes.tick_params(labelbottom=True)
        handles, texts = panels[0].get_legend_handles_labels()
        handles = [*handles, Line2D([], [], **LIMIT)]
        texts = [*texts, "credible limit or interval"]
        figure.legend(handles, texts, loc="lower center", ncols=3, fontsize=8)
    return figure
