"""The page of what was tested says what the stored outputs say, and nothing that was not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import trust


def test_the_page_is_that_of_the_stored_outputs() -> None:
    assert trust.PAGE.read_text(encoding="utf-8") == trust.page()


def test_every_row_was_run_with_the_command_it_names() -> None:
    stored = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in trust.STORE.glob("*.json")}
    assert set(stored) <= set(trust.ROWS)
    for name, kept in stored.items():
        assert kept["command"] == trust.ROWS[name].command and kept["seconds"] > 0 and kept["date"] >= "2026-11-22"
        holds, text = trust.ROWS[name].read(kept["output"])
        assert holds is not False and text, name


def test_a_row_that_does_not_hold_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "STORE", tmp_path)
    assert "| not run | | `bayesnu doctor --json` | |" in trust.page()
    findings = [{"check": "likelihood", "status": "act", "found": "1 is off", "do": "reinstall"}]
    trust.keep("self-check", json.dumps({"findings": findings}), 3.2)
    assert "| NO | 1 findings, 1 to act on; likelihood: 1 is off |" in trust.page()
    trust.keep("injection", "..F\n1 failed, 41 passed in 3 s\n", 3.2)
    assert "| NO | 1 failed, 41 passed in 3 s |" in trust.page()
    trust.keep("injection", "...\n42 passed in 3 s\n", 3.2)
    assert "| yes | 42 passed in 3 s |" in trust.page()
