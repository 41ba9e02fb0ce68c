"""The version of this package, where it lies, and the versions of everything that can change a last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__version__ = "0.1.0"


def package_folder() -> Path:
    """The folder of this package's sources."""
    from pathlib import Path  # not needed to import the package

    return Path(__file__).resolve().parent.parent


def versions() -> dict[str, str]:
    """Versions of everything that can change a last digit."""
    import platform  # not needed to import the package
    from importlib.metadata import version

    packages = ("bayesnu", "numpy", "scipy", "numba", "emcee", "arviz", "h5py")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
