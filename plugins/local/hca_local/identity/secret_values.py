"""Secrets that are given out once and known again by their SHA-256."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets


def new() -> str:
    """Return a new secret of 256 bits, in characters that need no quoting in a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """Return what is kept of `secret`; it needs no salt, since nobody can guess 256 bits."""
    return hashlib.sha256(secret.encode()).digest()


def derived(key: bytes, *purpose: str) -> str:
    """Return a text that only the holder of `key` can make, another one for every `purpose`."""
    # No e-mail address begins with a bracket, so nothing here is what a password is made of (passwords.py).
    return encoded(hmac.digest(key, json.dumps(purpose).encode(), "sha256"))


def encoded(content: bytes) -> str:
    """Return `content` as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return what `encoded` made `text` of. Raises ValueError if that was something else."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def are_equal(one: str, other: str) -> bool:
    """Compare two texts in a time that tells nothing about where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
