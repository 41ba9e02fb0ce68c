"""Whether data sets and choices fit together: a contradiction is refused, and what a result has to be read with is said.

A wrong exposure or unit makes a limit that looks right, and a choice that nothing takes makes a result that is not what it
is called. Both are found here, before anything is fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from bayesnu.experiments import Experiment, FreeWidth, StatedNeutrinos
from bayesnu.model import fold
from bayesnu.model.atom_range import check_range, describe_cut
from bayesnu.model.backgrounds import find_excess, find_merged_shapes, find_priors
from bayesnu.model.choices import PRESETS, Analysis
from bayesnu.model.left_out import describe_left_out, describe_lost_masses
from bayesnu.model.observation import Observation, observe
from bayesnu.model.response_widths import efficiency_width
from bayesnu.physics import flux
from bayesnu.physics.cross_section import standard_model, weak_couplings
from bayesnu.physics.luminosity import LUMINOSITY_ERG_PER_S, RELATIVE_WIDTH
from bayesnu.support.errors import BayesnuError

FACTOR = 2.0  # between two numbers of neutrinos that no physics explains
ERRORS = 3.0  # of the stated number, from which on it counts as contradicted
PART = 0.3  # of the stated number: treatments of atom and efficiency differ by less
REMARKABLE = 2.0  # errors from which on a difference is said
ROUNDING = 0.5  # counts: a smaller difference is none


@dataclass(frozen=True)
class NeutrinoCheck:
    """Solar neutrinos of the model beside those that a file states, in counts within `range_kev`, both ends in keV.

    `error` is one standard deviation of the stated number, None where the file has none.
    """

    experiment: str
    range_kev: tuple[float, float]
    model: float
    stated: float
    error: float | None

    @property
    def is_contradiction(self) -> bool:
        """Whether the two are a factor apart, or by more than the stated error and all treatments explain."""
        difference = abs(self.model - self.stated)
        apart = self.model >= FACTOR * self.stated or self.stated >= FACTOR * self.model
        far = self.error is not None and difference > ERRORS * self.error and difference > PART * self.stated
        return difference > ROUNDING and (apart or far)

    @property
    def is_remarkable(self) -> bool:
        """Whether the two differ by more than a reader expects."""
        difference = abs(self.model - self.stated)
        allowed = PART * self.stated if self.error is None else REMARKABLE * self.error
        return difference > max(ROUNDING, allowed)

    @property
    def sentence(self) -> str:
        """Both numbers in words."""
        low, high = self.range_kev
        error = "" if self.error is None else f" +- {self.error:.3g}"
        return (
            f"{self.experiment}: the model has {self.model:.4g} solar neutrinos in {low:g}-{high:g} keV, the file states "
            f"{self.stated:.4g}{error}"
        )


def review(experiments: Sequence[Experiment], analysis: Analysis) -> tuple[str, ...]:
    """Return what has to be known beside a result of these data sets and choices, in sentences.

    Raises `BayesnuError` for a choice that none of the data sets takes, and for neutrinos that contradict a file's own.
    """
    return (*review_choices(experiments, analysis), *(note for each in experiments for note in _review(each, analysis)))


def review_choices(experiments: Sequence[Experiment], analysis: Analysis) -> Iterator[str]:
    """Refuse what no data set takes. The reading of a preset is no wish of its own, so its absence is said only."""
    names = ", ".join(experiment.name for experiment in experiments)
    backgrounds = [experiment.background for experiment in experiments]
    if all(experiment.reading != analysis.inputs for experiment in experiments):
        if analysis.inputs in (each.inputs for each in PRESETS.values()):
            yield f"inputs: no reading '{analysis.inputs}' in {names}, read by the tables at the top of the file"
        else:
            known = sorted({"default", *(reading for experiment in experiments for reading in experiment.readings)})
            raise BayesnuError(
                f"inputs: found '{analysis.inputs}', which none of {names} has; choose one of {', '.join(known)}"
            )
    yield from _describe_fixed_atom(analysis)
    yield from _describe_fixed_efficiencies(experiments, analysis)
    yield from _describe_void(experiments, analysis)
    yield from _describe_lost_keys(experiments, analysis)
    yield from _describe_similar_keys(experiments)
    yield from _describe_measured_fluxes(experiments, analysis)
    yield from _describe_luminosity(experiments, analysis)
    if analysis.efficiency_width > 0 and all(_has_width(each, analysis) for each in experiments):
        raise BayesnuError(
            f"efficiency_width: found {analysis.efficiency_width:g}, which has no effect on {names}, whose file has one; "
            "leave it at 0, change the file, or choose efficiency_nuisance = published where that one is assumed"
        )
    if analysis.solar_subtraction == "published" and all(each.solar_neutrinos == "absent" for each in backgrounds):
        raise BayesnuError(
            f"solar_subtraction: found 'published', which has no effect on {names}, whose background holds no neutrinos; "
            "leave it at model"
        )


def _has_width(experiment: Experiment, analysis: Analysis) -> bool:
    """Whether the efficiency of a data set floats without the width that an analysis has for others."""
    return efficiency_width(experiment, replace(analysis, efficiency_width=0.0)) is not None


def _describe_measured_fluxes(experiments: Sequence[Experiment], analysis: Analysis) -> Iterator[str]:
    """Say that fluxes were measured with couplings that are in question; refuse them beside the data that they are from."""
    sun = flux.solar_model(analysis.solar_model)
    if sun.measured_by is None:
        return
    events = {each.name: f"{each.name} {each.title}" for each in experiments} | {
        name: name for name in analysis.constraint_names
    }
    own = [name for name, about in events.items() if sun.measured_by.lower() in about.lower()]
    if own:
        raise BayesnuError(
            f"solar_model: found '{sun.name}' with {own[0]}, whose events are in these fluxes already; choose B16-GS98"
        )
    yield (
        f"solar_model: {sun.measured_by} measured these fluxes of pp and 7Be by scattering on electrons with Standard Model "
        "couplings, which moment, charge and radius change; a limit from them is circular"
    )


def _describe_luminosity(experiments: Sequence[Experiment], analysis: Analysis) -> Iterator[str]:
    """Say what the flux of pp follows from; refuse it where no pp neutrinos are."""
    if analysis.luminosity_constraint == "off":
        return
    if not any("pp" in fold.components_of(experiment, analysis) for experiment in experiments):
        names = ", ".join(experiment.name for experiment in experiments)
        raise BayesnuError(
            f"luminosity_constraint: found 'on', which has no effect on {names}, where no neutrinos of pp enter; set it off"
        )
    luminosity = f"{LUMINOSITY_ERG_PER_S:.4g} erg/s +- {100 * RELATIVE_WIDTH:g} %"
    yield (
        f"luminosity_constraint: the flux of pp follows from {luminosity} and the other fluxes; the width that "
        f"{analysis.solar_model} has for it is not used"
    )


def _describe_fixed_atom(analysis: Analysis) -> Iterator[str]:
    """Say that the doubt about the atom is left out, where it has no meaning for the electrons that are counted."""
    if analysis.atomic_nuisances and not analysis.is_atom_floating:
        yield (
            f"atomic_nuisances: with electrons = {analysis.electrons} the atom is fixed, as its errors are those of stepped "
            "electrons"
        )


def _describe_fixed_efficiencies(experiments: Sequence[Experiment], analysis: Analysis) -> Iterator[str]:
    """Say whose efficiency does not float, where all of them should."""
    fixed = [each.name for each in experiments if efficiency_width(each, analysis) is None]
    if analysis.efficiency_nuisance == "all" and fixed:
        yield (
            f"efficiency_nuisance: no width of efficiency or exposure is known of {', '.join(fixed)}, so it is fixed; give "
            "the file [efficiency.assumed] relative_width, or choose efficiency_width"
        )


def _describe_void(experiments: Sequence[Experiment], analysis: Analysis) -> Iterator[str]:
    """Say to which of several data sets a choice does not apply, where it applies to others."""
    voids = {
        f"inputs: no reading '{analysis.inputs}' in {{}}, read by the tables at the top of the file": [
            each.reading != analysis.inputs for each in experiments
        ],
        f"efficiency_width: {analysis.efficiency_width:g} has no effect on {{}}, whose file has a width": [
            analysis.efficiency_width > 0 and _has_width(each, analysis) for each in experiments
        ],
        "solar_subtraction: 'published' has no effect on {}, whose background holds no neutrinos": [
            analysis.solar_subtraction == "published" and each.background.solar_neutrinos == "absent" for each in experiments
        ],
    }
    for sentence, is_void in voids.items():
        if any(is_void) and not all(is_void):
            names = (each.name for each, void in zip(experiments, is_void, strict=True) if void)
            yield sentence.format(", ".join(names))


def _describe_lost_keys(experiments: Sequence[Experiment], analysis: Analysis) -> Iterator[str]:
    """Say which normalisations data sets would share, if each had more than one."""
    if analysis.background != "single":
        return
    keys = [{each.shared for each in experiment.background.components} - {None} for experiment in experiments]
    common = sorted({key for one, other in combinations(keys, 2) for key in one & other if key is not None})
    if common:
        yield f"background: 'single' has one normalisation per data set, so the shared {', '.join(common)} is not shared"


def _describe_similar_keys(experiments: Sequence[Experiment]) -> Iterator[str]:
    """Say which shared keys differ only by spaces or capitals, and so join nothing."""
    keys = {each.shared for experiment in experiments for each in experiment.background.components}
    keys |= {experiment.efficiency.shared for experiment in experiments}
    spellings: dict[str, list[str]] = {}
    for key in sorted(keys - {None}, key=str):
        spellings.setdefault("".join(str(key).split()).casefold(), []).append(f"'{key}'")
    for alike in spellings.values():
        if len(alike) > 1:
            yield f"shared: the keys {' and '.join(alike)} differ, so what has them is not shared; if it is, write one key"


def _review(experiment: Experiment, analysis: Analysis) -> Iterator[str]:
    """Refuse neutrinos that contradict the file; say smaller differences, and where the background is cut."""
    checks = compare_neutrinos(experiment, analysis)
    if not checks:
        yield f"{experiment.name}: the file states no number of solar neutrinos, so its exposure could not be checked"
    for check in checks:
        if check.is_contradiction:
            raise BayesnuError(f"{check.sentence}; correct exposure, efficiency or unit, `bayesnu check` shows every bin")
        if check.is_remarkable:
            yield check.sentence
    check_range(experiment, analysis)
    yield from describe_cut(experiment, analysis)
    yield from describe_lost_masses(experiment, analysis)
    if analysis.solar_components == "all":  # else they were left out on purpose, and `check` says how little that is
        yield from describe_left_out(experiment, analysis)
    yield from _describe_lost_widths(experiment, analysis)
    yield from _describe_missing_priors(experiment, analysis)
    observation = observe(experiment, analysis)
    yield from _describe_cut(observation, count_neutrinos(experiment, analysis))
    if not observation.is_data.any():
        yield f"{experiment.name}: the counts of all bins are made up or scaled and no data; the result is a projection"
    elif not observation.is_data.all():
        number = int(np.sum(~observation.is_data))
        yield f"{experiment.name}: {number} bins hold a model's values and no data; no goodness of fit counts them"


def compare_neutrinos(experiment: Experiment, analysis: Analysis) -> list[NeutrinoCheck]:
    """Return the model's solar neutrinos beside those that a file states: its number, and the sum of those per bin.

    The latter are compared in the region of interest. A lower cut on the recoils is a question to the data, and no part of
    the comparison.
    """
    stated = [] if experiment.neutrinos is None else [experiment.neutrinos]
    published = experiment.background.published_solar_neutrinos
    if published is not None:
        counts = float(published[experiment.in_region].sum())
        stated.append(StatedNeutrinos(counts, None, experiment.region_kev))
    return [_compare(experiment, analysis, each) for each in stated]


def _compare(experiment: Experiment, analysis: Analysis, stated: StatedNeutrinos) -> NeutrinoCheck:
    whole = replace(analysis, region="all", lowest_true_kev=Analysis.lowest_true_kev)
    own = count_neutrinos(experiment, whole)[slice(*np.searchsorted(experiment.edges_kev, stated.range_kev))].sum()
    return NeutrinoCheck(experiment.name, stated.range_kev, float(own), stated.counts, stated.error)


def count_neutrinos(experiment: Experiment, analysis: Analysis) -> np.ndarray:
    """Standard Model neutrinos (bins,) in the bins of an analysis."""
    weak = standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))
    counts: np.ndarray = fold.fold(experiment, analysis).signal(weak).sum(axis=0)
    return counts


def _describe_lost_widths(experiment: Experiment, analysis: Analysis) -> Iterator[str]:
    """Say whose published width is not used, as a free component of the same shape makes the whole shape free."""
    if analysis.normalisations == "free":
        return
    merged = find_merged_shapes(experiment, analysis)
    components = [each for each in experiment.background.components if each.shape in merged]
    for shape in dict.fromkeys(each.shape for each in components if isinstance(each.width, FreeWidth)):
        held = [each.name for each in components if each.shape == shape and not isinstance(each.width, FreeWidth)]
        if held:
            free = [each.name for each in components if each.shape == shape and isinstance(each.width, FreeWidth)]
            yield (
                f"{experiment.name}: the shape '{shape}' is free because of {', '.join(free)}, so the published widths of "
                f"{', '.join(held)} are not used"
            )


def _describe_missing_priors(experiment: Experiment, analysis: Analysis) -> Iterator[str]:
    """Say which components keep what the fit gave, where priors are asked for."""
    if analysis.normalisations != "prior" or analysis.background == "single":
        return
    priors = find_priors(experiment, analysis)
    fitted = [each.name for each in experiment.background.components if each.name not in priors]
    if fitted:
        which = ", ".join(fitted) if priors else "any component"
        yield f"{experiment.name}: no prior is known of {which}, so the constraint of the fit is used"


def _describe_cut(observation: Observation, neutrinos: np.ndarray) -> Iterator[str]:
    """Say where neutrinos and components exceed the published total, so that the background is cut at zero."""
    excess = find_excess(observation, neutrinos)
    bins = np.flatnonzero(excess)
    if len(bins):
        edges = observation.edges_kev
        where = ", ".join(f"{edges[k]:g}-{edges[k + 1]:g}" for k in bins[:5]) + (", ..." if len(bins) > 5 else "")
        yield (
            f"{observation.experiment.name}: the background is cut at zero in {where} keV, where what is taken out of the "
            f"published total exceeds it by {excess.sum():.3g} counts"
        )
