"""A data set as it would be with another exposure, for projections."""

from __future__ import annotations

from dataclasses import replace

from bayesnu.experiments.experiment import (
    LARGEST_EXPOSURE,
    AbsoluteWidth,
    Array,
    Background,
    Component,
    Experiment,
    Rated,
    StatedNeutrinos,
)
from bayesnu.support.arguments import read_number
from bayesnu.support.errors import BayesnuError


def scale_exposure(experiment: Experiment, tonne_years: float) -> Experiment:
    """Return a data set with another exposure: all counts scale with it, and relative widths stay.

    Arguments:
        experiment: a data set from `load_experiment`.
        tonne_years: the new exposure in tonne-years, above 0.

    Returns: an `Experiment` of another name, which its events cannot be combined with. The observed counts are scaled too
        and are no data, as `model_values_kev` says of all bins: put expected or made-up counts in their place.

    Raises: `BayesnuError` for an exposure that is not positive, or larger than a file may have.

    Example:
        >>> import bayesnu
        >>> scaled = bayesnu.scale_exposure(bayesnu.load_experiment("xenonnt-sr0"), 20.0)
        >>> scaled.name, round(float(scaled.background.total.sum()))  # of 1.16 tonne-years: 426.5
        ('xenonnt-sr0-scaled', 7354)
    """
    tonne_years = read_number("tonne_years", tonne_years)
    if not 0 < tonne_years <= LARGEST_EXPOSURE:
        raise BayesnuError(
            f"tonne_years: found {tonne_years!r:.60}; must be above 0 and finite, up to {LARGEST_EXPOSURE:g} tonne-years"
        )
    factor = tonne_years / experiment.exposure_tonne_years
    return replace(
        experiment,
        name=f"{experiment.name}-scaled",
        title=f"{experiment.short_title} scaled to {tonne_years:g} t yr",
        note=f"{experiment.note} All counts are scaled to {tonne_years:g} tonne-years; those observed are no data.".strip(),
        exposure_tonne_years=tonne_years,
        observed=experiment.observed * factor,
        model_values_kev=(float(experiment.edges_kev[0]), float(experiment.edges_kev[-1])),
        background=_scale_background(experiment.background, tonne_years, factor),
        neutrinos=_scale_neutrinos(experiment.neutrinos, factor),
        incompatible=(*experiment.incompatible, experiment.name, *(f"{name}-scaled" for name in experiment.incompatible)),
    )


def _scale_background(background: Background, tonne_years: float, factor: float) -> Background:
    return replace(
        background,
        exposure_tonne_years=tonne_years,
        total=_scale_counts(background.total, factor),
        published_solar_neutrinos=_scale_counts(background.published_solar_neutrinos, factor),
        components=tuple(_scale_component(component, factor) for component in background.components),
    )


def _scale_component(component: Component, factor: float) -> Component:
    """A rate is one whatever the exposure, and so is its width."""
    if isinstance(component.size, Rated):
        return component
    width = component.width
    size = component.size
    return replace(
        component,
        counts=_scale_counts(component.counts, factor),
        width=replace(width, counts=width.counts * factor) if isinstance(width, AbsoluteWidth) else width,
        size=None if size is None else replace(size, counts=size.counts * factor),
    )


def _scale_counts(counts: Array | None, factor: float) -> Array | None:
    return None if counts is None else counts * factor


def _scale_neutrinos(stated: StatedNeutrinos | None, factor: float) -> StatedNeutrinos | None:
    if stated is None:
        return None
    error = None if stated.error is None else stated.error * factor
    return replace(stated, counts=stated.counts * factor, error=error)
