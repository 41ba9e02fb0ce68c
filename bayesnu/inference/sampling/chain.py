"""A chain in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.support.fingerprint import digest


@dataclass(frozen=True, eq=False)
class Piece:
    """Steps of one ensemble: coords (steps, walkers, parameters), log_prob (steps, walkers), and how it ended.

    `accepted` (walkers,) are accepted proposals per proposal, summed over steps; `random_state` is emcee's.
    """

    coords: np.ndarray
    log_prob: np.ndarray
    accepted: np.ndarray
    random_state: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain as read from its file: `samples` (ensembles, draws, walkers, parameters), `log_prob` without the last axis.

    Every `thin`-th of the stored `steps` per walker is read: all of them unless the chain is longer than memory should hold.
    """

    path: Path
    names: tuple[str, ...]
    units: tuple[str, ...]
    scales: tuple[float, ...]
    labels: tuple[str, ...]
    priors: tuple[str, ...]
    samples: np.ndarray
    log_prob: np.ndarray
    acceptance: np.ndarray
    fingerprint: dict[str, str]
    seed: int
    config: str
    steps: int
    thin: int

    @property
    def digest(self) -> str:
        """The fingerprint as one word."""
        return digest(self.fingerprint)

    def after(self, burn_in: int) -> np.ndarray:
        """Samples without the first `burn_in` stored steps."""
        return self.samples[:, -(-burn_in // self.thin) :]

    def of(self, name: str) -> np.ndarray:
        """Samples (ensembles, draws, walkers) of one parameter."""
        return self.samples[..., self.names.index(name)]
