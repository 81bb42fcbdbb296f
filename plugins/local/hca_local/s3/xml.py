"""The small XML documents of S3: written by hand, read with expat, without entities and of a limited size."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from hca_local.s3.errors import malformed_xml

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DEEPEST = 16
# Control characters are not allowed in XML 1.0, not even so; but S3 writes them so, for keys can have them.
_SPECIAL = re.compile(r"[&<>\"\x00-\x1f\x7f]")
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}

# An element to be written: its name, and its text or the elements in it.
Node = tuple[str, "str | int | Sequence[Node]"]


def document(name: str, content: str | Sequence[Node], *, namespace: str | None = NAMESPACE) -> bytes:
    """Return a document whose root is the element `name`."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}{attribute}>{_inside(content)}</{name}>'.encode()


def _inside(content: str | int | Sequence[Node]) -> str:
    if isinstance(content, int | str):
        return _escaped(str(content))
    return "".join(f"<{name}>{_inside(inside)}</{name}>" for name, inside in content)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: _NAMED.get(match[0]) or f"&#{ord(match[0])};", text)


@dataclass
class Element:
    """An element that was read."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """Return the elements `name` in this one."""
        return [child for child in self.children if child.name == name]

    def find(self, name: str) -> str | None:
        """Return the text of the first element `name` in this one, None if there is none."""
        return next((child.text for child in self.children if child.name == name), None)


def read(body: bytes, root: str) -> Element:
    """Return the root of a document, which must be called `root`. Raises S3Error."""
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except (expat.ExpatError, ValueError):
        raise malformed_xml() from None
    found = reader.root.children[0]
    if found.name != root:
        raise malformed_xml()
    return found


class _Reader:
    """Builds the elements of a document while expat reads it."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open = [self.root]
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _DEEPEST:
            raise ValueError("elements in elements in elements")
        element = Element(name.rpartition(" ")[2])
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text

    def _refuse(self, *declaration: object) -> None:
        raise ValueError("a document type can define entities")
