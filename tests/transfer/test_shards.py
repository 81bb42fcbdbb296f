"""Shards: every file is in exactly one of them, whoever asks, and jobs tell their own from their environment."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.errors import UsageError
from hca_core.transfer.report import Report
from hca_core.transfer.shards import Shard, parse

if TYPE_CHECKING:
    from pathlib import Path

# One job of three: [[name, size, sha256], ...] from a URL into a folder, the shard from the environment.
JOB = """
import json, sys
from hca_core.transfer import Address, Settings, Transfer
from hca_core.transfer.report import Report
from hca_core.transfer.run import Order, run
url, folder, wanted = sys.argv[1], sys.argv[2], json.loads(sys.stdin.read())
transfers = [
    Transfer(name, f"{folder}/store/{sha}", Address(f"{url}/{sha}"), size, sha, link=f"{folder}/names/{name}")
    for name, size, sha in wanted
]
report = run(transfers, Order(Settings(jobs=4, retries=0), shard="env"), Report(folder), directory=folder)
print(json.dumps(report.document()))
"""


def test_shards_are_disjoint_and_complete_for_any_number() -> None:
    chance = random.Random(7)
    for _ in range(300):
        count = chance.randint(1, 40)
        key = "".join(chance.choices("abc/._-0123\u00e9\udc80", k=chance.randint(0, 30)))
        owners = [index for index in range(1, count + 1) if Shard(index, count).has(key)]
        assert len(owners) == 1, (key, count, owners)


def test_shards_are_of_about_one_size() -> None:
    for count in (2, 3, 17):
        sizes = Counter(
            index for n in range(4000) for index in range(1, count + 1) if Shard(index, count).has(f"data/{n}")
        )
        mean = 4000 / count
        assert len(sizes) == count
        assert all(abs(size - mean) < 6 * mean**0.5 for size in sizes.values()), sizes


def test_a_shard_is_the_same_on_every_machine() -> None:
    """Python's own hash differs between processes; what is written here must never change between versions."""
    program = "from hca_core.transfer.shards import Shard; print([Shard(2, 3).has(f'{n}') for n in range(16)])"
    told = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": "5"}, capture_output=True, check=True
    ).stdout
    here = [Shard(2, 3).has(f"{n}") for n in range(16)]
    assert told.decode().strip() == str(here)
    assert [n for n in range(16) if here[n]] == FOREVER


FOREVER = [0, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14]


@pytest.mark.parametrize(("text", "shard"), [("1/1", (1, 1)), ("2/8", (2, 8)), ("8/8", (8, 8)), ("007/010", (7, 10))])
def test_a_shard_is_named_by_its_place_and_their_number(text: str, shard: tuple[int, int]) -> None:
    assert parse(text, {}) == Shard(*shard)
    assert str(parse(text, {})) == f"{shard[0]}/{shard[1]}"


@pytest.mark.parametrize(
    "text",
    [
        *("0/4", "5/4", "1/0", "0/0", "a/b", "", "/", "1/", "/4", "1", "-1/4", "1/-4", "1/4/4", "1.0/4", " 1/4"),
        *("1/4\n", "١/٤", "1/99999999999", "ENV", "environment"),
    ],
)
def test_what_is_no_shard_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text, {"SLURM_ARRAY_TASK_ID": "1"})
    assert "\n" not in str(refused.value)
    assert "/8" in str(refused.value) or "the first of 4 is 1/4, the last 4/4" in str(refused.value)


def slurm(task: object, first: object, last: object, count: object, step: object = 1) -> dict[str, str]:
    told = {"ID": task, "MIN": first, "MAX": last, "COUNT": count, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in told.items() if value is not None}


def batch(index: object, size: object) -> dict[str, str]:
    told = {"INDEX": index, "SIZE": size}
    return {f"AWS_BATCH_JOB_ARRAY_{name}": str(value) for name, value in told.items() if value is not None}


@pytest.mark.parametrize(
    "array",
    [range(8), range(1, 9), range(5, 6), range(100, 108), range(0, 16, 4), range(1, 8, 2), range(3, 1000, 7)],
    ids=str,
)
def test_the_tasks_of_a_slurm_array_are_the_shards_wherever_it_begins(array: range) -> None:
    count = len(array)
    # Whether MAX is the last task or the end of the range that was asked for: both are seen.
    for last in {array[-1], array.stop - 1}:
        found = [parse("env", slurm(task, array[0], last, count, array.step)) for task in array]
        assert found == [Shard(index, count) for index in range(1, count + 1)]


def test_a_step_that_is_not_told_is_one() -> None:
    assert parse("env", slurm(3, 1, 4, 4, step=None)) == Shard(3, 4)


def test_the_children_of_an_aws_batch_array_are_the_shards() -> None:
    assert [parse("env", batch(index, 3)) for index in range(3)] == [Shard(1, 3), Shard(2, 3), Shard(3, 3)]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "no array job"),
        ({"SLURM_JOB_ID": "7"}, "no array job"),
        (slurm(5, 1, 6, 3), "gaps"),  # --array=1,5,6
        (slurm(4, 1, 7, 4, 1), "gaps"),  # --array=1,4,5,7
        (slurm(2, 1, 7, 4, 2), "gaps"),  # between two steps
        (slurm(1, 1, 4, 4, 0), "gaps"),
        (slurm(9, 1, 8, 8), "task 9 of 8"),
        (slurm(0, 1, 8, 8), "task 0 of 8"),
        (slurm("x", 1, 8, 8), "SLURM_ARRAY_TASK_ID is 'x'"),
        (slurm("", 1, 8, 8), "SLURM_ARRAY_TASK_ID is ''"),
        (slurm(1, -1, 8, 8), "SLURM_ARRAY_TASK_MIN is '-1'"),
        (slurm(1, 1, 8, None), "SLURM_ARRAY_TASK_COUNT is not set"),
        (slurm(1, None, 8, 8), "SLURM_ARRAY_TASK_MIN is not set"),
        (batch(3, 3), "task 4 of 3"),
        (batch(0, None), "AWS_BATCH_JOB_ARRAY_SIZE is not set"),
        (batch(0, 0), "task 1 of 0"),
        (batch("one", 3), "AWS_BATCH_JOB_ARRAY_INDEX is 'one'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_environment_that_does_not_tell_the_shard_is_refused(environ: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse("env", environ)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_three_jobs_in_one_directory_do_what_one_does_and_their_reports_merge(server: Any, tmp_path: Path) -> None:
    tools = sys.modules["transfer_tools"]
    contents = [tools.noise(100 + 40 * n, n) for n in range(60)]
    sums = [tools.sha256(content) for content in contents]
    for content, digest in zip(contents, sums, strict=True):
        server.put(f"/{digest}", content)
    # Each content has three names; they must come to one shard, or it is fetched by several.
    wanted = [(f"{copy}-{n}", len(contents[n]), sums[n]) for copy in range(3) for n in range(60)]
    wanted += [("lost", 9, "0" * 64)]
    folder = tmp_path / "shared"
    words = [sys.executable, "-c", JOB, server.url, str(folder)]
    jobs = []
    for index in range(3):
        environ = {**os.environ, **batch(index, 3)}
        job = subprocess.Popen(words, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert job.stdin
        job.stdin.write(json.dumps(wanted))
        job.stdin.close()
        jobs.append(job)
    reports = []
    for job in jobs:
        assert job.stdout
        reports.append(json.loads(job.stdout.read()))
        job.stdout.close()
        assert job.wait(30) == 0
    assert all(0 < report["fetched"] < 60 for report in reports)
    merged = Report.merge(reports)
    assert (merged["files"], merged["fetched"], merged["present"]) == (60, 60, 0)
    assert merged["bytes"] == sum(map(len, contents))
    assert merged["links"] == 180
    assert merged["directory"] == str(folder)
    assert [one["name"] for one in merged["failed"]] == [f"{folder}/names/lost"]
    for name, _, digest in wanted[:-1]:
        assert (folder / "names" / name).read_bytes() == contents[sums.index(digest)]
    assert sorted(os.listdir(folder / "store")) == sorted(sums)
    assert [len(server.ranges(f"/{digest}")) for digest in sums] == [1] * 60


def test_a_key_may_be_half_a_character():
    assert sum(parse(f"{index}/3", {}).has("\ud800\udc80x") for index in (1, 2, 3)) == 1
