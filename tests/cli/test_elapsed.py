"""The sign of life of a long command."""

from __future__ import annotations

import re
import time

import pytest

from bayesnu.cli import elapsed
from bayesnu.cli.elapsed import Elapsed


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elapsed, "FIRST", 0.01)


@pytest.mark.usefixtures("soon")
def test_a_long_command_says_for_how_long_ever_more_rarely(capsys: pytest.CaptureFixture[str]) -> None:
    with Elapsed("compare", quiet=False):
        printed = ""
        while printed.count("\n") < 3:
            printed += capsys.readouterr().err
            time.sleep(0.01)
    assert all(re.fullmatch(r"compare: at work for \d+ s", line) for line in printed.splitlines())


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("quiet", [True, False])
def test_it_says_nothing_where_it_may_not(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Elapsed("compare", quiet) as working:
        working.pause()
        capsys.readouterr()
        time.sleep(0.05)
        assert capsys.readouterr().err == ""


def test_it_begins_within_three_seconds() -> None:
    assert elapsed.FIRST < 3
