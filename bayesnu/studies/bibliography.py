"""References as BibTeX: what a run used, each entry with what it was used for.

The entries are in `references.bib` beside this file. What an experiment file names and the table does not know becomes an
entry with its identifier alone: nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from bayesnu import experiments as data
from bayesnu.experiments import Experiment
from bayesnu.experiments.published import published_constraint
from bayesnu.model.choices import Analysis
from bayesnu.physics.flux import SOLAR_MODELS
from bayesnu.support.text import tex

PAPER = "arXiv:2510.12449"
SOFTWARE = {
    "emcee": "sampler",
    "Goodman2010": "stretch move",
    "terBraak2006": "differential-evolution move",
    "arviz": "credible intervals and diagnostics",
    "corner": "corner plots",
    "matplotlib": "figures",
    "numba": "compiled likelihood",
    "numpy": "arrays",
    "scipy": "special functions",
}
_IDENTIFIER = re.compile(r"arXiv:(?:\d{4}\.\d{4,5}|[a-z-]+/\d{7})|doi:10\.\d{4,9}/[^\s\"',;]*[^\s\"',;.]")


@dataclass(frozen=True)
class Entry:
    """A BibTeX entry: its key, its text, and the identifiers (arXiv:… and doi:…) that name the same work."""

    key: str
    text: str
    identifiers: tuple[str, ...]


@cache
def entries() -> dict[str, Entry]:
    """All entries of the package by key, in the order of the file."""
    text = resources.files("bayesnu.studies").joinpath("references.bib").read_text(encoding="utf-8")
    found = re.finditer(r"^@\w+\{([\w-]+),$.*?^\}", text, re.MULTILINE | re.DOTALL)
    return {match[1]: Entry(match[1], match[0], _find_identifiers(match[0])) for match in found}


def _find_identifiers(text: str) -> tuple[str, ...]:
    prefixes = {"eprint": "arXiv:", "doi": "doi:"}
    return tuple(
        prefixes[name] + value for name, value in re.findall(r"^\s*(eprint|doi) = \{(.*?)\},?$", text, re.MULTILINE)
    )


def find(reference: str) -> Entry:
    """The entry of a key or identifier; for an unknown one an entry that holds the identifier and nothing else."""
    for entry in entries().values():
        if reference == entry.key or reference.lower() in map(str.lower, entry.identifiers):
            return entry
    plain = re.sub(r"[{}]", "", reference)  # BibTeX counts braces, escaped or not
    kind, _, value = plain.partition(":")
    fields = {"arXiv": f"  eprint = {{{value}}},\n  archivePrefix = {{arXiv}},", "doi": f"  doi = {{{value}}},"}
    key = re.sub(r"[^A-Za-z0-9]+", "-", reference).strip("-") or "reference"
    return Entry(key, f"@misc{{{key},\n{fields.get(kind, f'  note = {{{tex(plain)}}},')}\n}}", (reference,))


def cite(text: str) -> str:
    r"""A text as LaTeX, with every identifier in it as a `\cite` of its entry's key."""
    return " ".join(map(_cite_word, text.split()))


def _cite_word(word: str) -> str:
    found = _IDENTIFIER.search(word)
    if found is None:
        return tex(word)
    return rf"{tex(word[: found.start()])}\cite{{{find(found[0]).key}}}{tex(word[found.end() :])}"


def used_by(experiments: Sequence[Experiment], analysis: Analysis) -> dict[Entry, list[str]]:
    """What a run of these experiments used, and what for."""
    used: dict[Entry, list[str]] = {}
    for reference, purpose in (*_cite_analysis(analysis), *_cite_data(experiments), *SOFTWARE.items()):
        purposes = used.setdefault(find(reference), [])
        if purpose not in purposes:
            purposes.append(purpose)
    return used


def _cite_analysis(analysis: Analysis) -> Iterator[tuple[str, str]]:
    yield PAPER, "the analysis that this package reproduces"
    for reference in _IDENTIFIER.findall(SOLAR_MODELS[analysis.solar_model].source):
        yield reference, "solar neutrino fluxes"
    if analysis.luminosity_constraint == "on":
        yield "arXiv:hep-ph/0108148", "luminosity constraint"
    is_all = analysis.solar_components == "all"
    yield "arXiv:hep-ph/9710491", "pp spectrum" if is_all else "endpoint of the pp spectrum"
    yield "doi:10.1103/PhysRevD.49.3923", "lines of 7Be"
    if is_all:
        yield "doi:10.1103/RevModPhys.60.297", "endpoints of 13N and 15O"
    yield "arXiv:2410.05380", "oscillation parameters"
    yield "arXiv:hep-ph/0404042", "effective production potentials"
    yield "Vogel1989", "cross section"
    yield ("Erler2013", "couplings") if analysis.couplings == "radiative" else ("Navas2024", "weak mixing angle")
    if analysis.electrons != "free":
        yield "XrayDataBooklet", "binding energies of xenon"
    if analysis.electrons == "rrpa":
        yield "arXiv:1610.04177", "many-body correction of the weak rate"
    for name in analysis.constraint_names:
        yield published_constraint(name).reference, f"the constraint {name}"


def _cite_data(experiments: Sequence[Experiment]) -> Iterator[tuple[str, str]]:
    for experiment in experiments:
        for reference in experiment.references:
            yield reference, experiment.title
        for item in experiment.provenance:
            for reference in _IDENTIFIER.findall(item.source):
                yield reference, f"{experiment.title}: {item.table}"


def bibtex(names: Sequence[str]) -> str:
    """BibTeX of what experiments (names or files) and chains used; of all that the package knows if none is named."""
    if not names:
        return "".join(f"{entry.text}\n\n" for entry in entries().values())
    used: dict[Entry, list[str]] = {}
    for experiments, analysis in map(_open_source, names):
        for entry, purposes in used_by(experiments, analysis).items():
            known = used.setdefault(entry, [])
            known += [purpose for purpose in purposes if purpose not in known]
    return "".join(f"% used for: {'; '.join(used[entry]).replace('@', ' at ')}\n{entry.text}\n\n" for entry in used)


def _open_source(name: str) -> tuple[tuple[Experiment, ...], Analysis]:
    """The experiments and choices of a run in a folder, or of an experiment by itself with the default choices."""
    from bayesnu.runs.folder import CHAIN

    if (Path(name) / CHAIN).is_file() or Path(name).suffix == Path(CHAIN).suffix:
        from bayesnu.runs.stored import open_stored  # h5py: only where a chain is read

        stored = open_stored(name)
        return stored.experiments, stored.run.analysis
    return (data.load(name),), Analysis()
