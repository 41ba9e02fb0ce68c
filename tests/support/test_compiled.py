"""The cache of compiled code: it can never serve stale physics, and it needs no writable home."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest

import bayesnu
from bayesnu.support import compiled
from bayesnu.support.places import temporary_place

ROOT = Path(bayesnu.__file__).parent


def kernels() -> list[tuple[ModuleType, object]]:
    """Every compiled function of the package, with its module."""
    found = []
    for info in pkgutil.walk_packages([str(ROOT)], "bayesnu."):
        source = ROOT.joinpath(*info.name.split(".")[1:]).with_suffix(".py")
        if source.is_file() and "@compiled" in source.read_text(encoding="utf-8"):
            module = importlib.import_module(info.name)
            found += [(module, each) for each in vars(module).values() if hasattr(each, "py_func")]
    return found


def test_there_are_kernels_in_every_file_that_should_have_some() -> None:
    found = {module.__name__.removeprefix("bayesnu.") for module, _ in kernels()}
    assert found == {
        "physics.detector",
        "model.kernel_arrays",
        "model.likelihood_kernel",
        "inference.bounded_step",
        "inference.newton",
        "inference.laplace",
        "inference.sampling.directions",
        "inference.sampling.proposal",
        "inference.sampling.moves",
        "inference.toys.chi2",
        "inference.toys.bounded",
        "inference.toys.steps",
        "inference.toys.lanes",
    }


def run(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | environment
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=given, cwd=folder, check=False)


KERNEL = """
from bayesnu.support.compiled import compiled
from bayesnu.physics.words import Kind
from bayesnu.model.bundle import Numbers
from bayesnu.physics import factors

@compiled
def answer(numbers):
    return factors.TWO * numbers.first + (100 if numbers.kind == Kind.ODD else 0)

print(answer(Numbers(3, 5, 7)))
"""
HOUSE = {
    "physics/words.py": "from enum import IntEnum\n\nclass Kind(IntEnum):\n    EVEN = 0\n    ODD = 7\n",
    "physics/factors.py": "from bayesnu.physics.deeper import ONE\n\nTWO = 2 * ONE\n",
    "physics/deeper.py": "ONE = 1\n",
    "model/bundle.py": "from typing import NamedTuple\n\nclass Numbers(NamedTuple):\n"
    "    first: int\n    second: int\n    kind: int\n",
    "inference/kernel.py": KERNEL,
}


@pytest.mark.parametrize(
    "file, before, after, expected",
    [
        ("physics/words.py", "ODD = 7", "ODD = 6", "6"),
        ("model/bundle.py", "first: int\n    second: int", "second: int\n    first: int", "110"),
        ("physics/factors.py", "2 * ONE", "4 * ONE", "112"),
        ("physics/deeper.py", "ONE = 1", "ONE = 5", "130"),
    ],
    ids=["value of an enumeration", "order of a bundle", "constant of another room", "constant behind that"],
)
def test_a_change_in_a_file_without_kernels_is_never_served_stale(
    tmp_path: Path, file: str, before: str, after: str, expected: str
) -> None:
    package = tmp_path / "bayesnu"
    sources = {f"support/{path.name}": path.read_text(encoding="utf-8") for path in (ROOT / "support").glob("*.py")}
    for name, text in (HOUSE | sources).items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    for folder in (package, *package.iterdir()):
        (folder / "__init__.py").write_text("", encoding="utf-8")
    settings = {"PYTHONPATH": str(tmp_path), "BAYESNU_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import bayesnu.inference.kernel"
    for _ in range(2):  # compiled, then served from the cache
        assert run(code, tmp_path, **settings).stdout.strip() == "106"
    assert len([*(tmp_path / "cache" / "bayesnu").iterdir()]) == 1
    text = (package / file).read_text(encoding="utf-8")
    assert before in text
    (package / file).write_text(text.replace(before, after), encoding="utf-8")
    assert run(code, tmp_path, **settings).stdout.strip() == expected


def test_files_that_share_a_name_in_two_rooms_are_two_files(tmp_path: Path) -> None:
    package = tmp_path / "bayesnu"
    for name, text in {"a/x.py": "ONE = 1\n@compiled\n", "b/x.py": "ONE = 1\n@compiled\n"}.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    found = compiled._collect_sources(package)
    assert sorted(found) == ["a/x.py", "b/x.py"]


def test_what_kernels_import_is_followed_through_faces_and_long_lists() -> None:
    found = compiled._collect_sources(ROOT)
    assert {"physics/constants.py", "model/polynomial.py", "model/__init__.py", "support/errors.py"} <= {*found}
    assert not any(name.startswith(("plots/", "runs/", "studies/", "cli/")) for name in found), "no kernel needs them"


def test_without_a_writable_folder_compiled_code_goes_to_a_temporary_one_with_one_warning(tmp_path: Path) -> None:
    code = "from bayesnu.support.compiled import cache_folder; cache_folder(); print(cache_folder())"
    result = run(code, tmp_path, BAYESNU_CACHE_DIR="/proc/nowhere")
    assert result.returncode == 0
    assert result.stderr.count("RuntimeWarning") == 1
    assert "set BAYESNU_CACHE_DIR" in result.stderr
    assert Path(result.stdout.strip()).parent.name.startswith("bayesnu-")
    assert run(code, tmp_path, BAYESNU_CACHE_DIR="/proc/nowhere").stdout == result.stdout  # found again


def test_without_a_home_compiled_code_goes_to_a_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("BAYESNU_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    temporary_place.cache_clear()
    with pytest.warns(RuntimeWarning, match="there is no home"):
        found = compiled.cache_folder.__wrapped__()
    assert found.parent.parent == tmp_path and not compiled.is_lasting(found)
    temporary_place.cache_clear()


def test_libraries_compile_their_vectorized_functions_when_they_are_called() -> None:
    usual: Any = numba.vectorize
    with compiled.compiling_when_called():
        twice = numba.vectorize(["float64(float64)"])(lambda value: 2 * value)  # type: ignore[no-untyped-call]
    assert numba.vectorize is usual
    assert not twice.types  # nothing is compiled yet
    assert twice(np.array([1.0, 2.5])).tolist() == [2.0, 5.0]
