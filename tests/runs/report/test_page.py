"""The report: verdict first, everything in one inert file, and the same as Markdown. Runs are sampled for a few steps."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from bayesnu import experiments as data
from bayesnu.cli.main import main
from bayesnu.runs import chain_file, config, run, sampling
from bayesnu.runs.report.document import (
    Block,
    Code,
    Heading,
    Picture,
    Table,
    Text,
    Verdict,
    html,
    markdown,
    write_html,
    write_markdown,
)
from bayesnu.support.errors import BayesnuError

EVIL = "<script>alert(1)</script> | *b* [x](y) <img src=x onerror=alert(1)>"
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Collects tags with their attributes and text, and sees that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append((self.open[-1], data.strip()))


def sampled(place: Path, experiment: str, steps: int = 10) -> Path:
    settings = {"steps": steps, "ensembles": 2, "walkers": 16}
    chosen = run.resolve((experiment,), "mu_nu", choices={"background": "single"}, sampling=settings)
    sampling.sample(chosen, place, figures=False, toys=False)
    return place


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of the package's data, and one of a file whose title is an attack."""
    base = tmp_path_factory.mktemp("runs")
    text = data.load("xenonnt-sr0").text.replace('name = "xenonnt-sr0"', 'name = "evil"', 1)
    (base / "evil.toml").write_text(text.replace('title = "XENONnT SR0"', f"title = '{EVIL}'", 1), encoding="utf-8")
    return sampled(base / "good", "xenonnt-sr0"), sampled(base / "evil", str(base / "evil.toml"))


@pytest.fixture(scope="module")
def written(places: tuple[Path, Path]) -> tuple[str, str]:
    """The report on both runs, as HTML and as Markdown."""
    page, text = places[0].parent / "two.html", places[0].parent / "two.md"
    said("report", *map(str, places), "--output", str(page), "--markdown", str(text))
    return page.read_text(encoding="utf-8"), text.read_text(encoding="utf-8")


def said(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


def test_the_page_is_self_contained_and_inert(written: tuple[str, str]) -> None:
    page = Page(written[0])
    assert not re.search(r"https?://|url\(|@import", written[0])
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert tag != "img" or str(attributes["src"]).startswith("data:image/png;base64,")
        assert str(attributes.get("href", "#")).startswith("#")
    assert any(EVIL in text for _, text in page.text)  # it is there, as text
    links = {str(a["href"])[1:] for tag, a in page.tags if tag == "a"}
    assert links == {a["id"] for _, a in page.tags if "id" in a} == {"run-1", "run-2"}


def test_what_is_no_run_among_several_is_left_out_by_name(places: tuple[Path, Path], tmp_path: Path) -> None:
    campaign = tmp_path / "expected"
    campaign.mkdir()
    (campaign / "campaign.toml").write_text("", encoding="utf-8")
    page = tmp_path / "page.md"
    output = said("report", str(places[0]), str(campaign), "--markdown", str(page))
    assert f"left out: {campaign}: no chain there" in output
    assert "Left out" in page.read_text(encoding="utf-8")
    assert "no run among 2" in said("report", str(campaign), str(campaign), "--markdown", str(page), code=2)
    assert "no chain there" in said("report", str(places[0]), str(tmp_path / "typo"), "--markdown", str(page), code=2)


def test_the_verdict_comes_first_and_an_unconverged_one_is_everywhere(written: tuple[str, str]) -> None:
    page = Page(written[0])
    said_first = [text for tag, text in page.text if tag in ("strong", "p", "td", "h2", "h3")]
    assert said_first[0] == "NOT CONVERGED: 2 of 2 runs"
    assert sum((tag, text) == ("strong", "NOT CONVERGED") for tag, text in page.text) == 2
    assert all(text.startswith("NOT CONVERGED") for tag, text in page.text if tag == "figcaption")
    assert sum(tag == "figcaption" for tag, _ in page.text) == 8
    after = [text for tag, text in page.text if tag == "p"]
    assert any(text.startswith("Not to be quoted: 90 % credible upper limit: mu_nu [1e-11 mu_B] <") for text in after)
    assert any("Monte-Carlo error" in text and "prior flat on [0, 10]" in text for text in after)


def test_everything_asked_for_is_on_the_page(places: tuple[Path, Path], written: tuple[str, str]) -> None:
    texts = [text for _, text in Page(written[0]).text]
    headings = ("Spectrum", "Corner", "Marginals", "Traces", "Diagnostics", "Resolved configuration", "Provenance")
    for needed in (*headings, "R-hat", "bulk ESS", "pull", "τ [steps]", "flux_7be", "digitised", "status", "Comparison"):
        assert needed in texts
    assert chain_file.read(places[0]).digest in texts
    assert any("numba " in text for text in texts)
    assert (places[0] / config.CONFIG).read_text(encoding="utf-8").strip() in texts


def test_markdown_says_the_same(places: tuple[Path, Path], written: tuple[str, str]) -> None:
    lines = written[1].splitlines()
    assert lines[0].startswith("# ") and lines[2] == "> **NOT CONVERGED: 2 of 2 runs**"
    assert "<script" not in written[1] and "<img" not in written[1]
    tables = [block.splitlines() for block in written[1].split("\n\n") if block.startswith("| ")]
    page = Page(written[0])
    assert len(tables) == sum(tag == "table" for tag, _ in page.tags)
    assert sum(len(table) - 1 for table in tables) == sum(tag == "tr" for tag, _ in page.tags)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
        assert set(table[1]) == set("| -")
    figures = re.findall(r"^!\[.*\]\((\S+)\)$", written[1], flags=re.MULTILINE)
    assert len(figures) == 8
    assert all((places[0].parent / figure).read_bytes().startswith(b"\x89PNG") for figure in figures)


def test_one_chain_goes_into_its_folder(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesnu.runs.report.page.FIGURES", {})
    assert said("report", str(places[0] / "chain.h5")) == f"wrote {places[0] / 'report.html'}\n"
    page = Page((places[0] / "report.html").read_text(encoding="utf-8"))
    assert ("h1", "mu_nu from XENONnT SR0") in page.text
    assert not any(tag == "h2" for tag, _ in page.tags)
    assert not list(places[0].glob("*.new"))


def test_a_mistake_is_one_sentence(places: tuple[Path, Path], tmp_path: Path) -> None:
    good, nowhere = str(places[0]), tmp_path / "no" / "a.html"
    for arguments, words in (
        ((good, str(places[1])), "give a FILE.html"),
        ((good, "--output", str(places[0] / "chain.h5")), "must end in .html"),
        ((good, "--markdown", "a.html"), "must end in .md"),
        ((str(tmp_path),), "no chain there"),
        ((good, "--output", str(nowhere)), "no such folder"),
    ):
        output = said("report", *arguments, code=2)
        assert words in output and output.startswith("Error: ") and len(output.splitlines()) == 1
    assert chain_file.read(good).steps == 10


def test_blocks_in_both_formats() -> None:
    blocks: list[Block] = [
        Verdict("Converged", ["a < 1"], good=True),
        Heading("A & B", 2, "run-1"),
        Text("1 | 2\n* 3 $x$"),
        Table("T", ("a", "b"), [(("x", "run-1"), "<b>")]),
        Picture("p", "<i>", b"png"),
        Code("x = '<'\n"),
    ]
    page = html("<title>", blocks)
    Page(page)
    for words in (
        "&lt;title&gt;",
        'class="verdict"',
        '<h2 id="run-1">A &amp; B</h2>',
        "&lt;b&gt;",
        "base64,cG5n",
        "&#x27;&lt;",
    ):
        assert words in page
    text = markdown("t", blocks, "my figures")
    for words in (
        "> **Converged**",
        "1 \\| 2 \\* 3 \\$x\\$",
        "| [x](#run-1) | &lt;b&gt; |",
        "(my%20figures/p.png)",
        "    x = '<'",
    ):
        assert words in text


def test_a_file_is_complete_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.html").mkdir()
    for write, name in ((write_html, "a.html"), (write_markdown, "no/a.md")):
        with pytest.raises(BayesnuError, match="cannot be written"):
            write(tmp_path / name, "t", [Text("\udcff")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    write_html(tmp_path / "b.html", "t", [Text("a name that is not UTF-8: \udcff")])
    assert "\\udcff" in (tmp_path / "b.html").read_text(encoding="utf-8")
