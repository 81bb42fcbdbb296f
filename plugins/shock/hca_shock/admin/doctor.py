"""What may stand between a user and a server: looked for with requests that only read, told in one sentence each."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from hca_core import durations, urls
from hca_core.doctor import Check
from hca_core.errors import HCAError, one_line
from hca_shock import config, dialect
from hca_shock.account import logins
from hca_shock.acl.documents import RIGHTS
from hca_shock.errors import ShockError, ShockRefusedError
from hca_shock.node import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_shock.server import Server

_MOST_SKEW = 120.0  # seconds by which two clocks may differ


@dataclass(frozen=True)
class _Description:
    """How a server describes itself, and how far its clock is ahead of ours in seconds (None if it does not tell)."""

    document: dict[str, Any]
    skew: float | None


def examine(server: Server) -> list[Check]:
    """Return all checks of a server; only the first, a problem, where it can't be reached."""
    try:
        described = _described(server)
    except HCAError as error:
        return [Check("reachable", "problem", error.message, error.hint or "")]
    checks = [Check("reachable", "ok", f"{server.url} answers"), *_checks(server, described)]
    return [replace(check, text=one_line(check.text)) for check in checks]


def _checks(server: Server, described: _Description) -> Iterator[Check]:
    document = described.document
    kind = _kind(document)
    yield kind
    if kind.state == "problem":
        return
    is_shock = document.get("servername") != "blobstore"
    yield _login(server, document)
    yield _clock(described.skew)
    yield _encryption(server)
    if is_shock:
        yield _anonymous(document)
        yield _schemes(server, document)
        yield _links(server, document)
        yield _openness(server)
        yield _uptime(document)
        yield from _bugs(document)


def _described(server: Server) -> _Description:
    """Ask a server for its description. Raises HCAError if it does not answer as one."""
    before = time.time()
    response = server.opened("")
    try:
        content = response.content
        date = response.headers.get("Date")
    finally:
        response.close()
    # The clock that the server has read lies between our two readings.
    middle = (before + time.time()) / 2
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ShockError(f"{server.url} does not answer as a Shock server does", "check the URL") from error
    if not isinstance(document, dict):
        raise ShockError(f"{server.url} does not answer as a Shock server does", "check the URL")
    told = moment(document.get("server_time"))
    try:
        told = told or (parsedate_to_datetime(date) if date else None)
    except ValueError:
        told = None
    return _Description(document, told.timestamp() - middle if told else None)


def _kind(document: dict[str, Any]) -> Check:
    if document.get("servername") == "blobstore":
        version = document.get("serverversion") or document.get("version") or "unknown"
        text = f"this is a KBase blobstore, version {version}: it stores, copies and shares files, and no more"
        return Check("kind", "ok", text)
    if document.get("id") == "Shock" or document.get("type") == "Shock":
        return Check("kind", "ok", f"this is a Shock server, version {document.get('version') or 'unknown'}")
    return Check("kind", "problem", "this is no Shock server: check the URL")


def _login(server: Server, document: dict[str, Any]) -> Check:
    """Look whether the server takes the login; its description is shown to everybody."""
    try:
        credential = server.credential
    except HCAError as error:
        return Check("login", "problem", error.message)
    may_read = _everybody(document).get("read", True)
    if credential is None:
        if may_read:
            return Check("login", "ok", "nobody is logged in: you see what is public")
        return Check("login", "problem", "nobody is logged in, and this server shows nothing then: hca shock login")
    who = credential.account or "unknown"
    try:
        logins.ask(server)
    except ShockRefusedError as error:
        return Check("login", "problem", f"the server refuses the login of {who} ({error.reason}): hca shock login")
    except HCAError as error:
        return Check("login", "problem", f"the login could not be tried: {error.message}")
    return Check("login", "ok", f"the server takes the login (account: {who}, from {credential.source})")


def _clock(skew: float | None) -> Check:
    if skew is None:
        return Check("clock", "warning", "the server does not tell its time")
    if abs(skew) <= _MOST_SKEW:
        return Check("clock", "ok", "the clocks agree")
    ahead = "ahead of" if skew > 0 else "behind"
    return Check(
        "clock",
        "warning",
        f"the clock of the server is {durations.in_words(skew)} {ahead} yours: expiry and signed links are off by that",
    )


def _encryption(server: Server) -> Check:
    if server.url.startswith("https:"):
        return Check("encryption", "ok", "everything is encrypted on its way")
    if urls.is_loopback(server.url):
        return Check("encryption", "ok", "the server is on this machine: nothing leaves it")
    if _has_login(server):
        return Check("encryption", "warning", "your login travels unencrypted: use https if the server has it")
    return Check("encryption", "warning", "nothing is encrypted on its way: use https if the server has it")


def _anonymous(document: dict[str, Any]) -> Check:
    allowed = _everybody(document)
    found = [right for right in RIGHTS if allowed.get(right)]
    if "write" in found or "delete" in found:
        return Check("anonymous", "warning", f"everybody may {', '.join(found)} without a login where nodes allow it")
    text = "everybody may read what is public" if found else "nobody may do anything without a login"
    return Check("anonymous", "ok", text)


def _schemes(server: Server, document: dict[str, Any]) -> Check:
    told = document.get("auth")
    listed = [str(name) for name in told] if isinstance(told, list) else []
    names = ", ".join(listed) or "none (it does not tell of names and passwords)"
    scheme = server.profile.scheme
    credential = _has_login(server)
    known = {"oauth", *(name.lower() for name in listed)}
    if credential and not _is_basic(server) and scheme.lower() not in known:
        return Check("schemes", "warning", f"tokens are sent as {scheme!r}, but the server lists: {names}")
    return Check("schemes", "ok", f"the server lists the tokens: {names}")


def _links(server: Server, document: dict[str, Any]) -> Check:
    told = str(document.get("url") or "")
    if not told or _origin(told) == urls.origin(server.url):
        return Check("links", "ok", "the server knows its own address")
    return Check(
        "links",
        "warning",
        f"the server takes {told} for its address: its links may lead nowhere, those of 'hca shock url' are put right",
    )


def _openness(server: Server) -> Check:
    try:
        server.call("GET", "locker")
    except HCAError:
        return Check("locks", "ok", "the ids of nodes in use are not shown")
    return Check("locks", "warning", "everybody can see the ids of nodes in use (/locker), so an id is no secret")


def _uptime(document: dict[str, Any]) -> Check:
    uptime = document.get("uptime")
    return Check("uptime", "ok", f"the server has been up for {uptime}" if uptime else "the server does not tell")


def _bugs(document: dict[str, Any]) -> Iterator[Check]:
    """Yield the bugs that all servers of the Shock project have and that reach the user in spite of this program."""
    if dialect.is_local(document):
        return
    yield Check(
        "column indexes",
        "warning",
        "building a column index ends a server of the Shock project, and subset indexes fail: both are refused here "
        "unless forced",
    )
    yield Check(
        "failed indexes",
        "warning",
        "an index that could not be built stays locked until the server is started anew",
    )


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return where a URL leads, None for what is none."""
    try:
        return urls.origin(url)
    except ValueError:
        return None


def _everybody(document: dict[str, Any]) -> dict[str, Any]:
    """Return what a server lets everybody do, nothing where it does not say so in words that are known."""
    told = document.get("anonymous_permissions")
    return told if isinstance(told, dict) else {}


def _has_login(server: Server) -> bool:
    try:
        return server.credential is not None
    except HCAError:
        return False


def _is_basic(server: Server) -> bool:
    credential = server.credential
    return credential is not None and config.is_basic(credential.token)
