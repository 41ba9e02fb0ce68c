"""Moves of emcee, step 13: an independence move, and sweeps of stretch and differential evolution, compiled.

The sweeps are affine-invariant ensemble moves that update one half of the walkers from the other, as in Foreman-Mackey et
al. 2013, arXiv:1202.3665. emcee's own loop over walkers would cost more than the likelihood; here a step is one compiled
call. All randomness is drawn from emcee's generator before it. The snooker move of emcee 3.1.6 is not offered: it samples
a wrong distribution (corrected upstream, unreleased).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesnu.inference.sampling.proposal import Proposal, log_density, propose
from bayesnu.model.likelihood import CompiledPosterior
from bayesnu.model.likelihood_kernel import log_posterior
from bayesnu.support.compiled import compiled

if TYPE_CHECKING:
    from emcee.model import Model
    from emcee.state import State

STRETCH_SCALE = 2.0  # the parameter a of Goodman and Weare 2010
EVOLUTION_SHARE = 0.5  # part of the sweeps that use differential evolution, ter Braak 2006
SWEEP_SHARE = 0.25  # part of the steps of the independence move that end with a sweep
JUMP_SHARE = 0.1  # part of the sweeps by differential evolution with gamma = 1, which carries walkers between modes


class SweepMove:
    """A move of emcee's interface: `sweeps` red-blue sweeps of the whole ensemble per step.

    Each sweep is a stretch move (target: any; detailed balance with the factor z^(d-1)) or a differential-evolution move
    (symmetric proposal x + gamma (x1 - x2), x1 and x2 from the other half).
    """

    def __init__(self, posterior: CompiledPosterior, sweeps: int) -> None:
        self.arrays = posterior.arrays
        self.sweeps = sweeps

    def propose(self, model: Model, state: State) -> tuple[State, np.ndarray]:
        """Return the state after all sweeps, and per walker the share of its proposals that was accepted."""
        coords, log_prob = np.array(state.coords), np.array(state.log_prob)
        accepted = np.zeros(len(coords), dtype=np.int64)
        _sweeps(coords, log_prob, accepted, *self._draws(model.random, *coords.shape), self.arrays)
        state.coords, state.log_prob = coords, log_prob
        return state, accepted / self.sweeps

    def tune(self, state: State, accepted: np.ndarray) -> None:
        """Do nothing: the moves have no parameter to tune."""

    def _draws(self, random: np.random.RandomState, walkers: int, dimensions: int) -> tuple[np.ndarray, ...]:
        shape, half = (self.sweeps, walkers), walkers // 2
        order = np.argsort(random.random_sample(shape), axis=1)
        first = random.randint(half, size=shape)
        second = (first + 1 + random.randint(half - 1, size=shape)) % half
        z = ((STRETCH_SCALE - 1) * random.random_sample(shape) + 1) ** 2 / STRETCH_SCALE
        kind = random.random_sample((self.sweeps, 2))
        usual = 2.38 / np.sqrt(2 * dimensions)
        gamma = np.where(kind[:, 1] < JUMP_SHARE, 1.0, usual) * (kind[:, 0] < EVOLUTION_SHARE)
        return order, first, second, z, gamma, np.log1p(-random.random_sample(shape))


class IndependenceMove:
    """One proposal per walker drawn from the whole posterior's approximation, at times followed by a sweep.

    The proposal x' is accepted with probability min(1, p(x') q(x) / p(x) q(x')), so that the posterior is exact whatever q
    is. The sweep, as in `SweepMove`, moves walkers that stand where q has too little weight. The acceptance is that of the
    proposal.
    """

    def __init__(self, posterior: CompiledPosterior, proposal: Proposal) -> None:
        self.arrays, self.proposal = posterior.arrays, proposal.arrays
        self.sweep = SweepMove(posterior, 1)
        self.known, self.density = np.empty(0), np.empty(0)  # coordinates, and the log of the proposal's density there

    def propose(self, model: Model, state: State) -> tuple[State, np.ndarray]:
        """Return the state after the proposal and perhaps a sweep, and per walker whether the proposal was accepted."""
        coords, log_prob = np.array(state.coords), np.array(state.log_prob)
        walkers, accepted = len(coords), np.zeros(len(coords), dtype=np.int64)
        if state.coords is not self.known:
            self.density = np.empty(walkers)
            log_density(coords, self.proposal, self.density)
        u, v = model.random.random_sample((2, walkers))
        normals = model.random.standard_normal(coords.shape)
        _independent(coords, log_prob, self.density, accepted, u, np.log1p(-v), normals, self.proposal, self.arrays)
        state.coords, state.log_prob, self.known = coords, log_prob, coords
        if model.random.random_sample() < SWEEP_SHARE:
            state, _ = self.sweep.propose(model, state)
        return state, accepted

    def tune(self, state: State, accepted: np.ndarray) -> None:
        """Do nothing: what could be tuned was computed."""


@compiled
def _independent(coords, log_prob, here, accepted, u, log_u, normals, proposal, arrays):  # type: ignore[no-untyped-def]
    """Update coords (walkers, d), log_prob and the proposal's log-density `here` in place."""
    walkers = coords.shape[0]
    trial, value, there = np.empty(coords.shape), np.empty(walkers), np.empty(walkers)
    propose(u, normals, proposal, trial, there)
    log_posterior(trial, arrays, value)
    for w in range(walkers):
        # there is -inf only for a draw that rounding put where the proposal is zero
        if there[w] > -np.inf and log_u[w] < (value[w] - there[w]) - (log_prob[w] - here[w]):
            for d in range(coords.shape[1]):  # an assignment of arrays takes numba a second to compile
                coords[w, d] = trial[w, d]
            log_prob[w], here[w] = value[w], there[w]
            accepted[w] += 1


@compiled
def _sweeps(coords, log_prob, accepted, order, first, second, z, gamma, log_u, arrays):  # type: ignore[no-untyped-def]
    """Update coords (walkers, d) and log_prob in place; a sweep with gamma = 0 is a stretch move."""
    walkers, dimensions = coords.shape
    half = walkers // 2
    proposal, value = np.empty((half, dimensions)), np.empty(half)
    for s in range(order.shape[0]):
        for side in range(2):
            mine, other = side * half, (1 - side) * half
            for i in range(half):
                w = order[s, mine + i]
                a, b = order[s, other + first[s, mine + i]], order[s, other + second[s, mine + i]]
                for d in range(dimensions):
                    if gamma[s] > 0:
                        proposal[i, d] = coords[w, d] + gamma[s] * (coords[a, d] - coords[b, d])
                    else:
                        proposal[i, d] = coords[a, d] + z[s, mine + i] * (coords[w, d] - coords[a, d])
            log_posterior(proposal, arrays, value)
            for i in range(half):
                w = order[s, mine + i]
                factor = 0.0 if gamma[s] > 0 else (dimensions - 1.0) * np.log(z[s, mine + i])
                if log_u[s, mine + i] < factor + value[i] - log_prob[w]:
                    for d in range(dimensions):
                        coords[w, d] = proposal[i, d]
                    log_prob[w] = value[i]
                    accepted[w] += 1
