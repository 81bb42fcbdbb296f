"""The configuration: which files and variables count, what is wrong with them, who may read the secrets in them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from hca_core import config as reading
from hca_core import keys, profiles
from hca_core.config import HCAConfig, redacted
from hca_core.doctor import proxies
from hca_core.doctor import situation as situations
from hca_core.doctor.values import Check, Look
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.doctor.situation import Situation

AREA = "configuration"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PREFIXES = ("HCA_", "XDG_")
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
_VARIABLES = frozenset(
    {
        *(*_PROXIES, "NO_PROXY"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("GOOGLE_APPLICATION_CREDENTIALS", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_REGION"),
        *("PYTHONPATH", "PYTHONHOME", "NO_COLOR", "FORCE_COLOR"),
    }
)
_NAMES_A_FILE = ("_FILE", "_DIR", "_CREDENTIALS")  # such a variable says where a secret is, and is none


def looks(situation: Situation) -> list[Look]:
    """Return the looks at the configuration."""
    return [
        Look(AREA, "files", lambda: _files(situation)),
        Look(AREA, "profile", lambda: _profile(situation)),
        Look(AREA, "keys", lambda: _keys(situation)),
        Look(AREA, "addresses", _addresses),
        Look(AREA, "permissions", _permissions),
        Look(AREA, "environment", _environment),
    ]


def _files(situation: Situation) -> Iterator[Check]:
    told = []
    for name, path in situations.files():
        try:
            data = reading.read_file(path)
        except HCAError as error:
            told.append(error.message)
            yield Check(name, "problem", error.message, error.hint or "mend the file")
            continue
        if data is not None:
            yield Check(name, "ok", f"{path} is read")
        elif name == situations.FURTHER:
            yield Check(
                name,
                "problem",
                f"{path} is not there, but HCA_CONFIG_FILE names it",
                "make it, or unset HCA_CONFIG_FILE",
            )
        else:
            yield Check(name, "ok", f"{path} is not there, and need not be")
    broken = situation.broken
    if broken is not None and broken.message not in told:
        yield Check("in force", "problem", broken.message, broken.hint or "")
    for note in situation.config.notes:
        yield Check("in force", "warning", note, "hca config list --show-origin")


def _profile(situation: Situation) -> Iterator[Check]:
    name = profiles.name_of(situation.config)
    known = ", ".join(profiles.names(situation.config))
    yield Check("profile", "ok", f"{name!r} is in force; there are: {known}")


def _keys(situation: Situation) -> Iterator[Check]:
    """Yield keys that look like typing errors. Below the second part of a key names may be anybody's."""
    shipped = HCAConfig(files=[])
    for path, _ in keys.leaves(situation.config):
        key = ".".join(path)
        if len(path) > 2 or keys.is_known(shipped, key):
            continue
        near = keys.near(shipped, key)
        if near is not None:
            where = situation.config.origin(path)
            hint = f"if so: hca config unset {key}, and set the other"
            yield Check("keys", "warning", f"{key} in {where} is not known; was {near} meant?", hint)


def _addresses() -> Iterator[Check]:
    """Yield addresses that several files or variables set: the last one counts, which is easily forgotten."""
    layers: dict[str, list[str]] = {}
    for _, path in situations.files():
        try:
            data = reading.read_file(path) or {}
        except HCAError:
            continue
        for key in _urls(data):
            layers.setdefault(key, []).append(path)
    config = HCAConfig(files=[])
    config.include_plugins()
    for key in layers:
        origin = config.origin(key)
        if origin is not None and origin.startswith("HCA_"):
            layers[key].append(origin)
    for key, names in layers.items():
        if len(names) > 1:
            text = f"{key} is set by {' and by '.join(names)}; the last one counts"
            yield Check("addresses", "warning", text, "hca config list --show-origin")


def _urls(data: dict[str, Any]) -> list[str]:
    """Return the keys of a file that set the address of a service."""
    sections = {name: values for name, values in data.items() if isinstance(values, dict)}
    return [f"{name}.{key}" for name, values in sections.items() for key in values if key in ("url", "swagger_url")]


def _permissions() -> Iterator[Check]:
    """Yield files with secrets in them that others may read."""
    found = []
    for path in _with_secrets():
        try:
            mode = stat.S_IMODE(os.stat(path).st_mode)
        except OSError:
            continue
        if mode & _OTHERS and os.name != "nt":
            found.append(path)
            text = f"{path} has secrets in it, and is open to others (mode {mode:04o})"
            yield Check("permissions", "warning", text, f"chmod 600 {path}")
    if not found:
        yield Check("permissions", "ok", "nobody else may read the files with secrets in them")


def _with_secrets() -> Iterator[str]:
    """Yield the files that keep secrets, or have some in them."""
    from hca_core.credentials import entries

    yield entries.path()
    for name in ("HCA_CREDENTIALS_FILE", "HCA_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS"):
        if os.environ.get(name):
            yield os.environ[name]
    for _, path in situations.files():
        try:
            data = reading.read_file(path)
        except HCAError:
            continue
        if data is not None and redacted(data) != data:
            yield path


def _environment() -> Iterator[Check]:
    for name in sorted(os.environ):
        if name.startswith(_PREFIXES) or name.upper() in _VARIABLES:
            value = os.environ[name]
            if name.upper() in _PROXIES:
                value = proxies.shown(value)
            shown = redacted(value, "" if name.endswith(_NAMES_A_FILE) else name)
            yield Check(name, "ok", shown or "(empty)")
