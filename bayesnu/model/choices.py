"""The choices of an analysis, each with its default, and the presets: named sets of the same choices.

`default` is the physically preferred analysis. `paper` holds the conventions that reproduce arXiv:2510.12449; they were
inferred from its published limits and are not known to be the authors' own (see docs/methods.md). `complete` is the default
with everything that is known to be in doubt: the atom, every efficiency, and backgrounds as known before the fit. `forecast`
floats all that decides at the precision of future detectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from bayesnu.physics.constants import (
    DELTA_CP_DEG,
    DM2_21_EV2,
    LOW_ENERGY_SIN2_THETA_W,
    SIN2_THETA12,
    SIN2_THETA13,
    SIN2_THETA23,
)
from bayesnu.support.arguments import as_tuple, plain
from bayesnu.support.errors import BayesnuError, did_you_mean

# Results of other laboratories that a fit can take: the column `constraint` of experiments/published_limits.csv.
CONSTRAINTS = (
    *("borexino-mu", "charm2-mu", "conus-mu", "gemma-mu", "lsnd-mu", "texono-mu"),
    *("conus-q", "gemma-q", "texono-q"),
    *("charm2-r2", "lsnd-r2", "texono-r2"),
)
PRIOR_KINDS = ("flat", "flat-square", "log-uniform", "gaussian")  # `model/priors.py` says what each is

JOIN = "+"  # between words of a choice that takes several

Needs: TypeAlias = Mapping[str, str | tuple[str, ...]]


class Choice(NamedTuple):
    """What a choice does and changes, in words, and what it allows: words, a closed range, or true and false.

    `needs` are the values of other choices, one or several, without which another value than the default would have no
    effect. `before` is what every analysis had before there was this choice: with it, a chain is that of before. `former`
    are words of older configurations and chains, with those that mean the same today. Of `several` words any may be taken
    together, joined by +, in the place of the default.
    """

    help: str
    default: str | float | bool
    words: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    needs: Needs = MappingProxyType({})
    before: str | float | bool | None = None
    former: Mapping[str, str] = MappingProxyType({})
    several: bool = False

    def checked(self, name: str, value: Any) -> Any:
        """Return a value as it is kept; raises `BayesnuError` for one that is not allowed."""
        value = plain(value)
        if isinstance(value, str):
            value = self.former.get(value, value)
        if self.several:
            return self._join_words(name, value)
        if self.words and not (isinstance(value, str) and value in self.words):
            raise BayesnuError(f"{name}: found {value!r:.60}{did_you_mean(str(value)[:60], self.words)}")
        if isinstance(self.default, bool) and not isinstance(value, bool):
            raise BayesnuError(f"{name}: found {value!r:.60}; must be true or false")
        if isinstance(self.default, str) and not isinstance(value, str):
            raise BayesnuError(f"{name}: found {value!r:.60}; must be the name of a reading, as default or paper")
        if self.range is None:
            return value
        low, high = self.range
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BayesnuError(f"{name}: found {value!r:.60}; must be a number in [{low:g}, {high:g}]")
        return float(value)  # 0 and 0.0 are the same choice

    def _join_words(self, name: str, value: Any) -> Any:
        """Several words in one order, each once, joined by +."""
        words = value.split(JOIN) if isinstance(value, str) else as_tuple(value)
        if words in ((), [self.default]):
            return self.default
        unknown = [word for word in words if word not in self.words]
        if unknown:
            known = ", ".join(self.words)
            raise BayesnuError(
                f"{name}: found {unknown[0]!r:.60}; must be {self.default}, or some of {known}, joined by {JOIN}"
            )
        return JOIN.join(sorted({*words}))


def _chosen(choice: Choice) -> Any:
    return field(default=choice.default, metadata={"choice": choice})


def _reading(default: str, help: str) -> Any:
    return _chosen(Choice(help, default))


def _word(
    default: str,
    *others: str,
    help: str,
    before: str | None = None,
    former: Mapping[str, str] | None = None,
    **needs: str | tuple[str, ...],
) -> Any:
    return _chosen(Choice(help, default, words=(default, *others), needs=needs, before=before, former=former or {}))


def _number(
    default: float, low: float, high: float, help: str, before: float | None = None, **needs: str | tuple[str, ...]
) -> Any:
    return _chosen(Choice(help, default, range=(low, high), needs=needs, before=before))


def _several(default: str, words: tuple[str, ...], help: str, before: str) -> Any:
    return _chosen(Choice(help, default, words=words, before=before, several=True))


def _switch(default: bool, help: str, before: bool | None = None, **needs: str | tuple[str, ...]) -> Any:
    return _chosen(Choice(help, default, needs=needs, before=before))


@dataclass(frozen=True)
class Analysis:
    """Hold all choices that change a number; the defaults are the preset `default`.

    docs/choices.md says what each does and changes, with its source, and so does `CHOICES` in this module.

    Arguments, in words:
        inputs: reading of the files, as `default` or `paper`; give the same to `load_experiment`.
        region: `interest` or `all` bins.
        couplings: `radiative` or `tree`.
        solar_model: `B16-GS98`, `B16-AGSS09met` or `Borexino`.
        solar_components: `pp-7be` or `all`.
        luminosity_constraint: `off` or `on`.
        flavour_content: `exact` or `shortcut`.
        oscillation_nuisances: `off` or `on`.
        electrons: `stepped`, `free` or `rrpa`.
        millicharge: `electrons`, `epa` or `matched`.
        binning: `integrated` or `centre`.
        resolution_at: `true` or `reconstructed` energy.
        efficiency_on: `file`, `reconstructed` or `true` energy.
        background: `components` or `single`.
        normalisations: `fit`, `prior` or `free`.
        solar_subtraction: `model` or `published` neutrinos.
        efficiency_nuisance: `published`, `off` or `all`.
        constraints: `none`, or names of `CONSTRAINTS` joined by +; a list of them becomes that.
        one_nuisance_per_shape, correlated_runs, atomic_nuisances: True or False.

    Arguments, as numbers:
        sin2_theta_w, sin2_theta12, sin2_theta13, sin2_theta23: sin^2 of mixing angles, in [0, 1].
        delta_cp_deg: degrees.
        dm2_21_ev2: eV^2.
        neutrino_mass_ev: eV.
        sterile_mass_kev, lowest_true_kev, threshold_shift_kev: keV.
        background_width, efficiency_width, energy_scale: relative standard deviations, pure numbers; 0 turns the last two
            off.

    Raises: `BayesnuError` for a word or number that is not allowed, and for a choice that another one makes void.

    Source: oscillation NuFIT 6.0, arXiv:2410.05380; fluxes Vinyoles et al. 2017, arXiv:1611.09867.

    Example:
        >>> from bayesnu import Analysis
        >>> Analysis(electrons="rrpa").electrons
        'rrpa'
        >>> Analysis().lowest_true_kev
        0.0121
    """

    inputs: str = _reading(
        "default",
        help="Which reading of an experiment's file is used: its own tables, or those that a reading of this name puts in "
        "their place. A file that lacks a usual one, as paper, is read by its own.",
    )
    region: str = _word(
        "interest",
        "all",
        help="Which bins enter the likelihood: those of the published region of interest, or all bins of the file.",
    )
    couplings: str = _word(
        "radiative",
        "tree",
        help="Weak couplings. Radiative ones contain the Standard Model charge radii, so that r2_nu is the non-standard "
        "part alone; with tree couplings r2_nu holds them too.",
    )
    sin2_theta_w: float = _number(  # MS-bar at low energy, PDG 2024
        LOW_ENERGY_SIN2_THETA_W,
        0.0,
        1.0,
        help="sin^2 of the weak mixing angle in tree couplings; radiative couplings do not take it.",
        couplings="tree",
    )
    solar_model: str = _word(
        "B16-GS98",
        "B16-AGSS09met",
        "Borexino",
        help="Solar model: the total fluxes, and the widths of their constraints. Borexino has its measured pp and 7Be, and "
        "the others of B16-GS98; it measured with Standard Model couplings, so that a limit from these fluxes is circular.",
    )
    solar_components: str = _word(
        "pp-7be",
        "all",
        help="Neutrinos of the Sun: pp and 7Be; or all, with the thermal motion of the protons in pp. Of all, a "
        "component enters the data sets that owe more than 0.1 % of their neutrinos to it, with a nuisance of its own.",
        before="pp-7be",
    )
    luminosity_constraint: str = _word(
        "off",
        "on",
        help="Whether the flux of pp follows from the luminosity of the Sun, 3.828e33 erg/s +- 0.4 %, and the other fluxes, "
        "instead of having a width of its own.",
        before="off",
    )
    # NuFIT 6.0, normal ordering, with SK atmospheric data (IC24), arXiv:2410.05380.
    sin2_theta12: float = _number(
        SIN2_THETA12,
        0.0,
        1.0,
        help="sin^2 of theta12. It sets how much of the neutrinos arrives as nu_e, together with the matter of the Sun.",
    )
    sin2_theta13: float = _number(
        SIN2_THETA13, 0.0, 1.0, help="sin^2 of theta13: the share that arrives as the third mass state."
    )
    sin2_theta23: float = _number(
        SIN2_THETA23, 0.0, 1.0, help="sin^2 of theta23: how the share that is not nu_e divides into nu_mu and nu_tau."
    )
    delta_cp_deg: float = _number(
        DELTA_CP_DEG,
        -360.0,
        360.0,
        help="CP phase in degrees: it moves shares between nu_mu and nu_tau.",
        flavour_content="exact",
    )
    dm2_21_ev2: float = _number(
        DM2_21_EV2,
        1e-6,
        1e-3,
        help="Delta m^2_21 in eV^2. The smaller it is, the more the matter of the Sun changes the "
        "shares of the mass states.",
    )
    flavour_content: str = _word(
        "exact",
        "shortcut",
        help="Flavours at Earth: exact, from mass states and the full mixing matrix; or the shortcut that gives nu_mu the "
        "share (1 - P_ee) cos^2 theta23, and has no off-diagonal elements and no mass states.",
    )
    oscillation_nuisances: str = _word(
        "off",
        "on",
        help="Whether the oscillation parameters float with their errors in NuFIT 6.0: those of the five that change a "
        "count by 1e-4 of it or more, each a nuisance in standard deviations that all experiments share.",
        before="off",
        flavour_content="exact",
    )
    electrons: str = _word(
        "stepped",
        "free",
        "rrpa",
        help="Electrons that a recoil can ionise: those bound by less than its energy, all 54 as if free, or the stepped "
        "ones with a many-body ratio on the weak terms.",
    )
    millicharge: str = _word(
        "electrons",
        "epa",
        "matched",
        help="How an atom takes up the photon of a millicharge: by its electrons, as the choice electrons counts them; by "
        "photoabsorption (epa, of equivalent photons), which has no interference and so no sign; or matched, by "
        "photoabsorption below 14 keV and by electrons above.",
        before="electrons",
    )
    neutrino_mass_ev: float = _number(
        1.0,
        1e-4,
        10.0,
        help="Mass of the neutrino in eV, in the logarithm of the equivalent photons; 1 is the usual convention.",
        before=1.0,
        millicharge=("epa", "matched"),
    )
    atomic_nuisances: bool = _switch(
        False,
        help="Whether the theory of the atom floats: photoabsorption within its errors by shell; the matching from the "
        "larger of its two treatments to their sum; weak terms and moments from stepped electrons to the ratio of rrpa. "
        "Other electrons than stepped ones leave the atom fixed.",
        before=False,
    )
    lowest_true_kev: float = _number(  # the default is the outermost xenon shell: no lower cut
        0.0121,
        0.001,
        100.0,
        help="True recoil energy in keV below which no recoil is counted. The default is the outermost "
        "shell of xenon, so that it cuts nothing. At 0.5 no bin of a shipped data set loses more than 0.2 %.",
    )
    sterile_mass_kev: float = _number(
        0.0,
        0.0,
        1000.0,
        help="Mass in keV of the sterile neutrino that mu_sterile leads to; it needs that parameter. With 0 the moment is "
        "as that of an active neutrino.",
        before=0.0,
    )
    binning: str = _word(
        "integrated",
        "centre",
        help="Counts of a bin: the spectrum integrated over the bin, or its value at the bin's centre times the width.",
    )
    resolution_at: str = _word(
        "true",
        "reconstructed",
        help="Energy at which the width of the detector's response is taken: the true recoil energy, or the reconstructed "
        "one, as the paper seems to do. It changes how recoils are smeared into the first bins, and q_nu the most.",
    )
    efficiency_on: str = _word(
        "file",
        "reconstructed",
        "true",
        help="Energy on which the efficiency curve acts: the one that the experiment's file names, the reconstructed or "
        "the true recoil energy.",
    )
    background: str = _word(
        "components",
        "single",
        help="What floats as background: the published components, each with its own width, or their sum as one shape.",
    )
    background_width: float = _number(
        0.025,
        1e-6,
        10.0,
        help="Relative width of the constraint on a single background; components do not take it.",
        background="single",
        normalisations=("fit", "prior"),
    )
    normalisations: str = _word(
        "fit",
        "prior",
        "free",
        help="Constraints of the background normalisations: what the fit to these very data gave; what was known before it, "
        "where that is published, and else the fit; or none, each flat from 0 to 10 times its fit. Free ones give the "
        "longest intervals. A single background has its own width instead of the first two.",
        former={"published": "fit"},
    )
    one_nuisance_per_shape: bool = _switch(
        True,
        help="Background components of one shape float together, their errors added in quadrature; else each by itself.",
        background="components",
    )
    solar_subtraction: str = _word(
        "model",
        "published",
        help="Neutrinos that are taken out of a published background which contains them: the model's own prediction, or "
        "the published counts.",
    )
    correlated_runs: bool = _switch(
        True,
        help="Runs of one detector share the nuisances that their files name as common, as the efficiency; else each "
        "run has its own.",
    )
    efficiency_nuisance: str = _word(
        "published",
        "off",
        "all",
        help="Whether the efficiency floats: with the published width in the experiment's file alone; not at all; or in all "
        "data sets, with the published or assumed width of the file and the error of the exposure in quadrature, and the "
        "threshold where the file says so. A file without a width has efficiency_width.",
    )
    efficiency_width: float = _number(
        0.0,
        0.0,
        1.0,
        help="Relative width of the efficiency of experiments whose file has none; 0 leaves it fixed there.",
        efficiency_nuisance=("published", "all"),
    )
    threshold_shift_kev: float = _number(
        0.0,
        0.0,
        1.0,
        help="Standard deviation in keV of a shift of the efficiency curve, which moves signal and "
        "background; 0 leaves it fixed, unless efficiency_nuisance is all and the file has one.",
    )
    energy_scale: float = _number(
        0.0,
        0.0,
        0.2,
        help="Relative standard deviation of the energy scale, which moves the signal and backgrounds that are spectra; "
        "0 leaves it fixed.",
    )
    constraints: str = _several(
        "none",
        CONSTRAINTS,
        help="Published results of other laboratories that enter the fit, each as a Gaussian term in the quantity that it "
        "constrains: moments and charges in the square of their flavour's, radii in the element of it.",
        before="none",
    )

    @property
    def constraint_names(self) -> tuple[str, ...]:
        """The constraints one by one."""
        return () if self.constraints == "none" else tuple(self.constraints.split(JOIN))

    @property
    def is_atom_floating(self) -> bool:
        """Whether the theory of the atom floats: it is known how far for stepped electrons alone."""
        return self.atomic_nuisances and self.electrons == "stepped"

    def __post_init__(self) -> None:
        for name, choice in CHOICES.items():
            object.__setattr__(self, name, choice.checked(name, getattr(self, name)))
        for name, choice in CHOICES.items():
            self._check_effect(name, choice)

    def _check_effect(self, name: str, choice: Choice) -> None:
        """Raise `BayesnuError` for a choice that another one makes void."""
        value = getattr(self, name)
        allowed = {other: (words,) if isinstance(words, str) else words for other, words in choice.needs.items()}
        void = [f"{other} = {getattr(self, other)}" for other, words in allowed.items() if getattr(self, other) not in words]
        if value != choice.default and void:
            needed = " and ".join(f"{other} = {' or '.join(words)}" for other, words in allowed.items())
            raise BayesnuError(
                f"{name}: found {value!r}, which has no effect with {' and '.join(void)}; choose {needed}, or leave it at "
                f"{choice.default}"
            )


CHOICES: Mapping[str, Choice] = {each.name: each.metadata["choice"] for each in fields(Analysis)}


# Choices that are younger than the first chains, with what these had.
BEFORE: dict[str, str | float | bool] = {
    name: choice.before for name, choice in CHOICES.items() if choice.before is not None
}


def with_former_words(analysis: Analysis) -> dict[str, Any]:
    """The choices of an analysis by name, in the words of the first chains: so a chain keeps its fingerprint."""
    former = {
        name: old for name, choice in CHOICES.items() for old, new in choice.former.items() if getattr(analysis, name) == new
    }
    return asdict(analysis) | former


COMPLETE = Analysis(
    solar_components="all",
    millicharge="matched",
    atomic_nuisances=True,
    lowest_true_kev=0.5,
    normalisations="prior",
    efficiency_nuisance="all",
)
PRESETS = {
    "default": Analysis(),
    "paper": Analysis(
        inputs="paper",
        region="all",
        sin2_theta12=0.318,
        sin2_theta13=0.0220,
        dm2_21_ev2=7.50e-5,
        binning="centre",
        resolution_at="reconstructed",
        efficiency_on="reconstructed",
        background="single",
        efficiency_nuisance="off",
    ),
    "complete": COMPLETE,
    "forecast": replace(COMPLETE, luminosity_constraint="on", oscillation_nuisances="on", normalisations="fit"),
}


def preset(name: str = "default", /, **choices: Any) -> Analysis:
    """Return a preset with some choices changed.

    Arguments:
        name: `default`, the analysis that is preferred; `paper`, the conventions that reproduce the paper's limits;
            `complete`, the default with the doubt about atom, efficiency and backgrounds in it; or `forecast`, what decides
            at the precision of detectors to come.
        choices: fields of `Analysis`, as `electrons="rrpa"`; numbers in the units that are named there.

    Returns: an `Analysis`, which cannot be changed; `dataclasses.replace` makes another one.

    Raises: `BayesnuError` for a name, a choice or a value that is not known, with the nearest one that is.

    Source: `paper` holds the conventions of Demirci et al., arXiv:2510.12449, as far as its limits tell them.

    Example:
        >>> from bayesnu import preset
        >>> preset("paper", background="components").background
        'components'
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise BayesnuError(f"preset: found {name!r:.60}{did_you_mean(str(name)[:60], PRESETS)}")
    for choice in choices:
        if choice not in CHOICES:
            raise BayesnuError(f"[analysis] {choice[:60]}: unknown key{did_you_mean(choice[:60], CHOICES)}")
    return replace(PRESETS[name], **choices)


def read_analysis(given: Analysis | str | None) -> Analysis:
    """An analysis as it is, the preset of a name, or the preset `default`; raises `BayesnuError` for anything else."""
    if isinstance(given, Analysis):
        return given
    return preset("default" if given is None else given)


def differences(one: Analysis, other: Analysis) -> dict[str, tuple[Any, Any]]:
    """Return the choices in which two analyses differ, as name: (one's value, other's value)."""
    a = asdict(one)
    b = asdict(other)
    return {name: (a[name], b[name]) for name in a if a[name] != b[name]}


def describe_choices(preset: str, analysis: Analysis) -> str:
    """The preset with the choices that were changed in it, in words."""
    changed = differences(PRESETS[preset], analysis)
    if not changed:
        return preset
    return f"{preset} with " + ", ".join(f"{name} = {value}" for name, (_, value) in changed.items())
