"""Settings of the documentation site, which `python3 scripts/docs.py` builds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the extensions of this site are in scripts/site

from bayesnu.support.versions import __version__  # noqa: E402

project = "bayesnu"
author = "The bayesnu developers"
copyright = author
version = __version__
release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "scripts.site.docstrings",
    "scripts.site.mathml",
    "scripts.site.notebooks",
    "scripts.site.pages",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"bayesnu {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"

# Markdown: mathematics between dollars, and anchors for headings.
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

# Every page with code is executed, in a folder of its own; what commands say of their progress is left out.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_show_tb = True
nb_output_stderr = "remove"
NotebookClient.coalesce_streams = True  # myst_nb would break a line where two pieces of output meet
os.environ["COLUMNS"] = "84"  # what a page shows without scrolling

# Docstrings are Markdown in so far as one backtick means code.
default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88
add_module_names = False
