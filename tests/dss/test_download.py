"""Downloads of bundles and manifests: layouts, filters, versions, failures, and what a second run does."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from waiting import until

from hca.dss import DSSClient
from hca_core.errors import ExitStatus, UsageError
from hca_core.testing import reply
from hca_core.transfer.run import Order
from hca_dss.download import DownloadError

A, B, C = b"content of a\n", b"content of b\n", b"content of c\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def bundle_words(bundle, *more: str) -> tuple[str, ...]:
    return ("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, *more)


def manifest_words(name: str, *more: str) -> tuple[str, ...]:
    return ("dss", "download-manifest", "--replica", "aws", "--manifest", name, *more)


@pytest.fixture
def bundle(shelf):
    return shelf.bundle(
        shelf.file("cell_0.json", A, indexed=True),
        shelf.file("cells/donor.json", B, indexed=True),
        shelf.file("reads.fastq.gz", C),
        shelf.file("notes.txt", b""),
    )


# One bundle


def test_a_bundle_becomes_a_directory_of_links_into_the_filestore(bundle, hca, tree, stored):
    outcome = hca(*bundle_words(bundle, "--download-dir", "a/b"))
    assert outcome.exit_status == 0
    report = outcome.json()
    assert report["bundles"] == [bundle.fqid]
    assert (report["files"], report["fetched"], report["links"], report["failed"]) == (4, 4, 4, [])
    document = Path(f"a/b/{bundle.fqid}/bundle.json").read_bytes()
    assert json.loads(document)["bundle"]["files"] == list(bundle.files)
    content = {"cell_0.json": A, "cells/donor.json": B, "reads.fastq.gz": C, "notes.txt": b"", "bundle.json": document}
    laid_out = {f"{bundle.fqid}/{name}": data for name, data in content.items()}
    assert tree("a/b") == laid_out | {stored(data): data for data in content.values()}
    for name, data in content.items():
        assert os.path.samefile(f"a/b/{bundle.fqid}/{name}", f"a/b/{stored(data)}")


def test_the_manifest_of_a_bundle_is_written_as_the_old_client_did(bundle, hca):
    hca(*bundle_words(bundle))
    document = {"bundle": {"creator_uid": 1, "files": list(bundle.files), "uuid": bundle.uuid}}
    document["bundle"]["version"] = bundle.version
    expected = json.dumps(document, indent=4, sort_keys=True).encode()
    assert Path(bundle.fqid, "bundle.json").read_bytes() == expected


def test_a_second_run_checks_and_fetches_nothing(bundle, shelf, hca):
    hca(*bundle_words(bundle))
    fetched = shelf.fetched()
    report = hca(*bundle_words(bundle)).json()
    assert (report["fetched"], report["present"]) == (0, 4)
    assert shelf.fetched() == fetched


def test_a_damaged_file_of_the_filestore_is_fetched_again(bundle, shelf, hca, stored):
    hca(*bundle_words(bundle))
    os.unlink(f"{bundle.fqid}/cell_0.json")
    Path(stored(A)).write_bytes(b"x" * len(A))
    report = hca(*bundle_words(bundle)).json()
    assert (report["fetched"], report["present"]) == (1, 3)
    assert Path(bundle.fqid, "cell_0.json").read_bytes() == A
    assert shelf.fetched()[-1] == sha256(A)


def test_somebodys_file_in_the_layout_is_left_alone(bundle, hca, tree):
    os.mkdir(bundle.fqid)
    Path(bundle.fqid, "cell_0.json").write_bytes(b"my notes")
    outcome = hca(*bundle_words(bundle))
    assert outcome.exit_status == ExitStatus.PARTLY
    assert "move it away" in outcome.stderr
    assert [one["name"] for one in outcome.json()["failed"]] == [f"{bundle.fqid}/cell_0.json"]
    laid_out = tree(bundle.fqid)
    assert laid_out["cell_0.json"] == b"my notes"
    assert laid_out["reads.fastq.gz"] == C


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--no-data"], {"cell_0.json", "cells/donor.json"}),
        (["--no-metadata"], {"reads.fastq.gz", "notes.txt"}),
        (["--no-metadata", "--no-data"], set()),
        (["--metadata-filter", "cell*"], {"cell_0.json", "cells/donor.json", "reads.fastq.gz", "notes.txt"}),
        (["--metadata-filter", "CELL*"], {"reads.fastq.gz", "notes.txt"}),
        (["--metadata-filter", "*donor*", "x", "--data-filter", "*.txt"], {"cells/donor.json", "notes.txt"}),
        (["--data-filter", "*.fastq.gz", "*.txt", "--no-metadata"], {"reads.fastq.gz", "notes.txt"}),
        (["--data-filter", "nothing"], {"cell_0.json", "cells/donor.json"}),
    ],
)
def test_filters(bundle, hca, tree, options, names):
    assert hca(*bundle_words(bundle, *options)).exit_status == 0
    assert set(tree(bundle.fqid)) == names | {"bundle.json"}


@pytest.mark.parametrize("kind", ["data", "metadata"])
def test_a_filter_and_its_exclusion_do_not_go_together(bundle, dss, hca, kind):
    outcome = hca(*bundle_words(bundle, f"--no-{kind}", f"--{kind}-filter", "x"))
    assert outcome.exit_status == 2
    assert "exclude each other" in outcome.stderr
    with pytest.raises(UsageError):
        DSSClient().download(bundle.uuid, "aws", **{f"no_{kind}": True, f"{kind}_filter": ("x",)})
    assert dss.requests == []


def test_the_version_asked_for_is_the_one_that_comes(shelf, hca):
    old = shelf.bundle(shelf.file("f", A), version="2018-01-01T000000.000000Z")
    new = shelf.bundle(shelf.file("f", B), uuid=old.uuid, version="2019-01-01T000000.000000Z")
    hca(*bundle_words(old, "--version", old.version))
    assert Path(old.fqid, "f").read_bytes() == A
    assert not Path(new.fqid).exists()
    hca(*bundle_words(old))
    assert Path(new.fqid, "f").read_bytes() == B


@pytest.mark.parametrize("dropped", ["--bundle-uuid", "--replica"])
def test_required_options_are_named(dss, hca, dropped):
    words = ["dss", "download"]
    for name, value in (("--bundle-uuid", "x"), ("--replica", "aws")):
        words += [name, value] if name != dropped else []
    outcome = hca(*words)
    assert outcome.exit_status == 2
    assert dropped in outcome.stderr
    assert dss.requests == []


def test_a_bundle_that_does_not_exist(dss, hca):
    outcome = hca("dss", "download", "--replica", "aws", "--bundle-uuid", "00000000-0000-4000-8000-000000000000")
    assert outcome.exit_status == ExitStatus.NOT_FOUND
    assert os.listdir() == []


def test_equal_content_is_fetched_once_and_linked_everywhere(shelf, hca):
    bundle = shelf.bundle(*(shelf.file(f"f{number}", A) for number in range(30)))
    report = hca(*bundle_words(bundle)).json()
    assert (report["files"], report["links"]) == (1, 30)
    assert shelf.fetched() == [sha256(A)]
    assert os.stat(f"{bundle.fqid}/f29").st_nlink == 31


# Manifests


def test_layout_none_fills_the_filestore_only(bundle, hca, write_manifest, tree, stored):
    report = hca(*manifest_words(write_manifest(bundle.rows()))).json()
    assert (report["files"], report["links"], report["manifest"]) == (4, 0, "manifest.tsv")
    written = Path("manifest.tsv").read_bytes()
    assert written.count(b"\r\n") == 5
    assert stored(C).encode() in written
    assert tree() == {stored(data): data for data in (A, B, C, b"")} | {"manifest.tsv": written}
    hca(*manifest_words("manifest.tsv"))
    assert Path("manifest.tsv").read_bytes() == written


def test_no_latest_version_is_asked_for(bundle, dss, hca, write_manifest):
    hca(*manifest_words(write_manifest(bundle.rows())))
    asked = [request for request in dss.requests if request.path.startswith("/v1/files/")]
    assert len(asked) == 3
    assert all(dict(request.query)["version"] == bundle.version for request in asked)


def test_without_file_version_the_bundle_tells_it(bundle, dss, hca, write_manifest):
    rows = [{name: value for name, value in row.items() if name != "file_version"} for row in bundle.rows()]
    outcome = hca(*manifest_words(write_manifest(rows, columns=list(rows[0]))))
    assert outcome.exit_status == 0
    asked = [request for request in dss.requests if request.path.startswith("/v1/files/")]
    assert all(dict(request.query)["version"] == bundle.version for request in asked)
    assert len(dss.asked("GET", f"/v1/bundles/{bundle.uuid}")) == 1


def test_a_file_without_version_that_is_not_in_its_bundle(bundle, shelf, hca, write_manifest):
    rows = shelf.bundle(shelf.file("stranger", b"s")).rows()
    rows[0] |= {"file_version": "", "bundle_uuid": bundle.uuid}
    outcome = hca(*manifest_words(write_manifest(rows)))
    assert outcome.exit_status == ExitStatus.NOT_FOUND
    assert "is not in bundle" in outcome.stderr


def test_layout_bundle_brings_all_metadata_and_the_listed_data(bundle, hca, write_manifest, tree):
    rows = [row for row in bundle.rows() if row["file_name"] == "reads.fastq.gz"]
    outcome = hca(*manifest_words(write_manifest(rows), "--layout", "bundle", "--download-dir", "d"))
    assert outcome.exit_status == 0
    assert set(tree(f"d/{bundle.fqid}")) == {"cell_0.json", "cells/donor.json", "reads.fastq.gz", "bundle.json"}


@pytest.mark.parametrize(
    ("option", "names"), [("--no-metadata", {"reads.fastq.gz", "notes.txt"}), ("--no-data", {"cell_0.json"})]
)
def test_layout_bundle_without_the_one_or_the_other(bundle, hca, write_manifest, tree, option, names):
    outcome = hca(*manifest_words(write_manifest(bundle.rows()), "--layout", "bundle", option))
    assert outcome.exit_status == 0
    assert names < set(tree(bundle.fqid))
    assert ("cell_0.json" in tree(bundle.fqid)) == (option == "--no-data")


@pytest.mark.parametrize("option", ["--no-metadata", "--no-data"])
def test_layout_none_can_not_tell_metadata_from_data(bundle, dss, hca, write_manifest, option):
    outcome = hca(*manifest_words(write_manifest(bundle.rows()), option))
    assert outcome.exit_status == 2
    assert "--layout bundle" in outcome.stderr
    assert dss.requests == []


def test_other_layouts_are_refused(bundle, dss, hca, write_manifest):
    name = write_manifest(bundle.rows())
    assert hca(*manifest_words(name, "--layout", "x")).exit_status == 2
    with pytest.raises(UsageError):
        DSSClient().download_manifest(name, "aws", "x")
    assert dss.requests == []


def test_layout_bundle_heeds_the_version_of_the_bundle(shelf, hca, write_manifest):
    old = shelf.bundle(shelf.file("m.json", A, indexed=True), version="2018-01-01T000000.000000Z")
    new = shelf.bundle(shelf.file("m.json", B, indexed=True), uuid=old.uuid, version="2019-01-01T000000.000000Z")
    hca(*manifest_words(write_manifest(old.rows()), "--layout", "bundle"))
    assert Path(old.fqid, "m.json").read_bytes() == A
    assert not Path(new.fqid).exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [({"file_sha256": "0" * 64}, "another sha256"), ({"file_name": "other"}, "no file of that name")],
)
def test_a_row_that_the_bundle_does_not_confirm_fails(bundle, hca, write_manifest, change, told):
    rows = [bundle.rows()[2] | change]
    outcome = hca(*manifest_words(write_manifest(rows), "--layout", "bundle"))
    assert outcome.exit_status == ExitStatus.PARTLY
    assert told in outcome.stderr


# Failures


@pytest.fixture
def failing(shelf, write_manifest):
    """A manifest of four files; the fixture's function makes the content of the named ones fail."""
    bundle = shelf.bundle(*(shelf.file(name, name.encode() * 9) for name in "abcd"))
    before = write_manifest(bundle.rows())

    def fail(names: str, **answer) -> str:
        for name in names:
            script = shelf.content(sha256(name.encode() * 9))
            script._answers.clear()
            script.reply(**answer)
        return before

    return fail


def restore(shelf, names: str) -> None:
    for name in names:
        script = shelf.content(sha256(name.encode() * 9))
        script._answers.clear()
        script.reply(body=name.encode() * 9)


def test_what_failed_is_told_and_the_next_run_fetches_only_that(failing, shelf, hca):
    name = failing("bd", status=404)
    before = Path(name).read_bytes()
    outcome = hca(*manifest_words(name))
    assert outcome.exit_status == ExitStatus.PARTLY
    report = outcome.json()
    assert (report["files"], report["fetched"]) == (2, 2)
    assert sorted(one["name"] for one in report["failed"]) == ["b", "d"]
    assert "manifest" not in report
    assert outcome.stderr.startswith("hca: 2 files done, 2 failed")
    assert "  b: " in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert Path(name).read_bytes() == before
    restore(shelf, "bd")
    asked = len(shelf.fetched())
    report = hca(*manifest_words(name)).json()
    assert (report["fetched"], report["present"], report["failed"]) == (2, 2, [])
    assert sorted(shelf.fetched()[asked:]) == sorted(sha256(one * 9) for one in (b"b", b"d"))
    assert Path(name).read_bytes().endswith(b"\r\n")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": 404}, ExitStatus.NOT_FOUND),
        ({"status": 503}, ExitStatus.NETWORK),
        ({"status": 403}, ExitStatus.LOGIN),
        ({"body": b"else " * 2}, ExitStatus.INTEGRITY),
    ],
    ids=str,
)
def test_when_all_fail_for_one_reason_the_exit_status_is_that(failing, hca, tree, answer, status):
    name = failing("abcd", **answer)
    outcome = hca(*manifest_words(name, "--num-retries", "1", "--min-delay-seconds", "0.001"))
    assert outcome.exit_status == status
    assert len(outcome.json()["failed"]) == 4
    assert set(tree()) == {"manifest.tsv"}


def test_a_service_that_is_not_there(dss, bundle, hca, write_manifest):
    name = write_manifest(bundle.rows()[:1])
    hca("dss", "refresh-swagger")
    dss.close()
    with socket.socket() as kept:  # so that no other process gets the port meanwhile
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", int(dss.url.rpartition(":")[2])))
        outcome = hca(*manifest_words(name, "--num-retries", "0"))
    assert outcome.exit_status == ExitStatus.NETWORK
    assert "nothing listens" in outcome.stderr


def test_the_python_error_has_the_report(failing):
    name = failing("b", status=404)
    with pytest.raises(DownloadError) as caught:
        DSSClient().download_manifest(name, "aws")
    assert [one.name for one in caught.value.report.failures] == ["b"]
    assert caught.value.report.fetched == 3


def test_bundles_that_fail_do_not_stop_others(bundle, shelf, hca, write_manifest, tree):
    gone = shelf.bundle(shelf.file("gone", b"g")).rows()
    gone[0]["bundle_version"] = "2000-01-01T000000.000000Z"
    outcome = hca(*manifest_words(write_manifest([*gone, *bundle.rows()]), "--layout", "bundle"))
    assert outcome.exit_status == ExitStatus.PARTLY
    assert len(tree(bundle.fqid)) == 5


def test_retries_are_those_asked_for(bundle, shelf, hca):
    script = shelf.content(sha256(C))
    script._answers.clear()
    script.fail(times=2).reply(body=C)
    words = bundle_words(bundle, "--data-filter", "reads*", "--min-delay-seconds", "0.001")
    assert hca(*words, "--num-retries", "0").exit_status == ExitStatus.PARTLY
    assert shelf.fetched().count(sha256(C)) == 1
    assert hca(*words).exit_status == 0
    assert shelf.fetched().count(sha256(C)) == 3


def test_a_directory_that_can_not_be_made_is_told_in_one_sentence(bundle, hca):
    Path("file").touch()
    outcome = hca(*bundle_words(bundle, "--download-dir", "file"))
    assert outcome.exit_status == 2
    assert outcome.stderr.count("\n") == 1
    assert "file" in outcome.stderr


# Real processes


def stall(shelf, data: bytes, sent: int) -> None:
    """Let the first answer for `data` stop in the middle, with the connection open; later ones are whole."""
    script = shelf.content(sha256(data))
    script._answers.clear()
    script.reply(body=data[:sent], headers={"Content-Length": str(len(data))}).reply(body=data, ranges=True)


def sizes_of_parts(folder: Path) -> list[int]:
    """Return the sizes of the files that arrive at this moment; one may get its last name while it is looked at."""
    sizes = []
    for path in folder.rglob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sizes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_is_taken_up_by_the_next(shelf, start_hca, hca, tree, number):
    big = os.urandom(12 * 2**20)
    bundle = shelf.bundle(shelf.file("small", A), shelf.file("big", big))
    stall(shelf, big, 9 * 2**20)
    process = start_hca(*bundle_words(bundle, "--download-dir", "d"))
    until(lambda: max(sizes_of_parts(Path("d")), default=0) >= 2**20)
    until(lambda: list(Path("d").rglob(sha256(A))))  # what is small is done, and the part of the large one alone
    process.send_signal(number)
    _, err = process.communicate(timeout=30)  # what is silent would be given up later
    if number == signal.SIGINT:
        told = "hca: interrupted\nnext: run the same command again: it goes on with what came"
        assert (process.returncode, err.strip()) == (ExitStatus.INTERRUPTED, told)
    (kept,) = sizes_of_parts(Path("d"))
    assert hca(*bundle_words(bundle, "--download-dir", "d")).exit_status == 0
    asked = [one for one in shelf.service.requests if one.path == f"/blobs/{sha256(big)}"]
    assert [one.headers["Range"] for one in asked] == [None, f"bytes={kept}-"]
    laid_out = tree(f"d/{bundle.fqid}")
    assert (laid_out["small"], laid_out["big"]) == (A, big)
    assert not list(Path("d").rglob("*.part"))
    assert not list(Path("d").rglob("*.tmp"))


def test_an_interrupt_is_heard_while_the_service_does_not_answer(dss, start_hca):
    released = threading.Event()
    dss.on("GET", "/v1/bundles/x").reply(lambda request: [released.wait(90)])
    process = start_hca("dss", "download", "--replica", "aws", "--bundle-uuid", "x")
    dss.wait_for(2, 90)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    released.set()
    assert process.returncode == ExitStatus.INTERRUPTED


# Shards, and what the SDK is told


@pytest.mark.parametrize("kind", ["manifest", "collection"])
def test_shards_of_bundles_list_each_bundle_once(shelf, dss, write_manifest, tree, monkeypatch, kind):
    monkeypatch.setenv("HCA_TOKEN", "test")
    bundles = [shelf.bundle(shelf.file(f"f{number}", b"%d" % number)) for number in range(12)]
    name = write_manifest([row for bundle in bundles for row in bundle.rows()])
    before = Path(name).read_bytes()
    uuid = shelf.uuid()
    items = [{"type": "bundle", "uuid": one.uuid, "version": one.version} for one in bundles]
    dss.on("GET", f"/v1/collections/{uuid}").reply(json={"contents": items})
    done: list[list[str]] = []
    for number in (1, 2, 3):
        order = Order(shard=f"{number}/3")
        if kind == "manifest":
            report = DSSClient().download_manifest(name, "aws", "bundle", order=order)
        else:
            report = DSSClient().download_collection(uuid, "aws", order=order)
        assert "manifest" not in report.document()
        done.append(report.document().get("bundles", []))
    assert sorted(fqid for shard in done for fqid in shard) == sorted(one.fqid for one in bundles)
    assert max(map(len, done)) < 12
    assert all(len(dss.asked("GET", f"/v1/bundles/{one.uuid}")) == 1 for one in bundles)
    assert all(tree(one.fqid)[f"f{number}"] == b"%d" % number for number, one in enumerate(bundles))
    assert Path(name).read_bytes() == before  # no shard knows of the others' files


@pytest.mark.parametrize("again", [False, True])
def test_progress_adds_up_to_all_bytes(bundle, again):
    client = DSSClient()
    if again:
        client.download(bundle.uuid, "aws")
    told: list[int] = []
    client.progress = told.append
    client.download(bundle.uuid, "aws")
    assert sum(told) == len(A + B + C)


def test_threads_are_as_many_as_one_says(bundle, shelf):
    """With one there is never a second request before the first is answered."""
    now, most = [0], [0]
    for data in (A, B, C):
        script = shelf.content(sha256(data))

        def answer(request, data=data):
            now[0] += 1
            most[0] = max(most[0], now[0])
            time.sleep(0.02)
            now[0] -= 1
            return reply(body=data)

        script._answers[:] = [answer]
    client = DSSClient()
    client.threads = 1
    assert client.download(bundle.uuid, "aws").fetched == 4
    assert most[0] == 1
