"""Experiments, choices and parameters become one polynomial: its terms, experiment by experiment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isclose
from pathlib import Path

import numpy as np

from bayesnu.experiments import Experiment, check_combination, load_several
from bayesnu.model import fold
from bayesnu.model.atom_range import describe_charge
from bayesnu.model.backgrounds import Shape, background_shapes, shift_counts
from bayesnu.model.choices import Analysis, read_analysis
from bayesnu.model.consistency import review
from bayesnu.model.constraints import Measurement, describe_laboratories, measure
from bayesnu.model.nuisances import (
    Nuisance,
    efficiency_scale,
    normalisation,
    oscillation_shift,
    response_shift,
    solar_flux,
    solar_luminosity,
)
from bayesnu.model.observation import observe
from bayesnu.model.oscillation_shifts import OscillationShifts
from bayesnu.model.polynomial import FACTORS, Block, Model
from bayesnu.model.priors import Flat, Gaussian, Prior, default_priors
from bayesnu.model.response_widths import check_widths, efficiency_width, threshold_width_kev
from bayesnu.model.shifts import FOLDED, HIGHEST, LARGEST_SHIFT, Shift, find_values
from bayesnu.model.signal_terms import Products, SignalTerms, drop_noise, multiply_part
from bayesnu.physics import atom, flux, luminosity
from bayesnu.physics.cross_section import standard_model
from bayesnu.physics.oscillation import Oscillation
from bayesnu.physics.properties import (
    Parameter,
    require_independent,
    require_one_basis,
    require_separate_moduli,
    standard_value,
)
from bayesnu.support.arguments import as_tuple
from bayesnu.support.errors import BayesnuError


def build(
    experiments: Iterable[Experiment | str | Path] | Experiment | str | Path,
    parameters: Iterable[str] | str = (),
    analysis: Analysis | str | None = None,
) -> Model:
    """Build the model of one or several experiments with shared fluxes.

    Arguments:
        experiments: data sets from `load_experiment`, or names and files to load; one or several.
        parameters: names of physics parameters, as `parameters_of` gives them, one or several; none is the Standard Model.
            Each has a flat prior on the range that holds all its modes.
        analysis: from `preset`, or a preset's name; the preset `default` unless given. Data sets have to be loaded with its
            `inputs`, as names and files are here.

    Returns: a `Model`. Its parameters are those named, in units of their scale: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. The
        nuisances follow. Fluxes, efficiencies and normalisations are relative to their published values; shifts are in
        standard deviations.

    Raises: `BayesnuError` for data sets that share events, were loaded with another reading, or state a number of solar
        neutrinos that the model contradicts; for unknown parameters; and for choices that exclude them or have no effect.
        Moments of two kinds are refused, as their interference is not defined.

    Source: arXiv:2510.12449 for the signal; docs/methods.md for the likelihood and the presets.

    Example:
        >>> import bayesnu
        >>> model = bayesnu.build("xenonnt-sr0", "r2_nu")
        >>> model.names[:3]
        ('r2_nu', 'flux_pp', 'flux_7be')
        >>> round(float(model.expected(model.nominal()).sum()), 1)  # counts of the Standard Model in all bins
        426.5
    """
    analysis = read_analysis(analysis)
    data = load_several(experiments, analysis.inputs)
    names = as_tuple(parameters)
    priors = default_priors(names, analysis)
    if len({*names}) != len(names):
        raise BayesnuError(f"parameter: one of {', '.join(names)} is named twice; name each once")
    require_one_basis(prior.of_interest for prior in priors)
    require_separate_moduli(prior.of_interest for prior in priors)
    check_combination(data)
    _require_observed(data)
    fold.check_flavours(analysis, (prior.of_interest for prior in priors))
    fold.check_moments(analysis, (prior.of_interest for prior in priors))
    require_independent((prior.of_interest for prior in priors), fold.mixing_of(analysis))
    check_widths(data, analysis)
    charges = any(prior.of_interest.em_property.name == "q_nu" for prior in priors)
    notes = (*review(data, analysis), *([describe_charge(analysis)] if charges else []))
    builder = _Builder(analysis, priors)
    builder.add_fluxes(data)
    for experiment in data:
        builder.add_experiment(experiment)
    measured = [measure(name, builder.signal.physics, analysis) for name in analysis.constraint_names]
    model = builder.assemble_model(measured)
    _check_effects(model)
    return replace(
        model, notes=(*notes, *(each.note for each in measured), *describe_laboratories(analysis.constraint_names))
    )


def _require_observed(experiments: Iterable[Experiment]) -> None:
    """Refuse a detector of which nothing is observed: a likelihood needs counts."""
    for experiment in experiments:
        if experiment.is_detector:
            raise BayesnuError(
                f"{experiment.name}: is a detector without observed counts, of which nothing can be inferred; take a data "
                "set, or ask `bayesnu forecast` what it would see"
            )


@dataclass
class _Term:
    """A product of parameters and what it multiplies; a background has a shape."""

    factors: list[Parameter]
    counts: np.ndarray
    shape: Shape | None = None

    @property
    def is_signal(self) -> bool:
        return self.shape is None


@dataclass
class _Builder:
    """Collects parameters and terms; each experiment's terms hold parameters until the end, then their places."""

    analysis: Analysis
    physics: list[Flat]
    nuisances: dict[Parameter, Prior] = field(default_factory=dict)
    tied: dict[str, dict[Parameter, float]] = field(default_factory=dict)
    terms: list[list[_Term]] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)

    @property
    def signal(self) -> SignalTerms:
        """What makes products of these parameters out of folds."""
        return SignalTerms(self.analysis, tuple(prior.of_interest for prior in self.physics), self.tied)

    def add_nuisance(self, prior: Prior) -> Parameter:
        self.nuisances.setdefault(prior.parameter, prior)
        return prior.parameter

    def add_fluxes(self, experiments: Iterable[Experiment]) -> None:
        """Add a nuisance for every flux component that enters one of the experiments."""
        entering = {name for experiment in experiments for name in fold.components_of(experiment, self.analysis)}
        sun = flux.solar_model(self.analysis.solar_model)
        floating = [component for component in sun.fluxes if component in entering]
        for component in floating:
            if component == "pp" and self.analysis.luminosity_constraint == "on":
                self.tie_pp(sun, floating)
            else:
                self.add_nuisance(_make_amplitude(solar_flux(component), sun.fluxes[component].relative_width))

    def tie_pp(self, sun: flux.SolarModel, floating: list[str]) -> None:
        """Give the flux of pp that goes with the luminosity and the other fluxes, in place of one of its own."""
        rule = luminosity.tie_pp(sun, floating)
        nuisance = self.add_nuisance(Gaussian(solar_luminosity(), 0.0, np.inf, mean=rule.mean, width=rule.width))
        self.tied["pp"] = {nuisance: rule.of_luminosity}
        self.tied["pp"] |= {solar_flux(component): share for component, share in rule.of_others.items()}

    def add_experiment(self, experiment: Experiment) -> None:
        sm = fold.fold(experiment, self.analysis).signal(standard_model(self.signal.weak)).sum(axis=0)
        products = drop_noise(self.expand_signal(experiment))
        self.add_atom(products)
        terms = [_Term([*factors], counts) for factors, counts in products.items()]
        terms += self.expand_backgrounds(experiment, sm)
        if not terms:
            raise BayesnuError(
                f"{experiment.name}: neither neutrinos nor a background is expected in the region; choose lower energies"
            )
        terms = self.expand_shifts(experiment, terms) + self.expand_oscillation(experiment, terms)
        self.experiments.append(experiment)
        self.terms.append(self.multiply_efficiency(experiment, terms))

    def add_atom(self, products: Iterable[tuple[Parameter, ...]]) -> None:
        """Add the nuisances of the parts of the atom that take part in a signal."""
        present = {factor for factors in products for factor in factors}
        for part in atom.atomic_parts(self.analysis.millicharge):
            for nuisance in multiply_part(part):
                fraction = Flat(nuisance, 0.0, 1.0)
                prior = fraction if part.width is None else _make_amplitude(nuisance, part.width)
                if nuisance in present:
                    self.add_nuisance(prior)

    def expand_signal(self, experiment: Experiment, **shift: float) -> Products:
        """The counts of every product of parameters that the signal has, with the response shifted."""
        return self.signal.expand(fold.fold_parts(experiment, self.analysis, self.signal.parts, **shift))

    def expand_backgrounds(self, experiment: Experiment, sm: np.ndarray) -> list[_Term]:
        shapes = background_shapes(observe(experiment, self.analysis), sm)
        return [_Term([self.add_background(experiment, shape)], shape.counts, shape) for shape in shapes]

    def add_background(self, experiment: Experiment, shape: Shape) -> Parameter:
        shared = shape.shared if self.analysis.correlated_runs else None
        nuisance = self.find_shared(shared) or normalisation(shape.name, experiment.name, shared)
        free = Flat(nuisance, shape.minimum, shape.maximum)
        prior = free if shape.width is None else _make_amplitude(nuisance, shape.width, shape.mean, shape.asymmetry)
        if not _do_priors_agree(self.nuisances.get(nuisance, prior), prior):
            raise BayesnuError(
                f"{experiment.name}: the component '{shape.name}' shares the key '{shared}' with another component but "
                "has another constraint; give both the same or set correlated_runs = false"
            )
        return self.add_nuisance(prior)

    def find_shared(self, key: str | None) -> Nuisance | None:
        """The normalisation that a key stands for: it has the name of the first component with that key."""
        named = (each for each in self.nuisances if isinstance(each, Nuisance) and each.kind == "background")
        return None if key is None else next((each for each in named if each.shared == key), None)

    def expand_shifts(self, experiment: Experiment, terms: list[_Term]) -> list[_Term]:
        """Expand the terms in a shift of threshold and energy scale, in standard deviations.

        Both move the signal and backgrounds that are spectra; the threshold also other backgrounds, which the same
        efficiency cuts.
        """
        out = list(terms)
        for name, width in (
            ("threshold_shift", threshold_width_kev(experiment, self.analysis)),
            ("energy_scale", self.analysis.energy_scale),
        ):
            if width == 0:
                continue
            nuisance = self.add_nuisance(_make_shift(response_shift(name, experiment.name)))
            moved = np.array([self.shift_terms(experiment, terms, name, z * width) for z in FOLDED])
            rest = np.array([term.counts for term in terms])
            shift = Shift(f"{experiment.name}: {name}", rest, moved, [self.find_degree(experiment, term) for term in terms])
            shift.check_sign(self.give_coefficients(terms))
            shift.check_error(np.array([*self.find_points(terms)]))
            out += _multiply_powers(terms, nuisance, shift.coefficients)
        return [term for term in out if np.any(term.counts != 0)]

    def expand_oscillation(self, experiment: Experiment, terms: list[_Term]) -> list[_Term]:
        """The terms that shifts of the oscillation parameters add to the signal; backgrounds do not follow them."""
        if self.analysis.oscillation_nuisances == "off":
            return []
        moving = terms + self.find_absent(experiment, terms)

        def count(osc: Oscillation) -> np.ndarray:
            products = self.signal.expand(fold.fold_oscillated(experiment, self.analysis, self.signal.parts, osc))
            return np.array([products[tuple(term.factors)] if term.is_signal else term.counts for term in moving])

        shifts = OscillationShifts(
            where=experiment.name,
            rest=np.array([term.counts for term in moving]),
            is_signal=np.array([term.is_signal for term in moving]),
            centre=fold.oscillation_of(self.analysis),
            count=count,
            degrees=[self.find_degree(experiment, term) for term in moving],
        )
        out = []
        for name, coefficients in shifts.expand(np.array([*self.find_points(moving)])).items():
            nuisance = self.add_nuisance(_make_shift(oscillation_shift(name)))
            out += _multiply_powers(moving, nuisance, coefficients)
        return [term for term in out if np.any(term.counts != 0)]

    def find_absent(self, experiment: Experiment, terms: list[_Term]) -> list[_Term]:
        """Products of the model's parameters that vanish, which they need not do at other oscillation parameters."""
        products = self.expand_signal(experiment)
        known = {prior.parameter for prior in self.physics} | {*self.nuisances}
        absent = {*products} - {tuple(term.factors) for term in terms}
        return [
            _Term([*each], np.zeros_like(counts)) for each, counts in products.items() if each in absent and known >= {*each}
        ]

    def find_degree(self, experiment: Experiment, term: _Term) -> int:
        """The highest power of a shift that a term has room for, beside an efficiency and a part of the atom."""
        is_scaled = term.is_signal and efficiency_width(experiment, self.analysis) is not None
        has_part = any(isinstance(factor, Nuisance) and factor.kind == "atom" for factor in term.factors)
        return min(HIGHEST, FACTORS - len(term.factors) - is_scaled - (not has_part))

    def give_coefficients(self, terms: list[_Term], **values: float) -> np.ndarray:
        """Coefficients (terms,) for values of physics parameters, those not given standard, and every nuisance as usual."""
        standard = {prior.name: standard_value(prior.of_interest, self.signal.weak) for prior in self.physics}
        known = {prior.parameter: (standard | values)[prior.name] for prior in self.physics}
        known |= {nuisance: nuisance.usual for nuisance in self.nuisances if isinstance(nuisance, Nuisance)}
        return np.array([np.prod([known[factor] for factor in term.factors]) for term in terms])

    def find_points(self, terms: list[_Term]) -> Iterator[np.ndarray]:
        """Coefficients (terms,) of the Standard Model, and with signals of single parameters that data could show."""
        counts = np.array([term.counts for term in terms])
        yield self.give_coefficients(terms)
        background = self.give_coefficients(terms) @ counts
        for prior in self.physics:
            here = standard_value(prior.of_interest, self.signal.weak)
            up, down = (self.give_coefficients(terms, **{prior.name: here + x}) @ counts - background for x in (1.0, -1.0))
            ends = (prior.lower - here, prior.upper - here)
            for step in find_values((up - down) / 2, (up + down) / 2, background, ends):
                yield self.give_coefficients(terms, **{prior.name: here + step})

    def shift_terms(self, experiment: Experiment, terms: list[_Term], name: str, shift: float) -> list[np.ndarray]:
        """Counts of every term with the threshold or the energy scale shifted."""
        moved = {"threshold_shift_kev" if name == "threshold_shift" else name: shift}
        products = self.expand_signal(experiment, **moved)
        observation = observe(experiment, self.analysis)
        return [
            products[tuple(term.factors)] if term.shape is None else shift_counts(observation, term.shape, **moved)
            for term in terms
        ]

    def multiply_efficiency(self, experiment: Experiment, terms: list[_Term]) -> list[_Term]:
        """Multiply the signal with the efficiency nuisance; runs that share one may have different widths.

        The shared parameter x is the relative efficiency of the first run. Another run's is 1 + r (x - 1), with r the
        ratio of the widths, which stays a sum of products. The lowest x is where none of them is negative.
        """
        width = efficiency_width(experiment, self.analysis)
        if width is None:
            return terms
        shared = experiment.efficiency.shared if self.analysis.correlated_runs else None
        scale = self.add_nuisance(_make_amplitude(efficiency_scale(experiment.name, shared), width))
        prior = self.nuisances[scale]
        assert isinstance(prior, Gaussian)
        ratio = width / prior.width
        if ratio > 1:
            self.nuisances[scale] = replace(prior, lower=max(prior.lower, 1 - 1 / ratio))
        signal = [t for t in terms if t.is_signal]
        out = [_Term([*t.factors, scale], ratio * t.counts) for t in signal]
        if ratio != 1:
            out += [_Term(t.factors, (1 - ratio) * t.counts) for t in signal]
        return out + [t for t in terms if not t.is_signal]

    def assemble_model(self, measured: Sequence[Measurement]) -> Model:
        """Put everything in its place: experiments, and behind them constraints."""
        parameters = (*self.physics, *self.nuisances.values())
        index = {prior.parameter: i for i, prior in enumerate(parameters)}
        constraints = [[_Term([*factors], number) for factors, number in each.products.items()] for each in measured]
        names = [*(experiment.name for experiment in self.experiments), *(each.name for each in measured)]
        rows = self.terms + constraints
        flat = [term for terms in rows for term in terms]
        factors = np.full((len(flat), FACTORS), len(parameters))
        for t, term in enumerate(flat):
            factors[t, : len(term.factors)] = sorted(index[each] for each in term.factors)
        observations = [observe(experiment, self.analysis) for experiment in self.experiments]
        observed = [observation.observed for observation in observations] + [np.array([each.value]) for each in measured]
        is_data = np.concatenate([*(each.is_data for each in observations), np.ones(len(measured), dtype=bool)])
        templates = np.zeros((len(flat), sum(map(len, observed))))
        blocks = []
        row = 0
        column = 0
        for name, terms, counts in zip(names, rows, observed, strict=True):
            block = Block(name, slice(row, row + len(terms)), slice(column, column + len(counts)))
            templates[block.templates, block.bins] = [term.counts for term in terms]
            blocks.append(block)
            row = block.templates.stop
            column = block.bins.stop
        return Model(
            experiments=tuple(self.experiments),
            analysis=self.analysis,
            parameters=parameters,
            n_physics=len(self.physics),
            observed=np.concatenate(observed),
            templates=templates,
            factors=factors,
            is_signal=np.array([term.is_signal for term in flat]),
            blocks=tuple(blocks[: len(self.experiments)]),
            constraints=tuple(blocks[len(self.experiments) :]),
            is_data=None if is_data.all() else is_data,
        )


def _check_effects(model: Model) -> None:
    """Refuse a physics parameter of which no bin has a signal: its posterior would be its prior."""
    for k, name in enumerate(model.names[: model.n_physics]):
        if not np.any(model.templates[np.any(model.factors == k, axis=1), : model.counted]):
            raise BayesnuError(
                f"{name}: no bin of the region has any of its signal; look at the efficiency, whose energies are in keV, "
                "with `bayesnu check`"
            )


def _multiply_powers(terms: list[_Term], nuisance: Parameter, coefficients: np.ndarray) -> list[_Term]:
    """Terms times powers of a nuisance, with the counts (HIGHEST, terms, bins) of each power."""
    return [
        _Term([*term.factors, *power * [nuisance]], counts, term.shape)
        for power, added in enumerate(coefficients, start=1)
        for term, counts in zip(terms, added, strict=True)
    ]


def _make_amplitude(nuisance: Nuisance, width: float, mean: float = 1.0, asymmetry: float = 0.0) -> Gaussian:
    return Gaussian(nuisance, 0.0, np.inf, mean=mean, width=width, asymmetry=asymmetry)


def _do_priors_agree(one: Prior, other: Prior) -> bool:
    """Whether two priors of a shared normalisation are the same but for rounding."""
    if isinstance(one, Gaussian) and isinstance(other, Gaussian):
        pairs = ((one.mean, other.mean), (one.below, other.below), (one.above, other.above))
        return all(isclose(*pair, rel_tol=1e-9) for pair in pairs)
    return one == other


def _make_shift(nuisance: Nuisance) -> Gaussian:
    """A shift in standard deviations, cut where it is no longer folded."""
    return Gaussian(nuisance, -LARGEST_SHIFT, LARGEST_SHIFT, mean=0.0, width=1.0)
