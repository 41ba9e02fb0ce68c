"""Curves found at few nodes against the same curves at all, and how often they are asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bayesnu.inference.few_nodes import find_between
from bayesnu.inference.panels import number_stretches, place_nodes

NODES = place_nodes(np.linspace(-6.0, 6.0, 33))
Curves = Callable[[np.ndarray], np.ndarray]


def smooth(x: np.ndarray) -> np.ndarray:
    """Logarithms of two densities: a Gaussian, and a gamma density that is steep at one end."""
    return np.stack([-(x**2) / 2, 20 * np.log(x + 8) - 2 * x])


def bent(x: np.ndarray) -> np.ndarray:
    """A curve whose slope jumps."""
    return 30 * np.abs(x - 0.4)[None]


def excluded(x: np.ndarray) -> np.ndarray:
    """A likelihood that is zero below a value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x > -1, np.log(x + 1), -np.inf)[None]


def asked(curve: Curves) -> tuple[np.ndarray, list[int]]:
    """What is found of a curve, and for which nodes it was asked."""
    nodes: list[int] = []

    def find(at: np.ndarray) -> np.ndarray:
        nodes.extend(at.tolist())
        return curve(NODES[at])

    return find_between(find, NODES), nodes


def test_a_smooth_curve_is_asked_for_at_few_nodes() -> None:
    found, nodes = asked(smooth)
    assert len(nodes) < len(NODES) / 3
    np.testing.assert_allclose(found, smooth(NODES), atol=1e-5)


@pytest.mark.parametrize("curve", (bent, excluded))
def test_a_curve_that_is_not_smooth_is_asked_for_at_every_node_once(curve: Curves) -> None:
    found, nodes = asked(curve)
    assert sorted(nodes) == list(range(len(NODES)))
    np.testing.assert_array_equal(found, curve(NODES))


def test_panels_of_another_width_are_another_stretch() -> None:
    borders = np.array([0.0, 0.5, 0.6, 0.7, 0.8, 0.95, 1.0])
    assert number_stretches(borders)[::8].tolist() == [0, 1, 1, 1, 2, 3]
