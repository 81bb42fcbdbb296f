"""Tokens of Google accounts: service accounts that sign their own, and Google's application default credentials."""

# google.auth says that it is typed, but most of its functions are not:
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import log
from hca_core.credentials import claims
from hca_core.credentials.values import Credential
from hca_core.errors import ConfigError, LoginError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.auth.credentials import Credentials

    from hca_core.credentials.values import Need

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
ID_TOKEN, ACCESS_TOKEN = "id_token", "access_token"
_TYPE = "service_account"
_LIFETIME = 3600
_SCOPES = ("openid", "https://www.googleapis.com/auth/userinfo.email")
# Where there is no metadata server the address may swallow what is sent to it. The limit counts for the connection
# and for the answer, each, so that the search takes less than three seconds.
_SEARCH_SECONDS = 1.4
_REFRESH_SECONDS = 10.0


class _Rules(NamedTuple):
    """How a service wants the tokens that service accounts sign for it."""

    audience: str
    scope: list[str]
    claims: dict[str, str]
    lifetime: int


def service_account(need: Need) -> Credential | None:
    """Return a token that the service account of the key file has signed for the service.

    None unless the environment names a key file of a service account and the service's settings have a section
    `service_account`. Raises ConfigError.
    """
    path = os.environ.get(VARIABLE, "")
    if not path or _TYPE not in need.settings:
        return None
    rules = _rules(need)
    document = _document(path)
    return _another(_signed(path, document, rules), need) if document.get("type") == _TYPE else None


def default_credentials(need: Need) -> Credential | None:
    """Return a token from Google's application default credentials: a file, gcloud's login, or the metadata server.

    None unless the service's settings ask for them (`google_default_credentials`: which kind of token), or if there
    are none. Raises ConfigError, LoginError if Google refuses them, NetworkError if it does not answer.
    """
    kind = need.settings.get("google_default_credentials")
    if kind is None:
        return None
    if kind not in (ID_TOKEN, ACCESS_TOKEN):
        raise ConfigError(
            f"google_default_credentials of {need.service} is {kind!r}, but must be {ID_TOKEN} or {ACCESS_TOKEN}"
        )
    path = os.environ.get(VARIABLE, "")
    document = _document(path) if path else {}
    if kind == ID_TOKEN and document.get("type") == _TYPE and _TYPE in need.settings:
        return _another(_signed(path, document, _rules(need)), need)
    found = _found(path)
    return _another(_refreshed(found, kind, need, document), need) if found is not None else None


def _another(credential: Credential, need: Need) -> Credential | None:
    """Return `credential` unless it is the one that the service has just refused."""
    return None if credential.token == need.rejected else credential


def _rules(need: Need) -> _Rules:
    """Return the section `service_account` of the service's settings. Raises ConfigError."""
    section = need.settings[_TYPE]
    if not isinstance(section, dict):
        raise ConfigError(f"{_TYPE} of {need.service} must be an object")
    audience, scope = section.get("audience"), section.get("scope", [])
    claims, lifetime = section.get("claims", {}), section.get("lifetime", _LIFETIME)
    problem = ""
    if not isinstance(audience, str) or not audience:
        problem = "audience must be a text"
    elif not isinstance(scope, list) or not all(isinstance(one, str) for one in scope):
        problem = "scope must be a list of texts"
    elif not isinstance(claims, dict) or not all(isinstance(one, str) for one in claims.values()):
        problem = "claims must be an object of texts"
    elif isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime <= 0:
        problem = "lifetime must be a number of seconds"
    if problem:
        raise ConfigError(f"{_TYPE} of {need.service}: {problem}")
    return _Rules(str(audience), scope, claims, lifetime)


def _document(path: str) -> dict[str, Any]:
    """Return what the credentials file `path` holds. Raises ConfigError, which never tells any of it."""
    try:
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
    except FileNotFoundError:
        raise ConfigError(f"{VARIABLE} names {path}, but there is no such file", hint="mend or unset it") from None
    except OSError as error:
        raise ConfigError(f"{VARIABLE} names {path}, which can't be read: {error.strerror}") from error
    except (ValueError, RecursionError):  # its text may quote the file
        raise ConfigError(f"{VARIABLE} names {path}, which is not JSON", hint="name a key file of Google") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{VARIABLE} names {path}, which holds no JSON object", hint="name a key file of Google")
    return document


def _signed(path: str, document: Mapping[str, Any], rules: _Rules) -> Credential:
    """Return a token signed with the key in `document`, the content of the file `path`. Raises ConfigError."""
    for name in ("client_email", "private_key_id", "private_key"):
        if not isinstance(document.get(name), str) or not document[name]:
            raise ConfigError(f"the service account's key file {path} has no {name}", hint="make a new key file")
    from google.auth import crypt, jwt

    email = document["client_email"]
    now = int(time.time())
    told = {
        **{name: value.replace("{email}", email) for name, value in rules.claims.items()},
        "iss": email,
        "sub": email,
        "email": email,
        "aud": rules.audience,
        "iat": now,
        "exp": now + rules.lifetime,
        "scope": rules.scope,
    }
    try:
        token = jwt.encode(crypt.RSASigner.from_string(document["private_key"], document["private_key_id"]), told)
    except Exception:  # noqa: BLE001 - the library below decides what it raises, and its text may quote the key
        raise ConfigError(
            f"the private_key in the service account's key file {path} can't be used", hint="make a new key file"
        ) from None
    return Credential(token.decode(), f"service account key file {path}", float(now + rules.lifetime), email)


def _found(path: str) -> Credentials | None:
    """Return the application default credentials, or None if there are none.

    Parameters: `path` is the file that the environment names, empty if it names none. Raises ConfigError, NetworkError.
    """
    import warnings

    import google.auth
    from google.auth import _cloud_sdk, exceptions

    transport = _Transport(_REFRESH_SECONDS if path else _SEARCH_SECONDS)
    try:
        with warnings.catch_warnings():  # of gcloud's login, which is no account to bill
            warnings.simplefilter("ignore", UserWarning)
            # It takes anything that can be called like its own Request.
            return google.auth.default(scopes=list(_SCOPES), request=transport)[0]  # type: ignore[arg-type]
    except NetworkError:
        if path or transport.is_answered:
            raise
        return None  # the metadata server is the last place to look
    except exceptions.GoogleAuthError as error:
        absent = isinstance(error, exceptions.DefaultCredentialsError)
        if absent and not path and not os.path.isfile(_cloud_sdk.get_application_default_credentials_path()):
            return None
        raise ConfigError(f"Google's default credentials can't be used: {_told(error)}") from None


def _refreshed(found: Credentials, kind: str, need: Need, document: Mapping[str, Any]) -> Credential:
    """Return a fresh token of one kind. Raises LoginError, NetworkError."""
    from datetime import UTC

    from google.auth import exceptions

    transport = _Transport(_REFRESH_SECONDS)
    credentials: Any = found
    try:
        if kind == ID_TOKEN:
            credentials = _for_id_tokens(found, need, document, transport)
        credentials.refresh(transport)
    except (exceptions.GoogleAuthError, ValueError) as error:
        raise LoginError(
            f"Google gives no {kind} for its default credentials: {_told(error)}",
            hint="log in with gcloud auth application-default login, or with hca",
        ) from None
    # A person's credentials, from gcloud's login, get an id token beside the access token.
    is_beside = kind == ID_TOKEN and hasattr(credentials, "id_token")
    token = credentials.id_token if is_beside else credentials.token
    if not token:
        raise LoginError(f"Google gives no {kind} for its default credentials", hint="use a service account, or log in")
    expires_at = credentials.expiry.replace(tzinfo=UTC).timestamp() if credentials.expiry else None
    account = claims.account(token) or str(getattr(credentials, "service_account_email", ""))
    return Credential(token, "Google's default credentials", expires_at, account)


def _for_id_tokens(found: Credentials, need: Need, document: Mapping[str, Any], transport: _Transport) -> Any:
    """Return the credentials that give id tokens where `found` gives access tokens. Raises what google.auth raises."""
    from google.auth import compute_engine, impersonated_credentials
    from google.oauth2 import service_account

    audience = _rules(need).audience if _TYPE in need.settings else need.url
    if isinstance(found, compute_engine.Credentials):
        return compute_engine.IDTokenCredentials(transport, audience, use_metadata_identity_endpoint=True)
    if isinstance(found, service_account.Credentials):
        return service_account.IDTokenCredentials.from_service_account_info(document, target_audience=audience)
    if isinstance(found, impersonated_credentials.Credentials):
        return impersonated_credentials.IDTokenCredentials(found, audience, include_email=True)
    return found


class _Transport:
    """Sends the requests of google.auth, which would wait for minutes: so many seconds for all, once one is answered.

    The first failure is final, though google.auth would try again. A metadata server that is not there refuses at
    once, and everybody who has none would wait for three seconds before each command.
    """

    def __init__(self, seconds: float) -> None:
        """Parameters: `seconds` is the time for the first answer."""
        from google.auth.transport.requests import Request

        self.is_answered = False
        self._send = Request()
        self._end = time.monotonic() + seconds

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **settings: Any,
    ) -> Any:
        """Send one request as google.auth.transport.Request does. Raises NetworkError."""
        from google.auth.exceptions import TransportError

        left = self._end - time.monotonic()
        try:
            if left <= 0:
                raise TransportError("it took too long")
            response = self._send(url, method, body, headers, timeout=left, **settings)
        except TransportError as error:
            raise NetworkError(f"Google's server for tokens did not answer: {_told(error)}") from error
        if not self.is_answered:
            self.is_answered = True
            self._end = time.monotonic() + _REFRESH_SECONDS
        return response


def _told(error: Exception) -> str:
    """Return the first thing that an error of google.auth tells, without secrets, as a piece of a sentence."""
    text = log.redact(" ".join(str(error.args[0] if error.args else type(error).__name__).split()))
    return "".join(one for one in text if one.isprintable())[:200]
