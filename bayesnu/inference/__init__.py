"""From a model to statements: fits, profile-likelihood and credible intervals, integration, samplers and toy experiments.

What an interval is stands in `interval.py`, with the 2.71 and the 1.64. `profile.py` makes the frequentist ones,
`marginal.py` and `credible.py` the Bayesian ones. `sampling/` makes chains, and `sampling/convergence.py` says when one
has converged. `toys/` makes and fits made-up data: goodness of fit, expected limits and Feldman-Cousins
intervals, which `toys/result.py` gathers. Its fits serve the scans of `line.py` too. Nothing here writes a file.

Imports support to model; plots, runs, studies and the command line may import it.
"""
