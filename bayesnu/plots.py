"""Figures, the only import of matplotlib and corner: posteriors, spectra and profiles, readable when printed in grey.

Figures are built without pyplot, so a notebook's own are left alone, and in one style, so they look the same everywhere.
Each function writes a `.png` or `.pdf` that is complete or not there, and returns the figure. What comes from a chain
that has not converged is stamped so.
"""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.style import context
from matplotlib.ticker import MaxNLocator
from scipy.special import gammaincinv

from bayesnu import forward
from bayesnu.chains import Chain
from bayesnu.compare import KINDS as KINDS_COMPARED
from bayesnu.compare import Row
from bayesnu.convergence import Convergence
from bayesnu.credible import CredibleInterval, credible_interval
from bayesnu.errors import BayesnuError, did_you_mean
from bayesnu.experiments import Experiment
from bayesnu.integrate import Marginal
from bayesnu.model import Block, Model
from bayesnu.priors import Prior, describe
from bayesnu.profile import ProfileInterval, Scan, delta_chi2
from bayesnu.properties import PROPERTIES, Property, default_prior, property_of

if TYPE_CHECKING:
    from bayesnu.sampling import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # corner imports arviz, and 0.23 announces 1.0 once a day
    import corner

LEVELS = (0.68, 0.90)  # probability inside contours and central bands
MOST_DRAWS = 40_000  # of a corner plot
FEWEST_STEPS = 4  # that a credible interval can be taken from
PREDICTIVE_DRAWS, SEED = 4_000, 1  # parameter draws of a spectrum, and the seed of the counts drawn from them
FORMATS: dict[str, dict[str, Any]] = {".png": {"dpi": 200}, ".pdf": {"metadata": {"CreationDate": None}}}
KINDS = {"upper": "upper limit", "eti": "equal-tailed interval", "hdi": "highest-density interval"}
UNITS = {"mu_B": r"\mu_\mathrm{B}", "cm2": r"\mathrm{cm}^2", "sigma": r"\mathrm{s.d.}"}

STYLE = {"font.size": 9, "axes.formatter.useoffset": False, "legend.frameon": False, "hatch.linewidth": 0.6}
# In points: relative sizes would follow the settings of who draws a returned figure again.
STYLE |= {"axes.labelsize": 9, "axes.titlesize": 10, "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 9}
DARK, LIGHT, PALE, RED = "#4a7ab0", "#a9c6e3", "#e3ecf5", "#b3261e"  # distinct as greys too
PRIOR: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 0.9}
LIMIT: dict[str, Any] = {"color": RED, "linewidth": 1.4}
TRUTH: dict[str, Any] = {"color": "#00785a", "linestyle": (0, (1, 1)), "linewidth": 1.6, "zorder": 5}
EXCLUDED: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.55", "hatch": "//////", "linewidth": 0, "zorder": 4}
SOLAR = [("black", (0, (1, 1)), 1.4), (RED, "-", 2.0), (RED, (0, (4, 1)), 2.0), (RED, (0, (1.5, 1)), 2.0)]
BACKGROUND = [
    *(("#00785a", (0, (6, 1, 1, 1)), 1.1), ("#0072b2", (0, (7, 2)), 1.1), ("#a9568a", (0, (3, 1)), 1.1)),
    *(("#b07a00", (0, (3, 1, 1, 1)), 1.1), ("0.5", "-", 1.1), ("#3d3d8f", (0, (10, 2, 2, 2)), 1.1)),
]


def corner_plot(
    model: Model,
    chain: Chain,
    verdict: Convergence,
    settings: Settings,
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    truths: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the marginals of all parameters, or of `names`, in units of `scale * unit`; `truths` are values to mark.

    Contours hold 68 % and 90 % of the probability. Physics parameters get the credible interval of the settings.
    """
    priors = _chosen(model, names)
    draws = _draws(chain, verdict, MOST_DRAWS)[:, [chain.names.index(prior.name) for prior in priors]]
    intervals = _intervals(model, chain, verdict, settings)
    shown = [_shown(x, prior) for x, prior in zip(draws.T, priors, strict=True)]
    text = max(1.0, len(priors) / 9)  # a large figure is looked at from further away
    side = len(priors) * (2.3 if len(priors) < 4 else 1.6)
    with _figure(path, verdict.missing, figsize=(side, side)) as figure:
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
            _mark_edges(axes[k:, k], axes[k, :k], prior, shown[k])
            if truths and prior.name in truths:
                _mark_truth(axes[k:, k], axes[k, :k], truths[prior.name])
            if prior.name in intervals:
                _mark_interval(axes[k, k], intervals[prior.name])
                words = f"{_in_words(prior, intervals[prior.name])}\nprior {_range(prior)}"
                axes[k, k].set_title(words, loc="left", fontsize=8 * text, color=RED)
        _tidy(axes)
        _corner_legend(figure, len(priors), 9 * text)
    return figure


def spectrum_plot(model: Model, chain: Chain, verdict: Convergence, settings: Settings, path: str | Path) -> Figure:
    """Draw observed and predicted counts per bin against reconstructed energy [keV], one panel per experiment.

    Bands are central posterior intervals. Backgrounds are posterior medians; solar neutrinos are shown for the Standard
    Model and with each physics parameter at its credible bound, the others at zero.
    """
    draws = _draws(chain, verdict, PREDICTIVE_DRAWS)
    curves = _neutrinos(model, np.median(draws, axis=0), _intervals(model, chain, verdict, settings))
    curves |= _backgrounds(model, np.median(model.coefficients(draws), axis=0))
    expected = model.expected(draws)
    counts = np.random.default_rng(SEED).poisson(np.maximum(expected, 0))
    inner, outer = ([(1 - level) / 2, 0.5, (1 + level) / 2] for level in LEVELS)
    bands = {
        f"counts, central {LEVELS[1] * 100:.0f} %": (PALE, np.quantile(counts, outer, axis=0)),
        f"expected counts, {LEVELS[1] * 100:.0f} %": (LIGHT, np.quantile(expected, outer, axis=0)),
        f"expected counts, {LEVELS[0] * 100:.0f} %": (DARK, np.quantile(expected, inner, axis=0)),
    }
    blocks = model.blocks
    with _figure(path, verdict.missing, figsize=(8, 4.4 * len(blocks)), layout="constrained") as figure:
        parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
        for part, experiment, block in zip(parts, model.experiments, blocks, strict=True):
            _spectrum(part, model, experiment, block, bands, curves)
    return figure


def profile_plot(
    model: Model,
    curve: Scan,
    marginal: Marginal,
    settings: Settings,
    path: str | Path,
    *,
    intervals: Sequence[ProfileInterval] = (),
) -> Figure:
    """Draw the profiled chi^2 above the marginal posterior of the only physics parameter, in units of `scale * unit`.

    The levels are those of the settings' probability: 2.71 (two-sided) and 1.64 (one-sided) at 90 %. The credible bounds
    are the integrated posterior's quantiles; a highest-density interval is not drawn.
    """
    prior, rise = model.parameters[0], curve.chi2 - curve.chi2_min
    levels = {side: delta_chi2(settings.probability, side == "one-sided") for side in ("one-sided", "two-sided")}
    top = 2.5 * levels["two-sided"]
    shown = _shown(np.append(curve.values[rise < top], [marginal.quantile(p) for p in (0.001, 0.999)]), prior)
    with _figure(path, (), figsize=(6, 5.5), layout="constrained") as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        best = f"profile likelihood, best fit {_number(curve.best_value)}"
        above.plot(curve.values, rise, color=DARK, linewidth=1.6, label=best)
        for side, level in levels.items():
            above.axhline(level, color="0.4", linestyle="--", linewidth=0.8)
            words = f"{settings.probability * 100:g} % {side}\n({level:.2f})"
            above.text(1.01, level, words, transform=above.get_yaxis_transform(), va="center", fontsize=8)
        for interval in intervals:
            _mark_profile(above, interval, shown)
        above.set(ylim=(0, top), ylabel=r"$\Delta\chi^2$")
        _posterior(below, marginal, prior, shown, settings)
        for axes in (above, below):
            _mark_edges([axes], [], prior, shown)
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize=8, borderaxespad=0.2)
        below.set_xlabel(label(prior))
    return figure


def label(prior: Prior, experiments: Sequence[Experiment] = ()) -> str:
    """LaTeX label with the unit; with several experiments a nuisance's own, or `shared`, is in a second line."""
    symbol = re.sub(r"\\mathrm\{(\d+)([A-Z])", r"{}^{\1}\\mathrm{\2", prior.label)
    titles, owner = {e.name: _plain(e.title.partition(" (")[0]) for e in experiments}, prior.name.partition("[")[2][:-1]
    line = f"\n{titles.get(owner, 'shared')}" if owner and len(experiments) > 1 else ""
    return f"${symbol}$" + (f" [{unit}]" if (unit := _unit(prior)) else "") + line


def _plain(text: str) -> str:
    """Text from a file, with no formula in it."""
    return text.replace("$", r"\$")


def _unit(prior: Prior) -> str:
    exponent = np.log10(prior.scale)
    scale = f"10^{{{exponent:.0f}}}" if exponent == round(exponent) else f"{prior.scale:g}"
    parts = [scale if prior.scale != 1 else "", UNITS.get(prior.unit, prior.unit)]
    return f"${text}$" if (text := r"\,".join(part for part in parts if part)) else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}".replace("-", "−")


def _in_words(prior: Prior, interval: CredibleInterval) -> str:
    ends = ", ".join(_number(end) for end in (interval.lower, interval.upper) if end is not None)
    value = f"< {ends}" if interval.kind == "upper" else f"in [{ends}]"
    said = f"{interval.probability * 100:g} % credible {KINDS[interval.kind]}"
    return f"${prior.label}$ {value} × {_unit(prior)}\n{said}"


def _range(prior: Prior) -> str:
    return (describe(prior).partition("]")[0] + "]").replace("-", "−")


def _chosen(model: Model, names: Sequence[str] | None) -> list[Prior]:
    known = dict(zip(model.names, model.parameters, strict=True))
    for name in names or ():
        if name not in known:
            raise BayesnuError(f"names: the model has no parameter '{name}'{did_you_mean(name, known)}")
    return [known[name] for name in names or known]


def _draws(chain: Chain, verdict: Convergence, most: int) -> np.ndarray:
    """Draws (n, parameters) after the burn-in, evenly thinned to at most `most`."""
    kept = chain.samples[:, verdict.burn_in :]
    if kept.shape[1] < FEWEST_STEPS:
        raise BayesnuError(f"{chain.path}: {kept.shape[1]} steps are left after the burn-in; a figure needs {FEWEST_STEPS}")
    flat = kept.reshape(-1, len(chain.names))
    return flat[:: -(-len(flat) // most)]


def _intervals(model: Model, chain: Chain, verdict: Convergence, settings: Settings) -> dict[str, CredibleInterval]:
    samples = {prior.name: chain.of(prior.name)[:, verdict.burn_in :] for prior in model.physics}
    return {name: credible_interval(x, settings.kind, settings.probability) for name, x in samples.items()}


def _shown(x: np.ndarray, prior: Prior) -> tuple[float, float]:
    """Range of an axis: nearly all of x, not beyond the prior."""
    low, high = np.quantile(x, [0.0005, 0.9995])
    pad = 0.05 * (high - low) or 0.01 * max(abs(low), 1.0)
    return max(low - pad, prior.lower), min(high + pad, prior.upper)


def _mark_interval(axes: Axes, interval: CredibleInterval, text: str = "_") -> None:
    for end in (end for piece in interval.intervals for end in piece if end is not None):
        axes.axvline(end, label=text, **LIMIT)
        text = "_"  # one entry in the legend


def _mark_truth(across: Iterable[Axes], up: Iterable[Axes], value: float) -> None:
    for axes in across:
        axes.axvline(value, **TRUTH)
    for axes in up:
        axes.axhline(value, **TRUTH)


def _mark_edges(across: Iterable[Axes], up: Iterable[Axes], prior: Prior, shown: tuple[float, float]) -> None:
    """Hatch what a prior excludes if its edge is in view: the parameter is x of `across` and y of `up`."""
    margin = 0.05 * (shown[1] - shown[0])
    low = shown[0] - margin * (shown[0] == prior.lower)
    high = shown[1] + margin * (shown[1] == prior.upper)
    outside = [ends for ends in ((low, shown[0]), (shown[1], high)) if ends[0] < ends[1]]
    for axes in across:
        axes.set_xlim(low, high)
        for ends in outside:
            axes.axvspan(*ends, **EXCLUDED)
    for axes in up:
        axes.set_ylim(low, high)
        for ends in outside:
            axes.axhspan(*ends, **EXCLUDED)


def _tidy(axes: np.ndarray) -> None:
    """Upright tick labels and room for them."""
    for i, j in zip(*np.tril_indices(len(axes)), strict=True):
        axes[i, j].set_xticks(_inner_ticks(*axes[i, j].get_xlim()))
        axes[i, j].tick_params(labelrotation=0)
        axes[i, j].xaxis.set_label_coords(0.5, -0.2)
        if i > j:
            axes[i, j].set_yticks(_inner_ticks(*axes[i, j].get_ylim()))
            axes[i, j].yaxis.set_label_coords(-0.36, 0.5)


def _inner_ticks(low: float, high: float) -> np.ndarray:
    """Few round numbers, none so near to an end that labels of neighbouring panels would meet."""
    ticks, margin = np.asarray(MaxNLocator(4).tick_values(low, high)), 0.12 * (high - low)
    return ticks[((ticks > low + margin) | ((ticks == 0) & (low < 0))) & (ticks < high - margin)]


def _corner_legend(figure: Figure, size: int, fontsize: float) -> None:
    """Explain what was drawn."""
    colors = {line.get_color() for axes in figure.axes for line in axes.lines}
    hatched = any(patch.get_hatch() for axes in figure.axes for patch in axes.patches)
    handles: list[Any] = [
        Patch(facecolor=color, edgecolor="black", linewidth=0.6, label=f"contour: {level * 100:.0f} % of probability")
        for color, level in zip((DARK, LIGHT), LEVELS, strict=True)
    ] * (size > 1)
    handles += [Line2D([], [], color=DARK, label="marginal posterior"), Line2D([], [], label="prior", **PRIOR)]
    handles += [Line2D([], [], label="credible limit or interval", **LIMIT)] * (RED in colors)
    handles += [Line2D([], [], label="marked value", **TRUTH)] * (TRUTH["color"] in colors)
    handles += [Patch(label="outside the prior (moments:\nbelow the physical boundary 0)", **EXCLUDED)] * hatched
    place: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (0.98, 0.98), "fontsize": fontsize}
    if size < 4:  # no room among the panels
        place |= {"loc": "upper left", "bbox_to_anchor": (1.0, 0.85)}
    figure.legend(handles=handles, **place)


def _mark_profile(axes: Axes, interval: ProfileInterval, shown: tuple[float, float]) -> None:
    ends = [(low, high) for low, high in interval.intervals]
    words = " and ".join(f"[{_number(low) or '−∞'}, {_number(high) or '∞'}]" for low, high in ends)
    text = f"{interval.cl * 100:g} % profile {'one-sided limit' if interval.one_sided else 'interval'} {words}"
    color = "0.35" if interval.one_sided else "black"
    for low, high in ends:
        x = [shown[0] if low is None else low, shown[1] if high is None else high]
        axes.plot(x, [interval.delta_chi2] * 2, label=text, marker="|", markersize=9, linewidth=2.4, color=color)
        text = "_"  # one entry in the legend


def _posterior(axes: Axes, marginal: Marginal, prior: Prior, shown: tuple[float, float], settings: Settings) -> None:
    borders, p = np.linspace(*shown, 401), settings.probability
    x = (borders[1:] + borders[:-1]) / 2
    axes.plot(x, marginal.mean_density(x), color=DARK, linewidth=1.6, label="marginal posterior, integrated")
    axes.plot(x, np.exp(prior.logpdf(x)), label=f"prior {_range(prior)}", **PRIOR)
    if settings.kind != "hdi":
        tails = (None, p) if settings.kind == "upper" else ((1 - p) / 2, (1 + p) / 2)
        ends = tuple(None if tail is None else marginal.quantile(tail) for tail in tails)
        interval = CredibleInterval(settings.kind, p, marginal.quantile(0.5), ((ends[0], ends[1]),), None, None)
        _mark_interval(axes, interval, _in_words(prior, interval).replace("\n", ", "))
    axes.set_ylim(0)
    axes.set_ylabel(f"Density [1/({_unit(prior)})]")


def _neutrinos(model: Model, centre: np.ndarray, intervals: Mapping[str, CredibleInterval]) -> dict[str, Any]:
    """Style and solar-neutrino counts (bins,) by label: the Standard Model, and each physics parameter at its bounds."""
    theta = np.where(np.arange(len(centre)) < model.n_physics, 0.0, centre)
    points = {"solar ν, Standard Model": theta}
    for k, prior in enumerate(model.physics):
        interval = intervals[prior.name]
        for end in (interval.lower, interval.upper) if model.n_physics == 1 else (interval.upper,):
            if end is not None:
                text = f"solar ν at the {interval.probability * 100:g} % bound\n"
                text += f"${prior.label}$ = {_number(end)} × {_unit(prior)}"
                points[text] = np.where(np.arange(len(theta)) == k, end, theta)
    counts = [(model.coefficients(point) * model.is_signal) @ model.templates for point in points.values()]
    return {text: (*SOLAR[n % len(SOLAR)], counts[n]) for n, text in enumerate(points)}


def _backgrounds(model: Model, coefficients: np.ndarray) -> dict[str, Any]:
    """Style and counts (bins,) by label of every background component, largest first."""
    curves: dict[str, np.ndarray] = {}
    for t in np.flatnonzero(~model.is_signal):
        name = model.names[model.factors[t].min()].partition("[")[0]
        text = re.sub(r"^(\d+)([A-Z])", r"$^{\1}$\2", name)
        curves[text] = curves.get(text, 0.0) + coefficients[t] * model.templates[t]
    order = sorted(curves, key=lambda text: -float(curves[text].sum()))
    return {text: (*BACKGROUND[n % len(BACKGROUND)], curves[text]) for n, text in enumerate(order)}


def _spectrum(
    part: SubFigure,
    model: Model,
    experiment: Experiment,
    block: Block,
    bands: Mapping[str, Any],
    curves: Mapping[str, Any],
) -> None:
    bins = forward.bins_of(experiment, model.analysis)
    edges = experiment.edges_kev[bins.start : bins.stop + 1]
    middles, widths, observed = (edges[1:] + edges[:-1]) / 2, np.diff(edges), model.observed[block.bins]
    errors = np.abs(garwood(observed) - observed)
    median = [band[1, block.bins] for _, band in bands.values()][-1]
    root = np.sqrt(np.where(median > 0, median, 1.0))
    above, below = part.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for axes, shift, scale in ((above, 0.0, 1.0), (below, median, root)):
        y, error = (observed - shift) / scale, errors / scale
        axes.errorbar(middles, y, error, fmt="o", color="black", markersize=3, linewidth=0.8, label="observed")
        for text, (color, band) in bands.items():
            low, _, high = (band[:, block.bins] - shift) / scale
            axes.stairs(high, edges, baseline=low, fill=True, color=color, label=text)
        middle = (median - shift) / scale
        axes.stairs(middle, edges, baseline=None, color="black", linewidth=1.2, label="median prediction")
    for text, (color, line, width, counts) in curves.items():
        if np.any(counts[block.bins] != 0):
            style: dict[str, Any] = {"color": color, "linestyle": line, "linewidth": width}
            above.stairs(counts[block.bins], edges, baseline=None, label=text, **style)
    per = f"{widths[0]:g} keV bin" if np.allclose(widths, widths[0]) else "bin"
    above.set(title=_plain(experiment.title), ylabel=f"Counts per {per}", xlim=(edges[0], edges[-1]))
    above.set_ylim(0)
    below.set(xlabel="Reconstructed energy [keV]", ylabel="(obs. − exp.)\n/ √exp.")
    part.align_ylabels([above, below])
    handles, texts = above.get_legend_handles_labels()
    part.legend([handles[-1], *handles[:-1]], [texts[-1], *texts[:-1]], loc="outside right upper", fontsize=8)


def garwood(observed: np.ndarray) -> np.ndarray:
    """Central 68 % interval (2, bins) of a Poisson mean from observed counts (bins,)."""
    tail = (1 - LEVELS[0]) / 2
    low = np.where(observed > 0, gammaincinv(np.maximum(observed, 1), tail), 0.0)
    return np.array([low, gammaincinv(observed + 1, 1 - tail)])


@contextmanager
def _figure(path: str | Path, missing: Sequence[str], **options: Any) -> Iterator[Figure]:
    """A figure to draw on, then stamped and written; it takes the file's place once it is complete."""
    path = Path(path)
    suffix, copy = path.suffix.lower(), path.with_name(path.name + ".new")
    if suffix not in FORMATS:
        raise BayesnuError(f"{path}: a figure cannot be written as '{suffix}'; use {' or '.join(FORMATS)}")
    with context(("default", STYLE)):
        figure = Figure(**options)
        yield figure
        _stamp(figure, missing)
        try:
            figure.savefig(copy, format=suffix[1:], bbox_inches="tight", **FORMATS[suffix])
            copy.replace(path)
        except OSError as error:
            reason = error.strerror or error
            raise BayesnuError(f"{path}: the figure cannot be written ({reason}); choose another place") from None
        finally:
            with suppress(OSError):
                copy.unlink(missing_ok=True)


def _stamp(figure: Figure, missing: Sequence[str]) -> None:
    """Say across the figure that its chain has not converged, and above it why."""
    if not missing:
        return
    figure.draw_without_rendering()  # what lies where is known only then
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans + figure.transFigure.inverted())
    x, size = (box.x0 + box.x1) / 2, min(box.width * figure.get_figwidth(), 1.6 * box.height * figure.get_figheight())
    style: dict[str, Any] = {"fontweight": "bold", "color": RED, "alpha": 0.3, "rotation": 30, "zorder": 10}
    figure.text(x, (box.y0 + box.y1) / 2, "NOT CONVERGED", ha="center", va="center", fontsize=7 * size, **style)
    reasons = textwrap.fill("Not converged: " + "; ".join(missing), 90)
    figure.text(x, box.y1 + 0.02, reasons, ha="center", va="bottom", color=RED, fontsize=max(9.0, 0.9 * size))


def marginal_plot(model: Model, chain: Chain, verdict: Convergence, settings: Settings, path: str | Path) -> Figure:
    """Draw the marginal posterior of every parameter over its prior, in units of `scale * unit`.

    Physics parameters get the credible interval of the settings, and moduli the physical boundary at zero.
    """
    draws, priors = _draws(chain, verdict, MOST_DRAWS), model.parameters
    intervals = _intervals(model, chain, verdict, settings)
    columns = 2 if len(priors) < 10 else 3
    rows = -(-len(priors) // columns)
    with _figure(path, verdict.missing, figsize=(3 * columns, 0.6 + 1.9 * rows), layout="constrained") as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, prior, draw in zip(panels, priors, draws.T, strict=False):
            shown = _shown(draw, prior)
            x = np.linspace(*shown, 201)
            axes.fill_between(x, np.exp(prior.logpdf(x)), color="0.88", label="prior")
            axes.plot(x, np.exp(prior.logpdf(x)), **PRIOR)
            axes.hist(draw, bins=60, range=shown, density=True, histtype="step", color=DARK, label="marginal posterior")
            _mark_edges([axes], [], prior, shown)
            if prior.name in intervals:
                _mark_interval(axes, intervals[prior.name], f"{settings.probability * 100:g} % {KINDS[settings.kind]}")
                if prior.lower == 0 and not property_of(prior.name).signed:
                    axes.axvline(0, color="black", linewidth=2.4, zorder=5, label="physical boundary 0")
            axes.set(xlabel=label(prior, model.experiments), yticks=[])
            axes.set_ylim(0)
        for axes in panels[len(priors) :]:
            axes.set_axis_off()
        entries = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
        entries["outside the prior"] = Patch(**EXCLUDED)
        figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def trace_plot(model: Model, chain: Chain, verdict: Convergence, settings: Settings, path: str | Path) -> Figure:
    """Draw every parameter against the stored step: of each ensemble one walker (thin) and the median of all (thick).

    The burn-in is shaded; physics parameters get the credible interval of the settings.
    """
    intervals = _intervals(model, chain, verdict, settings)
    step = -(-chain.steps // 500)  # more steps than these are not seen
    steps, colors = np.arange(0, chain.steps, step), [style[0] for style in BACKGROUND]
    columns = 1 if len(chain.names) < 10 else 2
    rows = -(-len(chain.names) // columns)
    with _figure(path, verdict.missing, figsize=(3 + 3 * columns, 0.6 + 1.4 * rows), layout="constrained") as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, prior in zip(panels, model.parameters, strict=False):
            for n, values in enumerate(chain.of(prior.name)[:, ::step]):
                color = colors[n % len(colors)]
                axes.plot(steps, values[:, 0], color=color, linewidth=0.4, alpha=0.6)
                text = f"ensemble {n + 1}" if n < len(colors) else None
                axes.plot(steps, np.median(values, axis=1), color=color, linewidth=1.3, label=text)
            axes.axvspan(0, verdict.burn_in, color="0.85", zorder=0, label="burn-in, left out")
            for piece in intervals[prior.name].intervals if prior.name in intervals else ():
                for end in (end for end in piece if end is not None):
                    axes.axhline(end, **LIMIT)
            axes.set(xlim=(0, chain.steps), ylabel=label(prior, model.experiments).replace(" [", "\n["))
        for axes in panels[len(chain.names) :]:
            axes.set_axis_off()
        for axes in panels[len(chain.names) - columns : len(chain.names)]:
            axes.set_xlabel("Stored step")
        figure.align_ylabels(panels)
        handles, texts = panels[0].get_legend_handles_labels()
        handles, texts = [*handles, Line2D([], [], **LIMIT)], [*texts, "credible limit or interval"]
        figure.legend(handles, texts, loc="outside lower center", ncols=3, fontsize=8)
    return figure


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
    item, lines = PROPERTIES[drawn[0].parameter], list(_comparison_lines(drawn))
    with _figure(path, (), figsize=(7, 0.8 + 0.17 * len(lines)), layout="constrained") as figure:
        axes = figure.subplots()
        _comparison_axis(axes, item, drawn)
        beside: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
        beside |= {"va": "center", "fontsize": 6.5, "annotation_clip": False}
        for y, (_, entries) in enumerate(lines):
            if not entries:
                axes.axhspan(y - 0.5, y + 0.5, color="0.9", linewidth=0, zorder=0)
            for n, row in enumerate(entries):
                _comparison_mark(axes, row, y + 0.4 * (n - (len(entries) - 1) / 2) / max(len(entries) - 1, 1), item)
                axes.annotate(row.value(3).replace("-", "−"), (1, y), (COLUMNS[row.method], 0), **beside)
        methods = [method for method in COMPARED if any(row.method == method for row in drawn)]
        for method in (each for each in methods if each != "published"):
            axes.annotate(method, (1, 0), (COLUMNS[method], 0), **beside)  # own limits come first
        axes.set_yticks(range(len(lines)), [text for text, _ in lines], fontsize=7)
        for tick, (_, entries) in zip(axes.get_yticklabels(), lines, strict=True):
            tick.set_fontweight("normal" if entries else "bold")
        axes.set(ylim=(len(lines) - 0.5, -0.5), xlabel=label(default_prior(item.name)))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="0.88", linewidth=0.5)
        axes.set_axisbelow(True)
        handles = [Line2D([], [], label=COMPARED[method][0], **COMPARED[method][1]) for method in methods]
        handles.append(Line2D([], [], linestyle="none", label="90 % if not said"))
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=7)
    return figure


def _comparison_lines(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Text and rows of each line: a line without rows is the heading of a kind."""
    for kind, some in groupby(rows, key=lambda row: row.kind):
        yield KINDS_COMPARED[kind], []
        for text, entries in groupby(some, key=_comparison_label):
            yield text, list(entries)


def _comparison_label(row: Row) -> str:
    symbols = {"e": r"$\nu_e$", "mu": r"$\nu_\mu$", "tau": r"$\nu_\tau$", "Dirac": "Dirac"}
    flavour = f", {symbols[row.flavour]}" if row.flavour in symbols else ""
    level = "" if row.cl_percent == 90 or row.lower == row.upper else " (no CL)"
    return row.what + flavour + (f" ({row.cl_percent:g} %)" if level and row.cl_percent else level)


def _comparison_axis(axes: Axes, item: Property, rows: Sequence[Row]) -> None:
    """A range that holds every end; a signed axis is symmetric about zero."""
    ends = np.abs([end / item.scale for row in rows for piece in row.pieces for end in piece if end])
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


def _comparison_mark(axes: Axes, row: Row, y: float, item: Property) -> None:
    style = COMPARED[row.method][1] | {"zorder": 3}
    for low, high in row.pieces:
        if low is None and high is not None and not item.signed:
            x = high / item.scale
            axes.plot([x], [y], **style)
            arrow = {"arrowstyle": "->", "color": style["color"], "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (0.6 * x, y), (x, y), arrowprops=arrow, zorder=3)
            continue
        left, right = axes.get_xlim()
        ends = [left if low is None else low / item.scale, right if high is None else high / item.scale]
        axes.plot(ends, [y, y], **(style | {"marker": "D", "markersize": 3} if low == high else style))
