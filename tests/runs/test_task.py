"""What decides a task's bits: the sources of the rooms that compute, by their places, and not of those that show."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bayesnu.runs import task

WORK = "tests.works:draw"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that the key of a campaign is made from."""
    copy = tmp_path / "bayesnu"
    shutil.copytree(task.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(task, "PACKAGE", copy)
    task.versions(WORK)  # imports the module of the work
    return copy


@pytest.mark.parametrize(
    "name",
    ["support/quadrature.py", "physics/constants.py", "model/fold.py", "inference/toys/lanes.py", "studies/coverage.py"],
)
def test_a_changed_source_that_computes_is_another_campaign(package: Path, name: str) -> None:
    before = task._hash_source(WORK)
    with (package / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert task._hash_source(WORK) != before


@pytest.mark.parametrize("name", ["experiments/xenonnt-sr0.toml", "physics/xe_rrpa_over_step.csv"])
def test_changed_data_are_another_campaign(package: Path, name: str) -> None:
    before = task._hash_source(WORK)
    with (package / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert task._hash_source(WORK) != before


@pytest.mark.parametrize("name", ["cli/main.py", "plots/style.py", "runs/report/page.py", "studies/figures/toys.py"])
def test_what_only_shows_results_does_not_make_another_campaign(package: Path, name: str) -> None:
    before = task._hash_source(WORK)
    with (package / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert task._hash_source(WORK) == before


def test_a_file_that_moves_to_another_room_is_another_campaign(package: Path) -> None:
    before = task._hash_source(WORK)
    (package / "support" / "quadrature.py").rename(package / "physics" / "quadrature.py")
    assert task._hash_source(WORK) != before
