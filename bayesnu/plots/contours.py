"""Two parameters together: regions of the posterior and contours of the profile likelihood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from bayesnu.inference.joint import PROBABILITIES, PROFILE_PROBABILITIES, TIED, Joint, profile_level
from bayesnu.model.priors import usual_prior
from bayesnu.plots.style import (
    DARK,
    EXCLUDED,
    LIGHT,
    TRUTH,
    Sheet,
    label,
    mark_edges,
    new_figure,
    number_text,
    place_legend,
    plain_text,
)

SEEN = 0.99  # probability that the axes hold
PROFILE: dict[float, Any] = dict(zip(PROFILE_PROBABILITIES, ("-", (0, (5, 2)), (0, (1, 1.5))), strict=True))
BEST: dict[str, Any] = {"color": "white", "marker": "X", "markersize": 10, "markeredgecolor": "black", "linestyle": "none"}
STANDARD: dict[str, Any] = {"color": TRUTH["color"], "marker": "o", "markersize": 6, "markeredgecolor": "white"}
PRIOR_END: dict[str, Any] = {"color": "black", "linestyle": ":", "linewidth": 1.0, "label": "end of a prior"}


def contour_plot(joint: Joint, path: str | Path | None = None, *, on: Sheet | None = None) -> Figure:
    """Draw where the posterior is highest, holding 68 % and 90 % of the probability, under the profile's contours.

    Contours of the profile likelihood are at the quantiles of chi^2 with two degrees of freedom, 2.30, 4.61 and 5.99. All
    is in units of `scale * unit`.

    It is written if there is a `path`. `on` is a figure of yours, or a part of one, which is then drawn on and returned.
    """
    priors = joint.model.physics
    x = joint.x
    y = joint.y
    with new_figure(path, (), on, figsize=(4.6, 5.4), layout="constrained") as figure:
        axes = figure.subplots()
        with np.errstate(divide="ignore"):
            height = np.maximum(np.log(joint.density.T / joint.density.max()), -60.0)
        inner, outer = (np.log(joint.hpd_level(level) / joint.density.max()) for level in PROBABILITIES)
        axes.contourf(x, y, height, levels=[outer, inner, 1.0], colors=[LIGHT, DARK])
        levels = [profile_level(probability) for probability in PROFILE]
        lines = axes.contour(x, y, joint.delta_chi2.T, levels=levels, colors="black", linewidths=1.2)
        lines.set_linestyle(list(PROFILE.values()))
        texts = axes.clabel(lines, fmt={level: f"{level:.2f}" for level in levels}, fontsize=8)
        for text in texts:
            text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
        if joint.is_ridge:
            axes.contourf(x, y, joint.delta_chi2.T, levels=[-1.0, TIED], colors=["black"])
        else:
            axes.plot(*joint.best.T, clip_on=False, zorder=6, **BEST)
        axes.plot(*joint.model.standard, clip_on=False, zorder=7, linestyle="none", **STANDARD)
        _set_axes(axes, joint)
        axes.set(xlabel=label(priors[0]), ylabel=label(priors[1]))
        axes.set_title(" + ".join(plain_text(e.short_title) for e in joint.model.experiments), loc="left")
        ends = [line for line in axes.lines if line.get_label() == PRIOR_END["label"]]
        figure.legend(handles=[*_list_legend(joint), *ends[:1]], loc=place_legend(figure, "lower left"), fontsize=8)
    return figure


def _set_axes(axes: Axes, joint: Joint) -> None:
    """Axes that hold nearly everything, hatched below the physical boundary and marked where a prior ends."""
    inside = (joint.delta_chi2 < 1.25 * profile_level(PROFILE_PROBABILITIES[-1])) | (joint.density > joint.hpd_level(SEEN))
    for k, (prior, values) in enumerate(zip(joint.model.physics, (joint.x, joint.y), strict=True)):
        held = np.append(values[inside.any(axis=1 - k)], joint.model.standard[k])
        pad = 0.05 * np.ptp(held)
        usual = usual_prior(prior.of_interest)
        lowest, highest = prior.of_interest.bounds
        shown = (max(held.min() - pad, lowest), min(held.max() + pad, highest))
        across, up = ([axes], []) if k == 0 else ([], [axes])
        mark_edges(across, up, usual, shown)
        draw_line = axes.axvline if k == 0 else axes.axhline
        for end in (prior.lower, prior.upper):
            if shown[0] < end < shown[1]:
                draw_line(end, **PRIOR_END)


def _list_legend(joint: Joint) -> list[Any]:
    kinds = sorted({prior.description for prior in joint.model.physics})
    handles: list[Any] = [
        Patch(color=color, label=f"posterior, {level * 100:.0f} % of probability, prior {' and '.join(kinds)}")
        for color, level in zip((DARK, LIGHT), PROBABILITIES, strict=True)
    ]
    for p, line in PROFILE.items():
        text = rf"profile likelihood, $\Delta\chi^2$ = {profile_level(p):.2f} ({p * 100:.4g} %)"
        handles.append(Line2D([], [], color="black", linestyle=line, linewidth=1.2, label=text))
    points = " and ".join(f"({', '.join(number_text(v) for v in point)})" for point in joint.best)
    if joint.is_ridge:
        handles.append(Patch(color="black", label=rf"best fit, no single point: $\Delta\chi^2$ < {TIED:g}"))
    else:
        handles.append(Line2D([], [], label=f"best fit {points}", **BEST))
    handles.append(Line2D([], [], linestyle="none", label="Standard Model", **STANDARD))
    if not all(prior.of_interest.signed for prior in joint.model.physics):
        handles.append(Patch(label="below the physical boundary 0", **EXCLUDED))
    if joint.is_open:
        handles.append(Line2D([], [], linestyle="none", label=r"no limit: $\Delta\chi^2$ has not risen where the axes end"))
    return handles
