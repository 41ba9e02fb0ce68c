"""Simulation-based calibration: truths from the prior, data from the model, posteriors from the sampler, ranks of truths.

If sampler, likelihood and model agree, the rank of the truth among independent draws of the posterior is uniform for every
parameter, whatever the data say (Talts et al. 2018, arXiv:1804.06788). Parameters alone would not notice that data are
ignored, as then the posterior is the prior; the log-likelihood does (Modrák et al. 2023, arXiv:2211.02383), so its rank is
taken too.

Walkers of one step are independent in a stationary ensemble. Steps are thinned by twice the autocorrelation time, and draws
are taken at random from what remains. Dependent draws would make every posterior look too narrow. With an autocorrelation
time tau, 127 consecutive ones give a second moment of the scores that is too large by about 2 % times tau - 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import ceil, sqrt
from typing import Any

import numpy as np

from bayesnu.inference import credible
from bayesnu.inference.profile import interval
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.ranks import FEWEST, LEVEL, TESTS, Sensitivity, Uniformity, sensitivity, uniformity
from bayesnu.inference.sampling import convergence
from bayesnu.inference.sampling.burn_in import find_burn_in
from bayesnu.inference.sampling.ensembles import advance, begin
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys.toys import draw_data, with_data
from bayesnu.model.likelihood import compile_posterior, log_likelihood
from bayesnu.model.polynomial import Model
from bayesnu.runs import config
from bayesnu.runs import run as runs
from bayesnu.runs.run import Run, model_of, priors
from bayesnu.runs.task import Campaign
from bayesnu.support.errors import BayesnuError

PER_TASK = 10  # replicas
DRAWS = 127  # 128 ranks: more would find little more, and need longer chains
LOOKS = tuple(2**k for k in range(6, 15))  # stored steps at which a replica is judged
STEPS_PER_TAU = 20  # after the burn-in
RANGE = 3.0  # end of the usual prior over the expected limit
ENSEMBLES = 2  # of a replica
WALKERS = 64  # of an ensemble, or as many more as its parameters need
ATTEMPTS = 1000  # at a truth that the model allows
LIKELIHOOD = "log-likelihood"


@dataclass(frozen=True, eq=False)
class Replica:
    """Ranks of the true parameters and of their log-likelihood (quantities,), and how the posterior was sampled.

    `tau` is the largest autocorrelation time in stored steps; `independence` says that the sampler used that move.
    """

    ranks: np.ndarray
    converged: bool
    steps: int
    tau: float
    independence: bool


@dataclass(frozen=True, eq=False)
class Calibration:
    """Ranks (replicas, quantities) of named quantities among so many draws, and the tests of each quantity.

    Replicas that had not converged are among them; `unconverged`, `longest` (stored steps) and `sweeps` (replicas whose
    independence move did not fit) say how the sampler fared.
    """

    names: tuple[str, ...]
    ranks: np.ndarray
    draws: int
    tests: tuple[Uniformity, ...]
    unconverged: int
    largest_tau: float
    longest: int
    sweeps: int

    @property
    def p_value(self) -> float:
        """Probability of as small a p-value in any test of any quantity, at most."""
        return min(1.0, len(self.tests) * min(test.p_value for test in self.tests))

    @property
    def faults(self) -> tuple[str, ...]:
        """Quantities whose ranks are not uniform, in one sentence each; none if all of them are."""
        level = LEVEL / (TESTS * len(self.tests))
        return tuple(_describe_fault(test, level) for test in self.tests if TESTS * level > test.p_value)

    @property
    def sensitivity(self) -> Sensitivity:
        """Errors that these replicas would have found."""
        return sensitivity(len(self.ranks), self.draws, len(self.names))


def run_replica(truth: Model, analysis: Model, settings: Settings, seed: np.random.SeedSequence) -> Replica:
    """Draw parameters and counts from one model, and rank the parameters in the posterior of another.

    For a calibration both are the same. They need the same parameters; priors and templates may differ. The centres of
    constraints stay: they are the prior. Raises `BayesnuError` for a prior that the model does not allow anywhere.
    """
    of_truth, of_sampler, of_choice = seed.spawn(3)
    random = np.random.default_rng(of_truth)
    theta = _draw_from_prior(truth, random)
    model = with_data(analysis, draw_data(truth, theta, random))
    sampled = _sample_posterior(model, replace(settings, seed=int(of_sampler.generate_state(1)[0])))
    pool = sampled.kept[:, :: ceil(2 * sampled.tau)].reshape(-1, len(theta))
    chosen = pool[np.random.default_rng(of_choice).choice(len(pool), DRAWS, replace=False)]
    value = log_likelihood(model, np.concatenate([theta[None], chosen]))
    found = np.append((chosen < theta).sum(axis=0), (value[1:] < value[0]).sum())
    return Replica(found, sampled.converged, sampled.steps, sampled.tau, sampled.independence)


def _draw_from_prior(model: Model, random: np.random.Generator) -> np.ndarray:
    """Parameters from the prior where no expected count is negative, as the posterior has them (parameters,)."""
    for _ in range(ATTEMPTS):
        theta = np.array([float(prior.ppf(random.random(1))[0]) for prior in model.parameters])
        if np.all(model.expected(theta)[: model.counted] >= 0):
            return theta
    raise BayesnuError("prior: the model expects negative counts nearly everywhere in it; choose a narrower one")


@dataclass(frozen=True, eq=False)
class _Sampled:
    kept: np.ndarray
    converged: bool
    steps: int
    tau: float
    independence: bool


def _sample_posterior(model: Model, settings: Settings) -> _Sampled:
    """Sample a posterior in memory as `sampling.sample` does in a file; kept (ensembles, steps, walkers, parameters).

    The rule is shorter: bounds need no precision and modes are not compared with integration, as ranks show both.
    """
    posterior = compile_posterior(model)
    states, name, move = begin(Profiler(model), posterior, settings)
    samples = np.empty((len(states), 0, settings.walkers, len(model.parameters)))
    for look in LOOKS:
        pieces = []
        for n, state in enumerate(states):
            states[n], piece = advance(posterior, move, state, look - samples.shape[1])
            pieces.append(piece.coords)
        samples = np.concatenate([samples, np.stack(pieces)], axis=1)
        start, tau = find_burn_in(samples)
        kept = samples[:, start:]
        if kept.shape[1] > STEPS_PER_TAU * tau and _ensembles_agree(kept):
            return _Sampled(kept, True, look, tau, name == "independence")
    return _Sampled(kept, False, look, tau, name == "independence")


def _ensembles_agree(kept: np.ndarray) -> bool:
    """Whether the ensembles have the same distribution of every parameter."""
    return all(credible.rhat(kept[..., k]) < convergence.RHAT_BELOW for k in range(kept.shape[-1]))


def prepare_run(run: Run, seed: int) -> Run:
    """The run with the sampler of a calibration, and with a usual prior where the run has left its range open.

    Its end is `RANGE` times the expected 90 % limit: the profile likelihood's for counts as the Standard Model expects them.
    Of n flavours it is the weakest one's over sqrt(n), so that all at their ends make as much signal as one would alone.
    """
    walkers = max(WALKERS, 2 * (len(model_of(run).parameters) + 1))
    run = replace(run, sampling=replace(run.sampling, seed=seed, ensembles=ENSEMBLES, walkers=walkers, steps=None))
    if run.prior.kind == "gaussian" or run.prior.upper is not None:
        return run
    lower = run.prior.lower
    upper = float(f"{RANGE / sqrt(len(run.parameters)) * _find_expected_limit(run):.1e}")
    lowest, highest = priors(run)[0].of_interest.bounds
    if lower is None:
        lower = max(-upper, lowest)
    upper = min(upper, highest)
    return replace(run, prior=replace(run.prior, lower=lower, upper=upper))


def _find_expected_limit(run: Run) -> float:
    """The largest distance from zero of any end of an expected limit, in mu_B, e or cm^2."""
    model = model_of(run)
    asimov = with_data(model, model.expected(model.nominal()))
    found = [interval(asimov, k) for k in range(model.n_physics)]
    ends = [end for each in found for end in (each.lower, each.upper)]
    if any(end is None for end in ends):
        raise BayesnuError("prior: the expected limit is not found, so there is no usual range; give `prior.upper`")
    return max(abs(end) for end in ends if end is not None) * model.parameters[0].scale


def plan_calibration(run: Run, replicas: int, seed: int) -> Campaign:
    """The campaign of a calibration of a prepared run; raises `BayesnuError` for too few replicas."""
    if replicas < FEWEST:
        raise BayesnuError(f"`replicas`: found {replicas}; must be at least {FEWEST}")
    settings = {"seed": seed, "run": runs.to_dict(run), "per_task": PER_TASK}
    return Campaign("calibrate", settings, -(-replicas // PER_TASK), run_task)


def run_task(settings: Mapping[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
    """The replicas of one task; arrays (replicas, ...) of the fields of `Replica`."""
    model, sampling = _build_model(json.dumps(settings["run"]))
    return gather_replicas(run_replica(model, model, sampling, each) for each in seed.spawn(settings["per_task"]))


@cache
def _build_model(run: str) -> tuple[Model, Settings]:
    found = config.from_dict(json.loads(run))
    return model_of(found), found.sampling


def gather_replicas(replicas: Iterable[Replica]) -> dict[str, np.ndarray]:
    """Replicas as arrays by name of their fields."""
    done = list(replicas)
    return {name: np.array([getattr(each, name) for each in done]) for name in Replica.__dataclass_fields__}


def judge(names: tuple[str, ...], results: Iterable[Mapping[str, np.ndarray]], number: int | None = None) -> Calibration:
    """Test the ranks of the first `number` replicas; `names` are those of the parameters."""
    parts = list(results)
    arrays = {name: np.concatenate([part[name] for part in parts])[:number] for name in Replica.__dataclass_fields__}
    quantities = (*names, LIKELIHOOD)
    found = arrays["ranks"]
    return Calibration(
        names=quantities,
        ranks=found,
        draws=DRAWS,
        tests=tuple(uniformity(name, found[:, k], DRAWS) for k, name in enumerate(quantities)),
        unconverged=int((~arrays["converged"]).sum()),
        largest_tau=float(arrays["tau"].max()),
        longest=int(arrays["steps"].max()),
        sweeps=int((~arrays["independence"]).sum()),
    )


def _describe_fault(test: Uniformity, level: float) -> str:
    """What is wrong with a quantity of which a test has a p-value below `level`."""
    found = []
    if test.p_mean < level:
        found.append(f"truths lie {'above' if test.mean > 0 else 'below'} the draws, mean score {test.mean:+.2f}")
    if test.p_second < level:
        word = "too narrow" if test.second > test.second_expected else "too wide"
        found.append(f"the posterior is {word}, second moment {test.second:.2f} instead of {test.second_expected:.2f}")
    if test.p_band < level:
        found.append("the ranks leave their band")
    return f"{test.name}: {'; '.join(found)}"
