"""What a user of Python holds in the hand: short to look at, picklable, listed by `help`, at ease with numpy's scalars."""

from __future__ import annotations

import multiprocessing
import pickle
import pydoc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayesnu
from bayesnu.support.errors import BayesnuError

LONGEST = 250  # characters of what an object shows of itself


@cache
def model() -> Any:
    return bayesnu.build("xenonnt-sr0", "mu_nu", "paper")


@cache
def posterior() -> Any:
    return bayesnu.marginal(model())


THINGS: dict[str, tuple[Callable[[], Any], str]] = {
    "experiment": (
        lambda: bayesnu.load_experiment("xenonnt-sr0"),
        "<Experiment xenonnt-sr0, reading default: 433 events",
    ),
    "model": (model, "<Model of xenonnt-sr0: mu_nu [1e-11 mu_B]; 3 nuisances, 30 bins>"),
    "counts": (lambda: bayesnu.expected_counts("xenonnt-sr0"), "<Counts in 29 bins: "),
    "marginal": (lambda: posterior(), "<Marginal posterior of mu_nu [1e-11 mu_B]: median 0.2"),
    "posterior": (lambda: bayesnu.compile_posterior(model()), "<CompiledPosterior of 4 parameters and 30 bins>"),
    "likelihood": (lambda: bayesnu.likelihood_function(model()), "<CompiledPosterior of 4 parameters and 30 bins>"),
    "prior transform": (lambda: bayesnu.prior_transform(model()), "<PriorTransform of 4 parameters>"),
    "profile": (lambda: bayesnu.profile_interval(model()), "<ProfileInterval profile of mu_nu, 90% two-sided, 95% as an "),
    "credible": (lambda: posterior().interval("upper", 0.9), "<IntegratedInterval 90% upper: < 0."),
    "prior": (lambda: model().parameters[0], "<Flat prior of mu_nu: flat on [0, 10] 1e-11 mu_B>"),
}


@pytest.mark.parametrize("name", THINGS)
def test_what_an_object_shows_of_itself_is_short_and_says_what_it_is(name: str) -> None:
    make, begin = THINGS[name]
    shown = repr(make())
    assert shown.startswith(begin) and len(shown) < LONGEST and "\n" not in shown


def test_a_chain_shows_its_size(run: Path) -> None:
    chain = bayesnu.read_chain(run)
    sizes = "2 ensembles of 16 walkers, 12 steps each, 5 parameters (mu_nu, flux_pp, flux_7be, ...)>"
    assert repr(chain) == f"<Chain {run / 'chain.h5'}: {sizes}"
    again = pickle.loads(pickle.dumps(chain))
    np.testing.assert_array_equal(again.samples, chain.samples)


@pytest.mark.parametrize("name", ["experiment", "model", "prior", "profile", "credible"])
def test_a_notebook_shows_a_small_table(name: str) -> None:
    shown = THINGS[name][0]()._repr_html_()
    assert shown.startswith("<table><caption>") and shown.endswith("</table>") and len(shown) < 2500


@pytest.mark.parametrize("name", THINGS)
def test_everything_can_be_pickled(name: str) -> None:
    thing = THINGS[name][0]()
    assert repr(pickle.loads(pickle.dumps(thing))) == repr(thing)


def test_functions_give_the_same_numbers_on_the_other_side() -> None:
    points = np.random.default_rng(1).uniform(0.1, 0.9, (5, 4))
    for make in (bayesnu.compile_posterior, bayesnu.likelihood_function, bayesnu.prior_transform):
        function = make(model())
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(function))(points), function(points))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # of a fork, since Python 3.12
@pytest.mark.parametrize("method", [each for each in ("fork", "spawn") if each in multiprocessing.get_all_start_methods()])
def test_another_process_computes_the_same(method: str) -> None:
    points = np.random.default_rng(2).uniform(0.1, 0.9, (3, 4))
    functions = (bayesnu.compile_posterior(model()), bayesnu.likelihood_function(model()), bayesnu.prior_transform(model()))
    with multiprocessing.get_context(method).Pool(1) as pool:
        for function in functions:
            np.testing.assert_array_equal(pool.map(function, points), [function(point) for point in points])


def test_help_lists_every_public_function() -> None:
    text = pydoc.plain(pydoc.render_doc(bayesnu))
    missing = [name for name in bayesnu.__all__ if f"\n    {name}(" not in text and f"\n    {name} = " not in text]
    assert [name for name in missing if f"class {name}" not in text] == []


def test_numbers_of_numpy_are_numbers() -> None:
    sampling = {"seed": np.int64(3), "steps": np.int32(16), "probability": np.float32(0.5), "kind": np.str_("upper")}
    plain = {"seed": 3, "steps": 16, "probability": 0.5, "kind": "upper"}
    choices = {"sin2_theta12": np.float64(0.3), "correlated_runs": np.bool_(False), "energy_scale": np.array(0.01)}
    ordinary = {"sin2_theta12": 0.3, "correlated_runs": False, "energy_scale": 0.01}
    found = bayesnu.resolve("xenonnt-sr0", "mu_nu", sampling=sampling, choices=choices, prior={"upper": np.float32(5)})
    told = bayesnu.resolve(("xenonnt-sr0",), "mu_nu", sampling=plain, choices=ordinary, prior={"upper": 5})
    assert found == told and repr(found) == repr(told)
    half: Any = np.float32(0.5)
    assert bayesnu.Analysis(lowest_true_kev=half) == bayesnu.Analysis(lowest_true_kev=0.5)


def test_a_prior_is_in_units_of_the_scale_and_its_record_in_those_of_the_command_line() -> None:
    numbers = {"lower": 0.003, "upper": 7.0, "mean": 0.1, "width": 2.3}
    run = bayesnu.resolve("xenonnt-sr0", "q_nu", prior={"kind": "gaussian", **numbers})
    assert (run.prior.lower, run.prior.upper, run.prior.mean, run.prior.width) == (3e-15, 7e-12, 1e-13, 2.3e-12)


QUANTILE = r"probability: found 90; must lie between 0 and 1, for example 0\.9"
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a quantile in per cent": (lambda: posterior().quantile(90), QUANTILE),
    "a negative quantile": (lambda: posterior().quantile(-0.1), "probability: found -0.1; must lie"),
    "a quantile that is none": (
        lambda: posterior().quantile(np.nan),
        "probability: found nan; must be a finite",
    ),
    "its error": (lambda: posterior().error(90), QUANTILE),
    "an interval": (lambda: posterior().interval("upper", 90), QUANTILE),
    "ends the wrong way": (
        lambda: posterior().probability_between(2, 1),
        "probability_between: found 2 and 1",
    ),
    "ends as lists": (
        lambda: posterior().probability_between([0], [1]),
        r"probability_between: found \[0\] and \[1\]; must be two numbers",
    ),
    "no ends": (lambda: posterior().probability_between(np.nan, 1), "probability_between: found nan and 1"),
    "a value in mu_B": (
        lambda: bayesnu.bayes_factor(posterior(), 1e-11),
        "mu_nu: found 1e-11 in units of 1e-11",
    ),
    "no preset": (lambda: bayesnu.preset(None), "preset: found None; known: complete, default, forecast, paper"),  # type: ignore[arg-type]
    "a run's file": (lambda: bayesnu.sample("x.toml"), "run: found 'x.toml'; must come from `resolve` or `build`"),  # type: ignore[call-overload]
    "a data set in a run": (
        lambda: bayesnu.resolve((bayesnu.load_experiment("xenonnt-sr0"),), "mu_nu"),  # type: ignore[arg-type]
        "experiments: found the data set 'xenonnt-sr0' itself; a run takes its name or its file",
    ),
    "a prior in mu_B": (
        lambda: bayesnu.resolve("xenonnt-sr0", "mu_nu", prior={"upper": 5e-11}),
        r"prior\.upper: mu_nu: found 5e-11 in units of 1e-11 mu_B; give 5 if 5e-11 mu_B is meant, or 0",
    ),
    "a choice that is an array": (lambda: bayesnu.preset(electrons=np.array(["free", "rrpa"])), "electrons: found array"),
    "no name": (lambda: bayesnu.resolve(3, "mu_nu"), "experiments: found 3; must be names or files"),  # type: ignore[arg-type]
    "a number for a property": (lambda: bayesnu.parameters_of(3), "parameter: found 3"),  # type: ignore[arg-type]
    "no model": (lambda: bayesnu.compile_posterior("x"), "model: found 'x'; must come from `build`"),  # type: ignore[arg-type]
    "no model to profile": (lambda: bayesnu.profile_interval(None), "model: found None; must come"),  # type: ignore[arg-type]
    "no model to integrate": (lambda: bayesnu.marginal(3), "model: found 3; must come from `build`"),  # type: ignore[arg-type]
    "no likelihood of": (lambda: bayesnu.log_likelihood([], [1.0]), r"model: found \[\]; must come"),  # type: ignore[arg-type]
    "no posterior": (lambda: bayesnu.bayes_factor(model()), "posterior: found <Model of xenonnt-sr0"),
    "no prior": (lambda: model().with_priors("flat"), "prior: found 'flat'; must come from `with_kind`"),
    "no seed": (lambda: bayesnu.marginal(model(), "x"), "seed: found 'x'; must be an integer, 0 or more"),  # type: ignore[arg-type]
    "no such parameter": (lambda: bayesnu.profile_interval(model(), 1), "index: found 1; must be a place among 1 physics"),
    "a level in per cent": (lambda: bayesnu.profile_interval(model(), cl=90), "cl: found 90; must lie between 0 and 1"),
    "a level in words": (lambda: bayesnu.profile_interval(model(), cl="90"), "cl: found '90'; must be a"),  # type: ignore[arg-type]
    "a prior in words": (
        lambda: bayesnu.resolve("xenonnt-sr0", "mu_nu", prior="flat"),  # type: ignore[arg-type]
        "prior: found 'flat'; must be a dict",
    ),
    "no chain": (lambda: bayesnu.read_chain(None), "chain: found None; must be the folder of a run"),  # type: ignore[arg-type]
    "a list of flavours": (lambda: bayesnu.parameters_of("mu_nu", ["e"]), "flavour: found"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_mistake_is_one_sentence(what: str) -> None:
    make, sentence = REFUSED[what]
    with pytest.raises(BayesnuError, match=f"^{sentence}") as refused:
        make()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300
