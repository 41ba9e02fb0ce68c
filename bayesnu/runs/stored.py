"""A stored run: what its chain's file alone says of it. Neither its folder nor its configuration nor its data are needed."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bayesnu import experiments as data
from bayesnu.experiments import Experiment
from bayesnu.model.polynomial import Model
from bayesnu.runs import chain_file
from bayesnu.runs.config import from_dict, from_toml
from bayesnu.runs.run import Run, fingerprint, model_of
from bayesnu.support.errors import BayesnuError
from bayesnu.support.fingerprint import difference, leaves


@dataclass(frozen=True, eq=False)
class StoredRun:
    """The `run` of the chain in the file `path`, and the `experiments` that it was made from, as that file holds them."""

    path: Path
    run: Run
    experiments: tuple[Experiment, ...]

    @property
    def title(self) -> str:
        """What the run is about, in words."""
        return f"{self.run.parameter} from {' + '.join(each.title for each in self.experiments)}"


def open_stored(chain: str | Path) -> StoredRun:
    """Open the run of a chain, given as its file or its folder; raises `BayesnuError` for what is none."""
    path = chain_file.find_chain(chain)
    config, texts = chain_file.read_source(path)
    try:
        run = from_dict(from_toml(config, "its configuration"))
        missing = sorted({*run.digests} - {*texts})
        if missing:
            raise BayesnuError(f"the data of {missing[0]} are missing; this is not a whole chain")
        loaded = [data.parse(texts[name], run.analysis.inputs, f"its data of {name}") for name in run.digests]
    except BayesnuError as error:
        raise BayesnuError(f"{path}: {error}") from None
    return StoredRun(path, run, tuple(loaded))


def model_of_stored(stored: StoredRun) -> Model:
    """The model of a stored run; raises `BayesnuError` where this version would give it other numbers."""
    model = model_of(stored.run, stored.experiments)
    chain_file.verify(stored.path, model, fingerprint(stored.run))
    return model


# Parts of a data set's file that one choice alone takes: for any other they are no part of the data.
TAKEN_BY_CHOICE = {
    r"background\.components\[\d+\]\.prior\.": ("normalisations", "prior"),
    r"efficiency\.assumed\.": ("efficiency_nuisance", "all"),
    r"exposure\.error\.": ("efficiency_nuisance", "all"),
}


def find_change(run: Run, stored: Sequence[Experiment]) -> str | None:
    """Name the first number or word in which data that are there now differ from stored ones; None if they agree.

    Comments, the order of keys and the place of a file are no content, nor are parts that the run does not take. A file that
    is gone cannot differ.
    """
    there = {each.name: each for each in stored}
    for name in run.experiments:
        if name not in (*data.names(), *data.detectors()) and not os.path.exists(name):
            continue
        now = data.load(name, run.analysis.inputs)
        if now.name not in there:
            return f"data.{now.name} is not set there"
        if now.digest != there[now.name].digest:
            found = difference(*(_list_content(each.text, run) for each in (there[now.name], now)))
            if found is not None:
                return f"data.{now.name}.{found}"
    return None


def _list_content(text: str, run: Run) -> dict[str, str]:
    """Every number and word of a file's text that a run can take, by its place."""
    void = [part for part, (choice, word) in TAKEN_BY_CHOICE.items() if getattr(run.analysis, choice) != word]
    skipped = re.compile("|".join(rf"(readings\.[^.]+\.)?{part}" for part in void) or r"(?!)")
    return {place: leaf for place, leaf in leaves(tomllib.loads(text)).items() if not skipped.match(place)}
