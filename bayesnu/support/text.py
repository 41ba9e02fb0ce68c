"""Text for people: one line of anything, numbers and intervals in words, and escaping for LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

SMALLEST_REST = 1e-3  # what is left to certainty, down to which four digits tell a probability from it
LONGEST = 600  # characters of a sentence: what a file or a shell puts in it may be endless


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return the text without line breaks or control characters; of a long one the beginning and the end."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 200]} ... {line[-195:]}"


TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
TEX |= {c: "\\" + c for c in "&%$#_{}"} | {"<": "$<$", ">": "$>$", "|": "$|$", '"': "''", "…": r"\ldots{}", "²": "$^2$"}
TEX |= {"Δ": r"$\Delta$", "χ": r"$\chi$", "ν": r"$\nu$", "μ": r"$\mu$", "⟨": r"$\langle$", "⟩": r"$\rangle$"}
TEX |= {"[": "{[}", "]": "{]}", "*": "{*}"}  # arguments of a line's end otherwise
TEX |= {"×": r"$\times$", "−": "$-$", "–": "--", "—": "---"}
TEX_UNITS = {"mu_B": r"\mu_\mathrm{B}", "e": "e", "cm2": r"\mathrm{cm}^2"}


def tex(text: str) -> str:
    """Text as LaTeX that compiles with any engine: specials escaped, beyond ASCII a command or the nearest letter."""
    from unicodedata import normalize

    words = " ".join(text.split())
    out = "".join(TEX.get(c) or normalize("NFKD", c).encode("ascii", "ignore").decode() or "?" for c in words)
    return re.sub(r"(?<!\\)\$\$", "", out)  # formulas side by side are one


def plain_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names that every program takes: letters, digits and underscores, a letter first, and none of them twice."""
    out: list[str] = []
    for name in names:
        word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
        plain = word if word[:1].isalpha() else f"n_{word}"
        taken = sum(re.fullmatch(rf"{plain}(_\d+)?", each) is not None for each in out)
        out.append(f"{plain}_{taken + 1}" if plain in out else plain)
    return tuple(out)


def percent(share: float) -> str:
    """A probability in percent, with the digits that tell it from others and from certainty: 90%, 99.73%, 99.9999%."""
    rest = 1 - share
    digits = 4 if rest >= SMALLEST_REST or rest <= 0 else 3 - math.floor(math.log10(rest))
    return f"{100 * share:.{digits}g}%"


def number(value: float | None, digits: int = 4) -> str:
    """A number to so many significant digits; a dash for one that does not exist."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def intervals(pieces: Iterable[tuple[float | None, float | None]], scale: float, digits: int = 4) -> str:
    """Every piece of an interval in units of `scale`; `empty` for one of none."""
    return " and ".join(interval(lower, upper, scale, digits) for lower, upper in pieces) or "empty"


def interval(lower: float | None, upper: float | None, scale: float, digits: int = 4) -> str:
    """An interval or a limit in units of `scale`; from the physical boundary 0 on without an upper end it limits nothing."""
    low, high = (None if end is None else end / scale for end in (lower, upper))
    if high is None and not low:
        return "none found"
    if low is None:
        return f"< {number(high, digits)}"
    return f"> {number(low, digits)}" if high is None else f"{number(low, digits)} … {number(high, digits)}"
