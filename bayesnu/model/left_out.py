"""Solar components that do not enter a data set, and an upper bound of what they would add to it.

Those with a spectrum are folded. The others are bounded without one. At a given recoil the rate of a mass state is quadratic
in u = 1/E. It opens upwards or falls with u, so it is largest at one end: for infinite energy, or for the least that gives
the recoil. The bound takes the worse end and the worst mass state at every recoil, which no spectrum and no oscillation
exceeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.physics import flux
from bayesnu.physics.constants import SECONDS_PER_YEAR, XENON_ATOMS_PER_TONNE
from bayesnu.physics.cross_section import (
    Couplings,
    kernel_coefficients,
    kernels,
    minimum_neutrino_energy,
    standard_model,
    weak_couplings,
)

INFINITE_KEV = 1e15
JUST_ABOVE = 1 + 1e-9  # the least energy, in spite of rounding
SEEN = 0.02  # of a rate, from which on what is left out of it is said


def components_left_out(experiment: Experiment, analysis: Analysis) -> tuple[str, ...]:
    """Names of the components of the solar model that do not enter an experiment."""
    entering = fold.components_of(experiment, analysis)
    return tuple(name for name in flux.solar_model(analysis.solar_model).fluxes if name not in entering)


def bound_rate(recoil_kev: np.ndarray, analysis: Analysis, couplings: Couplings, names: Sequence[str]) -> np.ndarray:
    """Recoils (...,) per tonne, year and keV that these components cannot exceed together, whatever their spectra."""
    fluxes = flux.solar_model(analysis.solar_model).fluxes
    total = float(np.sum([fluxes[name].total for name in names]))
    coefficients = kernel_coefficients(couplings, couplings, fold.mixing_of(analysis))
    least = JUST_ABOVE * minimum_neutrino_energy(recoil_kev)
    ends = np.stack([least, np.full_like(least, INFINITE_KEV)])
    targets = XENON_ATOMS_PER_TONNE * SECONDS_PER_YEAR * fold.targets_of(recoil_kev, analysis)
    per_kernel = kernels(recoil_kev, ends, analysis.neutrino_mass_ev)
    per_state = np.einsum("k...,ke...,ki->ei...", targets, per_kernel, coefficients)
    worst: np.ndarray = total * per_state.max(axis=(0, 1))
    return worst


def bound_left_out(experiment: Experiment, analysis: Analysis, couplings: Couplings) -> np.ndarray:
    """Counts (bins,) that the components left out cannot exceed together, at the fluxes of the solar model.

    Those with a spectrum are folded, and those without are bounded.
    """
    spectra = flux.SPECTRA[analysis.solar_components]
    names = components_left_out(experiment, analysis)
    known = tuple(name for name in names if name in spectra)
    unknown = tuple(name for name in names if name not in spectra)

    def rate(recoil_kev: np.ndarray) -> np.ndarray:
        return bound_rate(recoil_kev, analysis, couplings, unknown)[None]

    response = observe(experiment, analysis).response
    counts: np.ndarray = fold.fold_rates(rate, experiment, analysis, response)[0]
    if known:
        (folded,) = fold.fold_components(experiment, analysis, response, known)
        counts = counts + folded.signal(couplings).sum(axis=0)
    return counts


def describe_left_out(experiment: Experiment, analysis: Analysis) -> Iterator[str]:
    """Say which components are left out, and how little they can be."""
    names = components_left_out(experiment, analysis)
    if not names:
        return
    weak = standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))
    neutrinos = fold.fold(experiment, analysis).signal(weak).sum()
    bound = bound_left_out(experiment, analysis, weak).sum()
    share = f"{100 * bound / neutrinos:.2g} % of its neutrinos" if neutrinos > 0 else ""
    most = share or f"{bound:.2g} events, where no others are expected"
    yield f"{experiment.name}: the solar components {', '.join(names)} are left out; together they are at most about {most}"


def describe_lost_masses(experiment: Experiment, analysis: Analysis) -> Iterator[str]:
    """Say what is left out of a heavy sterile neutrino, which needs fast ones: the Standard Model's recoils do not tell."""
    names = components_left_out(experiment, analysis)
    if analysis.sterile_mass_kev > 0 and names:
        yield (
            f"{experiment.name}: the solar components {', '.join(names)} are left out; at masses above some 300 keV limits "
            "are weaker than with them"
        )


def describe_rate(recoil_kev: np.ndarray, rates: np.ndarray, analysis: Analysis, couplings: Couplings) -> Iterator[str]:
    """Say which components have no spectrum, where they could be seen beside rates (n,) per tonne, year and keV."""
    spectra = flux.SPECTRA[analysis.solar_components]
    names = [name for name in flux.solar_model(analysis.solar_model).fluxes if name not in spectra]
    bound = bound_rate(recoil_kev, analysis, couplings, names)
    share = bound / np.maximum(rates, np.finfo(float).tiny)
    worst = int(np.argmax(share))
    if share[worst] > SEEN:
        yield (
            f"the solar components {', '.join(names)} are left out; at {recoil_kev[worst]:g} keV they add at most "
            f"{bound[worst]:.2g} to {rates[worst]:.2g} per tonne, year and keV"
        )
