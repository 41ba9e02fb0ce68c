"""Runs: reproducible, resumed bit for bit, right within their errors, and not called converged when they are not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from bayesnu.inference.credible import credible_interval
from bayesnu.inference.diagnostics import Convergence
from bayesnu.inference.fits import Fits
from bayesnu.inference.marginal import find_modes, marginal
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.sampling import chain, ensembles
from bayesnu.inference.sampling.convergence import judge
from bayesnu.inference.sampling.ensembles import starts
from bayesnu.inference.settings import Settings
from bayesnu.model.likelihood import compile_posterior, log_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian, with_kind
from bayesnu.runs import chain_file, extension
from bayesnu.runs.extension import extend_chain, next_look
from bayesnu.runs.summary import summarise
from bayesnu.support.errors import BayesnuError
from tests.statistics.models import chi2, expected, model_of, with_data

SMALL: dict[str, Any] = {"ensembles": 2, "walkers": 32}
KIND = {"mu_nu": "upper", "q_nu": "eti", "r2_nu": "eti"}


def run(model: Model, path: Path, settings: Settings) -> Convergence:
    """Sample into a file, which is made if there is none."""
    if not path.exists():
        chain_file.create(path, model, {}, settings.seed, "", settings.ensembles)
    return extend_chain(Fits(model), path, settings)


def single(parameter: str) -> Model:
    """XENONnT with one background."""
    return model_of("xenonnt-sr0", parameter, background="single")


def test_a_seed_gives_the_same_bits(tmp_path: Path) -> None:
    settings = Settings("upper", seed=7, steps=60, **SMALL)
    for name in ("one.h5", "two.h5"):
        run(single("mu_nu"), tmp_path / name, settings)
    one, two = (chain_file.read(tmp_path / name) for name in ("one.h5", "two.h5"))
    assert one.samples.tobytes() == two.samples.tobytes() and one.log_prob.tobytes() == two.log_prob.tobytes()


def test_other_seeds_and_other_ensembles_give_other_numbers(tmp_path: Path) -> None:
    for seed in (1, 2):
        run(single("mu_nu"), tmp_path / f"{seed}.h5", Settings("upper", seed=seed, steps=20, **SMALL))
    one, two = (chain_file.read(tmp_path / f"{seed}.h5").samples for seed in (1, 2))
    assert not np.any(one == two) and not np.any(one[0] == one[1])


@pytest.mark.parametrize("first", (8, 37, 192, 256))
def test_a_resumed_run_is_bit_for_bit_the_run_in_one_go(first: int, tmp_path: Path) -> None:
    settings = Settings("eti", seed=3, steps=300, **SMALL)
    whole = run(single("q_nu"), tmp_path / "whole.h5", settings)
    run(single("q_nu"), tmp_path / "parts.h5", replace(settings, steps=first))
    parts = run(single("q_nu"), tmp_path / "parts.h5", settings)
    one, two = (chain_file.read(tmp_path / name) for name in ("whole.h5", "parts.h5"))
    assert one.samples.tobytes() == two.samples.tobytes() and one.log_prob.tobytes() == two.log_prob.tobytes()
    np.testing.assert_allclose(one.acceptance, two.acceptance, rtol=1e-12)
    assert whole == parts


def test_the_pieces_in_which_steps_are_written_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings("eti", seed=3, steps=100, **SMALL)
    run(single("q_nu"), tmp_path / "one.h5", settings)
    monkeypatch.setattr(extension, "PIECE", 7)
    run(single("q_nu"), tmp_path / "two.h5", settings)
    one, two = (chain_file.read(tmp_path / name) for name in ("one.h5", "two.h5"))
    assert one.samples.tobytes() == two.samples.tobytes()
    np.testing.assert_allclose(one.acceptance, two.acceptance, rtol=1e-12)


def test_a_chain_stays_with_the_move_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings("eti", seed=3, steps=60, **SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(ensembles, "SMALLEST_ACCEPTANCE", 2.0)
        run(single("q_nu"), tmp_path / "whole.h5", settings)
        run(single("q_nu"), tmp_path / "parts.h5", replace(settings, steps=20))
    run(single("q_nu"), tmp_path / "parts.h5", settings)
    run(single("q_nu"), tmp_path / "other.h5", settings)
    whole, parts, other = (chain_file.read(tmp_path / name).samples for name in ("whole.h5", "parts.h5", "other.h5"))
    assert whole.tobytes() == parts.tobytes() != other.tobytes()
    assert [chain_file.read_move(tmp_path / name) for name in ("parts.h5", "other.h5")] == ["sweeps", "independence"]


def test_a_long_chain_is_thinned_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, settings = single("mu_nu"), Settings("upper", seed=4, steps=402, **SMALL)
    verdict = run(model, tmp_path / "chain.h5", settings)
    whole = chain_file.read(tmp_path / "chain.h5")
    monkeypatch.setattr(chain_file, "MOST_NUMBERS", whole.samples.size // 4 - 1)
    thinned = chain_file.read(tmp_path / "chain.h5")
    assert (whole.thin, thinned.thin, thinned.steps) == (1, 5, 402)
    np.testing.assert_array_equal(thinned.samples, whole.samples[:, ::5])
    np.testing.assert_array_equal(thinned.log_prob, whole.log_prob[:, ::5])
    seen = judge(Fits(model), thinned, settings)
    assert seen.steps == 402 and seen.burn_in % 5 == 0 and verdict.tau <= seen.tau < 5 * 1.5
    np.testing.assert_array_equal(thinned.after(seen.burn_in), whole.samples[:, seen.burn_in :: 5])
    summary = summarise(Fits(model), thinned, seen, settings)
    assert (summary.thinned_by, summary.verdict.steps) == (5, 402)
    full = summarise(Fits(model), whole, verdict, settings)
    assert full.thinned_by == 1
    one, other = (each.parameters["mu_nu"].interval for each in (full, summary))
    assert one.upper is not None and other.upper is not None and other.mcse_upper is not None
    assert abs(one.upper - other.upper) < 4 * other.mcse_upper


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    settings = Settings("eti", steps=40, **SMALL)
    run(single("q_nu"), tmp_path / "chain.h5", settings)
    before = (tmp_path / "chain.h5").read_bytes()
    run(single("q_nu"), tmp_path / "chain.h5", settings)
    run(single("q_nu"), tmp_path / "chain.h5", replace(settings, steps=20))
    assert (tmp_path / "chain.h5").read_bytes() == before


def test_looks_are_at_fixed_steps_whatever_happened_before() -> None:
    settings = Settings("upper", most_steps=2000)
    looks = [next_look(0, settings)]
    while looks[-1] < 2000:
        looks.append(next_look(looks[-1], settings))
    for done in range(2000):
        assert next_look(done, settings) == min(look for look in looks if look > done)


@pytest.mark.parametrize("parameter", KIND)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_converged_runs_agree_with_integration(parameter: str, seed: int, tmp_path: Path) -> None:
    model = model_of("xenonnt-sr0", parameter)
    verdict = run(model, tmp_path / "chain.h5", Settings(KIND[parameter], seed=seed))
    kept = chain_file.read(tmp_path / "chain.h5").of(parameter)[:, verdict.burn_in :]
    result, exact = credible_interval(kept, KIND[parameter], 0.9), marginal(model)
    assert verdict.converged, verdict.missing
    assert result.upper is not None and result.mcse_upper is not None
    upper = exact.quantile(0.9 if KIND[parameter] == "upper" else 0.95)
    assert abs(result.upper - upper) < 4.5 * result.mcse_upper
    if result.lower is not None and result.mcse_lower is not None:
        assert abs(result.lower - exact.quantile(0.05)) < 4.5 * result.mcse_lower


@pytest.mark.slow
def test_claimed_error_of_a_limit_is_the_scatter_of_seeds(tmp_path: Path) -> None:
    model, found = single("mu_nu"), []
    for seed in range(30):
        verdict = run(model, tmp_path / f"{seed}.h5", Settings("upper", seed=seed, steps=128))
        kept = chain_file.read(tmp_path / f"{seed}.h5").of("mu_nu")[:, verdict.burn_in :]
        result = credible_interval(kept, "upper", 0.9)
        found.append((result.upper, result.mcse_upper))
    limits, errors = np.array(found, dtype=float).T
    assert 0.7 < np.sqrt(np.mean(errors**2)) / limits.std(ddof=1) < 1.45  # 30 runs: 13 %
    assert abs(limits.mean() - marginal(model).quantile(0.9)) < 4 * limits.std(ddof=1) / np.sqrt(30)


def test_weights_give_the_limit_of_a_run_with_the_other_prior(tmp_path: Path) -> None:
    flat = single("mu_nu")
    square = flat.with_priors(with_kind(flat.parameters[0], "flat-square"))
    limits = []
    for name, model in (("flat", flat), ("square", square)):
        verdict = run(model, tmp_path / name, Settings("upper", seed=5))
        kept = chain_file.read(tmp_path / name).of("mu_nu")[:, verdict.burn_in :]
        limits.append(credible_interval(kept, "upper", 0.9, weights=kept if name == "flat" else None))
    one, two = limits
    assert one.upper is not None and two.upper is not None and one.mcse_upper and two.mcse_upper
    assert abs(one.upper - two.upper) < 4.5 * np.hypot(one.mcse_upper, two.mcse_upper)
    assert abs(one.upper - marginal(square).quantile(0.9)) < 4.5 * one.mcse_upper


@pytest.mark.parametrize("kind", ("flat-square", "log-uniform", "gaussian"))
def test_runs_with_other_priors_agree_with_integration(kind: str, tmp_path: Path) -> None:
    changes = {"log-uniform": {"lower": 0.01}, "gaussian": {"mean": 0.5, "width": 0.2}}.get(kind, {})
    flat = single("mu_nu")
    model = flat.with_priors(with_kind(flat.parameters[0], kind, **changes))
    verdict = run(model, tmp_path / "chain.h5", Settings("upper", seed=2))
    result = credible_interval(chain_file.read(tmp_path / "chain.h5").of("mu_nu")[:, verdict.burn_in :], "upper", 0.9)
    assert verdict.converged, verdict.missing
    assert result.upper is not None and result.mcse_upper is not None
    assert abs(result.upper - marginal(model).quantile(0.9)) < 4.5 * result.mcse_upper


def two_modes(factor: float) -> Model:
    """<r^2> without noise at the Standard Model with a multiple of XENONnT's exposure: modes near 0 and -42."""
    model = single("r2_nu")
    scaled = replace(model, templates=factor * model.templates)
    return with_data(scaled, np.round(expected(scaled, model.nominal())))


def test_two_separate_modes_are_visited_by_their_share(tmp_path: Path) -> None:
    model = two_modes(10.0)
    verdict = run(model, tmp_path / "chain.h5", Settings("eti", seed=4, ensembles=8, most_steps=600))
    exact = marginal(model)
    (low, cut), (_, high) = find_modes(exact)
    assert low == -200 and -30 < cut < -12 and high == 150
    samples = chain_file.read(tmp_path / "chain.h5").of("r2_nu")[:, verdict.burn_in :]
    shares = (samples < cut).mean(axis=(1, 2))
    share = exact.probability_between(low, cut)
    assert 0.1 < share < 0.9 and abs(shares.mean() - share) < 4.5 * shares.std(ddof=1) / np.sqrt(8)


def test_starts_are_possible_and_belong_to_the_model() -> None:
    for model in (model_of("pandax4t-run1", "q_nu"), model_of("xenonnt-sr0", "r2_nu_e", "r2_nu_mu", "r2_nu_tau")):
        states = starts(Profiler(model), compile_posterior(model), Settings("eti", seed=9))
        assert len(states) == 4
        for state in states:
            assert state.coords.shape == (128, len(model.parameters)) and np.all(np.isfinite(state.log_prob))
            np.testing.assert_allclose(state.log_prob, log_posterior(model, state.coords), rtol=1e-9)
            assert len(np.unique(state.coords[:, 0])) == 128


def test_starts_occupy_both_modes() -> None:
    model = two_modes(10.0)
    for state in starts(Profiler(model), compile_posterior(model), Settings("eti", seed=1)):
        assert 10 < np.sum(state.coords[:, 0] < -21) < 118


@cache
def good_run(parameter: str) -> tuple[Model, chain.Chain, Settings]:
    """A model, the chain of a converged run, and its settings."""
    model, settings = single(parameter), Settings(KIND[parameter], seed=1)
    with TemporaryDirectory() as folder:
        assert run(model, Path(folder) / "chain.h5", settings).converged
        return model, chain_file.read(Path(folder) / "chain.h5"), settings


def missing(parameter: str, samples: np.ndarray) -> str:
    """What the rule finds missing in samples."""
    model, chain, settings = good_run(parameter)
    return "; ".join(judge(Fits(model), with_samples(chain, samples), settings).missing)


def with_samples(chain: chain.Chain, samples: np.ndarray) -> chain.Chain:
    """The chain with other samples."""
    return replace(chain, samples=samples, steps=samples.shape[1])


def test_a_good_run_misses_nothing() -> None:
    assert missing("mu_nu", good_run("mu_nu")[1].samples) == ""


@pytest.mark.parametrize("steps", (1, 2, 7, 12, 40))
def test_a_run_that_is_too_short_has_not_converged(steps: int) -> None:
    found = missing("mu_nu", good_run("mu_nu")[1].samples[:, :steps])
    assert "too few steps" in found if steps < 8 else "autocorrelation times" in found


def test_walkers_that_never_moved_are_counted() -> None:
    samples = good_run("mu_nu")[1].samples.copy()
    samples[1, :, 3:5] = samples[1, :1, 3:5]
    assert "2 walkers never moved" in missing("mu_nu", samples)


def test_an_ensemble_elsewhere_is_noticed() -> None:
    samples = good_run("q_nu")[1].samples.copy()
    samples[2, ..., 0] += 0.5 * samples[..., 0].std()
    assert "R-hat" in missing("q_nu", samples)


def test_a_nuisance_elsewhere_is_noticed() -> None:
    samples = good_run("q_nu")[1].samples.copy()
    samples[2, ..., -1] += 0.5 * samples[..., -1].std()
    assert "R-hat" in missing("q_nu", samples)


@pytest.mark.parametrize("everywhere", (True, False))
def test_a_mode_that_was_missed_is_noticed(everywhere: bool, tmp_path: Path) -> None:
    model = two_modes(10.0)
    settings = Settings("eti", seed=2, steps=300)
    run(model, tmp_path / "chain.h5", settings)
    chain = chain_file.read(tmp_path / "chain.h5")
    samples = chain.samples
    ((_, cut), _) = find_modes(marginal(model))
    for ensemble in samples if everywhere else samples[:1]:
        flat = ensemble.reshape(-1, ensemble.shape[-1])
        right = flat[flat[:, 0] > cut]
        flat[:] = right[np.random.default_rng(0).integers(len(right), size=len(flat))]
    assert "the mode of r2_nu" in "; ".join(judge(Fits(model), chain, settings).missing)


def test_walkers_that_jitter_about_their_places_have_not_converged() -> None:
    # all ensembles alike, so R-hat is blind; every walker subtracts its own mean, so the autocorrelation time is, too
    random = np.random.default_rng(6)
    model, good, settings = good_run("q_nu")
    samples = good.samples.copy()
    size = samples.shape[1]
    centre = np.quantile(good.of("q_nu"), [0.1, 0.9])[(np.arange(128) < 64).astype(int)]
    samples[..., 0] = centre + 0.01 * random.standard_normal((4, size, 128))
    result, exact = credible_interval(samples[..., 0], "eti", 0.9), marginal(model)
    assert result.upper is not None and result.mcse_upper is not None
    assert abs(result.upper - exact.quantile(0.95)) > 10 * result.mcse_upper
    assert not judge(Fits(model), with_samples(good, samples), settings).converged


def test_most_steps_ends_a_run_that_has_not_converged(tmp_path: Path) -> None:
    verdict = run(single("q_nu"), tmp_path / "chain.h5", Settings("eti", most_steps=20, **SMALL))
    assert not verdict.converged and verdict.steps == 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"walkers": 7}, "walkers: found 7"),
        ({"walkers": 9}, "must be even"),
        ({"ensembles": 1}, "ensembles: found 1"),
        ({"seed": -1}, "seed: found -1"),
        ({"seed": 2**32}, "seed: found"),
        ({"steps": 0}, "steps: found 0"),
        ({"most_steps": 0}, "most_steps: found 0"),
        ({"kind": "uper"}, "kind: found 'uper'"),
        ({"probability": 90.0}, "probability: found 90"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BayesnuError, match=message):
        Settings(**({"kind": "upper"} | changes))


def test_too_few_walkers_for_the_parameters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match="need at least 20"):
        run(model_of("pandax4t-run0", "q_nu"), tmp_path / "chain.h5", Settings("eti", walkers=18))


FLAVOURS = ("r2_nu_e", "r2_nu_mu", "r2_nu_tau")


def shell(factor: float) -> Model:
    """Three radii with every nuisance fixed and no noise: the posterior is a shell in three dimensions."""
    model = model_of("xenonnt-sr0", *FLAVOURS, background="single")
    model = model.with_priors(*[replace(p, width=1e-6) for p in model.nuisances if isinstance(p, Gaussian)])
    scaled = replace(model, templates=factor * model.templates)
    return with_data(scaled, np.round(expected(scaled, model.nominal())))


def quantiles_of_a_shell(model: Model, size: int = 161) -> np.ndarray:
    """Quantiles at 5, 50 and 95 % of every radius, shape (3, 3), by summing the likelihood over a grid."""
    axes = [np.linspace(low, high, size) for low, high in ((-120, 40), (-120, 130), (-120, 130))]
    cube = np.empty((size, size, size))
    for i, first in enumerate(axes[0]):
        grid = np.stack(np.meshgrid([first], axes[1], axes[2], indexing="ij"), axis=-1).reshape(-1, 3)
        theta = np.concatenate([grid, np.tile(model.nominal()[3:], (len(grid), 1))], axis=1)
        cube[i] = chi2(model, theta).reshape(size, size)
    cube = np.exp(-(cube - cube.min()) / 2)
    out = []
    for k, axis in enumerate(axes):
        density = cube.sum(axis=tuple(i for i in range(3) if i != k))
        assert density[0] < 1e-4 * density.max() and density[-1] < 1e-4 * density.max()
        below = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
        out.append(np.interp([0.05, 0.5, 0.95], below / below[-1], axis))
    return np.array(out)


@pytest.mark.slow
@pytest.mark.parametrize("factor", (1.0, 10.0))
def test_a_shell_in_three_flavours_is_that_of_a_brute_force_grid(factor: float, tmp_path: Path) -> None:
    model = shell(factor)
    verdict = run(model, tmp_path / "chain.h5", Settings("eti", seed=3))
    exact, chain = quantiles_of_a_shell(model), chain_file.read(tmp_path / "chain.h5")
    assert verdict.converged, verdict.missing
    for (low, _, high), name in zip(exact, FLAVOURS, strict=True):
        result = credible_interval(chain.of(name)[:, verdict.burn_in :], "eti", 0.9)
        assert result.lower is not None and result.upper is not None and result.mcse_lower and result.mcse_upper
        assert abs(result.lower - low) < 4.5 * result.mcse_lower + 1e-3 * (high - low)
        assert abs(result.upper - high) < 4.5 * result.mcse_upper + 1e-3 * (high - low)
