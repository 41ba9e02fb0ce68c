"""One function per sampler: a run of a reference posterior with a seed, its samples and what they cost.

All chains start where the package starts (points fitted and drawn by their likelihood), which costs the peers nothing
here; nested samplers need no start.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.special import logit

from bayesnu.inference.fits import Fits
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.sampling import ensembles, proposal
from bayesnu.inference.settings import Settings, usual_kind
from bayesnu.model.likelihood import compile_posterior
from bayesnu.model.polynomial import Model
from bayesnu.runs import chain_file, extension
from scripts.bench.effective import PROBABILITY, burn_in, worth
from scripts.bench.posteriors import SITES, Reference
from scripts.bench.timing import Clock, part, progress, reason

WARM_UP = 300  # steps of NUTS


@dataclass(frozen=True, eq=False)
class Draws:
    """A run: chains (ensembles, steps, walkers, parameters), or points (n, parameters) with weights (n,).

    Seconds: `compiling` and `preparing` (starting points, warm-up) beside `sampling`; `deciding` is what the package spends
    on diagnostics during the run. A burn-in is still part of the chains unless `warmed_up`.
    """

    samples: np.ndarray
    sampling: float
    cpu: float
    weights: np.ndarray | None = None
    compiling: float = 0.0
    preparing: float = 0.0
    deciding: float = 0.0
    warmed_up: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


Sampler = Callable[[Reference, int, int], Draws]


def record(draws: Draws) -> dict[str, Any]:
    """What a run is worth, as numbers: of the first physics parameter, with the burn-in excluded and its time reported."""
    seconds: dict[str, Any] = {
        "compiling": draws.compiling,
        "preparing": draws.preparing,
        "deciding": draws.deciding,
        "cpu": draws.cpu,
    }
    if draws.weights is not None:
        result = worth(draws.samples[:, 0], draws.weights)
        return seconds | result | {"burn_in": 0.0, "sampling": draws.sampling, "draws": len(draws.samples)} | draws.notes
    start = 0 if draws.warmed_up else burn_in(draws.samples)
    share = start / draws.samples.shape[1]
    kept = draws.samples[:, start:, :, 0]
    times = {"burn_in": draws.sampling * share, "sampling": draws.sampling * (1 - share), "cpu": draws.cpu * (1 - share)}
    return seconds | worth(kept) | times | {"draws": kept.size} | draws.notes


def bayesnu(ref: Reference, seed: int, steps: int) -> Draws:
    """The package: `sampling.sample` with a given number of stored steps, its chain written to disk."""
    settings = Settings(kind=usual_kind(ref.model.of_interest[0]), seed=seed, steps=steps)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chain.h5"
        chain_file.create(path, ref.model, {}, seed, "", settings.ensembles)
        with part(extension, "begin") as beginning, part(extension, "judge") as judging, Clock() as clock:
            extension.extend_chain(Fits(ref.model), path, settings)
        chain = chain_file.read(path)
    samples, preparing, deciding = chain.samples, sum(beginning), sum(judging)
    spent = clock.wall - preparing - deciding
    return Draws(samples, spent, clock.cpu * spent / clock.wall, preparing=preparing, deciding=deciding)


def bayesnu_sweeps(ref: Reference, seed: int, steps: int) -> Draws:
    """The package where its independence move does not fit: the compiled sweeps that it falls back to."""
    with patch.object(proposal, "build", return_value=None):
        return bayesnu(ref, seed, steps)


@cache
def _starts(model: Model, seed: int) -> np.ndarray:
    """Starting points (2048, parameters) of the package."""
    settings = Settings(kind="upper", seed=seed, walkers=1024, ensembles=2)
    states = ensembles.starts(Profiler(model), compile_posterior(model), settings)
    return np.concatenate([state.coords for state in states])


def _emcee(ref: Reference, seed: int, steps: int, walkers: int, function: Any, vectorize: bool) -> Draws:
    import emcee

    start = _starts(ref.model, seed)[:walkers]
    np.random.seed(seed)  # noqa: NPY002 - the generator that emcee uses
    sampler = emcee.EnsembleSampler(walkers, start.shape[1], function, vectorize=vectorize)
    with Clock() as clock:
        sampler.run_mcmc(start, steps)
    return Draws(sampler.get_chain()[None], clock.wall, clock.cpu)


def emcee_32(ref: Reference, seed: int, steps: int) -> Draws:
    """emcee as most users run it: 32 walkers, a likelihood of one point in numpy."""
    return _emcee(ref, seed, steps, 32, ref.numpy_one, False)


def emcee_1024(ref: Reference, seed: int, steps: int) -> Draws:
    """emcee with 1,024 walkers and a likelihood of all of them in numpy."""
    return _emcee(ref, seed, steps, 1024, ref.numpy_many, True)


def emcee_compiled(ref: Reference, seed: int, steps: int) -> Draws:
    """emcee with 1,024 walkers and the package's compiled posterior: what is left is emcee's own cost and its move."""
    return _emcee(ref, seed, steps, 1024, ref.compiled, True)


def zeus(ref: Reference, seed: int, steps: int) -> Draws:
    """Ensemble slice sampling, 256 walkers, a likelihood of all of them in numpy."""
    import zeus as peer

    start = _starts(ref.model, seed)[:256]
    np.random.seed(seed)  # noqa: NPY002 - the generator that zeus uses
    sampler = peer.EnsembleSampler(len(start), start.shape[1], ref.numpy_many, vectorize=True, verbose=False)
    with Clock() as clock:
        sampler.run_mcmc(start, steps, progress=False)
    return Draws(sampler.get_chain()[None], clock.wall, clock.cpu)


_NUTS: dict[tuple[str, int, int], tuple[Any, float]] = {}


def _nuts(ref: Reference, seed: int, steps: int, chains_: int) -> Draws:
    """Four or more chains advanced together; a second run of the same object does not compile again."""
    import jax
    from numpyro.infer import MCMC, NUTS

    key, start = (ref.name, steps, chains_), _unbounded(ref, _starts(ref.model, seed)[:chains_])
    if key not in _NUTS:
        options = {"num_chains": chains_, "chain_method": "vectorized", "progress_bar": False}
        mcmc = MCMC(NUTS(ref.numpyro_model), num_warmup=WARM_UP, num_samples=steps, **options)
        with Clock() as first:
            _nuts_run(mcmc, jax.random.PRNGKey(seed + 1000), start)
        _NUTS[key] = mcmc, first.wall
    mcmc, first_wall = _NUTS[key]
    warming, clock = _nuts_run(mcmc, jax.random.PRNGKey(seed), start)
    samples = np.concatenate([np.asarray(mcmc.get_samples(group_by_chain=True)[name]) for name in SITES], axis=-1)
    return Draws(
        samples[:, :, None],  # every chain an ensemble of one walker
        clock.wall,
        clock.cpu,
        compiling=max(first_wall - warming.wall - clock.wall, 0.0),
        preparing=warming.wall,
        warmed_up=True,
        notes={"divergent": int(np.asarray(mcmc.get_extra_fields()["diverging"]).sum())},
    )


def _unbounded(ref: Reference, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Starting points in the space where NUTS moves: what has a flat prior as the logit of its place in the range."""
    n, (lower, upper) = ref.model.n_physics, ref.bounds
    place = (theta[:, :n] - lower[:n]) / (upper[:n] - lower[:n])
    return dict(zip(SITES, (logit(place), theta[:, n:]), strict=True))


def _nuts_run(mcmc: Any, key: Any, start: dict[str, np.ndarray]) -> tuple[Clock, Clock]:
    """Times of warm-up and sampling."""
    import jax

    mcmc.post_warmup_state = None
    warm, random = jax.random.split(key)
    with Clock() as warming:
        mcmc.warmup(warm, init_params=start)
        jax.block_until_ready(mcmc.post_warmup_state)
    with Clock() as clock:
        mcmc.run(random)
        jax.block_until_ready(mcmc.get_samples())
    return warming, clock


def nuts_4(ref: Reference, seed: int, steps: int) -> Draws:
    """numpyro's NUTS with four chains."""
    return _nuts(ref, seed, steps, 4)


def nuts_128(ref: Reference, seed: int, steps: int) -> Draws:
    """numpyro's NUTS with 128 chains at once, which makes the most of one core."""
    return _nuts(ref, seed, steps, 128)


def nautilus(ref: Reference, seed: int, points: int) -> Draws:
    """nautilus with `points` live points and a likelihood of many points in numpy.

    Without its neural networks: here the likelihood costs less than training them, and it is three times faster so.
    """
    from nautilus import Sampler as Peer

    options = {"n_live": points, "n_networks": 0, "vectorized": True, "seed": seed}
    sampler = Peer(ref.transform, ref.numpy_likelihood_many, n_dim=len(ref.model.parameters), **options)
    with Clock() as clock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler.run(n_eff=10 * points, verbose=False)
    samples, log_weights, _ = sampler.posterior()
    return Draws(samples, clock.wall, clock.cpu, weights=np.exp(log_weights - log_weights.max()))


def dynesty(ref: Reference, seed: int, points: int) -> Draws:
    """dynesty's static nested sampler, a likelihood of one point in numpy."""
    import dynesty as peer

    random = np.random.default_rng(seed)
    sampler = peer.NestedSampler(
        ref.numpy_likelihood_one, ref.transform, len(ref.model.parameters), nlive=points, rstate=random
    )
    with Clock() as clock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler.run_nested(print_progress=False)
    results = sampler.results
    return Draws(results.samples, clock.wall, clock.cpu, weights=results.importance_weights())


@dataclass(frozen=True)
class Row:
    """A sampler in the table: its function, the peer it needs, and size and number of its runs, full and quick (0: none)."""

    function: Sampler
    needs: str | None
    size: tuple[int, int]
    runs: tuple[int, int]


ROWS = {
    "bayesnu": Row(bayesnu, None, (512, 256), (20, 8)),
    "bayesnu, sweeps alone": Row(bayesnu_sweeps, None, (512, 256), (8, 3)),
    "emcee, 32 walkers, numpy": Row(emcee_32, None, (8000, 3000), (12, 3)),
    "emcee, 1,024 walkers, numpy": Row(emcee_1024, None, (2000, 800), (5, 3)),
    "emcee, 1,024 walkers, this package's posterior": Row(emcee_compiled, None, (2000, 800), (5, 3)),
    "zeus, 256 walkers, numpy": Row(zeus, "zeus", (600, 300), (4, 2)),
    "numpyro NUTS, 4 chains": Row(nuts_4, "numpyro", (1000, 500), (4, 2)),
    "numpyro NUTS, 128 chains": Row(nuts_128, "numpyro", (100, 50), (2, 0)),
    "nautilus, numpy": Row(nautilus, "nautilus", (1000, 300), (3, 2)),
    "dynesty, numpy": Row(dynesty, "dynesty", (1000, 500), (3, 2)),
}


def measure_samplers(ref: Reference, peers: dict[str, str | None], quick: bool) -> dict[str, Any]:
    """Repeated runs of every installed sampler, in turn, with another seed each time; the seeds are 1, 2, ..."""
    bayesnu(ref, 99, 16)  # compiles
    rows: dict[str, Any] = {}
    for repetition in range(max(row.runs[quick] for row in ROWS.values())):
        for name, row in ROWS.items():
            if row.needs is not None and peers[row.needs] is None:
                rows[name] = {"fails": "not installed"}
            elif row.runs[quick] == 0:
                rows[name] = {"fails": "left out of a quick run"}
            if repetition >= row.runs[quick] or "fails" in rows.get(name, {}):
                continue
            progress(f"posterior {ref.name}, {name}, run {repetition + 1} of {row.runs[quick]}")
            try:
                run = record(row.function(ref, repetition + 1, row.size[quick]))
            except Exception as error:
                rows[name] = {"fails": reason(error)}
                continue
            rows.setdefault(name, {"runs": []})["runs"].append(run)
    exact = marginal(ref.model).quantile(PROBABILITY) if ref.model.n_physics == 1 else None
    return {"rows": rows, "integrated": exact}
