"""Does a service answer, how fast, by which way, with which certificate and clock? Asked once, without a token."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hca_core.doctor import certificates, proxies
from hca_core.doctor.values import Check
from hca_core.errors import HCAError, ServiceError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from hca_core.http import Session

_MOST_BYTES = 16 * 1024 * 1024  # of a description; the largest known has a quarter of one


def reach(session: Session, url: str, *, timeout: float, described: bool = False) -> Iterator[Check]:
    """Look whether `url` answers, and yield what there is to tell: the proxy, the answer, the certificate, the clock.

    One request is sent, without a token. Parameters: `session` says what may be asked, and the next step if nobody
    answers; from now on it waits for `timeout` seconds and tries once. With `described` the answer must be the
    description of a service, else any below status 500 will do.
    """
    session.policy = session.policy._replace(tries=1, connect_timeout=timeout, read_timeout=timeout, patience=timeout)
    yield from proxies.check(session, url)
    began = time.monotonic()
    try:
        response = session.request("GET", url, stream=True)
    except ServiceError as error:
        yield _refused(error, described=described)
        yield from _clock(error.response)
        return
    except HCAError as error:
        yield _unreachable(session, url, error)
        return
    try:
        took = time.monotonic() - began
        certificate = list(certificates.check(response))  # now: the connection goes when all has been read
        yield _answered(response, took, described=described)
        yield from certificate
        yield from _clock(response)
    finally:
        response.close()


def _answered(response: Response, took: float, *, described: bool) -> Check:
    if described and not _is_document(response):
        kind = one_line(response.headers.get("Content-Type", "")) or "something"
        return Check(
            "answer",
            "problem",
            f"{response.url} answers with {kind}, not with the description of a service",
            "check the URL, and whether a page of your network (a login, a proxy) answers in its place",
        )
    return Check("answer", "ok", f"it answers in {took * 1000:.0f} ms")


def _is_document(response: Response) -> bool:
    """Tell whether the body is a JSON object. A body that breaks off, or never ends, is none."""
    import json

    import requests

    try:
        body = b""
        for block in response.iter_content(65536):
            body += block
            if len(body) > _MOST_BYTES:
                return False
        return isinstance(json.loads(body), dict)
    except (requests.RequestException, ValueError, RecursionError):
        return False


def _refused(error: ServiceError, *, described: bool) -> Check:
    if error.code < 500 and not described:
        return Check("answer", "ok", f"it answers (HTTP {error.code})")
    if error.code >= 500:
        hint = "try again later: the service has a problem of its own, or is being maintained"
    else:
        hint = "check the URL: hca config list --show-origin"
    return Check("answer", "problem", f"it answers, but with an error: {error.message}", hint)


def _unreachable(session: Session, url: str, error: HCAError) -> Check:
    """Return what stands in the way: the certificate, the proxy, or something that the error tells by itself."""
    hint = certificates.advice(error) or proxies.advice(session, url, error) or error.hint or ""
    return Check("answer", "problem", error.message, hint)


def _clock(response: Response) -> Iterator[Check]:
    from hca_core import answers

    if "Date" not in response.headers:
        return  # it does not tell
    advice = answers.about_clocks(response)
    if advice is None:
        yield Check("clock", "ok", "the clocks agree")
    else:
        step, _, what = advice.partition(": ")
        yield Check("clock", "warning", f"the clock: {what}; logins and signed links may be refused", step)
