"""Campaigns of faults against the package, as `python -m scripts.faults fuzz --cases 1000`; the result is JSON."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import sys
from functools import reduce
from pathlib import Path
from typing import Any


def stamped(result: dict[str, Any]) -> dict[str, Any]:
    """A result with what it was found with."""
    from bayesnu.support.versions import __version__

    about = {"date": datetime.date.today().isoformat(), "bayesnu": __version__, "python": platform.python_version()}
    return {**result, **about}


def joined(one: Any, other: Any, key: str = "") -> Any:
    """Two parts of one campaign as one: what is counted adds up, what is found is listed together."""
    if isinstance(one, dict):
        return {name: joined(one.get(name, 0), other.get(name, 0), name) for name in {**one, **other}}
    if isinstance(one, list):
        return one + other
    if key == "first_seed" or isinstance(one, str):
        return min(one, other)
    return max(one, other) if key == "peak_mb" else round(one + other, 1)


def killed(count: int, seed: int, log: Any) -> dict[str, Any]:
    """Runs killed so many times, and campaigns of toy experiments as often."""
    from scripts.faults import kills

    found = {"runs": kills.campaign(count, seed, log=log).as_dict(), "toys": kills.toys(count, seed, log).as_dict()}
    failures = [f"{name}: {failure}" for name, each in found.items() for failure in each["failures"]]
    numbers = {name: {key: each[key] for key in ("signals", "trials", "met", "seconds")} for name, each in found.items()}
    return {"campaign": "kill", **numbers, "failures": failures}


def campaign(name: str, cases: int | None, seed: int, keep: Path | None) -> dict[str, Any]:
    """Carry out a campaign of so many cases or signals."""
    from scripts.faults import disk, fuzzing, kills

    log = sys.stderr
    if name == "fuzz":
        return fuzzing.campaign(cases or 100_000, seed, log, keep).as_dict()
    if name == "command":
        return fuzzing.real(cases or 200, seed, log).as_dict()
    if name == "kill":
        return killed(cases or 100, seed, log)
    if name == "stop":
        return kills.campaign(cases or 40, seed, (signal.SIGINT, signal.SIGTERM), log).as_dict()
    return disk.campaign(seed)


def main() -> int:
    if sys.argv[1:2] == ["worker"]:
        from scripts.faults import fuzzing

        seed, stop, corpus, scratch, pipe, forged = sys.argv[2:]
        fuzzing.worker(int(seed), int(stop), Path(corpus), Path(scratch), int(pipe), forged == "1")
        return 0
    parser = argparse.ArgumentParser(prog="python -m scripts.faults", description=__doc__)
    parser.add_argument("campaign", choices=["fuzz", "command", "kill", "stop", "disk", "join"])
    parser.add_argument("parts", nargs="*", type=Path, help="with join: results of parts of one campaign")
    parser.add_argument("--cases", type=int, help="how many, or how many signals")
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--json", type=Path, help="write the result there too")
    parser.add_argument("--keep", type=Path, help="write the files of failing cases below this folder")
    options = parser.parse_args()
    os.nice(10)
    if options.campaign == "join":
        result = reduce(joined, [json.loads(part.read_text()) for part in options.parts])
    else:
        result = stamped(campaign(options.campaign, options.cases, options.seed, options.keep))
    text = json.dumps(result, indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)
    return bool(result["failures"])


if __name__ == "__main__":
    sys.exit(main())
