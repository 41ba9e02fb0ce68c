"""The examples that sample by other programs find the limit that the integration gives, which they print beside it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
NEEDS = {
    "emcee_by_hand.py": ("emcee",),
    "nested_with_dynesty.py": ("dynesty",),
    "nuts_with_blackjax.py": ("jax", "blackjax"),
    "nuts_with_numpyro.py": ("jax", "numpyro"),
}


def test_every_example_is_run() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == {*NEEDS}


@pytest.mark.long
@pytest.mark.parametrize("name", NEEDS)
def test_an_example_gives_the_integrated_interval(name: str) -> None:
    if any(importlib.util.find_spec(each) is None for each in NEEDS[name]):
        pytest.skip(f"{name} needs {' and '.join(NEEDS[name])}")
    done = subprocess.run([sys.executable, str(FOLDER / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sampled, _, exact = done.stdout.splitlines()[-1].partition("by integration")
    found = [float(each) for each in re.findall(r"-?\d+\.\d+(?=[,e\]])", sampled)]
    wanted = [float(each) for each in re.findall(r"-?\d+\.?\d*", exact.rpartition("eti:")[2].partition("+-")[0])]
    assert len(found) == len(wanted)
    size = max(map(abs, wanted))
    assert found == pytest.approx(wanted, abs=0.05 * size)
