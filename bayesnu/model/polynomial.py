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
from bayesnu.model.priors import Flat, Gaussian, Prior, check_physics, describe, with_kind
from bayesnu.model.shifts import LARGEST_SHIFT
from bayesnu.physics.cross_section import weak_couplings
from bayesnu.physics.properties import PhysicsParameter, read_value, standard_value
from bayesnu.support.arguments import read_array, read_place, read_points, require
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.html import html_table

EVERYWHERE = 1e300  # end of a range that no fit reaches
FACTORS = 7  # flux, two physics parameters, a part of the atom, efficiency, a shift twice: with fewer, higher powers of it


def _find_centre(prior: Prior) -> float:
    """The value of a nuisance in a plain prediction."""
    if isinstance(prior, Gaussian):
        return prior.mean
    return prior.parameter.usual if isinstance(prior.parameter, Nuisance) else 1.0


def _check_shift(old: Prior, new: Prior) -> None:
    """Raise `BayesnuError` for a shift beyond where its counts were folded: the polynomial means nothing there."""
    is_shift = (old.lower, old.upper) == (-LARGEST_SHIFT, LARGEST_SHIFT)
    if is_shift and not -LARGEST_SHIFT <= new.lower < new.upper <= LARGEST_SHIFT:
        raise BayesnuError(
            f"prior of {new.name}: found the range {new.lower:g} to {new.upper:g}; counts are known from "
            f"{-LARGEST_SHIFT:g} to {LARGEST_SHIFT:g} standard deviations, so give `lower` and `upper` within them"
        )


def _check_kind(name: str, kind: str) -> None:
    """Refuse a prior of a nuisance that a fit would not know: chi^2 has Gaussian constraints alone."""
    if kind not in ("flat", "gaussian"):
        raise BayesnuError(f"prior of {name}: found {kind!r:.60}; a nuisance takes 'flat' or 'gaussian'")


def _make_nuisance(name: str, experiment: str | None, kind: str, numbers: Mapping[str, float]) -> Prior:
    """The prior of a new nuisance; in a plain prediction a flat one is 1, or the end of its range next to that."""
    label = rf"\mathrm{{{name}}}".replace("_", r"\_")
    parameter = Nuisance(name, label, "", 1.0, "background", name, experiment)
    free = Flat(parameter, 0.0, 10.0) if kind == "flat" else Gaussian(parameter, 0.0, np.inf)
    prior = with_kind(free, kind, **numbers)
    usual = min(max(1.0, prior.lower), prior.upper)
    return replace(prior, parameter=replace(parameter, usual=usual))


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

    def _repr_html_(self) -> str:
        data = " + ".join(experiment.title for experiment in self.experiments)
        rows = [(prior.column, describe(prior)) for prior in self.parameters]
        return html_table(("parameter", "prior"), rows, f"Model of {data}, {len(self.observed)} bins")

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
        for old in self.nuisances:
            _check_shift(old, known.get(old.name, old))
        return self._with_parameters(known)

    def with_prior(self, name: str, kind: str, **numbers: float) -> Model:
        """Return the model with another prior of one parameter, of physics or a nuisance.

        Arguments:
            name: one of `names`.
            kind: `flat`, `flat-square`, `log-uniform` or `gaussian`; of a nuisance `flat` or `gaussian`.
            numbers: `lower` and `upper`, which stay as they are unless given, and `mean` and `width` of a Gaussian; in the
                units of `parameters`: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2.

        Raises: `BayesnuError` for a parameter or a kind that there is not, and for numbers that make no prior.

        Example:
            >>> import bayesnu
            >>> model = bayesnu.build("xenonnt-sr0", "mu_nu").with_prior("mu_nu", "log-uniform", lower=0.01)
            >>> model.parameters[0]
            <LogUniform prior of mu_nu: log-uniform on [0.01, 10] 1e-11 mu_B>
        """
        place = self._find_place(name)
        if place >= self.n_physics:
            _check_kind(name, kind)
        return self.with_priors(with_kind(self.parameters[place], kind, **numbers))

    def with_nuisance(
        self, name: str, counts: np.ndarray, kind: str, experiment: str | None = None, **numbers: float
    ) -> Model:
        """Return the model with one more background or distortion: its counts times a new nuisance parameter.

        Arguments:
            name: of the parameter, a new one.
            counts: (bins,), what the parameter adds per bin and unit, over the whole exposure; it may be negative. The bins
                are those of `experiment`, or of the whole model.
            kind: of its prior, `flat` or `gaussian`.
            experiment: the name of the data set that it belongs to; all of them unless given.
            numbers: `lower`, `upper`, `mean` and `width` of the prior, pure numbers. Unless given, a Gaussian reaches from
                0 to infinity, and a flat prior from 0 to 10.

        Raises: `BayesnuError` for a name that is taken, for counts of another shape or all zero, and for numbers that
            make no prior.

        Example, a component of 20 +- 6 counts, the same in every bin:
            >>> import bayesnu, numpy
            >>> model = bayesnu.build("xenonnt-sr0", "mu_nu")
            >>> bins = len(model.observed)
            >>> more = model.with_nuisance("leak", numpy.full(bins, 20 / bins), "gaussian", mean=1, width=0.3)
            >>> more.names[-1], round(float((more.expected(more.nominal()) - model.expected(model.nominal())).sum()), 6)
            ('leak', 20.0)
        """
        if name in self.names:
            raise BayesnuError(f"nuisance: the model has a parameter '{name}' already; choose another name")
        _check_kind(name, kind)
        blocks = [each for each in self.blocks if experiment in (None, each.experiment)]
        if not blocks:
            known = [each.experiment for each in self.blocks]
            raise BayesnuError(f"nuisance: the model has no data set '{experiment}'{did_you_mean(str(experiment), known)}")
        places = np.concatenate([np.arange(each.bins.start, each.bins.stop) for each in blocks])
        given = read_array("counts", counts)
        if given.shape != places.shape or not np.all(np.isfinite(given)) or not np.any(given):
            raise BayesnuError(
                f"counts: found numbers of shape {given.shape}; must be finite, one per bin, {places.shape}, not all zero"
            )
        added = np.zeros_like(self.observed)
        added[places] = given
        return self._with_term(_make_nuisance(name, experiment, kind, numbers), added)

    def _with_term(self, prior: Prior, counts: np.ndarray) -> Model:
        """The model with one more parameter that multiplies counts (bins,): a term of every block that has some."""
        touched = [block for block in self.blocks if np.any(counts[block.bins])]
        ends = np.array([block.templates.stop for block in touched])
        rows = np.zeros((len(touched), len(counts)))
        for row, block in zip(rows, touched, strict=True):
            row[block.bins] = counts[block.bins]
        place = len(self.parameters)
        factors = np.where(self.factors == place, place + 1, self.factors)  # the constant 1 stays behind the last parameter
        term = np.full(FACTORS, place + 1)
        term[0] = place

        def move(block: Block) -> Block:
            first, last = (row + int(np.sum(ends <= row)) for row in (block.templates.start, block.templates.stop))
            return Block(block.experiment, slice(first, last), block.bins)

        return replace(
            self,
            parameters=(*self.parameters, prior),
            factors=np.insert(factors, ends, term, axis=0),
            templates=np.insert(self.templates, ends, rows, axis=0),
            is_signal=np.insert(self.is_signal, ends, False),
            blocks=tuple(map(move, self.blocks)),
            constraints=tuple(map(move, self.constraints)),
        )

    def _find_place(self, name: str) -> int:
        """The place of a parameter by its name; raises `BayesnuError` for one that the model does not have."""
        if name not in self.names:
            near = did_you_mean(str(name)[:60], self.names)
            raise BayesnuError(f"parameter: found {name!r:.60}, which the model does not have{near}")
        return self.names.index(name)

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
