"""Set up, then build the documentation site in docs/_build/html: every page executed, every warning an error.

Afterwards its own links are checked, and that it loads nothing from elsewhere. Arguments go to `sphinx-build`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from scripts._setup import LOCKS, ROOT, SetupError, ensure, environment
from scripts.site.links import find_faults

DOCS = ROOT / "docs"
SITE = DOCS / "_build" / "html"
# All pages are read anew, for a number changes with the code and not only with its page.
BUILD = ["-m", "sphinx", "--fresh-env", "--fail-on-warning", "--keep-going", "--jobs", "2", "--quiet"]
BUILD += ["--doctree-dir", str(DOCS / "_build" / "doctrees")]


def main() -> int:
    python = ensure(LOCKS[2])
    started = time.monotonic()
    built = run(python, *BUILD, *sys.argv[1:], str(DOCS), str(SITE))
    if built:
        return built
    faults = find_faults(SITE)
    print("\n".join(faults) or f"{SITE.relative_to(ROOT)}/index.html, {time.monotonic() - started:.0f} s: links checked")
    return bool(faults)


def run(python: Path, *words: str) -> int:
    """Run a program of the environment, which finds its commands first; return how it ended."""
    variables = environment()
    path = os.pathsep.join([str(python.parent), variables.get("PATH", "")])
    return subprocess.call([str(python), *words], cwd=str(ROOT), env=dict(variables, PATH=path), stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
