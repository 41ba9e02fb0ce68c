"""What each stage contributes to one bin: its count followed from the Sun to the data, so that it can be checked by hand.

The contributions are those of the fold behind every prediction, split into the products of couplings that the cross section
is made of; they sum to the count. The stages are evaluated at the bin's centre, or averaged over the events in the bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesnu.experiments import Experiment
from bayesnu.model import fold
from bayesnu.model.backgrounds import Shape, background_shapes, find_excess, find_priors
from bayesnu.model.choices import Analysis
from bayesnu.model.explain.counts import (
    Contribution,
    Smearing,
    count_free_electrons,
    recoil_rates,
    smear,
    split_counts,
    split_couplings,
)
from bayesnu.model.left_out import bound_left_out
from bayesnu.model.observation import Observation, observe
from bayesnu.model.predict import all_couplings, read_couplings
from bayesnu.physics import atom, constants, detector, flux
from bayesnu.physics.cross_section import KERNELS, minimum_neutrino_energy
from bayesnu.physics.oscillation import FLAVOURS
from bayesnu.physics.photoabsorption import photoabsorption_cm2

OSCILLATION = "adiabatic LMA-MSW with NuFIT 6.0, arXiv:2410.05380, and potentials of hep-ph/0404042, unless set by a flag"
CROSS_SECTION = "Vogel and Engel, Phys. Rev. D 39, 3378 (1989); electromagnetic terms as in arXiv:2510.12449, eqs. 1-9"
WEAK = {
    "radiative": "Erler and Su 2013, arXiv:1303.5522; contains the SM charge radii",
    "tree": "tree level: g_V = 2 s2W + 1/2 for nu_e and 2 s2W - 1/2 else, g_A = +-1/2; s2W of PDG 2024 unless changed",
}
ELECTRONS = {
    "stepped": "electrons bound by less than T: edges of the X-ray data booklet (LBNL)",
    "free": "all 54, free",
    "rrpa": "weak kernels: stepped count times the many-body ratio of arXiv:1610.04177; the photon's stay stepped",
}


PHOTOABSORPTION = "mean of Elam et al. 2002 and Chantler 2000, by way of xraydb; for the charge alone"


@dataclass(frozen=True)
class Quantity:
    """One number of a stage, with its unit and source; None where it has no value."""

    name: str
    value: float | None
    unit: str
    source: str


@dataclass(frozen=True)
class Explanation:
    """One bin of an experiment, explained. `stages` are in the order of the pipeline; counts are per whole exposure.

    `signal` is the bin's count of neutrinos as every prediction has it; the contributions sum to it. `couplings` are in the
    units of a model's parameters: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2.
    """

    experiment: str
    file: str
    reading: str
    bin: int
    low_kev: float
    high_kev: float
    couplings: dict[str, float]
    analysis: Analysis
    stages: dict[str, tuple[Quantity, ...]]
    contributions: tuple[Contribution, ...]
    signal: float
    background: float
    observed: float

    @property
    def total(self) -> float:
        """The sum of all contributions, counts."""
        return float(np.sum([each.counts for each in self.contributions]))


def explain(experiment: Experiment, analysis: Analysis, index: int, **values: float) -> Explanation:
    """Explain bin `index` (from 0, among those of the analysis) for couplings given as in `predict.rate`.

    Raises `BayesnuError` for couplings that mix flavours: their counts belong to no single one.
    """
    values = read_couplings(analysis, values)
    folded = fold.fold(experiment, analysis)
    signal = float(folded.signal(all_couplings(analysis, **values)).sum(axis=0)[index])
    contributions = split_counts(folded, analysis, index, values)
    observation = observe(experiment, analysis)
    neutrinos = folded.signal(all_couplings(analysis)).sum(axis=0)
    shapes = background_shapes(observation, neutrinos)
    low = float(observation.edges_kev[index])
    high = float(observation.edges_kev[index + 1])
    missing = float(bound_left_out(experiment, analysis, all_couplings(analysis, **values))[index])
    smearing = smear(experiment, analysis, index, **values)
    observed = float(observation.observed[index])
    background = float(sum(shape.counts[index] for shape in shapes))
    return Explanation(
        experiment=experiment.name,
        file=experiment.path,
        reading=experiment.reading,
        bin=index + 1,
        low_kev=low,
        high_kev=high,
        couplings=dict(values),
        analysis=analysis,
        stages={
            "Sun": _explain_sun(folded.components, analysis, (low + high) / 2, missing),
            "oscillation": _explain_oscillation(folded, analysis, index),
            "couplings": _explain_couplings(analysis, values),
            "recoil": _explain_recoil(folded.components, analysis, low, high, smearing, values),
            "detector": _explain_detector(observation, index, smearing, signal),
            "background": _explain_background(observation, shapes, neutrinos, index),
            "data": _explain_data(experiment, observed, signal, background),
        },
        contributions=contributions,
        signal=signal,
        background=background,
        observed=observed,
    )


def _explain_sun(components: tuple[str, ...], analysis: Analysis, centre: float, missing: float) -> tuple[Quantity, ...]:
    """Fluxes, their shares above the energy that a recoil at the bin's centre needs, and what the others cannot exceed."""
    sun = flux.solar_model(analysis.solar_model)
    lowest = float(minimum_neutrino_energy(np.array(centre)))
    out = [Quantity(f"least neutrino energy for T = {centre:g} keV", lowest, "keV", "(T + sqrt(T^2 + 2 m T))/2")]
    for component in components:
        spectrum = flux.SPECTRA[analysis.solar_components][component]
        share = float(spectrum.above(np.array(lowest))[1].sum())
        total = sun.fluxes[component].total
        out.append(Quantity(f"flux of {component}", total, "1/(cm^2 s)", f"{sun.name}: {sun.source}"))
        out.append(Quantity(f"share of {component} above that energy", share, "", spectrum.source))
    absent = ", ".join(name for name in sun.fluxes if name not in components)
    out.append(Quantity(f"left out: {absent}; at most", missing, "counts", f"{sun.name}; a bound for any spectrum"))
    return tuple(out)


def _explain_oscillation(folded: fold.Fold, analysis: Analysis, index: int) -> tuple[Quantity, ...]:
    """Flavour content of the whole spectra, and of the neutrinos behind this bin's recoils."""
    mixing = np.abs(folded.mixing) ** 2
    out = []
    for c, component in enumerate(folded.components):
        energies, weights = flux.SPECTRA[analysis.solar_components][component].above(np.array(0.0))
        survival = float((mixing @ fold.content_of(component, energies, analysis))[0] @ weights)
        out.append(Quantity(f"P_ee of {component}, mean of its spectrum", survival, "", OSCILLATION))
        content = mixing @ folded.counts[c, KERNELS.index("AA"), :, index]
        for flavour, part in zip(FLAVOURS, content, strict=True):
            value = float(part / content.sum()) if content.sum() > 0 else None
            how = f"{OSCILLATION}; weighted with the recoils of g_A^2 in this bin"
            out.append(Quantity(f"P_e{flavour} of {component} in this bin", value, "", how))
    return tuple(out)


def _explain_couplings(analysis: Analysis, values: dict[str, float]) -> tuple[Quantity, ...]:
    """Weak couplings of each flavour, and what the properties that are not zero add to them."""
    parts = split_couplings(analysis, values)
    source = WEAK[analysis.couplings]
    out = []
    for a, flavour in enumerate(FLAVOURS):
        out.append(Quantity(f"g_V of nu_{flavour}", float(parts["weak"].vector[a, a].real), "", source))
        out.append(Quantity(f"g_A of nu_{flavour}", float(parts["weak"].axial[a, a].real), "", source))
    shifts = (
        ("charge", "charge", "shift of g_V times T by the charge", "keV", "-sqrt(2) pi alpha/(G_F m) q, CODATA 2022"),
        ("radius", "vector", "shift of g_V by the radius", "", "sqrt(2) pi alpha/(3 G_F) <r^2>, CODATA 2022"),
        ("moment", "moment", "magnetic moment", "mu_B", "as given"),
    )
    for part, matrix, name, unit, source in shifts:
        diagonal = np.diag(getattr(parts[part], matrix)).real
        if np.any(diagonal):
            for flavour, value in zip(FLAVOURS, diagonal, strict=True):
                out.append(Quantity(f"{name} of nu_{flavour}", float(value), unit, source))
    return tuple(out)


def _explain_recoil(
    components: tuple[str, ...],
    analysis: Analysis,
    low: float,
    high: float,
    smearing: Smearing,
    values: dict[str, float],
) -> tuple[Quantity, ...]:
    """Cross section, electrons and rate: at the bin's centre flux x cross section x electrons x atoms x year is the rate."""
    centre = (low + high) / 2
    source = ELECTRONS[analysis.electrons]
    sun = flux.solar_model(analysis.solar_model)
    rates = recoil_rates(np.array(centre), analysis, values, components)
    all_free = count_free_electrons(analysis)
    per_electron = recoil_rates(np.array(centre), all_free, values, components) / atom.XENON_ELECTRONS
    targets = constants.XENON_ATOMS_PER_TONNE * constants.SECONDS_PER_YEAR
    energies = (low, centre, high)
    count = atom.electrons(np.array(energies), analysis.electrons)
    differ = analysis.electrons == "rrpa"
    mean = _divide(smearing.counted.sum(), smearing.one_electron)
    out = []
    for component, rate in zip(components, per_electron, strict=True):
        name = f"cross section at {centre:g} keV, mean over {component}"
        value = float(rate / sun.fluxes[component].total / targets) or None  # below the outermost shell nothing recoils
        out.append(Quantity(name, value, "cm^2/keV per electron", f"{CROSS_SECTION}; over spectrum and flavours"))
    kinds = (("VV", ", weak kernels"), ("MM", ", photon kernels")) if differ else (("VV", ""),)
    for kernel, of in kinds:
        for energy, number in zip(energies, count[KERNELS.index(kernel)], strict=True):
            out.append(Quantity(f"electrons ionisable at {energy:g} keV{of}", float(number), "per atom", source))
    if analysis.millicharge != "electrons":
        for energy, barn in zip(energies, photoabsorption_cm2(np.array(energies)) / constants.CM2_PER_BARN, strict=True):
            out.append(Quantity(f"photo-absorption at {energy:g} keV", float(barn), "barn per atom", PHOTOABSORPTION))
    how = f"{source}; count over that for one electron per atom"
    out.append(Quantity("electrons ionisable, mean over the bin's neutrinos", mean, "per atom", how))
    atoms = "Avogadro's number (SI 2019) / 131.293 g/mol (IUPAC)"
    out.append(Quantity("xenon atoms", constants.XENON_ATOMS_PER_TONNE, "per tonne", atoms))
    out.append(Quantity("seconds", constants.SECONDS_PER_YEAR, "per year", "Julian year of 365.25 d"))
    by_kernel = ", kernel by kernel" if differ or analysis.millicharge != "electrons" else ""
    for component, rate in zip(components, rates, strict=True):
        how = f"flux x cross section x electrons x atoms x seconds{by_kernel}"
        out.append(Quantity(f"rate at {centre:g} keV, {component}", float(rate), "1/(t yr keV)", how))
    return tuple(out)


def _divide(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _explain_detector(observation: Observation, index: int, smearing: Smearing, signal: float) -> tuple[Quantity, ...]:
    """From recoils to counts: who leaves the bin, who comes in, and whom the efficiency lets through."""
    experiment = observation.experiment
    response = observation.response
    low, high = (float(edge) for edge in response.edges_kev[index : index + 2])
    centre = np.array((low + high) / 2)
    exposure, resolution, efficiency = (
        _name_source(experiment, table) for table in ("exposure", "resolution", "efficiency")
    )
    turn_on = None if observation.turn_on is None else float(observation.turn_on[index])
    atom_years = experiment.exposure_tonne_years * constants.XENON_ATOMS_PER_TONNE
    electron_years = _divide(smearing.counted.sum() * atom_years, smearing.one_electron)
    width = float(response.resolution.sigma_kev(centre))
    curve = f"{efficiency}; on {response.efficiency_on} energy"
    kind = f"response: {response.binning}, width at {response.resolution_at} energy"
    efficient = _divide(smearing.counted.sum(), smearing.unit.sum())
    stays = float(smearing.unit[1])
    leaving = None if smearing.down is None else _divide(smearing.inside - stays, smearing.inside)
    out = [
        Quantity("exposure", experiment.exposure_tonne_years, "t yr", exposure),
        Quantity("xenon atoms x years", atom_years, "yr", "exposure x atoms per tonne"),
        Quantity("ionisable electrons x years", electron_years, "yr", "exposure x atoms per tonne x mean electrons"),
        Quantity(f"resolution sigma at {centre:g} keV", width, "keV", resolution),
        Quantity("recoils with true energy in the bin", smearing.inside, "counts", "exposure x integral of the rate"),
        Quantity("- reconstructed below the bin", smearing.down, "counts", kind),
        Quantity("- reconstructed above the bin", smearing.up, "counts", kind),
        Quantity("= staying in the bin", stays, "counts", kind),
        Quantity("share of them that leaves the bin", leaving, "", kind),
        Quantity("+ smeared in from lower true energy", float(smearing.unit[0]), "counts", kind),
        Quantity("+ smeared in from higher true energy", float(smearing.unit[2]), "counts", kind),
        Quantity("= in the bin before efficiency", float(smearing.unit.sum()), "counts", kind),
        Quantity("x efficiency, mean over these events", efficient, "", curve),
        Quantity("efficiency, mean of the curve over the bin", _average_efficiency(response, low, high), "", curve),
    ]
    if turn_on is not None:
        out.append(Quantity("x turn-on factor", turn_on, "", efficiency))
    out.append(Quantity("= neutrinos in the bin", signal, "counts", "the sum of the contributions"))
    for share, where in zip(smearing.counted, ("below", "inside", "above"), strict=True):
        name = f"share of them with true energy {where} the bin"
        out.append(Quantity(name, _divide(share, smearing.counted.sum()), "", kind))
    return tuple(out)


def _average_efficiency(response: detector.Response, low: float, high: float) -> float:
    """Mean of the curve over [low, high] keV: linear between knots, so the middle of every piece is its mean."""
    knots = response.efficiency_kev
    borders = np.unique([low, high, *knots[(knots > low) & (knots < high)]])
    values = detector.efficiency_at((borders[1:] + borders[:-1]) / 2, knots, response.efficiency)
    return float(values @ np.diff(borders) / (high - low))


def _name_source(experiment: Experiment, table: str) -> str:
    """Quality and source of a table of the experiment's file."""
    item = next(each for each in experiment.provenance if each.table == table)
    return f"{item.quality}: {item.source}"


def _explain_background(
    observation: Observation, shapes: list[Shape], neutrinos: np.ndarray, index: int
) -> tuple[Quantity, ...]:
    """The published total, the neutrinos taken out of it, what of them it does not hold, and what floats."""
    experiment = observation.experiment
    table = experiment.background
    source = _name_source(experiment, "background")
    priors = find_priors(experiment, observation.analysis)
    out = []
    if table.total is not None and table.published_solar_neutrinos is not None:
        own = observation.analysis.solar_subtraction == "model"
        taken = float(neutrinos[index]) if own else float(observation.cut(table.published_solar_neutrinos)[index])
        how = "Standard Model neutrinos of this analysis" if own else source
        total = float(observation.cut(table.total)[index])
        out.append(Quantity("published total, with neutrinos", total, "counts", source))
        out.append(Quantity("- neutrinos taken out of it", taken, "counts", how))
        excess = float(find_excess(observation, neutrinos)[index])
        if excess > 0:
            out.append(Quantity("+ cut at zero", excess, "counts", "what is taken out exceeds the total, with components"))
    for shape in shapes:
        names = [each.name for each in table.components if shape.name in (each.name, each.shape)]
        known = "; ".join(f"{name}: {_name_source(experiment, f'background {name}')}" for name in names)
        if shape.name in priors:
            known += f"; constraint: {_name_source(experiment, f'background {shape.name} prior')}"
        out.append(Quantity(f"{shape.name} ({shape.constraint})", float(shape.counts[index]), "counts", known or source))
    return tuple(out)


def _explain_data(experiment: Experiment, observed: float, signal: float, background: float) -> tuple[Quantity, ...]:
    return (
        Quantity("neutrinos + backgrounds", signal + background, "counts", "as `bayesnu counts` has them"),
        Quantity("observed", observed, "counts", _name_source(experiment, "bins")),
    )
