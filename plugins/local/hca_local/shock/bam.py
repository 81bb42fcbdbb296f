"""Alignments of BAM files, which samtools indexes and reads where it is installed (contract §6, §9)."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

from hca_local.shock import content, index_files
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

_CHUNK = 256 * 1024
_MOST_TOLD = 4096
# The switches of the query and the options of `samtools view` that they stand for.
_SWITCHES = {"head": "-h", "headonly": "-H", "count": "-c"}
_NUMBERS = {"flag": "-f", "mapq": "-q"}
_TEXTS = {"lib": "-l", "readgroup": "-r"}
_NUMBER = re.compile(r"\d{1,5}", re.ASCII)
# Nothing that samtools could take for an option, a file or a template.
_TEXT = re.compile(r"[A-Za-z0-9_.:*+=|#@!,][A-Za-z0-9_.:*+=|#@!, -]{0,254}", re.ASCII)
_PLACE = re.compile(r"[\d,]+(-[\d,]*)?|-[\d,]+", re.ASCII)
_SUFFIX = ".bam"


def require(doc: Doc) -> None:
    """Raise ShockError (400) unless the file of a node can have an index of alignments here."""
    if not doc["file"]["name"].lower().endswith(_SUFFIX):
        raise ShockError(400, "Index type bai requires .bam file.")
    _program()


async def build(shock: Shock, doc: Doc) -> None:
    """Make the index of a BAM file. Raises ShockError, OSError."""
    program, path = _program(), _path(shock, doc)
    target = index_files.bam_path(shock.root, doc["id"])
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = shock.incoming / f"index-{secrets.token_hex(8)}"
    try:
        process = await asyncio.create_subprocess_exec(
            program, "index", "-b", path, str(made),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            _, complaint = await process.communicate()
        finally:
            await _end(process)
        if process.returncode:
            raise ShockError(400, f"samtools can't index the file: {_told(complaint, path)}")
        os.replace(made, target)
    finally:
        made.unlink(missing_ok=True)


async def view(call: Call, doc: Doc) -> AsyncGenerator[bytes, None]:
    """Yield what `samtools view` prints. Raises ShockError (400) before the first bytes, OSError after them."""
    command = [_program(), "view", "--no-PG", *_options(call), *_files(call, doc)]
    if call.has("region"):
        await call.shock.run(_require_reference, _path(call.shock, doc), command[-1])
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        limit=_CHUNK,
    )
    assert process.stdout is not None  # noqa: S101 - these are pipes
    assert process.stderr is not None  # noqa: S101
    errors = asyncio.ensure_future(_drained(process.stderr))
    sent = False
    try:
        while block := await process.stdout.read(_CHUNK):
            yield block
            sent = True
        status = await process.wait()
        told = _told(await errors, command[-1])
    finally:
        errors.cancel()
        await _end(process)
    if status and sent:
        raise OSError(f"samtools has failed: {told}")
    if status:
        raise ShockError(400, f"samtools can't read that: {told}")


def _options(call: Call) -> list[str]:
    """Return the options that the query stands for. Raises ShockError (400)."""
    options = [option for key, option in _SWITCHES.items() if call.has(key)]
    for key, option in _NUMBERS.items():
        if call.has(key):
            options += [option, _checked(call, key, _NUMBER, "a whole number")]
    for key, option in _TEXTS.items():
        if call.has(key):
            options += [option, _checked(call, key, _TEXT, "a name")]
    return options


def _files(call: Call, doc: Doc) -> list[str]:
    """Return the arguments behind the options: the file, and with a region its index and that. Raises ShockError."""
    path = _path(call.shock, doc)
    if not call.has("region"):
        return ["--", path]
    region = _checked(call, "region", _TEXT, "a region such as chr1:1-20000")
    index = index_files.bam_path(call.shock.root, doc["id"])
    if not index.exists():
        raise ShockError(400, "A region needs the index of the file: PUT /node/ID/index/bai makes it.")
    return ["-X", "--", path, str(index), region]


def _require_reference(path: str, region: str) -> None:
    """Raise ShockError (400) unless a file has the reference of a region; samtools takes another for an empty one."""
    done = subprocess.run(
        [_program(), "view", "-H", "--", path], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        raise ShockError(400, f"samtools can't read that: {_told(done.stderr, path)}")
    names = {
        field[3:]
        for line in done.stdout.decode("utf-8", "replace").splitlines()
        if line.startswith("@SQ\t")
        for field in line.split("\t")
        if field.startswith("SN:")
    }
    name, _, place = region.rpartition(":")
    if region not in names and not (name in names and _PLACE.fullmatch(place)):
        raise ShockError(400, f"samtools finds no region {region} in the file.")


def _checked(call: Call, key: str, wanted: re.Pattern[str], what: str) -> str:
    value = call.first(key) or ""
    if not wanted.fullmatch(value):
        raise ShockError(400, f"{key} is not {what}.")
    return value


def _path(shock: Shock, doc: Doc) -> str:
    """Return the path of the file of a node. Raises ShockError (400) if it is not one file."""
    path = None if content.is_made_of_others(doc) else content.of(shock, doc).file
    if not path:
        raise ShockError(400, "Only a file of its own can be read as BAM, not one that is made of others.")
    return path


def _program() -> str:
    """Return the path of samtools. Raises ShockError (400) if it is not installed."""
    found = shutil.which("samtools")
    if not found:
        raise ShockError(400, "The index bai needs samtools, which is not installed where this server runs.")
    return found


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program that nobody waits for any more; one that has ended stays as it is."""
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _drained(stream: asyncio.StreamReader) -> bytes:
    """Return the beginning of what a program complains about; it must not wait for a reader of the rest."""
    told = b""
    while block := await stream.read(_MOST_TOLD):
        told += block[: _MOST_TOLD - len(told)]
    return told


def _told(complaint: bytes, path: str | Path) -> str:
    """Return the last line of what a program complains about, without the path of the file."""
    lines = complaint.decode("utf-8", "replace").replace(str(path), "the file").strip().splitlines()
    line = lines[-1] if lines else "it does not say why"
    return "".join(letter for letter in line if letter.isprintable())[:300]
