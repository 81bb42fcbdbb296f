"""Pieces of files: bytes, parts, units, alignments, filters, and what is no answer to them; `hca shock slice`."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.errors import IntegrityError, NetworkError, UsageError
from hca_core.testing import LoopbackService, isolated, reply
from hca_local import launch
from hca_shock.client import ShockClient
from hca_shock.errors import ShockApiError, ShockLockedError, ShockNodeError
from hca_shock.forms import FilePart, Form
from hca_shock.transfer import ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_core.testing import Outcome

ID = "130cadb5-9435-4bd9-be13-715ec40b2bb5"
RECORDS = [b"@reads%d\nACGT\n+\nIIII\n" % number for number in range(1, 6)]
FASTQ = b"".join(RECORDS)
SAM = (
    "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:30000\n@SQ\tSN:chr2\tLN:30000\n"
    "@RG\tID:g1\tLB:lib1\tSM:s\n@RG\tID:g2\tLB:lib2\tSM:s\n"
    "r1\t0\tchr1\t100\t60\t4M\t*\t0\t0\tACGT\tIIII\tRG:Z:g1\n"
    "r2\t16\tchr1\t25000\t10\t4M\t*\t0\t0\tACGT\tIIII\tRG:Z:g2\n"
    "r3\t0\tchr2\t50\t60\t4M\t*\t0\t0\tACGT\tIIII\tRG:Z:g2\n"
)


class Served:
    """A server, and nodes on it."""

    def __init__(self, client: ShockClient) -> None:
        self.client = client
        self.reads = self.put(FASTQ)
        self.empty = self.put(b"", "empty")
        self.nothing = str(client.server.call("POST", "node")["id"])
        for kind in ("line", "record"):
            client.indexes.build(self.reads, kind)
        form = Form(
            [("parent_node", self.reads), ("parent_index", "record")], [FilePart("subset_indices", "n", b"2\n4\n")]
        )
        self.subset = str(client.server.call("POST", "node", form=form)["id"])

    def put(self, content: bytes, name: str = "reads.fastq") -> str:
        form = Form(files=[FilePart("upload", name, content)])
        return str(self.client.server.call("POST", "node", form=form)["id"])


@pytest.fixture(scope="module", params=["plain", "quirks"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server, with and without the traps of the real one."""
    folder = tmp_path_factory.mktemp("slices")
    with ExitStack() as stack:
        stack.enter_context(isolated(folder))
        quirks = int(request.param == "quirks")
        launched = stack.enter_context(launch.private(folder / "data", empty=True, shock_quirks=quirks))
        url = json.loads(launched.directory.state.read_bytes())["shock_url"]
        yield Served(stack.enter_context(ShockClient(url)))


@pytest.fixture
def slices(served: Served) -> Any:
    return served.client.slices


@pytest.mark.parametrize(
    ("seek", "length", "start", "end"),
    [(0, None, 0, 100), (10, None, 10, 100), (0, 5, 0, 5), (30, 40, 30, 70), (99, 1, 99, 100), (90, 50, 90, 100)],
)
def test_bytes_are_those_of_the_file(
    served: Served, slices: Any, seek: int, length: int | None, start: int, end: int
) -> None:
    assert b"".join(slices.bytes(served.reads, seek, length)) == FASTQ[start:end]


def test_no_bytes_are_no_request(served: Served, slices: Any) -> None:
    assert b"".join(slices.bytes(served.reads, 5, 0)) == b""
    assert b"".join(slices.bytes(served.empty)) == b""


def test_bytes_beyond_the_end_are_an_error_and_not_nothing(served: Served, slices: Any) -> None:
    for node, seek in ((served.reads, 100), (served.reads, 1000), (served.empty, 1)):
        with pytest.raises(UsageError, match="there is nothing at byte"):
            slices.bytes(node, seek)
    for seek, length in ((-1, None), (0, -1)):
        with pytest.raises(UsageError, match="can't be negative"):
            slices.bytes(served.reads, seek, length)


def test_parts_are_counted_from_one_and_may_be_several(served: Served, slices: Any) -> None:
    assert b"".join(slices.part(served.reads, 1)) == FASTQ
    assert b"".join(slices.part(served.reads, 2, 30)) == FASTQ[30:60]
    assert b"".join(slices.part(served.reads, (2, 4), 30)) == FASTQ[30:]
    assert b"".join(slices.part(served.reads, [1, (3, 4)], 30)) == FASTQ[:30] + FASTQ[60:]


@pytest.mark.parametrize(("part", "size"), [(0, 30), (5, 30), ((1, 5), 30), ((3, 2), 30), (2, 100), ([], 30), (1, 0)])
def test_parts_that_are_not_there_are_not_asked_for(served: Served, slices: Any, part: Any, size: int) -> None:
    with pytest.raises(UsageError):
        slices.part(served.reads, part, size)


def test_units_of_indexes(served: Served, slices: Any) -> None:
    lines = FASTQ.splitlines(keepends=True)
    assert b"".join(slices.lines(served.reads, 3)) == lines[2]
    assert b"".join(slices.lines(served.reads, 2, 5)) == b"".join(lines[1:5])
    assert b"".join(slices.records(served.reads, 4, 5)) == RECORDS[3] + RECORDS[4]
    assert b"".join(slices.units(served.reads, "record", [5, (1, 2)])) == RECORDS[4] + RECORDS[0] + RECORDS[1]


@pytest.mark.parametrize("part", [0, 6, (2, 1), (5, 6)])
def test_units_that_are_not_there_are_not_asked_for(served: Served, slices: Any, part: Any) -> None:
    with pytest.raises(UsageError, match="is not among the 5 units"):
        slices.units(served.reads, "record", part)


def test_an_index_that_is_not_there_names_those_that_are(served: Served, slices: Any) -> None:
    with pytest.raises(ShockNodeError, match=r"no index 'nope' \(it has: line, record") as missing:
        slices.units(served.reads, "nope", 1)
    assert missing.value.hint == f"hca shock index build {served.reads} nope"


def test_a_subset_is_given_whole(served: Served, slices: Any) -> None:
    assert b"".join(slices.bytes(served.subset)) == RECORDS[1] + RECORDS[3]
    with pytest.raises(UsageError, match="is a subset of another file"):
        slices.bytes(served.subset, 3)


def test_nodes_without_a_file_have_no_pieces(served: Served, slices: Any) -> None:
    with pytest.raises(ShockNodeError, match="has no file"):
        slices.bytes(served.nothing)


def test_filters_and_compressions(served: Served, slices: Any) -> None:
    fasta = b"".join(b">reads%d\nACGT\n" % number for number in range(1, 6))
    assert b"".join(slices.bytes(served.reads, filter="fq2fa")) == fasta
    assert b"".join(slices.records(served.reads, 2, filter="fq2fa")) == b">reads2\nACGT\n"
    assert gzip.decompress(b"".join(slices.bytes(served.reads, compression="gzip"))) == FASTQ
    assert gzip.decompress(b"".join(slices.part(served.reads, 2, 30, compression="gzip"))) == FASTQ[30:60]
    assert gzip.decompress(b"".join(slices.bytes(served.reads, 20, 20, compression="gzip"))) == FASTQ[20:40]
    packed = zipfile.ZipFile(io.BytesIO(b"".join(slices.lines(served.reads, 1, compression="zip"))))
    assert packed.read(packed.namelist()[0]) == b"@reads1\n"
    anonymous = b"".join(slices.bytes(served.reads, filter="anonymize"))
    assert b"reads1" not in anonymous
    assert anonymous.count(b"ACGT") == 5
    for wrong in ({"filter": "fa2fq"}, {"compression": "bzip2"}):
        with pytest.raises(UsageError, match="the server has no"):
            slices.bytes(served.reads, **wrong)


@pytest.fixture
def bam(served: Served, tmp_path: Path) -> str:
    if shutil.which("samtools") is None:
        pytest.skip("needs samtools")
    path = tmp_path / "a.bam"
    subprocess.run(["samtools", "view", "-b", "-o", path, "-"], input=SAM.encode(), check=True)
    node = served.put(path.read_bytes(), "a.bam")
    served.client.indexes.build(node, "bai")
    return node


def test_alignments(bam: str, slices: Any) -> None:
    def names(**settings: Any) -> list[str]:
        text = b"".join(slices.bam(bam, **settings)).decode()
        return [line.split("\t")[0] for line in text.splitlines() if not line.startswith("@PG")]

    assert names() == ["r1", "r2", "r3"]
    assert names(region="chr1:1-20000") == ["r1"]
    assert names(flag=16) == ["r2"]
    assert names(mapq=30) == ["r1", "r3"]
    assert names(library="lib2") == ["r2", "r3"]
    assert names(readgroup="g2", region="chr1") == ["r2"]
    assert names(count=True) == ["3"]
    assert names(header_only=True) == ["@HD", "@SQ", "@SQ", "@RG", "@RG"]
    assert names(header=True, region="chr2") == ["@HD", "@SQ", "@SQ", "@RG", "@RG", "r3"]


def test_values_that_samtools_would_take_for_options_are_not_sent(service: LoopbackService) -> None:
    with ShockClient(service.url) as client:
        for wrong in ({"region": "-o/tmp/x"}, {"library": "-x"}, {"readgroup": ""}, {"flag": -1}, {"mapq": -1}):
            with pytest.raises(UsageError):
                client.slices.bam(ID, **wrong)
    assert service.requests == []


def scripted(service: LoopbackService, *answers: Any, size: int = 100, **node: Any) -> ShockClient:
    """Script a node of 100 bytes: each download is answered by the next of `answers`, functions of the request."""
    waiting = list(answers)
    file = {"name": "f", "size": size, "checksum": {"md5": "0" * 32}, **node.pop("file", {})}
    document = {"status": 200, "data": {"id": ID, "file": file, **node}, "error": None}
    service.on("GET", f"/node/{ID}").reply(
        lambda request: waiting.pop(0)(dict(request.query)) if request.query else document
    )
    return ShockClient(service.url, first_wait=0.001)


def asked(service: LoopbackService) -> list[dict[str, str]]:
    return [dict(one.query) for one in service.requests if one.query]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "FIRST_WAIT_SECONDS", 0.001)


@pytest.mark.usefixtures("hurry")
def test_what_breaks_off_is_asked_for_from_there_on_as_long_as_something_comes(
    service: LoopbackService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "RETRIES", 1)
    content = bytes(range(100))

    def cut(query: dict[str, str]) -> Any:
        start = int(query["seek"])
        return replace(reply(body=content[start : start + int(query["length"])]), truncate_after=30)

    with scripted(service, cut, cut, cut, cut) as client:
        assert b"".join(client.slices.bytes(ID, 1, 95)) == content[1:96]
    assert asked(service) == [
        {"download_raw": "", "seek": "1", "length": "95"},
        {"download_raw": "", "seek": "31", "length": "65"},
        {"download_raw": "", "seek": "61", "length": "35"},
        {"download_raw": "", "seek": "91", "length": "5"},
    ]


@pytest.mark.usefixtures("hurry")
def test_a_connection_that_breaks_off_at_once_again_and_again_is_an_error(service: LoopbackService) -> None:
    cut = [lambda query: replace(reply(body=b"x" * 99), truncate_after=0)] * 7
    with scripted(service, *cut) as client, pytest.raises(NetworkError, match="the connection broke"):
        b"".join(client.slices.bytes(ID, 1))
    assert len(asked(service)) == 7


@pytest.mark.parametrize("settings", [{}, {"seek": 0}, {"length": 100}, {"length": 500}])
def test_the_whole_file_is_compared_with_its_md5(service: LoopbackService, settings: dict[str, int]) -> None:
    with (
        scripted(service, lambda query: reply(body=b"x" * 100)) as client,
        pytest.raises(IntegrityError, match="expected md5"),
    ):
        b"".join(client.slices.bytes(ID, **settings))


def test_a_server_that_ignores_the_place_is_noticed(service: LoopbackService) -> None:
    more = pytest.raises(IntegrityError, match="expected 10 bytes from byte 50 on")
    with scripted(service, lambda query: reply(body=bytes(range(100)))) as client, more:
        b"".join(client.slices.bytes(ID, 50, 10))
    assert len(asked(service)) == 1


@pytest.mark.parametrize("count", [0, 39, 41])
def test_other_than_so_many_bytes_are_an_error(service: LoopbackService, count: int) -> None:
    with scripted(service, lambda query: reply(body=b"x" * count)) as client, pytest.raises(IntegrityError):
        b"".join(client.slices.bytes(ID, 10, 40))


@pytest.mark.parametrize("count", [0, 29, 31])
def test_other_than_so_many_bytes_of_a_part_are_an_error(service: LoopbackService, count: int) -> None:
    with scripted(service, lambda query: reply(body=b"x" * count)) as client, pytest.raises(IntegrityError):
        b"".join(client.slices.part(ID, 2, 30))
    assert asked(service) == [{"download_raw": "", "index": "size", "chunk_size": "30", "part": "2"}]


def test_a_filter_that_gives_nothing_is_an_error(service: LoopbackService) -> None:
    nothing = pytest.raises(IntegrityError, match="sent nothing for what is there")
    with scripted(service, lambda query: reply(body=b"")) as client, nothing:
        b"".join(client.slices.bytes(ID, filter="fq2fa"))


def test_a_server_without_samtools_is_told(service: LoopbackService) -> None:
    page = reply(body=b"<html>oops</html>", status=500, headers={"Content-Type": "text/html"})
    with (
        scripted(service, *[lambda query: page] * 9) as client,
        pytest.raises(ShockNodeError, match="alignments") as bad,
    ):
        b"".join(client.slices.bam(ID, region="chr1"))
    assert "samtools" in str(bad.value.hint)


def test_other_errors_of_the_server_are_told_as_they_are(service: LoopbackService) -> None:
    told = reply(json={"status": 400, "data": None, "error": ["Invalid index type"]}, status=400)
    with scripted(service, lambda query: told) as client, pytest.raises(ShockApiError, match="Invalid index type"):
        b"".join(client.slices.bam(ID))


@pytest.mark.parametrize(
    ("error", "made", "told"),
    [("", True, "is locked"), ("", False, "is being"), ("unexpected EOF", False, "unexpected EOF")],
)
def test_what_is_locked_has_no_pieces(service: LoopbackService, error: str, made: bool, told: str) -> None:
    lock = {"created_on": "2026-01-01T00:00:00Z", "error": error}
    file = {"locked": lock} if made else {"locked": lock, "checksum": {}}
    with scripted(service, file=file) as client, pytest.raises(ShockLockedError, match=told):
        client.slices.bytes(ID)


@pytest.mark.parametrize(("error", "told"), [("", "is being made"), ("unexpected EOF", "unexpected EOF")])
def test_an_index_that_is_locked_has_no_pieces(service: LoopbackService, error: str, told: str) -> None:
    lock = {"created_on": "2026-01-01T00:00:00Z", "error": error}
    index = {"total_units": 0, "average_unit_size": 0, "created_on": "", "locked": lock}
    with scripted(service, indexes={"line": index}) as client, pytest.raises(ShockNodeError, match=told):
        client.slices.lines(ID, 1)


@pytest.fixture
def slice_(served: Served, hca: Callable[..., Outcome]) -> Callable[..., Outcome]:
    return lambda *words: hca("shock", "slice", *map(str, words), env={"HCA_SHOCK_URL": served.client.url})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), FASTQ),
        (("--bytes", "30"), FASTQ[30:]),
        (("--bytes", "30:20"), FASTQ[30:50]),
        (("--bytes", ":20"), FASTQ[:20]),
        (("--part", "2", "--chunk-size", "30"), FASTQ[30:60]),
        (("--part", "1", "--part", "3-4", "--chunk-size", "30"), FASTQ[:30] + FASTQ[60:]),
        (("--lines", "2-3"), b"ACGT\n+\n"),
        (("--records", "2"), RECORDS[1]),
        (("--index", "record", "--part", "4-5"), RECORDS[3] + RECORDS[4]),
        (("--index", "record", "--part", "1", "--part", "3"), RECORDS[0] + RECORDS[2]),
        (("--records", "2", "--filter", "fq2fa"), b">reads2\nACGT\n"),
    ],
)
def test_slice_writes_bytes_to_stdout_or_a_file(
    served: Served, slice_: Callable[..., Outcome], tmp_path: Path, words: tuple[str, ...], expected: bytes
) -> None:
    outcome = slice_(served.reads, *words)
    assert (outcome.exit_status, outcome.stdout_bytes) == (0, expected), outcome.stderr
    path = tmp_path / "piece"
    assert slice_(served.reads, *words, "-o", path).stdout_bytes == b""
    assert path.read_bytes() == expected


@pytest.mark.parametrize(
    "words",
    [
        ("--bytes", "1-2"),
        ("--bytes", "-1"),
        ("--bytes", "100"),
        ("--lines", "0"),
        ("--lines", "x"),
        ("--lines", "1", "--records", "1"),
        ("--region", "chr1", "--part", "1"),
        ("--chunk-size", "5"),
        ("--index", "record", "--part", "1", "--chunk-size", "5"),
        ("--filter", "none"),
    ],
)
def test_slice_refuses_what_says_nothing(
    served: Served, slice_: Callable[..., Outcome], tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "piece"
    outcome = slice_(served.reads, *words, "-o", path)
    assert outcome.exit_status == 2, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not path.exists()


def test_a_file_is_complete_or_as_it_was(service: LoopbackService, hca: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "piece"
    path.write_bytes(b"old")
    scripted(service, lambda query: reply(body=b"x" * 39)).close()
    words = ("shock", "slice", ID, "--bytes", "0:40", "-o", str(path))
    outcome = hca(*words, env={"HCA_SHOCK_URL": service.url})
    assert outcome.exit_status == 2
    assert outcome.stderr == f"hca: {path} exists\nnext: --force replaces it\n"
    assert service.requests == []
    outcome = hca(*words, "--force", env={"HCA_SHOCK_URL": service.url})
    assert outcome.exit_status == 6, outcome.stderr
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["piece"]


def test_force_replaces_a_file(served: Served, slice_: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "piece"
    path.write_bytes(b"old")
    assert slice_(served.reads, "--records", "1", "-o", path, "--force").exit_status == 0
    assert path.read_bytes() == RECORDS[0]
