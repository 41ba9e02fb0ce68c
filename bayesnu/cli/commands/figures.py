"""`corner`, `spectrum` and `export`."""

from __future__ import annotations

from pathlib import Path

import click

from bayesnu.inference import credible
from bayesnu.inference.sampling import chain, convergence
from bayesnu.runs import chain_file, config, folder, run
from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import whole_file


def _opened(chain: str) -> tuple[Path, run.Run, chain.Chain]:
    place = folder.run_folder(chain)
    stored = chain_file.read(place)
    if stored.steps < 8:
        raise BayesnuError(f"{stored.path}: {stored.steps} steps are stored; a figure needs at least 8")
    return place, config.from_config(place / config.CONFIG), stored


def draw(chain: str, figure: str, output: str | None) -> None:
    """Draw one figure of a chain."""
    from bayesnu import plots

    place, chosen, stored = _opened(chain)
    model = run.model_of(chosen)
    chain_file.verify(stored.path, model, run.fingerprint(chosen))
    path = Path(output) if output else place / f"{figure}.png"
    verdict = convergence.judge(model, stored, chosen.sampling)
    plot = {"corner": plots.corner_plot, "spectrum": plots.spectrum_plot}[figure]
    plot(model, stored, verdict, chosen.sampling, path)
    click.echo(f"wrote {path}")


def export(chain: str, output: str) -> None:
    """Write a chain as NetCDF."""
    _, _, stored = _opened(chain)
    start, _ = convergence.burn_in(stored.samples)
    samples = {name: stored.of(name)[:, start:] for name in stored.names}
    units = zip(stored.names, stored.scales, stored.units, strict=True)
    attributes = {f"unit of {name}": f"{scale:g} {unit}".strip() for name, scale, unit in units}
    attributes |= {"fingerprint": stored.digest, "thinned by": str(stored.thin)}
    data = credible.to_arviz(samples, stored.log_prob[:, start:], attributes)
    with whole_file(Path(output)) as file:
        data.to_netcdf(str(file))
    click.echo(f"wrote {output}")
