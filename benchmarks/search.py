"""What a search of the embedded DSS costs in an index of 10,000 and of 100,000 documents, and what indexing costs.

    python benchmarks/search.py [--rounds 15] [--json]

It is one index that grows, in this process. `first page` finds everything anew, `next page` is one from the middle with
what the first has found. `ratio` compares a case with the same one in the smaller index. Filling takes minutes.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import arguments, show

from hca_local.search import finding, index, queries
from hca_local.search.searcher import connected
from hca_local.store import database

SIZES = (10_000, 100_000)
PER_PAGE = 100
LARGE_BUNDLE = 20_000
ORGANS = ("brain", "blood", "kidney", "pancreas", "liver", "lung", "heart", "skin")
ORGAN = "files.specimen_json.organ.text"
BROAD = {"term": {ORGAN: "brain"}}  # half of all
RARE = {"match": {"files.project_json.short_name": "Rare"}}  # ten, whatever the size
QUERIES: dict[str, dict[str, Any]] = {
    "match, 10 hits": {"query": RARE},
    "bool, 10 hits": {"query": {"bool": {"must": [BROAD, RARE], "must_not": [{"term": {"admin_deleted": True}}]}}},
    "match, half of all": {"query": {"match": {ORGAN: "BRAIN"}}},
    "bool, a quarter": {"query": {"bool": {"must": [BROAD, {"range": {"files.specimen_json.cells": {"gte": 2500}}}]}}},
    "wildcard, all": {"query": {"wildcard": {"manifest.files.name": "*.fastq.gz"}}},
    "{}": {},
}


class Maker:
    """Makes documents, the same ones every time."""

    def __init__(self) -> None:
        self.random = random.Random(7)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def digits(self, count: int) -> str:
        return f"{self.random.getrandbits(4 * count):0{count}x}"

    def document(self, project: str, metadata: int, files: int) -> dict[str, Any]:
        """Return a document of a bundle of `project` with so many metadata files and manifest entries."""
        version = "2019-05-14T154432.123456Z"
        organ = ORGANS[0] if self.random.random() < 0.5 else self.random.choice(ORGANS[1:])
        contents: dict[str, list[Any]] = {"project_json": [{"short_name": project, "title": f"About {project}"}]}
        for number in range(metadata - 1):
            kind = "specimen_json" if number == 0 else f"kind{number}_json"
            contents[kind] = [
                {
                    "describedBy": f"https://schema.humancellatlas.org/type/{kind}",
                    "provenance": {"document_id": self.uuid(), "update_date": "2019-05-14T15:43:03.942Z"},
                    "organ": {"text": organ, "ontology": f"UBERON:{ORGANS.index(organ)}"},
                    "cells": self.random.randrange(5000),
                    "name": f"{kind} {self.random.randrange(500)}",
                }
            ]
        return {
            "uuid": self.uuid(),
            "state": "new",
            "shape_descriptor": "v",
            "manifest": {"format": "0.0.1", "version": version, "files": [self.entry(version) for _ in range(files)]},
            "files": contents,
        }

    def entry(self, version: str) -> dict[str, Any]:
        return {
            "name": f"{self.digits(8)}.fastq.gz",
            "uuid": self.uuid(),
            "version": version,
            "content-type": "application/gzip",
            "size": self.random.randrange(10**9),
            "indexed": False,
            "crc32c": self.digits(8),
            "s3-etag": self.digits(32),
            "sha1": self.digits(40),
            "sha256": self.digits(64),
        }


class Store:
    """The store that is measured."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.sqlite3"
        self.connection = database.connect(self.path, durable=False)
        self.connection.execute("PRAGMA journal_mode=WAL")
        with database.transaction(self.connection):
            database.create_tables(self.connection)
        self.reader = connected(self.path)
        self.maker = Maker()
        self.size = 0

    def fill(self, size: int) -> None:
        """Add bundles until there are `size`, of which ten are of the project `Rare`."""
        while self.size < size:
            with database.transaction(self.connection):
                for _ in range(1000):
                    project = "Rare" if self.size < 10 else f"Project {self.size % 50}"
                    self.put(self.maker.document(project, metadata=6, files=4))
                    self.size += 1

    def put(self, document: dict[str, Any], replica: str = "aws") -> None:
        key = f"{document['uuid']}.{document['manifest']['version']}"
        statement = "INSERT INTO bundles (replica, key, creator_uid, file_count) VALUES (?,?,1,0)"
        number = self.connection.execute(statement, (replica, key)).lastrowid
        assert number is not None
        index.put(self.connection, number, document)

    def walk(self, body: dict[str, Any], found: finding.Found) -> Iterator[float]:
        """Go through all pages and yield what each took, in seconds."""
        after = None
        while True:
            started = time.perf_counter()
            page = finding.page(self.reader, found, "aws", queries.parse(body), after, PER_PAGE)
            yield time.perf_counter() - started
            if len(page.keys) < PER_PAGE:
                return
            after = page.keys[-1]


def timed(rounds: int, action: Callable[[], object]) -> list[float]:
    """Return what `action` took, in seconds, after one time that does not count."""
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        action()
        taken.append(time.perf_counter() - started)
    return taken[1:]


def row(case: str, documents: int, taken: Sequence[float], **more: Any) -> dict[str, Any]:
    return {
        "case": case,
        "documents": documents,
        "median_ms": round(statistics.median(taken) * 1000, 2),
        "max_ms": round(max(taken) * 1000, 2),
        **more,
    }


def memory_mb() -> float:
    """Return the most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def searches(store: Store, rounds: int) -> Iterator[dict[str, Any]]:
    """Measure all queries in the store as it is."""
    for name, body in QUERIES.items():

        def first(body: dict[str, Any] = body) -> finding.Page:
            return finding.page(store.reader, finding.Found(), "aws", queries.parse(body), None, PER_PAGE)

        hits = first().total
        yield row(f"{name}: first page", store.size, timed(rounds, first), hits=hits)
        if hits > PER_PAGE:
            before = memory_mb()
            pages = list(store.walk(body, finding.Found()))[1:]
            middle = len(pages) // 2
            yield row(f"{name}: next page", store.size, pages, grown_mb=round(memory_mb() - before, 1))
            late = statistics.median(pages[middle:]) / statistics.median(pages[:middle])
            yield row(f"{name}: all pages", store.size, [sum(pages)], late_to_early=round(late, 2))


def indexing(store: Store, rounds: int) -> Iterator[dict[str, Any]]:
    """Measure putting documents, without the commit."""
    documents = iter([store.maker.document("Indexing", metadata=20, files=20) for _ in range(rounds + 1)])
    again: list[dict[str, Any]] = []

    def put() -> None:
        again.append(next(documents))
        store.put(again[-1])

    large = store.maker.document("Large", metadata=20, files=LARGE_BUNDLE)
    with database.transaction(store.connection):
        yield row("put, 20 metadata files and 20 entries", store.size, timed(rounds, put))
        copies = iter(again)
        yield row(
            "put, the same in the other replica", store.size, timed(rounds, lambda: store.put(next(copies), "gcp"))
        )
        started = time.perf_counter()
        store.put(large)
        yield row(f"put, {LARGE_BUNDLE} entries", store.size, [time.perf_counter() - started])


def compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each row its ratio to the row of the same case in the smaller index, and its goal if it has one."""
    smaller = {one["case"]: one["median_ms"] for one in rows if one["documents"] == SIZES[0]}
    for one in rows:
        if one["documents"] != SIZES[0] and one["case"] in smaller:
            one["ratio"] = round(one["median_ms"] / smaller[one["case"]], 2)
            if "10 hits" in one["case"]:
                one["goal"], one["met"] = 2.0, one["ratio"] <= 2.0
    return rows


def main() -> None:
    """Measure and print."""
    settings = arguments(__doc__, rounds=15)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hca-benchmark-") as folder:
        store = Store(Path(folder))
        with closing(store.connection), closing(store.reader):
            for size in SIZES:
                store.fill(size)
                found += searches(store, settings.rounds)
                found += indexing(store, settings.rounds)
            store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            kilobytes = store.path.stat().st_size / 1000 / store.size
    found.append({"case": "index, kB per document", "documents": SIZES[-1], "size": round(kilobytes, 2)})
    show(compared(found), as_json=settings.json)


if __name__ == "__main__":
    main()
