"""Rows as files: what is written is read back."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bayesnu.support.errors import BayesnuError
from bayesnu.support.frames import make_frame, write_frame
from bayesnu.support.html import html_table
from bayesnu.support.text import plain_names

ROWS = [{"what": "a, b", "value": 0.1}, {"what": "c", "value": 2e-32}]


def test_rows_as_csv_are_read_back_to_the_last_digit(tmp_path: Path) -> None:
    write_frame(make_frame(ROWS), tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert [{"what": row["what"], "value": float(row["value"])} for row in csv.DictReader(file)] == ROWS


@pytest.mark.long
def test_rows_as_parquet_are_read_back_to_the_last_digit(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas

    write_frame(make_frame(ROWS), tmp_path / "rows.parquet")
    assert pandas.read_parquet(tmp_path / "rows.parquet").to_dict("records") == ROWS


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("rows.xls", "cannot be written as '.xls'; use .csv or .parquet"), ("no/rows.csv", "cannot be written")],
)
def test_what_cannot_be_written_is_refused(name: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match=sentence):
        write_frame(make_frame(ROWS), tmp_path / name)
    assert [*tmp_path.iterdir()] == []


def test_cells_of_a_table_are_text() -> None:
    shown = html_table(("a<b",), [("<script>",)], "x & y")
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "a&lt;b" in shown and "x &amp; y" in shown


def test_plain_names_are_words_and_differ() -> None:
    names = ("124Xe[xenonnt-sr0]", "flux_7be", "a b", "a_b", "a-b", "[x]")
    assert plain_names(names) == ("n_124Xe_xenonnt_sr0", "flux_7be", "a_b", "a_b_2", "a_b_3", "x")
