"""Write chains/reference/: the thinned posteriors of the main results, with their summaries.

Run it with the package's own Python. The runs themselves go to a folder given as the first argument (default:
chains/reference-runs) and are reused from there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from bayesnu.inference import credible
from bayesnu.runs import chain_file, sampling
from bayesnu.runs.result_json import result_to_json
from bayesnu.runs.run import resolve

ROOT = Path(__file__).resolve().parent.parent
DRAWS = 1000  # per result: 4 ensembles of 25 walkers and 10 steps
WALKERS, STEPS = 25, 10

PARAMETERS = ("mu_nu", "q_nu", "r2_nu")
RESULTS = [
    *(("xenonnt-sr0", parameter, flavour) for parameter in PARAMETERS for flavour in ("common", "all")),
    *((name, parameter, "common") for name in ("pandax4t-run0", "pandax4t-run1") for parameter in PARAMETERS),
]


def main(runs: Path, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name, parameter, flavour in RESULTS:
        run = resolve((name,), parameter, flavour)
        place_of_run = runs / run.name
        result = sampling.sample(run, place_of_run, figures=False, progress=False)
        chain = chain_file.read(place_of_run)
        burn_in = result.verdict.burn_in
        kept, log_prob = (values[:, burn_in:] for values in (chain.samples, chain.log_prob))
        steps = np.linspace(0, kept.shape[1] - 1, STEPS).round().astype(int)
        walkers = np.linspace(0, kept.shape[2] - 1, WALKERS).round().astype(int)
        few, few_log_prob = (values[:, steps][:, :, walkers] for values in (kept, log_prob))
        samples = {name: few[..., k] for k, name in enumerate(chain.names)}
        stored = result_to_json(replace(result, chain=None))
        units = zip(chain.names, chain.scales, chain.units, strict=True)
        attributes = {f"unit of {name}": f"{scale:g} {unit}".strip() for name, scale, unit in units}
        attributes |= {"fingerprint": chain.digest, "summary": json.dumps(stored), "config": chain.config}
        path = place / f"{run.name}.nc"
        credible.to_arviz(samples, few_log_prob, attributes).to_netcdf(str(path))
        print(f"{path.name}: {path.stat().st_size // 1024} KiB, converged: {result.converged}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "runs", nargs="?", type=Path, default=ROOT / "chains" / "reference-runs", help="the folder of the runs"
    )
    main(parser.parse_args().runs, ROOT / "chains" / "reference")
