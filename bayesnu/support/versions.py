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
    """Versions of everything that can change a last digit, of the packages that run.

    What is installed says nothing of sources that are found before it, and sources alone have no metadata.
    """
    import platform  # not needed to import the package

    packages = ("numpy", "scipy", "numba", "emcee", "arviz", "h5py")
    found = {name: _find_version(name) for name in packages}
    return {"python": platform.python_version(), "bayesnu": __version__} | found


def _find_version(package: str) -> str:
    """The version of a package: its own word if it has been imported, else that of its metadata."""
    import sys
    from importlib.metadata import PackageNotFoundError, version

    own = getattr(sys.modules.get(package), "__version__", None)
    try:
        return own or version(package)
    except PackageNotFoundError:
        return "unknown"
