"""The site is built as `make docs` builds it, without a warning, and every link of it leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SEARCH = "search.html"  # made by Sphinx

for needed in ("sphinx", "myst_parser", "furo"):
    pytest.importorskip(needed)


class Page(HTMLParser):
    """What a page of the site has: addresses of links, images, styles and scripts; anchors; classes; its words."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.links: list[str] = []
        self.resources: list[str] = []
        self.anchors: set[str] = set()
        self.classes: set[str] = set()
        self.words = file.read_text(encoding="utf-8")
        self.feed(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.anchors.add(given["id"])
        self.classes.update(given.get("class", "").split())
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("img", "script", "link"):
            self.resources += [given[name] for name in ("src", "href") if name in given]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site; every warning of Sphinx fails the tests."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "--keep-going", "-d", str(folder / "doctrees")]
    variables = os.environ | {"SOURCE_DATE_EPOCH": "0"}
    built = subprocess.run(
        [*command, str(DOCS), str(folder / "html")], env=variables, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """All pages of the site by their address below its folder."""
    return {str(file.relative_to(site)): Page(file) for file in site.rglob("*.html")}


def test_every_page_is_on_the_site(pages: dict[str, Page]) -> None:
    written = {str(file.relative_to(DOCS).with_suffix(".html")) for file in DOCS.rglob("*.md")}
    assert set(pages) - {SEARCH} == written


def own(page: Page, addresses: list[str]) -> Iterator[tuple[str, Path, str]]:
    """Yield those addresses that are of this site, each with the file and the anchor that it names."""
    for address in addresses:
        parts = urlsplit(address)
        if not parts.scheme and not parts.netloc:
            file = (page.file.parent / unquote(parts.path)).resolve() if parts.path else page.file
            yield address, file, unquote(parts.fragment)


def test_every_link_leads_somewhere(pages: dict[str, Page]) -> None:
    by_file = {page.file.resolve(): page for page in pages.values()}
    lost = []
    for name, page in pages.items():
        for address, file, anchor in own(page, page.links):
            known = by_file.get(file)
            if not file.is_file() or (anchor and known and anchor not in known.anchors):
                lost.append(f"{name}: {address}")
    assert not lost


def test_images_styles_and_scripts_are_there_and_none_is_fetched_from_elsewhere(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert page.resources, name
        assert [address for address in page.resources if urlsplit(address).netloc] == [], name
        assert [address for address, file, _ in own(page, page.resources) if not file.is_file()] == [], name


def test_the_left_column_has_every_page(pages: dict[str, Page]) -> None:
    index = pages["index.html"]
    column = index.words.partition('<div class="sidebar-tree">')[2].partition("</div>")[0]
    missing = [name for name in pages if name not in {SEARCH, "index.html"} and f'href="{name}"' not in column]
    assert missing == []


def test_words_that_are_for_the_tests_are_not_shown(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert not [word for word in ("```", "no-run", "{toctree}") if word in page.words], name
    assert "file=" not in pages["plugins.html"].words


def test_a_file_that_a_page_shows_has_its_name_above(pages: dict[str, Page]) -> None:
    shown = re.findall(r"^```\w+ file=(\S+)$", (DOCS / "plugins.md").read_text(encoding="utf-8"), re.MULTILINE)
    captions = re.findall(r'<span class="caption-text"><code.*?>(.*?)</code></span>', pages["plugins.html"].words)
    assert shown
    assert [re.sub("<.*?>", "", name) for name in captions] == shown


def test_examples_have_colours(pages: dict[str, Page]) -> None:
    classes = set.union(*(page.classes for page in pages.values()))
    assert {"highlight-console", "highlight-bash", "highlight-python", "highlight-json"} <= classes


def test_the_search_knows_the_pages(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for name in ("guide-download", "changelog", "reference/dss"):
        assert f'"{name}"' in index
    for word in ("manifest", "contributor", "subscript"):
        assert f'"{word}"' in index


def test_pages_that_only_point_elsewhere_have_its_text(pages: dict[str, Page]) -> None:
    assert "make test" in pages["contributing.html"].words
    assert "9.0" in pages["changelog.html"].words
