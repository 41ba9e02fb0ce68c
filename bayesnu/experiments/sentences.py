"""How a mistake in a file is put in one sentence: where, what was found, what is allowed, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import one_line

TABLES = ("exposure", "bins", "region", "resolution", "efficiency", "background", "neutrinos")


MOST_MISTAKES = 50  # of a file that are listed


class Wrong(Exception):
    """What is wrong inside a file, in sentences without the file's name."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(*sentences)
        self.sentences = tuple(dict.fromkeys(sentences))


class FileMistakes(BayesnuError):
    """All mistakes of a file: the message is the first, and says how many there are; `sentences` are all of them."""

    def __init__(self, path: str, sentences: Sequence[str]) -> None:
        self.sentences = tuple(one_line(f"{path}: {each}") for each in sentences[:MOST_MISTAKES])
        more = len(sentences) - 1
        said = f"; this is the first of {more + 1} mistakes, `bayesnu check` lists them" if more else ""
        super().__init__(self.sentences[0] + said)


def write_sentence(table: str, key: str, fragment: str) -> str:
    """Return the fragment with table and key in front, as `[background.components 2] width.relative: found ...`."""
    place = " ".join(filter(None, (f"[{table}]" if table else "", key)))
    return f"{place or 'the file'}: {fragment}"


def write_fragment(error: Any) -> str:
    """Return what an entry of pydantic's `ValidationError.errors()` says, as: found, allowed, what to do."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "missing":
        return "found nothing; must be given; add it (the template shows how)"
    allowed = error["msg"].split(" should ", 1)[-1].replace(" after validation", "")
    allowed = re.sub(r"a valid dictionary( or instance of \w+)?", "a table", allowed)
    return f"found {show_value(error['input'])}; must {allowed}; correct it"


def show_value(value: Any) -> str:
    """Return a short rendering of any value, however large."""
    if isinstance(value, list | dict):
        return f"a {'list' if isinstance(value, list) else 'table'} of {len(value)}"
    if isinstance(value, int) and abs(value) > 10**30:
        return "an integer of more than 30 digits"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def split_location(loc: tuple[int | str, ...]) -> tuple[str, str]:
    """Split a pydantic location into the table and the key inside it; items are counted from one."""
    words: list[str] = []
    for part in loc:
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        elif part != "[key]":
            words.append(str(part)[:60])
    depth = _count_table_words(words)
    return ".".join(words[:depth]), ".".join(words[depth:])


def _count_table_words(words: list[str]) -> int:
    """Return how many words of a location are the name of the table."""
    start = 2 if words[:1] == ["readings"] else 0
    if words[start : start + 1] and words[start] in TABLES:
        is_component = "".join(words[start + 1 : start + 2]).startswith("components ")
        return start + (2 if is_component else 1)
    return start
