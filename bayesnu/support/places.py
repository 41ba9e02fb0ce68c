"""Where a process may write when nobody has said so: a home, and a temporary place that the next process finds again."""

from __future__ import annotations

import os
import stat
from functools import cache

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@cache
def temporary_place() -> str:
    """The folder of this user below the system's temporary one.

    Compiled code is loaded from it, so nobody else may have written there. Where the name belongs to somebody else, there is
    a folder of this process alone, which is gone when it ends.
    """
    import atexit
    import shutil
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = os.path.join(tempfile.gettempdir(), f"bayesnu-{user}")
    if _is_own(folder):
        return folder
    alone = tempfile.mkdtemp(prefix="bayesnu-")
    atexit.register(shutil.rmtree, alone, ignore_errors=True)
    return alone


def _is_own(folder: str) -> bool:
    """Whether a folder is, or could be made, this user's own and nobody else's."""
    try:
        if not os.path.lexists(folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)  # another process may be faster
        found = os.lstat(folder)
    except OSError:
        return False
    is_private = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & WRITABLE_BY_OTHERS)
    return stat.S_ISDIR(found.st_mode) and is_private and os.access(folder, os.W_OK | os.X_OK)


def settle_home(must_be_writable: bool = False) -> None:
    """Give this process a home in the temporary place if it has none, or none that can be written.

    Libraries look for a home at their import and end there, as in a container whose user nobody knows. A home that is there
    is left alone in a process of somebody else's, for what is read from it.
    """
    home = os.path.expanduser("~")
    if not os.path.isabs(home) or (must_be_writable and not _holds_caches(home)):
        os.environ["HOME"] = temporary_place()


def _holds_caches(home: str) -> bool:
    """Whether caches can be written where libraries write them."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.access(folder if os.path.isdir(folder) else home, os.W_OK | os.X_OK)
