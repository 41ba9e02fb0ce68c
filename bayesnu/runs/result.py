"""What a chain says, as one object: parameters by name, nuisances, derived quantities, the table of limits, the verdict.

Every number here is in mu_B, e or cm^2, or a pure number; nothing depends on clock, host or path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bayesnu.inference.diagnostics import Diagnostics, Verdict
from bayesnu.inference.interval import CredibleInterval, DerivedInterval, IntegratedInterval, Interval
from bayesnu.inference.toys.result import ToyResult
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.html import html_table
from bayesnu.support.text import intervals, percent

KINDS = {"upper": "upper limit", "eti": "equal-tailed interval", "hdi": "highest-density interval"}


@dataclass(frozen=True)
class ParameterResult:
    """What a chain says of a physics parameter; numbers are in mu_B, e or cm^2.

    Attributes:
        parameter: the parameter, with its name and unit.
        interval: the credible interval that was asked for, with its Monte-Carlo errors and the median.
        diagnostics: R-hat and effective samples, pure numbers.
        prior: in words, with its range in units of the scale.
        others: what became of other physics parameters, `zero` or `marginalised`.
        note: where the prior's range cuts the posterior; None where it does not.
        cross_check: the same interval by integration; None for several physics parameters.
    """

    parameter: PhysicsParameter
    interval: CredibleInterval
    diagnostics: Diagnostics
    prior: str
    others: str
    note: str | None
    cross_check: IntegratedInterval | None


@dataclass(frozen=True)
class NuisanceResult:
    """A nuisance parameter: its equal-tailed 90 % interval and diagnostics, and its prior in words."""

    interval: CredibleInterval
    diagnostics: Diagnostics
    prior: str


@dataclass(frozen=True)
class LimitRow:
    """One limit on a parameter in the table of a run: `what` it is, and `how` it was found.

    `method` is credible, profile, feldman-cousins, expected or published. `prior` is None for what has none. `integrated` is
    the same limit without sampling, where there is one; `note` says where prior and volume make a marginal interval.
    """

    parameter: PhysicsParameter
    method: str
    what: str
    how: str
    prior: str | None
    interval: Interval
    integrated: IntegratedInterval | None = None
    note: str | None = None

    @property
    def is_sampled(self) -> bool:
        """Whether it is the interval of the run's own prior, neither re-weighted nor of another method."""
        return self.how == "sampled"


@dataclass(frozen=True, repr=False)
class RunResult:
    """The result of a run: what its stored steps say. Numbers are in mu_B, e or cm^2, or pure numbers.

    Attributes:
        parameters: name of a physics parameter: its result, with interval, diagnostics and cross-check.
        derived: name of a derived quantity: its interval, in the unit that it names.
        nuisances: name of a nuisance: its interval and diagnostics, relative to its published value.
        verdict: whether it has converged, and what is missing; lengths in stored steps per walker.
        thinned_by: 1 if every stored draw was used, n for every n-th.
        acceptance: accepted proposals per proposal, in [0, 1].
        rows: the table of limits, sampled, profile, from toys, and published.
        toys: goodness of fit, expected limits and remarks from toys; None where toys were left out.
        fingerprint: what defines the posterior and the chain, as one word.
        notes: what has to be known of data and choices beside the numbers, in sentences; mostly none.
        chain: the file that was read; None where the result stands alone.
    """

    parameters: Mapping[str, ParameterResult]
    derived: Mapping[str, DerivedInterval]
    nuisances: Mapping[str, NuisanceResult]
    verdict: Verdict
    thinned_by: int
    acceptance: float
    rows: tuple[LimitRow, ...]
    toys: ToyResult | None
    fingerprint: str
    notes: tuple[str, ...] = ()
    chain: Path | None = None

    @property
    def converged(self) -> bool:
        """Whether the chain has converged."""
        return self.verdict.converged

    def __repr__(self) -> str:
        found = (f"{name} {intervals(each.interval.pieces, 1.0)}" for name, each in self.parameters.items())
        units = (f"{each.parameter.unit}, {name_credible(each.interval)}" for each in self.parameters.values())
        limits = "; ".join(f"{limit} {unit}" for limit, unit in zip(found, units, strict=True))
        return f"<RunResult, {self.verdict.words}: {limits}; {len(self.rows)} rows>"

    def _repr_html_(self) -> str:
        rows = [
            (row.parameter.column, intervals(row.interval.pieces, row.parameter.scale), row.what, row.how)
            for row in self.rows
        ]
        return html_table(("parameter", "interval", "what it is", "how"), rows, f"Result: {self.verdict.words}")


def name_credible(found: CredibleInterval) -> str:
    """What a credible interval is: its probability and its kind in words."""
    return f"{percent(found.probability)} credible {KINDS[found.kind]}"
