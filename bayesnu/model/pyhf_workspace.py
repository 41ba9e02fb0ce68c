"""The likelihood as a pyhf workspace (HistFactory JSON): every term of the model is a sample, and nothing is approximated.

A sample is a template times factors of three kinds:

* normfactors are the parameters without constraint. A square is a normfactor of its own, because pyhf applies a factor
  that is listed twice once.
* `lumi` is the one linear Gaussian factor that pyhf has.
* one more Gaussian parameter can be a histosys. Its templates at -1, 0 and +1 widths lie on a line, so that pyhf's
  interpolation is that line everywhere, and the sample is template * theta.

What needs more than that is refused.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from bayesnu.model.polynomial import Block, Model
from bayesnu.model.priors import Flat, Gaussian
from bayesnu.support.errors import BayesnuError

VERSION = "1.0.0"  # of the workspace schema
FARTHEST = 40.0  # widths from its mean where a Gaussian parameter is bounded: exp(-800)
Factors = tuple[tuple[int, int], ...]  # (parameter, power), in the order of the parameters


def workspace(model: Model) -> dict[str, Any]:
    """Return the workspace as a dictionary for `json.dump` or `pyhf.Workspace`, a channel per experiment.

    Its log-density differs from the log-likelihood plus the Gaussians of the nuisance parameters by a constant; where the
    model is impossible (negative counts) pyhf finds nan. A nuisance parameter that no term holds is left out. Raises
    `BayesnuError` for what pyhf cannot express: shifts, asymmetric constraints, and products of Gaussian parameters without
    a common factor.
    """
    return _Encoding(model).write_workspace()


def parameters(model: Model, theta: np.ndarray) -> dict[str, float]:
    """Return the values of the workspace's parameters, by name, at one point theta (parameters,) of the model.

    Here the square of a parameter stays tied to it, which pyhf cannot do.
    """
    encoding = _Encoding(model)
    return {encoding.write_name(k, power): encoding.convert_value(k, float(theta[k]), power) for k, power in encoding.used}


def notes(model: Model) -> list[str]:
    """What a user of the workspace has to know, in sentences."""
    return _Encoding(model).write_notes()


class _Encoding:
    """What each parameter of a model is in pyhf: free (normfactors), a pull (histosys), or `lumi`."""

    def __init__(self, model: Model) -> None:
        if model.constraints:
            raise BayesnuError(
                f"workspace: found constraints = {model.analysis.constraints}, and pyhf has no Gaussian of a product of "
                "parameters; leave them out"
            )
        self.model = model
        self.terms = sorted({self.count_factors(row) for row in model.factors})
        self.used = sorted({each for factors in self.terms for each in factors})
        self.gaussian = self._find_gaussians()
        self.lumi = self._find_common_factor()
        if not any(k < model.n_physics for k, _ in self.used):
            raise BayesnuError("workspace: no expected counts depend on a physics parameter; name one that they depend on")

    def count_factors(self, row: np.ndarray) -> Factors:
        """The parameters of a term, each with its power."""
        return tuple(sorted(Counter(int(k) for k in row if k < len(self.model.parameters)).items()))

    def _find_gaussians(self) -> dict[int, Gaussian]:
        """Nuisance parameters with a Gaussian; the others are free. A likelihood knows no prior of the physics."""
        out = {}
        for k, prior in enumerate(self.model.parameters[self.model.n_physics :], start=self.model.n_physics):
            if isinstance(prior, Gaussian) and prior.asymmetry != 0:
                raise BayesnuError(
                    f"workspace: the constraint of {prior.name} is asymmetric, {prior.constraint}, and pyhf rounds off the "
                    "bend between its two widths; give its component one width"
                )
            if isinstance(prior, Gaussian):
                out[k] = prior
            elif not isinstance(prior, Flat):
                raise BayesnuError(
                    f"workspace: the prior of {prior.name} is {prior.description} and pyhf has flat and Gaussian ones only; "
                    "give it one of these"
                )
        return out

    def _find_common_factor(self) -> int | None:
        """The Gaussian parameter that is in every product of Gaussian parameters; None if there are no products."""
        pairs = []
        for factors in self.terms:
            held = {k: power for k, power in factors if k in self.gaussian}
            squared = [self.model.names[k] for k, power in held.items() if power > 1]
            if squared:
                raise BayesnuError(
                    f"workspace: {squared[0]} enters with its square and pyhf's Gaussian parameters are linear; "
                    "leave threshold_shift_kev and energy_scale at 0, and efficiency_nuisance at published"
                )
            if len(held) > 1:
                pairs.append(set(held))
        if not pairs:
            return None
        common = set.intersection(*pairs)
        if not common or max(map(len, pairs)) > 2:
            names = ", ".join(self.model.names[k] for k in sorted(set.union(*pairs)))
            raise BayesnuError(
                f"workspace: pyhf has one Gaussian factor that multiplies others and the products of {names} need more; "
                "export fewer experiments at once, or set oscillation_nuisances = off, efficiency_nuisance = off and "
                "efficiency_width = 0"
            )
        return max(common)  # of flux and efficiency, the efficiency

    def write_name(self, k: int, power: int = 1) -> str:
        """pyhf's name of a power of a parameter; `lumi` is prescribed."""
        if k == self.lumi:
            return "lumi"
        return self.model.names[k] + {1: "", 2: "_squared"}.get(power, f"_power_{power}")

    def convert_value(self, k: int, x: float, power: int = 1) -> float:
        """What pyhf's parameter is when the model's is x."""
        if k in self.gaussian and k != self.lumi:
            return (x - self.gaussian[k].mean) / self.gaussian[k].width
        return x**power

    def write_workspace(self) -> dict[str, Any]:
        """The whole file."""
        blocks = self.model.blocks
        poi = next(self.write_name(*each) for each in self.used)  # physics parameters come first
        return {
            "channels": [self.write_channel(block) for block in blocks],
            "observations": [{"name": b.experiment, "data": self.model.observed[b.bins].tolist()} for b in blocks],
            "measurements": [
                {
                    "name": " + ".join(block.experiment for block in blocks),
                    "config": {"poi": poi, "parameters": [self.write_settings(*each) for each in self.used]},
                }
            ],
            "version": VERSION,
        }

    def write_channel(self, block: Block) -> dict[str, Any]:
        """One experiment: a sample for each product of parameters."""
        samples: dict[Factors, np.ndarray] = {}
        rows = self.model.factors[block.templates]
        templates = self.model.templates[block.templates, block.bins]
        for factors, template in zip(map(self.count_factors, rows), templates, strict=True):
            samples[factors] = samples.get(factors, 0.0) + template
        return {"name": block.experiment, "samples": [self.write_sample(*each) for each in samples.items()]}

    def write_sample(self, factors: Factors, template: np.ndarray) -> dict[str, Any]:
        """A template with its modifiers."""
        names = [self.write_name(*each) for each in factors]
        data = template
        modifiers: list[dict[str, Any]] = []
        for (k, _), name in zip(factors, names, strict=True):
            if k == self.lumi or k not in self.gaussian:
                kind = "lumi" if k == self.lumi else "normfactor"
                modifiers.append({"name": name, "type": kind, "data": None})
                continue
            data = template * self.gaussian[k].mean
            step = template * self.gaussian[k].width
            ends = {"lo_data": (data - step).tolist(), "hi_data": (data + step).tolist()}
            modifiers.append({"name": name, "type": "histosys", "data": ends})
        return {"name": " * ".join(names), "data": data.tolist(), "modifiers": modifiers}

    def write_settings(self, k: int, power: int) -> dict[str, Any]:
        """Bounds of a parameter and where fits begin: published values, and 1 unit of the physics, squared or not."""
        name = self.write_name(k, power)
        if k not in self.gaussian:
            return {"name": name, "bounds": [self.choose_bounds(k, power)], "inits": [1.0]}
        prior = self.gaussian[k]
        far = prior.width * FARTHEST
        ends = max(prior.lower, prior.mean - far), min(prior.upper, prior.mean + far)
        out = {
            "name": name,
            "bounds": [[self.convert_value(k, end) for end in ends]],
            "inits": [self.convert_value(k, prior.mean)],
        }
        return out | ({"auxdata": [prior.mean], "sigmas": [prior.width]} if k == self.lumi else {})

    def choose_bounds(self, k: int, power: int) -> list[float]:
        """Bounds of a free parameter or its square: its prior's; for physics at least 1 unit, within what is physical."""
        prior = self.model.parameters[k]
        low = prior.lower
        high = prior.upper
        if k < self.model.n_physics:
            lowest, highest = prior.of_interest.bounds
            low = max(min(low, -1.0), lowest)
            high = min(max(high, 1.0), highest)
        return [low, high] if power == 1 else [0.0, max(-low, high) ** power]

    def write_notes(self) -> list[str]:
        """Sentences on units, ties, pulls and truncations."""
        physics = [(k, power) for k, power in self.used if k < self.model.n_physics]
        out = [f"{self.write_name(k, power)} is {self.write_unit(k, power)}." for k, power in physics]
        tied = [self.write_name(k, power) for k, power in physics if power > 1 and (k, 1) in physics]
        if tied:
            out.append(
                f"pyhf cannot tie {', '.join(tied)} to the parameter whose square it is: set both together in every fit, as "
                "bayesnu.model.pyhf_workspace.parameters does; where both float, the model is wider than the physics."
            )
        out.append("Gaussian parameters are pulls, (value - mean) / width; priors of the physics are not part of the file.")
        if self.lumi is not None:
            out.append(f"lumi is {self.model.names[self.lumi]} itself, the one Gaussian factor that multiplies others.")
        held = [self.gaussian[k] for k, _ in self.used if k in self.gaussian]
        if held:
            widths, name = min((min(p.mean - p.lower, p.upper - p.mean) / p.width, p.name) for p in held)
            out.append(
                "The truncation of Gaussians at zero is a bound of the parameters, not part of pyhf's density; it begins "
                f"{widths:.1f} widths from the mean or farther ({name})."
            )
        return out

    def write_unit(self, k: int, power: int) -> str:
        """A power of a physics parameter in words."""
        prior = self.model.parameters[k]
        ratio = f"{prior.name} / ({prior.parameter.scaled_unit})" if prior.unit else prior.name
        return ratio if power == 1 else f"({ratio})^{power}"
