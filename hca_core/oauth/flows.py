"""How a person logs in: in the browser of this machine, with a code carried over by hand, or on another device."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_core.errors import LoginError, NetworkError
from hca_core.oauth import callback, documents, grants, id_tokens, pasting
from hca_core.oauth.attempts import Attempt, refused
from hca_core.oauth.provider import checked_endpoint, root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hca_core import http
    from hca_core.oauth.grants import Tokens
    from hca_core.oauth.provider import Provider

_LOOK_SECONDS = 0.1  # between two looks at whether the waiting has been stopped
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_LEAST_INTERVAL, _MOST_INTERVAL = 1.0, 60.0  # seconds between two questions whether a device login is done


@dataclass(frozen=True)
class Talk:
    """How to speak with the person who logs in.

    `say` shows a message, `ask` shows a question and returns one line of answer; it raises EOFError if nobody is there.
    """

    say: Callable[[str], None]
    ask: Callable[[str], str]


def browser(
    provider: Provider,
    session: http.Session,
    talk: Talk,
    *,
    port: int = 0,
    timeout: float = 300.0,
    open_browser: Callable[[str], bool] | None = None,
) -> Tokens:
    """Return the tokens of a login in the browser of this machine.

    The browser is sent back to `port` (0: any that is free), where nobody but this machine can reach it, and has
    `timeout` seconds for it. `open_browser` gets the address to open, in a thread of its own, and tells whether it
    could. Raises LoginError, UsageError if the port can't be used, NetworkError.
    """
    attempt = Attempt()
    with callback.listening(port, lambda answer: attempt.code(provider, answer)) as listener:
        redirect_uri = listener.redirect_uri
        url = attempt.url(provider, redirect_uri)
        talk.say("waiting for your login in the browser; if none opens, open this address on this machine:")
        talk.say(url)
        _wait(listener, session, talk, timeout, _opened(open_browser or _open_in_browser, url))
    return attempt.tokens(provider, session, listener.code(), redirect_uri)


def _wait(
    listener: callback.Listener, session: http.Session, talk: Talk, timeout: float, failed: threading.Event
) -> None:
    """Return when the browser has answered. Raises LoginError if it does not; Ctrl-C passes through."""
    end = time.monotonic() + timeout
    told = False
    while not listener.answered.wait(_LOOK_SECONDS):
        session.wait(0)
        if failed.is_set() and not told:
            told = True
            talk.say("no browser could be opened here; open the address yourself")
        if time.monotonic() >= end:
            raise LoginError(
                f"no answer came from the browser within {timeout:g} s",
                hint="log in again; with --remote the browser may be on another machine",
            )


def _opened(open_browser: Callable[[str], bool], url: str) -> threading.Event:
    """Let a thread open the browser, which may take as long as it is open; return what is set if that fails."""
    failed = threading.Event()

    def run() -> None:
        try:
            done = open_browser(url)
        except Exception:  # noqa: BLE001 - whatever it is: the person has the address
            done = False
        if not done:
            failed.set()

    threading.Thread(target=run, name="browser", daemon=True).start()
    return failed


def _open_in_browser(url: str) -> bool:
    """Open `url` in the browser that `BROWSER`, or else the system, names; tell whether that worked.

    In a process of its own: what browsers write goes nowhere, and Ctrl-C here does not close them. Isolated, so that
    a file of the current directory can't pass for the library.
    """
    import subprocess

    program = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program, url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )
    return ended.returncode == 0


def has_display() -> bool:
    """Tell whether this process can open a browser that its person sees."""
    if any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")):
        return True
    if any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        return False  # the screen, if there is one, is not where the person is
    return sys.platform in ("darwin", "win32")


def pasted(provider: Provider, session: http.Session, talk: Talk) -> Tokens:
    """Return the tokens of a login in a browser on any machine, whose answer the person carries over by hand.

    The browser ends on a page of the provider that shows what it was sent. Taken is the address of that page, what
    the page shows, or the code alone. Raises LoginError, NetworkError.
    """
    attempt = Attempt()
    redirect_uri = root(provider.authorization_endpoint) + "/echo"
    talk.say("open this address in a browser, on any machine, and log in:")
    talk.say(attempt.url(provider, redirect_uri))
    talk.say("the browser then shows a page with a code; copy that, or the address of the page")
    answer = pasting.asked(talk.say, talk.ask)
    # A code alone says nothing of its login, but is worth nothing without this one's verifier either.
    code = attempt.code(provider, {"state": attempt.state, **answer})
    return attempt.tokens(provider, session, code, redirect_uri)


def device(provider: Provider, session: http.Session, talk: Talk, *, timeout: float | None = None) -> Tokens:
    """Return the tokens of a login on another device, where the person enters a code that is shown here (RFC 8628).

    Parameters: `timeout` is how many seconds the person has, if that is less than the code is good for. Raises
    LoginError, NetworkError.
    """
    endpoint = provider.device_authorization_endpoint
    if not endpoint:
        raise LoginError("the login service does not know logins by another device", hint="log in with --remote")
    client = grants.of_client(provider.client_id, provider.client_secret)
    form = client | {"scope": " ".join(provider.scopes)}
    if provider.audience:
        form["audience"] = provider.audience
    document = documents.decoded(grants.posted(session, endpoint, form).content, endpoint)
    device_code = _show(document, endpoint, talk)
    lifetime = documents.seconds(document, "expires_in")
    if lifetime is None:
        raise LoginError(f"{endpoint} does not tell how long its code is good for", hint="log in with --remote")
    lifetime = lifetime if timeout is None else min(lifetime, timeout)
    form = client | {"grant_type": _DEVICE_GRANT, "device_code": device_code}
    tokens = _polled(session, provider.token_endpoint, form, lifetime, documents.seconds(document, "interval") or 5.0)
    if tokens.id_token:
        id_tokens.check(tokens.id_token, provider, nonce=None)
    return tokens


def _show(document: Mapping[str, object], endpoint: str, talk: Talk) -> str:
    """Tell the person where to go and what to enter; return the code that this program asks with."""
    names = ("device_code", "user_code", "verification_uri", "verification_uri_complete")
    found = {name: documents.text(document, name, endpoint) for name in names}
    if missing := [name for name in names[:3] if not found[name]]:
        raise LoginError(f"{endpoint} answered without a {missing[0]}", hint="log in with --remote")
    checked_endpoint(found["verification_uri"], "verification_uri", endpoint)
    shown = documents.said(found["user_code"])
    talk.say(f"open {found['verification_uri']} in a browser, on any machine, and enter the code {shown}")
    if found["verification_uri_complete"]:
        checked_endpoint(found["verification_uri_complete"], "verification_uri_complete", endpoint)
        talk.say(f"or open {found['verification_uri_complete']} and compare the code")
    return found["device_code"]


def _polled(session: http.Session, endpoint: str, form: Mapping[str, str], lifetime: float, interval: float) -> Tokens:
    """Ask for the tokens until the person is done on the other device. Raises LoginError."""
    end = time.monotonic() + lifetime
    interval = min(max(interval, _LEAST_INTERVAL), _MOST_INTERVAL)
    while (left := end - time.monotonic()) > 0:
        session.wait(min(interval, left))
        try:
            return grants.granted(session, endpoint, form, tries=1)
        except NetworkError:
            interval = min(interval * 2, _MOST_INTERVAL)  # RFC 8628 §3.5: less often, but not given up
        except grants.GrantRefusedError as error:
            if error.code == "slow_down":
                interval += 5.0
            elif error.code in ("access_denied", "expired_token"):
                raise refused(error.code, "") from error
            elif error.code != "authorization_pending":
                raise
    raise refused("expired_token", "")
