"""How cost grows with bins, experiments, parameters, walkers and toys: an exponent each, from synthetic models."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bayesnu.inference.fits import Fits
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys import toys
from bayesnu.model.likelihood import compile_posterior
from bayesnu.model.polynomial import Block, Model
from bayesnu.model.priors import Gaussian, Prior
from bayesnu.physics.properties import Parameter
from bayesnu.runs import chain_file, extension
from scripts.bench.posteriors import Reference
from scripts.bench.timing import Clock, in_turn, part, slope

POINTS = 1024


def with_bins(model: Model, times: int) -> Model:
    """The model with every bin `times` times: one experiment."""
    templates, observed = np.tile(model.templates, times), np.tile(model.observed, times)
    block = replace(model.blocks[0], bins=slice(0, len(observed)))
    return replace(model, templates=templates, observed=observed, blocks=(block,))


def with_experiments(model: Model, times: int) -> Model:
    """The model `times` times side by side, as experiments that share all parameters."""
    (terms, bins), blocks = model.templates.shape, []
    templates = np.zeros((terms * times, bins * times))
    for n in range(times):
        block = Block(f"copy {n}", slice(n * terms, (n + 1) * terms), slice(n * bins, (n + 1) * bins))
        templates[block.templates, block.bins] = model.templates
        blocks.append(block)
    return replace(
        model,
        templates=templates,
        observed=np.tile(model.observed, times),
        factors=np.tile(model.factors, (times, 1)),
        is_signal=np.tile(model.is_signal, times),
        blocks=tuple(blocks),
    )


def with_detectors(model: Model, times: int) -> Model:
    """The model `times` times side by side, as experiments that share the Sun and the physics, with all else their own."""
    shared = [k for k, name in enumerate(model.names) if k < model.n_physics or name.startswith("flux_")]
    own = [k for k in range(len(model.parameters)) if k not in shared]
    size = len(shared) + times * len(own)
    wide = with_experiments(model, times)
    factors = []
    nuisances: list[Prior] = []
    for n in range(times):
        place = np.full(len(model.parameters) + 1, size)  # the constant 1 follows the last parameter
        place[shared] = np.arange(len(shared))
        place[own] = len(shared) + n * len(own) + np.arange(len(own))
        factors.append(place[model.factors])
        nuisances += [_renamed(model.parameters[k], n) for k in own]
    parameters = (*(model.parameters[k] for k in shared), *nuisances)
    return replace(wide, parameters=parameters, factors=np.concatenate(factors))


def _renamed(prior: Prior, number: int) -> Prior:
    name = f"{prior.name} {number}"
    return replace(prior, parameter=Parameter(name, name, "", 1.0))


def with_parameters(model: Model, number: int) -> Model:
    """The model with its last term, a background, divided into parts with a normalisation each: `number` parameters."""
    extra, size = number - len(model.parameters), len(model.parameters)
    if extra == 0:
        return model
    last = int(np.flatnonzero(~model.is_signal)[-1])
    random = np.random.default_rng(3)
    shares = random.dirichlet(np.full(extra + 1, 5.0), model.templates.shape[1]).T
    parts = shares * model.templates[last]
    templates = np.concatenate([model.templates, parts[1:]])
    templates[last] = parts[0]
    names = [f"background_{n}" for n in range(extra)]
    nuisances = [Gaussian(Parameter(name, name, "", 1.0), 0.0, np.inf, mean=1.0, width=0.1) for name in names]
    factors = np.where(model.factors == size, number, model.factors)
    added = np.full((extra, factors.shape[1]), number)
    added[:, 0] = size + np.arange(extra)
    return replace(
        model,
        parameters=(*model.parameters, *nuisances),
        templates=templates,
        factors=np.concatenate([factors, added]),
        is_signal=np.concatenate([model.is_signal, np.zeros(extra, dtype=bool)]),
        blocks=(replace(model.blocks[0], templates=slice(0, len(templates))),),
    )


def _evaluation(model: Model, points: int = POINTS) -> Callable[[], object]:
    posterior = compile_posterior(model)
    random = np.random.default_rng(1)
    theta = model.nominal() + 0.01 * random.standard_normal((points, len(model.parameters)))
    theta[:, 0] = random.uniform(0.0, 1.0, points)
    if not np.isfinite(posterior(theta)).all():
        raise RuntimeError("a synthetic model is not evaluated where it is possible")
    return lambda: posterior(theta)


def _one_fit(model: Model) -> Callable[[], object]:
    profiler, free = Profiler(model), np.ones(len(model.parameters), dtype=bool)
    start = model.nominal()
    start[0] = 0.3
    if not profiler.fit(start, free).ended.all():
        raise RuntimeError("the fit of a synthetic model did not end")
    return lambda: profiler.fit(start, free)


def _sampling(model: Model, walkers: int, steps: int) -> float:
    """Seconds of sampling a chain of so many walkers per ensemble, without its start and its diagnostics."""
    settings = Settings(kind="upper", steps=steps, walkers=walkers)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chain.h5"
        chain_file.create(path, model, {}, settings.seed, "", settings.ensembles)
        with part(extension, "begin") as beginning, part(extension, "judge") as judging, Clock() as clock:
            extension.extend_chain(Fits(model), path, settings)
    return clock.wall - sum(beginning) - sum(judging)


def _toy_fits(model: Model, number: int) -> Callable[[], object] | None:
    try:
        fitter = importlib.import_module("bayesnu.inference.toys.fitter").ToyFitter(model)
    except (ImportError, AttributeError):
        return None
    drawn = toys.draw(model, model.nominal(), number, np.random.default_rng(2))
    start, free = model.nominal(), np.ones(len(model.parameters), dtype=bool)
    start[0] = 0.3
    return lambda: fitter.fit(drawn, start, free)


def measure_scaling(ref: Reference, repetitions: int, seconds: float, quick: bool) -> dict[str, dict[str, Any]]:
    """Seconds against sizes for everything that a model can grow in; what is evaluated is said in `what`."""
    base, times = ref.model, [1, 2, 4, 8] if quick else [1, 2, 4, 8, 16]
    parameters = [5, 8, 16, 32] if quick else [5, 8, 16, 32, 64]
    detectors = [1, 3, 10] if quick else [1, 3, 10, 30, 100]
    bins = len(base.observed)
    out = {
        "bins": _grown(
            "1,024 evaluations", [bins * n for n in times], [_evaluation(with_bins(base, n)) for n in times],
            repetitions, seconds,
        ),
        "experiments": _grown(
            "1,024 evaluations", times, [_evaluation(with_experiments(base, n)) for n in times], repetitions, seconds
        ),
        "detectors, each with two nuisances": _grown(
            "1,024 evaluations", detectors, [_evaluation(with_detectors(base, n)) for n in detectors], repetitions, seconds
        ),
        "nuisances of a fit, two per detector": _grown(
            "one fit", [2 * n + 2 for n in detectors], [_one_fit(with_detectors(base, n)) for n in detectors],
            repetitions, seconds,
        ),
        "parameters": _grown(
            "1,024 evaluations", parameters, [_evaluation(with_parameters(base, n)) for n in parameters],
            repetitions, seconds,
        ),
        "parameters of a fit": _grown(
            "one fit", parameters, [_one_fit(with_parameters(base, n)) for n in parameters], repetitions, seconds
        ),
        "points": _grown(
            "one call", [n * 64 for n in (1, 4, 16, 64, 256)], [_evaluation(base, n * 64) for n in (1, 4, 16, 64, 256)],
            repetitions, seconds,
        ),
    }  # fmt: skip
    walkers, steps = [64, 128, 256, 512], 32 if quick else 128
    spent: list[list[float]] = [[] for _ in walkers]
    for _ in range(2 if quick else 3):
        for n, each in zip(walkers, spent, strict=True):
            each.append(_sampling(base, n, steps))
    out["walkers"] = _summary(f"{steps} stored steps of 4 ensembles", walkers, spent)
    numbers = [256, 1024, 4096] if quick else [256, 1024, 4096, 16384]
    fits = [_toy_fits(base, n) for n in numbers]
    if None in fits:
        out["toys"] = {"fails": "this version has no toy_fits"}
    else:
        functions = [fit for fit in fits if fit is not None]
        out["toys"] = _grown("fits of all of them", numbers, functions, repetitions, seconds)
    return out


def _grown(
    what: str, sizes: list[int], functions: list[Callable[[], object]], repetitions: int, seconds: float
) -> dict[str, Any]:
    spent = in_turn({str(size): function for size, function in zip(sizes, functions, strict=True)}, repetitions, seconds)
    return _summary(what, sizes, list(spent.values()))


def _summary(what: str, sizes: list[int], spent: list[list[float]]) -> dict[str, Any]:
    medians = [float(np.median(each)) for each in spent]
    return {"what": what, "sizes": sizes, "seconds": spent, "slope": slope(sizes, medians)}
