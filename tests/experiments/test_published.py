"""Published limits stand beside results of the same events alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bayesnu import experiments
from bayesnu.experiments import scale_exposure
from bayesnu.experiments.published import holds_published_events


@pytest.mark.parametrize("name", experiments.names())
@pytest.mark.parametrize("reading", ["default", "paper", "digitised"])
def test_a_data_set_of_the_package_has_its_published_limits(name: str, reading: str) -> None:
    loaded = experiments.load(name, reading)
    assert holds_published_events(loaded)
    assert holds_published_events(replace(loaded, path="elsewhere.toml", text="# moved", digest="0"))


def test_a_name_alone_is_no_published_data_set() -> None:
    loaded = experiments.load("xenonnt-sr0")
    assert not holds_published_events(replace(loaded, observed=loaded.observed + 1))
    assert not holds_published_events(replace(loaded, name="mine"))
    assert not holds_published_events(replace(scale_exposure(loaded, 2.0), name="xenonnt-sr0"))
