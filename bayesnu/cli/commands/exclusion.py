"""`exclusion`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import analysis_options, cl_option, experiments_argument, given_options, json_option
from bayesnu.cli.output import check_figure, json_out, table
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import intervals

if TYPE_CHECKING:
    from bayesnu.studies.exclusion import MassLimit

OUT_OF_REACH = "no recoil reaches the bins: the mass is too large for the solar components that enter"


@click.command()
@experiments_argument()
@click.option("--flavour", type=click.Choice(["common", "e", "mu", "tau"]), default="common", help="Whose moment it is.")
@click.option("--masses", type=str, metavar="M,M,...", help="Masses in keV [default: 27 from 1 to 500].")
@cl_option()
@click.option("--one-sided", is_flag=True, help="Use the one-sided quantile (1.64 at 90 %).")
@click.option("--output", type=str, metavar="FILE", help="The figure (png or pdf).")
@analysis_options()
@json_option()
def exclusion(
    experiments: tuple[str, ...],
    flavour: str,
    masses: str | None,
    cl: float,
    one_sided: bool,
    output: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Limits on the transition moment to a sterile neutrino against its mass: a table, with --output a figure."""
    from bayesnu import experiments as data
    from bayesnu.cli.about_json import about
    from bayesnu.cli.models import choose_analysis, choose_preset
    from bayesnu.model.choices import describe_choices
    from bayesnu.model.consistency import review
    from bayesnu.studies.exclusion import MASSES_KEV, exclude

    check_figure(output)
    given = given_options(options)
    analysis = choose_analysis(given)
    chosen = MASSES_KEV if masses is None else _read_masses(masses)
    loaded = [data.load(name, analysis.inputs) for name in experiments]
    notes = review(loaded, replace(analysis, sterile_mass_kev=max(chosen)))
    limits = [*exclude(loaded, analysis, flavour, chosen, cl, one_sided)]
    title = " + ".join(each.short_title for each in loaded)
    if output:
        from bayesnu.studies.figures.exclusion import exclusion_plot

        exclusion_plot(limits, title, output)
    preset = choose_preset(given)
    if as_json:
        head = about([each.name for each in loaded], preset, analysis)
        json_out(head | {"notes": notes, "limits": [_as_dict(each) for each in limits]})
        return
    _print(limits, f"{' + '.join(experiments)}, preset {describe_choices(preset, analysis)}")
    for note in notes:
        click.echo(note)


def _read_masses(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise BayesnuError(f"--masses: found {text!r:.60}; must be numbers in keV with commas, as 1,10,100") from None


def _as_dict(limit: MassLimit) -> dict[str, Any]:
    from bayesnu.cli.interval_json import as_dict

    if limit.interval is None:
        return {"mass_kev": limit.mass_kev, "upper": None, "status": OUT_OF_REACH}
    return {"mass_kev": limit.mass_kev} | as_dict(limit.interval)


def _print(limits: list[MassLimit], where: str) -> None:
    """A row for each mass."""
    found = [each.interval for each in limits if each.interval is not None]
    if not found:
        click.echo(OUT_OF_REACH)
        return
    first = found[0]
    head = f"{first.parameter.em_property.column} of {first.parameter.flavour}, {where}: profile likelihood, {first.side}"
    rows = [_cells(each) for each in limits]
    table(f"{head}, Delta chi^2 = {first.delta_chi2:.4g}", ("m4 [keV]", "interval", "remark"), rows)


def _cells(limit: MassLimit) -> tuple[str, str, str]:
    mass = f"{limit.mass_kev:g}"
    if limit.interval is None:
        return (mass, "", OUT_OF_REACH)
    found = limit.interval
    return (mass, intervals(found.pieces, 1.0), "" if found.upper is not None else found.status)
