"""From a TOML file to an `Experiment`, or to one sentence that says what is wrong with the file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from bayesnu.experiments import build, schema
from bayesnu.experiments.checks import find_problems
from bayesnu.experiments.columns import fill_columns
from bayesnu.experiments.experiment import Experiment
from bayesnu.experiments.sentences import (
    TABLES,
    FileMistakes,
    Wrong,
    show_value,
    split_location,
    write_fragment,
    write_sentence,
)
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.text import one_line

MAX_BYTES = 20_000_000  # of a file
READINGS = ("default", "paper", "digitised", "as-drawn")  # a file without one of these is read as its default
TEMPLATE = "template.toml"


def names() -> tuple[str, ...]:
    """Return the names of the data sets that come with the package."""
    files = (Path(entry.name) for entry in resources.files(__package__).iterdir())
    return tuple(sorted(path.stem for path in files if path.suffix == ".toml" and path.name != TEMPLATE))


def detectors() -> tuple[str, ...]:
    """Return the names of the detectors that come with the package: files in which nothing is observed yet."""
    files = (Path(entry.name) for entry in _detector_folder().iterdir())
    return tuple(sorted(path.stem for path in files if path.suffix == ".toml"))


def _detector_folder() -> Traversable:
    return resources.files(__package__).joinpath("detectors")


def template() -> str:
    """Return a commented example of the file format; its numbers are made up, and it is a valid file."""
    return resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")


def load(name_or_path: str | Path, reading: str = "default") -> Experiment:
    """Return a data set or a detector of the package by its name, or the one in a file.

    A word that ends in .toml or names an existing file is a path. `reading` selects among the file's readings; a file
    that lacks one of the usual `READINGS` is read as its default. Columns of CSV files beside it become part of its text.
    Raises `BayesnuError` for an unknown name or reading
    and for a file that cannot be read, and `FileMistakes` for one that breaks the format.
    """
    word = str(name_or_path)
    path, data = _read_bytes(word)
    folder = _locate_packaged(word) or Path(word)
    try:
        return parse(_write_out_columns(_decode_text(data), folder.parent), reading, path)
    except Wrong as wrong:
        raise BayesnuError(one_line(f"{path}: {wrong}")) from None


def parse(text: str, reading: str, path: str) -> Experiment:
    """Return the data set of a file's text; `path` says where that is. Raises `BayesnuError` as `load` does."""
    return _parse_once(text, str(reading), path)


@lru_cache(maxsize=16)
def _parse_once(text: str, reading: str, path: str) -> Experiment:
    """The same text is the same object: what is folded of it is kept with it."""
    try:
        file = _validate_tables(_parse_text(text))
        _check_readings(file)
        used = _choose_reading(file, reading)
        return build.experiment(_apply_reading(file, used), used, path, text)
    except Wrong as wrong:
        raise FileMistakes(path, wrong.sentences) from None


def _locate_packaged(word: str) -> Path | None:
    """Return the file of a data set or a detector of the package; None for any other word."""
    folder = Path(__file__).parent
    if word in names():
        return folder / f"{word}.toml"
    return folder / "detectors" / f"{word}.toml" if word in detectors() else None


def _read_bytes(word: str) -> tuple[str, bytes]:
    """Return path and bytes of a packaged data set or of a user's file; a packaged path starts at the package."""
    packaged = _locate_packaged(word)
    if packaged is not None:
        return f"bayesnu/{packaged.relative_to(Path(__file__).parent.parent).as_posix()}", packaged.read_bytes()
    try:
        return word, _read_bounded(Path(word))
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        if isinstance(error, FileNotFoundError) and not word.endswith(".toml"):
            near = did_you_mean(word[:80], (*names(), *detectors()))
            sad = f"experiment: found '{word[:80]}', which is neither a data set of the package nor a file{near}"
        else:
            reason = getattr(error, "strerror", None) or str(error)
            sad = f"{word[:200]}: cannot be read ({reason}); must be a TOML file; correct path or permissions"
        raise BayesnuError(one_line(sad)) from None


def _read_bounded(path: Path) -> bytes:
    """Return the bytes of a regular file of bearable size; raises OSError for any other."""
    size = path.stat().st_size
    if not path.is_file():
        raise OSError("not a regular file")
    if size > MAX_BYTES:
        raise OSError(f"{size} bytes, more than {MAX_BYTES}")
    return path.read_bytes()


def _write_out_columns(text: str, folder: Path) -> str:
    """Return the text with the numbers of CSV files in it, as a chain has to keep them; itself where it names none."""
    if "csv" not in text:
        return text

    def read_file(name: str) -> str:
        if Path(name).name != name:
            raise Wrong(f"csv {show_value(name)}: found a path; must be a name in the same folder; move the file there")
        try:
            return _decode_text(_read_bounded(folder / name))
        except Wrong as wrong:
            raise Wrong(f"csv '{name}': {wrong}") from None
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            reason = getattr(error, "strerror", None) or str(error)
            raise Wrong(f"csv {show_value(name)}: cannot be read ({reason}); must be a file in the same folder") from None

    tables = _parse_text(text)
    try:
        filled = fill_columns(tables, read_file)
        return text if filled == tables else tomli_w.dumps(filled)
    except RecursionError:
        raise Wrong("found values nested too deeply; the format nests few levels; flatten them") from None


def _decode_text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Wrong(f"found a byte that is not UTF-8 at offset {error.start}; save the file as UTF-8") from None


def _parse_text(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise Wrong("found values nested too deeply; the format nests three levels; flatten them") from None
    except ValueError as error:  # a syntax error, or Python's own limit on the digits of an integer
        raise Wrong(f"found what is not TOML: {error}; correct it") from None


def _validate_tables(raw: dict[str, Any]) -> schema.File:
    """Return the file's tables; raises Wrong with every error inside one of them, and between those that have none."""
    try:
        return schema.File.model_validate(raw)
    except ValidationError as error:
        errors = sorted(error.errors(include_url=False), key=_is_other_than_spelling)
        rest = _keep_sound_tables(raw, [each["loc"] for each in errors])
        raise Wrong(*map(_describe_error, errors), *_describe_problems(rest)) from None


def _keep_sound_tables(raw: dict[str, Any], wrong: Sequence[tuple[int | str, ...]]) -> schema.File:
    """Return a file without the tables and readings that have a mistake inside, to be checked and not used."""
    broken = {place[:2] if place[:1] == ("readings",) else place[:1] for place in wrong}
    sound = {name: raw[name] for name in TABLES if name in raw and (name,) not in broken}
    tables = schema.Reading.model_validate({"note": "tables at the top", **sound})
    readings = {} if ("readings",) in broken else raw.get("readings", {})
    kept = {name: schema.Reading.model_validate(readings[name]) for name in readings if ("readings", name) not in broken}
    return schema.File.model_construct(**{name: getattr(tables, name) for name in TABLES}, readings=kept)


def _is_other_than_spelling(error: Any) -> bool:
    """A misspelt key comes first: it explains the key that is missing."""
    return bool(error["type"] != "extra_forbidden")


def _describe_error(error: Any) -> str:
    """Return an entry of pydantic's `ValidationError.errors()` as a sentence."""
    place = error["loc"]
    if error["type"] != "extra_forbidden":
        return write_sentence(*split_location(place), write_fragment(error))
    key = str(place[-1])[:60]
    near = did_you_mean(key, schema.find_keys(place[:-1]))
    return write_sentence(*split_location(place[:-1]), f"unknown key '{key}'{near}")


def _check_readings(file: schema.File) -> None:
    """Raise Wrong with every problem between tables, in any reading: a file is either right or refused."""
    sentences = [*_describe_problems(file)]
    if sentences:
        raise Wrong(*sentences)


def _describe_problems(file: schema.File) -> Iterator[str]:
    """Yield every problem between tables, in any reading, as a sentence."""
    for reading in ("default", *file.readings):
        for table, key, text in find_problems(_apply_reading(file, reading)):
            replaced = table.split(".")[0] in _find_replaced(file, reading)
            yield write_sentence(f"readings.{reading}.{table}" if replaced else table, key, text)


def _choose_reading(file: schema.File, reading: str) -> str:
    """Return the reading to use for the one asked for."""
    if reading in file.readings:
        return reading
    if reading not in READINGS:
        near = did_you_mean(reading[:60], {*READINGS, *file.readings})
        raise Wrong(f"[readings]: found no reading '{reading[:60]}'{near}")
    return "default"


def _apply_reading(file: schema.File, reading: str) -> schema.File:
    """Return the file with the tables of a reading in place of its own."""
    return file.model_copy(update=_find_replaced(file, reading))


def _find_replaced(file: schema.File, reading: str) -> dict[str, Any]:
    """Return the tables that a reading replaces."""
    chosen = file.readings.get(reading)
    tables = {table: getattr(chosen, table, None) for table in TABLES}
    return {name: table for name, table in tables.items() if table is not None}
