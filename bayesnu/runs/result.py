"""What a chain says, as one object: parameters by name, nuisances, derived quantities, the table of limits, the verdict.

Every number here is in mu_B, e or cm^2, or a pure number; nothing depends on clock, host or path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bayesnu.inference.diagnostics import Diagnostics, Verdict
from bayesnu.inference.interval import CredibleInterval, DerivedInterval, IntegratedInterval, Interval
from bayesnu.physics.properties import PhysicsParameter


@dataclass(frozen=True)
class ParameterResult:
    """A physics parameter: its credible interval and diagnostics, its prior in words, and the integrated interval.

    `others` says what became of other physics parameters: `zero` or `marginalised`. `note` says where the prior's range
    cuts the posterior. `cross_check` is None for several physics parameters.
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

    `method` is credible, profile or published. `prior` is None for what has none. `integrated` is the same limit without
    sampling, where there is one; `note` says where prior and volume make a marginal interval.
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


@dataclass(frozen=True)
class RunResult:
    """The result of a run: what its stored steps say. `thinned_by` tells how many stored draws were passed over.

    `chain` is the file that was read, None where the result stands alone.
    """

    parameters: Mapping[str, ParameterResult]
    derived: Mapping[str, DerivedInterval]
    nuisances: Mapping[str, NuisanceResult]
    verdict: Verdict
    thinned_by: int
    acceptance: float
    rows: tuple[LimitRow, ...]
    fingerprint: str
    chain: Path | None = None

    @property
    def converged(self) -> bool:
        """Whether the chain has converged."""
        return self.verdict.converged
