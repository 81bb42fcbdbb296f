"""Where bearer tokens come from and where they are kept: one file of mode 0600, one token a host."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import time
from typing import Any

from hca_core import files, paths, urls
from hca_core.errors import ConfigError, LoginError

NEARLY_EXPIRED_SECONDS = 10.0
_TOKEN = re.compile(r"[!-~]+")  # what a header can carry (RFC 6750 allows less, but some services hand out more)


def store_file() -> str:
    """Return the file that keeps tokens; it need not exist."""
    return os.path.join(paths.config_dir(), "credentials.json")


def token(url: str, service: str) -> str:
    """Return the bearer token for the service at `url`: see `known`.

    Raises LoginError if there is none, or one that can't be a token.
    """
    found = known(url)
    hint = f"hca {service} login, or set HCA_TOKEN"
    if not found:
        raise LoginError(f"this needs a login at {_host(url)}", hint)
    if not _TOKEN.fullmatch(found):
        raise LoginError(f"what is kept as the token for {_host(url)} can't be one (blanks, or not ASCII)", hint)
    return found


def known(url: str) -> str | None:
    """Return what there is as a token for the service at `url`, or None. Raises ConfigError if a file is broken.

    `HCA_TOKEN` goes before what login stored for its host, and that before what the file named by
    `HCA_CREDENTIALS_FILE` has for it, which somebody else keeps: login and logout leave it alone.
    """
    return os.environ.get("HCA_TOKEN", "").strip() or stored(url) or _given(url)


def stored(url: str) -> str | None:
    """Return the token that is stored for the host of `url`, or None. Raises ConfigError if the file is broken."""
    return _token_in(_load(store_file()), url)


def store(url: str, access_token: str) -> None:
    """Keep `access_token` for the host of `url`. Raises ConfigError if it can't be written."""
    _save({**_load(store_file()), _host(url): {"access_token": access_token}})


def forget(url: str) -> None:
    """Drop what is stored for the host of `url`, if anything is. Raises ConfigError if it can't be written."""
    entries = _load(store_file())
    if entries.pop(_host(url), None) is not None:
        _save(entries)


def is_expired(access_token: str) -> bool:
    """Tell whether a JWT's `exp` (RFC 7519 §4.1.4) is past or within ten seconds; False for tokens that do not say."""
    try:
        payload = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"]) <= time.time() + NEARLY_EXPIRED_SECONDS
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return False


def _host(url: str) -> str:
    scheme, host, port = urls.origin(url)
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}" + ("" if (scheme, port) in (("https", 443), ("http", 80)) else f":{port}")


def _given(url: str) -> str | None:
    path = os.environ.get("HCA_CREDENTIALS_FILE", "")
    return _token_in(_load(path), url) if path else None


def _token_in(entries: dict[str, Any], url: str) -> str | None:
    entry = entries.get(_host(url))
    found = entry.get("access_token") if isinstance(entry, dict) else None
    return str(found) if found else None


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as stream:
            entries = json.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} can't be read: {error}", hint="mend it or move it away; hca leaves it as it is"
        ) from error
    if not isinstance(entries, dict):
        raise ConfigError(f"{path} must hold a JSON object", hint="mend it or move it away; hca leaves it as it is")
    return entries


def _save(entries: dict[str, Any]) -> None:
    path = store_file()
    try:
        paths.make_private_dir(os.path.dirname(path))
        files.write_atomic(path, (json.dumps(entries, indent=2) + "\n").encode(), mode=0o600)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; nothing was stored") from error
