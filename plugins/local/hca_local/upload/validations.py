"""Validation jobs in the store, and the one who does them: no container, a function in this process (contract §7)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_local.upload import holds, records
from hca_local.upload.worker import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from sqlite3 import Connection

    from hca_local.store.writer import Writer
    from hca_local.upload.buckets.values import Held

    # Called with the validator's image and the keys of the files; returns what the validator prints.
    Validate = Callable[[str, Sequence[str]], str]

SCHEDULED, VALIDATING, VALIDATED, FAILED = "SCHEDULED", "VALIDATING", "VALIDATED", "FAILED"
STATUSES = ("SCHEDULING_QUEUED", SCHEDULED, VALIDATING, VALIDATED, FAILED)
UNSCHEDULED, NO_RESULTS = "UNSCHEDULED", "N/A"


class Wanted(NamedTuple):
    """What a client asks to have validated, by whom, and how."""

    area: str
    files: Mapping[str, Held]
    image: str
    original: str | None
    environment: Mapping[str, Any]


class Validation(NamedTuple):
    """A validation that has begun: its id, the image, the keys of the files."""

    id: str
    image: str
    keys: tuple[str, ...]


def accept(image: str, keys: Sequence[str]) -> str:
    """Find files valid, in the form that the validators of the service print it."""
    return json.dumps({"validation_state": "VALID", "validation_errors": []})


def add(connection: Connection, wanted: Wanted) -> str:
    """Note a validation to be done and return its id."""
    identity = str(uuid.uuid4())
    environment = json.dumps(wanted.environment)
    for name, held in wanted.files.items():
        file = records.find(connection, wanted.area, name, held.etag)
        file = file or records.keep(connection, wanted.area, name, held)
        connection.execute(
            "INSERT INTO upload_validations (id, file, status, results, image, original, environment) "
            "VALUES (?,?,?,?,?,?,?)",
            (identity, file.number, SCHEDULED, NO_RESULTS, wanted.image, wanted.original, environment),
        )
    return identity


def status(connection: Connection, file: int) -> tuple[str, str]:
    """Return the status and the results of the latest validation of the file with the number `file`."""
    row = connection.execute(
        "SELECT status, results FROM upload_validations WHERE file=? ORDER BY number DESC LIMIT 1", (file,)
    ).fetchone()
    return (row[0], row[1]) if row else (UNSCHEDULED, NO_RESULTS)


def counts(connection: Connection, area: str) -> dict[str, int]:
    """Return how many files of an area are in which status; those that are in none are not counted."""
    rows = connection.execute(
        "SELECT v.status, COUNT(*) FROM upload_files f JOIN upload_validations v ON v.file=f.number "
        "WHERE f.area=? AND f.is_current "
        "AND v.number=(SELECT MAX(number) FROM upload_validations WHERE file=f.number) GROUP BY v.status",
        (area,),
    )
    return {VALIDATING: 0, VALIDATED: 0, SCHEDULED: 0} | dict(rows)


def update(connection: Connection, area: str, identity: str, wanted: str, results: str | None) -> bool:
    """Give the validation with this id a status and, if not None, results; False if the area has none such."""
    changed = connection.execute(
        "UPDATE upload_validations SET status=?, results=COALESCE(?, results) "
        "WHERE id=? AND file IN (SELECT number FROM upload_files WHERE area=?)",
        (wanted, results, identity, area),
    )
    return bool(changed.rowcount)


def begin(connection: Connection) -> Validation | None:
    """Begin the validation whose turn it is and return it; None if they are held, wherever each of them stays.

    One that a former process has left is done again.
    """
    held_at = holds.held_at(connection, holds.VALIDATIONS)
    if held_at == VALIDATING:
        connection.execute("UPDATE upload_validations SET status=? WHERE status=?", (VALIDATING, SCHEDULED))
    if held_at is not None:
        return None
    row = connection.execute(
        "SELECT id, image FROM upload_validations WHERE status IN (?,?) ORDER BY number LIMIT 1",
        (VALIDATING, SCHEDULED),
    ).fetchone()
    if row is None:
        return None
    connection.execute("UPDATE upload_validations SET status=? WHERE id=?", (VALIDATING, row[0]))
    files = connection.execute(
        "SELECT f.area, f.name FROM upload_validations v JOIN upload_files f ON f.number=v.file "
        "WHERE v.id=? ORDER BY v.number",
        (row[0],),
    )
    return Validation(row[0], row[1], tuple(records.key_of(area, name) for area, name in files))


def end(connection: Connection, done: Validation, wanted: str, results: str) -> None:
    """Note what came of a validation, unless a callback was faster."""
    connection.execute(
        "UPDATE upload_validations SET status=?, results=? WHERE id=? AND status=?",
        (wanted, results, done.id, VALIDATING),
    )


def are_open(connection: Connection) -> bool:
    """Tell whether there are validations that are not over."""
    select = "SELECT EXISTS (SELECT 1 FROM upload_validations WHERE status IN (?,?))"
    return bool(connection.execute(select, (SCHEDULED, VALIDATING)).fetchone()[0])


class Validating:
    """Does validations with the function `validate`."""

    def __init__(self, writer: Writer, validate: Validate, tell: Callable[[str], None]) -> None:
        self._writer = writer
        self._validate = validate
        self._tell = tell

    def step(self, connection: Connection, is_over: Callable[[], bool]) -> float | None:
        """Do one validation: see worker.Step. Raises sqlite3.Error."""
        if not are_open(connection):
            return None
        begun = self._writer.submit(begin).result()
        if begun is None:
            return holds.LOOK_SECONDS
        wanted, results = self._outcome(begun)
        self._writer.submit(lambda connection: end(connection, begun, wanted, results)).result()
        return AT_ONCE

    def _outcome(self, begun: Validation) -> tuple[str, str]:
        try:
            return VALIDATED, self._validate(begun.image, begun.keys)
        except Exception as error:  # noqa: BLE001 - a client polls for the outcome, so there has to be one
            self._tell(f"VALIDATION {begun.id} failed: {error!r}")
            return FAILED, str(error)
