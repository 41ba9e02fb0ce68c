"""What chains say, as a page for reading, printing and keeping: the verdict first, the provenance last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bayesnu import plots
from bayesnu.inference.sampling import convergence
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import FEWEST_STEPS
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian, Prior
from bayesnu.runs import chain_file, config, folder, summary
from bayesnu.runs import run as runs
from bayesnu.runs.report.document import Block, Code, Heading, Picture, Table, Text, Verdict
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import interval, number
from bayesnu.support.versions import __version__

NOT_CONVERGED = "NOT CONVERGED"
PULL = "Pull: mean of the posterior from that of a Gaussian prior, ± its own width, both in widths of the prior."
FIGURES = {
    "Spectrum": (plots.spectrum_plot, "Observed counts and the posterior prediction"),
    "Corner": (plots.corner_plot, "Marginal and joint posteriors"),
    "Marginals": (plots.marginal_plot, "Posteriors over their priors"),
    "Traces": (plots.trace_plot, "One walker (thin) and the median (thick) of each ensemble"),
}


@dataclass(frozen=True)
class Read:
    """A chain with everything its section is made of; `link` names the section."""

    link: str
    place: Path
    run: runs.Run
    model: Model
    chain: Chain
    says: dict[str, Any]
    title: str
    stamp: str  # before whatever comes from a chain that has not converged


def open_run(link: str, path: str) -> Read:
    place = folder.run_folder(path)
    run = config.from_config(place / config.CONFIG)
    model = runs.model_of(run)
    chain = chain_file.read(place)
    chain_file.verify(chain.path, model, runs.fingerprint(run))
    stored = chain_file.read_result(chain.path)
    if chain.steps < FEWEST_STEPS:
        raise BayesnuError(f"{chain.path}: {chain.steps} steps are stored; a report needs at least {FEWEST_STEPS}")
    if stored is None or stored["steps"] != chain.steps:
        stored = summary.summarise(model, chain, convergence.judge(model, chain, run.sampling), run.sampling)
    title = f"{run.parameter} from {' + '.join(each.title for each in model.experiments)}"
    return Read(link, place, run, model, chain, stored, title, "" if stored["converged"] else f"{NOT_CONVERGED}. ")


def section_of(read: Read, several: bool) -> list[Block]:
    """The report on one chain."""
    return [
        *([Heading(f"{read.place}: {read.title}", 2, read.link)] if several else []),
        _verdict(read),
        _intervals(read),
        *_derived(read),
        *_figures(read),
        Heading("Diagnostics"),
        _diagnostics(read),
        Text(f"Accepted proposals per ensemble: {', '.join(f'{a:.3f}' for a in read.chain.acceptance)}. {PULL}"),
        Heading("Resolved configuration"),
        Code(config.to_toml(read.run)),
        Heading("Provenance"),
        *_provenance(read),
    ]


def _verdict(read: Read) -> Verdict:
    says, sampling = read.says, read.run.sampling
    found = [
        f"{_kind(p)}: {prior.column} {_pieces(p, prior)} (Monte-Carlo error {_error(p, prior.scale)}), prior {p['prior']}."
        for p, prior in _physics(read)
    ]
    notes = [f"{prior.name}: {p['note']}." for p, prior in _physics(read) if p["note"]]
    length = (
        f"{sampling.ensembles} ensembles of {sampling.walkers} walkers, {says['steps']} stored steps each, "
        f"{says['burn_in']} left out as burn-in; autocorrelation time {number(says['autocorrelation_time'], 2)}"
    ) + (f"; one draw in {says['thinned_by']} was read." if says.get("thinned_by", 1) > 1 else ".")
    if says["converged"]:
        return Verdict("Converged", [*found, *notes, length], True)
    missing, found = [f"Missing: {each}." for each in says["missing"]], [f"Not to be quoted: {each}" for each in found]
    return Verdict(NOT_CONVERGED, [*missing, *found, *notes, length], False)


def _physics(read: Read) -> list[tuple[dict[str, Any], Prior]]:
    return [(read.says["parameters"][prior.name], prior) for prior in read.model.physics]


def _pieces(p: dict[str, Any], prior: Prior) -> str:
    return " and ".join(interval(low, high, prior.scale) for low, high in p["intervals"])


def _kind(p: dict[str, Any]) -> str:
    return f"{p['probability'] * 100:g} % credible {plots.KINDS[p['kind']]}"


def _error(p: dict[str, Any], scale: float) -> str:
    errors = [p[key] / scale for key in ("mcse_lower", "mcse_upper") if p[key] is not None]
    return number(max(errors), 2) if errors else ""


def _integrated(exact: dict[str, Any] | None, scale: float) -> str:
    return interval(exact["lower"], exact["upper"], scale, 5) if exact else ""


def compare_runs(read: Sequence[Read]) -> list[Block]:
    """One verdict on all chains, and a row for every physics parameter of every chain."""
    bad = [each for each in read if not each.says["converged"]]
    word = f"{NOT_CONVERGED}: {len(bad)} of {len(read)} runs" if bad else f"All {len(read)} runs converged"
    columns = ("run", "verdict", "parameter", "value", "MC error", "integrated", "what it is", "prior", "preset", "data")
    rows = [
        (
            (str(each.place), each.link),
            "converged" if each.says["converged"] else NOT_CONVERGED,
            prior.column,
            _pieces(p, prior),
            _error(p, prior.scale),
            _integrated(p["cross_check"], prior.scale),
            _kind(p),
            p["prior"],
            runs.preset_note(each.run),
            ", ".join(each.run.digests),
        )
        for each in read
        for p, prior in _physics(each)
    ]
    why = [f"{each.place}: {'; '.join(each.says['missing'])}." for each in bad]
    return [Verdict(word, why, not bad), Table("Comparison", columns, rows)]


def _intervals(read: Read) -> Table:
    """The table of a run: each limit with what it is and where it comes from."""
    scales = {prior.name: prior.scale for prior in read.model.physics}
    rows = [
        (
            row["what"] if len(scales) == 1 else f"{row['parameter']}: {row['what']}",
            interval(row["lower"], row["upper"], scales[row["parameter"]]),
            _error(row, scales[row["parameter"]]),
            _integrated(row.get("integrated"), scales[row["parameter"]]),
            "; ".join(filter(None, (row["how"], row.get("note")))),
        )
        for row in read.says["rows"]
    ]
    title = f"{read.stamp}Intervals {read.model.physics[0].column.partition(' ')[2]}, preset {runs.preset_note(read.run)}"
    return Table(title, ("what it is", "value", "MC error", "integrated", "status"), rows)


def _derived(read: Read) -> list[Block]:
    scale = read.model.physics[0].scale
    rows = [
        (name, number(d["median"] / scale), interval(d["lower"], d["upper"], scale), _error(d, scale), d["prior"])
        for name, d in read.says.get("derived", {}).items()
    ]
    return [Table("Derived", ("quantity", "median", "value", "MC error", "prior"), rows)] if rows else []


def _figures(read: Read) -> list[Block]:
    """The figures under their headings; each is stamped by `plots` if the chain has not converged."""
    says, unknown = read.says, float("nan")
    numbers = (says["steps"], says["burn_in"], says["autocorrelation_time"], unknown, unknown)
    verdict = convergence.Convergence(*numbers, missing=tuple(says["missing"]))  # the one of the tables
    blocks: list[Block] = []
    with TemporaryDirectory() as place:
        for kind, (draw, caption) in FIGURES.items():
            path, text = Path(place) / f"{kind}.png", f"{read.stamp}{caption}: {read.title}."
            draw(read.model, read.chain, verdict, read.run.sampling, path)
            blocks += [Heading(kind), Picture(f"{read.link}-{kind.lower()}", text, path.read_bytes(), good=not read.stamp)]
    return blocks


def _diagnostics(read: Read) -> Table:
    kept = read.chain.after(read.says["burn_in"])
    says = read.says["parameters"] | read.says["nuisances"]
    rows = [
        (
            prior.column,
            number(p["median"] / prior.scale),
            interval(p["lower"], p["upper"], prior.scale),
            _pull(kept[..., k], prior),
            number(p["rhat"], 5),
            *(f"{p[f'ess_{part}']:.0f}" for part in ("bulk", "tail")),
            number(convergence.autocorrelation_time(kept[..., k : k + 1]) * read.chain.thin, 2),
            p["prior"],
        )
        for k, prior in enumerate(read.model.parameters)
        for p in (says[prior.name],)
    ]
    columns = ("parameter", "median", "interval", "pull", "R-hat", "bulk ESS", "tail ESS", "τ [steps]", "prior")
    return Table("All parameters", columns, rows)


def _pull(samples: np.ndarray, prior: Prior) -> str:
    if isinstance(prior, Gaussian):
        return f"{(samples.mean() - prior.mean) / prior.width:+.2f} ± {samples.std() / prior.width:.2f}"
    return "none"


def _provenance(read: Read) -> list[Block]:
    """Data with source and quality, then what identifies the chain."""
    blocks: list[Block] = []
    for each in read.model.experiments:
        about = f"{each.title} ({each.name}, reading {each.reading}): {', '.join(each.references)}. {each.note}".strip()
        rows = [(p.table, p.quality, p.source) for p in each.provenance]
        blocks += [Text(about), Table(f"{each.name}: tables of its file", ("table", "quality", "source"), rows)]
    versions = chain_file.read_versions(read.chain.path)
    about_chain = [
        ("fingerprint", read.says["fingerprint"]),
        ("seed", str(read.chain.seed)),
        ("chain", str(read.chain.path)),
        *((f"sha256 of {name}", digest) for name, digest in read.run.digests.items()),
        ("versions, when the run began", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("version, of this report", f"bayesnu {__version__}"),
    ]
    return [*blocks, Table("Chain", ("what", "value"), about_chain)]
