"""Write docs/benchmark.md from docs/bench.json, as `python scripts/bench --page` does. Standard library only."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from statistics import median
from typing import Any

from scripts.bench.summaries import distance, rates, ratios, reported_size, scatter, seconds_to_precision, truth

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
JSON, PAGE = "bench.json", "benchmark.md"
US = "bayesnu"
SWEEPS = "bayesnu, sweeps alone"
POSTERIORS = {
    "A": "XENONnT SR0, one magnetic moment of all flavours (29 bins, 5 terms, 4 nuisance parameters)",
    "B": "XENONnT SR0, charge radii of three flavours (29 bins, 15 terms, 4 nuisance parameters)",
}
MEGA = 1e6
COMPILED = "iminuit, compiled with gradient"
IMPORTS = "imports of `bayesnu sample`, matplotlib among them"
BEYOND = (  # command, what its imports cost, and the limit of what it takes beyond them
    ("sample --no-toys", "imports", 1),
    ("sample", "imports", 3),
    ("counts", "one kernel", 1),
    ("limits", "one kernel", 1),
)
SUSPICIOUS = 4.0  # errors between two means that should agree

SCAN = """
The package's fit and limit scans the whole range for several minima and pieces of the interval: some sixty profiled points,
each from four starts in B. MINOS walks from one minimum, by a gradient that its user wrote and compiled.
"""
RULES = """
ESS: effective sample size of the first physics parameter. One rule for all Markov chains (every walker a chain, burn-in of
five autocorrelation times excluded), Kish's size of the weights for nested samplers, before resampling to equal weights,
which only loses. *Scatter / claimed*: standard deviation of the 90 % quantile over runs with other seeds, over its claimed
error; where it is well above 1, rates are too high by its square. *Off by*: the mean quantile from the reference (A:
integration; B: the package's runs) in combined errors. *s to 0.5 %*: preparation, burn-in and sampling until the quantile's
error is 0.5 % (A: of the limit, B: of the width of the central 90 % interval); compilation and the package's diagnostics,
once at the end of a run of given length, are beside it. Peers get their starting points for nothing; the package's time
includes them, and writing its chain to disk. It compiles once per installation: see the empty cache below.
"""
STRIPPED = """
The stripped loop is compiled like the package's kernel and only contracts templates and multiplies powers: no priors, no
checks, one logarithm. Other arrangements of the same arithmetic may be faster still.
"""


def wrapped(text: str) -> str:
    """A paragraph in lines."""
    return textwrap.fill(" ".join(text.split()), 125)


def number(value: float) -> str:
    """Three significant digits, with separators."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1e}"


def spread(values: list[float], times: float = 1.0) -> str:
    """Median with the smallest and the largest value."""
    low, high = times * min(values), times * max(values)
    return f"{number(times * median(values))} [{number(low)}, {number(high)}]"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def failed(name: str, reason: str, columns: int) -> list[str]:
    return [name, reason] + [""] * (columns - 2)


# The tables


def targets(data: dict[str, Any]) -> str:
    rows = []

    def add(what: str, limit: float, measured: float, unit: str = "") -> None:
        rows.append(
            [what, f"≤ {number(limit)}{unit}", f"{number(measured)}{unit}", "yes" if measured <= limit else "**no**"]
        )

    def add_least(what: str, limit: float, measured: float) -> None:
        rows.append([what, f"≥ {number(limit)}", number(measured), "yes" if measured >= limit else "**no**"])

    for name, kernels in data["kernels"].items():
        add(f"posterior {name}: evaluation over the stripped loop", 3, ratios(*_ns(kernels, US, "stripped loop"))[0])
    for letter, each in data["samplers"].items():
        for what, ours, peer, size, limit in _sampler_targets(letter):
            if "runs" in each["rows"][peer]:
                faster = ratios(rates(each["rows"][ours]["runs"], size), rates(each["rows"][peer]["runs"], size))[0]
                add_least(f"posterior {letter}: {what}", limit, faster)
    toys = data["toys"]["A"]
    ours = toys[fastest_of_ours(toys)]
    for peer, limit in (("iminuit, numpy", 1500), (COMPILED, 320)):
        if "fit_seconds" in toys[peer]:
            add_least(f"posterior A: toys fitted per second over {peer}", limit, ratios(*_fits(toys[peer], ours))[0])
    add("posterior A: fit and limit of a toy over its fit", 4, ratios(ours["limit_seconds"], ours["fit_seconds"])[0])
    flavours = data["toys"]["B"][fastest_of_ours(data["toys"]["B"])]
    add("posterior B: the lowest minimum of a toy", 25, median(flavours["fit_seconds"]) * MEGA, " µs")
    add("posterior B: fit and limit of a toy over its fit", 4, ratios(flavours["limit_seconds"], flavours["fit_seconds"])[0])
    for letter, measured in data["fits"].items():
        if COMPILED in measured:
            over = ratios(measured[US]["limit_seconds"], measured[COMPILED]["limit_seconds"])[0]
            add(f"posterior {letter}: a fit and its limit over {COMPILED}", 1, over)
    add("posterior B: a fit and its limit, others profiled", 5, median(data["fits"]["B"][US]["limit_seconds"]) * 1e3, " ms")
    warm, cold = data["commands"]["warm"], data["commands"]["cold"]
    for word, baseline, limit in BEYOND:
        beyond = "its imports" if baseline == "imports" else "numba and one cached kernel"
        add(f"`bayesnu {word}` beyond {beyond}, CPU", limit, median(_beyond(warm, word, baseline)), " s")
    add(f"{IMPORTS}, CPU", 1.7, median(run["cpu"] for run in warm["imports"]), " s")
    for word, limit in (("report", 3), ("compare", 5), ("--help", 0.2)):
        add(f"`bayesnu {word}`, CPU", limit, median(run["cpu"] for run in warm[word]), " s")
    for word, run in cold.items():
        add(f"`bayesnu {word}` with an empty cache, CPU", 15, run["cpu"], " s")
    return table(["target", "limit", "measured", "met"], rows)


def _sampler_targets(letter: str) -> list[tuple[str, str, str, str, float]]:
    """What is compared, the package's row and the peer's, the kind of effective size, and the ratio wanted."""
    bulk, tail = {"A": (800, 300), "B": (3000, 1000)}[letter]
    users, nuts = "emcee, 32 walkers, numpy", "numpyro NUTS, 4 chains"
    return [
        (f"bulk ESS per second over {users}", US, users, "bulk", bulk),
        (f"tail ESS per second over {users}", US, users, "tail", tail),
        (f"bulk ESS per second over {nuts}", US, nuts, "bulk", 100),
        (f"bulk ESS per second of the sweeps alone over {users}", SWEEPS, users, "bulk", 80),
    ]


def _fits(*rows: dict[str, Any]) -> list[list[float]]:
    return [row["fit_seconds"] for row in rows]


def _ns(kernels: dict[str, Any], *names: str) -> list[list[float]]:
    return [kernels[name]["ns"] for name in names]


def _beyond(warm: dict[str, Any], word: str, baseline: str) -> list[float]:
    return [one["cpu"] - other["cpu"] for one, other in zip(warm[word], warm[baseline], strict=True)]


def samplers(measured: dict[str, Any]) -> str:
    head = [
        "sampler", "bulk ESS / s", "tail ESS / s", "bulk rate over bayesnu's", "s to 0.5 %", "preparing, s", "compiling, s",
        "diagnostics, s", "burn-in", "scatter / claimed", "off by",
    ]  # fmt: skip
    ours, reference, size = measured["rows"][US]["runs"], truth(measured), reported_size(measured)
    rows = []
    for name, row in measured["rows"].items():
        if "fails" in row:
            rows.append(failed(name, row["fails"], len(head)))
            continue
        runs = row["runs"]
        ratio = ratios(rates(runs, "bulk"), rates(ours, "bulk"))
        trust = scatter([run["quantile"] for run in runs], [run["error"] for run in runs])
        times = {key: median(run[key] for run in runs) for key in ("preparing", "compiling", "deciding")}
        burn_in = median(run["burn_in"] / (run["burn_in"] + run["sampling"]) for run in runs)
        rows.append(
            [
                name,
                spread(rates(runs, "bulk")),
                spread(rates(runs, "tail")),
                "1" if name == US else f"{number(ratio[0])} [{number(ratio[1])}, {number(ratio[2])}]",
                spread([seconds_to_precision(run, size) for run in runs]),
                *(number(times[key]) if times[key] else "" for key in ("preparing", "compiling", "deciding")),
                f"{burn_in:.0%}" if burn_in else "",
                f"{trust['ratio']:.2f} ± {trust['uncertainty']:.2f}",
                off_by(distance(runs, reference)) if reference[1] == 0 or name != US else "",
            ]
        )
    return table(head, rows)


def off_by(sigmas: float) -> str:
    """A distance in errors, in bold where it cannot be chance."""
    return f"{sigmas:+.1f} σ" if abs(sigmas) < SUSPICIOUS else f"**{sigmas:+.1f} σ**"


def kernels_table(measured: dict[str, Any]) -> str:
    ours = measured[US]["ns"]
    rows = []
    for name, row in measured.items():
        low_high = ratios(row["ns"], ours)
        ratio = "1" if name == US else f"{number(low_high[0])} [{number(low_high[1])}, {number(low_high[2])}]"
        rows.append([name, spread(row["ns"]), ratio])
    return table(["kernel", "ns per evaluation", "over bayesnu"], rows)


def fits_table(measured: dict[str, Any]) -> str:
    ours, rows = measured[US], []
    for name, row in measured.items():
        if "fails" in row:
            rows.append(failed(name, row["fails"], 7))
            continue
        cells = [name]
        for key in ("fit_seconds", "limit_seconds"):
            ratio = "1" if name == US else number(ratios(row[key], ours[key])[0])
            cells += [spread(row[key], 1e3), ratio]
        rows.append([*cells, number(row["excess"]), "none" if row["limit"] is None else f"{row['limit']:.5g}"])
    head = ["fitter", "fit, ms", "over bayesnu", "fit and limit, ms", "over bayesnu", "χ² above the lowest", "upper limit"]
    return table(head, rows)


def toys_table(measured: dict[str, Any]) -> str:
    first = fastest_of_ours(measured)
    over, last = f"over {first}", ["largest χ² above the lowest", "largest difference of a limit"]
    head = ["fitter", "fit, µs per toy", over, "fit and limit, µs", over, *last]
    rows = []
    for name, row in measured.items():
        if "fails" in row:
            rows.append(failed(name, row["fails"], len(head)))
            continue
        cells = [name]
        for key in ("fit_seconds", "limit_seconds"):
            if key not in row:
                cells += ["", ""]
                continue
            ratio = "1" if name == first else number(ratios(row[key], measured[first][key])[0])
            cells += [spread(row[key], MEGA), ratio]
        limit = f"{row['limit_off']:.1e}" if "limit_off" in row else ""
        if row.get("no_limit"):
            limit += f", {row['no_limit']} of {row['toys']} without"
        rows.append([*cells, number(row["excess"]), limit])
    return table(head, rows)


def fastest_of_ours(measured: dict[str, Any]) -> str:
    return next(name for name in ("bayesnu, batched", "bayesnu, one by one") if "fit_seconds" in measured[name])


def scaling_table(measured: dict[str, Any]) -> str:
    rows = []
    for name, row in measured.items():
        if "fails" in row:
            rows.append(failed(name, row["fails"], 5))
            continue
        times = [median(each) * 1e3 for each in row["seconds"]]
        sizes = ", ".join(f"{size:,}" for size in row["sizes"])
        rows.append([name, row["what"], sizes, ", ".join(map(number, times)), f"{row['slope']:.2f}"])
    return table(["grows", "what is timed", "sizes", "ms", "exponent"], rows)


def memory_table(measured: list[dict[str, float]]) -> str:
    keys = ("steps", "file_mb", "sample_mb", "summary_mb")
    rows = [[number(row[key]) for key in keys] for row in measured]
    first, last = measured[-2:]
    grown = last["file_mb"] - first["file_mb"]
    slopes = {key: (last[key] - first[key]) / grown for key in ("sample_mb", "summary_mb")}
    text = table(["stored steps", "files, MB", "`sample`, MB", "`summary`, MB"], rows)
    return (
        f"{text}\nFrom {number(first['steps'])} to {number(last['steps'])} stored steps the largest memory grows, per MB of "
        f"the chain, by\n{slopes['sample_mb']:.2f} MB in `sample` and by {slopes['summary_mb']:.2f} MB in `summary`.\n"
    )


def commands_table(measured: dict[str, Any]) -> str:
    rows = []
    for word, runs in measured["warm"].items():
        cold = measured["cold"].get(word)
        rows.append(
            [
                {"imports": IMPORTS, "one kernel": "one cached kernel of numba"}.get(word, f"`bayesnu {word}`"),
                spread([run["cpu"] for run in runs]),
                spread([run["wall"] for run in runs]),
                number(median(run["rss_mb"] for run in runs)),
                number(cold["cpu"]) if cold else "",
                number(cold["wall"]) if cold else "",
            ]
        )
    return table(["command", "CPU, s", "wall, s", "memory, MB", "empty cache: CPU, s", "wall, s"], rows)


def slower(data: dict[str, Any]) -> str:
    """Every figure in which a peer is ahead of the package."""
    found = []

    def compare(what: str, name: str, ratio: float) -> None:
        if ratio < 1:
            found.append(f"- {what}: {name} takes {number(ratio)} of the package's time.")

    for letter, measured in data["samplers"].items():
        rows, size = measured["rows"], reported_size(measured)
        ours = [seconds_to_precision(run, size) for run in rows[US]["runs"]]
        for name, row in rows.items():
            if not name.startswith(US) and "runs" in row:
                times = [seconds_to_precision(run, size) for run in row["runs"]]
                compare(f"posterior {letter}, time to 0.5 %", name, ratios(times, ours)[0])
                bulk = ratios(rates(rows[US]["runs"], "bulk"), rates(row["runs"], "bulk"))[0]
                compare(f"posterior {letter}, an effective sample", name, bulk)
    for letter, measured in data["kernels"].items():
        for name, row in measured.items():
            if name not in (US, "stripped loop"):
                compare(f"posterior {letter}, an evaluation", name, ratios(row["ns"], measured[US]["ns"])[0])
    for letter, measured in data["fits"].items():
        for name, row in measured.items():
            if name != US and "fit_seconds" in row:
                for key, what in (("fit_seconds", "one fit"), ("limit_seconds", "a fit and an upper limit")):
                    compare(f"posterior {letter}, {what}", name, ratios(row[key], measured[US][key])[0])
    for letter, measured in data["toys"].items():
        ours_toys = measured[fastest_of_ours(measured)]
        for name, row in measured.items():
            for key, what in (("fit_seconds", "fit of a toy"), ("limit_seconds", "fit and limit of a toy")):
                if not name.startswith(US) and key in row:
                    compare(f"posterior {letter}, {what}", name, ratios(row[key], ours_toys[key])[0])
    return "\n".join(found) + "\n" if found else "Nothing of what is measured here.\n"


def render(data: dict[str, Any]) -> str:
    """The whole page."""
    machine = data["machine"]
    versions = ", ".join(
        f"{name} {version}" for name, version in {**machine["packages"], **data["peers"]}.items() if version
    )
    missing = [name for name, version in data["peers"].items() if version is None]
    head = (
        f"Generated by `python scripts/bench` from docs/bench.json, which holds every repetition; {data['date']}, "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, Python "
        f"{machine['python']}; {versions}. One process, one core, one thread; peers take turns in every repetition. Figures "
        "are medians with [smallest, largest]."
    )
    parts = [f"# Benchmark\n\n{wrapped(head)}\n"]
    if data["quick"]:
        parts.append("**A quick run: few repetitions, short chains.**\n")
    busy = [run["cpu"] / run["sampling"] for each in data["samplers"].values() for row in each["rows"].values()
            for run in row.get("runs", [])]  # fmt: skip
    if median(busy) < 0.9:
        parts.append(f"**The machine was busy with other work: this process had {median(busy):.0%} of a core.**\n")
    if missing:
        parts.append(f"Not installed: {', '.join(missing)}.\n")
    largest = max(value for each in data["agreement"].values() for value in each.values())
    listed = "\n".join(f"- {letter}: {text}." for letter, text in POSTERIORS.items())
    parts.append(
        f"""## What is compared

The same two posteriors everywhere, one background and an efficiency known to 10 %:

{listed}

At random points all forms of the log-posterior agree to {number(largest)}.

{targets(data)}
## What is slower than a peer

{slower(data)}
{wrapped(SCAN)}

## Samplers

{wrapped(RULES)}
"""
    )
    for letter, measured in data["samplers"].items():
        parts.append(f"### {letter}\n\n{samplers(measured)}")
    parts.append(f"## One evaluation of the log-posterior\n\n{wrapped(STRIPPED)}\n")
    for letter, measured in data["kernels"].items():
        parts.append(f"### {letter}, evaluations\n\n{kernels_table(measured)}")
    parts.append("## Fits\n\nA: of the moment's square. pyhf cannot tie a parameter to its own square and has no B.\n")
    for letter, measured in data["fits"].items():
        parts.append(f"### {letter}, fits\n\n{fits_table(measured)}")
    for letter, measured in data["toys"].items():
        parts.append(f"### {letter}, toy experiments\n\n{toys_table(measured)}")
    parts.append(f"## How cost grows\n\n{scaling_table(data['scaling'])}")
    parts.append(f"## Memory\n\n{memory_table(data['memory'])}")
    parts.append(f"## Whole commands\n\n{commands_table(data['commands'])}")
    return "\n".join(parts)


def write(folder: Path) -> Path:
    """Write the page beside the JSON of a folder."""
    data = json.loads((folder / JSON).read_text(encoding="utf-8"))
    page = folder / PAGE
    page.write_text(render(data), encoding="utf-8")
    return page
