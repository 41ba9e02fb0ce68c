"""Experiments, choices and parameters become one polynomial: the expected counts of every bin.

Every term of the model is a product of parameters: a flux times an efficiency times powers of the physics parameters for
the signal, a normalisation for a background. So the expected counts are `coefficients(theta) @ templates`. Each
coefficient is the product of at most `FACTORS` parameters; nothing else is left to compute for a parameter value.

What another laboratory has measured is a polynomial too. It is one bin more behind those of the experiments: not of counts,
but Gaussian, in units of its error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model.choices import Analysis
from bayesnu.model.nuisances import Nuisance
from bayesnu.model.priors import Flat, Gaussian, Prior, check_physics
from bayesnu.physics.cross_section import weak_couplings
from bayesnu.physics.properties import PhysicsParameter, read_value, standard_value
from bayesnu.support.arguments import read_place, read_points, require
from bayesnu.support.errors import BayesnuError

EVERYWHERE = 1e300  # end of a range that no fit reaches
FACTORS = 7  # flux, two physics parameters, a part of the atom, efficiency, a shift twice: with fewer, higher powers of it


def _find_centre(prior: Prior) -> float:
    """The value of a nuisance in a plain prediction."""
    if isinstance(prior, Gaussian):
        return prior.mean
    return prior.parameter.usual if isinstance(prior.parameter, Nuisance) else 1.0


@dataclass(frozen=True)
class Block:
    """The `templates` (rows) and `bins` (columns) of one `experiment`: the polynomial is block-diagonal in experiments.

    The block of a constraint has its name, and one bin.
    """

    experiment: str
    templates: slice
    bins: slice


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """Expected counts as a polynomial, with the data and a prior per parameter.

    theta (..., parameters) has the order of `names`. Physics parameters are in units of their scale: 1e-11 mu_B, 1e-12 e or
    1e-32 cm^2. Nuisances are relative to their published values; shifts are in standard deviations.

    Attributes:
        experiments: the data sets, in the order of the bins.
        analysis: the choices.
        parameters: a prior per parameter, first those of physics, then the nuisances; each knows its `scale` and `unit`.
        n_physics: how many of them are physics parameters.
        observed: (bins,), counts over the whole exposure, of all experiments in a row; behind them the values that other
            laboratories have measured, in units of their errors.
        templates: (terms, bins), the same for a coefficient of one.
        factors: (terms, FACTORS), places in the parameters followed by a constant 1; a coefficient is the product of these.
        is_signal: (terms,), which terms are solar neutrinos.
        blocks: which terms and bins belong to which experiment.
        constraints: the same of the constraints by other laboratories, each with one bin.
        notes: what has to be known beside a result of the model, in sentences; most models have none.
        is_data: (bins,), which bins hold data and not a model's values; None where all do.
    """

    experiments: tuple[Experiment, ...]
    analysis: Analysis
    parameters: tuple[Prior, ...]
    n_physics: int
    observed: np.ndarray
    templates: np.ndarray
    factors: np.ndarray
    is_signal: np.ndarray
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    is_data: np.ndarray | None = None
    constraints: tuple[Block, ...] = ()

    def __repr__(self) -> str:
        physics = ", ".join(prior.column for prior in self.physics) or "the Standard Model"
        data = " + ".join(experiment.name for experiment in self.experiments)
        constraints = "".join(f", {block.experiment}" for block in self.constraints)
        return f"<Model of {data}: {physics}; {len(self.nuisances)} nuisances, {self.counted} bins{constraints}>"

    @property
    def counted(self) -> int:
        """How many bins hold counts: those of the experiments, which come before the constraints."""
        return int(self.blocks[-1].bins.stop)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters, in the order of the last axis of theta."""
        return tuple(prior.name for prior in self.parameters)

    @property
    def physics(self) -> tuple[Prior, ...]:
        """Priors (n_physics,) of the physics parameters, in units of their `scale * unit`."""
        return self.parameters[: self.n_physics]

    @property
    def of_interest(self) -> tuple[PhysicsParameter, ...]:
        """The physics parameters (n_physics,) themselves, with `name`, `scale` and `unit`."""
        return tuple(prior.of_interest for prior in self.physics)

    @property
    def nuisances(self) -> tuple[Prior, ...]:
        """Priors of the nuisance parameters, relative to published values or in standard deviations."""
        return self.parameters[self.n_physics :]

    @property
    def standard(self) -> tuple[float, ...]:
        """Values (n_physics,) of the physics parameters in the Standard Model: zero, but for a weak mixing angle."""
        weak = weak_couplings(self.analysis.couplings, self.analysis.sin2_theta_w)
        return tuple(standard_value(parameter, weak) for parameter in self.of_interest)

    def nominal(self, **values: float) -> np.ndarray:
        """Parameters of the Standard Model with every nuisance at its published value, shape (parameters,).

        `values` of physics parameters by name, as `mu_nu=0.7` for 7e-12 mu_B, take the place of those. Raises `BayesnuError`
        for a parameter that the model does not have, and for a value in mu_B, e or cm^2, which its size betrays.
        """
        known = {prior.name: prior for prior in self.physics}
        unknown = set(values) - set(known)
        if unknown:
            raise BayesnuError(f"parameter: the model has no '{min(unknown)}'; it has {', '.join(known) or 'none'}")
        given = {name: read_value(known[name].of_interest, value) for name, value in values.items()}
        centres = [_find_centre(prior) for prior in self.nuisances]
        physics = [given.get(name, standard) for name, standard in zip(known, self.standard, strict=True)]
        return np.array(physics + centres)

    def coefficients(self, theta: np.ndarray) -> np.ndarray:
        """Products of parameters, shape (..., terms), for theta (..., parameters).

        Raises `BayesnuError` for theta of another length.
        """
        points = read_points(theta, len(self.parameters))
        extended = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
        products: np.ndarray = np.prod(extended[..., self.factors], axis=-1)
        return products

    def expected(self, theta: np.ndarray) -> np.ndarray:
        """Expected counts per bin over the whole exposure, shape (..., bins), for theta (..., parameters).

        Behind them is what each constraint constrains, in units of its error.
        Physics parameters are in units of their scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. Raises `BayesnuError` for theta
        of another length.
        """
        counts: np.ndarray = self.coefficients(theta) @ self.templates
        return counts

    def with_priors(self, *priors: Prior) -> Model:
        """Return the model with the priors of some parameters replaced, by name.

        Raises `BayesnuError` for what is no prior, and for a parameter that the model does not have.
        """
        for prior in priors:
            if isinstance(prior, list | tuple):
                raise BayesnuError(f"prior: found a {type(prior).__name__} of priors; give them one by one, as `*priors`")
            require("prior", prior, Prior, "with_kind")  # type: ignore[arg-type]  # a union is what isinstance takes
        own = {prior.name: prior.parameter for prior in self.parameters}
        known = {prior.name: replace(prior, parameter=own.get(prior.name, prior.parameter)) for prior in priors}
        unknown = set(known) - set(self.names)
        if unknown:
            raise BayesnuError(f"prior: the model has no parameter '{min(unknown)}'; it has {', '.join(self.names)}")
        for prior in known.values():
            check_physics(prior)
        return self._with_parameters(known)

    def _with_parameters(self, known: Mapping[str, Prior]) -> Model:
        return replace(self, parameters=tuple(known.get(prior.name, prior) for prior in self.parameters))

    def with_flat_physics(self) -> Model:
        """Return the model with a prior for every physics parameter that is flat everywhere: it is that of a likelihood."""
        flat = [Flat(prior.parameter, -EVERYWHERE, EVERYWHERE) for prior in self.physics]
        return self._with_parameters({prior.name: prior for prior in flat})

    def with_first(self, index: int) -> Model:
        """Return the same model with one of its physics parameters in the first place, where limits are sought.

        Raises `BayesnuError` for a place that holds no physics parameter.
        """
        index = read_place("index", index, self.n_physics)
        order = [index, *(k for k in range(len(self.parameters)) if k != index)]
        place = np.empty(len(order) + 1, dtype=self.factors.dtype)
        place[order] = np.arange(len(order))
        place[-1] = len(order)  # the constant 1 stays behind the last parameter
        return replace(self, parameters=tuple(self.parameters[k] for k in order), factors=place[self.factors])

    def without_constraints(self) -> Model:
        """Return the model of the experiments alone."""
        terms = self.blocks[-1].templates.stop
        return replace(
            self,
            observed=self.observed[: self.counted],
            is_data=None if self.is_data is None else self.is_data[: self.counted],
            templates=self.templates[:terms, : self.counted],
            factors=self.factors[:terms],
            is_signal=self.is_signal[:terms],
            constraints=(),
        )

    def alone(self, index: int) -> Model:
        """Return the model of one experiment by itself: its terms and bins, and the parameters that these need.

        Raises `BayesnuError` for an experiment that the model does not have.
        """
        index = read_place("index", index, len(self.blocks))
        block = self.blocks[index]
        factors = self.factors[block.templates]
        needed = [k for k in range(len(self.parameters)) if k < self.n_physics or np.any(factors == k)]
        place = np.full(len(self.parameters) + 1, len(needed))  # the constant 1 comes after the last parameter
        place[needed] = np.arange(len(needed))
        return replace(
            self,
            experiments=self.experiments[index : index + 1],
            parameters=tuple(self.parameters[k] for k in needed),
            observed=self.observed[block.bins],
            is_data=None if self.is_data is None else self.is_data[block.bins],
            templates=self.templates[block.templates, block.bins],
            factors=place[factors],
            is_signal=self.is_signal[block.templates],
            blocks=(Block(block.experiment, slice(0, len(factors)), slice(0, block.bins.stop - block.bins.start)),),
            constraints=(),
        )
