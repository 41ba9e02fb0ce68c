"""Limits on the transition moment to a sterile neutrino against its mass: every mass is a fold and a model of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import ProfileInterval
from bayesnu.model import fold
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.physics.cross_section import KERNELS
from bayesnu.physics.properties import parameters_of
from bayesnu.support.errors import BayesnuError

MASSES_KEV = tuple(float(f"{mass:.3g}") for mass in np.geomspace(1, 500, 27))
MOST_MASSES = 1000


@dataclass(frozen=True)
class MassLimit:
    """The profile-likelihood interval of the moment at one mass, keV; None where no recoil reaches the bins."""

    mass_kev: float
    interval: ProfileInterval | None


def exclude(
    experiments: Sequence[Experiment],
    analysis: Analysis,
    flavour: str = "common",
    masses_kev: Sequence[float] = MASSES_KEV,
    cl: float = 0.9,
    one_sided: bool = False,
) -> Iterator[MassLimit]:
    """Yield the limit at every mass, in 1e-11 mu_B, all other choices those of an analysis.

    Raises `BayesnuError` for masses that are none, and for a moment that is not one parameter.
    """
    parameters = parameters_of("mu_sterile", flavour)
    if len(parameters) > 1:
        raise BayesnuError(f"flavour: found '{flavour}', which is {len(parameters)} parameters; a curve needs one")
    if analysis.sterile_mass_kev > 0:
        raise BayesnuError(f"sterile_mass_kev: found {analysis.sterile_mass_kev:g}; a curve takes many, so give `masses`")
    if not 1 <= len(masses_kev) <= MOST_MASSES or not all(mass > 0 for mass in masses_kev):
        raise BayesnuError(f"masses: must be 1 to {MOST_MASSES} numbers above 0, in keV; `limits` takes a mass of 0")
    for mass in masses_kev:
        chosen = replace(analysis, sterile_mass_kev=mass)
        if any(_has_recoils(experiment, chosen) for experiment in experiments):
            model = build(experiments, parameters, chosen)
            yield MassLimit(mass, Fits(model).interval(cl=cl, one_sided=one_sided))
        else:
            yield MassLimit(mass, None)


def _has_recoils(experiment: Experiment, analysis: Analysis) -> bool:
    """Whether a neutrino of the Sun can make the mass with a recoil that is seen in the bins."""
    return bool(np.any(fold.fold(experiment, analysis).counts[:, KERNELS.index("MM")]))
