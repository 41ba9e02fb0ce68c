"""What a user did wrong, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable


class BayesnuError(ValueError):
    """Report a mistake in what the user gave: it says where, what was found, what is allowed and what to do.

    The command line prints the message alone and exits with 2; a notebook sees an ordinary `ValueError`. An argument that
    mends it stands in backticks, as `output` or `region='all'`: the command line puts its flag there.

    Arguments:
        message: one sentence.

    Example:
        >>> from bayesnu import BayesnuError, preset
        >>> try:
        ...     preset("papr")
        ... except BayesnuError as mistake:
        ...     print(mistake)
        preset: found 'papr'; did you mean 'paper'?
    """


def did_you_mean(word: str, known: Iterable[str], listed: Iterable[str] = ()) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known word, or the list of known words, or of those `listed`."""
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(listed) or names)}"
