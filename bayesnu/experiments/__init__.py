"""The data: one TOML file per data set, the reader that turns it into an `Experiment`, and published limits.

The objects need numpy alone; the reader, and pydantic with it, is imported when a file is read. Imports support and physics;
model and every room above it may import it.
"""

from __future__ import annotations

from pathlib import Path

from bayesnu.experiments.combination import check_combination
from bayesnu.experiments.experiment import (
    AbsoluteWidth,
    Background,
    Component,
    Efficiency,
    Experiment,
    FreeWidth,
    Provenance,
    RelativeWidth,
    Resolution,
    Width,
)

__all__ = [
    "AbsoluteWidth",
    "Background",
    "Component",
    "Efficiency",
    "Experiment",
    "FreeWidth",
    "Provenance",
    "RelativeWidth",
    "Resolution",
    "Width",
    "check_combination",
    "load",
    "names",
    "template",
]


def names() -> tuple[str, ...]:
    """Return the names of the data sets that come with the package."""
    from bayesnu.experiments import reader

    return reader.names()


def load(name_or_path: str | Path, reading: str = "default") -> Experiment:
    """Return a data set of the package by its name, or the one in a TOML file.

    `reading` chooses between tables that a file holds twice, as the choice `inputs` does: `default` or `paper`. Energies
    are in keV and the exposure in tonne-years. Raises `BayesnuError` for a name that is not known and for a file that does
    not say all it has to.

    >>> import bayesnu
    >>> bayesnu.load_experiment("xenonnt-sr0").exposure_tonne_years
    1.16
    """
    from bayesnu.experiments import reader

    return reader.load(name_or_path, reading)


def template() -> str:
    """Return a commented example of the file format; its numbers are made up, and it is a valid file."""
    from bayesnu.experiments import reader

    return reader.template()
