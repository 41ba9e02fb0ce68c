"""The corner plot of a chain."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

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
    Sheet,
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


@contextmanager
def _without_arviz() -> Iterator[None]:
    """Let corner be imported without arviz: it would import all of that for objects that it is not given here.

    Whoever imports corner afterwards gets another one, with arviz.
    """
    if "corner" in sys.modules or "arviz" in sys.modules:
        yield
        return
    sys.modules["arviz"] = None  # type: ignore[assignment]  # so Python marks what cannot be imported
    try:
        yield
    finally:
        for name in [each for each in sys.modules if each == "arviz" or each.partition(".")[0] == "corner"]:
            del sys.modules[name]


with _without_arviz():
    import corner

CELLS = 36  # of a histogram, along each parameter
SMOOTHING = 1.0  # standard deviation in cells, of the density of two parameters
OWN_PAGE = {"left": 0.07, "bottom": 0.07, "right": 0.97, "top": 0.97}  # of the panels; the page is cut to what is drawn
PART = {"left": 0.14, "bottom": 0.14, "right": 0.97, "top": 0.88}  # in a figure of the caller's, which is not
Range: TypeAlias = tuple[float, float]


def corner_plot(
    model: Model,
    chain: Chain,
    verdict: Verdict,
    settings: Settings,
    path: str | Path | None = None,
    *,
    on: Sheet | None = None,
    names: Sequence[str] | None = None,
    truths: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the marginals of all parameters, or of `names`, in units of `scale * unit`; `truths` are values to mark.

    Contours hold 68 % and 90 % of the probability. Physics parameters get the credible interval of the settings.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    """
    priors = _choose_priors(model, names)
    draws = take_draws(chain, verdict, MOST_DRAWS)[:, [chain.names.index(prior.name) for prior in priors]]
    intervals = find_intervals(model, chain, verdict, settings)
    shown = [shown_range(x, prior) for x, prior in zip(draws.T, priors, strict=True)]
    text = max(1.0, len(priors) / 9)  # a large figure is looked at from further away
    side = len(priors) * (2.3 if len(priors) < 4 else 1.6)
    with new_figure(path, verdict.missing, on, figsize=(side, side)) as figure:
        panels = _make_panels(figure, len(priors), OWN_PAGE if on is None else PART)
        for k, prior in enumerate(priors):
            _draw_marginal(panels[k][k], draws[:, k], prior, shown[k])
            for i in range(k):
                _draw_contours(panels[k][i], draws[:, i], draws[:, k], shown[i], shown[k])
        for k, prior in enumerate(priors):
            across = [panels[row][k] for row in range(k, len(priors))]
            mark_edges(across, panels[k][:k], prior, shown[k])
            if truths and prior.name in truths:
                _mark_truth(across, panels[k][:k], truths[prior.name])
            if prior.name in intervals:
                mark_interval(panels[k][k], intervals[prior.name])
                words = f"{interval_text(prior, intervals[prior.name])}\nprior {range_text(prior)}"
                panels[k][k].set_title(words, loc="left", fontsize=8 * text, color=RED)
        _label_panels(panels, [label(prior, model.experiments) for prior in priors])
        _draw_legend(figure, len(priors), 9 * text)
    return figure


def _choose_priors(model: Model, names: Sequence[str] | None) -> list[Prior]:
    known = dict(zip(model.names, model.parameters, strict=True))
    for name in names or ():
        if name not in known:
            raise BayesnuError(f"names: the model has no parameter '{name}'{did_you_mean(name, known)}")
    return [known[name] for name in names or known]


def _make_panels(figure: Figure, size: int, place: dict[str, float]) -> list[list[Axes]]:
    """The panels below the diagonal and on it, row by row."""
    grid = figure.add_gridspec(size, size, wspace=0.05, hspace=0.05, **place)
    panels = [[figure.add_subplot(grid[i, j]) for j in range(i + 1)] for i in range(size)]
    for axes in (axes for row in panels[:-1] for axes in row[1:-1]):
        axes.set_in_layout(False)  # amid others nothing sticks out of the page, so nothing is measured
    return panels


def _draw_marginal(axes: Axes, x: np.ndarray, prior: Prior, shown: Range) -> None:
    density, edges = np.histogram(x, CELLS, shown, density=True)
    axes.stairs(density, edges, color=DARK, linewidth=1.2)
    values = np.linspace(*shown, 201)
    axes.plot(values, np.exp(prior.logpdf(values)), **PRIOR)
    axes.set_ylim(0, 1.1 * density.max())


def _draw_contours(axes: Axes, x: np.ndarray, y: np.ndarray, x_shown: Range, y_shown: Range) -> None:
    """Draw where the density of samples x and y (n,) is highest and holds the probabilities of `LEVELS`."""
    options: dict[str, Any] = {"plot_datapoints": False, "plot_density": False, "quiet": True}
    options |= {"no_fill_contours": True, "fill_contours": True, "contourf_kwargs": {"colors": ["white", LIGHT, DARK]}}
    options |= {"contour_kwargs": {"colors": "black", "linewidths": 0.6}}
    corner.hist2d(x, y, ax=axes, range=[x_shown, y_shown], bins=CELLS, smooth=SMOOTHING, levels=LEVELS, **options)


def _mark_truth(across: Iterable[Axes], up: Iterable[Axes], value: float) -> None:
    for axes in across:
        axes.axvline(value, **TRUTH)
    for axes in up:
        axes.axhline(value, **TRUTH)


def _label_panels(panels: Sequence[Sequence[Axes]], labels: Sequence[str]) -> None:
    """Few ticks, with upright labels and the parameters' names at the left and at the bottom alone."""
    for i, row in enumerate(panels):
        for j, axes in enumerate(row):
            axes.set_xticks(_choose_ticks(*axes.get_xlim()))
            axes.set_yticks(_choose_ticks(*axes.get_ylim()) if i > j else [])
            axes.tick_params(labelbottom=i == len(panels) - 1, labelleft=j == 0)
        if i > 0:
            row[0].set_ylabel(labels[i])
            row[0].yaxis.set_label_coords(-0.36, 0.5)
        panels[-1][i].set_xlabel(labels[i])
        panels[-1][i].xaxis.set_label_coords(0.5, -0.2)


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
