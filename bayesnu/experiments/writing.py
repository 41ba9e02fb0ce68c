"""From an `Experiment` to the tables of a file, and to the file: what is written is read back to the last digit.

Of a file with several readings the one that was chosen is written, as the file's own tables.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tomli_w

from bayesnu.experiments import experiment as nouns
from bayesnu.experiments.build import average_sides
from bayesnu.physics import background_spectra as spectra
from bayesnu.physics.resolution import AnyResolution, Resolution
from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file

Sources: TypeAlias = dict[str, dict[str, str]]  # source and quality by table
FEW_BITS = 5  # of the fitted counts of a prior: a number times one of these and divided by it is mostly the number itself


def write_experiment(experiment: nouns.Experiment, path: str | Path) -> None:
    """Write a data set as a TOML file, which `load_experiment` reads back with the same numbers.

    Arguments:
        experiment: from `load_experiment` or `make_experiment`, with whatever was changed in it.
        path: the file, which ends in .toml; one that is there is replaced.

    Returns: nothing. Energies are in keV, the exposure is in tonne-years, and counts are per bin over the whole exposure.

    Raises: `BayesnuError` for another ending, and for a place that cannot be written.

    Example:
        >>> import bayesnu, pathlib, tempfile
        >>> scaled = bayesnu.scale_exposure(bayesnu.load_experiment("xenonnt-sr0"), 20.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "xenonnt-20.toml")
        ...     bayesnu.write_experiment(scaled, path)
        ...     bayesnu.load_experiment(path)
        <Experiment xenonnt-sr0-scaled, reading default: 7465.52 events in 30 bins of 0-30 keV, 20 t yr>
    """
    place = Path(path)
    if place.suffix.lower() != ".toml":
        raise BayesnuError(f"{path}: found the ending '{place.suffix}'; a data set is a file that ends in .toml")
    with whole_file(place, lambda error: f"{path}: cannot be written ({reason_of(error)}); choose another place") as copy:
        copy.write_text(to_toml(experiment), encoding="utf-8")


def to_toml(experiment: nouns.Experiment) -> str:
    """The text of the file of a data set, as it is now."""
    return tomli_w.dumps(drop_absent(to_tables(experiment)))


def to_tables(experiment: nouns.Experiment) -> dict[str, Any]:
    """The tables of the file of a data set; what is None has no key there."""
    sources = {each.table: {"source": each.source, "quality": each.quality} for each in experiment.provenance}
    exposure_error = {"relative": experiment.exposure_width} | sources.get("exposure error", {})
    return {
        "format": 1,
        "name": experiment.name,
        "title": experiment.title,
        "note": experiment.note,
        "references": [*experiment.references],
        "incompatible": [*experiment.incompatible],
        "exposure": {"tonne_years": experiment.exposure_tonne_years}
        | ({} if experiment.exposure_width is None else {"error": exposure_error})
        | sources["exposure"],
        "bins": {
            "edges_kev": _list(experiment.edges_kev),
            "observed": None if experiment.is_detector else _list(experiment.observed),
            "model_values_kev": None if experiment.is_detector else _list(experiment.model_values_kev),
        }
        | sources["bins"],
        "region": {"kev": _list(experiment.region_kev)} | sources["region"],
        "resolution": write_resolution(experiment.resolution) | sources["resolution"],
        "efficiency": _write_efficiency(experiment, sources) | sources["efficiency"],
        "background": _write_background(experiment.background, experiment.edges_kev, sources) | sources["background"],
        "neutrinos": _write_neutrinos(experiment.neutrinos, sources),
    }


def _list(values: Any) -> list[float] | None:
    return None if values is None else np.asarray(values, dtype=float).tolist()


def drop_absent(value: Any) -> Any:
    """Tables without the keys that are None, at any depth."""
    if isinstance(value, dict):
        return {key: drop_absent(each) for key, each in value.items() if each is not None}
    return [drop_absent(each) for each in value] if isinstance(value, list) else value


def write_resolution(resolution: AnyResolution) -> dict[str, Any]:
    """The table of a resolution, without its source."""
    if isinstance(resolution, Resolution):
        given = asdict(resolution)
        return given if np.isfinite(resolution.valid_to_kev) else given | {"valid_to_kev": None}
    return {
        "energies_kev": _list(resolution.energies_kev),
        "sigma_kev": _list(resolution.sigmas_kev),
        "alphas": _list(resolution.alphas) or None,
    }


def _write_efficiency(experiment: nouns.Experiment, sources: Sources) -> dict[str, Any]:
    efficiency = experiment.efficiency
    assumed = {"relative_width": efficiency.assumed_width, "threshold_kev": efficiency.threshold_width_kev}
    is_assumed = any(value is not None for value in assumed.values())
    return {
        "energy": efficiency.energy,
        "energies_kev": _list(efficiency.energies_kev),
        "values": _list(efficiency.values),
        "turn_on": _list(experiment.turn_on),
        "relative_width": efficiency.relative_width,
        "assumed": assumed | sources.get("efficiency assumed", {}) if is_assumed else None,
        "shared": efficiency.shared,
    }


def _write_background(background: nouns.Background, edges_kev: nouns.Array, sources: Sources) -> dict[str, Any]:
    return {
        "solar_neutrinos": background.solar_neutrinos,
        "total": _list(background.total),
        "published_solar_neutrinos": _list(background.published_solar_neutrinos),
        "remainder": background.remainder,
        "components": [_write_component(each, edges_kev, sources) for each in background.components],
    }


def _write_component(component: nouns.Component, edges_kev: nouns.Array, sources: Sources) -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": component.name,
        "shape": component.shape,
        "label": component.label,
        "counts": _list(component.counts),
        "fraction": component.fraction,
        "width": _write_width(component.width),
        "shared": component.shared,
        "prior": _write_prior(component, edges_kev, sources),
    }
    if component.spectrum is not None:
        assert component.size is not None
        table |= _write_spectrum(component.spectrum, component.size)
    return table | sources[f"background {component.name}"]


def _write_width(width: nouns.Width) -> dict[str, Any]:
    if isinstance(width, nouns.FreeWidth):
        return {"free": width.maximum}
    kind = "relative" if isinstance(width, nouns.RelativeWidth) else "absolute"
    value = width.value if isinstance(width, nouns.RelativeWidth) else width.counts
    if width.asymmetry == 0:
        return {kind: value}
    lower, upper = _divide_width(value, width.asymmetry)
    return {"lower": {kind: lower}, "upper": {kind: upper}}


def _divide_width(width: float, asymmetry: float) -> tuple[float, float]:
    """The widths below and above a mode: of the nearest numbers those that give mean and asymmetry back, if any do."""
    lower = width * (1 - asymmetry)
    upper = width * (1 + asymmetry)
    pairs = product(_list_nearest(lower), _list_nearest(upper))
    return next((pair for pair in pairs if average_sides(*pair) == (width, asymmetry)), (lower, upper))


def _list_nearest(number: float) -> tuple[float, float, float]:
    """A number and its two neighbours."""
    return number, float(np.nextafter(number, -np.inf)), float(np.nextafter(number, np.inf))


def _write_prior(component: nouns.Component, edges_kev: nouns.Array, sources: Sources) -> dict[str, Any] | None:
    """A prior in counts: an `Experiment` has it in units of the fitted ones."""
    if component.prior is None:
        return None
    known = component.prior.known
    if isinstance(known, nouns.GaussianPrior):
        kind = "gaussian"
        lower, upper = _divide_width(known.width, known.asymmetry)
        numbers = {"mean": known.mean} | ({"lower": lower, "upper": upper} if known.asymmetry else {"sigma": known.width})
    else:
        kind = "uniform"
        numbers = {"lowest": known.lowest, "highest": known.highest}
    fitted = _choose_fit(_count_within(component, edges_kev, component.prior.range_kev), [*numbers.values()])
    counts = {name: value * fitted for name, value in numbers.items()}
    head: dict[str, Any] = {"kev": _list(component.prior.range_kev), "fitted_counts": fitted, kind: counts}
    return head | sources[f"background {component.name} prior"]


def _count_within(component: nouns.Component, edges_kev: nouns.Array, range_kev: tuple[float, float]) -> float:
    """Counts of a component between two edges; one where it has no counts per bin, or the ends lie within bins."""
    if component.counts is None or not {*range_kev} <= {*edges_kev}:
        return 1.0
    inside = (edges_kev[:-1] >= range_kev[0]) & (edges_kev[1:] <= range_kev[1])
    return float(component.counts[inside].sum())


def _choose_fit(counts: float, numbers: list[float]) -> float:
    """Fitted counts within some per cent of the component's, by which the numbers are multiplied and divided exactly."""
    unit = 2.0 ** (np.floor(np.log2(counts)) + 1 - FEW_BITS)
    nearest = round(counts / unit)
    candidates = [float((nearest + step) * unit) for step in (0, 1, -1)]
    return next((each for each in candidates if all(value * each / each == value for value in numbers)), candidates[0])


def _write_spectrum(spectrum: spectra.Spectrum, size: nouns.Size) -> dict[str, Any]:
    """The kind of a spectrum with how many events it has."""
    if isinstance(spectrum, spectra.TabulatedSpectrum) and isinstance(size, nouns.Rated):
        rates = [value * size.rate for value in spectrum.values]
        return {"table": {"energies_kev": _list(spectrum.energies_kev), "per_tonne_year_kev": rates}}
    is_flat = isinstance(spectrum, spectra.FlatSpectrum)
    return _write_shape(spectrum) | {"events": _write_size(size, is_flat)}


def _write_shape(spectrum: spectra.Spectrum) -> dict[str, Any]:
    if isinstance(spectrum, spectra.LineSpectrum):
        return {"lines": {"energies_kev": _list(spectrum.energies_kev), "ratios": _list(spectrum.ratios)}}
    if isinstance(spectrum, spectra.BetaSpectrum):
        decay = {"endpoint_kev": spectrum.endpoint_kev, "daughter_charge": spectrum.daughter_charge}
        return {"beta": decay | {"shape_factor": _list(spectrum.shape_factor)}}
    if isinstance(spectrum, spectra.DoubleBetaSpectrum):
        return {"double_beta": {"endpoint_kev": spectrum.endpoint_kev, "daughter_charge": spectrum.daughter_charge}}
    if isinstance(spectrum, spectra.TabulatedSpectrum):
        return {"table": {"energies_kev": _list(spectrum.energies_kev), "shape": _list(spectrum.values)}}
    return {"flat": True}


def _write_size(size: nouns.Size, is_flat: bool) -> dict[str, float]:
    if isinstance(size, nouns.Counted):
        return {"in_region" if size.within == "region" else "in_all_bins": size.counts}
    return {"per_tonne_year_kev" if is_flat else "per_tonne_year": size.rate}


def _write_neutrinos(stated: nouns.StatedNeutrinos | None, sources: Sources) -> dict[str, Any] | None:
    if stated is None:
        return None
    table: dict[str, Any] = {"counts": stated.counts, "error": stated.error, "kev": _list(stated.range_kev)}
    return table | sources["neutrinos"]
