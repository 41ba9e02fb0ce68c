"""Docstrings of the public names and of what they return: examples that run, arguments and attributes that are explained."""

from __future__ import annotations

import doctest
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import bayesnu
from bayesnu.experiments import Experiment
from bayesnu.inference.interval import CredibleInterval, Interval, ProfileInterval
from bayesnu.inference.marginal import Marginal
from bayesnu.inference.sampling.chain import Chain
from bayesnu.model.choices import Analysis
from bayesnu.model.gradient import GradientPosterior
from bayesnu.model.grid_check import Certificate
from bayesnu.model.likelihood import CompiledPosterior
from bayesnu.model.polynomial import Model
from bayesnu.model.predict import Counts
from bayesnu.runs.posterior import Posterior
from bayesnu.runs.result import ParameterResult, RunResult
from bayesnu.runs.run import Run

RETURNED: tuple[type, ...] = (
    *(Analysis, Certificate, Chain, CompiledPosterior, Counts, CredibleInterval, Experiment, Interval, Marginal, Model),
    *(GradientPosterior, ParameterResult, Posterior, ProfileInterval, Run, RunResult),
)
FUNCTIONS = [name for name in bayesnu.__all__ if inspect.isfunction(getattr(bayesnu, name))]
WORDS = 30  # of a sentence, fewer


@pytest.mark.parametrize("name", bayesnu.__all__)
def test_an_example_gives_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = doctest.DocTestFinder(recurse=False).find(getattr(bayesnu, name), name, globs={})
    done = [doctest.DocTestRunner().run(each) for each in examples]
    assert sum(each.attempted for each in done) > 0, f"{name} has no example"
    assert sum(each.failed for each in done) == 0, capsys.readouterr().out
    assert [*tmp_path.iterdir()] == [], f"the example of {name} leaves files behind"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_explained(name: str) -> None:
    function = getattr(bayesnu, name)
    text = inspect.getdoc(function) or ""
    assert {*inspect.signature(function).parameters} <= entries(section(text, "Arguments"))
    assert section(text, "Returns"), f"{name} does not say what it returns"


@pytest.mark.parametrize("returned", RETURNED, ids=lambda each: each.__name__)
def test_every_attribute_is_explained(returned: type) -> None:
    assert is_dataclass(returned)
    texts = [inspect.cleandoc(each.__dict__["__doc__"]) for each in returned.__mro__ if is_dataclass(each)]
    known = set().union(*(entries(text) | {*re.findall(r"`(\w+)`", text)} for text in texts))
    assert {each.name for each in fields(returned)} - known == set()
    shown = {name: each for name, each in vars(returned).items() if isinstance(each, property)}
    assert [name for name, each in shown.items() if not each.__doc__] == []


def test_the_package_lists_every_name_once() -> None:
    listed = re.findall(r"^    (\w+) {2,}\w", bayesnu.__doc__ or "", re.MULTILINE)
    assert sorted(listed) == sorted(bayesnu.__all__)


@pytest.mark.parametrize("name", bayesnu.__all__)
def test_sentences_are_short(name: str) -> None:
    prose = re.sub(
        r"^ *(>>>|\.\.\.).*(\n +(?!>>>|\.\.\.).*)*$", "", inspect.getdoc(getattr(bayesnu, name)) or "", flags=re.MULTILINE
    )
    sentences = re.split(r"[.;:]\s+(?=[A-Za-z`])|\n\n", prose)
    assert [each for each in sentences if len(each.split()) >= WORDS] == []


def section(text: str, head: str) -> str:
    """The lines of a section: from its head to the next empty line, or to the next section."""
    found = re.findall(rf"^{head}.*:(.*(?:\n.+)*)", text, re.MULTILINE)
    return "\n".join(found)


def entries(text: str) -> set[str]:
    """The names before a colon, one or several to a line."""
    heads = re.findall(r"^ {4}(\w+(?:, \w+)*):", text, re.MULTILINE)
    return {name for head in heads for name in head.split(", ")}
