"""Names as paths, by the rules of the service's own manifests for curl, so that both make the same trees (§7)."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

_REFUSED = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_REPLACED = re.compile(r'[<>:"|?*]')
_COMPONENT = re.compile(r"\.?[^. ](?:.*[^. ])?")
# Reserved by Windows in any case and with any suffix (Microsoft: "Naming Files, Paths, and Namespaces").
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_STORE = ".hca"  # of the download directory; a name that led into it would stand for the content of another file
_LONGEST_PART = 240  # bytes; a suffix that tells two files apart, and that of a temporary file, must fit too
_LONGEST = 1024  # bytes
_MOST_SUFFIX = 24
_SUFFIX = re.compile(r"(\.[A-Za-z0-9_-]{1,12}){1,2}$")
_IDENTITY = re.compile(r"[0-9a-fA-F-]{8,64}")  # a UUID or a digest


def sanitised(name: str) -> str | None:
    """Return `name` as a relative path with `/` between its parts; None if the service would refuse it.

    Stricter than the service in what only some systems can't hold: devices in any case and with a suffix, lengths.
    """
    if _REFUSED.search(name):
        return None
    path = _REPLACED.sub("_", unicodedata.normalize("NFC", name))
    if len(path.encode()) > _LONGEST:
        return None
    parts = path.split("/")
    return path if parts[0].casefold() != _STORE and all(map(_is_good, parts)) else None


def safe(name: str, identity: str) -> str:
    """Return `name` sanitised, or else a name made of `identity` (see `as_name`) and the suffix of `name`."""
    found = sanitised(name)
    if found is not None:
        return found
    suffix = _SUFFIX.search(name)
    return as_name(identity) + (suffix[0] if suffix and len(suffix[0]) <= _MOST_SUFFIX else "")


@lru_cache(maxsize=1000)  # projects and donors have many files each
def part(text: str) -> str:
    """Return any text as one part of a path, such as the title of a project; "" becomes "unknown"."""
    plain = _REFUSED.sub("_", _REPLACED.sub("_", unicodedata.normalize("NFC", text))).replace("/", "_").strip(" .")
    cut = plain.encode()[:_LONGEST_PART].decode(errors="ignore").strip(" .")
    return f"_{cut}" if _DEVICE.fullmatch(cut) else cut or "unknown"


def as_name(identity: str) -> str:
    """Return a UUID or digest as it is, and of anything else, which is nothing for a path, a digest."""
    if _IDENTITY.fullmatch(identity):
        return identity
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def told_apart(path: str, mark: str) -> str:
    """Return `path` with `mark` in front of its suffix (contract §17.2)."""
    folder, slash, name = path.rpartition("/")
    suffix = _SUFFIX.search(name)
    end = suffix[0] if suffix and suffix.start() else ""
    return f"{folder}{slash}{name.removesuffix(end)}.{mark}{end}"


def _is_good(component: str) -> bool:
    if not _COMPONENT.fullmatch(component) or _DEVICE.fullmatch(component):
        return False
    return len(component.encode()) <= _LONGEST_PART
