"""Ranges where curves count, against curves whose ranges are known."""

from __future__ import annotations

import numpy as np
import pytest

from bayesnu.inference.zoom import find_segments


def wells(x: np.ndarray) -> np.ndarray:
    """Two parabolas at -1 and 2, the second a thousand times as narrow and 1 higher, and a third one 100 above them."""
    lowest: np.ndarray = np.minimum.reduce([(x + 1) ** 2 * 1e6, (x - 2) ** 2 * 1e12 + 1, (x - 3) ** 2 * 1e12 + 101])
    return lowest


@pytest.mark.parametrize("more", (0, 1000))
def test_every_range_below_the_level_is_found_once(more: int) -> None:
    first = np.union1d(np.linspace(-5, 5, 21 + more), [-1.0, 2.0, 3.0])
    found = find_segments(wells, first, most=49.0, enough=100, looks=6)
    assert len(found) == 2
    for (low, high), middle, half in zip(found, (-1.0, 2.0), (7e-3, np.sqrt(48) * 1e-6), strict=True):
        assert middle - 1.6 * half < low < middle - 0.999 * half and middle + 0.999 * half < high < middle + 1.6 * half


def test_ranges_that_touch_are_one() -> None:
    found = find_segments(lambda x: np.cos(8 * np.pi * x), np.linspace(0, 1, 9), most=3.0, enough=100, looks=3)
    assert found == [(0.0, 1.0)]
