"""The only import of dask: tasks on a cluster that the user's site runs.

A task travels as the name of its function, its settings and its number, and comes back as bytes. Nothing that decides a
number is left to dask, which only finds a worker, and another one when that is lost. A scheduler needs dask alone.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import platform
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.metadata import version
from typing import Any
from uuid import uuid4

from distributed import Client, Future, Security, as_completed
from distributed.core import rpc
from distributed.scheduler import KilledWorker
from distributed.versions import VersionMismatchWarning

from bayesnu.runs.processes import hold_signals
from bayesnu.runs.task import Campaign, blas, name_of, perform, versions
from bayesnu.support.errors import BayesnuError
from bayesnu.support.fingerprint import difference

TIMEOUT = 10  # seconds to wait for the answer of a scheduler
LOOK = 60  # seconds after which to look whether there are workers, or more of them
IN_FLIGHT = 4  # tasks given out per thread: enough that none is idle, and no queue that grows with the campaign

# What a worker evaluates. As text: to unpickle a function of this package ends a worker that lacks it, and says no reason.
CALL = "__import__('bayesnu.runs.cluster', fromlist=['perform_checked']).perform_checked(known, work, settings, task)"


def perform_tasks(campaign: Campaign, tasks: list[int], scheduler: str) -> Generator[tuple[int, bytes], None, None]:
    """Perform tasks and yield them with their results as they finish; see `bayesnu.runs.campaign.run` for what is raised.

    A task whose workers were lost is tried once more with no other beside it, which may have been the one to blame.
    """
    name = name_of(campaign.work)
    settings = json.dumps(campaign.settings)
    known = versions(name)
    prefix = f"{campaign.kind}-{uuid4().hex}"
    submitted = itertools.count()
    with _silence_logs(), _connect_to(scheduler) as client:

        def submit(task: int) -> Future[bytes]:
            names = {"known": known, "work": name, "settings": settings, "task": task}
            # never a key twice: dask forgets a task a while after it was lost, and would answer that it is
            return client.submit(eval, CALL, names, key=f"{prefix}-{task}-{next(submitted)}", pure=False)

        waiting = deque(tasks)
        while waiting:
            lost = yield from _perform_together(client, submit, waiting)
            for task in lost:
                if (yield from _perform_together(client, submit, deque([task]))):
                    raise BayesnuError(
                        f"task {task}: every worker that took it was lost; it crashes, or needs more memory than a worker "
                        "has: what is finished is stored, and the same command goes on from there"
                    )


def perform_checked(known: dict[str, str], work: str, settings: str, task: int) -> bytes:
    """Perform a task on a worker, if it would give the same bits there."""
    found = difference(versions(work), known)
    if found is not None:
        raise BayesnuError(f"worker on {platform.node()}: {found}; give the workers the same environment as this process")
    _limit_threads()
    try:
        return perform(work, settings, task)
    except OSError as error:  # of a file that is not there, perhaps
        raise BayesnuError(f"worker on {platform.node()}, task {task}: {error}") from None


@cache
def _limit_threads() -> None:
    """Give BLAS one thread for good: a worker may perform tasks side by side, and none may undo it for another."""
    blas().limit(limits=1)


def _perform_together(
    client: Client, submit: Callable[[int], Future[bytes]], waiting: deque[int]
) -> Generator[tuple[int, bytes], None, list[int]]:
    """Perform waiting tasks until none is left, or until workers are lost over some, which are returned."""
    running: dict[Future[bytes], int] = {}
    lost: list[int] = []
    while running or (waiting and not lost):
        most = IN_FLIGHT * _count_threads(client)
        while waiting and not lost and len(running) < most:
            task = waiting.popleft()
            running[submit(task)] = task
        finished = as_completed(list(running), loop=client.loop, timeout=LOOK)
        while (future := _wait_for_next(finished)) is not None:
            task = running.pop(future)
            try:
                yield task, future.result()
            except KilledWorker:
                lost.append(task)
            except BayesnuError as error:
                raise BayesnuError(str(error)) from None  # without the trace of the worker
            except ImportError as error:
                raise BayesnuError(f"a worker: {error}; give the workers the same environment as this process") from None
            if len(running) <= most // 2 and waiting and not lost:
                break
    return lost


def _wait_for_next(finished: as_completed) -> Future[bytes] | None:
    """What finishes next; None if nothing is left, or nothing has finished in time."""
    try:
        future: Future[bytes] = next(finished)
        return future
    except (StopIteration, TimeoutError):
        return None


def _count_threads(client: Client) -> int:
    """Threads of all workers; waits for a worker if there is none, and says so if that takes longer than a restart."""
    while not (threads := sum(map(int, client.nthreads().values()))):
        try:
            client.wait_for_workers(1, timeout=TIMEOUT)
        except TimeoutError:
            warnings.warn("the scheduler has no worker: waiting for one", RuntimeWarning, stacklevel=2)
            client.wait_for_workers(1)
    return threads


@contextmanager
def _close_after(opened: Client) -> Iterator[Any]:
    try:
        yield opened
    finally:
        with hold_signals():
            opened.close()


@contextmanager
def _connect_to(scheduler: str) -> Iterator[Client]:
    """A client of the scheduler at an address; raises `BayesnuError` if it cannot be reached, or goes away."""
    with ThreadPoolExecutor(1) as aside:  # where no event loop is running: a notebook has one of its own
        found = aside.submit(asyncio.run, _ask_version(scheduler)).result()
    here = version("distributed")
    if found != here:
        raise BayesnuError(f"`scheduler`: distributed is {found} there and {here} here; use one version")
    try:
        with ExitStack() as opened:
            with hold_signals(), warnings.catch_warnings():
                warnings.simplefilter("ignore", VersionMismatchWarning)  # what matters is checked where it matters
                client = opened.enter_context(_close_after(Client(scheduler, timeout=TIMEOUT, set_as_default=False)))
            yield client
    except (OSError, CancelledError):
        raise BayesnuError(
            f"{scheduler}: the scheduler is gone; what is finished is stored, and the same command goes on from there"
        ) from None


async def _ask_version(scheduler: str) -> str:
    """The version of dask at an address. A `Client` would raise other errors, and complain again when it is discarded."""
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            rpc(scheduler, connection_args=Security().get_connection_args("client")) as there,
        ):
            if (await there.identity())["type"] != "Scheduler":
                raise ValueError("what answers is not a scheduler")
            return str((await there.versions())["packages"]["distributed"])
    except Exception as error:  # whatever an address can lead to
        reason = f" ({error})" if str(error) else ""
        raise BayesnuError(
            f"`scheduler`: found {scheduler}, where no dask scheduler answers within {TIMEOUT} s{reason}; "
            "give the address that it prints when it starts, such as tcp://host:8786"
        ) from None


@contextmanager
def _silence_logs() -> Iterator[None]:
    """Without the log of dask: what a user has to know is raised."""
    names = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
