"""The kinds of prior, as numbers that compiled code can compare."""

from __future__ import annotations

from enum import IntEnum


class PriorKind(IntEnum):
    """How a density depends on x within its range: constant, as x, as 1/x, or as a Gaussian."""

    FLAT = 0
    FLAT_IN_SQUARE = 1
    LOG_UNIFORM = 2
    GAUSSIAN = 3
