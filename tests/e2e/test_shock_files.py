"""The Shock service of `hca local` as curl sees it, files and pieces of them; see test_shock.py."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import shutil
import struct
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from neighbours import load

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


curled = load(Path(__file__).with_name("curled.py"), "shock_curled")
FASTQ = curled.FASTQ
OPTIONS = curled.OPTIONS
TABLE = curled.TABLE
Shock = curled.Shock

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The directory with files that nodes may be made of."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def shock(start, shared):
    """A Shock server with users, which may make nodes of the files in `shared`."""
    return Shock(start("--empty", *OPTIONS, f"--shock-paths={shared}").environment["HCA_SHOCK_URL"])


@pytest.fixture
def other(start):
    """Another Shock server with the same users."""
    return Shock(start("--empty", *OPTIONS).environment["HCA_SHOCK_URL"])


def test_a_raw_body_is_the_file(shock):
    """SH-037, SH-003."""
    Path("raw").write_bytes(FASTQ)
    raw = ("-H", "Content-Type: application/octet-stream", "--data-binary")
    assert shock.get(shock("/node", *raw, "@raw", method="POST", user=None).data["id"], user=None) == FASTQ
    empty = shock("/node", *raw, "", method="POST").data
    assert (empty["file"]["size"], empty["file"]["checksum"]) == (0, {})


@pytest.mark.parametrize(("field", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_the_server_unpacks(shock, field, pack):
    """SH-040, SH-048."""
    Path("reads.fastq.packed").write_bytes(pack(FASTQ))
    made = shock.make(f"{field}=@reads.fastq.packed")
    assert made["file"]["checksum"]["md5"] == hashlib.md5(FASTQ).hexdigest()
    packed = pack(FASTQ * 1000)
    node = shock.make("parts=2", f"compression={field}")["id"]
    for number, part in ((2, packed[50:]), (1, packed[:50])):
        Path("part").write_bytes(part)
        assert shock.edit(node, f"{number}=@part").status == 200
    assert shock.ready(node)["file"]["checksum"]["md5"] == hashlib.md5(FASTQ * 1000).hexdigest()


def test_nodes_of_other_nodes(shock):
    """SH-041, SH-042, SH-023, SH-027, SH-083, SH-082."""
    node = shock.file()
    assert shock(f"/node/{node}/index/record", method="PUT").data is None
    assert shock.ready(node, "record")["indexes"]["record"]["total_units"] == 3
    shock(f"/node/{node}/index/record", method="PUT").refused(400, "force_rebuild=1")
    assert shock(f"/node/{node}/index/record?force_rebuild=1", method="PUT").data is None
    assert shock.ready(node, "record")["indexes"]["record"]["average_unit_size"] > 0
    copy = shock.make(f"copy_data={node}", "copy_indexes=1")["id"]
    assert shock.get(copy) == FASTQ
    assert "record" in shock(f"/node/{copy}").data["indexes"]
    Path("numbers").write_text("1\n3\n")
    subset = shock.make(f"parent_node={node}", "parent_index=record", "subset_indices=@numbers")
    assert shock.get(subset["id"]) == FASTQ[:22] + FASTQ[45:]


@pytest.mark.parametrize(
    ("name", "content", "part", "expected"),
    [
        ("line", FASTQ, 2, b"ACGT\n"),
        ("record", FASTQ, 2, FASTQ[22:45]),
        ("record", b">a\nAC\nGT\n>b\nTT\n", 2, b">b\nTT\n"),
        ("chunkrecord", FASTQ, 1, FASTQ),
        ("column?number=1", TABLE, 2, b"chr2\t5\n"),
    ],
)
def test_a_unit_of_an_index(shock, name, content, part, expected):
    """SH-027 to SH-029."""
    node = shock.file(content)
    assert shock(f"/node/{node}/index/{name}", method="PUT").status == 200
    index = name.replace("?number=", "")
    shock.ready(node, index)
    assert shock.get(node, f"download&index={index}&part={part}") == expected


def test_other_indexes(shock):
    """SH-031, SH-032, SH-085, SH-013."""
    node = shock.file(TABLE)
    assert shock(f"/node/{node}/index/line", method="PUT").status == 200
    shock.ready(node, "line")
    for numbers, status in (("1\n3\n", 200), ("3\n1\n", 400)):
        Path("numbers").write_text(numbers)
        form = ("-F", f"index_name=odd{status}", "-F", "parent_index=line", "-F", "subset_indices=@numbers")
        assert shock(f"/node/{node}/index/subset", *form, method="PUT").status == status
    shock.ready(node, "odd200")
    assert shock.get(node, "download&index=odd200") == b"chr1\t10\nchr2\t5\n"
    Path("pairs").write_bytes(struct.pack("<4q", 0, 8, 8, 8))
    target, file = f"/node/{node}/index/mine", ("-F", "upload=@pairs")
    for path, words in ((target, file), (f"{target}?upload", ("-F", "note=x")), (f"{target}?upload", ())):
        shock(path, *words, method="PUT").refused(400)
    settings = "upload&indexFormat=array&avgUnitSize=8&totalUnits=2"
    assert shock(f"{target}?{settings}", *file, method="PUT").data["total_units"] == 2
    assert shock.get(node, "download&index=mine&part=2") == b"chr1\t20\n"
    assert shock(target, method="DELETE").status == 200
    shock(target, method="DELETE").refused(400)


def test_copies_at_another_server(shock, other):
    """SH-043: the caller's credentials are passed on."""
    node = shock.file(FASTQ, 'attributes_str={"a": 1}')
    for more, size, attributes in (
        ("", len(FASTQ), {"a": 1}),
        ("&post_data=0", 0, {"a": 1}),
        ("&post_attr=0", len(FASTQ), None),
    ):
        for target in (other.url, f"{other.url}/node"):
            made = shock(f"/node/{node}?download_post&post_url={target}{more}").data
            there = other(f"/node/{made['id']}").data
            assert (there["file"]["size"], there["attributes"]) == (size, attributes)
            other(f"/node/{made['id']}", user=None).refused(401)


def test_files_of_the_server(shock, shared):
    """SH-044, SH-079."""
    for action, stays in (("keep_file", True), ("copy_file", True), ("move_file", False)):
        source = shared / action
        source.write_bytes(FASTQ)
        node = shock.make(f"path={source}", f"action={action}")["id"]
        assert (shock.get(node), source.exists()) == (FASTQ, stays)
    empty = shock.make()["id"]
    assert shock.edit(empty, f"path={shared}/copy_file", "action=copy_file").data["file"]["size"] == len(FASTQ)
    Path("outside").write_bytes(b"x")
    for outside in (Path("outside").resolve(), f"{shared}/../{Path('outside').resolve().name}", "/etc/passwd"):
        shock("/node", "-F", f"path={outside}", "-F", "action=copy_file", method="POST").refused(400)


@pytest.mark.parametrize("known", [True, False])
def test_parts_at_once_and_backwards(shock, known):
    """SH-045 to SH-047."""
    content = bytes(range(256)) * 4096
    node = shock.make(f"parts={8 if known else 'unknown'}")["id"]
    for number in range(8):
        Path(f"part{number}").write_bytes(content[number * 131072 : (number + 1) * 131072])
    with ThreadPoolExecutor(4) as pool:
        sent = pool.map(lambda number: shock.edit(node, f"{number + 1}=@part{number}"), reversed(range(8)))
    assert {answer.status for answer in sent} == {200}
    if not known:
        assert shock.edit(node, "parts=close").status == 200
    file = shock.ready(node)["file"]
    assert (file["name"], file["checksum"]["md5"]) == (node, hashlib.md5(content).hexdigest())


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2"])
def test_archives_are_unpacked(shock, kind):
    """SH-049, SH-050."""
    buffer = io.BytesIO()
    members = {"reads.fastq": FASTQ, "deep/../../evil.tsv": TABLE, "/abs/olute": b"x"}
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as packed:
            for name, content in members.items():
                packed.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode=f"w:{kind.removeprefix('tar').removeprefix('.')}") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    node = shock.file(buffer.getvalue(), name=f"a.{kind}")
    Path("a.json").write_text('{"from": "archive"}')
    made = shock.make(f"unpack_node={node}", f"archive_format={kind}", "attributes=@a.json")
    names = {one["file"]["name"]: one for one in made}
    assert set(names) == {"reads.fastq", "evil.tsv", "olute"}
    assert {json.dumps(one["attributes"]) for one in made} == {'{"from": "archive"}'}
    assert shock.get(names["evil.tsv"]["id"]) == TABLE


def test_downloads_and_their_names(shock):
    """SH-052, SH-053, SH-054, SH-055, SH-056, SH-026."""
    content = bytes(range(251)) * 12_000  # 3 MB, no piece of which is like its neighbour
    node = shock.file(content, name="my file.bin")
    answer = shock(f"/node/{node}?download")
    assert "filename=" in answer.headers["content-disposition"]
    assert "my file.bin" in answer.headers["content-disposition"]
    assert answer.body == content
    answer = shock(f"/node/{node}?download_raw")
    assert ("content-disposition" in answer.headers, answer.body == content) == (False, True)
    ranges = {
        "index=size&part=1": content[:MIB],
        "index=size&part=3": content[2 * MIB :],
        "index=size&chunk_size=1000&part=7": content[6000:7000],
        "index=size&chunk_size=1000&part=2-3&part=9": content[1000:3000] + content[8000:9000],
        "index=size&chunksize=1000&part=1": content[:MIB],
        "seek=7&length=5": content[7:12],
        "seek=2999990": content[2999990:],
        "length=9": content[:9],
        "seek=0": content,
    }
    assert {query: shock.get(node, f"download&{query}") == wanted for query, wanted in ranges.items()} == dict.fromkeys(
        ranges, True
    )


def test_filters_and_compression(shock):
    """SH-057 to SH-059."""
    node = shock.file(FASTQ, name="reads.fastq")
    fasta = b">r1 first\nACGT\n>r2 second\nTTGA\n>r3 third\nGGCA\n"
    assert shock.get(node, "download&filter=fq2fa") == fasta
    lines = shock.get(node, "download&filter=anonymize").splitlines()
    assert lines[1::4] == [b"ACGT", b"TTGA", b"GGCA"]
    assert len(set(lines[::4])) == 3
    assert not set(lines[::4]) & set(FASTQ.splitlines()[::4])
    for query, wanted in (("seek=3&length=8", FASTQ[3:11]), ("index=size&part=1", FASTQ), ("filter=fq2fa", fasta)):
        assert gzip.decompress(shock.get(node, f"download&compression=gzip&{query}")) == wanted
        with zipfile.ZipFile(io.BytesIO(shock.get(node, f"download&compression=zip&{query}"))) as packed:
            assert [packed.read(name) for name in packed.namelist()] == [wanted]


def test_links_work_once(shock):
    """SH-060 to SH-062."""
    nodes = [shock.file(b"%d" % number, 'attributes_str={"in": "links"}', name=f"n{number}") for number in range(3)]
    link = shock(f"/node/{nodes[0]}?download_url").data
    assert shock(link["url"], user=None).body == b"0"
    assert shock(link["url"], user=None).status != 200
    link = shock("/node?query&download_url&archive=tar&in=links").data
    with tarfile.open(fileobj=io.BytesIO(shock(link["url"], user=None).body)) as archive:
        assert {"n0", "n1", "n2"} <= set(archive.getnames())
    ids = f"ids={nodes[0]},{nodes[2]}"
    made = shock("/node", "-F", "download_url=1", "-F", "archive_format=zip", "-F", ids, method="POST").data
    with zipfile.ZipFile(io.BytesIO(shock(made["url"], user=None).body)) as packed:
        assert {name for name in packed.namelist() if not name.endswith(".md5")} == {"n0", "n2"}
