"""What a browser is remembered by: two cookies, and the tokens in forms that are made for one browser."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hca_local.identity import secret_values

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.requests import Request
    from starlette.responses import Response

# Cookies of 127.0.0.1 go to every port of it, so another program that the person visits could use them for so long.
PERSON_LIFETIME = 3600
FORM_LIFETIME = 1800
_VISITOR = re.compile(r"[\w\-]{20,64}", re.ASCII)


@dataclass(frozen=True)
class Person:
    """Somebody who has given the password of `email` at the time `since`."""

    email: str
    since: float


@dataclass(frozen=True)
class Visit:
    """One request of a browser: `visitor` tells browsers apart, `person` is who is logged in."""

    visitor: str
    person: Person | None


def begin(connection: Connection, person: Person, now: float) -> str:
    """Remember that `person` is logged in and return the secret that names it. Call it inside a transaction."""
    connection.execute("DELETE FROM browsers WHERE expires <= ?", (now,))
    secret = secret_values.new()
    row = (secret_values.digest(secret), person.email, person.since, now + PERSON_LIFETIME)
    connection.execute("INSERT INTO browsers VALUES (?,?,?,?)", row)
    return secret


def find(connection: Connection, secret: str, now: float) -> Person | None:
    """Return who is logged in by the name of `secret`, None if nobody is (any more)."""
    row = connection.execute(
        "SELECT email, since FROM browsers WHERE hash = ? AND expires > ?", (secret_values.digest(secret), now)
    ).fetchone()
    return Person(*row) if row else None


def end(connection: Connection, secret: str) -> None:
    """Forget a login. Call it inside a transaction."""
    connection.execute("DELETE FROM browsers WHERE hash = ?", (secret_values.digest(secret),))


class Cookies:
    """Reads and writes the cookies of the deployment at `url`, and makes the tokens of forms with `key`.

    Who is logged in is in the store, and ends there; the cookie is only the name of that. A browser sends the cookies
    of 127.0.0.1 to every port of it. So their names have the port in them (two deployments don't overwrite each
    other's), and a form is worth nothing without the token that only this server makes.
    """

    def __init__(self, key: bytes, url: str) -> None:
        self._key = key
        port = urlsplit(url).port or 80
        self._person_cookie = f"hca_person_{port}"
        self._visitor_cookie = f"hca_visitor_{port}"

    def visit(self, request: Request, records: Connection, now: float) -> Visit:
        """Return who sends `request`; a browser that is not known gets a new name."""
        visitor = request.cookies.get(self._visitor_cookie, "")
        if not _VISITOR.fullmatch(visitor):
            visitor = secrets.token_urlsafe(24)
        return Visit(visitor, find(records, self.secret(request), now))

    def secret(self, request: Request) -> str:
        """Return what names the login of a browser, "" if it has none."""
        return request.cookies.get(self._person_cookie, "")

    def remember(self, response: Response, visit: Visit) -> Response:
        """Return `response` with the cookie that names the browser."""
        return self._set(response, self._visitor_cookie, visit.visitor)

    def log_in(self, response: Response, secret: str) -> Response:
        """Return `response` with the cookie of the login that `secret` names."""
        return self._set(response, self._person_cookie, secret)

    def log_out(self, response: Response) -> Response:
        """Return `response` with the order to forget who is logged in."""
        response.delete_cookie(self._person_cookie, path="/", httponly=True, samesite="lax")
        return response

    def form_token(self, visit: Visit, page: str, now: float) -> str:
        """Return the token of a form on `page` (its path and query) for this browser and person."""
        issued = str(int(now))
        return f"{issued}.{self._form_mac(visit, page, issued)}"

    def is_form_token(self, token: str, visit: Visit, page: str, now: float) -> bool:
        """Tell whether `token` was made for this browser, person and page, and not too long ago."""
        issued, _, mac = token.partition(".")
        if not re.fullmatch(r"[0-9]{1,12}", issued) or now - int(issued) > FORM_LIFETIME:
            return False
        return secret_values.are_equal(mac, self._form_mac(visit, page, issued))

    def _form_mac(self, visit: Visit, page: str, issued: str) -> str:
        person = json.dumps([visit.person.email, visit.person.since]) if visit.person else ""
        return secret_values.derived(self._key, "form", visit.visitor, person, page, issued)

    def _set(self, response: Response, name: str, value: str) -> Response:
        response.set_cookie(name, value, max_age=PERSON_LIFETIME, path="/", httponly=True, samesite="lax")
        return response
