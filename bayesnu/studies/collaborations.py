"""The collaborations' own limits beside this package's under several treatments of the same data.

What a collaboration did is known in part only. So each limit stands beside a few treatments that it may have had, and how
much each of them changes it is the reason of a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bayesnu import experiments as data
from bayesnu.experiments.published import PublishedLimit, published_for
from bayesnu.inference import profile
from bayesnu.inference.interval import Interval
from bayesnu.model import choices as choices_of
from bayesnu.model.builder import build
from bayesnu.studies.variations import LEVEL, in_units

# Choices of all treatments, so that none follows a change of the default.
PLAIN: dict[str, Any] = {
    "normalisations": "fit",
    "millicharge": "electrons",
    "atomic_nuisances": False,
    "efficiency_nuisance": "published",
    "solar_components": "pp-7be",
    "lowest_true_kev": 0.0121,
}


@dataclass(frozen=True)
class Treatment:
    """Choices beside the plain ones, in words; `one_sided` takes the level 1.64."""

    label: str
    choices: Mapping[str, Any] = field(default_factory=dict)
    one_sided: bool = False


@dataclass(frozen=True)
class Collaboration:
    """A collaboration's limit, by the name that the table of published limits has for it, and treatments of its data."""

    published: str
    experiments: tuple[str, ...]
    parameter: str
    treatments: tuple[Treatment, ...]


FITTED = Treatment("widths of the published fit, 2.71")
FITTED_ONE_SIDED = Treatment("widths of the published fit, 1.64", one_sided=True)
PRIORS = Treatment("as known before the fit, 2.71", {"normalisations": "prior"})
PRIORS_ONE_SIDED = Treatment("as known before the fit, 1.64", {"normalisations": "prior"}, one_sided=True)
RRPA = Treatment("widths of the published fit, 2.71, RRPA on the weak terms", {"electrons": "rrpa"})
FREE = Treatment("all normalisations free, 2.71", {"normalisations": "free"})
AS_DRAWN = Treatment("widths of the published fit, 2.71, efficiency as drawn", {"inputs": "as-drawn"})
PHOTO_ABSORPTION = Treatment("widths of the published fit, 2.71, charge by photo-absorption", {"millicharge": "epa"})
MATCHED = Treatment("widths of the published fit, 2.71, charge matched", {"millicharge": "matched"})

OF_MOMENT = (FITTED, FITTED_ONE_SIDED, PRIORS, PRIORS_ONE_SIDED, RRPA, FREE)
COLLABORATIONS = (
    Collaboration("LZ WS2022", ("lz-ws2022",), "mu_nu", (*OF_MOMENT, AS_DRAWN)),
    Collaboration("LZ WS2022", ("lz-ws2022",), "q_nu", (FITTED, PRIORS, RRPA, FREE, PHOTO_ABSORPTION, MATCHED)),
    Collaboration(
        "PandaX-4T Run0+Run1", ("pandax4t-run0", "pandax4t-run1"), "mu_nu", (FITTED, FITTED_ONE_SIDED, RRPA, FREE)
    ),
    Collaboration("XENONnT SR0", ("xenonnt-sr0",), "mu_nu", OF_MOMENT),
)


@dataclass(frozen=True)
class CollaborationRow:
    """One treatment beside a published limit; intervals are in mu_B, e or cm^2."""

    published: PublishedLimit
    experiments: tuple[str, ...]
    treatment: Treatment
    interval: Interval

    @property
    def difference_percent(self) -> float:
        """How much larger the farthest end is than the published one."""
        ours = max(abs(end) for piece in self.interval.pieces for end in piece if end is not None)
        theirs = max(abs(end) for end in (self.published.lower, self.published.upper) if end is not None)
        return 100 * (ours / theirs - 1)


def compare_collaborations() -> Iterator[CollaborationRow]:
    """Yield every collaboration's limit with each treatment of its data."""
    for each in COLLABORATIONS:
        for treatment in each.treatments:
            yield treat(each, treatment)


def treat(each: Collaboration, treatment: Treatment) -> CollaborationRow:
    """The profile interval of a treatment beside the published limit."""
    chosen = choices_of.preset("default", **PLAIN | dict(treatment.choices))
    model = build([data.load(name, chosen.inputs) for name in each.experiments], (each.parameter,), chosen)
    found = profile.interval(model, cl=LEVEL, one_sided=treatment.one_sided)
    limits = published_for(each.experiments, each.parameter, "common")
    published = next(limit for limit in limits if limit.experiment == each.published)
    return CollaborationRow(published, each.experiments, treatment, in_units(found))
