"""One count split into products of couplings, and followed through the smearing of the detector."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.model.predict import all_couplings
from bayesnu.physics import atom, detector
from bayesnu.physics.cross_section import KERNELS, Couplings, kernel_coefficients, standard_model, weak_couplings
from bayesnu.physics.oscillation import FLAVOURS
from bayesnu.physics.properties import couplings
from bayesnu.physics.resolution import reach_of
from bayesnu.support.errors import BayesnuError

# Products of couplings in the cross section: name, kernel, and the two parts of the couplings that are multiplied.
TERMS = (
    ("g_V^2", "VV", "weak", "weak"),
    ("g_V g_A", "VA", "weak", "weak"),
    ("g_A^2", "AA", "weak", "weak"),
    ("charge x g_V", "VV/T", "weak", "charge"),
    ("charge x g_A", "VA/T", "weak", "charge"),
    ("charge^2", "VV/T2", "charge", "charge"),
    ("charge^2, by photons", "EPA", "charge", "charge"),
    ("radius x g_V", "VV", "weak", "radius"),
    ("radius x g_A", "VA", "weak", "radius"),
    ("radius^2", "VV", "radius", "radius"),
    ("charge x radius", "VV/T", "charge", "radius"),
    ("moment^2", "MM", "moment", "moment"),
)
UNITS = {
    "VV/T": "keV",
    "VA/T": "keV",
    "VV/T2": "keV^2",
    "EPA": "keV^2",
    "MM": "mu_B^2",
}  # of a coefficient; the others are pure numbers
FAR_KEV = 1e6  # beyond every reconstructed energy


@dataclass(frozen=True)
class Contribution:
    """Counts of one flux component, flavour and product of couplings: `coefficient` times `per_unit`.

    `coefficient` is the product of couplings, in `unit`; `per_unit` the counts in the bin if it were one.
    """

    component: str
    flavour: str
    term: str
    kernel: str
    coefficient: float
    unit: str
    per_unit: float
    counts: float


@dataclass(frozen=True)
class Smearing:
    """Counts by true energy below, inside and above the bin, and what becomes of those inside; before turn-on.

    `counted` (3,) are in the bin with the efficiency, `unit` (3,) with an efficiency of one. `inside` have their true
    energy in the bin; `down` and `up` of them are reconstructed below and above it. These two are None where the response
    is no probability: with the rate at the bin's centre, or the width at the reconstructed energy. `one_electron` is the
    sum of `counted` if every atom had one electron.
    """

    counted: np.ndarray
    unit: np.ndarray
    inside: float
    down: float | None
    up: float | None
    one_electron: float


def split_couplings(analysis: Analysis, values: dict[str, float]) -> dict[str, Couplings]:
    """The couplings as a sum of weak ones, charge, radius and moment; refuses what mixes flavours."""
    weak = weak_couplings(analysis.couplings, analysis.sin2_theta_w)
    angle = {name: value for name, value in values.items() if name == "s2_w"}
    others = {name: value for name, value in values.items() if name not in angle}
    given = couplings(fold.mixing_of(analysis), weak, **others)
    for matrix in (given.vector, given.charge, given.moment):
        if np.any(matrix != np.diag(np.diag(matrix))):
            raise BayesnuError(
                "explain: found a coupling that mixes flavours or belongs to mass states; counts can be told apart by "
                "flavour only for common values and those of one flavour, as q_nu or q_nu_e"
            )
    return {
        "weak": standard_model(weak) + couplings(None, weak, **angle),
        "charge": Couplings(charge=given.charge),
        "radius": Couplings(vector=given.vector),
        "moment": Couplings(moment=given.moment),
    }


def split_counts(folded: fold.Fold, analysis: Analysis, index: int, values: dict[str, float]) -> tuple[Contribution, ...]:
    """The count of bin `index` by flux component, flavour and product of couplings."""
    parts = split_couplings(analysis, values)
    # from mass states to flavours: (U^dagger X U)_ii of a diagonal X is the sum of |U_alpha i|^2 X_alpha over flavours
    per_unit = np.einsum("ai,cki->cka", np.abs(folded.mixing) ** 2, folded.counts[..., index])
    out = []
    for c, component in enumerate(folded.components):
        for a, flavour in enumerate(FLAVOURS):
            for term, kernel, x, y in _list_terms(analysis):
                k = KERNELS.index(kernel)
                form = kernel_coefficients(parts[x], parts[y], np.eye(3, dtype=complex))[k, a]
                coefficient = float(form) * (1 if x == y else 2)
                unit = float(per_unit[c, k, a])
                counts = coefficient * unit
                symbol = UNITS.get(kernel, "")
                out.append(Contribution(component, flavour, term, kernel, coefficient, symbol, unit, counts))
    return tuple(out)


def _list_terms(analysis: Analysis) -> list[tuple[str, str, str, str]]:
    """The terms that an atom can have: without those of photons where a charge is taken up by electrons alone."""
    left_out = "EPA" if analysis.millicharge == "electrons" else None
    return [term for term in TERMS if term[1] != left_out]


def count_free_electrons(analysis: Analysis) -> Analysis:
    """The same analysis with all electrons free, for every kernel."""
    return replace(
        analysis,
        electrons="free",
        millicharge="electrons",
        neutrino_mass_ev=Analysis.neutrino_mass_ev,
        atomic_nuisances=False,
    )


def smear(experiment: Experiment, analysis: Analysis, index: int, **values: float) -> Smearing:
    """Follow true energies into bin `index` (from 0, among those of the analysis) by a quadrature with ends at its edges."""
    response = observe(experiment, analysis).response
    bin_kev = response.edges_kev[index : index + 2]
    breaks = np.union1d(fold.breakpoints_of(analysis), bin_kev)
    nodes, weights = detector.true_energy_grid(response, analysis.lowest_true_kev, breaks)
    near = _mark_reaching(nodes, bin_kev, response)
    nodes = nodes[near]
    weights = weights[near] * experiment.exposure_tonne_years
    below = nodes < bin_kev[0]
    above = nodes > bin_kev[1]
    classes = np.stack([below, ~(below | above), above])
    all_free = count_free_electrons(analysis)
    components = fold.components_of(experiment, analysis)
    rates = weights * recoil_rates(nodes, analysis, values, components).sum(axis=0)
    per_electron = weights * recoil_rates(nodes, all_free, values, components).sum(axis=0) / atom.XENON_ELECTRONS

    real = replace(response, edges_kev=bin_kev)
    always = np.array([-FAR_KEV])  # the knot from which on everything is seen
    perfect = replace(real, efficiency_kev=always, efficiency=np.ones(1), efficiency_on="reconstructed")
    down = up = None
    if response.binning == "integrated" and response.resolution_at == "true":
        everywhere = replace(perfect, edges_kev=np.array([-FAR_KEV, *bin_kev, FAR_KEV]))
        down, _, up = map(float, detector.fold(rates[None] * classes[1], nodes, everywhere)[0])
    return Smearing(
        counted=detector.fold(classes * rates, nodes, real)[:, 0],
        unit=detector.fold(classes * rates, nodes, perfect)[:, 0],
        inside=float(rates[classes[1]].sum()),
        down=down,
        up=up,
        one_electron=float(detector.fold(per_electron[None], nodes, real)[0, 0]),
    )


def _mark_reaching(nodes: np.ndarray, bin_kev: np.ndarray, response: detector.Response) -> np.ndarray:
    """Which true energies can be reconstructed in a bin: nothing else has a weight there."""
    here = response.resolution.sigma_kev(np.linspace(bin_kev[0], bin_kev[1], 9)).max()
    reach = reach_of(response.resolution) * np.maximum(response.resolution.sigma_kev(nodes), here)
    reached: np.ndarray = (nodes >= bin_kev[0] - reach) & (nodes <= bin_kev[1] + reach)
    return reached


def recoil_rates(
    recoil_kev: np.ndarray, analysis: Analysis, values: dict[str, float], components: tuple[str, ...]
) -> np.ndarray:
    """Recoils per tonne-year and keV, shape (components, *recoil.shape)."""
    total = all_couplings(analysis, **values)
    coefficients = kernel_coefficients(total, total, fold.mixing_of(analysis))
    per_kernel = fold.kernel_rates(recoil_kev, analysis, components=components)
    rates: np.ndarray = np.einsum("cki...,ki->c...", per_kernel, coefficients)
    return rates
