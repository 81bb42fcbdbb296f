"""Files that are fetched from elsewhere by their URL."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from hca_local.shock import names
from hca_local.shock.arriving import Arrived
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    import requests
    from requests import PreparedRequest

    from hca_local.shock.shock import Shock

# All of it, the time in which it waits for its turn counted.
MOST_SECONDS = 1800.0
_SECONDS = (10.0, 60.0)
_BLOCK = 256 * 1024
_MOST_REDIRECTS = 10


def fetched(shock: Shock, url: str, deadline: float) -> Arrived:
    """Return the file at `url`, in a thread; close it.

    Parameters: `deadline` is when the whole file has to be here, by time.monotonic. Raises ShockError (400), OSError.
    """
    import requests  # here: most never fetch anything
    import urllib3

    parsed = _parsed(url)
    name = unquote(parsed.path.rstrip("/").rpartition("/")[2]) or str(parsed.hostname)
    file = Arrived(shock.incoming, names.require(name.replace("/", "_"), "The name in the upload_url"))
    try:
        with requests.Session() as session:
            session.auth = _as_it_is
            with closing(_answer(session, url)) as response:
                if response.status_code != 200:
                    raise ShockError(400, f"{parsed.hostname} answers {response.status_code} to the upload_url.")
                # What has come, not a full block: a server that sends byte by byte must not outlast the deadline.
                while block := response.raw.read1(_BLOCK, decode_content=True):
                    _require_time(shock, deadline)
                    file.feed(block)
        file.finish()
    except BaseException as error:
        file.close()
        if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
            # What it says may have a password in it, that of the URL.
            raise ShockError(400, f"The upload_url can't be fetched from {parsed.hostname}.") from error
        raise
    return file


def _answer(session: requests.Session, url: str) -> requests.Response:
    """Return the answer to a request for `url`, its body not read. Raises ShockError, requests.RequestException."""
    for _ in range(_MOST_REDIRECTS):
        # Not left to requests: it reads the bodies of redirects, however long they are.
        response = session.get(
            url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=_SECONDS, allow_redirects=False
        )
        if not response.is_redirect:
            return response
        response.close()
        url = urljoin(url, response.headers["location"])
        _parsed(url)
    raise ShockError(400, f"The upload_url is redirected more than {_MOST_REDIRECTS} times.")


def _require_time(shock: Shock, deadline: float) -> None:
    if shock.is_over:
        raise ShockError(503, "The server is being stopped.")
    if time.monotonic() > deadline:
        raise ShockError(400, f"The upload_url takes more than {MOST_SECONDS:.0f} seconds.")


def _parsed(url: str) -> SplitResult:
    """Return the pieces of a URL that may be fetched. Raises ShockError (400)."""
    try:
        parsed = urlsplit(url)
        is_usable = parsed.scheme in ("http", "https") and bool(parsed.hostname) and parsed.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ShockError(400, "The upload_url must begin with http:// or https:// and name a host.")
    if "@" in parsed.netloc or "%" in parsed.netloc:
        raise ShockError(400, "The upload_url can't have a name and a password in it.")
    return parsed


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """Add no credentials to a request, such as those that this user keeps in ~/.netrc."""
    return request
