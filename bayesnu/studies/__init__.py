"""Questions that need many fits or runs: belts of Feldman and Cousins, coverage, calibration, comparison, the paper redone.

One file holds one question: `paper.py` is every result of the paper, `compare.py` the table of own and published limits.
Their figures are in `figures/`.

Imports every room but the command line, which alone may import it.
"""
