"""`/device`: the page on which a person lets a program log in that has no browser."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from hca_local.identity import bodies, clients, devices, interaction, templates
from hca_local.identity.endpoint import Endpoint

if TYPE_CHECKING:
    from starlette.requests import Request

    from hca_local.identity.browsers import Person
    from hca_local.identity.provider import Provider

PATH = "/device"
_RETURNS_TO = "After that you go back to the program, which goes on by itself."
_UNKNOWN = "There is no program with this code. Compare it with what the program shows."


def endpoints(provider: Provider) -> dict[str, Endpoint]:
    """Return the endpoint by its path."""

    async def device(request: Request) -> Response:
        return await _device(provider, request)

    return {PATH: Endpoint(device, "GET", "POST")}


async def _device(provider: Provider, request: Request) -> Response:
    try:
        typed = bodies.fields(request.url.query).get("user_code", "")
    except bodies.MalformedError:
        typed = ""
    found = devices.find(provider.records, typed, provider.clock()) if typed else None
    if found is None:
        return await _entry(provider, request, typed)
    if not found.is_open:
        return _over(provider)
    user_code = devices.shown(typed)
    question = interaction.Question(
        here=clients.with_query(PATH, {"user_code": user_code}),
        scopes=found.scopes,
        returns_to=_RETURNS_TO,
        user_code=user_code,
    )

    async def decided(person: Person | None) -> Response:
        return await _decided(provider, user_code, person)

    return await interaction.ask(provider, request, question, decided)


async def _entry(provider: Provider, request: Request, typed: str) -> Response:
    """Return the page that asks for the code, or the way on with the one that was typed into it."""
    visit = provider.visit(request)
    if request.method == "POST":
        form = await interaction.trusted_form(provider, request, visit)
        if isinstance(form, Response):
            return form
        location = clients.with_query(PATH, {"user_code": form.get("user_code", "")})
        return RedirectResponse(location, HTTPStatus.SEE_OTHER)
    token = provider.cookies.form_token(visit, interaction.here(request), provider.clock())
    page = templates.device(provider.host, token, typed, _UNKNOWN if typed else "")
    shown = templates.response(page, HTTPStatus.NOT_FOUND if typed else HTTPStatus.OK)
    return provider.cookies.remember(shown, visit)


async def _decided(provider: Provider, user_code: str, person: Person | None) -> Response:
    email, since = (person.email, person.since) if person else (None, 0.0)
    is_in_time = await provider.writer.run(
        lambda connection: devices.decide(connection, user_code, email, since, provider.clock())
    )
    if not is_in_time:
        return _over(provider)
    if person is None:
        told = "The program gets nothing and stops waiting.", "You may close this page."
        return templates.response(templates.message("You have refused", provider.host, *told))
    told = f"The program is logged in as {person.email} and goes on in a few seconds.", "You may close this page."
    return templates.response(templates.message("You are done here", provider.host, *told))


def _over(provider: Provider) -> Response:
    page = templates.failure(
        "This code is not good any more",
        provider.host,
        "It was used already, or it is older than ten minutes.",
        "Start the login again in the program; it shows a new code then.",
        PATH,
        "Enter another code",
    )
    return templates.response(page, HTTPStatus.GONE)
