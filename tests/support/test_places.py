"""Where a process may write: a home for those who have none, and a temporary place of one's own that is found again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayesnu.support import places

POSIX = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners of folders are those of POSIX")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A temporary folder of the test's own, and nothing remembered."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", os.environ.get("HOME", ""))  # comes back after the test
    places.temporary_place.cache_clear()
    yield
    places.temporary_place.cache_clear()


def test_the_temporary_place_is_found_again(tmp_path: Path) -> None:
    first = places.temporary_place()
    places.temporary_place.cache_clear()
    assert places.temporary_place() == first and Path(first).parent == tmp_path
    assert Path(first).stat().st_mode & 0o077 == 0


@POSIX
@pytest.mark.parametrize("how", ["open to all", "a link", "a file", "somebody else's"])
def test_a_place_that_others_may_have_written_to_is_not_used(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = tmp_path / f"bayesnu-{os.getuid()}"
    if how == "open to all":
        usual.mkdir()
        usual.chmod(0o777)
    elif how == "a link":
        (tmp_path / "trap").mkdir(mode=0o700)
        usual.symlink_to(tmp_path / "trap")
    elif how == "a file":
        usual.touch()
    else:
        usual.mkdir(mode=0o700)
        monkeypatch.setattr(os, "getuid", lambda: usual.stat().st_uid + 1)
        usual = usual.rename(tmp_path / f"bayesnu-{os.getuid()}")
    found = Path(places.temporary_place())
    assert found != usual and found.parent == tmp_path and found.is_dir()


def test_a_place_of_one_process_is_gone_with_it(tmp_path: Path) -> None:
    (tmp_path / f"bayesnu-{os.getuid() if hasattr(os, 'getuid') else 'user'}").touch()
    code = "from bayesnu.support.places import temporary_place as place; print(place())"
    environment = os.environ | {"TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).parent == tmp_path and not Path(done.stdout.strip()).exists()


def test_who_has_no_home_gets_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os.path, "expanduser", lambda path: path)  # as for a user whom nobody knows
        places.settle_home()
    assert Path(os.environ["HOME"]).parent == tmp_path
    assert Path("~").expanduser() == Path(os.environ["HOME"])


@pytest.mark.parametrize(("must_be_writable", "stays"), [(False, True), (True, False)])
def test_a_home_that_cannot_be_written_is_replaced_only_where_that_is_asked_for(
    must_be_writable: bool, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    places.settle_home(must_be_writable)
    assert (os.environ["HOME"] == "/proc/nowhere") is stays


def test_a_home_that_can_be_written_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    places.settle_home(must_be_writable=True)
    assert os.environ["HOME"] == str(tmp_path)
