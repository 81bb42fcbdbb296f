"""Files of nodes that are read from anywhere, over connections that break."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import shock_servers as servers

from hca_core.errors import NetworkError
from hca_shock.errors import ShockNodeError
from hca_shock.transfer import making, reader
from hca_shock.transfer.description import Description

if TYPE_CHECKING:
    from hca_shock.client import ShockClient


faults = servers.faults
MEBIBYTE = servers.MEBIBYTE
DATA = servers.noise(3 * MEBIBYTE + 5)
RAW = {"download_raw": ""}


@pytest.fixture
def proxy() -> Any:
    """A proxy before a server with the faults of the real one."""
    return servers.proxied(servers.shared(1))


@pytest.fixture
def node_id(shock: ShockClient) -> str:
    """A node with DATA."""
    return shock.put(io.BytesIO(DATA)).id


def test_it_reads_as_a_file_does(shock: ShockClient, proxy: Any, node_id: str) -> None:
    with shock.open(node_id) as stream:
        assert (stream.readable(), stream.seekable(), stream.writable()) == (True, True, False)
        assert stream.read(10) == DATA[:10]
        assert stream.tell() == 10
        assert stream.seek(2 * MEBIBYTE) == 2 * MEBIBYTE
        assert stream.read(7) == DATA[2 * MEBIBYTE : 2 * MEBIBYTE + 7]
        assert stream.seek(-5, os.SEEK_END) == len(DATA) - 5
        assert stream.read() == DATA[-5:]
        assert stream.read() == b""
        assert stream.seek(10, os.SEEK_END) == len(DATA) + 10
        assert stream.read(1) == b""
        stream.seek(100)
        stream.seek(-50, os.SEEK_CUR)
        assert stream.read(3) == DATA[50:53]
        with pytest.raises((ValueError, OSError)):
            stream.seek(-1)
        stream.seek(0)
        assert stream.read() == DATA


def test_all_of_it_costs_one_request(shock: ShockClient, proxy: Any, node_id: str) -> None:
    with shock.open(node_id) as stream:
        stream.read(1)
        stream.seek(MEBIBYTE + 1000)  # a little further than what is in the buffer: it is read on
        assert stream.read() == DATA[MEBIBYTE + 1000 :]
    assert len([one for one in proxy.of("GET") if "seek" in one.query]) == 1


def test_other_libraries_read_it(shock: ShockClient) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big", DATA)
        archive.writestr("small", "small")
    packed.seek(0)
    node = shock.put(packed, name="a.zip")
    with shock.open(node) as stream, zipfile.ZipFile(stream) as archive:
        assert archive.namelist() == ["big", "small"]
        assert archive.read("small") == b"small"
        assert archive.read("big") == DATA
        assert archive.testzip() is None


@pytest.mark.parametrize("action", [faults.cut_answer(0), faults.cut_answer(1_500_000), servers.page(503)])
def test_a_connection_that_breaks_is_made_again(shock: ShockClient, proxy: Any, node_id: str, action: Any) -> None:
    rule = proxy.rule(action, query=RAW, times=2)
    with shock.open(node_id) as stream:
        assert stream.read() == DATA
    assert rule.hits == 2


@pytest.mark.parametrize("action", [faults.cut_answer(0), servers.empty])
def test_one_that_stays_broken_is_told(shock: ShockClient, proxy: Any, node_id: str, action: Any) -> None:
    proxy.rule(action, query=RAW, times=None)
    with shock.open(node_id) as stream, pytest.raises(NetworkError, match="can't be read at byte 0"):
        stream.read()


def test_nothing_to_read(shock: ShockClient, proxy: Any) -> None:
    with shock.open(shock.put(io.BytesIO(b""))) as stream:
        assert stream.read() == b""
    with pytest.raises(ShockNodeError):
        shock.open(making.empty(shock.server, Description()))
    assert [one for one in proxy.of("GET") if "seek" in one.query] == []


def test_a_closed_one_reads_no_more(shock: ShockClient, node_id: str) -> None:
    stream = shock.open(node_id)
    stream.read(1)
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)
    raw = reader.NodeReader(shock.server, shock.node(node_id))
    raw.close()
    with pytest.raises(ValueError, match="closed"):
        raw.read(1)


def test_a_subset_is_read_too(shock: ShockClient, tmp_path: Path) -> None:
    """The server has no seek for subsets (service contract §6)."""
    from hca_shock.forms import FilePart

    node = shock.put(io.BytesIO(b"".join(b">%d\nACGT\n" % number for number in range(10))))
    shock.indexes.build(node.id, "record")
    units = FilePart("subset_indices", "units", b"2\n5\n")
    subset = making.subset(shock.server, node.id, "record", units, Description())
    with shock.open(subset) as stream:
        assert stream.read() == b">1\nACGT\n>4\nACGT\n"
        assert stream.seek(3) == 3
        assert stream.read(4) == b"ACGT"
