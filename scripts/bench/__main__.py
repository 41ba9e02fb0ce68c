"""Measure the package beside its peers: samplers, kernels, fits, toys, scaling, memory, whole commands.

Run it with the package's own Python, as `python scripts/bench`, on a machine that does nothing else. Peers that are not
installed are named and left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # Python looks beside the file that it was given

from scripts.bench import machine
from scripts.bench.page import DOCS, JSON, write
from scripts.bench.timing import progress


def measure(quick: bool) -> dict[str, object]:
    """Everything, as one object for JSON."""
    from scripts.bench import fits, kernels, processes, samplers, scaling
    from scripts.bench.posteriors import agreement, reference

    begin, peers, references = time.perf_counter(), machine.peers(), {name: reference(name) for name in "AB"}
    repetitions, seconds = (5, 0.03) if quick else (15, 0.1)
    data: dict[str, object] = {
        "date": time.strftime("%Y-%m-%d"),
        "quick": quick,
        "machine": machine.describe(),
        "peers": peers,
        "agreement": {name: agreement(ref, peers) for name, ref in references.items()},
    }
    progress("evaluations")
    data["kernels"] = {name: kernels.measure_kernels(ref, peers, repetitions, seconds) for name, ref in references.items()}
    progress("fits")
    data["fits"] = {name: fits.measure_fits(ref, peers, repetitions, seconds) for name, ref in references.items()}
    many, few = (2048, 10) if quick else (8192, 20)
    data["toys"] = {name: fits.measure_toys(ref, peers, 3 if quick else 5, many, few) for name, ref in references.items()}
    progress("scaling")
    data["scaling"] = scaling.measure_scaling(references["A"], repetitions, seconds / 2, quick)
    data["samplers"] = {name: samplers.measure_samplers(ref, peers, quick) for name, ref in references.items()}
    data["memory"] = processes.measure_memory([256, 2048] if quick else [500, 2300, 4600, 9200])
    data["commands"] = processes.measure_commands(2 if quick else 5)
    data["seconds"] = round(time.perf_counter() - begin)
    return data


def main() -> None:
    epilog = f"The peers: {machine.install_line()}"
    parser = argparse.ArgumentParser(prog="python scripts/bench", description=__doc__, epilog=epilog)
    parser.add_argument("--quick", action="store_true", help="few repetitions and short chains: some minutes")
    parser.add_argument(
        "--output", type=Path, default=DOCS, metavar="DIR", help=f"where {JSON} and the page go [default: docs]"
    )
    parser.add_argument("--page", action="store_true", help="only write the page anew from the figures in DIR")
    options = parser.parse_args()
    if options.page:
        print(f"wrote {write(options.output)}")
        return
    machine.one_core()
    missing = [name for name, version in machine.peers().items() if version is None]
    if missing:
        print(f"Not installed: {', '.join(missing)}. {epilog}", file=sys.stderr)
    data = measure(options.quick)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / JSON).write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(write(options.output).read_text(encoding="utf-8"))
    progress(f"done in {data['seconds']} s")


if __name__ == "__main__":
    main()
