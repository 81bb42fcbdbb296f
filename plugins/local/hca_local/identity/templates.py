"""The pages that people see: HTML and a little CSS, without scripts, fonts or pictures."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

# What each scope means to a person.
_MEANINGS = {
    "openid": "know that you are logged in",
    "email": "know your e-mail address",
    "offline_access": "stay logged in until you log out, or don't use it for 30 days",
}
_ALWAYS = "read and change data here, as far as you may yourself"

_STYLE = """
:root { color-scheme: light dark; --back: #f3f5f8; --card: #fff; --text: #1b2430; --soft: #51606f; --line: #7a8794;
  --main: #0b5cad; --on-main: #fff; --bad: #a3161f; --bad-back: #fdecec; --code: #eef1f5; }
@media (prefers-color-scheme: dark) {
  :root { --back: #11161d; --card: #1a212b; --text: #e8edf3; --soft: #a9b6c4; --line: #74828f;
    --main: #7db8ff; --on-main: #06203c; --bad: #ffaaa6; --bad-back: #3a1d20; --code: #262f3b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
header, main { max-width: 29rem; margin: 0 auto; }
header { padding: 2rem 1.25rem .75rem; color: var(--soft); }
header strong { display: block; color: var(--text); font-size: 1.05rem; }
main { padding: 1.5rem 1.75rem 1.75rem; background: var(--card); border-radius: .75rem;
  box-shadow: 0 1px 3px rgb(0 0 0 / .18); margin-bottom: 2rem; }
@media (max-width: 31rem) { main { margin: 0 .5rem 1rem; padding: 1.25rem; } }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }
p, ul { margin: 0 0 1rem; }
main > p:last-child { margin-bottom: 0; }
ul { padding-left: 1.25rem; }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
input { width: 100%; font: inherit; color: inherit; background: var(--card); padding: .6rem .7rem;
  border: 1px solid var(--line); border-radius: .4rem; }
input[aria-invalid] { border: 2px solid var(--bad); }
input[name=user_code] { font: 600 1.4rem/1.4 ui-monospace, monospace; text-transform: uppercase; text-align: center;
  letter-spacing: .1em; }
.field { margin-bottom: 1.1rem; }
.hint { color: var(--soft); font-size: .9rem; margin: .35rem 0 0; }
code, .code { font-family: ui-monospace, monospace; background: var(--code); border-radius: .25rem; padding: .1em .3em;
  font-size: .92em; }
.code { display: block; text-align: center; font-size: 1.7rem; font-weight: 600; letter-spacing: .1em; padding: .5rem; }
.alert { background: var(--bad-back); color: var(--bad); border-left: .3rem solid var(--bad); border-radius: .25rem;
  padding: .6rem .8rem; font-weight: 600; }
.who { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; }
.who strong { display: block; }
button, .button { display: block; width: 100%; font: inherit; font-weight: 600; text-align: center; cursor: pointer;
  padding: .65rem 1rem; margin-top: .7rem; border-radius: .4rem; border: 1px solid var(--main); text-decoration: none;
  background: var(--main); color: var(--on-main); }
button.second { background: transparent; color: var(--main); }
button.third { background: transparent; color: var(--main); border-color: transparent; text-decoration: underline;
  font-weight: 400; }
:focus-visible { outline: 3px solid var(--main); outline-offset: 3px; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def response(page: str, status: int = 200, returns_to: str = "") -> HTMLResponse:
    """Return the answer that shows `page`, which no script, frame or foreign page can touch.

    Parameters: `returns_to` is where a form of the page may lead to in the end, besides this deployment: browsers
    count the redirect after a form as a part of it.
    """
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self' {returns_to}".rstrip()
        + "; frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return HTMLResponse(page, status, headers)


def login(host: str, token: str, email: str = "", alert: str = "", user_code: str = "") -> str:
    """Return the page that asks for e-mail address and password; `alert` is what was wrong with the last ones."""
    wrong = ' aria-invalid="true" aria-describedby="alert"' if alert else ""
    told = ' aria-describedby="alert password-hint"' if alert else ' aria-describedby="password-hint"'
    invalid = ' aria-invalid="true"' if alert else ""
    first, second = ("", " autofocus") if email else (" autofocus", "")
    return _page(
        "Log in",
        host,
        f"""<p>The program <strong>hca</strong>, the command line of the Human Cell Atlas, wants to work with these data
services in your name. Say who you are; what it may do you decide on the next page.</p>
{_code_to_compare(user_code)}{_alert(alert)}
<form method="post">
<input type="hidden" name="token" value="{escape(token)}">
<div class="field"><label for="email">E-mail address</label>
<input id="email" name="email" type="email" maxlength="128" autocomplete="username" required
 value="{escape(email)}"{wrong}{first}></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" maxlength="128" autocomplete="current-password" required
{told}{invalid}{second}>
<p class="hint" id="password-hint">It looks like <code>ABCD-EFGH-IJKL</code>. Whoever started these services finds
yours with <code>hca local password</code> and your e-mail address.</p></div>
<button name="action" value="login">Log in</button>
</form>""",
    )


def consent(host: str, token: str, email: str, scopes: Sequence[str], returns_to: str, user_code: str = "") -> str:
    """Return the page that asks whether the application may have what it wants; `returns_to` is HTML."""
    wanted = "".join(f"<li>{_MEANINGS[scope]}</li>" for scope in _MEANINGS if scope in scopes)
    return _page(
        "Allow hca to work in your name?",
        host,
        f"""<p class="who">You are logged in as <strong>{escape(email)}</strong></p>
{_code_to_compare(user_code)}
<p>The program <strong>hca</strong>, the command line of the Human Cell Atlas, will be able to:</p>
<ul><li>{_ALWAYS}</li>{wanted}</ul>
<p>{returns_to}</p>
<p>If you did not start this yourself a moment ago, refuse.</p>
<form method="post">
<input type="hidden" name="token" value="{escape(token)}">
<button name="action" value="allow">Allow</button>
<button name="action" value="refuse" class="second">Refuse</button>
<button name="action" value="switch" class="third">Use another account</button>
</form>""",
    )


def device(host: str, token: str, user_code: str = "", alert: str = "") -> str:
    """Return the page that asks for the code that a program shows."""
    wrong = ' aria-invalid="true"' if alert else ""
    told = "alert code-hint" if alert else "code-hint"
    return _page(
        "Enter the code",
        host,
        f"""<p>A program that can't open a browser, like <strong>hca</strong> on a remote computer, shows a code and
waits for you to type it here.</p>
{_alert(alert)}
<form method="post">
<input type="hidden" name="token" value="{escape(token)}">
<div class="field"><label for="user_code">Code</label>
<input id="user_code" name="user_code" maxlength="20" autocomplete="off" autocapitalize="characters"
 spellcheck="false" required autofocus value="{escape(user_code)}" aria-describedby="{told}"{wrong}>
<p class="hint" id="code-hint">Eight letters, like <code>BCDF-GHJK</code>.</p></div>
<button name="action" value="enter">Continue</button>
</form>""",
    )


def message(title: str, host: str, *paragraphs: str, link: str = "", label: str = "") -> str:
    """Return a page that only says something, with a `link` of its own if one is given. The paragraphs are texts."""
    body = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    if link:
        body += f'<a class="button" href="{escape(link)}" autofocus>{escape(label)}</a>'
    return _page(title, host, body)


def failure(title: str, host: str, problem: str, advice: str, link: str = "", label: str = "") -> str:
    """Return a page that says what is wrong and what to do."""
    body = f"{_alert(problem)}<p>{escape(advice)}</p>"
    if link:
        body += f'<a class="button" href="{escape(link)}" autofocus>{escape(label)}</a>'
    return _page(title, host, body)


def _page(title: str, host: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)} – Human Cell Atlas on this computer</title>
<style>{_STYLE}</style>
</head>
<body>
<header><strong>Human Cell Atlas</strong>Data services on this computer, {escape(host)}</header>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def _alert(text: str) -> str:
    return f'<p class="alert" role="alert" id="alert">{escape(text)}</p>' if text else ""


def _code_to_compare(user_code: str) -> str:
    if not user_code:
        return ""
    return f'<p>Does the program show this code? <span class="code">{escape(user_code)}</span></p>'
