"""What every room stands on and no physicist looks for: errors, text, files, compiled code, quadrature, versions.

Imports nothing of the package but itself; every room may import it.
"""
