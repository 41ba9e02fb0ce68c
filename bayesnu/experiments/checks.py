"""Checks that need more than one key of a file: lengths, the region, the width of the response, the background's sums.

Each check yields (table, key, sentence fragment) for everything wrong; `reader` puts them in sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from bayesnu.experiments.schema import Background, Bins, Component, File

Problem: TypeAlias = tuple[str, str, str]
FRACTION_TOLERANCE = 1e-3  # published fractions are rounded
PRIOR_TOLERANCE = 0.1  # of fitted counts: counts per bin follow a published sum to some per cent


def find_problems(file: File) -> Iterator[Problem]:
    """Yield what is wrong between the tables of a file.

    A table with a mistake inside may be missing: the checks that need it are left out.
    """
    for tables, check in CHECKS:
        if all(getattr(file, table, None) is not None for table in tables):
            yield from check(file)


def check_observed(file: File) -> Iterator[Problem]:
    """The bins have one number each, and those that hold a model's values lie on edges."""
    bins = file.bins
    yield from check_length("bins", "observed", bins.observed, bins)
    if bins.observed is None and bins.model_values_kev is not None:
        yield "bins", "model_values_kev", "found values of a model without observed; must be both or none; keep one"
    if bins.model_values_kev is not None:
        yield from check_range("bins", bins.model_values_kev, bins, "model_values_kev")


def check_turn_on(file: File) -> Iterator[Problem]:
    """The factor on the signal has one number per bin."""
    yield from check_length("efficiency", "turn_on", file.efficiency.turn_on, file.bins)


def check_background_lengths(file: File) -> Iterator[Problem]:
    """The counts of the background have one number per bin."""
    background = file.background
    yield from check_length("background", "total", background.total, file.bins)
    neutrinos = background.published_solar_neutrinos
    yield from check_length("background", "published_solar_neutrinos", neutrinos, file.bins)
    for i, component in enumerate(background.components):
        yield from check_length(name_component(i), "counts", component.counts, file.bins)


def check_length(table: str, key: str, values: list[float] | None, bins: Bins) -> Iterator[Problem]:
    """A list has one number per bin."""
    number = len(bins.edges_kev) - 1
    if values is not None and len(values) != number:
        yield (
            table,
            key,
            f"found a list of {len(values)}; must be {number} long, one per bin of edges_kev; correct either",
        )


def check_knots(file: File) -> Iterator[Problem]:
    """The curve of the efficiency has one value per energy."""
    found = len(file.efficiency.values)
    knots = len(file.efficiency.energies_kev)
    if found != knots:
        yield (
            "efficiency",
            "values",
            f"found a list of {found}; must be {knots} long, one per energies_kev; correct either",
        )


def check_region(file: File) -> Iterator[Problem]:
    """The region lies on edges."""
    yield from check_range("region", file.region.kev, file.bins)


def check_neutrinos(file: File) -> Iterator[Problem]:
    """The energies between which neutrinos are stated lie on edges."""
    assert file.neutrinos is not None
    yield from check_range("neutrinos", file.neutrinos.kev, file.bins)


def check_range(table: str, kev: list[float], bins: Bins, key: str = "kev") -> Iterator[Problem]:
    """A range of energies lies on edges."""
    low, high = kev
    for value in kev:
        if not np.any(np.abs(np.array(bins.edges_kev) - value) <= 1e-9):
            yield table, key, f"found {value:g}; must be one of [bins] edges_kev; move it to an edge"
    if low >= high:
        yield table, key, f"found [{low:g}, {high:g}]; must be [low, high]; give the lower energy first"


def check_response(file: File) -> Iterator[Problem]:
    """The response is wider than zero wherever an event of the bins can come from."""
    resolution = file.resolution
    if resolution.energies_kev is not None:
        return  # every width of a table is above zero
    recoil = np.linspace(0.0, min(2 * file.bins.edges_kev[-1], resolution.valid_to_kev or np.inf), 4001)[1:]
    powers = np.array([np.ones_like(recoil), np.sqrt(recoil), recoil, recoil**2, recoil**3])
    coefficients = (
        resolution.constant_kev,
        resolution.sqrt_kev,
        resolution.linear,
        resolution.quadratic_per_kev,
        resolution.cubic_per_kev2,
    )
    widths = np.array(coefficients) @ powers
    if resolution.constant_kev < 0:
        yield "resolution", "constant_kev", f"found {resolution.constant_kev:g}; must be at least 0; correct it"
    if widths.min() <= 0:
        at = recoil[widths.argmin()]
        yield (
            "resolution",
            "",
            f"found a width of {widths.min():.3g} keV at {at:.3g} keV; must be above 0 up to twice the highest edge; "
            "correct the coefficients",
        )


def check_names(file: File) -> Iterator[Problem]:
    """Every component has a name of its own, every shape one meaning, and no component joins a shape unsaid."""
    background = file.background
    seen = Counter(component.name for component in background.components)
    shapes = {component.shape: component.name for component in background.components}
    divided = {component.shape for component in background.components if component.prior is not None}
    for i, component in enumerate(background.components):
        shape = component.shape or component.name
        of_remainder = component.fraction is not None
        if seen[component.name] > 1:
            yield (
                name_component(i),
                "name",
                f"found '{component.name}' {seen[component.name]} times; must be unique; rename one",
            )
        if component.shape is None and component.name in shapes:
            yield (
                name_component(i),
                "name",
                f"found '{component.name}', which is also the shape of '{shapes[component.name]}'; must give its own shape; "
                f"rename it, or add shape = '{component.name}' if both float together",
            )
        elif shape in divided and component.name in {*shapes} - {shape}:
            yield (
                name_component(i),
                "name",
                f"found '{component.name}', which is also the shape of '{shapes[component.name]}'; must be its own, "
                "as components beside a prior float one by one; rename it",
            )
        if of_remainder and background.remainder is None:
            yield name_component(i), "fraction", "found a fraction of no remainder; must be counts; give counts per bin"
        elif of_remainder != (shape == background.remainder):
            allowed = f"the remainder '{background.remainder}', and no other shape, is given by fraction"
            yield name_component(i), "shape", f"found '{shape}'; {allowed}; correct either"


def check_sizes(file: File) -> Iterator[Problem]:
    """Components have counts, and together with the neutrinos they do not exceed the total."""
    background = file.background
    inside = mark_region(file)
    for i, component in enumerate(background.components):
        if component.counts is not None and len(component.counts) == len(inside):
            yield from check_counts(i, component, inside)
    if background.total is None or background.published_solar_neutrinos is None or any(check_background_lengths(file)):
        return
    parts = [component.counts for component in background.components if component.counts is not None]
    rest = np.array(background.total) - background.published_solar_neutrinos - np.sum(parts, axis=0)
    for i in map(int, np.flatnonzero(inside & (rest < -0.01 * np.array(background.total)))):
        yield (
            "background",
            "total",
            f"found {background.total[i]:g} in bin {i + 1}; must be at least the sum of its neutrinos and components, "
            f"which is {-rest[i]:.3g} more; correct one of them",
        )
    yield from check_fractions(background, float(rest[inside].sum()))


def check_counts(i: int, component: Component, inside: np.ndarray) -> Iterator[Problem]:
    """A component without counts would be a parameter without effect."""
    if np.array(component.counts)[inside].sum() <= 0:
        yield name_component(i), "counts", "found no counts inside the region; must be some; leave the component out"


def check_priors(file: File) -> Iterator[Problem]:
    """The fitted counts of a prior are the component's own, where its bins hold the energies of the prior."""
    edges = np.array(file.bins.edges_kev)
    for i, component in enumerate(file.background.components):
        prior = component.prior
        if prior is None or component.counts is None or len(component.counts) != len(edges) - 1:
            continue
        if not {*prior.kev} <= {*edges}:
            continue
        inside = (edges[:-1] >= prior.kev[0]) & (edges[1:] <= prior.kev[1])
        own = float(np.array(component.counts)[inside].sum())
        if abs(own - prior.fitted_counts) > PRIOR_TOLERANCE * prior.fitted_counts:
            low, high = prior.kev
            yield (
                name_component(i),
                "prior.fitted_counts",
                f"found {prior.fitted_counts:g}; must be the component's counts in {low:g}-{high:g} keV, {own:.4g}; "
                "correct either",
            )


def check_fractions(background: Background, rest: float) -> Iterator[Problem]:
    """The fractions of the remainder sum to one, and the remainder is not empty."""
    shares = [component.fraction for component in background.components if component.fraction is not None]
    if abs(sum(shares) - 1) > FRACTION_TOLERANCE:
        yield (
            "background.components",
            "fraction",
            f"found fractions of '{background.remainder}' that sum to {sum(shares):.6g}; must sum to 1; correct them",
        )
    elif rest <= 0:
        yield (
            "background",
            "total",
            f"found nothing left for '{background.remainder}'; must be some; correct the counts",
        )


def mark_region(file: File) -> np.ndarray:
    """Which bins (bins,) lie inside the region."""
    edges = np.array(file.bins.edges_kev)
    low, high = file.region.kev
    return (edges[:-1] >= low - 1e-9) & (edges[1:] <= high + 1e-9)


def name_component(i: int) -> str:
    """The table of the i-th component, counted from one as a reader of the file does."""
    return f"background.components {i + 1}"


# The checks, each with the tables that it needs.
CHECKS: tuple[tuple[tuple[str, ...], Callable[[File], Iterator[Problem]]], ...] = (
    (("bins",), check_observed),
    (("efficiency", "bins"), check_turn_on),
    (("background", "bins"), check_background_lengths),
    (("efficiency",), check_knots),
    (("region", "bins"), check_region),
    (("neutrinos", "bins"), check_neutrinos),
    (("resolution", "bins"), check_response),
    (("background",), check_names),
    (("background", "bins", "region"), check_sizes),
    (("background", "bins"), check_priors),
)
