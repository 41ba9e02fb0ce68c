"""The only import of numba: compilation, and a cache that cannot serve stale physics.

numba keys its cache on the file that holds a function, not on what that function takes from other files. That may be a
constant, the value of an enumeration, or the order of a bundle's fields. Here the cache folder carries a hash of every
source file that a kernel can depend on, so that a change in any of them starts an empty cache.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import binding
from numba.core.compiler_lock import global_compiler_lock

from bayesnu.support.exclusive import exclusive
from bayesnu.support.places import temporary_place
from bayesnu.support.versions import package_folder


@cache
def _hash_sources() -> str:
    """Hash of every file that a kernel can depend on, by its path below the package, and of what compiles it.

    The processor is part of it, as machines of several kinds may share a home, and numba's own names of files would clash
    there.
    """
    about = f"numba {numba.__version__} python {sys.version_info[:2]} on {binding.get_host_cpu_name()}"
    digest = hashlib.sha256(about.encode())
    for path, source in sorted(_collect_sources(package_folder()).items()):
        digest.update(path.encode() + b"\0" + source + b"\0")
    return digest.hexdigest()[:20]


def _collect_sources(package: Path) -> dict[str, bytes]:
    """Every file with a kernel, and every file of the package that those import, directly or not: path to content.

    A kernel is compiled with the constants, enumerations and bundles of other files, and numba looks at its own file alone.
    The package's own face shows names of all rooms; nothing imports from it, so it leads nowhere.
    """
    sources = {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*.py")}
    waiting = [path for path, source in sources.items() if b"@compiled" in source]
    found: dict[str, bytes] = {}
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = sources[path]
            imported = _find_imports(sources[path], package.name)
            waiting += [each for each in imported if each in sources and each != "__init__.py"]
    return found


def _find_imports(source: bytes, package: str) -> Iterator[str]:
    """Paths that imports of the package, at whatever depth, may lead to: those of modules and of the faces above them."""
    name = package.encode()
    pattern = rb"^[ \t]*(?:from[ \t]+(" + name + rb"[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))"
    for module, names, plain in re.findall(pattern, source, re.MULTILINE):
        # Either `import a.b, c.d`, or `from a import b, c`, where b and c may be modules, too.
        members = [module + b"." + each for each in re.findall(rb"\w+", names)]
        words = re.findall(rb"[\w.]+", plain) or members
        for word in words:
            parts = word.decode().split(".")[1:]
            for depth in range(len(parts) + 1):
                stem = os.path.join(*parts[:depth]) if depth else ""
                yield from (f"{stem}.py", os.path.join(stem, "__init__.py"))


def _list_bases() -> list[Path]:
    given = os.environ.get("BAYESNU_CACHE_DIR")
    if given:
        return [Path(given)]
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return [Path(base) if base else Path("~/.cache").expanduser()]
    except RuntimeError:  # a user without a home, as in many containers
        return []


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def cache_folder() -> Path:
    """Return the folder of compiled code for exactly these sources; a temporary one, with a warning, if it must be."""
    for base in _list_bases():
        folder = base / "bayesnu" / _hash_sources()
        if _is_writable(folder):
            return folder
    folder = Path(temporary_place()) / _hash_sources()
    folder.mkdir(exist_ok=True)
    tried = ", ".join(map(str, _list_bases())) or "there is no home"
    warnings.warn(
        f"no folder for compiled code can be written ({tried}): using {folder}, which may be emptied at any time; "
        "set BAYESNU_CACHE_DIR to a writable folder to keep it",
        RuntimeWarning,
        stacklevel=2,
    )
    return folder


def is_lasting(folder: Path) -> bool:
    """Whether a folder of compiled code is where caches lie, and not in the temporary place."""
    return folder.parent.name == "bayesnu"


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and numbers on first call, cached on disk for these sources.

    Floating-point rules stay strict but for contraction into fused multiply-adds: -inf and NaN keep their meaning. What is
    fused depends on how code is inlined, so one process compiles for all that share a cache: they give the same bits.
    """
    config: Any = numba.config  # the folder is read when a function is decorated; other packages keep theirs
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        dispatcher: Any = numba.njit(cache=True, error_model="numpy", fastmath={"contract"})(function)
    finally:
        config.CACHE_DIR = before
    dispatcher.compile = _compile_alone(dispatcher.compile)
    return dispatcher


def _compile_alone(compile_: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Numba's method that takes a function from the cache or else compiles it, for one process at a time.

    Whoever had to wait finds in the cache what the other has compiled. Numba's own lock is taken first, as where a kernel
    is compiled for the sake of another.
    """

    def compile_alone(signature: Any) -> Any:
        with global_compiler_lock, exclusive(cache_folder()):
            return compile_(signature)

    return compile_alone


@contextmanager
def compiling_when_called() -> Iterator[None]:
    """Let libraries imported meanwhile compile their vectorized functions when they are called, not at import."""
    usual: Any = numba.vectorize
    numba.vectorize = lambda *signatures, **options: usual(**options)
    try:
        yield
    finally:
        numba.vectorize = usual
