"""Files that are fetched from elsewhere by their URL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from hca_local.shock.arriving import Arrived
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from requests import PreparedRequest

    from hca_local.shock.shock import Shock

_SECONDS = (10.0, 60.0)
_BLOCK = 1024 * 1024


def fetched(shock: Shock, url: str) -> Arrived:
    """Return the file at `url`, in a thread; close it. Raises ShockError (400), OSError."""
    import requests  # here: most never fetch anything

    parsed = _parsed(url)
    name = unquote(parsed.path.rstrip("/").rpartition("/")[2]) or str(parsed.hostname)
    file = Arrived(shock.incoming, name.replace("/", "_"))
    try:
        with requests.Session() as session:
            session.auth = _as_it_is
            headers = {"Accept-Encoding": "identity"}
            with session.get(url, headers=headers, stream=True, timeout=_SECONDS) as response:
                if response.status_code != 200:
                    raise ShockError(400, f"{parsed.hostname} answers {response.status_code} to the upload_url.")
                for block in response.iter_content(_BLOCK):
                    if shock.is_over:
                        raise ShockError(503, "The server is being stopped.")
                    file.feed(block)
        file.finish()
    except BaseException as error:
        file.close()
        if isinstance(error, requests.RequestException):
            # What it says may have a password in it, that of the URL.
            raise ShockError(400, f"The upload_url can't be fetched from {parsed.hostname}.") from error
        raise
    return file


def _parsed(url: str) -> SplitResult:
    """Return the pieces of a URL that may be fetched. Raises ShockError (400)."""
    try:
        parsed = urlsplit(url)
        is_usable = parsed.scheme in ("http", "https") and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ShockError(400, "The upload_url must begin with http:// or https:// and name a host.")
    return parsed


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """Add no credentials to a request, such as those that this user keeps in ~/.netrc."""
    return request
