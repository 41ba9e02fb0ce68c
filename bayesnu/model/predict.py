"""Predictions for given couplings: recoil rates before the detector, and expected counts in an experiment's bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.backgrounds import background_shapes
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.physics.cross_section import Couplings, kernel_coefficients, standard_model, weak_couplings
from bayesnu.physics.properties import couplings
from bayesnu.support.errors import BayesnuError


def all_couplings(analysis: Analysis, **values: float) -> Couplings:
    """Standard Model couplings plus properties given as `mu_nu` (mu_B), `q_nu` (e), `r2_nu` (cm^2), or per flavour."""
    sm = standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))
    return sm + couplings(fold.mixing_of(analysis), **values)


def rate(energies_kev: np.ndarray, analysis: Analysis | None = None, **values: float) -> np.ndarray:
    """Recoil rate per tonne, year and keV at true recoil energies in keV (n,), per flux component: shape (components, n).

    Unit efficiency and perfect resolution. `values` are couplings: `mu_nu` in mu_B, `q_nu` in e, `r2_nu` in cm^2, or those
    of one flavour, such as `q_nu_e`. Cross section: arXiv:2510.12449, eqs. 1-9; fluxes: see `physics/flux.py`. Raises
    `BayesnuError` for energies that are not positive and finite.

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
    """Expected and observed counts per bin: `signal` is per flux component (components, bins), the rest (bins,)."""

    edges_kev: np.ndarray
    observed: np.ndarray
    signal: np.ndarray
    backgrounds: dict[str, np.ndarray]

    @property
    def background(self) -> np.ndarray:
        """All backgrounds together."""
        total: np.ndarray = np.sum([np.zeros_like(self.observed), *self.backgrounds.values()], axis=0)
        return total

    @property
    def expected(self) -> np.ndarray:
        """Signal and backgrounds together."""
        total: np.ndarray = self.signal.sum(axis=0) + self.background
        return total


def expected_counts(experiment: Experiment, analysis: Analysis | None = None, **values: float) -> Counts:
    """Counts per bin at the published normalisations; solar neutrinos are counted once.

    Couplings are given as in `rate`: `mu_nu` in mu_B, `q_nu` in e, `r2_nu` in cm^2, or one flavour's, such as `q_nu_e`.
    Raises `BayesnuError` for names that are not known and for choices that the experiment cannot have.

    >>> import bayesnu
    >>> counts = bayesnu.expected_counts(bayesnu.load_experiment("xenonnt-sr0"), mu_nu=1e-11)
    >>> f"{counts.signal.sum():.1f} from neutrinos, {counts.background.sum():.1f} from backgrounds"
    '107.7 from neutrinos, 349.4 from backgrounds'
    """
    analysis = analysis or Analysis()
    folded = fold.fold(experiment, analysis)
    observation = observe(experiment, analysis)
    neutrinos = folded.signal(all_couplings(analysis)).sum(axis=0)
    shapes = background_shapes(observation, neutrinos)
    return Counts(
        edges_kev=observation.edges_kev,
        observed=observation.observed,
        signal=folded.signal(all_couplings(analysis, **values)),
        backgrounds={shape.name: shape.counts for shape in shapes},
    )
