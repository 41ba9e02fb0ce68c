"""LZ: the published sums, what its files infer, and limits beside those of an independent calculation and of LZ itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import least_squares
from scipy.stats import norm

from bayesnu import experiments
from bayesnu.experiments import Experiment, RelativeWidth, Resolution
from bayesnu.experiments.published import published_for
from bayesnu.inference import profile
from bayesnu.model.budget import Budget, budget_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.priors import Flat, Gaussian

RUNS = ("lz-ws2022", "lz-ws2024")
XENON1T = Resolution(sqrt_kev=0.310, linear=0.0037)

# 90 % profile intervals of an independent calculation with stepped electrons and the resolution of XENON1T, in 1e-11 mu_B,
# 1e-12 e and 1e-32 cm^2. That of WS2022 has a width of 16.7 % of the flat part, and other counts of its components.
INDEPENDENT = {
    "lz-ws2022": {"mu_nu": (0.0, 1.370), "q_nu": (-0.449, 0.776), "r2_nu": (-79.8, 37.7)},
    "lz-ws2024": {"mu_nu": (0.0, 1.032), "q_nu": (-0.317, 0.594), "r2_nu": (-60.9, 18.7)},
}


def budget(name: str) -> Budget:
    return budget_of(experiments.load(name), Analysis())


def ends(data: list[Experiment], parameter: str) -> tuple[float | None, float | None]:
    found = profile.interval(build(data, parameter))
    return found.lower, found.upper


def gaussian(name: str, normalisations: str) -> Gaussian:
    """A nuisance of WS2022."""
    model = build("lz-ws2022", (), Analysis(normalisations=normalisations))
    (found,) = (each for each in model.nuisances if each.name == name)
    assert isinstance(found, Gaussian)
    return found


def as_calculated_there(name: str) -> Experiment:
    """A run with the resolution, and for WS2022 the width of the flat part, of the independent calculation."""
    experiment = experiments.load(name)
    background = experiment.background
    if name == "lz-ws2022":
        wider = (replace(each, width=RelativeWidth(36 / 215)) for each in background.components if each.fraction is not None)
        others = (each for each in background.components if each.fraction is None)
        background = replace(background, components=(*wider, *others))
    return replace(experiment, resolution=XENON1T, background=background)


@pytest.mark.parametrize("parameter", ["mu_nu", "q_nu", "r2_nu"])
def test_limits_of_ws2024_are_those_of_an_independent_calculation(parameter: str) -> None:
    found = ends([as_calculated_there("lz-ws2024")], parameter)
    assert found == pytest.approx(INDEPENDENT["lz-ws2024"][parameter], rel=0.005)


@pytest.mark.parametrize("parameter", ["mu_nu", "q_nu", "r2_nu"])
def test_limits_of_ws2022_are_near_those_of_an_independent_calculation(parameter: str) -> None:
    found = ends([as_calculated_there("lz-ws2022")], parameter)
    assert found == pytest.approx(INDEPENDENT["lz-ws2022"][parameter], rel=0.09)


def test_both_runs_together_are_near_an_independent_calculation() -> None:
    both = [experiments.load(name) for name in RUNS]
    assert ends(both, "mu_nu")[1] == pytest.approx(0.97, abs=0.01)


def test_the_limit_of_lz_itself_is_found_within_a_few_percent() -> None:
    quoted = {limit.reference: limit for limit in published_for(("lz-ws2022",), "mu_nu", "common")}
    published = quoted["arXiv:2307.15753"].upper
    assert published == 1.36e-11
    assert ends([experiments.load("lz-ws2022")], "mu_nu")[1] == pytest.approx(published / 1e-11, rel=0.03)


def test_the_files_have_the_published_sums() -> None:
    first, second = map(experiments.load, RUNS)
    assert (first.exposure_tonne_years, second.exposure_tonne_years) == (0.90, 3.3)
    assert (first.observed.sum(), second.observed.sum()) == (471, 1787)
    assert (first.region_kev, second.region_kev) == ((1, 20), (1, 20)) and first.observed[0] == 0
    assert budget("lz-ws2022").total.sum() == pytest.approx(463.3, abs=0.05)
    parts = 1096 + 236 + 108 + 93.1 + 62.9 + 19.8 + 2.8 + 0.62 + 151  # of the published fit of WS2024
    assert budget("lz-ws2024").total.sum() == pytest.approx(parts, rel=0.005)
    published = second.background.published_solar_neutrinos
    assert published is not None and published.sum() == pytest.approx(151, abs=0.01)


@pytest.mark.parametrize("name", RUNS)
def test_what_is_left_of_the_fit_is_flat_above_the_threshold(name: str) -> None:
    remainder = budget(name).remainder
    assert remainder is not None
    above = remainder[3:]  # from 4 keV on
    np.testing.assert_allclose(above, above.mean(), rtol=0.035)


def test_the_flat_part_of_ws2024_is_that_of_its_published_components() -> None:
    components = budget("lz-ws2024").components
    found = sum(components[name].sum() for name in ("214Pb", "85Kr+39Ar+gamma", "218Po+212Pb"))
    assert found + (168.2 - 151) == pytest.approx(1096 + 236 + 93.1, rel=0.005)  # the model has so many more neutrinos


def test_the_resolution_is_the_width_of_argon_in_the_published_fit() -> None:
    """A Gaussian times the efficiency has three numbers, and the fit three bins: energy, width and counts follow."""
    experiment = experiments.load("lz-ws2022")
    parts = budget("lz-ws2022")
    assert parts.remainder is not None
    efficiency = experiment.efficiency

    def efficient(energy: float) -> float:
        return float(np.interp(energy, efficiency.energies_kev, efficiency.values))

    def count(low: int, density: float, energy: float, width: float) -> float:
        return float(quad(lambda e: density * norm.pdf(e, energy, width) * efficient(e), low, low + 1, limit=200)[0])

    level = parts.remainder[6:].mean() / efficient(12.0)
    flat = np.array([level * quad(efficient, low, low + 1, limit=200)[0] for low in (1, 2, 3)])
    line = (parts.remainder + parts.components["37Ar"])[:3] - flat

    def miss(guess: np.ndarray) -> list[float]:
        energy, width, decays = guess
        return [count(low, decays, energy, width) - wanted for low, wanted in zip((1, 2, 3), line, strict=True)]

    energy, width, decays = least_squares(miss, [2.8, 0.4, 50]).x
    assert energy == pytest.approx(2.82, abs=0.04)
    assert width == pytest.approx(float(experiment.resolution.sigma_kev(2.82)), abs=0.04)
    assert line.sum() == pytest.approx(parts.components["37Ar"].sum(), abs=2.5) and decays > line.sum()


@pytest.mark.parametrize("name", RUNS)
def test_the_readings_of_the_efficiency_differ_above_their_plateau_alone(name: str) -> None:
    held, drawn = (experiments.load(name, reading).efficiency for reading in ("default", "as-drawn"))
    low = drawn.energies_kev <= 13.5
    np.testing.assert_array_equal(held.energies_kev, drawn.energies_kev[low])
    np.testing.assert_array_equal(held.values, drawn.values[low])
    assert drawn.values[-1] == pytest.approx(held.values[-1] / 2, rel=0.04)  # at 20 keV


def test_argon_is_uniform_up_to_its_published_end_and_the_other_priors_are_wider_than_the_fit() -> None:
    for normalisations in ("fit", "prior"):
        model = build("lz-ws2022", (), Analysis(normalisations=normalisations))
        (argon,) = (each for each in model.nuisances if each.name.startswith("37Ar"))
        assert isinstance(argon, Flat)
        assert (48 * argon.lower, 48 * argon.upper) == pytest.approx((0, 288))
    fitted = gaussian("flat[lz-ws2022]", "fit")
    known = gaussian("beta+detector[lz-ws2022]", "prior")
    assert (fitted.mean, fitted.width) == pytest.approx((1, 16 / 222), rel=2e-3)
    assert (known.mean, known.width) == pytest.approx((215 / 222, 36 / 222))


def test_the_runs_share_efficiency_and_fiducial_mass_and_no_background() -> None:
    model = build(RUNS, "mu_nu", Analysis(efficiency_nuisance="all"))
    (scale,) = (each for each in model.nuisances if each.name.startswith("efficiency"))
    assert isinstance(scale, Gaussian) and scale.name == "efficiency[LZ efficiency]"
    assert scale.width == pytest.approx(0.05, rel=1e-3)
    assert not any(each.shared for name in RUNS for each in experiments.load(name).background.components)
