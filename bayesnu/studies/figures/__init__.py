"""Figures of studies, one file per kind."""
