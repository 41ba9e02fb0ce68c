"""The posterior of a charge radius with numpyro: flat sites within the ends of the priors, the log-posterior as a factor.

numpyro maps each site to the real line, so that no step ends outside of a prior.
"""

import jax
import numpy as np
import numpyro
from numpyro.distributions import Uniform
from numpyro.infer import MCMC, NUTS

import bayesnu

FAR = 10.0  # upper end of the nuisances, which are one: a Gaussian prior has none

model = bayesnu.build("xenonnt-sr0", "r2_nu")
lower = np.array([prior.lower for prior in model.parameters])
upper = np.array([prior.upper if np.isfinite(prior.upper) else FAR for prior in model.parameters])

with jax.enable_x64(True):
    log_posterior = bayesnu.jax_posterior(model)

    def describe() -> None:
        theta = numpyro.sample("theta", Uniform(lower, upper).to_event(1))
        numpyro.factor("log_posterior", log_posterior(theta))

    sampler = MCMC(NUTS(describe), num_warmup=1000, num_samples=10_000, progress_bar=False)
    sampler.run(jax.random.key(1))
    radii = np.asarray(sampler.get_samples()["theta"][:, 0])

low, high = np.quantile(radii, (0.05, 0.95))
exact = bayesnu.marginal(model).interval("eti", 0.9)
print(f"r2_nu in [{low:.1f}, {high:.1f}]e-32 cm^2, 90 % equal tails, flat prior; by integration {exact}")
