"""What `AzulClient` finds: entities of any type, their number, counts of values, the fields and catalogs there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hca_azul.resolve import identifiers
from hca_azul.search import catalogs, fields, packaged, questions, served
from hca_azul.search.filters import Filter
from hca_azul.search.listing import BY_ID, Listing, Order
from hca_core import log
from hca_core.errors import HCAError, LoginError, NetworkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hca_azul.search.catalogs import Catalog
    from hca_azul.search.fields import Field
    from hca_azul.service import AzulService
    from hca_core.paging import Page

    Filters = Filter | Mapping[str, Any] | str | None


class Searching:
    """The part of `AzulClient` that finds things.

    Wherever `filters` are taken, they are None for everything, a `Filter`, a mapping in the service's own form
    (`{"organ": {"is": ["kidney"]}}`), or text as of the command line (`"organ=kidney"`). All but a `Filter`, which was
    checked when it was made, are checked against the fields of the service before anything is asked. All methods raise
    UsageError for what can't be asked, AzulApiError for what the service refuses, NetworkError.
    """

    service: AzulService
    _fields: dict[str, Field] | None = None

    def filter(self, filters: Filters, conditions: Sequence[str] = ()) -> Filter:
        """Return checked filters; `conditions` are more of them, as of the command line (`"organ=kidney"`)."""

        def made(known: Mapping[str, Field]) -> Filter:
            if isinstance(filters, str):
                first = Filter.parse(filters, known)
            else:
                first = filters if isinstance(filters, Filter) else Filter.of(filters or {}, known)
            return first.merged(Filter.parse(conditions, known), known) if conditions else first

        if self._fields is None:
            try:
                return made(packaged.fields())
            except UsageError:
                pass  # the service may know it; its description has a megabyte, and is asked for only then
        return made(self.fields())

    def fields(self) -> dict[str, Field]:
        """Return the fields by which the service can be asked, by name; asked for once.

        Those of the Human Cell Atlas as they were in 2024 where a service does not list its own.
        """
        if self._fields is None:
            self._fields = self._served_fields() or packaged.fields()
        return dict(self._fields)

    def catalogs(self) -> list[Catalog]:
        """Return the catalogs that the service has, those for its own tests too."""
        return catalogs.catalogs(self.service)

    def types(self) -> tuple[str, ...]:
        """Return the types of entities that the catalog has."""
        return catalogs.types(self.service)

    def iter(
        self,
        type: str,
        filters: Filters = None,
        *,
        sort: str = BY_ID,
        order: str = "asc",
        per_page: int | None = None,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the entities of a type (files, projects, ...) as the service tells of them (contract §5).

        Parameters: `sort` is a field, `order` asc or desc; `per_page` is how many are asked for at once (the most that
        the service allows if None), `limit` how many to yield at most.
        """
        for page in self.pages(type, filters, Order(sort, order, per_page, limit)):
            yield from page.items

    def projects(self, filters: Filters = None, **order: Any) -> Iterator[dict[str, Any]]:
        """Yield projects; takes what `iter` takes."""
        return self.iter("projects", filters, **order)

    def samples(self, filters: Filters = None, **order: Any) -> Iterator[dict[str, Any]]:
        """Yield samples; takes what `iter` takes."""
        return self.iter("samples", filters, **order)

    def files(self, filters: Filters = None, **order: Any) -> Iterator[dict[str, Any]]:
        """Yield files; takes what `iter` takes. `hca_azul.search.hits.row_of` makes rows of them."""
        return self.iter("files", filters, **order)

    def bundles(self, filters: Filters = None, **order: Any) -> Iterator[dict[str, Any]]:
        """Yield bundles; takes what `iter` takes."""
        return self.iter("bundles", filters, **order)

    def pages(self, entity_type: str, filters: Filters = None, order: Order | None = None) -> Iterator[Page]:
        """Yield the answers of the service that have the entities of a type, one after the other."""
        wanted, asked = order or Order(), self.filter(filters)
        wanted.check()
        catalogs.check_type(self.service, entity_type)
        if wanted.sort != BY_ID:
            fields.check_sort(self.fields(), wanted.sort)
        return self._listing.pages(entity_type, asked, wanted)

    def get(self, type: str, id: str) -> dict[str, Any]:
        """Return one entity of a type by its id, a UUID: of files the `entryId`, which is not that of the data.

        Raises AzulNotFoundError.
        """
        catalogs.check_type(self.service, type)
        return self.service.entity(type, identifiers.entity_id(id, type))

    def count(self, type: str, filters: Filters = None) -> int:
        """Return how many entities of a type there are."""
        return questions.total(self._first(type, filters))

    def facets(
        self,
        names: str | Iterable[str] = (),
        filters: Filters = None,
        type: str = "files",
    ) -> dict[str, list[dict[str, Any]]]:
        """Return for each field the values that entities of a type have: `[{"term": "kidney", "count": 3}, ...]`.

        Parameters: `names` are the fields, all that the service counts if there are none. The most frequent come first.
        What filters say of a field is left aside where its own values are counted: so it shows what else there is.
        """
        return questions.facets(self._first(type, filters), [names] if isinstance(names, str) else list(names))

    def summary(self, filters: Filters = None) -> dict[str, Any]:
        """Return how many projects, donors, files and bytes there are, as the service tells it (contract §6).

        Its path takes no POST, so filters that are too long for a URL raise UsageError.
        """
        asked = self.filter(filters).to_json()
        params = {"catalog": self.service.catalog}
        found: dict[str, Any] = self.service.filtered(
            "index", "summary", filters=asked, params=params, keys=("fileCount",), is_posted=False
        )
        return found

    def _first(self, entity_type: str, filters: Filters) -> dict[str, Any]:
        asked = self.filter(filters)
        catalogs.check_type(self.service, entity_type)
        return self._listing.first(entity_type, asked)

    @cached_property
    def _listing(self) -> Listing:
        return Listing(self.service)

    def _served_fields(self) -> dict[str, Field]:
        try:
            found = served.fields(self.service.openapi)
        except (NetworkError, LoginError):
            raise  # the next request would fail in the same way
        except HCAError as error:
            log.logger().info("%s", error.message)
            found = {}
        if not found:
            log.logger().warning("%s does not list its fields; those of 2024 are supposed", self.service.url)
        return found
