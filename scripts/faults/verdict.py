"""What a command may do with hostile input: refuse it in one sentence, or accept it and give sound numbers.

The checks of accepted input are written anew from the documentation, without the package's validators.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

LONGEST = 1200  # characters of a refusal: a sentence with a few names
TABLES = ("exposure", "bins", "region", "resolution", "efficiency", "background")


def problems(words: tuple[str, ...], code: int, stdout: str, stderr: str, box: Path) -> Iterator[str]:
    """Yield what is wrong with how a command ended; `box` is the folder that it ran in."""
    if "Traceback" in stdout + stderr:
        yield "a traceback is shown"
    if code == 2:
        yield from _of_refusal(stdout, stderr)
    elif code == 0:
        yield from _of_text(words, stdout, stderr)
        yield from _of_result(words, stdout, box)
    elif not (code == 1 and words[:1] == ("check",)):  # neutrinos that contradict the file, or a coarse grid
        yield f"the exit code is {code}"


def _of_refusal(stdout: str, stderr: str) -> Iterator[str]:
    lines = stderr.strip().split("\n")
    if stdout:
        yield "a refusal prints on standard output"
    if not lines[-1].startswith("Error: ") or len(lines[-1]) < 12:
        yield f"a refusal ends with {lines[-1][:80]!r}, which is no sentence"
    if not lines[-1].isprintable():
        yield "a refusal holds control characters"
    if len(lines[-1]) > LONGEST:
        yield f"a refusal has {len(lines[-1])} characters"
    if any(line and not line.startswith(("Usage: ", "Try ", "Error: ")) for line in lines[:-1]):
        yield f"a refusal says more than one sentence: {lines[0][:80]!r}"


def _of_text(words: tuple[str, ...], stdout: str, stderr: str) -> Iterator[str]:
    if any(unicode_control(c) for c in stdout + stderr):
        yield "control characters reach the terminal"
    if words[:1] != ("workspace",) and (said := stderr.strip()):  # a workspace's notes are meant
        yield f"an accepted command says {said.splitlines()[0][:120]!r}"


def unicode_control(c: str) -> bool:
    """Whether a character commands a terminal instead of being shown."""
    return (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f"


def _of_result(words: tuple[str, ...], stdout: str, box: Path) -> Iterator[str]:
    """What an accepted command says of the physics."""
    if {"--help", "-h", "--template", "--version"} & {*words}:
        return
    answer: Any = None
    if "--json" in words and not any(word.startswith("--json=") for word in words):
        try:
            answer = json.loads(stdout, parse_constant=_no_constant)
        except ValueError as error:
            yield f"the JSON is none: {error}"
            return
    if words[0] in ("check", "counts", "limits", "sample") and (box / "e.toml").is_file() and "e.toml" in words:
        yield from of_file((box / "e.toml").read_bytes())
    if words[0] == "sample" and "--dry-run" in words and answer is None:
        yield from of_configuration(stdout)
    if isinstance(answer, dict) and words[0] in _ANSWERS:
        yield from _ANSWERS[words[0]](answer)


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


# Experiment files


def of_file(content: bytes) -> Iterator[str]:
    """Yield what no experiment can be, in any reading of an accepted file."""
    raw = tomllib.loads(content.decode("utf-8-sig"))
    for name, reading in {"default": {}, **raw.get("readings", {})}.items():
        tables = {key: reading.get(key, raw.get(key)) for key in TABLES}
        if missing := [key for key in TABLES if not isinstance(tables[key], dict)]:
            yield f"reading {name}: accepted without {missing}"
            return
        for problem in _of_tables(**tables):
            yield f"reading {name}: {problem}"


def _of_tables(
    exposure: dict[str, Any],
    bins: dict[str, Any],
    region: dict[str, Any],
    resolution: dict[str, Any],
    efficiency: dict[str, Any],
    background: dict[str, Any],
) -> Iterator[str]:
    size = [exposure[key] for key in ("tonne_years", "tonne_days") if key in exposure]
    if len(size) != 1 or not numbers(size) or not size[0] > 0:
        yield f"the exposure is {size}"
    edges, observed = bins["edges_kev"], bins["observed"]
    if not numbers(edges) or edges[0] < 0 or any(b <= a for a, b in pairwise(edges)):
        yield "the edges do not increase"
    if not counts(observed, len(edges) - 1):
        yield "observed counts are none"
    low, high = region["kev"]
    if not any(low - 1e-6 <= a and b <= high + 1e-6 for a, b in pairwise(edges)):
        yield f"no bin lies in the region {low, high}"
    yield from _of_width(resolution, edges[-1])
    yield from _of_efficiency(efficiency, len(edges) - 1)
    yield from _of_background(background, np.array(edges, dtype=float), low, high)


def numbers(values: Any) -> bool:
    """Whether this is a list of finite numbers."""
    right = isinstance(values, list) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in values)
    return right and all(math.isfinite(x) for x in values)


def counts(values: Any, length: int) -> bool:
    """Whether this is a list of so many counts."""
    return numbers(values) and len(values) == length and all(x >= 0 for x in values)


def predicted(values: Any, length: int) -> bool:
    """Whether this is a list of so many expected counts: beyond an endpoint rounding leaves 1e-21 of the largest."""
    return numbers(values) and len(values) == length and min(values) >= -1e-15 * max(map(abs, values))


def _of_width(table: dict[str, Any], highest: float) -> Iterator[str]:
    """The width of the response is a polynomial in the square root of T: its roots say whether it is positive."""
    keys = {"constant_kev": 0, "sqrt_kev": 1, "linear": 2, "quadratic_per_kev": 4, "cubic_per_kev2": 6}
    polynomial = np.zeros(7)
    for key, power in keys.items():
        polynomial[power] = table.get(key, 0.0)
    if not np.all(np.isfinite(polynomial)):
        yield "the resolution is not finite"
        return
    end = math.sqrt(min(2 * highest, table.get("valid_to_kev", math.inf)))
    roots = np.polynomial.polynomial.polyroots(np.where(np.abs(polynomial) < 1e-200, 0.0, polynomial))
    real = roots[np.abs(roots.imag) < 1e-9].real
    inside = np.sort(np.concatenate([[0.0, end], real[(real > 0) & (real < end)]]))
    between = (inside[1:] + inside[:-1]) / 2
    width = np.polynomial.polynomial.polyval(between, polynomial)
    if np.any(width <= 0) or np.polynomial.polynomial.polyval(end, polynomial) < 0:
        yield f"the resolution is {width.min():.3g} keV at {between[width.argmin()] ** 2:.4g} keV"


def _of_efficiency(table: dict[str, Any], bins: int) -> Iterator[str]:
    energies, values = table["energies_kev"], table["values"]
    if not (numbers(energies) and numbers(values) and len(energies) == len(values)):
        yield "the efficiency is no curve"
    elif not all(0 <= value <= 1 for value in values):
        yield "an efficiency is outside [0, 1]"
    elif any(b < a for a, b in pairwise(energies)) or energies[0] < 0:
        yield "the knots of the efficiency do not increase"
    if "turn_on" in table and not counts(table["turn_on"], bins):
        yield "the turn-on is no factor"
    if "relative_width" in table and not 0 < table["relative_width"] < math.inf:
        yield "the width of the efficiency is not positive"


def _of_background(table: dict[str, Any], edges: np.ndarray, low: float, high: float) -> Iterator[str]:
    bins = len(edges) - 1
    components = table.get("components", [])
    for component in components:
        width = component["width"]
        if len(width) != 1 or not numbers(list(width.values())) or not min(width.values()) > 0:
            yield f"a background has the width {width}"
        if ("counts" in component) == ("fraction" in component):
            yield "a background has no size, or two"
        if "counts" in component and not counts(component["counts"], bins):
            yield "a background has counts that are none"
    lists = [table[key] for key in ("total", "published_solar_neutrinos") if key in table]
    if not all(counts(each, bins) for each in lists):
        yield "a total is none"
        return
    fractions = [component["fraction"] for component in components if "fraction" in component]
    if lists and (not numbers(fractions) or not 0.99 < sum(fractions) < 1.01 or min(fractions) <= 0):
        yield f"the fractions are {fractions}"
    if len(lists) == 2:
        inside = (edges[:-1] >= low - 1e-6) & (edges[1:] <= high + 1e-6)
        parts = [np.array(c["counts"], dtype=float) for c in components if "counts" in c]
        rest = np.array(lists[0], dtype=float) - np.array(lists[1], dtype=float) - sum(parts, np.zeros(bins))
        if np.any(rest[inside] < -0.011 * np.array(lists[0])[inside] - 1e-12):
            yield "the parts of the background are more than its total"


# Configurations


def of_configuration(text: str) -> Iterator[str]:
    """Yield what is wrong with a resolved configuration: it has to be sound, and to resolve to itself."""
    from bayesnu.runs import config
    from bayesnu.runs import run as runs

    body = re.sub(r"^# would go to .*\Z", "", text, flags=re.MULTILINE | re.DOTALL)
    try:
        raw = tomllib.loads(body)
    except ValueError as error:
        yield f"the resolved configuration is not TOML: {error}"
        return
    prior, sampling = raw["prior"], raw["sampling"]
    if not numbers([x for x in [*prior.values(), *sampling.values()] if not isinstance(x, str)]):
        yield "the resolved configuration holds what is not finite"
    if not prior.get("lower", -math.inf) < prior.get("upper", math.inf) or not prior.get("width", 1.0) > 0:
        yield f"the prior is {prior}"
    if not 0 < sampling["probability"] < 1 or sampling["walkers"] < 2 or sampling["ensembles"] < 1:
        yield f"the sampling is {sampling}"
    for name, value in raw["analysis"].items():
        if isinstance(value, float) and not math.isfinite(value):
            yield f"the choice {name} is {value}"
    arguments: list[Any] = [raw.get(key) for key in ("parameter", "flavour", "preset", "analysis", "prior", "sampling")]
    again = config.to_toml(runs.configure(raw["experiments"], *arguments))
    if again.strip() != body.strip():
        yield "the resolved configuration resolves to another one"


# Answers


def _of_check(answer: dict[str, Any]) -> Iterator[str]:
    edges = answer["edges_kev"]
    if not counts(answer["observed"], len(edges) - 1) or not answer["exposure_tonne_years"] > 0:
        yield "the checked experiment has no counts or no exposure"


def _of_counts(answer: dict[str, Any]) -> Iterator[str]:
    bins = len(answer["edges_kev"]) - 1
    parts = [answer["signal"], answer["background"], answer["expected"], *answer["backgrounds"].values()]
    if not all(predicted(each, bins) for each in [*parts, *answer["components"].values(), answer["observed"]]):
        yield "a count is negative or not finite"
    elif not np.allclose(np.add(answer["signal"], answer["background"]), answer["expected"], rtol=1e-9):
        yield "signal and background do not sum to what is expected"


def _of_rate(answer: dict[str, Any]) -> Iterator[str]:
    rates = [answer["rate_per_tonne_year_kev"], *answer["components"].values()]
    if not all(predicted(each, len(answer["energy_kev"])) for each in rates):
        yield "a rate is negative or not finite"


def _of_limits(answer: dict[str, Any]) -> Iterator[str]:
    if not numbers([answer["chi2_min"], answer["delta_chi2"]]):
        yield "a fit is not finite"
    ends = [end for piece in answer["intervals"] for end in piece]
    if not numbers([end for end in ends if end is not None]) or not answer["status"]:
        yield "an interval is not finite"
    for low, high in answer["intervals"]:
        if low is not None and high is not None and not low <= high:
            yield f"an interval is [{low}, {high}]"
    if not answer["intervals"] and "found" not in answer["status"]:
        yield "no interval, and no word about it"


def _of_summary(answer: dict[str, Any]) -> Iterator[str]:
    if answer["steps"] < 1:
        yield "a chain without steps is summarised"
    for name, p in answer["parameters"].items():
        if p["median"] is None or not math.isfinite(p["median"]):
            yield f"the median of {name} is {p['median']}"
        elif name == "mu_nu" and not 0 <= p["median"] <= 1e-10:
            yield f"the median of {name} is {p['median']}, outside its prior"
        for low, high in p["intervals"]:
            if low is not None and high is not None and not low <= high:
                yield f"the interval of {name} is [{low}, {high}]"
    for row in answer["rows"]:
        if row["lower"] is not None and row["upper"] is not None and not row["lower"] <= row["upper"]:
            yield f"a row is [{row['lower']}, {row['upper']}]"


_ANSWERS = {
    "check": _of_check,
    "counts": _of_counts,
    "rate": _of_rate,
    "limits": _of_limits,
    "summary": _of_summary,
    "resume": _of_summary,
}
