"""How an atom takes up the photon of a millicharge: by its electrons, by photo-absorption, or matched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.inference.profile import interval
from bayesnu.model import fold
from bayesnu.model.atom_range import find_unknown_share
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.model.predict import all_couplings
from bayesnu.model.priors import Flat, Gaussian
from bayesnu.physics import atom, detector, flux, oscillation
from bayesnu.physics.cross_section import KERNELS
from bayesnu.physics.photoabsorption import photoabsorption_cm2
from bayesnu.physics.properties import parameter_of
from bayesnu.support.errors import BayesnuError
from tests.physics import oracle

CHARGE = 0.3  # 1e-12 e
LOG_MASSES = {1.0: 0.0, 0.01: np.log(100.0)}  # what a mass in eV adds to the logarithm of one for 1 eV


def count(name: str, **choices: Any) -> np.ndarray:
    """Counts per bin of a charge alone, beyond the Standard Model's."""
    analysis = Analysis(**choices)
    folded = fold.fold(bayesnu.load_experiment(name), analysis)
    with_charge, without = (folded.signal(all_couplings(analysis, q_nu=q)).sum(axis=0) for q in (CHARGE, 0.0))
    return np.asarray(with_charge - without)


def count_photons(name: str, mass_ev: float, low_kev: float, high_kev: float) -> np.ndarray:
    """The same by photo-absorption between two true energies, written out again: (2 alpha/pi) ln(E/m) sigma(T)/T q^2."""
    experiment = bayesnu.load_experiment(name)
    analysis = Analysis(millicharge="matched")
    response = observe(experiment, analysis).response
    nodes, weights = fold.true_energy_grid(experiment, response, analysis)
    lowest = (nodes + np.sqrt(nodes**2 + 2 * oracle.ELECTRON_MASS * nodes)) / 2
    logarithm = np.zeros_like(nodes)
    for component, spectrum in flux.SPECTRA["pp-7be"].items():
        energy, weight = spectrum.above(lowest)
        total = flux.solar_model("B16-GS98").fluxes[component].total
        logarithm += total * np.sum(weight * np.log(1e3 * energy / mass_ev), axis=1)
    rate = 2 * oracle.ALPHA / np.pi * photoabsorption_cm2(nodes) / nodes * logarithm * (1e-12 * CHARGE) ** 2
    rate *= oracle.ATOMS_PER_TONNE * oracle.SECONDS_PER_YEAR * ((nodes >= low_kev) & (nodes < high_kev))
    counts: np.ndarray = experiment.exposure_tonne_years * detector.fold((rate * weights)[None], nodes, response)[0]
    return counts if experiment.turn_on is None else counts * experiment.turn_on[observe(experiment, analysis).bins]


@pytest.mark.parametrize("mass_ev", LOG_MASSES)
@pytest.mark.parametrize("name", ["xenonnt-sr0", "pandax4t-run0"])
def test_equivalent_photons_are_the_formula_written_out(name: str, mass_ev: float) -> None:
    found = count(name, millicharge="epa", neutrino_mass_ev=mass_ev)
    np.testing.assert_allclose(found, count_photons(name, mass_ev, 0.0, np.inf), rtol=1e-4)


def test_matched_is_photons_below_and_electrons_above() -> None:
    found = count("xenonnt-sr0", millicharge="matched")
    below = count_photons("xenonnt-sr0", 1.0, 0.0, atom.MATCHING_KEV)
    above = count("xenonnt-sr0", lowest_true_kev=atom.MATCHING_KEV)
    np.testing.assert_allclose(found, below + above, rtol=1e-4, atol=1e-5)


def test_photons_and_electrons_meet_where_they_are_matched() -> None:
    recoil = np.array([atom.MATCHING_KEV])
    by_kernel = {
        way: np.einsum("ckit->k", fold.kernel_rates(recoil, Analysis(millicharge=way))) for way in ("electrons", "epa")
    }
    electrons = by_kernel["electrons"][KERNELS.index("VV/T2")]
    photons = by_kernel["epa"][KERNELS.index("EPA")]
    assert photons / electrons == pytest.approx(1.0, abs=0.03)


# The enhancement over stepped electrons of an independent calculation with the same cross sections, at 300 keV.
@pytest.mark.parametrize(
    ("recoil_kev", "ratio", "within"), [(1.2, 9, 1.5), (1.5, 7, 1.0), (3.0, 2.6, 0.2), (30.0, 0.2, 0.03)]
)
def test_enhancement_is_that_of_an_independent_calculation(recoil_kev: float, ratio: float, within: float) -> None:
    recoil = np.array(recoil_kev)
    photons = 2 * oracle.ALPHA / np.pi * photoabsorption_cm2(recoil) / recoil * np.log(300e3)
    electrons = 2 * np.pi * oracle.ALPHA**2 / (oracle.ELECTRON_MASS * recoil**2) * oracle.HBAR_C**2
    assert photons / (electrons * oracle.electrons(recoil_kev)) == pytest.approx(ratio, abs=within)


# 90 % profile limits on |q| of an independent calculation with the same cross sections and data, Delta chi^2 = 2.71.
@pytest.mark.parametrize(
    ("name", "mass_ev", "limit", "within"),
    [("xenonnt-sr0", 1.0, 0.122, 0.002), ("xenonnt-sr0", 0.01, 0.105, 0.002), ("pandax4t-run1", 1.0, 0.27, 0.01)],
)
def test_limits_are_those_of_an_independent_calculation(name: str, mass_ev: float, limit: float, within: float) -> None:
    model = build(name, "q_nu", Analysis(millicharge="epa", neutrino_mass_ev=mass_ev))
    found = interval(model)
    assert found.lower == 0
    assert found.upper == pytest.approx(limit, abs=within)


def test_a_charge_without_interference_is_a_modulus() -> None:
    model = build("xenonnt-sr0", "q_nu", Analysis(millicharge="epa"))
    (prior,) = model.physics
    assert not prior.of_interest.signed
    assert (prior.lower, prior.upper) == (0.0, 4.0)
    one, other = (model.expected(np.array([q, *model.nominal()[1:]])) for q in (0.3, -0.3))
    np.testing.assert_array_equal(one, other)
    with pytest.raises(BayesnuError, match="it is a modulus, so give 0 or more"):
        model.with_priors(Gaussian(prior.parameter, -1.0, 1.0, mean=0.0, width=1.0))


def test_three_charges_without_interference_are_a_ridge() -> None:
    analysis = Analysis(millicharge="epa", solar_model="B16-GS98")
    model = build("xenonnt-sr0", bayesnu.parameters_of("q_nu", "all"), analysis)
    assert not any(parameter.signed for parameter in model.of_interest)
    osc = fold.oscillation_of(analysis)
    recoil = np.array([2.0])
    shares = np.zeros(3)
    lowest = (recoil + np.sqrt(recoil**2 + 2 * oracle.ELECTRON_MASS * recoil)) / 2
    for component, spectrum in flux.SPECTRA["pp-7be"].items():
        energy, weight = spectrum.above(lowest)
        content = oscillation.flavour_content(energy, oscillation.PRODUCTION_POTENTIAL_EV[component], osc)
        total = flux.solar_model("B16-GS98").fluxes[component].total
        shares += total * np.einsum("te,ate->a", weight * np.log(1e3 * energy), content)
    sm = model.expected(model.nominal())
    added = [model.expected(model.nominal(**{name: 0.2}))[0] - sm[0] for name in model.names[:3]]
    np.testing.assert_allclose(added / np.sum(added), shares / shares.sum(), rtol=2e-3)


def test_off_diagonal_charges_keep_their_sign() -> None:
    model = build("xenonnt-sr0", "q_nu_emu", Analysis(millicharge="epa"))
    assert model.of_interest[0].signed
    assert model.physics[0].lower < 0


def test_charges_that_interfere_with_one_another_keep_their_signs() -> None:
    """A common charge and that of a flavour add up before they are squared: opposite signs cancel."""
    model = build("xenonnt-sr0", ("q_nu", "q_nu_e"), Analysis(millicharge="epa"))
    assert all(parameter.signed for parameter in model.of_interest)
    assert all(prior.lower < 0 for prior in model.physics)
    together, apart = (model.expected(model.nominal(q_nu=0.1, q_nu_e=q)).sum() for q in (0.1, -0.1))
    assert together - model.expected(model.nominal()).sum() > 5 * (apart - model.expected(model.nominal()).sum())
    diagonal = build("xenonnt-sr0", ("q_nu_e", "q_nu_mu", "q_nu_emu"), Analysis(millicharge="epa"))
    assert all(parameter.signed for parameter in diagonal.of_interest)


def test_a_prior_of_a_modulus_stays_one() -> None:
    model = build("xenonnt-sr0", "q_nu", Analysis(millicharge="epa"))
    with pytest.raises(BayesnuError, match="it is a modulus, so give 0 or more"):
        model.with_priors(Flat(parameter_of("q_nu"), -4.0, 4.0))
    assert not model.with_priors(Flat(parameter_of("q_nu"), 0.0, 2.0)).of_interest[0].signed


def test_a_charge_may_stand_beside_a_moment_of_mass_states() -> None:
    assert build("xenonnt-sr0", ("q_nu", "mu_nu_12"), Analysis(millicharge="epa")).names[:2] == ("q_nu", "mu_nu_12")


def test_other_properties_do_not_depend_on_how_a_charge_is_taken_up() -> None:
    for name in ("mu_nu", "r2_nu"):
        usual, other = (build("xenonnt-sr0", name, Analysis(millicharge=way)) for way in ("electrons", "epa"))
        theta = usual.nominal(**{name: 1.0})
        np.testing.assert_allclose(other.expected(theta), usual.expected(theta), rtol=1e-6)


@pytest.mark.parametrize("values", [{}, {"mu_nu": 1.0}, {"q_nu": 0.3}], ids=["sm", "moment", "charge"])
@pytest.mark.parametrize("name", ["xenonnt-sr0", "pandax4t-run0", "pandax4t-run1"])
def test_no_bin_rests_on_recoils_below_half_a_kev(name: str, values: dict[str, float]) -> None:
    whole, cut = (
        fold.fold(bayesnu.load_experiment(name), analysis).signal(all_couplings(analysis, **values)).sum(axis=0)
        for analysis in (Analysis(), Analysis(lowest_true_kev=0.5))
    )
    assert np.all(cut <= whole * (1 + 1e-9))
    assert np.all(cut > (1 - 1e-3) * whole)


# --- the doubt ---


@pytest.mark.parametrize("millicharge", atom.MILLICHARGES)
def test_parts_sum_to_the_whole(millicharge: str) -> None:
    recoil = np.geomspace(0.02, 90, 500)
    weights = {None: 1.0, "matching": 0.0, "many_body": 0.0}
    parts = atom.atomic_parts(millicharge)
    total = sum(weights.get(part.name, 1.0) * part.offer(recoil) for part in parts)
    np.testing.assert_allclose(total, atom.targets(recoil, "stepped", millicharge), rtol=1e-14)


def test_doubt_that_is_as_usual_changes_nothing() -> None:
    sure, doubtful = (
        build("xenonnt-sr0", "q_nu", Analysis(millicharge="matched", atomic_nuisances=on)) for on in (False, True)
    )
    added = {name for name in doubtful.names if name not in sure.names}
    assert added == {"matching", "many_body", *(f"photoabsorption_{shell}" for shell in ("N", "M45", "M123", "L"))} | (
        added & {"photoabsorption_K"}
    )
    for q in (0.0, 0.3):
        np.testing.assert_allclose(
            doubtful.expected(doubtful.nominal(q_nu=q)), sure.expected(sure.nominal(q_nu=q)), rtol=1e-12
        )


def test_a_whole_fraction_is_the_other_treatment() -> None:
    doubtful = build("xenonnt-sr0", "r2_nu", Analysis(atomic_nuisances=True))
    many_body = build("xenonnt-sr0", "r2_nu", Analysis(electrons="rrpa"))
    theta = doubtful.nominal(r2_nu=10.0)
    theta[doubtful.names.index("many_body")] = 1.0
    signal = np.array([term for term in doubtful.is_signal])
    found = (doubtful.coefficients(theta) * signal) @ doubtful.templates
    expected = (many_body.coefficients(many_body.nominal(r2_nu=10.0)) * many_body.is_signal) @ many_body.templates
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_the_threshold_shifts_a_doubtful_atom_as_a_new_fold_does() -> None:
    """A charge has the most factors: flux, charge twice, a part of the atom, efficiency, and a shift twice."""
    analysis = Analysis(millicharge="matched", atomic_nuisances=True, efficiency_nuisance="all")
    model = build("pandax4t-run1", "q_nu", analysis)
    experiment = model.experiments[0]
    theta = model.nominal(q_nu=0.25)
    theta[model.names.index("photoabsorption_M123")] = 1.1
    theta[model.names.index("threshold_shift[pandax4t-run1]")] = 1.0
    signal = (model.coefficients(theta) * model.is_signal) @ model.templates
    couplings = all_couplings(analysis, q_nu=0.25)
    weights = {None: 1.0, "photoabsorption_M123": 1.1, "matching": 0.0, "many_body": 0.0}
    parts = atom.atomic_parts("matched")
    folds = fold.fold_parts(
        experiment, analysis, parts, threshold_shift_kev=experiment.efficiency.threshold_width_kev or 0.0
    )
    exact = sum(
        weights.get(part.name, 1.0) * each.signal(couplings).sum(axis=0) for part, each in zip(parts, folds, strict=True)
    )
    np.testing.assert_allclose(signal, exact, atol=0.1 * np.sqrt(model.observed).min())


def test_whole_matching_is_the_sum_of_both_treatments() -> None:
    model = build("xenonnt-sr0", "q_nu", Analysis(millicharge="matched", atomic_nuisances=True))
    theta = model.nominal(q_nu=CHARGE)
    theta[model.names.index("matching")] = 1.0
    squared = np.sum(model.factors == 0, axis=1) == 2
    found = (model.coefficients(theta) * squared) @ model.templates
    photons = count_photons("xenonnt-sr0", 1.0, 0.0, np.inf)
    electrons = build("xenonnt-sr0", "q_nu")
    squared = np.sum(electrons.factors == 0, axis=1) == 2
    others = (electrons.coefficients(electrons.nominal(q_nu=CHARGE)) * squared) @ electrons.templates
    np.testing.assert_allclose(found, photons + others, rtol=1e-4)


def test_doubt_never_strengthens_a_limit() -> None:
    for name, low, high in (("mu_nu", 1.0, 1.1), ("q_nu", 1.0, 1.1)):
        sure, doubtful = (
            interval(build("xenonnt-sr0", name, Analysis(millicharge="matched", atomic_nuisances=on)))
            for on in (False, True)
        )
        assert sure.upper is not None and doubtful.upper is not None
        assert low < doubtful.upper / sure.upper < high


@pytest.mark.parametrize("millicharge", ["epa", "matched"])
@pytest.mark.parametrize("name", ["xenonnt-sr0", "pandax4t-run1"])
def test_a_halved_grid_changes_no_bin(name: str, millicharge: str) -> None:
    analysis = Analysis(millicharge=millicharge, atomic_nuisances=True)
    coarse, fine = (fold.fold(bayesnu.load_experiment(name), analysis, halvings=halvings) for halvings in (0, 1))
    for q in (0.3, -0.3):
        one, other = (each.signal(all_couplings(analysis, q_nu=q)).sum(axis=0) for each in (coarse, fine))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_bin_that_photo_absorption_does_not_reach_is_refused() -> None:
    """Below 1 keV the 0.3 keV of a resolution brings in recoils below the table; the shipped regions are far enough."""
    analysis = Analysis(millicharge="epa", region="all")
    with pytest.raises(BayesnuError, match=r"pandax4t-run1: .* % of the events of a charge in 0-1 keV come from recoils"):
        build("pandax4t-run1", "q_nu", analysis)
    for name in ("xenonnt-sr0", "pandax4t-run0", "pandax4t-run1"):
        share = find_unknown_share(bayesnu.load_experiment(name), Analysis(millicharge="epa"))
        assert share.max() < 1e-3


def test_a_mass_without_photons_is_refused() -> None:
    with pytest.raises(BayesnuError, match=r"neutrino_mass_ev.*no effect.*choose millicharge = epa or matched"):
        Analysis(neutrino_mass_ev=0.01)


def test_the_doubt_about_stepped_electrons_is_none_about_others() -> None:
    model = build("xenonnt-sr0", "mu_nu", Analysis(electrons="rrpa", atomic_nuisances=True))
    assert "many_body" not in model.names
    assert any(note.startswith("atomic_nuisances: with electrons = rrpa the atom is fixed") for note in model.notes)
