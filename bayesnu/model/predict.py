"""Predictions for given couplings: recoil rates before the detector, and expected counts in an experiment's bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.backgrounds import background_shapes
from bayesnu.model.choices import Analysis
from bayesnu.model.consistency import review
from bayesnu.model.observation import observe
from bayesnu.physics.cross_section import Couplings, kernel_coefficients, standard_model, weak_couplings
from bayesnu.physics.properties import couplings
from bayesnu.support.errors import BayesnuError


def all_couplings(analysis: Analysis, **values: float) -> Couplings:
    """Standard Model couplings plus properties given as `mu_nu` (mu_B), `q_nu` (e), `r2_nu` (cm^2), or per flavour."""
    sm = standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))
    return sm + couplings(fold.mixing_of(analysis), **values)


def rate(energies_kev: np.ndarray, analysis: Analysis | None = None, **values: float) -> np.ndarray:
    """Return the rate of recoils before the detector, with unit efficiency and perfect resolution.

    Arguments:
        energies_kev: (n,), true recoil energies in keV, above 0; give one energy as a list.
        analysis: from `preset`; the preset `default` unless given.
        values: couplings in mu_B, e and cm^2: `mu_nu=1e-11`, `q_nu=1e-12`, `r2_nu=1e-32`, or of an element, as `q_nu_e`.
            Those not given are zero; a common value and an element's add up.

    Returns: (components, n), recoils per tonne, year and keV; the flux components are pp and 7Be.

    Raises: `BayesnuError` for energies that are not positive and finite, and for unknown couplings.

    Source: Vogel and Engel 1989, Phys. Rev. D 39, 3378; electromagnetic terms arXiv:2510.12449, eqs. 1-9; fluxes
        Vinyoles et al. 2017, arXiv:1611.09867, Table 6.

    Example:
        >>> import bayesnu
        >>> bayesnu.rate([1.0, 10.0], mu_nu=1e-11).sum(axis=0).round(3)
        array([11.695,  4.158])
    """
    analysis = analysis or Analysis()
    energies = np.asarray(energies_kev, dtype=float)
    if not np.all((energies > 0) & np.isfinite(energies)):
        raise BayesnuError("energy: found one that is not positive and finite; give recoil energies in keV above 0")
    total = all_couplings(analysis, **values)
    coefficients = kernel_coefficients(total, total, fold.mixing_of(analysis))
    rates: np.ndarray = np.einsum("ckit,ki->ct", fold.kernel_rates(energies, analysis), coefficients)
    return rates


@dataclass(frozen=True, eq=False)
class Counts:
    """Expected and observed counts per bin, over the whole exposure.

    Attributes:
        edges_kev: (bins + 1,), edges in reconstructed energy, keV.
        observed: (bins,), events.
        signal: (components, bins), expected events of solar neutrinos by flux component, pp and 7Be.
        backgrounds: name of the background: (bins,), expected events.
        notes: what has to be known beside these counts, in sentences.
    """

    edges_kev: np.ndarray
    observed: np.ndarray
    signal: np.ndarray
    backgrounds: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()

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


def expected_counts(experiment: Experiment, analysis: Analysis | None = None, **values: float) -> Counts:
    """Return expected and observed counts of an experiment, every nuisance at its published value.

    Arguments:
        experiment: a data set from `load_experiment`, loaded with the analysis' `inputs`.
        analysis: from `preset`; the preset `default` unless given.
        values: couplings in mu_B, e and cm^2, as in `rate`: `mu_nu=1e-11`, `q_nu=1e-12`, `r2_nu=1e-32`, or of an element.

    Returns: `Counts` per bin over the whole exposure, in the bins that the analysis compares with data. Solar neutrinos are
        counted once: a published background that holds them is used without them.

    Raises: `BayesnuError` for unknown couplings, and for choices that the experiment cannot have or that have no effect. So
        it is for neutrinos that contradict the experiment's own number.

    Source: cross sections and fluxes as in `rate`; detector and background as the experiment's `provenance` says.

    Example:
        >>> import bayesnu
        >>> counts = bayesnu.expected_counts(bayesnu.load_experiment("xenonnt-sr0"), mu_nu=1e-11)
        >>> f"{counts.signal.sum():.1f} from neutrinos, {counts.background.sum():.1f} from backgrounds"
        '107.7 from neutrinos, 349.4 from backgrounds'
    """
    analysis = analysis or Analysis()
    notes = review([experiment], analysis)
    folded = fold.fold(experiment, analysis)
    observation = observe(experiment, analysis)
    neutrinos = folded.signal(all_couplings(analysis)).sum(axis=0)
    shapes = background_shapes(observation, neutrinos)
    return Counts(
        edges_kev=observation.edges_kev,
        observed=observation.observed,
        signal=folded.signal(all_couplings(analysis, **values)),
        backgrounds={shape.name: shape.counts for shape in shapes},
        notes=notes,
    )
