"""Values out of JSON that another program may have written: each has the type that is asked for, or ValueError is raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

Json: TypeAlias = dict[str, Any]
Item = TypeVar("Item")


def check(is_right: bool) -> None:
    if not is_right:
        raise ValueError("its stored result is not what a run stores")


def is_table(value: Any) -> bool:
    return isinstance(value, dict)


def read_value(table: Any, key: str) -> Any:
    check(is_table(table) and key in table)
    return table[key]


def read_items(table: Json, key: str, read: Callable[[str, Any], Item]) -> dict[str, Item]:
    found = read_value(table, key)
    check(is_table(found))
    return {shown(name): read(name, each) for name, each in found.items()}


def read_list(table: Any, key: str) -> list[Any]:
    found = read_value(table, key)
    check(isinstance(found, list))
    return list(found)


def none_or_number(value: Any) -> float | None:
    check(value is None or (isinstance(value, int | float) and not isinstance(value, bool)))
    return None if value is None else float(value)


def read_end(table: Any, key: str) -> float | None:
    return none_or_number(read_value(table, key))


def read_number(table: Any, key: str) -> float:
    found = read_end(table, key)
    check(found is not None)
    assert found is not None
    return found


def read_integer(table: Any, key: str) -> int:
    found = read_value(table, key)
    check(isinstance(found, int) and not isinstance(found, bool))
    return int(found)


def shown(value: Any) -> str:
    """Text that a terminal can show."""
    check(isinstance(value, str) and value.isprintable())
    return str(value)


def read_text(table: Any, key: str) -> str:
    return shown(read_value(table, key))


def read_optional_text(table: Any, key: str) -> str | None:
    found = read_value(table, key)
    return None if found is None else shown(found)
