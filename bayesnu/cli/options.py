"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

PROPERTIES = ("mu_nu", "q_nu", "r2_nu")
FLAVOURS = (
    *("common", "e", "mu", "tau", "all", "emu", "etau", "mutau", "emu_im", "etau_im", "mutau_im", "offdiagonal"),
    *("dirac", "11", "12", "13", "21", "22", "23", "31", "32", "33", "majorana", "lambda1", "lambda2", "lambda3"),
)
KINDS = ("upper", "eti", "hdi")
PRIORS = ("flat", "flat-square", "log-uniform", "gaussian")
UNITS = {"mu_nu": "mu_B", "q_nu": "e", "r2_nu": "cm^2"}
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _stacked(*decorators: Decorator) -> Decorator:
    def apply(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def json_option() -> Decorator:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


def experiments_argument() -> Decorator:
    return click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...")


def coupling_options() -> Decorator:
    return _stacked(
        *(
            click.option(
                f"--{name.replace('_', '-')}{flavour}",
                type=float,
                metavar="VALUE",
                help=f"{name} of {'all flavours' if not flavour else 'nu' + flavour.replace('-', '_')}, in {UNITS[name]}.",
            )
            for name in PROPERTIES
            for flavour in ("", "-e", "-mu", "-tau")
        )
    )


def analysis_options() -> Decorator:
    """`--preset` and one flag for every choice of an analysis."""
    from dataclasses import fields

    from bayesnu.model.choices import RANGES, WORDS, Analysis

    options = [
        click.option(
            "--preset", type=click.Choice(["default", "paper"]), default=None, help="Set of choices; default: default."
        )
    ]
    for field in fields(Analysis):
        flag = f"--{field.name.replace('_', '-')}"
        if isinstance(field.default, bool):
            flag += f"/--no-{field.name.replace('_', '-')}"
            options.append(click.option(flag, field.name, default=None, help=f"[default: {field.default}]"))
            continue
        kind: Any = float if isinstance(field.default, float) else str
        if field.name in WORDS:
            kind = click.Choice(WORDS[field.name])
        allowed = "[{:g}, {:g}], ".format(*RANGES[field.name]) if field.name in RANGES else ""
        options.append(click.option(flag, field.name, type=kind, help=f"{allowed}default: {field.default}"))
    return _stacked(*options)


def parameter_options() -> Decorator:
    return _stacked(
        click.option("--parameter", type=click.Choice(PROPERTIES), help="The property to infer."),
        click.option(
            "--flavour",
            type=click.Choice(FLAVOURS),
            metavar="FLAVOUR",
            help="common (default), e, mu, tau, all; for charge and radius emu, etau, mutau, with _im the imaginary part, "
            "offdiagonal; for the moment in the mass basis dirac, 11 to 33, majorana, lambda1 to lambda3.",
        ),
    )


def prior_options() -> Decorator:
    return _stacked(
        click.option("--prior", "prior_kind", type=click.Choice(PRIORS), help="Prior of the property [default: flat]."),
        click.option("--prior-lower", type=float, help="Lower end of the prior, in mu_B, e or cm^2."),
        click.option("--prior-upper", type=float, help="Upper end of the prior."),
        click.option("--prior-mean", type=float, help="Mean of a gaussian prior."),
        click.option("--prior-width", type=float, help="Standard deviation of a gaussian prior."),
    )


def campaign_options(number: int, what: str = "toys", said: str = "Toy experiments per tested value.") -> Decorator:
    """What every campaign of toy experiments takes."""
    return _stacked(
        click.option(f"--{what}", type=int, default=number, show_default=True, help=said),
        click.option("--seed", type=int, default=1, show_default=True, help="Seed of all randomness."),
        click.option("--workers", type=int, help="Processes on this machine [default: 1]; more need the extra `cluster`."),
        click.option("--scheduler", type=str, metavar="ADDRESS", help="dask scheduler of a cluster, as tcp://host:8786."),
        click.option("--output", type=str, metavar="DIR", help="Folder of finished tasks [default: chains/ and a name]."),
        click.option("--quiet", is_flag=True, help="No progress."),
    )


def given_options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
