"""Numbers and intervals in words."""

from __future__ import annotations

import pytest

from bayesnu.support.text import interval, percent


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [
        (0.0, None, "none found"),  # a modulus that nothing limits
        (None, None, "none found"),
        (0.5, None, "> 0.25"),
        (-1.0, None, "> -0.5"),
        (None, 1.0, "< 0.5"),
        (0.0, 1.0, "0 … 0.5"),
    ],
)
def test_an_interval_without_an_end_limits_only_what_the_other_end_does(lower: float, upper: float, said: str) -> None:
    assert interval(lower, upper, 2.0) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.9, "90%"),
        (0.9973, "99.73%"),
        (0.99995, "99.995%"),
        (0.999999, "99.9999%"),
        (0.9999999, "99.99999%"),
        (1e-12, "1e-10%"),
        (1.0, "100%"),
    ],
)
def test_no_probability_is_rounded_to_certainty(share: float, said: str) -> None:
    assert percent(share) == said
