"""XENON1T: published numbers, the interval and significances of its collaboration, and a limit without the package."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from bayesnu import experiments
from bayesnu.experiments import Experiment, FreeWidth
from bayesnu.experiments.published import published_for
from bayesnu.inference import profile
from bayesnu.inference.line import Line
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model.budget import Budget, budget_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Gaussian
from tests.physics import decays, oracle

NAME = "xenon1t-sr1"
EDGES = np.arange(1.0, 31.0)
TRITIUM_FIGURE = 118.8  # events/(t yr) under the fitted curve of arXiv:2006.09721, read off by a third party
TWO_SIDED = 2.7055  # rise of chi^2 at 90 %


def load(reading: str = "default") -> Experiment:
    return experiments.load(NAME, reading)


def analyse(reading: str, efficiency_nuisance: str = "all") -> Analysis:
    """Return what the collaboration does, as far as it is known: stepped electrons, and constraints of the fit."""
    return Analysis(
        inputs=reading,
        normalisations="fit",
        efficiency_nuisance=efficiency_nuisance,
        atomic_nuisances=False,
        solar_components="pp-7be",
    )


def model_of(reading: str, efficiency_nuisance: str = "all") -> Model:
    return build([load(reading)], "mu_nu", analyse(reading, efficiency_nuisance))


def budget(reading: str = "default") -> Budget:
    return budget_of(load(reading), analyse(reading))


def average_efficiency() -> np.ndarray:
    """Return the mean (29,) of the efficiency in each bin."""
    efficiency = load().efficiency
    middle = np.linspace(EDGES[0], EDGES[-1], 200 * 29 + 1)[:-1] + 1 / 400
    curve: np.ndarray = np.interp(middle, efficiency.energies_kev, efficiency.values)
    return np.asarray(curve.reshape(29, 200).mean(axis=1))


def respond(energies: np.ndarray) -> np.ndarray:
    """Return the part (energies, bins) of events of an energy in keV that are selected in each bin."""
    efficiency = load().efficiency
    fine = np.linspace(EDGES[0], EDGES[-1], 20 * 29 + 1)
    middle = (fine[1:] + fine[:-1]) / 2
    sigma = 0.310 * np.sqrt(energies) + 0.0037 * energies
    smeared = np.diff(norm.cdf((fine[None] - energies[:, None]) / sigma[:, None]), axis=1)
    selected = smeared * np.interp(middle, efficiency.energies_kev, efficiency.values)
    summed: np.ndarray = selected.reshape(len(energies), 29, 20).sum(axis=2)
    return summed


def magnetic_counts() -> np.ndarray:
    """Return the counts (29,) of a moment of 1e-11 mu_B from pp and 7Be neutrinos, by midpoint sums."""
    step = 0.01
    recoils = np.arange(0.5, 40.0, step) + step / 2
    electrons = sum(number * (recoils > edge) for edge, number in oracle.XENON_SHELLS)
    neutrinos = np.arange(0.25, oracle.PP_ENDPOINT, 0.5)
    shape = np.array([oracle.beta_shape(each) for each in neutrinos])
    lines = [(energy, branching * oracle.BE7_FLUX) for energy, branching in oracle.BE7_LINES]
    spectrum = [*zip(neutrinos, shape / shape.sum() * oracle.PP_FLUX, strict=True), *lines]
    per_electron = np.zeros_like(recoils)
    for energy, flux in spectrum:
        possible = recoils < 2 * energy**2 / (oracle.ELECTRON_MASS + 2 * energy)
        per_electron += flux * possible * (1 / recoils - 1 / energy)
    size = oracle.MAGNETIC_SCALE * 1e-22 * oracle.ATOMS_PER_TONNE * oracle.SECONDS_PER_YEAR * 0.64731
    counts: np.ndarray = (size * electrons * per_electron * step) @ respond(recoils)
    return counts


def test_the_file_has_the_published_exposure_and_rate() -> None:
    experiment = load()
    assert np.array_equal(experiment.edges_kev, EDGES)
    assert experiment.observed.sum() == 1261
    assert experiment.exposure_tonne_years == pytest.approx(1.042 * 226.9 / 365.25, rel=1e-5)
    fitted = load("no-tritium").background.total
    assert fitted is not None
    rate = fitted.sum() / experiment.exposure_tonne_years / average_efficiency().sum()
    assert rate == pytest.approx(76, abs=1)  # per t yr keV, published with an error of 2


def test_tritium_floats_freely_and_is_absent_from_the_other_reading() -> None:
    tritium = [each for each in load().background.components if each.name == "tritium"]
    assert [each.width for each in tritium] == [FreeWidth(10.0)]
    assert not [each for each in load("no-tritium").background.components if each.name == "tritium"]
    with_it, without = (load(reading).background.total for reading in ("default", "no-tritium"))
    assert with_it is not None and without is not None
    np.testing.assert_allclose(with_it - without, budget().components["tritium"], atol=1.1e-3)


def test_the_flat_part_has_the_width_of_the_fit_and_floats_freely_without_it() -> None:
    widths = {}
    for normalisations in ("fit", "prior"):
        model = build([load()], (), Analysis(normalisations=normalisations))
        (widths[normalisations],) = (each for each in model.nuisances if each.name.startswith("flat"))
    fitted, known = widths["fit"], widths["prior"]
    assert isinstance(fitted, Gaussian) and fitted.width == pytest.approx(2 / 76, rel=1e-3)
    assert isinstance(known, Flat) and (known.lower, known.upper) == (0, 10)


def test_the_counts_of_tritium_are_those_of_its_figure_and_of_an_independent_sum() -> None:
    step = 0.01
    energies = np.arange(0.0, 18.59, step) + step / 2
    counts = decays.beta(energies, 18.59, 2) @ respond(energies)
    found = budget().components["tritium"]
    np.testing.assert_allclose(found, counts / counts.sum() * TRITIUM_FIGURE * 0.64731, rtol=2e-3, atol=2e-3)


def test_what_is_left_of_the_published_fit_is_flat() -> None:
    """So its neutrinos, 136Xe, 124Xe and efficiency are those of the fit: a check of them all."""
    for reading in ("default", "no-tritium"):
        remainder = budget(reading).remainder
        assert remainder is not None
        above = remainder[3:]  # from 4 keV on
        np.testing.assert_allclose(above, above.mean(), rtol=0.004)
        turned_on = above.mean() * average_efficiency() / average_efficiency()[3:].mean()
        higher = remainder[:4] / turned_on[:4]  # as of beta decays with exchange, which grows towards low energies
        assert np.all(np.diff(higher) < 0) and 1 < higher[3] < higher[0] < 1.08


def test_the_interval_of_the_collaboration_is_found_without_tritium() -> None:
    (published,) = (each for each in published_for((NAME,), "mu_nu", "common") if each.reference == "arXiv:2006.09721")
    assert (published.lower, published.upper) == (1.4e-11, 2.9e-11)
    found = profile.interval(model_of("no-tritium"))
    assert (found.lower, found.upper) == pytest.approx((1.4, 2.9), rel=0.04)  # to two digits


@pytest.mark.parametrize(("reading", "published"), [("no-tritium", 3.2), ("default", 0.9)])
def test_the_significance_of_a_moment_is_the_published_one(reading: str, published: float) -> None:
    rise = Line(ToyFitter(model_of(reading)), 0, "zero").rise_at(0.0)
    assert np.sqrt(rise) == pytest.approx(published, abs=0.3)


def test_the_counts_of_a_moment_are_those_of_an_independent_sum() -> None:
    model = model_of("no-tritium")
    point = model.nominal()
    moved = point.copy()
    moved[0] = 1.0
    found = model.expected(moved) - model.expected(point)
    np.testing.assert_allclose(found, magnetic_counts(), rtol=2e-3)


def test_an_independent_likelihood_gives_the_same_interval() -> None:
    experiment = load("no-tritium")
    background = experiment.background
    assert background.total is not None and background.published_solar_neutrinos is not None
    neutrinos = background.published_solar_neutrinos
    floating = background.total - neutrinos
    magnetic = magnetic_counts()
    observed = experiment.observed

    def profiled(moment: float) -> float:
        def chi2(scale: float) -> float:
            expected = scale * floating + neutrinos + moment**2 * magnetic
            poisson = 2 * np.sum(expected - observed + observed * np.log(observed / expected))
            return float(poisson + ((scale - 1) / 0.0263) ** 2)

        return float(minimize_scalar(chi2, bounds=(0.7, 1.3), method="bounded").fun)

    best = minimize_scalar(profiled, bounds=(0.5, 4.0), method="bounded")
    lower = brentq(lambda moment: profiled(moment) - best.fun - TWO_SIDED, 0.2, best.x)
    upper = brentq(lambda moment: profiled(moment) - best.fun - TWO_SIDED, best.x, 6.0)
    found = profile.interval(model_of("no-tritium", "published"))
    assert (found.lower, found.upper) == pytest.approx((lower, upper), rel=0.015)


def test_with_tritium_the_moment_has_an_upper_limit_alone() -> None:
    found = profile.interval(model_of("default"))
    assert found.lower == 0
    assert found.upper == pytest.approx(2.76, abs=0.03)
