"""A manifest of 200,000 rows, all of whose content is there: memory that does not grow with it, and little time."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from hca_core.transfer import filestore, seal

ROWS = 200_000
CONTENTS = 500
PROGRAM = """
import json, resource, sys
from hca.dss import DSSClient
report = DSSClient().download_manifest(sys.argv[1], "aws", download_dir="data")
used = resource.getrusage(resource.RUSAGE_SELF)
kilobytes = used.ru_maxrss
try:  # where it can be had, as ru_maxrss is never less than that of the process that has started this one
    with open("/proc/self/status") as stream:
        kilobytes = int(dict(line.split(":", 1) for line in stream)["VmHWM"].split()[0])
except OSError:
    pass
print(json.dumps([report.document(), kilobytes, used.ru_utime + used.ru_stime]))
"""


def write(name: str, rows: int) -> None:
    """Write a manifest of `rows` rows in bundles of ten, and the content of all of them into the filestore."""
    contents = []
    for number in range(CONTENTS):
        data = b"%d" % number
        digest = hashlib.sha256(data).hexdigest()
        path = Path(filestore.path("data", digest))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        seal.put(path, len(data), digest)
        contents.append((digest, len(data)))
    with open(name, "w") as stream:
        stream.write("bundle_uuid\tbundle_version\tfile_name\tfile_uuid\tfile_version\tfile_sha256\tfile_size\n")
        for number in range(rows):
            digest, size = contents[number % CONTENTS]
            stream.write(
                f"00000000-0000-4000-8000-{number // 10:012d}\t2019-08-01T200147.836832Z\tcell_{number}.json\t"
                f"00000000-0000-4000-8001-{number:012d}\t2019-08-01T200147.836832Z\t{digest}\t{size}\n"
            )


def test_memory_does_not_grow_with_the_rows(dss):
    used = {}
    for rows in (1000, ROWS):
        write("m.tsv", rows)
        done = subprocess.run([sys.executable, "-c", PROGRAM, "m.tsv"], capture_output=True, text=True, check=True)
        report, kilobytes, seconds = json.loads(done.stdout)
        assert (report["files"], report["present"], report["failed"]) == (CONTENTS, CONTENTS, [])
        used[rows] = (kilobytes, seconds)
    assert dss.requests == []
    copy = Path("m.tsv").read_bytes()
    assert copy.count(b"\r\n") == ROWS + 1
    assert copy.endswith(b"/" + hashlib.sha256(b"499").hexdigest().encode() + b"\r\n")
    # A list of the rows takes 100 MB, one of their transfers more.
    assert used[ROWS][0] - used[1000][0] < 25_000
    # Some 10 us a row of processor time on a quiet machine.
    assert (used[ROWS][1] - used[1000][1]) / ROWS < 60e-6
