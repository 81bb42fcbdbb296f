"""Requests to repositories: nobody is told a token that is not for him (contract §9, §17.8)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hca_azul.errors import AzulError
from hca_core import answers, http, urls
from hca_core.credentials import bearer
from hca_core.errors import LoginError, NetworkError, ServiceError

if TYPE_CHECKING:
    from hca_azul.service import AzulService
    from hca_core.credentials import Need

NAME = "terra"  # of the repository, where tokens are looked for: HCA_TERRA_TOKEN
REPOSITORY = "https://data.terra.bio"
_NOT_READY = 202
# What a repository says to who may not see an object, or is not known.
_HIDDEN = frozenset({401, 403, 404})


def repository_url(service: AzulService) -> str:
    """Return where the Terra Data Repository is, whose managed objects need a token."""
    return str(service.config.lookup("azul.repository_url", REPOSITORY)).rstrip("/")


def need(service: AzulService) -> Need:
    """Return what a login at the repository is kept for."""
    return bearer.need(NAME, repository_url(service), NAME, service.config)


def asked(service: AzulService, url: str) -> dict[str, Any]:
    """Return the document at a URL of a repository, once it is ready.

    It is asked for without a login, and again with one if that is refused and there is a token for that very host: for
    the Terra Data Repository the one that is kept for it, for the Azul service its own.

    Raises ServiceError, LoginError if a login would be needed, NetworkError if it is not ready in time, AzulError.
    """
    try:
        return _ready(service, service.storage, url)
    except ServiceError as error:
        if error.code not in _HIDDEN:
            raise
        session = _with_token(service, url)
        if session is None:
            if error.code == 404:
                raise
            raise _refused(service, url) from error
    try:
        return _ready(service, session, url, authenticated=True)
    finally:
        if session is not service.session:
            session.close()


def _with_token(service: AzulService, url: str) -> http.Session | None:
    """Return a session that has a token for the host of `url`, None if there is none."""
    if urls.origin(url) == urls.origin(service.url):
        return service.session if service.is_authenticated else None
    if urls.origin(url) != urls.origin(repository_url(service)):
        return None
    found = bearer.Bearer(need(service))
    if found.credential() is None:
        return None
    return http.Session(
        service.policy,
        token=found,
        renewed=found.renewed,
        advice=found.advice,
        token_origin=repository_url(service),
        allow_http=service.place.allow_http,
        service=NAME,
    )


def _refused(service: AzulService, url: str) -> LoginError:
    host = urlsplit(url).netloc
    if urls.origin(url) == urls.origin(service.url):
        return LoginError(f"{host} wants a login for this", hint="hca azul login, or set HCA_AZUL_TOKEN")
    if urls.origin(url) == urls.origin(repository_url(service)):
        return LoginError(f"{host} wants a login for this", hint="hca azul login --repository, or set HCA_TERRA_TOKEN")
    return LoginError(f"{host} wants a login for this, which hca does not have", hint="ask those who own the data")


def _ready(service: AzulService, session: http.Session, url: str, *, authenticated: bool = False) -> dict[str, Any]:
    """Ask until the answer is not "not yet" (202) any more."""
    begun, asked = time.monotonic(), 0
    while True:
        response = session.request("GET", url, authenticated=authenticated)
        if response.status_code != _NOT_READY:
            break
        asked += 1
        told = answers.retry_after(response)
        wait = service.policy.wait(asked) if told is None else max(told, http.LEAST_WAIT)
        if time.monotonic() - begun + wait > service.policy.patience:
            raise NetworkError(f"{urlsplit(url).netloc} does not get the object ready", hint="try again later")
        session.wait(wait)
    document = answers.decode_json(response)
    if not isinstance(document, dict):
        raise AzulError(f"{urlsplit(url).netloc} does not answer as a repository does", hint="try again later")
    return document
