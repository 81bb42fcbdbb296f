"""Finds who is to be told of an event, and writes down what, in the transaction of the event itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hca_core import versions
from hca_local import documents
from hca_local.events.encoding import encoded
from hca_local.search import finding, queries
from hca_local.subscriptions import attachments, queue, table
from hca_local.subscriptions.records import ELASTICSEARCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from hca_local.documents import Documents
    from hca_local.store.records import BundleHead, Tombstone
    from hca_local.subscriptions.records import Subscription

    Document = dict[str, Any]


@dataclass(frozen=True)
class _Happening:
    """What happened to a bundle version, with the documents that tell it: put together when one is needed."""

    type: str
    bundle: BundleHead
    api: str
    event: Callable[[], Document]
    indexed: Callable[[], Document]


def bundle_event(connection: Connection, replica: str, bundle: BundleHead, told: Documents, api: str) -> None:
    """Note whom to tell that `bundle` came into `replica`; it must be in the index. `api` is the URL of this server.

    `told` are the documents of the bundle. Raises OSError if a file of it can't be read.
    """
    happening = _Happening("CREATE", bundle, api, event=lambda: told.event, indexed=lambda: told.index)
    _note(connection, replica, happening)


def tombstone_event(connection: Connection, replica: str, bundle: BundleHead, tombstone: Tombstone, api: str) -> None:
    """Note whom to tell that `tombstone` deleted `bundle` in `replica`; the index must have the tombstone."""
    happening = _Happening(
        "TOMBSTONE",
        bundle,
        api,
        event=lambda: documents.tombstone_event(tombstone),
        indexed=lambda: documents.tombstone_index_document(bundle, tombstone),
    )
    _note(connection, replica, happening)


def _note(connection: Connection, replica: str, happening: _Happening) -> None:
    now = time.time()
    for subscription in table.of_replica(connection, replica):
        if subscription.type == ELASTICSEARCH:
            payload = _elasticsearch_payload(connection, subscription, happening)
        else:
            payload = _jmespath_payload(subscription, happening)
        if payload is not None:
            queue.add(connection, subscription.uuid, encoded(payload), now)


def _jmespath_payload(subscription: Subscription, happening: _Happening) -> Document | None:
    """Return what a subscription is told, None if its query does not match."""
    wanted = subscription.document
    query = wanted.get("jmespath_query")
    if query is not None and not _is_true(query, happening.event()):
        return None
    bundle = happening.bundle
    payload = {
        "transaction_id": str(uuid4()),
        "subscription_id": subscription.uuid,
        "event_type": happening.type,
        "event_timestamp": versions.now(),
        "dss_api": happening.api,
        "bundle_url": f"{happening.api}/v1/bundles/{bundle.uuid}?version={bundle.version}",
        "match": _match(bundle),
    }
    if query is not None:
        payload["jmespath_query"] = query
    if wanted.get("attachments") and happening.type == "CREATE":
        payload["attachments"] = attachments.selected(wanted["attachments"], happening.event())
    return payload


def _elasticsearch_payload(
    connection: Connection, subscription: Subscription, happening: _Happening
) -> Document | None:
    """Return what a subscription is told, None if its query does not match."""
    wanted = subscription.document
    if not _is_found(connection, happening.bundle.number, wanted["es_query"]):
        return None
    payload = {
        "transaction_id": str(uuid4()),
        "subscription_id": subscription.uuid,
        "es_query": wanted["es_query"],
        "match": _match(happening.bundle),
    }
    if wanted.get("attachments"):
        payload["attachments"] = attachments.selected(wanted["attachments"], happening.indexed())
    return payload


def _match(bundle: BundleHead) -> Document:
    return {"bundle_uuid": bundle.uuid, "bundle_version": bundle.version}


def _is_true(expression: str, document: Document) -> bool:
    """Tell whether a JMESPath expression has a result that counts as true; one that fails has none."""
    import jmespath

    try:
        return bool(jmespath.search(expression, document))
    except Exception:  # noqa: BLE001 - a stranger's expression must not hurt the write that it looks at
        return False


def _is_found(connection: Connection, bundle: int, es_query: Document) -> bool:
    """Tell whether a search finds the bundle number `bundle`; a query that fails finds nothing."""
    try:
        return finding.matches(connection, bundle, queries.parse(es_query, wrapped=False))
    except Exception:  # noqa: BLE001 - a stranger's query must not hurt the write that it looks at
        return False
