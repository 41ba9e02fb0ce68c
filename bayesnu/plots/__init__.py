"""Figures of models and chains: one file each, readable when printed in grey.

Figures are built without pyplot, so a notebook's own are left alone, and in one style, so they look the same everywhere.
Each function writes a `.png` or `.pdf` that is complete or not there, and returns the figure. What comes from a chain
that has not converged is stamped so. matplotlib and corner are imported here and in `studies/figures` alone.

Imports support to inference; runs, studies and the command line may import it.
"""

from __future__ import annotations

from bayesnu.support.backend import any_backend

with any_backend():
    from bayesnu.plots.budget import budget_plot
    from bayesnu.plots.contours import contour_plot
    from bayesnu.plots.diagnostics import marginal_plot, trace_plot
    from bayesnu.plots.posterior import corner_plot
    from bayesnu.plots.profile import profile_plot
    from bayesnu.plots.signals import signal_plot
    from bayesnu.plots.spectrum import spectrum_plot
    from bayesnu.plots.style import KINDS, RED, check_place, garwood, label

__all__ = [
    "KINDS",
    "RED",
    "budget_plot",
    "check_place",
    "contour_plot",
    "corner_plot",
    "garwood",
    "label",
    "marginal_plot",
    "profile_plot",
    "signal_plot",
    "spectrum_plot",
    "trace_plot",
]
