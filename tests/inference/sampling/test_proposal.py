"""The proposal and its move: its density is the one it draws from, and the posterior is exact however bad it is."""

from __future__ import annotations

from dataclasses import replace

import emcee
import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid

from bayesnu.experiments import load, scale_exposure
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.sampling import proposal
from bayesnu.inference.sampling.ensembles import begin
from bayesnu.inference.sampling.moves import IndependenceMove
from bayesnu.inference.sampling.proposal import Proposal, log_density, propose
from bayesnu.inference.settings import Settings
from bayesnu.model.builder import build
from bayesnu.model.likelihood import compile_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Gaussian, with_kind
from bayesnu.physics.names import GROUPS
from bayesnu.physics.properties import Parameter, parameter_of, parameters_of
from bayesnu.support.errors import BayesnuError
from tests.inference.sampling.test_moves import deviation
from tests.statistics.models import counting, model_of

SINGLE = ("mu_nu", "q_nu", "r2_nu")
SHELLS = [(name, group) for name in SINGLE for group in GROUPS if group != "common"]


def shells() -> list[tuple[str, ...]]:
    """Physics parameters of every group of several elements that a property has."""
    found = []
    for name, group in SHELLS:
        try:
            found.append(parameters_of(name, group))
        except BayesnuError:  # a moment has no off-diagonal elements, a charge none of mass states
            continue
    return found


def drawn(approximation: Proposal, number: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draws (number, parameters) of a proposal and the log of its density, which both functions have to agree on."""
    random = np.random.default_rng(seed)
    theta = np.empty((number, len(approximation.centre) + approximation.mean.shape[1]))
    said, out = np.empty((2, number))
    propose(random.random(number), random.standard_normal(theta.shape), approximation, theta, said)
    log_density(theta, approximation, out)
    np.testing.assert_allclose(said, out, rtol=0, atol=1e-7)
    return theta, out


def built(model: Model) -> Proposal:
    """The proposal of a model that has one."""
    approximation = proposal.build(Profiler(model))
    assert approximation is not None
    return approximation


def acceptance(model: Model, approximation: Proposal) -> float:
    """Probability that a proposal is accepted from a posterior draw, from importance weights of draws."""
    theta, log_q = drawn(approximation, 20_000)
    log_weight = compile_posterior(model)(theta) - log_q
    weight = np.exp(log_weight - log_weight.max())
    here = np.random.default_rng(2).choice(len(weight), 10_000, p=weight / weight.sum())
    return float(np.minimum(1, np.exp(log_weight[10_000:] - log_weight[here])).mean())


@pytest.mark.parametrize("names", [*((name,) for name in SINGLE), *shells()], ids=lambda names: names[-1])
def test_the_proposal_is_close_to_the_posterior(names: tuple[str, ...]) -> None:
    model = model_of("xenonnt-sr0", *names)
    assert acceptance(model, built(model)) > (0.98 if len(names) == 1 else 0.7)


@pytest.mark.parametrize(("parameter", "exposure"), [("r2_nu", 2000.0), ("q_nu", 50.0)])
def test_it_is_close_where_data_tell_directions_apart(parameter: str, exposure: float) -> None:
    """Data of a detector to come: the shell is thin, off its centre, and fuller on one side."""
    scaled = scale_exposure(load("xenonnt-sr0"), exposure)
    model = build([scaled], [f"{parameter}_{flavour}" for flavour in ("e", "mu", "tau")])
    asimov = replace(model, observed=model.expected(model.nominal()))
    approximation = built(asimov)
    assert approximation.directions.size > 1
    assert acceptance(asimov, approximation) > 0.7


def test_it_is_close_for_all_experiments_with_every_nuisance() -> None:
    for name in ("xenonnt-sr0", "pandax4t-run0", "pandax4t-run1"):
        model = model_of(name, "r2_nu_e", "r2_nu_mu", "r2_nu_tau")
        assert acceptance(model, built(model)) > 0.9


@pytest.mark.parametrize("names", [("mu_nu",), ("r2_nu",), ("mu_nu_e", "mu_nu_mu", "mu_nu_tau"), ("q_nu_e", "q_nu_tau")])
def test_the_density_is_that_of_the_draws(names: tuple[str, ...]) -> None:
    """Importance weights from q to another density g average to g's integral only if q's density is right.

    g is q itself with the nuisances and the physics moved a little, whose density is q's at the point moved back.
    """
    model = model_of("xenonnt-sr0", *names, background="single")
    approximation = built(model)
    theta, log_q = drawn(approximation, 400_000)
    width = np.concatenate([theta[:, : len(names)].std(axis=0) / 10, theta[:, len(names) :].std(axis=0) / 5])
    for direction in np.eye(len(width)):
        shifted, moved = theta - direction * width, np.empty(len(theta))
        log_density(shifted, approximation, moved)
        shown = np.ones(len(theta), dtype=bool)
        if names[0].startswith("mu"):  # what the shift carries over the boundary is lost
            shown = np.all(shifted[:, : len(names)] >= 0, axis=1)
        ratio = np.where(shown & np.isfinite(moved), np.exp(moved - log_q), 0.0)
        error = ratio.std() / np.sqrt(len(ratio))
        lost = 0.0
        if names[0].startswith("mu"):
            back = theta + direction * width  # probability that a draw, moved on, stays where q can see it
            seen = np.empty(len(theta))
            log_density(back, approximation, seen)
            lost = 1 - np.isfinite(seen).mean()
        assert abs(ratio.mean() - 1 + lost) < 4.5 * error + 1e-3, direction


@pytest.mark.parametrize("kind", ("flat", "flat-square", "log-uniform", "gaussian"))
def test_any_prior_of_one_parameter_has_a_close_proposal(kind: str) -> None:
    model = model_of("xenonnt-sr0", "mu_nu")
    changes = {"log-uniform": {"lower": 0.01}, "gaussian": {"mean": 0.5, "width": 0.1}}.get(kind, {})
    model = model.with_priors(with_kind(model.parameters[0], kind, **changes))
    assert acceptance(model, built(model)) > 0.97


def exact_quantiles(model: Model) -> dict[float, float]:
    exact = marginal(model)
    return {p: exact.quantile(p) for p in (0.05, 0.25, 0.5, 0.75, 0.95)}


def runs(model: Model, approximation: Proposal, steps: int) -> np.ndarray:
    """Samples (runs, steps, walkers) of the physics parameter, in independent ensembles that start from the proposal."""
    posterior, out = compile_posterior(model), []
    for seed in range(16):
        random = np.random.RandomState(seed)
        theta = np.empty((64, len(model.parameters)))
        normals = random.standard_normal(theta.shape)
        propose(random.random_sample(64), normals, approximation, theta, np.empty(64))
        theta = theta[np.isfinite(posterior(theta))]
        theta = theta[: len(theta) // 2 * 2]
        sampler = emcee.EnsembleSampler(
            *theta.shape, posterior, moves=[IndependenceMove(posterior, approximation)], vectorize=True
        )
        sampler.run_mcmc(emcee.State(theta, random_state=random.get_state()), steps, skip_initial_state_check=True)
        out.append(sampler.get_chain()[steps // 5 :, :, 0])
    smallest = min(each.shape[1] for each in out)
    return np.array([each[:, :smallest] for each in out])


def spoiled(approximation: Proposal, how: str) -> Proposal:
    """A proposal that is wrong on purpose, but covers the posterior."""
    if how == "flat":
        flat = np.full_like(approximation.density, 1 / np.ptp(approximation.radius))
        below = np.concatenate([[0.0], np.cumsum(np.diff(approximation.radius) * flat[1:])])
        return approximation._replace(density=flat, below=below / below[-1])
    if how == "wide":
        return approximation._replace(factor=1.6 * approximation.factor)
    if how == "moved":
        width = np.diagonal(approximation.factor, axis1=1, axis2=2)
        return approximation._replace(mean=approximation.mean + 0.4 * width, factor=1.3 * approximation.factor)
    return approximation


@pytest.mark.parametrize("how", ("as it is", "flat", "wide", "moved"))
@pytest.mark.parametrize("name", ("mu_nu", "r2_nu"))
def test_the_posterior_is_exact_however_bad_the_proposal(name: str, how: str) -> None:
    model = model_of("xenonnt-sr0", name, background="single")
    samples = runs(model, spoiled(built(model), how), 250)
    for p, x in exact_quantiles(model).items():
        assert deviation((samples < x).mean(axis=(1, 2)), p) < 4.5, p


def test_the_sampler_is_a_tenth_of_a_per_cent_exact() -> None:
    model = model_of("xenonnt-sr0", "mu_nu", background="single")
    below = (runs(model, built(model), 250) < exact_quantiles(model)[0.95]).mean(axis=(1, 2))
    assert below.std(ddof=1) / 4 < 0.002, "the errors are too large for the other tests to mean much"


def test_three_counts_of_an_own_experiment_are_exact() -> None:
    # a background nearly without a constraint and three counts: nothing is Gaussian here
    flat = Flat(Parameter("s", "s", "", 1.0), 0.0, 30.0)
    background = Gaussian(Parameter("b", "b", "", 1.0), 0.0, 50.0, mean=1.0, width=0.8)
    model = counting(np.array([1.0, 0.5]), np.array([0.5, 1.5]), np.array([2.0, 1.0]), (flat, background))
    model = replace(model, parameters=(replace(flat, parameter=parameter_of("mu_nu")), background))
    samples = runs(model, built(model), 400)
    s, b = np.linspace(0, 30, 1201), np.linspace(0, 10, 801)
    grid = np.stack(np.meshgrid(s, b, indexing="ij"), axis=-1)
    density = np.exp(compile_posterior(model)(grid.reshape(-1, 2)).reshape(grid.shape[:2])).sum(axis=1)
    below = cumulative_trapezoid(density, s, initial=0)
    below /= below[-1]
    for p in (0.05, 0.5, 0.9, 0.99):
        assert deviation((samples < np.interp(p, below, s)).mean(axis=(1, 2)), p) < 4.5, p


def test_a_posterior_that_is_no_shell_falls_back_to_sweeps() -> None:
    names = ("mu_nu_e", "mu_nu_mu", "mu_nu_tau")
    model = model_of("xenonnt-sr0", *names, background="single")
    settings = Settings("upper", seed=3)
    assert begin(Profiler(model), compile_posterior(model), settings)[1] == "independence"
    spiked = model.with_priors(*(with_kind(p, "log-uniform", lower=1e-3) for p in model.physics))
    assert begin(Profiler(spiked), compile_posterior(spiked), settings)[1] == "sweeps"


def test_parameters_that_do_not_act_have_no_shell() -> None:
    model = model_of("xenonnt-sr0", "mu_nu_e", "mu_nu_mu")
    keep = ~np.any(model.factors == 1, axis=1)
    templates = np.where(keep[:, None], model.templates, 0.0)
    assert proposal.build(Profiler(replace(model, templates=templates))) is None
    assert proposal.build(Profiler(model_of("xenonnt-sr0"))) is None
