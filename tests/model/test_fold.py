"""Counts in bins against the oracle, against direct integration of the cross section, and against published numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import Experiment, scale_exposure
from bayesnu.model import fold
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS, Analysis
from bayesnu.model.observation import observe
from bayesnu.physics import atom, detector, flux, oscillation, sterile
from bayesnu.physics.cross_section import (
    KERNELS,
    Couplings,
    electromagnetic,
    kernel_coefficients,
    standard_model,
    weak_couplings,
)
from bayesnu.physics.properties import PROPERTIES, couplings
from bayesnu.support.errors import BayesnuError
from tests.physics import oracle

NAMES = experiments.names()
TWINS = ("lz-ws2024", "xenon1t-sr1")  # of lz-ws2022 and xenonnt-sr0, as to the response
AGAINST_ORACLE = tuple(name for name in NAMES if name not in TWINS)
SM = standard_model(weak_couplings("radiative"))
ZERO = (0.0, 0.0, 0.0)
# Corners of the prior ranges, per flavour: moments in mu_B, charges in e, radii in cm^2.
POINTS = {
    "standard model": (ZERO, ZERO, ZERO),
    "moment": ((1e-10,) * 3, ZERO, ZERO),
    "positive charge": (ZERO, (4e-12,) * 3, ZERO),
    "negative charge": (ZERO, (-4e-12,) * 3, ZERO),
    "radius": (ZERO, ZERO, (-200e-32,) * 3),
    "electron radius": (ZERO, ZERO, (-83e-32, 0.0, 0.0)),
    "everything": ((3e-11, 1e-11, 7e-11), (0.4e-12, -2e-12, 3e-12), (60e-32, -250e-32, 250e-32)),
}


def one_coupling(name: str, value: float) -> Couplings:
    """Couplings of one parameter at a value in units of 1e-11 mu_B, 1e-12 e or 1e-32 cm^2."""
    return couplings(None, **{name: value})


@cache
def loaded(name: str, preset: str) -> Experiment:
    return experiments.load(name, PRESETS[preset].inputs)


@cache
def folded(name: str, preset: str, electrons: str = "stepped", halvings: int = 0) -> fold.Fold:
    analysis = replace(PRESETS[preset], electrons=electrons)
    return fold.fold(loaded(name, preset), analysis, halvings=halvings)


def at(point: str) -> Couplings:
    return SM + electromagnetic(*(np.diag(values) for values in POINTS[point]))


def edges_of(name: str, preset: str) -> np.ndarray:
    experiment, bins = loaded(name, preset), observe(loaded(name, preset), PRESETS[preset]).bins
    return experiment.edges_kev[bins.start : bins.stop + 1]


# --- against the oracle ---


def oracle_bin(name: str, preset: str, low: float, high: float, point: str) -> float:
    """Counts of one bin by nested adaptive quadrature of the direct formula."""
    experiment, analysis = loaded(name, preset), PRESETS[preset]
    mu, q, r2 = POINTS[point]
    (top,) = experiment.resolution.kinks_kev

    def sigma(energy: float) -> float:
        if name == "xenonnt-sr0":
            return oracle.xenonnt_resolution(energy)
        if name == "xenonnt-sr0-wide":
            return oracle.xenonnt_wide_resolution(energy)
        if name.startswith("lz-"):
            return oracle.lz_resolution(energy)
        return oracle.pandax_resolution(min(energy, top))  # frozen where the polynomial would explode

    efficiency = experiment.efficiency
    knots = tuple(zip(efficiency.energies_kev.tolist(), efficiency.values.tolist(), strict=True))
    if np.any(np.diff(efficiency.energies_kev) == 0):  # steps at the bin edges: one plateau within the bin
        knots = ((-1.0, float(np.interp((low + high) / 2, *efficiency_curve(experiment)))),)
    turn_on = 1.0 if experiment.turn_on is None else float(experiment.turn_on[experiment.edges_kev[:-1] == low][0])
    return turn_on * oracle.bin_counts(
        low,
        high,
        experiment.exposure_tonne_years,
        sigma,
        knots,
        efficiency_on=efficiency.energy if analysis.efficiency_on == "file" else analysis.efficiency_on,  # type: ignore[arg-type]
        binning=analysis.binning,  # type: ignore[arg-type]  # an analysis has words, the oracle literals
        resolution_at=analysis.resolution_at,  # type: ignore[arg-type]
        low_cut_kev=analysis.lowest_true_kev,
        mu=mu,
        q=q,
        r2=r2,
        sin2_12=analysis.sin2_theta12,
        sin2_13=analysis.sin2_theta13,
        delta_m2_21=analysis.dm2_21_ev2,
    )


def efficiency_curve(experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    return experiment.efficiency.energies_kev, experiment.efficiency.values


def check_bin(name: str, preset: str, index: int, point: str) -> None:
    edges = edges_of(name, preset)
    low, high = edges[index : index + 2] if index >= 0 else edges[index - 1 :][:2]
    found = folded(name, preset).signal(at(point)).sum(axis=0)[index]
    assert found == pytest.approx(oracle_bin(name, preset, low, high, point), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", AGAINST_ORACLE)
def test_first_bin_is_the_oracle_s_with_everything_switched_on(name: str, preset: str) -> None:
    check_bin(name, preset, 0, "everything")


def test_a_middle_bin_of_the_standard_model_is_the_oracle_s() -> None:
    check_bin("xenonnt-sr0", "default", 4, "standard model")


@pytest.mark.slow
@pytest.mark.parametrize(("index", "point"), [(0, "negative charge"), (3, "everything"), (-1, "electron radius")])
@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", AGAINST_ORACLE)
def test_bins_are_the_oracle_s(name: str, preset: str, index: int, point: str) -> None:
    check_bin(name, preset, index, point)


@pytest.mark.slow
@pytest.mark.parametrize("reading", ["digitised", "as-drawn"])
def test_an_efficiency_on_true_energy_is_the_oracle_s(reading: str) -> None:
    experiment = experiments.load("pandax4t-run1", reading)
    assert experiment.efficiency.energy == "true"
    mu, q, r2 = POINTS["everything"]
    found = fold.fold(experiment, Analysis(inputs=reading)).signal(at("everything")).sum(axis=0)
    knots = tuple(zip(*(column.tolist() for column in efficiency_curve(experiment)), strict=True))
    for low in (1, 22):
        expected = oracle.bin_counts(
            low,
            low + 1,
            experiment.exposure_tonne_years,
            lambda t: oracle.pandax_resolution(min(t, 30.0)),
            knots,
            efficiency_on="true",
            mu=mu,
            q=q,
            r2=r2,
        )
        assert found[low - 1] == pytest.approx(expected, rel=1e-5)


# --- the spectrum at true energy ---

RECOILS = np.array([0.02, 0.3, 1.05, 3.0, 5.3, 12.0, 40.0, 300.0])


def true_rate(recoil: np.ndarray, analysis: Analysis, x: Couplings) -> np.ndarray:
    """dR/dT per tonne-year and keV from the kernels."""
    mixing = oscillation.mixing_matrix(fold.oscillation_of(analysis))
    rates: np.ndarray = np.einsum("cki...,ki->...", fold.kernel_rates(recoil, analysis), kernel_coefficients(x, x, mixing))
    return rates


@pytest.mark.parametrize("point", POINTS)
def test_true_spectrum_is_the_oracle_s(point: str) -> None:
    mu, q, r2 = POINTS[point]
    expected = [oracle.rate_per_tonne_year_kev(t, mu, q, r2) for t in RECOILS]
    np.testing.assert_allclose(true_rate(RECOILS, Analysis(), at(point)), expected, rtol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_true_spectrum_of_hermitian_matrices_is_the_trace_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q, r2 = (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)) for _ in range(2))
    q, r2 = 1e-12 * (q + q.conj().T), 50e-32 * (r2 + r2.conj().T)
    expected = [oracle.matrix_rate_per_tonne_year_kev(t, q, r2) for t in RECOILS]
    found = true_rate(RECOILS, Analysis(), SM + electromagnetic(q_nu=q, r2_nu=r2))
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_nothing_recoils_beyond_the_beryllium_endpoint() -> None:
    rates = fold.kernel_rates(np.array([300.0, 600.0, 664.0, 665.0]), Analysis())
    assert np.all(rates[..., -1] == 0)
    assert np.all(rates[0, ..., 1:] == 0) and np.all(rates[1, 5, :, :3] > 0)  # pp ends at 261 keV


# --- against direct integration on the same grid ---


def direct_rate(recoil: np.ndarray, analysis: Analysis, point: str) -> np.ndarray:
    """dR/dT of all components per tonne-year and keV, (g_V, g_A) put in before any integral, flavour by flavour."""
    osc, sun = fold.oscillation_of(analysis), flux.solar_model(analysis.solar_model)
    weak = weak_couplings(analysis.couplings, analysis.sin2_theta_w)
    out = np.zeros(recoil.shape)
    lowest = (recoil + np.sqrt(recoil**2 + 2 * oracle.ELECTRON_MASS * recoil)) / 2
    for component, spectrum in flux.SPECTRA[analysis.solar_components].items():
        energy, weight = spectrum.above(lowest)
        total = sun.fluxes[component].total
        content = oscillation.flavour_content(energy, oscillation.PRODUCTION_POTENTIAL_EV[component], osc)
        t = recoil[:, None]
        for a, (mu, q, r2) in enumerate(zip(*POINTS[point], strict=True)):
            vector = weak.vector[a] + oracle.RADIUS_SHIFT * r2 + oracle.CHARGE_SHIFT * q / t
            axial = weak.axial[a]
            sigma = (vector + axial) ** 2 + (vector - axial) ** 2 * (1 - t / energy) ** 2
            sigma = oracle.WEAK_SCALE * (sigma - (vector**2 - axial**2) * oracle.ELECTRON_MASS * t / energy**2)
            sigma = sigma + oracle.MAGNETIC_SCALE * (1 / t - 1 / energy) * mu**2
            out += total * np.sum(weight * content[a] * np.where(energy >= lowest[:, None], sigma, 0.0), axis=1)
    return oracle.ATOMS_PER_TONNE * oracle.SECONDS_PER_YEAR * out


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_contraction_is_direct_integration(name: str, preset: str, point: str) -> None:
    experiment, analysis = loaded(name, preset), PRESETS[preset]
    response = observe(experiment, analysis).response
    nodes, weights = fold.true_energy_grid(experiment, response, analysis)
    electrons = np.array([oracle.electrons(t) for t in nodes])
    rate = direct_rate(nodes, analysis, point) * electrons * weights
    expected = experiment.exposure_tonne_years * detector.fold(rate[None], nodes, response)[0]
    if experiment.turn_on is not None:
        expected *= experiment.turn_on[observe(experiment, analysis).bins]
    found = folded(name, preset).signal(at(point)).sum(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


# --- the quadrature is fine enough ---


@pytest.mark.parametrize("electrons", atom.COUNTINGS)
@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_a_halved_grid_changes_no_bin(name: str, preset: str, electrons: str) -> None:
    coarse, fine = (folded(name, preset, electrons, halvings) for halvings in (0, 1))
    for point in POINTS:
        one, other = (fold.signal(at(point)).sum(axis=0) for fold in (coarse, fine))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("choices", [{"binning": "centre"}, {"resolution_at": "reconstructed"}, {"efficiency_on": "true"}])
@pytest.mark.parametrize("name", NAMES)
def test_a_halved_grid_changes_no_bin_for_other_responses(name: str, choices: dict[str, Any]) -> None:
    analysis = replace(Analysis(region="all"), **choices)
    coarse, fine = (fold.fold(loaded(name, "default"), analysis, halvings=halvings) for halvings in (0, 1))
    for point in POINTS:
        one, other = (fold.signal(at(point)).sum(axis=0) for fold in (coarse, fine))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


# --- symmetries ---


@pytest.mark.parametrize("name", NAMES)
def test_theta23_and_delta_need_no_new_fold(name: str) -> None:
    other = replace(Analysis(), sin2_theta23=0.561, delta_cp_deg=177.0)
    again = fold.fold(loaded(name, "default"), other)
    reused = replace(folded(name, "default"), mixing=oscillation.mixing_matrix(fold.oscillation_of(other)))
    for point in POINTS:
        np.testing.assert_allclose(again.signal(at(point)), reused.signal(at(point)), rtol=1e-13)


def test_the_muon_neutrino_moves_with_theta23() -> None:
    fold = folded("xenonnt-sr0", "default")
    other = replace(fold, mixing=oscillation.mixing_matrix(oscillation.Oscillation(sin2_theta23=0.561, delta_cp_deg=177)))
    muon, electron = (electromagnetic(mu_nu=np.diag(d)) for d in ([0, 1e-11, 0], [1e-11, 0, 0]))
    ratio = other.signal(muon).sum() / fold.signal(muon).sum()
    assert ratio == pytest.approx(0.40 / 0.48, abs=0.02)
    np.testing.assert_allclose(other.signal(electron), fold.signal(electron), rtol=1e-12)


def test_counts_are_linear_in_the_exposure_and_in_the_turn_on() -> None:
    experiment = loaded("pandax4t-run0", "default")
    base = fold.fold(experiment, Analysis()).counts
    double = fold.fold(scale_exposure(experiment, 2 * experiment.exposure_tonne_years), Analysis())
    np.testing.assert_allclose(double.counts, 2 * base, rtol=1e-13)
    without = fold.fold(replace(experiment, turn_on=None), Analysis()).counts
    np.testing.assert_allclose(base[..., 0], 0.76 * without[..., 0], rtol=1e-13)
    np.testing.assert_array_equal(base[..., 1:], without[..., 1:])


def test_counts_follow_each_flux() -> None:
    experiment = loaded("xenonnt-sr0", "default")
    other = fold.fold(experiment, Analysis(solar_model="B16-AGSS09met"))
    for c, ratio in enumerate((6.03 / 5.98, 4.50 / 4.93)):
        np.testing.assert_allclose(other.counts[c], ratio * folded("xenonnt-sr0", "default").counts[c], rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_signal_expands_as_a_quadratic_form(name: str) -> None:
    fold, a, b = folded(name, "default"), 0.7, -1.3
    x, y = at("everything"), at("positive charge")
    expanded = a**2 * fold.signal(x) + b**2 * fold.signal(y) + 2 * a * b * fold.bilinear(x, y)
    np.testing.assert_allclose(fold.signal(a * x + b * y), expanded, rtol=1e-9)


def test_the_sign_of_a_moment_has_no_effect() -> None:
    fold = folded("xenonnt-sr0", "default")
    plus, minus = (fold.signal(SM + couplings(mu_nu=mu)) for mu in (3.0, -3.0))
    np.testing.assert_array_equal(plus, minus)
    assert np.all(plus > fold.signal(SM))


@pytest.mark.parametrize("name", NAMES)
def test_charge_and_radius_interfere_as_the_reference_says(name: str) -> None:
    fold = folded(name, "default")
    sm = fold.signal(SM).sum(axis=0)
    for flavour in ("e", "mu", "tau"):
        sign = 1 if flavour == "e" else -1
        charge = fold.signal(SM + one_coupling(f"q_nu_{flavour}", 1e-4)).sum(axis=0)
        radius = fold.signal(SM + one_coupling(f"r2_nu_{flavour}", 1e-3)).sum(axis=0)
        assert np.all(sign * (charge - sm) < 0) and np.all(sign * (radius - sm) > 0)


def second_zero_effect_point(parameter: str, fold: fold.Fold) -> float:
    direction = one_coupling(parameter, 1.0)
    return float(-2 * fold.bilinear(SM, direction).sum() / fold.signal(direction).sum())


@pytest.mark.parametrize(("parameter", "expected"), [("r2_nu", -42), ("r2_nu_e", -83)])
def test_a_radius_has_a_second_point_without_effect(parameter: str, expected: float) -> None:
    fold = folded("xenonnt-sr0", "default")
    value = second_zero_effect_point(parameter, fold)
    assert value == pytest.approx(expected, abs=1.5)
    there, half = (fold.signal(SM + one_coupling(parameter, part * value)).sum() for part in (1, 0.5))
    assert there == pytest.approx(fold.signal(SM).sum(), rel=1e-10)
    assert half < 0.95 * there  # a valley between the two points
    assert PROPERTIES["r2_nu"].range_element[0] < value  # inside the prior


# --- choices of the analysis ---


def counts_below(name: str, top_kev: float, analysis: Analysis, reading: str = "default") -> float:
    experiment = experiments.load(name, reading)
    weak = standard_model(weak_couplings(analysis.couplings, analysis.sin2_theta_w))
    edges = experiment.edges_kev[observe(experiment, analysis).bins.start :]
    counts = fold.fold(experiment, analysis).signal(weak).sum(axis=0)
    return float(counts[edges[1 : len(counts) + 1] <= top_kev].sum())


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, 22.4),
        ({"couplings": "tree", "sin2_theta_w": 0.23857}, 23.2),
        ({"electrons": "free"}, 24.9),
    ],
)
def test_xenonnt_counts_below_10_kev(choices: dict[str, Any], expected: float) -> None:
    assert counts_below("xenonnt-sr0", 10, Analysis(**choices)) == pytest.approx(expected, abs=0.06)


def test_xenonnt_published_counts_have_no_l_edge_step() -> None:
    stepped, free = (counts_below("xenonnt-sr0", 10, Analysis(electrons=e)) for e in ("stepped", "free"))
    assert stepped < 25 - 2 + 0.5 and free == pytest.approx(25, abs=2)  # published: 25 +- 2


@pytest.mark.parametrize("reading", ["default", "paper", "digitised", "as-drawn"])
def test_pandax_run1_counts_below_30_kev(reading: str) -> None:
    found = counts_below("pandax4t-run1", 30, Analysis(region="all", inputs=reading), reading)
    assert 68.5 < found < 75.5
    assert found == pytest.approx(72.6, abs=8.1)


def test_the_many_body_ratio_lowers_the_counts_at_1_to_5_kev() -> None:
    stepped, rrpa = (counts_below("xenonnt-sr0", 5, Analysis(electrons=e)) for e in ("stepped", "rrpa"))
    assert 0.11 < 1 - rrpa / stepped < 0.14


def test_a_lower_cut_on_the_true_energy_acts_on_the_photon_terms_of_the_first_bin() -> None:
    cut = fold.fold(loaded("xenonnt-sr0", "default"), Analysis(lowest_true_kev=1.0))
    ratio = {p: cut.signal(at(p)).sum(0) / folded("xenonnt-sr0", "default").signal(at(p)).sum(0) for p in POINTS}
    assert ratio["positive charge"][0] < ratio["standard model"][0] < 1
    for point in POINTS:
        assert np.all(ratio[point] <= 1 + 1e-8) and ratio[point][-1] == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_region_of_interest_is_a_part_of_all_bins(name: str) -> None:
    experiment = loaded(name, "default")
    inside, whole = (fold.fold(experiment, Analysis(region=r)).signal(SM) for r in ("interest", "all"))
    np.testing.assert_allclose(whole[:, observe(experiment, Analysis()).bins], inside, rtol=1e-6)
    assert whole.shape[1] == len(experiment.observed)


@pytest.mark.parametrize("name", ["xenonnt-sr0", "pandax4t-run0"])
def test_a_threshold_shift_is_a_moved_efficiency_curve(name: str) -> None:
    experiment = loaded(name, "default")
    curve = experiment.efficiency
    moved = replace(experiment, efficiency=replace(curve, energies_kev=curve.energies_kev + 0.2))
    shifted = fold.fold_parts(experiment, Analysis(), fold.WHOLE, threshold_shift_kev=0.2)[0]
    np.testing.assert_allclose(shifted.counts, fold.fold(moved, Analysis()).counts, rtol=1e-12)


def test_an_energy_scale_moves_counts_like_a_change_of_the_edges() -> None:
    # Without efficiency and smearing, T (1 + s) in [a, b] is T in [a, b] / (1 + s).
    experiment = replace(
        loaded("xenonnt-sr0", "default"),
        efficiency=replace(loaded("xenonnt-sr0", "default").efficiency, energies_kev=np.zeros(1), values=np.ones(1)),
        resolution=experiments.Resolution(constant_kev=5e-3),
    )
    scaled = fold.fold_parts(experiment, Analysis(), fold.WHOLE, energy_scale=0.02)[0].signal(SM)
    other = replace(experiment, edges_kev=experiment.edges_kev / 1.02, region_kev=(1 / 1.02, 30 / 1.02))
    np.testing.assert_allclose(scaled, fold.fold(other, Analysis()).signal(SM), rtol=1e-4)


def test_a_resolution_too_fine_to_integrate_is_refused_in_one_sentence() -> None:
    experiment = replace(loaded("xenonnt-sr0", "default"), resolution=experiments.Resolution(constant_kev=1e-4))
    with pytest.raises(BayesnuError, match=r"^xenonnt-sr0: \[resolution\] is so fine that the integration needs \d+ panels"):
        fold.fold(experiment, Analysis())


# The transition to a sterile neutrino


@pytest.mark.parametrize("mass", [5.0, 80.0, 300.0])
def test_rates_of_a_transition_moment_are_those_of_the_oracle(mass: float) -> None:
    recoils = np.array([0.3, 1.5, 6.0, 25.0, 80.0])
    analysis = Analysis(sterile_mass_kev=mass)
    rates = fold.kernel_rates(recoils, analysis)
    moments = np.array([1e-11, 3e-11, 2e-11])
    given = couplings(None, **{f"mu_sterile_{f}": 1e11 * mu for f, mu in zip(("e", "mu", "tau"), moments, strict=True)})
    found = np.einsum("cki...,ki->...", rates, kernel_coefficients(given, given, fold.mixing_of(analysis)))
    expected = [oracle.sterile_rate_per_tonne_year_kev(recoil, mass, tuple(moments)) for recoil in recoils]
    np.testing.assert_allclose(found, expected, rtol=2e-7)
    assert any(expected)


def test_the_weak_kernels_know_no_sterile_mass_and_no_mass_is_the_active_moment() -> None:
    recoils = np.geomspace(0.1, 100, 40)
    plain, heavy = (fold.kernel_rates(recoils, Analysis(sterile_mass_kev=mass)) for mass in (0.0, 60.0))
    moment = KERNELS.index("MM")
    for k in range(len(KERNELS)):
        if k != moment:
            np.testing.assert_array_equal(plain[:, k], heavy[:, k])
    assert np.all(heavy[:, moment] <= plain[:, moment] + 1e-30) and np.any(heavy[:, moment] < 0.9 * plain[:, moment])
    light = fold.kernel_rates(recoils, Analysis(sterile_mass_kev=1e-6))
    np.testing.assert_allclose(light[:, moment], plain[:, moment], rtol=1e-9)
    active, transition = (build("xenonnt-sr0", name) for name in ("mu_nu", "mu_sterile"))
    np.testing.assert_array_equal(active.templates, transition.templates)
    np.testing.assert_array_equal(active.factors, transition.factors)


def test_a_grid_with_ends_of_lines_inside_certifies_itself() -> None:
    """At 250 keV the recoils of the 861 keV line begin at 1.3 keV, a step of the rate."""
    analysis = Analysis(sterile_mass_kev=250.0)
    (low, *_) = sterile.find_recoils(861.3, 250.0)
    assert 1 < low < 10 and low in fold.breakpoints_of(analysis)
    grid, halved = (fold.fold(loaded("xenonnt-sr0", "default"), analysis, halvings=n) for n in (0, 1))
    counts, finer = (each.signal(couplings(None, mu_sterile=10.0)).sum(axis=0) for each in (grid, halved))
    np.testing.assert_allclose(counts, finer, rtol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "mass", "said"),
    [
        (("mu_nu",), 10.0, r"^mu_nu: found beside sterile_mass_kev = 10, [^\n]+take mu_sterile, or leave the mass at 0$"),
        (("q_nu",), 10.0, r"^sterile_mass_kev: found 10, which has no effect without mu_sterile; [^\n]+$"),
        (("mu_nu", "mu_sterile"), 0.0, r"^parameter: found mu_nu beside mu_sterile; moments of flavours, [^\n]+$"),
    ],
)
def test_a_mass_goes_with_its_moment_alone(parameters: tuple[str, ...], mass: float, said: str) -> None:
    with pytest.raises(BayesnuError, match=said):
        build("xenonnt-sr0", parameters, Analysis(sterile_mass_kev=mass))
