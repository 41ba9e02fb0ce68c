"""The version of this package, where it lies, and the versions of everything that can change a last digit."""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

PACKAGE = Path(__file__).resolve().parent.parent  # the folder of this package's sources


def versions() -> dict[str, str]:
    """Versions of everything that can change a last digit."""
    import platform  # not needed to import the package
    from importlib.metadata import version

    packages = ("bayesnu", "numpy", "scipy", "numba", "emcee", "arviz", "h5py")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
