"""Click groups made of entry points: names and one-line helps from metadata, code only when a command is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hca_core import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_FEW = 3  # suggestions


class LazyCommand(click.Command):
    """Stands for a command that is imported when somebody calls it, asks for its help or completes below it."""

    def __init__(self, name: str, summary: str, load: Callable[[], click.Command]) -> None:
        super().__init__(name, short_help=summary)
        self._load = load

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Load the real command and let it go on: the parser and the completion both come through here."""
        return self.loaded().make_context(info_name, args, parent, **extra)

    def loaded(self) -> click.Command:
        """Return the real command. Raises PluginError."""
        return self._load()


class PluginGroup(click.Group):
    """A group whose commands are its own, those of `own` (name -> import string, summary), and those of plugins.

    `entry_points` names the entry-point group whose entries join this one. Own commands win over plugins'.
    """

    def __init__(
        self,
        *arguments: Any,
        entry_points: str = "",
        own: Mapping[str, tuple[str, str]] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self.entry_points = entry_points
        self.own = dict(own or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted; nothing is imported."""
        return sorted({*super().list_commands(ctx), *self.own, *discover.installed(self.entry_points)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name: the group's own, or one that loads when it is called."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        if cmd_name in self.own:
            return _own_command(cmd_name, *self.own[cmd_name])
        entry = discover.installed(self.entry_points).get(cmd_name)
        if entry is None and cmd_name == "help":  # not listed: each group has it, as it has --help
            return _own_command("help", "hca_core.verbs.help:help_command", "Show this help, or that of a command.")
        return _plugin_command(entry) if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begin with; an unknown one is answered with what was probably meant."""
        if ctx.resilient_parsing or self.get_command(ctx, args[0]) is not None:
            return super().resolve_command(ctx, args)
        if args[0].startswith("-"):
            raise click.NoSuchOption(args[0], ctx=ctx)
        raise click.UsageError(f"No such command {args[0]!r}. {_advice(self, ctx, args[0])}".rstrip(), ctx)


def suggestions(group: click.Group, ctx: click.Context, typed: str) -> list[str]:
    """Return full command lines that somebody who typed `typed` below `group` may have meant, nearest first.

    Looks one level below too (`hca today` for `hca weather today`). Loads plugins, so it is for errors only.
    """
    path = ctx.command_path
    near = [f"{path} {name}" for name in _near(typed, group.list_commands(ctx))]
    if near:
        return near
    below = {name: _near(typed, _names_below(group, ctx, name)) for name in group.list_commands(ctx)}
    exact = [f"{path} {name} {typed}" for name, found in below.items() if typed in found]
    return (exact or [f"{path} {name} {one}" for name, found in below.items() for one in found])[:_FEW]


def _near(typed: str, names: Sequence[str]) -> list[str]:
    import difflib

    if typed in names:
        return [typed]
    words = {*typed.replace("_", "-").split("-")}
    with_them = [name for name in names if words <= {*name.split("-")}]
    same = [name for name in with_them if len(name.split("-")) == len(words)]
    few = with_them if len(with_them) <= _FEW else []
    return same or few or difflib.get_close_matches(typed, names, n=2, cutoff=0.75)


def _names_below(group: click.Group, ctx: click.Context, name: str) -> list[str]:
    """Return the subcommands of the command `name`; one that can't be loaded has none to suggest."""
    try:
        command = group.get_command(ctx, name)
        inner = command.loaded() if isinstance(command, LazyCommand) else command
        return inner.list_commands(click.Context(inner, ctx, name)) if isinstance(inner, click.Group) else []
    except Exception:  # noqa: BLE001 - a broken plugin must not spoil somebody else's error message
        return []


def _advice(group: PluginGroup, ctx: click.Context, typed: str) -> str:
    """Return what somebody who typed the unknown command `typed` can do."""
    if typed in discover.disabled() and any(entry.name == typed for entry in discover.declared(group.entry_points)):
        from hca_core import plugins

        return f"Its plugin is disabled: {plugins.enabling(typed)}."
    missing = discover.installing(typed) if group.entry_points == discover.PLUGINS else None
    if missing:
        return f"Its plugin is not installed: {missing}"
    near = suggestions(group, ctx, typed)
    if near:
        return f"Did you mean {' or '.join(repr(one) for one in near)}?"
    names = group.list_commands(ctx)
    return f"There {'are' if len(names) > 1 else 'is'}: {', '.join(names)}." if 0 < len(names) <= 20 else ""


def command_path(command: click.Command, words: Sequence[str]) -> str:
    """Return those `words`, the first of which is for `command`, that lead to the command that is called.

    The others are options and values, which may be nobody's business.
    """
    path = list(words[:1])
    for word in words[1:]:
        try:
            command = command.loaded() if isinstance(command, LazyCommand) else command
            inner = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        except Exception:  # noqa: BLE001 - one that can't be loaded ends the path
            break
        if inner is None:
            break
        command = inner
        path.append(word)
    return " ".join(path)


def _own_command(name: str, target: str, summary: str) -> LazyCommand:
    def load() -> click.Command:
        import importlib

        module_name, _, attribute = target.partition(":")
        found: click.Command = getattr(importlib.import_module(module_name), attribute)
        return found

    return LazyCommand(name, summary, load)


def _plugin_command(entry: discover.EntryPoint) -> LazyCommand:
    def load() -> click.Command:
        from hca_core import plugins

        if entry.group == discover.PLUGINS:
            return plugins.command(entry.name)
        return plugins.subcommand(entry)

    return LazyCommand(entry.name, entry.summary, load)
