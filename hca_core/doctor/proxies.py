"""The proxy between this machine and a service, and who has named it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hca_core.doctor.values import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.http import Session

_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")


def check(session: Session, url: str) -> Iterator[Check]:
    """Yield which proxy is on the way to `url`, nothing if there is none."""
    proxy = _proxy(session, url)
    if proxy:
        yield Check("proxy", "ok", f"requests go through {shown(proxy)} ({_named_by(proxy)})")


def shown(proxy: str) -> str:
    """Return a proxy without the password in it, also where it has no scheme, by which other secrets are found."""
    login, _, place = proxy.rpartition("@")
    return f"{''.join(login.partition('://')[:2]) if '://' in login else ''}***@{place}" if login else proxy


def advice(session: Session, url: str, error: BaseException) -> str:
    """Return what to do if an `error` of a request comes from the proxy; empty if there is none, or it is not its."""
    proxy = _proxy(session, url)
    if not proxy or "proxy" not in str(error):
        return ""
    return f"check {_named_by(proxy)}, or put the host of the service into NO_PROXY"


def _proxy(session: Session, url: str) -> str:
    from requests.utils import select_proxy

    return select_proxy(url, session.environment(url)["proxies"]) or ""


def _named_by(proxy: str) -> str:
    """Return the variable that names `proxy`; programs set them in both cases."""
    for name in _VARIABLES:
        for spelled in (name.lower(), name):
            if _place(os.environ.get(spelled, "")) == _place(proxy):
                return spelled
    return "the settings of the system"


def _place(proxy: str) -> str:
    """Return a proxy as libraries compare it: they add the scheme where a variable has none."""
    return proxy.removeprefix("http://").rstrip("/")
