"""Run the fast tests with the oldest release of every package that pyproject.toml allows, on Python 3.11.

Arguments go to pytest. A copy of the project is installed into a temporary environment; nothing of the project changes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from scripts._setup import ROOT, SetupError, candidates, probe
from scripts.lock import find_uv

LEFT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")


def bounds() -> dict[str, str]:
    """The lower bound of every package that the project and its tests name, for Python 3.11."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {}
    for requirement in project["dependencies"] + project["optional-dependencies"]["test"]:
        parts = re.match(r"([A-Za-z0-9_-]+)>=([0-9.]+)[^;]*(?:; (.*))?$", requirement)
        assert parts, f"{requirement} has no lower bound"
        name, version, marker = parts.groups()
        if not marker or "< '3.12'" in marker:
            found[name] = version
    return found


def find_oldest() -> str:
    """The first Python 3.11 that runs."""
    for python in dict.fromkeys(candidates()):
        if probe(python, "ensurepip, venv") == "3.11":
            return python
    raise SetupError("No Python 3.11 was found: install one and try again.")


def main() -> int:
    _, rest = argparse.ArgumentParser(description=__doc__).parse_known_args()
    with tempfile.TemporaryDirectory(prefix="lowest-") as name:
        scratch = Path(name)
        uv, copy, python = find_uv(scratch / "uv"), scratch / "project", scratch / "venv" / "bin" / "python"
        shutil.copytree(ROOT, copy, ignore=LEFT)
        subprocess.run([uv, "venv", "--quiet", "--python", find_oldest(), scratch / "venv"], check=True)
        # Lowest for what is named here, newest for what those need: nobody installs the oldest of everything.
        install = [uv, "pip", "install", "--quiet", "--python", str(python), "--resolution", "lowest-direct"]
        subprocess.run([*install, f"{copy}[test]"], check=True)
        listed = subprocess.run([uv, "pip", "freeze", "--python", python], check=True, stdout=subprocess.PIPE, text=True)
        versions = dict(line.split("==") for line in listed.stdout.split() if "==" in line)
        for package, lowest in sorted(bounds().items()):
            used = versions[package]
            print(f"{package} {used}" + ("" if used.startswith(lowest) else f": {lowest} is allowed but cannot be used"))
        environment = {**os.environ, "BAYESNU_CACHE_DIR": str(scratch / "cache"), "PYTHONPATH": str(copy)}
        tests = [str(python), "-m", "pytest", "-q", "-m", "not slow and not long", *rest]
        return subprocess.call(tests, cwd=copy, env=environment, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # the program that failed has said why
