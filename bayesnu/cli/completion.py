"""What a shell offers when Tab is pressed: names of data sets, and what is on disk."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def complete_experiment(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Names of data sets that continue a word; files of one's own where there is none."""
    from bayesnu.experiments import names

    fitting = [CompletionItem(name) for name in names() if name.startswith(begun)]
    return fitting or complete_file(context, parameter, begun)


def complete_file(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Leave a chain or a file to the shell, which knows what is on disk."""
    return [CompletionItem(begun, type="file")]
