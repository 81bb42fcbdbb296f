"""What benchmarks/download.py and azul.py share: the folder of a run, its rounds, its checks, its command line."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import peers
from around import folder, in_child
from common import Case, Samples, clean_environment, compile_sources, rows, run_once, show
from contents import LARGE, Block, Data, File, make_block, stored


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
        self._digests: dict[File, str] = {}  # of large files

    def counts(self) -> list[int]:
        """Return the numbers of rows that cost is compared for: it must grow in a straight line."""
        return [count for count in (1000, 10_000, 100_000, 1_000_000) if count <= self.most]

    # What came out.

    def digest(self, file: File) -> str:
        """Return the sha256 of a file; those of large ones are remembered."""
        if file.size < LARGE:
            return file.sha256(self.known)
        if file not in self._digests:
            self._digests[file] = file.sha256(self.known)
        return self._digests[file]

    def place(self, file: File, peer: peers.Peer | None) -> Path:
        """Return where a program puts a file, `hca` if it is no `peer`."""
        if peer is None or peer.stored:
            return stored(self.out, self.digest(file))
        return self.out / (file.uuid if peer.by_uuid else self.digest(file))

    def check(self, data: Data, peer: peers.Peer | None = None) -> None:
        """Raise AssertionError unless all files are there with the right content."""
        for file in data.files():
            path = self.place(file, peer)
            with path.open("rb") as stream:
                assert hashlib.file_digest(stream, "sha256").hexdigest() == self.digest(file), path

    # What is run.

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

    def beside(
        self, group: str, jobs: Sequence[Job], goals: Sequence[tuple[str, float | None]]
    ) -> list[dict[str, Any]]:
        """Measure jobs, the first of which is ours, and return their rows.

        Ours is there once for each peer that it is compared with, by `goals`.
        """
        taken = self.measure(jobs)
        ours = jobs[0].case
        compared = [(f"{group}: {name}", goal) for name, goal in goals if f"{group}: {name}" in taken]
        found = [replace(ours, peer=peer, goal=goal) for peer, goal in compared] or [ours]
        for number, case in enumerate(found[1:], 1):  # the same runs, beside another peer
            found[number] = replace(case, name=f"{case.name} (same runs)")
            taken[found[number].name] = taken[ours.name]
        return rows([*(job.case for job in jobs[1:]), *found], taken)

    def empty(self) -> None:
        """Make the folder anew, and start what follows in it: there `hca dss` writes the copy of a manifest."""
        os.chdir(self.root)
        subprocess.run(["rm", "-rf", str(self.out)], check=True)
        self.out.mkdir()
        os.chdir(self.out)


def run(made: type[Bench], groups: Sequence[str], description: str | None) -> None:
    """Measure and print the groups of rows that the command line asks for."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
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
        bench = made(root, 1 if settings.quick else settings.rounds, 100_000 if settings.quick else 1_000_000)
        for group in groups:
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
