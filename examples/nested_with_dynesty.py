"""The evidence and the posterior of a magnetic moment with dynesty, which takes the likelihood and the prior apart."""

import dynesty
import numpy as np

import bayesnu

model = bayesnu.build("xenonnt-sr0", "mu_nu")
likelihood = bayesnu.likelihood_function(model)
prior = bayesnu.prior_transform(model)

sampler = dynesty.NestedSampler(likelihood, prior, len(model.names), nlive=500, rstate=np.random.default_rng(1))
sampler.run_nested(print_progress=False)
moments = sampler.results.samples_equal(rstate=np.random.default_rng(2))[:, 0]

exact = bayesnu.marginal(model).quantile(0.9)
print(f"log evidence {sampler.results.logz[-1]:.2f} +- {sampler.results.logzerr[-1]:.2f}")
print(f"mu_nu < {np.quantile(moments, 0.9):.3f}e-11 mu_B at 90 % credibility, flat prior; by integration {exact:.3f}")
