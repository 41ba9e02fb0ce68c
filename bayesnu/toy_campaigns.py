"""What campaigns of toy experiments share: the settings of a task, the fits of its model, and the statistic of a toy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from bayesnu.errors import BayesnuError
from bayesnu.folder import model_of
from bayesnu.model import Model
from bayesnu.profile import interval
from bayesnu.properties import property_of
from bayesnu.run import Run, from_dict, to_dict
from bayesnu.toy_fits import ToyFitter
from bayesnu.toys import Toys, observed

MOST_PER_TASK = 10_000  # toys: about a second


def settings_of(run: Run, toys: int, seed: int, **more: Any) -> tuple[dict[str, Any], int]:
    """Settings of a campaign over a run's model, and into how many tasks the toys of a point are divided.

    Raises `BayesnuError` for a model that toys cannot be fitted of, or a number of toys that means nothing.
    """
    if len(run.parameters) != 1:
        raise BayesnuError(
            f"flavour: found '{run.flavour}', which has {len(run.parameters)} parameters; toys are fitted for one at a "
            "time: give common or a single element"
        )
    if not 100 <= toys <= 10**9:
        raise BayesnuError(f"toys: found {toys}; must lie in [100, 1000000000]")
    tasks = -(-toys // MOST_PER_TASK)
    per_task = toys if tasks == 1 else MOST_PER_TASK
    return {"seed": seed, "run": to_dict(run), "toys_per_task": per_task} | more, tasks


def fitter_of(settings: Mapping[str, Any]) -> ToyFitter:
    """The fits of the model in the settings of a task; made once per process."""
    return _fitter(json.dumps(settings["run"]))


@cache
def _fitter(run: str) -> ToyFitter:
    return ToyFitter(model_of(from_dict(json.loads(run))))


def profiled(fitter: ToyFitter, value: float) -> np.ndarray:
    """Parameters with the physics parameter at a value and the nuisances where the observed data put them."""
    start = fitter.model.nominal()
    start[0] = value
    fit = fitter.fit(observed(fitter.model), start, fitter.nuisances)
    if not fit.ended[0]:
        raise BayesnuError(f"toys: the nuisance parameters could not be fitted at {fitter.model.names[0]} = {value:g}")
    return fit.theta[0]


def statistic(fitter: ToyFitter, toys: Toys, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """chi^2 profiled at the physics parameter of theta less its minimum, the best fit of that, and which toys ended.

    All of shape (toys,); theta (parameters,) or (toys, parameters) is where the nuisances start. NaN for a toy that did
    not end.
    """
    here, best = fitter.fit(toys, theta, fitter.nuisances), fitter.best_fit(toys)
    ended = here.ended & best.ended
    return np.where(ended, np.maximum(here.chi2 - best.chi2, 0.0), np.nan), best.theta[:, 0], ended


def tested_values(model: Model, points: int, cl: float = 0.997) -> np.ndarray:
    """Values (points,) of the physics parameter that span its profile-likelihood interval at `cl`, 0 among them."""
    if not 5 <= points <= 10_000:
        raise BayesnuError(f"points: found {points}; must lie in [5, 10000]")
    wide = interval(model, 0, cl=cl)
    if wide.upper is None or (wide.lower is None and property_of(model.names[0]).signed):
        raise BayesnuError(f"{model.names[0]}: the {cl:.1%} profile interval is not closed, so no range suggests itself")
    values = np.linspace(wide.lower or 0.0, wide.upper, points)
    values[np.argmin(np.abs(values))] = 0.0
    return values


def quantile_with_error(values: np.ndarray, probability: float) -> tuple[float, float]:
    """Quantile of independent values, and half the distance between those one binomial error below and above."""
    if not len(values):
        return np.nan, np.nan
    error = np.sqrt(probability * (1 - probability) / len(values))
    low, here, high = np.quantile(values, np.clip([probability - error, probability, probability + error], 0, 1))
    return float(here), float(high - low) / 2


def share_with_error(holds: np.ndarray) -> tuple[float, float]:
    """Share of independent yes and no (n,), and its binomial error, which is never less than that of one among all."""
    if not len(holds):
        return np.nan, np.nan
    share = float(np.mean(holds))
    return share, float(np.sqrt(max(share * (1 - share), 1 / len(holds)) / len(holds)))


def crossings(values: np.ndarray, above: np.ndarray, error: np.ndarray) -> list[tuple[float, float]]:
    """Where a curve given at values (points,) crosses 0, by straight lines, with the error that its own gives the place."""
    found = []
    for i in np.flatnonzero((above[1:] > 0) != (above[:-1] > 0)):
        step, rise = values[i + 1] - values[i], above[i + 1] - above[i]
        t = -above[i] / rise
        found.append((float(values[i] + t * step), float(abs(step / rise) * np.hypot((1 - t) * error[i], t * error[i + 1]))))
    return found


def stacked(results: Sequence[Mapping[str, np.ndarray]], name: str, point: int, points: int) -> np.ndarray:
    """One array of the tasks of a point; task t belongs to point t mod `points`, so that more toys are more tasks."""
    return np.concatenate([each[name] for each in results[point::points]])
