"""What all figures share: colours, labels, the look of limits and boundaries, and how a file is written."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.mathtext import MathTextParser
from matplotlib.style import context
from matplotlib.transforms import Bbox
from PIL import Image
from scipy.special import gammaincinv

from bayesnu.experiments import Experiment
from bayesnu.inference.credible import drawn_interval
from bayesnu.inference.diagnostics import Verdict
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import CredibleInterval, IntegratedInterval, Interval
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings
from bayesnu.model.nuisances import Nuisance
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior, describe
from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file

LEVELS = (0.68, 0.90)  # probability inside contours and central bands
MOST_DRAWS = 40_000  # of a corner plot
FEWEST_STEPS = 4  # that a credible interval can be taken from
FORMATS: dict[str, dict[str, Any]] = {".png": {}, ".pdf": {"CreationDate": None}}  # the metadata of a file
DPI = 200  # of a PNG
MOST_COLOURS = 256  # of a PNG: no figure needs more, and its file is a third as large
MARGIN = 0.1  # inches around what is drawn
KINDS = {"upper": "upper limit", "eti": "equal-tailed interval", "hdi": "highest-density interval"}
UNITS = {"mu_B": r"\mu_\mathrm{B}", "cm2": r"\mathrm{cm}^2", "sigma": r"\mathrm{s.d.}"}
STYLE = {"font.size": 9, "axes.formatter.useoffset": False, "legend.frameon": False, "hatch.linewidth": 0.6}

# In points: relative sizes would follow the settings of who draws a returned figure again.
STYLE |= {"axes.labelsize": 9, "axes.titlesize": 10, "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 9}

Sheet: TypeAlias = Figure | SubFigure  # what panels can be drawn on

_DRAWING = RLock()

# Distinct as greys too.
DARK = "#4a7ab0"
LIGHT = "#a9c6e3"
PALE = "#e3ecf5"
RED = "#b3261e"
PRIOR: dict[str, Any] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 0.9}
LIMIT: dict[str, Any] = {"color": RED, "linewidth": 1.4}
TRUTH: dict[str, Any] = {"color": "#00785a", "linestyle": (0, (1, 1)), "linewidth": 1.6, "zorder": 5}
EXCLUDED: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.55", "hatch": "//////", "linewidth": 0, "zorder": 4}
SOLAR = [("black", (0, (1, 1)), 1.4), (RED, "-", 2.0), (RED, (0, (4, 1)), 2.0), (RED, (0, (1.5, 1)), 2.0)]
BACKGROUND = [
    *(("#00785a", (0, (6, 1, 1, 1)), 1.1), ("#0072b2", (0, (7, 2)), 1.1), ("#a9568a", (0, (3, 1)), 1.1)),
    *(("#b07a00", (0, (3, 1, 1, 1)), 1.1), ("0.5", "-", 1.1), ("#3d3d8f", (0, (10, 2, 2, 2)), 1.1)),
    *(("#d55e00", (0, (1, 2)), 1.5), ("#0b4f6c", (0, (5, 1, 2, 1)), 1.1)),
]


def label(prior: Prior, experiments: Sequence[Experiment] = ()) -> str:
    """LaTeX label with the unit; with several experiments a nuisance's own, or `shared`, is in a second line."""
    symbol = re.sub(r"\\mathrm\{(\d+)([A-Z])", r"{}^{\1}\\mathrm{\2", prior.label)
    unit = unit_of(prior)
    line = f"\n{_name_owner(prior, experiments)}" if len(experiments) > 1 and _is_owned(prior) else ""
    return f"${symbol}$" + (f" [{unit}]" if unit else "") + line


def _is_owned(prior: Prior) -> bool:
    """Whether a parameter belongs to an experiment or to several that share it."""
    nuisance = prior.parameter
    return isinstance(nuisance, Nuisance) and (nuisance.experiment or nuisance.shared) is not None


def _name_owner(prior: Prior, experiments: Sequence[Experiment]) -> str:
    """The title of the experiment that a nuisance belongs to, or `shared`."""
    titles = {e.name: plain_text(e.short_title) for e in experiments}
    name = prior.parameter.experiment if isinstance(prior.parameter, Nuisance) else None
    return titles.get(name, "shared") if name else "shared"


def plain_text(text: str) -> str:
    """Text from a file, with no formula in it."""
    return text.replace("$", r"\$")


@cache
def formula_text(text: str) -> str:
    """Text from a file with its formulas; with none where one of them cannot be set."""
    try:
        MathTextParser("agg").parse(text)
    except (ValueError, RecursionError):
        return plain_text(text)
    return text


def unit_of(prior: Prior) -> str:
    """LaTeX of the unit with its scale: what one number of a fit stands for."""
    exponent = np.log10(prior.scale)
    scale = f"10^{{{exponent:.0f}}}" if exponent == round(exponent) else f"{prior.scale:g}"
    parts = [scale if prior.scale != 1 else "", UNITS.get(prior.unit, prior.unit)]
    text = r"\,".join(part for part in parts if part)
    return f"${text}$" if text else ""


def times_unit(prior: Prior) -> str:
    """What stands behind a value of a parameter: its unit, nothing for a pure number."""
    unit = unit_of(prior)
    return f" × {unit}" if unit else ""


def number_text(value: float | None) -> str:
    """Three digits, with a real minus; nothing for what does not exist."""
    return "" if value is None else f"{value:.3g}".replace("-", "−")


def interval_text(prior: Prior, interval: CredibleInterval | IntegratedInterval) -> str:
    """A credible interval with its unit, and in a second line what it is."""
    pieces = [", ".join(number_text(end) for end in piece if end is not None) for piece in interval.pieces]
    value = f"< {pieces[0]}" if interval.kind == "upper" else "in " + " ∪ ".join(f"[{ends}]" for ends in pieces)
    said = f"{interval.probability * 100:g} % credible {KINDS[interval.kind]}"
    return f"${prior.label}$ {value}{times_unit(prior)}\n{said}"


def range_text(prior: Prior) -> str:
    """A prior in words, without its unit."""
    return (describe(prior).partition("]")[0] + "]").replace("-", "−")


def take_draws(chain: Chain, verdict: Verdict, most: int) -> np.ndarray:
    """Draws (n, parameters) after the burn-in, evenly thinned to at most `most`."""
    kept = chain.after(verdict.burn_in)
    if kept.shape[1] < FEWEST_STEPS:
        raise BayesnuError(f"{chain.path}: {kept.shape[1]} steps are left after the burn-in; a figure needs {FEWEST_STEPS}")
    flat = kept.reshape(-1, len(chain.names))
    return flat[:: -(-len(flat) // most)]


def find_intervals(model: Model, chain: Chain, verdict: Verdict, settings: Settings) -> dict[str, CredibleInterval]:
    """The credible interval of every physics parameter after the burn-in, without its errors."""
    kept = chain.after(verdict.burn_in)
    fits = Fits(model)
    return {
        prior.name: drawn_interval(fits, kept, k, settings.kind, settings.probability)
        for k, prior in enumerate(model.physics)
    }


def shown_range(x: np.ndarray, prior: Prior) -> tuple[float, float]:
    """Range of an axis: nearly all of x, not beyond the prior."""
    low, high = np.quantile(x, [0.0005, 0.9995])
    pad = 0.05 * (high - low) or 0.01 * max(abs(low), 1.0)
    return max(low - pad, prior.lower), min(high + pad, prior.upper)


def mark_interval(axes: Axes, interval: Interval, text: str = "_") -> None:
    """Draw the ends of a credible interval."""
    for end in (end for piece in interval.pieces for end in piece if end is not None):
        axes.axvline(end, label=text, **LIMIT)
        text = "_"  # one entry in the legend


def mark_edges(across: Iterable[Axes], up: Iterable[Axes], prior: Prior, shown: tuple[float, float]) -> None:
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


def garwood(observed: np.ndarray) -> np.ndarray:
    """Central 68 % interval (2, bins) of a Poisson mean from observed counts (bins,)."""
    tail = (1 - LEVELS[0]) / 2
    low = np.where(observed > 0, gammaincinv(np.maximum(observed, 1), tail), 0.0)
    return np.array([low, gammaincinv(observed + 1, 1 - tail)])


def count_unit(edges_kev: np.ndarray) -> tuple[np.ndarray, str]:
    """What counts are divided by before they are drawn, shape (bins,), and the label of their axis.

    Bins of one width show their counts. Others are drawn per keV, so that no spectrum has a step where the width changes.
    """
    widths = np.diff(edges_kev)
    if np.allclose(widths, widths[0]):
        return np.ones_like(widths), f"Counts per {widths[0]:g} keV bin"
    return widths, "Counts per keV"


def check_place(path: str | Path) -> None:
    """Raise `BayesnuError` if no figure can be written there, for those who would first compute what it shows."""
    suffix = Path(path).suffix.lower()
    folder = Path(path).parent
    if suffix not in FORMATS:
        raise BayesnuError(f"{path}: a figure cannot be written as '{suffix}'; use {' or '.join(FORMATS)}")
    if not folder.is_dir():
        raise BayesnuError(f"{path}: the figure cannot be written (there is no folder {folder}); choose another place")


class _Canvas(FigureCanvasAgg):
    """A canvas whose renderers share what sets formulas: each would set all of them anew, twice for a figure."""

    def get_renderer(self) -> RendererAgg:
        """The renderer for the present size of the figure."""
        renderer: RendererAgg = super().get_renderer()  # type: ignore[no-untyped-call]
        renderer.mathtext_parser = _share_parser()
        return renderer

    def print_png(self, filename_or_obj: Any, **options: Any) -> None:
        """Write a PNG of few colours; `options` are those of matplotlib, which add nothing to it."""
        FigureCanvasAgg.draw(self)
        pixels: Any = self.buffer_rgba()  # type: ignore[no-untyped-call]
        drawn = Image.fromarray(np.asarray(pixels)).convert("RGB")
        few = drawn.quantize(MOST_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(filename_or_obj, "PNG", dpi=(self.figure.dpi, self.figure.dpi))


@cache
def _share_parser() -> MathTextParser[Any]:
    """The parser of formulas of all canvases; it keeps the last ones."""
    parser: MathTextParser[Any] = RendererAgg(1, 1, 72).mathtext_parser
    return parser


@contextmanager
def new_figure(path: str | Path | None, missing: Sequence[str], on: Sheet | None = None, **options: Any) -> Iterator[Figure]:
    """Give a figure to draw on, then stamp it, and write it if there is a path; the file is complete or not there.

    `on` is a figure of the caller's, or a part of one with the same methods, which the caller writes. One figure is drawn at
    a time: matplotlib's settings and its reader of formulas are shared by all threads. Raises `BayesnuError` for a place or
    a format that cannot be written, and for a path beside `on`.
    """
    if on is not None:
        with _draw_on(on, path, missing) as sheet:
            yield sheet
        return
    if path is not None:
        check_place(path)
    with _DRAWING, context(("default", STYLE)):
        figure = Figure(**options)
        _Canvas(figure)
        yield figure
        _stamp_figure(figure, missing)
        if path is not None:
            _write_whole(figure, Path(path))


@contextmanager
def _draw_on(sheet: Sheet, path: str | Path | None, missing: Sequence[str]) -> Iterator[Figure]:
    """Give what the caller wants to be drawn on, and stamp it."""
    if not isinstance(sheet, Figure | SubFigure):
        raise BayesnuError(f"on: found {sheet!r:.60}; must be a Figure of matplotlib, or a part from its `subfigures`")
    if path is not None:
        raise BayesnuError(f"{path}: found a path beside `on`; write your own figure, with `savefig`")
    with _DRAWING, context(("default", STYLE)):
        yield cast("Figure", sheet)
        if missing:
            style: dict[str, Any] = {"fontweight": "bold", "color": RED, "alpha": 0.3, "rotation": 30, "zorder": 10}
            sheet.text(0.5, 0.5, "NOT CONVERGED", ha="center", va="center", fontsize=30, **style)


def place_legend(figure: Figure, side: str) -> Any:
    """Where a legend goes beside the panels: outside of them, if something makes room for it there."""
    return f"outside {side}" if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine) else side


def _write_whole(figure: Figure, path: Path) -> None:
    """Write a figure as a file that is complete or not there."""
    suffix = path.suffix.lower()
    with whole_file(
        path,
        lambda error: f"{path}: the figure cannot be written ({reason_of(error)}); choose another place",
        mistakes=(OSError,),  # a ValueError would be of what is drawn
    ) as copy:
        _write_figure(figure, copy, suffix)


def _write_figure(figure: Figure, copy: Path, suffix: str) -> None:
    """Write a figure cut to what is drawn."""
    shown = figure.dpi
    figure.dpi = DPI  # of all that follows: texts are set anew for every resolution
    try:
        figure.savefig(copy, format=suffix[1:], dpi=DPI, bbox_inches=_find_drawn(figure), metadata=FORMATS[suffix])
    finally:
        figure.dpi = shown


def _find_drawn(figure: Figure) -> Bbox:
    """What is drawn on with a margin, in inches: matplotlib's own `tight` draws everything once more to find it."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)  # not "none", for which matplotlib draws once more
    return figure.get_tightbbox().padded(MARGIN)


def _stamp_figure(figure: Figure, missing: Sequence[str]) -> None:
    """Say across the figure that its chain has not converged, and above it why."""
    if not missing:
        return
    figure.draw_without_rendering()  # what lies where is known only then
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans + figure.transFigure.inverted())
    x = (box.x0 + box.x1) / 2
    size = min(box.width * figure.get_figwidth(), 1.6 * box.height * figure.get_figheight())
    style: dict[str, Any] = {"fontweight": "bold", "color": RED, "alpha": 0.3, "rotation": 30, "zorder": 10}
    figure.text(x, (box.y0 + box.y1) / 2, "NOT CONVERGED", ha="center", va="center", fontsize=7 * size, **style)
    reasons = textwrap.fill("Not converged: " + "; ".join(missing), 90)
    figure.text(x, box.y1 + 0.02, reasons, ha="center", va="bottom", color=RED, fontsize=max(9.0, 0.9 * size))
