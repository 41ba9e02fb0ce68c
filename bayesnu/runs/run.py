"""A run as an object: what was asked for, fully resolved, written beside its chain, and comparable with another.

This module imports nothing heavy: the resolved configuration is on disk before numba or emcee is loaded. So a run killed at
any moment can be resumed by its folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from bayesnu import experiments as data
from bayesnu.experiments import Experiment
from bayesnu.inference.settings import Settings, usual_kind
from bayesnu.model.choices import BEFORE, Analysis, describe_choices, with_former_words
from bayesnu.model.choices import preset as preset_of
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior, check_physics, default_priors, with_kind
from bayesnu.physics.properties import LARGEST, PhysicsParameter, parameter_of, parameters_of, read_value
from bayesnu.support.arguments import as_table, as_tuple, plain
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.fingerprint import difference, flattened

NUMBERS_OF_PRIOR = ("lower", "upper", "mean", "width")
NARROWEST = 1e-6  # range or width of a prior, in the same scale and for the same reason


@dataclass(frozen=True)
class PriorChoice:
    """The prior of the physics parameters; numbers in mu_B, e or cm^2. None: the range that holds all modes."""

    kind: str = "flat"
    lower: float | None = None
    upper: float | None = None
    mean: float | None = None
    width: float | None = None


@dataclass(frozen=True)
class Run:
    """Everything that decides the numbers of a posterior.

    Attributes:
        experiments: names or absolute paths of the data sets.
        parameter, flavour: what is inferred, as in `parameters_of`.
        preset, analysis: the preset's name, and all choices.
        prior: its kind, with numbers in mu_B, e or cm^2.
        sampling: how it is sampled; lengths are stored steps per walker.
        digests: name of a data set: sha256 of its file.
    """

    experiments: tuple[str, ...]
    parameter: str
    flavour: str
    preset: str
    analysis: Analysis
    prior: PriorChoice
    sampling: Settings
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the physics parameters."""
        return parameters_of(self.parameter, self.flavour)

    @property
    def name(self) -> str:
        """A folder name that says what the run is about."""
        stems = "+".join(Path(name).stem for name in self.experiments)
        flavour = "" if self.flavour == "common" else f"_{self.flavour}"
        return f"{stems}_{self.parameter}{flavour}_{self.prior.kind}_{self.preset}"


def resolve(
    experiments: Iterable[str | Path] | str | Path,
    parameter: str,
    flavour: str = "common",
    preset: str = "default",
    choices: Mapping[str, Any] | None = None,
    prior: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
) -> Run:
    """Fill in every default of a run and check everything, before anything is computed.

    Arguments:
        experiments: names or TOML files, one or several.
        parameter, flavour: what is inferred, as in `parameters_of`.
        preset: `default` or `paper`, by its name.
        choices: fields of `Analysis` that differ from the preset.
        prior: `kind` (`flat`, `flat-square`, `log-uniform`, `gaussian`), `lower`, `upper`, `mean` and `width`. Numbers are
            in the units of a model's parameters: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2.
        sampling: `kind` and `probability` of the interval, `seed`, `steps`, `most_steps`, `ensembles`, `walkers`.

    Returns: a `Run`, which `sample` takes. `run.name` is its default folder below `chains/`. It holds what its configuration
        will hold, and so the numbers of its prior in mu_B, e or cm^2.

    Raises: `BayesnuError` with one sentence for what cannot be.

    Source: defaults of the prior in docs/methods.md.

    Example:
        >>> import bayesnu
        >>> run = bayesnu.resolve("xenonnt-sr0", "mu_nu", prior={"upper": 5}, choices={"electrons": "rrpa"})
        >>> run.name, run.analysis.electrons, run.sampling.kind, run.prior.upper
        ('xenonnt-sr0_mu_nu_flat_default', 'rrpa', 'upper', 5e-11)
    """
    first = parameter_of(parameters_of(parameter, flavour)[0])
    given = {key: _in_unit(first, key, value) for key, value in as_table("prior", prior).items()}
    return configure(experiments, parameter, flavour, preset, choices, given, sampling)


def _in_unit(parameter: PhysicsParameter, key: str, value: Any) -> Any:
    """A number of a prior in mu_B, e or cm^2, to the last digit; its kind, and what is refused later, as it is."""
    if key not in NUMBERS_OF_PRIOR:
        return value
    try:
        number = read_value(parameter, value)
    except BayesnuError as error:
        raise BayesnuError(f"prior.{key}: {error}") from None
    return float(Decimal(repr(number)) * Decimal(repr(parameter.scale)))


def configure(
    experiments: Iterable[str | Path] | str | Path,
    parameter: str,
    flavour: str = "common",
    preset: str = "default",
    choices: Mapping[str, Any] | None = None,
    prior: Mapping[str, Any] | None = None,
    sampling: Mapping[str, Any] | None = None,
) -> Run:
    """The same for the tables of a configuration and the command line: numbers of the prior are in mu_B, e or cm^2."""
    run = choose(experiments, parameter, flavour, preset, choices, prior, sampling)
    loaded = load_experiments(run)
    data.check_combination(loaded)
    packaged = (*data.names(), *data.detectors())
    return replace(
        run,
        experiments=tuple(name if name in packaged else os.path.abspath(name) for name in run.experiments),
        digests={experiment.name: experiment.digest for experiment in loaded},
    )


def choose(
    experiments: Iterable[str | Path] | str | Path,
    parameter: str,
    flavour: str,
    preset: str,
    choices: Mapping[str, Any] | None,
    prior: Mapping[str, Any] | None,
    sampling: Mapping[str, Any] | None,
) -> Run:
    """The same without a look at the data: a chain holds its own."""
    names = tuple(_read_name(each) for each in as_tuple(experiments))
    if not names:
        raise BayesnuError("experiments: none given; name at least one, `bayesnu experiments` lists them")
    first = parameters_of(parameter, flavour)[0]  # raises for an unknown name
    chosen = preset_of(preset, **as_table("choices", choices))
    settings = read_settings(default_priors([first], chosen)[0].of_interest, sampling)
    run = Run(
        experiments=names,
        parameter=parameter,
        flavour=flavour,
        preset=preset,
        analysis=chosen,
        prior=_read_table(PriorChoice, "prior", as_table("prior", prior)),
        sampling=settings,
    )
    priors(run)  # raises for what cannot be one
    return run


def read_settings(parameter: PhysicsParameter, sampling: Mapping[str, Any] | None) -> Settings:
    """How the posterior of a parameter is sampled, as usual where nothing is given; raises `BayesnuError`."""
    settings: Settings = _read_table(Settings, "sampling", {"kind": usual_kind(parameter)} | as_table("sampling", sampling))
    return settings


def _read_name(given: Any) -> str:
    """The name or the path of a data set; raises `BayesnuError` for anything else."""
    if isinstance(given, Experiment):
        raise BayesnuError(f"experiments: found the data set '{given.name}' itself; a run takes its name or its file")
    if not isinstance(given, str | Path):
        raise BayesnuError(f"experiments: found {given!r:.60}; must be names or files")
    return str(given)


def _read_table(cls: type[Any], table: str, values: Mapping[str, Any]) -> Any:
    known = {each.name: str(each.type).removesuffix(" | None") for each in fields(cls)}
    right: dict[str, Any] = {"int": int, "float": int | float, "str": str}
    words = {"int": "an integer", "float": "a finite number", "str": "a word in quotes"}
    checked: dict[str, Any] = {}
    for key, given in values.items():
        if key not in known:
            raise BayesnuError(f"[{table}] {key[:60]}: unknown key{did_you_mean(key[:60], known)}")
        kind = known[key]
        value = plain(given)
        if isinstance(value, bool) or not isinstance(value, right[kind]) or (kind == "float" and not isfinite(value)):
            raise BayesnuError(f"[{table}] {key}: found {value!r:.60}; must be {words[kind]}")
        checked[key] = float(value) if kind == "float" else value  # 0 and 0.0 are the same choice
    return cls(**checked)


def load_experiments(run: Run) -> tuple[Experiment, ...]:
    """Read the experiments of a run; refuses a file that has changed since the run was resolved."""
    loaded = tuple(data.load(name, run.analysis.inputs) for name in run.experiments)
    for experiment in loaded:
        if run.digests.get(experiment.name, experiment.digest) != experiment.digest:
            raise BayesnuError(
                f"{experiment.path}: the data file has changed since this run was started (key data.{experiment.name}); "
                "restore it or start a new run in another folder"
            )
    return loaded


def priors(run: Run) -> tuple[Prior, ...]:
    """The priors of the physics parameters, in units of each parameter's scale."""
    choice = run.prior
    numbers = {key: getattr(choice, key) for key in NUMBERS_OF_PRIOR}
    out = []
    for default in default_priors(run.parameters, run.analysis):
        signed = default.of_interest.signed
        given = {key: value / default.scale for key, value in numbers.items() if value is not None}
        if choice.kind == "log-uniform" and "lower" not in given:
            raise BayesnuError("prior: a log-uniform prior needs its lower cut; give `prior.lower`, the limit depends on it")
        if choice.kind != "gaussian" and {"mean", "width"} & given.keys():
            raise BayesnuError(f"prior: mean and width belong to a gaussian prior, not to '{choice.kind}'")
        if not signed and given.get("lower", 0.0) < 0:
            raise BayesnuError(f"prior: found lower = {choice.lower!r}; {run.parameter} is a modulus, so give 0 or more")
        if choice.kind == "flat-square" and signed:
            raise BayesnuError(f"prior: flat in the square needs a parameter that has no sign; {run.parameter} has one")
        for key, value in given.items():
            if abs(value) > LARGEST:
                most = f"{LARGEST * default.scale:g} {default.unit}"
                raise BayesnuError(f"prior: found {key} = {numbers[key]!r}; must be at most {most} in size")
        prior = with_kind(default, choice.kind, **given)
        for key, value in {"range": prior.upper - prior.lower, "width": given.get("width", 1.0)}.items():
            if 0 < value < NARROWEST:
                least = f"{NARROWEST * default.scale:g} {default.unit}"
                raise BayesnuError(f"prior: found a {key} of {value * default.scale:g}; must be at least {least}")
        check_physics(prior)
        out.append(prior)
    return tuple(out)


def to_dict(run: Run) -> dict[str, Any]:
    """The resolved configuration as nested tables, without what is None."""

    def given(table: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in table.items() if value is not None}

    return {
        "experiments": list(run.experiments),
        "parameter": run.parameter,
        "flavour": run.flavour,
        "preset": run.preset,
        "prior": given(asdict(run.prior)),
        "sampling": given(asdict(run.sampling)),
        "analysis": asdict(run.analysis),
        "data": dict(run.digests),
    }


def fingerprint(run: Run) -> dict[str, str]:
    """What defines the posterior and the chain, key by key; neither the length of the run nor a path is part of it.

    A choice that is as it was before it existed is no part of it either, and words are those of the first chains. So older
    chains stay what they are.
    """
    as_once = {"experiments": list(run.digests), "analysis": with_former_words(run.analysis)}
    keys = flattened(to_dict(run) | as_once)
    length = ("sampling.steps", "sampling.most_steps", "preset")
    as_before = [f"analysis.{name}" for name, value in BEFORE.items() if getattr(run.analysis, name) == value]
    return {key: value for key, value in sorted(keys.items()) if key not in (*length, *as_before)}


def find_difference(one: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    """Name the first key in which two fingerprints differ; a choice that is part of none is as it was before it existed."""
    before = flattened({"analysis": BEFORE})
    return difference({**before, **one}, {**before, **other})


def preset_note(run: Run) -> str:
    """The preset with the choices that were changed in it."""
    return describe_choices(run.preset, run.analysis)


def model_of(run: Run, experiments: Sequence[Experiment] = ()) -> Model:
    """Build the model of a run with its priors, from the data given or those that it names.

    Raises `BayesnuError` for what cannot be sampled.
    """
    from bayesnu.model.builder import build

    model = build(experiments or load_experiments(run), run.parameters, run.analysis).with_priors(*priors(run))
    run.sampling.check_walkers(len(model.parameters))
    return model
