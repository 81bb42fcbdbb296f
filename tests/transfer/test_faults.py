"""The fault table: what may befall a request, tried on small and large files; all arrive or say in a sentence why not.

`python tests/transfer/fault_table.py` prints the table. Places in the files are random: HCA_FAULT_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import transfer_faults as faults
import transfer_tools as tools

from hca_core.errors import ExitStatus, HCAError, IntegrityError, NetworkError, ServiceError

# Three for the loop of small files, two for the threads of large ones.
SIZES = [1, 9_000, 200_000, 1_200_000, 2_100_000]
SEED = os.environ.get("HCA_FAULT_SEED") or os.urandom(4).hex()


@dataclass(frozen=True)
class Case:
    """A fault: what befalls the first requests for a file of `data`, and what comes of it.

    Parameters: `always` befalls all later requests. `requests` is how many a file takes; None: as many as it
    may, but others that fail do not try it all again (a host that does not answer). `error` is what a file fails
    with, `status` the exit status of that, `kept` whether what arrived stays for the next run.
    """

    fault: str
    first: Callable[[random.Random, bytes], list[Any]]
    requests: int | None
    always: Any = None
    error: type[HCAError] | None = None
    status: int = 0
    kept: bool = False
    smallest: int = 0


def at(rng: random.Random, data: bytes) -> int:
    """Return a place in the content, neither its beginning nor its end unless it is one byte."""
    return rng.randrange(1, len(data)) if len(data) > 1 else 0


def halved(*later: Any) -> Callable[[random.Random, bytes], list[Any]]:
    """Return a script: half a body first, then `later`."""
    return lambda rng, data: [faults.half, *later]


HTML = b"<!DOCTYPE html><html><head><title>Log in to the network</title></head><body>Wi-Fi</body></html>"
NETWORK, INTEGRITY, LOGIN = ExitStatus.NETWORK, ExitStatus.INTEGRITY, ExitStatus.LOGIN

CASES = [
    Case("no answer, 3 times", lambda rng, data: [faults.drop] * 3, 4),
    Case("no answer, ever", lambda rng, data: [], None, faults.drop, NetworkError, NETWORK),
    Case("closed in the middle of the head", lambda rng, data: [faults.close(30, headers=False)], 2),
    Case("an answer that is no HTTP", lambda rng, data: [faults.garbage], 2),
    Case("reset at a random byte", lambda rng, data: [faults.reset(at(rng, data))], 2),
    Case(
        "reset at a random byte, 5 times",
        lambda rng, data: [faults.reset(rng.randrange(len(data) // 6 + 1)) for _ in range(5)],
        6,
    ),
    Case("half a body, then closed", halved(), 2),
    Case("half of what is left, 8 times", lambda rng, data: [faults.halving] * 8, 9, smallest=1000),
    Case("a wrong byte", lambda rng, data: [faults.changed(at(rng, data))], 2),
    Case(
        "a wrong byte, always",
        lambda rng, data: [],
        2,
        faults.changed(0),
        IntegrityError,
        INTEGRITY,
    ),
    Case("too long", lambda rng, data: [faults.content(data + b"more")], 2),
    Case("too short", lambda rng, data: [faults.content(data[:-1])], 2, smallest=2),
    Case("empty", lambda rng, data: [faults.content(b"")], 2),
    Case("too long, always", lambda rng, data: [], 2, faults.longer, IntegrityError, INTEGRITY),
    Case("too short, always", lambda rng, data: [], 2, faults.shorter, IntegrityError, INTEGRITY, smallest=2),
    Case("without end", lambda rng, data: [], 2, faults.endless, IntegrityError, INTEGRITY),
    Case("no Content-Length", lambda rng, data: [faults.unmeasured()], 1),
    Case("no Content-Length, chunked", lambda rng, data: [faults.unmeasured(chunked=True)], 1),
    Case("no Content-Length, cut", lambda rng, data: [faults.unmeasured(at(rng, data))], 2),
    Case("no Content-Length, chunked, cut", lambda rng, data: [faults.unmeasured(at(rng, data), chunked=True)], 2),
    Case("Range ignored", halved(faults.unranged), 2, smallest=2),
    Case("Range answered from an earlier byte", lambda rng, data: [faults.half, faults.ranged(len(data) // 3)], 2),
    Case(
        "Range answered from a later byte",
        lambda rng, data: [faults.half, faults.ranged(len(data) // 2 + 1)],
        3,
        smallest=1000,
    ),
    Case(
        "Range answered with other bytes than it says",
        lambda rng, data: [faults.half, faults.ranged(7, told=f"bytes {len(data) // 2}-{len(data) - 1}/{len(data)}")],
        3,
        smallest=1000,
    ),
    Case("Range answered without saying which", halved(faults.status(206, body=b"?")), 3, smallest=1000),
    Case("416 in the middle", halved(faults.status(416)), 3, smallest=2),
    Case("403 in the middle", halved(faults.status(403)), 3),
    Case("403, always", lambda rng, data: [], 2, faults.status(403), ServiceError, LOGIN),
    Case("403 in the middle, always", halved(), 3, faults.status(403), ServiceError, LOGIN, kept=True),
    Case("404", lambda rng, data: [], 1, faults.status(404), ServiceError, ExitStatus.NOT_FOUND),
    Case("500, 502, 503, 504", lambda rng, data: [faults.status(code) for code in (500, 502, 503, 504)], 5),
    Case("503, always", lambda rng, data: [], 6, faults.status(503), ServiceError, NETWORK),
    Case("503 with a Retry-After that is none", lambda rng, data: [faults.status(503, retry_after="soon")], 2),
    Case("204, no content", lambda rng, data: [faults.status(204, Content_Length=None)], 2),
    Case("HTML of a proxy", lambda rng, data: [faults.html(HTML)], 2),
    # Of one byte it may be the right one.
    Case(
        "HTML of a proxy, of the same size",
        lambda rng, data: [faults.html((HTML * len(data))[: len(data)])],
        2,
        smallest=2,
    ),
    Case("HTML of a proxy in the middle", halved(faults.html(HTML)), 3, smallest=1000),
    Case("HTML of a proxy, always", lambda rng, data: [], 2, faults.html(HTML), IntegrityError, INTEGRITY),
    Case("an answer compressed unasked", lambda rng, data: [faults.squeezed], 2),
    Case("slow drip", lambda rng, data: [faults.drip(8, 0.03)], 1),
    Case("a changed object behind the name, same size", lambda rng, data: [faults.other_half], 3, smallest=2),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_fault(server, remote, record, case):
    rng = random.Random(f"{SEED} {case.fault}")
    print(f"HCA_FAULT_SEED={SEED}")
    contents = {f"/{size}": rng.randbytes(size) for size in SIZES if size >= case.smallest}
    for path, data in contents.items():
        server.put(path, data, *case.first(rng, data), always=case.always)
    results = remote.fetch(*(remote.file(path, data) for path, data in contents.items()), retries=5)
    if case.error is None:
        remote.holds(contents, results)
    else:
        for result in results:
            tools.check_failure(result, case.error)
            assert result.error.exit_status == case.status
        left = tools.listing(remote.folder)
        assert bool(left) == case.kept
        assert all(os.path.basename(name).startswith(".") for name in left)
    asked = {path: len(server.asked(path)) for path in contents}
    if case.requests is None:  # who finds that others were given up by the host needs less patience
        assert 1 <= min(asked.values()) <= max(asked.values()) == 6, asked
    else:
        assert set(asked.values()) == {case.requests}, asked
    again = sum(max(0, result.fetched - result.transfer.size) for result in results)
    record(case.fault, len(results), "arrives" if case.error is None else f"exit {case.status:d}", again=again)
