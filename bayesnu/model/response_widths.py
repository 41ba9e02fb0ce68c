"""How wide the nuisances of a data set's response are, under the choices of an analysis."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from bayesnu.experiments import Experiment
from bayesnu.model.choices import Analysis
from bayesnu.support.errors import BayesnuError


def efficiency_width(experiment: Experiment, analysis: Analysis) -> float | None:
    """Relative width of the efficiency nuisance, None where there is none.

    It is the published one of the curve, else the analysis' own. With `all` it is the published or assumed one and that of
    the exposure in quadrature, else the analysis' own: both scale the signal, so that one nuisance stands for them.
    """
    efficiency = experiment.efficiency
    if analysis.efficiency_nuisance == "off":
        return None
    if analysis.efficiency_nuisance == "published":
        return efficiency.relative_width or analysis.efficiency_width or None
    curve = efficiency.relative_width or efficiency.assumed_width or 0.0
    return hypot(curve, experiment.exposure_width or 0.0) or analysis.efficiency_width or None


def threshold_width_kev(experiment: Experiment, analysis: Analysis) -> float:
    """Standard deviation in keV of a shift of the efficiency curve: the analysis' own, else with `all` the file's, or 0."""
    if analysis.threshold_shift_kev > 0 or analysis.efficiency_nuisance != "all":
        return analysis.threshold_shift_kev
    return experiment.efficiency.threshold_width_kev or 0.0


def check_widths(experiments: Sequence[Experiment], analysis: Analysis) -> None:
    """Raise `BayesnuError` for a scale that data sets share, where some have no width for it: these would not move."""
    if not analysis.correlated_runs:
        return
    owners: dict[str | None, list[Experiment]] = {}
    for experiment in experiments:
        owners.setdefault(experiment.efficiency.shared, []).append(experiment)
    for key, group in owners.items():
        without = [each.name for each in group if efficiency_width(each, analysis) is None]
        if key is not None and 0 < len(without) < len(group):
            raise BayesnuError(
                f"{without[0]}: the efficiency shares the key '{key}' with another experiment but has no relative_width; "
                "give it one, set efficiency_width or set correlated_runs = false"
            )
