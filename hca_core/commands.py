"""What all verbs share: their click class, `--output` and `--query`, and options that take JSON or lists."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMATS = ("json", "jsonl", "yaml", "table", "tsv", "csv")  # what hca_core.output writes


class Verb(click.Command):
    """A command with the manners of `hca`: a value that was forgotten is noticed, lists may be several words."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Regroup `args` for options that take several words, then let click parse them. Raises click.UsageError."""
        if not ctx.resilient_parsing:
            args = self._regrouped(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            import difflib

            # click lists everything that is near, in the order of the alphabet.
            near = difflib.get_close_matches(error.option_name, error.possibilities or (), n=1)
            raise click.NoSuchOption(error.option_name, possibilities=near, ctx=ctx) from error

    def _regrouped(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {
            name: parameter
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
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


def output_options(default: str = "json") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `--output` and `--query`; it gets a keyword `show` (an `hca_core.output.Show`).

        @click.command(cls=Verb)
        @output_options(default="table")
        def today(show):
            show([{"city": "Lima", "sky": "clear"}])

    Parameters: `default` is the format without `--output`. The query is compiled before the command runs.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def with_show(*arguments: Any, output: str | None, query: str | None, **settings: Any) -> Any:
            return function(*arguments, show=make_show(output, query, default), **settings)

        for option in reversed(shared_options(default)):
            with_show = option(with_show)
        return with_show

    return decorate


def shared_options(default: str) -> list[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Return the decorators of the options that every verb has."""
    return [
        click.option("--output", type=click.Choice(FORMATS), help=f"Format of the result.  [default: {default}]"),
        click.option("--query", metavar="JMESPATH", help="Show only what this JMESPath expression finds."),
    ]


def make_show(output: str | None, query: str | None, default: str) -> Any:
    """Return the `Show` for the values of the shared options. Raises UsageError if the query is not JMESPath."""
    from hca_core.output import Query, Show

    return Show(output, Query(query) if query else None, default)


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given (are not None)."""
    return {name: value for name, value in values.items() if value is not None}
