"""Files that are complete or not there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bayesnu.support.errors import BayesnuError


@contextmanager
def whole_file(
    path: Path,
    sentence: Callable[[Exception], str],
    *,
    mistakes: tuple[type[Exception], ...] = (OSError, ValueError),  # ValueError: a null byte, or half a character
    on_disk: bool = False,
) -> Iterator[Path]:
    """Give a place beside a file; what is there at the end takes the file's place, which is whole or not there.

    With `on_disk` it does so once the system has written it to the disk. Raises `BayesnuError` with the caller's
    `sentence` for `mistakes`, from whichever step they come. Whatever ends it, no copy is left behind.
    """
    new = Path(f"{path}.new")
    try:
        yield new
        if on_disk:
            _wait_for_disk(new)
        new.replace(path)
    except BayesnuError:
        raise  # it has a sentence of its own
    except mistakes as error:
        raise BayesnuError(sentence(error)) from None
    finally:
        with suppress(OSError, ValueError):
            new.unlink(missing_ok=True)


def _wait_for_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def reason_of(error: Exception) -> str:
    """Why the system refused, in its own words; libraries put more into the text of an error."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
