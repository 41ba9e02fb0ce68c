"""The contract of the command line: what it prints, what it leaves on disk, and what it does not import."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from bayesnu import experiments
from bayesnu.cli.failures import ARGUMENTS, with_flags
from bayesnu.cli.main import main
from bayesnu.model.choices import CHOICES, PRESETS, PRIOR_KINDS, Analysis
from bayesnu.model.priors import PRIORS
from bayesnu.physics import names, properties
from bayesnu.runs import chain_file
from bayesnu.support.versions import __version__
from tests.commands import SAMPLE, SMALL, answer, invoke, parsed, refusal, sampled, without_path

ROOT = Path(__file__).resolve().parents[2]
PROPERTIES = ("mu_nu", "q_nu", "r2_nu")
HEAVY = {"numpy", "scipy", "numba", "pydantic", "rich", "h5py", "emcee", "arviz", "matplotlib", "corner", "tomli_w"}
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX streams")


# What answers at once

COMMANDS = main.list_commands(click.Context(main))
QUICK = [("--help",), ("-h",), ("--version",), (), ("sampel",), ("--nonsense",), ("rate",), ("limits", "--parameter", "x")]


@pytest.mark.parametrize("words", [*QUICK, *((name, "--help") for name in COMMANDS)], ids=" ".join)
def test_help_and_argument_errors_import_nothing_heavy(words: tuple[str, ...]) -> None:
    script = (
        "import sys\n"
        "from bayesnu.cli.main import main\n"
        "try: main(sys.argv[1:], prog_name='bayesnu')\n"
        f"finally: print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 2) and done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["rate", "counts", "limits", "explain", "expected", "feldman-cousins", "coverage"])
def test_rates_fits_and_toys_import_no_sampler_and_no_figures(command: str, tmp_path: Path) -> None:
    words = {
        "rate": ("rate", "--energy-kev", "2"),
        "counts": ("counts", "xenonnt-sr0"),
        "limits": ("limits", "xenonnt-sr0", "--parameter", "mu_nu"),
        "explain": ("explain", "xenonnt-sr0", "--bin", "2-3keV"),
    }
    toys = (command, "xenonnt-sr0", "--parameter", "mu_nu", "--toys", "100", "--quiet", "--output", str(tmp_path / "toys"))
    script = (
        "import sys\n"
        "from bayesnu.cli.main import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print([name for name in ('scipy.stats', 'scipy.optimize', 'arviz', 'emcee', 'h5py', 'matplotlib', 'distributed')"
        " if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words.get(command, toys)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "[]", done.stdout[-300:] + done.stderr


def test_a_report_of_a_finished_run_imports_no_arviz(tmp_path: Path) -> None:
    few = ("--steps", "16", "--ensembles", "2", "--walkers", "16", "--no-figures", "--no-toys", "--quiet")
    invoke("sample", "xenonnt-sr0", "--parameter", "mu_nu", *few, "--output", str(tmp_path / "run"))
    script = (
        "import sys\n"
        "from bayesnu.cli.main import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print([name for name in ('arviz', 'arviz_base', 'arviz_stats') if name in sys.modules])\n"
    )
    words = ("report", str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "[]", done.stdout[-300:] + done.stderr
    assert (tmp_path / "run" / "report.html").stat().st_size < 1_000_000


def test_the_version_is_printed() -> None:
    assert __version__ in invoke("--version").stdout


@pytest.mark.parametrize(("word", "near"), [("sampel", "sample"), ("limit", "limits"), ("sumary", "summary")])
def test_an_unknown_command_gets_a_suggestion(word: str, near: str) -> None:
    assert f"did you mean '{near}'?" in refusal(word)


# Predictions and limits


def test_rate_prints_one_rate_per_energy() -> None:
    found = answer("rate", "--energy-kev", "2,10,20", "--json")
    assert found["energy_kev"] == [2, 10, 20] and len(found["rate_per_tonne_year_kev"]) == 3
    np.testing.assert_allclose(np.sum([*found["components"].values()], axis=0), found["rate_per_tonne_year_kev"])


@pytest.mark.parametrize("flag", ["--mu-nu=1e-11", "--q-nu-e=-1e-12", "--r2-nu-tau=1e-31", "--mu-nu-mu=2e-11"])
def test_a_coupling_changes_the_rate(flag: str) -> None:
    plain, with_it = (answer("rate", "--energy-kev", "2,10,20", "--json", *words) for words in ((), (flag,)))
    assert plain["rate_per_tonne_year_kev"] != with_it["rate_per_tonne_year_kev"] and len(with_it["couplings"]) == 1


@pytest.mark.parametrize("name", experiments.names())
def test_counts_add_up(name: str) -> None:
    found = answer("counts", name, "--json")
    bins = len(found["edges_kev"]) - 1
    assert all(len(found[key]) == bins for key in ("observed", "signal", "background", "expected"))
    np.testing.assert_allclose(np.add(found["signal"], found["background"]), found["expected"])


LIMIT_KEYS = {
    "parameter",
    "flavour",
    "others",
    "unit",
    "cl",
    "best_fit",
    "intervals",
    "lower",
    "upper",
    "delta_chi2",
    "status",
}


@pytest.mark.parametrize("parameter", PROPERTIES)
@pytest.mark.parametrize("flavour", ["common", "e"])
def test_limits_are_one_object(parameter: str, flavour: str) -> None:
    found = answer(
        "limits", "pandax4t-run1", "--parameter", parameter, "--flavour", flavour, "--json", "--background", "single"
    )
    assert found.keys() >= LIMIT_KEYS
    assert (found["parameter"], found["flavour"], found["cl"]) == (parameter, flavour, 0.9) or found["parameter"] == (
        f"{parameter}_{flavour}"
    )
    assert found["lower"] <= found["best_fit"] <= found["upper"] and 2.70 < found["delta_chi2"] < 2.71


def test_limits_of_all_flavours_are_a_list() -> None:
    found = answer("limits", "xenonnt-sr0", "--parameter", "q_nu", "--flavour", "all", "--json", "--background", "single")
    assert [each["flavour"] for each in found] == ["e", "mu", "tau"] and all(each.keys() >= LIMIT_KEYS for each in found)


def test_a_mixing_angle_is_a_parameter_of_every_command(tmp_path: Path) -> None:
    found = answer("limits", "pandax4t-run1", "--parameter", "s2_w", "--json", "--background", "single")
    assert (found["parameter"], found["unit"], found["lower"]) == ("s2_w", "", 0.0) and 0.2 < found["upper"] < 1
    belt = found["toys"]["limits"][0]["feldman_cousins"]
    ((low, high),) = belt["intervals"]
    assert low == 0 and high == pytest.approx(found["upper"], abs=0.1)
    words = ("limits", "pandax4t-run1", "--parameter", "s2_w", "--no-toys", "--background", "single")
    assert "s2_w, pandax4t-run1" in invoke(*words).stdout
    counted = answer("counts", "pandax4t-run1", "--s2-w", "0.3", "--couplings", "tree", "--json")
    chosen = answer("counts", "pandax4t-run1", "--sin2-theta-w", "0.3", "--couplings", "tree", "--json")
    np.testing.assert_allclose(counted["signal"], chosen["signal"], rtol=1e-9)
    drawn = answer("curve", "pandax4t-run1", "--parameter", "s2_w", "--json", "--background", "single")
    assert min(drawn["values"]) >= 0 and max(drawn["values"]) <= 1 and drawn["best_fit"] == found["best_fit"]
    assert refusal("counts", "xenonnt-sr0", "--s2-w", "1.2") == "--s2-w: found 1.2; s2_w lies between 0 and 1"
    words = ("sample", "xenonnt-sr0", "--parameter", "s2_w", "--prior-lower", "-0.1", "--dry-run")
    assert refusal(*words) == "s2_w: found -0.1; it lies between 0 and 1"


def test_limits_say_how_far_a_total_radius_of_zero_is() -> None:
    words = ("limits", "pandax4t-run1", "--parameter", "r2_total", "--flavour", "e", "--no-toys", "--background", "single")
    found = answer(*words, "--json")
    test = found["test"]
    assert test["value"] == 0 and test["standard_deviations"] == pytest.approx(test["delta_chi2"] ** 0.5)
    assert f"r2_total_e = 0: Δχ² = {test['delta_chi2']:.3g} above the best fit" in invoke(*words).stdout
    plain = answer(*words[:3], "r2_nu", *words[4:], "--json")
    assert "test" not in plain and found["upper"] == pytest.approx(plain["upper"] - 0.83e-32, rel=1e-6)
    assert "e, mu, tau" in refusal("limits", "pandax4t-run1", "--parameter", "r2_total")


def test_a_one_sided_limit_is_smaller() -> None:
    words = ("limits", "xenonnt-sr0", "--parameter", "mu_nu", "--json", "--background", "single")
    both, one = answer(*words), answer(*words, "--one-sided")
    assert one["upper"] < both["upper"] and 1.63 < one["delta_chi2"] < 1.65


def test_a_bound_that_does_not_exist_is_null(tmp_path: Path) -> None:
    text = experiments.template().replace("tonne_years = 2.0", "tonne_years = 1e-9").replace("counts = 20", "counts = 1e-9")
    line = next(line for line in text.splitlines() if line.startswith("published_solar_neutrinos"))
    text = text.replace(line, "published_solar_neutrinos = [0, 0, 0, 0]")
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    found = answer("limits", tmp_path / "tiny.toml", "--parameter", "mu_nu", "--json")
    assert found["upper"] is None and "not found" in found["status"]


@pytest.mark.parametrize("words", [("experiments",), ("presets",), ("check", "xenonnt-sr0")])
def test_listings_are_json(words: tuple[str, ...]) -> None:
    assert answer(*words, "--json")


@pytest.mark.parametrize(
    "words",
    [
        ("experiments",),
        ("experiments", "--template"),
        ("presets",),
        ("check", "xenonnt-sr0"),
        ("rate", "--energy-kev", "2"),
        ("counts", "xenonnt-sr0"),
        ("limits", "xenonnt-sr0", "--parameter", "mu_nu", "--background", "single"),
    ],
    ids=" ".join,
)
def test_every_command_prints_for_people_too(words: tuple[str, ...]) -> None:
    result = invoke(*words)
    assert result.exit_code == 0 and result.stdout.strip() and result.stderr == ""


# Runs

SUMMARY_KEYS = {
    *("median", "lower", "upper", "intervals", "kind", "probability", "mcse_lower", "mcse_upper"),
    *("rhat", "ess_bulk", "ess_tail", "unit"),
}


def test_a_summary_has_its_keys(run: Path) -> None:
    found = answer("summary", run, "--json", "--no-toys")
    assert found.keys() >= {"parameters", "converged", "chain", "fingerprint"}
    (name, values), *_ = found["parameters"].items()
    assert name == "mu_nu" and values.keys() >= SUMMARY_KEYS
    assert (values["kind"], values["probability"], values["unit"], values["lower"]) == ("upper", 0.9, "mu_B", None)
    assert 0 < values["median"] < values["upper"] < 1e-10
    assert found["converged"] is False and found["steps"] == 12 and Path(found["chain"]).is_file()


def test_exactly_so_many_steps_are_stored(run: Path) -> None:
    assert chain_file.read(run).samples.shape == (2, 12, 16, 5)


def test_a_chain_is_a_file_or_its_folder(run: Path) -> None:
    by_folder, by_file = (answer("summary", chain, "--json", "--no-toys") for chain in (run, run / "chain.h5"))
    assert by_folder == by_file == answer("resume", run / "chain.h5", "--quiet", "--json", "--no-figures", "--no-toys")


def test_a_named_chain_is_that_file(copy: Path, tmp_path: Path) -> None:
    backup = copy / "backup.h5"
    shutil.copy(copy / "chain.h5", backup)
    answer("resume", copy, "--more", "4", "--quiet", "--json", "--no-figures", "--no-toys")
    found = answer("summary", backup, "--json", "--no-toys")
    assert (found["steps"], found["chain"]) == (12, str(backup))
    assert answer("summary", copy, "--json", "--no-toys")["steps"] == 16
    invoke("report", backup, "--markdown", tmp_path / "page.md")
    assert "12 stored steps each" in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "goes on from" in refusal("resume", backup, "--more", "4")


def test_an_identical_run_is_only_read(run: Path) -> None:
    before = (run / "chain.h5").stat()
    assert sampled(run) == answer("summary", run, "--json", "--no-toys")
    assert (run / "chain.h5").stat().st_mtime_ns == before.st_mtime_ns


def test_the_same_run_elsewhere_gives_the_same_summary(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = sampled(Path("relative/to/here"))
    assert without_path(there) == without_path(answer("summary", run, "--json", "--no-toys"))
    np.testing.assert_array_equal(chain_file.read("relative/to/here").samples, chain_file.read(run).samples)


def test_a_fingerprint_does_not_hold_the_place_of_the_data(tmp_path: Path) -> None:
    found = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        shutil.copy(Path(experiments.__file__).with_name("pandax4t-run1.toml"), tmp_path / place / "data.toml")
        words = ("sample", tmp_path / place / "data.toml", "--parameter", "mu_nu", *SMALL, "--steps", "8")
        found.append(answer(*words, "--output", tmp_path / place / "run"))
    assert without_path(found[0]) == without_path(found[1])


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for place, name in (("a", "xenonnt-sr0"), ("b", "pandax4t-run1")):
        (tmp_path / place).mkdir()
        shutil.copy(Path(experiments.__file__).with_name(f"{name}.toml"), tmp_path / place / "data.toml")
    words = (tmp_path / "a" / "data.toml", tmp_path / "b" / "data.toml", "--parameter", "mu_nu", *SMALL, "--steps", "8")
    first = answer("sample", *words, "--output", tmp_path / "run")
    assert answer("resume", tmp_path / "run", "--quiet", "--json", "--no-figures", "--no-toys") == first


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("--seed", "2"), "sampling.seed is 1 there and 2 here"),
        (("--prior", "flat-square"), 'prior.kind is "flat" there and "flat-square" here'),
        (("--parameter", "q_nu"), 'parameter is "mu_nu" there and "q_nu" here'),
        (("--sin2-theta12", "0.3"), "analysis.sin2_theta12 is 0.308 there and 0.3 here"),
        (("--steps", "20"), "sampling.steps is 12 there and 20 here"),
    ],
)
def test_another_run_needs_another_folder(run: Path, words: tuple[str, ...], key: str) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    sentence = refusal(*SAMPLE, "--steps", "12", "--output", run, *words)
    assert "another run is there" in sentence and "--overwrite" in sentence and key in sentence
    after = {path.name: path.read_bytes() for path in run.iterdir()}
    assert before.pop(".lock") is not None and after.pop(".lock") is not None and before == after


def test_a_choice_that_a_chain_left_at_its_default_is_set(copy: Path) -> None:
    """Fingerprints leave out what is as it was before there was the choice."""
    config = copy / "config.toml"
    text = config.read_text(encoding="utf-8")
    assert 'luminosity_constraint = "off"' in text
    config.write_text(text.replace('luminosity_constraint = "off"', 'luminosity_constraint = "on"'), encoding="utf-8")
    assert 'analysis.luminosity_constraint is "off" there and "on" here' in refusal("resume", copy, "--up-to", "20")


def test_overwriting_replaces_a_run(copy: Path, tmp_path: Path) -> None:
    replaced = sampled(copy, "--overwrite", "--seed", "2")
    assert without_path(replaced) == without_path(sampled(tmp_path / "new", "--seed", "2"))


def test_a_refused_run_replaces_nothing(copy: Path) -> None:
    before = (copy / "chain.h5").read_bytes()
    assert "walkers" in refusal(*SAMPLE, "--output", copy, "--overwrite", "--walkers", "8")
    assert (copy / "chain.h5").read_bytes() == before


@pytest.mark.parametrize("words", [("--up-to", "20"), ("--more", "8")])
def test_a_longer_run_is_what_it_would_have_been_at_once(copy: Path, tmp_path: Path, words: tuple[str, str]) -> None:
    longer = answer("resume", copy, *words, "--quiet", "--json", "--no-figures", "--no-toys")
    assert without_path(longer) == without_path(sampled(tmp_path / "whole", steps=20))
    one, two = chain_file.read(copy), chain_file.read(tmp_path / "whole")
    np.testing.assert_array_equal(one.samples, two.samples)
    np.testing.assert_array_equal(one.log_prob, two.log_prob)
    assert tomllib.loads((copy / "config.toml").read_text())["sampling"]["steps"] == 20
    assert sampled(copy, steps=20) == longer  # it is now that run


def test_a_run_is_not_made_shorter(copy: Path) -> None:
    for words in (("--up-to", "9"), ("--up-to", "12"), ()):
        assert answer("resume", copy, *words, "--quiet", "--json", "--no-figures", "--no-toys")["steps"] == 12


def test_a_run_with_only_its_configuration_is_carried_out(run: Path, tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    shutil.copy(run / "config.toml", tmp_path / "begun")
    found = answer("resume", tmp_path / "begun", "--quiet", "--json", "--no-figures", "--no-toys")
    assert without_path(found) == without_path(answer("summary", run, "--json", "--no-toys"))


def test_a_configuration_reproduces_its_run(run: Path, tmp_path: Path) -> None:
    words = ("sample", "--config", run / "config.toml", "--quiet", "--json", "--no-figures", "--no-toys")
    found = answer(*words, "--output", tmp_path / "again")
    assert without_path(found) == without_path(answer("summary", run, "--json", "--no-toys"))
    assert (tmp_path / "again" / "config.toml").read_text() == (run / "config.toml").read_text()
    other = answer(*words, "--output", tmp_path / "other", "--seed", "5")  # a flag wins
    assert other["fingerprint"] != found["fingerprint"]


def test_an_integer_is_the_same_choice_as_the_float(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(
        'experiments = ["pandax4t-run1"]\nparameter = "mu_nu"\n[prior]\nlower = 0\n[analysis]\nenergy_scale = 0\n'
    )
    words = ("sample", "--config", config, *SMALL, "--steps", "8", "--output", tmp_path / "run")
    first = answer(*words)
    assert answer(*words) == first == answer(*words, "--prior-lower", "0.0")


def test_another_interval_of_a_chain(run: Path) -> None:
    found = answer("summary", run, "--json", "--kind", "eti", "--probability", "0.68")["parameters"]["mu_nu"]
    assert (found["kind"], found["probability"]) == ("eti", 0.68) and found["lower"] is not None
    assert answer("summary", run, "--json", "--no-toys")["parameters"]["mu_nu"]["kind"] == "upper"


def test_a_dry_run_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = answer(*SAMPLE, "--dry-run")
    assert found["parameters"][0] == "mu_nu" and found["sampling"]["walkers"] == 16 and "chains" in found["output"]
    plain = invoke(*(word for word in SAMPLE if word != "--json"), "--dry-run").stdout
    assert tomllib.loads(plain)["sampling"]["walkers"] == 16
    assert not [*tmp_path.iterdir()]


def test_a_run_goes_below_chains_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = answer(*SAMPLE, "--steps", "8")
    assert [path.name for path in tmp_path.iterdir()] == ["chains"]
    assert Path(found["chain"]).parent.parent == Path("chains")


@pytest.mark.parametrize("name", ["..", "../..", "+", "a b", "x\ny", ".hidden", "-rf"])
def test_no_name_in_a_configuration_leads_out_of_the_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    path = data / f"{name.replace('/', '')}.toml"
    path.write_text(experiments.template(), encoding="utf-8")
    config = tmp_path / "run.toml"
    config.write_text(f"experiments = [{json.dumps(str(path))}]\nparameter = 'mu_nu'\n", encoding="utf-8")
    monkeypatch.chdir(inside)
    invoke("sample", "--config", config, *SMALL, "--walkers", "32", "--steps", "8")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "inside", "run.toml"]
    assert [each.name for each in data.iterdir()] == [path.name] and {each.name for each in inside.iterdir()} <= {"chains"}
    assert all((inside / "chains").resolve() in each.resolve().parents for each in (inside / "chains").glob("*"))


def test_progress_goes_to_standard_error(tmp_path: Path) -> None:
    words = [word for word in SAMPLE if word != "--quiet"]
    result = invoke(*words, "--steps", "12", "--output", tmp_path / "run")
    assert parsed(result.stdout)["steps"] == 12
    assert result.stderr.startswith("step 12, about ") and result.stderr.count("\n") == 1


def test_tables_need_no_greek(run: Path) -> None:
    result = CliRunner(charset="ascii").invoke(main, ["summary", str(run)])
    assert result.exit_code == 0 and r"\u0394" in result.stdout and "NOT CONVERGED" in result.stdout


# Real processes


def bayesnu(*words: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a process."""
    command = [sys.executable, "-m", "bayesnu", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload,no-any-return]


def test_the_process_prints_one_object() -> None:
    done = bayesnu("rate", "--energy-kev", "2,10", "--mu-nu", "1e-11", "--json")
    assert done.returncode == 0 and done.stderr == "" and parsed(done.stdout)


@POSIX
@pytest.mark.parametrize("how", ["--json", "table"])
@pytest.mark.parametrize("end", ["| true", ">&-", "> /dev/full"])
def test_a_closed_output_is_no_traceback(how: str, end: str) -> None:
    if "full" in end and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = f'"{sys.executable}" -m bayesnu rate --energy-kev 2,10 {how if how == "--json" else ""} {end}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and done.stderr.count("\n") <= 1


@POSIX
@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = os.environ | {"BAYESNU_CACHE_DIR": str(tmp_path / "file" / "nope"), "TMPDIR": str(tmp_path)}
    words = ("limits", "pandax4t-run1", "--parameter", "mu_nu", "--background", "single", "--json")
    done = bayesnu(*words, env=environment)
    assert done.returncode == 0 and parsed(done.stdout) == answer(*words)
    assert done.stderr.startswith("Warning: ") and done.stderr.count("\n") == 1


# Words and flags: each in one place


def test_a_library_names_arguments_and_no_flags() -> None:
    """But for what a user reads in a file that it writes: there a whole command stands in backticks."""
    found = []
    for path in sorted((ROOT / "bayesnu").rglob("*.py")):
        if "cli" in path.relative_to(ROOT).parts:
            continue
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                found += re.findall(r"(?<![\w-])--[a-z][\w-]*", re.sub(r"`bayesnu [^`]*`", "", each.value))
    assert found == []


def test_an_argument_in_a_sentence_is_a_flag_of_some_command() -> None:
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in COMMANDS]
    flags = {flag for command in commands if command is not None for option in command.params for flag in option.opts}
    for name in ARGUMENTS:
        found = with_flags(f"`{name}`: found 3; change `{name}='all'`, and leave {name} and `bayesnu {name}` alone")
        flag = "--" + name.replace(".", "-").replace("_", "-")
        assert flag in flags
        assert found == f"{flag}: found 3; change {flag} all, and leave {name} and `bayesnu {name}` alone"


@pytest.mark.parametrize("name", CHOICES)
def test_help_says_what_every_choice_of_an_analysis_does(name: str) -> None:
    choice = CHOICES[name]
    assert choice.help.endswith(".") and all(len(each.split()) <= 30 for each in re.split(r"[.;:] ", choice.help))
    words = " ".join(invoke("limits", "--help").stdout.split())
    assert " ".join(choice.help.split()) in words
    assert f"--{name.replace('_', '-')}" in words


def test_every_field_of_an_analysis_is_a_choice_with_its_default() -> None:
    assert {name: choice.default for name, choice in CHOICES.items()} == asdict(Analysis())


def test_presets_lists_every_choice() -> None:
    found = answer("presets", "--json")
    assert [*found["default"]] == [*CHOICES] and found["paper"] == asdict(PRESETS["paper"])
    assert found["version"] == __version__


def test_words_of_the_command_line_are_those_of_the_package() -> None:
    assert tuple(properties.PROPERTIES) == names.PROPERTY_NAMES
    assert (
        {item.name: item.unit for item in properties.ALL_PROPERTIES.values()}
        == names.ALL_UNITS
        == {**names.UNITS, **names.FURTHER_UNITS}
    )
    assert {item.name: item.elements for item in properties.FURTHER.values()} == names.OF_FURTHER
    elements = {element for item in properties.ALL_PROPERTIES.values() for element in item.elements if element}
    assert {*names.GROUPS_AND_ELEMENTS} == {*names.GROUPS, *elements}
    assert len(names.GROUPS_AND_ELEMENTS) == len({*names.GROUPS_AND_ELEMENTS})
    assert (*PRIORS, "gaussian") == PRIOR_KINDS


# Commands, each in its own file


def test_a_command_imports_no_other_commands_file() -> None:
    script = (
        "import sys\n"
        "from bayesnu.cli.main import main\n"
        "try: main(['sample', '--help'])\n"
        "except SystemExit: print([name for name in sys.modules if name.startswith('bayesnu.cli.commands.')])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['bayesnu.cli.commands.sample']"


def test_commands_are_files_and_listed_in_the_order_of_the_alphabet() -> None:
    files = sorted(path.stem for path in (ROOT / "bayesnu" / "cli" / "commands").glob("*.py") if path.stem != "__init__")
    assert sorted(name.replace("_", "-") for name in files) == COMMANDS and len(COMMANDS) == 28
    listed = re.findall(r"^  ([\w-]+)  ", invoke("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert listed == COMMANDS


def test_a_constraint_is_named_wherever_a_result_is(tmp_path: Path) -> None:
    run = tmp_path / "run"
    chosen = ("--constraints", "gemma-mu+charm2-mu")
    limits = ("limits", "pandax4t-run1", "--parameter", "mu_nu", "--no-toys", *chosen)
    found = [answer(*limits, "--json")["notes"], sampled(run, *chosen)["notes"]]
    found.append(answer("summary", run, "--json", "--no-toys")["notes"])
    for notes in found:
        assert [note.partition(":")[0] for note in notes] == ["constraint charm2-mu", "constraint gemma-mu"]
    invoke("report", run, "--markdown", tmp_path / "page.md")
    table = invoke(*limits).stdout
    for text in (
        table,
        (tmp_path / "page.md").read_text(encoding="utf-8"),
        (run / "config.toml").read_text(encoding="utf-8"),
    ):
        assert "charm2-mu+gemma-mu" in text
    assert "constraint gemma-mu: GEMMA" in table
    assert refusal(*limits[:-1], "gemma").startswith("constraints: found 'gemma'; must be none, or some of borexino-mu, ")


def test_what_is_cut_at_zero_is_said_beside_the_numbers(tmp_path: Path) -> None:
    said = "xenonnt-sr0: the background is cut at zero in 0-1 keV, where what is taken out of the "
    limits = ("limits", "xenonnt-sr0", "--parameter", "mu_nu", "--no-toys")
    counts = ("counts", "xenonnt-sr0")
    paper = ("--preset", "paper")
    notes = [answer(*words, *paper, "--json")["notes"] for words in (limits, counts)]
    run = ("--steps", "12", "--walkers", "16", "--ensembles", "2", "--no-figures", "--quiet", "--output", tmp_path / "run")
    notes += [answer("sample", *limits[1:], *paper, *run, "--json")["notes"]]
    notes += [answer("summary", tmp_path / "run", "--json", "--no-toys")["notes"]]
    assert all(len(each) == 1 and each[0].startswith(said) for each in notes)
    assert answer(*limits, "--json")["notes"] == []
    for words in ((*limits, *paper), (*counts, *paper), ("summary", tmp_path / "run", "--no-toys")):
        assert invoke(*words).stdout.count(said) == 1


def test_check_says_of_every_component_by_what_it_is_constrained() -> None:
    words = ("check", "xenonnt-sr0", "--normalisations", "prior")
    rows = {row["component"]: row for row in answer(*words, "--json")["budget"]["constraints"]}
    assert set(rows) == {"214Pb", "85Kr", "materials", "136Xe", "124Xe"}
    assert rows["214Pb"] == {
        "component": "214Pb",
        "normalisation": "214Pb",
        "kind": "prior",
        "words": "0.594 to 1.25",
        "range_kev": [1, 140],
    }
    assert re.search(r"214Pb +214Pb +prior +0\.594 to 1\.25 +1-140 keV", invoke(*words).stdout)
    assert re.search(r"214Pb +flat +fit +\+- 10\.9 %", invoke("check", "xenonnt-sr0").stdout)
    without = answer("check", "pandax4t-run1", "--normalisations", "prior", "--json")["budget"]["constraints"]
    assert {row["kind"] for row in without} == {"fit", "free"}
