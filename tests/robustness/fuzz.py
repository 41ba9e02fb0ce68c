"""Hostile input from a seed: experiment files, configurations, words of the command line, and chains.

`case(seed, corpus)` is one command with the files it finds; the same seed gives the same case. Nothing here runs a
command: `scripts/faults` does, and judges what came of it.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from math import inf, nan
from typing import Any

import click
import h5py
import numpy as np
import tomli_w

from bayesnu import experiments
from bayesnu.cli.main import main

HEADER = 512  # bytes before the HDF5 part of a chain
DECK = ["experiment"] * 34 + ["sound"] * 5 + ["config"] * 25 + ["words"] * 20 + ["chain"] * 15 + ["place"] * 1


@dataclass(frozen=True)
class Case:
    """A command and its folder's files. `output` is the one place that it may write to, `sound` whether it must work."""

    seed: int
    kind: str
    words: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    output: str | None = None
    sound: bool = False


@dataclass(frozen=True)
class Corpus:
    """What is mutated: experiment files and configurations as documents, and the two files of a finished run."""

    experiments: tuple[dict[str, Any], ...]
    configs: tuple[dict[str, Any], ...]
    config: bytes
    chain: bytes


def corpus(config: bytes, chain: bytes) -> Corpus:
    """The corpus with the configuration and the chain of a finished run."""
    template = tomllib.loads(experiments.template())
    shipped = tomllib.loads(experiments.load("xenonnt-sr0").text)  # a long one: seldom, as it takes its time
    resolved = tomllib.loads(config.decode())
    return Corpus((*[template] * 5, *[BARE] * 2, *[STATED] * 3, shipped), (SMALL, FULL, resolved), config, chain)


def case(seed: int, given: Corpus, kind: str | None = None, forged: bool = True) -> Case:
    """The case of a seed. Without `forged`, no changed bytes get a checksum: libhdf5 may hang on them."""
    dice = random.Random(seed)
    kind = kind or dice.choice(DECK)
    made = MAKERS[kind](seed, dice, given)
    return made if forged or made.kind != "forged" else _words(seed, dice, given)


# Documents to begin from

SOURCED = {"source": "example", "quality": "assumed"}
BARE: dict[str, Any] = {
    "format": 1,
    "name": "bare",
    "title": "Bare",
    "references": [],
    "incompatible": [],
    "exposure": {"tonne_years": 2.0, **SOURCED},
    "bins": {"edges_kev": [1, 5, 30], "observed": [10, 70], **SOURCED},
    "region": {"kev": [1, 30], **SOURCED},
    "resolution": {"sqrt_kev": 0.3, **SOURCED},
    "efficiency": {"energy": "reconstructed", "energies_kev": [0.5, 2, 30], "values": [0, 0.8, 0.9], **SOURCED},
    "background": {
        "solar_neutrinos": "absent",
        "components": [{"name": "flat", "counts": [9, 60], "width": {"relative": 0.1}, **SOURCED}],
        **SOURCED,
    },
}
STATED: dict[str, Any] = BARE | {
    "bins": BARE["bins"] | {"model_values_kev": [5, 30]},
    "background": BARE["background"]
    | {
        "components": [
            {"name": "flat", "shape": "smooth", "counts": [9, 50], "width": {"relative": 0.1}, "shared": "flat", **SOURCED},
            {"name": "slope", "shape": "smooth", "counts": [0, 10], "width": {"absolute": 2.0}, "shared": "flat", **SOURCED},
        ]
    },
    "efficiency": BARE["efficiency"] | {"relative_width": 0.05, "shared": "efficiency", "turn_on": [0.9, 1]},
    "neutrinos": {"counts": 130, "error": 40, "kev": [1, 30], **SOURCED},
}
SMALL: dict[str, Any] = {
    "experiments": ["pandax4t-run1"],
    "parameter": "mu_nu",
    "prior": {"kind": "flat"},
    "sampling": {"steps": 8, "walkers": 16, "ensembles": 2},
    "analysis": {"background": "single"},
}
FULL: dict[str, Any] = {
    "experiments": ["e.toml"],
    "parameter": "q_nu",
    "flavour": "all",
    "preset": "paper",
    "prior": {"kind": "gaussian", "mean": 0.0, "width": 1e-12, "lower": -4e-12, "upper": 4e-12},
    "sampling": {"kind": "eti", "probability": 0.9, "seed": 3, "most_steps": 100, "walkers": 64, "ensembles": 2},
    "analysis": {"couplings": "tree", "energy_scale": 0.01, "threshold_shift_kev": 0.1, "correlated_runs": False},
}

# Values that break things

TEXTS = [
    "",
    " ",
    "a",
    "nan",
    "e.toml",
    "../e.toml",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    ".",
    "\x00",
    "a\nb",
    "\x1b[2J\x1b]0;x\x07",
    "\u202egnp",
    "\ufeff",
    "𝛎" * 20,
    "%s%n{0}{}$(rm)`rm`;rm",
    "'; --",
    "__class__",
    "x" * 300,
    "x" * 70_000,
]
NUMBERS: list[Any] = [
    *(0, 1, -1, 2, 3, 10, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, 10**30, 10**400),
    *(0.0, -0.0, 0.5, 1.0, -1.0, nan, inf, -inf, 5e-324, -5e-324, 2.3e-308, 1e308, -1e308, 1e-30, 1e30, 1 + 2e-16),
]
ODD: list[Any] = [True, False, [], {}, [[]], [{}], {"a": 1}, {"": {}}, [1, "a"], [nan], [inf, 1], date(2020, 1, 1)]
TYPED = [  # what Python or numpy would take for a number
    *("nan", "-nan", "inf", "-inf", "1e400", "-1e400", "1e-400", "-0.0", "0", "-1", "1", "0x10", "1_0", "١٢", "½", "", " "),
    *("9" * 400, "1e", "1,2", "2,10", "1e-11", "1e-320", "True", "None", "--", "-"),
]


def value(dice: random.Random) -> Any:
    """Any value that TOML can hold."""
    return copy.deepcopy(dice.choice(dice.choice([NUMBERS, NUMBERS, NUMBERS, TEXTS, ODD])))


# Documents changed


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside a document; of a long list only the first and last items."""
    if isinstance(document, dict):
        items: Any = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))
        items = items[:3] + items[-2:] if len(items) > 5 else items
    else:
        return []
    return [found for key, item in items for found in [(*path, key), *places(item, (*path, key))]]


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """What a path names."""
    for step in path:
        document = document[step]
    return document


def _set(dice: random.Random, parent: Any, key: Any, other: Any) -> None:
    parent[key] = value(dice)


def _scale(dice: random.Random, parent: Any, key: Any, other: Any) -> None:
    factor = dice.choice([-1, 0.5, 2, 10, 1e-3, 1e3, 1e6, 1e-6, 1e12, 1e-12, 1 + 1e-15, 1e-300, 1e300])

    def scaled(x: Any) -> Any:
        return x * factor if isinstance(x, int | float) and abs(x) < 1e300 and not isinstance(x, bool) else x

    parent[key] = [scaled(x) for x in parent[key]] if isinstance(parent[key], list) else scaled(parent[key])


def _nudge(dice: random.Random, parent: Any, key: Any, other: Any) -> None:
    """Another number of the same kind, which may well be allowed."""
    found = parent[key]
    if isinstance(found, list) and found and all(isinstance(x, int | float) for x in found):
        i = dice.randrange(len(found))
        near = [
            found[i - 1],
            found[(i + 1) % len(found)],
            0,
            found[i] * 1.5,
            found[i] + 1e-9,
            found[i] / 3,
            1e-12,
            -found[i],
        ]
        found[i] = dice.choice(near)
    elif isinstance(found, bool):
        parent[key] = not found
    elif isinstance(found, int | float):
        parent[key] = dice.choice(
            [0.5 * found, 1.1 * found, 0.01 * found, 100 * found, found + 1, found - 1, 0, -found, 1e-9]
        )
    elif isinstance(found, str):
        parent[key] = dice.choice(
            [found + "x", found[:-1], "paper", "true", "published", "a sentence of some length", *TEXTS]
        )


def _drop(dice: random.Random, parent: Any, key: Any, other: Any) -> None:
    del parent[key]


def _rename(dice: random.Random, parent: Any, key: Any, other: Any) -> None:
    if isinstance(parent, dict):
        new = dice.choice(
            [key.upper(), key[:-1], key + "s", key.replace("_", "-"), dice.choice(TEXTS), dice.choice([*parent])]
        )
        parent[new] = parent.pop(key)


def _splice(dice: random.Random, parent: Any, key: Any, other: Any) -> None:
    """Take the value from somewhere in another document, often from the same key."""
    path = dice.choice(places(other))
    same = [p for p in places(other) if p[-1] == key]
    parent[key] = copy.deepcopy(at(other, dice.choice(same) if same and dice.random() < 0.6 else path))


def _reshape(dice: random.Random, parent: Any, key: Any, other: Any) -> None:
    """Make a list longer, shorter or disordered; nest what is no list."""
    found = parent[key]
    if not isinstance(found, list):
        parent[key] = dice.choice([[found], {"value": found}, [found] * 3])
        return
    changes: list[Callable[[], Any]] = [
        lambda: found[:-1],
        lambda: found[1:],
        lambda: found[::-1],
        lambda: found + found[-1:],
        lambda: found * dice.choice([2, 100]),
        lambda: [*found, value(dice)],
        lambda: dice.sample(found, len(found)),
        lambda: [found[0]] * len(found) if found else [],
        lambda: [0] * len(found),
        lambda: {str(i): x for i, x in enumerate(found)},
    ]
    parent[key] = dice.choice(changes)()


CHANGES = [*[_nudge] * 10, *[_scale] * 4, *[_splice] * 2, _set, _set, _drop, _rename, _reshape]


def changed(dice: random.Random, document: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """A copy of a document with one to four changes."""
    out = copy.deepcopy(document)
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        path = dice.choice(places(out) or [("format",)])
        try:
            parent = at(out, path[:-1])
            dice.choice(CHANGES)(dice, parent, path[-1], other)
        except (KeyError, IndexError, TypeError, OverflowError):
            continue  # what an earlier change has removed
    return out


def text_of(document: dict[str, Any]) -> bytes:
    """A document as TOML; what TOML cannot hold is left out."""
    try:
        return tomli_w.dumps(document).encode("utf-8", "replace")
    except (TypeError, ValueError, AttributeError):
        return repr(document).encode("utf-8", "replace")


# Texts changed


def _flip(dice: random.Random, content: bytearray, other: bytes) -> None:
    for _ in range(dice.choice([1, 1, 2, 8])):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)


def _insert(dice: random.Random, content: bytearray, other: bytes) -> None:
    odd = [
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\x1b[0m",
        b'"""',
        b"'''",
        b"#",
        b"[",
        b"]]",
        b"=",
        b".",
        b"{",
        b"e",
        b"-",
    ]
    where = dice.randrange(len(content))
    content[where:where] = dice.choice([dice.choice(odd), dice.randbytes(dice.randrange(1, 9))])


def _cut(dice: random.Random, content: bytearray, other: bytes) -> None:
    where = dice.randrange(len(content))
    del content[where : where + dice.choice([1, 3, 40, len(content)])]


def _lines(dice: random.Random, content: bytearray, other: bytes) -> None:
    """Delete, repeat, swap or splice in lines."""
    lines, others = bytes(content).splitlines(keepends=True), other.splitlines(keepends=True) or [b"\n"]
    i, j = dice.randrange(len(lines)), dice.randrange(len(lines))
    how = dice.randrange(5)
    if how == 0:
        del lines[i]
    elif how == 1:
        lines.insert(j, lines[i])
    elif how == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif how == 3:
        lines.insert(i, dice.choice(others))
    else:
        k = dice.randrange(len(others))
        lines[i:j] = others[k : k + 10]
    content[:] = b"".join(lines)


def _right_side(dice: random.Random, content: bytearray, other: bytes) -> None:
    """Replace what stands behind an equals sign by words that a document cannot hold."""
    sides = list(re.finditer(rb"= *([^\n]*)", content))
    if sides:
        side = dice.choice(sides)
        start, stop = side.span(1)
        deep = dice.choice([10, 200, 1000, 5000])
        new = [
            b"[" * deep + b"]" * deep,
            b"{a=" * deep + b"1" + b"}" * deep,
            b"1e400",
            b"-1e400",
            b"1e-400",
            b"0x" + b"f" * 40,
        ]
        new += [
            b"9" * 5000,
            b"+nan",
            b"0b2",
            b"1__0",
            b"2020-13-01",
            b'"\\ud800"',
            b'"\\u0000"',
            b"'''\n" + b"x\n" * 50 + b"'''",
        ]
        new += [
            b'"' + b"a" * 100_000 + b'"',
            b"[" + b"1," * 30_000 + b"]",
            b"[" + b"{}," * 3000 + b"]",
            bytes(content[start:stop]) * 2,
        ]
        content[start:stop] = dice.choice(new)


def damaged(dice: random.Random, content: bytes, other: bytes) -> bytes:
    """A text with one to four changes that know nothing of its meaning, or little."""
    out = bytearray(content)
    for _ in range(dice.choice([1, 1, 2, 4])):
        if out:
            dice.choice([_flip, _insert, _cut, _lines, _lines, _right_side])(dice, out, other)
    return bytes(out)


def mutated(dice: random.Random, documents: tuple[dict[str, Any], ...]) -> bytes:
    """One of the documents, changed in meaning, in text, or in both."""
    document, other = dice.choice(documents), dice.choice(documents)
    how = dice.randrange(10)
    content = text_of(changed(dice, document, other) if how < 8 else document)
    return content if how < 7 else damaged(dice, content, text_of(other))


# Cases: files


def _experiment(seed: int, dice: random.Random, given: Corpus) -> Case:
    words = _use_of("e.toml", dice)
    return Case(seed, "experiment", words, {"e.toml": mutated(dice, given.experiments)})


def _use_of(file: str, dice: random.Random) -> tuple[str, ...]:
    """A command that reads an experiment file, the cheap ones more often."""
    how = dice.random()
    reading = ("--inputs", dice.choice(["paper", "digitised", "default"])) if dice.random() < 0.1 else ()
    if how < 0.5:
        return ("check", file, "--json", *reading)
    if how < 0.6:
        return ("check", file)
    parameter = dice.choice(["mu_nu", "q_nu", "r2_nu"])
    if how < 0.8:
        return ("counts", file, "--json", *_coupling(dice), *_choices(dice), *reading)
    if how < 0.94:
        return ("sample", "--dry-run", file, "--parameter", parameter, *_choices(dice), *reading)
    toys = () if dice.random() < 0.2 else ("--no-toys",)
    command = dice.choice([("limits", *toys), ("limits", *toys), ("curve",), ("limits", "--flavour", "all", "--no-toys")])
    return (command[0], file, "--json", "--parameter", parameter, *command[1:], *reading)


def _coupling(dice: random.Random) -> tuple[str, ...]:
    if dice.random() < 0.5:
        return ()
    name, scale = dice.choice([("mu-nu", 1e-11), ("q-nu", 1e-12), ("r2-nu", 1e-32)])
    size = scale * dice.choice([0, 1e-3, 1, 30, 1e3, 1e6])
    sign = 1 if name == "mu-nu" else dice.choice([-1, 1])
    return (f"--{name}{dice.choice(['', '-e', '-mu', '-tau'])}", repr(sign * size))


def _choices(dice: random.Random) -> tuple[str, ...]:
    """Choices of an analysis, all allowed."""
    pairs = [
        ("--preset", "paper"),
        ("--background", "single"),
        ("--normalisations", "free"),
        ("--electrons", "free"),
        ("--electrons", "rrpa"),
        ("--binning", "centre"),
        ("--region", "all"),
        ("--resolution-at", "reconstructed"),
        ("--efficiency-on", "true"),
        ("--solar-subtraction", "published"),
        ("--couplings", "tree"),
        ("--energy-scale", "0.05"),
        ("--threshold-shift-kev", "0.2"),
        ("--lowest-true-kev", "2"),
        ("--sin2-theta-w", dice.choice(["0", "1"])),
    ]
    return tuple(word for pair in dice.sample(pairs, dice.choice([0, 0, 0, 1, 2])) for word in pair)


def _config(seed: int, dice: random.Random, given: Corpus) -> Case:
    words = ("sample", "--config", "c.toml", "--dry-run", *(("--json",) if dice.random() < 0.3 else ()))
    files = {"c.toml": mutated(dice, given.configs)}
    other = given.experiments[0] if dice.random() < 0.7 else changed(dice, given.experiments[0], BARE)
    return Case(seed, "config", words, files | {"e.toml": text_of(other)})


def _sound(seed: int, dice: random.Random, given: Corpus) -> Case:
    file = {"e.toml": text_of(sound_experiment(dice))}
    parameter = ("--parameter", dice.choice(["mu_nu", "q_nu", "r2_nu"]))
    how = dice.random()
    if how < 0.3:
        return Case(seed, "sound", ("check", "e.toml", "--json"), file, sound=True)
    if how < 0.6:
        return Case(seed, "sound", ("counts", "e.toml", "--json"), file, sound=True)
    if how < 0.8:
        return Case(seed, "sound", ("sample", "e.toml", "--dry-run", *parameter), file)
    toys = () if how < 0.84 else ("--no-toys",)
    return Case(seed, "sound", ("limits", "e.toml", "--json", *parameter, *toys), file)


def sound_experiment(dice: random.Random) -> dict[str, Any]:
    """An experiment that could be, from one bin to many, from no event to many, from a gramme to a megatonne."""
    bins = dice.choice([1, 2, 5, 30, 200])
    low, high = dice.choice([(0.0, 30.0), (1.0, 10.0), (0.5, 600.0), (20.0, 140.0), (0.0, 1.0)])
    cuts = sorted({round(dice.uniform(low, high), 6) for _ in range(bins - 1)} - {low, high})
    edges = [low, *cuts, high]
    size = dice.choice([0.0, 1e-3, 1.0, 100.0, 1e5])
    parts = [[round(size * dice.random(), 4) for _ in edges[1:]] for _ in range(dice.choice([0, 1, 3]))]
    parts = [part for part in parts if sum(part) > 0]
    widths: list[dict[str, float]] = [
        {"relative": 10 ** dice.uniform(-3, 0)},
        {"absolute": 10 ** dice.uniform(-3, 3)},
        {"free": 5.0},
    ]
    components = [
        {"name": f"part-{i}", "counts": part, "width": dice.choice(widths), **SOURCED} for i, part in enumerate(parts)
    ]
    expected = [sum(column) for column in zip(*parts, strict=True)] if parts else [0.0] * (len(edges) - 1)
    background: dict[str, Any] = {"solar_neutrinos": "absent", "components": components, **SOURCED}
    exposure = 10 ** dice.uniform(-6, 6)
    if dice.random() < 0.5:
        exposure = 10 ** dice.uniform(-6, -4)  # so few neutrinos that no number of them contradicts the model
        neutrinos = [round(dice.random() * 0.4 / len(expected), 6) for _ in expected]
        rest = [round(dice.random() * (size or 1.0), 4) + 1e-3 for _ in expected]
        total = [sum(each) for each in zip(expected, neutrinos, rest, strict=True)]
        flat = {"name": "rest", "fraction": 1.0, "width": {"relative": 0.1}, **SOURCED}
        background |= {"solar_neutrinos": "included", "total": total, "published_solar_neutrinos": neutrinos}
        background |= {"remainder": "rest", "components": [*components, flat]}
    knots = sorted({round(dice.uniform(low, high), 6) for _ in range(dice.choice([1, 2, 20]))})
    values = [dice.choice([0.0, round(dice.random(), 6), 1.0]) for _ in knots]
    values[-1] = values[-1] or 0.5
    return {
        **BARE,
        "exposure": {"tonne_years": exposure, **SOURCED},
        "bins": {
            "edges_kev": edges,
            "observed": [max(round(dice.gauss(x, x**0.5)), 0) for x in expected],
            **SOURCED,
        },
        "region": {"kev": [low, high], **SOURCED},
        "resolution": {"constant_kev": dice.choice([0.0, 0.1]), "sqrt_kev": 10 ** dice.uniform(-2, 0.3), **SOURCED},
        "efficiency": {"energy": dice.choice(["true", "reconstructed"]), "energies_kev": knots, "values": values, **SOURCED},
        "background": background,
    }


# Cases: words

NAMES = ("xenonnt-sr0", "pandax4t-run0", "pandax4t-run1", "e.toml", "run", "run/chain.h5", "nowhere", "home", "..")
READING = ("check", "counts", "rate", "limits", "sample", "summary", "workspace", "bibliography", "experiments", "presets")
STARTS: dict[str, tuple[str, ...]] = {
    "check": ("e.toml",),
    "counts": ("pandax4t-run1",),
    "rate": ("--energy-kev", "2,10"),
    "limits": ("pandax4t-run1", "--parameter", "mu_nu", "--background", "single"),
    "sample": ("--dry-run", "pandax4t-run1", "--parameter", "mu_nu"),
    "summary": ("run",),
    "workspace": ("pandax4t-run1", "--parameter", "mu_nu", "--background", "single"),
}
COSTLY = {"--grid", "--output", "--config", "--help"}  # not from the dice: time, places (which have cases of their own)


def word(dice: random.Random) -> str:
    """A word that nobody expects."""
    how = dice.randrange(6)
    if how == 0:
        return dice.choice(NAMES)
    if how == 1:
        return dice.choice(TYPED)
    if how == 2:
        return dice.choice(TEXTS)
    if how == 3:
        return "".join(
            chr(dice.choice([dice.randrange(32, 127), dice.randrange(1, 0xD7FF)])) for _ in range(dice.randrange(9))
        )
    if how == 4:
        return "--" + dice.choice(["json", "json=1", "mu-nu", "preset", "x", "", "cl=2", "no-json", "parameter=q_nu"])
    return dice.choice(["-h", "--version", "-", "--", "@e.toml", "\udcff", "-1e-11", "*"])


def options_of(dice: random.Random, command: click.Command, hostile: float) -> list[str]:
    """Some of a command's options, with values that are allowed or not."""
    found = [p for p in command.params if isinstance(p, click.Option) and p.opts[-1] not in COSTLY]
    words: list[str] = []
    for option in dice.sample(found, min(len(found), dice.choice([1, 1, 2, 3, 6]))):
        words.append(dice.choice([*option.opts, *option.secondary_opts]))
        if option.is_flag:
            continue
        if dice.random() < hostile:
            words.append(dice.choice([word(dice), dice.choice(TYPED)]))
        elif isinstance(option.type, click.Choice):
            words.append(dice.choice([*map(str, option.type.choices)]))
        else:
            words.append(dice.choice(["0", "1", "0.5", "2", "1e-11", "64", "paper"]))
    return words


def _words(seed: int, dice: random.Random, given: Corpus) -> Case:
    name = dice.choice(READING)
    start = list(STARTS.get(name, ()))
    command = main.get_command(click.Context(main), name)
    assert command is not None
    words = start + options_of(dice, command, dice.choice([0.0, 0.3, 1.0]))
    for _ in range(dice.choice([0, 0, 1, 2])):
        words.insert(dice.randrange(len(words) + 1), word(dice))
    if dice.random() < 0.2 and words:
        del words[dice.randrange(len(words))]
    if dice.random() < 0.05:
        words, name = [word(dice) for _ in range(dice.randrange(4))], dice.choice([name, word(dice)])
    if name == "sample":
        words = ["--dry-run", *words]
    files = {"e.toml": text_of(given.experiments[0]), "run/config.toml": given.config, "run/chain.h5": given.chain}
    return Case(seed, "words", (name, *words), files)


# Cases: places to write to

PLACES = [
    *("out", "./out", "deep/er/out", "../box/out", "../sideways", "link/out", "loop", "dangling", "e.toml", "e.toml/out"),
    *(
        "run",
        "home/x",
        ".",
        "..",
        "",
        " ",
        "-",
        "--",
        "~",
        "~/out",
        "$HOME/out",
        "a b",
        "a\nb",
        "\x1b[2J",
        "a\x00b",
        "\udcff",
    ),
    *(
        "n" * 255,
        "n" * 256,
        "n/" * 2100 + "n",
        "ν",
        "a\\b",
        "con",
        "*",
        "%s",
        "null",
        "null/x",
        "/dev/null/x",
        "/proc/self/x",
    ),
    *("PLACE/absolute", "PLACE/box/../twice", "out.toml", "config.toml", "out/config.toml", "out/chain.h5"),
]


def _place(seed: int, dice: random.Random, given: Corpus) -> Case:
    where = dice.choice(PLACES)
    files = {"e.toml": text_of(given.experiments[0]), "run/config.toml": given.config, "run/chain.h5": given.chain}
    small = ("pandax4t-run1", "--parameter", "mu_nu", "--background", "single")
    how = dice.randrange(4)
    if how == 0:
        words: tuple[str, ...] = ("export", "run", "--", where)
    elif how == 1:
        words = ("workspace", *small, "--output", where)
    else:
        quiet = ("--no-figures", "--quiet", "--json", *(("--overwrite",) if how == 3 else ()))
        words = ("sample", *small, "--steps", "8", "--walkers", "16", "--ensembles", "2", *quiet, "--output", where)
    return Case(seed, "place", words, files, output=where)


# Cases: chains


def with_checksum(content: bytes) -> bytes:
    """A chain with the header that its bytes ask for: the reader behind the checksum gets to see them."""
    body = content[HEADER:]
    line = b"bayesnu chain 1 sha256 " + hashlib.sha256(body).hexdigest().encode() + b"\n"
    return line + bytes(HEADER - len(line)) + body


def _chain(seed: int, dice: random.Random, given: Corpus) -> Case:
    how, config, kind = dice.random(), given.config, "chain"
    if how < 0.2:
        chain = _damaged_bytes(dice, given.chain)
    elif how < 0.45:
        chain, kind = with_checksum(_damaged_bytes(dice, given.chain, HEADER)), "forged"
    elif how < 0.9:
        chain = with_checksum(_restructured(dice, given.chain))
    else:
        chain, config = given.chain, mutated(dice, (tomllib.loads(config.decode()), *given.configs))
    words = dice.choice(
        [("summary", "run", "--json")] * 6
        + [("summary", "run"), ("summary", "run", "--json", "--kind", "eti"), ("bibliography", "run")]
        + [("summary", "run/chain.h5", "--json", "--no-toys")]
        + [("resume", "run", "--quiet", "--no-figures", "--json"), ("export", "run", "run/out.nc")]
    )
    output = "run" if words[0] in ("resume", "export") else None
    return Case(seed, kind, words, {"run/config.toml": config, "run/chain.h5": chain}, output=output)


def _damaged_bytes(dice: random.Random, content: bytes, first: int = 0) -> bytes:
    """Flip, replace, clear, cut or repeat bytes; the beginning, where the structure is, more often."""
    out = bytearray(content)
    for _ in range(dice.choice([1, 1, 3])):
        last = min(len(out), dice.choice([first + 100, first + 3000, first + 20_000, len(out)]))
        if last <= first:
            continue
        where = dice.randrange(first, last)
        length = dice.choice([1, 2, 8, 40, 2000])
        how = dice.randrange(6)
        if how < 2:
            out[where] ^= 1 << dice.randrange(8)
        elif how == 2:
            out[where : where + length] = dice.randbytes(len(out[where : where + length]))
        elif how == 3:
            out[where : where + length] = dice.choice([b"\0", b"\xff"]) * len(out[where : where + length])
        elif how == 4:
            del out[where : where + dice.choice([1, 8, 512, len(out)])]
        else:
            out[where:where] = out[where : where + length]
    return bytes(out)


def _restructured(dice: random.Random, content: bytes) -> bytes:
    """Another HDF5 file: objects and attributes removed, or of another type, shape or content."""
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as h5:
        names: list[str] = []
        h5.visit(names.append)
        for _ in range(dice.choice([1, 1, 2])):
            name = dice.choice([*names, *[n for n in names if "ensemble" in n or n == "result"]])
            if name in h5:
                with suppress(IndexError, TypeError, ValueError, KeyError):  # an earlier change has left nothing to change
                    _change_object(dice, h5, name)
            if dice.random() < 0.3:
                holder = h5[dice.choice(["/", *[n for n in names if n in h5]])]
                _change_attribute(dice, holder, dice.choice([*holder.attrs, "iteration"]))
    return file.getvalue()


def _change_object(dice: random.Random, h5: Any, name: str) -> None:
    before = h5[name]
    how = dice.randrange(7)
    small = isinstance(before, h5py.Dataset) and (before.size or 0) < 10**6  # an earlier change may have made it huge
    data = before[()] if small else None
    if how == 0 or data is None:
        del h5[name]
        if dice.random() < 0.3:
            h5[name] = dice.choice([0, "text", np.zeros(3)])
        return
    new: Any
    if name == "result" and how < 6 and isinstance(data, bytes) and data.startswith(b'{"parameters"'):
        new = json.dumps(_changed_result(dice, json.loads(data)))
    elif how == 1 and getattr(data, "dtype", np.dtype("O")).kind == "f":
        new = data.copy()
        flat = new.reshape(-1)
        if flat.size:
            flat[dice.randrange(flat.size)] = dice.choice([nan, inf, -inf, 1e308, -1.0, -1e300, 5e-324, 0.0])
    elif how == 2 and hasattr(data, "shape") and data.ndim:
        new = dice.choice([data[:0], data[:1], np.concatenate([data, data]), data[..., :1], data[0]])
    elif how == 3:
        new = dice.choice(
            [np.zeros(5), np.int8(3), "text", b"\xff\xfe", "{", "NaN", np.full((2, 2), nan), np.zeros((0, 0, 0))]
        )
    elif how == 4:
        del h5[name]
        shape = dice.choice([(2**40,), (2**20, 16, 5), (2**31, 2**20, 5), (12, 16, 2**40)])
        h5.create_dataset(name, shape, dtype=dice.choice(["f8", "i1"]), chunks=True)
        return
    elif how == 5 and getattr(data, "dtype", np.dtype("O")).kind == "f":
        new = data.astype(dice.choice(["f4", "i8", "c16", "S8", ">f8"]))
    else:
        new = dice.choice([np.nan, np.zeros(0), "", data])
    attributes = dict(before.attrs)
    del h5[name]
    h5[name] = new
    h5[name].attrs.update(attributes)


def _change_attribute(dice: random.Random, holder: Any, name: str) -> None:
    if name in holder.attrs and dice.random() < 0.3:
        del holder.attrs[name]
    else:
        holder.attrs[name] = dice.choice(
            [-1, 0, 10**6, 2**62, nan, "", "text", "{}", "[1]", "null", np.zeros(3), '{"a": NaN}', "[" * 5000]
        )


def _changed_result(dice: random.Random, result: Any) -> Any:
    """A stored result with one change, as JSON can hold it."""
    path = dice.choice(places(result))
    parent = at(result, path[:-1])
    if dice.random() < 0.4:
        del parent[path[-1]]
    else:
        parent[path[-1]] = dice.choice([None, -1, 0, nan, 1e308, "x", [], {}, True, "\x1b[2J"])
    return dice.choice([result, result, result, result, None, [], "x", {}]) if dice.random() < 0.2 else result


MAKERS: dict[str, Callable[[int, random.Random, Corpus], Case]] = {
    "experiment": _experiment,
    "sound": _sound,
    "config": _config,
    "words": _words,
    "place": _place,
    "chain": _chain,
}
