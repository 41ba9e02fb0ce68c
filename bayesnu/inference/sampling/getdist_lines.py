"""Samples for GetDist: its own object, and the text files that it and cobaya read (the only import of getdist).

In both, a line is a weight, minus the log-posterior and the parameters. Ranges matter: without one the density of a modulus
would be smoothed beyond zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file


@dataclass(frozen=True, eq=False)
class Columns:
    """Samples (ensembles, draws, parameters) with their log_prob (ensembles, draws), and of each parameter what it is.

    `names` have letters, digits and underscores alone; `labels` are LaTeX without dollar signs; `ranges` may be infinite.
    """

    names: Sequence[str]
    labels: Sequence[str]
    ranges: Sequence[tuple[float, float]]
    samples: np.ndarray
    log_prob: np.ndarray

    @property
    def finite_ranges(self) -> dict[str, tuple[float | None, float | None]]:
        """The ranges by name, with None for an end that is infinite."""
        ends = ((low if np.isfinite(low) else None, high if np.isfinite(high) else None) for low, high in self.ranges)
        return dict(zip(self.names, ends, strict=True))


def make_samples(columns: Columns) -> Any:
    """GetDist's `MCSamples`, one chain per ensemble; raises `BayesnuError` where GetDist is missing."""
    try:
        from getdist import MCSamples
    except ImportError:
        raise BayesnuError("getdist is missing; install it with `pip install 'bayesnu[formats]'`") from None
    return MCSamples(
        samples=[*columns.samples],
        loglikes=[*-columns.log_prob],
        names=[*columns.names],
        labels=[*columns.labels],
        ranges=columns.finite_ranges,
        ignore_rows=0,
    )


def write_text_chains(columns: Columns, root: str | Path) -> list[Path]:
    """Write `ROOT_1.txt` and so on, one file per ensemble, `ROOT.paramnames` and `ROOT.ranges`; returns the files."""
    named = [f"{name} {label}" for name, label in zip(columns.names, columns.labels, strict=True)]
    ends = ((name, *map(_write_end, both)) for name, both in columns.finite_ranges.items())
    written = [_write_lines(Path(f"{root}.paramnames"), named), _write_lines(Path(f"{root}.ranges"), map(" ".join, ends))]
    for n, (samples, log_prob) in enumerate(zip(columns.samples, columns.log_prob, strict=True), start=1):
        rows = np.column_stack([np.ones(len(log_prob)), -log_prob, samples])
        lines = (" ".join(f"{value:.16g}" for value in row) for row in rows)
        written.append(_write_lines(Path(f"{root}_{n}.txt"), lines))
    return written


def _write_end(end: float | None) -> str:
    return "N" if end is None else f"{end:.16g}"


def _write_lines(path: Path, lines: Any) -> Path:
    with whole_file(path, lambda error: f"{path}: cannot be written ({reason_of(error)}); choose another place") as copy:
        copy.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
