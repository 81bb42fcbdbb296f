"""What is known of a run before its first byte, and what it tells at its end."""

from __future__ import annotations

import hashlib

import pytest

from hca_azul.download.run import Choice
from hca_azul.pacing import Pacing
from hca_azul.rows import Row
from hca_core.errors import UsageError
from hca_core.transfer.report import DownloadError
from hca_core.transfer.run import Order
from hca_core.transfer.space import NoSpaceError

DATA = b"ACGT" * 500
SHA = hashlib.sha256(DATA).hexdigest()


def row(number: int, size: int, sha256: str = SHA) -> Row:
    uuid = f"{number:08x}-0000-4000-8000-000000000000"
    return Row(uuid, "v", f"{number}.txt", size, sha256, mirror_uri=f"s3://open/file/{sha256}.sha256", project="P")


@pytest.fixture
def mirror(service):
    service.on("GET", f"/mirror/open/file/{SHA}.sha256").reply(body=DATA, ranges=True)
    return service


def test_as_many_bytes_as_allowed(scripted, mirror, tmp_path):
    rows = [row(1, len(DATA)), row(2, len(DATA)), row(1, len(DATA))]  # the third one is the first again
    with pytest.raises(UsageError, match="these 2 files have 4,000 bytes, more than the 3,999 allowed"):
        scripted().download(rows, str(tmp_path), choice=Choice(most_bytes=2 * len(DATA) - 1))
    assert not mirror.asked()
    report = scripted().download(rows, str(tmp_path), choice=Choice(most_bytes=2 * len(DATA)))
    assert report.fetched == 1  # one content
    assert [(tmp_path / "P" / name).read_bytes() for name in ("1.txt", "2.txt")] == [DATA, DATA]


def test_no_room_is_told_before_the_first_byte(scripted, mirror, tmp_path):
    rows = [row(1, len(DATA)), row(2, 10**17, "ab" * 32)]
    with pytest.raises(NoSpaceError) as caught:
        scripted().download(rows, str(tmp_path))
    assert "2.txt" not in caught.value.message  # it is all of them for which there is no room
    assert not mirror.asked()


def test_a_mirror_without_its_files_is_told_once(scripted, service, tmp_path, caplog):
    """Each of them costs requests to the service then, which blocks who asks too often."""
    rows = []
    for number in range(5):
        data = b"%d" % number * 100
        made = row(number, len(data), hashlib.sha256(data).hexdigest())
        service.on("GET", f"/mirror/open/file/{made.sha256}.sha256").reply(body=bytes(100))
        service.on("GET", f"/repository/files/{made.uuid}").reply(body=data)
        rows.append(made._replace(azul_url=f"{service.url}/repository/files/{made.uuid}"))
    client = scripted()
    document = client.download(rows, str(tmp_path)).document()
    assert (document["sources"], document["names"]) == ({"azul": 5}, 5)
    said = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert [one.partition(" (")[0] for one in said[:3]] == ["the mirror has other bytes than promised"] * 3
    assert [one.partition(";")[0] for one in said[3:]] == [
        "5 files came from Azul, as the mirror did not give what it should have"
    ]
    assert all(one.endswith("; asking Azul") for one in said[:3])
    caplog.clear()
    client.download(rows, str(tmp_path / "again"))
    assert len([one for one in caplog.records if one.levelname == "WARNING"]) == 4
    caplog.clear()
    assert "sources" not in client.download(rows, str(tmp_path)).document()
    assert not caplog.records


def test_a_dry_run_tells_what_the_service_is_asked(scripted, mirror, tmp_path):
    rows = [row(1, 10), *(row(number, 10, f"{number:064x}")._replace(mirror_uri="", azul_url="x") for number in (2, 3))]
    client = scripted()
    client.service.pacing = Pacing(1)
    plan = client.download(rows, str(tmp_path), order=Order(dry_run=True))
    told = plan.document()
    assert (told["requests"], told["sources"], told["least_seconds"]) == (2, {"mirror": 1, "azul": 2}, 60.0)
    assert plan.in_words(0).endswith("would be fetched, in 1 min 0 s at least, as 2 requests take so long")


def test_what_is_nowhere_is_no_failure(scripted, tmp_path, caplog):
    header = ["file_uuid", "file_version", "file_name", "file_azul_url", "project.project_core.project_short_name"]
    (tmp_path / "m.tsv").write_text("\t".join(header) + "\n" + "\t\t\t\tP\n" * 2)
    report = scripted().download_manifest(tmp_path / "m.tsv", str(tmp_path / "d"))
    assert report.document()["unavailable"] == ["P/line 2", "P/line 3"]
    with pytest.raises(DownloadError, match="P/line 2: it is listed"):
        scripted().download_manifest(tmp_path / "m.tsv", str(tmp_path / "d"), choice=Choice(strict=True))


def test_a_source_that_is_not_asked(scripted, mirror, tmp_path):
    with pytest.raises(DownloadError, match=r"1\.txt: nothing says that Azul or the repository has it"):
        scripted().download([row(1, 10)], str(tmp_path), choice=Choice(sources=("azul", "drs")))
