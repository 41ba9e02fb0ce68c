"""Limits of made-up experiments against an independent minimiser and an independent integration, and print what differs.

Run it with the package's own Python. Every experiment is a number: `--first 17 --number 1` makes the eighteenth alone. The
minimiser is scipy's least squares with bounds, of roots of chi^2 in plain numpy. The integration draws the nuisances from
Student's distribution around its minima.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq, least_squares, minimize_scalar
from scipy.special import xlogy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from bayesnu.inference.marginal import marginal
from bayesnu.inference.profile import interval
from bayesnu.model.choices import PRESETS
from bayesnu.model.polynomial import FACTORS, Block, Model
from bayesnu.model.priors import Flat, Gaussian, Prior
from bayesnu.physics.properties import Parameter, parameter_of
from bayesnu.support.errors import BayesnuError

LEVEL = 2.705543454095404  # 90 % quantile of chi^2 with one degree of freedom
ALLOWED = 1e-3  # difference of an end, in widths of the interval
GRID = 41  # values of an independent scan
NODES = 81  # of an independent integration
DRAWS = 8192  # of the nuisances at a node
ENOUGH = 1000  # effective draws wherever the density counts
COUNTS = 0.01  # of the largest density, above which it does
MOST_DRAWS = 524288
BATCHES = 16  # of them, whose scatter gives the error
FREEDOM = 6.0  # of Student's distribution, whose tails are wider than a Gaussian's
SIGMAS = 5.0  # errors of both integrations that a difference may have
KINDS = ("free", "tight", "loose", "twin", "huge")  # of a background


@dataclass(frozen=True)
class MadeUp:
    """A model that nobody has measured, and what it is made of, in words."""

    model: Model
    words: str


@dataclass(frozen=True)
class Comparison:
    """An experiment and the differences of its ends, in widths: what is compared, what was found, how much was allowed."""

    words: str
    rows: tuple[tuple[str, float, float], ...]
    remark: str = ""

    @property
    def agrees(self) -> bool:
        """Whether every difference is allowed, and there is something to compare."""
        return not self.remark and all(abs(found) <= allowed for _, found, allowed in self.rows)


class _Builder:
    """Templates and factors, term by term."""

    def __init__(self, parameter: str) -> None:
        self.priors: list[Prior] = [Flat(parameter_of(parameter), *parameter_of(parameter).usual_range)]
        self.terms: list[tuple[np.ndarray, tuple[int, ...]]] = []

    def nuisance(self, width: float | None) -> int:
        """A new nuisance, free if it has no width: its place."""
        name = Parameter(f"n{len(self.priors)}", "", "", 1.0)
        gaussian = None if width is None else Gaussian(name, 0.0, np.inf, mean=1.0, width=width)
        self.priors.append(gaussian or Flat(name, 0.0, 10.0))
        return len(self.priors) - 1


def make_up(number: int) -> MadeUp:
    """The experiment of this number: one to three data sets, few or very many events, backgrounds of all kinds."""
    random = np.random.default_rng([2, number])
    parameter = str(random.choice(["mu_nu", "q_nu"]))
    builder = _Builder(parameter)
    efficiency = builder.nuisance(float(random.choice([0.01, 0.05, 0.2])))
    blocks = []
    words = [parameter]
    start = 0
    for data_set in range(int(random.integers(1, 4))):
        bins = int(random.integers(1, 16))
        first = len(builder.terms)
        kinds, scale = _add_data_set(builder, random, bins, efficiency)
        blocks.append(Block(f"set {data_set}", slice(first, len(builder.terms)), slice(start, start + bins)))
        words.append(f"{bins} bins of {scale:.2g} with {', '.join(kinds)}")
        start += bins
    return MadeUp(_finish(builder, blocks, start, random), f"{number}: {'; '.join(words)}")


def _add_data_set(builder: _Builder, random: np.random.Generator, bins: int, efficiency: int) -> tuple[list[str], float]:
    """Add backgrounds and a signal; tells their kinds and the events per bin."""
    energy = np.arange(bins) + 0.5
    scale = 10 ** random.uniform(-0.5, 4)
    kinds = [str(kind) for kind in random.choice(KINDS, int(random.integers(1, 4)))]
    shapes = [np.ones(bins), np.exp(-energy / 3), energy / bins, np.exp(-((energy - bins / 3) ** 2) / 2)]
    total = np.zeros(bins)
    for kind in kinds:
        shape = scale * shapes[int(random.integers(len(shapes)))] * (1000.0 if kind == "huge" else 1.0) / len(kinds)
        width = {"tight": 0.01, "loose": 0.3, "huge": 0.02}.get(kind)
        builder.terms.append((shape, (builder.nuisance(width),)))
        total += shape
        if kind == "twin":
            other = shape * (1 + float(random.choice([0.0, 1e-6, 1e-3, 0.1])) * (energy > bins / 2))
            builder.terms.append((other, (builder.nuisance(None),)))
            total += other
    # A signal that is as large as the noise at a value of about one.
    signal = np.exp(-energy / random.uniform(1, 5))
    signal *= np.sqrt(total.sum()) * random.uniform(0.5, 5) / signal.sum()
    builder.terms.append((signal, (0, 0, efficiency)))
    builder.terms.append((signal * random.uniform(0.2, 1), (efficiency,)))
    if builder.priors[0].of_interest.signed:
        builder.terms.append((signal * random.uniform(-0.4, 0.4), (0, efficiency)))
    return kinds, scale


def _finish(builder: _Builder, blocks: list[Block], bins: int, random: np.random.Generator) -> Model:
    """The model, with counts drawn around it, at times with a signal."""
    size = len(builder.priors)
    templates = np.zeros((len(builder.terms), bins))
    factors = np.full((len(builder.terms), FACTORS), size)
    for block in blocks:
        for t in range(block.templates.start, block.templates.stop):
            shape, which = builder.terms[t]
            templates[t, block.bins] = shape
            factors[t, : len(which)] = which
    model = Model(
        experiments=(),
        analysis=PRESETS["default"],
        parameters=tuple(builder.priors),
        n_physics=1,
        observed=np.zeros(bins),
        templates=templates,
        factors=factors,
        is_signal=np.any(factors == 0, axis=1),
        blocks=tuple(blocks),
    )
    truth = model.nominal()
    truth[0] = random.choice([0.0, 0.0, 1.0])
    observed = random.poisson(np.maximum(_expect(model, truth[None])[0], 0.0)).astype(float)
    return Model(**{**model.__dict__, "observed": observed})


def _expect(model: Model, theta: np.ndarray) -> np.ndarray:
    """Expected counts (n, bins) at theta (n, parameters)."""
    extended = np.column_stack([theta, np.ones(len(theta))])
    return np.asarray(np.prod(extended[:, model.factors], axis=2) @ model.templates)


class Oracle:
    """The nuisances of a model at values of its physics parameter, fitted by scipy."""

    def __init__(self, model: Model) -> None:
        self.model = model
        pulled = [(k, p.mean, p.width) for k, p in enumerate(model.nuisances) if isinstance(p, Gaussian)]
        self.which = np.array([k for k, _, _ in pulled])
        self.mean = np.array([mean for _, mean, _ in pulled])
        self.width = np.array([width for _, _, width in pulled])
        self.low = np.array([p.lower for p in model.nuisances])
        self.high = np.array([p.upper for p in model.nuisances])
        self.start = model.nominal()[1:]

    def residuals(self, nuisances: np.ndarray, value: float) -> np.ndarray:
        """Signed roots of the terms of chi^2."""
        rate = np.maximum(_expect(self.model, np.append(value, nuisances)[None])[0], 1e-300)
        n = self.model.observed
        terms = 2 * (rate - n + xlogy(n, n / rate))
        roots = np.sign(rate - n) * np.sqrt(np.maximum(terms, 0.0))
        return np.concatenate([roots, (nuisances[self.which] - self.mean) / self.width])

    def slopes(self, nuisances: np.ndarray, value: float) -> np.ndarray:
        """Derivatives of the residuals."""
        theta = np.append(value, nuisances)
        rate = np.maximum(_expect(self.model, theta[None])[0], 1e-300)
        n = self.model.observed
        roots = self.residuals(nuisances, value)[: len(n)]
        near = np.abs(rate - n) < 1e-6 * n
        by_rate = np.where(near, 1 / np.sqrt(np.maximum(n, 1e-300)), (1 - n / rate) / np.where(roots == 0, 1.0, roots))
        slope = np.empty((len(n), len(nuisances)))
        extended = np.append(theta, 1.0)
        for k in range(len(nuisances)):
            # Every nuisance is at most once a factor of a term.
            without = np.where(self.model.factors == k + 1, 1.0, extended[self.model.factors])
            holds = np.any(self.model.factors == k + 1, axis=1)
            slope[:, k] = (np.prod(without, axis=1) * holds) @ self.model.templates
        pulls = np.zeros((len(self.which), len(nuisances)))
        pulls[np.arange(len(self.which)), self.which] = 1 / self.width
        return np.concatenate([by_rate[:, None] * slope, pulls])

    def fit(self, value: float) -> tuple[np.ndarray, float]:
        """The lowest of two fits of the nuisances, and its chi^2."""
        best = (self.start, np.inf)
        for start in (self.start, np.clip(self.start * 0.3, 1e-3, None)):
            found = least_squares(
                self.residuals,
                start,
                self.slopes,
                bounds=(self.low - 1e-12, self.high),
                x_scale="jac",
                args=(value,),
                ftol=1e-14,
                xtol=1e-14,
                gtol=1e-14,
                max_nfev=2000,
            )
            if 2 * found.cost < best[1]:
                best = (np.clip(found.x, self.low, self.high), 2 * found.cost)
        return best

    def chi2(self, value: float) -> float:
        """chi^2 profiled over the nuisances."""
        return self.fit(value)[1]


def compare_profile(model: Model, oracle: Oracle) -> tuple[list[tuple[str, float, float]], str]:
    """Differences of the ends of the profile interval, in widths, and what else is wrong with it."""
    found = interval(model)
    ends = [end for piece in found.pieces for end in piece if end is not None]
    if None in (found.lower, found.upper):
        return [], found.status
    width = ends[-1] - ends[0]
    signed = found.parameter.signed
    values = np.linspace(ends[0] - (width if signed else 0.0), ends[-1] + width, GRID)
    chi2 = np.array([oracle.chi2(x) for x in values])
    lowest = chi2.min()
    for i in np.argsort(chi2)[:2]:
        around = (values[max(i - 1, 0)], values[min(i + 1, GRID - 1)])
        lowest = min(
            lowest, minimize_scalar(oracle.chi2, bounds=around, method="bounded", options={"xatol": 1e-7 * width}).fun
        )
    target = lowest + LEVEL
    # Whether the same values are inside.
    inside = np.any([(values >= (a or 0.0)) & (values <= (b or 0.0)) for a, b in found.pieces], axis=0)
    away = np.min(np.abs(np.subtract.outer(values, ends)), axis=1) > 2 * ALLOWED * width
    wrong = values[away & (inside != (chi2 <= target))]
    if len(wrong):
        return [], f"profile: {wrong[0]:.6g} is on the wrong side; found {found.pieces}"
    rows = []
    for end in ends:
        if end == 0 and not signed:
            continue
        step = 0.02 * width
        sides = [oracle.chi2(end + side) - target for side in (-step, step)]
        if sides[0] * sides[1] > 0:
            return [], f"profile: no crossing near {end:.6g}"
        exact = brentq(lambda x: oracle.chi2(x) - target, end - step, end + step, xtol=1e-6 * width)
        rows.append((f"profile {end:.5g}", (end - exact) / width, ALLOWED))
    return rows, ""


def compare_integral(model: Model, oracle: Oracle, seed: int) -> list[tuple[str, float, float]]:
    """Differences of credible limits, in widths, and what the errors of both integrations allow."""
    posterior = marginal(model)
    ends = [posterior.quantile(1e-6), posterior.quantile(1 - 1e-6)]
    margin = 0.3 * (ends[1] - ends[0])
    prior = model.parameters[0]
    values = np.linspace(max(ends[0] - margin, prior.lower), min(ends[1] + margin, prior.upper), NODES)
    fits = [oracle.fit(value) for value in values]
    draws = DRAWS
    drawn = average_nuisances(oracle, values, fits, draws, seed)
    while drawn.effective < ENOUGH and draws < MOST_DRAWS:  # few heavy draws decide, and hide from the scatter of batches
        draws *= 8
        drawn = average_nuisances(oracle, values, fits, draws, seed)
    density = drawn.density
    probabilities = (0.9,) if not prior.of_interest.signed else (0.05, 0.95)
    width = posterior.quantile(0.95) - (prior.lower if not prior.of_interest.signed else posterior.quantile(0.05))
    rows = []
    for p in probabilities:
        exact = _quantile(values, density.mean(axis=0), p)
        error = np.std([_quantile(values, each, p) for each in density], ddof=1) / np.sqrt(BATCHES)
        allowed = ALLOWED + SIGMAS * np.hypot(error, posterior.error(p)) / width
        rows.append((f"credible {p:g}", (posterior.quantile(p) - exact) / width, float(allowed)))
    return rows


@dataclass(frozen=True, eq=False)
class Averaged:
    """The density (BATCHES, values) of the physics parameter, and the effective number of draws where it counts."""

    density: np.ndarray
    effective: float


def average_nuisances(
    oracle: Oracle, values: np.ndarray, fits: list[tuple[np.ndarray, float]], number: int, seed: int
) -> Averaged:
    """Integrate the nuisances out at every value by draws around its minimum, the same draws at all."""
    random = np.random.default_rng(seed)
    size = len(oracle.low)
    normal = random.standard_normal((number, size))
    radius = np.sqrt(FREEDOM / random.chisquare(FREEDOM, number))
    draws = normal * radius[:, None]
    log_draw = -(FREEDOM + size) / 2 * np.log1p(np.sum(draws**2, axis=1) / FREEDOM)
    density = np.empty((BATCHES, len(values)))
    effective = np.empty(len(values))
    lowest = min(chi2 for _, chi2 in fits)
    n = oracle.model.observed
    for i, (value, (centre, _)) in enumerate(zip(values, fits, strict=True)):
        slopes = oracle.slopes(centre, value)
        span = np.minimum(oracle.high - oracle.low, 4.0)
        curvatures, vectors = np.linalg.eigh(np.outer(span, span) * (slopes.T @ slopes))
        root = span[:, None] * vectors / np.sqrt(np.maximum(curvatures, 4.0))
        nuisances = centre + draws @ root.T
        rate = _expect(oracle.model, np.column_stack([np.full(number, value), nuisances]))
        inside = np.all((nuisances >= oracle.low) & (nuisances <= oracle.high), axis=1) & np.all(rate > 0, axis=1)
        rate = np.where(inside[:, None], rate, 1.0)
        pulls = (nuisances[:, oracle.which] - oracle.mean) / oracle.width
        chi2 = 2 * np.sum(rate - n + xlogy(n, n / rate), axis=1) + np.sum(pulls**2, axis=1)
        weight = np.where(inside, np.exp(-(chi2 - lowest) / 2 - log_draw), 0.0)
        density[:, i] = weight.reshape(BATCHES, -1).mean(axis=1) * np.abs(np.linalg.det(root))
        effective[i] = weight.sum() ** 2 / max(np.sum(weight**2), 1e-300)
    total = density.mean(axis=0)
    return Averaged(density, float(effective[total > COUNTS * total.max()].min()))


def _quantile(values: np.ndarray, density: np.ndarray, probability: float) -> float:
    """Quantile of a density at increasing values, by its cubic spline."""
    below = CubicSpline(values, density).antiderivative()
    total = below(values[-1])
    return float(brentq(lambda x: below(x) - probability * total, values[0], values[-1]))


def compare(number: int) -> Comparison:
    """The experiment of this number by the package and by the oracle."""
    made = make_up(number)
    oracle = Oracle(made.model)
    rows, remark = compare_profile(made.model, oracle)
    if not remark:
        try:
            rows += compare_integral(made.model, oracle, number)
        except BayesnuError as error:
            remark = str(error)
    return Comparison(made.words, tuple(rows), remark)


def describe(comparison: Comparison) -> str:
    """One line: whether they agree, the differences in widths, and the experiment."""
    rows = ", ".join(f"{what}: {found:+.1e} of {allowed:.1e}" for what, found, allowed in comparison.rows)
    return f"{'agrees' if comparison.agrees else 'DIFFERS'} {comparison.remark or rows} ({comparison.words})"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python scripts/differential.py", description=__doc__)
    parser.add_argument("--number", type=int, default=300, help="how many experiments [default: 300]")
    parser.add_argument("--first", type=int, default=0, help="the number of the first [default: 0]")
    options = parser.parse_args(words)
    begin = time.perf_counter()
    differing = 0
    for number in range(options.first, options.first + options.number):
        comparison = compare(number)
        differing += not comparison.agrees
        print(describe(comparison), flush=True)
    print(f"{differing} of {options.number} differ; {time.perf_counter() - begin:.0f} s")
    return int(differing > 0)


if __name__ == "__main__":
    raise SystemExit(main())
