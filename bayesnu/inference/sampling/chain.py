"""A chain in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.support.arguments import plain
from bayesnu.support.errors import BayesnuError, did_you_mean
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


@dataclass(frozen=True, eq=False, repr=False)
class Chain:
    """A chain as read from its file; every array holds every `thin`-th of the stored `steps` per walker.

    Attributes:
        path: the file.
        names, labels: (parameters,), names, and LaTeX without dollar signs.
        units, scales: (parameters,), a sample of one stands for `scale` times `unit`, as 1e-11 mu_B; unit "" is a pure
            number.
        priors: (parameters,), the priors in words.
        samples: (ensembles, draws, walkers, parameters), in units of `scale * unit`, the burn-in included.
        log_prob: (ensembles, draws, walkers), the log-posterior of each sample, a natural logarithm.
        acceptance: (ensembles,), accepted proposals per proposal, in [0, 1].
        fingerprint: what defines the posterior and the chain, key by key.
        seed: of the random numbers.
        config: the resolved configuration, as the text of a TOML file.
        steps: stored steps per walker.
        thin: 1 unless the chain is longer than memory should hold.
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

    def __repr__(self) -> str:
        ensembles, _, walkers, parameters = self.samples.shape
        thinned = f", every {self.thin}th of them read" if self.thin > 1 else ""
        return (
            f"<Chain {self.path}: {ensembles} ensembles of {walkers} walkers, {self.steps} steps each{thinned}, "
            f"{parameters} parameters ({', '.join(self.names[:3])}, ...)>"
        )

    @property
    def digest(self) -> str:
        """The fingerprint as one word."""
        return digest(self.fingerprint)

    def after(self, burn_in: int) -> np.ndarray:
        """Samples (ensembles, draws, walkers, parameters) without the first `burn_in` stored steps.

        Raises `BayesnuError` for what is no integer from 0 to the number of steps.
        """
        skipped = plain(burn_in)
        if isinstance(skipped, bool) or not isinstance(skipped, int) or not 0 <= skipped <= self.steps:
            raise BayesnuError(f"burn_in: found {skipped!r:.60}; must be an integer from 0 to the {self.steps} stored steps")
        return self.samples[:, -(-skipped // self.thin) :]

    def of(self, name: str) -> np.ndarray:
        """Samples (ensembles, draws, walkers) of one parameter, in units of its `scale * unit`.

        Raises `BayesnuError` for a name that the chain does not have.
        """
        if not isinstance(name, str) or name not in self.names:
            near = did_you_mean(str(name)[:60], self.names)
            raise BayesnuError(f"parameter: found {name!r:.60}, which the chain does not have{near}")
        return self.samples[..., self.names.index(name)]
