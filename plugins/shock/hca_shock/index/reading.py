"""The bytes that the server sends of a node's file: counted, taken up again where the connection broke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import log
from hca_core.errors import IntegrityError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from hca_shock.server import Params, Server

BLOCK = 1024 * 1024


def span(server: Server, node_id: str, start: int, end: int, *, whole: bool = False) -> Iterator[bytes]:
    """Yield the bytes of a node's file from `start` to before `end`; what breaks off is asked for from there on.

    Parameters: `whole` is for the file from its beginning to its end, which some nodes have no other way to give.
    Raises IntegrityError if other than so many bytes come, NetworkError, ShockApiError.
    """
    name = f"{node_id}, bytes {start} to {end}"
    position = start
    failures = 0
    while position < end or (start == end and whole):
        resumed = position > start
        exact: Params = [("seek", str(position)), ("length", str(end - position))]
        try:
            for block in blocks(server, node_id, [] if whole and not resumed else exact):
                position += len(block)
                if position > end:
                    raise IntegrityError(f"{name}: the server sends more than {end - start} bytes")
                yield block
                failures = 0
            if position < end:
                raise IntegrityError(f"{name}: received {position - start} bytes instead of {end - start}")
            return
        except NetworkError as error:
            failures += 1
            if failures >= server.session.policy.tries:
                raise
            log.logger().debug("%s: %s; asking for the rest", name, error.message)
            server.session.wait(server.session.policy.wait(failures))


def blocks(server: Server, node_id: str, params: Params) -> Iterator[bytes]:
    """Yield what the server sends of a node's file for `params`, as it comes.

    Raises NetworkError if it breaks off before the length that the server told, ShockApiError.
    """
    asked: Params = [("download_raw", None), *params]
    with server.stream("node", node_id, params=asked) as response:
        yield from _body(response)


def _body(response: Response) -> Iterator[bytes]:
    import urllib3

    try:
        while block := response.raw.read(BLOCK, decode_content=False):
            yield block
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NetworkError(f"the connection broke ({' '.join(str(error).split())[:200]})") from error
