"""How well samples know a parameter, and the verdict on a chain: the nouns, which need no sampler."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostics:
    """How well samples know one parameter: R-hat across ensembles, and effective samples in the bulk and in the tails."""

    rhat: float
    ess_bulk: float
    ess_tail: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a chain has converged: `missing` says what is not met, one sentence each; empty if it has.

    `tau` is the largest integrated autocorrelation time in stored steps, `burn_in` the steps left out.
    """

    steps: int
    burn_in: int
    tau: float
    missing: tuple[str, ...]

    def bare(self) -> Verdict:
        """The verdict alone, without the numbers behind it."""
        return Verdict(steps=self.steps, burn_in=self.burn_in, tau=self.tau, missing=self.missing)

    @property
    def converged(self) -> bool:
        """Whether every condition is met."""
        return not self.missing

    @property
    def words(self) -> str:
        """The verdict in words."""
        return "converged" if self.converged else "NOT CONVERGED: " + "; ".join(self.missing)


@dataclass(frozen=True, kw_only=True)
class Convergence(Verdict):
    """A verdict with the numbers behind it: `error` is the largest Monte-Carlo error of a bound in the sense of the rule."""

    rhat: float
    error: float
