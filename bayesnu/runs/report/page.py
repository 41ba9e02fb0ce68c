"""What chains say, as a page for reading, printing and keeping: the verdict first, the provenance last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bayesnu import plots
from bayesnu.inference.fits import Fits
from bayesnu.inference.interval import CredibleInterval, IntegratedInterval, Interval
from bayesnu.inference.sampling.burn_in import autocorrelation_time
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.sampling.convergence import judge
from bayesnu.inference.settings import FEWEST_STEPS
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Gaussian, Prior
from bayesnu.runs import chain_file, config, summary
from bayesnu.runs import run as runs
from bayesnu.runs.folder import CHAIN
from bayesnu.runs.report.document import Block, Code, Heading, Picture, Table, Text, Verdict
from bayesnu.runs.result import NuisanceResult, ParameterResult, RunResult, name_credible
from bayesnu.runs.stored import model_of_stored, open_stored
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import intervals, number
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
    result: RunResult
    title: str

    @property
    def stamp(self) -> str:
        """What stands before whatever comes from a chain that has not converged."""
        return "" if self.result.converged else f"{NOT_CONVERGED}. "

    @property
    def physics(self) -> list[tuple[ParameterResult, Prior]]:
        """The results of the physics parameters, with their priors."""
        return [(self.result.parameters[prior.name], prior) for prior in self.model.physics]


def open_run(link: str, path: str) -> Read:
    """Read a run with its stored result, or with one of now where its chain has become longer."""
    stored = open_stored(path)
    run = stored.run
    model = model_of_stored(stored)
    chain = chain_file.read(stored.path)
    result = chain_file.read_result(chain.path)
    if chain.steps < FEWEST_STEPS:
        raise BayesnuError(f"{chain.path}: {chain.steps} steps are stored; a report needs at least {FEWEST_STEPS}")
    if result is None or result.verdict.steps != chain.steps:
        fits = Fits(model)
        toy_result = None if result is None else result.toys
        result = summary.summarise(fits, chain, judge(fits, chain, run.sampling), run.sampling)
        result = replace(result, toys=toy_result)
    place = chain.path.parent if chain.path.name == CHAIN else chain.path
    return Read(link, place, run, model, chain, result, stored.title)


def section_of(read: Read, several: bool) -> list[Block]:
    """The report on one chain."""
    return [
        *([Heading(f"{read.place}: {read.title}", 2, read.link)] if several else []),
        _verdict(read),
        _intervals(read),
        *_standing(read),
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
    verdict = read.result.verdict
    sampling = read.run.sampling
    found = [
        f"{_kind(each.interval)}: {prior.column} {_pieces(each.interval, prior)} "
        f"(Monte-Carlo error {_error(each.interval, prior.scale)}), prior {each.prior}."
        for each, prior in read.physics
    ]
    notes = [f"{note}." for note in read.model.notes]
    notes += [f"{prior.name}: {each.note}." for each, prior in read.physics if each.note]
    length = (
        f"{sampling.ensembles} ensembles of {sampling.walkers} walkers, {verdict.steps} stored steps each, "
        f"{verdict.burn_in} left out as burn-in; autocorrelation time {number(verdict.tau, 2)}"
    )
    length += f"; one draw in {read.result.thinned_by} was read." if read.result.thinned_by > 1 else "."
    if verdict.converged:
        return Verdict("Converged", [*found, *notes, length], True)
    missing = [f"Missing: {each}." for each in verdict.missing]
    unquotable = [f"Not to be quoted: {each}" for each in found]
    return Verdict(NOT_CONVERGED, [*missing, *unquotable, *notes, length], False)


def _pieces(found: Interval, prior: Prior) -> str:
    return intervals(found.pieces, prior.scale)


def _kind(found: CredibleInterval) -> str:
    return f"{found.probability * 100:g} % credible {plots.KINDS[found.kind]}"


def _error(found: Interval, scale: float) -> str:
    error = found.largest_error
    return "" if error is None else number(error / scale, 2)


def _integrated(exact: IntegratedInterval | None, scale: float) -> str:
    return intervals(exact.pieces, scale, 5) if exact else ""


def compare_runs(read: Sequence[Read]) -> list[Block]:
    """One verdict on all chains, and a row for every physics parameter of every chain."""
    bad = [each for each in read if not each.result.converged]
    word = f"{NOT_CONVERGED}: {len(bad)} of {len(read)} runs" if bad else f"All {len(read)} runs converged"
    columns = ("run", "verdict", "parameter", "value", "MC error", "integrated", "what it is", "prior", "preset", "data")
    rows = [
        (
            (str(each.place), each.link),
            "converged" if each.result.converged else NOT_CONVERGED,
            prior.column,
            _pieces(found.interval, prior),
            _error(found.interval, prior.scale),
            _integrated(found.cross_check, prior.scale),
            _kind(found.interval),
            found.prior,
            runs.preset_note(each.run),
            ", ".join(each.run.digests),
        )
        for each in read
        for found, prior in each.physics
    ]
    why = [f"{each.place}: {'; '.join(each.result.verdict.missing)}." for each in bad]
    return [Verdict(word, why, not bad), Table("Comparison", columns, rows)]


def _intervals(read: Read) -> Table:
    """The table of a run: each limit with what it is and where it comes from."""
    several = read.model.n_physics > 1
    rows = [
        (
            f"{row.parameter.name}: {row.what}" if several else row.what,
            intervals(row.interval.pieces, row.parameter.scale),
            _error(row.interval, row.parameter.scale),
            _integrated(row.integrated, row.parameter.scale),
            "; ".join(filter(None, (row.how, row.note))),
        )
        for row in read.result.rows
    ]
    unit = read.model.physics[0].column.partition(" ")[2]
    title = f"{read.stamp}Intervals {unit}, preset {runs.preset_note(read.run)}"
    return Table(title, ("what it is", "value", "MC error", "integrated", "status"), rows)


def _standing(read: Read) -> list[Block]:
    """The goodness of the fit, and what a reader of the limits has to know."""
    toy_result = read.result.toys
    if toy_result is None:
        return [Text("No toy experiments were made: nothing is known of the goodness of the fit.")]
    goodness = toy_result.goodness
    lines = []
    if goodness is not None:
        lines.append(f"{goodness.sentence}.")
    if toy_result.compatibility is not None:
        lines.append(f"agreement of the data sets: {toy_result.compatibility.in_words}.")
    lines += [f"{remark}." for remark in toy_result.remarks]
    return [Heading("Goodness of fit"), *(Text(line) for line in lines)]


def _derived(read: Read) -> list[Block]:
    scale = read.model.physics[0].scale
    rows = [
        (name, number(each.median / scale), intervals(each.pieces, scale), _error(each, scale), each.prior)
        for name, each in read.result.derived.items()
    ]
    if not rows:
        return []
    first = next(iter(read.result.derived.values()))
    return [Table(f"Derived: {name_credible(first)}", ("quantity", "median", "value", "MC error", "prior"), rows)]


def _figures(read: Read) -> list[Block]:
    """The figures under their headings; each is stamped by `plots` if the chain has not converged."""
    blocks: list[Block] = []
    with TemporaryDirectory() as place:
        for kind, (draw, caption) in FIGURES.items():
            path = Path(place) / f"{kind}.png"
            draw(read.model, read.chain, read.result.verdict, read.run.sampling, path)
            text = f"{read.stamp}{caption}: {read.title}."
            picture = Picture(f"{read.link}-{kind.lower()}", text, path.read_bytes(), good=read.result.converged)
            blocks += [Heading(kind), picture]
    return blocks


def _diagnostics(read: Read) -> Table:
    kept = read.chain.after(read.result.verdict.burn_in)
    says: dict[str, ParameterResult | NuisanceResult] = {**read.result.parameters, **read.result.nuisances}
    rows = [_diagnosed(says[prior.name], prior, kept[..., k], read) for k, prior in enumerate(read.model.parameters)]
    columns = ("parameter", "median", "interval", "pull", "R-hat", "bulk ESS", "tail ESS", "τ [steps]", "prior")
    return Table("All parameters", columns, rows)


def _diagnosed(found: ParameterResult | NuisanceResult, prior: Prior, samples: np.ndarray, read: Read) -> tuple[str, ...]:
    """The row of a parameter from its samples (ensembles, steps, walkers)."""
    tau = autocorrelation_time(samples[..., None]) * read.chain.thin
    return (
        prior.column,
        number(found.interval.median / prior.scale),
        _pieces(found.interval, prior),
        _pull(samples, prior),
        number(found.diagnostics.rhat, 5),
        f"{found.diagnostics.ess_bulk:.0f}",
        f"{found.diagnostics.ess_tail:.0f}",
        number(tau, 2),
        found.prior,
    )


def _pull(samples: np.ndarray, prior: Prior) -> str:
    if isinstance(prior, Gaussian):
        pulls = prior.pull(samples)
        return f"{pulls.mean():+.2f} ± {pulls.std():.2f}"
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
        ("fingerprint", read.result.fingerprint),
        ("seed", str(read.chain.seed)),
        ("chain", str(read.chain.path)),
        *((f"sha256 of {name}", digest) for name, digest in read.run.digests.items()),
        ("versions, when the run began", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("version, of this report", f"bayesnu {__version__}"),
    ]
    return [*blocks, Table("Chain", ("what", "value"), about_chain)]
