"""Own limits beside published ones, in one convention, each row labelled with what it is.

Charge radii are those of the form factor q + q^2 <r^2>/6. A published row whose convention is not checked keeps its printed
numbers, says so in its remark and is never drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bayesnu import experiments as data
from bayesnu.experiments.published import KINDS as PUBLISHED_KINDS
from bayesnu.experiments.published import PAPER_DATA_SETS, PublishedLimit, published_limits
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import Interval, Piece, modes_note
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys.result import remark_on_fit
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import describe
from bayesnu.physics.atom import MATCHING_KEV
from bayesnu.physics.properties import PROPERTIES, parameters_of
from bayesnu.runs import run as runs
from bayesnu.runs.result import LimitRow
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.versions import __version__

OWN = "this package"
KINDS = {
    OWN: "This package",
    "solar": "Solar neutrinos",
    "reactor": "Reactor neutrinos",
    "accelerator": "Accelerator neutrinos",
    "astrophysics": "Astrophysics and cosmology",
    "theory": "Global fits and prediction",
}
assert set(KINDS) == {OWN, *PUBLISHED_KINDS}
LEVEL = 0.9
NO_LEVEL = "no confidence level given"
FLAVOURS = ("common", "e", "mu", "tau")
EVERY_FLAVOUR = ("any", "Dirac")  # of published rows that hold for each flavour
CONVENTION = (
    "charge radii as in the form factor q + q^2 <r^2>/6 where the source's convention is known; a remark marks those where "
    "it was not checked. Own radii are beyond the Standard Model's. Charges depend on how bound electrons are treated, by a "
    "factor of ten near 1 keV: a column names the treatment, and only limits of one treatment can be compared"
)
# How bound electrons take up the photon of a charge, by the choice `millicharge`; its electrons are the choice `electrons`.
OF_CHARGE = {"epa": "equivalent photons", "matched": f"equivalent photons below {MATCHING_KEV:g} keV"}


@dataclass(frozen=True)
class Row:
    """One limit or interval, in `unit`.

    `kind` is one of `KINDS`, `method` credible, profile or published. `electrons` is how bound electrons were treated,
    empty where they do not matter. `drawn` says whether it belongs on a figure.
    """

    kind: str
    name: str
    parameter: str
    flavour: str
    preset: str
    method: str
    interval: Interval
    unit: str
    electrons: str
    reference: str
    remark: str
    drawn: bool

    @property
    def cl_percent(self) -> float | None:
        """Probability of the interval in percent; None where a publication names none."""
        return None if self.interval.probability is None else float(f"{100 * self.interval.probability:.12g}")

    @property
    def what(self) -> str:
        """Name and preset."""
        return f"{self.name}, preset {self.preset}" if self.preset else self.name

    def value(self, digits: int = 4) -> str:
        """The interval in words, in units of the property's scale."""
        if self.method == "published" and self.interval.lower is None and self.interval.upper is None:
            return "not obtained"
        return " and ".join(_in_words(piece, PROPERTIES[self.parameter].scale, digits) for piece in self.interval.pieces)

    @property
    def scaled_unit(self) -> str:
        """Unit of the numbers in `value`."""
        return f"{PROPERTIES[self.parameter].scale:g} {self.unit}"


def _in_words(piece: Piece, scale: float, digits: int) -> str:
    low, high = (None if end is None else f"{end / scale:.{digits}g}" for end in piece)
    if low is None:
        return "none found" if high is None else f"< {high}"
    if high is None:
        return f"> {low}"
    return low if low == high else f"{low} … {high}"


def compare(
    parameters: Sequence[str] = tuple(PROPERTIES),
    flavour: str | None = None,
    names: Sequence[str] = (),
    presets: Sequence[str] = ("default", "paper"),
    chains: Sequence[str | Path] = (),
    report: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Own limits by profile and integration, of stored chains, and published ones, by parameter and kind.

    Own limits are of one common value, or of `flavour`, which then leaves out published limits of other flavours. Several
    experiments are taken one by one and together; none means those of the paper. `report` is called with how many posteriors
    are finished, of how many. Raises `BayesnuError` for an unknown name.
    """
    if flavour is not None and flavour not in FLAVOURS:
        raise BayesnuError(f"flavour: found '{flavour[:60]}'{did_you_mean(flavour[:60], FLAVOURS)}")
    combinations = _combinations(names)
    physics = {parameter: parameters_of(parameter, flavour or "common")[0] for parameter in parameters}
    sampled = [row for chain in chains for row in chain_rows(chain, tuple(physics.values()))]
    report = report or (lambda done, total: None)
    wanted = [*itertools.product(physics.values(), combinations, presets)]
    own: dict[str, list[Row]] = {name: [] for name in physics.values()}
    for done, (name, combination, preset) in enumerate(wanted):
        report(done, len(wanted))
        own[name] += own_rows(combination, name, preset)
    report(len(wanted), len(wanted))
    table: list[Row] = []
    for parameter, name in physics.items():
        table += own[name]
        table += [row for row in sampled if row.parameter == parameter]
        table += published_rows(parameter, flavour)
    return table


def _combinations(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    if not names:
        return PAPER_DATA_SETS
    single = tuple((name,) for name in dict.fromkeys(names))
    return (*single, tuple(name for (name,) in single)) if len(single) > 1 else single


def own_rows(names: Sequence[str], parameter: str, preset: str) -> list[Row]:
    """Credible and profile limits of one physics parameter from these experiments together."""
    analysis = choices_of.preset(preset)
    fits = Fits(build([data.load(name, analysis.inputs) for name in names], [parameter], analysis))
    remarks = remark_on_fit(fits.fitter, Settings.seed)
    rows = (_credible(fits, preset), *_profiles(fits, preset))
    return [replace(row, remark=_join(row.remark, *remarks, *fits.model.notes)) for row in rows]


def _join(*remarks: str) -> str:
    return "; ".join(filter(None, remarks))


def _own(model: Model, preset: str, method: str, interval: Interval, remark: str, drawn: bool = True) -> Row:
    item = model.of_interest[0].em_property
    about = []
    if item.name == "r2_nu" and model.analysis.couplings == "radiative":
        about.append("beyond the Standard Model's charge radius")
    return Row(
        kind=OWN,
        name=joined([experiment.short_title for experiment in model.experiments]),
        parameter=item.name,
        flavour=model.of_interest[0].flavour,
        preset=preset,
        method=method,
        interval=interval.bare(),
        unit=item.unit,
        electrons=_describe_electrons(item.name, model.analysis),
        reference=f"bayesnu {__version__}",
        remark=_join(remark, *about),
        drawn=drawn,
    )


def _describe_electrons(parameter: str, analysis: Analysis) -> str:
    """How an own analysis treats bound electrons; what a charge does on them is a choice of its own."""
    by_charge = OF_CHARGE.get(analysis.millicharge) if parameter == "q_nu" else None
    return by_charge or analysis.electrons


def joined(titles: Sequence[str]) -> str:
    """Short titles as one, without a first word that repeats."""
    short = [*titles]
    for k in range(len(short) - 1, 0, -1):
        first, _, rest = short[k].partition(" ")
        if rest and first == short[k - 1].partition(" ")[0]:
            short[k] = rest
    return " + ".join(short)


def _credible(fits: Fits, preset: str) -> Row:
    prior = fits.model.parameters[0]
    kind = "eti" if prior.of_interest.signed else "upper"
    found = fits.marginal.interval(kind, LEVEL)
    modes = modes_note(found, fits.marginal.curve.region(LEVEL), scale=1.0)
    words = "equal tails" if prior.of_interest.signed else "upper limit"
    remark = f"{words}, prior {describe(prior)}, integrated" + (f"; {modes}" if modes else "")
    return _own(fits.model, preset, "credible", found.scaled(prior.scale), remark)


def _profiles(fits: Fits, preset: str) -> Iterator[Row]:
    parameter = fits.model.of_interest[0]
    for one_sided in (False,) if parameter.signed else (False, True):
        found = fits.interval(cl=LEVEL, one_sided=one_sided)
        side = "one-sided" if one_sided else "two-sided" if parameter.signed else "two-sided, 95 % as an upper limit"
        remark = f"Δχ² = {found.delta_chi2:.2f}, {side}: {found.status}"
        interval = found.scaled(parameter.scale).without_boundary()
        yield _own(fits.model, preset, "profile", interval, remark, drawn=not one_sided)


def chain_rows(chain: str | Path, parameters: Sequence[str]) -> list[Row]:
    """Credible limits of a finished chain on these parameters; raises `BayesnuError` if it has none."""
    from bayesnu.runs import chain_file, stored  # h5py: only where a chain is read

    opened = stored.open_stored(chain)
    stored.model_of_stored(opened)  # raises for a chain that this version would give other numbers
    run = opened.run
    result = chain_file.read_result(opened.path)
    if result is None:
        raise BayesnuError(f"{chain}: no result is stored yet; `bayesnu resume {opened.path.parent}` finishes it")
    found = [row for row in result.rows if row.method == "credible" and row.parameter.name in parameters]
    if not found:
        raise BayesnuError(
            f"{chain}: is a run of {', '.join(run.parameters)}, this comparison is of {', '.join(parameters)}; "
            "leave it out or change `parameter` or `flavour`"
        )
    title = joined([experiment.short_title for experiment in opened.experiments])
    said = (result.verdict.words, *result.notes, *(result.toys.remarks if result.toys else ()))
    return [_chain_row(row, run, title, result.verdict.converged, said) for row in found]


def _chain_row(row: LimitRow, run: runs.Run, title: str, converged: bool, said: Sequence[str]) -> Row:
    """A row of a run's table; one that is re-weighted or not converged is not drawn."""
    return Row(
        kind=OWN,
        name=f"{title}, sampled" + (f", prior {row.prior}" if row.prior != "flat" else ""),
        parameter=row.parameter.em_property.name,
        flavour=row.parameter.flavour,
        preset=runs.preset_note(run),
        method="credible",
        interval=row.interval,
        unit=row.parameter.unit,
        electrons=_describe_electrons(row.parameter.em_property.name, run.analysis),
        reference=f"bayesnu {__version__}",
        remark=_join(f"{row.what}, {row.how}", row.note or "", *said),
        drawn=row.is_sampled and converged and row.interval.kind == run.sampling.kind,
    )


def published_rows(parameter: str, flavour: str | None = None) -> list[Row]:
    """Published limits on a property, by kind; of one flavour if one is given."""
    chosen = [limit for limit in published_limits() if limit.parameter == parameter and _of_flavour(limit, flavour)]
    return [_published(limit) for kind in PUBLISHED_KINDS for limit in chosen if limit.kind == kind]


def _of_flavour(limit: PublishedLimit, flavour: str | None) -> bool:
    return flavour is None or limit.flavour in EVERY_FLAVOUR or flavour in limit.flavour.split(";")


def _published(limit: PublishedLimit) -> Row:
    return Row(
        kind=limit.kind,
        name=limit.experiment,
        parameter=limit.parameter,
        flavour=limit.flavour,
        preset="",
        method="published",
        interval=Interval(
            kind="published",
            probability=None if limit.cl_percent is None else limit.cl_percent / 100,
            pieces=(Piece(limit.lower, limit.upper),),
        ),
        unit=PROPERTIES[limit.parameter].unit,
        electrons=limit.electrons,
        reference=limit.reference,
        remark=limit.remark if limit.cl_percent or not limit.obtained else _join(NO_LEVEL, limit.remark),
        drawn=limit.obtained and limit.checked,
    )
