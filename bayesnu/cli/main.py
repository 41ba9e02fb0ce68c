"""The group of commands: finds each by its name, and imports its file when it is called or listed."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import io
import os
import signal
import sys
import warnings
from functools import cache
from typing import Any

import click

from bayesnu.cli import commands
from bayesnu.cli.elapsed import Elapsed
from bayesnu.cli.failures import Mistake, Stopped, in_one_line
from bayesnu.support.errors import BayesnuError, did_you_mean
from bayesnu.support.places import settle_home
from bayesnu.support.versions import __version__

WORDS = "bayesnu.words"  # where a context keeps what was typed


@cache
def _files() -> dict[str, str]:
    """The file of each command, by the command's name."""
    files = [name.removesuffix(".py") for name in os.listdir(commands.__path__[0]) if name.endswith(".py")]
    return {file.replace("_", "-"): file for file in files if file != "__init__"}


class Group(click.Group):
    """Turns `BayesnuError` into one sentence, and suggests the nearest command for an unknown one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words before the command."""
        ctx.meta[WORDS] = tuple(args)
        with in_one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, with a sign of life where it takes long."""
        words = ctx.meta[WORDS]
        quiet = sys.stderr is not sys.__stderr__ or not {"--json", "--quiet"}.isdisjoint(words)
        try:
            with in_one_line(), Elapsed(words[0], quiet) as ctx.obj:
                return super().invoke(ctx)
        except BayesnuError as error:
            raise Mistake(str(error)) from None
        except KeyboardInterrupt:
            raise Stopped(signal.SIGINT) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has had enough: click ends in silence
                raise
            raise Mistake(f"{error.filename or 'output'}: {error.strerror or error}") from None
        except MemoryError:
            raise Mistake("not enough memory for this; use fewer bins, walkers or steps") from None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command by name."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise click.UsageError(f"No such command '{args[0]}'{did_you_mean(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, each the name of a file, in the order of the alphabet."""
        return sorted({*self.commands, *_files()})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command by its name, from its own file."""
        if name not in self.commands and name in _files():
            file = _files()[name]
            module = importlib.import_module(f"{commands.__name__}.{file}")
            self.add_command(getattr(module, file), name)
        return super().get_command(ctx, name)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="bayesnu")
def main() -> None:
    """Neutrino magnetic moment, millicharge and charge radius from solar-neutrino recoils in xenon.

    EXPERIMENT is a name that `bayesnu experiments` lists, or the path of a file in the same format; several are
    combined. CHAIN is a folder that `sample` wrote, or its chain.h5. Values are in mu_B, e and cm^2.
    """
    gc.set_threshold(50_000)  # looking for cycles as often as Python does takes a tenth of a short command
    atexit.register(gc.freeze)  # so does looking for them among all that ends with the process
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no Greek still gets every number
    settle_home(must_be_writable=True)
    warnings.formatwarning = lambda message, *where, **source: f"Warning: {message}\n"
