"""The posterior of a magnetic moment with emcee by hand: one call of compiled code for all walkers of a step."""

import emcee
import numpy as np

import bayesnu

model = bayesnu.build("xenonnt-sr0", "mu_nu")
log_posterior = bayesnu.compile_posterior(model)

walkers = 4 * len(model.names)
random = np.random.default_rng(1)
start = np.abs(model.nominal(mu_nu=0.3) + random.normal(0.0, 0.01, (walkers, len(model.names))))

sampler = emcee.EnsembleSampler(walkers, len(model.names), log_posterior, vectorize=True)
sampler.run_mcmc(start, 6000)
moments = sampler.get_chain(discard=1000, flat=True)[:, 0]

exact = bayesnu.marginal(model).quantile(0.9)
print(f"mu_nu < {np.quantile(moments, 0.9):.3f}e-11 mu_B at 90 % credibility, flat prior; by integration {exact:.3f}")
