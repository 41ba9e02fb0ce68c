"""A data set as an analysis looks at it: cut to its bins once, with the response that the analysis chooses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model.choices import Analysis
from bayesnu.physics.detector import Response
from bayesnu.support.errors import BayesnuError


@dataclass(frozen=True, eq=False)
class Observation:
    """The bins of an experiment that an analysis compares with data; `bins` are their place among those of the file.

    `turn_on` (bins,) is a factor on the folded signal of each bin, None where the file has none.
    """

    experiment: Experiment
    analysis: Analysis
    bins: slice
    response: Response
    observed: np.ndarray
    turn_on: np.ndarray | None

    @property
    def edges_kev(self) -> np.ndarray:
        """Edges (bins + 1,) in reconstructed energy, keV."""
        return self.response.edges_kev

    @property
    def is_data(self) -> np.ndarray:
        """Which bins (bins,) hold data and not a model's values."""
        return self.cut(self.experiment.is_data)

    def cut(self, counts: np.ndarray) -> np.ndarray:
        """The bins of the analysis from counts (bins of the file,)."""
        return counts[self.bins]


@lru_cache(maxsize=64)
def observe(experiment: Experiment, analysis: Analysis) -> Observation:
    """Cut an experiment to the bins of an analysis; kept for an experiment object and an analysis.

    Raises `BayesnuError` for an experiment that was loaded with another reading than the analysis has.
    """
    _check_reading(experiment, analysis)
    bins = _select_bins(experiment, analysis)
    return Observation(
        experiment=experiment,
        analysis=analysis,
        bins=bins,
        response=_choose_response(experiment, analysis, bins),
        observed=experiment.observed[bins],
        turn_on=None if experiment.turn_on is None else experiment.turn_on[bins],
    )


def _check_reading(experiment: Experiment, analysis: Analysis) -> None:
    """The reading is the one of the analysis, or the file's own tables where the file has none of that name."""
    wanted = analysis.inputs if analysis.inputs in experiment.readings else "default"
    if experiment.reading != wanted:
        raise BayesnuError(
            f"{experiment.name}: is loaded with the reading '{experiment.reading}', the analysis has inputs = "
            f"'{analysis.inputs}'; load it with the reading '{wanted}', or give the analysis inputs = '{experiment.reading}'"
        )


def _select_bins(experiment: Experiment, analysis: Analysis) -> slice:
    """The bins of the region of interest, or all of the file."""
    if analysis.region == "all":
        return slice(0, len(experiment.observed))
    low, high = np.searchsorted(experiment.edges_kev, experiment.region_kev)
    return slice(int(low), int(high))


def _choose_response(experiment: Experiment, analysis: Analysis, bins: slice) -> Response:
    """How true energy becomes counts in these bins, under the choices of an analysis."""
    efficiency = experiment.efficiency
    return Response(
        edges_kev=experiment.edges_kev[bins.start : bins.stop + 1],
        resolution=experiment.resolution,
        efficiency_kev=efficiency.energies_kev,
        efficiency=efficiency.values,
        efficiency_on=efficiency.energy if analysis.efficiency_on == "file" else analysis.efficiency_on,
        binning=analysis.binning,
        resolution_at=analysis.resolution_at,
    )
