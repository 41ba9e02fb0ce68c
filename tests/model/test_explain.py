"""One bin explained: contributions that sum to the count, stages that lead to it, and a derivation by plain quadrature."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from bayesnu import experiments
from bayesnu.experiments import Background, Experiment
from bayesnu.model import predict
from bayesnu.model.choices import PRESETS, Analysis
from bayesnu.model.explain.bins import find_bin
from bayesnu.model.explain.counts import TERMS, smear
from bayesnu.model.explain.stages import Explanation, explain
from bayesnu.physics.oscillation import FLAVOURS
from bayesnu.support.errors import BayesnuError
from tests.commands import answer, invoke, refusal
from tests.physics import oracle

EVERYTHING = {"mu_nu": 3.0, "mu_nu_tau": 1.0, "q_nu": 0.4, "q_nu_mu": -2.0, "r2_nu": 60.0, "r2_nu_e": -100.0}
CHOICES = (
    {"electrons": "rrpa"},
    {"solar_components": "all"},
    {"electrons": "free", "couplings": "tree"},
    {"flavour_content": "shortcut"},
    {"efficiency_on": "true"},
    {"lowest_true_kev": 1.0, "background": "single"},
    {"resolution_at": "reconstructed", "normalisations": "free"},
    {"binning": "centre", "solar_subtraction": "published"},
)


@cache
def experiment(name: str, preset: str = "default") -> experiments.Experiment:
    return experiments.load(name, PRESETS[preset].inputs)


def bins(name: str, preset: str) -> int:
    return len(predict.expected_counts(experiment(name, preset), PRESETS[preset]).observed)


def quantity(found: Explanation, stage: str, name: str) -> float | None:
    (value,) = (each.value for each in found.stages[stage] if each.name == name)
    return value


def number(found: Explanation, stage: str, name: str) -> float:
    value = quantity(found, stage, name)
    assert value is not None
    return value


# Contributions


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", experiments.names())
def test_contributions_sum_to_the_count_of_a_bin(name: str, preset: str) -> None:
    counts = predict.expected_counts(experiment(name, preset), PRESETS[preset], **EVERYTHING)
    last = bins(name, preset)
    for index in range(0, last, max(1, last // 20)):  # of 83 bins every fourth
        found = explain(experiment(name, preset), PRESETS[preset], index, **EVERYTHING)
        signal = counts.signal[:, index]
        assert found.total == pytest.approx(signal.sum(), rel=1e-12)
        for component, expected in zip(("pp", "7Be"), signal, strict=True):
            parts = [each.counts for each in found.contributions if each.component == component]
            assert sum(parts) == pytest.approx(expected, rel=1e-12)
        assert found.signal == signal.sum()
        assert found.background == pytest.approx(counts.background[index], rel=1e-12)
        assert found.observed == counts.observed[index]
        assert (found.low_kev, found.high_kev) == tuple(counts.edges_kev[index : index + 2])


@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_contributions_sum_to_the_count_whatever_the_choices(choices: dict[str, Any]) -> None:
    analysis = replace(Analysis(), **choices)
    counts = predict.expected_counts(experiment("xenonnt-sr0"), analysis, **EVERYTHING)
    for index in (0, 4, 28):
        found = explain(experiment("xenonnt-sr0"), analysis, index, **EVERYTHING)
        assert found.total == pytest.approx(counts.signal[:, index].sum(), rel=1e-12)
        assert found.background == pytest.approx(counts.background[index], rel=1e-12)
        assert number(found, "data", "neutrinos + backgrounds") == pytest.approx(counts.expected[index], rel=1e-12)


def by_term(**values: float) -> dict[str, float]:
    """Counts of each product of couplings in one bin, summed over components and flavours."""
    found = explain(experiment("xenonnt-sr0"), Analysis(), 1, **values)
    return {term[0]: sum(each.counts for each in found.contributions if each.term == term[0]) for term in TERMS}


def test_without_couplings_every_electromagnetic_contribution_is_zero() -> None:
    found = explain(experiment("xenonnt-sr0"), Analysis(), 1)
    assert not any(each.kernel == "EPA" for each in found.contributions)  # no charge is taken up by photons here
    weak = [each for each in found.contributions if each.term in ("g_V^2", "g_V g_A", "g_A^2")]
    assert len(weak) == 2 * 3 * 3 and all(each.counts > 0 for each in weak)
    rest = [each for each in found.contributions if each not in weak]
    assert len(rest) == 2 * 3 * (len(TERMS) - 4) and all(each.counts == 0 == each.coefficient for each in rest)
    assert all(each.per_unit > 0 for each in rest)


@pytest.mark.parametrize(
    ("values", "factor", "powers"),
    [
        ({"mu_nu": 1.0}, 3.0, {"moment^2": 2}),
        ({"q_nu": 1.0}, -2.0, {"charge x g_V": 1, "charge x g_A": 1, "charge^2": 2}),
        ({"r2_nu": 10.0}, -2.0, {"radius x g_V": 1, "radius x g_A": 1, "radius^2": 2}),
    ],
    ids=["moment", "charge", "radius"],
)
def test_contributions_scale_as_the_powers_in_their_names(
    values: dict[str, float], factor: float, powers: dict[str, int]
) -> None:
    plain, once = by_term(), by_term(**values)
    more = by_term(**{name: factor * value for name, value in values.items()})
    for term in plain:
        power = powers.get(term, 0)
        assert (once[term] != plain[term]) == (power > 0)
        assert more[term] == pytest.approx(factor**power * once[term], rel=1e-12)


def test_the_charge_of_one_flavour_is_that_flavour_s_contribution() -> None:
    found = explain(experiment("xenonnt-sr0"), Analysis(), 1, q_nu_mu=1.0, r2_nu_mu=10.0)
    weak = ("g_V^2", "g_V g_A", "g_A^2")
    touched = {each.flavour for each in found.contributions if each.counts and each.term not in weak}
    assert touched == {"mu"}
    cross = {each.term: each.counts for each in found.contributions if each.flavour == "mu" and each.component == "pp"}
    assert cross["charge x radius"] < 0 < cross["charge^2"]


@pytest.mark.parametrize("parameter", ["q_nu_emu", "r2_nu_mutau_im", "mu_nu_12", "mu_nu_lambda1"])
def test_couplings_that_mix_flavours_are_refused(parameter: str) -> None:
    with pytest.raises(BayesnuError, match="mixes flavours or belongs to mass states"):
        explain(experiment("xenonnt-sr0"), Analysis(), 1, **{parameter: 0.1})


# Stages


@pytest.mark.parametrize("name", ["xenonnt-sr0", "pandax4t-run1"])
@pytest.mark.parametrize("electrons", ["stepped", "free"])
def test_the_numbers_of_the_recoil_multiply_to_the_rate_before_the_detector(name: str, electrons: str) -> None:
    analysis = replace(Analysis(), electrons=electrons)
    found = explain(experiment(name), analysis, 3, mu_nu=2.0)
    centre = (found.low_kev + found.high_kev) / 2
    expected = predict.rate(centre, analysis, mu_nu=2.0)
    for component, rate in zip(("pp", "7Be"), expected, strict=True):
        product = number(found, "Sun", f"flux of {component}")
        product *= number(found, "recoil", f"cross section at {centre:g} keV, mean over {component}")
        product *= number(found, "recoil", f"electrons ionisable at {centre:g} keV")
        product *= number(found, "recoil", "xenon atoms") * number(found, "recoil", "seconds")
        assert product == pytest.approx(rate, rel=1e-12)
        assert number(found, "recoil", f"rate at {centre:g} keV, {component}") == pytest.approx(rate, rel=1e-12)


def test_with_many_body_corrections_the_numbers_are_given_per_kind_of_kernel() -> None:
    analysis = replace(Analysis(), electrons="rrpa")
    found = explain(experiment("xenonnt-sr0"), analysis, 1)
    weak, photon = (
        number(found, "recoil", f"electrons ionisable at 2.5 keV, {kind} kernels") for kind in ("weak", "photon")
    )
    assert photon == 44 and 0.85 < weak / photon < 0.9
    product = number(found, "Sun", "flux of pp") * number(found, "recoil", "cross section at 2.5 keV, mean over pp") * weak
    product *= number(found, "recoil", "xenon atoms") * number(found, "recoil", "seconds")
    assert number(found, "recoil", "rate at 2.5 keV, pp") == pytest.approx(product, rel=1e-12)


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", experiments.names())
def test_the_numbers_of_the_detector_lead_from_recoils_to_the_count(name: str, preset: str) -> None:
    last = bins(name, preset) - 1
    for index in (0, 1, last // 2, last):
        found = explain(experiment(name, preset), PRESETS[preset], index, **EVERYTHING)
        detector = {each.name: each.value for each in found.stages["detector"]}
        before = number(found, "detector", "= in the bin before efficiency")
        parts = ["= staying in the bin", "+ smeared in from lower true energy", "+ smeared in from higher true energy"]
        assert before == pytest.approx(sum(number(found, "detector", part) for part in parts), rel=1e-12)
        through = number(found, "detector", "x efficiency, mean over these events")
        through *= detector.get("x turn-on factor") or 1.0
        assert before * through == pytest.approx(found.signal, rel=1e-8)
        share = "share of them with true energy {} the bin"
        shares = [number(found, "detector", share.format(where)) for where in ("below", "inside", "above")]
        assert sum(shares) == pytest.approx(1, rel=1e-12) and min(shares) >= 0
        inside, stays = (number(found, "detector", part) for part in ("recoils with true energy in the bin", parts[0]))
        if preset == "default":
            leaving = [number(found, "detector", f"- reconstructed {where} the bin") for where in ("below", "above")]
            assert inside == pytest.approx(stays + sum(leaving), rel=1e-9) and min(leaving) > 0
            leaves = number(found, "detector", "share of them that leaves the bin")
            assert leaves == pytest.approx(sum(leaving) / inside, rel=1e-9)
        else:  # the response is no probability: there is nothing to count
            assert detector["- reconstructed below the bin"] is None is detector["- reconstructed above the bin"]


def with_bins(edges: np.ndarray) -> Experiment:
    """XENONnT's detector with other bins, and without a background."""
    xenonnt = experiment("xenonnt-sr0")
    absent = Background(xenonnt.exposure_tonne_years, "absent", None, None, None, ())
    return replace(
        xenonnt,
        edges_kev=edges,
        region_kev=(edges[0], edges[-1]),
        observed=np.zeros(len(edges) - 1),
        background=absent,
    )


def test_what_leaves_one_bin_is_what_comes_into_the_other() -> None:
    """All events, cut at 5 keV, seven widths above zero: what crosses it is the same seen from below and from above."""
    wide = with_bins(np.array([0.0, 5.0, 300.0]))
    low, high = (smear(wide, replace(Analysis(), lowest_true_kev=0.5), index) for index in (0, 1))
    assert low.up == pytest.approx(high.unit[0], rel=1e-9)
    assert high.down == pytest.approx(low.unit[2], rel=1e-9)


def test_backgrounds_and_neutrinos_add_up_to_the_published_total_at_the_standard_model() -> None:
    found = explain(experiment("xenonnt-sr0"), Analysis(), 1)
    total, taken, *shapes = found.stages["background"]
    assert total.value == 12.461 and taken.value is not None and taken.value == pytest.approx(found.signal, rel=1e-12)
    assert sum(each.value or 0.0 for each in shapes) == pytest.approx(total.value - taken.value, rel=1e-12)
    assert found.signal + found.background == pytest.approx(12.461, rel=1e-12)


def test_what_is_cut_at_zero_is_a_row_of_its_own() -> None:
    found = explain(experiment("xenonnt-sr0", "paper"), PRESETS["paper"], 0)
    total, taken, cut, *shapes = found.stages["background"]
    assert total.value == 0 and cut.name == "+ cut at zero"
    assert cut.value == taken.value == pytest.approx(found.signal, rel=1e-12)
    assert sum(each.value or 0.0 for each in shapes) == found.background == 0


def test_every_number_has_a_source_and_those_of_the_file_are_quoted() -> None:
    for name in experiments.names():
        found = explain(experiment(name), Analysis(), 0, mu_nu=1.0, q_nu=1.0, r2_nu=1.0)
        given = [each.source for stage in found.stages.values() for each in stage]
        assert all(len(source) > 7 or source == "as given" for source in given)
        for item in experiment(name).provenance:
            is_count = item.table not in ("region", "neutrinos", "exposure error", "efficiency assumed")
            if is_count and not item.table.endswith(" prior"):  # the others enter no count
                assert any(item.source in source and item.quality in source for source in given), item.table


def test_a_background_says_by_what_it_is_constrained() -> None:
    found = explain(experiment("xenonnt-sr0"), Analysis(normalisations="prior"), 0)
    names = {each.name: each.source for each in found.stages["background"]}
    assert "214Pb (0.594 to 1.25)" in names and "materials (+- 18.5 %)" in names
    assert "constraint: published: from 570 to 1200" in names["214Pb (0.594 to 1.25)"]
    fitted = explain(experiment("xenonnt-sr0"), Analysis(), 0).stages["background"]
    assert "flat (+- 10.9 %)" in {each.name for each in fitted} and not any("constraint" in each.source for each in fitted)


# Without the package: one bin by plain quadrature


def recoil(t: np.ndarray, e: np.ndarray, gv: np.ndarray | float, ga: float) -> np.ndarray:
    """Weak cross section, cm^2/keV, of an electron at rest."""
    left, right = gv + ga, gv - ga
    weak = left**2 + right**2 * (1 - t / e) ** 2 - left * right * oracle.ELECTRON_MASS * t / e**2
    rate: np.ndarray = oracle.WEAK_SCALE * weak
    return rate


def products(t: np.ndarray, e: np.ndarray, a: int, q: float, r2: float, mu: float) -> dict[str, np.ndarray]:
    """The cross section of one flavour taken apart by evaluating it at sums and differences of couplings."""
    gv, ga = oracle.RADIATIVE_COUPLINGS[a]
    s, r = oracle.CHARGE_SHIFT * q / t, oracle.RADIUS_SHIFT * r2

    def cross(x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
        half: np.ndarray = (recoil(t, e, x + y, 0.0) - recoil(t, e, x - y, 0.0)) / 2
        return half

    def axial(x: np.ndarray | float) -> np.ndarray:
        half: np.ndarray = (recoil(t, e, x, ga) - recoil(t, e, x, -ga)) / 2
        return half

    return {
        "g_V^2": recoil(t, e, gv, 0.0),
        "g_V g_A": axial(gv),
        "g_A^2": recoil(t, e, 0.0, ga),
        "charge x g_V": cross(gv, s),
        "charge x g_A": axial(s),
        "charge^2": recoil(t, e, s, 0.0),
        "radius x g_V": cross(gv, r),
        "radius x g_A": axial(r),
        "radius^2": recoil(t, e, r, 0.0),
        "charge x radius": cross(s, r),
        "moment^2": oracle.MAGNETIC_SCALE * (1 / t - 1 / e) * mu**2,
    }


def rule(borders: list[float], order: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on panels."""
    x, w = np.polynomial.legendre.leggauss(order)
    ends = np.array(sorted({*borders}))
    half, middle = np.diff(ends)[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
    return (middle + half * x).ravel(), (half * w).ravel()


def spectrum(component: str, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Neutrino energies that can give the recoils t (n,), flux per node, both (n, nodes), and production potential."""
    least = (t + np.sqrt(t**2 + 2 * oracle.ELECTRON_MASS * t)) / 2
    if component == "7Be":
        lines, shares = np.tile(np.array(oracle.BE7_LINES).T[:, None], (len(t), 1))
        return lines, oracle.BE7_FLUX * shares * (lines > least[:, None]), oracle.BE7_POTENTIAL
    u, w = rule([0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 0.99, 0.998, 0.9998, 1.0], 16)
    span = (oracle.PP_ENDPOINT - least)[:, None]
    e = least[:, None] + span * u
    return e, oracle.PP_FLUX * span * w * np.vectorize(oracle.pp_spectrum)(e), oracle.PP_POTENTIAL


Q, R2, MU = 0.4e-12, 6e-31, 2e-11  # e, cm^2, mu_B
LOW, HIGH = 2.0, 3.0


def true_energies() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True energies that reach the bin: nodes, weights, electrons."""
    shells = [binding for binding, _ in oracle.XENON_SHELLS if binding < 9]
    t, w = rule([*shells, 0.02, 0.04, 0.3, 0.45, 1.5, 1.75, LOW, 2.25, 2.5, 2.75, HIGH, 3.5, 4.0, 4.4, 6.0, 7.5, 9.0], 20)
    return t, w, np.array([oracle.electrons(each) for each in t.tolist()])


def by_hand() -> tuple[dict[tuple[str, str, str], np.ndarray], np.ndarray]:
    """Recoils per keV, flux, flavour and product at the true energies, and the bin's acceptance there."""
    t, _, electrons = true_energies()
    targets = 1.16 * oracle.ATOMS_PER_TONNE * oracle.SECONDS_PER_YEAR * electrons
    efficiency = experiment("xenonnt-sr0").efficiency
    knots = tuple(zip(efficiency.energies_kev.tolist(), efficiency.values.tolist(), strict=True))
    accepted = [oracle.acceptance_closed(each, LOW, HIGH, oracle.xenonnt_resolution(each), knots) for each in t.tolist()]
    out = {}
    for component in ("pp", "7Be"):
        e, flux, potential = spectrum(component, t)
        content = np.stack(np.vectorize(oracle.flavour_content)(e, potential))
        for a, flavour in enumerate(FLAVOURS):
            for term, value in products(t[:, None], e, a, Q, R2, MU).items():
                out[component, flavour, term] = targets * np.sum(value * flux * content[a], axis=1)
    return out, np.array(accepted)


def test_one_bin_is_what_plain_quadrature_gives_piece_by_piece() -> None:
    found = explain(experiment("xenonnt-sr0"), Analysis(), 1, mu_nu=MU / 1e-11, q_nu=Q / 1e-12, r2_nu=R2 / 1e-32)
    assert (found.low_kev, found.high_kev) == (LOW, HIGH)
    rates, accepted = by_hand()
    t, w, electrons = true_energies()
    here = {(each.component, each.flavour, each.term): each.counts for each in found.contributions}
    assert here.keys() == rates.keys()
    for key, rate in rates.items():
        assert here[key] == pytest.approx(w @ (rate * accepted), rel=1e-7), key
    total = np.sum([*rates.values()], axis=0)
    signal = w @ (total * accepted)
    assert found.signal == pytest.approx(signal, rel=1e-7)

    sigma = np.array([oracle.xenonnt_resolution(each) for each in t.tolist()])
    down, up = ndtr((LOW - t) / sigma), ndtr((t - HIGH) / sigma)
    stays, inside = 1 - down - up, (t > LOW) & (t < HIGH)
    expected = {
        "recoils with true energy in the bin": w @ (total * inside),
        "- reconstructed below the bin": w @ (total * inside * down),
        "- reconstructed above the bin": w @ (total * inside * up),
        "= staying in the bin": w @ (total * inside * stays),
        "+ smeared in from lower true energy": w @ (total * (t < LOW) * stays),
        "+ smeared in from higher true energy": w @ (total * (t > HIGH) * stays),
        "x efficiency, mean over these events": signal / (w @ (total * stays)),
        "share of them with true energy below the bin": w @ (total * accepted * (t < LOW)) / signal,
        "share of them with true energy inside the bin": w @ (total * accepted * inside) / signal,
    }
    for name, value in expected.items():
        assert number(found, "detector", name) == pytest.approx(value, rel=1e-7), name
    mean = w @ (total * accepted) / (w @ (total * accepted / electrons))
    assert number(found, "recoil", "electrons ionisable, mean over the bin's neutrinos") == pytest.approx(mean, rel=1e-7)


def test_survival_probabilities_are_the_oracle_s() -> None:
    found = explain(experiment("xenonnt-sr0"), Analysis(), 1)
    mean = oracle.integral(
        lambda e: oracle.pp_spectrum(e) * oracle.flavour_content(e, oracle.PP_POTENTIAL)[0], 0.0, oracle.PP_ENDPOINT
    )
    assert number(found, "oscillation", "P_ee of pp, mean of its spectrum") == pytest.approx(mean, rel=1e-6)
    lines = sum(share * oracle.flavour_content(e, oracle.BE7_POTENTIAL)[0] for e, share in oracle.BE7_LINES)
    assert number(found, "oscillation", "P_ee of 7Be, mean of its spectrum") == pytest.approx(lines, rel=1e-9)
    for component in ("pp", "7Be"):
        content = [number(found, "oscillation", f"P_e{flavour} of {component} in this bin") for flavour in FLAVOURS]
        assert sum(content) == pytest.approx(1, rel=1e-12)


# The command


@pytest.mark.parametrize("word", ["2-3keV", "2-3", "2", " 2.0 - 3.0 KEV", "2keV-3keV", "2e0-3"])
def test_a_bin_is_named_by_its_energies_or_its_number(word: str) -> None:
    assert find_bin(experiment("xenonnt-sr0"), Analysis(), word) == 1


def test_the_command_prints_the_object_it_computes_and_json_keeps_every_digit() -> None:
    printed = answer("explain", "xenonnt-sr0", "--bin", "2-3keV", "--mu-nu", "1e-11", "--q-nu-e=-1e-12", "--json")
    found = explain(experiment("xenonnt-sr0"), Analysis(), 1, mu_nu=1.0, q_nu_e=-1.0)
    couplings = {"mu_nu": 1e-11, "q_nu_e": -1e-12}
    assert printed.items() >= json.loads(json.dumps(asdict(found) | {"couplings": couplings, "sum": found.total})).items()
    counts = answer("counts", "xenonnt-sr0", "--mu-nu", "1e-11", "--q-nu-e=-1e-12", "--json")
    assert printed["signal"] == counts["signal"][1]
    assert printed["analysis"] == asdict(PRESETS["default"])
    assert printed["sum"] == pytest.approx(sum(each["counts"] for each in printed["contributions"]), rel=1e-14)


def test_what_has_no_value_is_null() -> None:
    printed = answer("explain", "xenonnt-sr0", "--bin=1", "--preset=paper", "--json")
    values = {each["name"]: each["value"] for each in printed["stages"]["detector"]}
    assert (printed["low_kev"], printed["high_kev"]) == (0, 1)
    assert values["- reconstructed below the bin"] is None and values["= neutrinos in the bin"] > 0


def test_the_text_shows_the_sum_beside_the_count_and_resolves_every_source() -> None:
    text = invoke("explain", "pandax4t-run1", "--bin", "1", "--r2-nu", "1e-31").stdout
    found = explain(experiment("pandax4t-run1"), Analysis(), 0, r2_nu=10.0)
    assert text.startswith("pandax4t-run1, bin 1, 1-2 keV, r2_nu = 1e-31, preset default (bayesnu/experiments/")
    assert f"`bayesnu counts` has {found.signal:.6g} neutrinos in this bin" in text
    assert "radius x g_V" in text and "charge" not in text.partition("Contributions")[2].partition("Detector")[0]
    used = {line.split()[-1] for line in text.partition("\nSources")[0].splitlines() if line.rstrip().endswith("]")}
    listed = {line.split()[0] for line in text.partition("\nSources")[2].splitlines() if line.startswith("[")}
    assert used == listed and len(used) > 20
    assert math.isclose(float(text.partition("\nall ")[2].split()[0]), found.total, rel_tol=1e-5)


def test_the_text_names_the_choices_that_were_changed() -> None:
    text = invoke("explain", "xenonnt-sr0", "--bin", "2", "--preset", "paper", "--electrons", "free").stdout
    assert "Standard Model, preset paper with electrons = free (" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "--bin: none given; xenonnt-sr0 has 29 bins: 1-2, 2-3, 3-4"),
        (("--bin", "2-4keV"), "found '2-4keV'; xenonnt-sr0 has no such bin in 1-30 keV; did you mean 2-3keV or 3-4keV?"),
        (("--bin", "35-36"), "did you mean 28-29keV or 29-30keV?"),
        (("--bin", "0-1keV"), "outside the region of interest, 1-30 keV; add --region all"),
        (("--bin", "30"), "--bin: found number 30; xenonnt-sr0 has 29 bins"),
        (("--bin", "0"), "--bin: found number 0; xenonnt-sr0 has 29 bins"),
        (("--bin", "two"), "--bin: found 'two'; must be energies, as 2-3keV, or the number of a bin, as 2"),
        (("--bin", "2-"), "must be energies"),
        (("--bin", ""), "must be energies"),
        (("--bin", "9" * 400), "must be energies"),
        (("--bin", "2", "--mu-nu", "-1"), "mu_nu is a modulus"),
        (("--bin", "2", "--q-nu", "1e200"), "must be 0, or between 1e-21 and 1e-06 e in size"),
        (("--bin", "2", "--lowest-true-kev", "40"), "no signal is left"),
    ],
    ids=lambda each: "",
)
def test_a_mistake_is_one_sentence(words: tuple[str, ...], expected: str) -> None:
    assert expected in refusal("explain", "xenonnt-sr0", *words)


def test_an_unknown_experiment_is_one_sentence() -> None:
    assert "did you mean 'xenonnt-sr0'" in refusal("explain", "xenonnt-sr", "--bin", "2")


def test_a_file_of_many_bins_is_not_listed_whole() -> None:
    many = with_bins(np.linspace(0, 30, 301))
    with pytest.raises(BayesnuError, match=r"has 300 bins: 0-0\.1, 0\.1-0\.2, \.\.\., 29\.9-30 keV"):
        find_bin(many, Analysis(), None)
    assert find_bin(many, Analysis(), "0.1-0.2keV") == 1
