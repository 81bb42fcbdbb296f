"""What other tools need to fetch files instead: addresses, or input for aria2c, curl and s5cmd."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from hca_core.errors import HCAError, UsageError, one_line
from hca_core.transfer import seal
from hca_core.transfer.report import Missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_core.transfer.report import Report
    from hca_core.transfer.run import Order
    from hca_core.transfer.values import Transfer

FORMATS = ("urls", "aria2", "curl", "s5cmd")
_IN_URLS = "!#$%&'()*+,-./:;=?@[]_~"  # all that a URL may have (RFC 3986 §2)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# aria2's names of the algorithms that Python calls otherwise.
_ARIA2 = {"sha1": "sha-1", "sha224": "sha-224", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}


def write(wanted: Iterable[Transfer | Missing], order: Order, report: Report) -> Report:
    """Write what is `wanted` and not there yet for the tool that `order.emit` names, each target once.

    What can't be had is noted in `report`. Raises UsageError if a file can't be told to that tool.
    """
    if order.emit not in FORMATS or order.write is None:
        raise UsageError(f"emit is {order.emit!r}, but must be one of {', '.join(FORMATS)}, with a function to write")
    entry = {"urls": _url, "aria2": _aria2, "curl": _curl, "s5cmd": _s5cmd}[order.emit]
    seen: set[int] = set()
    present = emitted = 0
    if order.emit == "curl":
        order.write(_CURL_HEAD)
    for one in wanted:
        if isinstance(one, Missing):
            report.missing(one)
            continue
        key = hash(one.target)
        if key in seen:
            continue
        seen.add(key)
        if seal.is_complete(one.target, one.promise):
            present += 1
            continue
        try:
            order.write(entry(one))
            emitted += 1
        except UsageError:
            raise
        except HCAError as error:
            report.missing(Missing(one.link or one.name, error))
    report.planned = {"emit": order.emit, "files": present + emitted, "present": present, "emitted": emitted}
    return report


def _url(one: Transfer) -> str:
    return f"{_address(one)}\n"


def _address(one: Transfer) -> str:
    """Return the URL that a tool without a login can fetch a file from. Raises HCAError."""
    request = one.source.request(0)
    if request.authenticated:
        raise UsageError(
            f"{one_line(one.name)} needs your login, which is not given to other tools",
            hint="leave out --emit: hca fetches it",
        )
    return quote(request.url, safe=_IN_URLS)


def _aria2(one: Transfer) -> str:
    """Return an entry of aria2c's input file (`aria2c -i`): a line with the URL, options below it."""
    folder, name = os.path.split(os.path.abspath(one.target))
    if name != name.strip() or folder != folder.strip():
        raise UsageError(f"aria2c can't write to {_shown(one)}: a blank at an end of it is lost; use --emit curl")
    lines = [_address(one), f"  dir={_one_lined(folder, one)}", f"  out={_one_lined(name, one)}"]
    # A file that is there is wrong or an unfinished one of aria2c's own; without this it would get another name.
    lines.append("  allow-overwrite=true")
    if one.digest:
        lines.append(f"  checksum={_ARIA2.get(one.algorithm, one.algorithm)}={one.digest}")
    return "".join(f"{line}\n" for line in lines)


_CURL_HEAD = "location\nfail\ncreate-dirs\ngloboff\nparallel\n"


def _curl(one: Transfer) -> str:
    """Return an entry of curl's configuration (`curl --config`)."""
    return f'url = "{_address(one)}"\noutput = "{_curl_quoted(_encodable(os.path.abspath(one.target), one))}"\n'


def _curl_quoted(text: str) -> str:
    for plain, quoted in (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\v", "\\v")):
        text = text.replace(plain, quoted)
    return text


def _s5cmd(one: Transfer) -> str:
    """Return a command for `s5cmd run`."""
    direct = getattr(one.source, "direct", None)
    if direct is None:
        raise UsageError("s5cmd needs addresses in S3, and this service tells none; use --emit aria2")
    address = direct()
    if not address.startswith("s3://"):
        scheme = one_line(address.partition("://")[0])
        raise UsageError(f"s5cmd needs addresses in S3, but {one_line(one.name)} lies at {scheme}://; use --emit aria2")
    words = [_one_lined(address, one), _one_lined(os.path.abspath(one.target), one)]
    return f"cp --raw {' '.join(shlex.quote(word) for word in words)}\n"  # raw: its * and ? are no patterns


def _one_lined(text: str, one: Transfer) -> str:
    """Return `text` if it can stand in a line of a file that knows no escapes. Raises UsageError."""
    if _CONTROL.search(text):
        raise UsageError(f"{_shown(one)} can't be told to that tool: it has a control character; use --emit curl")
    return text


def _encodable(text: str, one: Transfer) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{_shown(one)} can't be told to another tool: it is not UTF-8") from None
    return text


def _shown(one: Transfer) -> str:
    return one_line(one.target.encode("utf-8", "backslashreplace").decode())
