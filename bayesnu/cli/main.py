"""The command line: options and nothing else. Each command imports what it does when it is run."""

from __future__ import annotations

import errno
import io
import signal
import sys
import warnings
from typing import Any

import click

from bayesnu.cli.failures import Mistake, Stopped, in_one_line
from bayesnu.cli.options import (
    KINDS,
    PROPERTIES,
    analysis_options,
    campaign_options,
    coupling_options,
    experiments_argument,
    given_options,
    json_option,
    parameter_options,
    prior_options,
)
from bayesnu.support.errors import BayesnuError
from bayesnu.support.versions import __version__


class Group(click.Group):
    """Turns `BayesnuError` into one sentence, and suggests the nearest command for an unknown one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words before the command."""
        with in_one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            with in_one_line():
                return super().invoke(ctx)
        except BayesnuError as error:
            raise Mistake(str(error)) from None
        except KeyboardInterrupt:
            raise Stopped(signal.SIGINT) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has had enough: click ends in silence
                raise
            raise Mistake(f"{error.filename or 'output'}: {error.strerror or error}") from None
        except MemoryError:
            raise Mistake("not enough memory for this; use fewer bins, walkers or steps") from None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command by name."""
        from bayesnu.support.errors import did_you_mean

        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"No such command '{args[0]}'{did_you_mean(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="bayesnu")
def main() -> None:
    """Neutrino magnetic moment, millicharge and charge radius from solar-neutrino recoils in xenon.

    EXPERIMENT is a name that `bayesnu experiments` lists, or the path of a file in the same format; several are
    combined. CHAIN is a folder that `sample` wrote, or its chain.h5. Values are in mu_B, e and cm^2.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no Greek still gets every number
    warnings.formatwarning = lambda message, *where, **source: f"Warning: {message}\n"


@main.command()
@click.option("--template", is_flag=True, help="Print a commented example of an experiment file.")
@json_option()
def experiments(template: bool, as_json: bool) -> None:
    """List the data sets that come with the package."""
    from bayesnu.cli.commands import data

    data.template() if template else data.listing(as_json)


@main.command()
@click.argument("file")
@click.option("--grid", is_flag=True, help="Certify the integration grid against halved steps and adaptive quadrature.")
@analysis_options()
@json_option()
def check(file: str, grid: bool, as_json: bool, **choices: Any) -> None:
    """Validate an experiment file; with --grid also its integration grid."""
    from bayesnu.cli.commands import data

    data.check(file, grid, as_json, given_options(choices))


@main.command()
@click.option("--energy-kev", required=True, metavar="T,T,...", help="True recoil energies in keV.")
@coupling_options()
@analysis_options()
@json_option()
def rate(energy_kev: str, as_json: bool, **options: Any) -> None:
    """Recoil rate per tonne, year and keV at true recoil energies: unit efficiency, no resolution."""
    from bayesnu.cli.commands import prediction

    prediction.rate(energy_kev, as_json, given_options(options))


@main.command()
@click.argument("experiment")
@coupling_options()
@analysis_options()
@json_option()
def counts(experiment: str, as_json: bool, **options: Any) -> None:
    """Expected and observed counts per bin of an experiment."""
    from bayesnu.cli.commands import prediction

    prediction.counts(experiment, as_json, given_options(options))


@main.command()
@click.argument("experiment")
@click.option("--bin", "which", metavar="BIN", help="The bin: its energies, as 2-3keV, or its number, from 1.")
@coupling_options()
@analysis_options()
@json_option()
def explain(experiment: str, which: str | None, as_json: bool, **options: Any) -> None:
    """Follow the expected count of one bin through the pipeline: every stage's contribution, unit and source."""
    from bayesnu.cli.commands import explain as command

    command.explain(experiment, which, as_json, given_options(options))


@main.command()
@experiments_argument()
@parameter_options()
@click.option("--cl", type=float, default=0.9, show_default=True, help="Confidence level.")
@click.option("--one-sided", is_flag=True, help="Use the one-sided quantile (1.64 at 90 %).")
@analysis_options()
@json_option()
def limits(experiments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Profile-likelihood intervals: nuisance parameters minimised, not sampled."""
    from bayesnu.cli.commands import intervals

    intervals.limits(experiments, as_json, given_options(options))


@main.command()
@experiments_argument()
@parameter_options()
@click.option("--cl", type=float, default=0.9, show_default=True, help="Confidence level and credible probability.")
@click.option("--output", type=str, metavar="FILE", help="The figure (png or pdf).")
@analysis_options()
@json_option()
def curve(experiments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Profile likelihood and posterior of one parameter as curves: a figure, with --json the values."""
    from bayesnu.cli.commands import curves

    curves.curve(experiments, as_json, given_options(options))


@main.command()
@experiments_argument()
@click.option("--parameters", required=True, metavar="X,Y", help="Two parameters, as r2_nu_e,r2_nu_mu or q_nu,mu_nu.")
@click.option("--output", type=str, metavar="FILE", help="The figure (png or pdf).")
@analysis_options()
@json_option()
def contours(experiments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Posterior regions and profile-likelihood contours of two parameters: a figure, with --json the values."""
    from bayesnu.cli.commands import curves

    curves.contours(experiments, as_json, given_options(options))


@main.command()
@click.argument("experiment")
@click.option("--output", type=str, required=True, metavar="FILE", help="The figure (png or pdf).")
@analysis_options()
def signals(experiment: str, output: str, **options: Any) -> None:
    """Draw what each property does to the recoil spectrum, at its 90 % profile limits, beside the data."""
    from bayesnu.cli.commands import curves

    curves.signals(experiment, output, given_options(options))


@main.command()
@click.argument("experiments", nargs=-1, metavar="EXPERIMENT...")
@parameter_options()
@click.option("--config", type=str, metavar="FILE", help="Configuration in TOML; flags override it.")
@prior_options()
@click.option("--kind", type=click.Choice(KINDS), help="Interval to report [default: upper for mu_nu, eti otherwise].")
@click.option("--probability", type=float, help="Its probability [default: 0.9].")
@click.option("--seed", type=int, help="Seed of all randomness [default: 1].")
@click.option("--steps", type=int, help="Exactly so many stored steps, instead of stopping at convergence.")
@click.option("--most-steps", type=int, help="Stop unconverged after so many [default: 12000].")
@click.option("--ensembles", type=int, help="Independent ensembles [default: 4].")
@click.option("--walkers", type=int, help="Walkers per ensemble [default: 128].")
@click.option("--output", type=str, metavar="DIR", help="Folder of the run [default: chains/ and a name].")
@click.option("--overwrite", is_flag=True, help="Replace another run in that folder.")
@click.option("--dry-run", is_flag=True, help="Check everything, print the resolved configuration, and stop.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--no-figures", is_flag=True, help="Leave out corner plot and spectrum.")
@analysis_options()
@json_option()
def sample(experiments: tuple[str, ...], **options: Any) -> None:
    """Sample a posterior until it has converged; leaves chain, figures and resolved configuration."""
    from bayesnu.cli.commands import sampling

    sampling.sample(experiments, given_options(options))


@main.command()
@click.argument("chain")
@click.option("--up-to", type=int, help="Make the chain so many stored steps long.")
@click.option("--more", type=int, help="Add so many stored steps.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--no-figures", is_flag=True, help="Leave out corner plot and spectrum.")
@json_option()
def resume(chain: str, **options: Any) -> None:
    """Continue a run to where it was going, or to a given length, bit for bit as if never interrupted."""
    from bayesnu.cli.commands import sampling

    sampling.resume(chain, given_options(options))


@main.command()
@click.argument("chain")
@click.option("--kind", type=click.Choice(KINDS), help="Another interval than the run's.")
@click.option("--probability", type=float, help="Another probability.")
@json_option()
def summary(chain: str, as_json: bool, **options: Any) -> None:
    """Intervals, diagnostics and verdict of a chain, finished or not."""
    from bayesnu.cli.commands import sampling

    sampling.summary(chain, as_json, given_options(options))


@main.command()
@click.argument("chain")
@click.option("--output", type=str, metavar="FILE", help="Where to [default: corner.png in the run's folder].")
def corner(chain: str, output: str | None) -> None:
    """Draw the corner plot of a chain (png or pdf)."""
    from bayesnu.cli.commands import figures

    figures.draw(chain, "corner", output)


@main.command()
@click.argument("chain")
@click.option("--output", type=str, metavar="FILE", help="Where to [default: spectrum.png in the run's folder].")
def spectrum(chain: str, output: str | None) -> None:
    """Draw data, prediction and posterior-predictive band of a chain."""
    from bayesnu.cli.commands import figures

    figures.draw(chain, "spectrum", output)


@main.command()
@click.argument("chains", nargs=-1, required=True, metavar="CHAIN...")
@click.option("--output", type=str, metavar="FILE.html", help="The page [default: report.html in the run's folder].")
@click.option("--markdown", type=str, metavar="FILE.md", help="The same as Markdown, its figures in a folder beside it.")
def report(chains: tuple[str, ...], output: str | None, markdown: str | None) -> None:
    """Write a page on one chain or several: verdict, intervals, figures, diagnostics, provenance; nothing is loaded."""
    from bayesnu.cli.commands import report as pages

    pages.report(chains, output, markdown)


@main.command()
@click.argument("chain")
@click.argument("output")
def export(chain: str, output: str) -> None:
    """Write a chain as NetCDF for arviz (every walker as a chain, burn-in left out)."""
    from bayesnu.cli.commands import figures

    figures.export(chain, output)


@main.command()
@experiments_argument()
@parameter_options()
@click.option("--output", type=str, metavar="FILE", help="Where to [default: standard output].")
@analysis_options()
def workspace(experiments: tuple[str, ...], output: str | None, **options: Any) -> None:
    """Export the likelihood as a pyhf workspace (HistFactory JSON), exactly, or say why that cannot be done."""
    from bayesnu.cli.commands import workspace as export

    export.workspace(experiments, output, given_options(options))


@main.command("feldman-cousins")
@experiments_argument()
@parameter_options()
@click.option("--cl", type=float, default=0.9, show_default=True, help="Confidence level; another one needs no new toys.")
@click.option("--points", type=int, default=31, show_default=True, help="Tested values.")
@click.option("--figure", type=str, metavar="FILE", help="Draw the belt too (png or pdf).")
@campaign_options(10_000)
@analysis_options()
@json_option()
def feldman_cousins(experiments: tuple[str, ...], **options: Any) -> None:
    """Interval with critical values from toy experiments, nuisances profiled on the data."""
    from bayesnu.cli.commands import toys

    toys.feldman_cousins(experiments, given_options(options))


@main.command()
@experiments_argument()
@parameter_options()
@click.option("--cl", type=float, default=0.9, show_default=True, help="Confidence level.")
@campaign_options(10_000, said="Toy experiments.")
@analysis_options()
@json_option()
def expected(experiments: tuple[str, ...], **options: Any) -> None:
    """Expected limits without a signal, with their 68 and 95 % bands, and the goodness of fit, from toy experiments."""
    from bayesnu.cli.commands import toys

    toys.expected(experiments, given_options(options))


@main.command()
@experiments_argument()
@parameter_options()
@click.option("--cl", type=float, default=0.9, show_default=True, help="Confidence level and credible probability.")
@click.option("--points", type=int, default=9, show_default=True, help="True values.")
@click.option(
    "--nuisance-shift", type=float, default=0.0, show_default=True, help="Move every true nuisance by so many of its widths."
)
@click.option("--figure", type=str, metavar="FILE", help="Draw the curves too (png or pdf).")
@campaign_options(2_000)
@analysis_options()
@json_option()
def coverage(experiments: tuple[str, ...], **options: Any) -> None:
    """Coverage of every kind of interval over the true value, from toy experiments."""
    from bayesnu.cli.commands import toys

    toys.coverage(experiments, given_options(options))


@main.command()
@experiments_argument()
@parameter_options()
@prior_options()
@click.option("--figure", type=str, metavar="FILE", help="Draw the distributions of ranks too (png or pdf).")
@campaign_options(1_000, "replicas", "Truths drawn from the prior, each with data and a sampled posterior.")
@analysis_options()
@json_option()
def calibrate(experiments: tuple[str, ...], **options: Any) -> None:
    """Simulation-based calibration: whether true values drawn from the prior rank uniformly in their posteriors.

    A prior without --prior-upper ends at three expected limits. Exit code 1 if a quantity is not calibrated.
    """
    from bayesnu.cli.commands import calibrate as command

    command.calibrate(experiments, given_options(options))


@main.command()
@json_option()
def presets(as_json: bool) -> None:
    """Print the choices of both presets, and where they differ."""
    from bayesnu.cli.commands import data

    data.presets(as_json)


@main.command()
@click.option("--quick", is_flag=True, help="Only one common value of all flavours: a minute.")
@click.option("--output", type=str, metavar="DIR", help="Folder of the three-flavour runs [default: chains/reproduce].")
@click.option("--figures", type=str, metavar="DIR", help="Draw spectra, curves and contours into this folder too.")
@click.option("--quiet", is_flag=True, help="No progress.")
@json_option()
def reproduce(quick: bool, output: str | None, figures: str | None, quiet: bool, as_json: bool) -> None:
    """Redo every result of arXiv:2510.12449 in both presets, profile and credible, beside the paper's numbers."""
    from bayesnu.cli.commands import reproduce as command

    command.reproduce(quick, output, figures, as_json, quiet)


@main.command()
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT]...")
@click.option("--parameter", type=click.Choice(PROPERTIES), help="One property [default: all].")
@click.option(
    "--flavour",
    type=click.Choice(["common", "e", "mu", "tau"]),
    help="Own limits of one flavour [default: common], and no published ones of another.",
)
@click.option("--preset", type=click.Choice(["default", "paper"]), help="One preset [default: both].")
@click.option("--chain", "chains", multiple=True, metavar="CHAIN", help="Add the limits of a chain; can be repeated.")
@click.option(
    "--format",
    "how",
    type=click.Choice(["table", "markdown", "latex", "csv", "json"]),
    default="table",
    show_default=True,
    help="What to print; csv and json in mu_B, e and cm^2.",
)
@click.option("--plot", type=str, metavar="FILE", help="Also draw one property (png or pdf).")
def compare(experiments: tuple[str, ...], chains: tuple[str, ...], how: str, plot: str | None, **options: Any) -> None:
    """Own limits beside the paper's, the collaborations' and other experiments', in one convention."""
    from bayesnu.cli.commands import compare as command

    command.compare(experiments, chains, how, plot, given_options(options))


@main.command()
@json_option()
def doctor(as_json: bool) -> None:
    """Check versions, cache, current folder and reference results, and say what to do; exit code 1 if anything must be."""
    from bayesnu.cli.commands import doctor as command

    command.doctor(as_json)


@main.command()
@click.argument("names", nargs=-1, metavar="[EXPERIMENT|CHAIN]...")
def bibliography(names: tuple[str, ...]) -> None:
    """Print BibTeX for every reference that experiments and chains used; for all known ones without a name."""
    from bayesnu.cli.commands import compare as command

    command.bibliography(names)
