"""The preset `paper` against the published table, and the default analysis against the collaborations' limits."""

from __future__ import annotations

import pytest

from bayesnu.inference.profile import interval
from tests.statistics.models import model_of

# arXiv:2510.12449 (Phys. Rev. D 112, 095035), flavour-common intervals at 90 % CL, in 1e-11 mu_B, 1e-12 e, 1e-32 cm^2
PUBLISHED: dict[tuple[str, str], tuple[float, ...]] = {
    ("pandax4t-run0", "mu_nu"): (2.41,),
    ("pandax4t-run0", "q_nu"): (-0.88, 1.06),
    ("pandax4t-run0", "r2_nu"): (-75.44, 33.92),
    ("pandax4t-run1", "mu_nu"): (1.37,),
    ("pandax4t-run1", "q_nu"): (-0.36, 0.47),
    ("pandax4t-run1", "r2_nu"): (-70.01, 28.52),
    ("xenonnt-sr0", "mu_nu"): (0.72,),
    ("xenonnt-sr0", "q_nu"): (-0.16, 0.37),
    ("xenonnt-sr0", "r2_nu"): (-54.36, 12.90),
}


def ends(experiment: str, parameter: str, preset: str) -> tuple[float, ...]:
    """Ends of the 90 % profile interval; the upper one alone for a magnetic moment."""
    result = interval(model_of(experiment, parameter, preset=preset), cl=0.9)
    assert len(result.pieces) == 1 and result.lower is not None and result.upper is not None
    return (result.upper,) if parameter == "mu_nu" else (result.lower, result.upper)


def deviations() -> dict[tuple[str, str, int], float]:
    """Relative deviation of every end from the published one."""
    return {
        (*key, i): found / published - 1
        for key, values in PUBLISHED.items()
        for i, (found, published) in enumerate(zip(ends(*key, "paper"), values, strict=True))
    }


def test_the_paper_preset_reproduces_the_published_table() -> None:
    found = deviations()
    assert len(found) == 15
    assert max(abs(value) for value in found.values()) < 0.10, found
    assert sum(abs(value) < 0.05 for value in found.values()) >= 12, found


@pytest.mark.parametrize("experiment", ("pandax4t-run0", "pandax4t-run1"))
@pytest.mark.parametrize("parameter", ("mu_nu", "q_nu", "r2_nu"))
def test_floating_tritium_weakens_every_limit_of_pandax(experiment: str, parameter: str) -> None:
    default, published = ends(experiment, parameter, "default"), PUBLISHED[(experiment, parameter)]
    assert all(abs(found) > 1.1 * abs(paper) for found, paper in zip(default, published, strict=True))


def test_default_moment_limits_are_of_the_size_of_the_collaborations_own() -> None:
    # XENONnT 0.64 (arXiv:2207.11330), PandaX-4T 2.3 for both runs (arXiv:2408.07641), in 1e-11 mu_B at 90 %
    assert ends("xenonnt-sr0", "mu_nu", "default")[0] == pytest.approx(0.64, rel=0.25)
    assert ends("pandax4t-run1", "mu_nu", "default")[0] == pytest.approx(2.3, rel=0.25)


def test_priors_known_before_the_fit_weaken_the_limits_of_xenonnt() -> None:
    """An independent calculation in 1-30 keV has r2 from -75.7 to 33.7 and a moment 2.5 % above that of fitted widths."""

    def found(parameter: str, **choices: str) -> tuple[float, float]:
        limits = interval(model_of("xenonnt-sr0", parameter, **choices), cl=0.9)
        assert limits.lower is not None and limits.upper is not None
        return limits.lower, limits.upper

    assert found("r2_nu", normalisations="prior") == pytest.approx((-75.7, 33.7), abs=0.5)
    assert found("mu_nu", normalisations="prior")[1] / found("mu_nu")[1] == pytest.approx(1.025, abs=0.005)
