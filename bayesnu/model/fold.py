"""Where physics meets detector: recoil kernels folded into bins once.

A `Fold` holds the expected counts per unit coefficient of every flux component, recoil kernel, mass state and bin; the
signal of any couplings is a contraction of it. No integral is left for the sampler, and none of the flavour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.physics import atom, detector, flux, oscillation, sterile
from bayesnu.physics.constants import SECONDS_PER_YEAR, XENON_ATOMS_PER_TONNE
from bayesnu.physics.cross_section import (
    KERNELS,
    Couplings,
    kernel_coefficients,
    kernels,
    minimum_neutrino_energy,
    standard_model,
    weak_couplings,
)
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.physics.spectra import ORDER
from bayesnu.support.errors import BayesnuError

CHUNK = 4096  # nodes in true energy handled at a time: bounds the memory of a fold
MOST_PANELS = 100_000  # of the grid in true energy, at most
Parts: TypeAlias = tuple[atom.AtomicPart | None, ...]  # of what an atom offers; None is all of it
WHOLE: Parts = (None,)
LEAST_SHARE = 1e-3  # of a data set's neutrinos: of all components, those with less do not enter it


@dataclass(frozen=True, eq=False)
class Fold:
    """Counts per bin for unit kernel coefficients at the solar model's fluxes: shape (components, kernels, 3, bins).

    `components` are their names; `mixing` is the matrix U (3, 3) that takes couplings from flavour to mass states.
    """

    components: tuple[str, ...]
    counts: np.ndarray
    mixing: np.ndarray

    def signal(self, couplings: Couplings) -> np.ndarray:
        """Expected signal counts per flux component and bin, shape (components, bins)."""
        return self.bilinear(couplings, couplings)

    def bilinear(self, x: Couplings, y: Couplings) -> np.ndarray:
        """The symmetric form whose diagonal is the signal: the signal of a x + b y expands in it exactly."""
        signal: np.ndarray = np.einsum("ckib,ki->cb", self.counts, kernel_coefficients(x, y, self.mixing))
        return signal


def oscillation_of(analysis: Analysis) -> oscillation.Oscillation:
    """The oscillation parameters among the choices of an analysis."""
    return oscillation.Oscillation(
        analysis.sin2_theta12,
        analysis.sin2_theta13,
        analysis.sin2_theta23,
        analysis.delta_cp_deg,
        analysis.dm2_21_ev2,
    )


def mixing_of(analysis: Analysis) -> np.ndarray:
    """The matrix U (3, 3) from flavour to the states in which neutrinos arrive: mass states, or flavours in the shortcut."""
    if analysis.flavour_content == "shortcut":
        return np.eye(3, dtype=complex)
    return oscillation.mixing_matrix(oscillation_of(analysis))


def check_flavours(analysis: Analysis, parameters: Iterable[PhysicsParameter]) -> None:
    """Raise `BayesnuError` for a parameter that has no meaning in the flavour content of an analysis."""
    if analysis.flavour_content == "shortcut" and any(each.needs_mass_states for each in parameters):
        raise BayesnuError(
            "flavour_content: found 'shortcut', which has no mass states; off-diagonal elements and moments of mass states "
            "need 'exact'"
        )


def check_moments(analysis: Analysis, parameters: Iterable[PhysicsParameter]) -> None:
    """Raise `BayesnuError` for a mass of the sterile neutrino that no parameter takes, or that a moment has no place for."""
    mass = analysis.sterile_mass_kev
    names = {each.em_property.name for each in parameters}
    if mass > 0 and "mu_nu" in names:
        raise BayesnuError(
            f"mu_nu: found beside sterile_mass_kev = {mass:g}, with which a moment leads to a sterile neutrino; take "
            "mu_sterile, or leave the mass at 0"
        )
    if mass > 0 and "mu_sterile" not in names:
        raise BayesnuError(
            f"sterile_mass_kev: found {mass:g}, which has no effect without mu_sterile; take that parameter, or leave "
            "it at 0"
        )


def content_of(component: str, energies_kev: np.ndarray, analysis: Analysis) -> np.ndarray:
    """Probabilities to arrive in each of those states, shape (3, *energies.shape)."""
    is_shortcut = analysis.flavour_content == "shortcut"
    content = oscillation.shortcut_content if is_shortcut else oscillation.mass_state_content
    return content(energies_kev, oscillation.PRODUCTION_POTENTIAL_EV[component], oscillation_of(analysis))


def kernel_rates(
    recoil_kev: np.ndarray, analysis: Analysis, order: int = ORDER, components: Iterable[str] | None = None
) -> np.ndarray:
    """Rate per tonne-year and keV for unit kernel coefficients, shape (components, kernels, 3 mass states, *recoil.shape).

    It is that of `neutrino_rates` with what the atom offers at T.
    """
    offered = targets_of(np.asarray(recoil_kev, dtype=float), analysis)
    rates: np.ndarray = neutrino_rates(recoil_kev, analysis, order, components) * offered[None, :, None]
    return rates


def neutrino_rates(
    recoil_kev: np.ndarray, analysis: Analysis, order: int = ORDER, components: Iterable[str] | None = None
) -> np.ndarray:
    """The same for atoms that offer one of everything.

    Integrates kernel times spectrum times P_ei(E) over the neutrino energies that can give the recoil. The components are
    all of the analysis, unless some are named.
    """
    recoil = np.asarray(recoil_kev, dtype=float)
    sun = flux.solar_model(analysis.solar_model)
    spectra = flux.SPECTRA[analysis.solar_components]
    names = tuple(spectra if components is None else components)
    lowest = minimum_neutrino_energy(recoil)
    out = np.empty((len(names), len(KERNELS), 3, *recoil.shape))
    for c, component in enumerate(names):
        energies, weights = spectra[component].above(lowest, order)
        content = content_of(component, energies, analysis)
        weighted = kernels(recoil[..., None], energies, analysis.neutrino_mass_ev) * weights
        out[c] = sun.fluxes[component].total * np.einsum("k...e,i...e->ki...", weighted, content)
        if analysis.sterile_mass_kev > 0:
            out[c, KERNELS.index("MM")] = sun.fluxes[component].total * _transition(recoil, component, analysis, order)
    rates: np.ndarray = XENON_ATOMS_PER_TONNE * SECONDS_PER_YEAR * out
    return rates


@lru_cache(maxsize=8)  # a chunk of nodes takes 5 MB, and shifts of the response leave the nodes where they are
def _recall_rates(recoil_kev: bytes, analysis: Analysis, order: int, components: tuple[str, ...]) -> np.ndarray:
    """The rates at energies that may have been asked for before."""
    rates = neutrino_rates(np.frombuffer(recoil_kev), analysis, order, components)
    rates.flags.writeable = False
    return rates


def targets_of(recoil_kev: np.ndarray, analysis: Analysis) -> np.ndarray:
    """What a xenon atom offers to each kernel under the choices of an analysis, shape (kernels, *recoil.shape)."""
    return atom.targets(recoil_kev, analysis.electrons, analysis.millicharge)


def _transition(recoil: np.ndarray, component: str, analysis: Analysis, order: int) -> np.ndarray:
    """The kernel of the moment with a sterile neutrino's mass, per neutrino of a component, shape (3, *recoil.shape).

    The least energy depends on the mass, so it has a quadrature of its own.
    """
    mass = analysis.sterile_mass_kev
    energies, weights = flux.SPECTRA[analysis.solar_components][component].above(sterile.least_energy(recoil, mass), order)
    kernel = sterile.transition_kernel(recoil[..., None], energies, mass)
    rates: np.ndarray = np.einsum("...e,i...e->i...", kernel * weights, content_of(component, energies, analysis))
    return rates


def breakpoints_of(analysis: Analysis) -> np.ndarray:
    """Recoil energies, keV, where rates are not smooth: those of the atom, and with a mass the ends of what it allows."""
    edges = atom.breakpoints_kev(analysis.electrons, analysis.millicharge, analysis.is_atom_floating)
    if analysis.sterile_mass_kev == 0:
        return edges
    energies = [energy for each in flux.SPECTRA[analysis.solar_components].values() for energy in each.ends_kev]
    ends = [end for energy in energies for end in sterile.find_recoils(energy, analysis.sterile_mass_kev)]
    return np.array([*edges, *ends])


def fold(experiment: Experiment, analysis: Analysis, *, halvings: int = 0) -> Fold:
    """Fold the recoil kernels through atom and detector into the experiment's bins, for the components that enter it."""
    (folded,) = fold_parts(experiment, analysis, WHOLE, halvings=halvings)
    return folded


@lru_cache(maxsize=64)
def fold_parts(
    experiment: Experiment,
    analysis: Analysis,
    parts: Parts,
    *,
    threshold_shift_kev: float = 0.0,
    energy_scale: float = 0.0,
    halvings: int = 0,
) -> tuple[Fold, ...]:
    """Fold parts of the atom, each by itself, with the response shifted.

    They are kept for an experiment object and an analysis, as the parameters of a model do not enter.
    """
    observation = observe(experiment, analysis)
    response = replace(observation.response, threshold_shift_kev=threshold_shift_kev, energy_scale=energy_scale)
    components = components_of(experiment, analysis)
    return fold_components(experiment, analysis, response, components, halvings, parts)


def fold_oscillated(
    experiment: Experiment, analysis: Analysis, parts: Parts, osc: oscillation.Oscillation
) -> tuple[Fold, ...]:
    """The same with other oscillation parameters, for the same components; theta23 and delta enter the mixing alone.

    It has a meaning for the exact flavour content only.
    """
    folded = _fold_content(experiment, analysis, parts, osc.sin2_theta12, osc.sin2_theta13, osc.dm2_21_ev2)
    return tuple(replace(each, mixing=oscillation.mixing_matrix(osc)) for each in folded)


@lru_cache(maxsize=64)  # sixteen points for a data set
def _fold_content(
    experiment: Experiment,
    analysis: Analysis,
    parts: Parts,
    sin2_theta12: float,
    sin2_theta13: float,
    dm2_21_ev2: float,
) -> tuple[Fold, ...]:
    """The folds with another content of mass states."""
    moved = replace(analysis, sin2_theta12=sin2_theta12, sin2_theta13=sin2_theta13, dm2_21_ev2=dm2_21_ev2)
    components = components_of(experiment, analysis)
    return fold_components(experiment, moved, observe(experiment, analysis).response, components, parts=parts)


@lru_cache(maxsize=64)
def components_of(experiment: Experiment, analysis: Analysis) -> tuple[str, ...]:
    """The flux components that enter an experiment: those named, or of all those with `LEAST_SHARE` of its neutrinos."""
    components = tuple(flux.SPECTRA[analysis.solar_components])
    if analysis.solar_components != "all":
        return components
    (whole,) = fold_components(experiment, analysis, observe(experiment, analysis).response, components)
    neutrinos = whole.signal(standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))).sum(axis=1)
    enters = neutrinos >= LEAST_SHARE * neutrinos.sum()
    return tuple(name for name, kept in zip(components, enters, strict=True) if kept)


def fold_components(
    experiment: Experiment,
    analysis: Analysis,
    response: detector.Response,
    components: tuple[str, ...],
    halvings: int = 0,
    parts: Parts = WHOLE,
) -> tuple[Fold, ...]:
    """The folds of these components, whatever they add: one for each part of the atom."""
    order = ORDER * 2**halvings
    shape = (len(parts), len(components), len(KERNELS), 3)

    def rate(recoil_kev: np.ndarray) -> np.ndarray:
        neutrinos = _recall_rates(recoil_kev.tobytes(), analysis, order, components)
        offered = [targets_of(recoil_kev, analysis) if part is None else part.offer(recoil_kev) for part in parts]
        rates: np.ndarray = neutrinos * np.array(offered)[:, None, :, None]
        return rates.reshape(-1, len(recoil_kev))

    counts = fold_rates(rate, experiment, analysis, response, halvings)
    counts.flags.writeable = False
    return tuple(Fold(components, each, mixing_of(analysis)) for each in counts.reshape(*shape, counts.shape[1]))


def fold_rates(
    rate: Callable[[np.ndarray], np.ndarray],
    experiment: Experiment,
    analysis: Analysis,
    response: detector.Response,
    halvings: int = 0,
) -> np.ndarray:
    """Counts (rows, bins) over the exposure of rates (rows, energies) per tonne-year and keV at true energies in keV."""
    nodes, weights = true_energy_grid(experiment, response, analysis, halvings)
    parts = [slice(start, start + CHUNK) for start in range(0, len(nodes), CHUNK)]
    counts = sum(detector.fold(rate(nodes[part]) * weights[part], nodes[part], response) for part in parts)
    counts = np.asarray(counts) * experiment.exposure_tonne_years
    turn_on = observe(experiment, analysis).turn_on
    return counts if turn_on is None else counts * turn_on


def true_energy_grid(
    experiment: Experiment, response: detector.Response, analysis: Analysis, halvings: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The quadrature in true energy of one experiment; raises `BayesnuError` where it would be too fine to use."""
    lowest = analysis.lowest_true_kev
    last = float(response.edges_kev[-1])
    if lowest >= last:
        raise BayesnuError(
            f"lowest_true_kev: found {lowest:g}, {experiment.name} ends at {last:g} keV; no signal is left, lower it"
        )
    energies = np.geomspace(lowest, last, 4096)
    panels = float(np.trapezoid(1 / response.resolution.sigma_kev(energies), energies))
    if panels > MOST_PANELS:
        raise BayesnuError(
            f"{experiment.name}: [resolution] is so fine that the integration needs {panels:.0f} panels; at most "
            f"{MOST_PANELS} are used, so give a wider resolution or a shorter range of bins"
        )
    return detector.true_energy_grid(response, lowest, breakpoints_of(analysis), halvings)
