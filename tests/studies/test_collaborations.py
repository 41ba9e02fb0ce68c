"""The collaborations' limits: read from the table of published limits, and ours by the plain functions."""

from __future__ import annotations

import numpy as np
import pytest

from bayesnu.inference import profile
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.studies.collaborations import COLLABORATIONS, FITTED_ONE_SIDED, PLAIN, Collaboration, treat


@pytest.mark.parametrize("each", COLLABORATIONS, ids=lambda each: f"{each.published}-{each.parameter}")
def test_each_limit_is_published(each: Collaboration) -> None:
    row = treat(each, each.treatments[0])
    assert row.published.experiment == each.published and row.published.parameter == each.parameter
    assert row.interval.probability == 0.9


def test_a_difference_is_that_of_the_two_limits() -> None:
    row = treat(COLLABORATIONS[0], FITTED_ONE_SIDED)
    model = build("lz-ws2022", "mu_nu", preset("default", **PLAIN))
    ours = profile.interval(model, one_sided=True).upper or np.nan
    assert row.published.upper == 1.36e-11  # arXiv:2307.15753
    assert row.difference_percent == pytest.approx(100 * (ours / 1.36 - 1), rel=1e-9)


def test_the_plain_treatment_of_lz_gives_its_limit_within_ten_percent() -> None:
    rows = [treat(each, each.treatments[0]) for each in COLLABORATIONS if each.published == "LZ WS2022"]
    assert abs(rows[0].difference_percent) < 10
