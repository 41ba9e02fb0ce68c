"""What is kept in a folder: a run with its configuration and chain, its summary, a campaign with its tasks, and reports.

Imports support to plots; studies and the command line may import it.
"""
