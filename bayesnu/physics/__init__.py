"""The Sun, the neutrino and the atom: fluxes, oscillation, cross section, electrons, detector response, and properties.

One file holds one subject, as functions of arrays: `spectra.py`, `flux.py`, `oscillation.py`, `cross_section.py`,
`atom.py`. Resolution and efficiency are applied in `detector.py`. `properties.py` says what a parameter such as `mu_nu_e`
means as `Couplings`.

Imports support alone; every later room may import it.
"""
