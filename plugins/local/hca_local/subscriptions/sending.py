"""Makes one call: the request, the addresses it goes to, and the status that comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from hca_local.subscriptions import addresses, signatures
from hca_local.subscriptions.records import ELASTICSEARCH

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool
    from urllib3.util import Url

    from hca_local.subscriptions.records import Subscription

TIMEOUT_SECONDS = 60.0
_MOST_LISTENED_TO = 64 * 1024
_PORTS = {"http": 80, "https": 443}


class CallError(Exception):
    """A call got no answer. The message does not tell the URL, which may have credentials in it."""


def send(subscription: Subscription, payload: bytes, attempt: int, *, anywhere: bool) -> int:
    """Make attempt number `attempt` to tell a subscriber `payload`, and return the status of the answer.

    No redirect is followed. Raises CallError, ForeignHostError (unless `anywhere`).
    """
    import urllib3

    try:
        url = urllib3.util.parse_url(subscription.document["callback_url"])
        body, headers = _request(subscription, url, payload)
        if subscription.type == ELASTICSEARCH:
            headers["X-dss-notify-attempt"] = str(attempt)
        return _sent(subscription.document["method"], url, body, headers, anywhere=anywhere)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise CallError(type(error).__name__) from error


def host(subscription: Subscription) -> str:
    """Return host and port of a callback, as they may be shown."""
    from urllib3.util import parse_url

    return parse_url(subscription.document["callback_url"]).netloc or ""


def _request(subscription: Subscription, url: Url, payload: bytes) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a call."""
    from urllib3 import encode_multipart_formdata
    from urllib3.util import make_headers

    wanted = subscription.document
    body, content_type = payload, "application/json"
    if wanted["encoding"] != content_type:
        fields = [*wanted["form_fields"].items(), (wanted["payload_form_field"], payload)]
        body, content_type = encode_multipart_formdata(fields)
    headers = {
        "Host": url.netloc or "",
        "Connection": "close",
        "Content-Type": content_type,
        "User-Agent": "hca-local",
    }
    if subscription.signing_key:
        headers |= signatures.headers(subscription.signing_key, subscription.signing_key_id, body)
    elif url.auth:
        headers |= make_headers(basic_auth=unquote(url.auth))
    return body, headers


def _sent(method: str, url: Url, body: bytes, headers: dict[str, str], *, anywhere: bool) -> int:
    """Send a request to the first address of its host that takes connections and return the status."""
    from urllib3.exceptions import NewConnectionError

    name = (url.host or "").strip("[]")
    port = url.port or _PORTS[url.scheme or ""]
    refusal: Exception = OSError("the name has no address")
    for address in addresses.allowed(name, port, anywhere=anywhere):
        with _pool(url, name, address, port) as pool:
            try:
                answer = pool.urlopen(
                    method, url.request_uri, body, headers, retries=False, redirect=False, preload_content=False
                )
            except NewConnectionError as error:
                refusal = error
                continue
            _take_leave(answer)
            return answer.status
    raise refusal


def _take_leave(answer: BaseHTTPResponse) -> None:
    """Hear a receiver out, within limits, since some fail when nobody does; the status has told all that counts."""
    from urllib3.exceptions import HTTPError

    try:
        answer.read(_MOST_LISTENED_TO, decode_content=False)
    except (HTTPError, OSError):
        pass
    answer.close()


def _pool(url: Url, name: str, address: str, port: int) -> HTTPConnectionPool:
    """Return what connects to `address`, with TLS for `name` if the URL wants it."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

    if url.scheme == "https":
        return HTTPSConnectionPool(address, port, timeout=TIMEOUT_SECONDS, server_hostname=name, assert_hostname=name)
    return HTTPConnectionPool(address, port, timeout=TIMEOUT_SECONDS)
