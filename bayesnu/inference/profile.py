"""Profile likelihood of one physics parameter: where chi^2 stays below a level above its minimum.

chi^2 is scanned over the whole range of the parameter, so that no second minimum is missed. The ends of the interval are
then found between two points of the scan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bayesnu.inference.interval import Piece, ProfileInterval, delta_chi2
from bayesnu.inference.line import Line, Scan, check_index
from bayesnu.inference.profiler import WIDER, Others, check_ended, describe_unended
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model.polynomial import Model
from bayesnu.support.arguments import require
from bayesnu.support.errors import BayesnuError

GRID = 401  # points of a curve to be drawn
RISE = 10.0  # of chi^2 that a curve is drawn to
HALVINGS = 40  # of a grid step: they leave 1e-14 of the range
ON_LEVEL = 1e-6  # of chi^2 below the level at which an end counts as on it
FEW_HALVINGS = 20  # the same where other physics parameters are profiled


def fine_scan(line: Line) -> Scan:
    """Scan a parameter where chi^2 has risen by less than `RISE`, for a smooth curve.

    Raises `BayesnuError` where fits did not end.
    """
    coarse = line.scan()
    inside = np.flatnonzero(coarse.rise < RISE)
    first = max(inside[0] - 1, 0)
    last = min(inside[-1] + 1, len(coarse.values) - 1)
    values = np.union1d(np.linspace(coarse.values[first], coarse.values[last], GRID), [coarse.best_value])
    fit = line.fit(values)
    check_ended(fit, "curve")
    return replace(coarse, values=values, chi2=fit.chi2, theta=fit.theta)


def interval(
    model: Model, index: int = 0, *, cl: float = 0.9, one_sided: bool = False, others: Others = "zero"
) -> ProfileInterval:
    """Find the profile-likelihood interval of a physics parameter: where chi^2 is less than a level above its minimum.

    Arguments:
        model: from `build`. Priors of physics parameters do not enter; one that is wider than usual widens the scan.
        index: the place of the parameter among the physics parameters of the model, from 0.
        cl: the confidence level, between 0 and 1. At 0.9 the level is 2.71.
        one_sided: take the level of a one-sided limit, 1.64 at 0.9, for the upper limit of a moment. A charge or a radius
            has two ends, and is refused.
        others: `zero` fixes the other physics parameters at zero, `profiled` fits them like the nuisances.

    Returns: a `ProfileInterval`, in units of the parameter's scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. `scaled(scale)` is in
        mu_B, e or cm^2. `pieces` keeps disjoint parts apart, `best_fit` is the minimum over the physical range, `status`
        says how the search ended. An end that was not found is None. So are all ends where fits did not end.

    Raises: `BayesnuError` for a level outside (0, 1), another word in `others` and an index that the model does not have;
        for a one-sided limit of a parameter that has a sign.

    Source: Poisson chi^2 of Baker and Cousins 1984, Nucl. Instrum. Meth. 221, 437, with a pull per Gaussian nuisance;
        level of Wilks 1938, Ann. Math. Statist. 9, 60. How often it covers is in docs/methods.md.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build([bayesnu.load_experiment("xenonnt-sr0")], ["r2_nu"])
        >>> found = bayesnu.profile_interval(model)
        >>> f"{found.lower:.1f} to {found.upper:.1f} {found.parameter.scaled_unit}"
        '-61.7 to 19.6 1e-32 cm2'
        >>> round(found.delta_chi2, 2)
        2.71
    """
    require("model", model, Model, "build")
    if not isinstance(others, str) or others not in ("zero", "profiled"):
        raise BayesnuError(f"others: found {others!r:.60}; must be 'zero' or 'profiled'")
    if not isinstance(one_sided, bool | np.bool_):
        raise BayesnuError(f"one_sided: found {one_sided!r:.60}; must be True or False")
    check_index(model, index)
    delta_chi2(cl, one_sided)  # a mistake is found before anything is compiled
    return interval_along(Line(ToyFitter(model), index, others), cl, one_sided)


def interval_along(line: Line, cl: float, one_sided: bool = False) -> ProfileInterval:
    """The interval of `interval` from the scans of a line."""
    if one_sided and line.parameter.signed:
        raise BayesnuError(
            f"`one_sided`: found {line.parameter.name}, which has a sign and so two ends; take the two-sided interval, or a "
            "moment's limit"
        )
    level = delta_chi2(cl, one_sided)
    curve = _scan_until_closed(line, level)
    pieces, unended = _find_pieces(line, curve, level)
    if one_sided and not unended:
        pieces = (Piece(0.0, pieces[-1].upper),)  # a one-sided limit has no lower end
    is_ridge = line.profiles_others and not line.parameter.signed
    return ProfileInterval(
        probability=cl,
        pieces=pieces,
        status=f"not found: {describe_unended(unended)}" if unended else _describe_search(line, pieces, curve, is_ridge),
        parameter=line.parameter,
        others=line.others,
        one_sided=one_sided,
        delta_chi2=level,
        best_fit=None if is_ridge or unended else curve.best_value,
        chi2_min=curve.chi2_min,
    )


def _scan_until_closed(line: Line, level: float) -> Scan:
    """The scan over the narrowest range at whose ends chi^2 has risen above the level, or over the widest one."""
    factor = 1.0
    while True:
        curve = line.scan(factor)
        ends = zip(curve.rise[[0, -1]], curve.values[[0, -1]], strict=True)
        closed = all(rise > level or _is_boundary(line, value) for rise, value in ends)
        if closed or factor >= WIDER:
            return curve
        factor *= 10


def _find_pieces(line: Line, curve: Scan, level: float) -> tuple[tuple[Piece, ...], int]:
    """Pieces where the profiled chi^2 stays below its minimum plus `level`, and the number of fits that did not end.

    With any of those there is no end.
    """
    values = curve.values
    inside = curve.rise <= level
    steps = np.flatnonzero(inside[1:] != inside[:-1])
    below = np.where(inside[steps], steps, steps + 1)
    above = np.where(inside[steps], steps + 1, steps)
    crossings = _find_crossings(line, curve, level, below, above)
    unended = curve.unended + crossings.unended
    if unended:
        return (Piece(None, None),), unended
    first, last = (float(end) if _is_boundary(line, end) else None for end in values[[0, -1]])
    is_beyond = (curve.best_value == values[0] and first is None) or (curve.best_value == values[-1] and last is None)
    if is_beyond:
        return (Piece(first if inside[0] else None, None),), 0  # the minimum lies beyond the range
    lowers: list[float | None] = [float(end) for end in crossings.ends[~inside[steps]]]
    uppers: list[float | None] = [float(end) for end in crossings.ends[inside[steps]]]
    if inside[0]:
        lowers.insert(0, first)
    if inside[-1]:
        uppers.append(last)
    return tuple(Piece(low, high) for low, high in zip(lowers, uppers, strict=True)), 0


def _is_boundary(line: Line, value: float) -> bool:
    """Whether physics ends at a value: no profile is needed beyond."""
    return value in line.parameter.bounds


class _Crossings(NamedTuple):
    """Where a profile crosses a level (n,), and how many fits on the way did not end."""

    ends: np.ndarray
    unended: int


def _find_crossings(line: Line, curve: Scan, level: float, inside: np.ndarray, outside: np.ndarray) -> _Crossings:
    """Crossings between points of a scan (n,) below the level and their neighbours (n,) above it."""
    target = curve.chi2_min + level
    below = curve.values[inside]
    above = curve.values[outside]
    ends = line.cross(curve.theta[inside], above, target)
    sought = np.isnan(ends)
    if line.profiles_others and len(ends):  # another minimum over the others may be lower there, and end further out
        further = line.fit(np.where(sought, below, ends)).chi2 < target - ON_LEVEL
        below = np.where(further & ~sought, ends, below)
        sought |= further
    if not sought.any():
        return _Crossings(ends, 0)
    halved = _halve_brackets(line, below[sought], above[sought], target)
    ends[sought] = halved.ends
    return _Crossings(ends, halved.unended)


def _halve_brackets(line: Line, inside: np.ndarray, outside: np.ndarray, target: float) -> _Crossings:
    """The same by halving all brackets (n,) together."""
    unended = 0
    for _ in range(FEW_HALVINGS if line.profiles_others else HALVINGS):
        middle = (inside + outside) / 2
        order = np.argsort(middle)
        fit = line.fit(middle[order])
        unended += fit.unended(target)
        chi2 = np.empty(len(middle))
        chi2[order] = fit.chi2
        below = chi2 <= target
        inside = np.where(below, middle, inside)
        outside = np.where(below, outside, middle)
    return _Crossings((inside + outside) / 2, unended)


def _describe_search(line: Line, pieces: tuple[Piece, ...], curve: Scan, is_ridge: bool) -> str:
    """How the search for an interval ended, in words."""
    if pieces[0].lower is None or pieces[-1].upper is None:
        ends = f"[{curve.values[0]:g}, {curve.values[-1]:g}]"
        return f"not found: the chi^2 difference stays below the level up to the end of the range {ends}"
    parts = [f"{len(pieces)} disjoint intervals" if len(pieces) > 1 else "found inside the range"]
    if not line.parameter.signed and pieces[0].lower == 0:
        parts.append("an upper limit: the interval begins at the physical boundary 0")
        if curve.best_value == 0:
            parts.append("where the best fit lies")
    elif any(_is_boundary(line, end) for end in (pieces[0].lower, pieces[-1].upper)):
        parts.append("up to a physical boundary")
    if is_ridge:
        parts.append("the best fit is a ridge, so no value per flavour is quoted")
    return ", ".join(parts)
