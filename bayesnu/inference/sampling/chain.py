"""A chain in memory, and the same for other programs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.inference import credible
from bayesnu.inference.sampling import getdist_lines
from bayesnu.inference.sampling.burn_in import find_burn_in
from bayesnu.support.arguments import plain
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.fingerprint import digest
from bayesnu.support.frames import make_frame
from bayesnu.support.html import html_table
from bayesnu.support.text import plain_names


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

    What it gives to other programs has no burn-in: `to_numpy`, `to_pandas`, `to_arviz`, `to_getdist`, `write_getdist`.
    Names there are `plain_names`, of letters, digits and underscores: `124Xe[xenonnt-sr0]` is `n_124Xe_xenonnt_sr0`.

    Attributes:
        path: the file; the word `memory` where none was kept.
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

    def _repr_html_(self) -> str:
        ensembles, _, walkers, _ = self.samples.shape
        low, middle, high = np.quantile(self.to_numpy(), (0.05, 0.5, 0.95), axis=0)
        units = (f"{scale:g} {unit}" if unit else "" for scale, unit in zip(self.scales, self.units, strict=True))
        numbers = ((f"{value:.4g}" for value in each) for each in zip(low, middle, high, strict=True))
        rows = [(name, unit, *each) for name, unit, each in zip(self.names, units, numbers, strict=True)]
        size = f"{ensembles} ensembles of {walkers} walkers, {self.steps} steps each, {self.burn_in} of them burn-in"
        return html_table(("parameter", "unit", "5 %", "median", "95 %"), rows, f"Chain: {size}")

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

    @cached_property
    def burn_in(self) -> int:
        """Stored steps at the start that are left out: five autocorrelation times, and at most half."""
        return find_burn_in(self.samples)[0] * self.thin

    @property
    def plain_names(self) -> tuple[str, ...]:
        """Names (parameters,) of letters, digits and underscores, which every program takes."""
        return plain_names(self.names)

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Ends (parameters,) of the priors, as these say them in words; in units of `scale * unit`."""
        found = (re.search(r" on \[(\S+), (\S+)\]", words) for words in self.priors)
        return tuple((-np.inf, np.inf) if each is None else (float(each[1]), float(each[2])) for each in found)

    def to_numpy(self) -> np.ndarray:
        """Return the samples after the burn-in, (draws, parameters), in units of `scale * unit`, in the order of `names`."""
        return self.after(self.burn_in).reshape(-1, len(self.names))

    def to_pandas(self) -> Any:
        """Return the samples after the burn-in as a `pandas.DataFrame`, with a last column `log_posterior`."""
        columns = dict(zip(self.plain_names, self.to_numpy().T, strict=True))
        return make_frame(columns | {"log_posterior": self._kept_log_prob().ravel()})

    def to_arviz(self) -> Any:
        """Return arviz's own object, an `InferenceData`, with arviz 1 a `DataTree`: every walker is a chain.

        Its attributes hold the unit and the own name of every parameter.
        """
        kept = self.after(self.burn_in)
        samples = {name: kept[..., k] for k, name in enumerate(self.plain_names)}
        return credible.to_arviz(samples, self._kept_log_prob(), self._describe_columns())

    def to_getdist(self) -> Any:
        """Return GetDist's `MCSamples` with labels and the ends of the priors, one chain per ensemble.

        Raises `BayesnuError` where GetDist is not installed.
        """
        return getdist_lines.make_samples(self._flatten_ensembles())

    def write_getdist(self, root: str | Path) -> list[Path]:
        """Write the text files that GetDist and cobaya read, `ROOT_1.txt` and so on for each ensemble; returns their paths.

        Raises `BayesnuError` for a place that cannot be written.
        """
        return getdist_lines.write_text_chains(self._flatten_ensembles(), root)

    def _flatten_ensembles(self) -> getdist_lines.Columns:
        """Each ensemble with its walkers in a row, after the burn-in."""
        kept = self.after(self.burn_in)
        flat = kept.reshape(len(kept), -1, len(self.names))
        log_prob = self._kept_log_prob().reshape(len(kept), -1)
        return getdist_lines.Columns(self.plain_names, self.labels, self.ranges, flat, log_prob)

    def _kept_log_prob(self) -> np.ndarray:
        """The log-posterior (ensembles, draws, walkers) after the burn-in."""
        return self.log_prob[:, self.burn_in // self.thin :]

    def _describe_columns(self) -> dict[str, str]:
        """Units and own names of the parameters, and which chain it is."""
        about = {"fingerprint": self.digest, "thinned by": str(self.thin)}
        for plain_name, name, scale, unit in zip(self.plain_names, self.names, self.scales, self.units, strict=True):
            about[f"unit of {plain_name}"] = f"{scale:g} {unit}".strip()
            about[f"name of {plain_name}"] = name
        return about
