"""Figures: what they say, in which unit, and that a file is complete or not there. Chains are drawn, not sampled."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.contour import ContourSet
from matplotlib.text import Text
from scipy.stats import poisson

from bayesnu import plots, profile
from bayesnu.chains import Chain
from bayesnu.convergence import Convergence
from bayesnu.errors import BayesnuError
from bayesnu.experiments import load
from bayesnu.integrate import marginal
from bayesnu.model import build
from bayesnu.properties import parameters_of

GOOD = Convergence(steps=120, burn_in=20, tau=1.0, rhat=1.0, error=0.001, missing=())
BAD = Convergence(steps=120, burn_in=20, tau=9.0, rhat=1.2, error=0.1, missing=("R-hat is 1.2000, needs < 1.01",))
UPPER = SimpleNamespace(kind="upper", probability=0.9)
EQUAL = SimpleNamespace(kind="eti", probability=0.9)


def drawn(model, widths, steps=120):
    """A chain of Gaussian physics parameters (moduli for moments) and nuisances from their priors."""
    random, shape = np.random.default_rng(0), (2, steps, 32)
    physics = [width * random.standard_normal(shape) for width in widths]
    physics = [np.abs(x) if p.lower == 0 else x for x, p in zip(physics, model.physics, strict=True)]
    samples = np.stack([*physics, *(p.ppf(random.random(shape)) for p in model.nuisances)], axis=-1)
    per = {key: tuple(getattr(p, key) for p in model.parameters) for key in ("name", "unit", "scale", "label")}
    return Chain(
        path=Path("chain.h5"),
        names=per["name"],
        units=per["unit"],
        scales=per["scale"],
        labels=per["label"],
        priors=per["name"],
        samples=samples,
        log_prob=np.zeros(shape),
        acceptance=np.ones(2),
        fingerprint={},
        seed=0,
        config="",
    )


@pytest.fixture(scope="module")
def moment():
    return build([load("xenonnt-sr0")], ["mu_nu"])


@pytest.fixture(scope="module")
def runs():
    return build([load("pandax4t-run0"), load("pandax4t-run1")], ["q_nu"])


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def corner(model, path, verdict=GOOD, settings=UPPER, widths=(0.4,), names=None, **options):
    names = names or model.names[:3]
    return plots.corner_plot(model, drawn(model, widths), verdict, settings, path, names=names, **options)


def test_labels_carry_scale_and_unit():
    model = build([load("xenonnt-sr0")], ["mu_nu", "q_nu", *parameters_of("r2_nu", "all")])
    said = [plots.label(prior) for prior in model.physics]
    assert said[0] == r"$\mu_\nu$ [$10^{-11}\,\mu_\mathrm{B}$]"
    assert said[1] == r"$q_\nu$ [$10^{-12}\,e$]"
    assert all(text.endswith(r"[$10^{-32}\,\mathrm{cm}^2$]") for text in said[2:])
    assert len(set(said)) == 5
    assert r"{}^{124}\mathrm{Xe}" in plots.label(model.parameters[model.names.index("124Xe[xenonnt-sr0]")])


def test_nuisances_of_two_runs_have_different_labels(runs):
    said = [plots.label(prior, runs.experiments) for prior in runs.parameters]
    assert len(set(said)) == len(said)
    assert any(text.endswith("\nPandaX-4T Run 1") for text in said)
    assert any(text.endswith("\nshared") for text in said)


def test_contours_hold_the_probability_they_are_labelled_with(moment, tmp_path):
    names = ("flux_pp", "flux_7be")
    figure = corner(moment, tmp_path / "corner.png", names=names)
    lines = [c for c in figure.axes[2].get_children() if isinstance(c, ContourSet) and not c.filled]
    outer, inner = sorted(lines[0].get_paths(), key=lambda path: -np.ptp(path.vertices))
    chain = drawn(moment, (0.4,))
    points = np.stack([chain.of(name)[:, 20:].ravel() for name in names], axis=-1)
    for path, level in ((inner, 0.68), (outer, 0.90)):
        assert path.contains_points(points).mean() == pytest.approx(level, abs=0.03)
    said = texts(figure)
    assert "contour: 68 % of probability" in said
    assert "contour: 90 % of probability" in said
    assert not any("sigma" in text.lower() or "σ" in text for text in said)


def test_the_limit_is_named_with_probability_kind_and_prior(moment, tmp_path):
    figure = corner(moment, tmp_path / "corner.png", truths={"mu_nu": 0.0})
    limit = np.quantile(drawn(moment, (0.4,)).of("mu_nu")[:, 20:], 0.9)
    title = figure.axes[0].get_title(loc="left")
    assert f"{limit:.3g}" in title
    assert "90 % credible upper limit" in title
    assert "prior flat on [0, 10]" in title
    lines = [line for line in figure.axes[0].lines if line.get_color() == plots.RED]
    assert [line.get_xdata()[0] for line in lines] == [pytest.approx(limit)]
    assert "marked value" in texts(figure)


def test_priors_are_drawn_over_their_marginals(moment, tmp_path):
    figure = corner(moment, tmp_path / "corner.png")
    for k, prior in enumerate(moment.parameters[:3]):
        (line,) = (line for line in figure.axes[4 * k].lines if line.get_linestyle() == "--")
        assert line.get_ydata() == pytest.approx(np.exp(prior.logpdf(line.get_xdata())))


def test_what_lies_below_the_physical_boundary_is_hatched(moment, tmp_path):
    hatched = [[p for p in axes.patches if p.get_hatch()] for axes in corner(moment, tmp_path / "c.png").axes]
    assert [len(patches) for patches in hatched] == [1, 0, 0, 1, 0, 0, 1, 0, 0]
    assert hatched[0][0].get_x() + hatched[0][0].get_width() == pytest.approx(0.0, abs=1e-12)


def test_no_two_tick_labels_and_no_label_overlap(runs, tmp_path):
    figure = corner(runs, tmp_path / "corner.png", settings=EQUAL, names=runs.names[:6])
    FigureCanvasAgg(figure).draw()
    bottom = figure.axes[-6:]
    ticks = [text for axes in bottom for text in axes.get_xticklabels() if text.get_text()]
    for some in (ticks, [axes.xaxis.label for axes in bottom]):
        boxes = [text.get_window_extent() for text in some]
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    lowest = min(text.get_window_extent().y0 for text in ticks)
    assert all(axes.xaxis.label.get_window_extent().y1 <= lowest for axes in bottom)


@pytest.mark.parametrize("draw", [plots.corner_plot, plots.spectrum_plot])
@pytest.mark.parametrize("verdict", [GOOD, BAD])
def test_stamped_exactly_when_not_converged(moment, tmp_path, draw, verdict):
    said = texts(draw(moment, drawn(moment, (0.4,)), verdict, UPPER, tmp_path / "figure.png"))
    assert ("NOT CONVERGED" in said) is not verdict.converged
    assert any("R-hat is 1.2000" in text for text in said) is not verdict.converged


def test_spectrum_shows_every_run_with_its_data_and_components(runs, tmp_path):
    figure = plots.spectrum_plot(runs, drawn(runs, (0.4,)), GOOD, EQUAL, tmp_path / "spectrum.png")
    assert len(figure.axes) == 4
    for axes, block in zip(figure.axes[::2], runs.blocks, strict=True):
        assert axes.get_ylabel() == "Counts per 1 keV bin"
        assert axes.containers[0].lines[0].get_ydata() == pytest.approx(runs.observed[block.bins])
    assert all(axes.get_xlabel() == "Reconstructed energy [keV]" for axes in figure.axes[1::2])
    said = texts(figure)
    assert said.count("solar ν, Standard Model") == 2
    assert said.count("tritium") == 2
    assert said.count("$^{127}$Xe") == 1  # only in Run 0
    assert len({text for text in said if "at the 90 % bound" in text}) == 2  # both ends


def test_components_of_a_spectrum_add_up(runs):
    theta = runs.nominal()
    backgrounds = plots._backgrounds(runs, runs.coefficients(theta))
    neutrinos = plots._neutrinos(runs, theta, {"q_nu": SimpleNamespace(lower=None, upper=0.5, probability=0.9)})
    standard, bound = (curve[-1] for curve in neutrinos.values())
    total = sum(curve[-1] for curve in backgrounds.values())
    assert total + standard == pytest.approx(runs.expected(theta))
    assert total + bound == pytest.approx(runs.expected(np.array([0.5, *theta[1:]])))


def test_garwood_interval_holds_its_probability_in_the_tails():
    observed = np.array([0, 1, 4, 30])
    low, high = plots.garwood(observed)
    assert low[0] == 0
    assert poisson.sf(observed[1:] - 1, low[1:]) == pytest.approx(0.16)
    assert poisson.cdf(observed, high) == pytest.approx(0.16)


def test_profile_figure_has_levels_intervals_and_posterior(moment, tmp_path):
    curve = profile.scan(profile.Profiler(moment))
    exact, interval = marginal(moment), profile.interval(moment, one_sided=True)
    figure = plots.profile_plot(moment, curve, exact, UPPER, tmp_path / "profile.pdf", intervals=[interval])
    above, below = figure.axes
    said = texts(figure)
    assert any("two-sided\n(2.71)" in text for text in said)
    assert any("one-sided\n(1.64)" in text for text in said)
    (bar,) = (line for line in above.lines if "profile one-sided limit" in line.get_label())
    assert bar.get_xdata() == pytest.approx([0.0, interval.upper])
    density = below.lines[0]
    assert np.trapezoid(density.get_ydata(), density.get_xdata()) == pytest.approx(1, abs=0.01)
    assert any(f"{exact.quantile(0.9):.3g}" in text and "90 % credible upper limit" in text for text in said)
    assert below.get_xlabel() == plots.label(moment.physics[0])


@pytest.mark.parametrize(
    ("name", "head", "tail"), [("a.png", b"\x89PNG", b"IEND\xaeB`\x82"), ("a.PDF", b"%PDF", b"%%EOF\n")]
)
def test_files_are_complete_and_what_their_names_say(moment, tmp_path, name, head, tail):
    corner(moment, tmp_path / name, names=["mu_nu"])
    content = (tmp_path / name).read_bytes()
    assert content.startswith(head)
    assert content.endswith(tail)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    corner(moment, tmp_path / name, names=["mu_nu"])
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["figure.jpeg", "figure"])
def test_unknown_suffix_names_the_allowed_ones(moment, tmp_path, name):
    with pytest.raises(BayesnuError, match=r"use \.png or \.pdf$"):
        corner(moment, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_sentence(moment, tmp_path):
    with pytest.raises(BayesnuError, match="No such file or directory"):
        corner(moment, tmp_path / "missing" / "corner.png", names=["mu_nu"])
    (tmp_path / "file").write_text("kept")
    with pytest.raises(BayesnuError, match="cannot be written"):
        corner(moment, tmp_path / "file" / "corner.png", names=["mu_nu"])
    assert (tmp_path / "file").read_text() == "kept"


def test_an_interrupted_write_leaves_the_old_figure(moment, tmp_path, monkeypatch):
    path = tmp_path / "corner.png"
    path.write_text("old")

    def full(self, copy, **options):
        copy.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plots.Figure, "savefig", full)
    with pytest.raises(BayesnuError, match="No space left on device"):
        corner(moment, path, names=["mu_nu"])
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["corner.png"]


def test_a_notebook_keeps_its_figures_style_and_backend(moment, tmp_path):
    before = dict(matplotlib.rcParams)
    corner(moment, tmp_path / "corner.png")
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_unknown_names_and_too_short_chains_are_sentences(moment, tmp_path):
    with pytest.raises(BayesnuError, match="did you mean 'flux_pp'"):
        corner(moment, tmp_path / "corner.png", names=["flux_p"])
    for draw in (plots.corner_plot, plots.spectrum_plot):
        with pytest.raises(BayesnuError, match="3 steps are left after the burn-in; a figure needs 4"):
            draw(moment, drawn(moment, (0.4,), steps=23), GOOD, UPPER, tmp_path / "figure.png")


def test_a_parameter_that_never_moved_is_still_drawn(moment, tmp_path):
    chain = drawn(moment, (0.4,))
    chain.samples[..., 1] = 1.0
    plots.corner_plot(moment, chain, BAD, UPPER, tmp_path / "corner.png", names=moment.names[:3])
    assert (tmp_path / "corner.png").stat().st_size > 10_000
