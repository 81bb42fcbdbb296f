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

import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import peers
from around import counted, in_child, service
from bench import Bench, Job, run
from common import BIN, Case, Samples, rows
from contents import BUNDLED, HUGE, MEDIUM, SMALL, TINY, Data, fill_store, write_manifest

HCA = str(BIN / "hca")
DELAY = 0.02
BUNDLES = 100_000
ONCE_FROM = 100_000  # as many files are fetched once only
OLD = "hca 7.0.1"


class Downloads(Bench):
    """Downloads from the Data Storage System."""

    def __init__(self, root: Path, rounds: int, most: int) -> None:
        super().__init__(root, rounds, most)
        self.old = peers.old_client(root)

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
        others = peers.downloaders(self.root, f"{url}/files", wanted, self.out, "?replica=aws")
        if self.old:
            old = self.theirs(url, [*self.verb(manifest), "--layout", "none"])
            others.insert(0, peers.Peer(OLD, old, stored=True, slow=True))
        first = replace(first, command=self.ours(url, self.verb(manifest)))
        jobs = [Job(first, lambda: self.check_all(data, manifest.name))]
        for peer in others:
            if re.search(only, peer.name):
                check = lambda peer=peer: self.check(data, peer)  # noqa: E731
                jobs.append(Job(Case(f"{group}: {peer.name}", peer.command), check, once=peer.slow))
        return jobs

    # What came out.

    def check_all(self, data: Data, copy: str) -> None:
        """Raise AssertionError unless all files are there, and the copy of the manifest."""
        self.check(data)
        with (self.out / copy).open() as stream:
            assert sum(1 for _ in stream) == data.count + 1, copy

    def check_listing(self) -> None:
        with (self.out / "listing").open() as stream:
            count = sum('"uuid"' in line for line in stream)
        assert count == BUNDLES, f"{count} bundles listed, not {BUNDLES}"

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
            return self.beside(group, jobs, goals)

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
                self.check_all(data, manifest.name)

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
                check = lambda data=data, manifest=manifest: self.check_all(data, manifest.name)  # noqa: E731
                listed += rows([case], self.measure([Job(case, check, once=count >= ONCE_FROM)]))
        return listed


GROUPS = ("small", "distant", "bundled", "distant_bundled", "floor", "huge", "mixed", "listing", "present", "fetched")


if __name__ == "__main__":
    run(Downloads, GROUPS, __doc__)
