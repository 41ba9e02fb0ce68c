"""`sample`, `resume` and `summary`: a run is claimed in its folder before anything heavy is imported."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bayesnu.cli.failures import Stopped
from bayesnu.cli.stopping import stoppable
from bayesnu.runs import config, sampling
from bayesnu.runs import folder as folders
from bayesnu.runs import run as runs
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import interval, number

_SAMPLING = ("kind", "probability", "seed", "steps", "most_steps", "ensembles", "walkers")


def sample(experiments: tuple[str, ...], options: dict[str, Any]) -> None:
    """Resolve, claim the folder, sample, print."""
    taken = {name: options.pop(name, None) for name in ("output", "overwrite", "dry_run", "quiet", "no_figures", "as_json")}
    run = _resolved(experiments, options)
    folder = Path(taken["output"]) if taken["output"] else folders.default_folder(run)
    if taken["dry_run"]:
        _dry_run(run, folder, bool(taken["as_json"]))
        return
    with _watched(folder, run.sampling.steps, taken) as how:
        summary = sampling.sample(run, folder, overwrite=bool(taken["overwrite"]), **how)
    _print(folder, summary, bool(taken["as_json"]))


def _resolved(experiments: tuple[str, ...], options: dict[str, Any]) -> runs.Run:
    """Merge a configuration file with the flags, which win; a refusal names the file."""
    path = options.pop("config", None)
    if path is None:
        return _merged({}, experiments, options)
    base = config.from_toml(_text(path), path)
    try:
        return _merged(base, experiments, options)
    except BayesnuError as error:
        raise BayesnuError(f"{path}: {error}") from None


def _merged(base: dict[str, Any], experiments: tuple[str, ...], options: dict[str, Any]) -> runs.Run:
    prior = dict(base.get("prior", {}))
    for name in ("kind", "lower", "upper", "mean", "width"):
        if (value := options.pop(f"prior_{name}", None)) is not None:
            prior[name] = value
    sampling = base.get("sampling", {}) | {key: options.pop(key) for key in _SAMPLING if key in options}
    parameter = options.pop("parameter", base.get("parameter"))
    if parameter is None:
        raise BayesnuError("--parameter: none given; choose one of mu_nu, q_nu, r2_nu")
    return runs.resolve(
        experiments or tuple(base.get("experiments", ())),
        parameter,
        options.pop("flavour", base.get("flavour", "common")),
        options.pop("preset", base.get("preset", "default")),
        base.get("analysis", {}) | options,
        prior,
        sampling,
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BayesnuError(f"{path}: cannot be read ({reason}); give a configuration in TOML") from None


def _dry_run(run: runs.Run, folder: Path, as_json: bool) -> None:
    model = runs.model_of(run)
    if as_json:
        from bayesnu.cli.output import json_out

        json_out(runs.to_dict(run) | {"output": str(folder), "parameters": list(model.names)})
        return
    click.echo(config.to_toml(run), nl=False)
    click.echo(f"# would go to {folder}; samples {', '.join(model.names)}")


def resume(chain: str, options: dict[str, Any]) -> None:
    """Continue a run."""
    folder = folders.run_folder(chain)
    up_to, more = options.pop("up_to", None), options.pop("more", None)
    if up_to is not None and more is not None:
        raise BayesnuError("--up-to and --more: found both; give one")
    for name, value in (("--up-to", up_to), ("--more", more)):
        if value is not None and value < 1:
            raise BayesnuError(f"{name}: found {value}; must be at least 1")
    if more is not None:
        up_to = sampling.steps_done(folder) + more
    asked = config.from_config(folder / config.CONFIG).sampling.steps if up_to is None else up_to
    with _watched(folder, asked, options) as how:
        summary = sampling.resume(folder, up_to=up_to, **how)
    _print(folder, summary, bool(options["as_json"]))


@contextmanager
def _watched(folder: Path, steps: int | None, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Show the progress of a run, and end it with one sentence when it is told to stop.

    Files are replaced when they are complete, so that there is nothing to save at that moment.
    """

    try:
        with stoppable():
            from bayesnu.cli.progress import Progress

            with Progress(bool(options["quiet"]), steps) as progress:
                report = None if options["quiet"] else progress.report
                yield {"report": report, "figures": not options["no_figures"]}
    except KeyboardInterrupt as stopped:
        how = f"; `bayesnu resume {shlex.quote(str(folder))}` goes on from there" if folders.is_run(folder) else ""
        raise Stopped(stopped.args[0], how) from None


def summary(chain: str, as_json: bool, options: dict[str, Any]) -> None:
    """Summarise a chain as it is."""
    from dataclasses import replace

    from bayesnu.runs import chain_file

    folder = folders.run_folder(chain)
    path = chain_file.chain_file(folder)
    run = config.from_config(folder / config.CONFIG)
    model = runs.model_of(run)
    chain_file.verify(path, model, runs.fingerprint(run))
    stored = chain_file.read_result(path)
    if stored is None or options:
        if chain_file.steps_done(path) == 0:
            raise BayesnuError(f"{path}: no step is stored yet; run `bayesnu resume {folder}`")
        stored = sampling.summary_of(path, model, replace(run, sampling=replace(run.sampling, **options)))
    _print(folder, stored | {"chain": str(path)}, as_json)


def _print(folder: Path, summary: dict[str, Any], as_json: bool) -> None:
    from bayesnu.cli import output

    if as_json:
        output.json_out(summary)
        return
    run = config.from_config(folder / config.CONFIG)
    scale = _scale(run.parameter)
    title = f"{run.parameter} [{scale:g} {next(iter(summary['parameters'].values()))['unit']}], "
    output.table(
        title + f"{' + '.join(Path(name).stem for name in run.experiments)}, preset {runs.preset_note(run)}",
        ("what it is", "value", "MC error", "integrated"),
        [_cells(row, scale, len(summary["parameters"]) > 1, output) for row in summary["rows"]],
    )
    for row in summary["rows"]:
        if row["method"] == "profile":
            click.echo(f"{row['parameter']}, {row['what'].split(' (')[0]}: {row['how']}")
    _print_parameters(summary, scale, output)
    _print_verdict(folder, summary)


def _scale(parameter: str) -> float:
    from bayesnu.physics.properties import PROPERTIES

    return PROPERTIES[parameter].scale


def _cells(row: dict[str, Any], scale: float, several: bool, output: Any) -> tuple[str, str, str, str]:
    errors = [row[key] for key in ("mcse_lower", "mcse_upper") if row[key] is not None]
    what = row["what"] if row["method"] != "published" else f"{row['what']} ({row['how']})"
    exact = row.get("integrated")
    return (
        f"{row['parameter']}: {what}" if several else what,
        interval(row["lower"], row["upper"], scale),
        number(max(errors) / scale, 2) if errors else "",
        interval(exact["lower"], exact["upper"], scale, 5) if exact else "",
    )


def _print_parameters(summary: dict[str, Any], scale: float, output: Any) -> None:
    output.table(
        "",
        ("parameter", "median", "R-hat", "bulk ESS", "tail ESS", "others"),
        [
            (
                name,
                number(p["median"] / scale),
                number(p["rhat"], 5),
                f"{p['ess_bulk']:.0f}",
                f"{p['ess_tail']:.0f}",
                p["others"],
            )
            for name, p in summary["parameters"].items()
        ],
    )
    notes = [(name, p["note"]) for name, p in summary["parameters"].items()]
    for name, note in notes + [(row["parameter"], row.get("note")) for row in summary["rows"]]:
        if note:
            click.echo(f"{name}: {note}")
    if summary["derived"]:
        rows = []
        for name, d in summary["derived"].items():
            ends = (interval(d[f"{which}lower"], d[f"{which}upper"], scale) for which in ("", "prior_"))
            rows.append((name, number(d["median"] / scale), *ends))
        output.table("", ("derived, prior inherited", "median", "interval", "the prior's own"), rows)


def _print_verdict(folder: Path, summary: dict[str, Any]) -> None:
    length = f"{summary['steps']} stored steps per walker, {summary['burn_in']} left out as burn-in"
    if summary["thinned_by"] > 1:
        length += f", one draw in {summary['thinned_by']} read"
    if summary["converged"]:
        click.echo(f"converged: {length}, autocorrelation time {summary['autocorrelation_time']:.1f}")
    else:
        click.echo(f"NOT CONVERGED ({length}): " + "; ".join(summary["missing"]))
    files = [name for name in (folders.CHAIN, config.CONFIG, *folders.FIGURES) if (folder / name).is_file()]
    click.echo(f"in {folder}{os.sep}: {', '.join(files)}")
