"""Which Azul is meant, and where its mirror is: what the configuration says of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hca_core import urls
from hca_core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from hca_core.config import HCAConfig

SECTION = "azul"
MIRROR_VARIABLE = "HCA_AZUL_MIRROR_URL"
_S3 = "https://{bucket}.s3.amazonaws.com"


@dataclass(frozen=True)
class Place:
    """A deployment of Azul.

    `url` has no slash at its end. `mirror_url` is where the mirror's buckets are: `{bucket}` in it stands for the name
    of one. `mirror_bucket` is asked for files that are known by their sha256 only. `requests_per_minute` bounds what
    is asked of the service, 0 nothing. `allow_http` lets requests go to another machine unencrypted.
    """

    url: str
    mirror_url: str = _S3
    mirror_bucket: str = "humancellatlas"
    requests_per_minute: float = 0
    allow_http: bool = False

    def bucket_url(self, bucket: str) -> str:
        """Return the URL of a bucket of the mirror, without a slash at its end."""
        return self.mirror_url.replace("{bucket}", bucket)


def place(config: HCAConfig, url: str | None = None) -> Place:
    """Return the deployment at `url`, else the configured one. Raises UsageError, ConfigError."""
    base = base_url(url or _text(config, "url", ""))
    # Where the service is on this machine there is no firewall between, and waiting helps nobody.
    rate = 0 if urls.is_loopback(base) else _number(config, "requests_per_minute", 0)
    return Place(
        base,
        _mirror_url(os.environ.get(MIRROR_VARIABLE) or _text(config, "mirror_url", _S3)),
        _text(config, "mirror_bucket", "humancellatlas"),
        rate,
        bool(config.lookup(f"{SECTION}.allow_http", False)),
    )


def base_url(text: str) -> str:
    """Return the base URL that somebody means by `text`. Raises UsageError if it is none."""
    given = text.strip().rstrip("/")
    try:
        parts = urlsplit(given)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise UsageError(f"{text!r} is not the URL of an Azul service", hint="it looks like https://HOST")
    if parts.username is not None:
        raise UsageError("names and passwords don't belong into URLs", hint="hca azul login")
    return given


def _mirror_url(text: str) -> str:
    given = text.strip().rstrip("/")
    base_url(given.replace("{bucket}", "bucket"))
    return given if "{bucket}" in given else f"{given}/{{bucket}}"


def _text(config: HCAConfig, key: str, default: str) -> str:
    value = config.lookup(f"{SECTION}.{key}", default)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{SECTION}.{key} is not text", hint="hca config list --show-origin")
    return value


def _number(config: HCAConfig, key: str, default: float) -> float:
    value = config.lookup(f"{SECTION}.{key}", default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise ConfigError(f"{SECTION}.{key} must be a number, 0 or more", hint="hca config list --show-origin")
    return value
