"""Results of other laboratories as terms of a fit: Gaussian measurements of the quantity that each of them constrains.

Only limits are published, and no likelihoods. So the form of a term is an assumption:

* The events of a moment X grow with its square. A limit is a half Gaussian at 0 in the square of what the experiment sees,
  (X^dagger X)_aa of its flavour, with the limit's square as its quantile. Events are nearly Gaussian in that square. That
  the best value is 0 is assumed. Off-diagonal elements and moments of mass states are part of it. Charges are treated alike.
* The events of a small radius are linear in it. Its interval is the central one of a Gaussian in the element of the flavour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bayesnu.experiments.published import PublishedLimit, published_constraint
from bayesnu.model import fold
from bayesnu.model.choices import Analysis
from bayesnu.model.signal_terms import Products, drop_noise
from bayesnu.physics.names import FLAVOURS
from bayesnu.physics.properties import PROPERTIES, Parameter, PhysicsParameter, matrix_of
from bayesnu.support.errors import BayesnuError

SOLAR_COMPONENT = "7Be"  # of Borexino's range, and the energy of its line
SOLAR_KEV = 861.8


@dataclass(frozen=True, eq=False)
class Measurement:
    """What a laboratory has measured: the polynomial `products`, each (1,), and its `value`, both in units of the error."""

    name: str
    products: Products
    value: float
    note: str


def measure(name: str, parameters: Sequence[PhysicsParameter], analysis: Analysis) -> Measurement:
    """The term of a constraint in a fit of these parameters; raises `BayesnuError` where it has no effect on any of them."""
    limit = published_constraint(name)
    concerned = [each for each in parameters if each.em_property.name == limit.parameter]
    mixing = fold.mixing_of(analysis)
    matrices = {each: matrix_of(each, mixing) for each in concerned}
    state = _mix_flavours(limit.flavour, analysis)
    is_linear = limit.parameter == "r2_nu"
    if is_linear and concerned and analysis.couplings == "tree":
        raise BayesnuError(
            f"constraints: found {name} with couplings = tree, where r2_nu has the Standard Model's radius in it; choose "
            "couplings = radiative"
        )
    low, high = _find_ends(limit)
    middle = (low + high) / 2
    error = (high - low) / (2 * _count_deviations(limit))
    powers = _expand_element(state, matrices) if is_linear else _expand_square(state, matrices)
    products = {factors: np.array([number / error]) for factors, number in powers.items() if number != 0}
    if not products:
        names = ", ".join(each.name for each in parameters) or "the Standard Model"
        raise BayesnuError(
            f"constraints: found {name}, a limit on {limit.parameter} of flavour {limit.flavour}, which has no effect on "
            f"{names}; leave it out"
        )
    return Measurement(name, drop_noise(products), middle / error, _describe(name, limit))


def _find_ends(limit: PublishedLimit) -> tuple[float, float]:
    """The central interval of the Gaussian, in units of the scale of a radius, or of the square of another scale."""
    assert limit.upper is not None
    upper = limit.upper / PROPERTIES[limit.parameter].scale
    if limit.parameter != "r2_nu":
        return -(upper**2), upper**2
    assert limit.lower is not None
    return limit.lower / PROPERTIES[limit.parameter].scale, upper


def _count_deviations(limit: PublishedLimit) -> float:
    """Standard deviations from the middle of a Gaussian to an end of its central interval; 1.645 for 90 %."""
    assert limit.cl_percent is not None
    return float(ndtri((1 + limit.cl_percent / 100) / 2))


def _mix_flavours(flavour: str, analysis: Analysis) -> np.ndarray:
    """Density matrix (3, 3) in flavour space of the neutrinos that were measured: one flavour, or those of the Sun."""
    if flavour in FLAVOURS:
        return np.diag([float(each == flavour) for each in FLAVOURS])
    mixing = fold.mixing_of(analysis)
    content = fold.content_of(SOLAR_COMPONENT, np.array(SOLAR_KEV), analysis)
    return np.asarray(mixing @ np.diag(content) @ mixing.conj().T)


def _expand_element(state: np.ndarray, matrices: dict[PhysicsParameter, np.ndarray]) -> dict[tuple[Parameter, ...], float]:
    """The element of a matrix that a state sees, as a sum of parameters."""
    return {(each,): float(np.trace(state @ matrix).real) for each, matrix in matrices.items()}


def _expand_square(state: np.ndarray, matrices: dict[PhysicsParameter, np.ndarray]) -> dict[tuple[Parameter, ...], float]:
    """The element of X^dagger X that a state sees, as a sum of products of two parameters."""
    out: dict[tuple[Parameter, ...], float] = {}
    known = [*matrices.items()]
    for i, (one, x) in enumerate(known):
        for j, (other, y) in enumerate(known[i:], start=i):
            times = 1 if i == j else 2
            out[one, other] = times * float(np.trace(state @ x.conj().T @ y).real)
    return out


def _describe(name: str, limit: PublishedLimit) -> str:
    """What was assumed, in one sentence."""
    where = f"constraint {name}: {limit.experiment}, {limit.reference}, as a"
    if limit.parameter == "r2_nu":
        ends = f"{limit.lower:.4g} … {limit.upper:.4g} cm2"
        return f"{where} Gaussian in the charge radius of nu_{limit.flavour} whose central {limit.cl_percent:g} % are {ends}"
    letter = limit.parameter.partition("_")[0]
    whose = f"nu_{limit.flavour}" if limit.flavour in FLAVOURS else "solar 7Be neutrinos"
    return (
        f"{where} half Gaussian at 0 in {letter}^dagger {letter} of {whose} whose {limit.cl_percent:g} % quantile is "
        f"({limit.upper:.4g} {PROPERTIES[limit.parameter].unit})^2"
    )


def describe_laboratories(names: Sequence[str]) -> Iterator[str]:
    """Say which constraints one laboratory made, as the same events may be in them: the terms are as if they were not."""
    laboratories = [name.partition("-")[0] for name in names]
    for each in dict.fromkeys(laboratories):
        of_one = [name for name in names if name.partition("-")[0] == each]
        if len(of_one) > 1:
            yield f"constraints: {' and '.join(of_one)} are of one laboratory, and events that are in both count twice"
