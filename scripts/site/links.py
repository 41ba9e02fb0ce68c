"""The check of a built site: its own links lead somewhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
IGNORED_RELATIONS = {"canonical"}


@dataclass
class Page(HTMLParser):
    """The places of one page that can be linked to, what it links to, and what it loads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in LOADED and LOADED[tag] in found and found.get("rel") not in IGNORED_RELATIONS:
            self.loads.append(found[LOADED[tag]])


def find_faults(site: Path) -> list[str]:
    """One sentence for each link that leads nowhere and each thing that is loaded from elsewhere."""
    pages = {path: _read_page(path) for path in sorted(site.rglob("*.html"))}
    faults = []
    for path, page in pages.items():
        name = path.relative_to(site)
        outside = [each for each in page.loads if urlsplit(each).netloc]
        faults += [f"{name} loads {each} from elsewhere" for each in outside]
        inside = [each for each in [*page.links, *page.loads] if not urlsplit(each).scheme and not urlsplit(each).netloc]
        faults += [f"{name} links to {each}, which is not there" for each in inside if not _is_there(path, each, pages)]
    return faults


def _read_page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _is_there(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return False
    return not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
