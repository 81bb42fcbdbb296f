"""Manual pages in the language of man(7), made of commands of click: one page for each command."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from hca_core.lazy import LazyCommand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WIDE = 100_000  # columns: no line is broken and no sentence cut short before man does it
_LITERAL = "\b"  # click's mark of a paragraph whose lines are kept


def pages(command: click.Command, context: click.Context) -> Iterator[tuple[click.Context, click.Command | Exception]]:
    """Yield `command` with its context, then everything below it; hidden ones and what is below them not.

    In place of a command that can't be loaded, as that of a broken plugin, the error is yielded.
    """
    yield context, command
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        inner = click.Context(found, context, name) if found else context
        try:
            loaded = found.loaded() if isinstance(found, LazyCommand) else found
        except Exception as error:  # noqa: BLE001 - the pages of all others are wanted
            yield inner, error
            continue
        if loaded is not None and not loaded.hidden:
            yield from pages(loaded, click.Context(loaded, context, name, **loaded.context_settings))


def page(command: click.Command, context: click.Context, *, release: str, date: str) -> str:
    """Return the manual page of `command`.

    Parameters: `release` and `date` (YYYY-MM-DD, or empty) stand at its bottom.
    """
    formatter = _ManualFormatter()
    name = page_name(context)
    summary = command.get_short_help_str(_WIDE).rstrip(".") or context.command_path
    formatter.write(f'.TH {_quoted(name.upper())} 1 "{date}" {_quoted(release)} "User Commands"\n')
    formatter.write(f".SH NAME\n{escaped(name)} \\- {escaped(summary)}\n")
    command.format_help(context, formatter)
    above = page_name(context.parent) if context.parent else ""
    if above:
        formatter.write(f".SH SEE ALSO\n.BR {_quoted(above)} (1)\n")
    return formatter.getvalue()


def page_name(context: click.Context) -> str:
    """Return the name of the page of a command: its words with hyphens between them, as git has it."""
    return context.command_path.replace(" ", "-")


def escaped(text: str) -> str:
    """Return `text` as troff takes it for nothing but text.

    A backslash begins an escape, a hyphen and a few others are set as typographic signs that can't be pasted into a
    shell, and a dot or an apostrophe at the beginning of a line makes a request of it.
    """
    signs = {"\\": "\\e", "-": "\\-", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq", "'": "\\(aq"}
    printable = "".join(one for one in text if one.isprintable() or one == "\n")
    replaced = "".join(signs.get(one, one) for one in printable)
    return re.sub(r"^\.", r"\\&.", replaced, flags=re.MULTILINE)


def _quoted(text: str) -> str:
    """Return `text` as one argument of a request."""
    return f'"{escaped(" ".join(text.split()))}"'


def _in_bold(declaration: str) -> str:
    """Return how an option or a command is written: its names in bold, its values in italics."""
    words = re.split(r"([ ,/]+)", declaration)
    fonts = ["" if re.fullmatch(r"[ ,/]*", one) else "B" if one.startswith("-") else "I" for one in words]
    return "".join(
        f"\\f{font}{escaped(one)}\\fR" if font else escaped(one) for one, font in zip(words, fonts, strict=True)
    )


class _ManualFormatter(click.HelpFormatter):
    """Takes what click, or a command with a page of its own making, writes to a help page, and writes troff."""

    def __init__(self) -> None:
        super().__init__(width=_WIDE)

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self.write(f".SH SYNOPSIS\n.B {escaped(prog)}\n{escaped(args)}\n.SH DESCRIPTION\n")

    def write_heading(self, heading: str) -> None:
        self.write(f".SH {_quoted(heading.upper())}\n")

    def write_paragraph(self) -> None:
        """Write nothing: each text begins a paragraph by itself, and man knows what to do around a heading."""

    def write_text(self, text: str) -> None:
        for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip("\n"))):
            between = ".PP\n" if number or not self.buffer[-1].startswith(".SH") else ""
            lines = paragraph.strip("\n").split("\n")
            if lines[0].strip() == _LITERAL or lines[0].startswith(_LITERAL):
                kept = escaped("\n".join(line for line in lines if line.strip() != _LITERAL))
                self.write(f"{between}.nf\n{kept}\n.fi\n")
            else:
                self.write(between + escaped("\n".join(line.strip() for line in lines)) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        for term, text in rows:
            bold = _in_bold(term) if term.startswith("-") else f"\\fB{escaped(term)}\\fR"
            self.write(f".TP\n{bold}\n{escaped(text) or chr(92) + '&'}\n")

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        self.write_heading(name)
        yield
