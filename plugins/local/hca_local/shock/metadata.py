"""What a form changes of a node beside its file: attributes, name, tags, links, and when it expires."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from hca_local.shock import attributes, locks, names, times
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.shock.calls import Call
    from hca_local.shock.forms import Form
    from hca_local.shock.nodes import Doc

    Edit = Callable[[Doc], None]

# What is parsed in less time than a hop to a thread and back takes.
_SMALL = 16 * 1024
LARGEST_ATTRIBUTES = 16 * 1024 * 1024
_EXPIRATION = re.compile(r"(\d{1,9})([MHD])", re.ASCII)
_UNITS = {"M": "minutes", "H": "hours", "D": "days"}
_NUMBER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


async def edit(call: Call, form: Form) -> Edit:
    """Return what makes the changes that a form asks for; it raises ShockError where the node does not allow them.

    Raises ShockError (400) if a value can't be understood, OSError.
    """
    file, quirks = form.files.get("attributes"), call.shock.quirks
    if (file.size if file else len(form.get("attributes_str") or "")) > _SMALL:
        return await call.shock.run(partial(edit_now, form, quirks=quirks))
    return edit_now(form, quirks=quirks)


def edit_now(form: Form, *, quirks: bool) -> Edit:
    """Do what `edit` does, in a thread if the attributes are large.

    Raises ShockError (400) if a value can't be understood, OSError.
    """
    edits = [
        *_attributes(form, quirks=quirks),
        *_plain(form),
        *_expiration(form),
        *_lock(form),
    ]

    def all_of_them(doc: Doc) -> None:
        for one in edits:
            one(doc)

    return all_of_them


def given_attributes(form: Form, *, quirks: bool) -> tuple[bool, Any]:
    """Return whether a form has attributes, and them. Raises ShockError (400), OSError."""
    file, text = form.files.get("attributes"), form.get("attributes_str")
    if file and text is not None:
        raise ShockError(400, "attributes and attributes_str are incompatible: send one of them.")
    if file:
        return True, attributes.parsed(file.read(LARGEST_ATTRIBUTES), quirks=quirks)
    return (False, None) if text is None else (True, attributes.parsed(text, quirks=quirks))


def _attributes(form: Form, *, quirks: bool) -> list[Edit]:
    is_given, value = given_attributes(form, quirks=quirks)
    return [lambda doc: doc.update(attributes=value)] if is_given else []


def _plain(form: Form) -> list[Edit]:
    """Return the edits for name, format, priority, tags and links. Raises ShockError (400)."""
    edits: list[Edit] = []
    name = form.get("file_name")
    if name is not None:
        names.require(name, "file_name")
        edits.append(lambda doc: doc["file"].update(name=name))
    kind = form.get("format")
    if kind:
        names.require(kind, "format")
        edits.append(lambda doc: _set_format(doc, kind))
    priority = form.get("priority")
    if priority is not None:
        if not _NUMBER.fullmatch(priority):
            raise ShockError(400, f"The priority {priority[:40]!r} is not a whole number.")
        edits.append(lambda doc: doc.update(priority=int(priority)))
    tags = names.require_all(form.names("tags"), "tags")
    if tags:
        edits.append(lambda doc: _add_tags(doc, tags))
    relation = form.get("linkage")
    if relation is not None:
        link = {
            "relation": names.require(relation, "linkage"),
            "ids": names.require_all(form.names("ids"), "ids"),
            "operation": names.require(form.get("operation") or "", "operation"),
        }
        if not (relation and link["ids"]):
            raise ShockError(400, "A linkage needs its relation in 'linkage' and the ids of nodes in 'ids'.")
        edits.append(lambda doc: add_link(doc, link))
    return edits


def _add_tags(doc: Doc, tags: list[str]) -> None:
    """Add tags that a node has not got yet. Raises ShockError (400) if it has too many then."""
    all_of_them = list(dict.fromkeys([*doc["tags"], *tags]))
    if len(all_of_them) > names.MOST:
        raise ShockError(400, f"A node may have {names.MOST} tags.")
    doc["tags"] = all_of_them


def _set_format(doc: Doc, kind: str) -> None:
    if doc["file"]["format"]:
        raise ShockError(400, f"file format already set:{doc['file']['format']}")
    doc["file"]["format"] = kind


def add_link(doc: Doc, link: dict[str, Any]) -> None:
    """Add a link to a node. Raises ShockError (400) for a second parent."""
    if link["relation"] == "parent" and any(one["relation"] == "parent" for one in doc["linkage"]):
        raise ShockError(400, "Provenance info immutable")
    doc["linkage"] = [*doc["linkage"], link]


def _expiration(form: Form) -> list[Edit]:
    """Return the edits of the time when a node expires. Raises ShockError (400)."""
    text = form.get("expiration")
    if text is not None:
        matched = _EXPIRATION.fullmatch(text)
        if not matched:
            raise ShockError(400, f"expiration format '{text[:40]}' is invalid: give a number and M, H or D.")
        try:
            until = datetime.now(UTC) + timedelta(**{_UNITS[matched[2]]: int(matched[1])})
        except OverflowError:
            raise ShockError(400, f"The expiration {text} is beyond the year 9999.") from None
        return [lambda doc: doc.update(expiration=times.text(until))]
    if form.get("remove_expiration") is not None:
        return [lambda doc: doc.update(expiration=times.UNSET)]
    return []


def _lock(form: Form) -> list[Edit]:
    """Return the edits of the lock of the file; unlocking comes first, as nobody asks for both otherwise."""
    edits: list[Edit] = []
    if form.get("file_unlock") is not None:
        edits.append(locks.unlock_file)
    if form.get("file_lock") is not None:
        edits.append(locks.lock_file)
    return edits
