"""Write docs/xenonnt.md: XENONnT in 1-140 keV beside 1-30 keV, and the collaboration's own limit."""

from __future__ import annotations

import argparse
import datetime
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from bayesnu.experiments import Experiment, Resolution, load
from bayesnu.inference.profile import interval
from bayesnu.inference.toys.belt import belt, statistics, tested_values
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.goodness import find_goodness
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis
from bayesnu.model.polynomial import Model
from bayesnu.model.predict import expected_counts
from bayesnu.model.priors import Gaussian
from bayesnu.physics.properties import PROPERTIES
from bayesnu.support.versions import __version__
from scripts.validation import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "xenonnt.md"
LOW = "xenonnt-sr0"
WIDE = "xenonnt-sr0-wide"
DATA = {LOW: "1-30 keV", WIDE: "1-140 keV"}
ELEMENTS = ("", "_e", "_mu", "_tau")
NORMALISATIONS = ("fit", "prior", "free")
OWN_LIMIT = 0.64  # 1e-11 mu_B, arXiv:2207.11330
SOLAR_WIDTH = 0.1  # 300 +- 30, arXiv:2207.11330 Table I
GOODNESS_TOYS = 2_000
BELT_POINTS = 13
BELT_TOYS = 2_000
SEED = 20221
# The choices that are the same everywhere on the page, whatever the defaults are.
CHOICES: dict[str, Any] = {
    "millicharge": "electrons",
    "atomic_nuisances": False,
    "efficiency_nuisance": "off",
    "solar_components": "pp-7be",
    "lowest_true_kev": 0.0121,
}


def choose(**choices: Any) -> Analysis:
    return Analysis(**(CHOICES | choices))


def write_interval(model: Model) -> str:
    """The 90 % profile interval in words: an upper limit where it begins at the boundary."""
    found = interval(model)
    assert found.lower is not None and found.upper is not None
    return f"< {found.upper:.3f}" if found.lower == 0 else f"{found.lower:.3f} … {found.upper:.3f}"


def limits_table() -> str:
    rows = []
    for parameter in (name + element for name in PROPERTIES for element in ELEMENTS):
        for name, label in DATA.items():
            models = (build(name, parameter, choose(normalisations=each)) for each in NORMALISATIONS)
            rows.append([parameter, label, *(write_interval(model) for model in models)])
    return table(["property", "data", *NORMALISATIONS], rows)


def goodness_table() -> str:
    rows = []
    for name, label in DATA.items():
        for normalisations in NORMALISATIONS:
            model = build(name, "mu_nu", choose(normalisations=normalisations))
            found = find_goodness(ToyFitter(model), GOODNESS_TOYS, np.random.default_rng(SEED))
            rows.append([label, normalisations, found.in_words])
    return table(["data", "normalisations", "moment free, toys of the best fit"], rows)


def with_strictly_flat(experiment: Experiment, analysis: Analysis) -> Experiment:
    """The same data with as many flat events as the best fit leaves, in a spectrum that is flat in every bin."""
    parts = expected_counts(experiment, analysis)
    remainder = parts.backgrounds["flat"]
    middles = (parts.edges_kev[1:] + parts.edges_kev[:-1]) / 2
    efficiency = experiment.efficiency
    flat = np.interp(middles, efficiency.energies_kev, efficiency.values) * np.diff(parts.edges_kev)
    background = experiment.background
    assert background.total is not None
    total = background.total - remainder + flat * remainder.sum() / flat.sum()
    return replace(experiment, background=replace(background, total=total))


def variations_table() -> str:
    prior = choose(normalisations="prior")
    wide = load(WIDE)
    fitted = choose(normalisations="fit")
    narrower = replace(wide, resolution=load(LOW).resolution)
    wider = replace(wide, resolution=Resolution(sqrt_kev=0.337, linear=0.0037))
    cases = (
        ("as the file says", wide, prior),
        ("efficiency falling by 5 % to 140 keV", load(WIDE, "falling"), replace(prior, inputs="falling")),
        ("efficiency free within 10 %", wide, replace(prior, efficiency_nuisance="published", efficiency_width=0.1)),
        ("XENON1T's resolution", narrower, prior),
        ("resolution 0.337 √T + 0.0037 T", wider, prior),
        ("a flat part that is strictly flat", with_strictly_flat(wide, fitted), prior),
        ("published neutrinos taken out", wide, replace(prior, solar_subtraction="published")),
        ("all solar components", wide, replace(prior, solar_components="all")),
    )
    rows = [[label, *(write_interval(build(data, name, each)) for name in PROPERTIES)] for label, data, each in cases]
    return table(["1-140 keV, normalisations prior", *PROPERTIES], rows)


def with_free_neutrinos(model: Model) -> Model:
    """A model of a moment in which Standard Model neutrinos are a background with the published error of their own.

    The moment's signal then has the flux of the solar model, without an error.
    """
    first, second = (model.names.index(name) for name in ("flux_pp", "flux_7be"))
    constant = len(model.names)
    is_flux = (model.factors == first) | (model.factors == second)
    has_moment = np.any(model.factors == 0, axis=1)[:, None]
    factors = np.where(is_flux, np.where(has_moment, constant, first), model.factors)
    prior = model.parameters[first]
    assert isinstance(prior, Gaussian)
    parameters = list(model.parameters)
    parameters[first] = replace(prior, width=SOLAR_WIDTH)
    return replace(model, parameters=tuple(parameters), factors=factors)


def write_limits(model: Model, *, with_toys: bool) -> list[str]:
    """The limits on a moment by both conventions and by toys, each with its distance from the collaboration's own."""
    ends = [interval(model).upper, interval(model, one_sided=True).upper]
    cells = [write_ratio(end) for end in ends]
    if not with_toys:
        return [*cells, ""]
    fitter = ToyFitter(model)
    values = tested_values(model, BELT_POINTS)
    random = np.random.default_rng(SEED)
    found = belt(fitter, values, [statistics(fitter, value, BELT_TOYS, random) for value in values], 0.9).interval
    error = "" if found.mcse_upper is None else f" ± {found.mcse_upper:.3f}"
    return [*cells, write_ratio(found.upper, error)]


def write_ratio(value: float | None, error: str = "") -> str:
    assert value is not None
    return f"{value:.3f}{error} ({100 * (value / OWN_LIMIT - 1):+.0f} %)"


def collaboration_table() -> str:
    cases = (
        ("1-140 keV, stepped", WIDE, "stepped", True),
        ("1-140 keV, free", WIDE, "free", True),
        ("1-140 keV, RRPA on the weak term", WIDE, "rrpa", False),
        ("1-30 keV, stepped", LOW, "stepped", True),
        ("1-30 keV, free", LOW, "free", True),
    )
    rows = []
    for label, name, electrons, with_toys in cases:
        model = with_free_neutrinos(build(name, "mu_nu", choose(normalisations="prior", electrons=electrons)))
        rows.append([label, *write_limits(model, with_toys=with_toys)])
    return table(["data and electrons", "Δχ² = 2.71", "Δχ² = 1.64", "Feldman–Cousins"], rows)


def write_page() -> str:
    return f"""# XENONnT SR0 in 1-140 keV and in 1-30 keV

Written by `python scripts/xenonnt.py` with bayesnu {__version__}, {datetime.date.today().isoformat()}.

Limits are 90 % profile intervals, Δχ² = 2.71: mu_nu in 1e-11 mu_B, q_nu in 1e-12 e, r2_nu in 1e-32 cm2. Unless a row
says otherwise, they have stepped electrons, also for charges; pp and ⁷Be; and a fixed efficiency.

## What the file infers

`xenonnt-sr0-wide` has the official 1-keV bins below 30 keV. Above, its 2-keV bins, the best fit B0 and the solar
neutrinos in it are read off a figure. The curves of the components were not obtained, so B0 has to say what they are.
`tests/experiments/test_xenonnt_wide.py` repeats each step without the package's fold.

* B0 less its neutrinos and 1,550 events of ¹³⁶Xe is fitted with a flat spectrum, ¹²⁴Xe, ⁸³ᵐKr and ¹³³Xe. Their sizes
  come out at 1,349, 247, 82 and 134 events. Published are 1,320, 250 ± 30, 80 ± 16 and 150 ± 60.
* The peaks of ¹²⁴Xe lie at 65.2 (KK, truly 64.3) and 37.4 keV (KL, 36.7), that of ⁸³ᵐKr at 41.9 keV (41.5). So the
  published energies are 0.9 to 1.9 % too high there. The lines are placed where B0 has them. A line of ¹²⁴Xe at 6 keV
  (LM) is not in B0.
* The width of the peaks is 0.310 √T + 0.0072 T keV. With XENON1T's formula, which has 0.0037, they would be 6 to 8 %
  narrower. Below 5 keV the two differ by less than 3 %.
* What the other components, with published counts, and the published neutrinos leave of B0 is flat: within 2.7 % of
  B0 in every bin from 2 keV on, and within 5.1 % in 1-2 keV, where the efficiency rises.
* The package takes out the model's own neutrinos. At 2-5 keV these are 11 to 15 % fewer than in the published curve,
  which has no step at the L edges. The flat part takes this up, so that all components together are B0 in every bin.
  It has 1,329 events.
* A constant efficiency above 30 keV gives 1,549 events of ¹³⁶Xe (half-life 2.165e21 yr), published 1,560 ± 60. The
  Standard Model has 301 neutrinos, with all solar components 306, published 300 ± 30. Over the model's, the published
  curve of neutrinos falls by 0 to 5 % from 30 to 140 keV. The reading `falling` takes the 5 %.

## Limits

{limits_table()}
With all normalisations free, the limit on the moment is 39 % stronger in 1-140 keV than in 1-30 keV, as the flat part
is better known. With priors, the data above 30 keV add nothing, and the moment is 3 % weaker. A radius adds events
that fall with energy. Less of the flat part and more of ¹³³Xe make up for them, until ²¹⁴Pb reaches the lower end of
its uniform prior. That is so in both data sets. With free normalisations the best fit has 13 % less ¹³⁶Xe and 6 %
more of the flat part than published, which leaves less for a moment than priors do.

{variations_table()}
The unknown efficiency above 30 keV moves no end by more than 1.1 %, but for a radius if 10 % are allowed. For the
moment other things matter more: how much of B0 at 1-5 keV are neutrinos, and whether the rest is strictly flat, 5 %
each.

{goodness_table()}
## The collaboration's own limit

XENONnT quotes 6.4e-12 mu_B at 90 % CL (arXiv:2207.11330). The rows take what it used, as far as it is published: its
priors; Standard Model neutrinos as a background of their own, 300 ± 30; and a signal whose flux does not float.
Brackets hold the differences to 0.64.

{collaboration_table()}
* From 3 keV on, the published curve of solar neutrinos is proportional within 4 % to the model's with free electrons.
  It has neither L nor K edges. So the signal of the collaboration probably has free electrons, too, and the second
  row is the one to compare with. With toys it agrees within 10 %.
* Conventions alone are 0.72 and 0.59 there: 2.71 and 1.64 bracket the published number, and toys lie between the two.
* The likelihood of the collaboration is not binned, and knows the shapes of its backgrounds from simulation. How it
  treats the efficiency is not known.
"""


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    PAGE.write_text(write_page(), encoding="utf-8")
    print(f"wrote {PAGE}")
