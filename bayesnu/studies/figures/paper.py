"""The paper's kinds of figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

from bayesnu import experiments as data
from bayesnu.experiments.published import DATA_SETS
from bayesnu.inference import marginal, profile
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.physics.properties import PROPERTIES, parameters_of
from bayesnu.studies.variations import LEVEL


def figures(folder: Path, report: Callable[[str], None] = lambda line: None) -> Iterator[Path]:
    """Draw the paper's kinds of figure into a folder, preset `default`, and yield their paths.

    Recoil spectra of every property with the data; the chi^2 curve with the marginal posterior over it for one common value;
    contours for pairs of flavours of a property and for pairs of properties, posterior and profile together.
    """
    from bayesnu import plots
    from bayesnu.inference.joint import joint
    from bayesnu.inference.settings import DEFAULT_KIND, Settings

    chosen = choices_of.preset("default")
    for names in DATA_SETS:
        loaded = [data.load(name, chosen.inputs) for name in names]
        stem = "+".join(names)
        report(f"figures of {stem}")
        if len(loaded) == 1:
            plots.signal_plot(loaded[0], chosen, place := folder / f"signals_{stem}.pdf")
            yield place
        for parameter in PROPERTIES:
            model = build(loaded, (parameter,), chosen)
            settings = Settings(DEFAULT_KIND[parameter], LEVEL)
            curve, exact, found = profile.fine_scan(model), marginal.marginal(model), profile.interval(model, cl=LEVEL)
            plots.profile_plot(
                model, curve, exact, settings, place := folder / f"curve_{parameter}_{stem}.pdf", intervals=[found]
            )
            yield place
        pairs = [pair for parameter in PROPERTIES for pair in combinations(parameters_of(parameter, "all"), 2)]
        for pair in (*pairs, *combinations(PROPERTIES, 2)):
            plots.contour_plot(joint(build(loaded, pair, chosen)), place := folder / f"contours_{'_'.join(pair)}_{stem}.pdf")
            yield place
