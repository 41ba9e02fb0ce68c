"""Profile-likelihood fits of toy experiments by the million: `LANES` toys at a time, each a lane of vector instructions.

The statistic is that of `profile`, with each toy's own counts and centres of constraints. The expected counts are linear in
the terms of the model, so every sum over bins is a product of a constant matrix with lanes. For the slopes these are the
templates with 1 - n/lambda, and short sums over terms turn derivatives by terms into derivatives by parameters. For the
curvatures the counts are differentiated by the parameters first: there are far fewer of these than pairs of terms.

A moment enters only as its square, so its square is fitted: the signal is linear in it and the physical boundary is a bound.
A toy leaves its lane when it has converged, and the next one takes the lane. No number of a toy enters another's: results
do not depend on the order or the company of toys.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np

from bayesnu.inference.newton import minimise
from bayesnu.inference.profiler import Fit, Profiler
from bayesnu.inference.toys.derivatives import (
    Form,
    arrange_slopes,
    arrange_spectra,
    differentiate,
    exponents_of,
    number_experiments,
)
from bayesnu.inference.toys.lanes import Goal, ToyArrays, evaluate_chi2, iterate_newton
from bayesnu.inference.toys.rows import Rows, allocate_lanes, copy_lanes
from bayesnu.inference.toys.starts import Starts
from bayesnu.inference.toys.toys import Toys, find_constraints
from bayesnu.model.kernel_arrays import MEAN
from bayesnu.model.polynomial import Model
from bayesnu.support.errors import BayesnuError

ATTEMPTS = 5  # of the scalar minimiser at one toy
CONVERGED = 1e-9  # decrease of chi^2 that the last step of a toy's fit promises
EXACT = 1e-16  # the same of a fit whose parameters are quoted
PATIENCE = 2  # how many times as many steps a fit of several physics parameters gets
SQUARES = 10.0  # times the square of a moment that has as many events as the noise: a step towards a limit at most
FURTHER = 5  # times that an end of several physics parameters may lie further out
HALVINGS = 60  # of the range in which a level is sought, at most
ON_LEVEL = 1e-6  # distance of the profile from the level at an end that the search has found
BEYOND = 1e6  # chi^2 in place of infinity, between which and a number no line can be drawn

NOTHING = np.empty(0)
MINIMUM = Goal(0.0, NOTHING, NOTHING, NOTHING, inf, False, CONVERGED)


@dataclass(frozen=True, eq=False)
class ToyLimits:
    """Ends of profile-likelihood intervals (toys,) with the best fits; NaN where `ended` (toys,) is false."""

    best: Fit
    limit: np.ndarray
    ended: np.ndarray


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is the same for all fits of some free parameters: lists, memory to copy with its rows, and whether steps bend."""

    form: Form
    lanes: np.ndarray
    rows: Rows
    bends: bool


class ToyFitter:
    """Fits of toys of one model. Building one arranges arrays and compiles nothing."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.profiler = Profiler(model)
        self._prepared: dict[tuple[bytes, int], Prepared] = {}
        self.exponents, self.squared = exponents_of(model)
        self.starts = Starts(model, self.squared)
        self.spectra = arrange_spectra(model)
        self.experiments = number_experiments(model)
        self.nuisances = np.arange(len(model.parameters)) >= model.n_physics
        self.nothing_free = np.zeros_like(self.nuisances)

    def chi2(self, toys: Toys, theta: np.ndarray) -> np.ndarray:
        """The statistic (toys,) at theta (parameters,) or (toys, parameters); inf where the model excludes the data."""
        return self._evaluate(toys, self._repeat_rows(toys, theta))

    def _evaluate(self, toys: Toys, theta: np.ndarray) -> np.ndarray:
        """The statistic (toys,) at theta (toys, parameters)."""
        ready = self._prepare(self.nothing_free)
        chi2 = np.empty(len(theta))
        lanes = copy_lanes(ready.lanes)
        evaluate_chi2(self.spectra, ready.form, _arrange_toys(toys), MINIMUM, theta, lanes, ready.rows, chi2)
        return chi2

    def fit(self, toys: Toys, start: np.ndarray, free: np.ndarray, enough: float = CONVERGED) -> Fit:
        """Minimise chi^2 from a start, (parameters,) or (toys, parameters), over the parameters marked free (parameters,).

        Finds the minimum of the basin of the start, to where a step promises less than `enough`. A toy that did not end has
        NaN for chi^2 and its free parameters.
        """
        begin = self._repeat_rows(toys, start)
        theta = begin.copy()
        free = np.asarray(free, dtype=bool)
        ended = np.ones(len(begin), dtype=bool)
        if free.any():
            ended = self._solve(toys, theta, free, MINIMUM._replace(enough=enough))
            for i in np.flatnonzero(~ended):
                theta[i], ended[i] = self._fit_alone(toys, int(i), begin[i], free)
        chi2 = self._evaluate(toys, theta)
        ended &= np.isfinite(chi2)
        if not ended.all():
            theta[np.ix_(~ended, free)] = nan
            chi2[~ended] = nan
        return Fit(theta, chi2, ended)

    def best_fit(self, toys: Toys) -> Fit:
        """The lowest minimum over the nuisances and the physical range of the physics parameters.

        Raises `BayesnuError` for charges beside radii, whose lowest minimum may be missed.
        """
        _require_one_signed_property(self.model)
        return take_lowest(self._find_minima(toys))

    def fit_others(self, toys: Toys, theta: np.ndarray) -> Fit:
        """The lowest chi^2 over everything but the first physics parameter, which stays as in theta.

        The nuisances begin at theta, (parameters,) or (toys, parameters), and further physics parameters both there and
        where the toys suggest.
        """
        free = self.nuisances.copy()
        free[1 : self.model.n_physics] = True
        begin = self._repeat_rows(toys, theta)
        starts = [begin]
        if self.model.n_physics > 1:
            for others in self.starts.place(toys, first=1):
                starts.append(np.column_stack([begin[:, 0], others, begin[:, self.model.n_physics :]]))
        return take_lowest(self._fit_starts(toys, starts, free))

    def limit(self, toys: Toys, level: float, side: str = "upper") -> ToyLimits:
        """Best fits, and the outermost end of where the profile of chi^2 is less than `level` above its minimum.

        The profile is that in the first physics parameter; further ones are fitted like the nuisances. `side` is `upper` or
        `lower`; an end is a physical boundary, as 0 of a modulus, where the interval reaches it. NaN is an end that does not
        exist or was not found. Needs a model with a physics parameter.
        """
        if self.model.n_physics == 0:
            raise BayesnuError("limit: the model has no physics parameter; build it with one, for example mu_nu")
        _require_one_signed_property(self.model)
        if side not in ("upper", "lower"):
            raise BayesnuError(f"side: found '{side}'; must be 'upper' or 'lower'")
        if not level > 0:
            raise BayesnuError(f"level: found {level:g}; must be positive, for example 2.71 at 90 %")
        sign = 1.0 if side == "upper" else -1.0
        minima = self._find_minima(toys)
        best = take_lowest(minima)
        target = best.chi2 + level
        # The outermost end belongs to the outermost minimum below the level.
        theta = best.theta.copy()
        for minimum in minima:
            further = (minimum.chi2 < target) & (sign * minimum.theta[:, 0] > sign * theta[:, 0])
            theta[further] = minimum.theta[further]
        # A parameter may be allowed up to where physics ends; else the end is where the profile crosses the level.
        limit = np.full(len(toys), nan)
        sought = best.ended.copy()
        boundary = self.model.of_interest[0].bounds[side == "upper"]
        if isfinite(boundary):
            at_boundary = self._profile_at(toys, theta, np.full(len(toys), boundary))
            limit[at_boundary <= target] = boundary
            sought &= ~(at_boundary <= target)  # NaN where counts exclude the boundary
        limit[sought] = self._find_last_ends(_select_toys(toys, sought), theta[sought], target[sought], sign)
        return ToyLimits(best, limit, ~np.isnan(limit))

    def _find_last_ends(self, toys: Toys, theta: np.ndarray, target: np.ndarray, sign: float) -> np.ndarray:
        """Where the profile crosses target (toys,) for the last time beyond theta; NaN where that was not found.

        At an end that was found another minimum over the other physics parameters may be lower. Then the end lies further.
        """
        end = self._find_ends(toys, theta, target, sign)
        if self.model.n_physics == 1:
            return end
        open_ends = np.flatnonzero(~np.isnan(end))
        for _ in range(FURTHER):
            here = np.column_stack([end[open_ends], theta[open_ends, 1:]])
            there = self.fit_others(_pick_toys(toys, open_ends), here)
            is_last = there.chi2 > target[open_ends] - ON_LEVEL
            end[open_ends[~there.ended]] = nan
            is_short = ~is_last & there.ended
            open_ends = open_ends[is_short]
            if not len(open_ends):
                return end
            theta[open_ends] = there.theta[is_short]
            end[open_ends] = self._find_ends(_pick_toys(toys, open_ends), theta[open_ends], target[open_ends], sign)
            open_ends = open_ends[~np.isnan(end[open_ends])]
        end[open_ends] = nan
        return end

    def _find_ends(self, toys: Toys, theta: np.ndarray, target: np.ndarray, sign: float) -> np.ndarray:
        """Where the profile of the first parameter crosses target (toys,) beyond theta; NaN where it was not found."""
        end = theta.copy()
        anywhere = np.full(len(toys), inf)
        # Where two minima merge, or moments replace each other, the curvature is no measure of the distance to a level.
        reach = SQUARES * self.starts.find_reach(0) ** 2 if self.squared[0] else self.starts.find_reach(0)
        goal = Goal(sign, target, -anywhere, anywhere, reach, False, CONVERGED)
        lost = ~self._solve(toys, end, np.ones_like(self.nuisances), goal)
        if lost.any():
            end[lost, 0] = self._search_ends(_select_toys(toys, lost), theta[lost], target[lost], sign)
        return end[:, 0]

    def _search_ends(self, toys: Toys, theta: np.ndarray, target: np.ndarray, sign: float) -> np.ndarray:
        """The same within a bracket, for the few toys whose iteration did not converge."""
        from scipy.optimize.elementwise import find_root  # most commands never need it, and it takes half a second

        def rise(values: np.ndarray, at: np.ndarray) -> np.ndarray:
            chi2 = self._profile_at(_pick_toys(toys, at), theta[at], values)
            above: np.ndarray = np.nan_to_num(chi2 - target[at], nan=BEYOND)  # counts exclude the value
            return above

        # A bracket: steps outwards that double until the profile is above its target.
        at = np.arange(len(toys))
        inside = theta[:, 0].copy()
        farthest = self.profiler.upper[0] if sign > 0 else self.profiler.lower[0]
        step = sign * self.starts.find_reach(0)
        outside = inside.copy()
        below = at
        while len(below) and abs(step) < 2 * abs(farthest):
            outside[below] = sign * np.minimum(sign * (inside[below] + step), sign * farthest)
            below = below[rise(outside[below], below) < 0]
            inside[below] = outside[below]
            step *= 2
        bracket = (inside, outside) if sign > 0 else (outside, inside)
        found = find_root(rise, bracket, args=(at,), tolerances={"fatol": CONVERGED}, maxiter=HALVINGS)
        return np.where(np.abs(found.f_x) < ON_LEVEL, found.x, nan)

    def _profile_at(self, toys: Toys, theta: np.ndarray, values: np.ndarray) -> np.ndarray:
        """chi^2 profiled over the rest, from theta (toys, parameters), at values (toys,) of the first parameter."""
        return self.fit_others(toys, np.column_stack([values, theta[:, 1:]])).chi2

    def _find_minima(self, toys: Toys) -> list[Fit]:
        """Fits of all parameters from every start, the nuisances at the centres of their constraints."""
        constrained = [*find_constraints(self.model)]
        theta = self._repeat_rows(toys, self.model.nominal())
        theta[:, constrained] = toys.centres[:, constrained]
        nuisances = theta[:, self.model.n_physics :]
        starts = [np.column_stack([physics, nuisances]) for physics in self.starts.place(toys)]
        return self._fit_starts(toys, starts, np.ones_like(self.nuisances))

    def _fit_starts(self, toys: Toys, starts: list[np.ndarray], free: np.ndarray) -> list[Fit]:
        """Fits from every start (toys, parameters).

        Several physics parameters have valleys in which fits are slow. There a start that did not end is left alone, as
        long as another one did.
        """
        if self.model.n_physics == 1:
            return [self.fit(toys, start, free) for start in starts]
        fits = [self._fit_in_lanes(toys, start, free) for start in starts]
        lost = ~np.any([fit.ended for fit in fits], axis=0)
        if lost.any():
            alone = self.fit(_select_toys(toys, lost), starts[0][lost], free)
            fits[0].theta[lost] = alone.theta
            fits[0].chi2[lost] = alone.chi2
            fits[0].ended[lost] = alone.ended
        best = take_lowest(fits)
        for muon, tau in self.starts.find_pairs(free):
            fits.append(self._fit_in_lanes(toys, self.starts.exchange(best.theta, muon, tau), free))
        return fits

    def _fit_in_lanes(self, toys: Toys, start: np.ndarray, free: np.ndarray) -> Fit:
        """Minima from a start (toys, parameters), with more steps for those that need them; NaN where they do not end."""
        theta = start.copy()
        ended = self._solve(toys, theta, free, MINIMUM)
        for _ in range(PATIENCE):
            slow = np.flatnonzero(~ended)
            if not len(slow):
                break
            further = theta[slow]
            ended[slow] = self._solve(_pick_toys(toys, slow), further, free, MINIMUM)
            theta[slow] = further
        chi2 = self._evaluate(toys, theta)
        ended &= np.isfinite(chi2)
        return Fit(theta, np.where(ended, chi2, nan), ended)

    def find_crossings(
        self, toys: Toys, theta: np.ndarray, free: np.ndarray, k: int, target: np.ndarray, outside: np.ndarray
    ) -> np.ndarray:
        """Where the profile of chi^2 in physics parameter k crosses target (toys,), NaN where it was not found.

        All else that is marked in `free` (parameters,) is profiled. The profile is below the target at theta
        (toys, parameters), and above at the values `outside` (toys,).
        """
        inside = theta[:, k]
        power = 2 if self.squared[k] else 1
        found = np.full(len(toys), nan)
        for sign in (1.0, -1.0):
            which = sign * (outside - inside) > 0
            if not which.any():
                continue
            end = theta[which]
            low = sign * inside[which] ** power
            high = sign * outside[which] ** power
            goal = Goal(sign, target[which], low, high, inf, False, EXACT)
            ended = self._solve(_select_toys(toys, which), end, free, goal, k)
            found[which] = np.where(ended, end[:, k], nan)
        return found

    def _solve(self, toys: Toys, theta: np.ndarray, free: np.ndarray, goal: Goal, last: int = 0) -> np.ndarray:
        """Replace theta by minima, or by where parameter `last` crosses a level; returns which toys converged."""
        ready = self._prepare(free, last)
        steps = np.zeros(len(theta), dtype=np.int64)
        goal = goal._replace(bend=ready.bends)
        iterate_newton(
            self.spectra, ready.form, _arrange_toys(toys), goal, theta, copy_lanes(ready.lanes), ready.rows, steps
        )
        return steps > 0

    def _fit_alone(self, toys: Toys, i: int, start: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, bool]:
        """The scalar minimiser, for the few toys that did not converge in their lanes."""
        numbers = self.profiler.arrays.prior_numbers.copy()
        numbers[:, MEAN] = toys.centres[i]
        counts = np.ascontiguousarray(toys.counts[i], dtype=float)
        arrays = self.profiler.arrays._replace(observed=counts, prior_numbers=numbers)
        theta = np.array([start], dtype=float)
        chi2 = np.empty(1)
        ended = np.zeros(1, dtype=np.bool_)
        for k in np.flatnonzero(free & self.squared & (start == 0)):
            theta[0, k] = self.starts.find_reach(int(k))  # 0 is a stationary point of a moment, not of its square
        for _ in range(ATTEMPTS):
            if not ended[0]:
                minimise(theta, np.flatnonzero(free), self.profiler.lower, self.profiler.upper, arrays, chi2, ended)
        return theta[0], bool(ended[0])

    def _repeat_rows(self, toys: Toys, theta: np.ndarray) -> np.ndarray:
        """A copy of theta with a row per toy, once all shapes agree."""
        bins = self.model.observed.size
        size = len(self.model.parameters)
        if toys.counts.shape != (len(toys), bins) or toys.centres.shape != (len(toys), size):
            raise BayesnuError(
                f"toys: found counts {toys.counts.shape} and centres {toys.centres.shape}; the model needs {bins} bins and "
                f"{size} parameters for each toy"
            )
        return np.array(np.broadcast_to(theta, (len(toys), size)), dtype=float)

    def _prepare(self, free: np.ndarray, last: int = 0) -> Prepared:
        """What fits of these free parameters need, the physics parameter `last` after all others; made once."""
        key = (np.asarray(free, dtype=bool).tobytes(), last)
        if key not in self._prepared:
            form = self._arrange_form(free, last)
            lanes, rows = self._prepare_lanes(form, int(free.sum()))
            bends = self._prepare_ellipse(form, lanes, rows)
            self._prepared[key] = Prepared(form, lanes, rows, bends)
        return self._prepared[key]

    def _arrange_form(self, free: np.ndarray, last: int = 0) -> Form:
        """Lists for these free parameters. Physics parameters are eliminated last, as one of them may go to a level."""
        order = np.array(sorted(range(len(free)), key=lambda k: (not free[k], k < self.model.n_physics, k == last, k)))
        monomials, first, linear = differentiate(self.exponents[:, order], int(free.sum()), self.experiments)
        slopes, spectra = arrange_slopes(first, self.experiments, self.spectra.templates)
        return Form(order, self.squared[order], monomials, linear, slopes, spectra)

    def _prepare_lanes(self, form: Form, free: int) -> tuple[np.ndarray, Rows]:
        """Working memory, with what is the same for every toy filled in."""
        lanes, at = allocate_lanes(self.spectra, form, free, self.model.counted)
        lanes[at.one] = 1.0
        for row, end in ((at.lower, self.profiler.lower), (at.upper, self.profiler.upper)):
            values = np.where(self.squared, end**2, end)
            lanes[row : row + free] = values[form.order[:free], None]
        constraints = find_constraints(self.model)
        for n, k in enumerate(form.order):
            if k in constraints:
                lanes[at.inverse_below + n] = 1 / constraints[k].below
                lanes[at.inverse_above + n] = 1 / constraints[k].above
        return lanes, at

    def _prepare_ellipse(self, form: Form, lanes: np.ndarray, at: Rows) -> bool:
        """Fill in where the signal's events stay the same, and tell if signed parameters have room to replace each other."""
        signed = [k for k in range(self.model.n_physics) if not self.squared[k] and k in form.order[: at.free]]
        if len(signed) < 2:
            return False
        for k in signed:
            place = int(np.flatnonzero(form.order == k)[0])
            shape = self.starts.parabola(k)
            lanes[at.middle + place] = shape.middle
            lanes[at.metric + place] = np.sqrt(shape.curved)
        return True


def _require_one_signed_property(model: Model) -> None:
    """Refuse charges beside radii: they interfere, and minima along their diagonal are found from no start on an axis."""
    signed = {parameter.em_property.name for parameter in model.of_interest if parameter.signed}
    if len(signed) > 1:
        raise BayesnuError(f"toys: found {' and '.join(sorted(signed))} together; take one of them, or `profile_interval`")


def take_lowest(fits: list[Fit]) -> Fit:
    """The lowest of several fits, toy by toy; it ended where any did."""
    theta, chi2, ended = (np.stack([getattr(fit, name) for fit in fits]) for name in ("theta", "chi2", "ended"))
    best = np.argmin(np.where(ended, chi2, inf), axis=0)
    each = np.arange(len(best))
    return Fit(theta[best, each], chi2[best, each], ended[best, each])


def _select_toys(toys: Toys, which: np.ndarray) -> Toys:
    return toys if which.all() else Toys(toys.counts[which], toys.centres[which])


def _pick_toys(toys: Toys, places: np.ndarray) -> Toys:
    return Toys(toys.counts[places], toys.centres[places])


def _arrange_toys(toys: Toys) -> ToyArrays:
    counts = np.ascontiguousarray(toys.counts, dtype=float)
    return ToyArrays(counts, np.ascontiguousarray(toys.centres, dtype=float))
