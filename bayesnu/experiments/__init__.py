"""The data: one TOML file per data set, the reader that turns it into an `Experiment`, and published limits.

What a data set is stands in `experiment.py`, what its file may hold in `schema.py`. Published limits are rows of
`published_limits.csv`, read by `published.py`.
The objects need numpy and scipy alone; the reader, and pydantic with it, is imported when a file is read.

Imports support and physics; model and every later room may import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bayesnu.experiments.combination import check_combination
from bayesnu.experiments.experiment import (
    AbsoluteWidth,
    Background,
    Component,
    ComponentPrior,
    Counted,
    Efficiency,
    Experiment,
    FreeWidth,
    GaussianPrior,
    Provenance,
    Rated,
    RelativeWidth,
    Size,
    StatedNeutrinos,
    UniformPrior,
    Width,
)
from bayesnu.experiments.projection import Setting, project
from bayesnu.experiments.scaling import scale_exposure
from bayesnu.physics.resolution import Resolution, TabulatedResolution
from bayesnu.support.arguments import as_tuple
from bayesnu.support.errors import BayesnuError

__all__ = [
    "AbsoluteWidth",
    "Background",
    "Component",
    "ComponentPrior",
    "Counted",
    "Efficiency",
    "Experiment",
    "FreeWidth",
    "GaussianPrior",
    "Provenance",
    "Rated",
    "RelativeWidth",
    "Resolution",
    "Setting",
    "Size",
    "StatedNeutrinos",
    "TabulatedResolution",
    "UniformPrior",
    "Width",
    "check_combination",
    "detectors",
    "load",
    "load_one",
    "load_several",
    "names",
    "parse",
    "project",
    "scale_exposure",
    "template",
]


def names() -> tuple[str, ...]:
    """Return the names of the data sets that come with the package."""
    from bayesnu.experiments import reader

    return reader.names()


def detectors() -> tuple[str, ...]:
    """Return the names of the detectors that come with the package, which have measured nothing yet."""
    from bayesnu.experiments import reader

    return reader.detectors()


def load(name_or_path: str | Path, reading: str = "default") -> Experiment:
    """Load a data set of the package by its name, or the one in a TOML file.

    Arguments:
        name_or_path: a name, such as `xenonnt-sr0`, or a file. A word that ends in .toml or names an existing file is a
            path.
        reading: which tables are used where a file holds some twice, as `default` or `paper`. A file without a usual
            reading is read by its own tables. Give the `inputs` of the analysis here: another reading is refused later.

    Returns: an `Experiment`, with energies in keV, counts per bin over the whole exposure, and the exposure in tonne-years.

    Raises: `BayesnuError` for an unknown name or reading, and for a file that cannot be read or breaks the format.

    Source: every table of a file names its own, in `provenance`.

    Example:
        >>> import bayesnu
        >>> xenonnt = bayesnu.load_experiment("xenonnt-sr0")
        >>> xenonnt.exposure_tonne_years, xenonnt.region_kev
        (1.16, (1.0, 30.0))
    """
    from bayesnu.experiments import reader

    return reader.load(name_or_path, reading)


def parse(text: str, reading: str, path: str) -> Experiment:
    """The data set of a file's text, which came from `path`; raises `BayesnuError` as `load` does."""
    from bayesnu.experiments import reader

    return reader.parse(text, reading, path)


def load_one(given: Experiment | str | Path, reading: str = "default") -> Experiment:
    """An experiment as it is, or the one of a name or a file; raises `BayesnuError` for anything else."""
    if isinstance(given, Experiment):
        return given
    if isinstance(given, str | Path):
        return load(given, reading)
    raise BayesnuError(f"experiment: found {given!r:.60}; must be a data set from `load_experiment`, a name or a file")


def load_several(given: Iterable[Experiment | str | Path] | Experiment | str | Path, reading: str) -> tuple[Experiment, ...]:
    """Experiments, or names and files to load; a single one is several of length one. Raises `BayesnuError` for none."""
    found = tuple(load_one(each, reading) for each in as_tuple(given))
    if not found:
        raise BayesnuError("experiments: none given; name at least one")
    return found


def template() -> str:
    """Return a commented example of the file format; its numbers are made up, and it is a valid file."""
    from bayesnu.experiments import reader

    return reader.template()
