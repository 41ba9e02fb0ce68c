"""A campaign's task: a function, its settings, its number and seed, and what can change its bits."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from bayesnu.support.errors import BayesnuError
from bayesnu.support.versions import __version__, package_folder

PACKAGE = package_folder()
Work = Callable[[dict[str, Any], int, np.random.SeedSequence], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Campaign:
    """Tasks 0 to `tasks` - 1 of `work(settings, task, seed_sequence) -> arrays by name`, a function that a module defines.

    `settings` are all that decides the results, as JSON holds it, with an integer `seed` among them: a task gets
    `SeedSequence(seed, spawn_key=(task,))`. More tasks are the same campaign, longer. Workers may see other files than
    this process: a data set goes into the settings as text or digest, not as a path.
    """

    kind: str
    settings: Mapping[str, Any]
    tasks: int
    work: Work

    def __post_init__(self) -> None:
        try:
            text = json.dumps(dict(self.settings), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BayesnuError(
                f"settings: found what JSON cannot hold ({error}); use numbers, words, lists, tables"
            ) from None
        object.__setattr__(self, "settings", json.loads(text))  # a task gets the same types wherever it is performed
        seed = self.settings.get("seed")
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
            raise BayesnuError(f"seed: found {seed!r}; must be an integer in [0, 4294967295]")
        if not isinstance(self.tasks, int) or self.tasks < 1:
            raise BayesnuError(f"tasks: found {self.tasks!r}; must be an integer of at least 1")
        if self.work.__module__ == "__main__" or not _is_importable(self.work):
            raise BayesnuError(
                f"work: found {self.work!r}; must be a function that a module defines, so that workers find it"
            )


def name_of(work: Work) -> str:
    """The name by which a worker imports a function."""
    return f"{work.__module__}:{work.__qualname__}"


def _import_work(name: str) -> Work:
    module, _, function = name.partition(":")
    work: Work = getattr(import_module(module), function)
    return work


def _is_importable(work: Work) -> bool:
    try:
        return _import_work(name_of(work)) is work
    except (ImportError, AttributeError):
        return False


@cache
def versions(work: str) -> dict[str, str]:
    """Everything beside the settings that can change a last digit, as far as it can be named."""
    import_module(work.partition(":")[0])
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "bayesnu": __version__,
        **{name: version(name) for name in ("numpy", "scipy", "numba")},
        "source": _hash_source(work),
    }


def _hash_source(work: str) -> str:
    """Hash of the package without what only shows results, and of the file that holds the function.

    Two checkouts of one version differ in nothing else.
    """
    shown = (("cli",), ("plots",), ("runs", "report"), ("studies", "figures"))
    paths = [path for path in sorted(PACKAGE.rglob("*")) if path.suffix in (".py", ".toml", ".csv")]
    paths = [path for path in paths if not any(path.relative_to(PACKAGE).parts[: len(room)] == room for room in shown)]
    file = sys.modules[work.partition(":")[0]].__file__
    if file is not None and PACKAGE not in Path(file).parents:
        paths.append(Path(file))
    found = hashlib.sha256()
    for path in paths:
        name = path.relative_to(PACKAGE) if PACKAGE in path.parents else path.name
        found.update(str(name).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


@cache
def blas() -> ThreadpoolController:
    """Handle of the BLAS libraries: with another number of threads they round otherwise, so a task has one."""
    import scipy.linalg  # noqa: F401  # brings a BLAS of its own, which has to be loaded to be found

    return ThreadpoolController().select(user_api="blas")


def perform(work: str, settings: str, task: int) -> bytes:
    """Perform a task of the function with this name, settings as JSON; returns its arrays as an npz file."""
    values = json.loads(settings)
    arrays = _import_work(work)(values, task, np.random.SeedSequence(values["seed"], spawn_key=(task,)))
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **{name: np.asarray(array) for name, array in arrays.items()})
    return packed.getvalue()
