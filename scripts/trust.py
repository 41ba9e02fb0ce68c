"""Run what shows that the package can be trusted, and write docs/trust.md. Run it with the package's own Python.

Every row of the page is a command. Its output is kept in docs/trust with date, version, machine and duration, so that one
row can be renewed without the others: `python scripts/trust.py [ROW...]`, without names all of them, with --page none.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from bayesnu.support.versions import __version__
from scripts.bench.machine import describe
from scripts.many_starts import HARMLESS

ROOT = Path(__file__).resolve().parent.parent
STORE, PAGE = ROOT / "docs" / "trust", ROOT / "docs" / "trust.md"
BAYESNU = ("-m", "bayesnu")
HOLDS = {True: "yes", False: "NO", None: "measured"}
TITLES = {"mu_nu": "μ_ν", "q_nu": "q_ν", "r2_nu": "⟨r²⟩"}


@dataclass(frozen=True)
class Row:
    """A claim, the words after `python` that test it, and how to read whether it holds and what was found."""

    group: str
    claim: str
    words: tuple[str, ...]
    read: Callable[[Any], tuple[bool | None, str]]

    @property
    def command(self) -> str:
        """The command as a reader types it."""
        words = self.words[1:] if self.words[:2] == BAYESNU else ("python", *self.words)
        return " ".join(words)


def calibration(found: Any) -> tuple[bool, str]:
    """What a calibration says, and what it would have missed."""
    power = found["found_with_power"]
    worst = max(abs(q["mean"] / q["mean_error"]) for q in found["quantities"].values())
    squares = [q["second_moment"] / q["second_moment_expected"] for q in found["quantities"].values()]
    text = (
        f"{found['replicas']} replicas, {len(found['quantities'])} quantities: "
        + ("; ".join(found["faults"]) or "all ranks uniform")
        + f" (p = {found['p_value']:.2g}; largest mean score {worst:.1f} standard errors, second moments "
        f"{min(squares):.2f} to {max(squares):.2f} of the expected). Unconverged: {found['unconverged']}. With "
        f"{found['power']:.0%} power it finds shifts from {power['shift']:.2f} σ, widths too narrow from "
        f"{power['too_narrow']:.0%}, too wide from {power['too_wide']:.0%}"
    )
    return bool(found["calibrated"]) and found["unconverged"] == 0, text


def planted(found: Any) -> tuple[bool, str]:
    """Whether planted errors were found, and the model without one was not accused."""
    said = {name: "; ".join(each["faults"]) or "calibrated" for name, each in found.items()}
    rows = [f"{name}: {words} (p = {found[name]['p_value']:.1g})" for name, words in said.items()]
    return all(bool(each["faults"]) == (name != "none") for name, each in found.items()), ". ".join(rows)


def coverage(found: Any) -> tuple[bool | None, str]:
    """Smallest and largest coverage of every interval, and where: a measurement that claims nothing."""
    rows, error = [], max(max(each["error"]) for each in found["intervals"])
    for each in found["intervals"]:
        pairs = sorted(zip(each["coverage"], each["values"], strict=True))
        (low, at_low), (high, at_high) = pairs[0], pairs[-1]
        rows.append(f"{each['interval']}: {low:.1%} (at {at_low:.3g}) to {high:.1%} (at {at_high:.3g})")
    failed = sum(sum(each["failed"]) for each in found["intervals"])
    toys = found["intervals"][0]["toys"]
    about = f"{toys} toys at each of {len(found['intervals'][0]['values'])} true values in {found['unit']}"
    about += f", largest binomial error {error:.1%}; fits that failed: {failed}."
    return None if failed == 0 else False, "<br>".join([about, *rows])


def faults(found: Any) -> tuple[bool, str]:
    """Numbers of a campaign of faults."""
    left_out = ("campaign", "failures", "date", "bayesnu", "python", "first_seed", "seed")
    known = "; ".join(f"{key.replace('_', ' ')}: {_words(value)}" for key, value in found.items() if key not in left_out)
    return not found["failures"], f"failures: {len(found['failures'])}; {known}"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        parts = {key: f"({_words(each)})" if isinstance(each, dict) else each for key, each in value.items()}
        return ", ".join(f"{key} {part}" for key, part in parts.items())
    return str(value)


def tests(found: Any) -> tuple[bool, str]:
    """The last line of pytest."""
    line = found["text"].strip().splitlines()[-1].strip("= ")
    return "passed" in line and "failed" not in line and "error" not in line, line


def many_starts(found: Any) -> tuple[bool, str]:
    """How many toys have a lower minimum than the one found, and by how much."""
    differ = sum(row["differ"] for row in found)
    excess = max(row["excess"] for row in found)
    toys = sum(row["toys"] for row in found)
    missed = sum(row["missed"] for row in found)
    text = (
        f"{toys} toys of {len(found)} properties and data sets: {differ} have a minimum below the one found, by at most "
        f"{excess:.4f} of χ² (allowed {HARMLESS}); in {missed} no start of the other minimiser finds one as low"
    )
    return excess < HARMLESS, text


def doctor(found: Any) -> tuple[bool, str]:
    """What the self-check finds."""
    findings = found["findings"]
    compared = ("likelihood", "compiled likelihood", "limits", "sampled limit")
    checked = [f"; {each['check']}: {each['found']}" for each in findings if each["check"] in compared]
    act = sum(each["status"] == "act" for each in findings)
    return act == 0, f"{len(findings)} findings, {act} to act on" + "".join(checked)


def _tests(*files: str) -> tuple[str, ...]:
    return ("-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *(f"tests/{file}.py" for file in files))


def _sampled(parameter: str, *more: str, experiment: str = "xenonnt-sr0") -> tuple[str, ...]:
    words = (*BAYESNU, "calibrate", experiment, "--parameter", parameter, *more)
    return (*words, "--replicas", "1000", "--quiet", "--json")


def _covered(parameter: str, *more: str) -> tuple[str, ...]:
    return (*BAYESNU, "coverage", "xenonnt-sr0", "--parameter", parameter, "--toys", "5000", *more, "--quiet", "--json")


CALIBRATED, COVERED = "Simulation-based calibration", "Coverage of 90 % intervals"
RIGHT, SAFE = "Right on average", "Safe under faults"
REFERENCES = (
    "model/test_pyhf_workspace",
    "inference/test_minos",
    "model/test_nested_sampler",
    "inference/test_marginal",
    "inference/test_joint",
    "inference/sampling/test_moves",
    "inference/sampling/test_proposal",
)
ROWS = {
    **{
        f"calibration-{name}": Row(CALIBRATED, f"{title}, common, XENONnT", _sampled(name), calibration)
        for name, title in TITLES.items()
    },
    **{
        f"calibration-{name}-flavours": Row(
            CALIBRATED, f"{title} of three flavours, XENONnT", _sampled(name, "--flavour", "all"), calibration
        )
        for name, title in TITLES.items()
    },
    "calibration-pandax": Row(
        CALIBRATED,
        "μ_ν, PandaX-4T Run 1 with eight nuisances",
        _sampled("mu_nu", experiment="pandax4t-run1"),
        calibration,
    ),
    "planted": Row(CALIBRATED, "planted errors are found", ("scripts/calibration.py", "--json"), planted),
    **{
        f"coverage-{name}": Row(COVERED, f"{title}, XENONnT, nuisances nominal", _covered(name), coverage)
        for name, title in TITLES.items()
    },
    **{
        f"coverage-{name}-{word}": Row(
            COVERED,
            f"{title}, XENONnT, every nuisance {shift} width off",
            _covered(name, "--nuisance-shift", shift),
            coverage,
        )
        for name, title in TITLES.items()
        for word, shift in (("up", "+1"), ("down", "-1"))
    },
    "exact": Row(
        RIGHT,
        "likelihood, fits and posteriors against pyhf, iminuit, a nested sampler, closed forms and direct integration",
        _tests(*REFERENCES),
        tests,
    ),
    "injection": Row(
        RIGHT, "injected signals come back, for every property and flavour", _tests("inference/test_injection"), tests
    ),
    "toys": Row(
        RIGHT,
        "fits of toys, and belts against the table of Feldman and Cousins",
        _tests("inference/toys/test_fitter", "studies/test_toy_campaigns"),
        tests,
    ),
    "many-starts": Row(
        RIGHT,
        "fits of toys of three flavours against a minimiser with many starts, every data set and property",
        ("scripts/many_starts.py", "--json"),
        many_starts,
    ),
    "convergence": Row(
        RIGHT,
        "chains that have not converged are recognised, and say so everywhere",
        _tests("runs/test_extension", "runs/test_summary", "runs/report/test_page"),
        tests,
    ),
    "fuzz": Row(SAFE, "hostile input through the entry function, in one process", ("-m", "scripts.faults", "fuzz"), faults),
    "command": Row(SAFE, "hostile input, 200 real commands", ("-m", "scripts.faults", "command"), faults),
    "kill": Row(SAFE, "SIGKILLs at random moments of a run", ("-m", "scripts.faults", "kill"), faults),
    "stop": Row(SAFE, "SIGINT and SIGTERM", ("-m", "scripts.faults", "stop"), faults),
    "disk": Row(SAFE, "full and read-only disks, files without their end", ("-m", "scripts.faults", "disk"), faults),
    "edge": Row(SAFE, "numbers at the edge", _tests("robustness/test_edge_numbers"), tests),
    "cluster": Row(SAFE, "campaigns on workers, lost workers, killed clients", _tests("robustness/test_campaign"), tests),
    "self-check": Row(SAFE, "the stored references, on this machine", (*BAYESNU, "doctor", "--json"), doctor),
}


def run(name: str) -> None:
    """Run the command of a row and keep what it says."""
    row, begin = ROWS[name], time.monotonic()
    print(f"{name}: {row.command}", file=sys.stderr)
    done = subprocess.run([sys.executable, *row.words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    keep(name, done.stdout, time.monotonic() - begin)


def keep(name: str, text: str, seconds: float) -> None:
    """Store the output of a row's command, an object of JSON or text, with what it was found with."""
    try:
        output = json.loads(text)
    except ValueError:
        output = {"text": text[-2000:]}
    machine = describe()
    about = {
        "command": ROWS[name].command,
        "date": datetime.date.today().isoformat(),
        "bayesnu": __version__,
        "python": platform.python_version(),
        "machine": f"{machine['cpu']}, {machine['cores']} cores",
        "seconds": round(seconds),
    }
    STORE.mkdir(parents=True, exist_ok=True)
    kept = about | {"output": output}
    (STORE / f"{name}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def page() -> str:
    """The page from everything that is kept."""
    lines = [
        "# What was tested, and what was found",
        "",
        "Written by `python scripts/trust.py` from the output of the commands below, which is kept in docs/trust. A row can",
        "be renewed alone; each has its own date, version and duration.",
    ]
    machines = set()
    for group in dict.fromkeys(row.group for row in ROWS.values()):
        lines += ["", f"## {group}", "", "| what | holds | found | command | run |", "|---|---|---|---|---|"]
        for name, row in ROWS.items():
            if row.group != group:
                continue
            path = STORE / f"{name}.json"
            if not path.is_file():
                lines.append(f"| {row.claim} | not run | | `{row.command}` | |")
                continue
            kept = json.loads(path.read_text(encoding="utf-8"))
            holds, text = row.read(kept["output"])
            machines.add(kept["machine"])
            when = f"{kept['date']}, bayesnu {kept['bayesnu']}, Python {kept['python']}, {kept['seconds']} s"
            lines.append(f"| {row.claim} | {HOLDS[holds]} | {text} | `{kept['command']}` | {when} |")
    lines += ["", "Machines: " + "; ".join(sorted(machines)) + "."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)} [default: all]")
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    options = parser.parse_args()
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"unknown row {unknown[0]}")
    for name in [] if options.page else options.rows or list(ROWS):
        run(name)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
