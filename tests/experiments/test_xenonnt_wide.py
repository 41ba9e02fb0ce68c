"""XENONnT SR0 in 1-140 keV: the published sums, what its file infers from the best fit, and limits of an independent fit."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq, least_squares, minimize, minimize_scalar, nnls
from scipy.special import ndtr

from bayesnu import experiments
from bayesnu.experiments.published import published_for
from bayesnu.inference import profile
from bayesnu.model.budget import Budget, budget_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.predict import expected_counts
from bayesnu.physics.background_spectra import LineSpectrum, Spectrum
from scripts.xenonnt import with_free_neutrinos

WIDE = "xenonnt-sr0-wide"
LOW = "xenonnt-sr0"
# Best fit and its error in 1-140 keV, arXiv:2207.11330 Table I.
PUBLISHED = {
    "214Pb": (960, 120),
    "85Kr": (90, 60),
    "materials": (270, 50),
    "136Xe": (1550, 50),
    "124Xe": (250, 30),
    "133Xe": (150, 60),
    "83mKr": (80, 16),
}
SPECTRA = ("136Xe", "124Xe", "133Xe", "83mKr")
XENON_136_DECAYS = 1.3e5  # in a tonne-year: half-life 2.165e21 yr, 8.86 % of natural xenon
PARTS = 20  # of a bin, in each of which the efficiency is taken as constant


@cache
def budget() -> Budget:
    return budget_of(experiments.load(WIDE), Analysis())


def spectrum_of(name: str) -> Spectrum:
    (found,) = (each.spectrum for each in experiments.load(WIDE).background.components if each.name == name)
    assert found is not None
    return found


def fine_edges() -> np.ndarray:
    edges = budget().edges_kev
    inner = (np.linspace(low, high, PARTS, endpoint=False) for low, high in pairwise(edges))
    fine: np.ndarray = np.append(np.concatenate([*inner]), edges[-1])
    return fine


def width_at(energy: np.ndarray, linear: float = 0.0072) -> np.ndarray:
    """Standard deviation in keV: XENON1T's formula with another linear coefficient."""
    width: np.ndarray = 0.310 * np.sqrt(energy) + linear * energy
    return width


def count(energies: np.ndarray, events: np.ndarray, linear: float = 0.0072) -> np.ndarray:
    """Counts (bins,) of events at true energies in keV, by sums of the normal distribution."""
    fine = fine_edges()
    efficiency = experiments.load(WIDE).efficiency
    passed = np.interp((fine[1:] + fine[:-1]) / 2, efficiency.energies_kev, efficiency.values)
    below = ndtr((fine - energies[:, None]) / width_at(energies, linear)[:, None])
    counts: np.ndarray = (events @ np.diff(below, axis=1) * passed).reshape(-1, PARTS).sum(axis=1)
    return counts


def count_spectrum(spectrum: Spectrum) -> np.ndarray:
    """Counts (bins,) per decay."""
    if isinstance(spectrum, LineSpectrum):
        return count(np.array(spectrum.energies_kev), np.array(spectrum.ratios))
    middles = np.arange(0.05, 170, 0.1)
    return count(middles, 0.1 * spectrum.weigh(middles, np.ones_like(middles))[1])


def test_the_file_has_the_published_sums() -> None:
    experiment = experiments.load(WIDE)
    assert (experiment.exposure_tonne_years, experiment.region_kev) == (1.16, (1, 140))
    assert budget().observed.sum() == 3658
    everything = sum(counts for counts, _ in PUBLISHED.values()) + 300 + 0.71  # neutrinos and accidentals
    assert budget().total.sum() == pytest.approx(everything, rel=0.003)
    published = experiment.background.published_solar_neutrinos
    assert published is not None and published.sum() == pytest.approx(300, abs=5)


def test_below_30_kev_it_is_the_official_data_set() -> None:
    wide, low = experiments.load(WIDE), experiments.load(LOW)
    np.testing.assert_array_equal(wide.edges_kev[:30], low.edges_kev[1:])
    np.testing.assert_array_equal(wide.observed[:29], low.observed[1:])
    np.testing.assert_array_equal(np.diff(wide.edges_kev[29:]), 2)
    assert wide.background.total is not None and low.background.total is not None
    np.testing.assert_array_equal(wide.background.total[:29], low.background.total[1:])
    np.testing.assert_array_equal(wide.efficiency.values, low.efficiency.values)


@pytest.mark.parametrize("name", SPECTRA)
def test_a_component_has_the_shape_of_an_independent_sum_and_the_published_counts(name: str) -> None:
    found = budget().components[name]
    assert found.sum() == pytest.approx(PUBLISHED[name][0], rel=1e-12)
    alone = count_spectrum(spectrum_of(name))
    np.testing.assert_allclose(found, alone * found.sum() / alone.sum(), rtol=2e-3, atol=2e-3)


def test_a_constant_efficiency_gives_the_published_counts_of_xenon_136() -> None:
    decays = 1.16 * XENON_136_DECAYS
    assert decays * count_spectrum(spectrum_of("136Xe")).sum() == pytest.approx(1560, rel=0.02)


def test_what_the_spectra_leave_of_the_best_fit_is_flat() -> None:
    """So the components with the published neutrinos add up to the best fit: within 3 % in every bin from 2 keV on."""
    counts = budget()
    assert counts.remainder is not None and counts.published is not None
    remainder = counts.remainder + counts.neutrinos - counts.published
    middles = np.arange(0.05, 170, 0.1)
    flat = count(middles, np.full_like(middles, 0.1))
    missing = remainder - flat * remainder.sum() / flat.sum()
    assert np.all(np.abs(missing[1:]) < 0.03 * counts.total[1:])


@pytest.mark.parametrize("name", ["214Pb", "85Kr", "materials"])
def test_the_flat_components_have_the_published_counts(name: str) -> None:
    assert budget().components[name].sum() == pytest.approx(PUBLISHED[name][0], rel=0.01)


def test_lines_and_resolution_are_those_of_the_peaks_in_the_best_fit() -> None:
    """With 136Xe as published, the best fit less neutrinos has four other shapes, whose sizes follow as well."""
    counts = budget()
    assert counts.published is not None
    xenon_136 = PUBLISHED["136Xe"][0] / counts.components["136Xe"].sum() * counts.components["136Xe"]
    wanted = (counts.total - counts.published - xenon_136)[1:]  # from 2 keV on
    error = np.sqrt(counts.total[1:])
    xenon_124 = spectrum_of("124Xe")
    assert isinstance(xenon_124, LineSpectrum)
    middles = np.arange(0.05, 170, 0.1)

    smooth = [count(middles, np.full_like(middles, 0.1)), count_spectrum(spectrum_of("133Xe"))]

    def place(guess: np.ndarray) -> np.ndarray:
        """Counts (shapes, bins) of a flat spectrum, 133Xe, 124Xe and 83mKr for the peaks and the width of a guess."""
        kk, kl, kr, linear = guess
        lines = np.array([kk, kl, *xenon_124.energies_kev[2:]])
        peaks = [count(lines, np.array(xenon_124.ratios), linear), count(np.array([kr]), np.array([1.0]), linear)]
        return np.stack([*smooth, *peaks])[:, 1:]

    def fit(guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shapes = place(guess)
        sizes, _ = nnls((shapes / error).T, wanted / error)
        return sizes * shapes.sum(axis=1), (sizes @ shapes - wanted) / error

    found = least_squares(lambda guess: fit(guess)[1], [64.3, 36.7, 41.5, 0.0037], x_scale=[1, 1, 1, 1e-3], diff_step=1e-4).x
    krypton = spectrum_of("83mKr")
    assert isinstance(krypton, LineSpectrum)
    used = [*xenon_124.energies_kev[:2], *krypton.energies_kev]
    assert found[:3] == pytest.approx(used, abs=0.1)
    assert found[3] == pytest.approx(0.0072, abs=0.0005)
    flat, *sizes = fit(found)[0]
    assert flat == pytest.approx(960 + 90 + 270, rel=0.03)
    for name, size in zip(("133Xe", "124Xe", "83mKr"), sizes, strict=True):
        fitted, width = PUBLISHED[name]
        assert abs(size - fitted) < 0.5 * width


def test_the_readings_differ_above_30_kev_alone() -> None:
    held, falling = (experiments.load(WIDE, reading).efficiency for reading in ("default", "falling"))
    np.testing.assert_array_equal(falling.energies_kev[:-1], held.energies_kev)
    np.testing.assert_array_equal(falling.values[:-1], held.values)
    assert (falling.energies_kev[-1], falling.values[-1]) == (140, pytest.approx(0.95 * held.values[-1], rel=1e-4))


def test_neutrinos_are_the_published_ones() -> None:
    for components in ("pp-7be", "all"):
        signal = expected_counts(WIDE, Analysis(solar_components=components)).signal.sum()
        assert signal == pytest.approx(300, abs=10)  # published with an error of 30


# --- limits ---


# Normalisations in units of the published fit: name, mean, width (infinite: none), lowest and highest.
PRIORS = (
    ("214Pb", 1.0, np.inf, 570 / 960, 1200 / 960),
    ("85Kr", 1.0, 60 / 90, 0.0, np.inf),
    ("materials", 1.0, 50 / 270, 0.0, np.inf),
    ("136Xe", 1560 / 1550, 60 / 1550, 0.0, np.inf),
    ("124Xe", 1.0, np.inf, 0.0, 10.0),
    ("133Xe", 1.0, np.inf, 0.0, 10.0),
    ("83mKr", 1.0, np.inf, 0.0, 10.0),
    ("pp", 1.0, 0.006, 0.0, np.inf),
    ("7Be", 1.0, 0.06, 0.0, np.inf),
)


def test_limits_with_priors_are_those_of_a_general_minimiser() -> None:
    """The same bins, with all that was known before the fit: SciPy's minimiser finds the profile and its ends."""
    chosen = Analysis(normalisations="prior")
    one = expected_counts(WIDE, chosen, mu_nu=1)
    standard = expected_counts(WIDE, chosen).signal
    excess = one.signal - standard  # of a moment of 1e-11 mu_B
    shapes = np.array([budget().components[name] for name in PUBLISHED])
    observed = budget().observed
    names, means, widths, lowest, highest = zip(*PRIORS, strict=True)
    assert names == (*PUBLISHED, "pp", "7Be")

    def chi2(theta: np.ndarray, square: float) -> tuple[float, np.ndarray]:
        slopes = np.concatenate([shapes, standard + square * excess])
        expected = theta @ slopes
        pulls = (theta - means) / widths
        value = 2 * np.sum(expected - observed + observed * np.log(observed / expected)) + pulls @ pulls
        return value, 2 * slopes @ (1 - observed / expected) + 2 * pulls / widths

    def minimal(square: float) -> float:
        start = np.array(means)
        bounds = [*zip(lowest, highest, strict=True)]
        options = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 2000}
        return float(minimize(chi2, start, (square,), "L-BFGS-B", jac=True, bounds=bounds, options=options).fun)

    best = minimize_scalar(minimal, bounds=(0, 1), method="bounded").fun
    end = brentq(lambda mu: minimal(mu**2) - best - 2.7055, 0.5, 1.2, xtol=1e-3)
    assert profile.interval(build(WIDE, "mu_nu", chosen)).upper == pytest.approx(end, rel=2e-3)


def test_priors_before_the_fit_let_the_data_above_30_kev_constrain_the_flat_part_once() -> None:
    fitted, known = (build(WIDE, "mu_nu", Analysis(normalisations=each)) for each in ("fit", "prior"))
    assert "flat[xenonnt-sr0-wide]" in fitted.names and "214Pb[xenonnt-sr0-wide]" in known.names
    wide, low = (profile.interval(build(name, "mu_nu", Analysis(normalisations="free"))).upper for name in (WIDE, LOW))
    assert wide is not None and low is not None and wide < 0.65 * low


def test_the_two_conventions_bracket_the_limit_of_the_collaboration() -> None:
    """With its priors, its own error of the neutrinos and free electrons, which its curve of neutrinos shows."""
    (published,) = (each for each in published_for((LOW,), "mu_nu", "common") if each.reference == "arXiv:2207.11330")
    assert published.upper == 6.4e-12
    model = with_free_neutrinos(build(WIDE, "mu_nu", Analysis(normalisations="prior", electrons="free")))
    ends = [profile.interval(model, one_sided=each).upper for each in (True, False)]
    assert ends == pytest.approx([0.92 * 0.64, 1.12 * 0.64], rel=0.02)


def test_the_published_neutrinos_are_those_of_free_electrons() -> None:
    published = budget().published
    assert published is not None

    def find_spread(electrons: str) -> float:
        """How far their ratio to the model's is from its mean, from 3 keV on."""
        own = expected_counts(WIDE, Analysis(electrons=electrons)).signal.sum(axis=0)
        ratio = (published / own)[2:]
        return float(np.abs(ratio / ratio.mean() - 1).max())

    assert find_spread("free") < 0.04 < 0.15 < find_spread("stepped")
