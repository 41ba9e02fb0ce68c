"""Kinds of credible interval, as words that the command line can offer before anything is computed."""

from __future__ import annotations

from bayesnu.support.arguments import read_number
from bayesnu.support.errors import BayesnuError, did_you_mean

KINDS = ("upper", "eti", "hdi")  # a limit from the lower end of the prior, equal tails, highest density


def check_interval(kind: str, probability: float) -> None:
    """Raise `BayesnuError` unless there is a credible interval of this kind and probability."""
    if kind not in KINDS:
        raise BayesnuError(f"kind: found '{kind}'{did_you_mean(kind, KINDS)}")
    number = read_number("probability", probability)
    if not 0 < number < 1:
        raise BayesnuError(f"probability: found {number:g}; must lie between 0 and 1, for example 0.9")
