"""Slow reference for solar-neutrino electron recoils in xenon: every integral by adaptive quadrature.

Nothing is shared with the package under test: constants, spectra, cross sections and detector are written out again
here, as direct integrals of dσ/dT and not as factorised kernels. Units: energies in keV, potentials in eV, magnetic
moments in Bohr magnetons, charges in e, charge radii <r²> in cm², rates per tonne, year (365.25 d) and keV.
Flavour order: e, μ, τ.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Literal, TypedDict, Unpack

import numpy as np
from scipy.integrate import quad

Triple = tuple[float, float, float]
Knots = Sequence[tuple[float, float]]
Shells = tuple[tuple[float, int], ...]
Couplings = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

# --- constants ------------------------------------------------------------------------------------------------------
ALPHA = 7.2973525643e-3  # fine-structure constant, CODATA 2022
ELECTRON_MASS = 510.99895069  # keV, CODATA 2022
HBAR_C = 1.973269804593025e-8  # keV cm, exact in the SI of 2019 (CODATA 2022: 197.3269804 MeV fm)
FERMI = 1.1663787e-17  # keV^-2, CODATA 2022: 1.1663787e-5 GeV^-2 (PDG 2024: ...88)
AVOGADRO = 6.02214076e23  # 1/mol, exact
XENON_MOLAR_MASS = 131.293  # g/mol, IUPAC standard atomic weight
SECONDS_PER_YEAR = 365.25 * 86400.0
ATOMS_PER_TONNE = 1e6 / XENON_MOLAR_MASS * AVOGADRO

WEAK_SCALE = FERMI**2 * ELECTRON_MASS / (2 * math.pi) * HBAR_C**2  # G_F² m / 2π in cm²/keV
MAGNETIC_SCALE = math.pi * ALPHA**2 / ELECTRON_MASS**2 * HBAR_C**2  # π α² / m² in cm²
RADIUS_SHIFT = math.sqrt(2) * math.pi * ALPHA / (3 * FERMI) / HBAR_C**2  # Δg_V per cm² of <r²>
CHARGE_SHIFT = -math.sqrt(2) * math.pi * ALPHA / (FERMI * ELECTRON_MASS)  # Δg_V · T per e of q, keV

# --- the Sun --------------------------------------------------------------------------------------------------------
PP_FLUX = 5.98e10  # 1/(cm² s), B16-GS98, Vinyoles et al. 2017, arXiv:1611.09867
BE7_FLUX = 4.93e9  # 1/(cm² s), the same
PP_ENDPOINT = 420.22  # keV, largest neutrino energy (physics reference, section 2)
BE7_LINES = ((861.3, 0.896), (384.3, 0.104))  # keV and branching (physics reference, section 2)
PP_POTENTIAL = 4.68e-12  # eV, de Holanda, Liao, Smirnov, hep-ph/0404042
BE7_POTENTIAL = 6.16e-12  # eV, the same

# --- NuFIT 6.0, normal ordering, with SK atmospheric data (IC24), arXiv:2410.05380 ----------------------------------
SIN2_12, SIN2_13, SIN2_23, DELTA_DEG = 0.308, 0.02215, 0.470, 212.0
DELTA_M2_21 = 7.49e-5  # eV²

# --- (g_V, g_A) for e, μ, τ with radiative corrections (physics reference, section 1) -------------------------------
RADIATIVE_COUPLINGS: Couplings = ((0.9521, 0.4938), (-0.0397, -0.5062), (-0.0353, -0.5062))

# --- xenon shells: (binding energy in keV, electrons), X-ray data booklet -------------------------------------------
XENON_SHELLS: Shells = (
    (34.561, 2),
    (5.4528, 2),
    (5.1037, 2),
    (4.7822, 4),
    (1.1487, 2),
    (1.0021, 2),
    (0.9406, 4),
    (0.6890, 4),
    (0.6764, 6),
    (0.2132, 2),
    (0.1467, 2),
    (0.1455, 4),
    (0.0695, 4),
    (0.0675, 6),
    (0.0233, 2),
    (0.0134, 2),
    (0.0121, 4),
)
FREE_SHELLS: Shells = ((0.0121, 54),)
NO_L_EDGE_SHELLS: Shells = ((34.561, 2), (0.0121, 52))


class Physics(TypedDict, total=False):
    """Keyword arguments of `rate_per_tonne_year_kev`, which `counts` passes on."""

    mu: Triple
    q: Triple
    r2: Triple
    couplings: Couplings
    shells: Shells
    pp_flux: float
    be7_flux: float
    sin2_12: float
    sin2_13: float
    sin2_23: float
    delta_deg: float
    delta_m2_21: float
    pp_potential: float
    be7_potential: float


def integral(
    function: Callable[[float], float],
    low: float,
    high: float,
    points: Iterable[float] = (),
    relative: float = 1e-9,
    absolute: float = 0.0,
) -> float:
    """∫ function over [low, high], globally adaptive, with the breakpoints that fall inside."""
    if high <= low:
        return 0.0
    inside = sorted({p for p in points if low < p < high})
    limit = 300 + len(inside)
    value, _ = quad(function, low, high, points=inside or None, epsrel=relative, epsabs=absolute, limit=limit)
    return float(value)


# --- solar spectrum -------------------------------------------------------------------------------------------------
def beta_shape(energy: float) -> float:
    """Unnormalised pp spectrum: E_ν² p_e E_e F with the positron's Coulomb factor F = x/(eˣ − 1), x = 2πα E_e/p_e."""
    positron = PP_ENDPOINT - energy + ELECTRON_MASS
    if energy <= 0 or positron <= ELECTRON_MASS:
        return 0.0
    momentum = math.sqrt(positron**2 - ELECTRON_MASS**2)
    x = 2 * math.pi * ALPHA * positron / momentum
    return energy**2 * momentum * positron * x / math.expm1(x) if x < 700 else 0.0


PP_POINTS = (PP_ENDPOINT - 20.0, PP_ENDPOINT - 2.0, PP_ENDPOINT - 0.2)  # the Coulomb factor acts near the end


@lru_cache
def beta_norm() -> float:
    """Integral of `beta_shape`."""
    return integral(beta_shape, 0.0, PP_ENDPOINT, PP_POINTS, 1e-12)


def pp_spectrum(energy: float) -> float:
    """Spectrum of pp neutrinos per keV, normalised to one."""
    return beta_shape(energy) / beta_norm()


def pp_mean_energy() -> float:
    """Mean pp neutrino energy in keV."""
    return integral(lambda e: e * pp_spectrum(e), 0.0, PP_ENDPOINT, PP_POINTS, 1e-12)


# --- flavour at Earth -----------------------------------------------------------------------------------------------
def mixing_matrix(
    sin2_12: float = SIN2_12, sin2_13: float = SIN2_13, sin2_23: float = SIN2_23, delta_deg: float = DELTA_DEG
) -> np.ndarray:
    """U = R23 · Γ(δ) R13 Γ†(δ) · R12 (PDG), rows e, μ, τ, columns 1, 2, 3."""
    sin2 = np.array([sin2_12, sin2_13, sin2_23])
    (s12, s13, s23), (c12, c13, c23) = np.sqrt(sin2), np.sqrt(1 - sin2)
    phase = np.exp(-1j * math.radians(delta_deg))
    r23 = np.array([[1, 0, 0], [0, c23, s23], [0, -s23, c23]])
    r13 = np.array([[c13, 0, s13 * phase], [0, 1, 0], [-s13 * np.conj(phase), 0, c13]])
    r12 = np.array([[c12, s12, 0], [-s12, c12, 0], [0, 0, 1]])
    return np.asarray(r23 @ r13 @ r12)


@lru_cache
def flavour_weights(
    sin2_12: float = SIN2_12, sin2_13: float = SIN2_13, sin2_23: float = SIN2_23, delta_deg: float = DELTA_DEG
) -> tuple[Triple, Triple, Triple]:
    """|U_αi|² as plain numbers: outer index the flavour α, inner the mass state i."""
    e, mu, tau = (np.abs(mixing_matrix(sin2_12, sin2_13, sin2_23, delta_deg)) ** 2).tolist()
    return tuple(e), tuple(mu), tuple(tau)


def mass_content(
    energy: float, potential: float, sin2_12: float = SIN2_12, sin2_13: float = SIN2_13, delta_m2_21: float = DELTA_M2_21
) -> Triple:
    """P_ei: share of mass states in a ν_e born at `potential` (eV) that leaves the Sun adiabatically.

    θ12 in matter from the two-flavour reduction with potential cos²θ13 V; matter does not change θ13.
    """
    cos2_13 = 1 - sin2_13
    beta = 2 * (energy * 1e3) * potential * cos2_13 / delta_m2_21
    along = 1 - 2 * sin2_12 - beta  # cos 2θ12 − β
    across = 2 * math.sqrt(sin2_12 * (1 - sin2_12))  # sin 2θ12
    cos_matter = along / math.hypot(along, across)
    return cos2_13 * (1 + cos_matter) / 2, cos2_13 * (1 - cos_matter) / 2, sin2_13


def flavour_content(
    energy: float,
    potential: float,
    sin2_12: float = SIN2_12,
    sin2_13: float = SIN2_13,
    sin2_23: float = SIN2_23,
    delta_deg: float = DELTA_DEG,
    delta_m2_21: float = DELTA_M2_21,
) -> Triple:
    """P_eα = Σ_i P_ei |U_αi|²."""
    p1, p2, p3 = mass_content(energy, potential, sin2_12, sin2_13, delta_m2_21)
    e, mu, tau = (u[0] * p1 + u[1] * p2 + u[2] * p3 for u in flavour_weights(sin2_12, sin2_13, sin2_23, delta_deg))
    return e, mu, tau


# --- cross section --------------------------------------------------------------------------------------------------
def tree_couplings(sin2_w: float) -> Couplings:
    """(g_V, g_A) for e, μ, τ without radiative corrections."""
    return (2 * sin2_w + 0.5, 0.5), (2 * sin2_w - 0.5, -0.5), (2 * sin2_w - 0.5, -0.5)


def max_recoil(energy: float) -> float:
    """Largest recoil energy T_max = 2E²/(m + 2E)."""
    return 2 * energy**2 / (ELECTRON_MASS + 2 * energy)


def min_energy(recoil: float) -> float:
    """Smallest neutrino energy that gives this recoil, (T + sqrt(T² + 2mT))/2."""
    return (recoil + math.sqrt(recoil**2 + 2 * ELECTRON_MASS * recoil)) / 2


def cross_section(
    recoil: float, energy: float, gv: float, ga: float, mu: float = 0.0, q: float = 0.0, r2: float = 0.0
) -> float:
    """dσ/dT in cm²/keV of one flavour on a free electron; `gv`, `ga` are the couplings at μ = q = <r²> = 0."""
    if recoil <= 0 or recoil > max_recoil(energy):
        return 0.0
    gv = gv + RADIUS_SHIFT * r2 + CHARGE_SHIFT * q / recoil
    weak = (gv + ga) ** 2 + (gv - ga) ** 2 * (1 - recoil / energy) ** 2
    weak -= (gv**2 - ga**2) * ELECTRON_MASS * recoil / energy**2
    return WEAK_SCALE * weak + MAGNETIC_SCALE * (1 / recoil - 1 / energy) * mu**2


def cross_section_matrix(
    recoil: float,
    energy: float,
    density: np.ndarray,
    q: np.ndarray,
    r2: np.ndarray,
    couplings: Couplings = RADIATIVE_COUPLINGS,
) -> float:
    """dσ/dT in cm²/keV by the trace formula: flavour density matrix, Hermitian charge and radius matrices."""
    if recoil <= 0 or recoil > max_recoil(energy):
        return 0.0
    gv, ga = np.array(couplings).T
    shift = (RADIUS_SHIFT * r2 + CHARGE_SHIFT * q / recoil) / 2
    left, right = np.diag((gv + ga) / 2) + shift, np.diag((gv - ga) / 2) + shift
    left_dagger, right_dagger = left.conj().T, right.conj().T
    inner = left_dagger @ left + right_dagger @ right * (1 - recoil / energy) ** 2
    inner = inner - (left_dagger @ right + right_dagger @ left) / 2 * ELECTRON_MASS * recoil / energy**2
    return 4 * WEAK_SCALE * float(np.trace(density @ inner).real)


def density_matrix(energy: float, potential: float) -> np.ndarray:
    """ρ = U diag(P_e1, P_e2, P_e3) U† in flavour space, at the default mixing."""
    u = mixing_matrix()
    return np.asarray(u @ np.diag(mass_content(energy, potential)) @ u.conj().T)


# --- true recoil spectrum -------------------------------------------------------------------------------------------
def electrons(recoil: float, shells: Shells = XENON_SHELLS) -> int:
    """Electrons that a transfer of `recoil` can ionise: Σ n_i θ(T − B_i)."""
    return sum(number for binding, number in shells if recoil > binding)


def integrate_over_flux(
    function: Callable[[float, float], float],
    recoil: float,
    pp_flux: float = PP_FLUX,
    be7_flux: float = BE7_FLUX,
    pp_potential: float = PP_POTENTIAL,
    be7_potential: float = BE7_POTENTIAL,
) -> float:
    """Σ over pp and 7Be of ∫ dE φ(E) function(E, V) over the energies that can give this recoil."""
    threshold = min_energy(recoil)
    lines = sum(share * function(line, be7_potential) for line, share in BE7_LINES if line > threshold)
    pp = integral(lambda e: pp_spectrum(e) * function(e, pp_potential), threshold, PP_ENDPOINT, PP_POINTS, 1e-9)
    return pp_flux * pp + be7_flux * lines


def rate_per_tonne_year_kev(
    recoil: float,
    mu: Triple = (0.0, 0.0, 0.0),
    q: Triple = (0.0, 0.0, 0.0),
    r2: Triple = (0.0, 0.0, 0.0),
    couplings: Couplings = RADIATIVE_COUPLINGS,
    shells: Shells = XENON_SHELLS,
    pp_flux: float = PP_FLUX,
    be7_flux: float = BE7_FLUX,
    sin2_12: float = SIN2_12,
    sin2_13: float = SIN2_13,
    sin2_23: float = SIN2_23,
    delta_deg: float = DELTA_DEG,
    delta_m2_21: float = DELTA_M2_21,
    pp_potential: float = PP_POTENTIAL,
    be7_potential: float = BE7_POTENTIAL,
) -> float:
    """dR/dT at true recoil energy and unit efficiency, pp + 7Be, flavour-diagonal properties.

    Each neutrino arrives as an incoherent mixture of mass states: the integrand is Σ_i P_ei(E) Σ_α |U_αi|² dσ_α/dT.
    """
    ionisable = electrons(recoil, shells)
    if ionisable == 0:
        return 0.0
    weights = flavour_weights(sin2_12, sin2_13, sin2_23, delta_deg)

    def mixture(energy: float, potential: float) -> float:
        p1, p2, p3 = mass_content(energy, potential, sin2_12, sin2_13, delta_m2_21)
        total = 0.0
        for u, (gv, ga), mu_a, q_a, r2_a in zip(weights, couplings, mu, q, r2, strict=True):
            total += (p1 * u[0] + p2 * u[1] + p3 * u[2]) * cross_section(recoil, energy, gv, ga, mu_a, q_a, r2_a)
        return total

    per_electron = integrate_over_flux(mixture, recoil, pp_flux, be7_flux, pp_potential, be7_potential)
    return ATOMS_PER_TONNE * SECONDS_PER_YEAR * ionisable * per_electron


def sterile_rate_per_tonne_year_kev(recoil: float, mass: float, mu: Triple, shells: Shells = XENON_SHELLS) -> float:
    """dR/dT of transition moments to a sterile neutrino of this mass in keV alone (default Sun and mixing)."""
    m = ELECTRON_MASS
    least = min_energy(recoil) * (1 + mass**2 / (2 * m * recoil))

    def mixture(energy: float, potential: float) -> float:
        if energy <= least:
            return 0.0
        bracket = 1 / recoil - 1 / energy + mass**2 * (recoil - 2 * energy - m) / (4 * energy**2 * recoil * m)
        bracket += mass**4 * (recoil - m) / (8 * energy**2 * recoil**2 * m**2)
        content = flavour_content(energy, potential)
        return MAGNETIC_SCALE * bracket * sum(p * moment**2 for p, moment in zip(content, mu, strict=True))

    lines = sum(share * mixture(line, BE7_POTENTIAL) for line, share in BE7_LINES)
    pp = integral(lambda e: pp_spectrum(e) * mixture(e, PP_POTENTIAL), least, PP_ENDPOINT, PP_POINTS, 1e-9)
    return ATOMS_PER_TONNE * SECONDS_PER_YEAR * electrons(recoil, shells) * (PP_FLUX * pp + BE7_FLUX * lines)


def matrix_rate_per_tonne_year_kev(
    recoil: float, q: np.ndarray, r2: np.ndarray, couplings: Couplings = RADIATIVE_COUPLINGS, shells: Shells = XENON_SHELLS
) -> float:
    """dR/dT for Hermitian 3×3 charge and radius matrices in flavour space (default Sun and mixing)."""

    def trace(energy: float, potential: float) -> float:
        return cross_section_matrix(recoil, energy, density_matrix(energy, potential), q, r2, couplings)

    return ATOMS_PER_TONNE * SECONDS_PER_YEAR * electrons(recoil, shells) * integrate_over_flux(trace, recoil)


# --- detector -------------------------------------------------------------------------------------------------------
def xenonnt_resolution(energy: float) -> float:
    """σ in keV: 0.310 √T + 0.0037 T (XENON1T, arXiv:2006.09721)."""
    return 0.310 * math.sqrt(energy) + 0.0037 * energy


def xenonnt_wide_resolution(energy: float) -> float:
    """σ in keV: 0.310 √T + 0.0072 T, as wide as the peaks at 37-65 keV in the best fit of arXiv:2207.11330."""
    return 0.310 * math.sqrt(energy) + 0.0072 * energy


def lz_resolution(energy: float) -> float:
    """σ in keV: 0.262 √T, which is 0.44 keV at the 2.82 keV of 37Ar, as in the fit of arXiv:2511.17350."""
    return 0.262 * math.sqrt(energy)


def pandax_resolution(energy: float) -> float:
    """σ in keV: cubic of arXiv:2206.02339, a fit to low energies: it gives 11 keV at 60 and 251 keV at 150."""
    return 0.073 + 0.173 * energy - 6.5e-3 * energy**2 + 1.1e-4 * energy**3


def efficiency_at(energy: float, knots: Knots) -> float:
    """Piecewise-linear efficiency: zero below the first knot, constant above the last."""
    if energy < knots[0][0]:
        return 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(knots):
        if energy < x1:
            return y0 + (y1 - y0) * (energy - x0) / (x1 - x0)
    return knots[-1][1]


def gaussian(x: float, mean: float, sigma: float) -> float:
    """Normal density."""
    z = (x - mean) / sigma
    return math.exp(-z * z / 2) / (sigma * math.sqrt(2 * math.pi))


def linear_times_gaussian(low: float, high: float, value_low: float, value_high: float, mean: float, sigma: float) -> float:
    """∫ over [low, high] of (straight line through the two values) × normal density, in closed form."""
    slope = (value_high - value_low) / (high - low)
    at_mean = value_low + slope * (mean - low)
    z_low, z_high = (low - mean) / sigma / math.sqrt(2), (high - mean) / sigma / math.sqrt(2)
    sign = -1 if z_low + z_high > 0 else 1  # take the difference in the tail where erfc is small
    probability = abs(math.erfc(sign * -z_high) - math.erfc(sign * -z_low)) / 2
    return at_mean * probability - slope * sigma**2 * (gaussian(high, mean, sigma) - gaussian(low, mean, sigma))


def acceptance_closed(true: float, low: float, high: float, sigma: float, knots: Knots) -> float:
    """∫ over [low, high] of ε(T_rec) G(T_rec; true, sigma), exact as ε is linear between knots."""
    nodes = [low, *(x for x, _ in knots if low < x < high), high]
    total = 0.0
    for a, b in itertools.pairwise(nodes):
        if b > knots[0][0]:
            total += linear_times_gaussian(a, b, efficiency_at(a, knots), efficiency_at(b, knots), true, sigma)
    return total


def acceptance_quad(true: float, low: float, high: float, width: Callable[[float], float], knots: Knots) -> float:
    """The same by quadrature, with the Gaussian width a function of the reconstructed energy (constant or not)."""
    centre = width(true)
    points = [x for x, _ in knots] + [true + k * centre for k in (-6, -3, -1, 0, 1, 3, 6)]
    return integral(lambda x: efficiency_at(x, knots) * gaussian(x, true, width(x)), low, high, points, 1e-9, 1e-15)


def acceptance(
    true: float,
    low: float,
    high: float,
    resolution: Callable[[float], float],
    knots: Knots,
    binning: str,
    resolution_at: str,
    method: str,
) -> float:
    """Weight with which a recoil of energy `true` enters the reconstructed bin [low, high]."""
    at_true = resolution_at == "true"
    sigma = resolution(true)
    if binning == "centre":
        centre = (low + high) / 2
        width = sigma if at_true else resolution(centre)
        return (high - low) * efficiency_at(centre, knots) * gaussian(centre, true, width)
    if at_true and method == "closed":
        return acceptance_closed(true, low, high, sigma, knots)
    return acceptance_quad(true, low, high, (lambda _: sigma) if at_true else resolution, knots)


def true_energy_points(low: float, high: float, resolution: Callable[[float], float], shells: Shells) -> list[float]:
    """Where the integrand over true energy bends: shells, kinematic ends, and the bin's edges with their widths."""
    points = [binding for binding, _ in shells] + [max_recoil(e) for e in (PP_ENDPOINT, *(e for e, _ in BE7_LINES))]
    for edge in (low, (low + high) / 2, high):
        points += [edge + k * resolution(edge) for k in (-6, -4, -2, -1, 0, 1, 2, 4, 6)]
    return points


def bin_counts(
    low: float,
    high: float,
    exposure: float,
    resolution: Callable[[float], float],
    efficiency: Knots,
    efficiency_on: Literal["reconstructed", "true"] = "reconstructed",
    binning: Literal["integrated", "centre"] = "integrated",
    resolution_at: Literal["true", "reconstructed"] = "true",
    low_cut_kev: float = 0.0,
    high_cut_kev: float = math.inf,
    method: Literal["closed", "quad"] = "closed",
    **physics: Unpack[Physics],
) -> float:
    """Expected counts in one bin; see `counts`."""
    shells = physics.get("shells", XENON_SHELLS)
    on_true = efficiency_on == "true"
    knots: Knots = ((0.0, 1.0),) if on_true else efficiency

    def integrand(log_true: float) -> float:
        true = math.exp(log_true)
        weight = acceptance(true, low, high, resolution, knots, binning, resolution_at, method)
        weight *= efficiency_at(true, efficiency) if on_true else 1.0
        return true * weight * rate_per_tonne_year_kev(true, **physics) if weight > 1e-25 else 0.0

    start = max(low_cut_kev, min(binding for binding, _ in shells))
    stop = min(high_cut_kev, max_recoil(BE7_LINES[0][0]))
    points = true_energy_points(low, high, resolution, shells) + [x for x, _ in efficiency if on_true]
    logs = [math.log(p) for p in points if p > 0]
    return exposure * integral(integrand, math.log(start), math.log(stop), logs, 1e-8, 1e-12)


def counts(
    edges: Sequence[float],
    exposure: float,
    resolution: Callable[[float], float],
    efficiency: Knots,
    efficiency_on: Literal["reconstructed", "true"] = "reconstructed",
    binning: Literal["integrated", "centre"] = "integrated",
    resolution_at: Literal["true", "reconstructed"] = "true",
    low_cut_kev: float = 0.0,
    high_cut_kev: float = math.inf,
    method: Literal["closed", "quad"] = "closed",
    **physics: Unpack[Physics],
) -> np.ndarray:
    """Expected counts in the bins between `edges`, for `exposure` in tonne-years.

    efficiency      knots (energy, efficiency), linear between them
    efficiency_on   the energy the efficiency is a function of
    binning         integral over the bin, or rate at its centre times its width
    resolution_at   the energy at which the Gaussian width is taken; the Gaussian is never renormalised
    low_cut_kev, high_cut_kev   true energies outside do not count (a resolution formula has a range of validity)
    method          the integral over reconstructed energy, where a closed form exists: that form or quadrature
    physics         keyword arguments of `rate_per_tonne_year_kev`
    """
    return np.array(
        [
            bin_counts(
                low,
                high,
                exposure,
                resolution,
                efficiency,
                efficiency_on,
                binning,
                resolution_at,
                low_cut_kev,
                high_cut_kev,
                method,
                **physics,
            )
            for low, high in itertools.pairwise(edges)
        ]
    )
