"""The installed `hca` command against a real embedded deployment with the sample dataset."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from stores import copy_store

from hca_core import checksums
from hca_core.testing import LoopbackService, Outcome, run_hca
from hca_local.sample import dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_dss.client import DSSClient
    from hca_local.sample.values import Dataset, SampleBundle

    Run = Callable[..., subprocess.CompletedProcess[str]]

BIN = Path(sys.executable).parent
VERSION = "2019-07-10T001103.121000Z"


@dataclass(frozen=True)
class Deployed:
    """A running deployment: its URL, its data directory, the environment that lets `hca` use it."""

    url: str
    data: Path
    environment: dict[str, str] = field(repr=False)

    def log(self) -> list[str]:
        """Return the lines of the service's log: time, method, target, status, duration."""
        return (self.data / "log").read_text().splitlines()

    def requests(self, method: str, beginning: str) -> list[str]:
        """Return the targets so far of `method` that begin with `beginning`, in their order."""
        split = [line.split(" ") for line in self.log()]
        return [words[2] for words in split if words[1] == method and words[2].startswith(beginning)]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment that knows nothing of the machine's user; the installed `hca` comes first on its PATH."""
    folders = {"HOME": home, "XDG_CONFIG_HOME": home / ".config", "XDG_CACHE_HOME": home / ".cache"}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**{name: str(folder) for name, folder in folders.items()}, "PATH": path, "LC_ALL": "C.UTF-8", **more}


@contextmanager
def deployed(home: Path, data: Path, *options: str) -> Iterator[Deployed]:
    """Start a deployment as people do, with `hca local up` and the options given, and stop it in the end."""

    def local(verb: str, *words: str) -> str:
        command = ["hca", "local", verb, "--data", str(data), *words]
        done = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    started = json.loads(local("up", *options))
    try:
        pairs = [shlex.split(line)[1].partition("=")[::2] for line in local("env").splitlines()]
        yield Deployed(started["url"], data, dict(pairs))
    finally:
        local("down")


@pytest.fixture(scope="session")
def start(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Deployed]]:
    """A function that starts a deployment with the options given, with the sample dataset unless `--empty` is one."""
    home = tmp_path_factory.mktemp("local-home")

    def started(*options: str) -> Deployed:
        data = tmp_path_factory.mktemp("deployment") / "data"
        if "--empty" not in options:
            copy_store(sample_store, data)
        return stack.enter_context(deployed(home, data, *options))

    with ExitStack() as stack:
        yield started


@pytest.fixture(scope="session")
def deployment(start: Callable[..., Deployed]) -> Deployed:
    """The deployment that all tests read from, with its settings as they are without options."""
    return start()


@pytest.fixture(scope="session")
def writable(start: Callable[..., Deployed]) -> Deployed:
    """A deployment that several modules write to; their tests make what they look at, and look at nothing else."""
    return start("--checkout-seconds", "0")


@pytest.fixture(name="deployed")
def _deployed() -> Callable[..., Any]:
    """The context manager that runs a deployment on a data directory: `deployed(home, data, *options)`."""
    return deployed


@pytest.fixture(scope="module")
def own(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A deployment for the tests of one module, which may write to it; such modules call it their `deployment`."""
    folder = tmp_path_factory.mktemp("own")
    copy_store(sample_store, folder / "data")
    with deployed(folder / "home", folder / "data") as started:
        yield started


@pytest.fixture(scope="session")
def sample() -> Dataset:
    """The sample dataset, built anew: what the services must answer with."""
    return dataset.build()


@pytest.fixture(scope="session")
def living(sample: Dataset) -> list[SampleBundle]:
    """The bundle versions of the sample that are not deleted, in the order of their keys."""
    dead = {(stone.uuid, stone.version) for stone in sample.tombstones}
    alive = [one for one in sample.bundles if not {(one.uuid, None), (one.uuid, one.version)} & dead]
    return sorted(alive, key=lambda one: (one.uuid, one.version))


@pytest.fixture
def env(deployment: Deployed, tmp_path: Path) -> dict[str, str]:
    """The environment of a user of the deployment, with a home of the test's own."""
    return environment(tmp_path / "home", **deployment.environment)


@pytest.fixture
def run(env: dict[str, str]) -> Run:
    """A function that runs a program in the test's directory."""

    def call(*words: str, text: bool = True, **settings: Any) -> subprocess.CompletedProcess[str]:
        merged = {"env": env, "timeout": 90, **settings}
        return subprocess.run(words, capture_output=True, text=text, check=False, **merged)

    return call


@pytest.fixture
def hca(run: Run) -> Run:
    """A function that runs the installed `hca`."""
    return lambda *words, **settings: run(str(BIN / "hca"), *words, **settings)


@pytest.fixture
def script(run: Run) -> Run:
    """A function that saves a published example in the test's directory and runs it as its name tells."""

    def call(name: str, text: str, shell: str = "bash") -> subprocess.CompletedProcess[str]:
        Path(name).write_text(text)
        program = str(BIN / "python") if name.endswith(".py") else shutil.which(shell)
        if program is None:
            pytest.skip(f"there is no {shell} here")
        return run(program, name)

    return call


@pytest.fixture
def ask(env: dict[str, str]) -> Callable[..., Outcome]:
    """A function that runs `hca` in this process, which is quicker where much is asked."""
    return lambda *words, **more: run_hca(*words, env=env | more)


@pytest.fixture
def answer(ask: Callable[..., Outcome]) -> Callable[..., Any]:
    """A function that runs a verb of `hca dss` in this process and returns the document that it writes."""

    def call(*words: str, **more: str) -> Any:
        outcome = ask("dss", *words, **more)
        assert (outcome.exit_status, outcome.stderr) == (0, ""), outcome.stderr
        return outcome.json()

    return call


@pytest.fixture
def client(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[DSSClient]:
    """The Python client of the deployment's first user."""
    from hca.dss import DSSClient

    for name, value in env.items():
        monkeypatch.setenv(name, value)
    made = DSSClient()
    yield made
    made.session.close()


@pytest.fixture
def s3(deployment: Deployed) -> Iterator[Any]:
    """boto3's resource for the deployment's S3 server."""
    import boto3

    given = deployment.environment
    session = boto3.session.Session(
        given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], region_name=given["AWS_REGION"]
    )
    resource = session.resource("s3", endpoint_url=given["AWS_ENDPOINT_URL_S3"])
    yield resource
    resource.meta.client.close()


@pytest.fixture
def bucket(s3: Any) -> Iterator[Any]:
    """The bucket of the published examples; it is empty again afterwards."""
    made = s3.create_bucket(Bucket="upload-test-unittest")
    yield made
    made.objects.all().delete()


@pytest.fixture
def stage(s3: Any) -> Callable[..., str]:
    """A function that puts content with its checksums as tags at a URL; `tags` replace them, None omits one."""

    def put(content: bytes, url: str = "", content_type: str = "application/json", **tags: str | None) -> str:
        url = url or f"s3://sources/{uuid4()}/name"
        bucket, _, key = url.partition("://")[2].partition("/")
        sums = checksums.of_bytes(content)
        told = {"sha1": sums.sha1, "sha256": sums.sha256, "crc32c": sums.crc32c, "s3_etag": sums.s3_etag, **tags}
        chosen = {f"hca-dss-{name}": value for name, value in told.items() if value is not None}
        s3.create_bucket(Bucket=bucket)
        s3.Object(bucket, key).put(Body=content, ContentType=content_type, Tagging=urlencode(chosen))
        return url

    return put


@pytest.fixture
def new_file(client: DSSClient, stage: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    """A function that registers content as a file and returns the entry that a bundle has for it."""

    def make(name: str, content: bytes, version: str = VERSION, content_type: str = "") -> dict[str, Any]:
        kind = content_type or ("application/json" if name.endswith(".json") else "application/octet-stream")
        uuid = str(uuid4())
        url = stage(content, content_type=kind)
        assert client.put_file(uuid=uuid, version=version, creator_uid=0, source_url=url) == {"version": version}
        return {"uuid": uuid, "version": version, "name": name, "indexed": name.endswith(".json")}

    return make


@pytest.fixture
def new_bundle(client: DSSClient, new_file: Callable[..., dict[str, Any]]) -> Callable[..., tuple[str, str]]:
    """A function that makes a bundle of contents by name, one file unless given, and returns uuid and version."""

    def make(contents: dict[str, bytes] | None = None, uuid: str = "", version: str = "") -> tuple[str, str]:
        listed = {"a.json": b"{}"} if contents is None else contents
        files = [new_file(name, content) for name, content in listed.items()]
        uuid, version = uuid or str(uuid4()), version or client.create_version()
        client.put_bundle(uuid=uuid, version=version, replica="aws", creator_uid=0, files=files)
        return uuid, version

    return make


@pytest.fixture
def token(deployment: Deployed) -> Callable[..., str]:
    """A function that returns a token of another user of the deployment, a new one unless named."""

    def mint(email: str = "", group: str = "hca", lifetime: int = 600) -> str:
        email = email or f"{uuid4()}@example.org"
        words = ("--data", str(deployment.data), "--email", email, "--group", group, "--lifetime", str(lifetime))
        outcome = run_hca("local", "token", *words)
        assert outcome.exit_status == 0, outcome.stderr
        return outcome.stdout.strip()

    return mint


@pytest.fixture
def nobody(receiver: LoopbackService) -> Iterator[dict[str, str]]:
    """Settings that lead every request to a service that must not be asked anything."""
    yield {"HCA_DSS_URL": f"{receiver.url}/v1", "AWS_ENDPOINT_URL_S3": receiver.url}
    assert receiver.asked() == []


@pytest.fixture
def receiver() -> Iterator[LoopbackService]:
    """A receiver of callbacks at `/hook`; what it answers first is up to the test, it ends with 200."""
    with LoopbackService() as service:
        yield service
