"""Work on several processes: the same results in the same order, and one sentence where it fails."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from bayesnu.runs.processes import count_processors, perform_all
from bayesnu.support.errors import BayesnuError


def invert(size: int) -> np.ndarray:
    """Numbers that depend on how BLAS sums."""
    random = np.random.default_rng(size)
    return np.linalg.inv(random.normal(size=(size, size)))


def refuse(size: int) -> int:
    """A mistake in one of the items."""
    if size == 2:
        raise BayesnuError("size: found 2; take another")
    return size


def vanish(size: int) -> None:
    """A process that ends without a word."""
    os._exit(size)


def test_results_are_those_of_one_process_bit_for_bit_and_in_order() -> None:
    sizes = (300, 5, 200, 40)
    told: list[tuple[int, int]] = []
    here = perform_all(invert, sizes, 1, lambda size, done: None)
    there = perform_all(invert, sizes, 3, lambda size, done: told.append((size, done)))
    assert [each.tobytes() for each in there] == [each.tobytes() for each in here]
    assert {size for size, _ in told} == {*sizes} and [done for _, done in told] == [1, 2, 3, 4]


@pytest.mark.parametrize("processes", (1, 2))
def test_a_mistake_is_its_sentence_alone(processes: int) -> None:
    with pytest.raises(BayesnuError, match=r"^size: found 2; take another$") as refused:
        perform_all(refuse, (1, 2, 3), processes, lambda size, done: None)
    assert refused.value.__cause__ is None


def test_a_lost_process_is_one_sentence() -> None:
    with pytest.raises(BayesnuError, match=r"^a process was lost: .* the same command goes on from there$"):
        perform_all(vanish, (1, 2), 2, lambda size, done: None)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a process bound to processors")
def test_processors_are_those_that_may_be_used() -> None:
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    program += "from bayesnu.runs.processes import count_processors; print(count_processors())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n" and count_processors() == len(os.sched_getaffinity(0))
