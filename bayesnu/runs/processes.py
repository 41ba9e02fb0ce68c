"""Work on processes of this machine, which end with this one and never hear Ctrl-C themselves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process, resource_tracker
from types import FrameType
from typing import TypeVar

from bayesnu.runs.task import blas
from bayesnu.support.errors import BayesnuError

MOST = 8  # processes, each of which may need half a gigabyte
Item = TypeVar("Item")
Result = TypeVar("Result")


def count_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def perform_all(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int, report: Callable[[Item, int], None]
) -> list[Result]:
    """The results of `work` on every item, in the order of the items, from at most `MOST` processes.

    `report` is called with each finished item and how many are. Otherwise, and for what is raised, as `perform_each`.
    """
    results: dict[int, Result] = {}
    for place, result in perform_each(work, items, min(processes, MOST)):
        results[place] = result
        report(items[place], len(results))
    return [results[place] for place in range(len(items))]


def perform_each(
    work: Callable[[Item], Result], items: Sequence[Item], processes: int
) -> Generator[tuple[int, Result], None, None]:
    """The place of every item and the result of `work` on it, as they finish; begun in the order of the items.

    One process performs the work here, several in processes that are started for it. The results are the same to the last
    bit. `work` can be pickled, as a function that a module defines can.

    Raises `BayesnuError` if `work` does, and if a process is lost.
    """
    if min(processes, len(items)) == 1:
        with blas().limit(limits=1):
            for place, item in enumerate(items):
                yield place, work(item)
        return
    with _start_processes(min(processes, len(items)), work, items) as futures:
        places = {future: place for place, future in enumerate(futures)}
        futures.clear()
        try:
            for future in as_completed(places):
                yield places.pop(future), future.result()  # nothing keeps what has been taken
        except BayesnuError as error:
            raise BayesnuError(str(error)) from None  # without the trace of the process
        except BrokenProcessPool:
            raise BayesnuError(
                "a process was lost: it was ended from outside, needed more memory than there is, or belongs to a script "
                'that calls this outside `if __name__ == "__main__":`; what is finished is stored, and the same command '
                "goes on from there"
            ) from None


@contextmanager
def _start_processes(number: int, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[list[Future[Result]]]:
    """The work on all items, begun; it ends with this block."""
    others = {*active_children()}
    pool = ProcessPoolExecutor(number, get_context("spawn"), _begin_process)
    try:
        with hold_signals():
            futures = [pool.submit(work, item) for item in items]
        yield futures
    finally:
        with hold_signals():
            pool.shutdown(wait=False, cancel_futures=True)
            for process in {*active_children()} - others:
                process.terminate()
                process.join()


def _begin_process() -> None:
    """Give BLAS one thread, with which it rounds as in `_perform_here`, and end when the parent is gone."""
    blas().limit(limits=1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def hold_signals() -> Iterator[None]:
    """Keep signals for the end: what is half open or half closed cannot be closed."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    main = threading.current_thread() is threading.main_thread()
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if main and callable(signal.getsignal(n))]
    before = {number: signal.signal(number, hear) for number in numbers}
    try:
        with _block_interrupts():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


@contextmanager
def _block_interrupts() -> Iterator[None]:
    """Start threads and processes that never hear Ctrl-C: a terminal sends it to workers too, which end without it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would take the block away from the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
