"""Predictions for given couplings: recoil rates before the detector, and expected counts in an experiment's bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesnu.experiments import Experiment, load_one
from bayesnu.model import fold
from bayesnu.model.backgrounds import background_shapes
from bayesnu.model.choices import Analysis, read_analysis
from bayesnu.model.consistency import review
from bayesnu.model.observation import observe
from bayesnu.physics.cross_section import Couplings, kernel_coefficients, standard_model, weak_couplings
from bayesnu.physics.properties import couplings, parameter_of, read_coupling
from bayesnu.support.arguments import read_array
from bayesnu.support.errors import BayesnuError


def all_couplings(analysis: Analysis, **values: float) -> Couplings:
    """Standard Model couplings plus values of parameters, each in its own unit: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2."""
    weak = weak_couplings(analysis.couplings, analysis.sin2_theta_w)
    return standard_model(weak) + couplings(fold.mixing_of(analysis), weak, **values)


def read_couplings(analysis: Analysis, values: Mapping[str, Any]) -> dict[str, float]:
    """Values of parameters as numbers; raises `BayesnuError` for what cannot be a coupling of this analysis."""
    fold.check_flavours(analysis, map(parameter_of, values))
    fold.check_moments(analysis, map(parameter_of, values))
    return {name: read_coupling(parameter_of(name), value) for name, value in values.items()}


def rate(energies_kev: ArrayLike, analysis: Analysis | str | None = None, **values: float) -> np.ndarray:
    """Return the rate of recoils before the detector, with unit efficiency and perfect resolution.

    Arguments:
        energies_kev: (...), true recoil energies in keV, above 0: a number, a list or an array.
        analysis: from `preset`, or a preset's name; the preset `default` unless given. What it says of detector, bins and
            nuisances has no effect here.
        values: couplings in the units of a model's parameters, 1e-11 mu_B, 1e-12 e and 1e-32 cm^2. So `mu_nu=0.7` is 7e-12
            mu_B; elements have names as `q_nu_e`. Those not given are as in the Standard Model; a
            common value and an element's add up.

    Returns: (components, ...), recoils per tonne, year and keV. The flux components are pp and 7Be; with
        `solar_components="all"`, pep, 13N, 15O and 17F follow.

    Raises: `BayesnuError` for energies that are not positive and finite, for unknown couplings, and for values in mu_B, e or
        cm^2, which their size betrays. Moments of two kinds are refused, as their interference is not defined.

    Source: Vogel and Engel 1989, Phys. Rev. D 39, 3378; electromagnetic terms arXiv:2510.12449, eqs. 1-9; fluxes
        Vinyoles et al. 2017, arXiv:1611.09867, Table 6.

    Example:
        >>> import bayesnu
        >>> bayesnu.rate([1.0, 10.0], mu_nu=1).sum(axis=0).round(3)  # at 1e-11 mu_B
        array([11.695,  4.158])
    """
    analysis = read_analysis(analysis)
    energies = read_array("energy", energies_kev)
    if not np.all((energies > 0) & np.isfinite(energies)):
        raise BayesnuError("energy: found one that is not positive and finite; give recoil energies in keV above 0")
    total = all_couplings(analysis, **read_couplings(analysis, values))
    coefficients = kernel_coefficients(total, total, fold.mixing_of(analysis))
    with np.errstate(all="ignore"):  # what overflows is refused
        rates: np.ndarray = np.einsum("cki...,ki->c...", fold.kernel_rates(energies, analysis), coefficients)
    if not np.all(np.isfinite(rates)):
        raise BayesnuError("energy: found one so far out that the rate is not a finite number; come nearer")
    return rates


@dataclass(frozen=True, eq=False, repr=False)
class Counts:
    """Expected and observed counts per bin, over the whole exposure.

    Attributes:
        edges_kev: (bins + 1,), edges in reconstructed energy, keV.
        observed: (bins,), events.
        components: names of the flux components that enter the data set, as pp and 7Be.
        signal: (components, bins), expected events of solar neutrinos by flux component.
        backgrounds: name of the background: (bins,), expected events.
        notes: what has to be known beside these counts, in sentences.
    """

    edges_kev: np.ndarray
    observed: np.ndarray
    components: tuple[str, ...]
    signal: np.ndarray
    backgrounds: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<Counts in {len(self.observed)} bins: {self.observed.sum():g} observed; expected {self.signal.sum():.4g} of "
            f"neutrinos and {self.background.sum():.4g} of backgrounds>"
        )

    @property
    def background(self) -> np.ndarray:
        """Expected events (bins,) of all backgrounds together."""
        total: np.ndarray = np.sum([np.zeros_like(self.observed), *self.backgrounds.values()], axis=0)
        return total

    @property
    def expected(self) -> np.ndarray:
        """Expected events (bins,) of signal and backgrounds together."""
        total: np.ndarray = self.signal.sum(axis=0) + self.background
        return total


def expected_counts(experiment: Experiment | str | Path, analysis: Analysis | str | None = None, **values: float) -> Counts:
    """Return expected and observed counts of an experiment, every nuisance at its published value.

    Arguments:
        experiment: a data set from `load_experiment`, loaded with the analysis' `inputs`; or a name or file to load.
        analysis: from `preset`, or a preset's name; the preset `default` unless given. What it says of the widths of
            nuisances and of constraints has no effect here.
        values: couplings in the units of a model's parameters, as in `rate`: 1e-11 mu_B, 1e-12 e and 1e-32 cm^2. So
            `mu_nu=0.7` is 7e-12 mu_B.

    Returns: `Counts` per bin over the whole exposure, in the bins that the analysis compares with data. Solar neutrinos are
        counted once: a published background that holds them is used without them.

    Raises: `BayesnuError` for unknown couplings, for values in mu_B, e or cm^2, which their size betrays, and for choices
        that the experiment cannot have or that have no effect. So it is for neutrinos that contradict the experiment's own
        number.

    Source: cross sections and fluxes as in `rate`; detector and background as the experiment's `provenance` says.

    Example:
        >>> import bayesnu
        >>> counts = bayesnu.expected_counts(bayesnu.load_experiment("xenonnt-sr0"), mu_nu=1)  # 1e-11 mu_B
        >>> f"{counts.signal.sum():.1f} from neutrinos, {counts.background.sum():.1f} from backgrounds"
        '107.7 from neutrinos, 349.4 from backgrounds'
    """
    analysis = read_analysis(analysis)
    couplings_given = read_couplings(analysis, values)
    data = load_one(experiment, analysis.inputs)
    notes = review([data], analysis)
    folded = fold.fold(data, analysis)
    observation = observe(data, analysis)
    neutrinos = folded.signal(all_couplings(analysis)).sum(axis=0)
    shapes = background_shapes(observation, neutrinos)
    return Counts(
        edges_kev=observation.edges_kev,
        observed=observation.observed,
        components=folded.components,
        signal=folded.signal(all_couplings(analysis, **couplings_given)),
        backgrounds={shape.name: shape.counts for shape in shapes},
        notes=notes,
    )
