"""Write the lock files anew from pyproject.toml: every package with its hashes, for each supported Python and system.

Arguments go to `uv pip compile`, for example `--exclude-newer 2026-01-31`. uv is taken from PATH, or else installed
into a temporary environment.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from scripts._setup import LOCKS, ROOT

EXTRAS = dict(zip(LOCKS, [(), ("test",), ("test", "docs")], strict=True))  # what each lock holds beside the package
HEADER = "# Written by scripts/lock.py from pyproject.toml. Do not edit.\n"
RESOLVE = ["--universal", "--python-version", "3.11", "--only-binary", ":all:", "--generate-hashes"]
PRINT = ["--quiet", "--no-header", "--no-annotate"]


def find_uv(folder: Path) -> str:
    """uv from PATH, or from a new environment in `folder`."""
    if uv := shutil.which("uv"):
        return uv
    venv.create(folder, with_pip=True)
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([binaries / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
    return str(binaries / "uv")


def main() -> None:
    _, rest = argparse.ArgumentParser(description=__doc__).parse_known_args()
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    with tempfile.TemporaryDirectory() as folder:
        uv = find_uv(Path(folder) / "uv")
        build_requirements = Path(folder) / "build.in"
        build_requirements.write_text("\n".join(build))
        compile_ = [uv, "pip", "compile", *RESOLVE, *PRINT, *rest, "pyproject.toml", str(build_requirements)]
        # The longest comes first and constrains the others, so that one environment can satisfy them all.
        longest: list[str] = []
        for name in reversed(LOCKS):
            extras = [word for extra in EXTRAS[name] for word in ("--extra", extra)]
            result = subprocess.run([*compile_, *extras, *longest], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            lock = ROOT / "scripts" / name
            lock.write_text(HEADER + result.stdout)
            longest = longest or ["--constraint", str(lock)]


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # the program that failed has said why
