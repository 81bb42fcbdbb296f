"""Tokens of jobs and keys of manifests, as they stand in URLs: opaque to clients (contract §7)."""

from __future__ import annotations

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

_TOKEN = struct.Struct(">32sH")
_ID_BYTES = 32
_KEY_PURPOSE = b"manifest key "


class Token(NamedTuple):
    """A job, and how many answers have said that it is not done."""

    job: bytes
    answers: int


def token(value: Token) -> str:
    """Return a token as it stands in a URL."""
    return urlsafe_b64encode(_TOKEN.pack(*value)).decode()


def read_token(text: str) -> Token | None:
    """Return what a token says, None if it is none."""
    raw = _decoded(text)
    return None if raw is None or len(raw) != _TOKEN.size else Token(*_TOKEN.unpack(raw))


def key(identity: bytes, secret: bytes) -> str:
    """Return the key of the manifest of a job, signed with `secret`: whoever has it may have the manifest."""
    return urlsafe_b64encode(identity + _signature(identity, secret)).decode()


def read_key(text: str, secret: bytes) -> bytes | None:
    """Return the id of the job that a key is for, None if it is no key of ours."""
    raw = _decoded(text) or b""
    identity, signature = raw[:_ID_BYTES], raw[_ID_BYTES:]
    return identity if hmac.compare_digest(signature, _signature(identity, secret)) else None


def _signature(identity: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _KEY_PURPOSE + identity, "sha256")


def _decoded(text: str) -> bytes | None:
    try:
        return urlsafe_b64decode(text.encode("ascii"))
    except ValueError:
        return None
