"""Downloads of the embedded Shock: whole files, ranges, pieces, filters, compression, other servers (contract §6)."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_local.shock import compression, sending
from hca_local.shock.filters import Filter
from hca_local.shock.sequences import MalformedError

if TYPE_CHECKING:
    import requests

    from hca_core.testing import LoopbackService

MIB = 1024 * 1024
DATA = random.Random(6).randbytes(2 * MIB + MIB // 2)
FASTQ = b"@r1 human\nACGT\n+r1 human\nIIII\n@r2\nGG\nTT\n+\n@@\n+@\n@r3\nA\n+\n@\n"
FASTA = b">s1 patient 7\nACGT\nAC\n>s2\nTT\n"
AS_FASTA = b">r1 human\nACGT\n>r2\nGG\nTT\n>r3\nA\n"
NAMELESS_FASTQ = b"@1\nACGT\n+\nIIII\n@2\nGG\nTT\n+\n@@\n+@\n@3\nA\n+\n@\n"


def put(shock: Any, content: bytes, name: str = "data.bin", **values: str) -> str:
    """Make a node with a file and return its id."""
    form: dict[str, Any] = {key.replace("_md5", "-md5"): (None, value) for key, value in values.items()}
    answer = shock.send("POST", "/node", files=form | {"upload": (name, content)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


def form(shock: Any, **values: str) -> dict[str, Any]:
    """Make a node of a form without files and return it."""
    answer = shock.send("POST", "/node", files={key: (None, value) for key, value in values.items()})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def refusal(answer: requests.Response, status: int) -> str:
    """Return the one sentence of a refusal."""
    body = answer.json()
    assert (answer.status_code, body["status"], body["data"], len(body["error"])) == (status, status, None, 1)
    return str(body["error"][0])


def data_files(shock: Any) -> set[Path]:
    """Return the data files of a deployment."""
    return {path for path in (shock.directory.root / "shock" / "files").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def node(shock: Any) -> str:
    return put(shock, DATA)


@pytest.fixture(scope="module")
def fastq(shock: Any) -> str:
    return put(shock, FASTQ, "reads.fastq")


def test_a_file_comes_whole_and_with_its_length_and_name(shock: Any, node: str) -> None:
    answer = shock.send("GET", f"/node/{node}?download")
    assert answer.content == DATA
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=data.bin"
    assert shock.send("GET", f"/node/{node}?download&file_name=b.txt").headers["Content-Disposition"].endswith("=b.txt")
    raw = shock.send("GET", f"/node/{node}?download_raw")
    assert raw.content == DATA
    assert "Content-Disposition" not in raw.headers
    assert shock.send("GET", f"/node/{node}?download", headers={"Range": "bytes=0-3"}).content == DATA


@pytest.mark.parametrize("query", ["download", "download_url", "download&seek=0"])
def test_there_is_nothing_to_download_without_a_file_or_while_it_is_locked(shock: Any, query: str) -> None:
    empty = form(shock, file_name="none")["id"]
    assert "no file" in refusal(shock.send("GET", f"/node/{empty}?{query}"), 400)
    locked = put(shock, b"x")
    shock.send("PUT", f"/node/{locked}", files={"file_lock": (None, "1")})
    assert "locked" in refusal(shock.send("GET", f"/node/{locked}?{query}"), 423)


def test_an_empty_file_is_downloaded_as_such(shock: Any) -> None:
    empty = put(shock, b"")
    for query in ("download", "download&seek=0", "download&length=5"):
        answer = shock.send("GET", f"/node/{empty}?{query}")
        assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert "bounds" in refusal(shock.send("GET", f"/node/{empty}?download&index=size&part=1"), 400)


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("seek=5", 5, len(DATA)),
        ("length=7", 0, 7),
        ("seek=5&length=7", 5, 12),
        (f"seek={len(DATA) - 3}&length=100", len(DATA) - 3, len(DATA)),
        (f"length={10**12}", 0, len(DATA)),
        ("seek=4&length=0", 4, 4),
        ("seek=1&length=2&index=size&part=2", 1, 3),
        ("index=size&part=1", 0, MIB),
        ("index=size&part=3", 2 * MIB, len(DATA)),
        ("index=size&part=2-3", MIB, len(DATA)),
        ("index=size&part=2-99", MIB, len(DATA)),
        ("index=size&part=2&chunk_size=10", 10, 20),
        ("index=size&part=2&chunksize=10", MIB, 2 * MIB),
        (f"index=size&part=1&chunk_size={10**9}", 0, len(DATA)),
    ],
)
def test_a_range_of_a_file_is_sent_exactly(shock: Any, node: str, query: str, start: int, end: int) -> None:
    answer = shock.send("GET", f"/node/{node}?download&{query}")
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.content == DATA[start:end]


def test_several_pieces_come_in_the_order_of_the_query(shock: Any, node: str) -> None:
    answer = shock.send("GET", f"/node/{node}?download&index=size&chunk_size=10&part=3&part=1&part=5-6")
    assert answer.content == DATA[20:30] + DATA[:10] + DATA[40:60]


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (f"seek={len(DATA)}", "nothing at"),
        ("seek=-1", "negative"),
        ("seek=3&length=-4", "negative"),
        ("seek=two", "integer"),
        ("length=1.5", "integer"),
        ("seek=", "integer"),
        ("index=size", "requires part"),
        ("index=size&part=4", "bounds"),
        ("index=size&part=0", "bounds"),
        ("index=size&part=3-2", "range"),
        ("index=size&part=-1", "range"),
        ("index=size&part=1&chunk_size=0", "chunk_size"),
        ("index=size&part=1&chunk_size=x", "chunk_size"),
        ("index=none&part=1", "index type"),
        ("index=../../x&part=1", "index type"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(shock: Any, node: str, query: str, complaint: str) -> None:
    assert complaint in refusal(shock.send("GET", f"/node/{node}?download&{query}"), 400)


def test_with_quirks_ranges_are_as_silent_as_those_of_the_real_server(quirky: Any) -> None:
    import requests

    node = put(quirky, b"0123456789")
    for query in ("seek=10", "seek=99", "index=size&chunk_size=10&part=2", "index=size&chunk_size=0&part=1"):
        assert quirky.send("GET", f"/node/{node}?download&{query}").content == b"", query
    assert quirky.send("GET", f"/node/{node}?download&length=-1").content == b"0123456789"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        quirky.send("GET", f"/node/{node}?download&seek=-1")
    assert "bounds" in refusal(quirky.send("GET", f"/node/{node}?download&index=size&chunk_size=10&part=3"), 400)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("plain.txt", "attachment; filename=plain.txt"),
        ("a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
        ("ü.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%C3%BC.txt"),
        ('a"; x=\\y', "attachment; filename=\"a_; x=_y\"; filename*=UTF-8''a%22%3B%20x%3D%5Cy"),
        ("a\r\nX-Evil: 1", "attachment; filename=\"a  X-Evil: 1\"; filename*=UTF-8''a%20%20X-Evil%3A%201"),
        ("../../etc/passwd", "attachment; filename=\"../../etc/passwd\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd"),
    ],
)
def test_any_name_is_told_in_a_header(shock: Any, quirky: Any, name: str, header: str) -> None:
    assert sending.attachment(name) == header
    for server in (shock, quirky):
        answer = server.send("GET", f"/node/{put(server, b'x')}", params={"download": "", "file_name": name})
        assert "X-Evil" not in answer.headers
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\x\\C:evil", "C:evil"),
        ("/", ""),
        ("..", ""),
        ("a\x00\n\u202eb", "ab"),
        ("x" * 300 + ".txt", "x" * 236 + ".txt"),
    ],
)
def test_what_is_left_of_a_name_is_one_name(name: str, expected: str) -> None:
    assert compression.plain(name) == expected


@pytest.mark.parametrize(
    ("name", "format", "source", "expected"),
    [
        ("fq2fa", "fastq", FASTQ, AS_FASTA),
        ("anonymize", "fastq", FASTQ, NAMELESS_FASTQ),
        ("anonymize", "fasta", FASTA, b">1\nACGT\nAC\n>2\nTT\n"),
        ("fq2fa", "fastq", FASTQ.replace(b"\n", b"\r\n"), AS_FASTA.replace(b"\n", b"\r\n")),
        ("fq2fa", "fastq", FASTQ[:-1], AS_FASTA),
        ("fq2fa", "fastq", b"@a\r\nA\r\n+\r\nI", b">a\r\nA\r\n"),
        ("fq2fa", "fastq", b"\n@e\n\n+\n\n\n@f\nA\n+\nI\n", b">e\n\n>f\nA\n"),
    ],
)
def test_a_filter_does_not_mind_where_a_block_ends(name: str, format: str, source: bytes, expected: bytes) -> None:
    for cut in range(len(source) + 1):
        chosen = Filter(name, format)
        made = chosen.feed(source[:cut]) + chosen.feed(source[cut:]) + chosen.finish(is_slice=False)
        assert made == expected, cut
    chosen = Filter(name, format)
    assert (
        b"".join(chosen.feed(source[i : i + 1]) for i in range(len(source))) + chosen.finish(is_slice=False) == expected
    )


def test_of_a_record_that_is_cut_off_a_filter_sends_nothing() -> None:
    whole = Filter("fq2fa", "fastq")
    assert whole.feed(FASTQ[:-2]) == b">r1 human\nACGT\n>r2\nGG\nTT\n"
    assert whole.finish(is_slice=True) == b""
    with pytest.raises(MalformedError, match="not complete"):
        whole.finish(is_slice=False)
    with pytest.raises(MalformedError, match="more quality"):
        Filter("fq2fa", "fastq").feed(b"@a\nAC\n+\nIII\n")
    with pytest.raises(MalformedError, match="begins with '@'"):
        Filter("fq2fa", "fastq").feed(b"@a\nAC\n+\nII\nACGT\n")


def test_filters_work_on_files_and_slices_of_whole_records(shock: Any, fastq: str) -> None:
    for name, expected in (("fq2fa", AS_FASTA), ("anonymize", NAMELESS_FASTQ), ("unknown", FASTQ)):
        assert shock.send("GET", f"/node/{fastq}?download&filter={name}").content == expected
    start = FASTQ.index(b"@r2")
    assert shock.send("GET", f"/node/{fastq}?download&filter=fq2fa&seek={start}&length=17").content == b">r2\nGG\nTT\n"
    cut_off = shock.send("GET", f"/node/{fastq}?download&filter=fq2fa&length={start + 5}")
    assert cut_off.content == b">r1 human\nACGT\n"
    assert "begin with a record" in refusal(shock.send("GET", f"/node/{fastq}?download&filter=fq2fa&seek=1"), 400)


def test_a_filter_refuses_what_it_can_not_read(shock: Any, quirky: Any) -> None:
    for content, name in ((FASTA, "fq2fa"), (b"text\n", "anonymize"), (b"@HD\tVN:1\n", "anonymize")):
        assert name in refusal(shock.send("GET", f"/node/{put(shock, content)}?download&filter={name}"), 400)
        answer = quirky.send("GET", f"/node/{put(quirky, content)}?download&filter={name}")
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_file_that_is_broken_later_is_cut_off(shock: Any) -> None:
    import requests

    broken = put(shock, b"@a\nACGT\n+\nIIII\n" * 70_000 + b"no record\n")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        shock.send("GET", f"/node/{broken}?download&filter=fq2fa")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", FASTQ),
        ("&seek=3&length=10", FASTQ[3:13]),
        ("&index=size&part=2&chunk_size=8", FASTQ[8:16]),
        ("&filter=fq2fa", AS_FASTA),
        ("&filter=anonymize", NAMELESS_FASTQ),
    ],
)
def test_compression_goes_with_everything(shock: Any, fastq: str, query: str, expected: bytes) -> None:
    packed = shock.send("GET", f"/node/{fastq}?download&compression=gzip{query}")
    assert gzip.decompress(packed.content) == expected
    assert packed.headers["Content-Disposition"] == "attachment; filename=reads.fastq.gzip"
    assert b"reads.fastq\0" in packed.content[:30]
    assert "Content-Encoding" not in packed.headers
    zipped = shock.send("GET", f"/node/{fastq}?download_raw&compression=zip{query}")
    with zipfile.ZipFile(io.BytesIO(zipped.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {"reads.fastq": expected}
    assert shock.send("GET", f"/node/{fastq}?download&compression=rar{query}").content == expected


def test_joined_copied_and_chosen_bytes_are_read_like_others(shock: Any) -> None:
    first, second = put(shock, b"one\ntwo\nthree\n"), put(shock, DATA[: MIB + 7])
    whole = b"one\ntwo\nthree\n" + DATA[: MIB + 7] + b"one\ntwo\nthree\n"
    joined = form(shock, type="virtual", source=f"{first},{second},{first}", file_name="joined")["id"]
    assert shock.send("GET", f"/node/{joined}?download").content == whole
    assert shock.send("GET", f"/node/{joined}?download&seek=10&length={MIB + 15}").content == whole[10 : MIB + 25]
    assert shock.send("GET", f"/node/{joined}?download&index=size&part=2").content == whole[MIB:]
    copied = form(shock, copy_data=first)["id"]
    assert shock.send("DELETE", f"/node/{copied}").status_code == 200
    assert shock.send("GET", f"/node/{first}?download").content == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("query", ["", "&compression=zip"])
def test_a_file_that_is_gone_is_an_error_and_one_that_shrinks_is_cut_off(shock: Any, query: str) -> None:
    import requests

    before = data_files(shock)
    node = put(shock, bytes(64 * MIB))
    (path,) = data_files(shock) - before
    with shock.send("GET", f"/node/{node}?download{query}", stream=True) as answer:
        pieces = answer.iter_content(65536)
        next(pieces)
        with path.open("r+b") as file:
            file.truncate(32 * MIB)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(pieces)
    assert "shorter" in refusal(shock.send("GET", f"/node/{node}?download"), 500)
    path.unlink()
    assert "can't be read" in refusal(shock.send("GET", f"/node/{node}?download"), 500)


def test_index_files_come_as_an_archive(shock: Any) -> None:
    node = put(shock, b"a\nb")
    assert zipfile.ZipFile(io.BytesIO(shock.send("GET", f"/node/{node}?download_idx").content)).namelist() == []
    shock.send("PUT", f"/node/{node}/index/line")
    until(lambda: shock.send("GET", f"/node/{node}/index/line").json()["data"]["line"]["locked"] is None)
    with zipfile.ZipFile(io.BytesIO(shock.send("GET", f"/node/{node}?download_idx").content)) as archive:
        units = [number.to_bytes(8, "little") for number in (0, 2, 2, 1)]
        assert {name: archive.read(name) for name in archive.namelist()} == {"line.idx": b"".join(units)}


def test_a_node_is_copied_to_another_server(shock: Any, quirky: Any) -> None:
    source = put(shock, DATA, "näme.bin", attributes_str='{"a": [1, "ü"]}')
    for suffix in ("", "/", "/node", "/node/"):
        answer = shock.send("GET", f"/node/{source}?download_post&post_url={quirky.url}{suffix}")
        made = answer.json()["data"]
        assert made["file"]["checksum"]["md5"] == hashlib.md5(DATA).hexdigest()
        assert (made["file"]["name"], made["attributes"]) == ("näme.bin", {"a": [1, "ü"]})
        assert quirky.send("GET", f"/node/{made['id']}?download").content == DATA
    here = shock.send("GET", f"/node/{source}?download_post&post_url={shock.url}&post_attr=0", "bob").json()["data"]
    assert (here["file"]["size"], here["attributes"]) == (len(DATA), None)
    assert shock.send("GET", f"/node/{here['id']}").status_code == 401, "it is bob's, by his credentials"
    bare = shock.send("GET", f"/node/{source}?download_post&post_url={shock.url}&post_data=0").json()["data"]
    assert (bare["file"]["size"], bare["attributes"]) == (0, {"a": [1, "ü"]})


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("&post_url=ftp://127.0.0.1/", 400),
        ("&post_url=http://127.0.0.1:99999/", 400),
        ("&post_url=http://127.0.0.1/%0d%0aX: 1", 400),
        ("&post_url={url}&post_data=2", 400),
        ("&post_url={url}&post_data=0", 400),
        ("&post_url=http://127.0.0.1:9/", 500),
    ],
)
def test_a_copy_that_can_not_be_is_refused(shock: Any, node: str, query: str, status: int) -> None:
    query = query.format(url=shock.url)
    assert refusal(shock.send("GET", f"/node/{node}?download_post{query}"), status)


def test_what_another_server_says_is_passed_on(shock: Any, node: str, service: LoopbackService) -> None:
    service.on("POST", "/node").reply(status=401, json={"status": 401, "data": None, "error": ["No Authorization"]})
    service.on("POST", "/strange/node").reply(json={"hello": 1})
    reason = refusal(shock.send("GET", f"/node/{node}?download_post&post_url={service.url}", "bob"), 500)
    assert "401: No Authorization" in reason
    (request,) = service.asked("POST", "/node")
    assert request.headers["Authorization"].startswith("Basic "), "whoever asks is who makes the node there"
    strange = shock.send("GET", f"/node/{node}?download_post&post_url={service.url}/strange")
    assert "not as a Shock" in refusal(strange, 500)
