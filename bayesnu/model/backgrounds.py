"""Backgrounds beside an own prediction of the solar neutrinos: no neutrino is counted twice.

Where a published fit includes Standard Model neutrinos, the model's own (or the published) ones are taken out of its
total. What then remains beside the components with counts of their own is the remainder, cut at zero. A component that is a
spectrum has the counts of its fold (`background_fold`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

import numpy as np

from bayesnu.experiments import Component, ComponentPrior, Counted, Experiment, FreeWidth, GaussianPrior, Rated
from bayesnu.model.background_fold import fold_component
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import Observation
from bayesnu.physics.detector import mean_efficiency_ratio
from bayesnu.support.errors import BayesnuError

ROUNDING = 1e-12  # of a published total
FREE_MAXIMUM = 10.0  # a free normalisation is flat on [0, 10 x its fit]: proper, and far from the data on both sides


@dataclass(frozen=True, eq=False)
class Shape:
    """A background that floats as one: counts per bin of the analysis, and the constraint of their normalisation.

    That is a Gaussian of `mean`, `width` and `asymmetry` (`split_normal`), relative to the counts. With `width` None it is
    flat on [`minimum`, `maximum`]. `shared` names a nuisance common to several experiments. `spectra` are those of its
    components that are spectra.
    """

    name: str
    counts: np.ndarray
    width: float | None
    maximum: float = FREE_MAXIMUM
    shared: str | None = None
    mean: float = 1.0
    minimum: float = 0.0
    spectra: tuple[Component, ...] = ()
    asymmetry: float = 0.0

    @property
    def constraint(self) -> str:
        """The constraint in words."""
        if self.width is not None:
            centre = "" if self.mean == 1 else f"{self.mean:.4g} "
            below = 100 * self.width * (1 - self.asymmetry)
            above = 100 * self.width * (1 + self.asymmetry)
            sides = f"+- {above:.3g}" if self.asymmetry == 0 else f"+{above:.3g} -{below:.3g}"
            return f"{centre}{sides} %"
        is_free = self.minimum == 0 and self.maximum >= FREE_MAXIMUM
        return "free" if is_free else f"{self.minimum:.3g} to {self.maximum:.3g}"


def background_shapes(observation: Observation, neutrinos: np.ndarray) -> list[Shape]:
    """Return what floats beside the model's own Standard Model `neutrinos`, counts (bins,) of the observation."""
    analysis = observation.analysis
    if analysis.background == "single":
        counts = _sum_backgrounds(observation, neutrinos)
        spectra = tuple(c for c in observation.experiment.background.components if c.spectrum is not None)
        shapes = [Shape("background", counts, analysis.background_width, spectra=spectra)]
    else:
        shapes = _collect_components(observation, neutrinos)
    if analysis.normalisations == "free":
        shapes = [replace(shape, width=None) for shape in shapes]
    priors = find_priors(observation.experiment, analysis)
    shapes = [_apply_prior(shape, priors[shape.name]) if shape.name in priors else shape for shape in shapes]
    return [shape for shape in shapes if np.any(shape.counts > 0)]


def find_priors(experiment: Experiment, analysis: Analysis) -> dict[str, ComponentPrior]:
    """The components of an experiment, by name, whose prior an analysis uses."""
    if analysis.normalisations != "prior" or analysis.background == "single":
        return {}
    return {each.name: each.prior for each in experiment.background.components if each.prior is not None}


def find_merged_shapes(experiment: Experiment, analysis: Analysis) -> set[str]:
    """The shapes of an experiment whose components float as one: a range and a Gaussian, as priors may be, have no sum."""
    if analysis.background == "single" or not analysis.one_nuisance_per_shape:
        return set()
    components = experiment.background.components
    priors = find_priors(experiment, analysis)
    return {each.shape for each in components} - {each.shape for each in components if each.name in priors}


def _apply_prior(shape: Shape, prior: ComponentPrior) -> Shape:
    """A shape with what was known before the fit as its constraint."""
    known = prior.known
    if isinstance(known, GaussianPrior):
        return replace(shape, mean=known.mean, width=known.width, asymmetry=known.asymmetry)
    return replace(shape, width=None, minimum=known.lowest, maximum=known.highest)


def _sum_backgrounds(observation: Observation, neutrinos: np.ndarray) -> np.ndarray:
    """All backgrounds together, without neutrinos."""
    background = observation.experiment.background
    if background.total is None:
        return sum_own(observation)
    rest: np.ndarray = np.maximum(observation.cut(background.total) - take_out(observation, neutrinos), 0.0)
    return rest


def take_out(observation: Observation, neutrinos: np.ndarray) -> np.ndarray:
    """The neutrinos (bins,) that are taken out of a published total: the model's own or the published ones."""
    published = observation.experiment.background.published_solar_neutrinos
    assert published is not None
    return neutrinos if observation.analysis.solar_subtraction == "model" else observation.cut(published)


def own_counts(observation: Observation, component: Component) -> np.ndarray | None:
    """Counts (bins of the file,) of a component by itself, a spectrum folded into them; None for a part of the remainder."""
    if component.spectrum is None:
        return component.counts
    return fold_component(observation.experiment, observation.analysis, component)


def sum_own(observation: Observation) -> np.ndarray:
    """Counts (bins,) of all components that have counts of their own."""
    return observation.cut(_sum_file(observation))


def _sum_file(observation: Observation) -> np.ndarray:
    """The same in all bins of the file."""
    experiment = observation.experiment
    parts = [own_counts(observation, each) for each in experiment.background.components]
    total: np.ndarray = np.sum([np.zeros_like(experiment.observed), *(p for p in parts if p is not None)], axis=0)
    return total


def find_excess(observation: Observation, neutrinos: np.ndarray) -> np.ndarray:
    """Return by how many counts (bins,) what is taken out of the published total exceeds it: there it is cut at zero.

    These are the neutrinos, and if components float the counts of those that have their own.
    """
    total = observation.experiment.background.total
    if total is None:
        return np.zeros_like(observation.observed)
    published = observation.cut(total)
    own = sum_own(observation) if observation.analysis.background == "components" else 0.0
    excess = take_out(observation, neutrinos) + own - published
    return np.where(excess > ROUNDING * published, excess, 0.0)


def _collect_components(observation: Observation, neutrinos: np.ndarray) -> list[Shape]:
    """The published components, those of one shape as one unless priors keep them apart."""
    experiment = observation.experiment
    components = experiment.background.components
    remainder = np.maximum(_sum_backgrounds(observation, neutrinos) - sum_own(observation), 0.0)
    merged_shapes = find_merged_shapes(experiment, observation.analysis)
    shapes = []
    for c in components:
        own = own_counts(observation, c)
        counts = (c.fraction or 0.0) * remainder if own is None else observation.cut(own)
        spectra = () if c.spectrum is None else (c,)
        name = c.shape if c.shape in merged_shapes else c.name
        if isinstance(c.width, FreeWidth):
            shapes.append(Shape(name, counts, None, c.width.maximum, c.shared, spectra=spectra))
        else:
            width = c.width.relative(fitted_size(observation, c))
            shapes.append(Shape(name, counts, width, shared=c.shared, spectra=spectra, asymmetry=c.width.asymmetry))
    by_name = attrgetter("name")
    groups = groupby(sorted(shapes, key=by_name), key=by_name)
    merged = {name: list(group) for name, group in groups}
    if observation.analysis.correlated_runs:
        _check_keys(experiment, merged)
    if observation.analysis.normalisations != "free":
        _check_sums(experiment, merged)
    return [_merge_shapes(group) for group in merged.values()]


def _check_keys(experiment: Experiment, groups: dict[str, list[Shape]]) -> None:
    """Refuse components of one shape with different keys: one normalisation cannot follow two."""
    for name, group in groups.items():
        keys = {shape.shared for shape in group}
        if len(keys) > 1:
            found = " and ".join(sorted("none" if key is None else f"'{key}'" for key in keys))
            raise BayesnuError(
                f"{experiment.name}: found the shared keys {found} on components of the shape '{name}', which have one "
                "normalisation; give all of them the same key or another shape"
            )


def _check_sums(experiment: Experiment, groups: dict[str, list[Shape]]) -> None:
    """Refuse independent errors of one shape that are asymmetric: the sum of split normals is none."""
    for name, group in groups.items():
        is_one = len(group) == 1 or _find_key(group) is not None
        if not is_one and any(shape.asymmetry != 0 for shape in group) and all(shape.width is not None for shape in group):
            raise BayesnuError(
                f"{experiment.name}: found asymmetric widths among the components of the shape '{name}', whose independent "
                "errors have no such sum; give each component a shape of its own or one width, or set "
                "one_nuisance_per_shape = false"
            )


def _find_key(shapes: list[Shape]) -> str | None:
    """The shared key that all have; None where there is no such key."""
    keys = {shape.shared for shape in shapes}
    return keys.pop() if len(keys) == 1 else None


def fitted_size(observation: Observation, component: Component) -> float:
    """What an absolute width refers to: the size of a spectrum, else published counts in all bins of the file."""
    if isinstance(component.size, Rated):
        return component.size.rate
    if isinstance(component.size, Counted):
        return component.size.counts
    if component.counts is not None:
        return float(component.counts.sum())
    background = observation.experiment.background
    assert background.total is not None and background.published_solar_neutrinos is not None
    own = _sum_file(observation)
    remainder = np.maximum(background.total - background.published_solar_neutrinos - own, 0.0)
    return float((component.fraction or 0.0) * remainder.sum())


def _merge_shapes(shapes: list[Shape]) -> Shape:
    """Components of one shape as one: counts add, and errors add in quadrature; free if one of them is.

    With a shared key they are one normalisation already, whose errors add linearly, those of each side by themselves.
    """
    counts = np.sum([shape.counts for shape in shapes], axis=0)
    widths = [shape.width for shape in shapes]
    shared = _find_key(shapes)
    spectra = tuple(each for shape in shapes for each in shape.spectra)
    if None in widths or not counts.sum() > 0:
        maximum = max(shape.maximum for shape in shapes)
        width = None if None in widths else widths[0]
        return Shape(shapes[0].name, counts, width, maximum, shared, spectra=spectra)
    errors = np.array([shape.counts.sum() * (shape.width or 0.0) for shape in shapes])
    error = errors.sum() if shared else np.sqrt(np.sum(errors**2))
    asymmetry = np.average([shape.asymmetry for shape in shapes], weights=errors)
    width = float(error / counts.sum())
    return Shape(shapes[0].name, counts, width, shared=shared, spectra=spectra, asymmetry=float(asymmetry))


def shift_counts(
    observation: Observation, shape: Shape, threshold_shift_kev: float = 0.0, energy_scale: float = 0.0
) -> np.ndarray:
    """Counts (bins,) of a shape under a shifted response.

    Spectra are folded anew, as the signal is. Where counts alone are known, they change as the mean efficiency of their
    bin, and not with the energy scale.
    """
    rest = shape.counts - _sum_spectra(observation, shape, 0.0, 0.0)
    ratio = mean_efficiency_ratio(observation.response, threshold_shift_kev)
    moved: np.ndarray = rest * ratio + _sum_spectra(observation, shape, threshold_shift_kev, energy_scale)
    return moved


def _sum_spectra(observation: Observation, shape: Shape, threshold_shift_kev: float, energy_scale: float) -> np.ndarray:
    """Counts (bins,) of the spectra in a shape."""
    total = np.zeros_like(observation.observed)
    for each in shape.spectra:
        counts = fold_component(
            observation.experiment,
            observation.analysis,
            each,
            threshold_shift_kev=threshold_shift_kev,
            energy_scale=energy_scale,
        )
        total = total + observation.cut(counts)
    return total
