"""The reference chains in the repository: what the package gives today, and readable without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bayesnu.inference import marginal
from bayesnu.runs import config, run
from bayesnu.runs.result_json import result_from_json
from bayesnu.support import fingerprint

PLACE = Path(__file__).resolve().parents[2] / "chains" / "reference"
FILES = sorted(PLACE.glob("*.nc"))


def opened(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
        samples = {name: values[:] for name, values in file["posterior"].items() if name not in ("chain", "draw")}
    return attributes, samples


def run_of(attributes: dict[str, Any]) -> run.Run:
    raw = config.from_toml(attributes["config"], "reference")
    tables = (raw["analysis"], raw["prior"], raw["sampling"])
    return run.configure(raw["experiments"], raw["parameter"], raw["flavour"], raw["preset"], *tables)


def test_every_main_result_is_there() -> None:
    assert len(FILES) == 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_reference_chain_is_of_today_s_model_and_data(path: Path) -> None:
    attributes, _ = opened(path)
    assert fingerprint.digest(run.fingerprint(run_of(attributes))) == attributes["fingerprint"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_stored_draws_have_the_stored_quantiles(path: Path) -> None:
    attributes, samples = opened(path)
    result = result_from_json(json.loads(attributes["summary"]))
    assert result.converged
    for name, each in result.parameters.items():
        scale = float(attributes[f"unit of {name}"].split()[0])
        below = 0.9 if each.interval.kind == "upper" else 0.95
        assert each.interval.upper is not None
        share = np.mean(samples[name] * scale < each.interval.upper)
        assert abs(share - below) < 4 * np.sqrt(below * (1 - below) / samples[name].size)


@pytest.mark.parametrize("path", [p for p in FILES if "_all_" not in p.stem], ids=lambda path: path.stem)
def test_integration_gives_the_stored_bound_today(path: Path) -> None:
    attributes, _ = opened(path)
    chosen = run_of(attributes)
    exact = marginal.marginal(run.model_of(chosen))
    (found,) = result_from_json(json.loads(attributes["summary"])).parameters.values()
    p = 0.9 if found.interval.kind == "upper" else 0.95
    assert found.cross_check is not None
    scale = exact.model.parameters[0].scale
    assert exact.quantile(p) * scale == pytest.approx(found.cross_check.upper, rel=1e-5)
    assert found.interval.upper is not None and found.interval.mcse_upper is not None
    assert abs(found.interval.upper - exact.quantile(p) * scale) < 4 * found.interval.mcse_upper
