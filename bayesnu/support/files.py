"""Files that are complete or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bayesnu.support.errors import BayesnuError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write to; what is there at the end becomes the file, which is whole or not there.

    Raises `BayesnuError` where no file can be, and for what is no file: a device or a pipe would be lost.
    """
    new = Path(f"{path}.new")
    try:
        if os.path.lexists(path) and not path.is_file():
            raise OSError("not a regular file")
        new.touch()
        yield new
        new.replace(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise BayesnuError(f"{path}: cannot be written ({reason}); choose another place") from None
    finally:
        with suppress(OSError, ValueError):
            new.unlink(missing_ok=True)
