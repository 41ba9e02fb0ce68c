"""The only import of numba: compilation, and a cache that cannot serve stale physics.

numba keys its cache on the file that holds a function, not on what that function calls in other files. Here the cache
folder carries a hash of every source file of the package, so that any change of the sources starts an empty cache.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import prange

__all__ = ["cache_folder", "compiled", "prange", "set_threads"]


@cache
def _source_hash() -> str:
    digest = hashlib.sha256(f"numba {numba.__version__} python {sys.version_info[:2]}".encode())
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _candidates() -> list[Path]:
    given = os.environ.get("BAYESNU_CACHE_DIR")
    if given:
        return [Path(given)]
    base = os.environ.get("XDG_CACHE_HOME")
    return [Path(base) if base else Path("~/.cache").expanduser()]


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def cache_folder() -> Path:
    """Return the folder of compiled code for exactly these sources; a temporary one, with one warning, if none can be written."""
    for base in _candidates():
        folder = base / "bayesnu" / _source_hash()
        if _usable(folder):
            return folder
    folder = Path(tempfile.mkdtemp(prefix="bayesnu-"))
    warnings.warn(
        f"no folder for compiled code can be written ({', '.join(map(str, _candidates()))}): using {folder} for this "
        "process; set BAYESNU_CACHE_DIR to a writable folder to keep it",
        RuntimeWarning,
        stacklevel=2,
    )
    return folder


def compiled(function: Callable[..., Any] | None = None, *, parallel: bool = False) -> Any:
    """Compile a function of arrays and numbers on first call, cached on disk for these sources.

    Floating-point rules stay strict but for contraction into fused multiply-adds: -inf and NaN keep their meaning.
    """
    if function is None:
        return lambda f: compiled(f, parallel=parallel)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return numba.njit(cache=True, parallel=parallel, error_model="numpy", fastmath={"contract"})(function)
    finally:
        numba.config.CACHE_DIR = before


def set_threads(count: int) -> None:
    """Use this many threads in parallel kernels (at most the number numba started with)."""
    numba.set_num_threads(max(1, min(count, numba.config.NUMBA_NUM_THREADS)))
