"""A node of a Shock server with the faults of the real one, scripted on a loopback service."""

from __future__ import annotations

import email
import json
import uuid
from typing import TYPE_CHECKING, Any

from hca_core.testing import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Request

ID = "130cadb5-9435-4bd9-be13-715ec40b2bb5"
UNSET = "0001-01-01T00:00:00Z"


class Node:
    """One node that can be read and changed over HTTP.

    `raw` is its document. `cuts` has for names of form values how many characters of each one that comes are kept
    (missing or exhausted: all). `meddle` is called before each GET is answered, with the number of the GET. `put`
    answers to PUT in place of the node.
    """

    def __init__(self, service: LoopbackService, *, put: Callable[[Request], Any] | None = None, **raw: Any) -> None:
        self.service = service
        self.cuts: dict[str, list[int]] = {}
        self.gets = 0
        self.meddle: Any = lambda _: None
        file = {"name": "reads.fq", "size": 3, "checksum": {"md5": "0" * 32}, "format": "", "locked": None}
        self.raw: dict[str, Any] = {
            "id": ID,
            "version": "v0",
            "file": file,
            "attributes": None,
            "indexes": {},
            "tags": [],
            "linkage": [],
            "priority": 0,
            "expiration": UNSET,
            "type": "basic",
            **raw,
        }
        self.path = f"/node/{self.raw['id']}"
        service.on("GET", self.path).reply(self._get)
        service.on("PUT", self.path).reply(put or self._put)

    @property
    def sent(self) -> list[dict[str, bytes]]:
        """The forms that came, as values by name."""
        return [{name: value for name, _, value in form(one)} for one in self.service.asked("PUT", self.path)]

    def bump(self) -> None:
        """Give the node another version."""
        self.raw["version"] = f"v{int(self.raw['version'][1:]) + 1}"

    def _get(self, _: Request) -> Any:
        self.gets += 1
        self.meddle(self.gets)
        return answer(self.raw)

    def _put(self, request: Request) -> Any:
        values = {}
        for name, filename, value in form(request):
            if filename is not None:
                self._keep_attributes(value)
            else:
                left = self.cuts.get(name)
                text = value.decode()
                values[name] = text[: left.pop(0)] if left else text
        self._keep(values)
        self.bump()
        return answer(self.raw)

    def _keep_attributes(self, data: bytes) -> None:
        # As Go does it: every number is a float64, written with the fewest digits.
        def number(text: str) -> Any:
            value = float(text)
            return int(value) if value.is_integer() else value

        self.raw["attributes"] = json.loads(data, parse_int=number, parse_float=number)

    def _keep(self, values: dict[str, str]) -> None:
        raw = self.raw
        if "file_name" in values:
            raw["file"]["name"] = values["file_name"]
        if "format" in values:
            raw["file"]["format"] = values["format"]
        if "tags" in values:
            raw["tags"] += values["tags"].split(",")
        if "linkage" in values:
            link = {"relation": values["linkage"], "ids": values["ids"].split(",")}
            raw["linkage"].append({**link, "operation": values.get("operation", "")})
        if "priority" in values:
            raw["priority"] = int(values["priority"])
        if "expiration" in values:
            raw["expiration"] = "2040-01-01T00:00:00Z"
        if "remove_expiration" in values:
            raw["expiration"] = UNSET
        if "file_lock" in values:
            raw["file"]["locked"] = {"created_on": "2026-01-01T00:00:00Z", "error": ""}
        if "file_unlock" in values:
            raw["file"]["locked"] = None


def uuid_of(name: str) -> str:
    """Return the id of the account of a user."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def form(request: Request) -> list[tuple[str, str | None, bytes]]:
    """Return the parts of a multipart form: name, file name (None of a value), content."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    found = []
    for part in email.message_from_bytes(head + request.body).get_payload():
        name = part.get_param("name", header="content-disposition")
        found.append((str(name), part.get_filename(), part.get_payload(decode=True)))
    return found


def answer(data: Any, status: int = 200) -> Any:
    """Return an answer in the server's envelope."""
    return reply(json={"status": status, "data": data, "error": None}, status=status)


def refusal(status: int, text: str) -> Any:
    """Return an error in the server's envelope."""
    return reply(json={"status": status, "data": None, "error": [text]}, status=status)


class Acl:
    """The access list of a node that can be read and changed over HTTP.

    `accounts` are full name and e-mail by the names of users; unknown ones are made, as the server does. Of the next
    `lost` changes nothing is kept. `names` false: the server tells ids only. `hidden`: it can't be read.
    """

    def __init__(self, service: LoopbackService, owner: str = "ann", **accounts: tuple[str, str]) -> None:
        self.service = service
        self.accounts = dict(accounts)
        self.owner = owner
        self.lists: dict[str, list[str]] = {"read": [owner], "write": [owner], "delete": [owner]}
        self.public: set[str] = set()
        self.lost = 0
        self.names = True
        self.hidden = False
        self.refusal: Any = None
        self.path = f"/node/{ID}/acl"
        service.on("GET", self.path).reply(self._get)
        for method in ("PUT", "DELETE"):
            service.on(method, f"{self.path}/*").reply(self._change)

    @property
    def changes(self) -> list[tuple[str, str, str | None]]:
        """The changes that came: method, kind, users."""
        sent = [one for one in self.service.requests if one.method in ("PUT", "DELETE")]
        return [(one.method, one.path.rpartition("/")[2], dict(one.query).get("users")) for one in sent]

    def _get(self, request: Request) -> Any:
        if self.hidden:
            return refusal(401, "User Unauthorized")
        return answer(self._shown(full=("verbosity", "full") in request.query))

    def _change(self, request: Request) -> Any:
        if self.refusal is not None:
            return self.refusal
        kind = request.path.rpartition("/")[2]
        known = {uuid_of(name): name for name in (*self.accounts, self.owner)}
        users = [known.get(user, user) for user in dict(request.query).get("users", "").split(",") if user]
        kept = self._shown(full=True)
        if self.lost:
            self.lost -= 1
            return answer(kept)
        grants = request.method == "PUT"
        if kind == "owner":
            self.owner = users[0]
        elif kind.startswith("public_"):
            rights = self._rights(kind.removeprefix("public_"))
            self.public = self.public | rights if grants else self.public - rights
        else:
            for right in self._rights(kind):
                others = [user for user in self.lists[right] if user not in users]
                self.lists[right] = others + (users if grants else [])
        return answer(self._shown(full=True))

    def _rights(self, kind: str) -> set[str]:
        return set(self.lists) if kind == "all" else {kind}

    def _shown(self, *, full: bool) -> dict[str, Any]:
        def user(name: str) -> Any:
            if not full or not self.names:
                return uuid_of(name)
            fullname, email = self.accounts.get(name, ("", ""))
            described = {"uuid": uuid_of(name), "username": name, "fullname": fullname, "email": email}
            return {**described, "shock_admin": False}

        # With names the server writes null for an empty list.
        lists = {right: [user(name) for name in names] or (None if full else []) for right, names in self.lists.items()}
        public = {right: right in self.public for right in self.lists}
        return {"owner": user(self.owner), **lists, "public": public}
