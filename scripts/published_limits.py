"""Renew the rows of bayesnu/experiments/published_limits.csv that come from the Particle Data Group, and print what differs.

Needs the PyPI package pdg, which carries the listings and is no dependency of bayesnu:

    python -m venv /tmp/pdg && /tmp/pdg/bin/pip install pdg && /tmp/pdg/bin/python scripts/published_limits.py

Only limits and confidence levels of rows with PDG in their provenance are renewed. All other rows, and what the listings do
not have in a form that can be read, stay as they are; the output names the latter. `--dry-run` writes nothing.
"""

import argparse
import csv
import io
import math
import re
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "bayesnu" / "experiments" / "published_limits.csv"
LISTINGS = {"mu_nu": ("S066MGM", 1.0), "q_nu": ("S066CHR", 1.0), "r2_nu": ("S066CRD", 1e-32)}
RANGE = re.compile(r"(-?[\d.]+)\s*(?:to|-)\s*(-?[\d.]+)(?:\s*E(-?\d+))?")

Limit = tuple[float | None, float | None, float | None]  # lower, upper, confidence level


def limit_of(value: Any, confidence_level: float | None, symmetric: bool, unit: float) -> Limit | None:
    """A value of the listings in units of the table; None if it cannot be read."""
    lower, upper = None, value.value
    if value.value is None:
        found = RANGE.search(value.display_value_text or "")
        if not found:
            return None
        scale = 10.0 ** (value.display_power_of_ten + int(found[3] or 0))
        lower, upper = (float(end) * scale for end in found.groups()[:2])
        lower = None if value.is_upper_limit else lower  # a range of upper limits: the weaker one
    elif not value.is_upper_limit:
        if value.error_negative is None or value.error_positive is None:
            return None
        lower, upper = value.value - value.error_negative, value.value + value.error_positive
    elif symmetric:
        lower = -upper
    return None if lower is None else lower / unit, upper / unit, confidence_level


def listings() -> tuple[str, dict[str, list[tuple[str, str, Limit]]]]:
    """Edition, and for each property the DOI, name and limit of every measurement that can be read."""
    try:
        import pdg
    except ImportError:
        sys.exit("the PyPI package pdg is not installed: see the first lines of this script")
    api, out = pdg.connect(), {}
    for observable, (identifier, unit) in LISTINGS.items():
        measurements = [(m, v) for m in api.get(identifier).get_measurements() for v in m.values()]
        limits = [(m, limit_of(v, m.confidence_level, observable == "q_nu", unit)) for m, v in measurements]
        out[observable] = [
            ((m.reference.doi or "").lower(), m.reference.document_id.strip(), limit) for m, limit in limits if limit
        ]
    return api.edition, out


def numbers(row: dict[str, str]) -> Limit:
    """Limit and confidence level of a row of the table."""
    lower, upper, level = (float(row[key]) if row[key] else None for key in ("lower", "upper", "cl_percent"))
    return lower, upper, level


def distance(one: Limit, other: Limit) -> float:
    """How far two limits are apart: zero for the same, infinity for limits of different kinds."""
    if [end is None for end in one[:2]] != [end is None for end in other[:2]]:
        return math.inf
    pairs = ((a, b) for a, b in zip(one[:2], other[:2], strict=True) if a is not None and b is not None)
    return sum(abs(a - b) / max(abs(a), abs(b)) for a, b in pairs if a != b)


def matched(rows: list[dict[str, str]], found: dict[str, list[tuple[str, str, Limit]]]) -> dict[int, Limit]:
    """The limit in the listings of each row: the nearest of the same reference, and each taken once."""
    pairs = [
        (distance(numbers(row), limit), i, (row["observable"], j))
        for i, row in enumerate(rows)
        for j, (doi, name, limit) in enumerate(found.get(row["observable"], ()))
        if "PDG" in row["provenance"]
        and ((doi and doi == row["doi"].lower()) or (not row["doi"] and name in row["note"]))
        and math.isfinite(distance(numbers(row), limit))
    ]
    out: dict[int, Limit] = {}
    taken = set()
    for _, i, measurement in sorted(pairs):
        if i not in out and measurement not in taken:
            out[i] = found[measurement[0]][measurement[1]][2]
            taken.add(measurement)
    return out


def renew(row: dict[str, str], limit: Limit) -> list[str]:
    """Write a limit into a row; returns what has changed. A number that is the same keeps its spelling."""
    changes = []
    for key, old, new in zip(("lower", "upper", "cl_percent"), numbers(row), limit, strict=True):
        if old == new or (old is not None and new is not None and math.isclose(old, new, rel_tol=1e-9)):
            continue
        text = "" if new is None else f"{new:g}"
        changes.append(f"{key} {row[key] or 'none'} -> {text or 'none'}")
        row[key] = text
    return changes


def main(dry_run: bool) -> None:
    """Read, renew, report, write."""
    lines = TABLE.read_text(encoding="utf-8").splitlines(keepends=True)
    comments = [line for line in lines if line.startswith("#")]
    reader = csv.DictReader(line for line in lines if not line.startswith("#"))
    rows, columns = list(reader), reader.fieldnames or []
    edition, found = listings()
    limits, renewed, changed = matched(rows, found), 0, 0
    for i, row in enumerate(rows):
        name = f"{row['experiment']}, {row['observable']}, {row['flavour']}"
        if "PDG" not in row["provenance"]:
            continue
        if i not in limits:
            print(f"not in the listings of {edition} as a value of its own, kept as it is: {name}")
            continue
        renewed += 1
        if changes := renew(row, limits[i]):
            changed += 1
            print(f"{name}: {'; '.join(changes)}")
    entered = sum("PDG" not in row["provenance"] for row in rows)
    print(f"PDG {edition}: {renewed} rows compared, {changed} changed; {entered} rows of other provenance left alone")
    if changed and not dry_run:
        file = io.StringIO()
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        TABLE.write_text("".join(comments) + file.getvalue(), encoding="utf-8")
        print(f"wrote {TABLE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    main(parser.parse_args().dry_run)
