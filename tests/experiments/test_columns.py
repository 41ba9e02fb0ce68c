"""Columns of CSV files beside an experiment's file: the same data as lists in it, and kept in its text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.support.errors import BayesnuError

CSV = """# made up, like the template
low,high,events, background
0,1,0,0.5
1,2,12,13.0

# a comment between
2,4,25,24.5
4,6,21,22.0
"""
LISTS = {
    "edges_kev = [0, 1, 2, 4, 6]": 'edges_kev = { csv = "bins.csv", columns = ["low", "high"] }',
    "observed = [0, 12, 25, 21]": 'observed = { csv = "bins.csv", column = "events" }',
    "total = [0.5, 13.0, 24.5, 22.0]": 'total = { csv = "bins.csv", column = "background" }',
}


def write(folder: Path, csv: str = CSV, **changes: str) -> Path:
    text = experiments.template()
    for there, here in LISTS.items():
        assert there in text
        text = text.replace(there, changes.get(there.split()[0], here))
    path = folder / "made-up.toml"
    path.write_text(text, encoding="utf-8")
    (folder / "bins.csv").write_text(csv, encoding="utf-8")
    return path


def numbers(experiment: experiments.Experiment) -> list[Any]:
    background = experiment.background
    return [experiment.edges_kev, experiment.observed, background.total, background.components[2].counts]


def test_columns_are_the_same_data_as_lists(tmp_path: Path) -> None:
    lists = experiments.parse(experiments.template(), "default", "template")
    for one, other in zip(numbers(experiments.load(write(tmp_path))), numbers(lists), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_text_that_is_kept_needs_no_other_file(tmp_path: Path) -> None:
    loaded = experiments.load(write(tmp_path))
    assert "csv" not in loaded.text
    again = experiments.parse(loaded.text, "default", "a chain")
    assert again.digest == loaded.digest
    for one, other in zip(numbers(again), numbers(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_are_the_same_while_their_numbers_are(tmp_path: Path) -> None:
    first = experiments.load(write(tmp_path)).digest
    assert (
        experiments.load(write(tmp_path, CSV.replace("# made up", "# still made up").replace("13.0", "13"))).digest == first
    )
    assert experiments.load(write(tmp_path, CSV.replace("25,", "26,"))).digest != first


def test_a_file_without_columns_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "template.toml"
    path.write_text(experiments.template(), encoding="utf-8")
    assert "csv" in experiments.template()
    assert experiments.load(path).text == experiments.template()


WRONG = {
    '{ csv = "bins.csv", column = "event" }': "csv 'bins.csv': found no column 'event'; did you mean 'events'?",
    '{ csv = "bin.csv", column = "events" }': "csv 'bin.csv': cannot be read (No such file or directory); must be a file in",
    '{ csv = "../bins.csv", column = "events" }': "csv '../bins.csv': found a path; must be a name in the same folder",
    '{ csv = "a\\u0000b", column = "events" }': "cannot be read (",
    '{ csv = ".", column = "events" }': "csv '.': found a path",
    '{ csv = "..", column = "events" }': "csv '..': cannot be read (not a regular file)",
    '{ csv = "bins.csv" }': "csv 'bins.csv': found the keys csv; must be csv and column, or csv and two columns; correct it",
    '{ csv = "bins.csv", column = 3 }': "found the keys csv, column",
    '{ csv = 3, column = "events" }': "csv 3: found the keys csv, column",
    '{ csv = "bins.csv", columns = ["low"] }': "found the keys csv, columns",
    '{ csv = "bins.csv", column = "low", columns = ["low", "high"] }': "found the keys csv, column, columns",
    '{ csv = "bins.csv", columns = ["low", "events"] }': "csv 'bins.csv': found a bin that ends at 0 before one from 1",
}


@pytest.mark.parametrize("reference", WRONG)
def test_a_wrong_reference_is_one_sentence(reference: str, tmp_path: Path) -> None:
    path = write(tmp_path, observed=f"observed = {reference}")
    with pytest.raises(BayesnuError) as caught:
        experiments.load(path)
    assert str(caught.value).startswith(f"{path}: ") and WRONG[reference] in str(caught.value)
    assert str(caught.value).isprintable()


CELLS = {
    "4,6,21,22.0\n": ("4,6\n", "csv 'bins.csv' line 8: found '' in the column 'events'; must be a number; correct it"),
    "1,2,12,": ("1,2,many,", "csv 'bins.csv' line 4: found 'many' in the column 'events'; must be a number"),
    "2,4,25,": ("2,4,-25,", "[bins] observed 3: found -25.0"),
    "2,4,25,24.5": ("2,4,nan,24.5", "[bins] observed 3: found nan"),
    "2,4,25,24.5\n": ("", "csv 'bins.csv': found a bin that ends at 2 before one from 4"),
    CSV: ("", "csv 'bins.csv': found no column 'low'"),
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_wrong_table_is_one_sentence(cell: str, tmp_path: Path) -> None:
    other, sentence = CELLS[cell]
    with pytest.raises(BayesnuError) as caught:
        experiments.load(write(tmp_path, CSV.replace(cell, other)))
    assert sentence in str(caught.value)


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "bins.csv").write_bytes(b"low,high\n\xff\xfe")
    with pytest.raises(BayesnuError, match=r"csv 'bins\.csv': found a byte that is not UTF-8 at offset 9; save"):
        experiments.load(path)


def test_deep_nesting_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text("a." * 3000 + "csv = 1", encoding="utf-8")
    with pytest.raises(BayesnuError, match="found values nested too deeply"):
        experiments.load(path)
