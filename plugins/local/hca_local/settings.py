"""How a deployment behaves: settings that are kept in its data directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError
from hca_core.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KINDS: dict[type, str] = {int: "a whole number", str: "a text", dict: "an object with ports by name"}
_CHOICES = {"shock_anonymous": ("all", "read", "none"), "azul_mode": ("new", "old")}


@dataclass(frozen=True)
class Settings:
    """The settings of one deployment.

    `first_get_redirects` is how many 301 answers come before the first download of a blob (or of a bundle's URLs),
    `retry_after` the seconds that these tell the client to wait, `url_lifetime` the seconds that a signed URL is good
    for, `token_lifetime` the seconds that a token of `env` and `token` is, `login_lifetime` those of one that a login
    gives and renews, `upload_key_lifetime` those that the S3 keys for an upload area are; `replica_delay` how many
    seconds later a write appears in the other replica, `copy_threshold` the bytes above which a file is copied behind
    the answer, `copy_seconds` and `checkout_seconds` the seconds that such a copy and a checkout take at least,
    `retry_speedup` how many times faster than the hosted service notifications are repeated, `callbacks_anywhere` 1 if
    they may leave this machine, `read_only` 1 if nothing may be written. `s3_endpoint` is the URL of the S3 server with
    the staging buckets, empty for the deployment's own. Of the Shock service, `shock_anonymous` is what callers without
    a login may do, `all`, `read` or `none`; `shock_quirks` 1 if it has the faults of the hosted ones; `shock_paths` the
    directory with the files that it may make nodes of, empty for none; `shock_reap_seconds` how often nodes that have
    expired are removed. Of Azul, `azul_mode` is `new`, or `old` as it was in October 2024; `azul_polls` is how often a
    manifest is not ready yet, `azul_wait` how much of the time that the hosted service tells clients to wait in between
    this one does, in percent. `port`, `s3_port`, `shock_port` and `azul_port` are the ports of the last start,
    `service_ports` those of plugins' services by name.
    """

    first_get_redirects: int = 1
    retry_after: int = 0
    url_lifetime: int = 3600
    token_lifetime: int = 7 * 24 * 3600
    login_lifetime: int = 3600
    upload_key_lifetime: int = 3600
    replica_delay: int = 0
    copy_threshold: int = 64 * 1024 * 1024
    copy_seconds: int = 0
    checkout_seconds: int = 1
    retry_speedup: int = 900
    callbacks_anywhere: int = 0
    read_only: int = 0
    s3_endpoint: str = ""
    shock_anonymous: str = "all"
    shock_quirks: int = 0
    shock_paths: str = ""
    shock_reap_seconds: int = 60
    azul_mode: str = "new"
    azul_polls: int = 1
    azul_wait: int = 0
    port: int = 0
    s3_port: int = 0
    shock_port: int = 0
    azul_port: int = 0
    service_ports: dict[str, int] = field(default_factory=dict)


def load(path: Path) -> Settings:
    """Return the settings in the file `path`, the defaults where it is missing. Raises HCAError if it is damaged."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise HCAError(f"The settings in {path} can't be read: {error}.", hint="correct or delete the file") from error
    if not isinstance(document, dict):
        raise HCAError(f"The settings in {path} are not a JSON object.", hint="correct or delete the file")
    values = {field.name: document[field.name] for field in fields(Settings) if field.name in document}
    for name, value in values.items():
        wanted = type(getattr(Settings(), name))
        what = ""
        if not _is_a(wanted, value):
            what = _KINDS[wanted]
        elif value not in _CHOICES.get(name, (value,)):
            what = "one of " + ", ".join(_CHOICES[name])
        if what:
            raise HCAError(f"The setting {name!r} in {path} is not {what}.", hint="correct or delete the file")
    return Settings(**values)


def _is_a(wanted: type, value: Any) -> bool:
    """Tell whether `value` is of the type `wanted`: a whole number is not negative, an object has ports."""
    if wanted is dict:
        return isinstance(value, dict) and all(_is_a(int, port) for port in value.values())
    if wanted is int:
        return type(value) is int and value >= 0
    return type(value) is wanted


def save(path: Path, settings: Settings) -> None:
    """Write `settings` to the file `path`. Raises OSError."""
    write_atomic(path, json.dumps(asdict(settings), indent=2).encode() + b"\n")


def changed(settings: Settings, given: Mapping[str, int | str | None]) -> Settings:
    """Return `settings` with those of the `given` values that are not None."""
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(settings, **values)
