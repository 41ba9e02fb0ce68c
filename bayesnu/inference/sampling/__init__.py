"""A posterior sampled with emcee: what is drawn from, the moves, the ensembles, and when a chain has converged."""
