"""Figures of studies, one file per kind."""

from bayesnu import plots as plots  # before matplotlib itself, which may refuse what the environment names
