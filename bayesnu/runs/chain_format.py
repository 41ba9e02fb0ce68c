"""What the file of a chain holds: looked at each time before anything in it is used.

The checksum finds damage. This finds a file that is whole and still not what `chain_file` writes, because another program
wrote or changed it. Its numbers could not be trusted, and some would end in a crash far from their cause.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from bayesnu.runs.result import RunResult

LARGEST = 1e9  # of a sample in the scale of its parameter: no prior reaches that far (see run.FARTHEST)


def check(file: Any, size: int) -> None:
    """Raise ValueError, saying what is wrong, unless an open HDF5 file of `size` bytes is laid out as a chain."""
    file.visititems(lambda name, each: _check_size(name, each, size))
    names = _check_shape(file, "parameters/name", (None,))
    for key in ("unit", "latex", "prior", "scale"):
        _check_shape(file, f"parameters/{key}", names, floating=key == "scale")
    terms, bins = _check_shape(file, "model/templates", (None, None), floating=True)
    _check_shape(file, "model/observed", (bins,), floating=True)
    _check_shape(file, "model/factors", (terms, None))
    _check_shape(file, "config", ())
    ensembles = [key for key in file if key.startswith("ensemble_")]
    if not ensembles or {*ensembles} != {f"ensemble_{n}" for n in range(len(ensembles))}:
        raise ValueError(f"it holds the ensembles {', '.join(ensembles) or 'none'}")
    shapes = {_check_ensemble(file, name, names) for name in ensembles}
    if len(shapes) > 1:
        raise ValueError("its ensembles are of different sizes")
    if not isinstance(json.loads(file.attrs["fingerprint"]), dict):
        raise ValueError("its fingerprint is none")
    int(file.attrs["seed"])


def _check_size(name: str, each: Any, size: int) -> None:
    """A data set can claim any size without having it; reading would take the memory."""
    if hasattr(each, "shape") and (
        each.shape is None or each.dtype.itemsize * int(np.prod(each.shape, dtype=object)) > size
    ):
        raise ValueError(f"{name} is of a size that the file does not have")


def _check_shape(file: Any, name: str, shape: tuple[int | None, ...], floating: bool = False) -> tuple[int, ...]:
    """The shape of a data set, which has to be as given (None: any length) and, where asked for, of doubles."""
    each = file[name]
    found: tuple[int, ...] = each.shape
    if len(found) != len(shape) or any(b not in (None, a) for a, b in zip(found, shape, strict=True)):
        raise ValueError(f"{name} has the shape {found}")
    if floating and each.dtype != np.float64:
        raise ValueError(f"{name} is of {each.dtype}")
    return found


def _check_ensemble(file: Any, name: str, parameters: tuple[int, ...]) -> tuple[int, ...]:
    """Steps and walkers of an ensemble, (0, 0) before its first step."""
    group = file[name]
    steps = int(group.attrs.get("iteration", 0))
    if "chain" not in group and steps == 0:
        return 0, 0
    shape = _check_shape(file, f"{name}/chain", (steps, None, *parameters), floating=True)
    _check_shape(file, f"{name}/log_prob", shape[:2], floating=True)
    _check_shape(file, f"{name}/accepted", shape[1:2], floating=True)
    if steps < 1 or shape[1] < 2:
        raise ValueError(f"{name} has {steps} steps of {shape[1]} walkers")
    return shape


def check_samples(samples: np.ndarray, log_prob: np.ndarray, scales: np.ndarray) -> None:
    """Raise ValueError for samples that no sampler accepts."""
    if samples.size and not (samples.min() >= -LARGEST and samples.max() <= LARGEST and np.all(np.isfinite(log_prob))):
        raise ValueError("it holds samples that are no numbers, or out of every range")
    if not (np.all(np.isfinite(scales)) and np.all(scales > 0)):
        raise ValueError("it holds a scale that is not positive")


def check_result(result: RunResult, steps: int) -> None:
    """Raise ValueError unless a stored result is of so many steps."""
    if result.verdict.steps != steps:
        raise ValueError("its stored result is not of its steps")
