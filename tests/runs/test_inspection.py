"""A chain of unknown origin is read where it can do no harm, and one sentence says what it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import pytest

from bayesnu.runs import inspection
from bayesnu.support.errors import BayesnuError
from tests.commands import answer, invoke, refusal
from tests.robustness import fuzz

BEGIN = """
import os, time
from bayesnu.runs import inspection
inspection.SECONDS = 1
inspection._limit_this_process()
"""
LIMITS = pytest.mark.skipif(os.name != "posix", reason="Windows has no such limits")


def test_a_chain_is_described_in_one_sentence_and_as_json(run: Path) -> None:
    for place in (run, run / "chain.h5"):
        said = invoke("check", place).stdout
        assert said == (
            f"{run / 'chain.h5'}: a whole chain of mu_nu from PandaX-4T Run 1, 2 ensembles of 16 walkers and 12 steps, "
            "NOT CONVERGED\n"
        )
    found = answer("check", run, "--json")
    assert found["steps"] == 12 and found["parameters"][0] == "mu_nu" and found["converged"] is False


def test_a_file_that_is_whole_and_no_chain_is_refused_by_what_is_wrong(copy: Path) -> None:
    path = copy / "chain.h5"
    with h5py.File(path, "r+") as file:
        file["ensemble_0/chain"][0, 0, 0] = 1e300
    assert "its checksum is wrong" in refusal("check", path)
    path.write_bytes(fuzz.with_checksum(path.read_bytes()))
    assert "samples that are no numbers" in refusal("check", path)
    with h5py.File(path, "r+") as file:
        del file["experiments"]
    path.write_bytes(fuzz.with_checksum(path.read_bytes()))
    assert "the chain cannot be read" in refusal("check", path)


@pytest.mark.parametrize("words", [("--electrons", "free"), ("--plot", "a.png"), ("--grid",)])
def test_a_choice_that_a_chain_cannot_take_is_refused(copy: Path, words: tuple[str, ...]) -> None:
    assert f"found {words[0]} with a chain, which carries its own choices" in refusal("check", copy / "chain.h5", *words)


@LIMITS
@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("while True: pass", "takes more than 1 seconds of processor time; bayesnu did not write it so"),
        ("time.sleep(30)", "reading it takes more than 2 seconds"),
        ("x = bytearray(2**34)", "reading it takes more memory than a chain needs"),
        ("os.kill(os.getpid(), 11)", "reading it ends in SIGSEGV"),
        ("os.abort()", "reading it ends in SIGABRT"),
    ],
)
def test_what_hangs_crashes_or_fills_the_memory_ends_in_its_own_process(
    code: str, sentence: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        inspection, "CHILD", f"{BEGIN.replace('inspection._', 'inspection.SECONDS = 1; inspection._')}{code}"
    )
    monkeypatch.setattr(inspection, "SECONDS", 1)
    monkeypatch.setattr(inspection, "CLOCK", 2 if "sleep" in code else 300)
    with pytest.raises(BayesnuError, match=sentence):
        inspection.inspect_chain(run)


def test_nothing_is_imported_from_the_folder_where_the_command_is_started(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("numpy", "h5py", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken in')")
    monkeypatch.chdir(tmp_path)
    assert inspection.inspect_chain(run).steps == 12


@LIMITS
def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "chain.h5")
    assert not inspection.looks_like_chain(tmp_path) and not inspection.looks_like_chain(tmp_path / "chain.h5")


def test_an_experiment_is_no_chain(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("bayesnu chain")
    assert not inspection.looks_like_chain("xenonnt-sr0") and not inspection.looks_like_chain(tmp_path)
    assert json.loads(invoke("check", "xenonnt-sr0", "--json").stdout)["name"] == "xenonnt-sr0"
