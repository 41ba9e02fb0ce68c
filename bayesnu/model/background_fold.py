"""Backgrounds that are spectra, folded as the signal is: with exposure, resolution, efficiency and turn-on."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from bayesnu.experiments import Component, Counted, Experiment
from bayesnu.model.choices import Analysis
from bayesnu.model.observation import observe
from bayesnu.physics import detector
from bayesnu.physics.background_spectra import Spectrum
from bayesnu.support.errors import BayesnuError
from bayesnu.support.quadrature import gauss_legendre

LOWEST_KEV = 1e-3  # down to zero follows one panel: no detector sees what is there


@lru_cache(maxsize=512)
def fold_component(
    experiment: Experiment,
    analysis: Analysis,
    component: Component,
    *,
    threshold_shift_kev: float = 0.0,
    energy_scale: float = 0.0,
    halvings: int = 0,
) -> np.ndarray:
    """Counts (bins of the file,) of a component that is a spectrum, over the exposure.

    Its size is stated for the response at rest; shifts move the events that are there. Raises `BayesnuError` for a
    spectrum of which nothing is detected where its size is stated.
    """
    size = component.size
    assert component.spectrum is not None and size is not None
    rest = _fold_spectrum(component.spectrum, experiment, respond(experiment, analysis))
    is_of_region = isinstance(size, Counted) and size.within == "region"
    stated = float(rest[experiment.in_region].sum() if is_of_region else rest.sum())
    if not stated > 0:
        where = "the region" if is_of_region else "any bin"
        raise BayesnuError(
            f"{experiment.name}: found no events of the background '{component.name}' in {where}; must be some; look at its "
            "energies, which are in keV, or leave the component out"
        )
    factor = size.counts / stated if isinstance(size, Counted) else size.rate
    response = replace(respond(experiment, analysis), threshold_shift_kev=threshold_shift_kev, energy_scale=energy_scale)
    counts = factor * _fold_spectrum(component.spectrum, experiment, response, halvings)
    counts.flags.writeable = False
    return counts


def respond(experiment: Experiment, analysis: Analysis) -> detector.Response:
    """The response of an analysis in all bins of the file."""
    return observe(experiment, replace(analysis, region="all")).response


def _fold_spectrum(spectrum: Spectrum, experiment: Experiment, response: detector.Response, halvings: int = 0) -> np.ndarray:
    """Counts (bins of the file,) of a spectrum as it is, over the exposure."""
    energies, events = spectrum.weigh(*_place_nodes(response, spectrum.breaks_kev, halvings))
    counts: np.ndarray = experiment.exposure_tonne_years * detector.fold(events[None], energies, response)[0]
    return counts if experiment.turn_on is None else counts * experiment.turn_on


def _place_nodes(response: detector.Response, breaks_kev: tuple[float, ...], halvings: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (nodes,) in true energy, keV, from zero on."""
    nodes, weights = gauss_legendre(detector.ORDER)
    low = LOWEST_KEV * (nodes + 1) / 2
    energies, steps = detector.true_energy_grid(response, LOWEST_KEV, np.array(breaks_kev), halvings)
    return np.concatenate([low, energies]), np.concatenate([LOWEST_KEV * weights / 2, steps])
