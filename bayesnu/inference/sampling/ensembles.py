"""Sampling with emcee: independent ensembles, a start that covers every mode, and the rule that stops a run.

emcee is the sampler and owns state and randomness. Whether to go on is decided at fixed step numbers from the stored
steps alone, never from the clock, so that an interrupted run continues bit for bit.
"""

from __future__ import annotations

from typing import Any

import emcee
import numpy as np

from bayesnu.inference.profiler import Profiler, check_ended
from bayesnu.inference.sampling import chain, proposal
from bayesnu.inference.sampling.moves import IndependenceMove, SweepMove
from bayesnu.inference.settings import Settings
from bayesnu.model.likelihood import CompiledPosterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.support.errors import BayesnuError

SWEEPS = 16  # sweeps of the ensemble per stored step: the random walk of a single one would fill the disk
SETTLE = 8  # steps of sweeps before the acceptance of the independence move is measured; none is stored
PILOT = 32  # steps over which it is measured; none is stored
SMALLEST_ACCEPTANCE = 0.25  # below it the sweeps take over: they then give more effective samples
MOST_STUCK = 0.01  # of the walkers without any acceptance: more of them stand where the proposal hardly goes
START_DRAWS = 100  # of all walkers, until each has a finite posterior
START_POINTS = 4096  # draws of the prior, fitted and weighted by their likelihood, from which walkers start


def begin(
    profiler: Profiler, posterior: CompiledPosterior, settings: Settings
) -> tuple[list[emcee.State], str, IndependenceMove | SweepMove]:
    """The states from which the ensembles are stored, and the move that samples them, with its name.

    Where the acceptance of the independence move, after the sweeps have settled, is small, it does not fit, and the sweeps
    start again. All of it is decided before the first stored step and stored with the chain.
    """
    states = starts(profiler, posterior, settings)
    sweeps = SweepMove(posterior, SWEEPS)
    approximation = proposal.build(profiler)
    if approximation is not None:
        move = IndependenceMove(posterior, approximation)
        settled = [advance(posterior, sweeps, state, SETTLE)[0] for state in states]
        ended = [advance(posterior, move, state, PILOT) for state in settled]
        accepted = np.concatenate([piece.accepted for _, piece in ended]) / PILOT
        if accepted.mean() >= SMALLEST_ACCEPTANCE and np.mean(accepted == 0) <= MOST_STUCK:
            return [state for state, _ in ended], "independence", move
    return states, "sweeps", sweeps


def move_named(name: str, profiler: Profiler, posterior: CompiledPosterior) -> IndependenceMove | SweepMove:
    """The move of a chain by the name stored with it."""
    approximation = proposal.build(profiler) if name == "independence" else None
    return SweepMove(posterior, SWEEPS) if approximation is None else IndependenceMove(posterior, approximation)


class _Sampler(emcee.EnsembleSampler):  # type: ignore[misc]  # emcee has no types
    """emcee's sampler without the copy of its generator's 624 numbers after every step: a third of what a step takes."""

    @property
    def random_state(self) -> None:
        """What emcee stores in the state after every step; the last state gets `copy_generator()` instead."""

    @random_state.setter
    def random_state(self, given: tuple[Any, ...]) -> None:
        self._random.set_state(given)

    def copy_generator(self) -> tuple[Any, ...]:
        """The state of the generator, as emcee's own `random_state` gives it."""
        return tuple(self._random.get_state())


def advance(
    posterior: CompiledPosterior, move: IndependenceMove | SweepMove, state: emcee.State, steps: int
) -> tuple[emcee.State, chain.Piece]:
    """Let emcee make `steps` steps of one ensemble from its state."""
    walkers, dimensions = state.coords.shape
    sampler = _Sampler(walkers, dimensions, posterior, moves=[move], vectorize=True)
    end = sampler.run_mcmc(state, steps, skip_initial_state_check=True)
    end.random_state = sampler.copy_generator()
    backend = sampler.backend
    return end, chain.Piece(backend.chain, backend.log_prob, backend.accepted, end.random_state)


def starts(profiler: Profiler, posterior: CompiledPosterior, settings: Settings) -> list[emcee.State]:
    """Where the walkers of every ensemble begin, with the state of its generator.

    Points of the physics prior are fitted in the nuisances and drawn in proportion to their likelihood. So every mode is
    occupied, and the whole of a shell. Around them parameters get a jitter.
    """
    seeds = np.random.SeedSequence(settings.seed).spawn(settings.ensembles)
    return [_start_ensemble(profiler, posterior, settings, np.random.default_rng(seed), seed) for seed in seeds]


def _start_ensemble(
    profiler: Profiler,
    posterior: CompiledPosterior,
    settings: Settings,
    random: np.random.Generator,
    seed: np.random.SeedSequence,
) -> emcee.State:
    model = profiler.model
    settings.check_walkers(len(model.parameters))
    # Points of the prior, fitted, with their likelihoods as weights.
    points = np.tile(model.nominal(), (START_POINTS, 1))
    for k, prior in enumerate(model.physics):
        points[:, k] = prior.ppf(random.random(START_POINTS))
    fit = profiler.fit(points, profiler.nuisances_free())
    check_ended(fit, "start")
    weight = np.exp(-(fit.chi2 - fit.chi2.min()) / 2)
    share = weight / weight.sum()
    jitter = _choose_jitter(model, points[:, : model.n_physics], weight)
    # Draws among them, until there are enough with a finite posterior.
    coords = np.empty((0, points.shape[1]))
    log_prob = np.empty(0)
    for _ in range(START_DRAWS):
        chosen = fit.theta[random.choice(START_POINTS, settings.walkers, p=share)]
        trial = chosen + jitter * random.standard_normal(chosen.shape)
        value = posterior(trial)
        possible = np.isfinite(value)
        coords = np.concatenate([coords, trial[possible]])
        log_prob = np.concatenate([log_prob, value[possible]])
        if len(coords) >= settings.walkers:
            state = np.random.RandomState(np.random.MT19937(seed.spawn(1)[0])).get_state()
            return emcee.State(coords[: settings.walkers], log_prob=log_prob[: settings.walkers], random_state=state)
    raise BayesnuError("start: no parameters with a finite posterior were found; check the data and the prior ranges")


def _choose_jitter(model: Model, physics: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Half a prior width for nuisances (a tenth of a free one's fit), a tenth of the rough posterior width for physics."""
    mean = np.average(physics, axis=0, weights=weight)
    rough = np.sqrt(np.average((physics - mean) ** 2, axis=0, weights=weight))
    spans = np.array([prior.upper - prior.lower for prior in model.physics])
    widths = [p.width / 2 if isinstance(p, Gaussian) else 0.1 for p in model.nuisances]
    return np.concatenate([np.maximum(rough / 10, spans * 1e-4), widths])
