"""The smallest run there is, made once for all tests that look at one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands import sampled


@pytest.fixture(autouse=True)
def as_wide_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as the variable COLUMNS says, where a shell has set it."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of 12 steps; not to be changed."""
    place = tmp_path_factory.mktemp("runs") / "run"
    sampled(place)
    return place


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(run, tmp_path / "copy"))
