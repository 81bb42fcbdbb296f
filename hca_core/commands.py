"""What all verbs share: their click class, `--output` and `--query`, and options that take JSON or lists."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from click.shell_completion import CompletionItem

# Where something is, or is to be, on this machine: shells complete it. What is wrong with it is found where it is used.
LOCAL_PATH = click.Path(readable=False)
FORMATS = ("json", "jsonl", "yaml", "table", "tsv", "csv")  # what hca_core.output writes


class _Format(click.ParamType[str]):
    """One of FORMATS, or a format that a plugin brings (entry points `hca.formats`); known without importing it."""

    name = "format"

    def names(self) -> list[str]:
        from hca_core import discover

        return [*FORMATS, *sorted(discover.installed(discover.FORMATS))]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return click.Choice(self.names()).convert(value, param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        return click.Choice(self.names()).get_metavar(param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return click.Choice(self.names()).shell_complete(ctx, param, incomplete)


class Verb(click.Command):
    """A command with the manners of `hca`: a value that was forgotten is noticed, lists may be several words.

    `any_profile`: it may be called for a profile that has neither settings nor logins yet, as a login is.
    """

    def __init__(self, *arguments: Any, any_profile: bool = False, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.any_profile = any_profile

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Regroup `args` for options that take several words, then let click parse them. Raises click.UsageError."""
        if not ctx.resilient_parsing:
            args = self._regrouped(ctx, self._own(ctx, args))
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            import difflib

            # click lists everything that is near, in the order of the alphabet.
            near = difflib.get_close_matches(error.option_name, error.possibilities or (), n=1)
            raise click.NoSuchOption(error.option_name, possibilities=near, ctx=ctx) from error

    def _own(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return `args` without options of the program itself, which may be typed behind a command, too; heed those."""
        root = ctx.find_root()
        options, of_root = _options(self, ctx), _options(root.command, root)
        kept: list[str] = []
        taken: list[str] = []
        waiting = list(args)
        while waiting and waiting[0] != "--":
            word = waiting.pop(0)
            name = word.partition("=")[0]
            option = options.get(name) or of_root.get(name)
            into = taken if name in of_root and name not in options and not of_root[name].is_eager else kept
            into.append(word)
            if option is not None and name == word and not (option.is_flag or option.count) and waiting:
                into.append(waiting.pop(0))
        if taken:
            again = root.command.make_context(root.info_name, taken)
            told = [name for name in again.params if again.get_parameter_source(name) is ParameterSource.COMMANDLINE]
            root.params.update({name: again.params[name] for name in told})
            root.invoke(root.command.callback, **root.params)  # type: ignore[arg-type]
        return kept + waiting

    def _regrouped(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = _options(self, ctx)
        regrouped: list[str] = []
        waiting = list(args)
        while waiting:
            word = waiting.pop(0)
            regrouped.append(word)
            if word == "--":
                return regrouped + waiting
            option = options.get(word)
            if option is None or option.is_flag or option.count:
                continue
            if waiting and (waiting[0] in options or waiting[0].split("=")[0] in options):
                raise click.UsageError(f"Option {word} needs a value, but the next word is {waiting[0]}.", ctx)
            if waiting:
                regrouped.append(waiting.pop(0))
            while isinstance(option, ListOption) and waiting and (waiting[0] == "-" or not waiting[0].startswith("-")):
                regrouped += [word, waiting.pop(0)]
        return regrouped


def _options(command: click.Command, ctx: click.Context) -> dict[str, click.Option]:
    """Return the options of a command by all names that they have."""
    return {
        name: parameter
        for parameter in command.get_params(ctx)
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


class ListOption(click.Option):
    """An option for a list: `--x a b`, `--x a --x b`, `--x '["a", "b"]'`, `--x @file`, `--x -` (standard input).

    `of_objects`: the items are JSON objects; otherwise plain words.
    """

    def __init__(self, *arguments: Any, of_objects: bool = False, **settings: Any) -> None:
        settings |= {"multiple": True, "callback": self._gathered}
        super().__init__(*arguments, **settings)
        self.of_objects = of_objects

    def _gathered(self, ctx: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> list[Any] | None:
        if not words:
            return None
        items: list[Any] = []
        for word in words:
            text = text_of(word, ctx, parameter)
            if self.of_objects:
                value = parse_json(text, ctx, parameter)
                items += value if isinstance(value, list) else [value]
            else:
                items += _words(text, from_file=text is not word)
        if self.of_objects and not all(isinstance(item, dict) for item in items):
            raise click.BadParameter('must be JSON objects, as in \'{"key": "value"}\'.', ctx, parameter)
        return items


def _words(text: str, *, from_file: bool) -> list[str]:
    """Return plain words: those of a JSON array, the lines of a file, or the one word (`[ab]*` is a pattern)."""
    if text.lstrip().startswith("["):
        import json

        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
    return [line for line in text.splitlines() if line.strip()] if from_file else [text]


class JsonType(click.ParamType[Any]):
    """A JSON object as an option's value: the text itself, `@file`, or `-` for standard input."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the decoded object. Raises click.BadParameter if it is not one."""
        if not isinstance(value, str):
            return value
        decoded = parse_json(text_of(value, ctx, param), ctx, param)
        if not isinstance(decoded, dict):
            self.fail('must be a JSON object, as in \'{"key": "value"}\'.', param, ctx)
        return decoded


def text_of(word: str, ctx: click.Context | None, parameter: click.Parameter | None) -> str:
    """Return what `word` stands for: the content of a file (`@file`), standard input (`-`), or itself."""
    if word == "-":
        return sys.stdin.read()
    if not word.startswith("@"):
        return word
    try:
        with open(word[1:], encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise click.BadParameter(f"can't read {word[1:]!r}: {reason}.", ctx, parameter) from error


def parse_json(text: str, ctx: click.Context | None, parameter: click.Parameter | None) -> Any:
    """Return decoded JSON. Raises click.BadParameter that tells where it stops being JSON."""
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise click.BadParameter(f"not JSON at {where} ({error.msg}): {text[:60]!r}.", ctx, parameter) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, lists within lists within lists
        raise click.BadParameter(f"can't be read as JSON: {text[:60]!r}...", ctx, parameter) from error


def output_options(default: str = "json", *, told: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `--output` and `--query`; it gets a keyword `show` (an `hca_core.output.Show`).

        @click.command(cls=Verb)
        @output_options(default="table")
        def today(show):
            show([{"city": "Lima", "sky": "clear"}])

    Parameters: `default` is the format without `--output`; `told` is what the help says of it, for a command that shows
    something else then. The query is compiled before the command runs.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def with_show(*arguments: Any, output: str | None, query: str | None, **settings: Any) -> Any:
            return function(*arguments, show=make_show(output, query, default), **settings)

        for option in reversed(shared_options(told or default)):
            with_show = option(with_show)
        return with_show

    return decorate


def shared_options(default: str) -> list[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Return the decorators of the options that every verb has."""
    return [
        click.option("--output", type=_Format(), help=f"Format of the result.  [default: {default}]"),
        click.option("--query", metavar="JMESPATH", help="Show only what this JMESPath expression finds."),
    ]


def make_show(output: str | None, query: str | None, default: str) -> Any:
    """Return the `Show` for the values of the shared options. Raises UsageError if the query is not JMESPath."""
    from hca_core.output import Query, Show

    return Show(output, Query(query) if query else None, default)


def completed(words: Callable[[], Iterable[str]]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return the `shell_complete` of a parameter whose values `words` gives, asked while a line is typed.

        @click.argument("city", shell_complete=completed(lambda: ["Lima", "Oslo"]))

    `words` must not ask the network. What goes wrong in it is not told: there is then nothing to complete.
    """

    def complete(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        from hca_core.errors import HCAError

        try:
            return [word for word in words() if word.startswith(begun)]
        except (HCAError, OSError):
            return []

    return complete


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given (are not None)."""
    return {name: value for name, value in values.items() if value is not None}
