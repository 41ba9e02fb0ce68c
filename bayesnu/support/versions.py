"""The version of this package, and the versions of everything that can change a last digit."""

from __future__ import annotations

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Versions of everything that can change a last digit."""
    import platform  # not needed to import the package
    from importlib.metadata import version

    packages = ("bayesnu", "numpy", "scipy", "numba", "emcee", "arviz", "h5py")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
