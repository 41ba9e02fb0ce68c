"""Tables: as wide as there is room, and wrapped between words."""

from __future__ import annotations

import pytest

from bayesnu.cli.output import fit_widths, table

COLUMNS = [["what it is", "a limit with many words to say"], ["value", "0.1 … 12.3"]]


def test_a_table_that_fits_is_as_wide_as_its_cells() -> None:
    assert fit_widths(COLUMNS, 44) == [30, 10]


@pytest.mark.parametrize("available", range(14, 44))
def test_a_table_that_is_too_wide_fits_and_breaks_no_word(available: int) -> None:
    widths = fit_widths(COLUMNS, available)
    assert None not in widths
    first, second = (width for width in widths if width is not None)
    assert first + second + 4 == available
    assert first >= len("words") and second >= len("value")


def test_where_not_even_the_words_fit_the_widths_are_left_open() -> None:
    assert fit_widths(COLUMNS, 11) == [None, None]


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_no_line_is_longer_than_the_variable_says_and_every_word_is_whole(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [("a long description of the row in many words", "arXiv:2510.12449", "-0.7567 … 0.9152")] * 3
    table("", ("what", "reference", "value"), rows, text=2)
    printed = capsys.readouterr().out
    assert all(len(line) <= columns for line in printed.splitlines())
    words = printed.split()
    assert columns < 80 or printed.count("-0.7567 … 0.9152") == 3, "text wraps before numbers do"
    assert words.count("arXiv:2510.12449") == words.count("description") == words.count("-0.7567") == 3
