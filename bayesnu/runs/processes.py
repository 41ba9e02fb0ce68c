"""Work on processes of this machine, which end with this one and never hear Ctrl-C themselves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
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
    """The results of `work` on every item, in the order of the items; begun in that order, too.

    One process performs the work here, several in processes that are started for it. The results are the same to the last
    bit. `work` is a function that a module defines. `report` is called with each finished item and how many are.

    Raises `BayesnuError` if `work` does, and if a process is lost.
    """
    if min(processes, len(items)) == 1:
        return _perform_here(work, items, report)
    with _start_processes(min(processes, len(items), MOST), work, items) as futures:
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                report(items[futures.index(future)], done)
            return [future.result() for future in futures]
        except BayesnuError as error:
            raise BayesnuError(str(error)) from None  # without the trace of the process
        except BrokenProcessPool:
            raise BayesnuError(
                "a process was lost: it was ended from outside, or needed more memory than there is; what is finished is "
                "stored, and the same command goes on from there"
            ) from None


def _perform_here(
    work: Callable[[Item], Result], items: Sequence[Item], report: Callable[[Item, int], None]
) -> list[Result]:
    results = []
    with blas().limit(limits=1):
        for done, item in enumerate(items, 1):
            results.append(work(item))
            report(item, done)
    return results


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
