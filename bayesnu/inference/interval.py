"""Intervals as objects: their pieces, what they are, how well their ends are known; and the level of the profile's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import sqrt
from typing import NamedTuple, Self, TypeVar

from scipy.special import ndtri

from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.arguments import read_number
from bayesnu.support.errors import BayesnuError
from bayesnu.support.html import html_table
from bayesnu.support.text import intervals, number, percent


class Piece(NamedTuple):
    """One connected piece of an interval, in the interval's units; an end is None where none exists."""

    lower: float | None
    upper: float | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Interval:
    """An interval of one parameter, in units of its `scale * unit`, or in its unit once `scaled`.

    Attributes:
        kind: `upper` (a limit from the lower end of the prior), `eti` (equal tails), `hdi` (highest density in the parameter
            as it is named), `profile`, `feldman-cousins` or `published`.
        probability: a pure number, such as 0.9; None where a publication names none.
        pieces: (lower, upper) of every connected part, lowest first. A Feldman-Cousins interval may have none.
        errors: Monte-Carlo standard errors of the ends of every piece, in the interval's units. An end without one has None;
            the tuple is empty where nothing random entered.
        status: in words, how the search for it ended.
    """

    kind: str
    probability: float | None
    pieces: tuple[Piece, ...]
    errors: tuple[Piece, ...] = ()
    status: str = ""

    def __repr__(self) -> str:
        error = "" if self.largest_error is None else f" +- {number(self.largest_error, 1)}"
        status = f"; {self.status}" if self.status else ""
        return f"<{type(self).__name__} {self._describe()}: {intervals(self.pieces, 1.0)}{error}{status}>"

    def _repr_html_(self) -> str:
        cells = (self._describe(), intervals(self.pieces, 1.0), number(self.largest_error, 1), self.status)
        return html_table(("interval", "ends", "Monte-Carlo error", "status"), [cells], "Interval")

    def _describe(self) -> str:
        """Probability and kind in words."""
        return f"{percent(self.probability)} {self.kind}" if self.probability else self.kind

    @property
    def lower(self) -> float | None:
        """Outermost lower end, in the interval's units; None where it has none."""
        return self.pieces[0].lower if self.pieces else None

    @property
    def upper(self) -> float | None:
        """Outermost upper end, in the interval's units; None where it has none."""
        return self.pieces[-1].upper if self.pieces else None

    @property
    def mcse_lower(self) -> float | None:
        """Monte-Carlo standard error of the outermost lower end, in the interval's units; None without one."""
        return self.errors[0].lower if self.errors else None

    @property
    def mcse_upper(self) -> float | None:
        """Monte-Carlo standard error of the outermost upper end, in the interval's units; None without one."""
        return self.errors[-1].upper if self.errors else None

    @property
    def largest_error(self) -> float | None:
        """The largest Monte-Carlo error of any end, in the interval's units; None if none has one."""
        return max((each for piece in self.errors for each in piece if each is not None), default=None)

    def length(self, lowest: float) -> float | None:
        """Length of all pieces together, in the interval's units; None where an upper end is missing.

        A piece without a lower end begins at `lowest`.
        """
        lengths = [None if high is None else high - (lowest if low is None else low) for low, high in self.pieces]
        return None if None in lengths else sum(each for each in lengths if each is not None)

    def bare(self) -> Interval:
        """The interval alone, without what its kind and its search add to it."""
        return Interval(
            kind=self.kind,
            probability=self.probability,
            pieces=self.pieces,
            errors=self.errors,
        )

    def scaled(self, factor: float) -> Self:
        """The same interval with every number multiplied: by a parameter's scale to have it in its unit."""
        return replace(self, pieces=_scale_ends(self.pieces, factor), errors=_scale_ends(self.errors, factor))


def outermost_errors(pieces: int, lower: float | None, upper: float | None) -> tuple[Piece, ...]:
    """The errors of so many pieces of which at most the outermost ends have one."""
    if lower is None and upper is None:
        return ()
    errors = [Piece(None, None)] * pieces
    errors[0] = errors[0]._replace(lower=lower)
    errors[-1] = errors[-1]._replace(upper=upper)
    return tuple(errors)


def _scale_ends(pieces: tuple[Piece, ...], factor: float) -> tuple[Piece, ...]:
    return tuple(Piece(_multiply_end(piece.lower, factor), _multiply_end(piece.upper, factor)) for piece in pieces)


def _multiply_end(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


@dataclass(frozen=True, kw_only=True, repr=False)
class CredibleInterval(Interval):
    """A credible interval of this `probability`, with the posterior's `median` in the interval's units."""

    probability: float
    median: float

    def scaled(self, factor: float) -> Self:
        """The same with every number but the probability multiplied."""
        return replace(super().scaled(factor), median=self.median * factor)


@dataclass(frozen=True, kw_only=True, repr=False)
class DerivedInterval(CredibleInterval):
    """An interval of a derived quantity, and `of_prior`, the one that its inherited prior alone would give."""

    unit: str
    prior: str
    of_prior: Piece


@dataclass(frozen=True, kw_only=True, repr=False)
class IntegratedInterval(Interval):
    """A credible interval by integration instead of sampling; `method` says how the nuisances were integrated."""

    probability: float
    method: str


@dataclass(frozen=True, kw_only=True, repr=False)
class ProfileInterval(Interval):
    """An interval from the profile likelihood: where chi^2 is less than `delta_chi2` above its minimum `chi2_min`.

    Attributes, beside those of `Interval`:
        kind: always `profile`.
        probability: the confidence level, a pure number; `cl` is the same.
        parameter: the physics parameter, with its `scale` and `unit`.
        others: what became of the other physics parameters, `zero` or `profiled`.
        one_sided: whether the level is that of a one-sided limit.
        delta_chi2: the level, a pure number: 2.71 at 90 %, or 1.64 one-sided.
        best_fit: where chi^2 is smallest, in the interval's units; None where it is not unique.
        chi2_min: the smallest chi^2, a pure number.
    """

    probability: float
    parameter: PhysicsParameter
    others: str
    one_sided: bool
    delta_chi2: float
    best_fit: float | None
    chi2_min: float
    kind: str = field(default="profile", init=False)

    def _describe(self) -> str:
        return f"{self.kind} of {self.parameter.name}, {self.side}"

    @property
    def cl(self) -> float:
        """The confidence level, a pure number between 0 and 1."""
        return self.probability

    @property
    def side(self) -> str:
        """The level in words: what it is of an interval, and of the upper limit of a modulus."""
        if self.one_sided:
            return f"{percent(self.cl)} one-sided"
        two_sided = f"{percent(self.cl)} two-sided"
        return two_sided if self.parameter.signed else f"{two_sided}, {percent((1 + self.cl) / 2)} as an upper limit"

    def scaled(self, factor: float) -> Self:
        """The same with every number but chi^2 multiplied."""
        return replace(super().scaled(factor), best_fit=_multiply_end(self.best_fit, factor))

    def without_boundary(self) -> Self:
        """The same without the physical boundary 0 of a modulus, which is no end that the data have found."""
        return self if self.parameter.signed else without_boundary(self)


AnyInterval = TypeVar("AnyInterval", bound=Interval)


def without_boundary(found: AnyInterval) -> AnyInterval:
    """The interval of a modulus without its physical boundary 0."""
    return replace(found, pieces=tuple(Piece(None if low == 0 else low, high) for low, high in found.pieces))


def modes_note(found: Interval, densest: tuple[Piece, ...], scale: float) -> str | None:
    """Say where a posterior has separate modes, and which values between them an interval of another kind holds.

    `densest` are the pieces of the highest-density interval of the same probability; values are said in units of `scale`.
    """
    if len(densest) == 1:
        return None
    note = f"the posterior has {len(densest)} separate modes"
    if found.kind == "hdi":
        return note
    gaps = [(one.upper, other.lower) for one, other in pairwise(densest)]
    return (
        f"{note}: this interval holds also {intervals(gaps, scale)} between them, where the density is lower than anywhere "
        "in the highest-density pieces"
    )


@dataclass(frozen=True)
class ValueTest:
    """A value of a parameter, in units of its scale, and `delta_chi2`, the profile there above its minimum."""

    parameter: PhysicsParameter
    value: float
    delta_chi2: float

    @property
    def significance(self) -> float:
        """How far the value is from the best fit, in standard deviations by Wilks' theorem."""
        return sqrt(self.delta_chi2)

    @property
    def sentence(self) -> str:
        """The same in words."""
        return (
            f"{self.parameter.name} = {self.value:g}: Δχ² = {self.delta_chi2:.3g} above the best fit, "
            f"{self.significance:.2g} standard deviations by Wilks' theorem"
        )


def delta_chi2(cl: float, one_sided: bool = False) -> float:
    """Quantile of chi^2 with one degree of freedom: 2.71 at 90 %, or the one-sided 1.64."""
    if not 0 < read_number("cl", cl) < 1:
        raise BayesnuError(f"cl: found {cl:g}; must lie between 0 and 1, for example 0.9")
    if one_sided and cl <= 0.5:
        raise BayesnuError(f"cl: found {cl:g}; a one-sided limit needs more than 0.5")
    return float(ndtri(cl if one_sided else (1 + cl) / 2) ** 2)
