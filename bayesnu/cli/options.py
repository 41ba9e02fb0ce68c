"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, wraps
from typing import Any

import click

from bayesnu.cli.completion import complete_experiment
from bayesnu.model.choices import CHOICES, JOIN, PRESETS, PRIOR_KINDS, Choice
from bayesnu.physics.names import ALL_NAMES, ALL_UNITS, FLAVOURS, GROUPS_AND_ELEMENTS, OF_FURTHER
from bayesnu.support.errors import BayesnuError

FURTHER = (
    "s2_w is the weak mixing angle, r2_total a charge radius with the Standard Model's part in it, a_nu the anapole moment, "
    "mu_sterile the transition moment to a sterile neutrino"
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def given_options(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out the options that were not given."""
    return {name: value for name, value in options.items() if value is not None}


def require_parameter(parameter: str | None) -> str:
    """Return the property that is asked for; raises `BayesnuError` if none is."""
    if parameter is None:
        raise BayesnuError(f"--parameter: none given; choose one of {', '.join(ALL_NAMES)}")
    return parameter


def flag_of(name: str) -> str:
    """The flag of a parameter of a function: `most_steps` is `--most-steps`."""
    return f"--{name.replace('_', '-')}"


def _attach(options: Iterable[click.Option]) -> Decorator:
    """Give options to a command, in their order."""

    def attached(function: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed([*options]):
            function = click.option(cls=_giver_of(each))(function)  # type: ignore[arg-type]  # a class or what makes one
        return function

    return attached


def _giver_of(option: click.Option) -> Callable[..., click.Option]:
    return lambda *words, **more: option


def _shared(make: Callable[[], Sequence[click.Option]]) -> Callable[[], Decorator]:
    """Make options once for all commands that have them: `--help` loads every command, and must not keep anyone waiting."""
    made = cache(make)
    return wraps(make)(lambda: _attach(made()))


@_shared
def json_option() -> Sequence[click.Option]:
    """`--json`."""
    return [click.Option(["--json", "as_json"], is_flag=True, help="Print JSON and nothing else.")]


@_shared
def quiet_option() -> Sequence[click.Option]:
    """`--quiet`."""
    return [click.Option(["--quiet"], is_flag=True, help="No progress.")]


@_shared
def no_figures_option() -> Sequence[click.Option]:
    """`--no-figures`."""
    return [click.Option(["--no-figures"], is_flag=True, help="Leave out corner plot and spectrum.")]


@_shared
def no_toys_option() -> Sequence[click.Option]:
    """`--no-toys`."""
    said = "Leave out goodness of fit, expected limits and Feldman-Cousins interval, which toy experiments give."
    return [click.Option(["--no-toys"], is_flag=True, help=said)]


def figure_option(what: str) -> Decorator:
    """`--figure` of a campaign, which draws what it has found."""
    return click.option("--figure", type=str, metavar="FILE", help=f"Draw {what} too (png or pdf).")


def cl_option(what: str = "Confidence level.") -> Decorator:
    """`--cl`."""
    return click.option("--cl", type=float, default=0.9, show_default=True, help=what)


def experiments_argument() -> Decorator:
    """The experiments, at least one."""
    return click.argument(
        "experiments", nargs=-1, required=True, metavar="EXPERIMENT...", shell_complete=complete_experiment
    )


@_shared
def coupling_options() -> Sequence[click.Option]:
    """A flag for every property, common and of each flavour."""
    return [_coupling_option(name, flavour) for name in ALL_NAMES for flavour in _list_flavours(name)]


def _list_flavours(name: str) -> tuple[str, ...]:
    """The flavours that a property has, its common value as an empty word."""
    elements = OF_FURTHER.get(name, ("common", *FLAVOURS))
    return tuple("" if each == "common" else each for each in elements)


def _coupling_option(name: str, flavour: str) -> click.Option:
    whose = f"nu_{flavour}" if flavour else "all flavours"
    flag = flag_of(f"{name}_{flavour}" if flavour else name)
    unit = ALL_UNITS[name].replace("cm2", "cm^2")  # as people write it
    said = f"{name} of {whose}, in {unit}." if unit else f"{name}, a pure number."
    return click.Option([flag], type=float, metavar="VALUE", help=said)


@_shared
def analysis_options() -> Sequence[click.Option]:
    """`--preset` and one flag for every choice of an analysis."""
    preset = click.Option(["--preset"], type=click.Choice([*PRESETS]), help="Set of choices [default: default].")
    return [preset, *(_choice_option(name, choice) for name, choice in CHOICES.items())]


def _choice_option(name: str, choice: Choice) -> click.Option:
    """The flag of a choice: its text is the one that stands beside the choice."""
    said = f"{choice.help} [default: {choice.default}]"
    if isinstance(choice.default, bool):
        return click.Option([f"{flag_of(name)}/{flag_of(f'no_{name}')}", name], default=None, help=said)
    if choice.several:
        said = f"{choice.help} Some of {', '.join(choice.words)}, joined by {JOIN} [default: {choice.default}]"
        return click.Option([flag_of(name)], type=str, metavar="NAMES", help=said)
    if choice.words:
        return click.Option([flag_of(name)], type=click.Choice(choice.words), help=said)
    if choice.range is None:
        return click.Option([flag_of(name)], type=str, help=said)
    low, high = choice.range
    said = f"{choice.help} [default: {choice.default}; {low:g} to {high:g}]"
    return click.Option([flag_of(name)], type=float, help=said)


@_shared
def parameter_options() -> Sequence[click.Option]:
    """`--parameter` and `--flavour`."""
    return [
        click.Option(["--parameter"], type=click.Choice(ALL_NAMES), help=f"The property to infer; {FURTHER}."),
        click.Option(
            ["--flavour"],
            type=click.Choice(GROUPS_AND_ELEMENTS),
            metavar="FLAVOUR",
            help="common (default), e, mu, tau, all; for charge and radius emu, etau, mutau, with _im the imaginary part, "
            "offdiagonal; for the moment in the mass basis dirac, 11 to 33, majorana, lambda1 to lambda3.",
        ),
    ]


@_shared
def prior_options() -> Sequence[click.Option]:
    """The prior of the property."""
    return [
        click.Option(
            ["--prior", "prior_kind"], type=click.Choice(PRIOR_KINDS), help="Prior of the property [default: flat]."
        ),
        click.Option(["--prior-lower"], type=float, help="Lower end of the prior, in mu_B, e or cm^2."),
        click.Option(["--prior-upper"], type=float, help="Upper end of the prior."),
        click.Option(["--prior-mean"], type=float, help="Mean of a gaussian prior."),
        click.Option(["--prior-width"], type=float, help="Standard deviation of a gaussian prior."),
    ]


def campaign_options(number: int, what: str = "toys", said: str = "Toy experiments per tested value.") -> Decorator:
    """What every campaign takes: how many toys or replicas, and how they are carried out."""
    how_many = click.Option([f"--{what}"], type=int, default=number, show_default=True, help=said)
    return _attach([how_many, *_performance_options()])


@cache
def _performance_options() -> Sequence[click.Option]:
    return [
        click.Option(["--seed"], type=int, default=1, show_default=True, help="Seed of all randomness."),
        click.Option(["--workers"], type=int, help="Processes on this machine [default: 1]."),
        click.Option(["--scheduler"], type=str, metavar="ADDRESS", help="dask scheduler of a cluster, as tcp://host:8786."),
        click.Option(["--output"], type=str, metavar="DIR", help="Folder of finished tasks [default: chains/ and a name]."),
        click.Option(["--quiet"], is_flag=True, help="No progress."),
    ]
