"""One process at a time: a lock on a folder that another process waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows has no locks of this kind
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
_threads = threading.RLock()
_entered = 0


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes, and other threads of this one, out of the same block. It may be entered again inside itself.

    Where no lock can be had, as on some file systems, only threads are kept out.
    """
    global _entered
    with _threads:
        file = _lock(folder / LOCK) if _entered == 0 else None
        _entered += 1
        try:
            yield
        finally:
            _entered -= 1
            if file is not None:
                file.close()  # which gives the lock back, as does the end of the process


def _lock(path: Path) -> IO[str] | None:
    """Wait for the lock on a file; None where there is none to be had."""
    if fcntl is None:
        return None
    try:
        file = path.open("a")
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        file.close()
        return None
    return file
