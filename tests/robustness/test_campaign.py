"""A campaign gives the same bits however it is computed, interrupted, damaged or distributed, and repeats nothing."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesnu.runs import campaign as campaigns
from bayesnu.runs import task as tasks
from bayesnu.runs.campaign import MANIFEST, Results, run
from bayesnu.runs.folder import held
from bayesnu.runs.task import Campaign
from bayesnu.support.errors import BayesnuError
from tests import works
from tests.works import campaign

ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def bits(found: Iterable[dict[str, np.ndarray]]) -> list[dict[str, tuple[str, tuple[int, ...], bytes]]]:
    """Results, down to types and shapes."""
    return [{name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()} for arrays in found]


def performed(log: Path) -> list[int]:
    """The tasks that were performed, in that order."""
    return [int(line.split()[0]) for line in log.read_text().splitlines()] if log.exists() else []


def processes(log: Path) -> set[int]:
    """The processes that performed them."""
    return {int(line.split()[1]) for line in log.read_text().splitlines()}


def stored(folder: Path) -> set[int]:
    """The tasks whose files are in place."""
    return {int(path.stem) for path in (folder / "tasks").rglob("*.npz")}


# In this process: what a task is


def test_a_result_depends_on_settings_and_task_alone(tmp_path: Path) -> None:
    planned = campaign(6)
    found = list(run(planned, tmp_path / "one"))
    for task, arrays in enumerate(found):
        expected = works.draw({"seed": 5}, task, np.random.SeedSequence(5, spawn_key=(task,)))
        assert list(arrays) == list(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(arrays[name], value)
    assert len({arrays["counts"].tobytes() for arrays in found}) == 6, "every task has random numbers of its own"
    assert abs(np.mean([arrays["sum"] for arrays in found]) - 500) < 5 * np.sqrt(500 / 6), "100 toys of 5 expected events"
    assert bits(run(planned, tmp_path / "two")) == bits(iter(found))
    assert bits(run(replace(planned, settings={"seed": 6}), tmp_path / "three")) != bits(iter(found))


def test_settings_reach_a_task_as_json_holds_them(tmp_path: Path) -> None:
    assert campaign(1, grid=(1, 2.5), table={"a": None}).settings == {"seed": 5, "grid": [1, 2.5], "table": {"a": None}}
    assert campaign(1, grid=(1, 2)) == campaign(1, grid=[1, 2])


def test_more_tasks_are_the_same_campaign(tmp_path: Path) -> None:
    log = tmp_path / "log"
    first = bits(run(campaign(3, log=str(log)), tmp_path / "a"))
    longer = bits(run(campaign(7, log=str(log)), tmp_path / "a"))
    assert longer[:3] == first and performed(log) == list(range(7))
    assert bits(run(campaign(3, log=str(log)), tmp_path / "a")) == first and len(performed(log)) == 7
    assert json.loads((tmp_path / "a" / MANIFEST).read_text())["tasks"] == 3


def test_blas_has_one_thread_in_a_task_and_its_own_number_after_it(tmp_path: Path) -> None:
    libraries = tasks.blas()
    with libraries.limit(limits=2):
        before = [library["num_threads"] for library in libraries.info()]
        (inside,) = run(campaign(1, works.threads), tmp_path / "threads")
        (one,) = run(campaign(1, works.product), tmp_path / "two")
        assert [library["num_threads"] for library in libraries.info()] == before
    with libraries.limit(limits=1):
        (other,) = run(campaign(1, works.product), tmp_path / "one")
    assert len(inside["threads"]) >= 1 and set(inside["threads"]) == {1}
    np.testing.assert_array_equal(one["product"], other["product"])


def test_progress_is_reported(tmp_path: Path) -> None:
    seen: list[tuple[int, int, float | None]] = []
    run(campaign(2), tmp_path / "a")
    run(campaign(5), tmp_path / "a", report=lambda *numbers: seen.append(numbers))
    assert [(done, total) for done, total, _ in seen] == [(2, 5), (3, 5), (4, 5), (5, 5)]
    assert seen[0][2] is None and seen[1][2] is not None and seen[1][2] > 0 and seen[-1][2] == 0
    run(campaign(5), tmp_path / "a", report=lambda *numbers: seen.append(numbers))
    assert seen[4:] == [(5, 5, 0.0)], "nothing is left to do"


def test_dask_is_imported_only_when_it_is_used() -> None:
    heavy = "('dask', 'distributed', 'numba')"
    code = f"import sys, bayesnu.runs.campaign; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert found.stdout.strip() == "[]"


# In this process: what is stored


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("write", range(4))  # the manifest and three tasks
@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_campaign_ended_at_a_write_goes_on(write: int, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, log, move, done = tmp_path / "a", tmp_path / "log", Path.replace, 0

    def counted(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done - 1 != write:
            return move(self, target)
        if when == "within":
            os.truncate(self, self.stat().st_size // 2)
        if when == "after":
            move(self, target)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "replace", counted)
        run(campaign(3, log=str(log)), place)
    finished = stored(place) if write else set()
    assert len(finished) == max(write - 1, 0) + (when == "after" and write > 0)
    before = len(performed(log))
    assert bits(run(campaign(3, log=str(log)), place)) == bits(run(campaign(3), tmp_path / "whole"))
    assert performed(log)[before:] == [task for task in range(3) if task not in finished]
    assert not list(place.rglob("*.new"))


def cut_to(share: float) -> Any:
    """Truncate a file."""
    return lambda path: os.truncate(path, int(share * path.stat().st_size))


def flip(path: Path, where: float = 0.7) -> None:
    """Change one bit."""
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 4
    path.write_bytes(content)


def swap(path: Path) -> None:
    """Put another task's result, whole, in its place."""
    shutil.copy(path.with_name("000000004.npz"), path)


DAMAGE = {
    "empty": cut_to(0),
    "head alone": lambda path: os.truncate(path, path.read_bytes().index(b"\n") + 1),
    "half": cut_to(0.5),
    "one byte short": cut_to(0.9999),
    "one byte more": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "a bit of the arrays": flip,
    "a bit of the head": lambda path: flip(path, 0.01),
    "of another task": swap,
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_result_is_computed_again(damage: Any, tmp_path: Path) -> None:
    place, log = tmp_path / "a", tmp_path / "log"
    planned = campaign(6, log=str(log))
    whole = bits(run(planned, place))
    damage(place / "tasks" / "000000" / "000000002.npz")
    with pytest.raises(BayesnuError, match=r"000000002\.npz: missing or damaged; run the campaign again"):
        list(Results(planned, place))
    assert bits(run(planned, place)) == whole
    assert performed(log) == [*range(6), 2]


def test_another_campaign_is_refused_by_the_key_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a"
    first = campaign(2, model={"background": "single"})
    whole = bits(run(first, place))
    others = {
        "settings.seed is 5 there and 6 here": replace(first, settings={**first.settings, "seed": 6}),
        'settings.model.background is "single" there and "fit" here': campaign(2, model={"background": "fit"}),
        "settings.model.background is": campaign(2),
        'kind is "test" there and "belt" here': replace(first, kind="belt"),
        'work is "tests.works:draw" there and "tests.works:threads" here': replace(first, work=works.threads),
    }
    for sentence, other in others.items():
        with pytest.raises(
            BayesnuError, match=f"^{re.escape(str(place))}: another campaign is there: {sentence}.*`output`$"
        ):
            run(other, place)
    known = tasks.versions(tasks.name_of(works.draw))
    with monkeypatch.context() as patch, pytest.raises(BayesnuError, match=r"versions\.numpy is .* there and \"1\.0\" here"):
        patch.setattr(campaigns, "versions", lambda work: known | {"numpy": "1.0"})
        run(first, place)
    assert bits(run(first, place)) == whole, "nothing was harmed"


def test_results_of_another_campaign_are_no_results(tmp_path: Path) -> None:
    run(campaign(2), tmp_path / "a")
    run(campaign(2, other=1), tmp_path / "b")
    shutil.copytree(tmp_path / "a" / "tasks", tmp_path / "b" / "tasks", dirs_exist_ok=True)
    with pytest.raises(BayesnuError, match="missing or damaged"):
        list(Results(campaign(2, other=1), tmp_path / "b"))


def test_a_campaign_without_results_makes_room(tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match="prior: found 3"):
        run(Campaign("test", {"seed": 1, "how": "mistake"}, 4, works.refuse), tmp_path / "begun")
    assert stored(tmp_path / "begun") == {0, 1, 2}, "what was finished before the refusal is kept"
    with pytest.raises(BayesnuError, match="another campaign"):
        run(campaign(1), tmp_path / "begun")
    shutil.rmtree(tmp_path / "begun" / "tasks")
    assert len(list(run(campaign(1), tmp_path / "begun"))) == 1


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text("")
    with pytest.raises(BayesnuError, match="a sampled chain is there; use another `output`"):
        run(campaign(1), tmp_path / "run")
    run(campaign(1), tmp_path / "a")
    for content in ("", "{", "[]", '{"kind": 1}', "\xff"):
        (tmp_path / "a" / MANIFEST).write_bytes(content.encode("latin1"))
        with pytest.raises(BayesnuError, match=r"campaign\.json: cannot be read .*restore it, or use another `output`"):
            run(campaign(1), tmp_path / "a")
    (tmp_path / "a" / MANIFEST).unlink()
    with pytest.raises(BayesnuError, match=r"holds results without campaign\.json"):
        run(campaign(1), tmp_path / "a")


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(campaign(2), tmp_path / "a")

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(BayesnuError, match=r"cannot be written \(No space left on device\)"):
        patch.setattr(os, "fsync", full)
        run(campaign(3), tmp_path / "a")
    assert len(list(run(campaign(3), tmp_path / "a"))) == 3


def test_two_at_once_are_kept_apart(tmp_path: Path) -> None:
    with held(tmp_path / "a"), pytest.raises(BayesnuError, match=rf"process {os.getpid()} on \S+ is running there"):
        run(campaign(1), tmp_path / "a")
    assert len(list(run(campaign(1), tmp_path / "a"))) == 1


def test_what_cannot_be_a_campaign_is_refused(tmp_path: Path) -> None:
    def local(settings: dict[str, Any], task: int, seed: np.random.SeedSequence) -> dict[str, np.ndarray]:
        return {}

    for changes, sentence in (
        ({"settings": {"seed": -1}}, r"seed: found -1"),
        ({"settings": {"seed": True}}, r"seed: found True"),
        ({"settings": {}}, r"seed: found None"),
        ({"settings": {"seed": 1, "x": np.zeros(1)}}, r"settings: found what JSON cannot hold"),
        ({"settings": {"seed": 1, "x": float("nan")}}, r"settings: found what JSON cannot hold"),
        ({"tasks": 0}, r"tasks: found 0"),
        ({"work": local}, r"work: found .*local.*must be a function that a module defines"),
        ({"work": lambda settings, task, seed: {}}, r"work: found .*lambda"),
    ):
        with pytest.raises(BayesnuError, match=sentence):
            replace(campaign(1), **changes)
    with pytest.raises(BayesnuError, match="`workers`: found 0; must be at least 1"):
        run(campaign(1), tmp_path / "a", workers=0)
    with pytest.raises(BayesnuError, match="`workers` and `scheduler`: found both"):
        run(campaign(1), tmp_path / "a", scheduler="tcp://127.0.0.1:1", workers=2)
    with pytest.raises(ValueError, match="Object arrays"):  # a mistake in the code: nothing is ever pickled
        run(campaign(1, works.objects), tmp_path / "a")


def test_without_dask_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bayesnu.runs.cluster", raising=False)
    monkeypatch.delattr("bayesnu.runs.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BayesnuError, match=r"distributed is not installed; .*bayesnu\[cluster\]"):
        run(campaign(3), tmp_path / "a", scheduler="tcp://127.0.0.1:1")
    assert len(list(run(campaign(3), tmp_path / "a", workers=2))) == 3


# A scheduler, and workers, as processes of their own


def ended(number: int) -> bool:
    """Whether a process is gone, or waits for nobody to ask how it ended."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], stdout=subprocess.PIPE, text=True).stdout.strip()
    return found == "" or found.startswith("Z")


def waited_for(condition: Any, what: str, seconds: float = 60) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Site:
    """A scheduler on a free port of this machine, and workers that know the tests."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.folder, self.opened = folder, opened
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        host, port = self.address.removeprefix("tcp://").split(":")
        self.scheduler = self.start("scheduler", "--host", host, "--port", port)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, what: str, *words: str, path: Path = ROOT) -> subprocess.Popen[bytes]:
        """Start a process of dask; it is killed at the end."""
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", *words]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
        log = self.opened.enter_context((self.folder / "site.log").open("ab"))
        process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        self.opened.callback(process.wait)
        self.opened.callback(process.kill)
        return process

    def add_worker(self, path: Path = ROOT) -> subprocess.Popen[bytes]:
        """Start a worker that does not come back when it is killed."""
        words = ("--no-nanny", "--nthreads", "1", "--local-directory", str(self.folder / "scratch"))
        self.workers.append(self.start("worker", self.address, *words, path=path))
        return self.workers[-1]


@contextmanager
def opened_site(folder: Path, workers: int) -> Iterator[Site]:
    """A site with so many workers."""
    with ExitStack() as opened:
        site = Site(folder, opened)
        for _ in range(workers):
            site.add_worker()
        yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with two workers."""
    with opened_site(tmp_path_factory.mktemp("site"), 2) as opened:
        yield opened


@pytest.fixture
def scheduler_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be less patient."""
    from bayesnu.runs import cluster

    monkeypatch.setattr(cluster, "TIMEOUT", 1)


@pytest.mark.usefixtures("scheduler_timeout")
def test_a_scheduler_out_of_reach_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        taken = deaf.getsockname()[1]
        for address in (
            f"tcp://127.0.0.1:{taken}",
            "tcp://127.0.0.1:1",
            "here",
            "http://127.0.0.1:80",
            "tls://127.0.0.1:80",
        ):
            with pytest.raises(
                BayesnuError, match=f"^`scheduler`: found {address}, where no dask scheduler answers"
            ) as refused:
                run(campaign(2), tmp_path / "a", scheduler=address)
            assert refused.value.__suppress_context__ and "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")
    assert len(list(run(campaign(2, other=1), tmp_path / "a"))) == 2, "nothing in the way of another one"


@posix
@pytest.mark.slow
def test_a_worker_that_is_killed_changes_no_bit(site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from bayesnu.runs import cluster

    log, victim = tmp_path / "log", site.add_worker()

    def report(done: int, total: int, left: float | None) -> None:
        if done >= 20 and victim.pid in processes(log):
            victim.kill()

    planned = campaign(80, log=str(log), seconds=0.05)
    found = bits(run(planned, tmp_path / "a", scheduler=site.address, report=report))
    assert victim.wait(10) == -signal.SIGKILL
    assert found == bits(run(campaign(80), tmp_path / "whole"))
    times = Counter(performed(log))
    assert set(times) == set(range(80)) and len(processes(log)) == 3
    given_out = 3 * cluster.IN_FLIGHT  # all of it could be with the lost worker, in work or not yet fetched
    assert times.total() <= 80 + given_out
    assert capfd.readouterr() == ("", "")


SCRIPT = """
import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.works import attach; attach()
from bayesnu.cli.main import main; main()
"""


@contextmanager
def running(place: Path, tasks: int, seconds: float, *how: str) -> Iterator[subprocess.Popen[str]]:
    """A process that carries out a campaign, alone in its group; killed at the end if it has not ended."""
    words = [sys.executable, "-c", SCRIPT, "try-campaign", str(place), str(tasks), str(seconds), *how]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


@posix
@pytest.mark.long
def test_a_process_killed_again_and_again_goes_on(site: Site, tmp_path: Path) -> None:
    place, log, dice = tmp_path / "a", tmp_path / "a.log", random.Random(7)
    for _ in range(3):
        finished, before = stored(place), len(performed(log))
        with running(place, 60, 0.05, "0", site.address) as process:
            waited_for(lambda known=finished: stored(place) > known, "nothing more has been stored")
            time.sleep(dice.uniform(0, 0.3))
            process.kill()
        assert not finished & set(performed(log)[before:])
    finished, before = stored(place), len(performed(log))
    assert 3 <= len(finished) < 60
    found = bits(run(campaign(60, log=str(log), seconds=0.05), place, scheduler=site.address))
    assert found == bits(run(campaign(60), tmp_path / "whole"))
    assert not finished & set(performed(log)[before:])


@pytest.mark.long
def test_what_a_task_raises_on_a_worker_is_said_here(site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for how, kind, sentence in (
        ("mistake", BayesnuError, "^prior: found 3; must be 4$"),
        ("file", BayesnuError, r"^worker on \S+, task 3: \[Errno 2\] gone$"),
        ("bug", KeyError, "x"),
    ):
        with pytest.raises(kind, match=sentence):
            run(campaign(8, works.refuse, how=how), tmp_path / how, scheduler=site.address)
        assert 3 not in stored(tmp_path / how)
    assert capfd.readouterr() == ("", "")


@pytest.mark.long
def test_a_worker_with_other_sources_is_refused(site: Site, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "bayesnu", tmp_path / "bayesnu", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "bayesnu" / "constants.py").open("a") as file:
        file.write("# another value here would give other numbers\n")
    other = site.add_worker(tmp_path)
    try:
        with pytest.raises(BayesnuError, match=r"^worker on \S+: source is \w+ there and \w+ here; give the workers"):
            run(campaign(2000), tmp_path / "a", scheduler=site.address)
    finally:
        other.kill()


@pytest.mark.long
def test_a_scheduler_that_goes_away_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with opened_site(tmp_path, 1) as site:

        def report(done: int, total: int, left: float | None) -> None:
            if done == 5:
                site.scheduler.kill()

        sentence = "the scheduler is gone; what is finished is stored, and the same command goes on from there$"
        with pytest.raises(BayesnuError, match=sentence):
            run(campaign(50, seconds=0.02), tmp_path / "a", scheduler=site.address, report=report)
    assert len(stored(tmp_path / "a")) >= 5 and capfd.readouterr() == ("", "")
    assert len(list(run(campaign(50, seconds=0.02), tmp_path / "a"))) == 50


@pytest.mark.long
@pytest.mark.usefixtures("scheduler_timeout")
def test_a_scheduler_without_workers_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_site(tmp_path, 0) as site:
        waited_for(lambda: answers(site.address), "the scheduler has not started")

        def say(message: str, *how: Any, **more: Any) -> None:
            assert message == "the scheduler has no worker: waiting for one"
            site.add_worker()

        monkeypatch.setattr("bayesnu.runs.cluster.warnings.warn", say)
        assert len(list(run(campaign(3), tmp_path / "a", scheduler=site.address))) == 3
    assert len(site.workers) == 1


def answers(address: str) -> bool:
    """Whether something listens there."""
    host, port = address.removeprefix("tcp://").split(":")
    with socket.socket() as asked:
        return asked.connect_ex((host, int(port))) == 0


# Workers on this machine


@posix
@pytest.mark.slow
def test_local_workers_give_the_same_bits_and_leave_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    alone = bits(run(campaign(40, works.compiled), tmp_path / "alone"))
    monkeypatch.setenv("BAYESNU_CACHE_DIR", str(tmp_path / "cache"))  # empty: both workers compile at once
    found = bits(run(campaign(40, works.compiled, log=str(log), seconds=0.05), tmp_path / "a", workers=2))
    assert found == alone and sorted(performed(log)) == list(range(40))
    assert len(processes(log)) == 2 and os.getpid() not in processes(log)
    assert all(ended(number) for number in processes(log))
    assert len(list((tmp_path / "cache").rglob("*.nbc"))) == 1
    assert capfd.readouterr() == ("", "")


@posix
@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_process_takes_its_workers_with_it(number: signal.Signals, tmp_path: Path) -> None:
    place, log = tmp_path / "a", tmp_path / "a.log"
    with running(place, 10_000, 0.02, "2") as process:
        waited_for(lambda: len(stored(place)) >= 4, "no task has been stored")
        if number == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)  # as a terminal and a batch system do: the workers hear it too
        output, errors = process.communicate(timeout=60)
    assert output == ""
    if number == signal.SIGKILL:
        assert process.returncode == -9
    else:
        first, *_, last = errors.splitlines()
        assert first == "0 of 10000 tasks"
        how = f"finished tasks are in {place}, and the same command goes on from there"
        assert last == f"Error: stopped by {number.name}; {how}" and process.returncode == 128 + number
        assert all(re.match(r"\d+ of 10000 tasks|\S+ at work for", line) for line in errors.splitlines()[:-1]), errors
    waited_for(lambda: all(ended(each) for each in processes(log)), "a worker has outlived its campaign", 20)
    finished, before = stored(place), len(performed(log))
    shorter = max(finished) + 1  # fewer tasks are the same campaign
    assert bits(run(campaign(shorter, log=str(log), seconds=0.02), place)) == bits(
        run(campaign(shorter), tmp_path / "whole")
    )
    assert not finished & set(performed(log)[before:])


@posix
@pytest.mark.long
def test_a_lost_worker_ends_the_campaign_in_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BayesnuError, match=r"^a process was lost: .* the same command goes on from there$"):
        run(campaign(6, works.crash, seconds=0.1), tmp_path / "a", workers=2)
    assert 3 not in stored(tmp_path / "a")
    assert capfd.readouterr() == ("", "")
