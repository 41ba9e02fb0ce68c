"""Expected limits against exposure, threshold or a background, and contours of the median against two of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from bayesnu.experiments import Setting
from bayesnu.model.priors import usual_prior
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.plots.style import DARK, LIGHT, PALE, RED, label, new_figure
from bayesnu.studies.forecast import Forecast
from bayesnu.support.errors import BayesnuError

LABELS = {"tonne_years": "exposure [t yr]", "threshold_kev": "threshold [keV]"}
FEWEST = 2  # values of an axis


def read_axes(settings: Sequence[Setting]) -> dict[str, np.ndarray]:
    """What differs between settings: the words of an axis, and its value (settings,) in each.

    Raises `BayesnuError` unless that is one thing or two.
    """
    values = {said: [getattr(each, name) for each in settings] for name, said in LABELS.items()}
    values |= {f"{name}, relative": [each.factors[name] for each in settings] for name in settings[0].factors}
    axes = {said: np.array(each) for said, each in values.items() if len({*each}) >= FEWEST}
    if len(axes) not in (1, 2):
        raise BayesnuError(
            f"figure: found {len(axes)} settings that differ; must be one or two of exposure, threshold and backgrounds"
        )
    return axes


def forecast_plot(forecasts: Sequence[Forecast], parameter: PhysicsParameter, title: str, path: str | Path) -> Figure:
    """Draw every end of the expected interval, in units of `scale * unit`, over what differs between the settings.

    One axis shows the median with its bands and the Asimov data; two show contours of the median of the upper end.
    """
    across = read_axes([each.setting for each in forecasts])
    with new_figure(path, (), figsize=(5.2, 4.2), layout="constrained") as figure:
        axes = figure.subplots()
        draw = _draw_bands if len(across) == 1 else _draw_contours
        draw(axes, forecasts, across, label(usual_prior(parameter)))
        axes.set_title(title, loc="left")
    return figure


def _draw_bands(axes: Axes, forecasts: Sequence[Forecast], across: dict[str, np.ndarray], name: str) -> None:
    ((said, values),) = across.items()
    order = np.argsort(values)
    x = values[order]
    for k, end in enumerate(forecasts[0].limits):
        if end.end.one_sided:
            continue
        words = iter(("median of toys", "68 % of toys", "95 % of toys", "Asimov data") if k == 0 else 4 * ("_",))
        bands = {name: np.array([forecasts[i].limits[k].bands[name][0] for i in order]) for name in end.bands}
        asimov = [forecasts[i].limits[k].observed for i in order]
        axes.plot(x, bands["median"], color=DARK, linewidth=1.6, label=next(words), zorder=3)
        axes.fill_between(x, bands["-1 sigma"], bands["+1 sigma"], color=LIGHT, label=next(words), zorder=2)
        axes.fill_between(x, bands["-2 sigma"], bands["+2 sigma"], color=PALE, label=next(words), zorder=1)
        axes.plot(x, asimov, color=RED, linestyle=(0, (4, 2)), linewidth=1.2, label=next(words), zorder=4)
    axes.set(xlabel=said, ylabel=name)
    _spread_axis(axes, "x", x)
    axes.margins(x=0)
    axes.legend(loc="best")


def _draw_contours(axes: Axes, forecasts: Sequence[Forecast], across: dict[str, np.ndarray], name: str) -> None:
    (x_said, x), (y_said, y) = across.items()
    columns = np.unique(x)
    rows = np.unique(y)
    if len(columns) * len(rows) != len(forecasts):
        raise BayesnuError("figure: found settings that are no grid; give every combination of two lists")
    medians = np.empty((len(rows), len(columns)))
    places = (np.searchsorted(rows, y), np.searchsorted(columns, x))
    upper = [limit.end.name for limit in forecasts[0].limits].index("upper")
    medians[places] = [each.limits[upper].bands["median"][0] for each in forecasts]
    drawn = axes.contour(columns, rows, medians, colors=DARK, levels=8)
    axes.clabel(drawn, fontsize=8)
    axes.set(xlabel=x_said, ylabel=y_said)
    _spread_axis(axes, "x", columns)
    _spread_axis(axes, "y", rows)
    axes.set_title(f"median upper end of {name}", loc="right", fontsize=8)


def _spread_axis(axes: Axes, which: Literal["x", "y"], values: np.ndarray) -> None:
    """A logarithmic axis with plain numbers where the values go over more than a factor of five."""
    if values.max() <= 5 * values.min():
        return
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
