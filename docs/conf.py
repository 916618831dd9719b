"""Settings of the documentation site: ``sphinx-build -W docs OUT`` makes it from the pages and from the docstrings."""

from __future__ import annotations

import re
from typing import Any

import exotrack

project = "exotrack"
author = "the exotrack developers"
copyright = f"{author}, BSD-3-Clause"  # noqa: A001 - the name Sphinx wants
version = release = exotrack.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["README.md", "_build"]  # README.md is the first part of index.md
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
highlight_language = "none"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
napoleon_google_docstring = False

html_theme = "furo"
html_title = f"exotrack {release}"
html_copy_source = False
html_show_sourcelink = False


def _outside(app: object, docname: str, source: list[str]) -> None:
    """Links to files of the repository that are no pages become their names: a site has no files beside its pages."""
    source[0] = re.sub(r"\[[^\]]*\]\(\.\./([^)#]+)\)", r"`\1`", source[0])


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _outside)
    app.connect("include-read", lambda app, path, docname, source: _outside(app, docname, source))
