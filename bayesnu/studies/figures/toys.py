"""What toy experiments say: the belt of Feldman and Cousins, and coverage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bayesnu.inference.interval import ProfileInterval
from bayesnu.inference.toys.belt import Belt
from bayesnu.model.priors import Prior
from bayesnu.plots.style import BACKGROUND, DARK, label, new_figure
from bayesnu.studies.coverage import Coverage
from bayesnu.support.text import percent


def belt_plot(prior: Prior, belt: Belt, wilks: ProfileInterval, path: str | Path) -> Figure:
    """Draw the statistic of the data and the critical values over the true value, in units of `scale * unit`."""
    with new_figure(path, (), figsize=(6, 4), layout="constrained") as figure:
        axes = figure.subplots()
        axes.plot(belt.values, belt.observed, color=DARK, linewidth=1.6, label="statistic of the data")
        axes.errorbar(
            belt.values,
            belt.critical,
            belt.critical_error,
            color=BACKGROUND[0][0],
            linewidth=1.2,
            elinewidth=0.8,
            label=f"critical value, {percent(belt.cl)}, {belt.toys // len(belt.values)} toys each",
        )
        axes.axhline(wilks.delta_chi2, color="0.4", linestyle="--", linewidth=0.8, label=f"Δχ² = {wilks.delta_chi2:.2f}")
        for low, high in belt.interval.pieces:
            left = belt.values[0] if low is None else low
            right = belt.values[-1] if high is None else high
            axes.axvspan(left, right, facecolor="0.9", edgecolor="0.6", zorder=0)
        axes.fill_between([], [], facecolor="0.9", edgecolor="0.6", label="accepted")
        axes.set(
            xlim=(belt.values[0], belt.values[-1]),
            ylim=(0, 2.5 * max(belt.critical.max(), wilks.delta_chi2)),
            xlabel=f"True {label(prior)}",
            ylabel=r"$\chi^2 - \chi^2_\mathrm{min}$",
        )
        axes.legend(fontsize=8)
    return figure


def coverage_plot(prior: Prior, curves: Sequence[Coverage], cl: float, path: str | Path) -> Figure:
    """Draw the coverage of every interval over the true value, in units of `scale * unit`, with binomial bands.

    Profile-likelihood and Feldman-Cousins intervals are above, credible ones below where there are any.
    """
    frequentist = [c for c in curves if "credible" not in c.interval]
    credible = [c for c in curves if "credible" in c.interval]
    kinds = [frequentist, credible] if credible else [frequentist]
    with new_figure(path, (), figsize=(7.5, 8 if credible else 4), layout="constrained") as figure:
        panels = figure.subplots(len(kinds), 1, sharex=True, height_ratios=(2, 3)[: len(kinds)], squeeze=False)[:, 0]
        for axes, drawn in zip(panels, kinds, strict=True):
            for n, curve in enumerate(drawn):
                color = BACKGROUND[n % 6][0]
                line = ("-", "--", ":")[n // 3 % 3]
                low, high = curve.coverage - curve.error, curve.coverage + curve.error
                axes.fill_between(curve.values, low, high, color=color, alpha=0.2, linewidth=0)
                axes.plot(curve.values, curve.coverage, line, marker="osv^D"[n % 5], ms=3, color=color, label=curve.interval)
            axes.axhline(cl, color="0.3", linewidth=1)
            lowest = min(float(curve.coverage.min()) for curve in drawn)
            axes.set(ylim=(max(min(lowest - 0.02, cl - 0.1), -0.02), 1.01), ylabel=f"Coverage of {percent(cl)} intervals")
        panels[0].legend(fontsize=7, loc="lower right")
        panels[-1].set_xlabel(f"True {label(prior)}")
        if credible:
            handles, texts = panels[-1].get_legend_handles_labels()
            figure.legend(handles, texts, loc="outside lower center", fontsize=7, ncols=2)
    return figure
