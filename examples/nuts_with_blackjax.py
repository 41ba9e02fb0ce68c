"""The posterior of a charge radius with the No-U-Turn sampler of blackjax, which follows the gradient.

The context is of JAX and asks for double precision within it; the settings stay as they are.
"""

import blackjax
import jax
import numpy as np

import bayesnu

model = bayesnu.build("xenonnt-sr0", "r2_nu")

with jax.enable_x64(True):
    log_posterior = bayesnu.jax_posterior(model)
    warm_up = blackjax.window_adaptation(blackjax.nuts, log_posterior)
    first, second = jax.random.split(jax.random.key(1))
    (state, parameters), _ = warm_up.run(first, jax.numpy.asarray(model.nominal() + 0.01), num_steps=1000)
    step = blackjax.nuts(log_posterior, **parameters).step
    _, states = jax.lax.scan(lambda here, key: 2 * (step(key, here)[0],), state, jax.random.split(second, 10_000))
    radii = np.asarray(states.position[:, 0])

low, high = np.quantile(radii, (0.05, 0.95))
exact = bayesnu.marginal(model).interval("eti", 0.9)
print(f"r2_nu in [{low:.1f}, {high:.1f}]e-32 cm^2, 90 % equal tails, flat prior; by integration {exact}")
