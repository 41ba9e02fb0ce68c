"""The likelihood as a class of cobaya, with the priors of a model as its parameters (the only import of cobaya).

In a file of cobaya:

    likelihood:
      bayesnu.model.cobaya_likelihood.XenonLikelihood:
        experiments: [xenonnt-sr0]
        parameters: [mu_nu]
        preset: default
        choices: {electrons: stepping}

Names are those of a chain's `plain_names`, and units those of a model: 1e-11 mu_B, 1e-12 e or 1e-32 cm^2. cobaya gets priors
and labels from the model; what the file says of a parameter in its own block `params` goes before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cobaya.likelihood import Likelihood

from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.nested_sampler import likelihood_function
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import Flat, Gaussian, Prior
from bayesnu.support.errors import BayesnuError
from bayesnu.support.text import plain_names

START = 20.0  # parts of a flat prior's range, one of which a first step is as wide as
FARTHEST = 10.0  # widths of a Gaussian prior at which cobaya's range ends where the prior has no end


class XenonLikelihood(Likelihood):  # type: ignore[misc]  # cobaya ships no types
    """The Poisson likelihood of solar neutrinos in xenon detectors.

    Options are `experiments`, `parameters`, `preset` and `choices`, as of `build` and `preset`. Priors that the file
    does not give are those of the model. A log-uniform prior, or one flat in the square, has to be given in the file.
    """

    experiments: Sequence[str] = ()
    parameters: Sequence[str] = ()
    preset: str = "default"
    choices: Mapping[str, Any] = {}

    @classmethod
    def get_modified_defaults(cls, defaults: dict[str, Any], input_options: Mapping[str, Any] = {}) -> dict[str, Any]:
        """Give cobaya the parameters of the model that the options describe."""
        options = defaults | dict(input_options)
        model = _build_model(options)
        names = plain_names(model.names)
        rows = zip(names, model.parameters, model.nominal(), strict=True)
        defaults["params"] = {name: _describe_prior(prior, float(value)) for name, prior, value in rows}
        return defaults

    def initialize(self) -> None:
        """Build the model and arrange its likelihood."""
        model = _build_model(vars(self))
        self.order = plain_names(model.names)
        self.compiled = likelihood_function(model)

    def logp(self, **values: float) -> float:
        """Return the natural logarithm of the likelihood, normalised over the data."""
        return float(self.compiled(np.array([values[name] for name in self.order])))


def _build_model(options: Mapping[str, Any]) -> Model:
    analysis = preset(options.get("preset", "default"), **dict(options.get("choices") or {}))
    return build(options.get("experiments", ()), options.get("parameters", ()), analysis)


def _describe_prior(prior: Prior, nominal: float) -> dict[str, Any]:
    """A prior as cobaya's, with a start near the nominal value; a Gaussian without an end is cut far out."""
    if isinstance(prior, Flat):
        density: dict[str, Any] = {"min": prior.lower, "max": prior.upper}
        width = (prior.upper - prior.lower) / START
    elif isinstance(prior, Gaussian) and prior.asymmetry == 0:
        ends = np.clip((np.array([prior.lower, prior.upper]) - prior.mean) / prior.width, -FARTHEST, FARTHEST)
        density = {"dist": "truncnorm", "a": float(ends[0]), "b": float(ends[1]), "loc": prior.mean, "scale": prior.width}
        width = prior.width
    else:
        raise BayesnuError(
            f"prior of {prior.name}: cobaya takes flat and symmetric Gaussian ones here; give it in the file of cobaya"
        )
    inside = np.clip(nominal, prior.lower + width / 2, prior.upper - width / 2)
    start = {"dist": "norm", "loc": float(inside), "scale": width / 10}
    return {"prior": density, "ref": start, "proposal": width / 2, "latex": prior.label}
