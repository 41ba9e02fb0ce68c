"""Which solar components enter a data set, what each adds, and what those left out cannot exceed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import loggamma

from bayesnu import experiments
from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.explain.stages import explain
from bayesnu.model.grid_check import EXTREMES, certify
from bayesnu.model.left_out import bound_left_out, bound_rate, components_left_out
from bayesnu.model.observation import observe
from bayesnu.model.predict import all_couplings, expected_counts, rate
from bayesnu.model.priors import Gaussian
from tests.commands import answer
from tests.physics import oracle

EVERYTHING = preset(solar_components="all")
NAMES = experiments.names()
ENTERING = ("pp", "7Be", "pep", "13N", "15O")

# Fluxes in cm^-2 s^-1 (B16-GS98), potentials in eV, and lines or endpoints in keV with charge and mass of the daughter.
LINES = {
    "7Be": (4.93e9, 6.16e-12, ((861.8, 0.896), (384.3, 0.104))),
    "pep": (1.44e8, 5.13e-12, ((1442.2, 1.0),)),
}
DECAYS = {
    "13N": (2.78e8, 6.22e-12, 1199.0, 6, 13),
    "15O": (2.05e8, 6.69e-12, 1732.0, 7, 15),
    "17F": (5.29e6, 6.69e-12, 1738.5, 8, 17),
}


def cross_section(recoil: float, energy: float, potential: float) -> float:
    """dσ/dT in cm²/keV of a neutrino as it arrives, Standard Model."""
    content = oracle.flavour_content(energy, potential)
    weak = oracle.RADIATIVE_COUPLINGS
    return sum(p * oracle.cross_section(recoil, energy, gv, ga) for p, (gv, ga) in zip(content, weak, strict=True))


def decay_shape(energy: float, endpoint: float, charge: int, nucleons: int) -> float:
    """An allowed beta-plus spectrum, unnormalised: Fermi's function at the nuclear radius, or that of a point for none."""
    total = endpoint - energy + oracle.ELECTRON_MASS
    momentum = np.sqrt(total**2 - oracle.ELECTRON_MASS**2)
    y = -oracle.ALPHA * charge * total / momentum
    if nucleons == 0:
        return float(energy**2 * momentum * total * 2 * np.pi * y / -np.expm1(-2 * np.pi * y)) if y > -100 else 0.0
    gamma = np.sqrt(1 - (oracle.ALPHA * charge) ** 2)
    radius = 1.2e-13 * nucleons ** (1 / 3) / oracle.HBAR_C
    factor = np.exp(np.pi * y + 2 * loggamma(gamma + 1j * y).real) * (momentum * radius) ** (2 * gamma - 2)
    return float(energy**2 * momentum * total * factor)


def integrate_decay(function: Callable[[float], float], low: float, endpoint: float, charge: int, nucleons: int) -> float:
    return oracle.integral(
        lambda e: function(e) * decay_shape(e, endpoint, charge, nucleons), low, endpoint - 1e-3, [endpoint - 20]
    )


def rate_by_hand(component: str, recoil: float, is_point: bool) -> float:
    """Recoils per tonne, year and keV by adaptive quadrature, with none of the package's code."""
    least = oracle.min_energy(recoil)
    if component in LINES:
        flux, potential, lines = LINES[component]
        mean = sum(share * cross_section(recoil, e, potential) for e, share in lines if e > least)
    else:
        flux, potential, endpoint, charge, nucleons = DECAYS[component]
        nucleons = 0 if is_point else nucleons
        part = integrate_decay(lambda e: cross_section(recoil, e, potential), least, endpoint, charge, nucleons)
        mean = part / integrate_decay(lambda e: 1.0, 0.0, endpoint, charge, nucleons)
    return flux * mean * oracle.electrons(recoil) * oracle.ATOMS_PER_TONNE * oracle.SECONDS_PER_YEAR


@cache
def loaded(name: str) -> Experiment:
    return experiments.load(name)


# What the components add


@pytest.mark.parametrize("component", [*LINES, *DECAYS])
def test_the_rate_of_a_component_is_plain_quadrature(component: str) -> None:
    recoils = np.array([0.9, 5.3, 30.0, 100.0, 200.0, 300.0, 700.0, 1100.0])
    found = rate(recoils, EVERYTHING)[("pp", *LINES, *DECAYS).index(component)]
    expected = [rate_by_hand(component, recoil, is_point=True) for recoil in recoils.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("component", DECAYS)
def test_the_size_of_the_nucleus_does_not_matter_where_there_are_data(component: str) -> None:
    recoils = np.array([0.9, 5.3, 30.0, 140.0])
    found = rate(recoils, EVERYTHING)[("pp", *LINES, *DECAYS).index(component)]
    expected = [rate_by_hand(component, recoil, is_point=False) for recoil in recoils.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(("recoil", "low", "high"), [(2, 0.95, 1.05), (30, 0.95, 1.07), (100, 1.4, 1.6), (200, 3.6, 4.1)])
def test_the_others_are_about_one_per_cent_of_the_rate_and_more_above(recoil: float, low: float, high: float) -> None:
    rates = rate(recoil, EVERYTHING)
    assert low < 100 * rates[2:].sum() / rates[:2].sum() < high
    # beside protons at rest, as the published estimate has it
    assert 100 * rates[2:].sum() / rate(250).sum() > 0 and 100 * rate(250.0, EVERYTHING)[2:].sum() / rate(250).sum() > 10


def test_pep_and_the_nitrogen_cycle_in_xenon() -> None:
    """Recoils of 1 to 30 keV: flux times electrons times sigma, which is nearly constant at recoils this low."""
    energies = np.linspace(1, 30, 2000)
    counts = np.trapezoid(rate(energies, EVERYTHING), energies, axis=1)
    per_flux = counts / [5.98e10, 4.93e9, 1.44e8, 2.78e8, 2.05e8, 5.29e6]
    np.testing.assert_allclose(per_flux[2:] / per_flux[1], 1, atol=0.05)  # all far above the recoils, as 7Be
    assert counts[2:].sum() == pytest.approx(0.0098 * counts[:2].sum(), rel=0.05)


def test_the_motion_of_the_protons_moves_the_rate_by_the_published_amounts() -> None:
    warm, cold = (rate([10.0, 29.0, 100.0], preset(solar_components=each))[0] for each in ("all", "pp-7be"))
    low, edge, high = 100 * (warm / cold - 1)
    assert 0 < low < edge < 0.4
    assert high == pytest.approx(1, abs=0.25)


# Which enter


@pytest.mark.parametrize("name", NAMES)
def test_a_component_enters_with_a_thousandth_of_the_neutrinos(name: str) -> None:
    counts = expected_counts(loaded(name), EVERYTHING)
    assert counts.components == ENTERING
    shares = counts.signal.sum(axis=1) / counts.signal.sum()
    assert shares.min() > 1e-3
    assert components_left_out(loaded(name), EVERYTHING) == ("17F", "8B", "hep")
    rates = rate(np.linspace(1, 30, 30), EVERYTHING)
    assert np.all(rates[5] < 1e-3 * rates.sum(axis=0))  # 17F, whose spectrum is known


def at_high_energies(lowest_kev: float) -> Experiment:
    """XENONnT's bins at energies higher by 30, from an edge on."""
    experiment = loaded("xenonnt-sr0")
    efficiency = replace(experiment.efficiency, energies_kev=30 * experiment.efficiency.energies_kev)
    edges = 30 * experiment.edges_kev
    return replace(experiment, edges_kev=edges, region_kev=(lowest_kev, float(edges[-1])), efficiency=efficiency)


def test_what_enters_follows_from_the_energies_of_the_data() -> None:
    assert fold.components_of(at_high_energies(30.0), EVERYTHING) == ENTERING
    beyond_pp = at_high_energies(330.0)  # the recoils of pp end at 264 keV
    assert fold.components_of(beyond_pp, EVERYTHING) == ("7Be", "pep", "13N", "15O", "17F")
    assert fold.components_of(beyond_pp, preset()) == ("pp", "7Be")  # named, so they enter


def test_every_component_has_a_nuisance_with_its_published_width() -> None:
    model = build(["pandax4t-run0", "xenonnt-sr0"], "mu_nu", EVERYTHING)
    fluxes = {p.name: p for p in model.nuisances if p.name.startswith("flux")}
    assert [*fluxes] == ["flux_pp", "flux_7be", "flux_pep", "flux_13n", "flux_15o"]
    assert model.names[1:6] == tuple(fluxes)
    widths = [p.width for p in fluxes.values() if isinstance(p, Gaussian)]
    assert widths == [0.006, 0.06, 0.01, 0.15, 0.17]
    assert [p.label for p in fluxes.values()][1:4] == [
        r"\phi_{^{7}\mathrm{Be}}",
        r"\phi_{pep}",
        r"\phi_{^{13}\mathrm{N}}",
    ]


def test_a_shift_of_the_response_does_not_change_what_enters() -> None:
    model = build("pandax4t-run1", "q_nu", replace(EVERYTHING, threshold_shift_kev=0.05, energy_scale=0.01))
    assert sum(name.startswith("flux") for name in model.names) == 5


def test_neutrinos_of_a_model_are_those_of_its_components() -> None:
    model = build("xenonnt-sr0", "mu_nu", EVERYTHING)
    counts = expected_counts("xenonnt-sr0", EVERYTHING)
    theta = model.nominal()
    np.testing.assert_allclose(model.expected(theta), counts.expected, rtol=1e-12)
    for component, expected in zip(counts.components, counts.signal, strict=True):
        without = np.where([name == f"flux_{component.lower()}" for name in model.names], 0.0, theta)
        np.testing.assert_allclose(model.expected(theta) - model.expected(without), expected, rtol=1e-9)


def test_the_number_of_terms_grows_as_the_number_of_components() -> None:
    usual, whole = (build("xenonnt-sr0", "q_nu", preset(solar_components=each)) for each in ("pp-7be", "all"))
    assert whole.is_signal.sum() == usual.is_signal.sum() * 5 // 2
    assert len(whole.names) == len(usual.names) + 3


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_grid_is_fine_enough_for_all_components(name: str) -> None:
    assert certify(loaded(name), EVERYTHING).passed


# What is left out


@pytest.mark.parametrize("couplings", EXTREMES.values(), ids=EXTREMES.keys())
@pytest.mark.parametrize("energy", [150.0, 400.0, 2000.0, 15000.0])
def test_no_line_adds_more_than_the_bound(energy: float, couplings: dict[str, float]) -> None:
    """Neutrinos of one energy, as any mixture of flavours: electron, muon or tau neutrinos alone."""
    analysis = preset(solar_components="all", flavour_content="shortcut")
    experiment = loaded("xenonnt-sr0")
    mu, q, r2 = (couplings.get(name, 0.0) * unit for name, unit in (("mu_nu", 1e-11), ("q_nu", 1e-12), ("r2_nu", 1e-32)))
    total = 5.46e6 + 7.98e3  # of what has no spectrum
    bound = bound_left_out(experiment, analysis, all_couplings(analysis, **couplings))
    for gv, ga in oracle.RADIATIVE_COUPLINGS:

        def line(recoil_kev: np.ndarray, gv: float = gv, ga: float = ga) -> np.ndarray:
            sigma = [oracle.electrons(t) * oracle.cross_section(t, energy, gv, ga, mu, q, r2) for t in recoil_kev.tolist()]
            return total * oracle.ATOMS_PER_TONNE * oracle.SECONDS_PER_YEAR * np.array([sigma])

        counts = fold.fold_rates(line, experiment, analysis, observe(experiment, analysis).response)[0]
        assert np.all(counts <= bound * (1 + 1e-6))


@pytest.mark.parametrize("couplings", EXTREMES.values(), ids=EXTREMES.keys())
@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_adds_less_than_a_thousandth_of_any_signal(name: str, couplings: dict[str, float]) -> None:
    own = all_couplings(EVERYTHING, **couplings)
    signal = fold.fold(loaded(name), EVERYTHING).signal(own).sum()
    bound = bound_left_out(loaded(name), EVERYTHING, own).sum()
    fluxes = (5.46e6 + 7.98e3) / (5.98e10 + 4.93e9)
    assert fluxes * signal < bound < 1e-3 * signal


def test_a_result_says_what_is_left_out_and_how_little_it_is() -> None:
    sentence = (
        "xenonnt-sr0: the solar components 17F, 8B, hep are left out; together they are at most about 0.019 % of its "
        "neutrinos"
    )
    assert sentence in build("xenonnt-sr0", "mu_nu", EVERYTHING).notes
    assert not any("left out" in note for note in build("xenonnt-sr0", "mu_nu").notes)
    printed = answer("counts", "xenonnt-sr0", "--solar-components", "all", "--json")
    assert sentence in printed["notes"] and tuple(printed["components"]) == ENTERING
    rates = answer("rate", "--energy-kev", "2", "--solar-components", "all", "--json")
    assert tuple(rates["components"]) == (*ENTERING, "17F")
    assert sentence in answer("check", "xenonnt-sr0", "--solar-components", "all", "--json")["notes"]


def test_a_check_says_how_little_the_choice_of_pp_and_7be_leaves_out() -> None:
    notes = answer("check", "xenonnt-sr0", "--solar-components", "pp-7be", "--json")["notes"]
    (said,) = (note for note in notes if "are left out" in note)
    assert said.startswith("xenonnt-sr0: the solar components pep, 13N, 15O, 17F, 8B, hep are left out; ")
    most = float(said.split("at most about ")[1].split(" %")[0])
    whole, usual = (expected_counts("xenonnt-sr0", preset(solar_components=each)).signal.sum() for each in ("all", "pp-7be"))
    assert 100 * (whole / usual - 1) < most < 1.5


def test_what_has_a_spectrum_is_counted_and_not_bounded() -> None:
    """Above its endpoint pp adds nothing, whatever its flux: what is bounded are 8B and hep alone."""
    experiment = at_high_energies(330.0)
    assert components_left_out(experiment, EVERYTHING) == ("pp", "8B", "hep")
    weak = all_couplings(EVERYTHING)
    neutrinos = fold.fold(experiment, EVERYTHING).signal(weak).sum()
    assert 0 < bound_left_out(experiment, EVERYTHING, weak).sum() < 0.01 * neutrinos


def test_a_rate_says_what_is_left_out_where_it_could_be_seen() -> None:
    assert answer("rate", "--energy-kev", "2,100", "--solar-components", "all", "--json")["notes"] == []
    (high,) = answer("rate", "--energy-kev", "2,1300", "--solar-components", "all", "--json")["notes"]
    assert high.startswith("the solar components 8B, hep are left out; at 1300 keV they add at most ")
    (beyond,) = answer("rate", "--energy-kev", "2,700", "--json")["notes"]  # where 7Be ends
    assert beyond.startswith("the solar components pep, 13N, 15O, 17F, 8B, hep are left out; at 700 keV they add at most ")
    assert beyond.endswith(" to 0 per tonne, year and keV")


@pytest.mark.parametrize("energy", [2.0, 200.0, 1300.0])
def test_the_bound_of_a_rate_holds_for_components_with_a_spectrum(energy: float) -> None:
    weak = all_couplings(EVERYTHING)
    for component, found in zip(("pp", *LINES, *DECAYS), rate(energy, EVERYTHING), strict=True):
        assert found <= bound_rate(np.array(energy), EVERYTHING, weak, (component,))


def test_an_explanation_bounds_what_is_left_out_of_its_bin() -> None:
    experiment = loaded("xenonnt-sr0")
    for analysis, absent in ((EVERYTHING, "17F, 8B, hep"), (preset(), "pep, 13N, 15O, 17F, 8B, hep")):
        found = explain(experiment, analysis, 4, mu_nu=1.0)
        (row,) = (each for each in found.stages["Sun"] if each.name == f"left out: {absent}; at most")
        expected = bound_left_out(experiment, analysis, all_couplings(analysis, mu_nu=1.0))[4]
        assert row.value == pytest.approx(expected)
        assert row.unit == "counts"
