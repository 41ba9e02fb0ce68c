"""Pages with code as notebooks for download, written before the pages are read."""

from __future__ import annotations

from pathlib import Path

import jupytext
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_notebooks(app: Sphinx) -> None:
    """Write each page that a kernel runs to `_build/notebooks`."""
    source = Path(app.srcdir)
    folder = source / "_build" / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for page in [*source.glob("*.md"), *source.glob("*/*.md")]:
        if "\nkernelspec:" in page.read_text(encoding="utf-8"):
            jupytext.write(jupytext.read(page), folder / f"{page.stem}.ipynb")
