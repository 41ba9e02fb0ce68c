"""Everything that is fitted of one model, each thing once: its profiles, its scans, and its integrated posterior."""

from __future__ import annotations

from functools import cached_property

from bayesnu.inference.highest_density import Curve
from bayesnu.inference.interval import ProfileInterval, ValueTest
from bayesnu.inference.line import Line
from bayesnu.inference.marginal import Marginal, integrate
from bayesnu.inference.profile import interval_along
from bayesnu.inference.profiler import Others
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model.polynomial import Model


class Fits:
    """The fits of a model: arranged for compiled code once, and kept with what has been found."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.fitter = ToyFitter(model)
        self.profiler = self.fitter.profiler
        self._lines: dict[tuple[int, Others], Line] = {}

    def line(self, index: int = 0, others: Others = "zero") -> Line:
        """The profile likelihood along a physics parameter."""
        return self._lines.setdefault((index, others), Line(self.fitter, index, others))

    def interval(self, index: int = 0, *, cl: float, one_sided: bool = False, others: Others = "zero") -> ProfileInterval:
        """The profile-likelihood interval of a physics parameter; see `profile.interval`."""
        return interval_along(self.line(index, others), cl, one_sided)

    def value_test(self, index: int = 0, others: Others = "zero") -> ValueTest | None:
        """The value of a parameter that is a hypothesis of its own, set against the best fit; None where there is none."""
        line = self.line(index, others)
        value = line.parameter.em_property.tested
        return None if value is None else ValueTest(line.parameter, value, line.rise_at(value))

    @cached_property
    def marginal(self) -> Marginal:
        """The integrated posterior of the only physics parameter."""
        return integrate(self.line())

    @property
    def curve(self) -> Curve | None:
        """The posterior density of a single physics parameter; None for several, whose samples have to tell it."""
        return self.marginal.curve if self.model.n_physics == 1 else None
