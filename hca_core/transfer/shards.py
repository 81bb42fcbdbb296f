"""Shards: which part of a long list is whose, where many jobs have the same list and know nothing of each other."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

FROM_ENVIRONMENT = "env"


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` (from 1 on) of `count` parts. Every key is in exactly one of them, always in the same one."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def has(self, key: str) -> bool:
        """Tell whether `key` is in this part; it is the same on every machine and with every Python."""
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, usedforsecurity=False).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1


def parse(text: str, environ: Mapping[str, str]) -> Shard:
    """Return the shard that `text` names: "2/8", or "env" for the one of the array job that `environ` is of.

    Raises UsageError.
    """
    if text == FROM_ENVIRONMENT:
        return _of_array_job(environ)
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text, re.ASCII)
    if not found:
        raise UsageError(f"the shard is {text!r}, but must be like 2/8, or {FROM_ENVIRONMENT}")
    index, count = int(found[1]), int(found[2])
    if not 1 <= index <= count:
        most = count or 8
        raise UsageError(f"there is no shard {text}: the first of {most} is 1/{most}, the last {most}/{most}")
    return Shard(index, count)


def _of_array_job(environ: Mapping[str, str]) -> Shard:
    if "SLURM_ARRAY_TASK_ID" in environ:
        return _of_slurm(environ)
    if "AWS_BATCH_JOB_ARRAY_INDEX" in environ:
        index = _number(environ, "AWS_BATCH_JOB_ARRAY_INDEX") + 1
        return _checked(index, _number(environ, "AWS_BATCH_JOB_ARRAY_SIZE"), "AWS_BATCH_JOB_ARRAY_*")
    raise UsageError(
        "there is no array job here: neither SLURM_ARRAY_TASK_ID nor AWS_BATCH_JOB_ARRAY_INDEX is set",
        hint="name the shard yourself, such as --shard 2/8",
    )


def _of_slurm(environ: Mapping[str, str]) -> Shard:
    """Return the place of a task among those of its array, whose numbers begin anywhere and may have a step."""
    task, first, last, count = (_number(environ, f"SLURM_ARRAY_TASK_{name}") for name in ("ID", "MIN", "MAX", "COUNT"))
    step = _number(environ, "SLURM_ARRAY_TASK_STEP") if "SLURM_ARRAY_TASK_STEP" in environ else 1
    # In a list such as 1,5,6 a task can't know how many are before it.
    if step < 1 or (last - first) // step + 1 != count or (task - first) % step:
        raise UsageError(
            f"the {count} tasks of this array job, {first} to {last}, have gaps, so they do not tell the shard",
            hint="use a range, such as --array=1-8, or name the shard yourself, such as --shard 2/8",
        )
    return _checked((task - first) // step + 1, count, "SLURM_ARRAY_TASK_*")


def _checked(index: int, count: int, variables: str) -> Shard:
    if not 1 <= index <= count:
        raise UsageError(f"{variables} name task {index} of {count}, which can't be; name the shard yourself")
    return Shard(index, count)


def _number(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name)
    if text is None:
        raise UsageError(f"{name} is not set", hint="name the shard yourself, such as --shard 2/8")
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise UsageError(f"{name} is {text!r}, but must be a whole number")
    return int(text)
