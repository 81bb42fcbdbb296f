"""How patient a transfer is, and content that is handed on while it is checked (hca_core.content)."""

from __future__ import annotations

import pytest
import transfer_faults as faults
import transfer_tools as tools

from hca_core import content
from hca_core.content import Quota
from hca_core.errors import IntegrityError, NetworkError

DATA = tools.noise(3_000_017, "content")


def test_the_wait_doubles_with_failures_and_halves_with_good_blocks():
    quota = Quota(10, 0.25)
    error = NetworkError("down")
    assert [quota.failed(error) for _ in range(4)] == [0.25, 0.5, 1, 2]
    for _ in range(2):
        quota.good_block()
    assert quota.failed(error) == 1
    for _ in range(20):
        quota.good_block()
    assert quota.failed(error) == 0.25


def test_good_blocks_fill_the_quota_up_to_where_it_began():
    quota = Quota(2, 0)
    error = NetworkError("down")
    for _ in range(50):
        quota.failed(error)
        quota.good_block()
        quota.good_block()
    quota.failed(error)
    quota.failed(error)
    with pytest.raises(NetworkError):
        quota.failed(error)


def test_checked_blocks_resume_and_tell_wrong_content(server, remote):
    def open_at(offset):
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        return remote.session.request("GET", f"{server.url}/file", headers=headers, stream=True, tries=1)

    server.put("/file", DATA, faults.half, faults.whole, always=faults.changed(len(DATA) - 1))
    promise = content.Promise(len(DATA), tools.sha256(DATA))
    assert b"".join(content.checked_blocks(open_at(0), open_at, promise)) == DATA
    assert server.ranges("/file")[0] is None
    assert str(server.ranges("/file")[1]).startswith("bytes=")
    with pytest.raises(IntegrityError):
        list(content.checked_blocks(open_at(0), open_at, promise))
