"""Tables as pandas data frames, and as files of rows (the only import of pandas, where a table is asked for)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file

ROW_FORMATS = (".csv", ".parquet")


def make_frame(columns: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
    """A `pandas.DataFrame` from columns by name, or from rows that are dicts of the same keys."""
    import pandas

    return pandas.DataFrame(columns)


def write_frame(frame: Any, path: str | Path) -> None:
    """Write the rows of a frame as CSV or parquet, by the ending of the path.

    Raises `BayesnuError` for another ending, for a place that cannot be written, and for parquet without pyarrow.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in ROW_FORMATS:
        raise BayesnuError(f"{path}: rows cannot be written as '{suffix}'; use {' or '.join(ROW_FORMATS)}")
    with whole_file(place, lambda error: f"{path}: cannot be written ({reason_of(error)}); choose another place") as copy:
        if suffix == ".csv":
            frame.to_csv(copy, index=False)
        else:
            _write_parquet(frame, copy)


def _write_parquet(frame: Any, path: Path) -> None:
    try:
        frame.to_parquet(path, index=False, engine="pyarrow")
    except ImportError:
        raise BayesnuError("parquet: pyarrow is missing; install it with `pip install 'bayesnu[formats]'`") from None
