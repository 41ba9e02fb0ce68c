"""The result of a run as JSON: what is written is read back as it was, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from bayesnu.runs import sampling
from bayesnu.runs.result import RunResult
from bayesnu.runs.result_json import has_smoothed_modes, result_from_json, result_to_json
from bayesnu.runs.run import resolve

SHORT = {"steps": 12, "ensembles": 2, "walkers": 16}
ABSENT_BEFORE = {
    "toys",
    "notes",
    "kind",
    "probability",
    "intervals",
    "integrated",
    "note",
    "cross_check",
    "chain",
    "thinned_by",
}


@pytest.fixture(scope="module", params=["common", "all"])
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The result of a run of one value, which has a cross-check, or of three, which have derived quantities."""
    run = resolve(("xenonnt-sr0",), "mu_nu", request.param, sampling=SHORT)
    return sampling.sample(run, tmp_path_factory.mktemp("run") / "run", figures=False)


def test_what_is_written_is_read_back_as_it_was(result: RunResult) -> None:
    text = json.dumps(result_to_json(result), allow_nan=False)
    assert result_from_json(json.loads(text)) == result
    assert json.dumps(result_to_json(result_from_json(json.loads(text)))) == text


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in nested tables and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from places(each, (*path, key))


def replaced(table: dict[str, Any], path: tuple[Any, ...], new: Any) -> dict[str, Any]:
    """A copy with another value at a path."""
    copy = deepcopy(table)
    inner: Any = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


def test_a_value_of_another_type_is_refused_wherever_it_stands(result: RunResult) -> None:
    table = result_to_json(result)
    written_only = {"unit", "flavour"}  # known from the parameter's name, so nothing depends on them
    for path in places(table):
        if path[-1] in written_only and path[0] == "parameters":
            continue
        if path[-1] == "note" and path[0] == "rows":
            continue
        with pytest.raises((ValueError, TypeError)):
            result_from_json(replaced(table, path, object()))


@pytest.mark.parametrize("text", ["\x1b[2J", "two\nlines"])
def test_text_that_commands_a_terminal_is_refused(result: RunResult, text: str) -> None:
    table = result_to_json(result)
    for path in [("missing",), ("fingerprint",), ("rows", 0, "what"), ("rows", 0, "how"), ("rows", 0, "prior")]:
        new = [text] if path == ("missing",) else text
        with pytest.raises(ValueError, match="stored result"):
            result_from_json(replaced(table, path, new))


def test_a_missing_key_is_refused_unless_older_versions_did_not_write_it(result: RunResult) -> None:
    table = result_to_json(result)
    for key in table.keys() - ABSENT_BEFORE:
        with pytest.raises(ValueError, match="stored result"):
            result_from_json({name: each for name, each in table.items() if name != key})


def test_a_row_of_an_older_version_has_kind_and_probability_of_the_run(result: RunResult) -> None:
    table = result_to_json(result)
    for row in table["rows"]:
        for key in ("kind", "probability", "intervals", "mcse"):
            del row[key]
    for row in result_from_json(table).rows:
        assert row.interval.kind == {"credible": "upper"}.get(row.method, row.method)
        assert row.interval.probability == 0.9
        assert len(row.interval.pieces) == 1


def test_a_region_of_a_version_that_smoothed_over_modes_is_told(result: RunResult) -> None:
    table = result_to_json(result)
    name = next(iter(table["parameters"]))
    assert not has_smoothed_modes(table)
    table["parameters"][name]["kind"] = "hdi"
    assert not has_smoothed_modes(table)
    del table["parameters"][name]["mcse"]
    assert has_smoothed_modes(table)


@pytest.mark.parametrize("wrong", [None, [], {}, "text", 3, {"parameters": {}}])
def test_what_is_no_result_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="stored result"):
        result_from_json(wrong)


def test_the_chain_is_named_where_it_is_known(result: RunResult, tmp_path: Path) -> None:
    assert result.chain is not None and result.chain.name == "chain.h5"
    assert result_to_json(result)["chain"] == str(result.chain)
