"""What is expected for given parameters: choices, folded recoils, backgrounds, priors, the polynomial, its likelihood.

`builder.py` makes the model and gives nuisances their priors; the kinds of prior are in `priors.py`. Its signal comes from
`fold.py`, which calls the physics, and its backgrounds from `backgrounds.py`. The model is a polynomial, in `polynomial.py`.
Its likelihood is in `likelihood.py`.

Imports support, physics and experiments; inference, plots, runs, studies and the command line may import it.
"""
