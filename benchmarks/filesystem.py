"""Reading a large file through `dss://` against fsspec's `http://` at the same signed URL, s3fs and boto3 at its copy.

    python benchmarks/filesystem.py [--rounds 5] [--json]

All are served by one `hca local`; each case is a process of its own, its start included. Only ours compare the content
with a checksum. The peers live in an environment of their own in the cache, as s3fs wants an older botocore.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parent))
from common import Case, arguments, clean_environment, compile_sources, measure, rows, show
from peers import CACHE

from hca_core.errors import NotFoundError

SIZE, BLOCK = 200 * 2**20, 5 * 2**20
READ = f"""
import sys
import fsspec
fs, path = fsspec.url_to_fs(sys.argv[1])
with fs.open(path, block_size={BLOCK}) as stream:
    print(sum(len(block) for block in iter(lambda: stream.read({BLOCK}), b"")))
"""
CAT = "import sys, fsspec; fs, path = fsspec.url_to_fs(sys.argv[1]); print(len(fs.cat_file(path)))"
GET = """
import os, sys, tempfile
import fsspec
fs, path = fsspec.url_to_fs(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    fs.get_file(path, folder + "/x")
    print(os.path.getsize(folder + "/x"))
"""
BOTO = f"""
import sys
import boto3
bucket, _, key = sys.argv[1].removeprefix("s3://").partition("/")
body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
print(sum(len(block) for block in body.iter_chunks({BLOCK})))
"""


def peers() -> str:
    """Return the Python of the peers, installed once."""
    folder = CACHE / "filesystems"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "s3fs", "aiohttp"], check=True)
    return str(python)


def made(content: bytes) -> tuple[str, str]:
    """Make a bundle of one file and return its URI, and where its copy is in the staging bucket."""
    import boto3

    from hca_core import checksums
    from hca_dss.client import DSSClient

    client, key, file, bundle = boto3.client("s3"), f"{uuid4()}/x", str(uuid4()), str(uuid4())
    sums = checksums.of_bytes(content)
    tags = {f"hca-dss-{name}": getattr(sums, name) for name in ("sha1", "sha256", "crc32c", "s3_etag")}
    client.create_bucket(Bucket="staging")
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(content)
        stream.flush()
        transfer = boto3.s3.transfer.TransferConfig(multipart_threshold=64 * 2**20, multipart_chunksize=64 * 2**20)
        client.upload_file(stream.name, "staging", key, {"Tagging": urlencode(tags)}, Config=transfer)
    dss = DSSClient()
    version = dss.create_version()
    dss.put_file(uuid=file, version=version, creator_uid=0, source_url=f"s3://staging/{key}")
    entry = {"uuid": file, "version": version, "name": "x.bin", "indexed": False}
    wait_for(lambda: dss.head_file(uuid=file, version=version, replica="aws"))
    dss.put_bundle(uuid=bundle, version=version, replica="aws", creator_uid=0, files=[entry])
    return f"dss://aws/{bundle}/x.bin", f"s3://staging/{key}"


def wait_for(look: Callable[[], object]) -> None:
    """Wait until a file is there: a large one is copied behind the answer."""
    while True:
        try:
            look()
            return
        except NotFoundError:
            time.sleep(0.5)


def cases(uri: str, copy: str, signed: str, python: str) -> list[Case]:
    """Return what is compared."""
    http, expected = "fsspec http, read in order", str(SIZE)
    return [
        Case("dss, read in order", [sys.executable, "-c", READ, uri], http, 1.3, expected),
        Case("dss, cat_file", [sys.executable, "-c", CAT, uri], "boto3", None, expected),
        Case("dss, get_file", [sys.executable, "-c", GET, uri], "boto3", None, expected),
        Case(http, [python, "-c", READ, signed], expected=expected),
        Case("s3fs, read in order", [python, "-c", READ, copy], expected=expected),
        Case("boto3", [sys.executable, "-c", BOTO, copy], expected=expected),
    ]


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, 5)
    compile_sources()
    python = peers()
    with clean_environment() as environment, tempfile.TemporaryDirectory(prefix="hca-benchmark-") as folder:
        hca = [sys.executable, "-m", "hca_core", "local"]
        subprocess.run(
            [*hca, "up", "--empty", "--data", folder + "/data"], check=True, capture_output=True, env=environment
        )
        try:
            told = subprocess.run([*hca, "env", "--data", folder + "/data"], check=True, capture_output=True, text=True)
            pairs = [line.removeprefix("export ").partition("=") for line in told.stdout.splitlines()]
            settings = {name: value.strip("'\"") for name, _, value in pairs}
            os.environ.update(settings)
            uri, copy = made(os.urandom(SIZE))
            import fsspec

            signed = fsspec.filesystem("dss").sign(uri)
            listed = cases(uri, copy, signed, python)
            taken = measure(listed, given.rounds, environment | settings)
            show(rows(listed, taken), as_json=given.json)
        finally:
            subprocess.run([*hca, "down", "--data", folder + "/data"], check=False, capture_output=True)


if __name__ == "__main__":
    main()
