"""The programs that downloads by `hca` are compared with, and how each is told to fetch the same files.

The client of old is installed by pip, once, into an environment of its own in the cache. It asks services by https
only, so it is started by a script that says http; nothing else of it is changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hca-benchmarks"
OLD_VERSION = "7.0.1"
CONNECTIONS = 16

OLD = """
import sys
from hca.util import SwaggerClient

SwaggerClient.scheme = "http"
from hca.cli import main

sys.exit(main())
"""

# What somebody without `hca` writes: look up, get, hash, write, ten at a time; nothing is resumed or tried again.
PLAIN = """
import hashlib, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
import requests

listed, folder = sys.argv[1:]
local = threading.local()

def fetch(line):
    url, sha256 = line.split()
    session = getattr(local, "session", None)
    if session is None:
        session = local.session = requests.Session()
    with session.get(url, stream=True) as response:
        response.raise_for_status()
        digest = hashlib.sha256()
        with open(os.path.join(folder, sha256), "wb") as stream:
            for block in response.iter_content(1024 * 1024):
                digest.update(block)
                stream.write(block)
    assert digest.hexdigest() == sha256

with open(listed) as stream, ThreadPoolExecutor(10) as pool:
    list(pool.map(fetch, stream))
"""

PLAIN_LISTING = """
import json, sys
import requests

url = f"{sys.argv[1]}/bundles/all?replica=aws&per_page=500"
with requests.Session() as session:
    while url:
        response = session.get(url)
        response.raise_for_status()
        for bundle in response.json()["bundles"]:
            sys.stdout.write(json.dumps(bundle) + "\\n")
        url = response.links.get("next", {}).get("url")
"""


@dataclass(frozen=True)
class Peer:
    """A program and the command that fetches the files.

    `by_uuid`: it names them by their UUID instead of their sha256. `stored`: it puts them into a filestore. `slow`: it
    is run once only, since that takes long, and a difference of a few percent to it means nothing.
    """

    name: str
    command: list[str]
    by_uuid: bool = False
    stored: bool = False
    slow: bool = False


def old_client(work: Path) -> list[str]:
    """Return the command that starts the client of old, an empty one, with a line on stderr, if it can't be had."""
    folder = CACHE / f"hca-{OLD_VERSION}"
    python = folder / "bin" / "python"
    try:
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, f"hca=={OLD_VERSION}"], check=True, capture_output=True)
            # The one that it asks for needs Python 3.10 or older.
            subprocess.run([*pip, "--no-deps", "tenacity>=8"], check=True, capture_output=True)
            (folder / "ready").touch()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"hca {OLD_VERSION} can't be installed: skipped ({error})", file=sys.stderr)
        return []
    script = work / "old_client.py"
    script.write_text(OLD)
    return [str(python), str(script)]


def old_settings(work: Path, url: str) -> str:
    """Write a configuration of the client of old for the service at `url`; return the variable that names it."""
    path = work / f"old-{urlsplit(url).port}.json"
    description = {"swagger_url": f"{url}/swagger.json"}
    path.write_text(json.dumps({"DSSClient": description, "AuthClient": description}))
    return f"HCA_CONFIG_FILE={path}"


def script(work: Path, name: str, text: str) -> list[str]:
    """Save a script and return the command that runs it."""
    path = work / name
    path.write_text(text)
    return [sys.executable, str(path)]


def downloaders(work: Path, places: str, wanted: Iterable[tuple[str, str]], out: Path, query: str = "") -> list[Peer]:
    """Return the peers that are installed, each told to fetch `wanted` (UUID, sha256) into the folder `out`.

    `places` is the URL of the folder that has the files by UUID, `query` what is asked for with each.
    """
    lines = [(uuid, f"{places}/{uuid}{query}", sha256) for uuid, sha256 in wanted]

    def written(name: str, text: str) -> str:
        (work / name).write_text(text)
        return str(work / name)

    plain = written("plain.txt", "".join(f"{address} {sha256}\n" for _, address, sha256 in lines))
    found = [Peer("requests, 10 threads", [*script(work, "plain.py", PLAIN), plain, str(out)], slow=True)]
    if shutil.which("aria2c"):
        text = "".join(f"{address}\n  out={sha256}\n  checksum=sha-256={sha256}\n" for _, address, sha256 in lines)
        options = ["--quiet", f"-j{CONNECTIONS}", "--check-integrity", "--file-allocation=none", f"--dir={out}"]
        found.append(Peer("aria2c", ["aria2c", *options, f"--input-file={written('aria2.txt', text)}"]))
    if shutil.which("curl"):
        text = "".join(f'url = "{address}"\noutput = "{out / sha256}"\n' for _, address, sha256 in lines)
        options = ["--silent", "--fail", "--location", "--parallel", "--parallel-max", str(CONNECTIONS)]
        found.append(Peer("curl, no sha256", ["curl", *options, "--config", written("curl.txt", text)]))
    if shutil.which("rclone"):
        listed = written("rclone.txt", "".join(f"{uuid}\n" for uuid, _, _ in lines))
        options = ["--no-traverse", "--http-no-head", f"--transfers={CONNECTIONS}", f"--http-url={places}"]
        command = ["rclone", "--config=", "copy", *options, "--files-from", listed, ":http:", str(out)]
        found.append(Peer("rclone, no sha256", command, by_uuid=True, slow=True))
    return found
