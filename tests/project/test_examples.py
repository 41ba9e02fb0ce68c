"""The examples in the docstrings of the public names give what they say, run in an empty folder."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import bayesnu

CHAINS = ("sample", "read_chain")  # the second reads what the first has written
ALONE = [(name,) for name in bayesnu.__all__ if name not in CHAINS]


@pytest.mark.parametrize("names", [*ALONE, CHAINS], ids=" ".join)
def test_an_example_gives_what_it_says(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in names:
        examples = doctest.DocTestFinder(recurse=False).find(getattr(bayesnu, name), name, globs={})
        done = [doctest.DocTestRunner().run(each) for each in examples]
        assert sum(each.attempted for each in done) > 0, f"{name} has no example"
        assert sum(each.failed for each in done) == 0, capsys.readouterr().out
