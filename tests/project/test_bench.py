"""The benchmark in scripts/bench: its page is made from its figures, its rule for effective samples, its missing peers."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.bench import machine, page, posteriors, samplers
from scripts.bench.effective import burn_in, kish, worth
from scripts.bench.summaries import scatter

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def figures() -> Any:
    return json.loads((DOCS / "bench.json").read_text(encoding="utf-8"))


def test_the_page_is_what_the_figures_give(figures: Any) -> None:
    assert page.render(figures) == (DOCS / "benchmark.md").read_text(encoding="utf-8"), "run python scripts/bench --page"


def test_the_figures_name_no_machine_and_no_path(figures: Any) -> None:
    text = json.dumps(figures)
    assert not re.search(r"[\"' ](/|~/|[A-Z]:\\\\)\w", text)
    assert len(platform.node()) < 3 or platform.node() not in text


def test_all_forms_of_the_posteriors_agreed(figures: Any) -> None:
    for found in figures["agreement"].values():
        assert {"bayesnu", "numpy, one point", "numpy, many points", "stripped loop"} <= found.keys()
        assert max(found.values()) < 1e-9


def test_the_numpy_peers_evaluate_the_package_s_posterior() -> None:
    for name in "AB":
        found = posteriors.agreement(posteriors.reference(name), dict.fromkeys(machine.PEERS))
        assert len(found) == 4 and max(found.values()) < 1e-9


# Effective samples


def autoregressive(random: np.random.Generator, walkers: int, steps: int, rho: float) -> np.ndarray:
    """AR(1) series of unit variance as chains (1, steps, walkers)."""
    out = np.empty((steps, walkers))
    out[0] = random.standard_normal(walkers)
    for i, noise in enumerate(random.standard_normal((steps - 1, walkers)), start=1):
        out[i] = rho * out[i - 1] + np.sqrt(1 - rho**2) * noise
    return out[None]


def test_effective_samples_of_a_known_series_and_the_scatter_of_repeated_runs() -> None:
    random, rho, runs = np.random.default_rng(7), 0.9, 24
    series = [autoregressive(random, 16, 500, rho) for _ in range(runs)]
    found = [worth(each) for each in series]
    assert np.mean([each["bulk"] for each in found]) == pytest.approx(8_000 * (1 - rho) / (1 + rho), rel=0.1)
    trust = scatter([each["quantile"] for each in found], [each["error"] for each in found])
    assert abs(trust["ratio"] - 1) < 3 * trust["uncertainty"]
    # the rule that is not used: an ensemble flattened step by step hides the correlation, and the scatter tells
    flat = [worth(each.reshape(1, -1, 1)) for each in series]
    wrong = scatter([each["quantile"] for each in flat], [each["error"] for each in flat])
    assert wrong["ratio"] > 1 + 5 * wrong["uncertainty"]


def test_weighted_points_count_by_kish_and_scatter_as_claimed() -> None:
    assert kish(np.ones(50)) == pytest.approx(50)
    assert kish(np.array([1.0, 1.0, 0.0, 0.0])) == pytest.approx(2)
    random, found = np.random.default_rng(8), []
    for _ in range(30):
        points = 1.2 * random.standard_normal(2000)
        found.append(worth(points, np.exp(-(points**2) / 2 * (1 - 1 / 1.2**2))))
    assert np.mean([each["quantile"] for each in found]) == pytest.approx(1.2816, abs=0.03)
    trust = scatter([each["quantile"] for each in found], [each["error"] for each in found])
    assert abs(trust["ratio"] - 1) < 3 * trust["uncertainty"]


def test_the_burn_in_of_an_ensemble_is_five_autocorrelation_times() -> None:
    series = autoregressive(np.random.default_rng(9), 64, 4000, 0.9)
    assert burn_in(series[..., None]) == pytest.approx(5 * 19, rel=0.2)


# Missing peers


def test_missing_peers_are_named_and_their_rows_say_so(figures: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(machine.PEERS, "zeus", ("no-such-distribution-of-zeus", ">=1"))
    peers = machine.peers()
    assert peers["zeus"] is None
    assert "'no-such-distribution-of-zeus>=1'" in machine.install_line()

    row = samplers.Row(samplers.zeus, "zeus", (1, 1), (2, 2))
    monkeypatch.setattr(samplers, "ROWS", {"zeus": row})
    monkeypatch.setattr(samplers, "bayesnu", lambda *arguments: None)
    monkeypatch.setattr(samplers, "marginal", lambda model: type("M", (), {"quantile": lambda self, p: 1.0})())
    measured = samplers.measure_samplers(posteriors.reference("A"), peers, True)
    assert measured["rows"] == {"zeus": {"fails": "not installed"}}

    figures["samplers"]["A"]["rows"]["zeus"] = {"fails": "not installed"}
    text = page.render(figures | {"peers": peers})
    assert re.search(r"^Not installed: .*zeus", text, re.MULTILINE)
    assert "| zeus | not installed |" in text


def test_what_a_peer_does_faster_is_listed(figures: Any) -> None:
    kernels = figures["kernels"]["A"]
    kernels["numpy, 1,024 points"]["ns"] = [each / 2 for each in kernels["bayesnu"]["ns"]]
    assert "- posterior A, an evaluation: numpy, 1,024 points takes 0.5 of the package's time." in page.slower(figures)
    kernels["numpy, 1,024 points"]["ns"] = [each * 2 for each in kernels["bayesnu"]["ns"]]
    assert "posterior A, an evaluation: numpy" not in page.slower(figures)


def test_starts_and_verdicts_are_told_apart_from_sampling() -> None:
    """The package's own time is divided where it calls them, whatever the modules are called."""
    draws = samplers.bayesnu(posteriors.reference("A"), seed=1, steps=16)
    assert draws.preparing > 0 and draws.deciding > 0 and draws.sampling > 0
