"""What an answer, or the lack of one, says: a wait, a problem, a document, a failure in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests  # noqa: TID253 - loaded with hca_core.http only

from hca_core import urls
from hca_core.errors import HCAError, NetworkError

if TYPE_CHECKING:
    from hca_core.http import Policy


_CLOCK_TOLERANCE_SECONDS = 120.0


def retry_after(response: requests.Response) -> float | None:
    """Return the seconds that a Retry-After header asks to wait (a number or a date, RFC 9110 §10.2.3), or None."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value)) if value.replace(".", "", 1).isdigit() else _seconds_until(value)
    except (ValueError, TypeError, OverflowError):
        return None


def about_clocks(response: requests.Response) -> str | None:
    """Return a sentence if this machine's clock and that of the service differ by minutes; tokens do not bear that."""
    from hca_core.durations import in_words

    try:
        ahead = -_seconds_to(response.headers["Date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    if abs(ahead) < _CLOCK_TOLERANCE_SECONDS:
        return None
    return (
        f"set the clock of this machine: it is {in_words(ahead)} {'ahead of' if ahead > 0 else 'behind'} the service's"
    )


def _seconds_until(date: str) -> float:
    return max(0.0, _seconds_to(date))


def _seconds_to(date: str) -> float:
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    moment = parsedate_to_datetime(date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def problem_of(response: requests.Response) -> object:
    """Return what the body of an error answer says: a document if it is JSON, else text, at most 64 KiB of it."""
    try:
        body = response.raw.read(65536, decode_content=True) if not response._content_consumed else response.content  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - the status alone is worth telling
        body = b""
    finally:
        response.close()
    response._content, response._content_consumed = body, True  # type: ignore[attr-defined]
    return problem_in(body, response.headers.get("Content-Type", ""))


def problem_in(body: bytes, content_type: str) -> object:
    """Return what the `body` of an error answer says: a document if it is JSON, else text."""
    if "json" in content_type:
        import json

        try:
            return json.loads(body)
        except ValueError:
            pass
    return body.decode("utf-8", "replace")


def decode_json(response: requests.Response) -> Any:
    """Return the decoded body. Raises HCAError if the service sent something else than JSON."""
    try:
        return response.json()
    except requests.exceptions.JSONDecodeError as error:
        kind = response.headers.get("Content-Type", "no content type")
        raise HCAError(f"{response.url} answered {response.status_code} with {kind} that is not JSON") from error
    except requests.RequestException as error:
        raise NetworkError(f"{response.url} broke off its answer ({_innermost(error)})") from error


def explain(error: Exception, url: str, policy: Policy) -> str:
    """Return one sentence for an exception of the HTTP library, without its inner names."""
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc}"
    text = str(error)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"{where} took no connection within {policy.connect_timeout:.0f} s"
    if isinstance(error, requests.exceptions.ReadTimeout) or "Read timed out" in text:
        return f"{where} sent nothing for {policy.read_timeout:.0f} s"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{where} has no certificate that can be trusted ({_innermost(error)})"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy on the way to {where} does not answer"
    if isinstance(error, requests.exceptions.InvalidURL):
        return f"{where} is no address that a service can have"
    if "Connection refused" in text:
        return f"nothing listens at {where} (connection refused)"
    if "unreachable" in text or "No route to host" in text:
        return f"there is no way to {where} (network unreachable)"
    if "NameResolutionError" in text or "getaddrinfo" in text:
        return f"the host of {where} is not known (name resolution failed)"
    return f"the connection to {where} broke ({_innermost(error)})"


def hint(error: Exception) -> str | None:
    """Return the next step after an exception of the HTTP library, where it tells one, else None."""
    asked = getattr(error, "request", None)
    if asked is not None and "Connection refused" in str(error) and urls.is_loopback(asked.url or ""):
        return "start the service ('hca local up' if it is the one of this machine), or name another"
    if isinstance(error, requests.exceptions.SSLError):
        return "if your network has a certificate authority of its own, name its file in REQUESTS_CA_BUNDLE"
    if isinstance(error, requests.exceptions.ProxyError):
        return "check the proxy that HTTPS_PROXY or HTTP_PROXY names, or name the host in NO_PROXY"
    return None


def was_never_sent(error: requests.RequestException) -> bool:
    """Tell whether no connection was made: the host is unknown, nothing listens there, or a proxy is in the way."""
    if isinstance(error, (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    return isinstance(error, requests.exceptions.ConnectionError) and (
        "NewConnectionError" in repr(error)
        or "NameResolutionError" in repr(error)
        or "Connection refused" in str(error)
    )


def _innermost(error: BaseException) -> str:
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _innermost(reason)
    return " ".join(str(error).split())[:200] or type(error).__name__


def read(response: requests.Response) -> None:
    """Read the whole body now; close the connection if that fails. Raises requests' exceptions."""
    try:
        response.content  # noqa: B018 - reading it is the point
    except BaseException:
        response.close()
        raise


def release(response: requests.Response) -> None:
    """Give the connection back: read what little a redirect or an error carries, or close it if that is much."""
    try:
        if int(response.headers.get("Content-Length", "0") or 0) <= 65536:
            response.content  # noqa: B018 - reading it is the point
        else:
            response.close()
    except (requests.RequestException, ValueError):
        response.close()
