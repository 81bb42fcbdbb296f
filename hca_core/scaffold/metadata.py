"""What is filled into the template: the names of the new plugin, and the lines of its metadata."""

from __future__ import annotations

import json
import re
from string import Template
from typing import TYPE_CHECKING

from hca_core import __version__
from hca_core.errors import UsageError
from hca_core.scaffold.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_URL = re.compile(r"https?://[^\s\"<>\\]+")


def values(name: str, *, author: str, url: str, licence: str, parts: Mapping[str, str]) -> dict[str, str]:
    """Return what the template's names stand for. Raises UsageError for what has no place in metadata."""
    filled = {"name": name, "NAME": name.upper(), "Class": name.capitalize(), "core_version": __version__}
    filled["subcommand"] = parts.get("subcommand", "")
    return {
        **filled,
        "metadata": _authors(author) + _licence(licence),
        "extras": _extras(parts),
        "entry_points": _urls(url) + "".join(_entry_point(part, filled) for part in parts),
        "files": "".join(_row(part, filled) for part in parts),
    }


def _authors(author: str) -> str:
    if not author.isprintable():
        raise UsageError(f"--author has a character in it that can't be printed: {author!r:.60}")
    # TOML writes the strings of JSON the same way, as long as all characters can be printed.
    return f"authors = [{{ name = {json.dumps(author, ensure_ascii=False)} }}]\n" if author.strip() else ""


def _licence(licence: str) -> str:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if not licence:
        return ""
    try:
        return f'license = "{canonicalize_license_expression(licence)}"\n'
    except InvalidLicenseExpression as error:
        why = f"--licence is no SPDX expression: {licence!r:.60}"
        raise UsageError(why, hint="such as MIT or Apache-2.0") from error


def _urls(url: str) -> str:
    if url and not (_URL.fullmatch(url) and url.isprintable()):
        raise UsageError(f"--url is no address on the web: {url!r:.60}", hint="such as https://example.org/weather")
    return f'\n[project.urls]\nHomepage = "{url}"\n' if url else ""


def _extras(parts: Iterable[str]) -> str:
    needed = sorted({PARTS[part].extra for part in parts} - {""})
    return f"[{','.join(needed)}]" if needed else ""


def _entry_point(part: str, filled: Mapping[str, str]) -> str:
    group = Template(PARTS[part].group).substitute(filled)
    target = Template(PARTS[part].target).substitute(filled)
    return f'\n[project.entry-points."{group}"]\n{filled["name"]} = "hca_{filled["name"]}.{target}"\n'


def _row(part: str, filled: Mapping[str, str]) -> str:
    """Return the line of the README that says what the part's module is."""
    module = PARTS[part].target.partition(":")[0]
    about = Template(PARTS[part].about).substitute(filled)
    return f"| `hca_{filled['name']}/{module}.py` | {about} |\n"
