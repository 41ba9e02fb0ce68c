"""Oscillation parameters as nuisances: against models folded anew, and where the expansion is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bayesnu import experiments
from bayesnu.experiments import Experiment, scale_exposure
from bayesnu.inference import profile
from bayesnu.inference.profiler import Profiler
from bayesnu.model.builder import build
from bayesnu.model.choices import Analysis, preset
from bayesnu.model.oscillation_shifts import OscillationShifts
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian
from bayesnu.physics.oscillation import STANDARD_DEVIATIONS, Oscillation, shift
from bayesnu.support.errors import BayesnuError

NAMES = (*STANDARD_DEVIATIONS,)
OF_ELECTRONS = NAMES[:3]  # what P_ee depends on
FLOATING = preset(oscillation_nuisances="on")
DATA = "xenonnt-sr0"


@cache
def loaded(exposure: float) -> Experiment:
    return scale_exposure(experiments.load(DATA), exposure)


@cache
def model_of(parameters: tuple[str, ...], exposure: float = 1.16) -> Model:
    return build(loaded(exposure), parameters, FLOATING)


@cache
def folded_anew(parameters: tuple[str, ...], deviations: tuple[tuple[str, float], ...], exposure: float = 1.16) -> Model:
    """The model without these nuisances at other oscillation parameters, its backgrounds those of the usual ones."""
    usual = build(loaded(exposure), parameters, Analysis())
    moved = {name: getattr(Analysis(), name) + z * STANDARD_DEVIATIONS[name] for name, z in deviations}
    other = build(loaded(exposure), parameters, Analysis(**moved))
    assert np.array_equal(usual.factors, other.factors)
    return replace(usual, templates=np.where(usual.is_signal[:, None], other.templates, usual.templates))


def theta_of(model: Model, **values: float) -> np.ndarray:
    theta = model.nominal()
    for name, value in values.items():
        theta[model.names.index(name)] = value
    return theta


SETS = {
    ("r2_nu",): {"r2_nu": -40.0},
    ("q_nu_e", "q_nu_mu", "q_nu_tau"): {"q_nu_e": 0.3, "q_nu_mu": -0.2, "q_nu_tau": 0.4},
    ("mu_nu_mu",): {"mu_nu_mu": 1.0},
    ("r2_nu_emu", "r2_nu_mutau_im"): {"r2_nu_emu": 20.0, "r2_nu_mutau_im": -20.0},
    ("mu_nu_lambda2",): {"mu_nu_lambda2": 1.0},
}
TOGETHER = {name: z for name, z in zip(NAMES, (0.9, -0.8, 1.1, -0.7, 0.6), strict=True)}


@pytest.mark.parametrize("parameters", SETS)
def test_counts_are_those_of_other_oscillation_parameters(parameters: tuple[str, ...]) -> None:
    """To a tenth of a standard deviation of all bins together: each shifted alone, and all at once."""
    model = model_of(parameters)
    moving = [name for name in NAMES if name in model.names]
    for deviations in ({name: z} for name in moving for z in (-2.0, 1.5)), ({n: TOGETHER[n] for n in moving},):
        for each in deviations:
            other = folded_anew(parameters, tuple(each.items()))
            exact = other.expected(theta_of(other, **SETS[parameters]))
            found = model.expected(theta_of(model, **SETS[parameters], **each))
            assert np.linalg.norm((found - exact) / np.sqrt(exact)) < 0.1


def test_a_parameter_without_effect_is_no_nuisance() -> None:
    assert set(NAMES) & {*model_of(("r2_nu",)).names} == {*OF_ELECTRONS}
    assert set(NAMES) & {*model_of(("mu_nu",)).names} == {*OF_ELECTRONS}
    assert set(NAMES) & {*build(loaded(1.16), "q_nu_e", FLOATING).names} == {*OF_ELECTRONS}
    assert set(NAMES) & {*model_of(("mu_nu_mu",)).names} == {*NAMES}
    assert not set(NAMES) & {*build(loaded(1.16), "q_nu_mu", Analysis()).names}


def test_a_common_moment_does_not_oscillate() -> None:
    model = model_of(("mu_nu",))
    of_moment = np.any(model.factors == 0, axis=1)
    shifted = np.any([np.any(model.factors == model.names.index(name), axis=1) for name in OF_ELECTRONS], axis=0)
    assert of_moment.any() and shifted.any()
    assert not np.any(of_moment & shifted)


def test_shifts_are_standard_normal_and_shared() -> None:
    model = build(["pandax4t-run0", "pandax4t-run1", DATA], "r2_nu_tau", FLOATING)
    found = [prior for prior in model.nuisances if prior.name in NAMES]
    assert [prior.name for prior in found] == [*NAMES]
    assert {(p.mean, p.width, p.unit) for p in found if isinstance(p, Gaussian)} == {(0.0, 1.0, "sigma")}
    for block in model.blocks:
        assert all(np.any(model.factors[block.templates] == model.names.index(name)) for name in NAMES)


def test_the_neutrinos_in_a_background_do_not_follow() -> None:
    model = model_of(("r2_nu",))
    theta = theta_of(model, sin2_theta12=2.0)
    at_rest = theta_of(model)
    backgrounds = model.templates * ~model.is_signal[:, None]
    np.testing.assert_array_equal(model.coefficients(theta) @ backgrounds, model.coefficients(at_rest) @ backgrounds)
    assert model.expected(theta).sum() < model.expected(at_rest).sum()  # fewer arrive as nu_e


def test_a_product_that_vanishes_at_rest_is_found_where_it_does_not() -> None:
    """With a real mixing matrix an imaginary element adds no term that is linear in it; a shift of delta does."""
    real = replace(FLOATING, delta_cp_deg=180.0)
    model = build(loaded(1.16), "r2_nu_emu_im", real)
    linear = [t for t, row in enumerate(model.factors) if np.sum(row == 0) == 1]
    assert linear
    assert all(np.any(model.factors[t] == model.names.index("delta_cp_deg")) for t in linear)


def quieten(model: Model) -> Model:
    """The model with a tenth of its backgrounds, so that data tell the angles."""
    return replace(model, templates=np.where(model.is_signal[:, None], model.templates, model.templates / 10))


@pytest.mark.slow
@pytest.mark.parametrize(("parameter", "name"), [("r2_nu", "sin2_theta12"), ("r2_nu_mu", "sin2_theta23")])
@pytest.mark.parametrize("others", ["fixed", "free"])
def test_profiling_is_the_smallest_of_many_folds(parameter: str, name: str, others: str) -> None:
    """Data of the Standard Model, 200 tonne-years: chi^2 over a grid of one angle, folded anew."""
    model = quieten(model_of((parameter,), 200.0))
    asimov = replace(model, observed=model.expected(model.nominal()))
    values = np.array({"r2_nu": [-1.0, -0.5, 0.5, 1.0], "r2_nu_mu": [-20.0, -10.0, 20.0, 25.0]}[parameter])
    place = model.names.index(name)
    free = Profiler(asimov).nuisances_free() & np.array([others == "free" and each not in NAMES for each in model.names])
    start = np.tile(model.nominal(), (len(values), 1))
    start[:, 0] = values
    found = Profiler(asimov).fit(start, free | (np.arange(len(free)) == place))
    grid = np.linspace(-2.0, 2.0, 17)
    kept = [k for k, each in enumerate(model.names) if each not in NAMES]
    curves = []
    for z in grid:
        anew = quieten(folded_anew((parameter,), ((name, z),), 200.0))
        folded = Profiler(replace(anew, observed=asimov.observed))
        curves.append(folded.fit(start[:, kept], free[kept]).chi2 + z**2)
    dense = np.linspace(-2.0, 2.0, 4001)
    smooth = np.array([np.polynomial.Polynomial.fit(grid, curve, 6)(dense) for curve in np.array(curves).T])
    np.testing.assert_allclose(found.theta[:, place], dense[smooth.argmin(axis=1)], atol=0.05)
    without = np.sqrt(curves[len(grid) // 2]) - np.sqrt(smooth.min(axis=1))  # what is missed if the angle is fixed
    error = np.sqrt(found.chi2) - np.sqrt(smooth.min(axis=1))
    assert np.abs(error).max() < 0.1 * without.max()


def test_theta12_moves_the_radius_and_not_the_moment() -> None:
    """A change by 0.012, as estimated independently: the common radius of XENONnT by 0.5e-32 cm^2, the moment not."""

    def ends(parameter: str, sin2_theta12: float) -> tuple[float, float]:
        found = profile.interval(build(DATA, parameter, preset(sin2_theta12=sin2_theta12)))
        assert found.lower is not None
        assert found.upper is not None
        return found.lower, found.upper

    (low, _), (high, _) = (ends("r2_nu", 0.308 + change) for change in (-0.012, 0.012))
    assert (high - low) / 2 == pytest.approx(0.5, abs=0.05)
    (_, low), (_, high) = (ends("mu_nu", 0.308 + change) for change in (-0.012, 0.012))
    assert high == pytest.approx(low, rel=1e-3)


# The expansion itself, of counts that are given


def shifts_of(change: Callable[[float], float], degrees: Sequence[int] = (4, 4)) -> OscillationShifts:
    """Two terms of which the first moves with theta12."""
    rest = np.array([[100.0, 50.0], [30.0, 10.0]])

    def count(osc: Oscillation) -> np.ndarray:
        z = (osc.sin2_theta12 - Oscillation().sin2_theta12) / STANDARD_DEVIATIONS["sin2_theta12"]
        return np.array([rest[0] + change(z), rest[1]])

    return OscillationShifts("x", rest, np.array([True, False]), Oscillation(), count, degrees)


ONES = np.ones((1, 2))


def test_the_lowest_power_that_will_do_is_taken() -> None:
    (linear,) = shifts_of(lambda z: 3.0 * z).expand(ONES).values()
    np.testing.assert_allclose(linear[0], [[3.0, 3.0], [0.0, 0.0]], atol=1e-12)
    assert not np.any(linear[1:])
    (nearly,) = shifts_of(lambda z: 3.0 * z + 0.02 * z**2).expand(ONES).values()
    assert not np.any(nearly[1:])  # an eighth of a count beside a root of 8
    (curved,) = shifts_of(lambda z: 3.0 * z + 0.9 * z**2).expand(ONES).values()
    np.testing.assert_allclose(curved[:2, 0, 0], [3.0, 0.9], rtol=1e-9)
    assert not np.any(curved[2:])


def test_a_change_that_nobody_sees_is_none() -> None:
    assert shifts_of(lambda z: 0.004 * z).expand(ONES) == {}
    assert [*shifts_of(lambda z: 0.02 * z).expand(ONES)] == ["sin2_theta12"]


def test_two_shifts_at_once_are_part_of_the_error() -> None:
    rest = np.array([[100.0]])

    def count(osc: Oscillation) -> np.ndarray:
        one = (osc.sin2_theta12 - Oscillation().sin2_theta12) / STANDARD_DEVIATIONS["sin2_theta12"]
        other = (osc.sin2_theta13 - Oscillation().sin2_theta13) / STANDARD_DEVIATIONS["sin2_theta13"]
        return rest + 2 * one + other + product * one * other

    shifts = OscillationShifts("x", rest, np.array([True]), Oscillation(), count, (2,))
    product = 0.9
    assert [*shifts.expand(np.ones((1, 1)))] == ["sin2_theta12", "sin2_theta13"]
    product = 1.2  # beside a root of ten
    with pytest.raises(BayesnuError, match=r"^x: the expansion [^\n]+ is wrong by 0\.118 standard deviations"):
        shifts.expand(np.ones((1, 1)))


def test_a_term_that_takes_part_in_no_signal_makes_no_nuisance() -> None:
    assert shifts_of(lambda z: 3.0 * z).expand(np.array([[0.0, 1.0]])) == {}


def test_counts_that_no_polynomial_follows_are_refused() -> None:
    said = r"^x: the expansion in the oscillation parameters is wrong by \d[^\n]+ where 0\.1 is allowed; set [^\n]+ = off$"
    with pytest.raises(BayesnuError, match=said):
        shifts_of(lambda z: 20.0 * abs(z)).expand(ONES)
    with pytest.raises(BayesnuError, match=said):
        shifts_of(lambda z: 3.0 * z**2, degrees=(1, 1)).expand(ONES)


@pytest.mark.parametrize(("name", "value"), [("sin2_theta13", 0.001), ("sin2_theta12", 0.98), ("dm2_21_ev2", 2e-6)])
def test_parameters_near_the_end_of_their_range_are_refused(name: str, value: float) -> None:
    said = rf"^oscillation_nuisances: found {name} = [^\n]+ two standard deviations, [^\n]+ = off$"
    with pytest.raises(BayesnuError, match=said):
        replace(shifts_of(lambda z: z), centre=Oscillation(**{name: value})).expand(ONES)


def test_the_shortcut_has_no_such_nuisances() -> None:
    with pytest.raises(BayesnuError, match=r"^oscillation_nuisances: found 'on', which has no effect with flavour_content"):
        preset(oscillation_nuisances="on", flavour_content="shortcut")


def test_a_shift_is_a_number_of_standard_deviations() -> None:
    moved = shift(Oscillation(), sin2_theta12=-2.0, delta_cp_deg=1.0)
    assert moved.sin2_theta12 == pytest.approx(0.308 - 0.023)
    assert moved.delta_cp_deg == pytest.approx(212 + 33.5)
    assert moved.dm2_21_ev2 == Oscillation().dm2_21_ev2


def test_the_widths_are_half_of_the_published_ranges() -> None:
    """NuFIT 6.0, arXiv:2410.05380, Table 1, normal ordering with IC24: upper and lower errors."""
    published = {
        "sin2_theta12": (0.012, 0.011),
        "dm2_21_ev2": (0.19e-5, 0.19e-5),
        "sin2_theta13": (0.00056, 0.00058),
        "sin2_theta23": (0.017, 0.013),
        "delta_cp_deg": (26.0, 41.0),
    }
    assert {name: pytest.approx(sum(errors) / 2) for name, errors in published.items()} == dict(STANDARD_DEVIATIONS)
