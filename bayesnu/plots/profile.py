"""The profile likelihood above the marginal posterior of one parameter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesnu.inference.interval import ProfileInterval, delta_chi2
from bayesnu.inference.line import Scan
from bayesnu.inference.marginal import Marginal
from bayesnu.inference.settings import Settings
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior
from bayesnu.plots.style import (
    DARK,
    PRIOR,
    Sheet,
    interval_text,
    label,
    mark_edges,
    mark_interval,
    new_figure,
    number_text,
    range_text,
    shown_range,
    unit_of,
)


def profile_plot(
    model: Model,
    curve: Scan,
    marginal: Marginal,
    settings: Settings,
    path: str | Path | None = None,
    *,
    on: Sheet | None = None,
    intervals: Sequence[ProfileInterval] = (),
) -> Figure:
    """Draw the profiled chi^2 above the marginal posterior of the only physics parameter, in units of `scale * unit`.

    The levels are those of the settings' probability: 2.71 (two-sided) and 1.64 (one-sided) at 90 %. The credible bounds
    are those of the integrated posterior.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    """
    prior = model.parameters[0]
    rise = curve.chi2 - curve.chi2_min
    sides = ("one-sided", "two-sided") if settings.probability > 0.5 else ("two-sided",)
    levels = {side: delta_chi2(settings.probability, side == "one-sided") for side in sides}
    top = 2.5 * levels["two-sided"]
    shown = shown_range(np.append(curve.values[rise < top], [marginal.quantile(p) for p in (0.001, 0.999)]), prior)
    with new_figure(path, (), on, figsize=(6, 5.5), layout="constrained") as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        best = f"profile likelihood, best fit {number_text(curve.best_value)}"
        above.plot(curve.values, rise, color=DARK, linewidth=1.6, label=best)
        for side, level in levels.items():
            above.axhline(level, color="0.4", linestyle="--", linewidth=0.8)
            words = f"{settings.probability * 100:g} % {side}\n({level:.2f})"
            above.text(1.01, level, words, transform=above.get_yaxis_transform(), va="center", fontsize=8)
        for interval in intervals:
            _mark_profile(above, interval, shown)
        above.set(ylim=(0, top), ylabel=r"$\Delta\chi^2$")
        _draw_posterior(below, marginal, prior, shown, settings)
        for axes in (above, below):
            mark_edges([axes], [], prior, shown)
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8, borderaxespad=0.2)
        below.set_xlabel(label(prior))
    return figure


def _mark_profile(axes: Axes, interval: ProfileInterval, shown: tuple[float, float]) -> None:
    ends = [(low, high) for low, high in interval.pieces]
    words = " and ".join(f"[{number_text(low) or '−∞'}, {number_text(high) or '∞'}]" for low, high in ends)
    text = f"{interval.cl * 100:g} % profile {'one-sided limit' if interval.one_sided else 'interval'} {words}"
    color = "0.35" if interval.one_sided else "black"
    for low, high in ends:
        x = [shown[0] if low is None else low, shown[1] if high is None else high]
        axes.plot(x, [interval.delta_chi2] * 2, label=text, marker="|", markersize=9, linewidth=2.4, color=color)
        text = "_"  # one entry in the legend


def _draw_posterior(axes: Axes, marginal: Marginal, prior: Prior, shown: tuple[float, float], settings: Settings) -> None:
    borders = np.linspace(*shown, 401)
    x = (borders[1:] + borders[:-1]) / 2
    axes.plot(x, marginal.mean_density(x), color=DARK, linewidth=1.6, label="marginal posterior, integrated")
    axes.plot(x, np.exp(prior.logpdf(x)), label=f"prior {range_text(prior)}", **PRIOR)
    interval = marginal.interval(settings.kind, settings.probability)
    mark_interval(axes, interval, interval_text(prior, interval).replace("\n", ", "))
    axes.set_ylim(0)
    unit = unit_of(prior)
    axes.set_ylabel(f"Density [1/({unit})]" if unit else "Density")
