"""What the figures were measured on, the peers that are there, and one core for all of them.

Standard library only: `one_core` has to run before numpy, numba or JAX are imported.
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# name of the peer: the distribution and the range of versions that it was written for
PEERS = {
    "numpyro": ("numpyro", ">=0.22,<0.23"),
    "jax": ("jax", ">=0.10,<0.11"),
    "nautilus": ("nautilus-sampler", ">=1.0,<2"),
    "dynesty": ("dynesty", ">=3.1,<4"),
    "zeus": ("zeus-mcmc", ">=2.5,<3"),
    "iminuit": ("iminuit", ">=2.33,<3"),
    "pyhf": ("pyhf", ">=0.7.6,<0.8"),
}
OWN = ("bayesnu", "numpy", "scipy", "numba", "emcee", "arviz", "h5py")
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB")


def install_line() -> str:
    """The command that installs all peers."""
    return "pip install " + " ".join(f"'{name}{bounds}'" for name, bounds in PEERS.values())


def peers() -> dict[str, str | None]:
    """Version of every peer; None for one that is not installed."""
    return {name: _version(distribution) for name, (distribution, _) in PEERS.items()}


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def one_core() -> None:
    """Keep this process and its children to one core and one thread, where the system can do that."""
    for name in THREADS:
        os.environ[f"{name}_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["JAX_ENABLE_X64"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def describe() -> dict[str, object]:
    """Processor, memory, system and versions: neither the machine's name nor a path."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in OWN},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines if ":" in line)
    info = {key.strip(): value.strip() for key, _, value in pairs}
    name = info.get("model name", platform.machine())
    return name + "".join(f", {key} {info[key]}" for key in ("cpu family", "model") if key in info)


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (AttributeError, ValueError, OSError):
        return None
