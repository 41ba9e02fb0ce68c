"""The doctor: a sound installation is found sound, and every planted fault is named with what to do about it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from bayesnu import experiments
from bayesnu.cli import doctor
from bayesnu.cli.doctor import Finding
from bayesnu.model import likelihood
from bayesnu.model.choices import PRESETS
from bayesnu.runs import folder, sampling
from bayesnu.studies import self_check
from bayesnu.support.errors import BayesnuError
from tests.commands import invoke, parsed

DEPENDENCIES = ("numpy", "scipy", "numba", "emcee", "arviz", "matplotlib", "h5py", "click", "pydantic", "rich")


def only(findings: Iterable[Finding], check: str) -> Finding:
    """The one finding of a check."""
    (found,) = (each for each in findings if each.check == check)
    return found


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A doctor that does not compute: for what is about its other checks."""
    monkeypatch.setattr(doctor, "self_check", lambda: iter(()))
    monkeypatch.setattr(doctor, "place", lambda folder: iter(()))


# A sound installation


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """What the command says in an empty folder, and the folder."""
    here, place = Path.cwd(), tmp_path_factory.mktemp("here")
    os.chdir(place)
    try:
        result = invoke("doctor", "--json")
    finally:
        os.chdir(here)
    assert result.exit_code == 0, result.stdout
    yield parsed(result.stdout), place


def test_a_sound_installation_passes_every_check(sound: tuple[Any, Path]) -> None:
    answer, _ = sound
    assert answer["passed"] is True
    checks = {each["check"]: each for each in answer["findings"]}
    assert {"bayesnu", "python", *DEPENDENCIES} <= checks.keys()
    assert {"processors", "cache", "locks", "chains", "leftovers"} <= checks.keys()
    for name in ("likelihood", "compiled likelihood", "limits", "sampled limit"):
        assert checks[name]["status"] == "ok"
    for name in DEPENDENCIES:
        assert checks[name]["status"] == "ok" and metadata.version(name) in checks[name]["found"]
    assert all(
        each["status"] in ("ok", "note") and bool(each["do"]) == (each["status"] == "note") for each in checks.values()
    )


def test_the_doctor_leaves_nothing_behind(sound: tuple[Any, Path]) -> None:
    assert [*sound[1].iterdir()] == []


def test_the_stored_numbers_are_those_of_the_package_today() -> None:
    stored, now = self_check.stored(), self_check.computed()
    assert stored.keys() == now.keys()
    assert stored["likelihood"].keys() == now["likelihood"].keys()
    assert len(now["likelihood"]) == 2 * len(experiments.names()) + len(PRESETS) - 2
    for name, values in now["likelihood"].items():
        assert stored["likelihood"][name] == pytest.approx(values, rel=1e-12)
    for name in ("profile", "posterior"):
        assert stored[name].keys() == now[name].keys()
        for case, numbers in now[name].items():
            assert stored[name][case][:2] == pytest.approx(numbers, rel=1e-7, abs=1e-9)


def test_the_references_tell_the_points_apart() -> None:
    for values in self_check.stored()["likelihood"].values():
        assert len({round(value, 3) for value in values.values()}) == len(self_check.POINTS)


# Planted faults: the numbers


def altered(*where: Any, factor: float) -> dict[str, Any]:
    """The stored table with one number changed."""
    table = self_check.stored()
    inner = table
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] *= factor
    return table


def test_a_modified_likelihood_is_named_with_what_to_do() -> None:
    table = altered("likelihood", "pandax4t-run1, preset paper", "charge", factor=1 + 3e-10)
    found = doctor._judged("likelihood", self_check.likelihoods(table), "reinstall")
    assert found.status == "act" and found.do == "reinstall"
    numbers = sum(map(len, table["likelihood"].values()))
    assert f"1 of {numbers} differ; pandax4t-run1, preset paper, charge: found -109.98" in found.found
    unnoticed = altered("likelihood", "pandax4t-run1, preset paper", "charge", factor=1 + 3e-11)
    assert doctor._judged("likelihood", self_check.likelihoods(unnoticed), "").status == "ok"


def test_modified_limits_are_named_and_no_others() -> None:
    table = self_check.stored()
    table["profile"]["xenonnt-sr0, q_nu, preset default"][1] *= 1 + 1e-5
    table["profile"]["pandax4t-run1, q_nu, preset paper"][0] *= 1 + 1e-5
    table["posterior"]["xenonnt-sr0, mu_nu, preset paper"][0] *= 1 + 1e-5
    compared = [*self_check.limits(table)]
    assert len(compared) == 10
    assert [each.what for each in compared if each.off > 1] == [
        "xenonnt-sr0, q_nu, preset default, upper end",
        "pandax4t-run1, q_nu, preset paper, lower end",
        "xenonnt-sr0, mu_nu, preset paper, credible limit",
    ]
    found = doctor._judged("limits", compared, "reinstall")
    assert (found.status, found.do) == ("act", "reinstall") and found.found.startswith("3 of 10 differ; ")


def test_a_modified_reference_makes_the_command_say_what_to_do_and_fail(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "place", lambda folder: iter(()))
    table = altered("posterior", "xenonnt-sr0, mu_nu, preset default", 0, factor=1.2)
    monkeypatch.setattr(self_check, "stored", lambda: table)
    result = invoke("doctor")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    bad = [i for i, line in enumerate(lines) if line.startswith("ACT")]
    assert [lines[i].split(":")[0] for i in bad] == ["ACT   limits", "ACT   sampled limit"]
    assert all("install bayesnu again" in lines[i + 1] and "bayesnu doctor --json" in lines[i + 1] for i in bad)
    assert lines[-1] == "2 of these must be done (ACT)"
    assert [*tmp_path.iterdir()] == []


def test_compiled_code_that_differs_from_the_definition_is_the_cache_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    real = likelihood.compile_posterior
    monkeypatch.setattr(self_check, "compile_posterior", lambda model: lambda theta: real(model)(theta) + 1e-6)
    findings = []
    for each in doctor.self_check():
        findings.append(each)
        if each.check == "compiled likelihood":
            break
    assert only(findings, "likelihood").status == "ok"
    compiled = only(findings, "compiled likelihood")
    assert compiled.status == "act" and re.match(r"delete .* and run this again", compiled.do)


def test_what_is_no_number_never_agrees() -> None:
    found = doctor._judged("x", [self_check.Comparison("a", float("nan"), 1.0, 0.1)], "do")
    assert found.status == "act" and "found nan" in found.found


# Planted faults: the installation


def test_a_version_out_of_bounds_is_named_with_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "numba" else real(name))
    found = [*doctor.versions()]
    assert [each.check for each in found if each.status != "ok"] == ["numba"]
    numba = only(found, "numba")
    assert numba.status == "act" and re.search(r"99\.0, supported >=[\d.]+,<[\d.]+", numba.found)
    assert re.search(r"python -m pip install 'numba>=[\d.]+,<[\d.]+'", numba.do)


def test_a_missing_dependency_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("emcee", *doctor.OPTIONAL):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    assert only(doctor.versions(), "emcee").status == "act"
    extras = [*doctor.optional()]
    assert [(each.check, each.status) for each in extras] == [(name, "note") for name in doctor.OPTIONAL]
    assert all(f"pip install '{each.check}" in each.do and "optional:" in each.found for each in extras)


def test_a_python_out_of_bounds_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.99.1")
    found = only(doctor.versions(), "python")
    assert found.status == "act" and found.found.startswith("3.99.1, supported >=3.11,<")


def test_a_package_that_is_not_installed_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    for name in ("metadata", "requires"):
        monkeypatch.setattr(metadata, name, missing)
    (found,) = doctor.versions()
    assert (found.check, found.status) == ("bayesnu", "act") and "pip install ." in found.do
    assert all(each.status != "act" for each in doctor.optional())


def test_a_check_that_breaks_does_not_silence_the_others(
    quiet: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken() -> Iterator[Finding]:
        raise ImportError("no module named x")

    monkeypatch.setattr(doctor, "processors", broken)
    found = [*doctor.examine(tmp_path)]
    bad = only(found, "processors")
    assert bad.status == "act" and "ImportError: no module named x" in bad.found and "reinstall" in bad.do
    assert {"numpy", "cache", "leftovers"} <= {each.check for each in found}


# Planted faults: the cache


def test_an_unwritable_cache_is_named_with_the_variable_to_set(tmp_path: Path) -> None:
    script = "import json; from dataclasses import asdict; from bayesnu.cli import doctor\n"
    script += "print(json.dumps([asdict(each) for each in doctor.cache()]))"
    environment = os.environ | {"BAYESNU_CACHE_DIR": "/proc/nowhere", "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    (found,) = json.loads(done.stdout)
    assert found["status"] == "act" and str(tmp_path) in found["found"] and "BAYESNU_CACHE_DIR" in found["do"]
    assert done.stderr == ""


@pytest.fixture
def caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of compiled code of a test, empty; the temporary folder is the test's too."""
    here = tmp_path / "cache" / "bayesnu" / "0123"
    here.mkdir(parents=True)
    monkeypatch.setattr("bayesnu.support.compiled.cache_folder", lambda: here)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return here


def test_a_cache_is_cold_then_warm(caches: Path) -> None:
    (found,) = doctor.cache()
    assert found.status == "ok" and found.found == f"{caches}, writable, empty, so the first command compiles"
    (caches / "detector_1").mkdir()
    for name in ("a.nbi", "b.nbi", "a.1.nbc"):
        (caches / "detector_1" / name).write_bytes(b"x" * 100_000)
    (found,) = doctor.cache()
    assert found.found == f"{caches}, writable, warm, 2 functions in 0.3 MB"


def test_caches_of_other_versions_and_lost_temporary_ones_are_worth_a_note(caches: Path, tmp_path: Path) -> None:
    (caches.parent / "4567").mkdir()
    for name in ("bayesnu-lost", "bayesnu-mine"):
        (tmp_path / name / "inside").mkdir(parents=True)
    (tmp_path / "bayesnu-lost" / "inside" / "kernel.nbi").write_bytes(b"x")
    (tmp_path / "bayesnu-mine" / "inside" / "letter.txt").write_bytes(b"x")
    whole, others, lost = doctor.cache()
    assert (whole.status, others.status, lost.status) == ("ok", "note", "note")
    assert others.found.startswith("1 folders of other versions") and str(caches.parent) in others.do
    assert lost.found.endswith(f": {tmp_path / 'bayesnu-lost'}")


# Planted faults: the folder


@pytest.mark.skipif(os.name != "posix", reason="needs a place where nobody can write")
def test_a_folder_that_cannot_be_written_is_named() -> None:
    (found,) = doctor.place(Path("/proc"))
    assert found.status == "act" and found.found.startswith("/proc: cannot be written") and "--output" in found.do


def test_a_folder_without_locks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folder, "fcntl", None)
    found = doctor._locks(tmp_path, tmp_path / "lock")
    assert found.status == "act" and "can be locked again" in found.found and "local disk" in found.do


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX locks")
def test_a_lock_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("bayesnu.runs.folder.fcntl.flock", refused)
    found = doctor._locks(tmp_path, tmp_path / "lock")
    assert found.status == "act" and "No locks available" in found.found


def test_a_chain_that_cannot_be_stored_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*arguments: object, **options: object) -> None:
        raise BayesnuError("chain.h5: cannot be written (unable to lock file)")

    monkeypatch.setattr(sampling, "sample", refused)
    found = doctor._hdf5(tmp_path, tmp_path / "run")
    assert found.status == "act" and "unable to lock file" in found.found and found.do == "run on a local disk"


def test_what_killed_runs_left_is_listed_and_nothing_else(tmp_path: Path) -> None:
    (clean,) = doctor.leftovers(tmp_path)
    assert (clean.status, clean.do) == ("ok", "")
    run = tmp_path / "chains" / "run"
    run.mkdir(parents=True)
    left = [run / "chain.h5.new", run / "config.toml.new", tmp_path / "corner.pdf.new"]
    own = [tmp_path / "thesis.new", tmp_path / "a.b.c.new"]
    for path in (*left, *own):
        path.write_bytes(b"x")
    (tmp_path / f"{doctor.PREFIX}abc").mkdir()
    copies, scratch = doctor.leftovers(tmp_path)
    assert (copies.check, copies.status) == ("leftovers", "note") and copies.found.startswith("3 unfinished copies")
    assert all(str(path) in copies.found for path in left) and not any(str(path) in copies.found for path in own)
    assert "delete" in copies.do and scratch.status == "note" and f"{doctor.PREFIX}abc" in scratch.found


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX locks")
def test_the_copy_of_a_run_at_work_is_not_left_over(tmp_path: Path) -> None:
    with folder.held(tmp_path / "run"):
        (tmp_path / "run" / "chain.h5.new").write_bytes(b"x")
        (found,) = doctor.leftovers(tmp_path)
        assert found.status == "ok"
    (found,) = doctor.leftovers(tmp_path)
    assert found.status == "note"
