"""matplotlib imported whatever the environment says: figures are made without a display."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def any_backend() -> Iterator[None]:
    """Let matplotlib be imported whatever MPLBACKEND says.

    A notebook hands on the name of a backend that may not be installed here, and matplotlib then refuses to be imported. A
    backend that it knows is chosen afterwards, as matplotlib itself would have done.
    """
    named = os.environ.pop("MPLBACKEND", None) if "matplotlib" not in sys.modules else None
    try:
        yield
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named and "matplotlib" in sys.modules:
        with suppress(ValueError):
            sys.modules["matplotlib"].rcParams["backend"] = named
