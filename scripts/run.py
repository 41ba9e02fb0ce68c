"""Set up, then sample the neutrino magnetic moment from XENONnT SR0. Arguments are passed on; `--help` lists them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from scripts._setup import LOCKS, ROOT, SetupError, ensure, environment

JOB = ["-m", "bayesnu", "sample", "xenonnt-sr0", "--parameter", "mu_nu"]


def main() -> int:
    command = [str(ensure(LOCKS[0])), *JOB, *sys.argv[1:]]
    os.chdir(str(ROOT))
    if os.name == "nt":  # exec there would return to the prompt at once
        return subprocess.call(command, env=environment())
    os.execve(command[0], command, environment())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
