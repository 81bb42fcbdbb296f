"""What a person does in the browser before an application gets anything: logs in, then allows or refuses."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from hca_local.identity import bodies, browsers, passwords, templates
from hca_local.identity.browsers import Person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from hca_local.identity.browsers import Visit
    from hca_local.identity.provider import Provider

_DISABLED = "This account is disabled. Ask whoever runs these services, or use another account."


@dataclass(frozen=True)
class Question:
    """What a person is asked for.

    `here` is the path and query that the page has after a login; `scopes` is what the application wants; `returns_to`
    tells, in HTML, what happens after the answer; `origin` is where the browser is taken then, for the page's policy;
    `hint` is the e-mail address to begin with, `is_fresh` whether the password is asked for in any case, `user_code`
    what the person is to compare.
    """

    here: str
    scopes: tuple[str, ...]
    returns_to: str
    origin: str = ""
    hint: str = ""
    is_fresh: bool = False
    user_code: str = ""


async def ask(
    provider: Provider, request: Request, question: Question, decided: Callable[[Person | None], Awaitable[Response]]
) -> Response:
    """Return the next page of a person who is asked `question`, or what `decided` returns after the decision.

    `decided` gets who allows it, None if it is refused.
    """
    visit = provider.visit(request)
    if request.method != "POST":
        return _page(provider, request, question, visit)
    form = await trusted_form(provider, request, visit)
    if isinstance(form, Response):
        return form
    action = form.get("action")
    if action == "login":
        return await _logged_in(provider, request, question, visit, form)
    if visit.person is None or question.is_fresh or not _is_enabled(provider, visit.person):
        return _page(provider, request, question, visit)
    if action == "switch":
        return await provider.log_out(request, RedirectResponse(question.here, HTTPStatus.SEE_OTHER))
    if action in ("allow", "refuse"):
        return await decided(visit.person if action == "allow" else None)
    return _page(provider, request, question, visit)


async def trusted_form(provider: Provider, request: Request, visit: Visit) -> dict[str, str] | Response:
    """Return the form that `visit` has sent, or the page that says why it does not count."""
    try:
        form = await bodies.form(request)
    except bodies.MalformedError as error:
        page = templates.failure("That did not work", provider.host, str(error), "Go back and try it again.")
        return templates.response(page, error.status)
    # Browsers say themselves whether a form comes from a page of this server; a page can't make them lie about that.
    is_own = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if is_own and provider.cookies.is_form_token(form.get("token", ""), visit, here(request), provider.clock()):
        return form
    page = templates.failure(
        "This page is too old",
        provider.host,
        "Nothing was done, because the page was open for too long, or in another browser or with another account.",
        "Start again from a fresh page.",
        here(request),
        "Start again",
    )
    return templates.response(page, HTTPStatus.FORBIDDEN)


def here(request: Request) -> str:
    """Return the path and query of a request, as its browser shows them."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _page(provider: Provider, request: Request, question: Question, visit: Visit) -> Response:
    """Return the page that a person sees next: the login, or the consent if that is done."""
    now = provider.clock()
    token = provider.cookies.form_token(visit, here(request), now)
    person = visit.person
    if person is not None and not question.is_fresh and _is_enabled(provider, person):
        page = templates.consent(
            provider.host, token, person.email, question.scopes, question.returns_to, question.user_code
        )
        shown = templates.response(page, returns_to=question.origin)
    else:
        alert = _DISABLED if person is not None and not _is_enabled(provider, person) else ""
        page = templates.login(provider.host, token, question.hint, alert, question.user_code)
        shown = templates.response(page)
    return provider.cookies.remember(shown, visit)


async def _logged_in(
    provider: Provider, request: Request, question: Question, visit: Visit, form: Mapping[str, str]
) -> Response:
    """Return the way to the consent if e-mail address and password are right, else the login page that says why not."""
    now = provider.clock()
    typed = form.get("email", "")
    email = passwords.email_of(typed) or ""
    wait = provider.guesses.wait(email, now)
    if wait:
        seconds = "1 second" if wait == 1 else f"{wait} seconds"
        alert, status = f"There were too many wrong passwords. Try again in {seconds}.", HTTPStatus.TOO_MANY_REQUESTS
    elif not email or not passwords.is_password(provider.key, email, form.get("password", "")):
        if email:  # what is no address is nobody's: one who mistypes his must not make others wait
            provider.guesses.was_wrong(email, now)
        alert, status = "The e-mail address or the password is not right.", HTTPStatus.FORBIDDEN
    elif not provider.directory.is_enabled(provider.records, email):
        alert, status = _DISABLED, HTTPStatus.FORBIDDEN
    else:
        provider.guesses.was_right(email)
        person = Person(email, now)
        secret = await provider.writer.run(lambda connection: browsers.begin(connection, person, now))
        return provider.cookies.log_in(RedirectResponse(question.here, HTTPStatus.SEE_OTHER), secret)
    token = provider.cookies.form_token(visit, here(request), now)
    shown = templates.response(templates.login(provider.host, token, typed, alert, question.user_code), status)
    if wait:
        shown.headers["Retry-After"] = str(wait)
    return provider.cookies.remember(shown, visit)


def _is_enabled(provider: Provider, person: Person) -> bool:
    return provider.directory.is_enabled(provider.records, person.email)
