"""Photo-absorption of xenon: two evaluations, their mean, and their difference as the error."""

from __future__ import annotations

import numpy as np
import pytest

from bayesnu.physics.photoabsorption import SHELLS_KEV, is_in_shell, photoabsorption_cm2, read_table, relative_error

BARN = 1e-24


# Elam and Chantler at these energies in keV, in barn per atom, read from xraydb by itself.
@pytest.mark.parametrize(
    ("energy_kev", "elam", "chantler"),
    [
        (0.5, 9.022e5, 7.628e5),
        (0.75, 2.923e6, 3.313e6),
        (1.0, 1.939e6, 1.964e6),
        (2.0, 4.535e5, 4.244e5),
        (3.0, 1.682e5, 1.623e5),
        (5.5, 1.711e5, 1.669e5),
        (10.0, 3.623e4, 3.563e4),
        (20.0, 5473.0, 5317.0),
        (30.0, 1761.0, 1707.0),
        (60.0, 1625.0, 1608.0),
    ],
)
def test_cross_section_is_the_mean_of_two_evaluations(energy_kev: float, elam: float, chantler: float) -> None:
    assert photoabsorption_cm2(np.array(energy_kev)) / BARN == pytest.approx((elam + chantler) / 2, rel=0.015)


def test_cross_section_at_one_kev_agrees_with_nist_within_two_errors() -> None:
    nist = 2.05e6  # barn per atom, NIST tables of X-ray mass attenuation coefficients
    assert abs(photoabsorption_cm2(np.array(1.0)) / BARN / nist - 1) < 2 * relative_error("M123")


@pytest.mark.parametrize(("edge_kev", "least"), [(34.561, 5.0), (4.7822, 2.5), (5.1037, 1.25), (0.6764, 1.2)])
def test_cross_section_steps_up_at_an_edge(edge_kev: float, least: float) -> None:
    below, above = photoabsorption_cm2(np.array([edge_kev * (1 - 1e-6), edge_kev * (1 + 1e-6)]))
    assert above / below > least


def test_cross_section_falls_steeper_than_its_cube_root_between_edges() -> None:
    for low, high in ((1.2, 4.7), (5.5, 34.0), (35.0, 99.0)):
        first, last = photoabsorption_cm2(np.array([low, high]))
        slope = np.log(last / first) / np.log(high / low)
        assert -3.2 < slope < -2.2  # a photoelectric cross section falls about as E^-3


def test_cross_section_is_zero_where_nothing_was_evaluated() -> None:
    energies = read_table().energies_kev
    outside = np.array([0.0, 0.1, energies[0] * (1 - 1e-9), energies[-1] * (1 + 1e-9), 1e4])
    assert np.all(photoabsorption_cm2(outside) == 0)
    assert np.all(photoabsorption_cm2(energies) > 0)


def test_every_energy_is_in_the_range_of_one_shell() -> None:
    energies = np.array([0.22, 0.67, 0.6764, 0.9, 0.95, 4.7, 4.8, 34.5, 34.6, 99.0])
    count = sum(is_in_shell(energies, shell).astype(int) for shell in SHELLS_KEV)
    np.testing.assert_array_equal(count, 1)


def test_errors_are_those_of_two_evaluations() -> None:
    assert 0.15 < relative_error("N") < 0.3
    assert 0.1 < relative_error("M45") < 0.3
    assert 0.02 < relative_error("M123") < 0.08
    assert 0.01 < relative_error("L") < 0.05
    assert 0.005 < relative_error("K") < 0.05
