"""Electrons that a recoil can ionise: the shells of xenon and the many-body ratio."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from bayesnu.physics import atom
from bayesnu.physics.cross_section import KERNELS
from bayesnu.support.errors import BayesnuError
from tests.physics import oracle

WEAK = [KERNELS.index(name) for name in ("VV", "VA", "AA")]
PHOTON = [k for k in range(len(atom.ELECTRON_KERNELS)) if k not in WEAK]
JUST = 1e-9  # relative distance from an edge


def table() -> np.ndarray:
    with resources.files("bayesnu.physics").joinpath("xe_rrpa_over_step.csv").open(encoding="utf-8") as file:
        rows = np.loadtxt(file, delimiter=",", skiprows=2)
    return rows[rows[:, 0] <= 10.0]


# Electrons above each edge, from the column electrons_above of the X-ray data booklet table.
@pytest.mark.parametrize(
    ("above_kev", "electrons"),
    [
        (34.561, 54),
        (5.4528, 52),
        (5.1037, 50),
        (4.7822, 48),
        (1.1487, 44),
        (1.0021, 42),
        (0.9406, 40),
        (0.6890, 36),
        (0.6764, 32),
        (0.2132, 26),
        (0.1467, 24),
        (0.1455, 22),
        (0.0695, 18),
        (0.0675, 14),
        (0.0233, 8),
        (0.0134, 6),
        (0.0121, 4),
    ],
)
def test_electrons_above_each_edge(above_kev: float, electrons: int) -> None:
    assert atom.stepped_electrons(np.array(above_kev * (1 + JUST))) == electrons
    assert atom.stepped_electrons(np.array(above_kev * (1 - JUST))) < electrons


def test_shells_of_the_package_are_those_of_the_oracle() -> None:
    recoil = np.geomspace(1e-3, 100, 2000)
    np.testing.assert_array_equal(atom.stepped_electrons(recoil), [oracle.electrons(t) for t in recoil])


def test_xenon_is_neutral_and_no_electron_is_free_below_the_outermost_edge() -> None:
    assert atom.XENON_ELECTRONS == 54
    assert sum(n for _, n in atom.XENON_SHELLS_EV[-3:]) == 8  # the closed shell of a noble gas
    for counting in atom.COUNTINGS:
        assert np.all(atom.electrons(np.array([0.0, 0.005, 0.012]), counting) == 0)


def test_all_electrons_are_free_when_asked_for() -> None:
    assert np.all(atom.electrons(np.array([0.02, 1.0, 4.0, 50.0]), "free") == 54)


def test_stepped_electrons_are_the_same_for_every_kernel_and_never_fall() -> None:
    recoil = np.geomspace(0.01, 60, 300)
    counts = atom.electrons(recoil, "stepped")
    assert counts.shape == (7, 300)
    assert np.all(counts == counts[0]) and np.all(np.diff(counts[0]) >= 0) and counts.max() == 54


def test_the_many_body_ratio_acts_on_the_weak_kernels_alone() -> None:
    recoil = np.geomspace(0.05, 40, 100)
    stepped, rrpa = atom.electrons(recoil, "stepped"), atom.electrons(recoil, "rrpa")
    np.testing.assert_array_equal(rrpa[PHOTON], stepped[PHOTON])
    np.testing.assert_allclose(rrpa[WEAK], stepped[WEAK] * atom.rrpa_over_step(recoil), rtol=1e-14)
    assert np.all(rrpa[WEAK] < stepped[WEAK])


def test_the_many_body_rate_is_eleven_to_fourteen_percent_lower_at_1_to_5_kev() -> None:
    ratio = atom.rrpa_over_step(np.linspace(1.2, 4.7, 200))  # between the M and the L edges
    assert round(1 - ratio.max(), 2) >= 0.11 and round(1 - ratio.min(), 2) <= 0.14


def test_the_ratio_passes_through_both_sides_of_every_step() -> None:
    energies, ratio = table().T
    for i in np.flatnonzero(np.diff(energies) == 0):
        below, above = atom.rrpa_over_step(energies[i] * np.array([1 - 1e-12, 1 + 1e-12]))
        assert (below, above) == (pytest.approx(ratio[i], abs=1e-8), pytest.approx(ratio[i + 1], abs=1e-8))
    assert np.sum(np.diff(energies) == 0) >= 3


def test_the_ratio_is_linear_between_the_rows() -> None:
    energies, ratio = table().T
    apart = np.diff(energies) > 0
    left, right = energies[:-1][apart], energies[1:][apart]
    for part in (0.25, 0.5, 0.75):
        expected = ((1 - part) * ratio[:-1] + part * ratio[1:])[apart]
        np.testing.assert_allclose(atom.rrpa_over_step((1 - part) * left + part * right), expected, rtol=1e-12)


def test_the_ratio_is_constant_beyond_its_reliable_range() -> None:
    energies, ratio = table().T
    np.testing.assert_array_equal(atom.rrpa_over_step(np.array([0.01, 0.2])), ratio[0])
    np.testing.assert_array_equal(atom.rrpa_over_step(np.array([10.5, 50.0, 1e4])), ratio[-1])
    assert energies[-1] <= 10


@pytest.mark.parametrize("counting", atom.COUNTINGS)
def test_counts_are_linear_between_breakpoints(counting: str) -> None:
    edges = np.union1d(atom.breakpoints_kev(counting, "electrons", False), [0.0121, 50.0])
    left, right = edges[:-1], edges[1:]
    wide = right - left > 1e-6 * right
    low, high = left[wide] * (1 + JUST), right[wide] * (1 - JUST)
    ends, middle = atom.electrons(np.stack([low, high]), counting), atom.electrons((low + high) / 2, counting)
    np.testing.assert_allclose(middle, ends.mean(axis=1), rtol=1e-7)


def test_an_unknown_counting_is_refused_in_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"^electrons: found 'steped'; did you mean 'stepped'\?$"):
        atom.electrons(np.array(1.0), "steped")
