"""Files that are complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file


def sentence(error: Exception) -> str:
    return f"refused ({reason_of(error)})"


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_file_is_replaced_at_the_end(on_disk: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path, sentence, on_disk=on_disk) as new:
        new.write_text("new")
        assert path.read_text() == "old" and new == tmp_path / "a.txt.new"
    assert path.read_text() == "new" and [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(28, "in a library's words"), BayesnuError, r"refused \(No space left on device\)"),
        (OSError("a disk is odd"), BayesnuError, r"refused \(a disk is odd\)"),
        (ValueError("a null byte"), BayesnuError, r"refused \(a null byte\)"),
        (BayesnuError("its own sentence"), BayesnuError, "^its own sentence$"),
        (KeyError("a mistake in the code"), KeyError, "a mistake in the code"),
    ],
)
def test_what_fails_leaves_the_old_file_and_no_copy(
    error: Exception, kind: type[Exception], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(kind, match=words), whole_file(path, sentence) as new:
        new.write_text("half")
        raise error
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


def test_only_the_mistakes_that_are_named_get_the_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(ValueError, match="of what is drawn") as caught, whole_file(path, sentence, mistakes=(OSError,)):
        raise ValueError("of what is drawn")
    assert not isinstance(caught.value, BayesnuError) and not [*tmp_path.iterdir()]
