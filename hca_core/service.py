"""ServiceClient: the operations of a described service as methods, with `.iterate`, `.paginate` and `.stream`."""

from __future__ import annotations

import inspect
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from hca_core import answers, descriptions, http, log, openapi, paging, terminal, urls
from hca_core.config import HCAConfig, get_config, redacted
from hca_core.credentials import bearer
from hca_core.errors import ConfigError, HCAError, LoginError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TextIO

    from requests import Response

    from hca_core.content import Promise
    from hca_core.credentials import Need
    from hca_core.credentials.signing_in import Way
    from hca_core.oauth.flows import Talk
    from hca_core.openapi import Operation

CONTENT_KEY = "X-OpenAPI-Paginated-Content-Key"


class BoundOperation:
    """One operation of one client, called like a method with keyword arguments.

    Returns decoded JSON, bytes for any other content, the response itself for HEAD, or the URL where the service
    redirects to something that is not http. Raises HCAError and TypeError.
    """

    def __init__(self, operation: Operation, client: Callable[[], ServiceClient]) -> None:
        self.operation = operation
        self._client = client
        self.__name__ = operation.name
        self.__doc__ = docstring(operation)
        self.__signature__ = signature(operation)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return decoded(self._send(arguments, keywords))

    def response(self, *arguments: Any, **keywords: Any) -> Response:
        """Return the answer as it is, for who needs its status or headers."""
        return self._send(arguments, keywords)

    @contextmanager
    def stream(self, *arguments: Any, **keywords: Any) -> Iterator[Response]:
        """Give the answer as a `requests.Response` whose body has not been read yet; closed at the end."""
        response = self._send(arguments, keywords, stream=True, headers={"Accept-Encoding": "identity"})
        try:
            yield response
        finally:
            response.close()

    def _send(self, arguments: tuple[Any, ...], keywords: dict[str, Any], **settings: Any) -> Response:
        client = self._client()
        return client.send(self.operation, self._bound(arguments, keywords), **settings)

    def _bound(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments by name. Raises TypeError, UsageError for a value that is none of the choices."""
        names = [parameter.keyword for parameter in self.operation.parameters]
        if len(arguments) > len(names):
            raise TypeError(f"{self.__name__}() takes at most {len(names)} arguments")
        bound = dict(zip(names, arguments, strict=False))
        for name, value in keywords.items():
            if name in bound:
                raise TypeError(f"{self.__name__}() got two values for {name!r}")
            if name in names:
                bound[name] = value
            elif near := _nearest(name, names):
                raise TypeError(f"{self.__name__}() has no argument {name!r}; did you mean {near!r}?")
            else:
                # Published examples pass parameters that the route does not have.
                log.logger().debug("%s() has no argument %r; it is ignored", self.__name__, name)
        for parameter in self.operation.parameters:
            value = bound.get(parameter.keyword)
            if value is None and parameter.required:
                raise TypeError(f"{self.__name__}() needs {parameter.keyword}=...")
            if value is not None and parameter.choices and str(value) not in parameter.choices:
                raise UsageError(f"{parameter.keyword} is {value!r}, but must be one of {', '.join(parameter.choices)}")
        return bound


class PagedOperation(BoundOperation):
    """An operation whose answer comes in pages; calling it gives the first page."""

    def iterate(self, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        """Yield the items of all pages, fetching them as they are needed; takes the arguments of the operation."""
        for page in self.pages(*arguments, **keywords):
            yield from page.items

    def paginate(self, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        """Yield the documents of all pages, fetching them as they are needed; takes the arguments of the operation."""
        for page in self.pages(*arguments, **keywords):
            yield page.document

    def pages(self, *arguments: Any, **keywords: Any) -> Iterator[paging.Page]:
        """Yield every page with its document, its items and the key they lie at."""
        client = self._client()
        bound = self._bound(arguments, keywords)
        first = client.send(self.operation, bound)
        # The next page's URL has the whole query; a body (search) is sent again as it was.
        body = client.body(self.operation, bound)

        def follow(url: str) -> Response:
            return client.session.request(self.operation.method, url, **body, authenticated=self.operation.secured)

        key = ""
        for response in paging.pages(first, follow):
            document = answers.decode_json(response)
            # Some services tell the key on all pages but the last.
            key = response.headers.get(CONTENT_KEY) or key or paging.only_list(document)
            yield paging.Page(document, paging.items(document, key), key)

    def first_page(self, *arguments: Any, **keywords: Any) -> paging.Page:
        """Return the first page; without items if the service's document has no list where it should have one."""
        response = self._send(arguments, keywords)
        document = answers.decode_json(response)
        key = response.headers.get(CONTENT_KEY) or paging.only_list(document)
        try:
            return paging.Page(document, paging.items(document, key), key)
        except HCAError:
            return paging.Page(document, [], key)


class _ServiceType(type):
    """Lets the published form `WeatherClient.get_days.iterate(...)` work on the class, through a client of its own."""

    def __getattr__(cls, name: str) -> Any:
        packaged = cls.__dict__.get("packaged")
        if not name.startswith("_") and packaged:
            operation = _packaged_api(packaged).operations.get(name)
            if operation is not None:
                return _bind(operation, lambda: _default_client(cls))
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")


class ServiceClient(metaclass=_ServiceType):
    """A service as Python methods, made from its API description.

    Parameters: `config` (an HCAConfig; default: the one of this process), `swagger_url` (where the service describes
    itself; beats config and environment), and fields of `hca_core.http.Policy` as keywords (`tries=3`).
    Raises ConfigError if no URL is configured, TypeError for an unknown keyword.
    """

    service: ClassVar[str] = ""
    packaged: ClassVar[str] = ""
    is_hosted_retired: ClassVar[bool] = False  # whether nobody answers at the packaged default any more

    def __init__(self, config: HCAConfig | None = None, swagger_url: str | None = None, **session_kwargs: Any) -> None:
        self.config = config if config is not None else get_config()
        section = type(self).__name__
        url = swagger_url or self.config.lookup(f"{section}.swagger_url")
        if not isinstance(url, str) or not url:
            raise ConfigError(f"no URL of the service is configured ({section}.swagger_url)", hint="hca config set")
        self.swagger_url: str = url
        self._is_default = not swagger_url and self.config.origin(f"{section}.swagger_url") == "packaged defaults"
        self._policy = policy_from(self.config, section, session_kwargs)

    @cached_property
    def need(self) -> Need:
        """What this client needs a token for. Raises ConfigError."""
        return bearer.need(self.service, self.swagger_url, type(self).__name__, self.config)

    @cached_property
    def bearer(self) -> bearer.Bearer:
        """The token of this client, renewed when it has run out. Raises ConfigError."""
        return bearer.Bearer(self.need)

    @cached_property
    def session(self) -> http.Session:
        """The HTTP session; a token goes only to the host that `swagger_url` names."""
        return http.Session(
            self._policy._replace(tries=1) if self.is_retired else self._policy,
            token=self.bearer,
            renewed=self.bearer.renewed,
            advice=self.bearer.advice,
            token_origin=self.swagger_url,
            hint=retired_hint(self.service) if self.is_retired else http.Session.HINT,
            allow_http=bool(self.config.lookup(f"{type(self).__name__}.allow_http", False)),
            service=self.service,
        )

    @property
    def is_retired(self) -> bool:
        """Whether this is the packaged default, and nobody answers there any more; old clients wrote it into files."""
        default = self.config.packaged_default(type(self).__name__, "swagger_url")
        return self.is_hosted_retired and self.swagger_url == default

    @cached_property
    def swagger_spec(self) -> dict[str, Any]:
        """The description in force: the live one of the configured service, the packaged one for the default."""
        if self._is_default:
            return descriptions.packaged(self.packaged)
        return descriptions.live(self.swagger_url, self.session)

    @cached_property
    def api(self) -> openapi.Api:
        """The operations of the service. Raises HCAError if its description can't be had."""
        return openapi.parse(self.swagger_spec, self.swagger_url)

    @cached_property
    def base_url(self) -> str:
        """The URL that all paths of the service begin at. Raises HCAError."""
        return self.api.base_url

    def __getattr__(self, name: str) -> BoundOperation:
        if not name.startswith("_"):
            operation = self.api.operations.get(name)
            if operation is not None:
                return _bind(operation, lambda: self)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def pages(self, operation: str, **arguments: Any) -> Iterator[paging.Page]:
        """Yield the pages of the paged `operation`. Raises TypeError if the service does not page it."""
        method = getattr(self, operation)
        if not isinstance(method, PagedOperation):
            raise TypeError(f"{operation} does not come in pages")
        return method.pages(**arguments)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.api.operations})

    def send(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
        tries: int | None = None,
    ) -> Response:
        """Send one operation with `arguments` by keyword and return the answer. Raises HCAError."""
        if operation.secured:
            self._check_login()
        by_location: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for parameter in operation.parameters:
            value = arguments.get(parameter.keyword)
            if value is not None and parameter.location in by_location:
                by_location[parameter.location][parameter.name] = value
        return self.session.request(
            operation.method,
            self.url(operation, by_location["path"]),
            params=by_location["query"],
            **self.body(operation, arguments),
            headers={**{name: str(value) for name, value in by_location["header"].items()}, **(headers or {})},
            authenticated=operation.secured,
            stream=stream,
            tries=tries,
        )

    def _check_login(self) -> None:
        """Raise LoginError before any request is made, if there is no token or it would have to go to another host."""
        self.bearer()
        if urls.origin(self.base_url) != urls.origin(self.swagger_url):
            raise LoginError(
                f"the description at {self.swagger_url} sends calls to {self.base_url}; the token stays here",
                hint="configure the description that the service itself serves",
            )

    def url(self, operation: Operation, values: Mapping[str, Any]) -> str:
        """Return the URL of an operation; every part of its path is encoded, so none can lead elsewhere."""
        path = operation.paths.get(frozenset(values))
        if path is None:
            path = min(operation.paths.items(), key=lambda one: len(one[0] ^ frozenset(values)))[1]
        for name, value in values.items():
            text = str(value)
            if text in ("", ".", ".."):
                raise UsageError(f"{name} must not be {text!r}")
            path = path.replace("{" + name + "}", quote(text, safe="", errors="surrogateescape"))
        return self.base_url + path

    def body(self, operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of an operation as the keyword for `Session.request`: json or form; empty if it has none."""
        if operation.body_type is None:
            return {}
        named: Any = {}
        for one in operation.parameters:
            value = arguments.get(one.keyword)
            if value is not None and one.location == "body":
                named[one.name] = value
            elif value is not None and one.location == openapi.WHOLE_BODY:
                named = value
        return {"form" if operation.body_type == openapi.FORM else "json": named}

    def promise(self, response: Response) -> Promise:
        """Return what the service promises of the bytes behind `response`; services that promise more override it."""
        from hca_core.content import Promise

        return Promise()

    def clear_cache(self) -> None:
        """Drop the cached description; the next call fetches it anew."""
        descriptions.clear(self.swagger_url)
        for name in ("swagger_spec", "api", "base_url"):
            self.__dict__.pop(name, None)

    def refresh_swagger(self) -> None:
        """Fetch the description of the service anew. Raises HCAError if that fails; the cached one is then kept."""
        document = descriptions.live(self.swagger_url, self.session, refresh=True)
        for name in ("api", "base_url"):
            self.__dict__.pop(name, None)
        self.__dict__["swagger_spec"] = document

    def login(self, access_token: str = "", remote: bool = False) -> None:
        """Log in at the identity provider of this service, or keep `access_token`; it goes to this service's host only.

        A browser is opened where there is one; with `remote` the address is opened elsewhere, and the code that is
        shown there is asked for on the terminal. Raises HCAError; nothing is kept then.
        """
        from hca_core.credentials.signing_in import Way

        if access_token.strip():
            self.keep_token(access_token)
        else:
            self.log_in(Way.REMOTE if remote else Way.BEST)

    def log_in(self, way: Way, *, port: int = 0, timeout: float | None = None) -> None:
        """Log in by one of the ways of `hca_core.credentials.signing_in.Way`; see its `log_in`. Raises HCAError."""
        from hca_core.credentials import signing_in

        keyring = bearer.uses_keyring(self.config)
        talk = terminal.talk()
        try:
            signing_in.log_in(self.need, self.session, talk, way=way, port=port, timeout=timeout, use_keyring=keyring)
        finally:
            terminal.drop_typed()

    def keep_token(self, access_token: str) -> None:
        """Keep a token that was had elsewhere for this service's host. Raises HCAError."""
        from hca_core.credentials import signing_in

        keyring = bearer.uses_keyring(self.config)
        signing_in.keep_token(self.need, access_token, terminal.talk(), use_keyring=keyring)

    def logout(self) -> None:
        """End the login at this service's host and forget it. Raises HCAError if it can't be forgotten."""
        self.log_out(terminal.quiet())

    def log_out(self, talk: Talk) -> None:
        """Do what `logout` does, and say what came of it. Raises HCAError."""
        from hca_core.credentials import signing_in

        signing_in.log_out(self.need, self.session, talk)

    def expired_token(self) -> bool:
        """Tell whether there is a token and it has expired, or will within seconds."""
        found = self.bearer.credential()
        return found is not None and found.expires_at is not None and found.expires_at <= time.time() + 10

    @staticmethod
    def load_swagger_json(swagger_json: TextIO, ptr_str: str = "$ref") -> Any:
        """Return the description in the open file `swagger_json` with its internal JSON pointers resolved.

        `ptr_str` is the key that a pointer lies at.
        """
        import json

        return openapi.inline(json.load(swagger_json), ptr_str)


def decoded(response: Response) -> Any:
    """Return what an answer holds: see BoundOperation."""
    if response.request.method == "HEAD":
        return response
    if response.status_code in http.REDIRECTS:
        return response.headers.get("Location")
    if response.status_code == http.NOT_MODIFIED:
        return None
    if response.status_code == 200 and "Location" in response.headers:
        return response.headers["Location"]  # so some services say, with no redirect, where to go next
    if not response.content:
        return None if "json" in response.headers.get("Content-Type", "json") else b""
    if response.headers.get("Content-Type", "").startswith("application/json"):
        return answers.decode_json(response)
    return response.content


def retired_hint(service: str) -> str:
    """Return the next step for who asks the hosted deployment of `service`, which has been retired."""
    return (
        "the hosted service is retired; 'hca local up' (pip install hca-plugin-local) starts one here, "
        f"'eval \"$(hca local env)\"' lets this shell use it, HCA_{service.upper()}_URL names another"
    )


def policy_from(config: HCAConfig, section: str, given: Mapping[str, Any]) -> http.Policy:
    """Return the policy of a session: packaged < `http` < the service's own section < keywords.

    Raises TypeError for unknown keywords, ConfigError for values that can't be used.
    """
    names = set(http.Policy._fields)
    if unknown := set(given) - names:
        raise TypeError(
            f"unknown keyword {sorted(unknown)[0]!r}; known: config, swagger_url, {', '.join(sorted(names))}"
        )
    sections = {key: config.lookup(key) or {} for key in ("http", section)}
    for key, found in sections.items():
        if not isinstance(found, dict):
            raise ConfigError(
                f"{key} is {redacted(found, key)!r}, but must be a section", hint="hca config list --show-origin"
            )
    settings = {**sections["http"], **sections[section], **given}
    values: dict[str, Any] = {name: settings[name] for name in names if name in settings}
    for name, value in values.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
            raise ConfigError(f"{name} is {value!r}, but must be a number, 0 or more")
    return http.Policy(**values)


def signature(operation: Operation) -> inspect.Signature:
    """Return the published signature: every parameter by name, None where the service sets no default."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [inspect.Parameter(one.keyword, kind, default=one.default) for one in operation.parameters]
    )


def docstring(operation: Operation) -> str:
    """Return the docstring of an operation: what it does, then its parameters."""
    lines = [operation.summary, "", operation.description, "", "Parameters:"]
    for one in operation.parameters:
        needed = ", required" if one.required else ""
        choices = f" One of {', '.join(one.choices)}." if one.choices else ""
        lines.append(f"    {one.keyword} ({one.kind}{needed}): {one.description}{choices}")
    return "\n".join(lines).strip()


def _nearest(name: str, names: list[str]) -> str | None:
    import difflib

    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.7)), None)


def _bind(operation: Operation, client: Callable[[], ServiceClient]) -> BoundOperation:
    return (PagedOperation if operation.paged else BoundOperation)(operation, client)


_parsed: dict[str, openapi.Api] = {}
_defaults: dict[type, ServiceClient] = {}


def _packaged_api(path: str) -> openapi.Api:
    if path not in _parsed:
        _parsed[path] = openapi.parse(descriptions.packaged(path))
    return _parsed[path]


def _default_client(cls: Any) -> ServiceClient:
    if cls not in _defaults:
        _defaults[cls] = cls()
    return _defaults[cls]
