"""From the validated tables of a file to the frozen objects that the rest of the package uses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesnu.experiments import experiment as nouns
from bayesnu.experiments import schema
from bayesnu.experiments.sentences import TABLES
from bayesnu.physics import background_spectra as spectra
from bayesnu.physics.constants import DAYS_PER_YEAR
from bayesnu.physics.resolution import AnyResolution, Resolution, TabulatedResolution


def experiment(tables: schema.File, reading: str, path: str, text: str) -> nouns.Experiment:
    """Return the experiment that `tables`, the file as `reading` has it, describe; `text` is that of the file."""
    exposure = _convert_exposure(tables.exposure)
    return nouns.Experiment(
        name=tables.name,
        title=tables.title,
        references=tuple(tables.references),
        note=_join_notes(tables, reading),
        exposure_tonne_years=exposure,
        edges_kev=_freeze_array(tables.bins.edges_kev),
        observed=_freeze_array(tables.bins.observed or [0.0] * (len(tables.bins.edges_kev) - 1)),
        model_values_kev=_snap_optional(tables, _find_model_values(tables.bins)),
        turn_on=_freeze_optional(tables.efficiency.turn_on),
        region_kev=_snap_range(tables, tables.region.kev),
        resolution=_build_resolution(tables.resolution),
        efficiency=_build_efficiency(tables.efficiency),
        background=_build_background(tables.background, exposure),
        neutrinos=_build_neutrinos(tables),
        incompatible=tuple(tables.incompatible),
        reading=reading,
        readings=tuple(tables.readings),
        path=path,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        provenance=tuple(_list_provenance(tables)),
        exposure_width=None if tables.exposure.error is None else tables.exposure.error.relative,
        is_detector=tables.bins.observed is None,
    )


def _find_model_values(bins: schema.Bins) -> list[float] | None:
    """Return the energies whose counts are no data: all of a detector's."""
    return [bins.edges_kev[0], bins.edges_kev[-1]] if bins.observed is None else bins.model_values_kev


def _join_notes(tables: schema.File, reading: str) -> str:
    """Return what the file and its reading say of themselves."""
    chosen = tables.readings.get(reading)
    return " ".join(filter(None, (tables.note, chosen.note if chosen else "")))


def _convert_exposure(exposure: schema.Exposure) -> float:
    """Return the exposure in tonne-years."""
    if exposure.tonne_years is not None:
        return exposure.tonne_years
    return (exposure.tonne_days or 0.0) / DAYS_PER_YEAR  # one of the two is given: the schema sees to it


def _snap_optional(tables: schema.File, kev: list[float] | None) -> tuple[float, float] | None:
    return None if kev is None else _snap_range(tables, kev)


def _snap_range(tables: schema.File, kev: list[float]) -> tuple[float, float]:
    """Return a range moved onto the very numbers of the edges, so that comparisons are exact."""
    edges = np.array(tables.bins.edges_kev, dtype=float)
    low, high = (float(edges[np.abs(edges - value).argmin()]) for value in kev)
    return low, high


def _build_resolution(table: schema.Resolution) -> AnyResolution:
    """Return the polynomial or the table that the schema let through."""
    if table.energies_kev is None:
        given = table.model_dump(include={*schema.POLYNOMIAL, "valid_to_kev", "alpha"}, exclude_none=True)
        return Resolution(**given)
    energies = table.energies_kev
    relative = [share * energy for share, energy in zip(table.relative or [], energies, strict=False)]
    alphas = table.alphas or [table.alpha] * len(energies)
    return TabulatedResolution(tuple(energies), tuple(table.sigma_kev or relative), tuple(alphas) if any(alphas) else ())


def _build_efficiency(table: schema.Efficiency) -> nouns.Efficiency:
    return nouns.Efficiency(
        energy=table.energy,
        energies_kev=_freeze_array(table.energies_kev),
        values=_freeze_array(table.values),
        relative_width=table.relative_width,
        assumed_width=None if table.assumed is None else table.assumed.relative_width,
        threshold_width_kev=None if table.assumed is None else table.assumed.threshold_kev,
        shared=table.shared,
    )


def _build_neutrinos(tables: schema.File) -> nouns.StatedNeutrinos | None:
    table = tables.neutrinos
    return None if table is None else nouns.StatedNeutrinos(table.counts, table.error, _snap_range(tables, table.kev))


def _build_background(table: schema.Background, exposure_tonne_years: float) -> nouns.Background:
    parts = sum(component.fraction or 0.0 for component in table.components)
    fractions = 1.0 if abs(parts - 1) < nouns.ROUNDING else parts  # so that what is written is read back to the last digit
    return nouns.Background(
        exposure_tonne_years=exposure_tonne_years,
        solar_neutrinos=table.solar_neutrinos,
        total=_freeze_optional(table.total),
        published_solar_neutrinos=_freeze_optional(table.published_solar_neutrinos),
        remainder=table.remainder,
        components=tuple(_build_component(component, fractions) for component in table.components),
    )


def _build_component(table: schema.Component, fractions: float) -> nouns.Component:
    """Return a component, its fraction divided by the sum of `fractions`, which is one but for rounding."""
    return nouns.Component(
        name=table.name,
        shape=table.shape or table.name,
        counts=_freeze_optional(table.counts),
        fraction=None if table.fraction is None else table.fraction / fractions,
        width=_build_width(table.width),
        shared=table.shared,
        label=table.label or table.name,
        spectrum=_build_spectrum(table),
        size=_build_size(table),
        prior=None if table.prior is None else _build_prior(table.prior),
    )


def _build_spectrum(table: schema.Component) -> spectra.Spectrum | None:
    """Return the one kind of spectrum that is given; None for counts and fractions."""
    if table.lines is not None:
        return spectra.LineSpectrum(tuple(table.lines.energies_kev), tuple(table.lines.ratios or [1.0]))
    if table.beta is not None:
        beta = table.beta
        return spectra.BetaSpectrum(beta.endpoint_kev, beta.daughter_charge, tuple(beta.shape_factor))
    if table.double_beta is not None:
        return spectra.DoubleBetaSpectrum(table.double_beta.endpoint_kev, table.double_beta.daughter_charge)
    if table.table is not None:
        return spectra.TabulatedSpectrum(tuple(table.table.energies_kev), tuple(table.table.values))
    return spectra.FlatSpectrum() if table.flat else None


def _build_size(table: schema.Component) -> nouns.Size | None:
    """Return how many events a spectrum has, in the one unit that the schema let through."""
    events = table.events
    if events is None:
        return nouns.Rated(1.0) if table.is_rate_table else None
    if events.in_region is not None:
        return nouns.Counted(events.in_region, "region")
    if events.in_all_bins is not None:
        return nouns.Counted(events.in_all_bins, "all")
    return nouns.Rated(events.per_tonne_year or events.per_tonne_year_kev or 0.0)


def _build_width(table: schema.Width) -> nouns.Width:
    """Return the one kind of width that the schema let through."""
    if table.relative is not None:
        return nouns.RelativeWidth(table.relative)
    if table.absolute is not None:
        return nouns.AbsoluteWidth(table.absolute)
    if table.lower is not None and table.upper is not None:
        return _join_sides(table.lower, table.upper)
    return nouns.FreeWidth(table.free or nouns.FreeWidth.maximum)


def _join_sides(lower: schema.Side, upper: schema.Side) -> nouns.RelativeWidth | nouns.AbsoluteWidth:
    """Return two widths of a kind as their mean and asymmetry."""
    if lower.relative is not None and upper.relative is not None:
        return nouns.RelativeWidth(*average_sides(lower.relative, upper.relative))
    return nouns.AbsoluteWidth(*average_sides(lower.absolute or 0.0, upper.absolute or 0.0))


def average_sides(lower: float, upper: float) -> tuple[float, float]:
    """The mean of two widths, and by which part of it they differ from it."""
    return (lower + upper) / 2, (upper - lower) / (upper + lower)


def _build_prior(table: schema.ComponentPrior) -> nouns.ComponentPrior:
    """Return the one kind of prior that the schema let through, in units of the fitted counts."""
    low, high = table.kev
    return nouns.ComponentPrior(_build_known(table), (low, high))


def _build_known(table: schema.ComponentPrior) -> nouns.GaussianPrior | nouns.UniformPrior:
    fitted = table.fitted_counts
    if table.gaussian is not None:
        width, asymmetry = average_sides(*table.gaussian.sides)
        return nouns.GaussianPrior(table.gaussian.mean / fitted, width / fitted, asymmetry)
    if table.uniform is not None:
        return nouns.UniformPrior(table.uniform.lowest / fitted, table.uniform.highest / fitted)
    return nouns.UniformPrior(0.0, table.free or nouns.FreeWidth.maximum)


def _list_provenance(tables: schema.File) -> Iterator[nouns.Provenance]:
    """Yield the source of every table, then of its parts, and of every component with its prior."""
    for name in TABLES:
        table: Any = getattr(tables, name)
        if table is not None:
            yield nouns.Provenance(name, table.quality, table.source)
    for name, part in (("exposure error", tables.exposure.error), ("efficiency assumed", tables.efficiency.assumed)):
        if part is not None:
            yield nouns.Provenance(name, part.quality, part.source)
    for component in tables.background.components:
        yield nouns.Provenance(f"background {component.name}", component.quality, component.source)
        if component.prior is not None:
            yield nouns.Provenance(f"background {component.name} prior", component.prior.quality, component.prior.source)


def _freeze_array(values: list[float]) -> nouns.Array:
    """Return a read-only array."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def _freeze_optional(values: list[float] | None) -> nouns.Array | None:
    return None if values is None else _freeze_array(values)
