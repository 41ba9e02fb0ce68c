"""The grids certify themselves: expected counts against halved steps and against adaptive quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.integrate import quad_vec

from bayesnu.experiments import Component, Experiment, load_one
from bayesnu.model import fold
from bayesnu.model.background_fold import LOWEST_KEV, fold_component, respond
from bayesnu.model.choices import Analysis, read_analysis
from bayesnu.model.observation import observe
from bayesnu.model.predict import all_couplings
from bayesnu.physics import detector
from bayesnu.physics.background_spectra import LineSpectrum
from bayesnu.physics.cross_section import Couplings, kernel_coefficients

RELATIVE = 1e-4  # largest change allowed of an expected count, of itself
ABSOLUTE = 1e-6  # or in counts, where a bin is nearly empty: below 0.01 counts

# Ends of the ranges that hold all modes: no parameter value in use depends more on the grid.
EXTREMES: dict[str, dict[str, float]] = {
    "Standard Model": {},
    "mu_nu = 1e-10 mu_B": {"mu_nu": 10.0},
    "q_nu = 4e-12 e": {"q_nu": 4.0},
    "q_nu = -4e-12 e": {"q_nu": -4.0},
    "r2_nu = 1.5e-30 cm2": {"r2_nu": 150.0},
    "r2_nu = -2e-30 cm2": {"r2_nu": -200.0},
}


@dataclass(frozen=True)
class Certificate:
    """Largest relative change of an expected count, for each coupling that was tried and each background spectrum.

    Attributes:
        changes: name of the coupling or background: (change against halved steps, change against adaptive quadrature).
            They are pure numbers, relative to the count, or to 0.01 counts where it is smaller.
    """

    changes: dict[str, tuple[float, float]]

    @property
    def passed(self) -> bool:
        """Whether every change is below `RELATIVE`, 1e-4."""
        return all(change < RELATIVE for pair in self.changes.values() for change in pair)


def certify(experiment: Experiment | str | Path, analysis: Analysis | str | None = None) -> Certificate:
    """Compare the energy grid of an experiment with one of half the steps and with adaptive quadrature.

    Arguments:
        experiment: a data set from `load_experiment`, or a name or file to load.
        analysis: the choices, from `preset`, or a preset's name; the preset `default` unless given.

    Returns: a `Certificate`. For the Standard Model, couplings at the ends of their ranges and backgrounds that are
        spectra it holds the largest relative change of any bin's expected counts. `passed` says whether all changes are
        below 1e-4.

    Raises: `BayesnuError` for choices that would need more points than the grid may have.

    Example:
        >>> import bayesnu
        >>> certificate = bayesnu.certify(bayesnu.load_experiment("xenonnt-sr0"), bayesnu.preset())
        >>> certificate.passed, list(certificate.changes)[:2]
        (True, ['Standard Model', 'mu_nu = 1e-10 mu_B'])
    """
    analysis = read_analysis(analysis)
    data = load_one(experiment, analysis.inputs)
    grid = fold.fold(data, analysis)
    halved = fold.fold(data, analysis, halvings=1)
    moment = "mu_sterile" if analysis.sterile_mass_kev > 0 else "mu_nu"  # the same couplings with another kernel
    couplings = {name.replace("mu_nu", moment): all_couplings(analysis, **values) for name, values in EXTREMES.items()}
    adaptive = adaptive_counts(data, analysis, list(couplings.values()))
    changes = {}
    for (name, each), reference in zip(couplings.items(), adaptive, strict=True):
        counts = grid.signal(each).sum(axis=0)
        changes[name] = (
            _find_largest_change(counts, halved.signal(each).sum(axis=0)),
            _find_largest_change(counts, reference),
        )
    for component in data.background.components:
        if component.spectrum is not None and not isinstance(component.spectrum, LineSpectrum):  # lines have no grid
            changes[f"background {component.name}"] = _compare_background(data, analysis, component)
    return Certificate(changes)


def adaptive_counts(experiment: Experiment, analysis: Analysis, couplings: list[Couplings]) -> np.ndarray:
    """Signal counts (couplings, bins) with the integral over true energy done adaptively, break points at shell edges."""
    observation = observe(experiment, analysis)
    response = observation.response
    nodes, _ = fold.true_energy_grid(experiment, response, analysis)
    mixing = fold.mixing_of(analysis)
    components = fold.components_of(experiment, analysis)
    coefficients = np.array([kernel_coefficients(each, each, mixing) for each in couplings])
    breaks = [*response.resolution.kinks_kev, *fold.breakpoints_of(analysis)]
    if response.efficiency_on == "true":
        breaks.extend(response.efficiency_kev)
    low = analysis.lowest_true_kev
    high = float(nodes[-1])

    def integrand(log_energy: float) -> np.ndarray:
        energy = np.array([np.exp(log_energy)])
        rates = np.einsum("ckit,nki->nt", fold.kernel_rates(energy, analysis, 128, components), coefficients)
        return detector.fold(rates * energy, energy, response).ravel()

    points = sorted({float(np.log(b)) for b in breaks if low < b < high})
    integral, _ = quad_vec(integrand, np.log(low), np.log(high), epsrel=1e-6, norm="max", points=points, limit=20000)
    counts: np.ndarray = integral.reshape(len(couplings), -1) * experiment.exposure_tonne_years
    if observation.turn_on is not None:
        counts = counts * observation.turn_on
    return counts


def _compare_background(experiment: Experiment, analysis: Analysis, component: Component) -> tuple[float, float]:
    """Changes of the counts of a background with a spectrum, which is integrated adaptively between its breaks."""
    spectrum = component.spectrum
    assert spectrum is not None and not isinstance(spectrum, LineSpectrum)
    response = respond(experiment, analysis)
    nodes, _ = fold.true_energy_grid(experiment, response, analysis)
    high = float(nodes[-1])

    def integrand(log_energy: float) -> np.ndarray:
        energy = np.array([np.exp(log_energy)])
        counts: np.ndarray = detector.fold(spectrum.density(energy)[None] * energy, energy, response)[0]
        return counts

    breaks = (*spectrum.breaks_kev, *response.resolution.kinks_kev)
    points = sorted({float(np.log(b)) for b in breaks if LOWEST_KEV < b < high})
    reference, _ = quad_vec(integrand, np.log(LOWEST_KEV), np.log(high), epsrel=1e-6, norm="max", points=points, limit=20000)
    counts = fold_component(experiment, analysis, component)
    if experiment.turn_on is not None:
        reference = reference * experiment.turn_on
    reference = reference * counts.sum() / reference.sum()  # the size is a factor on both
    halved = fold_component(experiment, analysis, component, halvings=1)
    return _find_largest_change(counts, halved), _find_largest_change(counts, reference)


def _find_largest_change(counts: np.ndarray, reference: np.ndarray) -> float:
    return float(np.max(np.abs(counts - reference) / np.maximum(np.abs(reference), ABSOLUTE / RELATIVE)))
