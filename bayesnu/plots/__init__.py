"""Figures, the only import of matplotlib and corner: one file each, readable when printed in grey.

Figures are built without pyplot, so a notebook's own are left alone, and in one style, so they look the same everywhere.
Each function writes a `.png` or `.pdf` that is complete or not there, and returns the figure. What comes from a chain
that has not converged is stamped so.
"""

from __future__ import annotations

from bayesnu.plots.calibration import calibration_plot
from bayesnu.plots.comparison import comparison_plot
from bayesnu.plots.contours import contour_plot
from bayesnu.plots.diagnostics import marginal_plot, trace_plot
from bayesnu.plots.posterior import corner_plot
from bayesnu.plots.profile import profile_plot
from bayesnu.plots.signals import signal_plot
from bayesnu.plots.spectrum import spectrum_plot
from bayesnu.plots.style import KINDS, RED, check_place, garwood, label
from bayesnu.plots.toys import belt_plot, coverage_plot

__all__ = [
    "KINDS",
    "RED",
    "belt_plot",
    "calibration_plot",
    "check_place",
    "comparison_plot",
    "contour_plot",
    "corner_plot",
    "coverage_plot",
    "garwood",
    "label",
    "marginal_plot",
    "profile_plot",
    "signal_plot",
    "spectrum_plot",
    "trace_plot",
]
