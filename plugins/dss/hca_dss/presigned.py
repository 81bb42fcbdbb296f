"""Signed addresses of all files of a bundle, had with one request for 500 files, where that saves look-ups."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from hca_core import answers, http, log, paging
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hca_dss.bundles import Bundle
    from hca_dss.client import DSSClient
    from hca_dss.files import DSSFile
    from hca_dss.manifest import Row

PER_PAGE = 500
# A look-up is a request of the engine; one of `requests`, which asks for the addresses, takes thirty times the work.
FEWEST = 32
_MOST_IN_VAIN = 3
_ADDRESS = re.compile(r"https?://[!-~]+")


class Addresses:
    """Asks for the addresses of bundles; may be used by several threads.

    The service copies a whole bundle to where it can be read before it tells them, so they are asked for only if most
    of the bundle is wanted. It is never waited for: a bundle that is not ready is fetched file by file. A service that
    does not have them is not asked for ever.
    """

    def __init__(self, client: DSSClient, replica: str, stored: Callable[[str], str]) -> None:
        self._client = client
        self._replica = replica
        self._stored = stored
        self._in_vain = 0

    @property
    def hopeful(self) -> bool:
        """Tell whether it is still worth asking."""
        return self._in_vain < _MOST_IN_VAIN

    def of(self, bundle: Bundle, wanted: Iterable[DSSFile | Row]) -> Mapping[tuple[str, str], str]:
        """Return the addresses of files by uuid and version if `wanted` is worth it; none if there are none."""
        # An empty file takes no request.
        missing = {one.sha256: one for one in wanted if one.size and not os.path.exists(self._stored(one.sha256))}
        if not self.hopeful or len(missing) < max(FEWEST, 2 * _pages(bundle.files)):
            return {}
        if 2 * sum(one.size for one in missing.values()) < sum(one.size for one in bundle.files):
            return {}
        from requests import RequestException

        try:
            found = self._ask(bundle)
        except (HCAError, RequestException) as error:
            log.logger("hca.dss").debug("no signed addresses for bundle %s: %s", bundle.fqid, error)
            found = {}
        self._in_vain = 0 if found else self._in_vain + 1
        return found

    def _ask(self, bundle: Bundle) -> dict[tuple[str, str], str]:
        session = self._client.session
        operation = self._client.api.operations["get_bundle"]
        told = {"replica": self._replica, "version": bundle.version, "presignedurls": True, "per_page": PER_PAGE}
        url = self._client.url(operation, {"uuid": bundle.uuid})
        query: Mapping[str, Any] | None = told
        found: dict[tuple[str, str], str] = {}
        for _ in range(_pages(bundle.files)):
            prepared = session.prepare("GET", url, query, http.Body(), {})
            # Sent once: what makes others wait (Retry-After) is a reason here to do without.
            response = session.send(prepared, authenticated=operation.secured, stream=False)
            if response.status_code not in (200, 206):
                raise HCAError(f"the service answered {response.status_code}")
            for entry in paging.items(answers.decode_json(response), "bundle.files"):
                told_of = entry if isinstance(entry, dict) else {}
                address = str(told_of.get("url"))
                if _ADDRESS.fullmatch(address):
                    found[str(told_of.get("uuid")), str(told_of.get("version"))] = address
            following = paging.next_url(response.headers.get("Link"), response.url)
            if following is None:
                break
            url, query = following, None
        return found


def _pages(listed: Sequence[DSSFile]) -> int:
    return -(-len(listed) // PER_PAGE) or 1
