"""Minima of chi^2 and profile-likelihood limits: iminuit, pyhf and the package, on the data and on toy experiments.

All minimise the same statistic from the same start, with a magnetic moment as its square (what iminuit and pyhf need). Every
minimum is evaluated again by one plain function: `excess` is how far it lies above the lowest found. pyhf cannot tie a
parameter to its own square and has no posterior B.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numba
import numpy as np
from scipy.optimize import brentq

from bayesnu.inference import interval, profile
from bayesnu.inference.line import Line
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.toys import toys
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model import pyhf_workspace
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from scripts.bench.posteriors import Reference
from scripts.bench.timing import in_turn, progress, reason

LEVEL = 0.9
IMPOSSIBLE = 1e9  # chi^2 where the model excludes the data: minimisers want a number
START = {"A": 0.1, "B": 10.0}  # of the physics parameters: of the square of the moment in A
REGULAR = {"A": 2, "B": 1}  # power of a physics parameter that is fitted


@dataclass(frozen=True, eq=False)
class Problem:
    """A model as a minimiser sees it: chi^2 of x (parameters,), where x[0] is a moment's square."""

    name: str
    model: Model

    @cached_property
    def factors(self) -> np.ndarray:
        """Factors (terms, n) of the terms; the square of a moment is one factor."""
        size = len(self.model.parameters)
        rows = []
        for row in self.model.factors:
            kept = [int(k) for k in row if k < size]
            if REGULAR[self.name] == 2:
                kept = [0] * (kept.count(0) // 2) + [k for k in kept if k]
            rows.append(kept)
        longest = max(map(len, rows))
        return np.array([row + [size] * (longest - len(row)) for row in rows])

    @cached_property
    def pulls(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and inverse widths; an inverse width is 0 where there is no constraint."""
        gaussian = [(p.mean, 1 / p.width) if isinstance(p, Gaussian) else (0.0, 0.0) for p in self.model.parameters]
        means, inverses = np.array(gaussian).T
        inverses[: self.model.n_physics] = 0.0
        return means, inverses

    @cached_property
    def start(self) -> np.ndarray:
        """Where every fit starts."""
        x = self.model.nominal()
        x[: self.model.n_physics] = START[self.name]
        return x

    def theta(self, x: np.ndarray) -> np.ndarray:
        """The package's parameters at x."""
        theta = np.array(x, dtype=float)
        if REGULAR[self.name] == 2:
            theta[0] = np.sqrt(max(theta[0], 0.0))
        return theta

    def in_numpy(self) -> Callable[[np.ndarray], float]:
        """chi^2 in numpy, as a user would write it."""
        templates, factors, observed = self.model.templates, self.factors, self.model.observed
        (mean, inverse), constant = self.pulls, _saturated(observed)

        def function(x: np.ndarray) -> float:
            expected = np.append(x, 1.0)[factors].prod(axis=1) @ templates
            if (expected <= 0).any():
                return IMPOSSIBLE
            pulls = (x - mean) * inverse
            return 2 * float(expected.sum() - observed @ np.log(expected)) + constant + float(pulls @ pulls)

        return function

    def in_compiled_code(self) -> tuple[Callable[[np.ndarray], float], Callable[[np.ndarray], np.ndarray]]:
        """chi^2 and its gradient in compiled loops."""
        arrays = (self.model.templates, self.factors, self.model.observed, *self.pulls, _saturated(self.model.observed))

        def function(x: np.ndarray) -> float:
            value: float = plain_chi2(x, *arrays)
            return value

        def gradient(x: np.ndarray) -> np.ndarray:
            slope: np.ndarray = plain_gradient(x, *arrays)
            return slope

        return function, gradient


def _saturated(observed: np.ndarray) -> float:
    seen = observed[observed > 0]
    return 2 * float(seen @ np.log(seen) - observed.sum())


@numba.njit(error_model="numpy", fastmath={"contract"})
def plain_chi2(x, templates, factors, observed, mean, inverse, constant):  # type: ignore[no-untyped-def]
    value = constant
    for k in range(x.size):
        value += ((x[k] - mean[k]) * inverse[k]) ** 2
    coefficient = np.ones(factors.shape[0])
    for t in range(factors.shape[0]):
        for f in range(factors.shape[1]):
            if factors[t, f] < x.size:
                coefficient[t] *= x[factors[t, f]]
    for b in range(observed.size):
        expected = 0.0
        for t in range(factors.shape[0]):
            expected += coefficient[t] * templates[t, b]
        if expected <= 0:
            return IMPOSSIBLE
        value += 2 * (expected - observed[b] * np.log(expected))
    return value


@numba.njit(error_model="numpy", fastmath={"contract"})
def plain_gradient(x, templates, factors, observed, mean, inverse, constant):  # type: ignore[no-untyped-def]
    gradient = 2 * (x - mean) * inverse**2
    terms = factors.shape[0]
    coefficient = np.ones(terms)
    for t in range(terms):
        for f in range(factors.shape[1]):
            if factors[t, f] < x.size:
                coefficient[t] *= x[factors[t, f]]
    slope = np.zeros(terms)
    for b in range(observed.size):
        expected = 0.0
        for t in range(terms):
            expected += coefficient[t] * templates[t, b]
        excess = 2 * (1 - observed[b] / expected)
        for t in range(terms):
            slope[t] += excess * templates[t, b]
    for t in range(terms):
        for f in range(factors.shape[1]):
            if factors[t, f] < x.size:
                rest = 1.0
                for g in range(factors.shape[1]):
                    if g != f and factors[t, g] < x.size:
                        rest *= x[factors[t, g]]
                gradient[factors[t, f]] += slope[t] * rest
    return gradient


# A fitter takes no argument and returns x at the minimum, (parameters,); a limit function returns the upper limit.
Fitter = Callable[[], np.ndarray]
Limit = Callable[[], float]


def package(problem: Problem) -> tuple[Fitter, Limit]:
    """The package's scalar fits, and its scans. A model is arranged once, as the peers' functions are made once."""
    model = problem.model
    profiler, free = Profiler(model), np.ones(len(model.parameters), dtype=bool)
    start, power = problem.theta(problem.start), REGULAR[problem.name]
    fitter = ToyFitter(model)

    def fit() -> np.ndarray:
        theta = profiler.fit(start, free).theta[0]
        return np.concatenate([theta[: model.n_physics] ** power, theta[model.n_physics :]])

    def limit() -> float:
        found = profile.interval_along(Line(fitter, others="profiled"), LEVEL)
        return float(found.upper or np.nan) ** power

    return fit, limit


def iminuit(problem: Problem, compiled: bool) -> tuple[Fitter, Limit]:
    """iminuit's MIGRAD and MINOS, with chi^2 in numpy, or compiled and with its gradient."""
    from iminuit import Minuit

    function, gradient = problem.in_compiled_code() if compiled else (problem.in_numpy(), None)
    model = problem.model
    widths = [prior.width if isinstance(prior, Gaussian) else 0.3 for prior in model.parameters]
    physics = (0.0, None) if REGULAR[problem.name] == 2 else (None, None)
    limits = [physics] * model.n_physics + [(prior.lower, prior.upper) for prior in model.nuisances]

    def fitted() -> Any:
        minuit = Minuit(function, problem.start, grad=gradient)
        minuit.errordef = Minuit.LEAST_SQUARES
        minuit.errors, minuit.limits = widths, limits
        return minuit.migrad()

    def limit() -> float:
        minuit = fitted()
        minuit.minos(0, cl=LEVEL)
        error = minuit.merrors[0]
        return float(minuit.values[0] + error.upper) if error.upper_valid else float("nan")

    return lambda: np.array(fitted().values), limit


class Pyhf:
    """The exported workspace in pyhf; its parameters are pulls, `lumi` is one of the model's."""

    def __init__(self, problem: Problem, backend: str) -> None:
        import pyhf

        self.pyhf, self.backend, self.problem = pyhf, backend, problem
        self.set_backend()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            workspace = pyhf.Workspace(pyhf_workspace.workspace(problem.model))
            self.model = workspace.model()
            self.data = list(workspace.data(self.model))

    def set_backend(self) -> None:
        """Backends are a global state of pyhf."""
        if self.pyhf.tensorlib.name != self.backend:
            self.pyhf.set_backend(self.backend)

    def x(self, values: Any) -> np.ndarray:
        """A problem's parameters from pyhf's."""
        by_name = dict(zip(self.model.config.par_names, map(float, values), strict=True))
        mean, inverse = self.problem.pulls
        out = []
        for k, name in enumerate(self.problem.model.names):
            if k < self.problem.model.n_physics:
                out.append(by_name[f"{name}_squared"])
            else:
                out.append(by_name["lumi"] if name not in by_name else mean[k] + by_name[name] / inverse[k])
        return np.array(out)

    def with_data(self, counts: np.ndarray, centres: np.ndarray) -> list[float]:
        """pyhf's data for other counts and centres of the constraints."""
        mean, inverse = self.problem.pulls
        of = {name: k for k, name in enumerate(self.problem.model.names)}
        missing = next(name for name in self.problem.model.names[1:] if name not in self.model.config.par_names)
        centre = [
            centres[of[missing]] if name == "lumi" else (centres[of[name]] - mean[of[name]]) * inverse[of[name]]
            for name in self.model.config.auxdata_order
        ]
        return [*counts, *centre]

    def fit(self, data: list[float] | None = None) -> np.ndarray:
        """x at the minimum."""
        self.set_backend()
        given = self.pyhf.tensorlib.astensor(self.data if data is None else data)
        return self.x(self.pyhf.infer.mle.fit(given, self.model))

    def limit(self, data: list[float] | None = None) -> float:
        """Where the profiled chi^2 has risen by the quantile, by root finding over fits with the parameter fixed."""
        self.set_backend()
        mle, given = self.pyhf.infer.mle, self.pyhf.tensorlib.astensor(self.data if data is None else data)
        best, lowest = mle.fit(given, self.model, return_fitted_val=True)
        level = float(lowest) + interval.delta_chi2(LEVEL)

        def rise(value: float) -> float:
            return float(mle.fixed_poi_fit(value, given, self.model, return_fitted_val=True)[1]) - level

        return float(brentq(rise, max(float(best[self.model.config.poi_index]), 1e-9), 10.0, xtol=1e-5))


def fitters(problem: Problem, peers: dict[str, str | None]) -> dict[str, tuple[Fitter, Limit]]:
    """Every fitter that is installed and can express the problem."""
    found = {"bayesnu": package(problem)}
    if peers["iminuit"]:
        found["iminuit, numpy"] = iminuit(problem, compiled=False)
        found["iminuit, compiled with gradient"] = iminuit(problem, compiled=True)
    for backend in ("numpy", "jax"):
        if peers["pyhf"] and REGULAR[problem.name] == 2 and (backend == "numpy" or peers["jax"]):
            wrapped = Pyhf(problem, backend)
            found[f"pyhf, {backend}"] = wrapped.fit, wrapped.limit
    return found


def measure_fits(ref: Reference, peers: dict[str, str | None], repetitions: int, seconds: float) -> dict[str, Any]:
    """Seconds per fit, and per fit with the upper limit of the first parameter, of every fitter."""
    problem = Problem(ref.name, ref.model)
    plain = problem.in_numpy()
    rows: dict[str, dict[str, Any]] = {}
    for name, (fit, limit) in fitters(problem, peers).items():
        try:
            found = limit()
            rows[name] = {"functions": (fit, limit), "chi2": plain(fit()), "limit": found if np.isfinite(found) else None}
        except Exception as error:
            rows[name] = {"fails": reason(error)}
    working = {name: row.pop("functions") for name, row in rows.items() if "functions" in row}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_seconds = in_turn({name: each[0] for name, each in working.items()}, repetitions, seconds)
        limit_seconds = in_turn({name: each[1] for name, each in working.items()}, repetitions, seconds)
    lowest = min(rows[name]["chi2"] for name in working)
    for name in working:
        rows[name] |= {"excess": rows[name].pop("chi2") - lowest}
        rows[name] |= {"fit_seconds": fit_seconds[name], "limit_seconds": limit_seconds[name]}
    return rows


@dataclass(frozen=True)
class Toyist:
    """How toys are fitted: `fit` returns x (n, parameters) of the first n toys, `limit` their upper limits (n,)."""

    number: int
    fit: Callable[[int], np.ndarray]
    limit: Callable[[int], np.ndarray]


def measure_toys(
    ref: Reference, peers: dict[str, str | None], repetitions: int, number: int, few: int
) -> dict[str, dict[str, Any]]:
    """Seconds per toy of a fit, and of a fit and the upper limit of the first physics parameter, the others profiled.

    `number` toys for fits in batches, `few` for the rest. `excess` is the largest chi^2 above the lowest found for a toy,
    `limit_off` the largest relative difference of a limit from the median of all fitters.
    """
    problem = Problem(ref.name, ref.model)
    drawn = toys.draw(ref.model, ref.model.nominal(), number, np.random.default_rng(5))
    toyists, rows = _toyists(problem, drawn, peers, number, few)
    best: dict[str, np.ndarray] = {}
    limits: dict[str, np.ndarray] = {}
    for name, toyist in toyists.items():
        try:
            best[name] = _chi2_of(problem, drawn, toyist.fit(few))
            limits[name] = toyist.limit(few)
        except Exception as error:
            best.pop(name, None)
            rows[name] = {"fails": reason(error)}
    progress(f"toys of {ref.name}: {', '.join(best)}")
    fits = in_turn({name: partial(toyists[name].fit, toyists[name].number) for name in best}, repetitions, 0.0)
    spent = in_turn({name: partial(toyists[name].limit, toyists[name].number) for name in limits}, repetitions, 0.0)
    lowest, usual = np.min(list(best.values()), axis=0), np.nanmedian(list(limits.values()), axis=0)
    for name, values in best.items():
        n = toyists[name].number
        rows[name] = {"toys": n, "fit_seconds": [t / n for t in fits[name]], "excess": float((values - lowest).max())}
        if name in limits:
            off = np.abs(limits[name] / usual - 1)
            rows[name] |= {
                "limit_seconds": [t / n for t in spent[name]],
                "limit_off": float(np.nanmax(off)),
                "no_limit": int(np.isnan(off).sum()),
            }
    return rows


def _toyists(
    problem: Problem, drawn: toys.Toys, peers: dict[str, str | None], number: int, few: int
) -> tuple[dict[str, Toyist], dict[str, dict[str, Any]]]:
    """Everyone who is there, and the rows of those who are not."""
    found, rows = {}, {}
    batched = _batched(problem, drawn, number)
    if batched is None:
        rows["bayesnu, batched"] = {"fails": "this version has no toy_fits"}
    else:
        found["bayesnu, batched"] = batched
    found["bayesnu, one by one"] = _one_by_one(problem, drawn, few, package)
    if peers["iminuit"]:
        found["iminuit, numpy"] = _one_by_one(problem, drawn, few, lambda toy: iminuit(toy, compiled=False))
        found["iminuit, compiled with gradient"] = _one_by_one(problem, drawn, few, lambda toy: iminuit(toy, compiled=True))
    for backend in ("numpy", "jax"):
        if peers["pyhf"] and REGULAR[problem.name] == 2 and (backend == "numpy" or peers["jax"]):
            found[f"pyhf, {backend}"] = _of_pyhf(Pyhf(problem, backend), drawn, few)
    return found, rows


def _batched(problem: Problem, drawn: toys.Toys, number: int) -> Toyist | None:
    """The package's fits of many toys at once, if this version has them."""
    try:
        fitter = importlib.import_module("bayesnu.inference.toys.fitter").ToyFitter(problem.model)
    except (ImportError, AttributeError):
        return None
    start, free = problem.theta(problem.start), np.ones(len(problem.start), dtype=bool)
    n_physics, power = problem.model.n_physics, REGULAR[problem.name]

    def first(n: int) -> toys.Toys:
        return toys.Toys(drawn.counts[:n], drawn.centres[:n])

    def fit(n: int) -> np.ndarray:
        # The square of one moment has one minimum; with several parameters the lowest of all is taken.
        theta = fitter.fit(first(n), start, free).theta if n_physics == 1 else fitter.best_fit(first(n)).theta
        return np.concatenate([theta[:, :n_physics] ** power, theta[:, n_physics:]], axis=1)

    def limit(n: int) -> np.ndarray:
        found: np.ndarray = fitter.limit(first(n), interval.delta_chi2(LEVEL)).limit
        return found**power

    return Toyist(number, fit, limit)


def _one_by_one(problem: Problem, drawn: toys.Toys, number: int, make: Callable[[Problem], tuple[Fitter, Limit]]) -> Toyist:
    return Toyist(
        number,
        lambda n: np.array([make(_of_toy(problem, drawn, i))[0]() for i in range(n)]),
        lambda n: np.array([make(_of_toy(problem, drawn, i))[1]() for i in range(n)]),
    )


def _of_pyhf(wrapped: Pyhf, drawn: toys.Toys, number: int) -> Toyist:
    data = [wrapped.with_data(*each) for each in zip(drawn.counts[:number], drawn.centres[:number], strict=True)]
    return Toyist(
        number,
        lambda n: np.array([wrapped.fit(each) for each in data[:n]]),
        lambda n: np.array([wrapped.limit(each) for each in data[:n]]),
    )


def _of_toy(problem: Problem, drawn: toys.Toys, i: int) -> Problem:
    return Problem(problem.name, toys.with_data(problem.model, drawn.counts[i], drawn.centres[i]))


def _chi2_of(problem: Problem, drawn: toys.Toys, x: np.ndarray) -> np.ndarray:
    return np.array([_of_toy(problem, drawn, i).in_numpy()(each) for i, each in enumerate(x)])
