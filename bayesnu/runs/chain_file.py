"""The stored chain: the only import of h5py. One HDF5 file holds a run, readable without this package.

A group `ensemble_N` holds each independent ensemble in the layout of emcee's own HDF5 backend: `chain` (steps, walkers,
parameters), `log_prob` (steps, walkers), `accepted` and the random state. The group `parameters` holds name, unit, scale,
LaTeX label and prior of every column. The group `experiments` holds the text of each data file. Attributes are the
fingerprint, the versions and the seed.

The first 512 bytes, which HDF5 leaves to the user, are a line with format and checksum. Nothing is read before the bytes
have been found whole: on damaged ones the library may hang, crash or give other numbers.

Every write goes to a copy that replaces the file when it is complete, so that a run killed at any moment leaves the last
complete state. So the library's own locks, which some file systems refuse, are not needed. Writes are spaced in proportion
to the length of the chain and cost a constant share of the run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bayesnu.inference.sampling.chain import Chain, Piece
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import describe
from bayesnu.runs import chain_format
from bayesnu.runs.folder import CHAIN
from bayesnu.runs.result import RunResult
from bayesnu.runs.result_json import has_smoothed_modes, result_from_json, result_to_json
from bayesnu.runs.run import find_difference
from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import whole_file
from bayesnu.support.versions import versions

FORMAT = 1
HEADER = 512  # bytes; a power of two, at least 512
MARGIN = 2**20  # bytes that the library needs beside the numbers
CHUNK = 64  # steps, of all walkers, that lie together in the file
MOST_NUMBERS = 2**24  # of samples read into memory (134 MB): a longer chain is thinned while it is read
_MAGIC = b"bayesnu chain %d sha256 " % FORMAT


def find_chain(chain: str | Path) -> Path:
    """The file of a chain given as file or folder; raises `BayesnuError` if there is none.

    A file is that file, whatever its name and whatever lies beside it.
    """
    if not isinstance(chain, str | Path):
        raise BayesnuError(f"chain: found {chain!r:.60}; must be the folder of a run or the file of its chain")
    path = Path(chain)
    path = path / CHAIN if os.path.isdir(path) else path
    if not os.path.isfile(path):
        raise BayesnuError(f"{chain}: no chain there; give a folder that `bayesnu sample` wrote, or its {CHAIN}")
    return path


def _make_header(path: Path) -> bytes:
    """The line at the head of a chain, for what now follows it."""
    with path.open("rb") as raw:
        raw.seek(HEADER)
        return b"%s%s\n" % (_MAGIC, hashlib.file_digest(raw, "sha256").hexdigest().encode())


def _check_header(path: Path) -> None:
    """Raise `BayesnuError` for what is no chain, and `OSError` for one whose bytes have changed."""
    with path.open("rb") as raw:
        head = raw.read(HEADER)
    if not head.startswith(_MAGIC):
        raise BayesnuError(f"{path}: not a chain of bayesnu (format {FORMAT}); give one that it wrote")
    if head.rstrip(b"\0") != _make_header(path):
        raise OSError("its checksum is wrong")


@contextmanager
def _open_chain(path: Path) -> Iterator[h5py.File]:
    """Open a chain for reading once it has been found whole; raises `BayesnuError`, also for what fails while it is read."""
    try:
        _check_header(path)
        with h5py.File(path, "r", locking=False) as file:
            chain_format.check(file, path.stat().st_size)
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, BayesnuError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BayesnuError(
            f"{path}: the chain cannot be read ({reason}); it is truncated or damaged, so restore it or run again"
        ) from None


def _reserve_bytes(copy: Path, more: int) -> None:
    """Fail like the system where a file cannot grow so many bytes: HDF5 may crash on a full disk, even when it closes."""
    with copy.open("ab") as raw:
        size = raw.tell()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(raw.fileno(), 0, size + more)
            # it stays allocated: HDF5 gives back what it has not used
    if size == 0:
        copy.unlink()  # HDF5 takes no empty file


@contextmanager
def _replace_whole(path: Path, more: int = 0) -> Iterator[h5py.File]:
    """Open a copy for writing and put it in the file's place once it is complete and on disk.

    `more` bytes, and `MARGIN`, have to be free beside the copy.
    """

    def sentence(error: Exception) -> str:
        reason = getattr(error, "strerror", None) or str(error).partition("(")[0].strip()
        return (
            f"{path}: cannot be written ({reason}); what was stored before is unharmed: "
            "free some space or choose another folder"
        )

    mistakes = (OSError, RuntimeError)  # HDF5 has either for a disk that is full
    with whole_file(path, sentence, mistakes=mistakes, on_disk=True) as copy:
        if path.exists():
            _check_header(path)
            shutil.copyfile(path, copy)
        else:
            copy.unlink(missing_ok=True)  # what a killed run has left
        _reserve_bytes(copy, more + MARGIN)
        with h5py.File(copy, "a", userblock_size=HEADER, locking=False) as file:
            yield file
        with copy.open("rb+") as raw:
            raw.write(_make_header(copy))


def create(path: Path, model: Model, fingerprint: dict[str, str], seed: int, config: str, ensembles: int) -> None:
    """Write a chain without steps, with everything needed to understand it; raises `BayesnuError` if it cannot be."""
    text = h5py.string_dtype()
    with _replace_whole(path) as file:
        file.attrs.update({"seed": seed, "fingerprint": json.dumps(fingerprint)})
        file.attrs["versions"] = json.dumps(versions())
        file["config"] = config
        table = file.create_group("parameters")
        for key, values in {
            "name": [p.name for p in model.parameters],
            "unit": [p.unit for p in model.parameters],
            "latex": [p.label for p in model.parameters],
            "prior": [describe(p) for p in model.parameters],
        }.items():
            table.create_dataset(key, data=values, dtype=text)
        table["scale"] = [p.scale for p in model.parameters]
        table.attrs["note"] = "a column of the chain times scale is in unit"
        for experiment in model.experiments:
            file.require_group("experiments").create_dataset(experiment.name, data=experiment.text, dtype=text)
        numbers = file.create_group("model")
        numbers.update({"templates": model.templates, "factors": model.factors, "observed": model.observed})
        numbers.attrs["note"] = (
            "expected counts per bin = sum over terms of templates[term] times the product of the parameters whose indices "
            "are in factors[term]; the index after the last parameter stands for 1"
        )
        for n in range(ensembles):
            file.create_group(f"ensemble_{n}")


def verify(path: Path, model: Model, fingerprint: dict[str, str]) -> None:
    """Raise `BayesnuError`, naming what differs, unless the chain belongs to this model, prior and data."""
    with _open_chain(path) as file:
        found = find_difference(json.loads(file.attrs["fingerprint"]), fingerprint)
        if found is None:
            found = _compare_model(file, model)
    if found is not None:
        raise BayesnuError(f"{path}: the chain is of another run: {found}; begin a new run in another folder")


def _compare_model(file: h5py.File, model: Model) -> str | None:
    """Compare the numbers of the model: another version of the physics may have the same configuration."""
    if _read_strings(file["parameters/name"]) != model.names:
        return f"parameters are {', '.join(_read_strings(file['parameters/name']))} there and {', '.join(model.names)} here"
    for key in ("observed", "factors", "templates"):
        there = file[f"model/{key}"][:]
        here = getattr(model, key)
        if there.shape != here.shape or not np.allclose(there, here, rtol=1e-8, atol=0):
            return f"model.{key} (the {'data' if key == 'observed' else 'expected counts'}) are other numbers"
    return None


@contextmanager
def extending(path: Path, numbers: int = 0) -> Iterator[Callable[[int, Piece], None]]:
    """Give a function that adds steps to ensemble n, `numbers` in all; all of them, or none, are in the file at the end.

    A last chunk takes the place of a full one. A result of fewer steps is no longer that of the chain. Raises
    `BayesnuError` if the file cannot be written.
    """
    with _replace_whole(path, 8 * numbers) as file:
        file.pop("result", None)
        yield lambda n, piece: _append_piece(file[f"ensemble_{n}"], piece)


def store_move(path: Path, move: str) -> None:
    """Store which move samples the chain."""
    with _replace_whole(path) as file:
        file.attrs["move"] = move


def read_move(path: Path) -> str:
    """The move that samples a chain; `sweeps` where it does not say."""
    with _open_chain(path) as file:
        return str(file.attrs.get("move", "sweeps"))


def _append_piece(group: h5py.Group, piece: Piece) -> None:
    steps, walkers, parameters = piece.coords.shape
    if "chain" not in group:
        # the attributes and datasets of emcee.backends.HDFBackend, so that it can read the file
        group.attrs.update({"version": "bayesnu", "nwalkers": walkers, "ndim": parameters, "has_blobs": False})
        group.attrs["iteration"] = 0
        group.create_dataset("accepted", data=np.zeros(walkers))
        for name, shape in {"chain": (walkers, parameters), "log_prob": (walkers,)}.items():
            group.create_dataset(name, (0, *shape), maxshape=(None, *shape), chunks=(CHUNK, *shape), dtype="f8")
    done = int(group.attrs["iteration"])
    for name, values in {"chain": piece.coords, "log_prob": piece.log_prob}.items():
        dataset = group[name]
        dataset.resize(done + steps, axis=0)
        dataset[done:] = values
        dataset.flush()  # what fails later, when the object is closed, is lost without an error
    group["accepted"][:] += piece.accepted
    for i, value in enumerate(piece.random_state):
        group.attrs[f"random_state_{i}"] = value
    group.attrs["iteration"] = done + steps


def store_result(path: Path, result: RunResult, config: str) -> None:
    """Store a run's result beside its samples, and the configuration that it now has, as TOML."""
    text = json.dumps(result_to_json(result), allow_nan=False)
    with _replace_whole(path, len(text) + len(config)) as file:
        for name, value in {"result": text, "config": config}.items():
            file.pop(name, None)
            file[name] = value


def read(chain: str | Path) -> Chain:
    """Read a chain from its file or from the folder of its run.

    Arguments:
        chain: the folder that `sample` wrote, or the chain.h5 in it.

    Returns: a `Chain`. `samples` is (ensembles, draws, walkers, parameters), in units of `scales` times `units`, the burn-in
        included; `after(burn_in)` leaves it out, and `of(name)` gives one parameter.

    Raises: `BayesnuError` for a chain that is missing, truncated or damaged.

    Source: the layout of the file is in chains/README.md, for readers without this package.

    Example, a chain that is too short for anything else:
        >>> import bayesnu, tempfile
        >>> run = bayesnu.resolve(("xenonnt-sr0",), "mu_nu", sampling={"steps": 12, "ensembles": 2, "walkers": 16})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = bayesnu.sample(run, folder, figures=False, toys=False, progress=False)
        ...     chain = bayesnu.read_chain(folder)
        >>> chain.samples.shape
        (2, 12, 16, 6)
        >>> chain.names[0], chain.scales[0], chain.units[0]
        ('mu_nu', 1e-11, 'mu_B')
    """
    path = find_chain(chain)
    with _open_chain(path) as file:
        table = file["parameters"]
        groups = [file[f"ensemble_{n}"] for n in range(sum(1 for key in file if key.startswith("ensemble_")))]
        names = _read_strings(table["name"])
        empty = np.zeros((0, 0, len(names)))
        steps = int(groups[0].attrs.get("iteration", 0))
        thin = max(-(-sum(g["chain"].size for g in groups if "chain" in g) // MOST_NUMBERS), 1)
        samples = np.stack([g["chain"][::thin] if "chain" in g else empty for g in groups])
        log_prob = np.stack([g["log_prob"][::thin] if "chain" in g else empty[..., 0] for g in groups])
        acceptance = np.array([g["accepted"][:].mean() / max(steps, 1) if "chain" in g else 0.0 for g in groups])
        chain_format.check_samples(samples, log_prob, table["scale"][:])
        return Chain(
            path=path,
            names=names,
            units=_read_strings(table["unit"]),
            scales=tuple(map(float, table["scale"])),
            labels=_read_strings(table["latex"]),
            priors=_read_strings(table["prior"]),
            samples=samples,
            log_prob=log_prob,
            acceptance=acceptance,
            fingerprint=json.loads(file.attrs["fingerprint"]),
            seed=int(file.attrs["seed"]),
            config=file["config"][()].decode(),
            steps=steps,
            thin=thin,
        )


def read_source(path: Path) -> tuple[str, dict[str, str]]:
    """What a chain was made of: its resolved configuration as TOML, and the text of each data set by its name."""
    with _open_chain(path) as file:
        texts = {name: str(each[()].decode()) for name, each in file["experiments"].items()}
        return str(file["config"][()].decode()), texts


def read_result(path: Path) -> RunResult | None:
    """The stored result of a finished run; None if it is not finished, or was made in a way that has been mended."""
    with _open_chain(path) as file:
        if "result" not in file:
            return None
        table = json.loads(file["result"][()])
        result = result_from_json(table)
        chain_format.check_result(result, int(file["ensemble_0"].attrs.get("iteration", 0)))
        return None if has_smoothed_modes(table) else result


def read_versions(path: Path) -> dict[str, str]:
    """Versions of the packages that wrote a chain."""
    with _open_chain(path) as file:
        found: dict[str, str] = json.loads(file.attrs["versions"])
        return found


def last_states(path: Path) -> list[tuple[np.ndarray, np.ndarray, tuple[Any, ...]]]:
    """Where every ensemble stopped: coords (walkers, parameters), log_prob (walkers,) and random state."""
    with _open_chain(path) as file:
        groups = [file[f"ensemble_{n}"] for n in range(sum(1 for key in file if key.startswith("ensemble_")))]
        return [(g["chain"][-1], g["log_prob"][-1], _read_random_state(g)) for g in groups]


def _read_random_state(group: h5py.Group) -> tuple[Any, ...]:
    return tuple(group.attrs[f"random_state_{i}"] for i in range(5))


def steps_done(path: Path) -> int:
    """Stored steps per walker; 0 for a chain that has none yet."""
    with _open_chain(path) as file:
        return int(file["ensemble_0"].attrs.get("iteration", 0))


def _read_strings(dataset: h5py.Dataset) -> tuple[str, ...]:
    return tuple(value.decode() if isinstance(value, bytes) else str(value) for value in dataset[:])
