"""The properties that can be inferred: their names, units, ranges and directions in coupling space.

A parameter is a property, or the property with an element: `mu_nu`, `q_nu_e`, `r2_nu_mutau_im`, `mu_nu_lambda2`. Elements
are matrices in flavour space; those of the moment in the mass basis carry digits.

* nothing: one common value; `e`, `mu`, `tau`: that flavour's own.
* `emu`, `etau`, `mutau`: real part of an off-diagonal element of a Hermitian charge or radius matrix; `_im` its imaginary
  part.
* `11` ... `33`: mu_jk of the Dirac moment matrix in the mass basis, k the incoming state:
  mu_eff^2 = sum_k P_ek sum_j |mu_jk|^2.
* `lambda1` ... `lambda3`: Majorana transition moments, mu_jk = i epsilon_jkl Lambda_l.

A flavour-wise moment mu_alpha means (mu^dagger mu)_alpha,alpha with the off-diagonal elements zero.

Further properties are what the same kernels give, under names of their own:

* `s2_w`: sin^2 of the weak mixing angle.
* `r2_total`: a charge radius with the Standard Model's part in it; `r2_nu` is the rest if couplings contain that part.
* `a_nu`: the anapole moment, which no neutrino from a weak decay tells from a charge radius: <r^2> = -6 a.
* `mu_sterile`: the transition moment to a sterile neutrino, whose mass is a choice of the analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from math import inf
from typing import Any

import numpy as np

from bayesnu.physics.cross_section import RADIATIVE_COUPLINGS, Couplings, WeakCouplings, electromagnetic, mixing_angle
from bayesnu.physics.names import ALL_UNITS, DIRAC, FLAVOURS, GROUPS, IMAGINARY, MAJORANA, OF_FURTHER, PAIRS
from bayesnu.support.arguments import read_number
from bayesnu.support.errors import BayesnuError, did_you_mean

# Values of a parameter in its own unit: smaller ones are in mu_B, e or cm^2, and beyond the largest doubles lose digits.
SMALLEST = 1e-9
LARGEST = 1e6
RADIUS_OF_ANAPOLE = -6.0  # <r^2> - 6 a is what left-handed neutrinos show of (f_Q + f_A q^2 gamma_5), with a = f_A(0)
DEPENDENT = 1e-9  # of a direction: what is left of it beside others when they make it up

_SYMBOL = {"e": "e", "mu": r"\mu", "tau": r"\tau", "emu": r"e\mu", "etau": r"e\tau", "mutau": r"\mu\tau"}

MODULUS = (0.0, inf)  # where the square alone is known


@dataclass(frozen=True)
class Parameter:
    """A number that a model has: its name, its LaTeX label without dollar signs, and values in units of `scale * unit`."""

    name: str
    label: str
    unit: str
    scale: float

    @property
    def scaled_unit(self) -> str:
        """What a value of one stands for, as `1e-11 mu_B`; empty for a pure number."""
        factor = f"{self.scale:g}" if self.scale != 1 else ""
        return f"{factor} {self.unit}".strip()

    @property
    def column(self) -> str:
        """Text for a table's head: the name with its unit."""
        return f"{self.name} [{self.scaled_unit}]" if self.scaled_unit else self.name


@dataclass(frozen=True)
class Property:
    """A property: values are in units of `scale * unit`; `range_common` and `range_element` hold all modes.

    `symbol` is LaTeX with an @ in the place of the index; `bounds` is where physics ends, in the same units. `tested` is a
    value that is a hypothesis of its own, set against the best fit.
    """

    name: str
    unit: str
    scale: float
    range_common: tuple[float, float]
    range_element: tuple[float, float]
    elements: tuple[str, ...]
    symbol: str
    bounds: tuple[float, float] = (-inf, inf)
    tested: float | None = None

    @property
    def signed(self) -> bool:
        """Whether rates know more of it than its square: what shifts g_V interferes with the weak amplitude."""
        return self.bounds != MODULUS

    @property
    def column(self) -> str:
        """Text for a table's head: the name with its unit."""
        return f"{self.name} [{self.scale:g} {self.unit}]" if self.unit else self.name

    def label(self, index: str) -> str:
        """The symbol with an index."""
        return self.symbol.replace("@", index)


_OF_MOMENT = ("common", *FLAVOURS, *DIRAC, *MAJORANA)  # elements of the moment
_SIGNED = ("common", *FLAVOURS, *PAIRS, *IMAGINARY)  # elements of charge and radius
PROPERTIES = {
    item.name: item
    for item in (
        Property("mu_nu", ALL_UNITS["mu_nu"], 1e-11, (0.0, 10.0), (0.0, 10.0), _OF_MOMENT, r"\mu_@", MODULUS),
        Property("q_nu", ALL_UNITS["q_nu"], 1e-12, (-4.0, 4.0), (-4.0, 4.0), _SIGNED, "q_@"),
        Property("r2_nu", ALL_UNITS["r2_nu"], 1e-32, (-200.0, 150.0), (-250.0, 250.0), _SIGNED, r"\langle r_@^2\rangle"),
    )
}
# Further properties: what the same kernels give.
_ANGLE = r"\sin^2\theta_\mathrm{W}"
_TOTAL = r"\langle r_@^2\rangle_\mathrm{tot}"
_TRANSITION = r"\mu_{@4}"
_SHARE = (0.0, 1.0)
_RADII = (-250.0, 250.0)
_MOMENTS = (0.0, 1000.0)  # a large mass needs a large moment
FURTHER = {
    item.name: item
    for item in (
        Property("s2_w", ALL_UNITS["s2_w"], 1.0, _SHARE, _SHARE, OF_FURTHER["s2_w"], _ANGLE, _SHARE),
        Property("r2_total", ALL_UNITS["r2_total"], 1e-32, _RADII, _RADII, OF_FURTHER["r2_total"], _TOTAL, tested=0.0),
        Property("a_nu", ALL_UNITS["a_nu"], 1e-32, (-25.0, 200 / 6), (-250 / 6, 250 / 6), OF_FURTHER["a_nu"], "a_@"),
        Property(
            "mu_sterile", ALL_UNITS["mu_sterile"], 1e-11, _MOMENTS, _MOMENTS, OF_FURTHER["mu_sterile"], _TRANSITION, MODULUS
        ),
    )
}
ALL_PROPERTIES = PROPERTIES | FURTHER

# Couplings of a matrix (3, 3) of each property, in its unit.
_COUPLE: dict[str, Callable[[np.ndarray], Couplings]] = {
    "mu_nu": lambda moment: electromagnetic(mu_nu=moment),
    "q_nu": lambda charge: electromagnetic(q_nu=charge),
    "r2_nu": lambda radius: electromagnetic(r2_nu=radius),
    "s2_w": mixing_angle,
    "r2_total": lambda radius: electromagnetic(r2_nu=radius),
    "a_nu": lambda anapole: electromagnetic(r2_nu=RADIUS_OF_ANAPOLE * anapole),
    "mu_sterile": lambda moment: electromagnetic(mu_nu=moment),
}


@dataclass(frozen=True)
class PhysicsParameter(Parameter):
    """A property of one common value, one flavour or one element of its matrix: a parameter of interest.

    `interferes` is whether its amplitude adds to the weak one where that could be.
    """

    em_property: Property = field(repr=False)
    flavour: str
    interferes: bool = True

    @property
    def signed(self) -> bool:
        """Whether rates know more of it than its square; a modulus begins at its physical boundary 0."""
        return self.em_property.signed and self.interferes

    @property
    def bounds(self) -> tuple[float, float]:
        """Where physics ends, in units of `scale * unit`; infinite where it does not."""
        return self.em_property.bounds if self.signed else MODULUS

    @property
    def usual_range(self) -> tuple[float, float]:
        """The range that holds all modes, in units of `scale * unit`."""
        low, high = self.em_property.range_common if self.flavour == "common" else self.em_property.range_element
        return (low, high) if self.signed else (max(low, 0.0), high)

    def without_interference(self) -> PhysicsParameter:
        """The same in a rate that has no interference: only the modulus can be observed."""
        return replace(self, interferes=False) if self.signed else self

    @property
    def needs_mass_states(self) -> bool:
        """Whether it has a meaning only for an incoherent mixture of mass states."""
        return self.flavour not in ("common", *FLAVOURS)


def parameter_of(name: str) -> PhysicsParameter:
    """Return the physics parameter of a name such as `mu_nu` or `r2_nu_tau`; raises `BayesnuError` for an unknown one.

    This is the one place where a name from outside becomes an object that knows its property, flavour, sign and unit.
    """
    known = _list_parameters()
    if not isinstance(name, str) or name not in known:
        raise BayesnuError(f"parameter: found {name!r:.60}{did_you_mean(str(name)[:60], known, ALL_PROPERTIES)}")
    return known[name]


@cache
def _list_parameters() -> dict[str, PhysicsParameter]:
    """Every physics parameter by its name."""
    known = {}
    for item in ALL_PROPERTIES.values():
        for element in item.elements:
            name = _join_name(item, element)
            known[name] = PhysicsParameter(name, _write_label(item, element), item.unit, item.scale, item, element)
    return known


def _join_name(item: Property, element: str) -> str:
    return item.name if element == "common" else f"{item.name}_{element}"


def parameters_of(name: str, flavour: str = "common") -> tuple[str, ...]:
    """Return the names of the physics parameters of a property, for a group of elements or a single one.

    Arguments:
        name: `mu_nu` (magnetic moment), `q_nu` (millicharge), `r2_nu` (charge radius), `s2_w` (weak mixing angle),
            `r2_total` (charge radius, the Standard Model's part included), `a_nu` (anapole moment) or `mu_sterile`
            (transition moment).
        flavour: `common`, a flavour `e`, `mu` or `tau`, or `all` three. Charges and radii have `emu`, `etau`, `mutau`, their
            imaginary parts `emu_im`, and `offdiagonal`. Moments have `dirac`, `majorana` and their elements, as `11`,
            `lambda1`.

    Returns: a tuple of names, as `build` takes them. Their values are in 1e-11 mu_B, 1e-12 e or 1e-32 cm^2; those of `s2_w`
        are the numbers themselves.

    Raises: `BayesnuError` for a property or an element that is not known.

    Source: radius and charge in the convention of arXiv:2510.12449; elements in docs/methods.md.

    Example:
        >>> from bayesnu import parameters_of
        >>> parameters_of("r2_nu", "all")
        ('r2_nu_e', 'r2_nu_mu', 'r2_nu_tau')
    """
    if not isinstance(name, str) or name not in ALL_PROPERTIES:
        raise BayesnuError(f"parameter: found {name!r:.60}{did_you_mean(str(name)[:60], ALL_PROPERTIES)}")
    if not isinstance(flavour, str):
        raise BayesnuError(f"flavour: found {flavour!r:.60}; must be one word, as 'common', 'e' or 'all'")
    item = ALL_PROPERTIES[name]
    elements = GROUPS.get(flavour, (flavour,))
    known = {*item.elements}
    if not {*elements} <= known:
        groups = [group for group, members in GROUPS.items() if {*members} <= known]
        allowed = groups + [each for each in item.elements if each != "common"]
        raise BayesnuError(f"flavour: found {flavour!r:.60} for {name}{did_you_mean(flavour[:60], allowed)}")
    return tuple(_join_name(item, element) for element in elements)


def _write_label(item: Property, element: str) -> str:
    """LaTeX of a property with its element as the index."""
    if element == "common":
        return item.label(r"\nu")
    if element in MAJORANA:
        return rf"\Lambda_{{{element[-1]}}}"
    if element in DIRAC:
        return item.label(f"{{{element}}}")
    pair = element.removesuffix("_im")
    if pair in PAIRS:
        label = item.label(f"{{{_SYMBOL[pair]}}}")
        return label if pair == element else rf"\mathrm{{Im}}\,{label}"
    return item.label(rf"{{\nu_{{{_SYMBOL[element]}}}}}")


def direction(parameter: PhysicsParameter, mixing: np.ndarray | None = None) -> Couplings:
    """Couplings of one unit (`scale * unit`) of a parameter in flavour space; `mixing` as in `matrix_of`."""
    return _COUPLE[parameter.em_property.name](parameter.scale * matrix_of(parameter, mixing))


def matrix_of(parameter: PhysicsParameter, mixing: np.ndarray | None = None) -> np.ndarray:
    """Matrix (3, 3) in flavour space of one unit (`scale * unit`) of a parameter, in that unit.

    `mixing` is U (3, 3), needed for moments in the mass basis: a matrix M there becomes M U^dagger, for then
    (U^dagger X^dagger X U)_kk is sum_j |M_jk|^2. Raises `BayesnuError` where it is needed and missing.
    """
    matrix = _fill_matrix(parameter.flavour)
    if parameter.flavour not in DIRAC and parameter.flavour not in MAJORANA:
        return matrix
    if mixing is None:
        raise BayesnuError(f"{parameter.name}: a moment in the mass basis needs the mixing matrix")
    return np.asarray(matrix @ mixing.conj().T)


def standard_value(parameter: PhysicsParameter, weak: WeakCouplings) -> float:
    """Value of a parameter in the Standard Model of a set of weak couplings, in units of `scale * unit`."""
    if parameter.em_property.name == "s2_w":
        return weak.sin2_theta_w
    if parameter.em_property.name == "r2_total":
        return weak.radii_cm2[FLAVOURS.index(parameter.flavour)] / parameter.scale
    return 0.0


def _fill_matrix(element: str) -> np.ndarray:
    """Matrix (3, 3) of one unit of an element; in the basis that the element belongs to."""
    matrix = np.zeros((3, 3), dtype=complex)
    if element == "common":
        return np.eye(3, dtype=complex)
    if element in FLAVOURS:
        place = FLAVOURS.index(element)
        matrix[place, place] = 1
    elif element in DIRAC:
        matrix[int(element[0]) - 1, int(element[1]) - 1] = 1
    elif element in MAJORANA:
        k = int(element[-1]) - 1
        row = (k + 1) % 3
        column = (k + 2) % 3
        matrix[row, column] = 1j
        matrix[column, row] = -1j
    else:
        row, column = PAIRS[element.removesuffix("_im")]
        matrix[row, column] = 1j if element.endswith("_im") else 1
        matrix[column, row] = np.conj(matrix[row, column])
    return matrix


def check_unit(parameter: PhysicsParameter, number: float) -> None:
    """Raise `BayesnuError` for a size that betrays another unit than that of the scale: 7e-12 where 0.7 is meant."""
    if 0 < abs(number) < SMALLEST:
        raise BayesnuError(
            f"{parameter.name}: found {number:g} in units of {parameter.scaled_unit}; "
            f"give {number / parameter.scale:g} if {number:g} {parameter.unit} is meant, or 0"
        )


def read_value(parameter: PhysicsParameter, value: Any) -> float:
    """Return a value of a parameter in units of `scale * unit` as a float.

    Raises `BayesnuError` for what is no finite number, and for a size that betrays another unit: 7e-12 where 0.7 is meant.
    """
    number = read_number(parameter.name, value, f"units of {parameter.scaled_unit}")
    check_unit(parameter, number)
    if abs(number) > LARGEST:
        raise BayesnuError(
            f"{parameter.name}: found {number:g} in units of {parameter.scaled_unit}; must be at most {LARGEST:g} in size"
        )
    return number


def read_coupling(parameter: PhysicsParameter, value: Any) -> float:
    """The same for a value that physics is computed from, and so lies within its bounds."""
    number = read_value(parameter, value)
    if is_unphysical(parameter, number):
        raise BayesnuError(f"{parameter.name}: found {number:g}; it {describe_bounds(parameter)}")
    return number


def is_unphysical(parameter: PhysicsParameter, number: float) -> bool:
    """Whether a value in units of `scale * unit` lies where physics has ended."""
    low, high = parameter.bounds
    return not low <= number <= high


def describe_bounds(parameter: PhysicsParameter) -> str:
    """What a value has to be, in words that follow a name."""
    low, high = parameter.bounds
    return f"lies between {low:g} and {high:g}" if high < inf else "is a modulus, so give 0 or more"


def require_one_basis(parameters: Iterable[PhysicsParameter]) -> None:
    """Raise `BayesnuError` for moments of which the interference is not defined beside one another.

    A moment is defined by the electrons that it scatters, up to the basis of the outgoing state. So it has no value between
    moments of flavours, Dirac elements and Majorana elements, nor between an active and a sterile state.
    """
    kinds: dict[tuple[str, str], str] = {}
    for parameter in parameters:
        item = parameter.em_property
        if not item.signed:
            kinds.setdefault((item.name, _name_basis(parameter.flavour)), parameter.name)
    if len(kinds) > 1:
        first, second, *_ = sorted(kinds.values())
        raise BayesnuError(
            f"parameter: found {first} beside {second}; moments of flavours, elements 11 to 33, lambda1 to lambda3 and "
            "those to a sterile neutrino have no interference that is defined, so take those of one kind"
        )


def require_separate_moduli(parameters: Iterable[PhysicsParameter]) -> None:
    """Raise `BayesnuError` for a common moment beside that of a flavour: they add up, and moduli know no opposite signs."""
    moments = [each for each in parameters if not each.em_property.signed]
    common = [each.name for each in moments if each.flavour == "common"]
    others = [each.name for each in moments if each.flavour in FLAVOURS]
    if common and others:
        raise BayesnuError(
            f"parameter: found {common[0]} beside {others[0]}; they add up, and moduli know no opposite signs, so take "
            "flavours, or the common value"
        )


def require_independent(parameters: Iterable[PhysicsParameter], mixing: np.ndarray) -> None:
    """Raise `BayesnuError` for a parameter that others make up: no data can tell them apart."""
    names: list[str] = []
    directions: list[np.ndarray] = []
    for parameter in parameters:
        new = _flatten(direction(parameter, mixing))
        if directions:
            shares = np.linalg.lstsq(np.column_stack(directions), new)[0]
            rest = new - np.column_stack(directions) @ shares
            if np.linalg.norm(rest) < DEPENDENT:
                others = [name for name, share in zip(names, shares, strict=True) if abs(share) > DEPENDENT]
                raise BayesnuError(
                    f"parameter: found {parameter.name} beside {' and '.join(others)}; they shift the same couplings, so no "
                    "data can tell them apart: leave one out"
                )
        names.append(parameter.name)
        directions.append(new)


def _flatten(couplings: Couplings) -> np.ndarray:
    """Couplings as a real vector of length one."""
    parts = np.stack([couplings.vector, couplings.axial, couplings.charge, couplings.moment]).ravel()
    vector = np.concatenate([parts.real, parts.imag])
    return np.asarray(vector / np.linalg.norm(vector))


def _name_basis(flavour: str) -> str:
    if flavour in DIRAC:
        return "dirac"
    return "majorana" if flavour in MAJORANA else "flavours"


def couplings(mixing: np.ndarray | None = None, weak: WeakCouplings = RADIATIVE_COUPLINGS, /, **values: float) -> Couplings:
    """Couplings beyond those of the Standard Model, from values of parameters; a common value and an element's add up.

    Values are in units of the parameter's scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. `weak` is what the weak ones
    are. Raises `BayesnuError` for moments whose interference is not defined.
    """
    require_one_basis(parameter_of(name) for name, value in values.items() if value != 0)
    total = Couplings()
    for name, value in values.items():
        parameter = parameter_of(name)
        total = total + (value - standard_value(parameter, weak)) * direction(parameter, mixing)
    return total
