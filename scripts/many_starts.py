"""Fits of toys of three flavours against a minimiser that starts in many places, and print what differs.

Run it with the package's own Python. The minimiser is iminuit's, from starts all over the range that the toys may reach. Its
chi^2 is a plain loop over the terms of the model. A toy differs where the package's best fit lies above the lowest minimum.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Python looks beside the file that it was given

from bayesnu.experiments import load
from bayesnu.inference.toys import toys
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model.builder import build
from bayesnu.model.choices import PRESETS
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.physics.properties import parameters_of
from scripts.bench.fits import plain_chi2, plain_gradient

PANDAX = ("pandax4t-run0", "pandax4t-run1")
DATA = (("xenonnt-sr0",), PANDAX[:1], PANDAX[1:], PANDAX, ("xenonnt-sr0", *PANDAX))
PROPERTIES = ("mu_nu", "q_nu", "r2_nu")
STARTS = 16
SPREAD = 3.0  # reaches of a parameter from the value of fewest counts: where starts are drawn
SIGNAL = 2.0  # the same of the true values of every second toy
SAME = 1e-4  # of chi^2: iminuit stops within this of its minimum
HARMLESS = 0.02  # of chi^2: twins along the valley of three flavours, which move no end by more than 0.4 % of its width


@dataclass(frozen=True)
class Found:
    """Toys of a property in some data sets.

    `differ` of them have a minimum below the package's, by `excess` at most. In `missed` more no start of the minimiser
    finds the package's. The difference is of no account where the excess is below `HARMLESS`.
    """

    experiments: tuple[str, ...]
    parameter: str
    toys: int
    differ: int
    excess: float
    missed: int


class ManyStarts:
    """The lowest minimum of chi^2 of a model's toys over many starts of MIGRAD."""

    def __init__(self, fitter: ToyFitter) -> None:
        self.model = fitter.model
        parameters = self.model.parameters
        pulled = [p if isinstance(p, Gaussian) and k >= self.model.n_physics else None for k, p in enumerate(parameters)]
        self.inverse = np.array([1 / p.width if p else 0.0 for p in pulled])
        self.shapes = [fitter.starts.parabola(k) for k in range(self.model.n_physics)]
        self.reach = np.array([fitter.starts.find_reach(k) for k in range(self.model.n_physics)])
        self.signed = np.array([p.of_interest.signed for p in self.model.physics])
        self.limits: list[tuple[float | None, float | None]]
        self.limits = [(None if signed else 0.0, None) for signed in self.signed]
        self.limits += [(p.lower, p.upper) for p in self.model.nuisances]
        self.errors = [*self.reach, *(p.width if isinstance(p, Gaussian) else 0.3 for p in self.model.nuisances)]

    def draw_physics(self, number: int, spread: float, random: np.random.Generator) -> np.ndarray:
        """Values (number, physics parameters) all over where toys may lie."""
        middle = np.array([shape.middle for shape in self.shapes])
        drawn = middle + spread * self.reach * random.uniform(-1, 1, (number, len(middle)))
        return np.where(self.signed, drawn, np.abs(drawn))

    def lowest(self, counts: np.ndarray, centres: np.ndarray, random: np.random.Generator) -> float:
        """The lowest chi^2 of a toy."""
        from iminuit import Minuit  # of the tests alone

        seen = counts[counts > 0]
        constant = 2 * float(seen @ np.log(seen) - counts.sum())
        data = (self.model.templates, self.model.factors, counts, centres, self.inverse, constant)
        start = self.model.nominal()
        found = np.inf
        for physics in self.draw_physics(STARTS, SPREAD, random):
            start[: len(physics)] = physics
            minuit = Minuit(lambda x: plain_chi2(x, *data), start, grad=lambda x: plain_gradient(x, *data))
            minuit.errordef = Minuit.LEAST_SQUARES
            minuit.errors = self.errors
            minuit.limits = self.limits
            minuit.migrad(ncall=5000)
            found = min(found, float(minuit.fval or np.inf))
        return found


def three_flavours(experiments: tuple[str, ...], parameter: str) -> Model:
    """The model of a property with a parameter for each flavour."""
    return build([load(name) for name in experiments], parameters_of(parameter, "all"), PRESETS["default"])


def draw_toys(fitter: ToyFitter, peer: ManyStarts, number: int, random: np.random.Generator) -> toys.Toys:
    """Toys of the Standard Model, and as many of signals, at true values that the model allows."""
    truths = np.tile(fitter.model.nominal(), (number, 1))
    signals = peer.draw_physics(number, SIGNAL, random)
    truths[1::2, : signals.shape[1]] = signals[1::2]
    possible = np.all(fitter.model.expected(truths) > 0, axis=1)
    return toys.draw(fitter.model, truths[possible], int(possible.sum()), random)


def compare(experiments: tuple[str, ...], parameter: str, number: int, seed: int) -> Found:
    """Fit toys with the package and with the minimiser."""
    random = np.random.default_rng(seed)
    fitter = ToyFitter(three_flavours(experiments, parameter))
    peer = ManyStarts(fitter)
    drawn = draw_toys(fitter, peer, number, random)
    ours = fitter.best_fit(drawn).chi2
    theirs = np.array([peer.lowest(*each, random) for each in zip(drawn.counts, drawn.centres, strict=True)])
    excess = np.where(np.isnan(ours), np.inf, ours - theirs)
    return Found(
        experiments=experiments,
        parameter=parameter,
        toys=len(drawn),
        differ=int(np.sum(excess > SAME)),
        excess=float(excess.max()),
        missed=int(np.sum(excess < -SAME)),
    )


def campaign(number: int, seed: int) -> Iterator[Found]:
    """Every property in every data set and combination."""
    for experiments in DATA:
        for parameter in PROPERTIES:
            yield compare(experiments, parameter, number, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toys", type=int, default=400, help="of every property in every data set [default: 400]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    options = parser.parse_args()
    rows = []
    for found in campaign(options.toys, options.seed):
        rows.append(asdict(found))
        print(found, file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{sum(row['toys'] for row in rows)} toys, {sum(row['differ'] for row in rows)} differ")


if __name__ == "__main__":
    main()
