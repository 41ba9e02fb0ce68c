"""The paper's kinds of figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from bayesnu import experiments as data
from bayesnu import plots
from bayesnu.experiments import Experiment
from bayesnu.experiments.published import PAPER_DATA_SETS
from bayesnu.inference.fits import Fits
from bayesnu.inference.joint import joint
from bayesnu.inference.profile import fine_scan
from bayesnu.inference.settings import Settings, usual_kind
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.physics.properties import PROPERTIES, parameters_of
from bayesnu.studies.variations import LEVEL


def figures(folder: Path, report: Callable[[str], None] = lambda line: None) -> Iterator[Path]:
    """Draw the paper's kinds of figure into a folder, preset `default`, and yield their paths.

    Recoil spectra of every property with the data; the chi^2 curve with the marginal posterior over it for one common value;
    contours for pairs of flavours of a property and for pairs of properties, posterior and profile together.
    """
    chosen = choices_of.preset("default")
    for names in PAPER_DATA_SETS:
        loaded = [data.load(name, chosen.inputs) for name in names]
        stem = "+".join(names)
        report(f"figures of {stem}")
        if len(loaded) == 1:
            place = folder / f"signals_{stem}.pdf"
            plots.signal_plot(loaded[0], chosen, place)
            yield place
        for parameter in PROPERTIES:
            yield _curve(loaded, chosen, parameter, folder / f"curve_{parameter}_{stem}.pdf")
        for pair in _pairs():
            place = folder / f"contours_{'_'.join(pair)}_{stem}.pdf"
            plots.contour_plot(joint(build(loaded, pair, chosen)), place)
            yield place


def _curve(loaded: Sequence[Experiment], chosen: Analysis, parameter: str, place: Path) -> Path:
    """Draw the profile likelihood of a common value above its posterior."""
    fits = Fits(build(loaded, (parameter,), chosen))
    settings = Settings(usual_kind(fits.model.of_interest[0]), LEVEL)
    curve = fine_scan(fits.line())
    plots.profile_plot(fits.model, curve, fits.marginal, settings, place, intervals=[fits.interval(cl=LEVEL)])
    return place


def _pairs() -> Iterator[tuple[str, str]]:
    """Pairs of flavours of a property, then pairs of properties."""
    for parameter in PROPERTIES:
        yield from combinations(parameters_of(parameter, "all"), 2)
    yield from combinations(PROPERTIES, 2)
