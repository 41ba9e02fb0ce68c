"""Wall and CPU time of a block, and repeated timings of several functions taken in turn."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np


class Clock:
    """Wall and CPU seconds of a `with` block; the CPU time is that of all threads of this process."""

    def __enter__(self) -> Clock:
        self.wall, self.cpu = -time.perf_counter(), -time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += time.process_time()


@contextmanager
def part(module: ModuleType, name: str) -> Iterator[list[float]]:
    """Collect the wall seconds of every call of one function while the block runs; the module is the one that calls it.

    Raises `AttributeError` if the module has no such function: its time would silently count as something else.
    """
    spent: list[float] = []
    function = getattr(module, name)

    def timed(*arguments: Any, **named: Any) -> Any:
        with Clock() as clock:
            result = function(*arguments, **named)
        spent.append(clock.wall)
        return result

    setattr(module, name, timed)
    try:
        yield spent
    finally:
        setattr(module, name, function)


def in_turn(functions: Mapping[str, Callable[[], object]], repetitions: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per call of every function, `repetitions` times; each repetition calls all of them, one after the other.

    A function is called as often as fills `seconds` once, at least once. What disturbs the machine for a while then
    disturbs all of them alike.
    """
    calls = {}
    for name, function in functions.items():
        function()  # what is compiled or cached on a first call is not timed
        with Clock() as clock:
            function()
        calls[name] = max(1, round(seconds / max(clock.wall, 1e-9)))
    spent: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repetitions):
        for name, function in functions.items():
            with Clock() as clock:
                for _ in range(calls[name]):
                    function()
            spent[name].append(clock.wall / calls[name])
    return spent


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Exponent of a power law through the points, by least squares in the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def progress(text: str) -> None:
    """One line on stderr."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def reason(error: Exception) -> str:
    """An exception as one short text without paths."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else ""
    words = [word for word in first.split() if "/" not in word and "\\" not in word]
    return " ".join([f"{type(error).__name__}:", *words])[:120].rstrip(": ")
