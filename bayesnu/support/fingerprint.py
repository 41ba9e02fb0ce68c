"""Nested tables as flat keys, as one word, and the first key in which two of them differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested tables as one, with dotted keys and values as JSON."""
    out: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            out |= flattened(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = json.dumps(value, default=str)
    return out


def leaves(value: Any, place: str = "") -> dict[str, str]:
    """Every number and word in nested tables and lists, by its place as `bins.observed[3]`; 5 and 5.0 are the same."""
    if isinstance(value, Mapping):
        parts = [(f"{place}.{key}".lstrip("."), each) for key, each in value.items()]
    elif isinstance(value, list):
        parts = [(f"{place}[{n}]", each) for n, each in enumerate(value)]
    else:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return {place: json.dumps(float(value) if is_integer else value, default=str)}
    return {key: leaf for where, each in parts for key, leaf in leaves(each, where).items()}


def digest(keys: Mapping[str, str]) -> str:
    """A fingerprint as one word."""
    return hashlib.sha256(json.dumps(dict(keys), sort_keys=True).encode()).hexdigest()[:16]


def difference(one: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    """Name the first key in which two fingerprints differ, with both values; None if they agree."""
    for key in sorted({*one, *other}):
        if one.get(key) != other.get(key):
            return f"{key} is {one.get(key, 'not set')} there and {other.get(key, 'not set')} here"
    return None
