"""A report as a document: few kinds of blocks, written as one self-contained HTML page or as Markdown.

Every text is escaped where it is written, whatever file it comes from; the page loads nothing and runs nothing.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from bayesnu.support.errors import BayesnuError
from bayesnu.support.files import reason_of, whole_file


@dataclass(frozen=True)
class Heading:
    """A heading; level 2 begins a section, which `link` names."""

    text: str
    level: int = 3
    link: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Verdict:
    """What comes first: a word, and sentences below it; `good` decides how it looks."""

    word: str
    sentences: Sequence[str]
    good: bool


@dataclass(frozen=True)
class Table:
    """A table with a caption; a cell may be a (text, link) to a section."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | tuple[str, str]]]


@dataclass(frozen=True)
class Picture:
    """A PNG with the text below it; `name` is unique in the document, `good` decides how the text looks."""

    name: str
    caption: str
    png: bytes
    good: bool = True


@dataclass(frozen=True)
class Code:
    """Lines kept as they are."""

    text: str


Block: TypeAlias = Heading | Text | Verdict | Table | Picture | Code
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a;
  background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 3px solid #1a1a1a; }
h3 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
.verdict { border: 2px solid #00785a; border-left-width: .75rem; padding: .5rem 1rem; margin: 0 0 1rem; }
.verdict strong { font-size: 1.3rem; color: #00785a; }
.verdict p { margin: .25rem 0; }
.verdict.bad { border-color: #b3261e; background: #fdecea; }
.verdict.bad strong { font-size: 1.8rem; color: #b3261e; }
.caption { font-size: .875rem; font-weight: 600; margin: 1rem 0 .25rem; }
.scroll { overflow-x: auto; margin: 0 0 1rem; background: /* a shadow where there is more to scroll to */
  linear-gradient(to left, #fff 30%, #fff0) right / 2.5rem 100% no-repeat local,
  linear-gradient(to left, #0004, #0000) right / .75rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #ccc; }
thead th { border-bottom: 2px solid #1a1a1a; white-space: nowrap; }
td { min-width: 4rem; max-width: 24rem; }
td.short, td.medium { white-space: nowrap; }
td.long { min-width: 16rem; }
figure { margin: .5rem 0 1.25rem; }
img { display: block; max-width: 100%; height: auto; }
figcaption { font-size: .875rem; color: #444; }
figcaption.bad { color: #b3261e; font-weight: 600; }
pre { overflow-x: auto; font-size: .8rem; line-height: 1.4; padding: .75rem; background: #f4f4f4; overflow-wrap: normal; }
@media print {
  @page { margin: 15mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3, .caption { break-after: avoid; }
  .scroll, pre { overflow: visible; background: none; }
  table { width: 100%; font-size: 8pt; }
  th, td { padding-right: .5rem; }
  td { min-width: 0; max-width: none; }
  thead th, td.medium { white-space: normal; }
  td.long { min-width: 0; overflow-wrap: anywhere; }
  tr, figure, .verdict { break-inside: avoid; }
  h2 { break-before: page; border: 0; }
  img { max-height: 210mm; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8pt; border: 1px solid #ccc; }
}
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def html(title: str, blocks: Sequence[Block]) -> str:
    """The document as one page."""
    return PAGE.format(title=escape(title), style=STYLE, body="\n".join(map(_to_html, blocks)))


def _to_html(block: Block) -> str:
    match block:
        case Heading(text, level, link):
            anchor = f' id="{escape(link)}"' if link else ""
            return f"<h{level}{anchor}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Verdict(word, sentences, good):
            lines = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
            return f'<div class="verdict{"" if good else " bad"}"><strong>{escape(word)}</strong>{lines}</div>'
        case Table(caption, columns, rows):
            head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
            body = "\n".join(f"<tr>{''.join(map(_cell_to_html, row))}</tr>" for row in rows)
            inner = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
            box = f'<div class="scroll" tabindex="0"><table>\n{inner}\n</table></div>'
            return f'<p class="caption">{escape(caption)}</p>\n{box}'
        case Picture(_, caption, png, good):
            mark = "" if good else ' class="bad"'
            image = f'<img alt="{escape(caption)}" src="data:image/png;base64,{b64encode(png).decode()}">'
            return f"<figure>{image}<figcaption{mark}>{escape(caption)}</figcaption></figure>"
        case Code(text):
            return f'<pre tabindex="0">{escape(text)}</pre>'


def _cell_to_html(cell: str | tuple[str, str]) -> str:
    text, link = (cell, "") if isinstance(cell, str) else cell
    inner = f'<a href="#{escape(link)}">{escape(text)}</a>' if link else escape(text)
    size = "short" if len(text) < 16 else "medium" if len(text) < 26 else "long"
    return f'<td class="{size}">{inner}</td>'


def markdown(title: str, blocks: Sequence[Block], folder: str) -> str:
    """The document as Markdown, with its pictures as files of `folder`."""
    return "\n\n".join([f"# {_escape_text(title)}", *(_to_markdown(block, folder) for block in blocks)]) + "\n"


def _to_markdown(block: Block, folder: str) -> str:
    match block:
        case Heading(text, level, link):
            return (f'<a id="{escape(link)}"></a>\n\n' if link else "") + f"{'#' * level} {_escape_text(text)}"
        case Text(text):
            return _escape_text(text)
        case Verdict(word, sentences, _):
            return "\n>\n".join(f"> {line}" for line in (f"**{_escape_text(word)}**", *map(_escape_text, sentences)))
        case Table(caption, columns, rows):
            cells = [
                [_escape_text(c) if isinstance(c, str) else f"[{_escape_text(c[0])}](#{c[1]})" for c in row] for row in rows
            ]
            lines = [[*map(_escape_text, columns)], ["---"] * len(columns), *cells]
            return f"{_escape_text(caption)}:\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Picture(name, caption):
            return f"![{_escape_text(caption)}]({quote(f'{folder}/{name}.png')})\n\n{_escape_text(caption)}"
        case Code(text):
            return "\n".join(f"    {line}" for line in text.splitlines())


def _escape_text(text: str) -> str:
    """Text without any meaning in HTML or Markdown, in one line."""
    return re.sub(r"([\\`*_\[\]|~$#!])", r"\\\1", escape(" ".join(text.split()), quote=False))


def write_html(path: Path, title: str, blocks: Sequence[Block]) -> None:
    """Write the page; raises `BayesnuError` if it cannot be."""
    _write_file(path, html(title, blocks).encode("utf-8", "backslashreplace"))


def write_markdown(path: Path, title: str, blocks: Sequence[Block]) -> None:
    """Write the Markdown, and before it its pictures into a folder beside it; raises `BayesnuError` if it cannot be."""
    folder = path.with_name(f"{path.stem}_figures")
    try:
        folder.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise BayesnuError(_refuse_place(folder, error)) from None
    for block in blocks:
        if isinstance(block, Picture):
            _write_file(folder / f"{block.name}.png", block.png)
    _write_file(path, markdown(title, blocks, folder.name).encode("utf-8", "backslashreplace"))


def _write_file(path: Path, content: bytes) -> None:
    """Write a file that is complete or not there."""
    with whole_file(path, lambda error: _refuse_place(path, error)) as new:
        new.write_bytes(content)


def _refuse_place(path: Path, error: Exception) -> str:
    return f"{path}: the report cannot be written ({reason_of(error)}); choose another place"
