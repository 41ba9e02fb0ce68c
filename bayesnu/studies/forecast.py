"""Forecasts: what detectors and data sets would see under other exposures, thresholds and backgrounds.

Everything is of one ensemble: counts and constraints scatter around the Standard Model, or around an injected value, with
the nuisances at their published values. Present data that a forecast is combined with enter in the same way, by what is
expected of them and not by what they observed. So a fluctuation of today moves no forecast.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from bayesnu.experiments import Experiment, Setting, project
from bayesnu.inference.interval import IntegratedInterval, Piece, delta_chi2
from bayesnu.inference.marginal import marginal
from bayesnu.inference.settings import usual_kind
from bayesnu.inference.toys.expected import BANDS, ExpectedLimit, find_limits, list_ends, summarise_end
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.statistic import PValue, quantile_with_error, rank_among_toys, share_with_error, statistic
from bayesnu.inference.toys.toys import draw, find_constraints, observed, with_data
from bayesnu.model.atom_range import describe_low_region
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import usual_prior
from bayesnu.runs.config import from_dict
from bayesnu.runs.run import Run, load_experiments, model_of, to_dict
from bayesnu.runs.task import Campaign
from bayesnu.studies.toy_tasks import make_task_settings, stack_tasks
from bayesnu.support.errors import BayesnuError, did_you_mean

MOST_SETTINGS = 10_000
EVIDENCE = 3.0  # standard deviations at which the power of a discovery is told


@dataclass(frozen=True)
class Test:
    """A value that toys have, and the value that is tested with them, both in units of `scale * unit`."""

    true: float
    against: float


@dataclass(frozen=True)
class Discovery:
    """How significantly a tested value is excluded when another is true, from toys of both.

    Attributes:
        test: both values, in units of `scale * unit`.
        bands: quantiles of the significance over toys of the true value, each with its Monte-Carlo error. The significance
            is the square root of the difference of chi^2, in standard deviations.
        power: share of these toys beyond `EVIDENCE` standard deviations, with its error.
        p_value: share of toys of the tested value at or beyond the median significance.
        false_alarms: share of toys of the tested value that exclude it at the confidence level, with its error.
        nominal_alarms: the share that Wilks' theorem promises: half of 1 - cl for a modulus tested at zero.
    """

    test: Test
    bands: dict[str, tuple[float, float]]
    power: tuple[float, float]
    p_value: PValue
    false_alarms: tuple[float, float]
    nominal_alarms: float

    def scaled(self, factor: float) -> Discovery:
        """The same with both values multiplied."""
        return replace(self, test=Test(self.test.true * factor, self.test.against * factor))


@dataclass(frozen=True)
class Forecast:
    """What is expected under one setting, in units of the parameter's `scale * unit`.

    Attributes:
        setting: what differs from the files.
        limits: per end of the profile-likelihood interval its quantiles over toys of the Standard Model. Their `observed` is
            that of the Asimov data, the expected counts themselves.
        credible: the credible interval of the Asimov data at the same probability under the usual flat prior, the upper
            limit of a modulus, else equal tails. None where it was not asked for.
        discovery: of an injected value, None where none was asked for.
    """

    setting: Setting
    limits: tuple[ExpectedLimit, ...]
    credible: IntegratedInterval | None
    discovery: Discovery | None

    @property
    def asimov_errors(self) -> tuple[float, ...]:
        """How far each end of the Asimov data lies from the median of the toys: the error of that approximation."""
        return tuple(each.observed - each.bands["median"][0] for each in self.limits)

    def scaled(self, factor: float) -> Forecast:
        """The same with every value of the parameter multiplied: by its scale to have it in its unit."""
        return replace(
            self,
            limits=tuple(each.scaled(factor) for each in self.limits),
            credible=None if self.credible is None else self.credible.scaled(factor),
            discovery=None if self.discovery is None else self.discovery.scaled(factor),
        )


def list_settings(
    exposures: Sequence[float] = (),
    thresholds_kev: Sequence[float] = (),
    factors: Mapping[str, Sequence[float]] | None = None,
    **same: Any,
) -> list[Setting]:
    """Every combination of exposures in tonne-years, thresholds in keV and factors by component; `same` is of all.

    Raises `BayesnuError` for more than `MOST_SETTINGS`.
    """
    factors = factors or {}
    asked_exposures: list[float | None] = [*exposures] or [None]
    asked_thresholds: list[float | None] = [*thresholds_kev] or [None]
    grid = [*product(product(*factors.values()), asked_thresholds, asked_exposures)]
    if len(grid) > MOST_SETTINGS:
        raise BayesnuError(f"settings: found {len(grid)} of them; must be at most {MOST_SETTINGS}")
    return [
        Setting(tonne_years=exposure, threshold_kev=threshold, factors=dict(zip(factors, each, strict=True)), **same)
        for each, threshold, exposure in grid
    ]


def plan_forecast(
    run: Run,
    detectors: int,
    settings: Sequence[Setting],
    toys: int,
    seed: int,
    cl: float = 0.9,
    test: Test | None = None,
    posterior: bool = False,
    index: int = 0,
) -> Campaign:
    """The campaign of forecasts of a physics parameter.

    The first `detectors` experiments of the run are projected, the others are present data. With `posterior` the Asimov data
    are integrated, too, which takes some ten seconds for every setting. Raises `BayesnuError` for a
    setting that no detector can have, and for a test of a value against itself.
    """
    delta_chi2(cl)  # raises for what is no level
    if test is not None and test.true == test.against:
        raise BayesnuError(f"true: found {test.true:g}, which is the tested value; give another one of either")
    _check_components(load_experiments(run)[:detectors], settings)
    more: dict[str, Any] = {"posterior": posterior} | ({} if test is None else {"test": asdict(test)})
    made, tasks = make_task_settings(
        run, toys, seed, index, cl=cl, detectors=detectors, settings=[asdict(each) for each in settings], **more
    )
    forecast_model(run, detectors, settings[0])  # raises for what cannot be built, before any task does
    return Campaign("forecast", made, tasks * len(settings), run_task)


def _check_components(experiments: Sequence[Experiment], settings: Sequence[Setting]) -> None:
    """Refuse a factor that has no effect."""
    known = sorted({component.name for each in experiments for component in each.background.components})
    for name in {name for setting in settings for name in setting.factors}:
        if name not in known:
            raise BayesnuError(f"scale: found the component '{name[:60]}'{did_you_mean(name, known)}")


def forecast_model(run: Run, detectors: int, setting: Setting) -> Model:
    """The model of a run under a setting, with the expected counts of the Standard Model as its data.

    The first `detectors` experiments are projected. All others keep their exposure.
    """
    base = setting if setting.constraints == "sqrt" else replace(setting, tonne_years=None)
    model = _build(run, detectors, json.dumps(asdict(base)))
    if setting.tonne_years is not None and base.tonne_years is None:
        model = _scale_templates(model, detectors, setting.tonne_years)
    return with_data(model, model.expected(model.nominal()))


@lru_cache(maxsize=2)
def _build_stored(run: str, detectors: int, setting: str) -> Model:
    chosen = from_dict(json.loads(run))
    given = Setting(**json.loads(setting))
    loaded = load_experiments(chosen)
    projected = [project(each, given) for each in loaded[:detectors]]
    model = model_of(chosen, [*projected, *loaded[detectors:]])
    said = [sentence for each in projected for sentence in describe_low_region(each, chosen.analysis)]
    return replace(model, notes=(*model.notes, *said))


def _build(run: Run, detectors: int, setting: str) -> Model:
    """A model by what decides it: settings that differ in exposure alone are one model, whose folds are slow."""
    return _build_stored(json.dumps(to_dict(run)), detectors, setting)


def _scale_templates(model: Model, detectors: int, tonne_years: float) -> Model:
    """The model with another exposure of its first experiments: every count of theirs is proportional to it."""
    templates = model.templates.copy()
    for experiment, block in zip(model.experiments[:detectors], model.blocks, strict=False):
        templates[block.templates, block.bins] *= tonne_years / experiment.exposure_tonne_years
    return replace(model, templates=templates)


def run_task(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """Ends of toys of the Standard Model and of the Asimov data, the credible ends, and statistics of a test."""
    setting = Setting(**settings["settings"][task % len(settings["settings"])])
    fitter = ToyFitter(_model_of(settings, setting))
    number = settings["toys_per_task"]
    null = fitter.model.nominal()
    random = np.random.default_rng(seed)
    ends = list_ends(fitter, settings["cl"])
    found = {"limits": find_limits(fitter, ends, draw(fitter.model, null, number, random)).T}
    if task < len(settings["settings"]):
        found["asimov"] = find_limits(fitter, ends, observed(fitter.model)).T
        if settings["posterior"]:
            found["credible"] = _integrate(fitter.model, settings["cl"])
    if "test" in settings:
        found |= _test(fitter, Test(**settings["test"]), number, random)
    return found


def _model_of(settings: Mapping[str, Any], setting: Setting) -> Model:
    """The model of a task, its parameter in the first place."""
    model = forecast_model(from_dict(settings["run"]), settings["detectors"], setting)
    return model.with_first(settings.get("index", 0))


def _integrate(model: Model, probability: float) -> np.ndarray:
    """Ends and their errors (2, 2) of the credible interval of the Asimov data; NaN is an end that it does not have."""
    prior = usual_prior(model.of_interest[0])
    found = marginal(model.with_priors(prior)).interval(usual_kind(prior.of_interest), probability)
    return np.array([found.pieces[0], found.errors[0]], dtype=float)


def _test(fitter: ToyFitter, test: Test, number: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """The statistic of the tested value (number,) for toys of the true value and of itself."""
    against = _at(fitter.model, test.against)
    truth = _at(fitter.model, test.true)
    return {
        "signal": statistic(fitter, draw(fitter.model, truth, number, random), against)[0],
        "null": statistic(fitter, draw(fitter.model, against, number, random), against)[0],
    }


def _at(model: Model, value: float) -> np.ndarray:
    """Parameters with the first at a value and everything else nominal."""
    theta = model.nominal()
    theta[0] = value
    return theta


def forecasts_of(settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]]) -> list[Forecast]:
    """What a finished campaign expects, setting by setting."""
    chosen = [Setting(**each) for each in settings["settings"]]
    fitter = ToyFitter(_model_of(settings, chosen[0]))
    return [_gather(settings, results, chosen, point, fitter) for point in range(len(chosen))]


def _gather(
    settings: Mapping[str, Any],
    results: Sequence[Mapping[str, np.ndarray]],
    chosen: Sequence[Setting],
    point: int,
    fitter: ToyFitter,
) -> Forecast:
    ends = list_ends(fitter, settings["cl"])
    of_toys = stack_tasks(results, "limits", point, len(chosen)).T
    first = results[point]
    return Forecast(
        setting=chosen[point],
        limits=tuple(
            summarise_end(end, values, float(at)) for end, values, at in zip(ends, of_toys, first["asimov"][0], strict=True)
        ),
        credible=_read_credible(first["credible"], fitter.model, settings["cl"]) if settings["posterior"] else None,
        discovery=_judge(settings, results, point, fitter) if "test" in settings else None,
    )


def _read_credible(ends: np.ndarray, model: Model, probability: float) -> IntegratedInterval:
    pieces = [Piece(*(None if np.isnan(end) else float(end) for end in row)) for row in ends]
    return IntegratedInterval(
        kind=usual_kind(model.of_interest[0]),
        probability=probability,
        pieces=(pieces[0],),
        errors=(pieces[1],),
        method="Asimov data",
    )


def _judge(
    settings: Mapping[str, Any], results: Sequence[Mapping[str, np.ndarray]], point: int, fitter: ToyFitter
) -> Discovery:
    """The discovery of a setting, from the statistics of its toys; NaN is a fit that did not end."""
    points = len(settings["settings"])
    test = Test(**settings["test"])
    null = stack_tasks(results, "null", point, points)
    significance = np.sqrt(stack_tasks(results, "signal", point, points))
    ended = significance[np.isfinite(significance)]
    bands = {name: quantile_with_error(ended, p) for name, p in BANDS.items()}
    is_boundary = not fitter.model.of_interest[0].signed and test.against == 0
    return Discovery(
        test=test,
        bands=bands,
        power=share_with_error(ended > EVIDENCE),
        p_value=rank_among_toys(bands["median"][0] ** 2, null),
        false_alarms=share_with_error(null[np.isfinite(null)] > delta_chi2(settings["cl"])),
        nominal_alarms=(1 - settings["cl"]) / (2 if is_boundary else 1),
    )


def expected_width(model: Model, name: str, keep_constraint: bool = True) -> float:
    """The standard deviation with which a nuisance will be known, from the Fisher information at the Standard Model.

    Arguments:
        model: as from `forecast_model`; its other nuisances float with it, those of physics stay at the Standard Model.
        name: of the nuisance, as `flux_pp`; its width is in its own unit, relative to the published value for a flux.
        keep_constraint: whether its own constraint counts, or the data alone.

    Raises: `BayesnuError` for a parameter that the model does not have.

    Source: the bound of Cramér and Rao for Poisson counts with Gaussian constraints.
    """
    names = [prior.name for prior in model.nuisances]
    if name not in names:
        raise BayesnuError(f"parameter: found '{name[:60]}'{did_you_mean(name, names)}")
    place = names.index(name)
    theta = model.nominal()
    steps = 1e-4 * np.eye(len(theta))[model.n_physics :]
    slopes = (model.expected(theta + steps) - model.expected(theta - steps)) / 2e-4
    # A Poisson count has its own size as variance; a result of another laboratory is in units of its error.
    variance = model.expected(theta)
    variance[model.counted :] = 1.0
    precision = np.zeros(len(slopes))
    for k, prior in find_constraints(model).items():
        precision[k - model.n_physics] = 1 / prior.width**2
    if not keep_constraint:
        precision[place] = 0.0
    information = (slopes / variance) @ slopes.T + np.diag(precision)
    return float(np.sqrt(np.linalg.inv(information)[place, place]))
