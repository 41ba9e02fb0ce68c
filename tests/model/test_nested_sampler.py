"""A nested sampler, which shares neither moves nor starts nor stopping with emcee, finds the same posteriors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import dynesty
import numpy as np
import pytest
from scipy.special import logsumexp

from bayesnu.inference.credible import quantile, quantile_error
from bayesnu.inference.fits import Fits
from bayesnu.inference.marginal import bayes_factor, marginal
from bayesnu.inference.settings import Settings
from bayesnu.model.likelihood import log_likelihood, log_posterior
from bayesnu.model.nested_sampler import likelihood_function, prior_transform
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian, with_kind
from bayesnu.physics.properties import parameters_of
from bayesnu.runs import chain_file
from bayesnu.runs.extension import extend_chain
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import EXPERIMENTS, model_of

PROBABILITIES = (0.05, 0.5, 0.95)
REPEATS = 40  # simulations of a nested run from its own threads: the error of whatever it says


def nested(model: Model) -> Any:
    """Results of dynesty with independent draws.

    With random walks of the default length, quantiles of a shell are up to 4 of the errors found here away.
    """
    sampler = dynesty.NestedSampler(
        likelihood_function(model),
        prior_transform(model),
        len(model.parameters),
        nlive=1000,
        sample="unif",
        rstate=np.random.default_rng(1),
    )
    sampler.run_nested(dlogz=0.02, print_progress=False)
    return sampler.results


def weighted_quantiles(results: Any, k: int) -> np.ndarray:
    """Quantiles of one parameter."""
    order = np.argsort(results.samples[:, k])
    below = np.cumsum(results.importance_weights()[order])
    return np.asarray(np.interp(PROBABILITIES, below / below[-1], results.samples[order, k]))


def quantiles_of(results: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of the first n parameters with their errors, shapes (n, 3)."""
    random = np.random.default_rng(2)
    repeats = [dynesty.utils.resample_run(results, rstate=random) for _ in range(REPEATS)]
    scatter = [[weighted_quantiles(each, k) for k in range(n)] for each in repeats]
    return np.array([weighted_quantiles(results, k) for k in range(n)]), np.std(scatter, axis=0, ddof=1)


@cache
def evidence(model: Model) -> tuple[float, float]:
    """Log-evidence with its error."""
    results = nested(model)
    return float(results.logz[-1]), float(results.logzerr[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("item", "background"),
    [
        ("mu_nu", "single"),
        pytest.param("q_nu", "single", marks=pytest.mark.long),
        pytest.param("r2_nu", "single", marks=pytest.mark.long),  # the slowest of all tests
        pytest.param("q_nu", "components", marks=pytest.mark.long),
    ],
)
def test_three_flavours_from_emcee_are_those_of_a_nested_sampler(item: str, background: str, tmp_path: Path) -> None:
    model = model_of("xenonnt-sr0", *parameters_of(item, "all"), background=background)
    settings = Settings("upper" if item == "mu_nu" else "eti", seed=1)
    chain_file.create(tmp_path / "chain.h5", model, {}, settings.seed, "", settings.ensembles)
    verdict = extend_chain(Fits(model), tmp_path / "chain.h5", settings)
    assert verdict.converged, verdict.missing
    kept = chain_file.read(tmp_path / "chain.h5").samples[:, verdict.burn_in :]
    theirs, their_errors = quantiles_of(nested(model), model.n_physics)
    for k in range(model.n_physics):
        ours = np.array([quantile(kept[..., k], p) for p in PROBABILITIES])
        our_errors = np.array([quantile_error(kept[..., k], p) for p in PROBABILITIES])
        errors = np.hypot(our_errors, their_errors[k])
        assert np.all(errors < 0.05 * (ours[2] - ours[0]))  # or else to agree would mean nothing
        np.testing.assert_array_less(np.abs(ours - theirs[k]), 4 * errors)


@cache
def single(*parameters: str) -> Model:
    """XENONnT with one background: three nuisances."""
    return model_of("xenonnt-sr0", *parameters, background="single")


def log_evidence_on_a_grid(model: Model, physics: np.ndarray | None = None) -> float:
    """Log-evidence by the trapezoidal rule in every parameter."""
    steps = np.linspace(-5.25, 5.25, 15)  # in widths: the rule is exact to 1e-7 here
    axes = [p.mean + p.width * steps for p in model.nuisances if isinstance(p, Gaussian)]
    axes = axes if physics is None else [physics, *axes]
    theta = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return float(logsumexp(log_posterior(model, theta)) + np.sum([np.log(axis[1] - axis[0]) for axis in axes]))


RANGES = {"mu_nu": (0.0, 2.5), "q_nu": (-1.0, 1.4), "r2_nu": (-110.0, 70.0)}


@pytest.mark.parametrize("parameter", RANGES)
def test_bayes_factor_is_the_ratio_of_evidences_on_a_grid(parameter: str) -> None:
    model, low, high = single(parameter), *RANGES[parameter]
    values = np.linspace(low, high, 101)
    if low == 0:
        values = (values[1:] + values[:-1]) / 2  # the midpoints, as the likelihood does not vanish at zero
    exact = log_evidence_on_a_grid(model, values) - log_evidence_on_a_grid(single())
    assert np.log(bayes_factor(marginal(model))) == pytest.approx(exact, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("parameter", RANGES)
def test_nested_evidence_is_that_of_deterministic_integration(parameter: str) -> None:
    (free, free_error), (fixed, fixed_error) = evidence(single(parameter)), evidence(single())
    exact = log_evidence_on_a_grid(single())
    assert 0 < fixed_error < 0.05 and 0 < free_error < 0.1
    assert abs(fixed - exact) < 4 * fixed_error
    assert abs(free - exact - np.log(bayes_factor(marginal(single(parameter))))) < 4 * free_error


@pytest.mark.long
@pytest.mark.parametrize(("kind", "lower"), [("flat-square", 0.0), ("log-uniform", 0.01)])
def test_nested_evidence_with_other_priors(kind: str, lower: float) -> None:
    model = single("mu_nu")
    model = model.with_priors(with_kind(model.parameters[0], kind, lower=lower))
    value, error = evidence(model)
    expected = log_evidence_on_a_grid(single()) + np.log(bayes_factor(marginal(model), 0.01))
    assert 0 < error < 0.1 and abs(value - expected) < 4 * error


def test_twice_the_prior_range_is_half_the_bayes_factor() -> None:
    model = single("q_nu")
    wide = model.with_priors(with_kind(model.parameters[0], "flat", lower=-8.0, upper=8.0))
    assert bayes_factor(marginal(wide)) == pytest.approx(bayes_factor(marginal(model)) / 2, rel=1e-5)


def test_no_density_no_bayes_factor() -> None:
    model = single("mu_nu")
    square = marginal(model.with_priors(with_kind(model.parameters[0], "flat-square")))
    with pytest.raises(BayesnuError, match="no density at 0"):
        bayes_factor(square)
    with pytest.raises(BayesnuError, match="no density at -1"):
        bayes_factor(marginal(model), -1.0)
    with pytest.raises(BayesnuError, match=r"below exp\(-22.5\) of its peak"):
        bayes_factor(marginal(model), 9.5)
    assert bayes_factor(square, 1e-4) == pytest.approx(bayes_factor(square, 1e-3), rel=1e-4)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("choices", [{}, {"normalisations": "free"}], ids=["published", "free"])
def test_the_cube_becomes_the_prior(experiment: str, choices: dict[str, Any]) -> None:
    model = model_of(experiment, "q_nu", **choices)
    transform, cube = prior_transform(model), np.random.default_rng(3).random((50, len(model.parameters)))
    theta = transform(cube)
    back = np.stack([prior.cdf(theta[:, k]) for k, prior in enumerate(model.parameters)], axis=1)
    np.testing.assert_allclose(back, cube, atol=1e-9)
    assert transform(cube[7]).shape == (len(model.parameters),)
    np.testing.assert_array_equal(transform(cube[7]), theta[7])
    np.testing.assert_array_equal(transform(cube.reshape(5, 10, -1)), theta.reshape(5, 10, -1))


def test_corners_of_the_cube_are_finite() -> None:
    model = model_of("pandax4t-run1", "mu_nu")
    for corner in (0.0, 1.0):
        theta = prior_transform(model)(np.full(len(model.parameters), corner))
        assert np.all(np.isfinite(theta)) and np.all(theta >= [prior.lower for prior in model.parameters])


@pytest.mark.parametrize("parameter", RANGES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_likelihood_is_the_plain_one_without_any_prior(experiment: str, parameter: str) -> None:
    model = model_of(experiment, parameter)
    function = likelihood_function(model)
    theta = prior_transform(model)(np.random.default_rng(4).random((100, len(model.parameters))))
    theta[0] = -1.0  # outside of every prior, and negative counts
    np.testing.assert_allclose(function(theta), log_likelihood(model, theta), rtol=1e-10)
    assert function(theta)[0] == -np.inf
    one = function(theta[5])
    assert np.ndim(one) == 0 and one == function(theta)[5]
    informed = model.with_priors(with_kind(model.parameters[0], "gaussian", mean=0.1, width=0.01))
    np.testing.assert_array_equal(likelihood_function(informed)(theta), function(theta))


@pytest.mark.slow
def test_the_table_in_the_documentation_is_what_its_code_prints(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")
    code, table = (text.split(f"```{kind}\n")[1].split("```")[0] for kind in ("python", "text"))
    exec(compile(code, "evidence.md", "exec"), {})
    found = capsys.readouterr().out.splitlines()
    for mine, printed in zip(table.splitlines(), found, strict=True):
        assert mine.split("B =")[0] == printed.split("B =")[0]
        one, other = (np.array([float(part.split()[0]) for part in line.split("=")[1:]]) for line in (mine, printed))
        np.testing.assert_allclose(one, other, rtol=0.02, atol=1.1e-4)
