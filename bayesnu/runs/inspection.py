"""A chain of unknown origin, read in a process that may take neither much time nor much memory.

The checksum finds damage and no intent: a file made to harm can make the HDF5 library hang, crash or fill the memory. In a
process of its own none of this reaches anybody.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import one_line
from bayesnu.support.versions import package_folder

SECONDS = 60  # of processor time
CLOCK = 300  # seconds that pass meanwhile, on a busy machine
BYTES = 4 * 2**30  # of address space; the largest chain that is read whole takes a fifth
BEGIN = b"bayesnu chain"  # of the file of a chain
REFUSED = 3  # exit code of a child that says why
CHILD = "import sys; sys.path.insert(0, sys.argv[2]); from bayesnu.runs.inspection import look; look(sys.argv[1])"


@dataclass(frozen=True)
class Inspection:
    """What a chain says that was read whole: `converged` is None where no result is stored."""

    chain: str
    about: str
    parameters: tuple[str, ...]
    ensembles: int
    walkers: int
    steps: int
    converged: bool | None


def looks_like_chain(path: str | Path) -> bool:
    """Whether a path is a folder with a chain, or a file that begins as one; nothing of it is given to the HDF5 library."""
    place = Path(path)
    try:
        if place.is_dir():
            from bayesnu.runs.folder import CHAIN

            place = place / CHAIN
        if not place.is_file():  # nobody waits for a pipe
            return False
        with place.open("rb") as file:
            return file.read(len(BEGIN)) == BEGIN
    except (OSError, ValueError):
        return False


def inspect_chain(path: str | Path) -> Inspection:
    """Read all of a chain in another process; raises `BayesnuError` unless it is one that can be used."""
    # Isolated from the folder it is started in, whose files would be imported, but not from these sources.
    command = [sys.executable, "-P", "-c", CHILD, str(path), str(package_folder().parent)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=CLOCK, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise BayesnuError(_refuse(path, f"takes more than {CLOCK} seconds")) from None
    said = done.stdout.decode(errors="replace")
    if done.returncode == REFUSED:
        raise BayesnuError(one_line(said))
    if done.returncode != 0:
        raise BayesnuError(_refuse(path, _describe_end(done.returncode)))
    table = json.loads(said)
    return Inspection(**table | {"parameters": tuple(table["parameters"])})


def _refuse(path: str | Path, how: str) -> str:
    return f"{path}: reading it {how}; bayesnu did not write it so, do not open it"


def _describe_end(code: int) -> str:
    """How a child ended that gave no answer."""
    if code >= 0:
        return "takes more memory than a chain needs, or ends in an error of the HDF5 library"
    if -code == signal.SIGXCPU:
        return f"takes more than {SECONDS} seconds of processor time"
    return f"ends in {signal.Signals(-code).name}"


def look(path: str) -> None:
    """What the child does: limit itself, read everything, and print what was found or why it was refused."""
    _limit_this_process()
    from bayesnu.runs import chain_file  # the HDF5 library, and only now
    from bayesnu.runs.stored import open_stored

    try:
        stored = open_stored(path)
        chain = chain_file.read(stored.path)
        result = chain_file.read_result(stored.path)
    except BayesnuError as error:
        print(error)
        sys.exit(REFUSED)
    found = Inspection(
        chain=str(stored.path),
        about=stored.title,
        parameters=chain.names,
        ensembles=chain.samples.shape[0],
        walkers=chain.samples.shape[2],
        steps=chain.steps,
        converged=None if result is None else result.converged,
    )
    print(json.dumps(asdict(found)))


def _limit_this_process() -> None:
    """Limit time, memory and the remains of a crash; on Windows the clock of the parent alone does."""
    try:
        import resource
    except ImportError:
        return
    limits = {resource.RLIMIT_CPU: SECONDS, resource.RLIMIT_AS: BYTES, resource.RLIMIT_CORE: 0}
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        within = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (within, hard))
