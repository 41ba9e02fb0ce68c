"""Moves of emcee: an independence move, and sweeps of stretch and differential evolution, compiled.

The sweeps are affine-invariant ensemble moves that update one half of the walkers from the other, as in Foreman-Mackey et
al. 2013, arXiv:1202.3665. emcee's own loop over walkers would cost more than the likelihood; here a step is one compiled
call. All randomness is drawn from emcee's generator before it. The snooker move of emcee 3.1.6 is not offered: it samples
a wrong distribution (corrected upstream, unreleased).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import emcee
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


class SweepDraws(NamedTuple):
    """Random numbers of sweeps, (sweeps, walkers) each but `gamma` (sweeps,), for the walkers in their drawn `order`.

    `first` and `second` number partners in the other half, `stretch` is the z of a stretch move. `gamma` is that of
    differential evolution, 0 for a stretch move, and `log_u` the logarithm that decides on acceptance.
    """

    order: np.ndarray
    first: np.ndarray
    second: np.ndarray
    stretch: np.ndarray
    gamma: np.ndarray
    log_u: np.ndarray


class SweepMove:
    """A move of emcee's interface: `sweeps` red-blue sweeps of the whole ensemble per step.

    Each sweep is a stretch move, or a move by differential evolution. A stretch move has detailed balance with the factor
    z^(d-1). Differential evolution proposes x + gamma (x1 - x2), with x1 and x2 from the other half, and is symmetric.
    """

    def __init__(self, posterior: CompiledPosterior, sweeps: int) -> None:
        self.arrays = posterior.arrays
        self.sweeps = sweeps

    def propose(self, model: Model, state: State) -> tuple[State, np.ndarray]:
        """Return the state after all sweeps, and per walker the share of its proposals that was accepted."""
        coords = state.coords.copy()
        log_prob = state.log_prob.copy()
        accepted = np.zeros(len(coords), dtype=np.int64)
        draws = self._draw_numbers(model.random, *coords.shape)
        _sweep_ensemble(coords, log_prob, accepted, draws, self.arrays)
        state.coords = coords
        state.log_prob = log_prob
        return state, accepted / self.sweeps

    def tune(self, state: State, accepted: np.ndarray) -> None:
        """Do nothing: the moves have no parameter to tune."""

    def _draw_numbers(self, random: np.random.RandomState, walkers: int, dimensions: int) -> SweepDraws:
        shape = (self.sweeps, walkers)
        half = walkers // 2
        order = np.argsort(random.random_sample(shape), axis=1)
        first = random.randint(half, size=shape)
        second = (first + 1 + random.randint(half - 1, size=shape)) % half
        stretch = ((STRETCH_SCALE - 1) * random.random_sample(shape) + 1) ** 2 / STRETCH_SCALE
        # Which kind each sweep is, and whether it jumps; the usual gamma is that of ter Braak 2006.
        kind = random.random_sample((self.sweeps, 2))
        usual = 2.38 / np.sqrt(2 * dimensions)
        gamma = np.where(kind[:, 1] < JUMP_SHARE, 1.0, usual) * (kind[:, 0] < EVOLUTION_SHARE)
        return SweepDraws(order, first, second, stretch, gamma, np.log1p(-random.random_sample(shape)))


class ProposedState(emcee.State):  # type: ignore[misc]  # emcee has no types
    """A state that carries the log of the proposal's density (walkers,) at its coordinates, None if it is not known.

    emcee hands it from step to step as it is; a new piece of the chain begins with a plain state.
    """

    __slots__ = ("log_density",)

    def __init__(self, state: emcee.State) -> None:
        super().__init__(state)
        self.log_density: np.ndarray | None = None


class IndependenceMove:
    """One proposal per walker drawn from the whole posterior's approximation, at times followed by a sweep.

    The proposal x' is accepted with probability min(1, p(x') q(x) / p(x) q(x')), so that the posterior is exact whatever q
    is. The sweep, as in `SweepMove`, moves walkers that stand where q has too little weight. The acceptance is that of the
    proposal.
    """

    def __init__(self, posterior: CompiledPosterior, proposal: Proposal) -> None:
        self.arrays = posterior.arrays
        self.proposal = proposal
        self.sweep = SweepMove(posterior, 1)

    def propose(self, model: Model, state: State) -> tuple[State, np.ndarray]:
        """Return the state after the proposal and perhaps a sweep, and per walker whether the proposal was accepted."""
        coords = state.coords.copy()
        log_prob = state.log_prob.copy()
        accepted = np.zeros(len(coords), dtype=np.int64)
        if not isinstance(state, ProposedState):
            state = ProposedState(state)
        if state.log_density is None:
            state.log_density = np.empty(len(coords))
            log_density(coords, self.proposal, state.log_density)
        u, v = model.random.random_sample((2, len(coords)))
        normals = model.random.standard_normal(coords.shape)
        log_u = np.log1p(-v)
        _step_independently(coords, log_prob, state.log_density, accepted, u, normals, log_u, self.proposal, self.arrays)
        state.coords = coords
        state.log_prob = log_prob
        if model.random.random_sample() < SWEEP_SHARE:
            state, _ = self.sweep.propose(model, state)
            state.log_density = None  # the walkers have moved
        return state, accepted

    def tune(self, state: State, accepted: np.ndarray) -> None:
        """Do nothing: what could be tuned was computed."""


@compiled
def _step_independently(coords, log_prob, here, accepted, u, normals, log_u, proposal, arrays):  # type: ignore[no-untyped-def]
    """Update coords (walkers, d), log_prob and the proposal's log-density `here` in place."""
    walkers = coords.shape[0]
    trial = np.empty(coords.shape)
    value = np.empty(walkers)
    there = np.empty(walkers)
    propose(u, normals, proposal, trial, there)
    log_posterior(trial, arrays, value)
    for w in range(walkers):
        # there is -inf only for a draw that rounding put where the proposal is zero
        if there[w] > -np.inf and log_u[w] < (value[w] - there[w]) - (log_prob[w] - here[w]):
            for d in range(coords.shape[1]):  # an assignment of arrays takes numba a second to compile
                coords[w, d] = trial[w, d]
            log_prob[w] = value[w]
            here[w] = there[w]
            accepted[w] += 1


@compiled
def _sweep_ensemble(coords, log_prob, accepted, draws, arrays):  # type: ignore[no-untyped-def]
    """Update coords (walkers, d) and log_prob in place; a sweep with gamma = 0 is a stretch move."""
    order = draws.order
    first = draws.first
    second = draws.second
    z = draws.stretch
    gamma = draws.gamma
    log_u = draws.log_u
    walkers, dimensions = coords.shape
    half = walkers // 2
    proposal = np.empty((half, dimensions))
    value = np.empty(half)
    for s in range(order.shape[0]):
        for side in range(2):
            # Propose for one half of the walkers, in an order drawn anew, from partners in the other half.
            mine = side * half
            other = (1 - side) * half
            for i in range(half):
                w = order[s, mine + i]
                a = order[s, other + first[s, mine + i]]
                b = order[s, other + second[s, mine + i]]
                for d in range(dimensions):
                    if gamma[s] > 0:
                        proposal[i, d] = coords[w, d] + gamma[s] * (coords[a, d] - coords[b, d])
                    else:
                        proposal[i, d] = coords[a, d] + z[s, mine + i] * (coords[w, d] - coords[a, d])
            # Accept; the stretch of d parameters along a line brings the factor z^(d-1).
            log_posterior(proposal, arrays, value)
            for i in range(half):
                w = order[s, mine + i]
                factor = 0.0 if gamma[s] > 0 else (dimensions - 1.0) * np.log(z[s, mine + i])
                if log_u[s, mine + i] < factor + value[i] - log_prob[w]:
                    for d in range(dimensions):
                        coords[w, d] = proposal[i, d]
                    log_prob[w] = value[i]
                    accepted[w] += 1
