"""Write docs/licences.md: the licence of every package that bayesnu runs with, from its own metadata.

Run it with a Python that has the packages of scripts/requirements.txt; name further ones, as that of a newer Python, to
read what is locked for them alone: `python scripts/licences.py .venv-newest/bin/python`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK, PAGE = ROOT / "scripts" / "requirements.txt", ROOT / "docs" / "licences.md"

# Run by each Python: name, version and what the metadata say of the licence.
READ = """
import json
from importlib.metadata import distributions
print(json.dumps([
    [d.metadata["Name"], d.version, d.metadata.get("License-Expression"), d.metadata.get("License"),
     d.metadata.get_all("Classifier") or []]
    for d in distributions()
]))
"""
# The licence of a classifier as SPDX names it; those of BSD and Apache do not say which one, so the text does.
CLASSIFIERS = {
    "MIT License": "MIT",
    "BSD License": "BSD (see its text)",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
HEAD = """# Licences

Written by `scripts/licences.py` from the metadata of the packages in `scripts/requirements.txt`, which are all that bayesnu
needs to run; the licence of bayesnu itself is in `LICENSE`. What a wheel bundles is listed in the package's own files.

| package | version | licence | for |
|---|---|---|---|
"""


def locked(lock: Path = LOCK) -> list[tuple[str, str, str]]:
    """Name, version and marker of everything in a lock file."""
    lines = (
        re.match(r"([a-z0-9][a-z0-9-]*)==([^ ;]+)(?: ; (.*?))?(?: \\)?$", line) for line in lock.read_text().splitlines()
    )
    return [(found[1], found[2], found[3] or "") for found in lines if found]


def licence(expression: str | None, text: str | None, classifiers: list[str]) -> str:
    """The licence that metadata state: an expression, a short text, or a classifier; raises ValueError for none."""
    if expression:
        return expression
    words = [
        c.removeprefix("License :: OSI Approved :: ") for c in classifiers if c.startswith("License :: OSI Approved :: ")
    ]
    if text and len(text) < 40 and "\n" not in text and text != "BSD":
        return text.strip()
    if words:
        return CLASSIFIERS.get(words[0], words[0])
    raise ValueError("no licence is stated")


def canonical(name: str) -> str:
    """A package's name as a lock file writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(pythons: list[str]) -> dict[tuple[str, str], str]:
    """The licence of every package, by name and version, that these Pythons have."""
    found: dict[tuple[str, str], str] = {}
    for python in pythons:
        listed = subprocess.run([python, "-c", READ], check=True, stdout=subprocess.PIPE, text=True).stdout
        for name, version, *stated in json.loads(listed):
            try:
                found[canonical(name), version] = licence(*stated)
            except ValueError:
                continue  # of no interest unless it is locked
    return found


def page(licences: dict[tuple[str, str], str]) -> str:
    """The page; raises SystemExit for a locked package that is not at hand."""
    packages = locked()
    if missing := [f"{name} {version}" for name, version, _ in packages if (name, version) not in licences]:
        sys.exit(f"not installed, or without a licence in its metadata: {', '.join(missing)}")
    rows = [f"| {name} | {version} | {licences[name, version]} | {_for(marker)} |" for name, version, marker in packages]
    return HEAD + "\n".join(rows) + "\n"


def _for(marker: str) -> str:
    found = re.fullmatch(r"python_full_version (<|>=) '(3\.\d+)'", marker)
    words = {"<": "Python below {}", ">=": "Python {} and above"}
    return words[found[1]].format(found[2]) if found else marker


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="a further one to read")
    PAGE.write_text(page(installed([sys.executable, *parser.parse_args().pythons])), encoding="utf-8")
