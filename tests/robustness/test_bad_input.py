"""Whatever is given, the user reads one sentence on standard error, the exit code is 2, and nothing is lost or begun."""

from __future__ import annotations

import os
import random
import tomllib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tomli_w

from bayesnu.cli.output import json_out
from bayesnu.inference.sampling import chain
from bayesnu.runs import chain_file, config
from bayesnu.support.errors import BayesnuError
from tests.commands import SAMPLE, SMALL, answer, invoke, parsed, refusal, sampled, without_path
from tests.statistics.models import append

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX paths")


# Words of the command line

RATE = ("rate", "--json", "--energy-kev")
LIMITS = ("limits", "xenonnt-sr0", "--json", "--parameter", "mu_nu", "--background", "single")
LONG = "a" * 300
WORDS: list[tuple[tuple[str, ...], str]] = [
    ((*RATE, ""), "--energy-kev"),
    ((*RATE, "two"), "--energy-kev: found 'two'"),
    ((*RATE, "1,,2"), "--energy-kev: found '1,,2'"),
    ((*RATE, "-1"), "energy"),
    ((*RATE, "0"), "energy"),
    ((*RATE, "nan"), "energy"),
    ((*RATE, "2,inf"), "energy"),
    ((*RATE, "1e400"), "energy"),
    ((*RATE, "1e-320"), "energy"),
    ((*RATE, "2", "--mu-nu", "nan"), "--mu-nu: found nan"),
    ((*RATE, "2", "--mu-nu", "inf"), "--mu-nu: found inf"),
    ((*RATE, "2", "--mu-nu", "-1e-11"), "--mu-nu: found -1e-11; mu_nu is a modulus"),
    ((*RATE, "2", "--mu-nu", "1e300"), "must be 0, or between 1e-20 and 1e-05 mu_B in size"),
    ((*RATE, "2", "--q-nu", "1e160"), "must be 0, or between 1e-21 and 1e-06 e in size"),
    ((*RATE, "2", "--q-nu", "much"), "'much' is not a valid float"),
    ((*RATE, "2", "--sin2-theta-w", "nan"), "sin2_theta_w: found nan; must be a number in [0, 1]"),
    ((*RATE, "2", "--sin2-theta12", "-0.1"), "sin2_theta12: found -0.1; must be a number in [0, 1]"),
    ((*RATE, "2", "--energy-scale", "inf"), "energy_scale: found inf"),
    ((*RATE, "2", "--couplings", "loop"), "'loop' is not one of"),
    ((*RATE, "2", "--preset", "papre"), "'papre' is not one of"),
    ((*RATE, "2", "--mu-un", "1"), "--mu-un"),
    (("counts", "xenonnt-sr0", "--mu-nu", "1e300", "--json"), "must be 0, or between 1e-20 and 1e-05 mu_B in size"),
    (("counts", "xenonnt"), "did you mean 'xenonnt-sr0'?"),
    (("counts", LONG), "cannot be read"),
    (("counts", f"{LONG}.toml"), "cannot be read"),
    (("counts", "."), "not a regular file"),
    (("counts", ""), "not a regular file"),
    (("counts", "xenonnt-sr0", "--inputs", "papper"), "no reading 'papper'; did you mean 'paper'?"),
    (("check", "nowhere.toml"), "nowhere.toml: cannot be read"),
    (("check", "two\nlines.toml"), "two lines.toml: cannot be read"),
    ((*LIMITS, "--cl", "2"), "cl: found 2"),
    ((*LIMITS, "--cl", "0"), "cl: found 0"),
    ((*LIMITS, "--cl", "-0.9"), "cl: found -0.9"),
    ((*LIMITS, "--cl", "nan"), "cl: found nan"),
    ((*LIMITS, "--cl", "0.3", "--one-sided"), "cl: found 0.3"),
    (("limits", "xenonnt-sr0", "--parameter", "q_nu", "--one-sided"), "--one-sided: found q_nu, which has a sign"),
    (("limits", "xenonnt-sr0"), "--parameter: none given"),
    (("limits", "--parameter", "mu_nu"), "EXPERIMENT"),
    (("limits", "xenonnt-sr0", "xenonnt-sr0", "--parameter", "mu_nu"), "found 'xenonnt-sr0' twice"),
    (("sample", "xenonnt-sr0"), "--parameter: none given"),
    (("sample", "--parameter", "mu_nu"), "experiments: none given"),
    ((*SAMPLE, "--config", "nowhere.toml"), "nowhere.toml: cannot be read"),
    ((*SAMPLE, "--config", "."), ".: cannot be read"),
    ((*SAMPLE, "--steps", "0"), "steps: found 0; must lie in"),
    ((*SAMPLE, "--steps", "-5"), "steps: found -5"),
    ((*SAMPLE, "--steps", str(10**12)), "steps: found 1000000000000"),
    ((*SAMPLE, "--steps", "1e3"), "'1e3' is not a valid integer"),
    ((*SAMPLE, "--most-steps", "0"), "most_steps: found 0"),
    ((*SAMPLE, "--walkers", str(10**9)), "walkers: found 1000000000"),
    ((*SAMPLE, "--walkers", "-2"), "walkers: found -2"),
    ((*SAMPLE, "--walkers", "17"), "walkers: found 17; must be even"),
    ((*SAMPLE, "--walkers", "8"), "walkers: found 8; 5 parameters need at least 10"),
    ((*SAMPLE, "--ensembles", "1"), "ensembles: found 1"),
    ((*SAMPLE, "--ensembles", str(10**20)), "ensembles: found"),
    ((*SAMPLE, "--seed", "-1"), "seed: found -1"),
    ((*SAMPLE, "--seed", str(2**32)), "seed: found 4294967296"),
    ((*SAMPLE, "--seed", str(10**400)), "seed: found 1000"),
    ((*SAMPLE, "--probability", "0"), "probability: found 0"),
    ((*SAMPLE, "--probability", "1"), "probability: found 1"),
    ((*SAMPLE, "--probability", "nan"), "probability: found nan"),
    ((*SAMPLE, "--probability", "-inf"), "probability: found -inf"),
    ((*SAMPLE, "--prior-upper", "-1e-11"), "prior of mu_nu: found the range [0, -1]"),
    ((*SAMPLE, "--prior-upper", "0"), "prior of mu_nu: found the range [0, 0]"),
    ((*SAMPLE, "--prior-upper", "nan"), "[prior] upper: found nan"),
    ((*SAMPLE, "--prior-upper", "inf"), "[prior] upper: found inf"),
    ((*SAMPLE, "--prior-upper", "1e300"), "prior: found upper = 1e+300; must be at most"),
    ((*SAMPLE, "--prior-upper", "1e-300"), "prior: found a range of 1e-300; must be at least"),
    ((*SAMPLE, "--prior-upper", "5e-324", "--prior", "flat-square"), "prior: found a range"),
    ((*SAMPLE, "--prior-lower", "2e-11", "--prior-upper", "1e-11"), "prior of mu_nu: found the range [2, 1]"),
    ((*SAMPLE, "--prior-lower", "-1e-11"), "prior: found lower = -1e-11; mu_nu is a modulus"),
    ((*SAMPLE, "--prior-mean", "1e-11"), "mean and width belong to a gaussian prior"),
    ((*SAMPLE, "--prior", "log-uniform"), "--prior-lower"),
    ((*SAMPLE, "--prior", "log-uniform", "--prior-lower", "0"), "prior of mu_nu"),
    ((*SAMPLE, "--prior", "gaussian"), "needs a mean and a width"),
    ((*SAMPLE, "--prior", "gaussian", "--prior-mean", "1e-11", "--prior-width", "0"), "found the width 0"),
    ((*SAMPLE, "--prior", "gaussian", "--prior-mean", "1e-11", "--prior-width", "-1e-11"), "found the width -1"),
    ((*SAMPLE, "--prior", "gaussian", "--prior-mean", "1e-11", "--prior-width", "1e-311"), "found a width of"),
    ((*SAMPLE, "--prior", "gaussian", "--prior-mean", "1e-8", "--prior-width", "1e-11"), "holds no probability"),
    ((*SAMPLE, "--prior", "gaussian", "--prior-mean", "nan", "--prior-width", "1e-11"), "[prior] mean: found nan"),
    ((*SAMPLE, "--parameter", "q_nu", "--prior", "flat-square"), "needs a parameter that has no sign"),
    (("resume", "nowhere"), "nowhere: no run there"),
    (("resume", LONG), "no run there"),
    (("summary", "nowhere", "--json"), "nowhere: no chain there"),
    (("export", "nowhere", "out.nc"), "nowhere: no chain there"),
]


@pytest.mark.parametrize(("words", "sentence"), WORDS, ids=lambda value: value[-40:] if isinstance(value, str) else "")
def test_a_word_that_cannot_be_is_refused(
    words: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in refusal(*words)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--up-to", "0"), "--up-to: found 0"),
        (("--more", "-3"), "--more: found -3"),
        (("--up-to", "20", "--more", "3"), "found both"),
        (("--up-to", str(10**12)), "steps: found 1000000000000"),
        (("--more", str(10**12)), "steps: found 1000000000012"),
    ],
)
def test_a_length_that_cannot_be_is_refused(run: Path, words: tuple[str, ...], sentence: str) -> None:
    before = (run / "config.toml").read_bytes()
    assert sentence in refusal("resume", run, "--quiet", *words)
    assert (run / "config.toml").read_bytes() == before and answer("summary", run, "--json", "--no-toys")["steps"] == 12


# Configurations

CONFIG: dict[str, Any] = {
    "experiments": ["pandax4t-run1"],
    "parameter": "mu_nu",
    "prior": {"kind": "flat"},
    "sampling": {"steps": 8, "walkers": 16, "ensembles": 2},
    "analysis": {"background": "single"},
}
KEYS: list[tuple[tuple[str, ...], Any, str]] = [
    (("experiment",), ["xenonnt-sr0"], "unknown key 'experiment'; did you mean 'experiments'?"),
    (("line\nbreak",), 1, "unknown key 'line break'"),
    ((LONG,), 1, "unknown key"),
    (("experiments",), "xenonnt-sr0", "found experiments = xenonnt-sr0; must be a list"),
    (("experiments",), [1], "must be a list"),
    (("experiments",), [], "experiments: none given"),
    (("experiments",), ["xenonnt-sr"], "did you mean 'xenonnt-sr0'?"),
    (("experiments",), ["../../etc/nothing.toml"], "nothing.toml: cannot be read"),
    (("parameter",), ["mu_nu"], "must be a word in quotes"),
    (("parameter",), "mu", "parameter: found 'mu'; known: a_nu, mu_nu, mu_sterile, q_nu, r2_nu, r2_total, s2_w"),
    (("parameter",), "mu-nu", "parameter: found 'mu-nu'; did you mean 'mu_nu'?"),
    (("parameter",), {"name": "mu_nu"}, "must be a word in quotes"),
    (("flavour",), 1, "must be a word in quotes"),
    (("flavour",), "electron", "flavour: found 'electron'"),
    (("preset",), True, "must be a word in quotes"),
    (("preset",), "papper", "preset: found 'papper'; did you mean 'paper'?"),
    (("prior",), "flat", "found prior = flat; must be a table"),
    (("prior",), [1], "must be a table"),
    (("sampling",), 3, "must be a table"),
    (("analysis",), "paper", "must be a table"),
    (("data",), 1, "must be a table"),
    (("prior", "knd"), "flat", "[prior] knd: unknown key; did you mean 'kind'?"),
    (("prior", "kind"), 3, "[prior] kind: found 3; must be a word in quotes"),
    (("prior", "kind"), "flatt", "did you mean 'flat'?"),
    (("prior", "upper"), "1e-10", "[prior] upper: found '1e-10'; must be a finite number"),
    (("prior", "upper"), float("nan"), "[prior] upper: found nan"),
    (("prior", "upper"), float("inf"), "[prior] upper: found inf"),
    (("prior", "upper"), True, "[prior] upper: found True"),
    (("prior", "upper"), [1.0], "[prior] upper: found [1.0]"),
    (("prior", "upper"), {"value": 1.0}, "[prior] upper: found {"),
    (("prior", "upper"), 10**400, "an integer of more than 64 bits"),
    (("sampling", "step"), 8, "[sampling] step: unknown key; did you mean 'steps'?"),
    (("sampling", "steps"), 8.0, "[sampling] steps: found 8.0; must be an integer"),
    (("sampling", "steps"), True, "[sampling] steps: found True"),
    (("sampling", "steps"), "8", "[sampling] steps: found '8'"),
    (("sampling", "steps"), 2**62, "steps: found 4611686018427387904"),
    (("sampling", "seed"), 2**70, "an integer of more than 64 bits"),
    (("sampling", "seed"), -1, "seed: found -1"),
    (("sampling", "kind"), "lower", "kind: found 'lower'"),
    (("sampling", "kind"), ["upper"], "[sampling] kind: found ['upper']"),
    (("sampling", "probability"), float("nan"), "[sampling] probability: found nan"),
    (("sampling", "probability"), 90, "probability: found 90"),
    (("sampling", "nested"), {"deep": {"deeper": 1}}, "[sampling] nested: unknown key"),
    (("analysis", "name"), "x", "[analysis] name: unknown key"),
    (("analysis", "sin2_thetaw"), 0.2, "[analysis] sin2_thetaw: unknown key; did you mean 'sin2_theta_w'?"),
    (("analysis", "sin2_theta_w"), "0.2", "sin2_theta_w: found '0.2'; must be a number in [0, 1]"),
    (("analysis", "sin2_theta_w"), float("nan"), "sin2_theta_w: found nan"),
    (("analysis", "sin2_theta_w"), True, "sin2_theta_w: found True"),
    (("analysis", "sin2_theta_w"), [0.2], "sin2_theta_w: found [0.2]"),
    (("analysis", "sin2_theta_w"), 2, "sin2_theta_w: found 2"),
    (("analysis", "inputs"), 1, "inputs: found 1"),
    (("analysis", "inputs"), "papr", "no reading 'papr'; did you mean 'paper'?"),
    (("analysis", "couplings"), ["tree"] * 500, "couplings: found ['tree', "),
    (("analysis", "couplings"), "trees", "couplings: found 'trees'; did you mean 'tree'?"),
    (("analysis", "correlated_runs"), 1, "correlated_runs: found 1; must be true or false"),
    (("analysis", "correlated_runs"), "x" * 5000, "correlated_runs: found 'xxx"),
]


def changed(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The configuration with one key set."""
    raw: dict[str, Any] = {key: dict(part) if isinstance(part, dict) else part for key, part in CONFIG.items()}
    table = raw
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = value
    return raw


@pytest.mark.parametrize(("path", "value", "sentence"), KEYS, ids=lambda value: str(value)[:40])
def test_a_key_that_cannot_be_is_refused(path: tuple[str, ...], value: Any, sentence: str, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(tomli_w.dumps(changed(path, value)), encoding="utf-8")
    words = ("sample", "--config", config, "--no-figures", "--quiet", "--json", "--output", tmp_path / "out")
    found = refusal(*words)
    assert found.startswith(f"{config}: ") and sentence in found
    assert [each.name for each in tmp_path.iterdir()] == ["run.toml"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"\x00",
        b"a",
        b"[prior",
        b"[" * 2000,
        b"a = " + b"[" * 3000,
        b"a = 1\na = 2",
        b"x = 0x" + b"f" * 5000,
    ],
    ids=range(9),
)
def test_what_is_no_configuration_is_refused(content: bytes, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_bytes(content)
    refusal("sample", "--config", config, "--output", tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["run.toml"]


def test_a_byte_order_mark_of_a_configuration_is_no_mistake(tmp_path: Path, copy: Path) -> None:
    given = tmp_path / "given.toml"
    given.write_text(tomli_w.dumps(CONFIG), encoding="utf-8-sig")
    assert answer("sample", "--config", given, "--dry-run", "--json")["parameter"] == CONFIG["parameter"]
    resolved = copy / "config.toml"
    resolved.write_text(resolved.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert answer("summary", copy, "--json")["steps"] == 12


@pytest.mark.parametrize("part", range(8))
def test_random_changes_of_a_configuration_never_end_in_a_traceback(part: int, tmp_path: Path) -> None:
    text = tomli_w.dumps(CONFIG).encode()
    dice = random.Random(part)
    for _ in range(25):
        content = bytearray(text)
        for _ in range(dice.choice([1, 1, 2, 5])):
            place = dice.randrange(len(content))
            content[place : place + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        config = tmp_path / "run.toml"
        config.write_bytes(content)
        result = invoke("sample", "--config", config, "--dry-run")
        assert result.exit_code in (0, 2)
        assert result.exit_code == 0 or (result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1)
    assert [each.name for each in tmp_path.iterdir()] == ["run.toml"]


# Experiment files at the edge

EXAMPLE = {"source": "example", "quality": "assumed"}
BARE: dict[str, Any] = {
    "format": 1,
    "name": "bare",
    "title": "Bare",
    "references": [],
    "incompatible": [],
    "exposure": {"tonne_years": 2.0, **EXAMPLE},
    "bins": {"edges_kev": [1, 30], "observed": [70], **EXAMPLE},
    "region": {"kev": [1, 30], **EXAMPLE},
    "resolution": {"sqrt_kev": 0.3, **EXAMPLE},
    "efficiency": {"energy": "reconstructed", "energies_kev": [0.5, 2, 30], "values": [0, 0.8, 0.9], **EXAMPLE},
    "background": {"solar_neutrinos": "absent", "components": [], **EXAMPLE},
}
EDGES: dict[str, tuple[tuple[str, ...], Any]] = {
    "no background and one bin": ((), None),
    "nothing observed": (("bins", "observed"), [0]),
    "much observed": (("bins", "observed"), [10**9]),
    "a fraction observed": (("bins", "observed"), [1e-9]),
    "a tiny exposure": (("exposure", "tonne_years"), 1e-9),
    "a large exposure": (("exposure", "tonne_years"), 1e6),
    "no efficiency": (("efficiency", "values"), [0, 0, 0]),
    "a region without bins": (("region", "kev"), [40, 50]),
    "beyond every recoil": (("bins", "edges_kev"), [900, 950]),
}


REFUSALS = ("bare: ", "did not end", "effective draws of the nuisances", "no bin of the region has any of its signal")


@pytest.mark.parametrize("name", EDGES)
def test_an_experiment_at_the_edge_is_finite_or_refused(name: str, tmp_path: Path) -> None:
    raw: dict[str, Any] = {key: dict(part) if isinstance(part, dict) else part for key, part in BARE.items()}
    path, value = EDGES[name]
    if path:
        raw[path[0]][path[1]] = value
    if path == ("bins", "edges_kev"):
        raw["region"]["kev"] = value
    file = tmp_path / "bare.toml"
    file.write_text(tomli_w.dumps(raw), encoding="utf-8")
    limits = ("limits", file, "--no-toys", "--parameter", "q_nu", "--flavour", "all")
    out = ("--steps", "8", "--output", tmp_path / "out")
    for words in (
        ("check", file),
        ("counts", file),
        limits,
        ("limits", file, "--no-toys", "--parameter", "mu_nu"),
        ("sample", file, "--parameter", "q_nu", *SMALL, *out),
    ):
        result = invoke(*words, "--json")
        if result.exit_code:
            lines = result.stderr.splitlines()
            assert result.exit_code == 2 and all(
                line.startswith(f"Error: {file}: ") or any(word in line for word in REFUSALS) for line in lines
            )
            assert len(lines) == 1 or words[0] == "check"
        else:
            assert "NaN" not in result.stdout and "Infinity" not in result.stdout and result.stderr == ""
    assert (tmp_path / "out").exists() == (result.exit_code == 0)


# Folders


@pytest.mark.parametrize("where", ["file", "file/below", "file/below/deep", LONG])
def test_a_folder_that_cannot_be_made_is_refused(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert "cannot be written" in refusal(*SAMPLE, "--output", tmp_path / where)
    assert [each.name for each in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "precious"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
@pytest.mark.parametrize("where", ["/proc/nope", "/proc/nope/deep", "/proc"])
def test_a_folder_of_the_kernel_is_refused(where: str) -> None:
    assert "cannot be written" in refusal(*SAMPLE, "--output", where)


@pytest.mark.parametrize("name", ["config.toml", "chain.h5"])
def test_a_folder_in_place_of_a_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    assert "cannot be written" in refusal(*SAMPLE, "--steps", "8", "--output", tmp_path / "out")
    assert {each.name for each in (tmp_path / "out").iterdir()} <= {name, ".lock"}
    for command, what in {"resume": "run", "summary": "chain"}.items():
        assert f"no {what} there" in refusal(command, tmp_path / "out")


def test_a_refused_run_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    assert "walkers" in refusal(*SAMPLE, "--walkers", "8", "--output", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_can_be_read(copy: Path) -> None:
    stored = answer("summary", copy, "--json", "--no-toys")
    copy.chmod(0o500)
    try:
        assert sampled(copy) == stored
        assert "cannot be written" in refusal("resume", copy, "--more", "8", "--no-figures", "--quiet")
    finally:
        copy.chmod(0o700)


def test_a_chain_without_its_configuration_is_refused(copy: Path) -> None:
    (copy / "config.toml").unlink()
    before = (copy / "chain.h5").read_bytes()
    assert "holds a chain without config.toml" in refusal(*SAMPLE, "--steps", "12", "--output", copy)
    assert "no run there" in refusal("resume", copy)
    assert (copy / "chain.h5").read_bytes() == before


# Chains and their configurations, damaged

COMMANDS: list[tuple[str, ...]] = [
    ("summary", "--json"),
    ("summary", "--json", "--kind", "eti"),
    ("resume", "--quiet", "--no-figures"),  # from here on, the folder's configuration is read, too
    ("resume", "--quiet", "--no-figures", "--more", "2"),
]
NOT_CHAINS = [
    b"",
    b"x",
    b"not a chain" * 500,
    b"\x89HDF\r\n\x1a\n",
    b"bayesnu chain 1 sha256 ",
    b"bayesnu chain 2" + bytes(600),
]


@pytest.mark.parametrize("content", NOT_CHAINS, ids=range(len(NOT_CHAINS)))
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_what_is_no_chain_is_refused(content: bytes, words: tuple[str, ...], copy: Path) -> None:
    (copy / "chain.h5").write_bytes(content)
    config = (copy / "config.toml").read_bytes()
    assert "chain.h5: " in refusal(words[0], copy, *words[1:])
    assert (copy / "chain.h5").read_bytes() == content and (copy / "config.toml").read_bytes() == config


def test_hdf5_of_another_origin_is_refused(copy: Path) -> None:
    with h5py.File(copy / "chain.h5", "w") as file:
        file["chain"] = np.zeros((3, 4))
    assert "not a chain of bayesnu" in refusal("summary", copy, "--json")


def test_a_chain_that_somebody_wrote_to_is_refused(copy: Path) -> None:
    with h5py.File(copy / "chain.h5", "a") as file:
        file["ensemble_0/chain"][0, 0, 0] = 1.0
    assert "checksum" in refusal("summary", copy, "--json")


def damaged(content: bytes, dice: random.Random) -> bytes:
    """Cut, flip, replace or clear some bytes; headers more often than samples."""
    out = bytearray(content)
    place = dice.randrange(min(len(out), dice.choice([600, 5000, 50_000, len(out)])))
    how = dice.randrange(4)
    if how == 0:
        return bytes(out[:place])
    if how == 1:
        out[place] ^= 1 << dice.randrange(8)
    elif how == 2:
        out[place : place + 40] = dice.randbytes(len(out[place : place + 40]))
    else:
        length = dice.randrange(1, 5000)
        out[place : place + length] = bytes(len(out[place : place + length]))
    return bytes(out)


@pytest.mark.parametrize("part", range(4))
def test_a_damaged_chain_is_never_read(part: int, run: Path, tmp_path: Path) -> None:
    content, dice, path = (run / "chain.h5").read_bytes(), random.Random(part), tmp_path / "chain.h5"
    piece = chain.Piece(
        np.zeros((2, 16, 5)), np.zeros((2, 16)), np.zeros(16), chain_file.last_states(run / "chain.h5")[0][2]
    )
    for _ in range(75):
        broken = damaged(content, dice)
        if broken == content:
            continue
        path.write_bytes(broken)
        for function in (chain_file.read, chain_file.read_result, chain_file.steps_done, chain_file.last_states):
            with pytest.raises(BayesnuError, match=r"chain\.h5: (not a chain|the chain cannot be read)"):
                function(path)
        with pytest.raises(BayesnuError, match=r"chain\.h5: "):
            append(path, [piece, piece])
        assert path.read_bytes() == broken and [each.name for each in tmp_path.iterdir()] == ["chain.h5"]


@pytest.mark.parametrize("part", range(4))
def test_a_damaged_chain_is_refused_by_every_command(part: int, run: Path, copy: Path) -> None:
    content, dice = (run / "chain.h5").read_bytes(), random.Random(100 + part)
    for words in COMMANDS:
        (copy / "chain.h5").write_bytes(damaged(content, dice)[:-1])
        assert "chain.h5: " in refusal(words[0], copy, *words[1:])


def test_a_truncated_configuration_is_refused_or_whole(run: Path, tmp_path: Path) -> None:
    content, path = (run / "config.toml").read_bytes(), tmp_path / "config.toml"
    whole = config.from_config(run / "config.toml")
    for size in range(0, len(content) - 1, 9):
        path.write_bytes(content[:size])
        with pytest.raises(BayesnuError, match=r"config\.toml: "):
            config.from_config(path)
    path.write_bytes(content[:-1])  # without the end of its last line
    assert config.from_config(path) == whole


@pytest.mark.parametrize("part", range(4))
def test_a_damaged_configuration_is_refused_or_another_run(part: int, run: Path, copy: Path) -> None:
    content, dice = (run / "config.toml").read_bytes(), random.Random(part)
    stored = without_path(answer("resume", copy, "--quiet", "--no-figures", "--no-toys", "--json"))
    for _ in range(20):
        broken = damaged(content, dice)
        (copy / "config.toml").write_bytes(broken)
        result = invoke("resume", copy, "--quiet", "--no-figures", "--no-toys", "--json")
        if result.exit_code:
            assert result.exit_code == 2 and result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
        else:
            assert without_path(parsed(result.stdout)) == stored
        assert without_path(answer("summary", copy, "--json", "--no-toys")) == stored


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("sampling", "seed"), 7),
        (("sampling", "walkers"), 18),
        (("prior", "kind"), "flat-square"),
        (("analysis", "sin2_theta12"), 0.3),
        (("analysis", "background_width"), 0.03),
        (("parameter",), "q_nu"),
        (("flavour",), "e"),
        (("experiments",), ["xenonnt-sr0"]),
    ],
    ids=str,
)
def test_a_chain_does_not_go_on_as_another_run(path: tuple[str, ...], value: Any, copy: Path) -> None:
    raw = tomllib.loads((copy / "config.toml").read_text())
    (raw if len(path) == 1 else raw[path[0]])[path[-1]] = value
    (copy / "config.toml").write_text(tomli_w.dumps(raw))
    before = (copy / "chain.h5").read_bytes()
    for words in COMMANDS[2:]:
        sentence = refusal(words[0], copy, *words[1:])
        assert path[-1] in sentence or "data.xenonnt-sr0" in sentence or "data.pandax4t-run1" in sentence
    assert (copy / "chain.h5").read_bytes() == before


@pytest.mark.parametrize("where", ["file/chain.nc", "nowhere/chain.nc"])
def test_an_export_that_cannot_be_written_is_refused(where: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert f"{where}: cannot be written (No" in refusal("export", run, tmp_path / where)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_is_not_finite_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    json_out({"a": [float("nan"), np.array([np.inf, 1.0])]})
    assert capsys.readouterr().out == '{"a": [null, [null, 1.0]]}\n'
