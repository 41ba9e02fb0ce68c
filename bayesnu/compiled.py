"""The only import of numba: compilation, and a cache that cannot serve stale physics.

numba keys its cache on the file that holds a function, not on what that function calls in other files. Here the cache
folder carries a hash of every source file that a kernel can depend on, so that a change in any of them starts an empty
cache.
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
from llvmlite import binding


@cache
def _source_hash() -> str:
    """Hash of every file that a kernel can depend on: those that hold one, and the constants.

    A kernel may use numbers of its own file and of `constants` only; a test holds the package to that. The processor is
    part of it, as machines of several kinds may share a home, and numba's own names of files would clash there.
    """
    about = f"numba {numba.__version__} python {sys.version_info[:2]} on {binding.get_host_cpu_name()}"
    digest = hashlib.sha256(about.encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        source = path.read_bytes()
        if path.name in ("compiled.py", "constants.py") or b"@compiled" in source:
            digest.update(path.name.encode() + source)
    return digest.hexdigest()[:20]


def _candidates() -> list[Path]:
    given = os.environ.get("BAYESNU_CACHE_DIR")
    if given:
        return [Path(given)]
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return [Path(base) if base else Path("~/.cache").expanduser()]
    except RuntimeError:  # a user without a home, as in many containers
        return []


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def cache_folder() -> Path:
    """Return the folder of compiled code for exactly these sources; a temporary one, with a warning, if it must be."""
    for base in _candidates():
        folder = base / "bayesnu" / _source_hash()
        if _usable(folder):
            return folder
    folder, tried = Path(tempfile.mkdtemp(prefix="bayesnu-")), ", ".join(map(str, _candidates())) or "there is no home"
    warnings.warn(
        f"no folder for compiled code can be written ({tried}): using {folder} for this process; "
        "set BAYESNU_CACHE_DIR to a writable folder to keep it",
        RuntimeWarning,
        stacklevel=2,
    )
    return folder


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and numbers on first call, cached on disk for these sources.

    Floating-point rules stay strict but for contraction into fused multiply-adds: -inf and NaN keep their meaning.
    """
    config: Any = numba.config  # the folder is read when a function is decorated; other packages keep theirs
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        return numba.njit(cache=True, error_model="numpy", fastmath={"contract"})(function)
    finally:
        config.CACHE_DIR = before
