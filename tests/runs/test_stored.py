"""A chain is worth something by itself: without its folder, its configuration and the files of its data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bayesnu import experiments
from bayesnu.runs import chain_file
from bayesnu.runs.config import to_toml
from bayesnu.runs.run import fingerprint, model_of, resolve
from bayesnu.runs.stored import find_change, open_stored
from tests.commands import SMALL, answer, invoke, refusal, summary, without_path

TEXT = experiments.template()
NUMBERS = "[0, 12, 25, 21]"
assert NUMBERS in TEXT
CALM = ("--quiet", "--no-figures", "--no-toys", "--json")


def sample(file: Path, output: Path, *words: str) -> dict[str, object]:
    """The JSON of a short run of a file."""
    exact = ("--parameter", "mu_nu", *SMALL, "--walkers", "32", "--steps", "8")
    found: dict[str, object] = answer("sample", file, *exact, "--output", output, *words)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data file and a run of it, not to be changed."""
    place = tmp_path_factory.mktemp("stored")
    (place / "mine.toml").write_text(TEXT, encoding="utf-8")
    sample(place / "mine.toml", place / "run")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder at another place, where the run's configuration names a file that is not there."""
    shutil.copytree(made, tmp_path / "other")
    config = tmp_path / "other" / "run" / "config.toml"
    config.write_text(config.read_text().replace(str(made), str(tmp_path / "other")))
    return tmp_path / "other"


def lose_data(place: Path) -> Path:
    (place / "mine.toml").unlink()
    return place / "run"


def break_data(place: Path) -> Path:
    (place / "mine.toml").write_text("observed = [")
    return place / "run"


def rename_folder(place: Path) -> Path:
    return (place / "run").rename(place / "renamed")


def link_folder(place: Path) -> Path:
    (place / "link").symlink_to(place / "run")
    return place / "link"


def take_file_alone(place: Path) -> Path:
    (place / "run" / "chain.h5").rename(place / "backup.h5")
    shutil.rmtree(place / "run")
    return place / "backup.h5"


def link_file(place: Path) -> Path:
    (place / "mine.toml").unlink()
    (place / "linked.h5").symlink_to(place / "run" / "chain.h5")
    return place / "linked.h5"


@pytest.mark.parametrize("happen", [lose_data, break_data, rename_folder, link_folder, take_file_alone, link_file])
def test_a_chain_is_read_without_its_surroundings(happen: Callable[[Path], Path], made: Path, place: Path) -> None:
    whole = summary(made / "run")
    chain = happen(place)
    assert summary(chain) == whole
    assert invoke("export", chain, place / "chain.nc").exit_code == 0
    assert "Vinyoles" in invoke("bibliography", chain).stdout
    words = ("compare", "xenonnt-sr0", "--preset", "default", "--parameter", "mu_nu", "--chain", chain, "--format", "json")
    assert any(row["name"].endswith(", sampled") for row in answer(*words)["rows"])


@pytest.mark.slow
def test_figures_and_a_page_are_made_of_a_file_alone(place: Path) -> None:
    chain = take_file_alone(place)
    invoke("corner", chain)
    invoke("report", chain)
    assert {path.name for path in place.iterdir()} == {"backup.h5", "mine.toml", "backup-corner.png", "backup-report.html"}


def test_a_named_file_is_that_file(place: Path) -> None:
    """Not the chain that lies beside it under the usual name."""
    sample(place / "mine.toml", place / "second", "--seed", "2")
    shutil.copy(place / "second" / "chain.h5", place / "run" / "backup.h5")
    second = answer("summary", place / "second", "--json", "--no-toys")
    named = answer("summary", place / "run" / "backup.h5", "--json", "--no-toys")
    assert named["chain"].endswith("backup.h5") and without_path(named) == without_path(second)
    assert without_path(named) != summary(place / "run")
    assert "a run goes on from" in refusal("resume", place / "run" / "backup.h5", *CALM)


SAME: dict[str, Callable[[str], str]] = {
    "a comment": lambda text: text + "# counted again\n",
    "a byte order mark": lambda text: "\ufeff" + text,
    "other ends of lines": lambda text: text.replace("\n", "\r\n"),
    "floats for integers": lambda text: text.replace(NUMBERS, "[0.0, 12.0, 25.0, 21.0]"),
}


@pytest.mark.parametrize("how", [*SAME, "moved"])
def test_a_run_goes_on_with_data_of_the_same_content(how: str, made: Path, place: Path) -> None:
    file = place / "mine.toml"
    before = (made / "run" / "chain.h5").read_bytes()
    if how == "moved":
        file = file.rename(place / "elsewhere.toml")
    else:
        file.write_text(SAME[how](TEXT), encoding="utf-8", newline="")
    assert without_path(sample(file, place / "run")) == summary(made / "run")
    assert (place / "run" / "chain.h5").read_bytes() == before
    longer = answer("resume", place / "run", "--up-to", "16", *CALM)
    shutil.copytree(made, place / "whole")
    assert without_path(longer) == without_path(answer("resume", place / "whole" / "run", "--up-to", "16", *CALM))


def test_a_longer_chain_says_so_by_itself(place: Path) -> None:
    answer("resume", place / "run", "--up-to", "16", *CALM)
    assert open_stored(place / "run" / "chain.h5").run.sampling.steps == 16


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        (NUMBERS, "[0, 12, 25, 22]", "data.my-experiment.bins.observed[3] is 21.0 there and 22.0 here"),
        ("[1, 0.9, 1, 1]", "[1, 0.8, 1, 1]", "data.my-experiment.efficiency.turn_on[1] is 0.9 there and 0.8 here"),
    ],
)
def test_a_run_does_not_go_on_with_other_data(before: str, after: str, key: str, place: Path) -> None:
    assert before in TEXT
    whole = answer("summary", place / "run", "--json", "--no-toys")
    (place / "mine.toml").write_text(TEXT.replace(before, after), encoding="utf-8")
    for words in (("resume", place / "run", *CALM), ("resume", place / "run", "--more", "8", *CALM)):
        assert key in refusal(*words)
    again = ("sample", place / "mine.toml", "--parameter", "mu_nu", *SMALL, "--walkers", "32", "--steps", "8")
    assert key in refusal(*again, "--output", place / "run")
    assert answer("summary", place / "run", "--json", "--no-toys") == whole


def test_a_run_that_is_older_than_a_choice_goes_on_as_it_began(place: Path) -> None:
    config = place / "run" / "config.toml"
    words = 'solar_components = "pp-7be"\n'
    assert words in config.read_text(encoding="utf-8")
    config.write_text(config.read_text(encoding="utf-8").replace(words, ""), encoding="utf-8")
    answer("resume", place / "run", "--up-to", "16", *CALM)
    stored = open_stored(place / "run" / "chain.h5")
    assert stored.run.sampling.steps == 16 and stored.run.analysis.solar_components == "pp-7be"
    other = ("sample", place / "mine.toml", "--parameter", "mu_nu", *SMALL, "--walkers", "32", "--steps", "8")
    found = refusal(*other, "--solar-components", "all", "--output", place / "run")
    assert "analysis.solar_components" in found and "all" in found


def test_a_chain_keeps_the_columns_of_csv_files_and_names_a_number_that_has_changed(tmp_path: Path) -> None:
    column = '{ csv = "bins.csv", column = "events" }'
    (tmp_path / "mine.toml").write_text(TEXT.replace(NUMBERS, column), encoding="utf-8")
    (tmp_path / "bins.csv").write_text("events\n0\n12\n25\n21\n", encoding="utf-8")
    run = resolve(tmp_path / "mine.toml", "mu_nu")
    chain_file.create(tmp_path / "chain.h5", model_of(run), fingerprint(run), 0, to_toml(run), 1)
    (tmp_path / "bins.csv").write_text("events\n0\n12\n26\n21\n", encoding="utf-8")
    stored = open_stored(tmp_path)
    changed = find_change(stored.run, stored.experiments)
    assert changed is not None and "bins.observed[2] is 25.0 there and 26.0 here" in changed
    (tmp_path / "bins.csv").unlink()
    (tmp_path / "mine.toml").unlink()
    assert [*open_stored(tmp_path).experiments[0].observed] == [0, 12, 25, 21]


def test_a_run_that_is_older_than_a_word_goes_on_as_it_began(place: Path) -> None:
    config = place / "run" / "config.toml"
    text = config.read_text(encoding="utf-8")
    assert 'normalisations = "fit"\n' in text
    config.write_text(text.replace('normalisations = "fit"', 'normalisations = "published"'), encoding="utf-8")
    answer("resume", place / "run", "--up-to", "16", *CALM)
    stored = open_stored(place / "run" / "chain.h5")
    assert stored.run.sampling.steps == 16 and stored.run.analysis.normalisations == "fit"
    assert fingerprint(stored.run)["analysis.normalisations"] == '"published"'


@pytest.mark.parametrize(("before", "after"), [("sigma = 60 }\n", "sigma = 50 }\n"), ("relative = 0.03", "relative = 0.04")])
def test_what_a_run_does_not_take_of_a_file_may_change(before: str, after: str, place: Path) -> None:
    assert before in TEXT
    (place / "mine.toml").write_text(TEXT.replace(before, after), encoding="utf-8")
    answer("resume", place / "run", "--up-to", "16", *CALM)
    run = open_stored(place / "run").run
    changed = [experiments.load(place / "mine.toml")]
    taken = replace(
        run, analysis=replace(run.analysis, background="components", efficiency_nuisance="all", normalisations="prior")
    )
    assert find_change(taken, open_stored(place / "run").experiments) is not None
    assert find_change(taken, changed) is None
