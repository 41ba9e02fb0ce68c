"""Whatever Python gives to a public function, it has its obvious meaning or is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.experiments import load, scale_exposure
from bayesnu.support.errors import BayesnuError

VALUES: dict[str, Any] = {
    "a word": "x",
    "no word": "",
    "None": None,
    "nan": nan,
    "inf": inf,
    "-inf": -inf,
    "True": True,
    "False": False,
    "numpy's True": np.bool_(True),
    "[]": [],
    "[[]]": [[]],
    "[1.0]": [1.0],
    "[1, 2]": [1, 2],
    "ragged": [[1, 2], [3]],
    "nested": [[[1]]],
    "numpy's 0.5": np.float64(0.5),
    "numpy's 3": np.int64(3),
    "an array of 2": np.array(2.0),
    "numpy's mu_nu": np.str_("mu_nu"),
    "words": np.array(["a"]),
    "-1": -1,
    "0": 0,
    "0.5": 0.5,
    "2": 2,
    "1e308": 1e308,
    "401 digits": 10**400,
    "a dict": {"a": 1},
    "a complex number": 1j,
    "bytes": b"x",
    "an object": object(),
    "a set": {1, 2},
    "a path": Path("x"),
    "a function": lambda: 1,
}
NAMES = {"numpy's mu_nu"}
NUMBERS = {"numpy's 0.5", "numpy's 3", "an array of 2", "0", "0.5", "2"}
SIGNED = NUMBERS | {"-1"}
ARRAYS = {"[]", "[[]]", "[1.0]", "[1, 2]", "nested"}
PROBABILITIES = {"numpy's 0.5", "0", "0.5", "[]", "[[]]", "[1.0]", "nested"}
WITHIN = {"numpy's 0.5", "0.5"}
TRUTHS = {"True", "False", "numpy's True"}
SINGLE = bayesnu.Analysis(background="single")
DATA = load("xenonnt-sr0")
MODEL = bayesnu.build(DATA, "mu_nu", SINGLE)
MOMENT = MODEL.parameters[0]
FLUX = MODEL.parameters[1]
COMPILED = bayesnu.compile_posterior(MODEL)
CUBE = bayesnu.prior_transform(MODEL)
# What is called, and the names of the values that it takes; every other one is refused.
CALLS: dict[str, tuple[Callable[[Any], object], set[str]]] = {
    "preset": (bayesnu.preset, set()),
    "Analysis, a word": (lambda v: bayesnu.Analysis(electrons=v), set()),
    "Analysis, a number": (lambda v: bayesnu.Analysis(lowest_true_kev=v), NUMBERS - {"0"}),
    "Analysis, a truth": (lambda v: bayesnu.Analysis(correlated_runs=v), TRUTHS),
    "parameters_of": (bayesnu.parameters_of, NAMES),
    "parameters_of, flavour": (lambda v: bayesnu.parameters_of("mu_nu", v), set()),
    "load_experiment": (bayesnu.load_experiment, set()),
    "scale_exposure": (lambda v: scale_exposure(DATA, v), NUMBERS - {"0"}),
    "build, experiments": (lambda v: bayesnu.build(v, "mu_nu"), set()),
    "build, parameters": (lambda v: bayesnu.build(DATA, v, SINGLE), NAMES | {"[]"}),
    "build, analysis": (lambda v: bayesnu.build(DATA, "mu_nu", v), {"None"}),
    "certify": (bayesnu.certify, set()),
    "rate, energies": (bayesnu.rate, NUMBERS - {"0"} | ARRAYS | {"1e308"}),
    "rate, analysis": (lambda v: bayesnu.rate(1.0, v), {"None"}),
    "rate, a moment": (lambda v: bayesnu.rate(1.0, mu_nu=v), NUMBERS),
    "rate, a charge": (lambda v: bayesnu.rate(1.0, q_nu_e=v), SIGNED),
    "expected_counts": (bayesnu.expected_counts, set()),
    "expected_counts, a moment": (lambda v: bayesnu.expected_counts(DATA, mu_nu=v), NUMBERS),
    "log_likelihood, model": (lambda v: bayesnu.log_likelihood(v, MODEL.nominal()), set()),
    "log_likelihood": (lambda v: bayesnu.log_likelihood(MODEL, v), set()),
    "log_posterior": (lambda v: bayesnu.log_posterior(MODEL, v), set()),
    "compile_posterior": (bayesnu.compile_posterior, set()),
    "a compiled posterior": (COMPILED, set()),
    "prior_transform": (bayesnu.prior_transform, set()),
    "a prior transform": (CUBE, set()),
    "likelihood_function": (bayesnu.likelihood_function, set()),
    "profile_interval": (bayesnu.profile_interval, set()),
    "profile_interval, index": (lambda v: bayesnu.profile_interval(MODEL, v), {"0"}),
    "profile_interval, cl": (lambda v: bayesnu.profile_interval(MODEL, cl=v), WITHIN),
    "profile_interval, one_sided": (lambda v: bayesnu.profile_interval(MODEL, one_sided=v), TRUTHS),
    "profile_interval, others": (lambda v: bayesnu.profile_interval(MODEL, others=v), set()),
    "marginal": (bayesnu.marginal, set()),
    "bayes_factor": (bayesnu.bayes_factor, set()),
    "resolve": (lambda v: bayesnu.resolve(v, "mu_nu"), set()),
    "resolve, parameter": (lambda v: bayesnu.resolve("xenonnt-sr0", v), NAMES),
    "resolve, prior": (lambda v: bayesnu.resolve("xenonnt-sr0", "mu_nu", prior=v), {"None"}),
    "sample": (bayesnu.sample, set()),
    "read_chain": (bayesnu.read_chain, set()),
    "Model.alone": (MODEL.alone, {"0"}),
    "Model.with_priors": (MODEL.with_priors, set()),
    "Model.expected": (MODEL.expected, set()),
    "Model.nominal": (lambda v: MODEL.nominal(mu_nu=v), SIGNED),
    "the ppf of a flat prior": (MOMENT.ppf, PROBABILITIES),
    "the ppf of a Gaussian prior": (FLUX.ppf, PROBABILITIES),
    "the cdf of a prior": (MOMENT.cdf, SIGNED | ARRAYS | {"nan", "inf", "-inf", "1e308"}),
    "the density of a prior": (FLUX.logpdf, SIGNED | ARRAYS | {"nan", "inf", "-inf", "1e308"}),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_argument_has_its_meaning_or_is_refused_in_one_sentence(name: str) -> None:
    call, meant = CALLS[name]
    taken = set()
    for value_name, value in VALUES.items():
        try:
            call(value)
        except BayesnuError as refusal:
            assert str(refusal).isprintable() and len(str(refusal)) < 500
        else:
            taken.add(value_name)
    assert taken == meant


def test_an_array_of_no_dimension_is_the_value_in_it() -> None:
    (name,) = bayesnu.build(DATA, np.array("mu_nu"), SINGLE).of_interest
    assert name.name == "mu_nu"
    np.testing.assert_array_equal(MOMENT.ppf(np.array(0.25)), 0.25 * MOMENT.upper)


def test_what_describes_the_detector_enters_no_rate() -> None:
    detector = bayesnu.Analysis(binning="centre", resolution_at="reconstructed", region="all", energy_scale=0.05)
    np.testing.assert_array_equal(bayesnu.rate([1.0, 10.0], detector, mu_nu=1), bayesnu.rate([1.0, 10.0], mu_nu=1))
