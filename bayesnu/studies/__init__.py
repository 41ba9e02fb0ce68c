"""Questions that need many fits or runs: belts, expected limits, coverage, calibration, comparison, and the paper redone.

Imports every room but the command line, which alone may import it.
"""
