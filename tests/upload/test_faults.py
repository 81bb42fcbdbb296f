"""Uploads into an area while the network, S3 and the service fail, and while `hca` is killed.

The proxies of faults.py stand between `hca` and a real `hca local`. The first tests are about the proxy itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # noqa: TID253 - a test may take its time
import pytest
import requests  # noqa: TID253
from botocore.config import Config  # noqa: TID253
from botocore.exceptions import BotoCoreError, ClientError  # noqa: TID253
from neighbours import load
from waiting import until

from hca_core import checksums
from hca_core.checksums import MEBIBYTE
from hca_core.errors import ExitStatus
from hca_core.testing import run_hca
from hca_local import data_directory, launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import Outcome
    from hca_local.launch import Launched


faults = load(Path(__file__).with_name("faults.py"), "upload_faults")

BUCKET = "org-humancellatlas-upload-local"
PART = checksums.PART_SIZE


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """A deployment that all tests of this module write to, each into a bucket or an area of its own."""
    with launch.private(tmp_path_factory.mktemp("faults") / "data", empty=True) as launched:
        yield launched


@pytest.fixture(scope="module")
def s3_url(deployment: Launched) -> str:
    """The URL of the deployment's S3 server."""
    return str(json.loads(deployment.directory.state.read_bytes())["s3_url"])


def s3_client(deployment: Launched, url: str, **settings: Any) -> Any:
    key = data_directory.access_key(deployment.directory)
    session = boto3.session.Session(key.access_key_id, key.secret, region_name="us-east-1")
    return session.client("s3", endpoint_url=url, config=Config(**settings))


@pytest.fixture(scope="module")
def s3(deployment: Launched, s3_url: str) -> Iterator[Any]:
    """A boto3 client with the keys of the deployment's administrator."""
    client = s3_client(deployment, s3_url)
    yield client
    client.close()


# The proxy itself.


@pytest.fixture
def proxy(s3_url: str) -> Iterator[Any]:
    """A proxy before S3."""
    with faults.Proxy(s3_url) as made:
        yield made


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket of the test's own."""
    name = f"proxied-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def through(deployment: Launched, proxy: Any) -> Iterator[Any]:
    """A boto3 client that goes through the proxy and tries everything once."""
    client = s3_client(deployment, proxy.url, retries={"total_max_attempts": 1})
    yield client
    client.close()


def read(s3: Any, name: str, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket=name, Key=key)["Body"].read()
    return body


def keys(s3: Any, name: str) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=name).get("Contents", [])]


def test_what_fits_no_rule_passes_as_it_is(proxy: Any, through: Any, s3: Any, bucket: str) -> None:
    name = "a b/ü#?%2F\n.txt"
    content = os.urandom(3 * MEBIBYTE)
    through.put_object(Bucket=bucket, Key=name, Body=content, ContentType="text/plain")
    assert read(through, bucket, name) == read(s3, bucket, name) == content
    assert through.head_object(Bucket=bucket, Key=name)["ContentType"] == "text/plain"
    assert keys(through, bucket) == [name]
    through.delete_object(Bucket=bucket, Key=name)
    assert keys(s3, bucket) == []
    (put,) = proxy.of("PUT")
    assert (put.name, put.status) == (f"/{bucket}/{name}", 200)
    assert put.received >= len(content)
    assert put.headers["content-type"] == "text/plain"
    told = json.dumps([vars(one) for one in proxy.asked])
    assert "Signature" not in told
    assert not {"authorization", "x-amz-security-token"} & set(put.headers)


def presigned(deployment: Launched, url: str, bucket: str, key: str) -> str:
    """Return a URL that anybody may put an object to, whatever its bytes are."""
    client = s3_client(deployment, url, signature_version="s3v4")
    try:
        return str(client.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key}))
    finally:
        client.close()


def test_a_body_in_chunks_passes(proxy: Any, deployment: Launched, s3: Any, bucket: str) -> None:
    url = presigned(deployment, proxy.url, bucket, "a")
    assert requests.put(url, data=iter([b"one", b"two"]), timeout=30).status_code in (200, 411)
    (put,) = proxy.of("PUT")
    assert put.received == 6
    # S3 need not take bodies without a length; that it saw one shows in what it did with it.
    assert put.status == 411 or read(s3, bucket, "a") == b"onetwo"


@pytest.mark.parametrize("early", [False, True])
def test_errors_of_s3(proxy: Any, through: Any, s3: Any, bucket: str, early: bool) -> None:
    rule = proxy.rule(faults.error(503, "SlowDown", retry_after="7", early=early), method="PUT", path="/b$")
    body = b"x" * (4 * MEBIBYTE if early else 10)
    through.put_object(Bucket=bucket, Key="a", Body=b"a")
    with pytest.raises((ClientError, BotoCoreError)) as caught:
        through.put_object(Bucket=bucket, Key="b", Body=body)
    if isinstance(caught.value, ClientError):
        told = caught.value.response
        assert told["Error"]["Code"] == "SlowDown"
        assert told["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"
    else:
        assert early, "whoever hangs up on a client that is sending may be heard or not"
    assert keys(s3, bucket) == ["a"]
    through.put_object(Bucket=bucket, Key="b", Body=body)
    assert (rule.hits, rule.seen, keys(s3, bucket)) == (1, 2, ["a", "b"])


def test_the_occurrences_of_a_rule(proxy: Any, through: Any, bucket: str) -> None:
    rule = proxy.rule(faults.error(500, "InternalError"), method="HEAD", query={}, path=bucket, first=2, times=2)
    seen = []
    for _ in range(4):
        try:
            through.head_bucket(Bucket=bucket)
            seen.append(200)
        except ClientError as error:
            seen.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
    assert seen == [200, 500, 500, 200]
    assert [one.status for one in proxy.of("HEAD")] == seen
    assert rule.hits == 2
    proxy.heal()
    assert proxy.asked == []


def test_a_rule_for_some_queries(proxy: Any, through: Any, bucket: str) -> None:
    proxy.rule(faults.error(403, "AccessDenied"), query={"partNumber": "[23]"}, times=None)
    begun = {"Bucket": bucket, "Key": "k"}
    begun["UploadId"] = through.create_multipart_upload(**begun)["UploadId"]
    through.upload_part(**begun, PartNumber=1, Body=b"1")
    for number in (2, 3):
        with pytest.raises(ClientError, match="AccessDenied"):
            through.upload_part(**begun, PartNumber=number, Body=b"2")
    assert proxy.parts() == [1, 2, 3]


def test_a_connection_that_is_cut_in_the_body(proxy: Any, through: Any, s3: Any, bucket: str) -> None:
    proxy.rule(faults.cut(MEBIBYTE), method="PUT")
    with pytest.raises(BotoCoreError):
        through.put_object(Bucket=bucket, Key="a", Body=b"x" * 8 * MEBIBYTE)
    assert keys(s3, bucket) == []
    (put,) = proxy.of("PUT")
    assert (put.received, put.status) == (MEBIBYTE, None)


def test_an_answer_that_is_cut(proxy: Any, through: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * MEBIBYTE)
    proxy.rule(faults.cut_answer(1000), method="GET")
    body = through.get_object(Bucket=bucket, Key="a")["Body"]
    with pytest.raises(BotoCoreError):
        body.read()
    assert len(read(through, bucket, "a")) == MEBIBYTE


def test_an_answer_that_is_swallowed(proxy: Any, through: Any, s3: Any, bucket: str) -> None:
    proxy.rule(faults.swallow, method="PUT")
    with pytest.raises(BotoCoreError):
        through.put_object(Bucket=bucket, Key="a", Body=b"done")
    assert read(s3, bucket, "a") == b"done"


def test_a_part_that_is_dropped(proxy: Any, through: Any, s3: Any, bucket: str) -> None:
    proxy.rule(faults.drop, query={"partNumber": "2"})
    begun = {"Bucket": bucket, "Key": "k"}
    begun["UploadId"] = through.create_multipart_upload(**begun)["UploadId"]
    md5 = hashlib.md5(b"part").hexdigest()
    for number in (1, 2):
        assert through.upload_part(**begun, PartNumber=number, Body=b"part")["ETag"] == f'"{md5}"'
    assert [part["PartNumber"] for part in s3.list_parts(**begun)["Parts"]] == [1]


def test_bytes_that_are_corrupted(proxy: Any, deployment: Launched, s3: Any, bucket: str) -> None:
    proxy.rule(faults.corrupt(2_000_000), method="PUT")
    content = os.urandom(3_000_000)
    url = presigned(deployment, proxy.url, bucket, "a")
    assert requests.put(url, data=content, timeout=30).status_code == 200
    stored = read(s3, bucket, "a")
    assert [at for at, (one, other) in enumerate(zip(content, stored, strict=True)) if one != other] == [2_000_000]


def test_etags_that_are_wrong(proxy: Any, through: Any, s3: Any, bucket: str) -> None:
    proxy.rule(faults.wrong_etag, times=None)
    assert through.put_object(Bucket=bucket, Key="a", Body=b"a")["ETag"] == f'"{"0" * 32}"'
    assert through.list_objects_v2(Bucket=bucket)["Contents"][0]["ETag"] == f'"{"0" * 32}"'
    assert s3.head_object(Bucket=bucket, Key="a")["ETag"] == f'"{hashlib.md5(b"a").hexdigest()}"'


@pytest.mark.parametrize("after", [False, True])
def test_requests_that_are_held(proxy: Any, through: Any, s3: Any, bucket: str, after: bool) -> None:
    hold = faults.Hold(after=after)
    proxy.rule(hold, method="PUT")
    thread = threading.Thread(target=through.put_object, kwargs={"Bucket": bucket, "Key": "a", "Body": b"a"})
    thread.start()
    assert hold.came.wait(30)
    assert keys(s3, bucket) == (["a"] if after else [])
    hold.go.set()
    thread.join(30)
    assert not thread.is_alive()
    assert keys(s3, bucket) == ["a"]


def test_the_end_waits_for_nobody(s3_url: str, deployment: Launched, bucket: str) -> None:
    hold = faults.Hold()
    failed = []

    def put() -> None:
        try:
            client.put_object(Bucket=bucket, Key="a", Body=b"a")
        except BotoCoreError as error:
            failed.append(error)

    with faults.Proxy(s3_url) as proxy:
        client = s3_client(deployment, proxy.url, retries={"total_max_attempts": 1})
        proxy.rule(hold, method="PUT")
        thread = threading.Thread(target=put)
        thread.start()
        assert hold.came.wait(30)
    thread.join(30)
    client.close()
    assert len(failed) == 1


# Uploads.


@dataclass
class Area:
    """An upload area: what is in it, as the administrator of the deployment sees it."""

    uuid: str
    s3: Any

    def names(self) -> list[str]:
        """Return the names of the files."""
        start = len(self.uuid) + 1
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{self.uuid}/")
        return [one["Key"][start:] for page in pages for one in page.get("Contents", [])]

    def sha256(self, name: str) -> str:
        """Return the sha256 of the content of a file."""
        digest = hashlib.sha256()
        for block in self.s3.get_object(Bucket=BUCKET, Key=f"{self.uuid}/{name}")["Body"].iter_chunks(MEBIBYTE):
            digest.update(block)
        return digest.hexdigest()

    def has(self, *files: Path, root: Path | None = None) -> bool:
        """Tell whether these files are in the area with their content, and no others."""
        named = {str(path.relative_to(root)) if root else path.name: path for path in files}
        assert sorted(self.names()) == sorted(named)
        return all(self.sha256(name) == sha256(path) for name, path in named.items())

    def parts(self) -> int:
        """Return how many parts there are of uploads that were not completed."""
        count = 0
        for one in self.s3.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{self.uuid}/").get("Uploads", []):
            listed = self.s3.list_parts(Bucket=BUCKET, Key=one["Key"], UploadId=one["UploadId"])
            count += len(listed.get("Parts", []))
        return count


@dataclass
class Uploading:
    """`hca` with an area selected, and the proxies before the service and before S3."""

    area: Area
    api: Any
    s3: Any
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def hca(self, *words: str | Path) -> Outcome:
        """Run `hca upload` in this process."""
        return run_hca("upload", *map(str, words))

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start `hca upload` as a process of its own."""
        command = [sys.executable, "-m", "hca_core", "upload", *map(str, words)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.started.append(subprocess.Popen(command, **pipes))
        return self.started[-1]

    def end(self) -> None:
        """Kill what was started and still runs."""
        for process in self.started:
            process.kill()
            process.communicate()

    def sent(self) -> list[str]:
        """Return the names of the files that were sent whole, in their order."""
        found = self.s3.of("PUT", f"^/{BUCKET}/{self.area.uuid}/")
        return [one.name.removeprefix(f"/{BUCKET}/{self.area.uuid}/") for one in found if not one.query]

    def told(self) -> list[str]:
        """Return the names of the files that the service was told of, in their order."""
        start = f"/v1/area/{self.area.uuid}/"
        found = [one.name.removeprefix(start) for one in self.api.of("POST", f"^{start}")]
        return [name for name in found if name != "credentials"]

    def heal(self) -> None:
        """Let everything work again, and forget what was asked."""
        self.api.heal()
        self.s3.heal()


@pytest.fixture
def new_area(deployment: Launched, s3: Any) -> Callable[[], Area]:
    """A function that makes an area."""

    def make() -> Area:
        area = str(uuid.uuid4())
        key = json.loads(deployment.directory.config.read_bytes())["upload"]["api_keys"]["local"]
        url = f"{deployment.url}/v1/area/{area}"
        requests.post(url, headers={"Api-Key": key}, timeout=30).raise_for_status()
        return Area(area, s3)

    return make


@pytest.fixture
def up(deployment: Launched, s3_url: str, new_area: Callable[[], Area], isolated_home: Path) -> Iterator[Uploading]:
    """An empty area that is selected."""
    area = new_area()
    with faults.Proxy(deployment.url) as api, faults.Proxy(s3_url) as s3:
        upload = {
            "url": f"{api.url}/v1",
            "s3_endpoint_url": s3.url,
            "areas": {area.uuid: {"uri": f"s3://{BUCKET}/{area.uuid}/"}},
            "current_area": area.uuid,
        }
        settings = isolated_home / "faults.json"
        settings.write_text(json.dumps({"upload": upload}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HCA_CONFIG_FILE", str(settings))
            made = Uploading(area, api, s3)
            yield made
            made.end()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Files of more than 5 MiB are sent in parts of that size by this process; the size."""
    monkeypatch.setattr(checksums, "PART_SIZE", 5 * MEBIBYTE)
    return 5 * MEBIBYTE


@pytest.fixture(params=["read before", "read meanwhile"])
def memory(request: pytest.FixtureRequest, small_parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in parts are read before they are sent, or, as if they did not fit into memory, while they are."""
    from hca_upload import sending

    if request.param == "read meanwhile":
        monkeypatch.setattr(sending, "MEMORY", 2 * small_parts)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def written(name: str, size: int = 1000) -> Path:
    """Write a file of random bytes."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return path


def sparse(name: str, size: int) -> Path:
    """Write a file with holes, in which all parts are different."""
    path = Path(name)
    with path.open("wb") as stream:
        for start in range(0, size, PART):
            stream.seek(start)
            stream.write(b"part %d" % (start // PART))
        stream.truncate(size)
    return path


def in_order(hold: Any, do: Callable[[], object]) -> threading.Thread:
    """Do something, in a thread, when a request is held, then let it go; the thread, to be joined."""

    def run() -> None:
        try:
            assert hold.came.wait(60)
            do()
        finally:
            hold.go.set()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def one_sentence(text: str, *words: str) -> bool:
    """Tell whether an error is one sentence with a next step at most, has these words and no traceback.

    What was tried again before is told above it.
    """
    lines = [line for line in text.splitlines() if line and "; trying again in " not in line]
    assert "Traceback" not in text
    assert len(lines) <= 3, text
    return all(word in text for word in words)


@pytest.mark.parametrize("retry_after", ["", "1"])
def test_s3_asks_to_slow_down(up: Uploading, retry_after: str) -> None:
    files = [written(f"data/{number}") for number in range(5)]
    slow = up.s3.rule(faults.error(503, "SlowDown", retry_after=retry_after), method="PUT", times=3)
    outcome = up.hca("files", "data")
    assert outcome.exit_status == 0, outcome.stderr
    assert slow.hits == 3
    assert len(up.sent()) == 8
    assert up.area.has(*files)
    assert sorted(up.told()) == sorted(path.name for path in files)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    "action",
    [
        faults.error(503, "SlowDown"),
        faults.error(503, "SlowDown", early=True),
        faults.error(500, "InternalError"),
        faults.cut(MEBIBYTE),
        faults.cut(0),
        faults.swallow,
    ],
    ids=["slow down", "slow down, early", "internal error", "cut in the body", "cut before the body", "swallowed"],
)
def test_parts_that_fail_once(up: Uploading, action: Any) -> None:
    path = written("large", 16 * MEBIBYTE + 1)
    up.s3.rule(action, method="PUT", query={"partNumber": "2|4"}, times=2)
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert (set(up.s3.parts()), len(up.s3.parts())) == ({1, 2, 3, 4}, 6)
    assert up.area.has(path)
    assert up.area.parts() == 0


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("query", ["uploads", "uploadId"])
@pytest.mark.parametrize("action", [faults.swallow, faults.error(500, "InternalError")], ids=["swallowed", "error"])
def test_the_beginning_and_the_end_of_parts_fail_once(up: Uploading, action: Any, query: str) -> None:
    path = written("large", 11 * MEBIBYTE)
    broken = up.s3.rule(action, method="POST", query={query: ".*"})
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert broken.hits == 1
    assert sorted(up.s3.parts()) == [1, 2, 3]
    assert up.area.has(path)


def test_an_end_of_parts_that_s3_does_not_remember(up: Uploading, small_parts: int) -> None:
    path = written("large", 2 * small_parts)
    up.s3.rule(faults.swallow, method="POST", query={"uploadId": ".*"})
    up.s3.rule(faults.error(404, "NoSuchUpload"), method="POST", query={"uploadId": ".*"}, first=2)
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert sorted(up.s3.parts()) == [1, 2]
    assert up.area.has(path)


@pytest.mark.parametrize(
    "action", [faults.cut(100), faults.cut(0), faults.swallow], ids=["in the body", "before the body", "swallowed"]
)
def test_connections_that_break(up: Uploading, action: Any) -> None:
    files = [written(f"data/{number}", 3 * MEBIBYTE if number == 4 else 1000) for number in range(5)]
    broken = up.s3.rule(action, method="PUT", times=4)
    outcome = up.hca("files", "data")
    assert outcome.exit_status == 0, outcome.stderr
    assert broken.hits == 4
    assert up.area.has(*files)


@pytest.mark.usefixtures("memory")
def test_a_part_that_s3_has_lost(up: Uploading) -> None:
    path = written("large", 16 * MEBIBYTE)
    lost = up.s3.rule(faults.drop, method="PUT", query={"partNumber": "3"})
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert lost.hits == 1
    assert up.s3.parts().count(3) == 2
    assert len(up.s3.of("POST", "/large$")) in (3, 4), "one or two begun, two completed"
    assert up.area.has(path)


def test_an_object_that_s3_has_lost_is_seen_by_check(up: Uploading) -> None:
    path = written("small")
    up.s3.rule(faults.drop, method="PUT")
    up.hca("files", path)
    assert up.area.names() == []
    checked = up.hca("check", path)
    assert checked.exit_status == ExitStatus.INTEGRITY
    assert "missing" in checked.stdout


@pytest.mark.parametrize("size", [1000, 3 * MEBIBYTE])
def test_bytes_that_change_on_the_way(up: Uploading, size: int) -> None:
    path = written("small", size)
    up.s3.rule(faults.corrupt(500), method="PUT")
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert up.area.has(path)
    assert len(up.sent()) == 2


@pytest.mark.parametrize("size", [1000, 3 * MEBIBYTE])
def test_bytes_that_change_on_the_way_every_time(up: Uploading, size: int) -> None:
    path = written("small", size)
    up.s3.rule(faults.corrupt(500), method="PUT", times=None)
    outcome = up.hca("files", path)
    assert outcome.exit_status == ExitStatus.INTEGRITY, outcome.stderr
    assert one_sentence(outcome.stderr, "small")
    assert up.area.names() == []
    assert up.told() == []
    up.s3.heal()
    assert up.hca("files", path).exit_status == 0
    assert up.area.has(path)


def test_bytes_of_a_part_that_change_on_the_way(up: Uploading, small_parts: int) -> None:
    path = written("large", 3 * small_parts)
    corrupt = faults.corrupt(500)

    def corrupt_at_last(exchange: Any) -> None:
        # Who fails before the other parts are there waits a second for them, and a busy machine takes longer.
        until(lambda: parts_noted() == 2)
        corrupt(exchange)

    up.s3.rule(corrupt_at_last, method="PUT", query={"partNumber": "2"}, times=None)
    outcome = up.hca("files", path)
    assert outcome.exit_status == ExitStatus.INTEGRITY, outcome.stderr
    assert one_sentence(outcome.stderr, "large", "other bytes than were sent")
    assert up.area.names() == up.told() == []
    assert up.area.parts() == 2
    up.s3.heal()
    assert up.hca("files", path).exit_status == 0
    assert up.s3.parts() == [2], "the others were there"
    assert up.area.has(path)


def test_an_answer_that_tells_of_other_bytes(up: Uploading) -> None:
    path = written("small")
    up.s3.rule(faults.wrong_sums, method="PUT", times=None)
    outcome = up.hca("files", path)
    assert outcome.exit_status == ExitStatus.INTEGRITY, outcome.stderr
    assert one_sentence(outcome.stderr, "small")
    assert up.told() == []
    up.s3.heal()
    assert up.hca("files", path).exit_status == 0


def credentials_asked(up: Uploading) -> int:
    return len(up.api.of("POST", "/credentials$"))


def test_credentials_that_end_in_the_middle(up: Uploading) -> None:
    files = [written(f"data/{number}") for number in range(6)]
    up.s3.rule(faults.error(400, "ExpiredToken"), method="PUT", first=3)
    outcome = up.hca("files", "data", "--jobs", "1")
    assert outcome.exit_status == 0, outcome.stderr
    assert credentials_asked(up) == 2
    assert len(up.sent()) == 7
    assert up.area.has(*files)


def test_credentials_that_end_in_the_middle_of_parts(up: Uploading, memory: None) -> None:
    path = written("large", 21 * MEBIBYTE)
    up.s3.rule(faults.error(400, "ExpiredToken"), query={"partNumber": ".*"}, first=2, times=3)
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert up.area.has(path)


def test_credentials_that_are_never_good(up: Uploading) -> None:
    path = written("small")
    up.s3.rule(faults.error(400, "ExpiredToken"), times=None)
    outcome = up.hca("files", path)
    assert outcome.exit_status == ExitStatus.LOGIN
    assert one_sentence(outcome.stderr, "ExpiredToken")
    assert credentials_asked(up) < 8
    assert up.told() == []


def test_credentials_that_the_service_can_not_give_at_once(up: Uploading) -> None:
    path = written("small")
    up.api.rule(faults.error(503, "Unavailable"), method="POST", path="/credentials$", times=2)
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert credentials_asked(up) == 3
    assert up.area.has(path)


def test_credentials_that_are_refused(up: Uploading) -> None:
    files = [written(f"data/{number}") for number in range(3)]
    up.s3.rule(faults.error(403, "AccessDenied"), method="PUT", times=None)
    outcome = up.hca("files", files[0])
    assert outcome.exit_status == ExitStatus.LOGIN
    assert one_sentence(outcome.stderr, "AccessDenied")
    assert len(up.sent()) == 1, "nothing is gained by another try"
    assert up.area.names() == up.told() == []
    assert up.hca("files", "data").exit_status == ExitStatus.LOGIN


def test_credentials_are_good_for_their_area_alone(
    up: Uploading, new_area: Callable[[], Area], deployment: Launched, s3_url: str
) -> None:
    other = new_area()
    given = requests.post(f"{deployment.url}/v1/area/{up.area.uuid}/credentials", timeout=30).json()
    session = boto3.session.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    client = session.client("s3", endpoint_url=s3_url, region_name="us-east-1")
    client.put_object(Bucket=BUCKET, Key=f"{up.area.uuid}/own", Body=b"")
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("put_object", {"Key": f"{other.uuid}/x", "Body": b"x"}),
        ("put_object", {"Key": f"{up.area.uuid}x/x", "Body": b"x"}),
        ("create_multipart_upload", {"Key": f"{other.uuid}/x"}),
        ("list_objects_v2", {"Prefix": f"{other.uuid}/"}),
        ("list_objects_v2", {"Prefix": ""}),
        ("list_objects_v2", {}),
        ("get_object", {"Key": f"{up.area.uuid}/own"}),
        ("delete_object", {"Key": f"{up.area.uuid}/own"}),
        ("delete_bucket", {}),
    ]
    for operation, arguments in attempts:
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(Bucket=BUCKET, **arguments)
        assert caught.value.response["Error"]["Code"] == "AccessDenied", operation
    client.close()
    assert (other.names(), up.area.names()) == ([], ["own"])


def test_killed_after_some_parts(up: Uploading) -> None:
    path = sparse("large", 3 * PART + 1)
    small = written("small")
    hold = faults.Hold()
    up.s3.rule(hold, query={"partNumber": "3"})
    killed = up.start("files", path, small)
    assert hold.came.wait(60)
    # Not when the service was told of small: `hca` may not have heard its answer by then, and would tell it again.
    until(lambda: parts_noted() == 3 and noted('"told": true') == 1)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    hold.go.set()
    # Any of the four may have come first; the one that was held ends with its sender.
    until(lambda: [one.status for one in up.s3.of("PUT", "/large$")].count(200) >= 3)
    up.heal()

    outcome = up.hca("files", path, small)
    assert outcome.exit_status == 0, outcome.stderr
    assert up.s3.parts() == [3], "the others are there"
    assert up.sent() == [], "small is there too"
    assert up.told() == ["large"]
    assert up.area.has(path, small)
    assert up.area.parts() == 0


def test_killed_after_some_files(up: Uploading) -> None:
    files = [written(f"data/{number:02}") for number in range(12)]
    hold = faults.Hold()
    up.s3.rule(hold, method="PUT", first=8)
    killed = up.start("files", "data", "--jobs", "1")
    assert hold.came.wait(60)
    killed.kill()
    killed.communicate(timeout=60)
    assert up.area.names() == up.told() == [path.name for path in files[:7]]
    hold.go.set()
    up.heal()

    outcome = up.hca("files", "data", "--jobs", "1")
    assert outcome.exit_status == 0, outcome.stderr
    assert up.sent() == up.told() == [path.name for path in files[7:]]
    assert up.area.has(*files)
    up.heal()
    assert up.hca("files", "data").exit_status == 0
    assert len(up.sent()) == 12, "who runs it again after its end wants it again"


def test_killed_before_the_service_was_told(up: Uploading) -> None:
    path = written("small")
    hold = faults.Hold()
    up.api.rule(hold, method="POST", path="/small$")
    killed = up.start("files", path)
    assert hold.came.wait(60)
    killed.kill()
    killed.communicate(timeout=60)
    up.heal()
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert (up.sent(), up.told()) == ([], ["small"])
    assert up.area.has(path)


@pytest.mark.parametrize("keeps_its_time", [False, True])
def test_killed_and_then_a_large_file_changes(up: Uploading, keeps_its_time: bool) -> None:
    path = sparse("large", 2 * PART + 1)
    hold = faults.Hold()
    up.s3.rule(hold, query={"partNumber": "2"})
    killed = up.start("files", path)
    assert hold.came.wait(60)
    until(lambda: up.area.parts() == 2)
    killed.kill()
    killed.communicate(timeout=60)
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"changed")
    if keeps_its_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    up.heal()
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert 1 in up.s3.parts()
    assert up.area.has(path)


def test_killed_and_then_a_file_changes_that_was_there(up: Uploading) -> None:
    files = [written(f"data/{number}") for number in range(4)]
    hold = faults.Hold()
    up.s3.rule(hold, method="PUT", first=4)
    killed = up.start("files", "data", "--jobs", "1")
    assert hold.came.wait(60)
    killed.kill()
    killed.communicate(timeout=60)
    written("data/1")
    up.heal()
    outcome = up.hca("files", "data", "--jobs", "1")
    assert outcome.exit_status == 0, outcome.stderr
    assert up.sent() == up.told() == ["1", "3"]
    assert up.area.has(*files)


def parts_noted() -> int:
    """Return how many parts `hca` has in its journals: those that S3 has and it has heard of."""
    return noted('"part": [')


def noted(text: str) -> int:
    """Return how many times `hca` has a text in its journals."""
    journals = (Path.home() / ".local/state/hca/upload-areas").glob("*.jsonl")
    return sum(path.read_text().count(text) for path in journals)


@pytest.mark.parametrize("change", ["shrinks", "grows", "is another", "goes"])
def test_a_file_that_changes_while_it_is_sent(
    up: Uploading, small_parts: int, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    from hca_upload import sending

    monkeypatch.setattr(sending, "MEMORY", 2 * small_parts)
    path, small = written("large", 6 * small_parts), written("small")
    size = path.stat().st_size

    def do() -> None:
        if change == "shrinks":
            os.truncate(path, size // 2)
        elif change == "grows":
            with path.open("ab") as stream:
                stream.write(b"more")
        elif change == "is another":
            path.write_bytes(os.urandom(size))
        else:
            path.unlink()

    hold = faults.Hold()
    up.s3.rule(hold, query={"partNumber": "1"})
    changing = in_order(hold, do)
    outcome = up.hca("files", path, small)
    changing.join()
    if change == "goes":  # who has a file open may read it to its end
        assert outcome.exit_status == 0, outcome.stderr
        assert sorted(up.area.names()) == ["large", "small"]
        return
    assert outcome.exit_status == ExitStatus.PARTLY, outcome.stderr
    assert "large" in outcome.stderr
    assert "changed" in outcome.stderr
    assert up.area.has(small)
    assert up.told() == ["small"]
    again = up.hca("files", path, small)
    assert again.exit_status == 0, again.stderr
    assert up.area.has(path, small)


def test_a_notice_that_fails_twice(up: Uploading) -> None:
    path = written("small")
    up.api.rule(faults.error(500, "Oops"), method="POST", path="/small$")
    up.api.rule(faults.swallow, method="POST", path="/small$", first=2)
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert up.told() == ["small"] * 3
    assert up.sent() == ["small"]


def test_a_notice_that_fails_always(up: Uploading) -> None:
    files = [written(f"data/{number}") for number in range(3)]
    up.api.rule(faults.error(500, "Oops"), method="POST", path="/1$", times=None)
    outcome = up.hca("files", "data")
    assert outcome.exit_status == ExitStatus.PARTLY
    assert one_sentence(outcome.stderr, "1: it is in the area, but the service could not be told")
    assert up.area.has(*files)
    up.heal()
    outcome = up.hca("files", "data")
    assert outcome.exit_status == 0, outcome.stderr
    assert (up.sent(), up.told()) == ([], ["1"])


@pytest.mark.parametrize("action", [faults.cut_answer(100), faults.error(503, "SlowDown")], ids=["cut", "slow down"])
def test_a_listing_that_fails_once(up: Uploading, action: Any) -> None:
    files = [written(f"data/{number}") for number in range(3)]
    assert up.hca("files", "data").exit_status == 0
    up.heal()
    broken = up.s3.rule(action, method="GET")
    outcome = up.hca("files", "data", "--sync")
    assert outcome.exit_status == 0, outcome.stderr
    assert broken.hits == 1
    assert up.sent() == []
    assert up.area.has(*files)
    listed = up.hca("list")
    assert (listed.exit_status, listed.stdout.split()) == (0, ["0", "1", "2"])


NAMES = [
    "a b",
    "ü",
    "u\u0308",
    "#1",
    "what?",
    "50%",
    "%2F",
    "a+b&c=d",
    "it's",
    '"quoted"',
    "new\nline",
    "😀",
    "..a",
    "a\\b",
]


def test_strange_names_and_nothing(up: Uploading) -> None:
    files = [written(f"data/deep/{name}") for name in NAMES]
    files.append(written("data/empty", 0))
    outcome = up.hca("files", "data")
    assert outcome.exit_status == 0, outcome.stderr
    assert up.area.has(*files, root=Path("data"))
    assert sorted(up.told()) == sorted(str(path.relative_to("data")) for path in files)
    listed = up.hca("list", "--output", "json")
    assert sorted(one["name"] for one in listed.json()) == sorted(str(path.relative_to("data")) for path in files)
    for path in files:
        status = up.hca("status", str(path.relative_to("data")))
        assert status.exit_status == 0, status.stderr
    checked = up.hca("check", "data")
    assert checked.exit_status == 0, checked.stdout + checked.stderr
    detailed = up.hca("list", "--long", "--output", "json")
    assert len(detailed.json()) == len(files)


MANY = 1200  # more than a page of a listing has


@pytest.mark.timeout(300)
def test_many_small_files(up: Uploading) -> None:
    for number in range(MANY):
        written(f"data/{number % 10}/{number}", 100)
    outcome = up.hca("files", "data", "--quiet")
    assert outcome.exit_status == 0, outcome.stderr
    assert (outcome.stdout, outcome.stderr) == ("", "")
    names = up.area.names()
    assert len(names) == len(up.told()) == len(up.sent()) == MANY
    assert credentials_asked(up) == 1
    up.heal()
    outcome = up.hca("files", "data", "--sync", "--quiet")
    assert outcome.exit_status == 0, outcome.stderr
    assert up.sent() == up.told() == []
    assert len(up.s3.asked) == 2, "a page of a listing has a thousand"


PEAK = """
import sys
from hca_core.main import run

status = int(run(["upload", "files", *sys.argv[1:], "--quiet"]))
told = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(told["VmHWM"].split()[0]) // 1024)
sys.exit(status)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells the memory of a process")
@pytest.mark.timeout(300)
def test_memory_does_not_grow_with_a_file(up: Uploading) -> None:
    """A file of 5 GiB has been sent by hand with the same result; 1 GiB is four times what is kept in memory."""
    large, tiny = sparse("large", 1024 * MEBIBYTE), written("tiny")

    def peak(path: Path) -> int:
        command = [sys.executable, "-c", PEAK, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    least = peak(tiny)
    # One more copy of what is on its way would be 256 MiB more.
    assert peak(large) - least < 256 + 100, "MiB"
    assert up.area.has(large, tiny)


# What a review has found.


def test_a_file_that_changes_without_its_time_is_not_said_to_be_the_old_one(up: Uploading, small_parts: int) -> None:
    """What was told of an object when it began (its crc32c) must not outlive a change of the file."""
    path = written("large", 3 * small_parts)
    known = path.stat()
    up.s3.rule(faults.error(403, "AccessDenied"), method="PUT", query={"partNumber": "2"}, times=None)
    assert up.hca("files", path).exit_status == ExitStatus.LOGIN
    with path.open("r+b") as stream:
        stream.write(b"other bytes")
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    up.s3.heal()
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert up.area.has(path)
    head = up.area.s3.head_object(Bucket=BUCKET, Key=f"{up.area.uuid}/large")
    assert head["Metadata"]["crc32c"] == checksums.of_file(path).crc32c


def test_an_area_that_is_gone_is_not_tried_for_every_file(up: Uploading) -> None:
    files = [written(f"data/{number}") for number in range(40)]
    up.api.rule(faults.error(404, "NotFound"), method="POST", path="/area/[^/]+/[0-9]+$", times=None)
    outcome = up.hca("files", "data", "--jobs", "2")
    assert outcome.exit_status == ExitStatus.NOT_FOUND, outcome.stderr
    assert "8 failed, " in outcome.stderr
    assert "not tried" in outcome.stderr
    assert len(up.sent()) < len(files) / 2


def test_one_refused_file_among_many_does_not_end_a_run_with_one_job(up: Uploading) -> None:
    for number in range(10):
        written(f"data/{number}")
    up.s3.rule(faults.error(403, "AccessDenied"), method="PUT", path="/3$", times=None)
    outcome = up.hca("files", "data", "--jobs", "1")
    assert outcome.exit_status == ExitStatus.PARTLY, outcome.stderr
    assert "9 files" in outcome.stderr
    assert "1 failed" in outcome.stderr


def test_a_pipe_in_the_place_of_a_file_does_not_stop_the_run(up: Uploading, monkeypatch: pytest.MonkeyPatch) -> None:
    from hca_upload import upload

    path, other = written("a"), written("b")
    tidy_up = upload._Run._tidy_up

    def replaced(self: Any, items: Any) -> None:
        path.unlink()
        os.mkfifo(path)
        tidy_up(self, items)

    monkeypatch.setattr(upload._Run, "_tidy_up", replaced)
    outcome = up.hca("files", path, other)
    assert outcome.exit_status == ExitStatus.PARTLY, outcome.stderr
    assert "a: it changed while it was being sent" in outcome.stderr


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--sync"]])
def test_a_bad_dcp_type_is_told_before_anything_is_sent(up: Uploading, options: list[str]) -> None:
    outcome = up.hca("files", written("a"), "--dcp-type", "a; b", *options)
    assert outcome.exit_status == ExitStatus.USAGE
    assert "'a; b' can't be a dcp-type" in outcome.stderr
    assert up.s3.asked == []


def test_a_download_that_breaks_off_is_asked_for_again(
    up: Uploading, deployment: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = data_directory.access_key(deployment.directory)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)
    name = f"outside-{uuid.uuid4()}"
    up.area.s3.create_bucket(Bucket=name)
    up.area.s3.put_object(Bucket=name, Key="x", Body=b"content")
    cut = up.s3.rule(faults.cut_answer(2), method="GET", path=f"/{name}/x$")
    outcome = up.hca("files", f"s3://{name}/x")
    assert outcome.exit_status == 0, outcome.stderr
    assert cut.hits == 1
    assert read(up.area.s3, BUCKET, f"{up.area.uuid}/x") == b"content"


@pytest.mark.parametrize("options", [["--sync"], []], ids=["in step", "gone on with"])
def test_what_somebody_has_replaced_in_the_area_is_sent_again(up: Uploading, options: list[str]) -> None:
    """What hca remembers of a file counts only as long as S3 has the same, by its ETag and not by its size."""
    path = written("a")
    if not options:  # a run that did not come to its end is gone on with
        up.api.rule(faults.error(404, "NotFound"), method="POST", path="/area/[^/]+/a$", times=None)
    up.hca("files", path)
    up.area.s3.put_object(Bucket=BUCKET, Key=f"{up.area.uuid}/a", Body=os.urandom(path.stat().st_size))
    up.heal()
    outcome = up.hca("files", path, *options)
    assert outcome.exit_status == 0, outcome.stderr
    assert up.sent() == ["a"]
    assert up.area.has(path)


def test_a_file_that_changes_when_all_of_it_was_read(
    up: Uploading, small_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hca_upload import sending

    monkeypatch.setattr(sending, "MEMORY", 2 * small_parts)
    path = written("large", 3 * small_parts)
    hold = faults.Hold()
    up.s3.rule(hold, query={"partNumber": "3"})
    changing = in_order(hold, lambda: os.utime(path, ns=(0, 0)))
    outcome = up.hca("files", path)
    changing.join()
    assert outcome.exit_status == ExitStatus.ERROR, outcome.stderr
    assert "large: it changed while it was being sent" in outcome.stderr
    assert up.area.names() == []


def begun(up: Uploading) -> int:
    """Return how many uploads in parts were begun."""
    return sum("uploads" in one.query for one in up.s3.of("POST"))


def test_parts_that_s3_does_not_know_any_more(up: Uploading, small_parts: int) -> None:
    path = written("large", 2 * small_parts)
    up.s3.rule(faults.error(404, "NoSuchUpload"), method="POST", query={"uploadId": ".+"})
    outcome = up.hca("files", path)
    assert outcome.exit_status == 0, outcome.stderr
    assert begun(up) == 2
    assert up.area.has(path)


# Objects of other buckets.


@pytest.fixture
def source(deployment: Launched, up: Uploading, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that makes an object in a bucket, of random bytes, and returns its address."""
    key = data_directory.access_key(deployment.directory)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret)

    def make(bucket: str, name: str, size: int) -> str:
        up.area.s3.create_bucket(Bucket=bucket)
        up.area.s3.put_object(Bucket=bucket, Key=name, Body=os.urandom(size))
        return f"s3://{bucket}/{name}"

    return make


def is_copied(up: Uploading, url: str) -> bool:
    bucket, _, name = url.removeprefix("s3://").partition("/")
    return read(up.area.s3, BUCKET, f"{up.area.uuid}/{name}") == read(up.area.s3, bucket, name)


def test_a_copy_in_parts_that_is_refused_goes_through_this_machine(
    up: Uploading, source: Callable[..., str], small_parts: int
) -> None:
    """In an upload of its own: S3 was not told of checksums when the first one was begun."""
    url = source("hca-test-data", "large", 2 * small_parts)
    refuse = faults.error(403, "AccessDenied")

    def refuse_copies(exchange: Any) -> None:
        if "x-amz-copy-source" in exchange.asked.headers:
            refuse(exchange)
            return
        with exchange.fetched() as answer:
            exchange.answer(answer)

    up.s3.rule(refuse_copies, method="PUT", query={"partNumber": ".+"}, times=None)
    outcome = up.hca("files", url)
    assert outcome.exit_status == 0, outcome.stderr
    assert begun(up) == 2
    assert is_copied(up, url)


@pytest.mark.parametrize(("bucket", "method"), [("hca-test-data", "PUT"), ("only-mine", "GET")])
def test_an_object_that_is_replaced_while_it_is_copied(
    up: Uploading, source: Callable[..., str], bucket: str, method: str
) -> None:
    url = source(bucket, "x", 1000)
    hold = faults.Hold()
    up.s3.rule(hold, method=method, path="/x$")
    changing = in_order(hold, lambda: source(bucket, "x", 1000))
    outcome = up.hca("files", url)
    changing.join()
    assert outcome.exit_status == ExitStatus.ERROR, outcome.stderr
    assert "x: it changed while it was being sent" in outcome.stderr
    assert up.area.names() == []


@pytest.mark.parametrize("bucket", ["hca-test-data", "only-mine"])
def test_parts_of_an_object_that_was_replaced_are_copied_anew(
    up: Uploading, source: Callable[..., str], small_parts: int, bucket: str
) -> None:
    url = source(bucket, "large", 3 * small_parts)
    up.s3.rule(faults.error(400, "InvalidRequest"), method="PUT", query={"partNumber": "3"}, times=None)
    assert up.hca("files", url).exit_status == ExitStatus.ERROR
    source(bucket, "large", 3 * small_parts)
    up.heal()
    outcome = up.hca("files", url)
    assert outcome.exit_status == 0, outcome.stderr
    assert is_copied(up, url)
