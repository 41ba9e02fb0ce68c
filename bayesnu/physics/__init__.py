"""The Sun, the neutrino and the atom: fluxes, oscillation, cross section, electrons, detector response, and properties.

Takes and returns arrays. Imports support alone; every room above may import it.
"""
