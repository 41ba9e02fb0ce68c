"""Results of other laboratories as terms of a fit: the quantity, its form, the likelihood, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from math import log, pi
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from bayesnu.experiments import published
from bayesnu.experiments.published import published_limits
from bayesnu.model import constraints, fold
from bayesnu.model.builder import build
from bayesnu.model.choices import CONSTRAINTS, Analysis, preset
from bayesnu.model.constraints import Measurement, measure
from bayesnu.model.likelihood import compile_posterior, log_likelihood, log_posterior
from bayesnu.model.polynomial import Model
from bayesnu.model.pyhf_workspace import workspace
from bayesnu.physics.oscillation import PRODUCTION_POTENTIAL_EV, flavour_content, mass_state_content, mixing_matrix
from bayesnu.physics.properties import parameter_of, parameters_of
from bayesnu.runs.run import choose, fingerprint
from bayesnu.support.errors import BayesnuError

PLAIN: dict[str, Any] = {"solar_components": "pp-7be", "normalisations": "fit", "efficiency_nuisance": "published"}
PLAIN |= {"millicharge": "electrons", "atomic_nuisances": False}
ANALYSIS = preset("default", **PLAIN)
Z90 = 1.6448536269514722  # standard deviations of a central interval of 90 %
ERROR_OF_GEMMA = 2.9**2 / Z90  # in (1e-11 mu_B)^2


def model_of(flavour: str, constraint: str, parameter: str = "mu_nu", **choices: Any) -> Model:
    return build("xenonnt-sr0", parameters_of(parameter, flavour), replace(ANALYSIS, constraints=constraint, **choices))


def evaluate(measurement: Measurement, values: dict[str, float]) -> float:
    """The polynomial of a measurement at values of parameters."""
    terms = measurement.products.items()
    return sum(float(number[0] * np.prod([values[each.name] for each in factors])) for factors, number in terms)


def draw_values(names: tuple[str, ...], lowest: float = -3.0) -> dict[str, float]:
    random = np.random.default_rng(3)
    return {name: float(random.uniform(lowest, 3.0)) for name in names}


def test_every_name_is_a_row_of_the_table_whose_convention_is_checked() -> None:
    rows = {limit.constraint: limit for limit in published_limits() if limit.constraint}
    assert sorted(rows) == sorted(CONSTRAINTS)
    for name, limit in rows.items():
        assert limit.checked and limit.cl_percent == 90
        assert name.rpartition("-")[2] == limit.parameter.partition("_")[0]
        assert limit.kind in ("reactor", "accelerator") or name == "borexino-mu"


def test_a_limit_on_a_moment_is_the_quantile_of_a_half_gaussian_in_its_square() -> None:
    term = measure("gemma-mu", [parameter_of("mu_nu_e")], ANALYSIS)

    def density(square: float) -> float:
        return float(np.exp(-((evaluate(term, {"mu_nu_e": square**0.5}) - term.value) ** 2) / 2))

    below = quad(density, 0, 2.9**2)[0]
    assert below / (below + quad(density, 2.9**2, 100)[0]) == pytest.approx(0.9, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "flavour", "ends"),
    [("texono-r2", "e", (-4.2, 6.6)), ("lsnd-r2", "e", (-5.94, 8.28)), ("charm2-r2", "mu", (-1.2, 1.2))],
)
def test_an_interval_of_a_radius_is_the_central_one_of_a_gaussian(
    name: str, flavour: str, ends: tuple[float, float]
) -> None:
    parameter = parameter_of(f"r2_nu_{flavour}")
    term = measure(name, [parameter], ANALYSIS)
    low, high = (norm.cdf(evaluate(term, {parameter.name: end}) - term.value) for end in ends)
    assert (low, high) == (pytest.approx(0.05, rel=1e-9), pytest.approx(0.95, rel=1e-9))


def test_a_reactor_sees_the_square_of_the_moment_of_its_flavour() -> None:
    values = draw_values(parameters_of("mu_nu", "all"), 0.0)
    term = measure("gemma-mu", [parameter_of(name) for name in values], ANALYSIS)
    assert evaluate(term, values) == pytest.approx(values["mu_nu_e"] ** 2 / ERROR_OF_GEMMA)
    common = measure("gemma-mu", [parameter_of("mu_nu")], ANALYSIS)
    assert evaluate(common, {"mu_nu": 2.0}) == pytest.approx(4 / ERROR_OF_GEMMA), "each flavour has the common value"


@pytest.mark.parametrize("flavour", ["dirac", "majorana"])
def test_moments_of_mass_states_are_seen_by_a_reactor_and_by_solar_neutrinos(flavour: str) -> None:
    """A state |nu> = sum_k U*_ak |k> has the moment sum_j |sum_k mu_jk U*_ak|^2; one of mass k has sum_j |mu_jk|^2."""
    names = parameters_of("mu_nu", flavour) if flavour == "majorana" else ("mu_nu_11", "mu_nu_12", "mu_nu_31", "mu_nu_33")
    values = draw_values(names)
    moment = np.zeros((3, 3), dtype=complex)
    if flavour == "dirac":
        for name, value in values.items():
            moment[int(name[-2]) - 1, int(name[-1]) - 1] = value
    else:
        for k, value in enumerate(values.values()):
            moment[(k + 1) % 3, (k + 2) % 3] = 1j * value
            moment[(k + 2) % 3, (k + 1) % 3] = -1j * value
    osc = fold.oscillation_of(ANALYSIS)
    parameters = [parameter_of(name) for name in names]
    at_reactor = np.sum(np.abs(moment @ mixing_matrix(osc)[0].conj()) ** 2)
    assert evaluate(measure("gemma-mu", parameters, ANALYSIS), values) == pytest.approx(at_reactor / ERROR_OF_GEMMA)
    content = mass_state_content(np.array(861.8), PRODUCTION_POTENTIAL_EV["7Be"], osc)
    of_sun = np.sum(content * np.sum(np.abs(moment) ** 2, axis=0))
    assert evaluate(measure("borexino-mu", parameters, ANALYSIS), values) == pytest.approx(of_sun * Z90 / 2.8**2)


def test_borexino_sees_the_flavours_of_the_sun() -> None:
    values = draw_values(parameters_of("mu_nu", "all"), 0.0)
    shares = flavour_content(np.array(861.8), PRODUCTION_POTENTIAL_EV["7Be"], fold.oscillation_of(ANALYSIS))
    expected = sum(share * value**2 for share, value in zip(shares, values.values(), strict=True))
    for content in ("exact", "shortcut"):
        chosen = replace(ANALYSIS, flavour_content=content)
        term = measure("borexino-mu", [parameter_of(name) for name in values], chosen)
        assert evaluate(term, values) == pytest.approx(expected * Z90 / 2.8**2, rel=1e-12 if content == "exact" else 0.2)
    assert evaluate(measure("borexino-mu", [parameter_of("mu_nu")], ANALYSIS), {"mu_nu": 1.0}) == pytest.approx(Z90 / 2.8**2)


def test_a_charge_is_seen_with_its_off_diagonal_elements_and_a_radius_without() -> None:
    names = (*parameters_of("q_nu", "all"), "q_nu_emu", "q_nu_etau_im", "q_nu_mutau")
    values = draw_values(names)
    square = sum(values[name] ** 2 for name in ("q_nu_e", "q_nu_emu", "q_nu_etau_im"))
    term = measure("conus-q", [parameter_of(name) for name in names], ANALYSIS)
    assert evaluate(term, values) == pytest.approx(square * Z90 / 3.3**2)
    radii = [parameter_of(name) for name in ("r2_nu_e", "r2_nu_mu", "r2_nu_emu")]
    assert [[each.name for each in factors] for factors in measure("charm2-r2", radii, ANALYSIS).products] == [["r2_nu_mu"]]


def test_the_likelihood_has_a_gaussian_for_every_constraint() -> None:
    alone = model_of("all", "none", "r2_nu")
    model = model_of("all", "texono-r2+charm2-r2", "r2_nu")
    assert model.names == alone.names
    assert [block.experiment for block in model.constraints] == ["charm2-r2", "texono-r2"]
    assert model.counted == alone.observed.size == model.observed.size - 2
    random = np.random.default_rng(1)
    theta = model.nominal() + 0.02 * random.standard_normal((40, len(model.names)))
    theta[:, :3] = random.uniform(-8, 8, (40, 3))
    theta[0, :3] = 240.0  # counts are a thousand times those of the data: summed logarithm by logarithm
    pulls = [theta[:, 1] * Z90 / 1.2, (theta[:, 0] - 1.2) * Z90 / 5.4]
    terms = sum(pull**2 + log(2 * pi) for pull in pulls)
    expected = log_likelihood(alone, theta) - terms / 2
    np.testing.assert_allclose(log_likelihood(model, theta), expected, rtol=1e-12)
    np.testing.assert_allclose(compile_posterior(model)(theta), log_posterior(model, theta), rtol=1e-12)
    fractions = replace(model, observed=np.append(model.observed[: model.counted] + 0.5, model.observed[model.counted :]))
    np.testing.assert_allclose(compile_posterior(fractions)(theta), log_posterior(fractions, theta), rtol=1e-12)


def test_a_model_without_its_constraints_is_that_of_the_data() -> None:
    alone = model_of("all", "none")
    model = model_of("all", "gemma-mu")
    for part in (model.without_constraints(), model.alone(0)):
        for name in ("templates", "factors", "observed", "is_signal"):
            np.testing.assert_array_equal(getattr(part, name), getattr(alone, name))
        assert part.constraints == ()
    assert model.with_first(1).factors[-1, 0] == 1, "nu_e stands second"
    assert "gemma-mu" in repr(model)


def test_every_constraint_is_named_beside_a_result() -> None:
    model = model_of("all", "gemma-mu+borexino-mu")
    borexino, gemma = model.notes[-2:]
    assert borexino.startswith("constraint borexino-mu: Borexino Phase-II, arXiv:1707.09355, as a half Gaussian at 0")
    assert gemma.endswith("of nu_e whose 90 % quantile is (2.9e-11 mu_B)^2")
    assert "central 90 % are -1.2e-32 … 1.2e-32 cm2" in model_of("mu", "charm2-r2", "r2_nu").notes[-1]


def test_names_are_put_in_one_order() -> None:
    chosen = preset("default", constraints=["texono-mu", "gemma-mu", "texono-mu"])
    assert chosen.constraints == "gemma-mu+texono-mu"
    assert chosen == preset("default", constraints="texono-mu+gemma-mu")
    assert chosen.constraint_names == ("gemma-mu", "texono-mu")
    assert Analysis(constraints="none") == Analysis() == preset("default", constraints=())
    assert Analysis().constraint_names == ()


def test_a_run_without_constraints_is_one_of_before() -> None:
    def keys(constraint: str) -> dict[str, str]:
        choices = {"constraints": constraint}
        return fingerprint(choose("xenonnt-sr0", "mu_nu", "all", "default", choices, None, None))

    assert "analysis.constraints" not in keys("none")
    assert keys("gemma-mu")["analysis.constraints"] == '"gemma-mu"'


@pytest.mark.parametrize("given", ["ccfr-r2", "none+gemma-mu", "gemma", 3, ["gemma-mu", "x"], "gemma-mu,conus-mu"])
def test_an_unknown_name_is_refused_with_those_that_are_known(given: Any) -> None:
    with pytest.raises(BayesnuError, match=r"^constraints: found [^\n]+ some of borexino-mu, [^\n]+, joined by \+$"):
        preset("default", constraints=given)


@pytest.mark.parametrize(
    ("parameter", "flavour", "constraint"),
    [
        ("mu_nu", "tau", "gemma-mu"),
        ("q_nu", "common", "gemma-mu"),
        ("r2_nu", "e", "charm2-r2"),
        ("s2_w", "common", "lsnd-r2"),
    ],
)
def test_a_constraint_without_effect_is_refused(parameter: str, flavour: str, constraint: str) -> None:
    with pytest.raises(BayesnuError, match=rf"^constraints: found {constraint}, [^\n]+ no effect on {parameter}[^\n]*$"):
        model_of(flavour, constraint, parameter, **({"couplings": "tree"} if parameter == "s2_w" else {}))


def test_borexino_is_not_taken_twice() -> None:
    with pytest.raises(BayesnuError, match=r"^solar_model: found 'Borexino' with borexino-mu, whose events [^\n]+$"):
        model_of("common", "borexino-mu", solar_model="Borexino")


def test_an_unchecked_convention_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    unchecked = [replace(limit, checked=limit.constraint != "charm2-r2") for limit in published_limits()]
    monkeypatch.setattr(published, "published_limits", lambda: unchecked)
    with pytest.raises(BayesnuError, match=r"^constraints: found charm2-r2, whose convention [^\n]+$"):
        measure("charm2-r2", [parameter_of("r2_nu_mu")], ANALYSIS)
    assert constraints.measure("lsnd-r2", [parameter_of("r2_nu_e")], ANALYSIS).value == pytest.approx(1.17 * Z90 / 7.11)


def test_a_workspace_refuses_constraints() -> None:
    with pytest.raises(BayesnuError, match=r"^workspace: found constraints = gemma-mu, [^\n]+$"):
        workspace(model_of("common", "gemma-mu"))
