"""Forecasts: against numbers found without the package, scaling, discoveries, and the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bayesnu
from bayesnu.experiments import RelativeWidth, Setting, load, parse, project
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.inference.toys.toys import observed, with_data
from bayesnu.model.builder import build
from bayesnu.model.polynomial import Model
from bayesnu.runs import campaign
from bayesnu.runs.run import resolve
from bayesnu.studies.forecast import Test as Values
from bayesnu.studies.forecast import expected_width, forecast_model, forecasts_of, list_settings, plan_forecast
from bayesnu.support.errors import BayesnuError
from tests.commands import answer, invoke, refusal

SIMPLE = {
    "normalisations": "fit",
    "efficiency_nuisance": "off",
    "millicharge": "electrons",
    "atomic_nuisances": False,
    "solar_components": "pp-7be",
    "lowest_true_kev": 0.0121,
}
QUICK = (
    "--preset",
    "default",
    *(
        word
        for key, value in (
            ("normalisations", "fit"),
            ("efficiency-nuisance", "off"),
            ("millicharge", "electrons"),
            ("solar-components", "pp-7be"),
            ("lowest-true-kev", "0.0121"),
        )
        for word in (f"--{key}", value)
    ),
    "--no-atomic-nuisances",
)


def asimov_end(model: Model, side: str = "upper") -> float:
    """An end at 90 % of the expected counts, in the units of the model."""
    model = with_data(model, model.expected(model.nominal()))
    fitter = ToyFitter(model)
    return float(fitter.limit(observed(model), 2.7055, side).limit[0])


def projection(exposure: float, top: int, threshold: float, widths: tuple[float, float]) -> bayesnu.experiments.Experiment:
    """XLZD with the curves of its projections as they are, which the independent numbers were made with."""
    step = 0.5 if threshold < 1 else 1.0
    edges = np.arange(0, top + step / 2, step)
    radon, double = widths
    curves = (Path(__file__).parent / "xlzd_projection.toml").read_text(encoding="utf-8")
    own = parse(curves, "default", "xlzd_projection.toml")
    components = tuple(
        replace(each, width=RelativeWidth(double if each.name in ("136Xe", "124Xe") else radon))
        for each in own.background.components
    )
    detector = replace(
        own,
        edges_kev=edges,
        observed=np.zeros(len(edges) - 1),
        model_values_kev=(0.0, float(edges[-1])),
        region_kev=(1.0, float(top)),
        background=replace(own.background, components=components),
    )
    return project(detector, Setting(tonne_years=exposure, threshold_kev=threshold))


# Independent calculation with the projections' curves, stepped electrons, 90 %: mu, q, r2_e. Here moments are a few per cent
# and charges up to a tenth smaller: the resolution and the energy of the efficiency that it used are not known.
@pytest.mark.long
@pytest.mark.parametrize(
    ("exposure", "top", "threshold", "widths", "known"),
    [
        (200, 30, 1.0, (0.02, 0.01), (0.186, 0.019, 0.78)),
        (200, 30, 0.5, (0.02, 0.01), (0.168, 0.015, 0.77)),
        (300, 30, 1.0, (0.02, 0.01), (0.171, 0.016, 0.70)),
        (300, 30, 1.0, (0.10, 0.05), (0.187, 0.019, 1.2)),
        (300, 140, 1.0, (0.02, 0.01), (0.168, 0.015, 0.62)),
    ],
)
def test_forecasts_agree_with_an_independent_calculation(
    exposure: float, top: int, threshold: float, widths: tuple[float, float], known: tuple[float, float, float]
) -> None:
    analysis = bayesnu.preset("default", **SIMPLE)
    detector = projection(exposure, top, threshold, widths)
    mu, q, r2 = (asimov_end(build([detector], [name], analysis)) for name in ("mu_nu", "q_nu", "r2_nu_e"))
    assert mu == pytest.approx(known[0], rel=0.07)
    assert q == pytest.approx(known[1], rel=0.12)
    assert r2 == pytest.approx(known[2], rel=0.03)


def test_another_exposure_is_the_model_that_is_built_with_it() -> None:
    run = resolve(["lz-full"], "mu_nu", choices=SIMPLE)
    scaled = forecast_model(run, 1, Setting(tonne_years=50.0))
    built = build([project(load("lz-full"), Setting(tonne_years=50.0))], ["mu_nu"], run.analysis)
    assert np.allclose(scaled.templates, built.templates, rtol=1e-9) and scaled.names == built.names
    assert np.allclose(scaled.observed, built.expected(built.nominal()), rtol=1e-9)


def test_a_width_is_that_of_one_bin_in_closed_form() -> None:
    run = resolve(["lz-full"], "mu_nu", choices=SIMPLE)
    model = forecast_model(run, 1, Setting())
    place = model.names.index("flux_pp")
    theta = model.nominal()
    other = theta.copy()
    other[place] = 2.0
    slope = model.expected(other) - model.expected(theta)
    alone = 1 / np.sqrt((slope**2 / model.expected(theta)).sum())
    found = expected_width(model, "flux_pp", keep_constraint=False)
    assert alone < found < 20 * alone  # every other nuisance makes it wider
    held = expected_width(model, "flux_pp")
    assert held == pytest.approx((found**-2 + 0.006**-2) ** -0.5, rel=1e-6)  # constraint of B16-GS98: 0.6 %


def test_a_discovery_is_as_significant_as_its_toys_say(tmp_path: Path) -> None:
    run = resolve(["lz-full"], "mu_nu", choices=SIMPLE)
    settings = list_settings(exposures=[5.0, 15.3])
    made = plan_forecast(run, 1, settings, 300, seed=3, test=Values(1.0, 0.0))
    few, many = forecasts_of(made.settings, campaign.run(made, tmp_path))
    assert few.discovery is not None and many.discovery is not None
    gain = many.discovery.bands["median"][0] / few.discovery.bands["median"][0]
    assert 1.2 < gain < 2.2  # about the square root of the exposure
    assert many.discovery.power[0] > few.discovery.power[0]
    assert many.discovery.nominal_alarms == pytest.approx(0.05)
    share, error = many.discovery.false_alarms
    assert share < 0.05 + 4 * error
    for each in (few, many):
        median, median_error = each.limits[0].bands["median"]
        assert abs(each.asimov_errors[0]) < 4 * median_error + 0.05 * median
    assert many.limits[0].bands["median"][0] < few.limits[0].bands["median"][0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("detector", "parameter", "flavour", "value", "least", "most"),
    [
        ("lz-full", "mu_nu", "common", 0.5, 0.045, 0.055),  # half of 10 %: a modulus at its boundary
        ("xlzd", "r2_nu", "e", 1.0, 0.095, 0.105),
        ("lz-full", "r2_nu", "e", 5.0, 0.12, 0.16),  # the degenerate mode fits as well as the true one
        ("lz-full", "q_nu", "common", 0.1, 0.12, 0.19),  # a charge interferes: two minima near zero
    ],
)
def test_false_alarms_of_a_discovery(
    detector: str, parameter: str, flavour: str, value: float, least: float, most: float, tmp_path: Path
) -> None:
    run = resolve([detector], parameter, flavour, choices=SIMPLE)
    made = plan_forecast(run, 1, [Setting(tonne_years=100.0)], 20_000, seed=5, test=Values(value, 0.0))
    (found,) = forecasts_of(made.settings, campaign.run(made, tmp_path))
    assert found.discovery is not None
    share, error = found.discovery.false_alarms
    assert least - 3 * error < share < most + 3 * error


def test_the_command_prints_limits_and_a_discovery(tmp_path: Path) -> None:
    words = ("forecast", "lz-full", "--parameter", "mu_nu", *QUICK, "--exposure", "5,15.3", "--true", "1e-11")
    words = (*words, "--toys", "100", "--quiet", "--output", str(tmp_path / "toys"))
    found = answer(*words, "--figure", str(tmp_path / "limits.png"), "--json")
    assert (tmp_path / "limits.png").stat().st_size > 10_000 and found["unit"] == "mu_B"
    few, many = found["forecasts"]
    assert few["setting"]["tonne_years"] == 5 and many["credible"] is None
    first = many["limits"][0]
    assert first["asimov_less_median"] == pytest.approx(first["asimov"] - first["bands"]["median"][0])
    assert 3e-12 < first["bands"]["median"][0] < few["limits"][0]["bands"]["median"][0] < 2e-11
    said = invoke(*words).stdout
    assert "false exclusions at 90%" in said and "less median" in said and "is a projection" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scale", "222Rm=2"), "scale: found the component '222Rm'"),
        (("--scale", "214Pb"), "--scale: found '214Pb'"),
        (("--exposure", "ten"), "--exposure: found 'ten'"),
        (("--true", "0"), "true: found 0, which is the tested value"),
        (("--flavour", "all"), "a forecast takes one"),
        (("--with", "lz-ws2024"), "hold the same events"),
    ],
)
def test_what_cannot_be_forecast_is_refused(words: tuple[str, ...], said: str) -> None:
    assert said in refusal("forecast", "lz-full", "--parameter", "mu_nu", *QUICK, *words)


def test_a_grid_that_is_too_large_is_refused() -> None:
    with pytest.raises(BayesnuError, match="settings: found 40000"):
        list_settings(exposures=range(1, 201), thresholds_kev=range(1, 201))


def test_the_output_says_what_of_the_atom_a_low_threshold_rests_on() -> None:
    run = resolve(["lz-full"], "mu_nu", choices=SIMPLE | {"lowest_true_kev": 0.6})
    notes = " ".join(forecast_model(run, 1, Setting(threshold_kev=0.5)).notes)
    assert "below 1 keV atomic theory decides" in notes and "recoils below 0.6 keV are not counted" in notes
