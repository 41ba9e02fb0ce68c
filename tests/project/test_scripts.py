"""Every script says what it does, and begins nothing, when it is asked for help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# run.py hands its words, --help among them, to `bayesnu sample`, once it has set everything up.
FILES = sorted(path for path in (ROOT / "scripts").glob("[a-z]*.py") if path.name != "run.py")


def said(*words: str) -> str:
    """What Python prints when it is started with these words in the project."""
    return subprocess.run([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", [*FILES, ROOT / "scripts" / "bench"], ids=lambda path: path.name)
def test_a_script_asked_for_help_only_helps(path: Path) -> None:
    before = [each.stat().st_mtime_ns for each in sorted((ROOT / "docs").iterdir())]
    assert said(str(path), "--help").startswith("usage: ")
    assert [each.stat().st_mtime_ns for each in sorted((ROOT / "docs").iterdir())] == before


@pytest.mark.slow
def test_the_campaigns_of_faults_say_what_they_are() -> None:
    assert said("-m", "scripts.faults", "--help").startswith("usage: python -m scripts.faults")
