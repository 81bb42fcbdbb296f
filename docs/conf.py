"""The site of this documentation: `make docs` builds it with Sphinx, and takes every warning for an error.

The pages stay plain Markdown that a code host shows as it is. So what only a site needs is here: the navigation,
the names above files that pages show, and the two pages whose text lies at the top of the repository.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import hca_core

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]

project = "hca"
release = hca_core.__version__
extensions = ["myst_parser"]
exclude_patterns = ["*.py"]
nitpicky = True
html_theme = "furo"
html_title = f"hca {release}"
html_static_path = ["site"]
html_css_files = ["wide.css"]
html_show_sphinx = False
html_copy_source = False
html_use_index = False  # of words that nobody has marked
myst_heading_anchors = 6  # by the rule of code hosts, so links between pages work in both places

# Titles of the left column with their pages. Sphinx warns of a page that is missing here.
NAVIGATION = {
    "Start": ["quickstart", "tutorial-cli", "tutorial-cli-restricted", "tutorial-python", "tutorial-python-restricted"],
    "Guides": [
        "guide-azul",
        "login",
        "guide-search",
        "guide-download",
        "guide-cluster",
        "guide-python-data",
        "guide-upload",
        "guide-upload-areas",
        "guide-subscriptions",
        "guide-own-store",
        "guide-shock",
        "shock-from-curl",
        "auth",
        "python",
        "doctor",
    ],
    "Reference": ["reference", "configuration", "exit-statuses", "output"],
    "For authors of plugins": ["plugins", "hooks", "testing", "guide-transfer"],
    "About": ["migrating", "architecture", "changelog", "contributing"],
}

# Pages that only point to a file at the top of the repository; on the site they have its text.
ELSEWHERE = {"changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md"}


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_what_a_site_needs)


def add_what_a_site_needs(app: Sphinx, page: str, source: list[str]) -> None:
    """Give the index its navigation, the reference its parts, pages the text that they point to, files their names."""
    source[0] = re.sub(r"(?m)^```(\w+) file=(\S+)$", r"```{code-block} \1\n:caption: '`\2`'", source[0])
    if page in ELSEWHERE:
        file = ROOT / ELSEWHERE[page]
        app.env.note_dependency(file)
        source[0] = file.read_text(encoding="utf-8").replace("](docs/", "](")
    elif page == app.config.root_doc:
        source[0] += "".join(toctree(pages, title) for title, pages in NAVIGATION.items())
    elif page == "reference":
        parts = (one for one in app.env.found_docs if one.startswith("reference/"))
        source[0] += toctree(sorted(parts, key=lambda one: (one != "reference/core", one)))


def toctree(pages: list[str], title: str = "") -> str:
    """Return the block that puts pages into the left column below a title, and shows nothing in the text."""
    caption = f":caption: {title}\n" if title else ""
    listed = "\n".join(pages)
    return f"\n\n```{{toctree}}\n:hidden:\n{caption}\n{listed}\n```\n"
