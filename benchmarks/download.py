"""How fast and with how much memory `hca` downloads, against plain `requests` in ten threads, and curl and aria2c.

    python benchmarks/download.py [--rounds 3] [--json]

It makes its own services and data (in memory where there is a /dev/shm): the sample dataset, one file of 512 MB, and
50,000 bundles to list. Every result is checked against its sha256 or counted, outside of the time that is measured.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parent))
from common import BIN, Case, Samples, arguments, clean_environment, compile_sources, rows, run_once, show

LARGE_BYTES = 512 * 1024 * 1024
MANY_BUNDLES = 50_000
BUNDLE = "0badc0de-0000-4000-8000-000000000000"
VERSION = "2019-08-01T200147.836832Z"
COLUMNS = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_version", "file_sha256", "file_size")

# What somebody without `hca` writes: look up, get, hash, write, ten at a time; nothing is resumed or tried again.
PLAIN_DOWNLOAD = """
import csv, hashlib, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
import requests

service, manifest, folder = sys.argv[1:]
local = threading.local()

def fetch(row):
    session = getattr(local, "session", None)
    if session is None:
        session = local.session = requests.Session()
    query = {"replica": "aws", "version": row["file_version"]}
    with session.get(f"{service}/files/{row['file_uuid']}", params=query, stream=True) as response:
        response.raise_for_status()
        digest = hashlib.sha256()
        with open(os.path.join(folder, row["file_sha256"]), "wb") as stream:
            for block in response.iter_content(1024 * 1024):
                digest.update(block)
                stream.write(block)
    assert digest.hexdigest() == row["file_sha256"]

os.makedirs(folder)
with open(manifest, newline="") as stream:
    wanted = {row["file_sha256"]: row for row in csv.DictReader(stream, dialect="excel-tab")}
with ThreadPoolExecutor(10) as pool:
    list(pool.map(fetch, wanted.values()))
"""
PLAIN_LISTING = """
import json, sys
import requests

url = f"{sys.argv[1]}/bundles/all?replica=aws&per_page=500{sys.argv[2]}"
with requests.Session() as session:
    while url:
        response = session.get(url)
        response.raise_for_status()
        for bundle in response.json()["bundles"]:
            sys.stdout.write(json.dumps(bundle) + "\\n")
        url = response.links.get("next", {}).get("url")
"""


@dataclass(frozen=True)
class Job:
    """A case, and the check of what it left in the folder `out`."""

    case: Case
    check: Callable[[Path], None]


class Bench:
    """The services, the data, and the folder that every run writes to anew."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        self.out = root / "out"
        self.hca = str(BIN / "hca")

    def script(self, name: str, text: str) -> list[str]:
        """Save a script and return the command that runs it."""
        path = self.root / name
        path.write_text(text)
        return [sys.executable, str(path)]

    def many_files(self) -> list[Job]:
        """Return the jobs that download the whole sample."""
        manifest = self.root / "sample.tsv"
        in_child(sample_manifest, manifest)
        with manifest.open(newline="") as stream:
            listed = {row["file_sha256"]: row for row in csv.DictReader(stream, dialect="excel-tab")}
        addresses = {digest: self.address(row["file_uuid"], row["file_version"]) for digest, row in listed.items()}
        verb = ["download-manifest", "--manifest", str(manifest)]
        return self.downloads(f"{len(addresses)} files", manifest, addresses, verb)

    def one_file(self, sha256: str) -> list[Job]:
        """Return the jobs that download the large file."""
        command = [self.hca, "dss", "get-bundle", "--replica", "aws", "--uuid", BUNDLE, "--query", "bundle.files[0]"]
        file = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert file["sha256"] == sha256
        manifest = self.root / "large.tsv"
        cells = (BUNDLE, VERSION, file["name"], file["uuid"], file["version"], sha256, str(file["size"]))
        manifest.write_text("\t".join(COLUMNS) + "\n" + "\t".join(cells) + "\n")
        addresses = {sha256: self.address(file["uuid"], file["version"])}
        return self.downloads("512 MB", manifest, addresses, ["download-manifest", "--manifest", str(manifest)])

    def address(self, uuid: str, version: str) -> str:
        return f"{self.url}/files/{uuid}?{urlencode({'replica': 'aws', 'version': version})}"

    def downloads(self, what: str, manifest: Path, addresses: Mapping[str, str], verb: list[str]) -> list[Job]:
        """Return the jobs of `hca` and its peers that fetch the contents at `addresses`, by sha256."""

        def check(out: Path) -> None:
            found = {path.name: path for path in out.rglob("*") if path.is_file() and len(path.name) == 64}
            assert found.keys() == addresses.keys(), f"{len(found)} of {len(addresses)} files"
            for digest, path in found.items():
                with path.open("rb") as stream:
                    assert hashlib.file_digest(stream, "sha256").hexdigest() == digest, path

        plain = f"{what}: requests, 10 threads"
        listed = [
            Case(
                f"{what}: hca",
                [self.hca, "dss", *verb, "--replica", "aws", "--download-dir", str(self.out)],
                plain,
                1.0,
            ),
            Case(plain, [*self.script("plain_download.py", PLAIN_DOWNLOAD), self.url, str(manifest), str(self.out)]),
        ]
        if shutil.which("curl"):
            text = "".join(f'url = "{url}"\noutput = "{self.out / digest}"\n' for digest, url in addresses.items())
            settings = self.root / f"{manifest.stem}.curl"
            settings.write_text(text)
            curl = ["curl", "--silent", "--fail", "--location", "--create-dirs", "--parallel", "--parallel-max", "10"]
            listed.append(Case(f"{what}: curl, 10 at once, no sha256", [*curl, "--config", str(settings)], plain))
        if shutil.which("aria2c"):
            text = "".join(f"{url}\n  out={digest}\n  checksum=sha-256={digest}\n" for digest, url in addresses.items())
            settings = self.root / f"{manifest.stem}.aria2"
            settings.write_text(text)
            aria2 = ["aria2c", "--quiet", "--max-concurrent-downloads=10", "--check-integrity", f"--dir={self.out}"]
            listed.append(Case(f"{what}: aria2c, 10 at once", [*aria2, f"--input-file={settings}"], plain))
        return [Job(case, check) for case in listed]

    def listings(self) -> list[Job]:
        """Return the jobs that list all bundles, and a 16th of them: memory is to be the same."""
        jobs = []
        # The smaller one is there for its memory; its time is that of the start, which startup.py measures.
        for what, prefix, least, goal in (
            ("all bundles", "", MANY_BUNDLES, 1.0),
            ("1/16 of them", "0", MANY_BUNDLES // 17, None),
        ):
            peer = f"{what}: requests"
            verb = ["get-bundles-all", "--replica", "aws", "--per-page", "500", "--output", "jsonl"]
            ours = [self.hca, "dss", *verb, *(["--prefix", prefix] if prefix else [])]
            plain = [*self.script("plain_listing.py", PLAIN_LISTING), self.url, f"&prefix={prefix}" if prefix else ""]
            for case in (Case(f"{what}: hca", ours, peer, goal), Case(peer, plain)):
                jobs.append(Job(self.saving(case), lambda out, least=least: self.check_listing(out, least)))
        return jobs

    def saving(self, case: Case) -> Case:
        """Return `case` with its output in a file."""
        command = ["sh", "-c", f'mkdir -p "{self.out}" && exec "$@" > "{self.out}/listing"', "sh", *case.command]
        return Case(case.name, command, case.peer, case.goal)

    def check_listing(self, out: Path, least: int) -> None:
        with (out / "listing").open() as stream:
            count = sum("uuid" in json.loads(line) for line in stream)
        assert count >= least, f"{count} bundles listed, not {least}"


@contextmanager
def services(environment: dict[str, str]) -> Iterator[tuple[Path, str, str]]:
    """Run the services on their data; give a folder to work in, their URL, and the sha256 of the large file."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    hca = str(BIN / "hca")
    with tempfile.TemporaryDirectory(prefix="hca-benchmark-", dir=memory) as folder:
        root = Path(folder)
        data = str(root / "data")
        up = [hca, "local", "up", "--data", data, "--first-get-redirects", "0"]
        url = json.loads(subprocess.run(up, env=environment, capture_output=True, check=True).stdout)["url"]
        try:
            in_child(large_file, root / "large")
            with (root / "large" / "large.bin").open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            seed = ["local", "seed", "--data", data, "--uuid", BUNDLE, "--version", VERSION, str(root / "large")]
            subprocess.run([hca, *seed], env=environment, stdout=subprocess.DEVNULL, check=True)
            in_child(many_bundles, data)
            shutil.rmtree(root / "large")
            yield root, url, sha256
        finally:
            subprocess.run([hca, "local", "down", "--data", data], env=environment, capture_output=True, check=True)


def in_child(function: Callable[..., None], *arguments: object) -> None:
    """Run `function` in a process of its own: what this one once used would count as memory of those it starts."""
    child = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    child.start()
    child.join()
    if child.exitcode:
        raise SystemExit(f"{function.__name__} failed")


def sample_manifest(path: Path) -> None:
    """Write a manifest of all files of the sample dataset."""
    from hca_local.sample import dataset

    lines = ["\t".join(COLUMNS)]
    for bundle in dataset.build().bundles:
        for name, file in bundle.files:
            digest = hashlib.sha256(file.content).hexdigest()
            cells = (bundle.uuid, bundle.version, name, file.uuid, file.version, digest, str(len(file.content)))
            lines.append("\t".join(cells))
    path.write_text("\n".join(lines) + "\n")


def large_file(folder: Path) -> None:
    """Write a file of 512 MB into `folder`."""
    folder.mkdir()
    block = hashlib.shake_128(b"hca").digest(1024 * 1024)
    with (folder / "large.bin").open("wb") as stream:
        for number in range(LARGE_BYTES // len(block)):
            stream.write(number.to_bytes(8, "big") + block[8:])


def many_bundles(data: str) -> None:
    """Put empty bundles straight into the store."""
    from hca_local import data_directory
    from hca_local.store import database, writing

    with closing(database.connect(data_directory.at(data).store)) as connection, database.transaction(connection):
        for number in range(MANY_BUNDLES):
            uuid = str(UUID(bytes=hashlib.md5(number.to_bytes(4, "big")).digest()))
            writing.add_bundle(connection, "aws", uuid, VERSION, 0, [])


def measure(jobs: list[Job], out: Path, rounds: int, environment: dict[str, str]) -> dict[str, Samples]:
    """Run every job once a round, in turn, each into an empty folder; the first round does not count."""
    taken = {job.case.name: Samples() for job in jobs}
    for number in range(rounds + 1):
        for job in jobs:
            shutil.rmtree(out, ignore_errors=True)
            run_once(job.case, environment, taken[job.case.name] if number else None)
            job.check(out)
    return taken


def main() -> None:
    """Measure and print."""
    settings = arguments(__doc__, rounds=3)
    compile_sources()
    for name in ("curl", "aria2c"):
        if not shutil.which(name):
            print(f"{name} is not installed: skipped", file=sys.stderr)
    with clean_environment() as environment, services(environment) as (root, url, sha256):
        environment["HCA_DSS_URL"] = os.environ["HCA_DSS_URL"] = f"{url}/swagger.json"
        os.chdir(root)  # where `hca` writes the copy of a manifest
        bench = Bench(root, url)
        jobs = [*bench.many_files(), *bench.one_file(sha256), *bench.listings()]
        taken = measure(jobs, bench.out, max(settings.rounds, 3), environment)
        show(rows([job.case for job in jobs], taken), as_json=settings.json)


if __name__ == "__main__":
    main()
