"""The stored chain: complete, readable by emcee, and never silently wrong when damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import emcee
import h5py
import numpy as np
import pytest

from bayesnu.inference.sampling import chain
from bayesnu.runs import chain_file, folder
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import append, model_of

MODEL = model_of("xenonnt-sr0", "mu_nu", background="single")
STEPS, WALKERS, ENSEMBLES = 6, 8, 3


def piece(seed: int, steps: int = STEPS) -> chain.Piece:
    """Random numbers in the shape of a piece of one ensemble."""
    random = np.random.default_rng(seed)
    state = np.random.RandomState(seed)
    state.standard_normal()  # a cached Gaussian: all five parts of the state count
    coords = random.standard_normal((steps, WALKERS, len(MODEL.parameters)))
    return chain.Piece(coords, random.standard_normal((steps, WALKERS)), random.random(WALKERS), tuple(state.get_state()))


def written(path: Path, parts: int = 2) -> list[list[chain.Piece]]:
    """Write a chain in parts; return the pieces of every part."""
    chain_file.create(path, MODEL, {"model": "abc"}, 42, "seed = 42\n", ENSEMBLES)
    pieces = [[piece(100 * part + n) for n in range(ENSEMBLES)] for part in range(parts)]
    for part in pieces:
        append(path, part)
    return pieces


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pieces = written(tmp_path / folder.CHAIN)
    for where in (tmp_path, tmp_path / folder.CHAIN):
        chain = chain_file.read(where)
        assert chain.names == MODEL.names and chain.scales[0] == 1e-11 and chain.units[0] == "mu_B"
        assert (chain.seed, chain.config, chain.fingerprint) == (42, "seed = 42\n", {"model": "abc"})
        assert chain.steps == 2 * STEPS and chain.samples.shape == (ENSEMBLES, 2 * STEPS, WALKERS, 4)
        for n in range(ENSEMBLES):
            np.testing.assert_array_equal(chain.samples[n], np.concatenate([part[n].coords for part in pieces]))
            np.testing.assert_array_equal(chain.log_prob[n], np.concatenate([part[n].log_prob for part in pieces]))
            accepted = sum(part[n].accepted for part in pieces)
            assert chain.acceptance[n] == pytest.approx(np.mean(accepted) / (2 * STEPS))
        np.testing.assert_array_equal(chain.of("mu_nu"), chain.samples[..., 0])


def test_the_last_state_is_where_to_go_on(tmp_path: Path) -> None:
    pieces = written(tmp_path / folder.CHAIN)
    for (coords, log_prob, state), last in zip(chain_file.last_states(tmp_path / folder.CHAIN), pieces[-1], strict=True):
        np.testing.assert_array_equal(coords, last.coords[-1])
        np.testing.assert_array_equal(log_prob, last.log_prob[-1])
        one, two = np.random.RandomState(), np.random.RandomState()
        one.set_state(state)
        two.set_state(last.random_state)
        np.testing.assert_array_equal(one.standard_normal(9), two.standard_normal(9))


def test_emcee_reads_every_ensemble(tmp_path: Path) -> None:
    pieces = written(tmp_path / folder.CHAIN)
    for n in range(ENSEMBLES):
        backend = emcee.backends.HDFBackend(str(tmp_path / folder.CHAIN), name=f"ensemble_{n}", read_only=True)
        assert backend.iteration == 2 * STEPS and backend.shape == (WALKERS, 4)
        np.testing.assert_array_equal(backend.get_chain(), np.concatenate([part[n].coords for part in pieces]))
        np.testing.assert_array_equal(backend.get_log_prob(), np.concatenate([part[n].log_prob for part in pieces]))
        generator = np.random.RandomState()
        generator.set_state(tuple(backend.random_state))
        expected = np.random.RandomState()
        expected.set_state(pieces[-1][n].random_state)
        assert generator.standard_normal() == expected.standard_normal()


def test_a_new_chain_has_no_steps(tmp_path: Path) -> None:
    chain_file.create(tmp_path / folder.CHAIN, MODEL, {}, 1, "", 2)
    assert chain_file.steps_done(tmp_path / folder.CHAIN) == 0 and chain_file.read(tmp_path).steps == 0


def test_the_file_holds_the_text_of_its_data(tmp_path: Path) -> None:
    written(tmp_path / folder.CHAIN)
    with h5py.File(tmp_path / folder.CHAIN) as file:
        assert file["experiments/xenonnt-sr0"][()].decode() == MODEL.experiments[0].text


def test_a_truncated_file_is_refused_or_whole(tmp_path: Path) -> None:
    written(tmp_path / folder.CHAIN)
    whole, content = chain_file.read(tmp_path), (tmp_path / folder.CHAIN).read_bytes()
    cut, refused = tmp_path / "cut.h5", 0
    for size in np.unique(np.linspace(0, len(content) - 1, 150).astype(int)):
        cut.write_bytes(content[:size])
        try:
            chain = chain_file.read(cut)
        except BayesnuError as error:
            assert "cut.h5" in str(error)
            refused += 1
            continue
        np.testing.assert_array_equal(chain.samples, whole.samples)
    assert refused > 100


def test_a_damaged_file_is_refused_or_read_but_never_a_traceback(tmp_path: Path) -> None:
    written(tmp_path / folder.CHAIN)
    content = bytearray((tmp_path / folder.CHAIN).read_bytes())
    random, refused = np.random.default_rng(1), 0
    for _ in range(100):
        broken = bytearray(content)
        place = int(random.integers(min(len(content), 20_000)))
        broken[place : place + 16] = random.bytes(16)
        (tmp_path / "broken.h5").write_bytes(broken)
        try:
            chain_file.read(tmp_path / "broken.h5")
        except BayesnuError:
            refused += 1
    assert refused > 5


@pytest.mark.parametrize("content", [b"", b"x", b"not a chain" * 500, b"\x89HDF\r\n\x1a\n"])
def test_garbage_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / folder.CHAIN).write_bytes(content)
    for function in (chain_file.read, chain_file.steps_done, chain_file.last_states):
        with pytest.raises(BayesnuError, match=r"cannot be read|not a chain"):
            function(tmp_path / folder.CHAIN)


def test_another_hdf5_file_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(BayesnuError, match="not a chain of bayesnu"):
        chain_file.read(tmp_path / "other.h5")


def test_a_missing_chain_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.h5"):
        with pytest.raises(BayesnuError, match="no chain there"):
            chain_file.read(path)


@pytest.mark.parametrize("left", [b"", b"half a copy", None])
def test_a_copy_left_by_a_killed_run_does_no_harm(left: bytes | None, tmp_path: Path) -> None:
    pieces = written(tmp_path / folder.CHAIN)
    content = (tmp_path / folder.CHAIN).read_bytes()
    copy = tmp_path / (folder.CHAIN + ".new")
    copy.write_bytes(content[: len(content) // 2] if left is None else left)
    assert chain_file.read(tmp_path).steps == 2 * STEPS
    append(tmp_path / folder.CHAIN, pieces[0])
    assert chain_file.read(tmp_path).steps == 3 * STEPS and not copy.exists()


def test_creating_over_a_left_copy_starts_afresh(tmp_path: Path) -> None:
    written(tmp_path / "old.h5")
    (tmp_path / "old.h5").rename(tmp_path / (folder.CHAIN + ".new"))
    chain_file.create(tmp_path / folder.CHAIN, MODEL, {}, 1, "", 2)
    assert chain_file.read(tmp_path).steps == 0


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    pieces = written(tmp_path / folder.CHAIN)
    content = (tmp_path / folder.CHAIN).read_bytes()
    wrong = chain.Piece(np.zeros((2, 3, 1)), np.zeros((2, 3)), np.zeros(3), pieces[0][0].random_state)
    with pytest.raises((BayesnuError, TypeError, ValueError)):
        append(tmp_path / folder.CHAIN, [pieces[0][0], wrong, pieces[0][2]])
    assert (tmp_path / folder.CHAIN).read_bytes() == content


WRITER = """
import sys
from pathlib import Path
from tests.statistics.models import append
from tests.runs.test_chain_file import ENSEMBLES, piece
path = Path(sys.argv[1])
print("ready", flush=True)
while True:
    append(path, [piece(n, 200) for n in range(ENSEMBLES)])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_writer_leaves_whole_parts(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    root = Path(__file__).parents[2]
    for attempt in range(4):
        path = tmp_path / f"{attempt}.h5"
        chain_file.create(path, MODEL, {}, 1, "", ENSEMBLES)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(random.uniform(0.05, 0.4))
            writer.send_signal(signal.SIGKILL)
        chain = chain_file.read(path)
        assert chain.steps % 200 == 0


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(BayesnuError, match="cannot be written"):
            chain_file.create(tmp_path / folder.CHAIN, MODEL, {}, 1, "", 2)
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match="cannot be written"):
        chain_file.create(tmp_path / "nowhere" / folder.CHAIN, MODEL, {}, 1, "", 2)
