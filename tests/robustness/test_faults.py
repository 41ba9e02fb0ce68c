"""A sample of the campaigns of scripts/faults: hostile input, killed runs, and disks that fail; and what they have found."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tomli_w

import bayesnu
from bayesnu.runs import chain_file, chain_format
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import one_line
from scripts.faults import disk, fuzzing, kills, verdict
from tests.commands import SAMPLE, answer, invoke, refusal, sampled
from tests.robustness import fuzz

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes")
PACKAGE = Path(bayesnu.__file__).parent
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    place = tmp_path / "copy"
    place.mkdir()
    for name in ("config.toml", "chain.h5"):
        (place / name).write_bytes((run / name).read_bytes())
    return place


# The campaigns, short


@POSIX
def test_hostile_input_is_refused_or_sound(run: Path) -> None:
    result = fuzzing.campaign(100, seed=20_000_000, forged=False, corpus=run)
    assert result.failures == [] and result.cases == 100
    for kind in ("experiment", "config", "words", "chain"):
        assert result.ends[kind, "refused"] > 0 and result.ends[kind, "accepted"] > 0
    assert result.ends["sound", "accepted"] > 0


@POSIX
@pytest.mark.long
def test_hostile_input_to_the_real_command() -> None:
    result = fuzzing.real(5, seed=30_000_000)
    assert result.failures == [] and result.cases == 5


@POSIX
@pytest.mark.long
@pytest.mark.parametrize("numbers", [(signal.SIGKILL,), (signal.SIGINT, signal.SIGTERM)], ids=["kill", "stop"])
def test_a_run_ended_at_random_moments_ends_the_same(numbers: tuple[signal.Signals, ...]) -> None:
    result = kills.campaign(2, seed=1, numbers=numbers)
    assert result.failures == [] and result.signals == 2


@POSIX
def test_a_run_on_a_full_disk_goes_on_when_it_is_not(tmp_path: Path) -> None:
    result = disk.full_disks(tmp_path, [60])
    assert result["failures"] == [], result["how"]


@POSIX
@pytest.mark.long
def test_a_process_survives_full_disks(tmp_path: Path) -> None:
    """A write that fails inside the HDF5 library can crash the process at a later one: so in a process of its own."""
    code = "import json, sys, pathlib; from scripts.faults import disk; "
    code += "print(json.dumps(disk.full_disks(pathlib.Path(sys.argv[1]), [300, 1500, 3000, 5000, 7500, 9500])))"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        cwd=ROOT,
        env=fuzzing.environ(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, "the process crashes"
    result = json.loads(done.stdout)
    assert result["failures"] == [] and len(result["met"]) > 1, result


@POSIX
@pytest.mark.long
def test_a_limit_on_files_is_as_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "can_mount", lambda scratch: False)
    result = disk.full_disks(tmp_path, [60, 200])
    assert result["failures"] == [] and result["how"] == "a limit on the size of files" and "no failure" not in result["met"]


@POSIX
@pytest.mark.long
def test_a_read_only_disk_is_read(tmp_path: Path) -> None:
    if not disk.can_mount(tmp_path):
        pytest.skip("no file system can be mounted here")
    assert disk.read_only(tmp_path) == []


@pytest.mark.parametrize(("how", "count"), [("cut", 20), ("zeros", 12)])
def test_a_chain_that_lost_its_end_is_refused(how: str, count: int, run: Path, tmp_path: Path) -> None:
    offsets = disk.spread((run / "chain.h5").stat().st_size, count)
    assert len(offsets) == count and disk.truncations(run, tmp_path, offsets, how) == []


def test_an_incomplete_copy_is_not_in_the_way(run: Path, tmp_path: Path) -> None:
    assert disk.earlier_states(run, tmp_path, disk.spread((run / "chain.h5").stat().st_size, 8)) == []


# The judge sees what is wrong


def put(*where: Any) -> Callable[[dict[str, Any]], None]:
    *path, key, value = where

    def change(raw: dict[str, Any]) -> None:
        fuzz.at(raw, tuple(path))[key] = value

    return change


BAD: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (put("exposure", "tonne_years", 0.0), "exposure"),
    (put("bins", "edges_kev", [1, 30, 5]), "edges"),
    (put("bins", "observed", [1, -1]), "observed"),
    (put("bins", "observed", [1, float("nan")]), "observed"),
    (put("region", "kev", [40, 50]), "region"),
    (put("resolution", "sqrt_kev", -0.1), "resolution"),
    (put("resolution", "quadratic_per_kev", -0.001), "resolution"),
    (put("efficiency", "values", [0, 1.1, 1]), "efficiency"),
    (put("efficiency", "energies_kev", [2, 1, 30]), "knots"),
    (put("background", "components", 0, "counts", [1, -2]), "counts"),
    (put("background", "components", 0, "width", {"relative": 0.0}), "width"),
    (put("background", "components", 0, "width", {"relative": float("inf")}), "width"),
]


@pytest.mark.parametrize(("change", "word"), BAD, ids=range(len(BAD)))
def test_the_judge_sees_what_is_not_physical(change: Callable[[dict[str, Any]], None], word: str) -> None:
    raw = json.loads(json.dumps(fuzz.BARE))
    assert [*verdict.of_file(tomli_w.dumps(raw).encode())] == []
    change(raw)
    assert any(word in problem for problem in verdict.of_file(tomli_w.dumps(raw).encode()))


def test_the_judge_sees_how_a_command_must_not_end(tmp_path: Path) -> None:
    def judged(code: int, out: str, err: str) -> list[str]:
        return [*verdict.problems(("presets",), code, out, err, tmp_path)]

    assert judged(0, "fine\n", "") == [] and judged(2, "", "Error: no such thing there\n") == []
    for code, out, err in [
        (1, "", ""),
        (-11, "", ""),
        (2, "", ""),
        (2, "half a table", "Error: no such thing there\n"),
        (2, "", "Traceback (most recent call last)\nError: no such thing\n"),
        (2, "", "first\nError: no such thing there\n"),
        (2, "", "Error: \x1b[2J no such thing\n"),
        (0, "", "Warning: overflow encountered in exp\n"),
        (0, "\x1b[2J\n", ""),
    ]:
        assert judged(code, out, err), (code, out, err)


# What the campaigns have found, once each


def test_words_that_cannot_be_shown_are_shown() -> None:
    for words in (("\udcff",), ("experiments", "a\nb\x1b[2J"), ("presets", "x" * 70_000), ("--a\nb",)):
        result = invoke(*words)
        assert result.exit_code == 2 and result.stderr.count("\n") <= 4 and len(result.stderr) < 900


def test_a_long_sentence_keeps_its_end() -> None:
    assert one_line("a" * 9000 + " b\nc\x1b d") == "a" * 400 + " ... " + "a" * (195 - 6) + " b c d"
    assert one_line("short\tone") == "short one"


def test_a_title_does_not_command_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text(tomli_w.dumps({**fuzz.BARE, "title": "\x1b[2J"}))
    assert "title: found a control character" in refusal("check", file)
    file.write_text(tomli_w.dumps({**fuzz.BARE, "note": "two\nlines"}))
    assert invoke("check", file).exit_code == 0


@POSIX
@pytest.mark.parametrize("command", ["export", "workspace"])
@pytest.mark.parametrize("where", ["", ".", "a\0b", "pipe", "null", "nowhere/x"])
def test_what_is_no_file_is_not_written_to(
    command: str, where: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    try:
        os.mknod("null", 0o20666, os.makedev(1, 3))
    except OSError:
        if where == "null":
            pytest.skip("no device can be made here")
    before = fuzzing.listing(tmp_path)
    if command == "export":
        assert "cannot be written" in refusal("export", run, where)
    elif where:  # an empty word is none: the workspace is printed
        assert "cannot be written" in refusal(command, *SAMPLE[1:4], "--background", "single", "--output", where)
    assert fuzzing.listing(tmp_path) == before


def changed(path: Path, change: Callable[[Any], None]) -> None:
    """Change a chain as another program would, with a header that fits."""
    with h5py.File(path, "r+") as file:
        change(file)
    path.write_bytes(fuzz.with_checksum(path.read_bytes()))


def replaced(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        file[name] = value(file) if callable(value) else value
        file[name].attrs.update(attributes)

    return change


def claims_too_much(file: Any) -> None:
    del file["ensemble_1/chain"]
    file.create_dataset("ensemble_1/chain", (2**40, 16, 5), dtype="f8", chunks=True)


def a_sample(value: float) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file["ensemble_1/chain"][3, 2, 1] = value

    return change


def without(*keys: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        result = json.loads(file["result"][()])
        del fuzz.at(result, keys[:-1])[keys[-1]]
        del file["result"]
        file["result"] = json.dumps(result)

    return change


LAYOUTS: list[tuple[Callable[[Any], None], str]] = [
    (claims_too_much, "of a size that the file does not have"),
    (a_sample(float("nan")), "samples that are no numbers"),
    (a_sample(float("inf")), "samples that are no numbers"),
    (a_sample(1e300), "samples that are no numbers"),
    (lambda file: file["ensemble_0"].attrs.modify("iteration", 7), "ensemble_0/chain has the shape"),
    (lambda file: file["ensemble_0"].attrs.modify("iteration", -1), "ensemble_0/chain has the shape"),
    (lambda file: file.pop("ensemble_0"), "it holds the ensembles ensemble_1"),
    (replaced("ensemble_0/log_prob", np.zeros((3, 2))), "ensemble_0/log_prob has the shape"),
    (replaced("ensemble_0/chain", np.zeros((12, 16, 5), "i8")), "ensemble_0/chain is of int64"),
    (replaced("parameters/scale", np.zeros(5)), "a scale that is not positive"),
    (replaced("parameters/name", "mu_nu"), "parameters/name has the shape"),
    (replaced("result", "[1]"), "its stored result"),
    (replaced("result", "{" * 50), "cannot be read"),
    (without("steps"), "its stored result"),
    (without("parameters", "mu_nu", "intervals", 0, 1), "its stored result"),
    (without("rows", 0, "what"), "its stored result"),
    (without("parameters", "mu_nu", "median"), "its stored result"),
]


@pytest.mark.parametrize(("change", "sentence"), LAYOUTS, ids=range(len(LAYOUTS)))
def test_a_whole_file_that_is_no_chain_is_refused(change: Callable[[Any], None], sentence: str, copy: Path) -> None:
    changed(copy / "chain.h5", change)
    anew = ("--kind", "eti") if sentence.endswith(("numbers", "positive")) else ()  # only then samples are read
    assert sentence in refusal("summary", copy, "--json", *anew)


def test_a_chain_without_steps_is_laid_out_as_one(copy: Path) -> None:
    def begun(file: Any) -> None:
        file.pop("result")
        for n in range(2):
            del file[f"ensemble_{n}"]
            file.create_group(f"ensemble_{n}")

    changed(copy / "chain.h5", begun)
    assert chain_file.read(copy).steps == 0 and "no step is stored yet" in refusal("summary", copy)


def test_every_result_is_laid_out_as_one(run: Path) -> None:
    result = chain_file.read_result(run / "chain.h5")
    assert result is not None
    with pytest.raises(ValueError, match="stored result"):
        chain_format.check_result(result, result.verdict.steps + 1)


# What the sources must not do

FORBIDDEN = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "pty", "ctypes"}


def forbidden(source: str) -> list[str]:
    """Names of calls and modules in a source that run what a file or a user gives."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            alone = isinstance(node.func, ast.Name)
            found += [name] if (alone and name in FORBIDDEN) or name in ("system", "popen") else []
            for keyword in node.keywords:
                is_true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                found += [keyword.arg or ""] if keyword.arg in ("shell", "allow_pickle") and is_true else []
        elif isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append(node.module or "")
    return found


def test_no_source_runs_what_a_file_gives() -> None:
    sources = sorted(PACKAGE.rglob("*.py"))
    assert len(sources) > 50
    assert {path.name: found for path in sources if (found := forbidden(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(
    "line",
    [
        *("eval(x)", "exec(x)", "import pickle", "from pickle import load", "np.load(f, allow_pickle=True)", "os.system(x)"),
        *("subprocess.run(x, shell=True)", "__import__(x)", "import numpy, marshal"),
    ],
)
def test_the_search_finds_it(line: str) -> None:
    assert forbidden(line) and not forbidden("re.compile(x); np.load(f, allow_pickle=False); subprocess.run([x])")


# What the package runs with


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A script of the project as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module(name)


def test_every_locked_package_has_its_licence_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    licences = script("licences", monkeypatch)
    page = licences.PAGE.read_text(encoding="utf-8")
    rows = {
        tuple(cell.strip() for cell in line.split("|")[1:3]): line.split("|")[3].strip() for line in page.splitlines()[7:]
    }
    locked = [(name, version) for name, version, _ in licences.locked()]
    assert len(locked) > 40 and {*rows} == {*locked}, "run scripts/licences.py"
    known = re.compile(r"MIT|BSD|Apache-2\.0|PSF-2\.0|Zlib|CC0-1\.0|ISC|Unlicense|MPL-2\.0")
    assert all(known.search(licence) and "GPL" not in licence for licence in rows.values())


def test_a_licence_is_read_from_what_metadata_state(monkeypatch: pytest.MonkeyPatch) -> None:
    licences = script("licences", monkeypatch)
    osi = ["License :: OSI Approved :: MIT License"]
    assert licences.licence("BSD-3-Clause", "text", osi) == "BSD-3-Clause"
    assert licences.licence(None, "Apache-2.0", osi) == "Apache-2.0"
    assert licences.licence(None, "Copyright\nand so on", osi) == licences.licence(None, None, osi) == "MIT"
    with pytest.raises(ValueError, match="no licence"):
        licences.licence(None, None, [])
    with pytest.raises(SystemExit, match="not installed"):
        licences.page({})


def test_the_lowest_versions_are_those_of_pyproject(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = script("lowest", monkeypatch).bounds()
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = named["dependencies"] + named["optional-dependencies"]["test"]
    assert {*bounds} == {re.split(r"[><=]", each)[0] for each in wanted} and bounds["arviz"].startswith("0.")


# No network, and the same numbers however many threads there are


def test_nothing_is_asked_of_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*words: Any, **options: Any) -> None:
        raise AssertionError("a socket is opened")

    monkeypatch.setattr(socket.socket, "__init__", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    with pytest.raises(AssertionError, match="a socket is opened"):
        socket.create_connection(("localhost", 1))
    assert answer("counts", "xenonnt-sr0", "--json")["expected"]
    assert answer("limits", "pandax4t-run1", "--parameter", "mu_nu", "--background", "single", "--json")["upper"]
    assert sampled(tmp_path / "run")["steps"] == 12
    assert refusal("summary", "https://example.org/run")


@POSIX
@pytest.mark.slow
def test_threads_change_no_bit(tmp_path: Path) -> None:
    found = []
    for threads in ("1", "2"):
        names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, threads)
        place = tmp_path / threads
        command = [sys.executable, "-m", "bayesnu", *SAMPLE, "--steps", "40", "--output", str(place)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        found.append(chain_file.read(place))
    one, two = found
    for name in ("samples", "log_prob", "acceptance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert chain_file.read_result(one.path) == chain_file.read_result(two.path)


def test_a_damaged_header_says_so(copy: Path) -> None:
    content = (copy / "chain.h5").read_bytes()
    (copy / "chain.h5").write_bytes(re.sub(rb"chain 1", b"chain 9", content, count=1))
    with pytest.raises(BayesnuError, match="not a chain"):
        chain_file.read(copy)
