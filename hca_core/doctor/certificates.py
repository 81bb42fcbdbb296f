"""What the certificate of a service says, and what to do about one that is not trusted."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

from hca_core.doctor.values import Check
from hca_core.durations import from_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

_SOON_SECONDS = 14 * 86400.0
# OpenSSL's numbers (X509_V_ERR_*), which its texts for people have changed under.
_NOT_YET, _EXPIRED, _OTHER_HOST = 9, 10, (62, 64)
_BUNDLE = "name the certificates of your institution in REQUESTS_CA_BUNDLE, if it is theirs"


def check(response: Response) -> Iterator[Check]:
    """Yield how long the certificate behind an open `response` is good, nothing where there is none."""
    connection = getattr(response.raw, "connection", None)
    socket = getattr(connection, "sock", None)
    certificate = socket.getpeercert() if isinstance(socket, ssl.SSLSocket) else None
    if not certificate:
        return
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    told = f"the certificate is good, and ends {from_now(ends, time.time())}"
    if ends - time.time() > _SOON_SECONDS:
        yield Check("certificate", "ok", told)
    else:
        yield Check("certificate", "warning", told, "tell the operators of the service")


def advice(error: BaseException) -> str:
    """Return what to do if an `error` of a request comes from a certificate; empty if it does not."""
    failure = _verification(error)
    if failure is None:
        return ""
    if failure.verify_code == _EXPIRED:
        return "tell the operators of the service, or set the clock of this machine if it is wrong"
    if failure.verify_code == _NOT_YET:
        return "set the clock of this machine, if it is wrong"
    if failure.verify_code in _OTHER_HOST:
        return "check the URL: the certificate is that of another host"
    return _BUNDLE


def _verification(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the refusal of a certificate that `error` comes from. Libraries put it in several places."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        if isinstance(one, ssl.SSLCertVerificationError):
            return one
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return None
