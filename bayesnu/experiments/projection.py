"""A detector or a data set under another setting, for forecasts: exposure, threshold and backgrounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Literal, TypeAlias, get_args

import numpy as np

from bayesnu.experiments.experiment import (
    AbsoluteWidth,
    Background,
    Component,
    Counted,
    Efficiency,
    Experiment,
    FreeWidth,
    GaussianPrior,
    Rated,
    Width,
)
from bayesnu.experiments.scaling import scale_exposure
from bayesnu.support.arguments import read_number
from bayesnu.support.errors import BayesnuError, did_you_mean

Constraints: TypeAlias = Literal["fixed", "sqrt"]
Moved: TypeAlias = Literal["shift", "stretch", "step"]


@dataclass(frozen=True)
class Setting:
    """What differs from a file.

    Attributes:
        tonne_years: exposure of every detector, above 0; None is that of the file. Signal and backgrounds scale with it.
        threshold_kev: where the region begins; None is where it begins in the file. The efficiency moves along.
        factors: on the rate of background components, by name; relative widths stay.
        constraints: whether widths of backgrounds are `fixed`, or fall as one over the square root of the exposure, `sqrt`.
        moved: how the efficiency goes with the threshold: `shift` by the difference, `stretch` by the ratio, or replaced by
            a `step` of the height of its plateau.
    """

    tonne_years: float | None = None
    threshold_kev: float | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    constraints: Constraints = "fixed"
    moved: Moved = "shift"

    def __post_init__(self) -> None:
        _check_word("constraints", self.constraints, get_args(Constraints))
        _check_word("moved", self.moved, get_args(Moved))
        for name, factor in self.factors.items():
            if not 0 < read_number(f"factor on {name}", factor) <= 1e6:
                raise BayesnuError(f"factor on {name}: found {factor:g}; must be above 0, up to 1e6")


def _check_word(name: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        raise BayesnuError(f"{name}: found {word!r:.60}{did_you_mean(str(word)[:60], allowed)}")


def project(experiment: Experiment, setting: Setting) -> Experiment:
    """Return a detector or a data set under a setting; components that it does not have are no part of the setting here.

    Its counts are no data: put expected or made-up counts in their place.

    Raises: `BayesnuError` for an exposure, a threshold or a component that cannot be changed.

    Example:
        >>> from bayesnu.experiments import Setting, load, project
        >>> projected = project(load("xlzd"), Setting(tonne_years=300, threshold_kev=0.5, factors={"222Rn": 0.5}))
        >>> projected.exposure_tonne_years, projected.region_kev
        (300.0, (0.5, 140.0))
    """
    own = experiment.exposure_tonne_years
    exposure = own if setting.tonne_years is None else setting.tonne_years
    projected = scale_exposure(experiment, exposure)
    if experiment.is_detector:
        projected = replace(projected, name=experiment.name, title=experiment.title, is_detector=False)
    background = _scale_components(projected, setting.factors)
    if setting.constraints == "sqrt":
        background = _narrow(background, sqrt(own / exposure))
    projected = replace(projected, background=background)
    if setting.threshold_kev is None or setting.threshold_kev == experiment.region_kev[0]:
        return projected
    return _move_threshold(projected, setting.threshold_kev, setting.moved)


def _scale_components(experiment: Experiment, factors: Mapping[str, float]) -> Background:
    background = experiment.background
    scaled = [each.name for each in background.components if each.name in factors]
    if scaled and background.total is not None:
        raise BayesnuError(
            f"{experiment.name}: found a factor on {scaled[0]}, which is part of a published total; take a detector, whose "
            "components stand alone"
        )
    return replace(background, components=tuple(_scale(each, factors.get(each.name, 1.0)) for each in background.components))


def _scale(component: Component, factor: float) -> Component:
    """A component times a factor: an absolute width keeps its part of it."""
    size = component.size
    if isinstance(size, Rated):
        size = Rated(size.rate * factor)
    elif size is not None:
        size = replace(size, counts=size.counts * factor)
    width = component.width
    return replace(
        component,
        counts=None if component.counts is None else component.counts * factor,
        size=size,
        width=replace(width, counts=width.counts * factor) if isinstance(width, AbsoluteWidth) else width,
    )


def _narrow(background: Background, factor: float) -> Background:
    """Multiply the Gaussian constraints of all components."""
    return replace(background, components=tuple(_narrow_component(each, factor) for each in background.components))


def _narrow_component(component: Component, factor: float) -> Component:
    prior = component.prior
    if prior is not None and isinstance(prior.known, GaussianPrior):
        prior = replace(prior, known=replace(prior.known, width=prior.known.width * factor))
    return replace(component, width=_narrow_width(component.width, factor), prior=prior)


def _narrow_width(width: Width, factor: float) -> Width:
    if isinstance(width, FreeWidth):
        return width
    if isinstance(width, AbsoluteWidth):
        return replace(width, counts=width.counts * factor)
    return replace(width, value=min(width.value * factor, 1.0))


def _move_threshold(experiment: Experiment, threshold_kev: float, moved: Moved) -> Experiment:
    """The region from another energy on, which becomes an edge, and the efficiency moved along."""
    low, high = experiment.region_kev
    threshold = read_number("threshold_kev", threshold_kev)
    if not 0 < threshold < high:
        raise BayesnuError(f"threshold_kev: found {threshold:g}; must lie above 0 and below {high:g}, where the region ends")
    counted = [each.name for each in experiment.background.components if each.spectrum is None]
    if counted or experiment.background.total is not None or experiment.turn_on is not None:
        raise BayesnuError(
            f"threshold_kev: found {threshold:g} for {experiment.name}, whose background is counts per bin at its own "
            "threshold; take a detector whose backgrounds are spectra"
        )
    in_region = [each.name for each in experiment.background.components if isinstance(each.size, Counted)]
    if in_region:
        raise BayesnuError(
            f"threshold_kev: found {threshold:g} for {experiment.name}, whose {in_region[0]} is a number of events at its "
            "own threshold; give its `events` as a rate"
        )
    edges = np.union1d(experiment.edges_kev, [threshold])
    nothing = np.zeros(len(edges) - 1)
    return replace(
        experiment,
        edges_kev=edges,
        observed=nothing,
        region_kev=(threshold, high),
        efficiency=_move_efficiency(experiment.efficiency, low, threshold, moved),
    )


def _move_efficiency(efficiency: Efficiency, low: float, threshold: float, moved: Moved) -> Efficiency:
    """The curve with its knots moved; a part below zero is cut where it crosses."""
    energies = efficiency.energies_kev
    values = efficiency.values
    if moved == "step":
        return replace(efficiency, energies_kev=np.array([threshold]), values=values.max(keepdims=True))
    if moved == "stretch":
        return replace(efficiency, energies_kev=energies * (threshold / low))
    shifted = energies + (threshold - low)
    if shifted[0] >= 0:
        return replace(efficiency, energies_kev=shifted)
    inside = shifted > 0
    at_zero = np.interp(0.0, shifted, values)
    return replace(efficiency, energies_kev=np.append(0.0, shifted[inside]), values=np.append(at_zero, values[inside]))
