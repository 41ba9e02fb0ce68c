"""The documentation site: what every page of it keeps to, and the check of links that ends its build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.site.links import find_faults

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LEARNT = sorted(page for part in (".", "tutorials", "howto", "reference") for page in (DOCS / part).glob("*.md"))
NEW = [
    page for page in LEARNT if page.parent != DOCS or page.stem in ("index", "install", "quickstart", "gallery", "glossary")
]
each_page = pytest.mark.parametrize("page", NEW, ids=lambda page: page.stem)
WORDS = 30  # of a sentence, fewer
FITTING = 88  # characters of a line of code, on a page as wide as a desk shows it


def read_prose(page: Path) -> str:
    """A page without its head, its code and its tables."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?^---\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^\|.*\n", "", text, flags=re.MULTILINE)


@each_page
def test_sentences_are_short(page: Path) -> None:
    sentences = re.split(r"[.?:!]\s|\n\n|\n[*#]", read_prose(page))
    assert [each for each in sentences if len(each.split()) >= WORDS] == []


@each_page
def test_a_page_with_code_is_a_notebook_whose_lines_fit(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert ("```{code-cell}" in text) == ("\nkernelspec:" in text)
    cells = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert [line for cell in cells for line in cell.splitlines() if len(line) > FITTING] == []


def test_every_tutorial_is_in_the_contents_and_offers_itself() -> None:
    contents = (DOCS / "tutorials" / "index.md").read_text(encoding="utf-8")
    for page in (DOCS / "tutorials").glob("*.md"):
        if page.stem != "index":
            assert re.search(rf"^{page.stem}$", contents, re.MULTILINE)
            assert f"_build/notebooks/{page.stem}.ipynb" in page.read_text(encoding="utf-8")


def write_site(folder: Path, body: str) -> Path:
    (folder / "other.html").write_text('<h1 id="there">Other</h1>', encoding="utf-8")
    (folder / "index.html").write_text(body, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "body",
    [
        '<a href="other.html">x</a>',
        '<a href="other.html#there">x</a>',
        '<a href="#here">x</a><p id="here">',
        '<a href="https://arxiv.org/abs/2510.12449">a paper that a reader may open</a>',
    ],
)
def test_a_link_that_leads_somewhere_is_no_fault(tmp_path: Path, body: str) -> None:
    assert find_faults(write_site(tmp_path, body)) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="none.html">x</a>', "index.html links to none.html, which is not there"),
        ('<a href="other.html#gone">x</a>', "index.html links to other.html#gone, which is not there"),
        ('<a href="#gone">x</a>', "index.html links to #gone, which is not there"),
        ('<img src="gone.png">', "index.html links to gone.png, which is not there"),
        ('<script src="https://a.b/c.js"></script>', "index.html loads https://a.b/c.js from elsewhere"),
        ('<link rel="stylesheet" href="//a.b/c.css">', "index.html loads //a.b/c.css from elsewhere"),
    ],
)
def test_what_leads_nowhere_or_is_loaded_from_elsewhere_is_found(tmp_path: Path, body: str, fault: str) -> None:
    assert find_faults(write_site(tmp_path, body)) == [fault]
