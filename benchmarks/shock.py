"""How fast and with how much memory `hca shock` puts and gets, against curl, at the same server of `hca local`.

    python benchmarks/shock.py [--size MIB] [--files N] [--rounds 3] [--json]

One large file, and many of 4 KB, in memory where there is a /dev/shm. `hca` compares every MD5; curl compares nothing,
and "curl + md5sum" is what somebody writes who wants that too. After every run, outside of the time that is measured,
each node has to have the size and MD5 of its file, and after a download each file its MD5.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import BIN, Case, Samples, clean_environment, compile_sources, rows, run_once, show
from upload import MEBIBYTE, make

SMALL_BYTES = 4096
LARGE_GOAL = 1.15  # beside curl, which computes no MD5
SMALL_GOAL = 1.2
AT_ONCE = 16  # what hca does side by side, and curl is told to

# What compares the MD5 beside curl: the sum of the server on the way there, that of the file on the way back.
CHECKED_PUT = 'sum=$(md5sum < "$1" | cut -c 1-32) && curl -s -S -f -F "upload=@$1" "$2/node" | grep -q "$sum"'
CHECKED_GET = 'curl -s -S -f -o "$1" "$2" && test "$(md5sum < "$1" | cut -c 1-32)" = "$3"'


@dataclass(frozen=True)
class Job:
    """A case; what is done before each run of it, and what checks its result. Neither is measured."""

    case: Case
    before: Callable[[], object]
    check: Callable[[], object]


class Bench:
    """A Shock server, a folder to work in, and the jobs of one kind of file."""

    def __init__(self, root: Path, url: str, folder: Path) -> None:
        self.url = url
        self.out = root / "out"
        self.files = sorted(folder.iterdir())
        self.sums = {path.name: _md5(path) for path in self.files}
        self.what = f"{len(self.files)} x {_size(self.files[0].stat().st_size)}"
        self.settings = root / f"{folder.name}.curl"
        self.nodes: list[tuple[str, str]] = []  # ids and names

    def puts(self) -> list[Job]:
        """Return the jobs that make nodes."""
        ours = ["shock", "put", *map(str, self.files), "--no-progress"]
        plain = ["-F", f"upload=@{self.files[0]}", f"{self.url}/node", "-o", os.devnull]
        many = [
            f'url = "{self.url}/node"\nform = "upload=@{path}"\noutput = "{os.devnull}"\nfail\nsilent\nshow-error\n'
            for path in self.files
        ]
        checked = ["sh", "-c", CHECKED_PUT, "sh", str(self.files[0]), self.url]
        goal = LARGE_GOAL if len(self.files) == 1 else SMALL_GOAL
        return [
            Job(case, self.empty, self.check_nodes) for case in self._cases("put", goal, ours, plain, many, checked)
        ]

    def gets(self) -> list[Job]:
        """Return the jobs that fetch the files of nodes, which are there already."""
        ours = ["shock", "get", *(id for id, _ in self.nodes), "-d", str(self.out), "--no-progress"]
        addresses = [(f"{self.url}/node/{id}?download_raw", self.out / name) for id, name in self.nodes]
        (first, target), *_ = addresses
        many = [f'url = "{url}"\noutput = "{path}"\nfail\nsilent\nshow-error\n' for url, path in addresses]
        checked = ["sh", "-c", CHECKED_GET, "sh", str(target), first, self.sums[target.name]]
        goal = LARGE_GOAL if len(self.files) == 1 else None
        cases = self._cases("get", goal, ours, [first, "-o", str(target)], many, checked)
        return [Job(case, self.clear, self.check_files) for case in cases]

    def _cases(
        self,
        verb: str,
        goal: float | None,
        ours: Sequence[str],
        plain: Sequence[str],
        many: Sequence[str],
        checked: Sequence[str],
    ) -> list[Case]:
        """Return the cases of `hca` and its peers for `verb`: one file, or many by a file with settings of curl."""
        name = f"{verb} {self.what}"
        curl = ["curl", "-s", "-S", "-f", *plain]
        if len(self.files) > 1:
            self.settings.with_suffix(f".{verb}").write_text("next\n".join(many))
            parallel = ["--parallel", "--parallel-immediate", "--parallel-max", str(AT_ONCE)]
            curl = ["curl", "-s", *parallel, "--config", str(self.settings.with_suffix(f".{verb}"))]
        listed = [
            Case(f"{name}: curl", curl),
            Case(f"{name}: hca", [str(BIN / "hca"), *ours], f"{name}: curl", goal),
        ]
        if len(self.files) == 1:
            listed.insert(1, Case(f"{name}: curl + md5sum", checked))
        return listed

    def there(self) -> list[dict[str, Any]]:
        """Return all nodes of the server."""
        with urllib.request.urlopen(f"{self.url}/node?limit=0") as answer:
            nodes: list[dict[str, Any]] = json.load(answer)["data"]
        return nodes

    def empty(self) -> None:
        """Remove all nodes."""
        for node in self.there():
            urllib.request.urlopen(urllib.request.Request(f"{self.url}/node/{node['id']}", method="DELETE")).close()

    def check_nodes(self) -> None:
        """Raise AssertionError if not each file is a node, once, with its size and its MD5."""
        nodes = self.there()
        found = sorted((one["file"]["name"], one["file"]["size"], one["file"]["checksum"]["md5"]) for one in nodes)
        wanted = [(path.name, path.stat().st_size, self.sums[path.name]) for path in self.files]
        assert found == wanted, f"{len(found)} nodes, {len(wanted)} files"
        self.nodes = [(one["id"], one["file"]["name"]) for one in nodes]

    def clear(self) -> None:
        """Make the folder for downloads anew."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    def check_files(self) -> None:
        """Raise AssertionError if not exactly the files were downloaded, as they are."""
        found = {path.name: _md5(path) for path in self.out.iterdir()}
        assert found == self.sums, f"{len(found)} files"


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _size(count: int) -> str:
    return f"{count // MEBIBYTE} MiB" if count >= MEBIBYTE else f"{count // 1024} KB"


def measure(jobs: Sequence[Job], rounds: int, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Run every job once a round, in turn; the first round does not count. Return the rows."""
    taken = {job.case.name: Samples() for job in jobs}
    for number in range(rounds + 1):
        for job in jobs:
            job.before()
            run_once(job.case, environment, taken[job.case.name] if number else None)
            job.check()
    measured = [job.case for job in jobs]
    ours = measured[-1]
    if len(measured) > 2:
        # The same runs of ours, beside the peer that compares the MD5 too.
        beside = replace(ours, name=f"{ours.name} (same runs)", peer=measured[1].name, goal=None)
        return rows([*measured, beside], taken | {beside.name: taken[ours.name]})
    return rows(measured, taken)


@contextmanager
def server(root: Path) -> Iterator[str]:
    """Run `hca local` and give the URL of its Shock server."""
    # Not in this process: what it once used would count as memory of those that it starts.
    hca, data = str(BIN / "hca"), root / "data"
    with clean_environment() as environment:
        subprocess.run(
            [hca, "local", "up", "--empty", "--data", data], env=environment, capture_output=True, check=True
        )
        try:
            yield json.loads((data / "state.json").read_bytes())["shock_url"]
        finally:
            subprocess.run([hca, "local", "down", "--data", data], env=environment, capture_output=True, check=True)
            shutil.rmtree(data)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="size of the large file (default: 1024)")
    parser.add_argument("--files", type=int, default=1000, help="number of files of 4 KB (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    settings = parser.parse_args()
    if not shutil.which("curl"):
        raise SystemExit("curl is not installed")
    compile_sources()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    root = Path(tempfile.mkdtemp(prefix="hca-benchmark-", dir=memory))
    listed: list[dict[str, Any]] = []
    try:
        for count, size in ((1, settings.size * MEBIBYTE), (settings.files, SMALL_BYTES)):
            folder = root / f"{count}x{size}"
            make(folder, count, size)
            # A server of their own for each kind: the second one is not to be slowed by what the first one left.
            with server(root) as url, clean_environment(HCA_SHOCK_URL=url) as environment:
                bench = Bench(root, url, folder)
                listed += measure(bench.puts(), settings.rounds, environment)
                listed += measure(bench.gets(), settings.rounds, environment)
            shutil.rmtree(folder)
    finally:
        show(listed, as_json=settings.json)  # also what came before something that failed
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
