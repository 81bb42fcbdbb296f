"""How fast and with how much memory `hca azul download` works, against the service's own curl line and other programs.

    python benchmarks/azul.py [--rounds 3] [--only PATTERN] [--quick] [--json]

One server plays the mirror and Azul; every result is checked byte for byte, outside of the time that is measured. The
groups of rows, of which PATTERN (a regular expression) chooses some:

    mirror_small    5,000 files of 1-8 KiB, all in the mirror
    mirror_distant  the same, where every answer takes 20 ms more
    azul_small      the same, none in the mirror: each is looked up and fetched, in exactly two requests
    huge            2 files of 1 GiB, in the mirror
    mixed           400 files of 1-8 KiB and 100 of 8 MiB, in the mirror
    present         manifests of 1,000 to 1,000,000 rows, all of whose files are there: time for each, and memory;
                    without a layout, and in the usual one, with a link for each
    fetched         1,000 to 100,000 files of 1 KiB fetched from the mirror: time for each, and memory

`hca` checks each sha256, and makes a link for each file. "curl as printed" is the line that Azul shows with a manifest
for curl: one file after the other, nothing checked. Programs that are not installed are left out.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import manifests
import peers
from around import counted, in_child, service
from bench import Bench, Job, run
from common import BIN, Case, rows
from contents import HUGE, MEDIUM, SMALL, TINY, Data, File, fill_store

DELAY = 0.02
ONCE_FROM = 100_000  # as many files are fetched once only
PRINTED = "curl as printed"
PARALLEL = "curl as printed, --parallel"
REQUESTS = "requests, 10 threads"
SMALL_FILES = Data("small", ((SMALL, 5000),))
# What Azul puts in front of the files of a manifest for curl, and the line that it shows (contract §7).
OPTIONS = ("create-dirs", "compressed", "location", "globoff", "fail", "silent")
LINE = 'curl --silent --location --fail "$1" | curl --retry 15 --retry-delay 10 $2 --config -'


class Downloads(Bench):
    """Downloads by Azul's manifests."""

    def manifest(self, data: Data, base: str, *, in_mirror: bool = True) -> Path:
        """Write the compact manifest of the service at `base`."""
        path = self.root / f"{data.name}.tsv"
        in_child(manifests.write_compact, path, data, self.block, base, in_mirror)
        return path

    def ours(self, base: str, manifest: Path, *options: str) -> list[str]:
        """Return our command, in the usual layout."""
        places = [f"HCA_AZUL_URL={base}", f"HCA_AZUL_MIRROR_URL={base}/mirror"]
        return ["env", *places, str(BIN / "hca"), "azul", "download", "--manifest", str(manifest), *options]

    def others(self, base: str, data: Data, *, in_mirror: bool) -> list[peers.Peer]:
        """Return the peers, told to fetch from where ours does."""
        places = f"{base}/mirror/{manifests.BUCKET}/file" if in_mirror else f"{base}/repository/files"
        query = "" if in_mirror else f"?{manifests.azul_query()}"
        wanted = ((file.uuid, self.digest(file)) for file in data.files())
        found = peers.downloaders(self.root, places, wanted, self.out, query)
        if shutil.which("curl"):
            config = self.root / "azul.curlrc"
            lines = [f"--{option}\n\n" for option in OPTIONS]
            lines += [f'url="{places}/{file.uuid}{query}"\noutput="{printed(file)}"\n\n' for file in data.files()]
            config.write_text("".join(lines))
            for name, option in ((PRINTED, ""), (PARALLEL, "--parallel")):
                command = ["sh", "-c", LINE, "sh", config.as_uri(), option]
                found.append(peers.Peer(name, command, slow=not option))
        return found

    # What came out.

    def place(self, file: File, peer: peers.Peer | None) -> Path:
        """Return where a program puts a file."""
        if peer is None:
            return self.out / manifests.SHORT_NAME / manifests.name_of(file)
        return self.out / printed(file) if peer.name in (PRINTED, PARALLEL) else super().place(file, peer)

    # The groups of rows.

    def mirror_small(self) -> list[dict[str, Any]]:
        return self.compared("mirror_small", SMALL_FILES, {"aria2c": 0.75, PRINTED: None, PARALLEL: None}, requests=1)

    def mirror_distant(self) -> list[dict[str, Any]]:
        return self.compared("mirror_distant", SMALL_FILES, {"aria2c": None, PARALLEL: None}, delay=DELAY)

    def azul_small(self) -> list[dict[str, Any]]:
        goals = {"aria2c": 0.75, PRINTED: None, PARALLEL: None}
        return self.compared("azul_small", SMALL_FILES, goals, in_mirror=False, requests=2)

    def huge(self) -> list[dict[str, Any]]:
        return self.compared("huge", Data("huge", ((HUGE, 2),)), {"aria2c": 0.32, PRINTED: None})

    def mixed(self) -> list[dict[str, Any]]:
        data = Data("mixed", ((SMALL, 400), (MEDIUM, 100)))
        return self.compared("mixed", data, {"aria2c": 0.45, PRINTED: None, PARALLEL: None})

    def compared(
        self,
        group: str,
        data: Data,
        goals: dict[str, float | None],
        *,
        delay: float = 0,
        in_mirror: bool = True,
        requests: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return the rows for `data`; ours is there once for each peer that it is compared with.

        `requests` is how many ours may send for each file, exactly.
        """
        only = "|".join(map(re.escape, goals)) if delay else ""  # the others would take minutes
        with service(self.block, delay=delay) as url:
            base = url.removesuffix("/v1")
            manifest = self.manifest(data, base, in_mirror=in_mirror)
            ours = Case(f"{group}: hca", self.ours(base, manifest), items=data.count)
            jobs = [Job(ours, self.checking(url, data, None, requests and requests * data.count))]
            for peer in self.others(base, data, in_mirror=in_mirror):
                if re.search(only, peer.name):
                    case = Case(f"{group}: {peer.name}", peer.command)
                    jobs.append(Job(case, self.checking(url, data, peer), once=peer.slow))
            return self.beside(group, jobs, list(goals.items()))

    def checking(
        self, url: str, data: Data, peer: peers.Peer | None, requests: int | None = None
    ) -> Callable[[], None]:
        """Return the check of a run, also of the number of `requests` that it sent, if that is told."""

        def check() -> None:
            sent = counted(url)["requests"] - 1  # without the one that asks
            assert requests in (None, sent), f"{sent} requests, not {requests}"
            self.check(data, peer)

        return check

    def present(self) -> list[dict[str, Any]]:
        self.empty()
        in_child(fill_store, self.out, Data("", ((TINY, self.most),)), self.block)
        with service(self.block) as url:
            jobs = [
                self.looked_at(url.removesuffix("/v1"), count, layout)
                for count in self.counts()
                for layout in ("none", "project")
            ]
            return rows([job.case for job in jobs], self.measure(jobs))

    def looked_at(self, base: str, count: int, layout: str) -> Job:
        """Return the job that finds that many files to be there; that of the most of them has limits."""
        manifest = self.manifest(Data(f"present{count}", ((TINY, count),)), base)
        limits = {"goal_us": 12, "goal_mb": 60} if count == self.most else {}
        case = Case(
            f"present: {count:,} files, layout {layout}",
            self.ours(base, manifest, "--layout", layout),
            expected='"fetched": 0',
            items=count,
            **limits,  # type: ignore[arg-type]
        )
        return Job(case, lambda: None, again=True)

    def fetched(self) -> list[dict[str, Any]]:
        listed = []
        with service(self.block) as url:
            base = url.removesuffix("/v1")
            for count in self.counts():
                if count <= ONCE_FROM:
                    data = Data(f"fetched{count}", ((TINY, count),))
                    case = Case(f"fetched: {count:,} files", self.ours(base, self.manifest(data, base)), items=count)
                    job = Job(case, self.checking(url, data, None), once=count >= ONCE_FROM)
                    listed += rows([case], self.measure([job]))
        return listed


def printed(file: File) -> str:
    """Return where a manifest for curl puts a file."""
    return f"{file.bundle}/{manifests.name_of(file)}"


GROUPS: Sequence[str] = ("mirror_small", "mirror_distant", "azul_small", "huge", "mixed", "present", "fetched")


if __name__ == "__main__":
    run(Downloads, GROUPS, __doc__)
