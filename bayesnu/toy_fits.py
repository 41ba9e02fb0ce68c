"""Profile-likelihood fits of toy experiments by the million: `LANES` toys at a time, each a lane of vector instructions.

The statistic is that of `profile`, with each toy's own counts and centres of constraints. The expected counts are linear in
the terms of the model, so every sum over bins is a product of a constant matrix with lanes: the templates with 1 - n/lambda
for the slopes, the products of two templates with n/lambda^2 for the curvatures. Short sums over terms turn derivatives by
terms into derivatives by parameters.

A moment enters only as its square, so its square is fitted: the signal is linear in it and the physical boundary is a bound.
A toy leaves its lane when it has converged, and the next one takes the lane. No number of a toy enters another's: results
do not depend on the order or the company of toys.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from math import inf, nan, sqrt
from typing import NamedTuple

import numpy as np

from bayesnu.compiled import compiled
from bayesnu.errors import BayesnuError
from bayesnu.minimise import minimise
from bayesnu.model import FACTORS, Model
from bayesnu.profile import Fit, Profiler
from bayesnu.properties import property_of
from bayesnu.toys import Toys, constraint_widths

LANES = 64  # shorter inner loops would be unrolled instead of vectorised
ALIGNMENT = 64  # bytes: a vector that straddles two cache lines costs twice
ITERATIONS = 50  # then a toy is left to a slower, safer method
CONVERGED = 1e-9  # predicted decrease of chi^2 in a step that is the last one
NEARLY, QUADRATIC = 1e-5, 0.01  # also the last: below this, and below this part of the one before, as c^2 e after c e, e
DAMPED, CALMED = 0.1, 0.25
OVERSHOT = 0.5  # slope at the end of a step, in units of that at its start, beyond which the step is shortened
RANK, SADDLE = 1e-12, 0.01  # parts of a diagonal element: pivots below one are replaced by their size, at least the other
TINY = 1e-12
SETTLED = 0.1  # chi^2 above its profile up to which the profile's quadratic estimate is trusted to be above or below a level
HALVINGS = 60

SQRT_HALF = 0x3FE6A09E667F3BCD  # bits of sqrt(1/2)
LN2 = 0.6931471805599453


@dataclass(frozen=True, eq=False)
class ToyLimits:
    """Ends of profile-likelihood intervals (toys,) with the best fits; NaN where `ended` (toys,) is false."""

    best: Fit
    limit: np.ndarray
    ended: np.ndarray


class _Counts(NamedTuple):
    """Templates (terms, bins), their transpose, and the products (pairs, bins) of two templates of one block.

    A row of `blocks` holds the first and last + 1 of the block's terms, bins and pairs.
    """

    templates: np.ndarray
    transposed: np.ndarray
    products: np.ndarray
    blocks: np.ndarray


class _Form(NamedTuple):
    """The polynomial and its derivatives by the free parameters, as lists of integers.

    Variable n is parameter order[n], or its square; free ones come first, in the order of elimination. A row of
    `monomials` is a number and the variables it multiplies: the terms, then their derivatives by one and by two variables.
    A row of `linear`: a derivative, its term, and the place it contributes to: k of the gradient, or of the Hessian. A row of
    `chain`: two first derivatives, the pair of their terms, the place in the Hessian, and how often it counts. Element
    (k, m) of the Hessian has place k(k+1)/2 + m.
    """

    order: np.ndarray
    squared: np.ndarray
    monomials: np.ndarray
    linear: np.ndarray
    chain: np.ndarray


class _Rows(NamedTuple):
    """Where each quantity begins in the working memory (rows, LANES). One array: numba counts references to every array."""

    free: int  # numbers of rows
    variables: int
    bins: int
    x: int  # by variable
    centres: int
    inverse_widths: int
    counts: int  # by bin
    expected: int
    excess: int
    weight: int
    monomials: int
    slopes: int  # by term
    curvatures: int  # by pair of terms
    gradient: int  # by free variable, and the Hessian after it
    hessian: int  # by place
    factor: int
    lower: int  # by free variable
    upper: int
    moves: int
    shift: int
    solution: int
    inverse: int
    newton: int
    step: int
    allowed: int  # one row each
    chi2: int
    decrement: int
    worth: int
    slope: int
    shorten: int
    damping: int
    low: int
    high: int
    work: int
    log: int


class ToyFitter:
    """Fits of toys of one model. Building one arranges arrays and compiles nothing."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.profiler = Profiler(model)
        self.exponents, self.squared = _exponents(model)
        self.counts, self.pairs = _arranged(model)
        self.nuisances = np.arange(len(model.parameters)) >= model.n_physics

    def chi2(self, toys: Toys, theta: np.ndarray) -> np.ndarray:
        """The statistic itself, shape (toys,), for theta (parameters,) or (toys, parameters); inf where data are excluded."""
        theta, form = self._rows(toys, theta), self._form(np.zeros_like(self.nuisances))
        chi2 = np.empty(len(theta))
        _evaluate(self.counts, form, *_data(toys), theta, *self._lanes(form, 0), chi2)
        return chi2

    def fit(self, toys: Toys, start: np.ndarray, free: np.ndarray) -> Fit:
        """Minimise chi^2 from a start, (parameters,) or (toys, parameters), over the parameters marked free (parameters,).

        Finds the minimum of the basin of the start. A toy that did not end has NaN for chi^2 and its free parameters.
        """
        begin, free = self._rows(toys, start), np.asarray(free, dtype=bool)
        theta, ended = begin.copy(), np.ones(len(begin), dtype=bool)
        if free.any():
            ended = self._solve(toys, theta, free)
            for i in np.flatnonzero(~ended):
                theta[i], ended[i] = self._fit_alone(toys, i, begin[i], free)
        chi2 = self.chi2(toys, theta)
        ended &= np.isfinite(chi2)
        theta[np.ix_(~ended, free)] = nan
        return Fit(theta, np.where(ended, chi2, nan), ended)

    def best_fit(self, toys: Toys) -> Fit:
        """The lowest minimum over the nuisances and the physical range of the physics parameters."""
        return _lowest(self._minima(toys))

    def limit(self, toys: Toys, level: float, side: str = "upper") -> ToyLimits:
        """Best fits, and where chi^2 profiled over the nuisances last exceeds its minimum by less than `level`.

        `side` is `upper` or `lower`. Where the interval begins at the physical boundary 0 the lower end is 0. Needs a
        model with one physics parameter.
        """
        if self.model.n_physics != 1:
            raise BayesnuError(f"limit: the model has {self.model.n_physics} physics parameters; this needs exactly one")
        if side not in ("upper", "lower"):
            raise BayesnuError(f"side: found '{side}'; must be 'upper' or 'lower'")
        minima, sign = self._minima(toys), 1.0 if side == "upper" else -1.0
        best = _lowest(minima)
        target = best.chi2 + level
        theta = best.theta.copy()
        for minimum in minima:  # the end of the outermost piece is outwards of its minimum
            further = (minimum.chi2 <= target) & (sign * minimum.theta[:, 0] > sign * theta[:, 0])
            theta[further] = minimum.theta[further]
        if side == "lower" and self.squared[0]:
            return self._lower_end_of_modulus(toys, best, target)
        return self._end(toys, best, theta, target, sign)

    def _end(self, toys: Toys, best: Fit, theta: np.ndarray, target: np.ndarray, sign: float) -> ToyLimits:
        limit = theta.copy()
        ended = self._solve(toys, limit, np.ones_like(self.nuisances), sign, target) & best.ended
        rest = np.flatnonzero(~ended & best.ended)
        if len(rest):
            part = Toys(toys.counts[rest], toys.centres[rest])
            limit[rest, 0], ended[rest] = self._halved(part, theta[rest], target[rest], sign)
        return ToyLimits(best, np.where(ended, limit[:, 0], nan), ended)

    def _lower_end_of_modulus(self, toys: Toys, best: Fit, target: np.ndarray) -> ToyLimits:
        start = best.theta.copy()
        start[:, 0] = 0.0
        at_zero = self.fit(toys, start, self.nuisances)
        above = at_zero.chi2 > target
        limit, ended = np.where(at_zero.ended, 0.0, nan), at_zero.ended & best.ended
        if above.any():
            part, some = Toys(toys.counts[above], toys.centres[above]), Fit(*(a[above] for a in (best.theta, best.chi2, best.ended)))
            found = self._end(part, some, some.theta, target[above], -1.0)
            limit[above], ended[above] = found.limit, found.ended
        return ToyLimits(best, limit, ended)

    def _halved(self, toys: Toys, theta: np.ndarray, target: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends by bisection between theta and the bound, for the few toys whose iteration did not converge."""
        inside, outside = theta[:, 0], np.full(len(theta), self.profiler.upper[0] if sign > 0 else self.profiler.lower[0])
        chi2 = self._profiled(toys, theta, outside)
        bracketed = ~(chi2 <= target)
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            chi2 = self._profiled(toys, theta, middle)
            inside, outside = np.where(chi2 <= target, middle, inside), np.where(chi2 <= target, outside, middle)
        return inside, bracketed & (np.abs(self._profiled(toys, theta, inside) - target) < 1e-6)

    def _profiled(self, toys: Toys, theta: np.ndarray, values: np.ndarray) -> np.ndarray:
        return self.fit(toys, np.column_stack([values, theta[:, 1:]]), self.nuisances).chi2

    def _minima(self, toys: Toys) -> list[Fit]:
        """Fits of all parameters from every start, the nuisances at the centres of their constraints."""
        constrained = constraint_widths(self.model) > 0
        theta = self._rows(toys, np.where(constrained, toys.centres, self.model.nominal()))
        axes, fits = [self._starts(toys, k) for k in range(self.model.n_physics)], []
        for start in product(*axes):
            theta[:, : self.model.n_physics] = np.stack(start, axis=1)
            fits.append(self.fit(toys, theta, np.ones_like(constrained)))
        return fits

    def _starts(self, toys: Toys, k: int) -> list[np.ndarray]:
        """Where to start in physics parameter k, (toys,) each: chi^2 has one minimum in a square, up to two else.

        The counts of the signal are a parabola in the parameter, so one minimum mirrors another at the vertex. Starts are
        where the parabola gives the toy's counts, or as far out as counts can tell: between the minima there is a saddle.
        """
        vertex, events, quadratic = self._parabola(k)
        excess = toys.counts.sum(axis=1) - events
        if self.squared[k]:
            return [np.sqrt(np.where(excess > 2 * np.sqrt(events), excess, 0.0) / quadratic)]
        width = np.sqrt(vertex**2 + np.maximum(excess, np.sqrt(events)) / quadratic)
        return [vertex - width, vertex + width]

    def _parabola(self, k: int) -> tuple[float, float, float]:
        """Vertex of the expected counts as a function of physics parameter k, their sum at 0, and their second coefficient."""
        nominal, unit = self.model.nominal(), np.eye(len(self.nuisances))[k]
        events, up, down = (float(self.model.expected(nominal + sign * unit).sum()) for sign in (0, 1, -1))
        quadratic = (up + down) / 2 - events
        return (down - up) / (4 * quadratic), events, quadratic

    def _reach(self, k: int) -> float:
        """Distance from the vertex at which the signal has sqrt(N) counts more than in the Standard Model, N the events."""
        vertex, events, quadratic = self._parabola(k)
        return float(np.sqrt(vertex**2 + np.sqrt(events) / quadratic))

    def _solve(
        self, toys: Toys, theta: np.ndarray, free: np.ndarray, side: float = 0.0, target: np.ndarray | None = None
    ) -> np.ndarray:
        """Replace theta by minima, or by crossings of `target` on a side; returns which toys ended."""
        form, steps = self._form(free), np.empty(len(theta), dtype=np.int64)
        target = np.empty(0) if target is None else target
        # where two minima merge the curvature is no measure of the distance to a level
        reach = inf if self.squared[0] else self._reach(0)
        _solve(self.counts, form, *_data(toys), side, target, reach, theta, *self._lanes(form, int(free.sum())), steps)
        self.steps = steps
        return steps > 0

    def _fit_alone(self, toys: Toys, i: int, start: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, bool]:
        """The scalar minimiser, for the few toys that did not converge in their lanes."""
        arrays, low, high = self.profiler.arrays, self.profiler.lower, self.profiler.upper
        numbers = arrays.prior_numbers.copy()
        numbers[:, 2] = toys.centres[i]
        theta, chi2, ended = np.array([start], dtype=float), np.empty(1), np.empty(1, dtype=np.bool_)
        for k in np.flatnonzero(free & self.squared & (start == 0)):
            theta[0, k] = self._reach(k)  # 0 is a stationary point of a moment, not of its square
        which, observed = np.flatnonzero(free).astype(np.int64), np.ascontiguousarray(toys.counts[i], dtype=float)
        data = arrays.blocks, arrays.templates, arrays.factors, observed, arrays.prior_kind, numbers
        minimise(theta, which, low, high, *data, chi2, ended)
        return theta[0], bool(ended[0])

    def _rows(self, toys: Toys, theta: np.ndarray) -> np.ndarray:
        """A copy of theta with a row per toy, once all shapes agree."""
        bins, size = self.model.observed.size, len(self.model.parameters)
        if toys.counts.shape != (len(toys), bins) or toys.centres.shape != (len(toys), size):
            raise BayesnuError(
                f"toys: found counts {toys.counts.shape} and centres {toys.centres.shape}; the model needs {bins} bins and "
                f"{size} parameters for each toy"
            )
        return np.array(np.broadcast_to(theta, (len(toys), size)), dtype=float)

    def _form(self, free: np.ndarray) -> _Form:
        """Lists for these free parameters. Physics parameters are eliminated last: only they meet their bounds exactly."""
        order = sorted(range(len(free)), key=lambda k: (not free[k], k < self.model.n_physics, k))
        return _differentiated(self.exponents[:, order], int(free.sum()), self.pairs, np.array(order), self.squared)

    def _lanes(self, form: _Form, free: int) -> tuple[np.ndarray, _Rows]:
        """Working memory, with what is the same for every toy filled in."""
        lanes, at = _memory(self.counts, form, free)
        ends = (np.where(self.squared, e**2, e) for e in (self.profiler.lower, self.profiler.upper))
        widths = constraint_widths(self.model)
        inverse = np.divide(1.0, widths, out=np.zeros(len(widths)), where=widths > 0)
        for row, values in zip((at.lower, at.upper), ends, strict=True):
            lanes[row : row + free] = values[form.order[:free], None]
        lanes[at.inverse_widths : at.inverse_widths + at.variables] = inverse[form.order, None]
        return lanes, at


def _lowest(fits: list[Fit]) -> Fit:
    """The lowest of several fits, toy by toy; it ended where any did."""
    theta, chi2, ended = (np.stack([getattr(fit, name) for fit in fits]) for name in ("theta", "chi2", "ended"))
    best = np.argmin(np.where(ended, chi2, inf), axis=0)
    each = np.arange(len(best))
    return Fit(theta[best, each], chi2[best, each], ended[best, each])


def _data(toys: Toys) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(toys.counts, dtype=float), np.ascontiguousarray(toys.centres, dtype=float)


def _exponents(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Powers of the parameters in every term (terms, parameters), and which parameters stand for their squares.

    A modulus that enters every term 0 or 2 times is replaced by its square, whose powers are 0 and 1.
    """
    exponents = np.stack([(model.factors == k).sum(axis=1) for k in range(len(model.parameters))], axis=1)
    modulus = [k < model.n_physics and not property_of(p.name).signed for k, p in enumerate(model.parameters)]
    squared = np.all(exponents % 2 == 0, axis=0) & modulus
    exponents[:, squared] //= 2
    return exponents, squared


def _arranged(model: Model) -> tuple[_Counts, np.ndarray]:
    """Arrays of a model, and the row of `products` for every two terms (terms, terms), -1 across blocks."""
    size = len(model.templates)
    pairs, products, blocks = np.full((size, size), -1), [], []
    for block in model.blocks:
        begin, terms = len(products), range(block.templates.start, block.templates.stop)
        for t, u in combinations_with_replacement(terms, 2):
            pairs[t, u] = pairs[u, t] = len(products)
            products.append(model.templates[t] * model.templates[u])
        blocks.append([terms.start, terms.stop, block.bins.start, block.bins.stop, begin, len(products)])
    templates = np.ascontiguousarray(model.templates)
    counts = _Counts(templates, np.ascontiguousarray(templates.T), np.array(products), np.array(blocks, dtype=np.int64))
    return counts, pairs


def _differentiated(
    exponents: np.ndarray, free: int, pairs: np.ndarray, order: np.ndarray, squared: np.ndarray
) -> _Form:
    """Differentiate every term, a row of exponents, by the first `free` variables: a derivative of a product is a product."""
    size = exponents.shape[1]
    unit = np.eye(size, dtype=exponents.dtype)
    products = [(1, powers) for powers in exponents]
    first, linear = [], []
    for t, powers in enumerate(exponents):
        for k in np.flatnonzero(powers[:free]):
            first.append((len(products), t, k))
            linear.append((len(products), t, k))
            products.append((powers[k], powers - unit[k]))
    for n, t, k in first:
        times, powers = products[n]
        for m in np.flatnonzero(powers[: k + 1]):
            linear.append((len(products), t, free + k * (k + 1) // 2 + m))
            products.append((times * powers[m], powers - unit[m]))
    monomials = np.full((len(products), 1 + FACTORS), size)
    for row, (times, powers) in zip(monomials, products, strict=True):
        variables = np.repeat(np.arange(size), powers)
        row[0], row[1 : 1 + len(variables)] = times, variables
    lists = (np.array(rows, dtype=np.int64).reshape(-1, 3) for rows in (linear, first))
    linear_rows, first_rows = lists
    return _Form(order, squared[order], monomials, linear_rows, _chain(first_rows, pairs))


def _chain(first: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The list `chain` of a `_Form`: every two first derivatives within a block."""
    one, other = np.triu_indices(len(first))
    pair = pairs[first[one, 1], first[other, 1]]
    m, k = np.sort([first[one, 2], first[other, 2]], axis=0)
    times = np.where((k == m) & (one != other), 2, 1)
    rows = np.stack([first[one, 0], first[other, 0], pair, k * (k + 1) // 2 + m, times], axis=1)
    return np.ascontiguousarray(rows[pair >= 0])


def _memory(counts: _Counts, form: _Form, free: int) -> tuple[np.ndarray, _Rows]:
    (terms, bins), size, places = counts.templates.shape, len(form.order), free * (free + 1) // 2
    lengths = [size] * 3 + [bins] * 4 + [len(form.monomials), terms, len(counts.products), free, places, places]
    lengths += [free] * 8 + [1] * 11
    buffer = np.zeros(sum(lengths) * LANES + ALIGNMENT // 8)
    skipped = -buffer.ctypes.data % ALIGNMENT // 8
    lanes = buffer[skipped : skipped + sum(lengths) * LANES].reshape(-1, LANES)
    return lanes, _Rows(free, size, bins, *(int(n) for n in np.cumsum([0, *lengths[:-1]])))


@compiled
def _exchange(lanes, at, form, counts, centres, theta, leaving, entering):  # type: ignore[no-untyped-def]
    """For every lane, store the free parameters of the toy that leaves it and load the toy that enters; -1 is none."""
    order, squared = form.order, form.squared
    for i in range(LANES):
        old, new = leaving[i], entering[i]
        if old >= 0:
            for k in range(at.free):
                x = lanes[at.x + k, i]
                theta[old, order[k]] = sqrt(x) if squared[k] else x
        if new >= 0:
            for b in range(at.bins):
                lanes[at.counts + b, i] = counts[new, b]
            for k in range(at.variables):
                value = theta[new, order[k]]
                lanes[at.centres + k, i] = centres[new, order[k]]
                lanes[at.x + k, i] = value * value if squared[k] else value
            for k in range(at.free):
                x = lanes[at.x + k, i]
                lanes[at.x + k, i] = min(max(x, lanes[at.lower + k, i]), lanes[at.upper + k, i])
                lanes[at.step + k, i] = 0.0
            lanes[at.slope, i] = -inf
            lanes[at.damping, i] = 0.0


@compiled
def _multiply(matrix, start, stop, begin, end, lanes, source, target):  # type: ignore[no-untyped-def]
    """Rows start:stop of matrix times rows of lanes from `source` on, summed over begin:end; four products a store."""
    whole = end - (end - begin) % 4
    for r in range(start, stop):
        out = lanes[target + r]
        for i in range(LANES):
            out[i] = 0.0
        for j in range(begin, whole, 4):
            a, b, c, d = matrix[r, j], matrix[r, j + 1], matrix[r, j + 2], matrix[r, j + 3]
            n = source + j
            for i in range(LANES):
                out[i] += a * lanes[n, i] + b * lanes[n + 1, i] + c * lanes[n + 2, i] + d * lanes[n + 3, i]
        for j in range(whole, end):
            a, row = matrix[r, j], lanes[source + j]
            for i in range(LANES):
                out[i] += a * row[i]


@compiled
def _expect(model, form, lanes, at):  # type: ignore[no-untyped-def]
    """Monomials and expected counts, and whether the model allows the data."""
    monomials, blocks, allowed = form.monomials, model.blocks, lanes[at.allowed]
    for r in range(monomials.shape[0]):
        out, times = lanes[at.monomials + r], float(monomials[r, 0])
        for i in range(LANES):
            out[i] = times
        for f in range(1, monomials.shape[1]):
            if monomials[r, f] == at.variables:
                break
            x = lanes[at.x + monomials[r, f]]
            for i in range(LANES):
                out[i] *= x[i]
    for e in range(blocks.shape[0]):
        t0, t1, b0, b1 = blocks[e, 0], blocks[e, 1], blocks[e, 2], blocks[e, 3]
        _multiply(model.transposed, b0, b1, t0, t1, lanes, at.monomials, at.expected)
    for i in range(LANES):
        allowed[i] = 1.0
    for b in range(at.bins):
        n, expected = lanes[at.counts + b], lanes[at.expected + b]
        for i in range(LANES):
            possible = (expected[i] > 0.0) | ((expected[i] == 0.0) & (n[i] == 0.0))
            allowed[i] = allowed[i] if possible else 0.0


@compiled
def _log(x, out):  # type: ignore[no-untyped-def]
    """Natural logarithm of positive numbers; x is used up. The library's is a call per number, not a vector instruction.

    With m = x/2^k in [sqrt(1/2), sqrt(2)) and f = (m - 1)/(m + 1), log m = 2 artanh f; the series ends at 2e-18.
    """
    bits = x.view(np.int64)
    for i in range(LANES):
        k = (bits[i] - SQRT_HALF) >> 52
        bits[i] -= k << 52
        out[i] = k * LN2
    for i in range(LANES):
        f = (x[i] - 1.0) / (x[i] + 1.0)
        g = f * f
        series = 1 / 15 + g * (1 / 17 + g * (1 / 19 + g / 21))
        series = 1 / 7 + g * (1 / 9 + g * (1 / 11 + g * (1 / 13 + g * series)))
        out[i] += 2.0 * f * (1.0 + g * (1 / 3 + g * (1 / 5 + g * series)))


@compiled
def _chi2(lanes, at):  # type: ignore[no-untyped-def]
    """The statistic from the expected counts: inf where the model excludes the data, NaN for counts that are none."""
    chi2, allowed, ratio, log = lanes[at.chi2], lanes[at.allowed], lanes[at.work], lanes[at.log]
    for i in range(LANES):
        chi2[i] = 0.0
    for b in range(at.bins):
        n, expected = lanes[at.counts + b], lanes[at.expected + b]
        for i in range(LANES):
            ratio[i] = n[i] / expected[i] if (n[i] > 0.0) & (expected[i] > 0.0) else 1.0
        _log(ratio, log)
        for i in range(LANES):
            chi2[i] += 2.0 * (expected[i] - n[i] + n[i] * log[i]) if n[i] >= 0.0 else nan
    for k in range(at.variables):
        x, centre, inverse = lanes[at.x + k], lanes[at.centres + k], lanes[at.inverse_widths + k]
        for i in range(LANES):
            pull = (x[i] - centre[i]) * inverse[i]
            chi2[i] += pull * pull
    for i in range(LANES):
        chi2[i] = chi2[i] if allowed[i] > 0.0 else inf


@compiled
def _derive(model, form, lanes, at):  # type: ignore[no-untyped-def]
    """Gradient and Hessian of chi^2/2 in the free variables, from the expected counts."""
    for b in range(at.bins):
        counts, expected, excess, weight = lanes[at.counts + b], lanes[at.expected + b], lanes[at.excess + b], lanes[at.weight + b]
        for i in range(LANES):
            n, inverse = counts[i], 1.0 / expected[i]
            ratio = n * inverse if n > 0.0 else 0.0
            excess[i] = 1.0 - ratio
            weight[i] = ratio * inverse if n > 0.0 else 0.0
    blocks = model.blocks
    for e in range(blocks.shape[0]):
        t0, t1, b0, b1, p0, p1 = blocks[e, 0], blocks[e, 1], blocks[e, 2], blocks[e, 3], blocks[e, 4], blocks[e, 5]
        _multiply(model.templates, t0, t1, b0, b1, lanes, at.excess, at.slopes)
        _multiply(model.products, p0, p1, b0, b1, lanes, at.weight, at.curvatures)
    lanes[at.hessian : at.factor] = 0.0
    for k in range(at.free):
        gradient, curvature, x = lanes[at.gradient + k], lanes[at.hessian + k * (k + 3) // 2], lanes[at.x + k]
        centre, inverse = lanes[at.centres + k], lanes[at.inverse_widths + k]
        for i in range(LANES):
            gradient[i] = (x[i] - centre[i]) * inverse[i] * inverse[i]
            curvature[i] = inverse[i] * inverse[i]
    linear, chain = form.linear, form.chain
    for r in range(linear.shape[0]):
        a, slope, out = lanes[at.monomials + linear[r, 0]], lanes[at.slopes + linear[r, 1]], lanes[at.gradient + linear[r, 2]]
        for i in range(LANES):
            out[i] += a[i] * slope[i]
    for r in range(chain.shape[0]):
        a, b, times = lanes[at.monomials + chain[r, 0]], lanes[at.monomials + chain[r, 1]], float(chain[r, 4])
        curvature, out = lanes[at.curvatures + chain[r, 2]], lanes[at.hessian + chain[r, 3]]
        for i in range(LANES):
            out[i] += times * curvature[i] * (a[i] * b[i])


@compiled
def _hold(lanes, at, count):  # type: ignore[no-untyped-def]
    """Set `moves` to 0 for those of the first `count` variables that are at a bound and pulled outwards, else to 1."""
    lanes[at.moves : at.moves + at.free] = 1.0
    lanes[at.shift : at.shift + at.free] = 0.0
    for k in range(count):
        x, slope, moves = lanes[at.x + k], lanes[at.gradient + k], lanes[at.moves + k]
        low, high = lanes[at.lower + k], lanes[at.upper + k]
        for i in range(LANES):
            out = ((x[i] <= low[i]) & (slope[i] >= 0.0)) | ((x[i] >= high[i]) & (slope[i] <= 0.0))
            moves[i] = 0.0 if out else 1.0


@compiled
def _factorise(lanes, at):  # type: ignore[no-untyped-def]
    """L D L^T of the Hessian of what moves: `factor` is L, `inverse` 1/D, `solution` L^-1 (-gradient after the shifts).

    A pivot that is not positive is replaced, so that the step goes downhill whatever the curvature.
    """
    size, damping = lanes[at.work], lanes[at.damping]
    for k in range(at.free):
        row = at.factor + k * (k + 1) // 2
        solution, moves, pivot, gradient = lanes[at.solution + k], lanes[at.moves + k], lanes[row + k], lanes[at.gradient + k]
        for i in range(LANES):
            solution[i] = -gradient[i]
        for m in range(at.free):
            element, shift = lanes[at.hessian + max(k, m) * (max(k, m) + 1) // 2 + min(k, m)], lanes[at.shift + m]
            for i in range(LANES):
                solution[i] -= element[i] * shift[i]
        for m in range(k + 1):
            element, other, out = lanes[at.hessian + row - at.factor + m], lanes[at.moves + m], lanes[row + m]
            for i in range(LANES):
                out[i] = element[i] * (moves[i] * other[i])
        for i in range(LANES):
            solution[i] *= moves[i]
            pivot[i] += 1.0 - moves[i] + damping[i] * abs(pivot[i])
            size[i] = max(abs(pivot[i]), TINY)
        for m in range(k):
            out, column = lanes[row + m], at.factor + m * (m + 1) // 2
            for j in range(m):
                a, b = lanes[row + j], lanes[column + j]
                for i in range(LANES):
                    out[i] -= a[i] * b[i]
        for m in range(k):
            element, inverse, before = lanes[row + m], lanes[at.inverse + m], lanes[at.solution + m]
            for i in range(LANES):
                ratio = element[i] * inverse[i]
                pivot[i] -= ratio * element[i]
                solution[i] -= ratio * before[i]
                element[i] = ratio
        inverse = lanes[at.inverse + k]
        for i in range(LANES):
            inverse[i] = 1.0 / (pivot[i] if pivot[i] > RANK * size[i] else max(-pivot[i], SADDLE * size[i]))


@compiled
def _promise(lanes, at, count):  # type: ignore[no-untyped-def]
    """Decrease of chi^2 that the first `count` variables promise."""
    decrement, worth = lanes[at.decrement], lanes[at.worth]
    for i in range(LANES):
        decrement[i] = 0.0
    for k in range(count):
        solution, inverse = lanes[at.solution + k], lanes[at.inverse + k]
        for i in range(LANES):
            decrement[i] += solution[i] * solution[i] * inverse[i]
    for i in range(LANES):
        worth[i] = decrement[i]


@compiled
def _substitute_back(lanes, at, count):  # type: ignore[no-untyped-def]
    """Newton steps of the first `count` variables, given those of the others, each cut at its bounds.

    Variables eliminated earlier follow the cut ones exactly. Those eliminated later do not know of a cut: all but the last
    variable's are made into shifts of variables that do not move. Returns how many, for the system to be solved again.
    """
    cuts = 0
    for k in range(count - 1, -1, -1):
        newton, solution, inverse, x = lanes[at.newton + k], lanes[at.solution + k], lanes[at.inverse + k], lanes[at.x + k]
        moves, shift, low, high = lanes[at.moves + k], lanes[at.shift + k], lanes[at.lower + k], lanes[at.upper + k]
        for i in range(LANES):
            newton[i] = solution[i] * inverse[i]
        for m in range(k + 1, at.free):
            element, other = lanes[at.factor + m * (m + 1) // 2 + k], lanes[at.newton + m]
            for i in range(LANES):
                newton[i] -= element[i] * other[i]
        last = k == at.free - 1
        for i in range(LANES):
            step = newton[i] if moves[i] > 0.0 else shift[i]
            newton[i] = min(max(step, low[i] - x[i]), high[i] - x[i])
            cut = (newton[i] != step) & (not last)
            moves[i] = 0.0 if cut else moves[i]
            shift[i] = newton[i] if cut else shift[i]
            cuts += 1 if cut else 0
    return cuts


@compiled
def _move(lanes, at):  # type: ignore[no-untyped-def]
    """Go the Newton step, or back to where a fraction `shorten` of the last step leads; `slope` is that along the step."""
    shorten, slope = lanes[at.shorten], lanes[at.slope]
    for i in range(LANES):
        slope[i] = shorten[i] * slope[i] if shorten[i] < 1.0 else 0.0
    for k in range(at.free):
        x, step, newton, gradient = lanes[at.x + k], lanes[at.step + k], lanes[at.newton + k], lanes[at.gradient + k]
        low, high = lanes[at.lower + k], lanes[at.upper + k]
        for i in range(LANES):
            back = shorten[i] < 1.0
            slope[i] += 0.0 if back else newton[i] * gradient[i]
            there = x[i] + ((shorten[i] - 1.0) * step[i] if back else newton[i])
            step[i] = shorten[i] * step[i] if back else newton[i]
            x[i] = min(max(there, low[i]), high[i])
    for i in range(LANES):
        slope[i] = slope[i] if slope[i] < 0.0 else -inf  # a step that bounds have turned uphill is not checked


@compiled
def _check_last_step(lanes, at):  # type: ignore[no-untyped-def]
    """Set `shorten` below 1 where the last step left the model's domain or went up the other side of the valley.

    The slope along the step tells, which costs no value of chi^2. What overshot is damped for the next steps, too.
    """
    before, shorten, after, allowed = lanes[at.slope], lanes[at.shorten], lanes[at.work], lanes[at.allowed]
    damping = lanes[at.damping]
    for i in range(LANES):
        after[i] = 0.0
    for k in range(at.free):
        gradient, step = lanes[at.gradient + k], lanes[at.step + k]
        for i in range(LANES):
            after[i] += gradient[i] * step[i]
    for i in range(LANES):
        fraction = min(max(before[i] / (before[i] - after[i]), 0.1), 0.7)
        fraction = fraction if after[i] > -OVERSHOT * before[i] else 1.0
        shorten[i] = fraction if allowed[i] > 0.0 else 0.25
        less, more = damping[i] * CALMED, max(damping[i] / CALMED, DAMPED)
        damping[i] = more if shorten[i] < 1.0 else (less if less > DAMPED else 0.0)


@compiled
def _next(toy, finished, waiting, toys, leaving, entering):  # type: ignore[no-untyped-def]
    """Give the lanes of finished toys to waiting ones; returns the next that waits."""
    for i in range(LANES):
        leaving[i] = entering[i] = -1
        if not finished[i]:
            continue
        finished[i] = False
        leaving[i] = toy[i]
        if waiting < toys:
            entering[i] = waiting
            waiting += 1
        toy[i] = entering[i]
    return waiting


@compiled
def _aim(lanes, at, side, toy, target, reach, entering):  # type: ignore[no-untyped-def]
    """Step of the last free variable to where the profiled chi^2 should be the toy's target; `worth` is the whole step's.

    The factorised Hessian knows the profile nearby: its value is chi^2 less the decrement of the others, its slope and
    curvature are the last right-hand side and pivot. A step out of the bracket from low to high halves the bracket instead.
    """
    last = at.free - 1
    x, newton, solution, inverse = lanes[at.x + last], lanes[at.newton + last], lanes[at.solution + last], lanes[at.inverse + last]
    lows, highs, chi2, decrement, worth = lanes[at.low], lanes[at.high], lanes[at.chi2], lanes[at.decrement], lanes[at.worth]
    lower, upper = lanes[at.lower + last], lanes[at.upper + last]
    for i in range(LANES):
        here, low, high = side * x[i], lows[i], highs[i]
        if entering[i] >= 0:
            low, high = here, max(side * lower[i], side * upper[i])
        slope, curvature = -side * solution[i], 1.0 / inverse[i]
        lack = (target[max(toy[i], 0)] - chi2[i] + decrement[i]) / 2
        if decrement[i] < SETTLED:
            low, high = (here, high) if lack > 0.0 else (low, here)
        step = 2.0 * lack / (slope + sqrt(max(slope * slope + 2.0 * curvature * lack, 0.0)))
        step = min(max(step, -reach), reach)
        if not low < here + step < high:
            step = (low + high) / 2 - here
        newton[i] = side * step
        worth[i] = decrement[i] + (curvature + 4.0 * slope * slope) * step * step
        lows[i], highs[i] = low, high


@compiled
def _solve(model, form, counts, centres, side, target, reach, theta, lanes, at, number):  # type: ignore[no-untyped-def]
    """Newton's method for every toy, from theta (toys, parameters), which it replaces.

    With side 0 to a minimum, else to where the profile of the last free variable crosses target (toys,), upwards of theta
    for side 1, downwards for -1. Fills the number of steps (toys,), 0 where it did not end.
    """
    toys, count = theta.shape[0], at.free if side == 0.0 else at.free - 1
    toy, leaving, entering = np.full(LANES, -1), np.full(LANES, -1), np.full(LANES, -1)
    steps, finished, before = np.zeros(LANES, dtype=np.int64), np.ones(LANES, dtype=np.bool_), np.zeros(LANES)
    waiting = _next(toy, finished, 0, toys, leaving, entering)
    while np.any(toy >= 0):
        _exchange(lanes, at, form, counts, centres, theta, leaving, entering)
        _expect(model, form, lanes, at)
        _derive(model, form, lanes, at)
        _check_last_step(lanes, at)
        _hold(lanes, at, count)
        _factorise(lanes, at)
        _promise(lanes, at, count)
        if side != 0.0:
            _chi2(lanes, at)
        for _round in range(at.free):
            if side != 0.0:
                _aim(lanes, at, side, toy, target, reach, entering)
            if _substitute_back(lanes, at, count) == 0:
                break
            _factorise(lanes, at)
        _move(lanes, at)
        if side != 0.0:
            lanes[at.slope] = -inf  # a step to a level does not go downhill
        for i in range(LANES):
            if toy[i] < 0:
                continue
            steps[i] += 1
            now = lanes[at.worth, i]
            small = now < CONVERGED or (now < NEARLY and now < QUADRATIC * before[i])
            small = small and lanes[at.shorten, i] == 1.0 and lanes[at.damping, i] == 0.0
            before[i] = now
            if small or steps[i] == ITERATIONS:
                number[toy[i]] = steps[i] if small else 0
                finished[i] = True
                steps[i], before[i] = 0, 0.0
        waiting = _next(toy, finished, waiting, toys, leaving, entering)
    _exchange(lanes, at, form, counts, centres, theta, leaving, entering)


@compiled
def _evaluate(model, form, counts, centres, theta, lanes, at, chi2):  # type: ignore[no-untyped-def]
    """The statistic of every toy at theta (toys, parameters)."""
    toys = theta.shape[0]
    leaving, entering = np.full(LANES, -1), np.empty(LANES, dtype=np.int64)
    for start in range(0, toys, LANES):
        for i in range(LANES):
            entering[i] = min(start + i, toys - 1)
        _exchange(lanes, at, form, counts, centres, theta, leaving, entering)
        _expect(model, form, lanes, at)
        _chi2(lanes, at)
        for i in range(min(LANES, toys - start)):
            chi2[start + i] = lanes[at.chi2, i]
