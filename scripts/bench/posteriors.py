"""The two reference posteriors, and the same log-posterior as each peer would be given it.

A: XENONnT SR0, one magnetic moment of all flavours. B: XENONnT SR0, the charge radii of three flavours. Both with one
background and a relative efficiency that is known to 10 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from scipy.special import gammaln

from bayesnu.experiments import load
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.likelihood import CompiledPosterior, compile_posterior, log_posterior
from bayesnu.model.nested_sampler import prior_transform
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.physics.properties import parameters_of

LANES = 64  # of the stripped loop: walkers per group, so that inner loops are vector instructions
CHOICES: dict[str, Any] = {"background": "single", "efficiency_width": 0.1}
ASKED = {"A": ("mu_nu", "common"), "B": ("r2_nu", "all")}
SHAPES = {"A": (5, 29, 4), "B": (15, 29, 4)}  # terms, bins, nuisance parameters
RANGES = {"A": (0.0, 2.0), "B": (-100.0, 100.0)}  # of the physics parameters: where random points lie
SITES = ("physics", "nuisances")  # of the numpyro model
Function = Callable[[np.ndarray], Any]


@dataclass(frozen=True, eq=False)
class Reference:
    """A model, and its log-posterior written for every peer. All of them are equal, constants included."""

    name: str
    model: Model

    @property
    def property(self) -> str:
        """The property inferred."""
        return ASKED[self.name][0]

    @cached_property
    def compiled(self) -> CompiledPosterior:
        """The package's own."""
        return compile_posterior(self.model)

    @cached_property
    def transform(self) -> Function:
        """From the unit cube to parameters, for nested samplers."""
        return prior_transform(self.model)

    @cached_property
    def factors(self) -> np.ndarray:
        """Factors (terms, n) with as many columns as the longest product has."""
        longest = int((self.model.factors < len(self.model.parameters)).sum(axis=1).max())
        return self.model.factors[:, :longest]

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of the priors."""
        ends = [(prior.lower, prior.upper) for prior in self.model.parameters]
        return np.array(ends).T[0], np.array(ends).T[1]

    @cached_property
    def pulls(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and widths of the nuisance parameters."""
        assert all(isinstance(p, Gaussian) for p in self.model.nuisances)
        return np.array([(p.mean, p.width) for p in self.model.nuisances]).T  # type: ignore[union-attr, return-value]

    @cached_property
    def constants(self) -> tuple[float, float]:
        """What does not depend on the parameters: of the Poisson terms and of the priors."""
        model = self.model
        middle = np.array([float(prior.ppf(np.array(0.5))) for prior in model.parameters])
        mean, width = self.pulls
        densities = sum(float(prior.logpdf(x)) for prior, x in zip(model.parameters, middle, strict=True))
        pulls = ((middle[model.n_physics :] - mean) / width) ** 2
        return -float(gammaln(model.observed + 1).sum()), densities + float(pulls.sum()) / 2

    @cached_property
    def numpy_one(self) -> Function:
        """The log-posterior of one point in numpy, as a user would write it."""
        log_likelihood, n = self.numpy_likelihood_one, self.model.n_physics
        (lower, upper), (mean, width), constant = self.bounds, self.pulls, self.constants[1]

        def function(theta: np.ndarray) -> float:
            if (theta < lower).any() or (theta > upper).any():
                return -np.inf
            pulls = (theta[n:] - mean) / width
            value: float = constant - 0.5 * (pulls @ pulls) + log_likelihood(theta)
            return value

        return function

    @cached_property
    def numpy_likelihood_one(self) -> Function:
        """The log-likelihood of one point in numpy."""
        templates, factors, observed = self.model.templates, self.factors, self.model.observed
        constant = self.constants[0]

        def function(theta: np.ndarray) -> float:
            expected = np.append(theta, 1.0)[factors].prod(axis=1) @ templates
            if (expected <= 0).any():
                return -np.inf
            return constant + float(observed @ np.log(expected)) - float(expected.sum())

        return function

    @cached_property
    def numpy_many(self) -> Function:
        """The log-posterior of many points (n, parameters) in numpy."""
        log_likelihood, n = self.numpy_likelihood_many, self.model.n_physics
        (lower, upper), (mean, width), constant = self.bounds, self.pulls, self.constants[1]

        def function(theta: np.ndarray) -> np.ndarray:
            inside = ((theta >= lower) & (theta <= upper)).all(axis=1)
            pulls = (theta[:, n:] - mean) / width
            return np.where(inside, constant - 0.5 * (pulls**2).sum(axis=1) + log_likelihood(theta), -np.inf)

        return function

    @cached_property
    def numpy_likelihood_many(self) -> Function:
        """The log-likelihood of many points in numpy: products column by column, then one matrix product."""
        templates, columns, observed = self.model.templates, self.factors.T, self.model.observed
        constant = self.constants[0]

        def function(theta: np.ndarray) -> np.ndarray:
            extended = np.concatenate([theta, np.ones((len(theta), 1))], axis=1)
            coefficients = extended[:, columns[0]]
            for column in columns[1:]:
                coefficients *= extended[:, column]
            expected = coefficients @ templates
            possible = (expected > 0).all(axis=1)
            logs = np.log(np.where(possible[:, None], expected, 1.0))
            return np.where(possible, constant + logs @ observed - expected.sum(axis=1), -np.inf)

        return function

    @cached_property
    def jax_one(self) -> Callable[[Any], Any]:
        """The log-posterior of one point in JAX."""
        import jax.numpy as jnp

        (lower, upper), (mean, width) = self.bounds, self.pulls
        constant, n, observed = sum(self.constants), self.model.n_physics, jnp.asarray(self.model.observed)

        def function(theta: Any) -> Any:
            expected = self.jax_expected(theta)
            pulls = (theta[n:] - mean) / width
            value = constant - 0.5 * (pulls**2).sum() + observed @ jnp.log(expected) - expected.sum()
            inside = ((theta >= lower) & (theta <= upper)).all() & (expected > 0).all()
            return jnp.where(inside, value, -jnp.inf)

        return function

    def jax_expected(self, theta: Any) -> Any:
        """Expected counts in JAX."""
        import jax.numpy as jnp

        extended = jnp.append(theta, 1.0)
        coefficients = extended[self.factors[:, 0]]
        for column in self.factors.T[1:]:
            coefficients = coefficients * extended[column]
        return coefficients @ jnp.asarray(self.model.templates)

    def numpyro_model(self) -> None:
        """The posterior as a numpyro model, in distributions of that package."""
        import jax.numpy as jnp
        import numpyro
        from numpyro import distributions as d

        (lower, upper), (mean, width), n = self.bounds, self.pulls, self.model.n_physics
        # as vectors, which is faster than a site for each parameter; the truncation of the Gaussians at zero is 10 widths
        # away or more, and a density that knows it is slower still
        physics = numpyro.sample(SITES[0], d.Uniform(lower[:n], upper[:n]).to_event(1))
        nuisances = numpyro.sample(SITES[1], d.Normal(mean, width).to_event(1))
        rates = self.jax_expected(jnp.concatenate([physics, nuisances]))
        # not validated: while numpyro prepares, nuisances are drawn from [-2, 2]
        numpyro.sample("counts", d.Poisson(rates, validate_args=False).to_event(1), obs=self.model.observed)

    def numpyro_density(self, theta: np.ndarray) -> np.ndarray:
        """What numpyro finds at points (n, parameters)."""
        from numpyro.infer.util import log_density

        n = self.model.n_physics
        points = [dict(zip(SITES, (point[:n], point[n:]), strict=True)) for point in theta]
        return np.array([float(log_density(self.numpyro_model, (), {}, point)[0]) for point in points])

    @cached_property
    def stripped(self) -> Function:
        """Sum of n ln(lambda/n) - lambda of many points by a compiled loop without priors and checks: the floor."""
        powers = self.model.observed.astype(np.int64)
        inverse = 1.0 / np.maximum(self.model.observed, 1.0)
        templates, factors = np.ascontiguousarray(self.model.templates), np.ascontiguousarray(self.factors)

        def function(theta: np.ndarray) -> np.ndarray:
            out = np.empty(len(theta))
            _stripped(theta, templates, factors, powers, inverse, out)
            return out

        return function

    def random_points(self, number: int, seed: int = 0) -> np.ndarray:
        """Points around the bulk of the posterior, shape (number, parameters)."""
        random = np.random.default_rng(seed)
        theta = np.stack([p.ppf(random.uniform(0.001, 0.999, number)) for p in self.model.parameters], axis=1)
        low, high = RANGES[self.name]
        theta[:, : self.model.n_physics] = random.uniform(low, high, (number, self.model.n_physics))
        return theta


def reference(name: str) -> Reference:
    """Build posterior A or B; its terms, bins and nuisance parameters have to be as many as the page says."""
    parameter, flavour = ASKED[name]
    model = build([load("xenonnt-sr0")], parameters_of(parameter, flavour), preset("default", **CHOICES))
    shape = (*model.templates.shape, len(model.nuisances))
    if shape != SHAPES[name]:
        raise RuntimeError(f"reference {name} has {shape} terms, bins and nuisances, not {SHAPES[name]}")
    return Reference(name, model)


def agreement(ref: Reference, peers: dict[str, str | None], number: int = 64) -> dict[str, float]:
    """Largest difference of every peer's log-posterior from the package's plain definition, at random points."""
    theta = ref.random_points(number)
    plain = log_posterior(ref.model, theta)
    if not (np.isfinite(plain).all() and np.ptp(plain) > 10):
        raise RuntimeError("the random points do not test anything")
    found = {
        "bayesnu": ref.compiled(theta),
        "numpy, one point": np.array([ref.numpy_one(point) for point in theta]),
        "numpy, many points": ref.numpy_many(theta),
    }
    if peers["jax"]:
        import jax

        found["JAX"] = np.asarray(jax.jit(jax.vmap(ref.jax_one))(theta))
    if peers["numpyro"]:
        found["numpyro"] = ref.numpyro_density(theta)
    differences = {name: float(np.abs(values - plain).max()) for name, values in found.items()}
    bare, whole = ref.stripped(theta), ref.numpy_likelihood_many(theta)
    differences["stripped loop"] = float(np.ptp(bare - whole) / 2)  # equal but for a constant
    return differences


@numba.njit(cache=False, error_model="numpy", fastmath={"contract"})
def _stripped(theta, templates, factors, powers, inverse, out):  # type: ignore[no-untyped-def]
    """Products of parameters, contraction with the templates, product of powers, one logarithm: no more than that."""
    parameters, terms, bins = theta.shape[1], templates.shape[0], templates.shape[1]
    lanes = np.ones((parameters + 1, LANES))
    coefficient = np.empty((terms, LANES))
    expected, power = np.empty(LANES), np.empty(LANES)
    product, total = np.empty(LANES), np.empty(LANES)
    for start in range(0, theta.shape[0], LANES):
        count = min(LANES, theta.shape[0] - start)
        for i in range(count):
            for k in range(parameters):
                lanes[k, i] = theta[start + i, k]
        for t in range(terms):
            for i in range(LANES):
                coefficient[t, i] = lanes[factors[t, 0], i]
            for f in range(1, factors.shape[1]):
                if factors[t, f] < parameters:
                    for i in range(LANES):
                        coefficient[t, i] *= lanes[factors[t, f], i]
        total[:] = 0.0
        product[:] = 1.0
        for b in range(bins):
            expected[:] = 0.0
            for t in range(terms):
                c = templates[t, b]
                for i in range(LANES):
                    expected[i] += coefficient[t, i] * c
            for i in range(LANES):
                total[i] += expected[i]
                power[i] = expected[i] * inverse[b]
            n = powers[b]
            while n > 0:
                if n & 1:
                    for i in range(LANES):
                        product[i] *= power[i]
                n >>= 1
                if n > 0:
                    for i in range(LANES):
                        power[i] *= power[i]
        for i in range(count):
            out[start + i] = np.log(product[i]) - total[i]
