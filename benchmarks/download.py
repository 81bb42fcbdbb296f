"""How fast and with how much memory `hca` downloads, against the client of old, aria2c, curl, rclone and `requests`.

    python benchmarks/download.py [--rounds 3] [--only PATTERN] [--quick] [--json]

It makes its own service and data, in memory where there is a /dev/shm. Every result is checked byte for byte or
counted, outside of the time that is measured. The groups of rows, of which PATTERN (a regular expression) chooses some:

    small    5,000 files of 1-8 KiB, each looked up and fetched
    distant  the same, where every answer takes 20 ms more
    bundled, distant_bundled
             both with 20 files in each bundle: a client may ask for the addresses of all of them together
    floor    as distant, with 16 and with 4 connections, against the least that all those waits can take
    huge     2 files of 1 GiB
    mixed    400 files of 1-8 KiB and 100 of 8 MiB
    listing  100,000 bundles listed
    present  manifests of 1,000 to 1,000,000 rows, all of whose files are there: time for each, and memory
    fetched  1,000 to 1,000,000 files of 1 KiB fetched: time for each, and memory

Programs that are not installed are left out. What takes long is run once only: slow peers, and the longest of a row.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import peers
from around import counted, folder, in_child, service
from common import BIN, Case, Samples, clean_environment, compile_sources, rows, run_once, show
from contents import (
    BUNDLED,
    HUGE,
    LARGE,
    MEDIUM,
    SMALL,
    TINY,
    Block,
    Data,
    File,
    fill_store,
    make_block,
    stored,
    write_manifest,
)

HCA = str(BIN / "hca")
DELAY = 0.02
BUNDLES = 100_000
ONCE_FROM = 100_000  # as many files are fetched once only
OLD = "hca 7.0.1"


@dataclass(frozen=True)
class Job:
    """A case and the check of what it did.

    `once`: it is run once only. `again`: the folder is left to it as it is, not emptied.
    """

    case: Case
    check: Callable[[], None]
    once: bool = False
    again: bool = False


class Bench:
    """The folder that everything is in: `out` is where every run writes to anew, and where it is started."""

    def __init__(self, root: Path, rounds: int, most: int) -> None:
        self.root = root
        self.out = root / "out"
        self.rounds = rounds
        self.most = most  # rows of a manifest
        self.block = root / "block"
        in_child(make_block, self.block)
        self.known = Block(self.block)
        self.old = peers.old_client(root)
        self._digests: dict[File, str] = {}  # of large files

    # What is run.

    def manifest(self, data: Data) -> Path:
        path = self.root / f"{data.name}.tsv"
        in_child(write_manifest, path, data, self.block)
        return path

    def verb(self, manifest: Path) -> list[str]:
        return ["dss", "download-manifest", "--replica", "aws", "--manifest", str(manifest)]

    def ours(self, url: str, words: Sequence[str]) -> list[str]:
        return ["env", f"HCA_DSS_URL={url}/swagger.json", HCA, *words]

    def theirs(self, url: str, words: Sequence[str]) -> list[str]:
        """Return the command of the client of old."""
        return ["env", peers.old_settings(self.root, url), *self.old, *words]

    def downloads(self, group: str, data: Data, url: str, first: Case, only: str = "") -> list[Job]:
        """Return the jobs of `hca`, which is `first` but for its command, and of the peers whose name has `only`."""
        manifest = self.manifest(data)
        wanted = ((file.uuid, self.digest(file)) for file in data.files())
        others = peers.downloaders(self.root, url, wanted, self.out)
        if self.old:
            old = self.theirs(url, [*self.verb(manifest), "--layout", "none"])
            others.insert(0, peers.Peer(OLD, old, stored=True, slow=True))
        first = replace(first, command=self.ours(url, self.verb(manifest)))
        jobs = [Job(first, lambda: self.check(data, copy=manifest.name))]
        for peer in others:
            if re.search(only, peer.name):
                check = lambda peer=peer: self.check(data, peer)  # noqa: E731
                jobs.append(Job(Case(f"{group}: {peer.name}", peer.command), check, once=peer.slow))
        return jobs

    # What came out.

    def digest(self, file: File) -> str:
        """Return the sha256 of a file; those of large ones are remembered."""
        if file.size < LARGE:
            return file.sha256(self.known)
        if file not in self._digests:
            self._digests[file] = file.sha256(self.known)
        return self._digests[file]

    def check(self, data: Data, peer: peers.Peer | None = None, copy: str = "") -> None:
        """Raise AssertionError unless all files are there with the right content, and the copy of the manifest."""
        for file in data.files():
            digest = self.digest(file)
            if peer is None or peer.stored:
                path = stored(self.out, digest)
            else:
                path = self.out / (file.uuid if peer.by_uuid else digest)
            with path.open("rb") as stream:
                assert hashlib.file_digest(stream, "sha256").hexdigest() == digest, path
        if copy:
            with (self.out / copy).open() as stream:
                assert sum(1 for _ in stream) == data.count + 1, copy

    def check_listing(self) -> None:
        with (self.out / "listing").open() as stream:
            count = sum('"uuid"' in line for line in stream)
        assert count == BUNDLES, f"{count} bundles listed, not {BUNDLES}"

    def measure(self, jobs: Sequence[Job]) -> dict[str, Samples]:
        """Run every job once a round, in turn, each into an empty folder; the first round does not count."""
        taken = {job.case.name: Samples() for job in jobs}
        with clean_environment() as environment:
            for number in range(self.rounds + 1):
                for job in jobs:
                    if job.once and number:
                        continue
                    if not job.again:
                        self.empty()
                    run_once(job.case, environment, taken[job.case.name] if number or job.once else None)
                    job.check()
        return taken

    def empty(self) -> None:
        """Make the folder anew, and start what follows in it: there `hca` writes the copy of a manifest."""
        os.chdir(self.root)
        subprocess.run(["rm", "-rf", str(self.out)], check=True)
        self.out.mkdir()
        os.chdir(self.out)

    # The groups of rows.

    def small(self) -> list[dict[str, Any]]:
        return self.compared("small", Data("small", ((SMALL, 5000),)), ((OLD, 1 / 18), ("aria2c", 0.75)))

    def distant(self) -> list[dict[str, Any]]:
        return self.compared("distant", Data("distant", ((SMALL, 5000),)), ((OLD, 1 / 15), ("aria2c", None)), DELAY)

    def bundled(self) -> list[dict[str, Any]]:
        return self.compared("bundled", Data("bundled", ((BUNDLED, 5000),)), ((OLD, None), ("aria2c", None)))

    def distant_bundled(self) -> list[dict[str, Any]]:
        data = Data("distant_bundled", ((BUNDLED, 5000),))
        return self.compared("distant_bundled", data, ((OLD, None), ("aria2c", None)), DELAY)

    def huge(self) -> list[dict[str, Any]]:
        return self.compared("huge", Data("huge", ((HUGE, 2),)), ((OLD, 0.70), ("aria2c", 0.32)))

    def mixed(self) -> list[dict[str, Any]]:
        return self.compared("mixed", Data("mixed", ((SMALL, 400), (MEDIUM, 100))), ((OLD, 0.35), ("aria2c", 0.45)))

    def compared(
        self, group: str, data: Data, goals: Sequence[tuple[str, float | None]], delay: float = 0
    ) -> list[dict[str, Any]]:
        """Return the rows for `data`; ours is there once for each peer that it is compared with."""
        only = "|".join(name for name, _ in goals) if delay else ""  # the others would take minutes
        with service(self.block, delay=delay) as url:
            jobs = self.downloads(group, data, url, Case(f"{group}: hca", (), items=data.count), only)
            taken = self.measure(jobs)
        ours = jobs[0].case
        compared = [(f"{group}: {name}", goal) for name, goal in goals if f"{group}: {name}" in taken]
        beside = [replace(ours, peer=peer, goal=goal) for peer, goal in compared] or [ours]
        for number, case in enumerate(beside[1:], 1):  # the same runs, beside another peer
            beside[number] = replace(case, name=f"{case.name} (same runs)")
            taken[beside[number].name] = taken[ours.name]
        return rows([*(job.case for job in jobs[1:]), *beside], taken)

    def floor(self) -> list[dict[str, Any]]:
        return [*self.waiting(16, 5000), *self.waiting(4, 2000)]

    def waiting(self, connections: int, files: int) -> list[dict[str, Any]]:
        """Return the rows of ours and of the time that all its answers waited, divided by its connections."""
        data, waits = Data(f"floor{connections}", ((SMALL, files),)), Samples()
        least = f"floor: all waits / {connections} connections"
        with service(self.block, delay=DELAY) as url:

            def check() -> None:
                counts = counted(url)
                assert counts["most_waiting"] == connections, counts
                waits.wall.append(counts["waited"] / connections)
                self.check(data, copy=manifest.name)

            manifest = self.manifest(data)
            command = self.ours(url, [*self.verb(manifest), "--jobs", str(connections)])
            ours = Case(f"floor: hca --jobs {connections}", command, least, 1.05, items=data.count)
            taken = self.measure([Job(ours, check)])
        waits.wall, waits.cpu, waits.memory = [statistics.median(waits.wall)], [0.0], [0]
        return rows([ours, Case(least, ())], taken | {least: waits})

    def listing(self) -> list[dict[str, Any]]:
        def saving(command: Sequence[str]) -> list[str]:
            return ["sh", "-c", 'exec "$@" > listing', "sh", *command]

        words = ["dss", "get-bundles-all", "--replica", "aws", "--per-page", "500"]
        with service(self.block, bundles=BUNDLES) as url:
            plain = [*peers.script(self.root, "plain_listing.py", peers.PLAIN_LISTING), url]
            cases = [Case("listing: requests", saving(plain))]
            if self.old:
                cases.append(Case(f"listing: {OLD}", saving(self.theirs(url, words))))
            ours = saving(self.ours(url, [*words, "--output", "jsonl"]))
            compared = Case("listing: hca", ours, cases[-1].name, 0.35 if self.old else None, items=BUNDLES, goal_mb=35)
            jobs = [Job(case, self.check_listing) for case in (*cases, compared)]
            return rows([*cases, compared], self.measure(jobs))

    def present(self) -> list[dict[str, Any]]:
        self.empty()
        in_child(fill_store, self.out, Data("", ((TINY, self.most),)), self.block)
        with service(self.block) as url:
            jobs = []
            for count in self.counts():
                manifest = self.manifest(Data(f"present{count}", ((TINY, count),)))
                command = self.ours(url, self.verb(manifest))
                goal = {"goal_us": 12, "goal_mb": 60} if count == self.most else {}
                expected = '"fetched": 0'
                case = Case(f"present: {count:,} files", command, expected=expected, items=count, **goal)  # type: ignore[arg-type]
                jobs.append(Job(case, lambda: None, again=True))
            return rows([job.case for job in jobs], self.measure(jobs))

    def fetched(self) -> list[dict[str, Any]]:
        listed = []
        with service(self.block) as url:
            for count in self.counts():
                data = Data(f"fetched{count}", ((TINY, count),))
                manifest = self.manifest(data)
                case = Case(f"fetched: {count:,} files", self.ours(url, self.verb(manifest)), items=count)
                check = lambda data=data, manifest=manifest: self.check(data, copy=manifest.name)  # noqa: E731
                listed += rows([case], self.measure([Job(case, check, once=count >= ONCE_FROM)]))
        return listed

    def counts(self) -> list[int]:
        return [count for count in (1000, 10_000, 100_000, 1_000_000) if count <= self.most]


GROUPS = ("small", "distant", "bundled", "distant_bundled", "floor", "huge", "mixed", "listing", "present", "fetched")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="groups of rows to measure (default: all)")
    parser.add_argument("--quick", action="store_true", help="one round, and 100,000 files at most")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    settings = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is removed then too
    compile_sources()
    listed: list[dict[str, Any]] = []
    failed = False
    with folder() as root:
        bench = Bench(root, 1 if settings.quick else settings.rounds, 100_000 if settings.quick else 1_000_000)
        for group in GROUPS:
            if not re.search(settings.only, group):
                continue
            try:
                found = getattr(bench, group)()
            except (RuntimeError, AssertionError, OSError) as error:  # the others are worth something nevertheless
                print(f"{group}: {error}", file=sys.stderr)
                failed = True
                continue
            listed += found
            if not settings.json:
                show(found, as_json=False)
                print(flush=True)
    if settings.json:
        show(listed, as_json=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
