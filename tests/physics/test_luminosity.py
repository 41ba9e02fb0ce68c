"""The luminosity constraint: heat per neutrino from masses, and models in which pp follows from the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.constants import physical_constants

from bayesnu import experiments
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis, preset
from bayesnu.model.likelihood import compile_posterior, log_likelihood
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.physics import flux
from bayesnu.physics.luminosity import CONSTANT_MEV, HEAT_MEV, RELATIVE_WIDTH, tie_pp
from bayesnu.support.errors import BayesnuError

DATA = "xenonnt-sr0"
TIED = preset(luminosity_constraint="on")

# Mean energies of the neutrinos in MeV, of Bahcall's tables; of the lines of 7Be with their shares.
MEAN_MEV = {
    "pp": 0.2667,
    "7Be": 0.896 * 0.8618 + 0.104 * 0.3843,
    "pep": 1.4422,
    "13N": 0.7067,
    "15O": 0.9965,
    "17F": 0.9996,
}
# Atomic masses, AME2020, in u.
HYDROGEN = 1.007825031898
CARBON_12 = 12.0
CARBON_13 = 13.003354835336
OXYGEN_16 = 15.994914619257
OXYGEN_17 = 16.999131755953
MEV_PER_U = 931.49410372


def in_mev(particle: str) -> float:
    return float(physical_constants[f"{particle} mass energy equivalent in MeV"][0])


HELIUM_MEV = 4 * in_mev("proton") + 2 * in_mev("electron") - in_mev("alpha particle")


def test_the_heat_of_a_neutrino_is_a_difference_of_masses() -> None:
    released = {name: HELIUM_MEV / 2 for name in ("pp", "7Be", "pep")}
    released["13N"] = MEV_PER_U * (CARBON_12 + HYDROGEN - CARBON_13)
    released["15O"] = HELIUM_MEV - released["13N"]
    released["17F"] = MEV_PER_U * (OXYGEN_16 + HYDROGEN - OXYGEN_17)
    for name, mean in MEAN_MEV.items():
        assert HEAT_MEV[name] == pytest.approx(released[name] - mean, abs=1e-3)


def test_the_published_list_differs_for_7be_alone() -> None:
    """Bahcall 2002, hep-ph/0108148: MeV per neutrino."""
    published = {"pp": 13.10, "7Be": 12.60, "pep": 11.92, "13N": 3.46, "15O": 21.57, "17F": 2.36, "8B": 6.63, "hep": 3.74}
    assert {name for name, mev in published.items() if abs(mev - HEAT_MEV[name]) > 6e-3} == {"7Be"}


def test_the_right_side_is_the_irradiance_at_one_astronomical_unit() -> None:
    joule = 1.602176634e-13 * CONSTANT_MEV * 1e4  # per m^2 and s
    assert joule == pytest.approx(1361.0, rel=2e-4)  # total solar irradiance, IAU 2015 resolution B3


def test_the_solar_models_lie_within_a_width_of_it() -> None:
    for name in ("B16-GS98", "B16-AGSS09met"):
        whole = sum(HEAT_MEV[each] * total for each, (total, _) in flux.solar_model(name).fluxes.items())
        assert 0 < whole / CONSTANT_MEV - 1 < RELATIVE_WIDTH


@pytest.mark.parametrize("floating", [("pp", "7Be"), ("pp", "7Be", "pep", "13N", "15O")])
@pytest.mark.parametrize("name", flux.SOLAR_MODELS)
def test_a_tied_flux_gives_the_luminosity_whatever_the_others_are(name: str, floating: tuple[str, ...]) -> None:
    sun = flux.solar_model(name)
    tied = tie_pp(sun, floating)
    rng = np.random.default_rng(1)
    for deviation in (-1.0, 0.0, 2.0):
        relative = {each: rng.uniform(0.5, 1.5) if each in floating else 1.0 for each in sun.fluxes}
        luminosity = tied.mean + deviation * tied.width
        others = sum(share * relative[each] for each, share in tied.of_others.items())
        relative["pp"] = tied.of_luminosity * luminosity + others
        whole = sum(HEAT_MEV[each] * relative[each] * total for each, (total, _) in sun.fluxes.items())
        assert whole == pytest.approx(CONSTANT_MEV * (1 + deviation * RELATIVE_WIDTH), rel=1e-12)
    assert sum(tied.of_others.values()) + tied.of_luminosity == pytest.approx(1, abs=1e-12)  # the solar model is one case


def untie(tied: Model, usual: Model, theta: np.ndarray) -> np.ndarray:
    """The same point in the parameters of the model with a free flux of pp."""
    at = dict(zip(tied.names, theta, strict=True))
    floating = [each for each in flux.solar_model("B16-GS98").fluxes if f"flux_{each.lower()}" in usual.names]
    rule = tie_pp(flux.solar_model("B16-GS98"), floating)
    at["flux_pp"] = rule.of_luminosity * at["luminosity"]
    at["flux_pp"] += sum(share * at[f"flux_{name.lower()}"] for name, share in rule.of_others.items())
    return np.array([at[name] for name in usual.names])


@pytest.mark.parametrize("components", ["pp-7be", "all"])
@pytest.mark.parametrize("names", [(DATA,), ("pandax4t-run0", "pandax4t-run1", DATA)])
def test_counts_are_those_of_the_flux_that_follows(names: tuple[str, ...], components: str) -> None:
    loaded = [experiments.load(name) for name in names]
    tied = build(loaded, ("q_nu", "r2_nu_mu"), replace(TIED, solar_components=components))
    usual = build(loaded, ("q_nu", "r2_nu_mu"), Analysis(solar_components=components))
    assert "flux_pp" not in tied.names and len(tied.names) == len(usual.names)
    assert tied.templates.shape == usual.templates.shape  # no more work for any evaluation
    rng = np.random.default_rng(3)
    theta = tied.nominal() * rng.uniform(0.8, 1.2, len(tied.names))
    theta[:2] = -0.3, 20.0
    np.testing.assert_allclose(tied.expected(theta), usual.expected(untie(tied, usual, theta)), rtol=1e-11)


def test_the_posterior_is_that_of_a_linear_constraint() -> None:
    """Beside a free flux of pp: the constraint on the sum of heat instead of pp's own width."""
    tied = build(DATA, "r2_nu", TIED)
    usual = build(DATA, "r2_nu")
    rng = np.random.default_rng(5)
    theta = tied.nominal() * (1 + 0.02 * rng.standard_normal((40, len(tied.names))))
    theta[:, 0] = rng.uniform(-60, 20, 40)
    points = np.array([untie(tied, usual, each) for each in theta])
    sun = flux.solar_model("B16-GS98").fluxes
    places = {name: usual.names.index(f"flux_{name.lower()}") for name in ("pp", "7Be")}
    whole = sum(
        HEAT_MEV[name] * each.total * (points[:, places[name]] if name in places else 1) for name, each in sun.items()
    )
    by_hand = log_likelihood(usual, points) - ((whole / CONSTANT_MEV - 1) / RELATIVE_WIDTH) ** 2 / 2
    for k, prior in enumerate(usual.parameters):
        if isinstance(prior, Gaussian) and prior.name != "flux_pp":
            by_hand -= ((points[:, k] - prior.mean) / prior.width) ** 2 / 2
    difference = compile_posterior(tied)(theta) - by_hand
    np.testing.assert_allclose(difference, difference[0], atol=1e-8)


def test_a_result_says_the_right_side() -> None:
    (said,) = (note for note in build(DATA, "r2_nu", TIED).notes if note.startswith("luminosity_constraint"))
    assert "3.828e+33 erg/s +- 0.4 %" in said
    assert not any(note.startswith("luminosity") for note in build(DATA, "r2_nu").notes)


def test_without_pp_neutrinos_there_is_nothing_to_tie() -> None:
    experiment = experiments.load(DATA)
    efficiency = replace(experiment.efficiency, energies_kev=30 * experiment.efficiency.energies_kev)
    edges = 30 * experiment.edges_kev
    beyond = replace(experiment, edges_kev=edges, region_kev=(330.0, float(edges[-1])), efficiency=efficiency)
    with pytest.raises(
        BayesnuError, match=r"^luminosity_constraint: found 'on', which has no effect on xenonnt-sr0, [^\n]+$"
    ):
        build(beyond, "mu_nu", replace(TIED, solar_components="all"))
