"""The posterior of a model as samples, with the verdict on them: what sampling a model in Python gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesnu.inference.credible import parameter_interval
from bayesnu.inference.diagnostics import Convergence
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import CredibleInterval
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys.result import find_toy_result
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import describe
from bayesnu.runs.result import RunResult, name_credible
from bayesnu.runs.summary import add_toys, summarise
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.html import html_table
from bayesnu.support.text import intervals, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Posterior:
    """Samples of a model's posterior, and whether they have converged.

    Values are in units of the model's parameters: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. Only `result` is in mu_B, e and cm^2.

    Attributes:
        model: the model that was sampled, with its priors.
        chain: the samples, which go to numpy, pandas, arviz and GetDist in one call.
        verdict: whether the chain has converged, and what is missing.
        settings: how it was sampled: kind and probability of the interval, seed and length.
    """

    model: Model
    chain: Chain
    verdict: Convergence
    settings: Settings

    def __repr__(self) -> str:
        data = " + ".join(experiment.name for experiment in self.model.experiments)
        return f"<Posterior of {data}, {self.verdict.words}: {'; '.join(map(self._describe, self._names))}>"

    def _repr_html_(self) -> str:
        head = ("parameter", "interval", "Monte-Carlo error", "kind", "prior")
        rows = [self._list_cells(name) for name in self._names]
        return html_table(head, rows, f"Posterior: {self.verdict.words}")

    @property
    def _names(self) -> tuple[str, ...]:
        """Names of the physics parameters."""
        return self.model.names[: self.model.n_physics]

    def _describe(self, name: str) -> str:
        column, ends, error, kind, prior = self._list_cells(name)
        return f"{column} {ends} +- {error}, {kind}, prior {prior}"

    def _list_cells(self, name: str) -> tuple[str, str, str, str, str]:
        """Parameter with unit, interval, its Monte-Carlo error, what it is, and the prior."""
        found = self.interval(name)
        prior = self.model.parameters[self.model.names.index(name)]
        return (
            prior.column,
            intervals(found.pieces, 1.0),
            number(found.largest_error, 1),
            name_credible(found),
            describe(prior),
        )

    @property
    def converged(self) -> bool:
        """Whether the chain has converged."""
        return self.verdict.converged

    @cached_property
    def kept(self) -> np.ndarray:
        """Samples (ensembles, draws, walkers, parameters) after the burn-in."""
        return self.chain.after(self.verdict.burn_in)

    @cached_property
    def _fits(self) -> Fits:
        return Fits(self.model)

    def interval(self, name: str = "", kind: str = "", probability: float | None = None) -> CredibleInterval:
        """Return the credible interval of a physics parameter, with Monte-Carlo errors, in the model's units.

        The first parameter, and kind and probability of the settings, are taken unless given. Raises `BayesnuError` for a
        parameter, a kind or a probability that there is not.
        """
        chosen = name or self._names[0]
        if chosen not in self._names:
            raise BayesnuError(f"parameter: found {chosen!r:.60}{did_you_mean(str(chosen)[:60], self._names)}")
        index = self._names.index(chosen)
        wanted = self.settings.probability if probability is None else probability
        return parameter_interval(self._fits, self.kept, index, kind or self.settings.kind, wanted)

    @cached_property
    def result(self) -> RunResult:
        """The table of limits, diagnostics and cross-checks, in mu_B, e and cm^2, without toys."""
        return summarise(self._fits, self.chain, self.verdict, self.settings)

    @cached_property
    def result_with_toys(self) -> RunResult:
        """The same with what toys say: goodness of fit, expected limits and a Feldman-Cousins interval; takes a while."""
        return add_toys(self.result, find_toy_result(self.model, self.settings.probability, self.settings.seed))

    def corner_plot(self, path: str | Path | None = None, **options: Any) -> Figure:
        """Draw the marginals of all parameters; arguments as of `bayesnu.plots.corner_plot`, and the figure is returned."""
        from bayesnu import plots

        return plots.corner_plot(self.model, self.chain, self.verdict, self.settings, path, **options)

    def spectrum_plot(self, path: str | Path | None = None, **options: Any) -> Figure:
        """Draw data and prediction per bin; arguments as of `bayesnu.plots.spectrum_plot`, and the figure is returned."""
        from bayesnu import plots

        return plots.spectrum_plot(self.model, self.chain, self.verdict, self.settings, path, **options)
