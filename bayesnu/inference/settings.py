"""How a posterior is sampled: what decides the numbers of a run, beside the model."""

from __future__ import annotations

from dataclasses import dataclass

from bayesnu.inference.kinds import check_interval
from bayesnu.physics.properties import PhysicsParameter
from bayesnu.support.errors import BayesnuError

FEWEST_STEPS = 8  # half of them may be burn-in, and a diagnostic needs four


def usual_kind(parameter: PhysicsParameter) -> str:
    """The kind of interval that a parameter usually has: equal tails, or an upper limit of a modulus."""
    return "eti" if parameter.signed else "upper"


@dataclass(frozen=True)
class Settings:
    """Choices of a run. `kind` and `probability` name the interval whose bounds have to be precise.

    `kind` is `upper` (a limit from the lower end of the prior), `eti` (equal tails) or `hdi` (highest density). `steps`
    is the exact number of stored steps per walker, or None to stop at convergence or at `most_steps`.
    """

    kind: str
    probability: float = 0.9
    seed: int = 1
    steps: int | None = None
    most_steps: int = 12_000
    ensembles: int = 4
    walkers: int = 128

    def __post_init__(self) -> None:
        check_interval(self.kind, self.probability)
        limits = {"ensembles": (2, 64), "walkers": (8, 4096), "most_steps": (FEWEST_STEPS, 10_000_000)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise BayesnuError(f"{name}: found {getattr(self, name)}; must lie in [{low}, {high}]")
        if self.walkers % 2:
            raise BayesnuError(f"walkers: found {self.walkers}; must be even, as one half moves along the other")
        if not 0 <= self.seed < 2**32:
            raise BayesnuError(f"seed: found {self.seed}; must lie in [0, 4294967295]")
        if self.steps is not None and not FEWEST_STEPS <= self.steps <= 10_000_000:
            raise BayesnuError(f"steps: found {self.steps}; must lie in [{FEWEST_STEPS}, 10000000]")

    def check_walkers(self, parameters: int) -> None:
        """Raise `BayesnuError` if an ensemble is too small for so many parameters: its moves would stay in a plane."""
        if self.walkers < 2 * parameters:
            raise BayesnuError(f"walkers: found {self.walkers}; {parameters} parameters need at least {2 * parameters}")
