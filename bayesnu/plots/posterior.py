"""The corner plot of a chain."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bayesnu.inference.diagnostics import Verdict
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior
from bayesnu.plots.style import (
    DARK,
    EXCLUDED,
    LEVELS,
    LIGHT,
    LIMIT,
    MOST_DRAWS,
    PRIOR,
    RED,
    TRUTH,
    find_intervals,
    interval_text,
    label,
    mark_edges,
    mark_interval,
    new_figure,
    range_text,
    shown_range,
    take_draws,
)
from bayesnu.support.errors import BayesnuError, did_you_mean

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # corner imports arviz, and 0.23 announces 1.0 once a day
    import corner


def corner_plot(
    model: Model,
    chain: Chain,
    verdict: Verdict,
    settings: Settings,
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    truths: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the marginals of all parameters, or of `names`, in units of `scale * unit`; `truths` are values to mark.

    Contours hold 68 % and 90 % of the probability. Physics parameters get the credible interval of the settings.
    """
    priors = _choose_priors(model, names)
    draws = take_draws(chain, verdict, MOST_DRAWS)[:, [chain.names.index(prior.name) for prior in priors]]
    intervals = find_intervals(model, chain, verdict, settings)
    shown = [shown_range(x, prior) for x, prior in zip(draws.T, priors, strict=True)]
    text = max(1.0, len(priors) / 9)  # a large figure is looked at from further away
    side = len(priors) * (2.3 if len(priors) < 4 else 1.6)
    with new_figure(path, verdict.missing, figsize=(side, side)) as figure:
        histogram = {"color": DARK, "density": True, "linewidth": 1.2}
        fill = {"colors": ["white", LIGHT, DARK]}
        line = {"colors": "black", "linewidths": 0.6}
        options: dict[str, Any] = {"bins": 36, "smooth": 1.0, "plot_datapoints": False, "plot_density": False}
        options |= {"fill_contours": True, "quiet": True}
        options |= {"hist_kwargs": histogram, "contourf_kwargs": fill, "contour_kwargs": line}
        labels = [label(prior, model.experiments) for prior in priors]
        corner.corner(draws, fig=figure, range=shown, levels=LEVELS, labels=labels, **options)
        axes = np.array(figure.axes).reshape(len(priors), len(priors))
        for k, prior in enumerate(priors):
            x = np.linspace(*shown[k], 201)
            axes[k, k].plot(x, np.exp(prior.logpdf(x)), **PRIOR)
            mark_edges(axes[k:, k], axes[k, :k], prior, shown[k])
            if truths and prior.name in truths:
                _mark_truth(axes[k:, k], axes[k, :k], truths[prior.name])
            if prior.name in intervals:
                mark_interval(axes[k, k], intervals[prior.name])
                words = f"{interval_text(prior, intervals[prior.name])}\nprior {range_text(prior)}"
                axes[k, k].set_title(words, loc="left", fontsize=8 * text, color=RED)
        _tidy_ticks(axes)
        _draw_legend(figure, len(priors), 9 * text)
    return figure


def _choose_priors(model: Model, names: Sequence[str] | None) -> list[Prior]:
    known = dict(zip(model.names, model.parameters, strict=True))
    for name in names or ():
        if name not in known:
            raise BayesnuError(f"names: the model has no parameter '{name}'{did_you_mean(name, known)}")
    return [known[name] for name in names or known]


def _mark_truth(across: Iterable[Axes], up: Iterable[Axes], value: float) -> None:
    for axes in across:
        axes.axvline(value, **TRUTH)
    for axes in up:
        axes.axhline(value, **TRUTH)


def _tidy_ticks(axes: np.ndarray) -> None:
    """Upright tick labels and room for them."""
    for i, j in zip(*np.tril_indices(len(axes)), strict=True):
        axes[i, j].set_xticks(_choose_ticks(*axes[i, j].get_xlim()))
        axes[i, j].tick_params(labelrotation=0)
        axes[i, j].xaxis.set_label_coords(0.5, -0.2)
        if i > j:
            axes[i, j].set_yticks(_choose_ticks(*axes[i, j].get_ylim()))
            axes[i, j].yaxis.set_label_coords(-0.36, 0.5)


def _choose_ticks(low: float, high: float) -> np.ndarray:
    """Few round numbers, none so near to an end that labels of neighbouring panels would meet."""
    ticks, margin = np.asarray(MaxNLocator(4).tick_values(low, high)), 0.12 * (high - low)
    inner: np.ndarray = ticks[((ticks > low + margin) | ((ticks == 0) & (low < 0))) & (ticks < high - margin)]
    return inner


def _draw_legend(figure: Figure, size: int, fontsize: float) -> None:
    """Explain what was drawn."""
    colors = {line.get_color() for axes in figure.axes for line in axes.lines}
    hatched = any(patch.get_hatch() for axes in figure.axes for patch in axes.patches)
    handles: list[Any] = []
    for color, level in zip((DARK, LIGHT), LEVELS, strict=True) if size > 1 else ():
        text = f"contour: {level * 100:.0f} % of probability"
        handles.append(Patch(facecolor=color, edgecolor="black", linewidth=0.6, label=text))
    handles += [Line2D([], [], color=DARK, label="marginal posterior"), Line2D([], [], label="prior", **PRIOR)]
    if RED in colors:
        handles.append(Line2D([], [], label="credible limit or interval", **LIMIT))
    if TRUTH["color"] in colors:
        handles.append(Line2D([], [], label="marked value", **TRUTH))
    if hatched:
        handles.append(Patch(label="outside the prior (moments:\nbelow the physical boundary 0)", **EXCLUDED))
    place: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (0.98, 0.98), "fontsize": fontsize}
    if size < 4:  # no room among the panels
        place |= {"loc": "upper left", "bbox_to_anchor": (1.0, 0.85)}
    figure.legend(handles=handles, **place)
