"""The fuzzing campaign: hostile cases through the command line, in a worker process that may die without ending it.

A worker runs cases one after the other, each in a fresh folder with a time limit, and reports a line per case. When it
dies or hangs, the case that it was at is a failure and another worker goes on with the next one.
"""

from __future__ import annotations

import io
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30.0  # of processor time for one case: toys of free backgrounds take some
PATIENCE = 60.0  # for a worker that says nothing: it waits, or is in a loop that no signal ends
COLD = 600.0  # for one that has just begun, and may have to compile everything
MEMORY = 6 << 30  # bytes of address space of a worker
GROWTH = 600 << 10  # kilobytes that one case may add to the peak of the worker
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
RUN: tuple[str, ...] = ("sample", "pandax4t-run1", "--parameter", "mu_nu", "--background", "single")
RUN += ("--walkers", "16", "--ensembles", "2", "--steps", "12", "--no-figures", "--quiet", "--json", "--output", "run")


@dataclass
class Result:
    """What a campaign found: cases by kind and end, and every failure with its case."""

    seed: int
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    library: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    real: int = 0

    @property
    def cases(self) -> int:
        """Cases run."""
        return sum(self.ends.values())

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON can hold it."""
        kinds = sorted({kind for kind, _ in self.ends})
        return {
            "campaign": "fuzz",
            "first_seed": self.seed,
            "cases": self.cases,
            "cases_as_real_commands": self.real,
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "peak_mb": round(self.peak_mb),
            "kinds": {k: {end: n for (kind, end), n in sorted(self.ends.items()) if kind == k} for k in kinds},
            "failures": self.failures,
            "forged_chains_that_the_hdf5_library_does_not_survive": self.library,
        }


# In the worker


HANGS = "no end after"


class Hang(BaseException):
    """A case that takes too long."""


@dataclass
class Ended:
    """How a case ended."""

    code: int
    stdout: str
    stderr: str
    problems: list[str]


class Watch:
    """Sees every file that Python opens for writing, every process and every connection, while it is on."""

    def __init__(self, allowed: list[Path]) -> None:
        from bayesnu.runs.inspection import CHILD

        self.reader = CHILD  # a chain of unknown origin is read in a process of its own
        self.on = False
        self.target: str | None = None  # where the case may try to write to
        self.allowed = [*map(os.path.realpath, map(str, allowed)), "/dev/null"]
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & WRITING and isinstance(path, str | bytes):
                self._write(event, path)
        elif event in ("os.mkdir", "os.rmdir", "os.remove", "os.truncate", "os.chmod", "shutil.rmtree"):
            self._write(event, args[0])
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._write(event, args[1])
        elif event == "subprocess.Popen" and self.reader in args[1]:
            pass
        elif event.startswith(("subprocess.", "os.system", "os.exec", "os.spawn", "os.fork", "socket.")):
            self.seen.append(f"{event} {str(args)[:100]}")

    def _write(self, event: str, path: Any) -> None:
        if isinstance(path, int):
            return
        try:
            real = os.path.realpath(os.fsdecode(path))
        except (ValueError, OSError):
            return  # no path at all: nothing can be written there
        if self.target is not None and self.target.startswith(real):
            return  # the folders above it may have to be made
        if not any(_within(real, each) for each in (*self.allowed, self.target) if each):
            self.seen.append(f"{event} {real[:200]}")


def _within(path: str, place: str) -> bool:
    """Whether a path is a place, the copy that will take it, or below it."""
    return path in (place, place + ".new") or path.startswith(place + "/")


def worker(seed: int, stop: int, corpus_folder: Path, scratch: Path, pipe: int, forged: bool) -> None:
    """Run cases `seed` to `stop` and write a line of JSON before and after each into the pipe."""
    os.environ["HOME"] = str(scratch / "place" / "home")
    from bayesnu.experiments import reader
    from tests.robustness import fuzz

    reader._parse_text = lru_cache(64)(reader._parse_text)  # the data sets of the package are read again and again
    given = fuzz.corpus((corpus_folder / "config.toml").read_bytes(), (corpus_folder / "chain.h5").read_bytes())
    _warm(given, scratch)
    watch = Watch([scratch / "place", Path(os.environ["BAYESNU_CACHE_DIR"]), Path(tempfile.gettempdir()) / "nothing"])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(pipe, "w") as report:
        print(json.dumps({"ready": os.getpid()}), file=report, flush=True)
        for number in range(seed, stop):
            case = fuzz.case(number, given, forged=forged)
            print(json.dumps({"begin": number, "kind": case.kind}), file=report, flush=True)
            before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
            ended = run(case, scratch / "place", watch)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if peak - before > GROWTH:
                ended.problems.append(f"the memory grows by {(peak - before) >> 10} MB")
            line = {"end": number, "kind": case.kind, "code": ended.code, "problems": ended.problems, "peak": peak}
            line |= {"took": round(time.monotonic() - began, 2)}
            if ended.problems:
                line |= {"words": [repr(w)[:200] for w in case.words], "said": (ended.stdout[-600:], ended.stderr[-1500:])}
            print(json.dumps(line), file=report, flush=True)
            if any(problem.startswith(HANGS) for problem in ended.problems):
                return  # it may have been stopped within an import: another worker goes on


def _warm(given: Any, scratch: Path) -> None:
    """Import and compile everything that a case may need, so that no case pays for it, nor writes a cache."""
    from tests.robustness import fuzz

    files = {"e.toml": fuzz.text_of(given.experiments[0]), "run/config.toml": given.config, "run/chain.h5": given.chain}
    for words in (
        ("limits", "e.toml", "--parameter", "q_nu", "--json", "--energy-scale", "0.01"),
        ("sample", "e.toml", "--parameter", "mu_nu", "--dry-run"),
        ("resume", "run", "--more", "8", "--no-figures"),
        ("summary", "run"),
        ("export", "run", "out.nc"),
        ("check", "e.toml"),
        ("rate", "--energy-kev", "2"),
        ("workspace", "e.toml", "--parameter", "mu_nu"),
        ("bibliography", "run"),
    ):
        ended = run(fuzz.Case(0, "warm", words, files, output="."), scratch / "place", None, seconds=COLD)
        assert ended.code == 0, (words, ended.stderr, ended.problems)


def run(case: Any, place: Path, watch: Watch | None, seconds: float = SECONDS) -> Ended:
    """Run a case in this process; whatever it does is in the answer."""
    from scripts.faults import verdict

    words = prepare(case, place)
    before = listing(place)
    with inside(place / "box"):
        if watch is not None:
            watch.seen, watch.target, watch.on = [], target_of(case, place), True
        code, stdout, stderr, problems = call(words, seconds)
        if watch is not None:
            watch.on = False
            problems += watch.seen
        if not problems:
            try:
                problems += verdict.problems(words, code, stdout, stderr, place / "box")
            except Exception as error:  # the verdict meets what it did not expect: that is a finding too
                problems.append(f"the verdict fails: {traceback.format_exception(error)[-2:]}")
    if case.sound and code != 0:
        problems.append("what is sound is refused")
    problems += strays(case, code, before, listing(place), place)
    return Ended(code, stdout, stderr, problems)


def call(words: tuple[str, ...], seconds: float = SECONDS) -> tuple[int, str, str, list[str]]:
    """Run a command in this process: its exit code, what it printed, and what no command may do."""
    from bayesnu.cli.main import main

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    problems: list[str] = []
    code = -1
    handler = signal.signal(signal.SIGPROF, _hang)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main.main(args=list(words), prog_name="bayesnu", standalone_mode=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else -1
    except Hang:
        problems.append(f"{HANGS} {seconds:g} s")
    except BaseException as error:
        problems.append(f"{type(error).__name__} escapes: {''.join(traceback.format_exception(error))[-1500:]}")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
    stdout, stderr = (each.buffer.getvalue().decode("utf-8", "replace") for each in (out, err))
    return code, stdout, stderr, problems


def _hang(number: int, frame: Any) -> None:
    raise Hang


# The folder of a case


def prepare(case: Any, place: Path) -> tuple[str, ...]:
    """Make the folder of a case anew, and its words with the folder's name in them."""
    if place.exists():
        shutil.rmtree(place)
    (place / "home").mkdir(parents=True)
    (place / "outside.txt").write_text("precious")
    box = place / "box"
    box.mkdir()
    for name, content in case.files.items():
        (box / name).parent.mkdir(exist_ok=True)
        (box / name).write_bytes(content)
    if case.kind == "place":
        (place / "elsewhere").mkdir()
        for link, target in {"link": "../elsewhere", "loop": "loop", "dangling": "../nothing/here"}.items():
            (box / link).symlink_to(target)
        os.mkfifo(box / "pipe")
        with suppress(OSError):  # only root may
            os.mknod(box / "null", 0o20666, os.makedev(1, 3))
    return tuple(word.replace("PLACE", str(place)) for word in case.words)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder for a while."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def listing(place: Path) -> dict[str, tuple[int, ...]]:
    """Everything below a folder, with what changes when it is written to."""
    found = {}
    for folder, folders, files in os.walk(place):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            is_folder = name in folders and not os.path.islink(path)
            found[path] = (status.st_mode, status.st_ino) + (() if is_folder else (status.st_size, status.st_mtime_ns))
    return found


def target_of(case: Any, place: Path) -> str | None:
    """The place that a case may write to."""
    if case.output is None:
        return None
    given = "chains" if case.words[0] == "sample" and not case.output else case.output
    try:
        return os.path.realpath(place / "box" / given.replace("PLACE", str(place)))
    except (ValueError, OSError):
        return None


def strays(case: Any, code: int, before: dict[str, Any], after: dict[str, Any], place: Path) -> list[str]:
    """What has changed outside the one place that the command may write to, or at all if it was refused."""
    cache = str(place / "home" / ".cache")  # where libraries keep what they need again
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    changed = [path for path in changed if not _within(path, cache)]
    if not changed:
        return []
    if case.output is None:
        return [f"written to {path[len(str(place)) :][:200]}" for path in changed[:3]]
    target = target_of(case, place)
    if target is None:
        return [f"written to {path[len(str(place)) :][:200]}" for path in changed[:3]]
    bad = [p for p in changed if not (p == target or p.startswith(target + "/") or target.startswith(p + "/"))]
    problems = [f"written outside of the output: {path[len(str(place)) :][:200]}" for path in bad[:3]]
    if code == 2 and case.kind == "place":
        left = [p for p in changed if not p.endswith("/.lock")]
        problems += [f"a refused command leaves {path[len(str(place)) :][:200]}" for path in left[:3]]
    if any(path.endswith((".new", ".part")) for path in after):
        problems.append("a temporary file is left behind")
    node = str(place / "box" / "null")
    if before.get(node, (0,))[0] != after.get(node, (0,))[0]:
        problems.append("a device is replaced by a file")
    return problems


# Outside of the worker


def prepared(folder: Path) -> Path:
    """The files of a finished small run, made in a process of its own."""
    environment = environ(folder)
    command = [sys.executable, "-m", "bayesnu", *RUN]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder / "run"


def environ(home: Path) -> dict[str, str]:
    """The environment of a process: this package, another home, and the usual cache of compiled code."""
    cache = os.environ.get("BAYESNU_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    return kept | {
        "BAYESNU_CACHE_DIR": cache,
        "HOME": str(home),
        "PYTHONPATH": path,
        "MPLCONFIGDIR": str(Path(cache) / "bayesnu-faults"),
    }


def campaign(
    cases: int,
    seed: int = 0,
    log: Any = None,
    keep: Path | None = None,
    forged: bool = True,
    corpus: Path | None = None,
) -> Result:
    """Run cases `seed` to `seed + cases - 1`; failing ones are written below `keep`.

    The chain and the configuration that are mutated are those of the run in the folder `corpus`, or of a small one.
    """
    result, began, cpu = Result(seed), time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        scratch = Path(name)
        corpus = corpus or prepared(scratch)
        following = seed
        with suppress(KeyboardInterrupt):  # Ctrl-C ends it with what it has found
            while following < seed + cases:
                following = _worker(following, seed + cases, corpus, scratch, result, log, forged)
        result.seconds, used = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        result.cpu_seconds = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
        if keep is not None:
            _keep(result, corpus, keep)
    return result


def _worker(seed: int, stop: int, corpus: Path, scratch: Path, result: Result, log: Any, forged: bool) -> int:
    """Let a worker run cases until the end or its own; returns the case to go on with."""
    reading, writing = os.pipe()
    numbers = map(str, (seed, stop, corpus, scratch, writing, int(forged)))
    command = [sys.executable, "-m", "scripts.faults", "worker", *numbers]
    at, kind, done, buffer = seed, "unknown", seed, b""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ(scratch),
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(writing)
        selector = selectors.DefaultSelector()
        selector.register(reading, selectors.EVENT_READ)
        hung = ready = False
        while True:
            if not selector.select(PATIENCE if ready else COLD):
                hung = True
                process.kill()
            new = os.read(reading, 1 << 16)
            if not new:
                break
            *lines, buffer = (buffer + new).split(b"\n")
            for line in map(json.loads, lines):
                ready = True
                if "ready" in line:
                    continue
                if "begin" in line:
                    at, kind = line["begin"], line["kind"]
                    continue
                done = line["end"] + 1
                _count(result, line, log)
        os.close(reading)
        errors = process.communicate()[1].decode(errors="replace")
    if done >= stop:
        return stop
    if not ready:
        raise RuntimeError(f"the worker does not start: {errors[-2000:]}")
    if done == at + 1:
        return done  # it has reported the case, and ended itself
    how = "hangs" if hung else f"ends the process with {process.returncode}"
    problem = {"end": at, "kind": kind, "code": -1, "problems": [f"the case {how}"], "peak": 0, "said": errors[-500:]}
    _count(result, problem, log)
    return at + 1


def _is_of_library(problem: str) -> bool:
    """Whether a problem is one that libhdf5 makes of bytes which somebody has changed and given a new checksum."""
    return problem.startswith(("the case hangs", "the case ends the process", "the memory grows"))


def _count(result: Result, line: dict[str, Any], log: Any) -> None:
    if line["kind"] == "forged" and line["problems"] and all(map(_is_of_library, line["problems"])):
        result.ends["forged", "library"] += 1
        result.library.append(f"{line['end']}: {line['problems'][0]}")
        return
    end = "failed" if line["problems"] else {0: "accepted", 2: "refused"}.get(line["code"], "other")
    result.ends[line["kind"], end] += 1
    result.peak_mb = max(result.peak_mb, line["peak"] / 1024)
    if line["problems"]:
        result.failures.append({key: line.get(key) for key in ("end", "kind", "words", "problems", "said")})
        if log:
            print(json.dumps(result.failures[-1])[:1500], file=log, flush=True)
    if log and result.cases % 1000 == 0:
        print(f"{result.cases} cases, {len(result.failures)} failures", file=log, flush=True)


def _keep(result: Result, corpus: Path, keep: Path) -> None:
    """Write the files of the first failing cases, to be run by hand."""
    from tests.robustness import fuzz

    given = fuzz.corpus((corpus / "config.toml").read_bytes(), (corpus / "chain.h5").read_bytes())
    for failure in result.failures[:50]:
        case = fuzz.case(failure["end"], given)
        folder = keep / str(case.seed)
        for name, content in case.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / "words.json").write_text(json.dumps(case.words))


# The real command


def real(cases: int, seed: int, log: Any = None) -> Result:
    """Run cases as processes of the real command."""
    from scripts.faults import verdict
    from tests.robustness import fuzz

    result, began = Result(seed, real=cases), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        scratch = Path(name)
        corpus, place = prepared(scratch), scratch / "place"
        given = fuzz.corpus((corpus / "config.toml").read_bytes(), (corpus / "chain.h5").read_bytes())
        number = seed
        while result.cases < cases:
            case, number = fuzz.case(number, given), number + 1
            if any("\0" in word or len(word) > 60_000 for word in case.words):
                continue  # no process can be given these
            words = prepare(case, place)
            before = listing(place)
            try:
                ended = subprocess.run(
                    [sys.executable, "-m", "bayesnu", *words],
                    cwd=place / "box",
                    env=environ(place / "home"),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=60,
                )
                out, err = ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace")
                problems = [*verdict.problems(words, ended.returncode, out, err, place / "box")]
                problems += strays(case, ended.returncode, before, listing(place), place)
                code = ended.returncode
            except subprocess.TimeoutExpired:
                code, out, err, problems = -1, "", "", ["no end after 60 s"]
            line = {"end": case.seed, "kind": case.kind, "code": code, "problems": problems, "peak": 0}
            _count(result, line | {"words": [repr(w)[:200] for w in case.words], "said": (out[-600:], err[-1500:])}, log)
    result.seconds = time.monotonic() - began
    return result
