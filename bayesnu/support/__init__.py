"""What every room stands on and no physicist looks for: errors, text, files, compiled code, quadrature, versions.

Compiled functions and their cache are in `compiled.py`. Imports nothing of the package but itself; every room may import it.
"""
