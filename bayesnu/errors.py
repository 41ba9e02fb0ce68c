"""What a user did wrong, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable


class BayesnuError(ValueError):
    """A mistake in what the user gave: says where, what was found, what is allowed and what to do.

    The command line prints the message alone and exits with 2; a notebook sees an ordinary `ValueError`.
    """


LONGEST = 600  # characters of a sentence: what a file or a shell puts in it may be endless


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return the text without line breaks or control characters; of a long one the beginning and the end."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 200]} ... {line[-195:]}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, or the list of known words."""
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(names)}"
