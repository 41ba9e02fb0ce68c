"""The loop of a run: steps in pieces, a look at fixed step numbers, and the rule that ends it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import emcee
import numpy as np

from bayesnu.inference.diagnostics import Convergence
from bayesnu.inference.fits import Fits
from bayesnu.inference.sampling.convergence import judge
from bayesnu.inference.sampling.ensembles import advance, begin, move_named
from bayesnu.inference.settings import Settings
from bayesnu.model.likelihood import compile_posterior
from bayesnu.runs import chain_file

FIRST_CHECK = 128  # stored steps before the first look
PIECE = 256  # steps in memory before they are written
GROWTH = 1.5  # of the chain from look to look: a look costs more than the steps
GRAIN = 64  # steps: looks are at multiples of it


def extend_chain(
    fits: Fits,
    path: Path,
    settings: Settings,
    report: Callable[[Convergence, float], None] | None = None,
) -> Convergence:
    """Run, or go on with, the chain in the file `path` until it has converged or has its steps.

    The file has to exist (`chain_file.create`); what it holds decides where to go on. `report` is called with each verdict
    and the acceptance since the one before; without it a run of given length is judged at its end only. Raises
    `BayesnuError` when the file cannot be written.
    """
    model = fits.model
    posterior = compile_posterior(model)
    done = chain_file.steps_done(path)
    if done:
        states, move = _read_states(path), move_named(chain_file.read_move(path), fits.profiler, posterior)
        verdict: Convergence | None = judge(fits, chain_file.read(path), settings)
    else:
        states, name, move = begin(fits.profiler, posterior, settings)
        chain_file.store_move(path, name)
        verdict = None
    while not _is_finished(done, verdict, settings):
        stop = next_look(done, settings)
        accepted = []
        numbers = (stop - done + chain_file.CHUNK) * sum(state.coords.size + len(state.coords) for state in states)
        with chain_file.extending(path, numbers) as add:
            for n, first in itertools.product(range(len(states)), range(done, stop, PIECE)):
                states[n], piece = advance(posterior, move, states[n], min(PIECE, stop - first))
                add(n, piece)
                accepted.append(piece.accepted.sum() / piece.log_prob.size)
        done = stop
        if report is None and done < (settings.steps or 0):
            continue  # nobody asks how a run of given length is doing before its end
        verdict = judge(fits, chain_file.read(path), settings)
        if report is not None:
            report(verdict, float(np.mean(accepted)))
    assert verdict is not None
    return verdict


def next_look(done: int, settings: Settings) -> int:
    """The stored step at which the run looks at itself next: fixed numbers, whatever happened before."""
    look = FIRST_CHECK
    while look <= done:
        look = int(np.ceil(look * GROWTH / GRAIN)) * GRAIN
    return min(look, settings.steps or settings.most_steps)


def _is_finished(done: int, verdict: Convergence | None, settings: Settings) -> bool:
    if settings.steps is not None:
        return done >= settings.steps
    return done >= settings.most_steps or (verdict is not None and verdict.converged)


def _read_states(path: Path) -> list[emcee.State]:
    return [
        emcee.State(coords, log_prob=log_prob, random_state=random_state)
        for coords, log_prob, random_state in chain_file.last_states(path)
    ]
