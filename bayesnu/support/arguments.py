"""What comes from outside as an argument: numbers and points, looked at once, before compiled code takes them.

Compiled code trusts the shape of what it is given: past the end of an array it reads whatever lies there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    import numpy as np  # the command line loads this file for `--help`

ROUNDING = 1e-9  # of probabilities that were summed up


def plain(value: Any) -> Any:
    """Return a scalar of numpy as Python's own number, truth value or word, and anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () else value


def require(name: str, given: object, kind: type, maker: str) -> None:
    """Raise `BayesnuError` unless an argument is of a kind, which `maker` makes."""
    if not isinstance(given, kind):
        raise BayesnuError(f"{name}: found {given!r:.60}; must come from `{maker}`")


def as_table(name: str, given: Any) -> dict[str, Any]:
    """Return a table of keys and values, and an empty one for None; raises `BayesnuError` for anything else."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BayesnuError(f"{name}: found {given!r:.60}; must be a dict of keys and values")
    return {str(key): value for key, value in given.items()}


def as_tuple(given: Any) -> tuple[Any, ...]:
    """Return one or several things as a tuple: a word, and whatever has no elements, is one."""
    value = plain(given)
    is_single = isinstance(value, str) or not isinstance(value, Iterable)
    return (value,) if is_single else tuple(value)


def read_number(name: str, value: Any, unit: str = "") -> float:
    """Return a finite number as a float; raises `BayesnuError`, which names the argument and its unit, for anything else."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not _is_finite(number):
        raise BayesnuError(f"{name}: found {number!r:.60}; must be a finite number" + (f" in {unit}" if unit else ""))
    return float(number)


def _is_finite(number: float) -> bool:
    """Whether a double can hold a number; an integer of Python may be too large for one."""
    try:
        return isfinite(number)
    except OverflowError:
        return False


def read_place(name: str, value: Any, length: int) -> int:
    """Return a place in a list of some length, from 0; raises `BayesnuError` for anything else."""
    place = plain(value)
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < length:
        raise BayesnuError(f"{name}: found {place!r:.60}; must be an integer from 0 to {length - 1}")
    return place


def read_seed(value: Any) -> int:
    """Return the seed of random numbers; raises `BayesnuError` for anything but an integer from 0."""
    seed = plain(value)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise BayesnuError(f"seed: found {seed!r:.60}; must be an integer, 0 or more")
    return seed


def read_probability(name: str, value: Any) -> float:
    """Return a number in [0, 1] as a float; raises `BayesnuError` for anything else."""
    number = read_number(name, value)
    if not 0 <= number <= 1:
        raise BayesnuError(f"{name}: found {number:g}; must lie between 0 and 1, for example 0.9")
    return number


def read_array(name: str, values: Any) -> np.ndarray:
    """Return numbers of any shape as contiguous doubles; raises `BayesnuError` for what holds anything else."""
    import numpy as np

    try:
        found = np.asarray(values)
        if found.dtype.kind not in "iuf":  # what numpy would turn into numbers is as often a mistake
            raise TypeError
        return np.asarray(found, dtype=float, order="C")
    except (TypeError, ValueError):
        raise BayesnuError(f"{name}: found {values!r:.60}; must be numbers, as a list or an array") from None


def read_probabilities(name: str, values: Any) -> np.ndarray:
    """Return numbers in [0, 1], of any shape, as doubles; raises `BayesnuError` for anything else."""
    found = read_array(name, values)
    if not ((found >= -ROUNDING) & (found <= 1 + ROUNDING)).all():
        raise BayesnuError(f"{name}: found {values!r:.60}; must lie between 0 and 1, for example 0.9")
    return found


def read_points(values: Any, parameters: int, name: str = "theta") -> np.ndarray:
    """Return points (..., parameters) as contiguous doubles; raises `BayesnuError` for a last axis of another length."""
    points = read_array(name, values)
    if points.shape[-1:] != (parameters,):
        raise BayesnuError(
            f"{name}: found the shape {points.shape}; must be ({parameters},) for one point or (n, {parameters}) for n"
        )
    return points
