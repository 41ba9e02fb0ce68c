"""What an experiment is: counts in bins of reconstructed energy, and what is known of detector and background.

Energies are in keV, counts are events per bin over the whole exposure, arrays are read-only float64. Every object here
is already checked: `bayesnu.experiments.load` is the one place that makes them from a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from math import inf
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from bayesnu.physics.background_spectra import Spectrum
from bayesnu.physics.resolution import AnyResolution
from bayesnu.support.arguments import read_array, read_number
from bayesnu.support.errors import BayesnuError
from bayesnu.support.html import html_table

Array: TypeAlias = NDArray[np.float64]
NeutrinoRole: TypeAlias = Literal["included", "absent"]
EfficiencyEnergy: TypeAlias = Literal["reconstructed", "true"]
LARGEST_EXPOSURE = 1e9  # tonne-years: more is a mistake of unit
ROUNDING = 1e-9  # of fractions that sum to one


class _ReadOnly:
    """What keeps its arrays as read-only copies: templates are folded once for an object, so it may never change.

    Raises: `BayesnuError` for an array that holds anything but numbers.
    """

    def __post_init__(self) -> None:
        self._freeze_arrays()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._freeze_arrays()  # arrays come writable out of a pickle

    def _freeze_arrays(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            values = getattr(self, field.name)
            if str(field.type).startswith("Array") and values is not None:
                frozen = read_array(field.name, values).copy()
                frozen.setflags(write=False)
                object.__setattr__(self, field.name, frozen)


def _check_number(name: str, value: float, lowest: float = -inf, highest: float = inf) -> None:
    """Refuse what is no finite number above one and up to another."""
    if not lowest < read_number(name, value) <= highest:
        limits = f"above {lowest:g}" + (f" and up to {highest:g}" if highest < inf else "")
        raise BayesnuError(f"{name}: found {value:g}; must be {limits}")


def _check_asymmetry(asymmetry: float) -> None:
    """Refuse what leaves no width on one side."""
    if not -1 < read_number("the asymmetry of a width", asymmetry) < 1:
        raise BayesnuError(f"the asymmetry of a width: found {asymmetry:g}; must lie between -1 and 1")


@dataclass(frozen=True)
class RelativeWidth:
    """One standard deviation of a normalisation, as a part of its fitted counts, in (0, 1].

    With an `asymmetry` a the constraint is a split normal: `value` (1 - a) wide below the fit and `value` (1 + a) above.
    """

    value: float
    asymmetry: float = 0.0

    def __post_init__(self) -> None:
        _check_number("a relative width", self.value, 0.0, 1.0)
        _check_asymmetry(self.asymmetry)

    def relative(self, total_counts: float) -> float:
        """Return the width as a part of `total_counts`: itself."""
        return self.value


@dataclass(frozen=True)
class AbsoluteWidth:
    """One standard deviation of a normalisation, in counts summed over all bins of the file (not the region alone).

    That of a spectrum is in the unit of its size: counts where these are counted, or the rate. `asymmetry` is that of a
    `RelativeWidth`.
    """

    counts: float
    asymmetry: float = 0.0

    def __post_init__(self) -> None:
        _check_number("an absolute width, in counts", self.counts, 0.0)
        _check_asymmetry(self.asymmetry)

    def relative(self, total_counts: float) -> float:
        """Return the width as a part of `total_counts`, the component's counts or size in the same unit."""
        return self.counts / total_counts


@dataclass(frozen=True)
class FreeWidth:
    """A normalisation the data alone decide: flat on [0, `maximum` x its fitted counts]."""

    maximum: float = 10.0

    def __post_init__(self) -> None:
        _check_number("the maximum of a free normalisation", self.maximum, 1.0)


Width: TypeAlias = RelativeWidth | AbsoluteWidth | FreeWidth


@dataclass(frozen=True)
class Counted:
    """The size of a spectrum as `counts` after efficiency, in the `region` of interest or in `all` bins of the file."""

    counts: float
    within: Literal["region", "all"]

    def __post_init__(self) -> None:
        _check_number("the counts of a spectrum", self.counts, 0.0)


@dataclass(frozen=True)
class Rated:
    """The size of a spectrum as a `rate` before efficiency, which multiplies it: in 1/(t yr), or in 1/(t yr keV) if flat.

    A table of rates has a rate of one.
    """

    rate: float

    def __post_init__(self) -> None:
        _check_number("the rate of a spectrum", self.rate, 0.0)


Size: TypeAlias = Counted | Rated


@dataclass(frozen=True)
class GaussianPrior:
    """A normalisation known before the fit as a Gaussian, cut at zero, in units of its fitted counts.

    `asymmetry` is that of a `RelativeWidth`; `mean` is then the mode.
    """

    mean: float
    width: float
    asymmetry: float = 0.0

    def __post_init__(self) -> None:
        _check_asymmetry(self.asymmetry)
        _check_number("the mean of a prior, in fitted counts", self.mean, 0.0)
        _check_number("the width of a prior, in fitted counts", self.width, 0.0)


@dataclass(frozen=True)
class UniformPrior:
    """A normalisation known before the fit to lie between two numbers, in units of its fitted counts: one is among them."""

    lowest: float
    highest: float

    def __post_init__(self) -> None:
        lowest = read_number("the lower end of a prior, in fitted counts", self.lowest)
        highest = read_number("the upper end of a prior, in fitted counts", self.highest)
        if not 0 <= lowest <= 1 <= highest or lowest == highest:
            raise BayesnuError(
                f"the range of a prior, in fitted counts: found {lowest:g} to {highest:g}; must be 0 or more and hold 1, "
                "the fit"
            )


@dataclass(frozen=True)
class ComponentPrior:
    """What was known of a component before the fit to the data, as published for `range_kev`, both ends in keV.

    `known` is in units of the component's fitted counts in that range. A normalisation multiplies the component's whole
    shape, so that it holds in every other range too.
    """

    known: GaussianPrior | UniformPrior
    range_kev: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Component(_ReadOnly):
    """One background component: exactly one of `counts` (bins,), `fraction` and `spectrum` is set.

    `fraction` is its part of the remainder (see `Background`). A `spectrum` in true energy has a `size`.
    Components of one `shape` share one nuisance parameter. `shared` names a nuisance common to every experiment that uses
    the same key. `width` is what a fit to the data gave, `prior` what was known before it, None where nothing is published.
    """

    name: str
    shape: str
    counts: Array | None
    fraction: float | None
    width: Width
    shared: str | None
    label: str
    spectrum: Spectrum | None = None
    size: Size | None = None
    prior: ComponentPrior | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [each for each in (self.counts, self.fraction, self.spectrum) if each is not None]
        if len(given) != 1:
            raise BayesnuError(f"{self.name}: a component needs one of counts, a fraction of the remainder and a spectrum")
        if (self.spectrum is None) != (self.size is None):
            raise BayesnuError(f"{self.name}: a spectrum needs a size, and nothing else has one")
        if self.fraction is not None:
            _check_number(f"{self.name}: fraction", self.fraction, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Background(_ReadOnly):
    """The fitted background, and whether Standard Model solar neutrinos are part of it.

    With `solar_neutrinos` "included", `total` (bins,) contains them, and `published_solar_neutrinos` (bins,) is that part
    as published. The shape named `remainder` is total - neutrinos - every component with counts of its own. Whoever adds
    a prediction of the neutrinos has to take one out first. With "absent" the three are None. All counts are of the exposure
    that stands here.
    """

    exposure_tonne_years: float
    solar_neutrinos: NeutrinoRole
    total: Array | None
    published_solar_neutrinos: Array | None
    remainder: str | None
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [each.name for each in self.components]
        if len({*names}) < len(names):
            raise BayesnuError(f"background: found components {', '.join(names)}; each name may stand once")
        if self.solar_neutrinos not in get_args(NeutrinoRole):
            raise BayesnuError(
                f"background: found solar_neutrinos '{self.solar_neutrinos}'; must be {' or '.join(get_args(NeutrinoRole))}"
            )
        parts = sum(each.fraction for each in self.components if each.fraction is not None)
        if parts and abs(parts - 1) > ROUNDING:
            raise BayesnuError(f"background: found fractions of the remainder that sum to {parts:.6g}; must sum to 1")


@dataclass(frozen=True, eq=False)
class Efficiency(_ReadOnly):
    """Efficiency against energy, linear between knots, zero below the first and constant above the last.

    A repeated energy is a step. `energy` says which energy the curve is drawn against. `relative_width` is one standard
    deviation of its scale, None where none is published, and `assumed_width` what is assumed then. `threshold_width_kev` is
    the assumed one of a shift of the curve, or None. `shared` names a scale common to experiments of one detector.
    """

    energy: EfficiencyEnergy
    energies_kev: Array
    values: Array
    relative_width: float | None
    shared: str | None
    assumed_width: float | None = None
    threshold_width_kev: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.energy not in get_args(EfficiencyEnergy):
            raise BayesnuError(
                f"efficiency: found energy '{self.energy}'; must be {' or '.join(get_args(EfficiencyEnergy))}"
            )
        if self.relative_width is not None:
            _check_number("efficiency: relative_width", self.relative_width, 0.0, 1.0)
        if self.assumed_width is not None:
            _check_number("efficiency: assumed_width", self.assumed_width, 0.0, 1.0)
        if self.threshold_width_kev is not None:
            _check_number("efficiency: threshold_width_kev", self.threshold_width_kev, 0.0, 1.0)


@dataclass(frozen=True)
class StatedNeutrinos:
    """Solar neutrinos that the publication expects in `range_kev`, both ends in keV, with one standard deviation or None."""

    counts: float
    error: float | None
    range_kev: tuple[float, float]

    def __post_init__(self) -> None:
        if read_number("neutrinos: counts", self.counts) < 0:
            raise BayesnuError(f"neutrinos: counts: found {self.counts:g}; must be 0 or more")
        if self.error is not None:
            _check_number("neutrinos: error", self.error, 0.0)


@dataclass(frozen=True)
class Provenance:
    """Where the numbers of one table come from; `quality` is that of the weakest number in it."""

    table: str
    quality: str
    source: str


@dataclass(frozen=True, eq=False, repr=False)
class Experiment(_ReadOnly):
    """One data set under one reading of its file. Arrays are read-only; counts are events per bin over the whole exposure.

    Raises: `BayesnuError` for an exposure of which the background's counts are not, for edges that make no bins, for an
        efficiency that is no curve, and for counts that are not one per bin.

    Attributes:
        name, title: one word, and what it is called in print.
        references: arXiv numbers and DOIs.
        note: what file and reading say of themselves.
        exposure_tonne_years: tonne-years.
        edges_kev: (bins + 1,), edges in reconstructed energy, keV.
        observed: (bins,), events.
        model_values_kev: both ends in keV of the bins whose counts are a model's values and no data, or None.
        turn_on: (bins,), a factor on the folded signal of each bin, or None.
        region_kev: both ends of the region of interest in keV, which lie on edges.
        resolution: width of the energy response against energy, both in keV.
        efficiency: detected part of the recoils, in [0, 1], against energy in keV.
        background: fitted background counts, with the widths of their normalisations.
        neutrinos: how many solar neutrinos the publication expects, or None where it does not say.
        incompatible: names of data sets that hold the same events.
        reading: the reading that was used, `default` where the file has none of the name asked for.
        readings: names of the readings that the file has beside its own tables.
        path, text, digest: the file's place, its text, and the sha256 of that text.
        provenance: source and quality of every table.
        exposure_width: relative standard deviation of the exposure, or None.
        is_detector: whether nothing is observed yet; then `observed` is zero and no data.
    """

    name: str
    title: str
    references: tuple[str, ...]
    note: str
    exposure_tonne_years: float
    edges_kev: Array
    observed: Array
    model_values_kev: tuple[float, float] | None
    turn_on: Array | None
    region_kev: tuple[float, float]
    resolution: AnyResolution
    efficiency: Efficiency
    background: Background
    neutrinos: StatedNeutrinos | None
    incompatible: tuple[str, ...]
    reading: str
    readings: tuple[str, ...]
    path: str
    digest: str
    text: str
    provenance: tuple[Provenance, ...]
    exposure_width: float | None = None
    is_detector: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_exposure()
        self._check_edges()
        self._check_efficiency()
        self._check_counts()
        low, high = self.region_kev
        if low >= high or not {low, high} <= {*self.edges_kev}:
            raise BayesnuError(
                f"{self.name}: found region_kev ({low:g}, {high:g}); must be two edges of bins, the lower first"
            )
        if self.model_values_kev is not None and not {*self.model_values_kev} <= {*self.edges_kev}:
            raise BayesnuError(
                f"{self.name}: found model_values_kev {self.model_values_kev}; must be two edges of bins, or None"
            )

    def _check_exposure(self) -> None:
        """Refuse an exposure that is none, and one of which the background's counts are not."""
        exposure = read_number(f"{self.name}: exposure_tonne_years", self.exposure_tonne_years, "tonne-years")
        if exposure <= 0:
            raise BayesnuError(f"{self.name}: found an exposure of {exposure:g} tonne-years; must be above 0")
        if self.exposure_width is not None:
            _check_number(f"{self.name}: exposure_width", self.exposure_width, 0.0, 1.0)
        counted = self.background.exposure_tonne_years
        if exposure != counted:
            raise BayesnuError(
                f"{self.name}: found an exposure of {exposure:g} tonne-years and background counts of {counted:g}; "
                "bayesnu.experiments.scale_exposure changes both together"
            )

    def _check_edges(self) -> None:
        """Refuse edges that make no bins."""
        edges = self.edges_kev
        if edges.ndim != 1 or len(edges) < 2:
            raise BayesnuError(f"{self.name}: found edges_kev of shape {edges.shape}; must be a list of two or more")
        if not (np.all(np.isfinite(edges)) and np.all(edges >= 0) and np.all(np.diff(edges) > 0)):
            raise BayesnuError(f"{self.name}: found edges_kev that make no bins; must be finite, 0 or more, and increase")

    def _check_efficiency(self) -> None:
        """Refuse a curve that is none, or not of efficiencies."""
        energies = self.efficiency.energies_kev
        values = self.efficiency.values
        if energies.ndim != 1 or energies.shape != values.shape or not energies.size:
            raise BayesnuError(
                f"{self.name}: found an efficiency with energies_kev of shape {energies.shape} and values of shape "
                f"{values.shape}; must be two lists of one length"
            )
        if not np.all(np.isfinite(energies)) or np.any(np.diff(energies) < 0):
            raise BayesnuError(f"{self.name}: found efficiency energies_kev out of order; must be finite and not decrease")
        if not (np.all(values >= 0) and np.all(values <= 1)):
            raise BayesnuError(f"{self.name}: found an efficiency outside [0, 1]; give the detected part of the recoils")

    def _check_counts(self) -> None:
        """Refuse counts that a file could not have: of another length, negative, or no numbers."""
        background = self.background
        counts = {"observed": self.observed, "turn_on": self.turn_on, "background.total": background.total}
        counts["background.published_solar_neutrinos"] = background.published_solar_neutrinos
        counts |= {f"the counts of {each.name}": each.counts for each in background.components}
        bins = len(self.edges_kev) - 1
        for name, values in counts.items():
            if values is None:
                continue
            if np.shape(values) != (bins,):
                raise BayesnuError(f"{self.name}: found {name} of shape {np.shape(values)}; must be one per bin, ({bins},)")
            if not (np.all(np.isfinite(values)) and np.all(np.asarray(values) >= 0)):
                raise BayesnuError(f"{self.name}: found {name} with what is no count; must be finite, 0 or more")

    @property
    def short_title(self) -> str:
        """The title without a remark in brackets at its end."""
        return re.sub(r" \([^()]*\)$", "", self.title)

    def __repr__(self) -> str:
        low, high = self.edges_kev[[0, -1]]
        return (
            f"<Experiment {self.name}, reading {self.reading}: {self.events} in {len(self.observed)} bins "
            f"of {low:g}-{high:g} keV, {self.exposure_tonne_years:.3g} t yr>"
        )

    def _repr_html_(self) -> str:
        low, high = self.edges_kev[[0, -1]]
        components = ", ".join(each.name for each in self.background.components)
        rows = [
            ("name, reading", f"{self.name}, {self.reading}"),
            ("events", f"{self.observed.sum():g} in {len(self.observed)} bins of {low:g}-{high:g} keV"),
            ("region", "{:g}-{:g} keV".format(*self.region_kev)),
            ("exposure", f"{self.exposure_tonne_years:.4g} t yr"),
            ("backgrounds", components or "none"),
            ("references", ", ".join(self.references) or "none"),
        ]
        return html_table((), rows, self.title)

    @property
    def events(self) -> str:
        """How many events were observed in all bins, in words."""
        return "nothing observed yet" if self.is_detector else f"{self.observed.sum():g} events"

    @property
    def is_data(self) -> NDArray[np.bool_]:
        """Return which bins (bins,) hold data, True or False."""
        if self.model_values_kev is None:
            return np.ones(len(self.observed), dtype=bool)
        low, high = self.model_values_kev
        return (self.edges_kev[:-1] < low) | (self.edges_kev[1:] > high)

    @property
    def in_region(self) -> NDArray[np.bool_]:
        """Return which bins (bins,) lie inside the region of interest, True or False."""
        return (self.edges_kev[:-1] >= self.region_kev[0]) & (self.edges_kev[1:] <= self.region_kev[1])
