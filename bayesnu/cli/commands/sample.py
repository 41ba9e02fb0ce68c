"""`sample`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.completion import complete_experiment
from bayesnu.cli.options import (
    analysis_options,
    given_options,
    json_option,
    no_figures_option,
    no_toys_option,
    parameter_options,
    prior_options,
    quiet_option,
)
from bayesnu.cli.output import json_out
from bayesnu.inference.kinds import KINDS
from bayesnu.support.errors import BayesnuError

if TYPE_CHECKING:
    from pathlib import Path

    from bayesnu.runs.run import Run


@click.command()
@click.argument("experiments", nargs=-1, metavar="EXPERIMENT...", shell_complete=complete_experiment)
@parameter_options()
@click.option("--config", type=str, metavar="FILE", help="Configuration in TOML; flags override it.")
@prior_options()
@click.option("--kind", type=click.Choice(KINDS), help="Interval to report [default: upper for moments, eti otherwise].")
@click.option("--probability", type=float, help="Its probability [default: 0.9].")
@click.option("--seed", type=int, help="Seed of all randomness [default: 1].")
@click.option("--steps", type=int, help="Exactly so many stored steps, instead of stopping at convergence.")
@click.option("--most-steps", type=int, help="Stop unconverged after so many [default: 12000].")
@click.option("--ensembles", type=int, help="Independent ensembles [default: 4].")
@click.option("--walkers", type=int, help="Walkers per ensemble [default: 128].")
@click.option("--output", type=str, metavar="DIR", help="Folder of the run [default: chains/ and a name].")
@click.option("--overwrite", is_flag=True, help="Replace another run in that folder.")
@click.option("--dry-run", is_flag=True, help="Check everything, print the resolved configuration, and stop.")
@quiet_option()
@no_figures_option()
@no_toys_option()
@analysis_options()
@json_option()
def sample(
    experiments: tuple[str, ...],
    config: str | None,
    output: str | None,
    overwrite: bool,
    dry_run: bool,
    quiet: bool,
    no_figures: bool,
    no_toys: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Sample a posterior until it has converged; leaves chain, figures and resolved configuration."""
    from pathlib import Path

    from bayesnu.cli.run_tables import print_run
    from bayesnu.cli.runs import watched_run
    from bayesnu.runs import folder as folders
    from bayesnu.runs import sampling

    run = _resolve(experiments, config, given_options(options))
    folder = Path(output) if output else folders.default_folder(run)
    if dry_run:
        _print_plan(run, folder, as_json)
        return
    with watched_run(folder, run.sampling.steps, quiet, figures=not no_figures, toys=not no_toys) as how:
        summary = sampling.sample(run, folder, overwrite=overwrite, progress=False, **how)
    print_run(folder / folders.CHAIN, run, summary, as_json)


def _resolve(experiments: tuple[str, ...], path: str | None, options: dict[str, Any]) -> Run:
    """Merge a configuration file with the flags, which win; a refusal names the file."""
    from bayesnu.cli.runs import choose_run
    from bayesnu.runs.config import from_toml

    if path is None:
        return choose_run(experiments, options)
    base = from_toml(_text(path), path)
    try:
        return choose_run(experiments, options, base)
    except BayesnuError as error:
        raise BayesnuError(f"{path}: {error}") from None


def _text(path: str) -> str:
    from pathlib import Path

    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BayesnuError(f"{path}: cannot be read ({reason}); give a configuration in TOML") from None


def _print_plan(run: Run, folder: Path, as_json: bool) -> None:
    """What a run would be and where it would go."""
    from bayesnu.cli.about_json import about_run
    from bayesnu.runs.config import to_toml
    from bayesnu.runs.run import model_of, to_dict

    model = model_of(run)
    if as_json:
        json_out(about_run(run) | to_dict(run) | {"output": str(folder), "parameters": list(model.names)})
        return
    click.echo(to_toml(run), nl=False)
    click.echo(f"# would go to {folder}; samples {', '.join(model.names)}")
