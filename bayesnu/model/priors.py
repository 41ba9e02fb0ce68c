"""Priors as objects: a parameter with its density, distribution function and the inverse of that.

Every prior is proper: it is normalised on a stated range. Values are in units of `scale * unit` (for example 1e-11 mu_B).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, TypeAlias

import numpy as np

from bayesnu.model import split_normal
from bayesnu.model.choices import PRIOR_KINDS, Analysis
from bayesnu.model.prior_kind import PriorKind
from bayesnu.physics.names import FLAVOURS
from bayesnu.physics.properties import (
    Parameter,
    PhysicsParameter,
    check_unit,
    describe_bounds,
    is_unphysical,
    parameter_of,
)
from bayesnu.support.arguments import read_array, read_number, read_probabilities
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.html import html_table


@dataclass(frozen=True, repr=False)
class _Prior:
    """What all kinds have in common: the parameter and a range, in units of the parameter's `scale * unit`."""

    parameter: Parameter
    lower: float
    upper: float

    def __repr__(self) -> str:
        return f"<{type(self).__name__} prior of {self.name}: {describe(self)}>"  # type: ignore[arg-type]  # one of `Prior`

    def _repr_html_(self) -> str:
        return html_table(("parameter", "prior"), [(self.name, describe(self))], "Prior")  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """Name of the parameter."""
        return self.parameter.name

    @property
    def label(self) -> str:
        """LaTeX label of the parameter, without dollar signs."""
        return self.parameter.label

    @property
    def unit(self) -> str:
        """Unit of the parameter."""
        return self.parameter.unit

    @property
    def scale(self) -> float:
        """What a value of one stands for, in the unit."""
        return self.parameter.scale

    @property
    def column(self) -> str:
        """Text for a table's head: the name with its unit."""
        return self.parameter.column

    @property
    def of_interest(self) -> PhysicsParameter:
        """The physics parameter that the prior is of; raises `TypeError` for the prior of a nuisance."""
        if not isinstance(self.parameter, PhysicsParameter):
            raise TypeError(f"{self.name} is a nuisance, not a physics parameter")
        return self.parameter

    def _is_inside(self, x: np.ndarray) -> np.ndarray:
        return (x >= self.lower) & (x <= self.upper)

    def _check_range(self, smallest: float) -> None:
        if not self.upper > self.lower >= smallest:
            raise BayesnuError(
                f"prior of {self.name}: found the range [{self.lower:g}, {self.upper:g}]; "
                f"needs {smallest:g} <= lower < upper"
            )

    def _check_finite(self) -> None:
        if not (isfinite(self.lower) and isfinite(self.upper)):
            raise BayesnuError(f"prior of {self.name}: found [{self.lower:g}, {self.upper:g}]; needs finite bounds")


@dataclass(frozen=True, repr=False)
class Flat(_Prior):
    """Constant density on [lower, upper]."""

    kind: ClassVar[PriorKind] = PriorKind.FLAT
    description: ClassVar[str] = "flat"

    def __post_init__(self) -> None:
        self._check_range(-np.inf)
        self._check_finite()

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        """Log density; -inf outside the range."""
        x = read_array("x", x)
        return np.where(self._is_inside(x), -np.log(self.upper - self.lower), -np.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Probability below x."""
        return np.clip((read_array("x", x) - self.lower) / (self.upper - self.lower), 0, 1)

    def ppf(self, p: np.ndarray) -> np.ndarray:
        """Value with probability p below it."""
        value: np.ndarray = self.lower + read_probabilities("p", p) * (self.upper - self.lower)
        kept: np.ndarray = np.clip(value, self.lower, self.upper)  # rounding may lead beyond an end
        return kept


@dataclass(frozen=True, repr=False)
class FlatInSquare(_Prior):
    """Constant density in x^2 on [lower, upper] with lower >= 0: density proportional to x."""

    kind: ClassVar[PriorKind] = PriorKind.FLAT_IN_SQUARE
    description: ClassVar[str] = "flat in the square"

    def __post_init__(self) -> None:
        self._check_range(0.0)
        self._check_finite()

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        """Log density in x (not in x^2); -inf outside the range."""
        x = read_array("x", x)
        with np.errstate(divide="ignore"):
            inside = np.log(2 * np.maximum(x, 0.0) / (self.upper**2 - self.lower**2))
        return np.where(self._is_inside(x), inside, -np.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Probability below x."""
        x = np.clip(read_array("x", x), self.lower, self.upper)
        return (x**2 - self.lower**2) / (self.upper**2 - self.lower**2)

    def ppf(self, p: np.ndarray) -> np.ndarray:
        """Value with probability p below it."""
        value: np.ndarray = np.sqrt(self.lower**2 + read_probabilities("p", p) * (self.upper**2 - self.lower**2))
        kept: np.ndarray = np.clip(value, self.lower, self.upper)
        return kept


@dataclass(frozen=True, repr=False)
class LogUniform(_Prior):
    """Constant density in log x on [lower, upper] with lower > 0: a limit from it depends on the cut `lower`."""

    kind: ClassVar[PriorKind] = PriorKind.LOG_UNIFORM
    description: ClassVar[str] = "log-uniform"

    def __post_init__(self) -> None:
        self._check_range(np.finfo(float).tiny)
        self._check_finite()

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        """Log density in x (not in log x); -inf outside the range."""
        x = read_array("x", x)
        inside = -np.log(np.clip(x, self.lower, self.upper)) - np.log(np.log(self.upper / self.lower))
        return np.where(self._is_inside(x), inside, -np.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Probability below x."""
        x = np.clip(read_array("x", x), self.lower, self.upper)
        below: np.ndarray = np.log(x / self.lower) / np.log(self.upper / self.lower)
        return below

    def ppf(self, p: np.ndarray) -> np.ndarray:
        """Value with probability p below it."""
        p = read_probabilities("p", p)
        value: np.ndarray = np.exp(np.log(self.lower) + p * (np.log(self.upper) - np.log(self.lower)))
        kept: np.ndarray = np.clip(value, self.lower, self.upper)
        return kept


@dataclass(frozen=True, repr=False)
class Gaussian(_Prior):
    """Gaussian of given mean and standard deviation, truncated to [lower, upper] and normalised there.

    With an `asymmetry` it is a split normal (`split_normal`): `mean` is its mode, and `width` the mean of its widths `below`
    and `above`.
    """

    mean: float = 1.0
    width: float = 1.0
    asymmetry: float = 0.0
    kind: ClassVar[PriorKind] = PriorKind.GAUSSIAN
    description: ClassVar[str] = "Gaussian"

    def __post_init__(self) -> None:
        self._check_range(-np.inf)
        if not (isfinite(self.mean) and isfinite(self.width) and self.width > 0):
            raise BayesnuError(f"prior of {self.name}: found the width {self.width:g}; needs a finite mean and width > 0")
        if not -1 < self.asymmetry < 1:
            raise BayesnuError(f"prior of {self.name}: found the asymmetry {self.asymmetry:g}; must lie between -1 and 1")
        if not self._integrate() > 0:
            raise BayesnuError(
                f"prior of {self.name}: the range [{self.lower:g}, {self.upper:g}] holds no probability of a Gaussian "
                f"{self.constraint}; move the mean or widen the range"
            )

    @property
    def below(self) -> float:
        """Width on the side below the mean."""
        return self.width * (1 - self.asymmetry)

    @property
    def above(self) -> float:
        """Width on the side above the mean."""
        return self.width * (1 + self.asymmetry)

    @property
    def constraint(self) -> str:
        """The mean with its widths, in words."""
        if self.asymmetry == 0:
            return f"{self.mean:g} +- {self.width:g}"
        return f"{self.mean:g} +{self.above:g} -{self.below:g}"

    def pull(self, x: np.ndarray) -> np.ndarray:
        """Distance from the mean, in widths of its side."""
        with np.errstate(over="ignore"):  # so far out that nothing lies beyond
            z: np.ndarray = (x - self.mean) / np.where(x < self.mean, self.below, self.above)
        return z

    def _integrate(self) -> float:
        low = self.pull(np.array(self.lower))
        high = self.pull(np.array(self.upper))
        # the smaller tail keeps its digits: ndtr(8) - ndtr(7) would lose them
        return float(
            self._count_above(low) - self._count_above(high) if low > 0 else self._count_below(high) - self._count_below(low)
        )

    def _count_below(self, z: np.ndarray) -> np.ndarray:
        return split_normal.find_probability(z, self.asymmetry)

    def _count_above(self, z: np.ndarray) -> np.ndarray:
        return split_normal.find_probability(-z, -self.asymmetry)

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        """Log density; -inf outside the range."""
        x = read_array("x", x)
        z = np.clip(self.pull(x), -1e150, 1e150)  # its square stays finite
        density = -0.5 * z**2 - np.log(self.width * np.sqrt(2 * np.pi) * self._integrate())
        return np.where(self._is_inside(x), density, -np.inf)

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Probability below x."""
        z = self.pull(np.clip(read_array("x", x), self.lower, self.upper))
        low = self.pull(np.array(self.lower))
        part = self._count_above(low) - self._count_above(z) if low > 0 else self._count_below(z) - self._count_below(low)
        below: np.ndarray = np.clip(part / self._integrate(), 0, 1)
        return below

    def ppf(self, p: np.ndarray) -> np.ndarray:
        """Value with probability p below it."""
        part = read_probabilities("p", p) * self._integrate()
        low = self.pull(np.array(self.lower))
        if low > 0:
            z = -split_normal.find_quantile(self._count_above(low) - part, -self.asymmetry)
        else:
            z = split_normal.find_quantile(self._count_below(low) + part, self.asymmetry)
        distance = split_normal.stretch(z, self.width, self.asymmetry)
        value: np.ndarray = np.clip(self.mean + distance, self.lower, self.upper)
        return value


Prior: TypeAlias = Flat | FlatInSquare | LogUniform | Gaussian
PRIORS: dict[str, type[Flat] | type[FlatInSquare] | type[LogUniform]] = {
    "flat": Flat,
    "flat-square": FlatInSquare,
    "log-uniform": LogUniform,
}


def check_physics(prior: Prior) -> None:
    """Raise `BayesnuError` for a prior of a physics parameter in another unit, or beyond where physics ends."""
    if not isinstance(prior.parameter, PhysicsParameter):
        return
    for end in (prior.lower, prior.upper):
        if is_unphysical(prior.parameter, end):
            raise BayesnuError(f"{prior.name}: found {end:g}; it {describe_bounds(prior.parameter)}")
    if isinstance(prior, FlatInSquare) and prior.parameter.signed:
        raise BayesnuError(f"prior: flat in the square needs a parameter that has no sign; {prior.name} has one")
    check_unit(prior.parameter, prior.upper)
    if isinstance(prior, Gaussian):
        check_unit(prior.parameter, prior.width)


def with_kind(prior: Prior, kind: str, **changes: float) -> Prior:
    """Return a prior of another kind (`flat`, `flat-square`, `log-uniform`, `gaussian`) for the same parameter.

    `changes` may hold lower and upper, and mean and width of a Gaussian, in the prior's own units. Raises `BayesnuError` for
    an unknown kind, and for changes that it does not have or that are no finite numbers.
    """
    if kind not in (*PRIORS, "gaussian"):
        raise BayesnuError(f"prior of {prior.name}: found {kind!r:.60}{did_you_mean(str(kind)[:60], PRIOR_KINDS)}")
    numbers = ("lower", "upper", "mean", "width") if kind == "gaussian" else ("lower", "upper")
    for name in changes:
        if name not in numbers:
            raise BayesnuError(f"prior of {prior.name}: found '{name}'; a {kind} prior has {', '.join(numbers)}")
    same: dict[str, Any] = {"parameter": prior.parameter, "lower": prior.lower, "upper": prior.upper}
    given = {name: read_number(f"{name} of the prior of {prior.name}", value) for name, value in changes.items()}
    if kind != "gaussian":
        return PRIORS[kind](**(same | given))
    if not {"mean", "width"} <= given.keys():
        raise BayesnuError(f"prior of {prior.name}: a gaussian prior needs a mean and a width")
    return Gaussian(**(same | given))


def describe(prior: Prior) -> str:
    """Say a prior in words, with its range and unit."""
    unit = prior.parameter.scaled_unit
    ends = f"[{prior.lower:g}, {prior.upper:g}]" + (f" {unit}" if unit else "")
    if isinstance(prior, Gaussian):
        return f"Gaussian {prior.constraint} on {ends}"
    return f"{prior.description} on {ends}"


LOG_CUT = 0.01  # lower cut of a log-uniform prior of the moment, 1e-13 mu_B: its limit depends on it


def comparison_priors(prior: Prior) -> list[Prior]:
    """A prior and those that its limit is compared with; none for a signed parameter.

    For a modulus they are the prior flat in the square and, where the range goes beyond its cut, the log-uniform one.
    """
    if prior.of_interest.signed:
        return [prior]
    uniform = [with_kind(prior, "log-uniform", lower=LOG_CUT)] if prior.upper > LOG_CUT else []
    return [prior, with_kind(prior, "flat-square"), *uniform]


def usual_prior(parameter: PhysicsParameter) -> Flat:
    """The prior flat in a physics parameter on the range that holds all its modes."""
    return Flat(parameter, *parameter.usual_range)


def default_priors(names: Iterable[str], analysis: Analysis) -> list[Flat]:
    """The usual priors of the physics parameters of these names, as an analysis sees them.

    Where the atom takes up a charge without interference, only its modulus can be observed: of a common charge alone, and of
    flavours beside one another. Other charges interfere among themselves and keep their signs. Raises `BayesnuError` for an
    unknown name.
    """
    parameters = [parameter_of(name) for name in names]
    charges = {each.flavour for each in parameters if each.em_property.name == "q_nu"}
    if analysis.millicharge == "epa" and (charges == {"common"} or charges <= {*FLAVOURS}):
        parameters = [each.without_interference() if each.em_property.name == "q_nu" else each for each in parameters]
    return [usual_prior(each) for each in parameters]
