"""The cache of compiled code: it can never serve stale physics, and it needs no writable home."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import bayesnu
from bayesnu import compiled, constants

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
    assert found == {"batched", "detector", "minimise", "moves", "proposal", "toy_fits", "toy_posteriors"}


@pytest.mark.parametrize("module, kernel", kernels(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_kernel_uses_only_numbers_whose_change_empties_the_cache(module: ModuleType, kernel: object) -> None:
    function = kernel.py_func  # type: ignore[attr-defined]
    home = sys.modules[function.__module__]
    own = Path(home.__file__ or "").read_text(encoding="utf-8")
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, int | float):
            from_math = name in ("pi", "inf", "nan")
            assert f"\n{name}" in own or f", {name}" in own or hasattr(constants, name) or from_math, name


def run(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | environment
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=given, cwd=folder, check=False)


def test_a_changed_constant_starts_an_empty_cache(tmp_path: Path) -> None:
    code = "from bayesnu.compiled import cache_folder; print(cache_folder().name)"
    copy = tmp_path / "bayesnu"
    copy.mkdir()
    for name in ("__init__.py", "compiled.py", "constants.py"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    settings = {"PYTHONPATH": str(tmp_path), "BAYESNU_CACHE_DIR": str(tmp_path / "cache")}
    before = run(code, tmp_path, **settings).stdout
    source = (copy / "constants.py").read_text(encoding="utf-8")
    (copy / "constants.py").write_text(source.replace("1.166_378_7e-17", "1.166_378_8e-17"), encoding="utf-8")
    after = run(code, tmp_path, **settings).stdout
    assert before.strip() and after.strip() and before != after


def test_without_a_writable_folder_compiled_code_goes_to_a_temporary_one_with_one_warning(tmp_path: Path) -> None:
    code = "from bayesnu.compiled import cache_folder; cache_folder(); print(cache_folder())"
    result = run(code, tmp_path, BAYESNU_CACHE_DIR="/proc/nowhere")
    assert result.returncode == 0
    assert result.stderr.count("RuntimeWarning") == 1
    assert "set BAYESNU_CACHE_DIR" in result.stderr
    assert Path(result.stdout.strip()).name.startswith("bayesnu-")


def test_without_a_home_compiled_code_goes_to_a_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("BAYESNU_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.warns(RuntimeWarning, match="there is no home"):
        assert compiled.cache_folder.__wrapped__().parent == tmp_path
