"""Results on stdout: a document or rows as json, jsonl, yaml, table, tsv or csv; data only, nothing else."""

from __future__ import annotations

import io
import itertools
import json
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hca_core.paging import Page

_SEPARATORS = re.compile(r"[\t\r\n]+")  # what would end a cell or a row for readers of tsv that know no quotes
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Query:
    """A JMESPath expression, compiled when the command line is read, so that a bad one fails before any request."""

    def __init__(self, expression: str) -> None:
        import jmespath
        from jmespath.exceptions import JMESPathError

        try:
            self._compiled = jmespath.compile(expression)
        except JMESPathError as error:
            raise UsageError(f"--query {expression!r} is not a JMESPath expression: {_one_line(error)}") from error

    def __call__(self, document: Any) -> Any:
        """Return what the expression finds in `document`. Raises UsageError if it does not fit the document."""
        from jmespath.exceptions import JMESPathError

        try:
            return self._compiled.search(document)
        except JMESPathError as error:
            raise UsageError(f"--query does not fit the answer: {_one_line(error)}") from error


class Show:
    """Writes the result of one command in the format its user asked for.

    `chosen` is the format asked for, None for `default`; `query` is applied before a result is written.
    """

    def __init__(self, chosen: str | None, query: Query | None = None, default: str = "json") -> None:
        self.chosen = chosen
        self.format = chosen or default
        self.query = query

    def __call__(self, document: Any, columns: Sequence[str] = ()) -> None:
        """Write a `document`, or rows (a list or iterator of dictionaries); `columns` selects and orders for tables."""
        if self.query:
            document, columns = self.query(_materialized(document)), ()
        stream = _stdout()
        if self.format == "json":
            _write_json(_materialized(document), stream)
        elif self.format == "yaml":
            _write_yaml(_materialized(document), stream)
        elif self.format == "jsonl":
            _write_jsonl(rows_of(document), stream)
        elif self.format == "table":
            _write_table(rows_of(document), columns, stream)
        elif self.format in ("tsv", "csv"):
            _write_separated(rows_of(document), columns, stream, self.format)
        else:
            _write_by_plugin(self.format, _selected(rows_of(document), columns), stream)

    def text(self, value: str) -> None:
        """Write a bare `value` and a newline; as a JSON string only if a format or a query was asked for."""
        if self.chosen or self.query:
            self(value)
        else:
            _stdout().write(value + "\n")

    def pages(self, pages: Iterator[Page]) -> None:
        """Write a paged answer, page by page where the format allows."""
        if self.query or self.format == "yaml":
            self(merged(pages))
        elif self.format == "json":
            _write_json_pages(pages, _stdout())
        else:
            self(_streamed(pages))


def _streamed(pages: Iterator[Page]) -> Iterator[Any]:
    """Yield the items of all pages; what was written of one page is out before the next one is asked for."""
    for page in pages:
        yield from page.items
        sys.stdout.flush()


def merged(pages: Iterator[Page]) -> Any:
    """Return one document for all `pages`: the items of all of them, everything else from the last."""
    items: list[Any] = []
    page = None
    for page in pages:
        items += page.items
    return with_items(page.document, page.key, items) if page else items


def with_items(document: Any, key: str, items: Any) -> Any:
    """Return `document` with what lies at the dotted `key` replaced by `items` (a copy along that path)."""
    if not isinstance(document, dict):
        return items
    head, _, rest = key.partition(".")
    return {**document, head: with_items(document.get(head, {}), rest, items) if rest else items}


def rows_of(document: Any) -> Iterable[Any]:
    """Return the rows of a result: those of a list, alone or wrapped (`{"items": [...]}`); else it is one row itself.

    A list among other things is not taken for the rows: what else a document says would be lost without a word.
    """
    if not isinstance(document, dict):
        return [document] if isinstance(document, (str, int, float, bool, type(None))) else document
    found: Any = document
    while isinstance(found, dict) and len(found) == 1:
        found = next(iter(found.values()))
    return found if isinstance(found, list) else [document]


def _materialized(document: Any) -> Any:
    return document if isinstance(document, (dict, list, str, int, float, bool, type(None))) else list(document)


def _dumps(value: Any, **settings: Any) -> str:
    # An escape of JSON's own (\\u00e9) where stdout can't hold the character: Python's (\\xe9) is none.
    return json.dumps(value, ensure_ascii=_is_narrow(), default=str, **settings)


def _write_json(document: Any, stream: TextIO) -> None:
    stream.write(_dumps(document, indent=2) + "\n")


def _write_jsonl(rows: Iterable[Any], stream: TextIO) -> None:
    # One encoder for all rows: json.dumps would make one for each, which takes as long as the encoding.
    encode = json.JSONEncoder(ensure_ascii=_is_narrow(), default=str, separators=(",", ":")).encode
    for row in rows:
        stream.write(encode(row) + "\n")


def _write_yaml(document: Any, stream: TextIO) -> None:
    import yaml

    yaml.safe_dump(
        json.loads(_dumps(document)), stream, sort_keys=False, allow_unicode=not _is_narrow(), default_flow_style=False
    )


def _write_json_pages(pages: Iterator[Page], stream: TextIO) -> None:
    """Write one document for all pages in constant memory: the items first, then the rest as the last page tells it."""
    first = next(pages)
    second = next(pages, None)
    if second is None:
        _write_json(first.document, stream)
        return
    keys = first.key.split(".")
    for depth, name in enumerate(keys):
        stream.write(("{\n" if depth == 0 else " {\n") + "  " * (depth + 1) + _dumps(name) + ":")
    stream.write(" [")
    indent = "  " * (len(keys) + 1)
    separator, last = "\n", second
    for page in itertools.chain([first, second], pages):
        last = page
        for item in page.items:
            stream.write(separator + indent + _dumps(item, indent=2).replace("\n", "\n" + indent))
            separator = ",\n"
    stream.write("\n" + "  " * len(keys) + "]")
    for depth in range(len(keys), 0, -1):
        holder = last.document
        for name in keys[: depth - 1]:
            holder = holder[name]
        for name, value in holder.items():
            if name != keys[depth - 1]:
                text = _dumps(value, indent=2).replace("\n", "\n" + "  " * depth)
                stream.write(",\n" + "  " * depth + f"{_dumps(name)}: {text}")
        stream.write("\n" + "  " * (depth - 1) + "}")
    stream.write("\n")


def _write_table(rows: Iterable[Any], columns: Sequence[str], stream: TextIO) -> None:
    import tabulate

    listed = list(rows)
    names = list(columns) or _columns(listed)
    cells = [[_CONTROL.sub("\N{REPLACEMENT CHARACTER}", cell) for cell in _cells(row, names)] for row in listed]
    tabulate.PRESERVE_WHITESPACE = False
    kind = "simple" if names else "plain"
    stream.write(tabulate.tabulate(cells, headers=names, tablefmt=kind, disable_numparse=True) + "\n")


def _write_separated(rows: Iterable[Any], columns: Sequence[str], stream: TextIO, kind: str) -> None:
    """Write rows as they come; without `columns` the first hundred rows decide which there are."""
    import csv

    iterator = iter(rows)
    head = [] if columns else list(itertools.islice(iterator, 100))
    names = list(columns) or _columns(head)
    settings: dict[str, Any] = {"delimiter": "\t" if kind == "tsv" else ",", "lineterminator": "\n"}
    writer = csv.writer(stream, **settings)
    if names:
        writer.writerow(names)
    for row in itertools.chain(head, iterator):
        cells = _cells(row, names)
        writer.writerow([_SEPARATORS.sub(" ", cell) if kind == "tsv" else cell for cell in cells])


def _write_by_plugin(name: str, rows: Iterable[Any], stream: TextIO) -> None:
    """Let the plugin that has the format `name` write rows as they come. Raises PluginError, and what rows raise."""
    from hca_core import discover, plugins

    plugins.call(discover.FORMATS, name, rows, stream)


def _selected(rows: Iterable[Any], columns: Sequence[str]) -> Iterator[Any]:
    """Yield rows with `columns` only, in their order, where the command names some."""
    for row in rows:
        yield {name: row.get(name) for name in columns} if columns and isinstance(row, dict) else row


def _columns(rows: Sequence[Any]) -> list[str]:
    """Return the names of the columns; rows that are lists or plain values (as a query can make them) have none."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row if isinstance(row, dict) else []))
    return list(names)


def _cells(row: Any, names: Sequence[str]) -> list[str]:
    if isinstance(row, dict):
        return [_cell(row.get(name, "")) for name in names]
    return [_cell(value) for value in (row if isinstance(row, list) else [row])]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _dumps(value)


def _stdout() -> TextIO:
    """Return stdout, which writes an escape rather than fail on a character that its encoding can't hold."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout


def _is_narrow() -> bool:
    return not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
