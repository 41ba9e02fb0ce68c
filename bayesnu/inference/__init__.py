"""From a model to statements: fits, profile-likelihood and credible intervals, integration, samplers and toy experiments.

Writes no file. Imports support to model; plots, runs, studies and the command line may import it.
"""
