"""Citations for BibTeX and biblatex."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from hca_azul.citing.text import archived

if TYPE_CHECKING:
    from hca_azul.citing.citation import Citation, Name

# What TeX takes for something else than text. Letters that are not ASCII stay: both programs read UTF-8 today.
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",  # a brace behind a backslash is counted, too, when BibTeX looks for the end of a value
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_PATTERN = re.compile("|".join(map(re.escape, _SPECIAL)))


def written(citation: Citation) -> str:
    """Return an entry for the data set and one for each of its papers.

    Papers are @misc: neither their authors nor the journal are told, which @article needs.
    """
    issued = citation.issued
    note = [f"Data release {citation.release}", f"accessed {citation.accessed.isoformat()}"]
    note += map(archived, citation.accessions)
    data = {
        "author": " and ".join(map(_name, citation.authors)),
        "title": _whole(citation.title),
        "year": str(issued[0]) if issued else "",
        "howpublished": _escaped(citation.publisher),
        "note": _escaped("; ".join(note)),
        "url": _address(citation.url),
        "urldate": citation.accessed.isoformat(),
    }
    entries = [_entry(citation.key, data)]
    for number, one in enumerate(citation.publications, 1):
        paper = {"title": _whole(one.title), "doi": _address(one.doi), "url": _address(one.address)}
        entries.append(
            _entry(f"{citation.key}_paper{number}", {**paper, "note": _escaped(f"On the data set {citation.key}")})
        )
    return "\n\n".join(entries)


def _entry(key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _name(name: Name) -> str:
    # Braces keep a group's name whole, which may have an "and" or a comma in it.
    given, family = re.sub(r"\band\b", "{and}", _escaped(name.given)), _escaped(name.family)
    return f"{{{family}}}, {given}" if given else f"{{{family}}}"


def _whole(title: str) -> str:
    """Return a title of which styles do not change capitals: species and genes have a spelling of their own."""
    return f"{{{_escaped(title)}}}"


def _escaped(text: str) -> str:
    return _PATTERN.sub(lambda found: _SPECIAL[found[0]], text)


def _address(url: str) -> str:
    # Styles set them with \url, which takes everything but braces, backslashes and a single %.
    return quote(url, safe="/:?=&@!$'()*+,;~#-._%[]<>") if url else ""
