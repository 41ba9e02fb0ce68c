"""Kinds of credible interval, as words that the command line can offer before anything is computed."""

from __future__ import annotations

KINDS = ("upper", "eti", "hdi")  # a limit from the lower end of the prior, equal tails, highest density
