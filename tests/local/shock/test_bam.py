"""Alignments of the embedded Shock: what samtools does for it, and only that (contract §6, §9)."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

SAMTOOLS = shutil.which("samtools")
HEADER = "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:100000\n@SQ\tSN:chr2\tLN:5000\n"
GROUPS = "@RG\tID:g1\tLB:lib1\tSM:s\n@RG\tID:g2\tLB:lib2\tSM:s\n"
with_samtools = pytest.mark.skipif(SAMTOOLS is None, reason="samtools is not installed")


def refusal(answer: requests.Response, status: int) -> str:
    body = answer.json()
    assert (answer.status_code, body["status"], body["data"], len(body["error"])) == (status, status, None, 1)
    return str(body["error"][0])


@pytest.fixture(scope="module")
def bam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sorted BAM file."""
    path = tmp_path_factory.mktemp("bam") / "reads.bam"
    rows = []
    for n in range(400):
        place = f"{16 * (n % 2)}\tchr{1 + (n >= 300)}\t{1 + 10 * (n % 300)}\t{n % 60}"
        rows.append(f"r{n}\t{place}\t4M\t*\t0\t0\tACGT\tIIII\tRG:Z:g{1 + n % 2}")
    text = HEADER + GROUPS + "\n".join(rows) + "\n"
    command = ["samtools", "view", "-b", "--no-PG", "-o", str(path), "-"]
    subprocess.run(command, input=text.encode(), check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def node(shock: Any, bam: Path) -> str:
    """Return a node with the file and its index."""
    made = str(shock.post(upload=("reads.bam", bam.read_bytes()))["id"])
    assert "needs the index" in refusal(shock.send("GET", f"/node/{made}?download&index=bai&region=chr1"), 400)
    assert shock.send("PUT", f"/node/{made}/index/bai").json() == {"status": 200, "data": None, "error": None}
    until(lambda: not shock.get({"id": made})["indexes"]["bai"]["locked"])
    return made


@with_samtools
@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", []),
        ("&head", ["-h"]),
        ("&headonly", ["-H"]),
        ("&count", ["-c"]),
        ("&flag=16", ["-f", "16"]),
        ("&mapq=30", ["-q", "30"]),
        ("&lib=lib2", ["-l", "lib2"]),
        ("&readgroup=g1", ["-r", "g1"]),
        ("&count&flag=16&mapq=10", ["-c", "-f", "16", "-q", "10"]),
        ("&region=chr1:1-200", ["chr1:1-200"]),
        ("&region=chr2&count", ["-c", "chr2"]),
    ],
)
def test_alignments_are_those_that_samtools_shows(
    shock: Any, node: str, bam: Path, query: str, options: list[str]
) -> None:
    region = [options.pop()] if options and options[-1].startswith("chr") else []
    if region:
        subprocess.run(["samtools", "index", str(bam)], check=True)
    expected = subprocess.run(["samtools", "view", *options, str(bam), *region], check=True, capture_output=True).stdout
    answer = shock.send("GET", f"/node/{node}?download&index=bai{query}")
    assert answer.status_code == 200
    # What tells which program made the text names the path of the file.
    lines = [[line for line in text.splitlines() if not line.startswith(b"@PG")] for text in (answer.content, expected)]
    assert lines[0] == lines[1]
    assert lines[0]


@with_samtools
@pytest.mark.parametrize(
    "query",
    [
        "flag=x",
        "flag=-1",
        "mapq=1e3",
        "mapq=",
        "lib=-b",
        "readgroup=--output=/tmp/x",
        "readgroup=a%0Ab",
        "region=-h",
        "region=--help",
        "region=chr1%20%2Ftmp%2Fx",
        "region=",
    ],
)
def test_nothing_of_a_query_becomes_an_option(shock: Any, node: str, query: str) -> None:
    assert "is not" in refusal(shock.send("GET", f"/node/{node}?download&index=bai&{query}"), 400)


@with_samtools
def test_what_samtools_can_not_read_is_told(shock: Any, node: str, bam: Path) -> None:
    for region in ("chrX:1-2", "chr", "chr1:x", "chr1:1-2:3", "*"):
        answer = shock.send("GET", f"/node/{node}?download&index=bai&count&region={region}")
        assert "no region" in refusal(answer, 400), region
    text = shock.post(upload=("fake.bam", b"no alignments\n"))["id"]
    reason = refusal(shock.send("GET", f"/node/{text}?download&index=bai"), 400)
    assert "samtools" in reason
    assert str(shock.root) not in reason
    assert shock.send("PUT", f"/node/{text}/index/bai").status_code == 200
    error = until(lambda: shock.get({"id": text})["indexes"]["bai"]["locked"]["error"])
    assert "samtools can't index" in error
    assert str(shock.root) not in error
    assert shock.arriving() == []
    plain = shock.post(upload=("reads.txt", bam.read_bytes()))["id"]
    assert ".bam" in refusal(shock.send("PUT", f"/node/{plain}/index/bai"), 400)
    joined = shock.post(type="virtual", source=f"{node},{node}", file_name="two.bam")["id"]
    assert "made of others" in refusal(shock.send("GET", f"/node/{joined}?download&index=bai"), 400)


@with_samtools
def test_alignments_can_be_compressed(shock: Any, node: str) -> None:
    answer = shock.send("GET", f"/node/{node}?download&index=bai&count&compression=gzip")
    assert gzip.decompress(answer.content) == b"400\n"


@with_samtools
def test_the_index_goes_with_a_copy_and_can_be_removed(shock: Any, node: str) -> None:
    copy = shock.post(copy_data=node, copy_indexes="1")["id"]
    query = "download&index=bai&region=chr2&count"
    assert shock.send("GET", f"/node/{copy}?{query}").content == b"100\n"
    assert shock.send("DELETE", f"/node/{copy}/index/bai").status_code == 200
    assert "needs the index" in refusal(shock.send("GET", f"/node/{copy}?{query}"), 400)
    assert shock.send("GET", f"/node/{node}?{query}").content == b"100\n"


def test_without_samtools_it_is_named(own_shock: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    server = own_shock()
    node = server.post(upload=("a.bam", b"x"))["id"]
    assert "samtools" in refusal(server.send("GET", f"/node/{node}?download&index=bai"), 400)
    assert "samtools" in refusal(server.send("PUT", f"/node/{node}/index/bai"), 400)
