"""Set up, then run ruff, its formatter's check, mypy and pytest.

With arguments of pytest (`tests/project/test_setup.py -x`), or on the newest Python, only pytest runs. Without them the
tests are shared among the processors.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from scripts._setup import LOCKS, ROOT, SetupError, ensure, environment, find_python, probe

CHECKS = ("ruff check", "ruff format --check", "mypy")  # those of .pre-commit-config.yaml
# A process that has finished takes tests from one that has not. Each needs half a gigabyte of memory.
SHARED = ("--numprocesses=logical", "--maxprocesses=8", "--dist=worksteal")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog="All other arguments are passed to pytest.")
    parser.add_argument("--fast", action="store_true", help="leave out the tests marked slow")
    parser.add_argument("--long", action="store_true", help="take in the tests marked long, campaigns of a minute")
    parser.add_argument("--newest", action="store_true", help="use the newest supported Python, in .venv-newest")
    options, rest = parser.parse_known_args()

    if options.newest:
        newest = find_python(newest=True)
        if probe(newest) == probe(find_python()):
            print(f"No newer supported Python than {probe(newest)} runs here: nothing more to test.")
            return 0
        python = ensure(LOCKS[1], ".venv-newest", newest)
    else:
        python = ensure(LOCKS[1])

    checks = {} if rest or options.newest else {check: check.split() for check in CHECKS}
    left_out = ["slow"] * options.fast + ["long"] * (not options.long)
    marked = ["-m", " and ".join(f"not {mark}" for mark in left_out)] if left_out else []
    checks["pytest"] = ["pytest", *marked, *(rest or SHARED)]
    failed = [
        name
        for name, words in checks.items()
        if subprocess.call([str(python), "-m", *words], cwd=str(ROOT), env=environment(), stdin=subprocess.DEVNULL)
    ]
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return bool(failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
