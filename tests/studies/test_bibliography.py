"""References: every entry parses, every reference that a run can use has one, and nothing is made up."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from bayesnu import experiments
from bayesnu.cli.main import main
from bayesnu.experiments.published import published_limits
from bayesnu.model.choices import Analysis, preset
from bayesnu.studies import bibliography
from bayesnu.studies.bibliography import _IDENTIFIER, SOFTWARE, bibtex, entries, find, used_by

ROOT = Path(__file__).resolve().parents[2]


def keys(text: str) -> list[str]:
    return re.findall(r"^@\w+\{([^,\s]+),$", text, re.MULTILINE)


def check(text: str) -> None:
    """Read BibTeX: entries with balanced braces and fields of the form name = {value}, unique keys, comments between."""
    assert len(keys(text)) == len(set(keys(text))) == text.count("@")
    for entry in text.split("@")[1:]:
        body = entry[: entry.rindex("}") + 1]
        depth = 0
        for k, c in enumerate(body):
            depth += {"{": 1, "}": -1}.get(c, 0)
            assert depth >= 0
            assert depth > 0 or k == len(body) - 1 or "{" not in body[: k + 1]
        assert depth == 0
        fields = [line for line in body.splitlines()[1:-1] if line]
        assert all(re.fullmatch(r"  \w+ = \{.+\},", line) for line in fields)
        names = [line.split()[0] for line in fields]
        assert len(names) == len(set(names))


def test_every_entry_parses() -> None:
    text = resources.files("bayesnu.studies").joinpath("references.bib").read_text(encoding="utf-8")
    assert text.isascii()
    assert len(entries()) == len(keys(text)) == text.count("@")
    check(bibtex(()))


def test_no_two_entries_are_the_same_work() -> None:
    found = [identifier.lower() for entry in entries().values() for identifier in entry.identifiers]
    assert len(found) == len(set(found))


def test_articles_are_complete_and_the_rest_is_only_an_identifier() -> None:
    for entry in entries().values():
        names = re.findall(r"^  (\w+) = ", entry.text, re.MULTILINE)
        if entry.text.startswith("@article"):
            assert {"author", "title", "journal", "volume", "pages", "year"} <= set(names)
        else:
            assert "title" in names or set(names) == {"eprint", "archivePrefix"}
        assert entry.identifiers or entry.key in ("XrayDataBooklet", "Takahashi2026", "Derbin1993", "Vidyakin1992")


@pytest.mark.parametrize("name", experiments.names())
def test_every_reference_of_an_experiment_has_an_entry(name: str) -> None:
    experiment = experiments.load(name)
    sources = " ".join(item.source for item in experiment.provenance)
    references = {*experiment.references, *_IDENTIFIER.findall(sources)}
    assert references
    assert {find(reference).key for reference in references} <= entries().keys()


def test_every_published_limit_has_an_entry() -> None:
    for limit in published_limits():
        if "PDG" not in limit.reference:
            assert find(limit.reference).key in entries()


def test_every_reference_of_the_citation_file_has_an_entry() -> None:
    dois = re.findall(r"doi: (\S+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert dois
    assert {find(f"doi:{doi}").key for doi in dois} <= entries().keys()


def test_a_run_names_what_it_used() -> None:
    experiment = experiments.load("xenonnt-sr0")
    used = {entry.key for entry in used_by([experiment], Analysis())}
    assert used <= entries().keys()
    assert used >= {"Demirci2025", "Aprile2022", "Vinyoles2017", "Esteban2024", "deHolanda2004", "Vogel1989", *SOFTWARE}
    assert {"Erler2013", "XrayDataBooklet"} <= used
    assert not {"Chen2017", "Navas2024", "Zeng2025", "Beda2013"} & used
    other = {entry.key for entry in used_by([experiment], preset(electrons="rrpa", couplings="tree"))}
    assert {"Chen2017", "Navas2024"} <= other
    assert "Erler2013" not in other
    sun = {entry.key for entry in used_by([experiment], preset(solar_components="all"))}
    assert sun - used == {"BahcallUlrich1988"} and {"Bahcall1994", "Bahcall1997"} <= sun


def test_an_identifier_is_found_whatever_its_kind_and_case() -> None:
    assert find("arXiv:2207.11330") is find("doi:10.1103/physrevlett.129.161805") is find("Aprile2022")


@pytest.mark.parametrize("reference", ["arXiv:2601.12345", "doi:10.1000/a{b}_c", "A & B, {unpublished", "é"])
def test_an_unknown_reference_is_not_made_up(reference: str) -> None:
    entry = find(reference)
    check(entry.text)
    names = set(re.findall(r"^  (\w+) = ", entry.text, re.MULTILINE))
    assert names in ({"eprint", "archivePrefix"}, {"doi"}, {"note"})
    assert entry.text.startswith("@misc{")


def test_the_command_prints_bibtex(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["bibliography", "pandax4t-run0", "pandax4t-run1"])
    assert result.exit_code == 0
    check(result.stdout)
    assert {"Zeng2025", "Bo2025", "Luo2024"} <= set(keys(result.stdout))
    assert "% used for: sampler" in result.stdout
    result = CliRunner().invoke(main, ["bibliography", str(tmp_path)])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) <= 2


def test_a_file_of_ones_own_may_cite_anything(tmp_path: Path) -> None:
    text = (resources.files("bayesnu") / "experiments/template.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(
        re.sub(r"^references = .*$", 'references = ["arXiv:2601.54321"]', text, flags=re.MULTILINE), encoding="utf-8"
    )
    found = bibliography.bibtex([str(path)])
    check(found)
    assert "eprint = {2601.54321}" in found


def test_the_file_is_packaged() -> None:
    assert '"studies/*.bib"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_identifiers_in_a_text_are_cited_by_the_keys_of_their_entries() -> None:
    key = bibliography.find("arXiv:2207.11330").key
    assert key in bibliography.entries()
    assert bibliography.cite("arXiv:2207.11330") == rf"\cite{{{key}}}"
    assert bibliography.cite("Fig. 3 & 4 of (arXiv:2207.11330), 90 %") == rf"Fig. 3 \& 4 of (\cite{{{key}}}), 90 \%"
    assert bibliography.cite("arXiv:9999.99999") == r"\cite{arXiv-9999-99999}"
