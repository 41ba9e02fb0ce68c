"""`export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bayesnu.cli.completion import complete_file

if TYPE_CHECKING:
    from bayesnu.inference.sampling.chain import Chain


@click.command()
@click.argument("chain", shell_complete=complete_file)
@click.argument("output")
def export(chain: str, output: str) -> None:
    """Write a chain as NetCDF for arviz (every walker as a chain, burn-in left out)."""

    from bayesnu.cli.chains import read_enough
    from bayesnu.cli.output import output_file
    from bayesnu.inference.credible import to_arviz
    from bayesnu.inference.sampling.convergence import burn_in

    stored = read_enough(chain)
    start, _ = burn_in(stored.samples)
    samples = {name: stored.of(name)[:, start:] for name in stored.names}
    data = to_arviz(samples, stored.log_prob[:, start:], _attributes(stored))
    with output_file(output) as file:
        data.to_netcdf(str(file))
    click.echo(f"wrote {output}")


def _attributes(stored: Chain) -> dict[str, str]:
    """Units, and which chain it is."""
    units = zip(stored.names, stored.scales, stored.units, strict=True)
    attributes = {f"unit of {name}": f"{scale:g} {unit}".strip() for name, scale, unit in units}
    return attributes | {"fingerprint": stored.digest, "thinned by": str(stored.thin)}
