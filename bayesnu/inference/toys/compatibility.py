"""Whether data sets agree: what it costs in chi^2 to describe them with common values of the physics parameters.

The statistic is the minimal chi^2 with common values less the minimal one where every data set has values of its own, as in
Maltoni and Schwetz, hep-ph/0304176. Nuisances that data sets share are one in both, so that their pulls count once. The
statistic stands among those of toys, drawn at the best fit with common values.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesnu.inference.profiler import Fit
from bayesnu.inference.toys.fitter import ToyFitter, take_lowest
from bayesnu.inference.toys.goodness import POOR
from bayesnu.inference.toys.statistic import PValue, rank_among_toys
from bayesnu.inference.toys.toys import Toys, draw, observed
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Prior


@dataclass(frozen=True)
class Compatibility:
    """The cost in chi^2 of common parameters, and its p-value."""

    experiments: tuple[str, ...]
    delta_chi2: float
    p_value: PValue

    @property
    def remark(self) -> str | None:
        """A sentence on data sets that contradict each other; None for those that do not."""
        if self.p_value.share >= POOR:
            return None
        return f"CONTRADICTION: {self.in_words}; a common limit of data that disagree is supported by none of them"

    @property
    def in_words(self) -> str:
        """Which data sets, the cost and the p-value in a few words."""
        return f"{' and '.join(self.experiments)} together cost Δχ² = {self.delta_chi2:.1f}, {self.p_value.in_words}"


def find_compatibility(fitter: ToyFitter, toys: int, random: np.random.Generator) -> Compatibility:
    """Compare the data sets of a model that has at least two; constraints by other laboratories are left out."""
    if fitter.model.constraints:
        fitter = ToyFitter(fitter.model.without_constraints())
    model = fitter.model
    apart = ToyFitter(separate_physics(model))
    parts = [ToyFitter(model.alone(k)) for k in range(len(model.blocks))]
    data = observed(model)
    best = fitter.best_fit(data)
    cost = _cost(apart, parts, data, best)[0]
    drawn = draw(model, best.theta[0], toys, random)
    of_toys = _cost(apart, parts, drawn, fitter.best_fit(drawn))
    names = tuple(block.experiment for block in model.blocks)
    return Compatibility(names, float(cost), rank_among_toys(float(cost), of_toys))


def separate_physics(model: Model) -> Model:
    """The model in which every data set has physics parameters of its own, before the same nuisances."""
    size = model.n_physics
    added = size * (len(model.blocks) - 1)
    factors = np.where(model.factors >= size, model.factors + added, model.factors)
    for k, block in enumerate(model.blocks):
        rows = factors[block.templates]
        factors[block.templates] = np.where(rows < size, rows + k * size, rows)
    physics = [_name_apart(prior, block.experiment) for block in model.blocks for prior in model.physics]
    return replace(model, parameters=(*physics, *model.nuisances), n_physics=size + added, factors=factors)


def _name_apart(prior: Prior, experiment: str) -> Prior:
    """The same prior, of the parameter of one data set."""
    parameter = prior.of_interest
    return replace(prior, parameter=replace(parameter, name=f"{parameter.name}[{experiment}]"))


def _cost(apart: ToyFitter, parts: list[ToyFitter], toys: Toys, together: Fit) -> np.ndarray:
    """The statistic (toys,); NaN for a toy of which a fit did not end.

    The fits with separate values start from the common ones, and from those of every data set by itself.
    """
    size = parts[0].model.n_physics
    nuisances = together.theta[:, size:]
    own = [part.best_fit(_select_part(toys, apart.model, k, part)).theta[:, :size] for k, part in enumerate(parts)]
    common = [together.theta[:, :size]] * len(parts)
    shifted = Toys(toys.counts, np.column_stack([np.zeros((len(toys), size * len(parts))), toys.centres[:, size:]]))
    free = np.ones(apart.nuisances.shape, dtype=bool)
    fits = [apart.fit(shifted, np.nan_to_num(np.column_stack([*values, nuisances])), free) for values in (common, own)]
    cost: np.ndarray = together.chi2 - take_lowest(fits).chi2
    return cost


def _select_part(toys: Toys, apart: Model, k: int, part: ToyFitter) -> Toys:
    """The share of one data set in toys of all."""
    names = (*part.model.names[: part.model.n_physics], *apart.names[apart.n_physics :])
    needed = [names.index(name) for name in part.model.names]
    return Toys(toys.counts[:, apart.blocks[k].bins], toys.centres[:, needed])
