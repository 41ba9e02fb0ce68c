"""An experiment from arrays: the same as a file with these numbers, and checked as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import tomli_w

from bayesnu.experiments import reader
from bayesnu.experiments.experiment import Experiment
from bayesnu.experiments.writing import drop_absent, write_resolution
from bayesnu.physics.resolution import Resolution, TabulatedResolution
from bayesnu.support.arguments import plain, read_array
from bayesnu.support.errors import BayesnuError


def make_experiment(
    name: str,
    *,
    exposure_tonne_years: float,
    edges_kev: Any,
    observed: Any,
    resolution: Resolution | TabulatedResolution | Any,
    efficiency: tuple[Any, Any],
    backgrounds: Sequence[dict[str, Any]] = (),
    region_kev: tuple[float, float] | None = None,
    efficiency_energy: Literal["reconstructed", "true"] = "reconstructed",
    efficiency_width: float | None = None,
    title: str = "",
    source: str = "given in Python",
    quality: str = "assumed",
) -> Experiment:
    """Make a data set from arrays, without a file; Standard Model neutrinos are in none of its backgrounds.

    Arguments:
        name: lower-case letters, digits and hyphens.
        exposure_tonne_years: tonne-years.
        edges_kev: (bins + 1,), edges in reconstructed energy, keV.
        observed: (bins,), events.
        resolution: the standard deviation of the response in keV at the middle of each bin, (bins,); or a `Resolution` or
            `TabulatedResolution`.
        efficiency: energies in keV and the detected part of the recoils at these, linear between them.
        backgrounds: of each component the keys of a file: `name`, `width`, and `counts` per bin, or a spectrum with
            `events`, as `{"name": "85Kr", "beta": {...}, "events": {"per_tonne_year": 30}, "width": {"relative": 0.1}}`.
        region_kev: both ends in keV of the bins that are compared with data; all bins unless given.
        efficiency_energy: against which energy the efficiency is drawn, `reconstructed` or `true`.
        efficiency_width: one standard deviation of the scale of the efficiency, relative; None where none is known.
        title: what it is called in print; its name unless given.
        source, quality: of all numbers, as in a file: where they are from, and `official`, `published`, `digitised`,
            `derived` or `assumed`.

    Returns: an `Experiment`. `write_experiment` makes a file of it.

    Raises: `BayesnuError` with every mistake that a file with these numbers would have.

    Example, a detector of 20 tonne-years with a flat background of 30 events per tonne, year and keV:
        >>> import bayesnu, numpy
        >>> flat = {"name": "flat", "flat": True, "events": {"per_tonne_year_kev": 30.0}, "width": {"relative": 0.1}}
        >>> mine = bayesnu.make_experiment(
        ...     "mine",
        ...     exposure_tonne_years=20.0,
        ...     edges_kev=numpy.arange(1.0, 31.0),
        ...     observed=numpy.full(29, 600.0),
        ...     resolution=0.3 * numpy.sqrt(numpy.arange(1.5, 30.5)),
        ...     efficiency=([0.0, 2.0, 30.0], [0.0, 0.85, 0.9]),
        ...     backgrounds=[flat],
        ... )
        >>> mine
        <Experiment mine, reading default: 17400 events in 29 bins of 1-30 keV, 20 t yr>
        >>> bayesnu.build(mine, "mu_nu").names[-1]
        'flat[mine]'
    """
    edges = _list_numbers("edges_kev", edges_kev)
    energies, values = efficiency
    curve = {
        "energy": efficiency_energy,
        "energies_kev": _list_numbers("efficiency", energies),
        "values": _list_numbers("efficiency", values),
        "relative_width": efficiency_width,
    }
    origin = {"source": source, "quality": quality}
    components = [origin | _list_arrays(each) for each in backgrounds]
    tables = {
        "format": 1,
        "name": name,
        "title": title or name,
        "references": [],
        "incompatible": [],
        "exposure": origin | {"tonne_years": exposure_tonne_years},
        "bins": origin | {"edges_kev": edges, "observed": _list_numbers("observed", observed)},
        "region": origin | {"kev": _list_numbers("region_kev", region_kev or (edges[0], edges[-1]))},
        "resolution": origin | _describe_resolution(resolution, edges),
        "efficiency": origin | curve,
        "background": origin | {"solar_neutrinos": "absent", "components": components},
    }
    try:
        text = tomli_w.dumps(drop_absent(_list_arrays(tables)))
    except TypeError as error:
        raise BayesnuError(f"{name}: found what no file can hold ({error}); give numbers and words") from None
    return reader.parse(text, "default", f"{name} from arrays")


def _list_numbers(name: str, values: Any) -> list[float]:
    """An array as a list of floats."""
    numbers = read_array(name, values)
    if numbers.ndim != 1:
        raise BayesnuError(f"{name}: found numbers of shape {numbers.shape}; must be a list")
    return [float(each) for each in numbers]


def _list_arrays(value: Any) -> Any:
    """Tables with lists in the place of arrays and tuples, and plain numbers in the place of numpy's, at any depth."""
    if isinstance(value, dict):
        return {key: _list_arrays(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_list_arrays(each) for each in value]
    return plain(value)


def _describe_resolution(given: Resolution | TabulatedResolution | Any, edges: list[float]) -> dict[str, Any]:
    """The table of a resolution; widths per bin are knots at the middles of the bins."""
    if isinstance(given, Resolution | TabulatedResolution):
        return write_resolution(given)
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    return {"energies_kev": middles, "sigma_kev": _list_numbers("resolution", given)}
