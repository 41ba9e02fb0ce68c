"""`rate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bayesnu.cli.options import analysis_options, coupling_options, given_options, json_option
from bayesnu.cli.output import json_out, table
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import number

if TYPE_CHECKING:
    import numpy as np


@click.command()
@click.option("--energy-kev", required=True, metavar="T,T,...", help="True recoil energies in keV.")
@coupling_options()
@analysis_options()
@json_option()
def rate(energy_kev: str, as_json: bool, **options: Any) -> None:
    """Recoil rate per tonne, year and keV at true recoil energies: unit efficiency, no resolution."""
    import numpy as np

    from bayesnu.cli.about_json import about
    from bayesnu.cli.couplings import choose_couplings, in_units_of_scale
    from bayesnu.cli.models import choose_preset
    from bayesnu.model import predict
    from bayesnu.model.choices import describe_choices
    from bayesnu.model.left_out import describe_rate
    from bayesnu.physics.flux import SPECTRA

    energies = _numbers(energy_kev)
    given = given_options(options)
    preset = choose_preset(given)
    analysis, values = choose_couplings(given)
    components = tuple(SPECTRA[analysis.solar_components])
    scaled = in_units_of_scale(values)
    rates = predict.rate(energies, analysis, **scaled)
    total = rates.sum(axis=0)
    notes = [*describe_rate(np.array(energies), total, analysis, predict.all_couplings(analysis, **scaled))]
    if as_json:
        json_out(
            about([], preset, analysis)
            | {
                "energy_kev": energies,
                "rate_per_tonne_year_kev": total,
                "components": dict(zip(components, rates, strict=True)),
                "couplings": values,
                "notes": notes,
            }
        )
        return
    rows = [_cells(energy, each) for energy, each in zip(energies, rates.T, strict=True)]
    choices = describe_choices(preset, analysis)
    table(f"Recoil rate [1/(t yr keV)] at true energy, preset {choices}", ("T [keV]", *components, "total"), rows)
    for note in notes:
        click.echo(note)


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise BayesnuError(f"--energy-kev: found '{text[:60]}'; must be numbers with commas, as 2,10,20") from None


def _cells(energy: float, rates: np.ndarray) -> tuple[str, ...]:
    return (number(energy), *(number(each, 6) for each in (*rates, rates.sum())))
