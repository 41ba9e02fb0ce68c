"""Sampling with emcee, step 16: independent ensembles, a start that covers every mode, and the rule that stops a run.

emcee is the sampler and owns state and randomness. Whether to go on is decided at fixed step numbers from the stored
steps alone, never from the clock, so that an interrupted run continues bit for bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import emcee
import numpy as np

from bayesnu import chains, proposal
from bayesnu.convergence import Convergence, judge
from bayesnu.errors import BayesnuError
from bayesnu.likelihood import CompiledPosterior, compile_posterior
from bayesnu.model import Model
from bayesnu.moves import IndependenceMove, SweepMove
from bayesnu.priors import Gaussian
from bayesnu.profile import Profiler
from bayesnu.settings import Settings

SWEEPS = 16  # sweeps of the ensemble per stored step: the random walk of a single one would fill the disk
SETTLE, PILOT = 8, 32  # steps of sweeps, then of the independence move, whose acceptance is measured; none is stored
SMALLEST_ACCEPTANCE = 0.25  # below it the sweeps take over: they then give more effective samples
MOST_STUCK = 0.01  # of the walkers without any acceptance: more of them stand where the proposal hardly goes
FIRST_CHECK = 128  # stored steps before the first look
PIECE = 256  # steps in memory before they are written
GROWTH, GRAIN = 1.5, 64  # a look after each 50 % of the chain, at multiples of 64 steps: it costs more than the steps
START_POINTS = 4096  # draws of the prior, fitted and weighted by their likelihood, from which walkers start


def sample(
    model: Model,
    path: Path,
    settings: Settings,
    report: Callable[[Convergence, float], None] | None = None,
) -> Convergence:
    """Run, or go on with, the chain in the file `path` until it has converged or has its steps.

    The file has to exist (`chains.create`); what it holds decides where to go on. `report` is called with each verdict
    and the acceptance since the one before; without it a run of given length is judged at its end only. Raises
    `BayesnuError` when the file cannot be written.
    """
    posterior = compile_posterior(model)
    done = chains.steps_done(path)
    if done:
        states, move = _stored_states(path), move_named(chains.read_move(path), model, posterior)
        verdict: Convergence | None = judge(model, chains.read(path), settings)
    else:
        states, name, move = begin(model, posterior, settings)
        chains.store_move(path, name)
        verdict = None
    while not _finished(done, verdict, settings):
        stop, accepted = next_look(done, settings), []
        numbers = (stop - done + chains.CHUNK) * sum(state.coords.size + len(state.coords) for state in states)
        with chains.extending(path, numbers) as add:
            for n, first in itertools.product(range(len(states)), range(done, stop, PIECE)):
                states[n], piece = advance(posterior, move, states[n], min(PIECE, stop - first))
                add(n, piece)
                accepted.append(piece.accepted.sum() / piece.log_prob.size)
        done = stop
        if report is None and done < (settings.steps or 0):
            continue  # nobody asks how a run of given length is doing before its end
        verdict = judge(model, chains.read(path), settings)
        if report is not None:
            report(verdict, float(np.mean(accepted)))
    assert verdict is not None
    return verdict


def begin(
    model: Model, posterior: CompiledPosterior, settings: Settings
) -> tuple[list[emcee.State], str, IndependenceMove | SweepMove]:
    """The states from which the ensembles are stored, and the move that samples them, with its name.

    Where the acceptance of the independence move, after the sweeps have settled, is small, it does not fit, and the sweeps
    start again. All of it is decided before the first stored step and stored with the chain.
    """
    states, sweeps = starts(model, posterior, settings), SweepMove(posterior, SWEEPS)
    approximation = proposal.build(model)
    if approximation is not None:
        move = IndependenceMove(posterior, approximation)
        settled = [advance(posterior, sweeps, state, SETTLE)[0] for state in states]
        ended = [advance(posterior, move, state, PILOT) for state in settled]
        accepted = np.concatenate([piece.accepted for _, piece in ended]) / PILOT
        if accepted.mean() >= SMALLEST_ACCEPTANCE and np.mean(accepted == 0) <= MOST_STUCK:
            return [state for state, _ in ended], "independence", move
    return states, "sweeps", sweeps


def move_named(name: str, model: Model, posterior: CompiledPosterior) -> IndependenceMove | SweepMove:
    """The move of a chain by the name stored with it."""
    approximation = proposal.build(model) if name == "independence" else None
    return SweepMove(posterior, SWEEPS) if approximation is None else IndependenceMove(posterior, approximation)


def next_look(done: int, settings: Settings) -> int:
    """The stored step at which the run looks at itself next: fixed numbers, whatever happened before."""
    look = FIRST_CHECK
    while look <= done:
        look = int(np.ceil(look * GROWTH / GRAIN)) * GRAIN
    return min(look, settings.steps or settings.most_steps)


def _finished(done: int, verdict: Convergence | None, settings: Settings) -> bool:
    if settings.steps is not None:
        return done >= settings.steps
    return done >= settings.most_steps or (verdict is not None and verdict.converged)


_GENERATOR = emcee.EnsembleSampler.random_state  # the property that copies the state of emcee's generator


class _Sampler(emcee.EnsembleSampler):
    """emcee's sampler without the copy of its generator's 624 numbers after every step: a third of what a step takes."""

    random_state = _GENERATOR.getter(lambda sampler: None)


def advance(
    posterior: CompiledPosterior, move: IndependenceMove | SweepMove, state: emcee.State, steps: int
) -> tuple[emcee.State, chains.Piece]:
    """Let emcee make `steps` steps of one ensemble from its state."""
    walkers, dimensions = state.coords.shape
    sampler = _Sampler(walkers, dimensions, posterior, moves=[move], vectorize=True)
    end = sampler.run_mcmc(state, steps, skip_initial_state_check=True)
    end.random_state = _GENERATOR.fget(sampler)
    backend = sampler.backend
    return end, chains.Piece(backend.chain, backend.log_prob, backend.accepted, end.random_state)


def _stored_states(path: Path) -> list[emcee.State]:
    return [
        emcee.State(coords, log_prob=log_prob, random_state=random_state)
        for coords, log_prob, random_state in chains.last_states(path)
    ]


def starts(model: Model, posterior: CompiledPosterior, settings: Settings) -> list[emcee.State]:
    """Where the walkers of every ensemble begin, with the state of its generator.

    Points of the physics prior are fitted in the nuisances and drawn in proportion to their likelihood, so that every
    mode and the whole of a shell is occupied; around them parameters get a jitter.
    """
    seeds = np.random.SeedSequence(settings.seed).spawn(settings.ensembles)
    return [_start(model, posterior, settings, np.random.default_rng(seed), seed) for seed in seeds]


def _start(
    model: Model,
    posterior: CompiledPosterior,
    settings: Settings,
    random: np.random.Generator,
    seed: np.random.SeedSequence,
) -> emcee.State:
    settings.check_walkers(len(model.parameters))
    profiler = Profiler(model)
    points = np.tile(model.nominal(), (START_POINTS, 1))
    for k, prior in enumerate(model.physics):
        points[:, k] = prior.ppf(random.random(START_POINTS))
    fit = profiler.fit(points, profiler.nuisances_free())
    weight = np.exp(-(fit.chi2 - fit.chi2.min()) / 2)
    coords, log_prob = np.empty((0, points.shape[1])), np.empty(0)
    for _ in range(100):
        chosen = fit.theta[random.choice(START_POINTS, settings.walkers, p=weight / weight.sum())]
        trial = chosen + _jitter(model, points[:, : model.n_physics], weight) * random.standard_normal(chosen.shape)
        value = posterior(trial)
        possible = np.isfinite(value)
        coords, log_prob = np.concatenate([coords, trial[possible]]), np.concatenate([log_prob, value[possible]])
        if len(coords) >= settings.walkers:
            state = np.random.RandomState(np.random.MT19937(seed.spawn(1)[0])).get_state()
            return emcee.State(coords[: settings.walkers], log_prob=log_prob[: settings.walkers], random_state=state)
    raise BayesnuError("start: no parameters with a finite posterior were found; check the data and the prior ranges")


def _jitter(model: Model, physics: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Half a prior width for nuisances (a tenth of a free one's fit), a tenth of the rough posterior width for physics."""
    mean = np.average(physics, axis=0, weights=weight)
    rough = np.sqrt(np.average((physics - mean) ** 2, axis=0, weights=weight))
    spans = np.array([prior.upper - prior.lower for prior in model.physics])
    widths = [p.width / 2 if isinstance(p, Gaussian) else 0.1 for p in model.nuisances]
    return np.concatenate([np.maximum(rough / 10, spans * 1e-4), widths])
