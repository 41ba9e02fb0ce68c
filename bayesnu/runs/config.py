"""The resolved configuration of a run as TOML, written and read back."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from bayesnu.model.choices import BEFORE
from bayesnu.runs.run import Run, choose, to_dict
from bayesnu.support.errors import BayesnuError, did_you_mean

CONFIG = "config.toml"
IN_PYTHON = "in Python"  # what the chain of a model says in the place of a configuration


def to_toml(run: Run) -> str:
    """The resolved configuration as TOML."""
    head = "# Resolved configuration of a run of bayesnu: `bayesnu resume` reads it, `bayesnu sample --config` takes it.\n"
    return head + tomli_w.dumps(to_dict(run))


def from_toml(text: str, where: str) -> dict[str, Any]:
    """Read a configuration into the arguments of `resolve`; raises `BayesnuError` naming the place and the key."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BayesnuError(f"{where}: found what is not TOML ({error}); correct it") from None
    if _has_wide_integer(raw):
        raise BayesnuError(f"{where}: found an integer of more than 64 bits; TOML has none, so make it smaller")
    if raw.get("built") == IN_PYTHON:
        raise BayesnuError(
            f"{where}: found a model that was built in Python, which no configuration describes; `bayesnu.sample` with that "
            "model goes on with it, and `bayesnu.read_chain` reads its samples"
        )
    known = {"experiments", "parameter", "flavour", "preset", "prior", "sampling", "analysis", "data"}
    for key in raw:
        if key not in known:
            raise BayesnuError(f"{where}: unknown key '{key[:60]}'{did_you_mean(key[:60], known)}")
    for key in ("prior", "sampling", "analysis", "data"):
        if not isinstance(raw.get(key, {}), dict):
            raise BayesnuError(f"{where}: found {key} = {str(raw[key])[:60]}; must be a table, as [{key}]")
    for key in ("parameter", "flavour", "preset"):
        if not isinstance(raw.get(key, ""), str):
            raise BayesnuError(f"{where}: found {key} = {str(raw[key])[:60]}; must be a word in quotes")
    names = raw.get("experiments", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BayesnuError(f"{where}: found experiments = {str(names)[:60]}; must be a list of names or paths")
    return raw


def _has_wide_integer(value: Any) -> bool:
    """Whether there is an integer that neither TOML nor a float can hold, at any depth."""
    if isinstance(value, dict | list):
        return any(_has_wide_integer(each) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def from_config(path: Path) -> Run:
    """Read the resolved configuration of a run, and not its data.

    Raises `BayesnuError` if it is missing, damaged or not complete.
    """
    try:
        raw = from_toml(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BayesnuError(f"{path}: cannot be read ({reason}); give the folder of a run") from None
    try:
        return from_dict(raw)
    except BayesnuError as error:
        raise BayesnuError(f"{path}: {error}") from None


def from_dict(table: Mapping[str, Any]) -> Run:
    """The run of a resolved configuration, as `to_dict` gives it; raises `BayesnuError` if it is not complete.

    An older one lacks younger choices, and has what there was before them.
    """
    for key in ("experiments", "parameter", "preset", "analysis", "sampling", "data"):
        if key not in table:
            raise BayesnuError(f"the key '{key}' is missing; this is not the configuration of a run")
    digests = table["data"]
    if len(digests) != len(table["experiments"]) or not all(isinstance(each, str) for each in digests.values()):
        raise BayesnuError("[data]: must name each of the experiments with the digest of its data")
    run = choose(
        table["experiments"],
        table["parameter"],
        table.get("flavour", "common"),
        table["preset"],
        BEFORE | table["analysis"],
        table.get("prior"),
        table["sampling"],
    )
    return replace(run, digests=digests)
