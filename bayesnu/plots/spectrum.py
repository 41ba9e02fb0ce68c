"""Data and prediction per bin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure

from bayesnu.experiments import Experiment
from bayesnu.inference.diagnostics import Verdict
from bayesnu.inference.interval import CredibleInterval
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings
from bayesnu.model.nuisances import Nuisance
from bayesnu.model.observation import observe
from bayesnu.model.polynomial import Block, Model
from bayesnu.plots.style import (
    BACKGROUND,
    DARK,
    LEVELS,
    LIGHT,
    PALE,
    SOLAR,
    Sheet,
    count_unit,
    find_intervals,
    formula_text,
    garwood,
    new_figure,
    number_text,
    plain_text,
    take_draws,
    times_unit,
)

PREDICTIVE_DRAWS = 4_000  # parameter draws of a spectrum
SEED = 1  # of the counts drawn from them
LEGEND = 0.32  # of the width of a part, in a figure that is not cut to what is drawn
PLACE = {"left": 0.11, "right": 0.99, "bottom": 0.11, "top": 0.93, "hspace": 0.06}  # of the panels in their part of a figure


def spectrum_plot(
    model: Model,
    chain: Chain,
    verdict: Verdict,
    settings: Settings,
    path: str | Path | None = None,
    *,
    on: Sheet | None = None,
) -> Figure:
    """Draw observed and predicted counts per bin against reconstructed energy [keV], one panel per experiment.

    Bands are central posterior intervals. Backgrounds are posterior medians; solar neutrinos are shown for the Standard
    Model and with each physics parameter at its credible bound, the others at zero.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    """
    draws = take_draws(chain, verdict, PREDICTIVE_DRAWS)
    curves = _count_neutrinos(model, np.median(draws, axis=0), find_intervals(model, chain, verdict, settings))
    curves |= _count_backgrounds(model, np.median(model.coefficients(draws), axis=0))
    expected = model.expected(draws)
    counts = np.random.default_rng(SEED).poisson(np.maximum(expected, 0))
    inner, outer = ([(1 - level) / 2, 0.5, (1 + level) / 2] for level in LEVELS)
    bands = {
        f"counts, central {LEVELS[1] * 100:.0f} %": (PALE, np.quantile(counts, outer, axis=0)),
        f"expected counts, {LEVELS[1] * 100:.0f} %": (LIGHT, np.quantile(expected, outer, axis=0)),
        f"expected counts, {LEVELS[0] * 100:.0f} %": (DARK, np.quantile(expected, inner, axis=0)),
    }
    blocks = model.blocks
    with new_figure(path, verdict.missing, on, figsize=(6, 4.4 * len(blocks))) as figure:
        parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
        for part, experiment, block in zip(parts, model.experiments, blocks, strict=True):
            _draw_spectrum(part, model, experiment, block, bands, curves, PLACE["right"] - LEGEND * (on is not None))
    return figure


def _count_neutrinos(model: Model, centre: np.ndarray, intervals: Mapping[str, CredibleInterval]) -> dict[str, Any]:
    """Style and solar-neutrino counts (bins,) by label: the Standard Model, and each physics parameter at its bounds."""
    theta = np.concatenate([model.standard, centre[model.n_physics :]])
    points = {"solar ν, Standard Model": theta}
    for k, prior in enumerate(model.physics):
        interval = intervals[prior.name]
        for end in (interval.lower, interval.upper) if model.n_physics == 1 else (interval.upper,):
            if end is not None:
                text = f"solar ν at the {interval.probability * 100:g} % bound\n"
                text += f"${prior.label}$ = {number_text(end)}{times_unit(prior)}"
                points[text] = np.where(np.arange(len(theta)) == k, end, theta)
    counts = [(model.coefficients(point) * model.is_signal) @ model.templates for point in points.values()]
    return {text: (*SOLAR[n % len(SOLAR)], counts[n]) for n, text in enumerate(points)}


def _count_backgrounds(model: Model, coefficients: np.ndarray) -> dict[str, Any]:
    """Style and counts (bins,) by label of every background component, largest first."""
    curves: dict[str, np.ndarray] = {}
    components = [each for experiment in model.experiments for each in experiment.background.components]
    of_others = {each.shape for each in components if each.shape != each.name}
    labels = {each.name: formula_text(each.label) for each in components if each.name not in of_others}
    for t in np.flatnonzero(~model.is_signal):
        nuisance = model.parameters[model.factors[t].min()].parameter
        name = nuisance.quantity if isinstance(nuisance, Nuisance) else nuisance.name
        text = labels.get(name, name)
        curves[text] = curves.get(text, 0.0) + coefficients[t] * model.templates[t]
    order = sorted(curves, key=lambda text: -float(curves[text].sum()))
    return {text: (*BACKGROUND[n % len(BACKGROUND)], curves[text]) for n, text in enumerate(order)}


def _draw_spectrum(
    part: SubFigure,
    model: Model,
    experiment: Experiment,
    block: Block,
    bands: Mapping[str, Any],
    curves: Mapping[str, Any],
    right: float,
) -> None:
    edges = observe(experiment, model.analysis).edges_kev
    middles = (edges[1:] + edges[:-1]) / 2
    unit, unit_label = count_unit(edges)
    observed = model.observed[block.bins]
    errors = np.abs(garwood(observed) - observed)
    median = [band[1, block.bins] for _, band in bands.values()][-1]
    root = np.sqrt(np.where(median > 0, median, 1.0))
    above, below = part.subplots(2, 1, sharex=True, height_ratios=(3, 1), gridspec_kw=PLACE | {"right": right})
    for axes, shift, scale in ((above, 0.0, unit), (below, median, root)):
        y = (observed - shift) / scale
        error = errors / scale
        axes.errorbar(middles, y, error, fmt="o", color="black", markersize=3, linewidth=0.8, label="observed")
        for text, (color, band) in bands.items():
            low, _, high = (band[:, block.bins] - shift) / scale
            axes.stairs(high, edges, baseline=low, fill=True, color=color, label=text)
        middle = (median - shift) / scale
        axes.stairs(middle, edges, baseline=None, color="black", linewidth=1.2, label="median prediction")
    for text, (color, line, width, counts) in curves.items():
        if np.any(counts[block.bins] != 0):
            style: dict[str, Any] = {"color": color, "linestyle": line, "linewidth": width}
            above.stairs(counts[block.bins] / unit, edges, baseline=None, label=text, **style)
    above.set(title=plain_text(experiment.title), ylabel=unit_label, xlim=(edges[0], edges[-1]))
    above.set_ylim(0)
    below.set(xlabel="Reconstructed energy [keV]", ylabel="(obs. − exp.)\n/ √exp.")
    part.align_ylabels([above, below])
    handles, texts = above.get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (right + 0.01, PLACE["top"])}
    part.legend([handles[-1], *handles[:-1]], [texts[-1], *texts[:-1]], fontsize=8, **place)
