"""The file format as pydantic models: one class per table, with the checks that need no other table.

Strict: a boolean or a string is not a number, an unknown key is refused, infinities and NaN are refused. What needs two
tables is in `checks`. The messages are fragments; `reader` puts file, table and key in front of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from bayesnu.experiments.experiment import LARGEST_EXPOSURE
from bayesnu.experiments.sentences import show_value
from bayesnu.physics.resolution import MOST_SKEWED

MAX_BINS = 20_000  # a fold is bins x nodes: more is a mistake of unit, not an experiment
MAX_KNOTS = 100_000  # of an efficiency curve or a spectrum
MOST_CHARGE = 120  # of a nucleus
MAX_WIDTHS = 1_000  # knots of a resolution: each ends a panel of the integration
POLYNOMIAL = ("constant_kev", "sqrt_kev", "linear", "quadratic_per_kev", "cubic_per_kev2")
FARTHEST_FIT = 5.0  # standard deviations of a prior: a fit further away is of other energies or units


def _refuse_controls(text: str) -> str:
    """Refuse what would command a terminal instead of being shown by it."""
    if any((c < " " and c not in "\t\n") or "\x7f" <= c <= "\x9f" for c in text):
        raise ValueError("found a control character; must be text; drop it")
    return text


def _spelled(pattern: str, allowed: str) -> AfterValidator:
    """Make the check that a name is of the characters which `allowed` says in words."""

    def check_spelling(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"found {show_value(text)}; must be {allowed}; rename it")
        return text

    return AfterValidator(check_spelling)


Count: TypeAlias = Annotated[float, Field(ge=0, le=1e12)]
SomeCounts: TypeAlias = Annotated[float, Field(ge=1e-6, le=1e12)]
Counts: TypeAlias = Annotated[list[Count], Field(min_length=1, max_length=MAX_BINS)]
Energy: TypeAlias = Annotated[float, Field(ge=0, le=1e5)]  # keV
Peak: TypeAlias = Annotated[float, Field(ge=1e-3, le=1e5)]  # keV, of a line or an endpoint
Positive: TypeAlias = Annotated[float, Field(gt=0, le=1e12)]
Coefficient: TypeAlias = Annotated[float, Field(ge=-1e6, le=1e6)]
Above: TypeAlias = Annotated[float, Field(ge=1e-9, le=1e5)]
Skewness: TypeAlias = Annotated[float, Field(ge=-MOST_SKEWED, le=MOST_SKEWED)]
Exposed: TypeAlias = Annotated[float, Field(ge=1e-9, le=LARGEST_EXPOSURE)]
Relative: TypeAlias = Annotated[float, Field(gt=0, le=1)]  # above it is a percentage, or no constraint: `free` is for that
Part: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Factor: TypeAlias = Annotated[float, Field(ge=0, le=10)]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_refuse_controls)]
Slug: TypeAlias = Annotated[str, Field(max_length=64), _spelled(r"[a-z0-9-]+", "lower-case letters, digits and hyphens")]
Word: TypeAlias = Annotated[
    str,
    Field(max_length=64),
    _spelled(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", "a letter or digit, then letters, digits and any of _ . + -"),
]
Phrase: TypeAlias = Annotated[
    str,
    Field(max_length=64),
    _spelled(r"[A-Za-z0-9][A-Za-z0-9 _.+-]*", "a letter or digit, then letters, digits, spaces and any of _ . + -"),
]
Quality: TypeAlias = Literal["official", "published", "digitised", "derived", "assumed"]


def check_knots(energies: list[float]) -> list[float]:
    """Refuse energies of a curve that decrease, or that stand there more than twice."""
    for low, high in pairwise(energies):
        if high < low:
            raise ValueError(f"found {high:g} after {low:g}; must not decrease; sort the knots")
    for first, third in zip(energies, energies[2:], strict=False):
        if first == third:
            raise ValueError(f"found {first:g} three times; a step is two knots; drop those between")
    return energies


def require_one_of(table: BaseModel, *keys: str) -> None:
    """Raise ValueError unless exactly one of `keys` is given."""
    given = [key for key in keys if getattr(table, key) is not None]
    if len(given) != 1:
        names = ", ".join(keys[:-1]) + " and " + keys[-1]
        raise ValueError(f"found {' and '.join(given) or 'none'} of {names}; must be exactly one; keep one")


class Table(BaseModel):
    """What every table of the format has in common."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class Sourced(Table):
    """A table that carries numbers, and so says where they are from; `quality` is that of its weakest number."""

    source: Text
    quality: Quality


class ExposureError(Sourced):
    """One standard deviation of the exposure, as that of the fiducial mass."""

    relative: Relative


class Exposure(Sourced):
    """Target mass times live time."""

    tonne_years: Exposed | None = None
    tonne_days: Exposed | None = None
    error: ExposureError | None = None

    @model_validator(mode="after")
    def _check_unit(self) -> Exposure:
        require_one_of(self, "tonne_years", "tonne_days")
        return self


class Bins(Sourced):
    """Contiguous bins of reconstructed energy and the events observed in each.

    A detector that is yet to measure has no `observed`. Bins within `model_values_kev` hold a model's values, not data.
    """

    edges_kev: Annotated[list[Energy], Field(min_length=2, max_length=MAX_BINS + 1)]
    observed: Counts | None = None
    model_values_kev: Annotated[list[Energy], Field(min_length=2, max_length=2)] | None = None

    @field_validator("edges_kev")
    @classmethod
    def _check_order(cls, edges: list[float]) -> list[float]:
        for low, high in pairwise(edges):
            if high <= low:
                raise ValueError(f"found {high:g} after {low:g}; must increase; sort the edges and drop repeated ones")
        return edges


class Region(Sourced):
    """The energies whose bins are compared with data, [low, high] on bin edges."""

    kev: Annotated[list[Energy], Field(min_length=2, max_length=2)]


class Resolution(Sourced):
    """Width of the response: a polynomial, or a table of `sigma_kev` or `relative` (sigma over T) at rising `energies_kev`.

    The polynomial is constant + sqrt * sqrt(T) + linear * T + quadratic * T^2 + cubic * T^3 in keV, constant above
    `valid_to_kev`, where one is given. In a table sigma is linear between the knots and constant beyond them. `alpha`, or
    `alphas` per knot, make the response a skew-normal.
    """

    constant_kev: Coefficient = 0.0
    sqrt_kev: Coefficient = 0.0
    linear: Coefficient = 0.0
    quadratic_per_kev: Coefficient = 0.0
    cubic_per_kev2: Coefficient = 0.0
    valid_to_kev: Annotated[float, Field(gt=0, le=1e5)] | None = None
    energies_kev: Annotated[list[Above], Field(min_length=1, max_length=MAX_WIDTHS)] | None = None
    sigma_kev: Annotated[list[Above], Field(min_length=1, max_length=MAX_WIDTHS)] | None = None
    relative: Annotated[list[Above], Field(min_length=1, max_length=MAX_WIDTHS)] | None = None
    alphas: Annotated[list[Skewness], Field(min_length=1, max_length=MAX_WIDTHS)] | None = None
    alpha: Skewness = 0.0

    @model_validator(mode="after")
    def _check_kind(self) -> Resolution:
        if self.energies_kev is None:
            self._check_polynomial()
        else:
            self._check_table(self.energies_kev)
        return self

    def _check_polynomial(self) -> None:
        for key in ("sigma_kev", "relative", "alphas"):
            if getattr(self, key) is not None:
                raise ValueError(f"found {key} without energies_kev; must be a table; add the energies of its knots")

    def _check_table(self, energies: list[float]) -> None:
        require_one_of(self, "sigma_kev", "relative")
        for key in (*POLYNOMIAL, "valid_to_kev"):
            if key in self.model_fields_set:
                raise ValueError(f"found energies_kev and {key}; must be a table or a polynomial; keep one")
        for low, high in pairwise(energies):
            if high <= low:
                raise ValueError(
                    f"found the energy {high:g} after {low:g}; must increase; sort the knots and drop repeated ones"
                )
        if self.alphas is not None and self.alpha != 0:
            raise ValueError("found alpha and alphas; must be one number or one per knot; keep one")
        for key in ("sigma_kev", "relative", "alphas"):
            values = getattr(self, key)
            if values is not None and len(values) != len(energies):
                raise ValueError(
                    f"found {len(values)} of {key}; must be {len(energies)}, one per energies_kev; correct either"
                )


class AssumedWidths(Sourced):
    """Standard deviations of an efficiency that nobody has published: of its scale, and of a shift of the curve in keV."""

    relative_width: Relative | None = None
    threshold_kev: Annotated[float, Field(gt=0, le=1)] | None = None


class Efficiency(Sourced):
    """Knots of a curve linear between them, zero below the first and constant above the last.

    `relative_width` is the published standard deviation of its scale, `assumed` holds what is assumed beside it.
    """

    energy: Literal["reconstructed", "true"]
    energies_kev: Annotated[list[Energy], Field(min_length=1, max_length=MAX_KNOTS), AfterValidator(check_knots)]
    values: Annotated[list[Part], Field(min_length=1, max_length=MAX_KNOTS)]
    turn_on: Annotated[list[Factor], Field(min_length=1, max_length=MAX_BINS)] | None = None
    relative_width: Relative | None = None
    assumed: AssumedWidths | None = None
    shared: Phrase | None = None

    @field_validator("values")
    @classmethod
    def _check_values(cls, values: list[float]) -> list[float]:
        if not any(values):
            raise ValueError("found zeros alone; must be above zero somewhere; give the curve of the selection")
        return values

    @model_validator(mode="after")
    def _check_width(self) -> Efficiency:
        if self.relative_width is not None and self.assumed is not None and self.assumed.relative_width is not None:
            raise ValueError("found relative_width published and assumed; what is published needs no assumption; keep one")
        return self


class Side(Table):
    """One standard deviation of a normalisation on one side of its fit."""

    relative: Relative | None = None
    absolute: Positive | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Side:
        require_one_of(self, "relative", "absolute")
        return self


class Width(Table):
    """One standard deviation of a normalisation, or one on either side of the fit, or the maximum of a free one."""

    relative: Relative | None = None
    absolute: Positive | None = None
    free: Annotated[float, Field(gt=1, le=1e6)] | None = None
    lower: Side | None = None
    upper: Side | None = None

    @property
    def is_absolute(self) -> bool:
        """Whether it is in counts, or in the unit of a spectrum's events."""
        return self.absolute is not None or (self.lower is not None and self.lower.absolute is not None)

    @model_validator(mode="after")
    def _check_kind(self) -> Width:
        require_one_of(self, "relative", "absolute", "free", "lower" if self.upper is None else "upper")
        if (self.lower is None) != (self.upper is None):
            raise ValueError("found one of lower and upper; must be a width on either side; add the other")
        if self.lower is not None and self.upper is not None and self.lower.model_fields_set != self.upper.model_fields_set:
            raise ValueError("found a relative and an absolute side; must be two of a kind; convert one")
        return self


class Lines(Table):
    """Lines as wide as the resolution: their energies, and the events per decay in each; one where it is not given."""

    energies_kev: Annotated[list[Peak], Field(min_length=1, max_length=1000)]
    ratios: Annotated[list[Positive], Field(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _check_ratios(self) -> Lines:
        lines = len(self.energies_kev)
        found = 1 if self.ratios is None else len(self.ratios)
        if found != lines:
            raise ValueError(f"found {found} ratios; must be {lines}, one per energies_kev; correct either")
        return self


class Decay(Table):
    """A decay, by the largest energy of its electrons and the charge of the daughter."""

    endpoint_kev: Peak
    daughter_charge: Annotated[int, Field(ge=1, le=MOST_CHARGE)]


class Beta(Decay):
    """An allowed beta decay; the polynomial of `shape_factor` in the kinetic energy, the constant first, multiplies it."""

    shape_factor: Annotated[list[Coefficient], Field(min_length=1, max_length=10)] = [1.0]

    @model_validator(mode="after")
    def _check_sign(self) -> Beta:
        for energy in (self.endpoint_kev * n / 1000 for n in range(1001)):
            factor = sum(each * energy**power for power, each in enumerate(self.shape_factor))
            if factor < 0 or not any(self.shape_factor):
                raise ValueError(f"found a shape_factor of {factor:.3g} at {energy:.3g} keV; must be above 0; correct it")
        return self


class Curve(Table):
    """Knots of a spectrum linear between them and zero outside: rates in 1/(t yr keV), or a shape alone."""

    energies_kev: Annotated[list[Energy], Field(min_length=2, max_length=MAX_KNOTS), AfterValidator(check_knots)]
    per_tonne_year_kev: Annotated[list[Count], Field(min_length=2, max_length=MAX_KNOTS)] | None = None
    shape: Annotated[list[Count], Field(min_length=2, max_length=MAX_KNOTS)] | None = None

    @model_validator(mode="after")
    def _check_values(self) -> Curve:
        require_one_of(self, "per_tonne_year_kev", "shape")
        found = len(self.values)
        knots = len(self.energies_kev)
        if found != knots:
            raise ValueError(f"found {found} values; must be {knots}, one per energies_kev; correct either")
        if self.energies_kev[0] == self.energies_kev[-1] or not any(self.values):
            raise ValueError("found no events; must be some between two energies; leave the component out")
        return self

    @property
    def values(self) -> list[float]:
        """The numbers at the knots, whatever they are."""
        return self.per_tonne_year_kev or self.shape or []


class Events(Table):
    """How many events a spectrum has: counts after efficiency, or a rate before it."""

    in_region: Positive | None = None
    in_all_bins: Positive | None = None
    per_tonne_year: Positive | None = None
    per_tonne_year_kev: Positive | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Events:
        require_one_of(self, "in_region", "in_all_bins", "per_tonne_year", "per_tonne_year_kev")
        return self

    @property
    def kind(self) -> str:
        """The key that is given."""
        return next(iter(self.model_dump(exclude_none=True)))


# The kinds of spectrum, and in what units each says how many events it has.
COUNTED = ("in_region", "in_all_bins")
SIZES = {
    "lines": (*COUNTED, "per_tonne_year"),
    "flat": (*COUNTED, "per_tonne_year_kev"),
    "beta": (*COUNTED, "per_tonne_year"),
    "double_beta": (*COUNTED, "per_tonne_year"),
    "table": COUNTED,
}


class GaussianCounts(Table):
    """Counts with one standard deviation, or with one on either side."""

    mean: SomeCounts
    sigma: SomeCounts | None = None
    lower: SomeCounts | None = None
    upper: SomeCounts | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> GaussianCounts:
        require_one_of(self, "sigma", "lower" if self.upper is None else "upper")
        if (self.lower is None) != (self.upper is None):
            raise ValueError("found one of lower and upper; must be a width on either side; add the other")
        return self

    @property
    def sides(self) -> tuple[float, float]:
        """The standard deviations below and above the mean."""
        return self.lower or self.sigma or 0.0, self.upper or self.sigma or 0.0


class UniformCounts(Table):
    """Counts between two ends."""

    lowest: Count
    highest: Count

    @model_validator(mode="after")
    def _check_order(self) -> UniformCounts:
        if self.highest <= self.lowest:
            raise ValueError(f"found {self.lowest:g} to {self.highest:g}; must increase; give the lower end first")
        return self


class ComponentPrior(Sourced):
    """What was known of a component before the fit to the data, in counts between two energies; `free` if nothing was.

    `fitted_counts` are those of the published fit between the same energies.
    """

    kev: Annotated[list[Energy], Field(min_length=2, max_length=2)]
    fitted_counts: SomeCounts
    gaussian: GaussianCounts | None = None
    uniform: UniformCounts | None = None
    free: Annotated[float, Field(gt=1, le=1e6)] | None = None

    @model_validator(mode="after")
    def _check_prior(self) -> ComponentPrior:
        require_one_of(self, "gaussian", "uniform", "free")
        low, high = self.kev
        if low >= high:
            raise ValueError(f"found kev = [{low:g}, {high:g}]; must be [low, high]; give the lower energy first")
        if not self._holds_fit():
            raise ValueError(
                f"found fitted_counts = {self.fitted_counts:g}, which the prior does not hold; must be counts between the "
                "same energies; correct either"
            )
        return self

    def _holds_fit(self) -> bool:
        """Whether the fit lies within the range, or within so many standard deviations: both are of the same energies."""
        if self.uniform is not None:
            return self.uniform.lowest <= self.fitted_counts <= self.uniform.highest
        if self.gaussian is None:
            return True
        lower, upper = self.gaussian.sides
        return -FARTHEST_FIT * lower <= self.fitted_counts - self.gaussian.mean <= FARTHEST_FIT * upper


class Component(Sourced):
    """One background component: counts per bin, a fraction of the remainder, or a spectrum, which has events."""

    name: Word
    shape: Word | None = None
    label: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_refuse_controls)] | None = None
    counts: Counts | None = None
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    lines: Lines | None = None
    flat: Literal[True] | None = None
    beta: Beta | None = None
    double_beta: Decay | None = None
    table: Curve | None = None
    events: Events | None = None
    width: Width
    shared: Phrase | None = None
    prior: ComponentPrior | None = None

    @property
    def is_rate_table(self) -> bool:
        """Whether it is a table that says itself how many events it has."""
        return self.table is not None and self.table.per_tonne_year_kev is not None

    @model_validator(mode="after")
    def _check_size(self) -> Component:
        require_one_of(self, "counts", "fraction", *SIZES)
        self._check_events()
        if self.shared is not None and self.width.free is not None:
            raise ValueError("found shared with a free width; a free normalisation belongs to one experiment; drop one")
        return self

    def _check_events(self) -> None:
        """A spectrum says how many events it has, in a unit that it can have; nothing else does."""
        kind = next((key for key in SIZES if getattr(self, key) is not None), None)
        allowed = () if kind is None or self.is_rate_table else SIZES[kind]
        words = " or ".join(allowed)
        if allowed and self.events is None:
            raise ValueError(f"found {kind} without events; must be given as {words}; add events")
        if self.events is not None and self.events.kind not in allowed:
            wanted = words or "left out, as the counts are there already"
            raise ValueError(f"found events {self.events.kind}; must be {wanted}; correct it")
        if self.is_rate_table and self.width.is_absolute:
            raise ValueError("found an absolute width of a table of rates; must be relative or free; correct it")


class Background(Sourced):
    """The background; with solar neutrinos included it also says which part of the total they are."""

    solar_neutrinos: Literal["included", "absent"]
    total: Counts | None = None
    published_solar_neutrinos: Counts | None = None
    remainder: Word | None = None
    components: Annotated[list[Component], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _check_neutrinos(self) -> Background:
        for key in ("total", "published_solar_neutrinos", "remainder"):
            if (getattr(self, key) is None) == (self.solar_neutrinos == "included"):
                verb = "needs" if self.solar_neutrinos == "included" else "forbids"
                raise ValueError(
                    f"found solar_neutrinos = '{self.solar_neutrinos}', which {verb} {key}, so that neutrinos are "
                    f"counted once; {'add' if verb == 'needs' else 'drop'} {key}"
                )
        return self


class Neutrinos(Sourced):
    """How many solar neutrinos the publication expects between two energies, on bin edges."""

    counts: Annotated[float, Field(gt=0, le=1e12)]
    error: Annotated[float, Field(gt=0, le=1e12)] | None = None
    kev: Annotated[list[Energy], Field(min_length=2, max_length=2)]


class Reading(Table):
    """Tables that replace the file's own, whole, when this reading is chosen."""

    note: Text
    exposure: Exposure | None = None
    bins: Bins | None = None
    region: Region | None = None
    resolution: Resolution | None = None
    efficiency: Efficiency | None = None
    background: Background | None = None
    neutrinos: Neutrinos | None = None


class File(Table):
    """A whole file: the tables at its top are the reading "default"."""

    format: Annotated[int, Field(ge=1, le=1)]  # not Literal[1], which lets true pass
    name: Slug
    title: Text
    note: Annotated[str, Field(max_length=4000), AfterValidator(_refuse_controls)] = ""
    references: Annotated[list[Text], Field(max_length=100)]
    incompatible: Annotated[list[Slug], Field(max_length=100)]
    exposure: Exposure
    bins: Bins
    region: Region
    resolution: Resolution
    efficiency: Efficiency
    background: Background
    neutrinos: Neutrinos | None = None
    readings: Annotated[dict[Slug, Reading], Field(max_length=20)] = {}

    @field_validator("readings")
    @classmethod
    def _check_names(cls, readings: dict[str, Reading]) -> dict[str, Reading]:
        if "default" in readings:
            raise ValueError("found the name 'default', which means the tables at the top of the file; rename it")
        return readings


def find_keys(location: Sequence[int | str]) -> list[str]:
    """Return the keys that the table at a pydantic location may have."""
    table: type[Table] = File
    for part in location:
        field = table.model_fields.get(str(part))  # None for a place in a list and for the name of a reading
        table = (_find_table(field.annotation) if field else None) or table
    return [*table.model_fields]


def _find_table(annotation: Any) -> type[Table] | None:
    """Return the table that an annotation holds, as a list or an option."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next(filter(None, map(_find_table, get_args(annotation))), None)
