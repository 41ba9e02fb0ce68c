"""Figures: what they say, in which unit, and that a file is complete or not there. Chains are drawn, not sampled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Text
from PIL import Image
from scipy.stats import poisson

from bayesnu import plots
from bayesnu.experiments import load, template
from bayesnu.inference import profile
from bayesnu.inference.diagnostics import Convergence
from bayesnu.inference.interval import CredibleInterval, Piece
from bayesnu.inference.joint import PROFILE_PROBABILITIES, Joint, joint, profile_level
from bayesnu.inference.line import Line
from bayesnu.inference.marginal import marginal
from bayesnu.inference.profiler import Profiler
from bayesnu.inference.sampling.chain import Chain
from bayesnu.inference.settings import Settings
from bayesnu.inference.toys.fitter import ToyFitter
from bayesnu.model import predict
from bayesnu.model.budget import budget_of
from bayesnu.model.builder import build
from bayesnu.model.choices import preset
from bayesnu.model.polynomial import Model
from bayesnu.model.priors import with_kind
from bayesnu.physics.properties import parameters_of
from bayesnu.plots import spectrum
from bayesnu.plots.style import DARK, LIGHT, interval_text, new_figure
from bayesnu.support.errors import BayesnuError
from tests.commands import answer, invoke, refusal

GOOD = Convergence(steps=120, burn_in=20, tau=1.0, rhat=1.0, error=0.001, missing=())
BAD = Convergence(steps=120, burn_in=20, tau=9.0, rhat=1.2, error=0.1, missing=("R-hat is 1.2000, needs < 1.01",))
UPPER = Settings(kind="upper", probability=0.9)
EQUAL = Settings(kind="eti", probability=0.9)


def drawn(model: Model, widths: tuple[float, ...], steps: int = 120) -> Chain:
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
        steps=samples.shape[1],
        thin=1,
    )


@pytest.fixture(scope="module")
def moment() -> Model:
    return build([load("xenonnt-sr0")], ["mu_nu"])


@pytest.fixture(scope="module")
def runs() -> Model:
    return build([load("pandax4t-run0"), load("pandax4t-run1")], ["q_nu"])


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def corner(
    model: Model,
    path: Path,
    verdict: Convergence = GOOD,
    settings: Settings = UPPER,
    widths: tuple[float, ...] = (0.4,),
    names: Sequence[str] | None = None,
    **options: Any,
) -> Figure:
    names = names or model.names[:3]
    return plots.corner_plot(model, drawn(model, widths), verdict, settings, path, names=names, **options)


def test_labels_carry_scale_and_unit() -> None:
    model = build([load("xenonnt-sr0")], ["mu_nu", "q_nu", *parameters_of("r2_nu", "all")])
    said = [plots.label(prior) for prior in model.physics]
    assert said[0] == r"$\mu_\nu$ [$10^{-11}\,\mu_\mathrm{B}$]"
    assert said[1] == r"$q_\nu$ [$10^{-12}\,e$]"
    assert all(text.endswith(r"[$10^{-32}\,\mathrm{cm}^2$]") for text in said[2:])
    assert len(set(said)) == 5
    assert r"{}^{124}\mathrm{Xe}" in plots.label(model.parameters[model.names.index("124Xe[xenonnt-sr0]")])


def test_nuisances_of_two_runs_have_different_labels(runs: Model) -> None:
    said = [plots.label(prior, runs.experiments) for prior in runs.parameters]
    assert len(set(said)) == len(said)
    assert any(text.endswith("\nPandaX-4T Run 1") for text in said)
    assert any(text.endswith("\nshared") for text in said)


def test_contours_hold_the_probability_they_are_labelled_with(moment: Model, tmp_path: Path) -> None:
    names = ("flux_pp", "flux_7be")
    figure = corner(moment, tmp_path / "corner.png", names=names)
    lines = [c for c in figure.axes[1].get_children() if isinstance(c, ContourSet) and not c.filled]
    outer, inner = sorted(lines[0].get_paths(), key=lambda path: -np.ptp(path.vertices))
    chain = drawn(moment, (0.4,))
    points = np.stack([chain.of(name)[:, 20:].ravel() for name in names], axis=-1)
    for path, level in ((inner, 0.68), (outer, 0.90)):
        assert path.contains_points(points).mean() == pytest.approx(level, abs=0.03)
    said = texts(figure)
    assert "contour: 68 % of probability" in said
    assert "contour: 90 % of probability" in said
    assert not any("sigma" in text.lower() or "σ" in text for text in said)


def test_the_limit_is_named_with_probability_kind_and_prior(moment: Model, tmp_path: Path) -> None:
    figure = corner(moment, tmp_path / "corner.png", truths={"mu_nu": 0.0})
    limit = np.quantile(drawn(moment, (0.4,)).of("mu_nu")[:, 20:], 0.9)
    title = figure.axes[0].get_title(loc="left")
    assert f"{limit:.3g}" in title
    assert "90 % credible upper limit" in title
    assert "prior flat on [0, 10]" in title
    lines = [line for line in figure.axes[0].lines if line.get_color() == plots.RED]
    assert [np.asarray(line.get_xdata())[0] for line in lines] == [pytest.approx(limit)]
    assert "marked value" in texts(figure)


def test_priors_are_drawn_over_their_marginals(moment: Model, tmp_path: Path) -> None:
    figure = corner(moment, tmp_path / "corner.png")
    for panel, prior in zip((0, 2, 5), moment.parameters[:3], strict=True):  # the diagonal of a triangle
        (line,) = (line for line in figure.axes[panel].lines if line.get_linestyle() == "--")
        assert line.get_ydata() == pytest.approx(np.exp(prior.logpdf(np.asarray(line.get_xdata()))))


def test_what_lies_below_the_physical_boundary_is_hatched(moment: Model, tmp_path: Path) -> None:
    hatched = [
        [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
        for axes in corner(moment, tmp_path / "c.png").axes
    ]
    assert [len(patches) for patches in hatched] == [1, 1, 0, 1, 0, 0]
    assert hatched[0][0].get_x() + hatched[0][0].get_width() == pytest.approx(0.0, abs=1e-12)


def test_no_two_tick_labels_and_no_label_overlap(runs: Model, tmp_path: Path) -> None:
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
def test_stamped_exactly_when_not_converged(
    moment: Model, tmp_path: Path, draw: Callable[..., Figure], verdict: Convergence
) -> None:
    said = texts(draw(moment, drawn(moment, (0.4,)), verdict, UPPER, tmp_path / "figure.png"))
    assert ("NOT CONVERGED" in said) is not verdict.converged
    assert any("R-hat is 1.2000" in text for text in said) is not verdict.converged


def test_components_that_float_one_by_one_have_their_own_labels_and_lines(tmp_path: Path) -> None:
    model = build(load("xenonnt-sr0-wide"), "mu_nu", preset(normalisations="prior"))
    figure = plots.spectrum_plot(model, drawn(model, (0.4,)), GOOD, UPPER, tmp_path / "spectrum.png")
    lines = {
        each.get_label(): each for each in figure.axes[0].patches if isinstance(each, StepPatch) and not each.get_fill()
    }
    own = [lines[label] for label in ("$^{214}$Pb", "$^{85}$Kr", "materials", "$^{136}$Xe", "$^{124}$Xe", "$^{133}$Xe")]
    own.append(lines["$^{83m}$Kr"])
    assert len({(each.get_edgecolor(), str(each.get_linestyle())) for each in own}) == len(own)


def test_counts_of_unequal_bins_are_drawn_per_kev(tmp_path: Path) -> None:
    """Bins of 1 and of 2 keV: data and curves are divided by the width, in each of the three figures."""
    experiment = load("xenonnt-sr0-wide")
    model = build(experiment, "mu_nu")
    widths = np.diff(experiment.edges_kev)
    assert {*widths} == {1, 2}
    spectrum = plots.spectrum_plot(model, drawn(model, (0.4,)), GOOD, UPPER, tmp_path / "spectrum.png")
    budget = plots.budget_plot(budget_of(experiment, preset()), tmp_path / "budget.png")
    signals = plots.signal_plot(experiment, preset(), tmp_path / "signals.png", values={"mu_nu": [0.8]})
    for axes in (spectrum.axes[0], budget.axes[0], signals.axes[1]):
        assert axes.get_ylabel() == "Counts per keV"
        points = axes.containers[0].get_children()[0]
        assert isinstance(points, Line2D)
        assert np.asarray(points.get_ydata()) == pytest.approx(model.observed / widths)
    total = next(each for each in budget.axes[0].patches if each.get_label() == "total of the file")
    assert isinstance(total, StepPatch)
    assert experiment.background.total is not None
    assert total.get_data()[0] == pytest.approx(experiment.background.total / widths)


def test_spectrum_shows_every_run_with_its_data_and_components(runs: Model, tmp_path: Path) -> None:
    figure = plots.spectrum_plot(runs, drawn(runs, (0.4,)), GOOD, EQUAL, tmp_path / "spectrum.png")
    assert len(figure.axes) == 4
    for axes, block in zip(figure.axes[::2], runs.blocks, strict=True):
        assert axes.get_ylabel() == "Counts per 1 keV bin"
        points = axes.containers[0].get_children()[0]
        assert isinstance(points, Line2D)
        assert np.asarray(points.get_ydata()) == pytest.approx(runs.observed[block.bins])
    assert all(axes.get_xlabel() == "Reconstructed energy [keV]" for axes in figure.axes[1::2])
    said = texts(figure)
    assert said.count("solar ν, Standard Model") == 2
    assert said.count("tritium") == 2
    assert said.count("$^{127}$Xe") == 1  # only in Run 0
    assert len({text for text in said if "at the 90 % bound" in text}) == 2  # both ends


@pytest.mark.parametrize(
    "label", [r"$\ce{^{3}H}$", "$^{3H$", "$$", "5 $", r"$\sqrt$", "$" + 45 * "{" + "x" + 45 * "}" + "$", "$^{3}$H"]
)
def test_a_label_whose_formula_cannot_be_set_is_shown_as_text(tmp_path: Path, label: str) -> None:
    loaded = load("xenonnt-sr0")
    named = tuple(replace(c, label=label) if c.name == "136Xe" else c for c in loaded.background.components)
    experiment = replace(loaded, background=replace(loaded.background, components=named))
    model = build([experiment], ["mu_nu"])
    figure = plots.spectrum_plot(model, drawn(model, (0.4,)), GOOD, EQUAL, tmp_path / "spectrum.png")
    shown = [text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()]
    assert [text.replace(r"\$", "$") for text in shown if text.replace(r"\$", "$") == label] == [label]
    assert (label in shown) == (label == "$^{3}$H")


def test_components_of_a_spectrum_add_up(runs: Model) -> None:
    theta = runs.nominal()
    backgrounds = spectrum._count_backgrounds(runs, runs.coefficients(theta))
    limit = CredibleInterval(kind="upper", probability=0.9, pieces=(Piece(None, 0.5),), median=0.2)
    neutrinos = spectrum._count_neutrinos(runs, theta, {"q_nu": limit})
    standard, bound = (curve[-1] for curve in neutrinos.values())
    total = sum(curve[-1] for curve in backgrounds.values())
    assert total + standard == pytest.approx(runs.expected(theta))
    assert total + bound == pytest.approx(runs.expected(np.array([0.5, *theta[1:]])))


def test_garwood_interval_holds_its_probability_in_the_tails() -> None:
    observed = np.array([0, 1, 4, 30])
    low, high = plots.garwood(observed)
    assert low[0] == 0
    assert poisson.sf(observed[1:] - 1, low[1:]) == pytest.approx(0.16)
    assert poisson.cdf(observed, high) == pytest.approx(0.16)


def test_profile_figure_has_levels_intervals_and_posterior(moment: Model, tmp_path: Path) -> None:
    curve = Line(ToyFitter(moment)).scan()
    exact, interval = marginal(moment), profile.interval(moment, one_sided=True)
    figure = plots.profile_plot(moment, curve, exact, UPPER, tmp_path / "profile.pdf", intervals=[interval])
    above, below = figure.axes
    said = texts(figure)
    assert any("two-sided\n(2.71)" in text for text in said)
    assert any("one-sided\n(1.64)" in text for text in said)
    (bar,) = (line for line in above.lines if "profile one-sided limit" in str(line.get_label()))
    assert bar.get_xdata() == pytest.approx([0.0, interval.upper])
    density = below.lines[0]
    assert np.trapezoid(np.asarray(density.get_ydata()), np.asarray(density.get_xdata())) == pytest.approx(1, abs=0.01)
    assert any(f"{exact.quantile(0.9):.3g}" in text and "90 % credible upper limit" in text for text in said)
    assert below.get_xlabel() == plots.label(moment.physics[0])


@pytest.mark.parametrize(
    ("name", "head", "tail"), [("a.png", b"\x89PNG", b"IEND\xaeB`\x82"), ("a.PDF", b"%PDF", b"%%EOF\n")]
)
def test_files_are_complete_and_what_their_names_say(
    moment: Model, tmp_path: Path, name: str, head: bytes, tail: bytes
) -> None:
    corner(moment, tmp_path / name, names=["mu_nu"])
    content = (tmp_path / name).read_bytes()
    assert content.startswith(head)
    assert content.endswith(tail)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    corner(moment, tmp_path / name, names=["mu_nu"])
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["figure.jpeg", "figure"])
def test_unknown_suffix_names_the_allowed_ones(moment: Model, tmp_path: Path, name: str) -> None:
    with pytest.raises(BayesnuError, match=r"use \.png or \.pdf$"):
        corner(moment, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_sentence(moment: Model, tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match="there is no folder"):
        corner(moment, tmp_path / "missing" / "corner.png", names=["mu_nu"])
    (tmp_path / "file").write_text("kept")
    with pytest.raises(BayesnuError, match="cannot be written"):
        corner(moment, tmp_path / "file" / "corner.png", names=["mu_nu"])
    assert (tmp_path / "file").read_text() == "kept"


def test_an_interrupted_write_leaves_the_old_figure(moment: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "corner.png"
    path.write_text("old")

    def full(self: Figure, copy: Path, **options: Any) -> None:
        copy.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(BayesnuError, match="No space left on device"):
        corner(moment, path, names=["mu_nu"])
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["corner.png"]


def test_a_notebook_keeps_its_figures_style_and_backend(moment: Model, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    corner(moment, tmp_path / "corner.png")
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_figures_are_written_in_few_colours_and_sharp_enough_to_print(moment: Model, tmp_path: Path) -> None:
    figure = corner(moment, tmp_path / "corner.png")
    shown = Image.open(tmp_path / "corner.png")
    assert shown.mode == "P" and len(shown.getcolors() or ()) <= 256
    assert min(shown.size) > 0.9 * 200 * figure.get_figwidth()
    colours = shown.convert("RGB").getcolors(256) or []
    for colour in ("white", "black", DARK, LIGHT, plots.RED):
        wanted = np.multiply(to_rgb(colour), 255)
        assert min(np.abs(np.subtract(each, wanted)).max() for _, each in colours) < 8, colour


def test_what_sticks_out_of_a_page_is_not_cut_off(tmp_path: Path) -> None:
    for layout in (None, "constrained"):
        with new_figure(tmp_path / "figure.png", (), figsize=(2, 1), layout=layout) as figure:
            figure.subplots()
            figure.text(1.5, 0.5, "far", color="red")
        red = np.asarray(Image.open(tmp_path / "figure.png").convert("RGB"))[..., 1] < 100
        assert red.any() and not red[:, -5:].any()


def test_corner_with_arviz_is_left_to_whoever_imports_it_afterwards() -> None:
    script = (
        "import sys, bayesnu.plots\n"
        "print([name for name in ('arviz', 'arviz_stats', 'emcee', 'scipy.stats') if name in sys.modules])\n"
        "import corner\n"
        "print(sys.modules['corner.corner'].arviz_corner is not None, 'arviz' in sys.modules)\n"
    )
    ignoring = ("-W", "ignore::FutureWarning")  # arviz 0.23 announces arviz 1
    done = subprocess.run([sys.executable, *ignoring, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True True"]


def test_an_interval_in_words_has_every_piece(moment: Model) -> None:
    found = CredibleInterval(kind="hdi", probability=0.9, median=0.0, pieces=(Piece(-42.6, -41.7), Piece(-0.5, 0.5)))
    said = interval_text(moment.parameters[0], found)
    assert "in [−42.6, −41.7] ∪ [−0.5, 0.5] ×" in said


def test_figures_drawn_in_threads_are_those_drawn_one_by_one(moment: Model, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    corner(moment, tmp_path / "alone.png")
    paths = [tmp_path / f"{n}.png" for n in range(3)]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda path: corner(moment, path), paths))
    alone = (tmp_path / "alone.png").read_bytes()
    assert [path.read_bytes() == alone for path in paths] == [True] * 3
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("first", ["bayesnu.studies.figures.toys", "bayesnu.inference.arviz_lines"])
def test_a_backend_that_is_not_there_is_not_asked_for(first: str, tmp_path: Path) -> None:
    named = "module://not_installed.backend_inline"  # as a notebook hands on to its commands
    script = (
        f"import os, {first}\n"
        "from bayesnu.plots.style import new_figure\n"
        f"with new_figure({str(tmp_path / 'figure.png')!r}, ()): pass\n"
        "print(os.environ['MPLBACKEND'])\n"
    )
    environment = os.environ | {"MPLBACKEND": named}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{named}\n", "")
    assert (tmp_path / "figure.png").is_file()


def test_a_backend_that_is_there_is_the_one_that_was_asked_for() -> None:
    script = "import bayesnu.plots, matplotlib; print(matplotlib.get_backend().lower())"
    environment = os.environ | {"MPLBACKEND": "svg"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "svg\n"


def test_unknown_names_and_too_short_chains_are_sentences(moment: Model, tmp_path: Path) -> None:
    with pytest.raises(BayesnuError, match="did you mean 'flux_pp'"):
        corner(moment, tmp_path / "corner.png", names=["flux_p"])
    for draw in (plots.corner_plot, plots.spectrum_plot):
        with pytest.raises(BayesnuError, match="3 steps are left after the burn-in; a figure needs 4"):
            draw(moment, drawn(moment, (0.4,), steps=23), GOOD, UPPER, tmp_path / "figure.png")


def test_a_parameter_that_never_moved_is_still_drawn(moment: Model, tmp_path: Path) -> None:
    chain = drawn(moment, (0.4,))
    chain.samples[..., 1] = 1.0
    plots.corner_plot(moment, chain, BAD, UPPER, tmp_path / "corner.png", names=moment.names[:3])
    assert (tmp_path / "corner.png").stat().st_size > 10_000


def two_parameters(*names: str, experiment: str = "xenonnt-sr0", grid: int = 41) -> Joint:
    return joint(build([load(experiment)], names), grid)


def test_contours_say_what_they_are_and_lie_where_they_say(tmp_path: Path) -> None:
    found = two_parameters("q_nu", "mu_nu")
    figure = plots.contour_plot(found, tmp_path / "contours.png")
    said = texts(figure)
    assert "posterior, 68 % of probability, prior flat" in said
    assert "posterior, 90 % of probability, prior flat" in said
    assert any("= 2.30 (68.27 %)" in text for text in said)
    assert any("= 4.61 (90 %)" in text for text in said)
    assert any("= 5.99 (95 %)" in text for text in said)
    assert {"XENONnT SR0", "best fit (0.127, 0)", "Standard Model", "below the physical boundary 0"} <= {*said}
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == tuple(plots.label(prior) for prior in found.model.physics)
    (lines,) = (c for c in axes.get_children() if isinstance(c, ContourSet) and not c.filled)
    profiler = Profiler(found.model)
    for path, level in zip(lines.get_paths(), PROFILE_PROBABILITIES, strict=True):
        theta = np.tile(found.model.nominal(), (np.shape(path.vertices)[0], 1))
        theta[:, :2] = path.vertices
        chi2 = profiler.fit(theta, profiler.nuisances_free()).chi2
        assert chi2 - found.chi2_min == pytest.approx(profile_level(level), abs=0.1)
    (hatched,) = (patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_hatch())
    assert hatched.get_y() + hatched.get_height() == pytest.approx(0)


def test_a_ring_has_a_hole_and_its_best_fit_is_not_a_point(tmp_path: Path) -> None:
    figure = plots.contour_plot(two_parameters("r2_nu_e", "r2_nu_mu", grid=61), tmp_path / "ring.png")
    lines, *_ = (c for c in figure.axes[0].get_children() if isinstance(c, ContourSet) and not c.filled)
    loops = [loop for loop in lines.get_paths()[0].to_polygons(closed_only=False) if np.shape(loop)[0] > 3]
    points = np.concatenate(loops)
    low, high = points.min(axis=0), points.max(axis=0)
    # The label of the level cuts the outer edge of the ring; only its inner edge stays away from all four sides.
    inner = [loop for loop in loops if np.all(np.min(loop, axis=0) > low + 20) and np.all(np.max(loop, axis=0) < high - 20)]
    assert len(inner) == 1 and len(loops) >= 2
    said = texts(figure)
    assert any("no single point" in text for text in said)
    assert not any(text.startswith("best fit (") or "boundary" in text for text in said)


def test_contours_mark_the_end_of_a_prior_and_say_that_they_are_open(tmp_path: Path) -> None:
    model = build([load("xenonnt-sr0")], ["q_nu", "mu_nu"])
    cut = model.with_priors(with_kind(model.parameters[1], "flat", upper=0.5))
    assert "end of a prior" in texts(plots.contour_plot(joint(cut, 31), tmp_path / "cut.png"))
    blind = replace(model, templates=model.templates * ~np.any(model.factors == 0, axis=1)[:, None])
    found = joint(blind, 31)
    assert found.x[[0, -1]].tolist() == [-4, 4]
    assert any(text.startswith("no limit: ") for text in texts(plots.contour_plot(found, tmp_path / "open.png")))


def test_signals_are_those_of_the_prediction_and_the_fit(tmp_path: Path) -> None:
    experiment, choices = load("xenonnt-sr0"), preset("default")
    figure = plots.signal_plot(experiment, choices, tmp_path / "signals.png", values={"mu_nu": [1.0], "q_nu": [-0.2, 0.5]})
    (left, right), (left_q, _) = np.array(figure.axes).reshape(2, 2)
    lines = left.lines
    assert len(lines) == 6 and len(left_q.lines) == 9
    energies = lines[3].get_xdata()
    rates = predict.rate(energies, choices, mu_nu=1.0)
    assert lines[3].get_ydata()[:500] == pytest.approx(rates.sum(axis=0)[:500])
    assert lines[4].get_ydata()[:100] == pytest.approx(rates[0, :100])
    assert left.get_xscale() == "log"
    model = build([experiment], ["mu_nu"])
    fit = Profiler(model).at(0, np.array([1.0]))
    steps = [patch.get_data()[0] for patch in right.patches]
    assert any(np.allclose(values, model.expected(fit.theta[0])) for values in steps)
    assert right.containers[0].lines[0].get_ydata() == pytest.approx(model.observed)
    said = texts(figure)
    assert any("= 1 × $10^{-11}" in text for text in said)
    assert any("= −0.2 × $10^{-12}" in text for text in said)


def test_signals_of_all_solar_components_have_one_more_line(tmp_path: Path) -> None:
    choices = preset("default", solar_components="all")
    figure = plots.signal_plot(load("xenonnt-sr0"), choices, tmp_path / "signals.png", values={"mu_nu": [1.0]})
    lines = figure.axes[0].lines[4:]  # behind those of the Standard Model
    assert len(lines) == 4
    total, pp, beryllium, others = (np.asarray(line.get_ydata(), dtype=float)[:400] for line in lines)
    np.testing.assert_allclose(pp + beryllium + others, total, rtol=1e-12)
    rates = predict.rate(lines[3].get_xdata(), choices, mu_nu=1.0)
    np.testing.assert_allclose(others, rates[2:].sum(axis=0)[:400], rtol=1e-12)
    assert {"solar ν, all", "solar ν, pep and CNO"} <= set(texts(figure))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([], "values of q_nu: found 0; give one or two numbers"),
        ([1.0] * 3, "values of q_nu: found 3; give one or two numbers"),
        ([float("nan")], "q_nu: found nan; must be a finite number in units of 1e-12 e"),
        ([1e-12], "q_nu: found 1e-12 in units of 1e-12 e; give 1 if 1e-12 e is meant, or 0"),
    ],
)
def test_values_that_cannot_be_drawn_are_a_sentence(tmp_path: Path, values: list[float], sentence: str) -> None:
    with pytest.raises(BayesnuError, match=f"^{sentence}$"):
        plots.signal_plot(load("xenonnt-sr0"), preset("default"), tmp_path / "s.png", values={"q_nu": values})


def test_commands_draw_and_print_two_parameters(tmp_path: Path) -> None:
    words = ("contours", "xenonnt-sr0", "--parameters", "q_nu,mu_nu")
    found = answer(*words, "--json", "--output", tmp_path / "contours.pdf")
    assert (tmp_path / "contours.pdf").is_file()
    assert found["units"] == ["e", "mu_B"]
    assert np.shape(found["delta_chi2"]) == np.shape(found["density"]) == (len(found["x"]), len(found["y"]))
    whole = np.trapezoid(np.trapezoid(found["density"], found["y"], axis=1), found["x"])
    assert whole == pytest.approx(1)
    assert found["best_fits"][0] == pytest.approx([1.274e-13, 0], rel=1e-3)
    assert [level["delta_chi2"] for level in found["profile_levels"]] == pytest.approx([2.30, 4.61, 5.99], abs=0.01)
    assert "two names" in refusal("contours", "xenonnt-sr0", "--parameters", "q_nu", "--json")
    assert "--output: none given" in refusal(*words)


def test_commands_draw_and_print_a_curve(tmp_path: Path) -> None:
    words = ("curve", "xenonnt-sr0", "--parameter", "r2_nu", "--flavour", "e")
    found = answer(*words, "--json")
    limits = answer("limits", *words[1:], "--no-toys", "--json")
    assert found["profile"][0] == {key: limits[key] for key in found["profile"][0]}
    assert np.interp(limits["upper"], found["values"], found["delta_chi2"]) == pytest.approx(2.7055, abs=0.01)
    assert np.trapezoid(found["posterior_density"], found["values"]) == pytest.approx(1, abs=0.01)
    for more in ((), ("--cl", "0.4")):  # below a half there is no one-sided level to draw
        said = invoke(*words, *more, "--output", tmp_path / "curve.png").stdout
        assert said.startswith(f"wrote {tmp_path / 'curve.png'}\ngoodness of fit, r2_nu_e free: ")
    assert "3 parameters; a curve needs one" in refusal(
        "curve", "xenonnt-sr0", "--parameter", "q_nu", "--flavour", "all", "--json"
    )


def test_command_draws_signals(tmp_path: Path) -> None:
    assert invoke("signals", "pandax4t-run1", "--preset", "paper", "--output", tmp_path / "s.png").exit_code == 0
    assert (tmp_path / "s.png").stat().st_size > 50_000


@pytest.mark.parametrize("name", ["xenonnt-sr0", "pandax4t-run1", "pandax4t-run0-first"])
def test_the_stack_ends_at_the_total_and_every_part_is_told_apart(name: str, tmp_path: Path) -> None:
    experiment = load(name)
    figure = plots.budget_plot(budget_of(experiment, preset()), tmp_path / "budget.png")
    above, below = figure.axes
    filled = [patch for patch in above.patches if isinstance(patch, StepPatch) and patch.get_fill()]
    (total,) = (patch for patch in above.patches if patch.get_label() == "total of the file")
    assert isinstance(total, StepPatch) and experiment.background.total is not None
    np.testing.assert_allclose(total.get_data()[0], experiment.background.total[experiment.in_region], rtol=1e-12)
    np.testing.assert_allclose(filled[-1].get_data()[0], total.get_data()[0], rtol=1e-12)
    assert len(filled) == 1 + len(experiment.background.components)
    assert len({(str(patch.get_facecolor()), patch.get_hatch()) for patch in filled}) == len(filled)
    published = experiment.background.published_solar_neutrinos
    assert published is not None
    (line,) = (patch for patch in below.patches if patch.get_label() == "solar ν of the file")
    assert isinstance(line, StepPatch)
    np.testing.assert_array_equal(line.get_data()[0], published[experiment.in_region])


def test_command_checks_a_file_in_words_numbers_and_a_figure(tmp_path: Path) -> None:
    words = ("check", "xenonnt-sr0", "--plot", tmp_path / "budget.png")
    said = invoke(*words).stdout
    assert (tmp_path / "budget.png").is_file() and said.endswith("they agree\n")
    assert "solar neutrinos of the model" in said and "remainder" in said
    found = answer(*words, "--json")
    assert not found["neutrinos"]["contradiction"]
    assert sum(found["budget"]["neutrinos"]) == pytest.approx(77.16, abs=0.01)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(template().replace("tonne_years = 2.0", "tonne_years = 20.0"), encoding="utf-8")
    result = invoke("check", wrong)
    assert result.exit_code == 1
    last = result.stdout.splitlines()[-1]
    assert last.startswith("CONTRADICTION: my-experiment: the model has 210.") and "the file states 20 +- 2" in last
    assert "figure cannot be written" in refusal("check", "xenonnt-sr0", "--plot", "budget.jpg")


def test_a_part_of_a_figure_of_ones_own_is_drawn_on_and_returned(moment: Model, tmp_path: Path) -> None:
    own = Figure(figsize=(12, 6))
    FigureCanvasAgg(own)
    parts: Any = own.subfigures(1, 2)
    left, right = parts
    chain = drawn(moment, (0.4,))
    assert plots.corner_plot(moment, chain, GOOD, UPPER, names=moment.names[:2], on=left) is left
    assert plots.spectrum_plot(moment, chain, BAD, UPPER, on=right) is right
    assert "NOT CONVERGED" in [text.get_text() for text in right.texts] and not left.texts
    own.savefig(tmp_path / "own.png")
    with pytest.raises(BayesnuError, match="found a path beside `on`"):
        plots.corner_plot(moment, chain, GOOD, UPPER, tmp_path / "corner.png", on=own)
    axes: Any = own.axes[0]
    with pytest.raises(BayesnuError, match=r"^on: found <Axes"):
        plots.corner_plot(moment, chain, GOOD, UPPER, on=axes)


def test_a_figure_without_a_path_is_returned_and_not_written(moment: Model, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    figure = plots.marginal_plot(moment, drawn(moment, (0.4,)), GOOD, UPPER)
    assert len(figure.axes) >= len(moment.names) and [*tmp_path.iterdir()] == []
    own = Figure()
    assert plots.marginal_plot(moment, drawn(moment, (0.4,)), GOOD, UPPER, on=own) is own  # without room outside of panels
