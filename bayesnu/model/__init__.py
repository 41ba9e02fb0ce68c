"""What is expected for given parameters: choices, folded recoils, backgrounds, priors, the polynomial, its likelihood.

Imports support, physics and experiments; inference, plots, runs, studies and the command line may import it.
"""
