"""What each property does to the recoil spectrum, before the detector and in the bins of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesnu.experiments import Experiment
from bayesnu.inference import profile
from bayesnu.inference.profiler import Profiler, check_ended
from bayesnu.model import predict
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.model.polynomial import Model
from bayesnu.physics.properties import PROPERTIES, parameter_of, read_value
from bayesnu.plots.style import (
    RED,
    Sheet,
    count_unit,
    garwood,
    new_figure,
    number_text,
    place_legend,
    plain_text,
    times_unit,
)
from bayesnu.support.errors import BayesnuError

ENERGIES = np.geomspace(0.1, 700.0, 600)  # keV, to beyond the edge of 7Be
LOWEST_RATE = 1e-3  # that is shown, per tonne, year and keV
FILLED = "0.87"  # grey of the background
REGION = "0.93"  # grey of the energies that the bins hold

# Colour and how wide: also distinct as greys, and where two values make the same spectrum.
VALUES = (("black", 1.0), ("#e59400", 2.2), (RED, 1.0))
# Line and width of the sum, and of what it is made of, for each choice of solar components.
SINGLE: dict[str, tuple[Any, float]] = {"pp": ((0, (5, 1.5)), 0.8), "$^7$Be": ((0, (1, 1)), 1.1)}
PARTS: dict[str, dict[str, tuple[Any, float]]] = {
    "pp-7be": {"pp + $^7$Be": ("-", 1.5), **SINGLE},
    "all": {"all": ("-", 1.5), **SINGLE, "pep and CNO": ((0, (4, 1, 1, 1, 1, 1)), 0.8)},
}
ALONE: Any = (0, (6, 1, 1, 1))


def signal_plot(
    experiment: Experiment,
    analysis: Analysis,
    path: str | Path | None = None,
    *,
    on: Sheet | None = None,
    values: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Draw what properties do to the spectrum of solar neutrinos: at true energy, and in the bins with data and background.

    `values` by parameter, in units of 1e-11 mu_B, 1e-12 e or 1e-32 cm^2, one or two of each, are drawn beside the Standard
    Model. By default they are the ends of the 90 % profile-likelihood intervals of the three properties. In the bins all
    nuisances are fitted anew.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    Raises `BayesnuError` for values that are no numbers, or too many.
    """
    models = {name: build([experiment], [name], analysis) for name in values or PROPERTIES}
    for name, given in values.items() if values else ():
        if not 1 <= len(given) < len(VALUES):
            raise BayesnuError(f"values of {name}: found {len(given)}; give one or two numbers")
    drawn = {
        name: np.array([read_value(parameter_of(name), each) for each in values[name]]) if values else _find_ends(model)
        for name, model in models.items()
    }
    with new_figure(path, (), on, figsize=(7.4, 2.5 * len(models) + 0.7), layout="constrained") as figure:
        panels = figure.subplots(len(models), 2, squeeze=False, sharex="col")
        for (left, right), model in zip(panels, models.values(), strict=True):
            _draw_rates(left, model, experiment, drawn[model.names[0]])
            _draw_bins(right, model, experiment, drawn[model.names[0]])
        panels[0, 0].set_title("True energy, before the detector")
        panels[0, 1].set_title(plain_text(experiment.short_title))
        panels[-1, 0].set_xlabel("Recoil energy [keV]")
        panels[-1, 1].set_xlabel("Reconstructed energy [keV]")
        colours = None if values else "In colour: the ends of the 90 % profile-likelihood intervals"
        figure.legend(
            handles=_list_legend(analysis),
            title=colours,
            title_fontsize=8,
            loc=place_legend(figure, "lower center"),
            ncols=3,
            fontsize=8,
        )
    return figure


def _find_ends(model: Model) -> np.ndarray:
    """Ends of the 90 % profile interval that are not the physical boundary, in units of the scale."""
    interval = profile.interval(model, cl=0.9)
    return np.array([end for end in (interval.lower, interval.upper) if end is not None and end != 0])


def _choose_curves(ends: np.ndarray) -> list[tuple[float, dict[str, Any]]]:
    """Values to draw, the Standard Model's zero first, each with color, width and order of its lines."""
    chosen = (VALUES[0], *VALUES[len(VALUES) - len(ends) :])
    styles = ({"color": color, "linewidth": wide, "zorder": 2.5 - 0.1 * wide} for color, wide in chosen)
    return list(zip([0.0, *ends], styles, strict=True))


def _draw_rates(axes: Axes, model: Model, experiment: Experiment, ends: np.ndarray) -> None:
    """Rates at true energy, in all and per flux component."""
    prior = model.parameters[0]
    top = 0.0
    for value, style in _choose_curves(ends):
        parts = _join_small(predict.rate(ENERGIES, model.analysis, **{prior.name: value}))
        drawn = PARTS[model.analysis.solar_components].values()
        for (line, width), rate in zip(drawn, (parts.sum(axis=0), *parts), strict=True):
            shown = np.where(rate > 0, rate, np.nan)
            axes.plot(ENERGIES, shown, linestyle=line, **(style | {"linewidth": width * style["linewidth"]}))
        top = max(top, float(parts.sum(axis=0).max()))
    edges = _find_bin_edges(model, experiment)
    axes.axvspan(edges[0], edges[-1], color=REGION, zorder=0)
    axes.set(xscale="log", yscale="log", xlim=(ENERGIES[0], ENERGIES[-1]), ylim=(LOWEST_RATE, 2 * top))
    axes.set_ylabel("Rate [1/(t yr keV)]")
    texts = ("Standard Model", *(f"${prior.label}$ = {number_text(end)}{times_unit(prior)}" for end in ends))
    lines = [Line2D([], [], label=text, **style) for text, (_, style) in zip(texts, _choose_curves(ends), strict=True)]
    axes.legend(handles=lines, loc="lower left", fontsize=7.5, handlelength=1.4, labelspacing=0.3)


def _join_small(rates: np.ndarray) -> np.ndarray:
    """Rates of pp, of 7Be and, if there are any, of all others together."""
    others = rates[2:].sum(axis=0, keepdims=True)
    return rates if len(rates) == 2 else np.concatenate([rates[:2], others])


def _find_bin_edges(model: Model, experiment: Experiment) -> np.ndarray:
    return observe(experiment, model.analysis).edges_kev


def _draw_bins(axes: Axes, model: Model, experiment: Experiment, ends: np.ndarray) -> None:
    """Counts with the nuisances fitted anew at every value."""
    edges = _find_bin_edges(model, experiment)
    bins = model.blocks[0].bins
    observed = model.observed[bins]
    unit, unit_label = count_unit(edges)
    fit = Profiler(model).at(0, np.array([0.0, *ends]))
    check_ended(fit, "signals")
    coefficients = model.coefficients(fit.theta)
    templates = model.templates[:, bins]
    neutrinos = (coefficients * model.is_signal) @ templates
    total = coefficients @ templates
    axes.stairs((total - neutrinos)[0] / unit, edges, fill=True, color=FILLED)
    for counts, alone, (_, style) in zip(total, neutrinos, _choose_curves(ends), strict=True):
        axes.stairs(counts / unit, edges, baseline=None, **(style | {"linewidth": 1.5 * style["linewidth"]}))
        axes.stairs(alone / unit, edges, baseline=None, linestyle=ALONE, **style)
    middles = (edges[1:] + edges[:-1]) / 2
    errors = np.abs(garwood(observed) - observed)
    axes.errorbar(middles, observed / unit, errors / unit, fmt="o", color="black", markersize=2.5, linewidth=0.7)
    axes.set(xlim=(edges[0], edges[-1]), ylabel=unit_label)
    axes.set_ylim(0)


def _list_legend(analysis: Analysis) -> list[Any]:
    black: dict[str, Any] = {"color": "black"}
    parts = PARTS[analysis.solar_components].items()
    return [
        *(Line2D([], [], linestyle=s, linewidth=w, label=f"solar ν, {text}", **black) for text, (s, w) in parts),
        Patch(color=REGION, label="energies of the bins"),
        Line2D([], [], linewidth=1.5, label="solar ν and background, fitted", **black),
        Line2D([], [], linestyle=ALONE, linewidth=1.0, label="solar ν in the bins", **black),
        Patch(color=FILLED, label="background, Standard Model fit"),
        Line2D([], [], marker="o", markersize=2.5, linewidth=0.7, label="observed", **black),
    ]
